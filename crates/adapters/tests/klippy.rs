//! The printer's watcher against a pretend klippy on a real socket.

use std::path::Path;
use std::time::Duration;

use refit_adapters::klippy::follow;
use refit_model::printer::{Activity, KlippyState, Printer};
use refit_testkit::klippy::{Framing, Klippy, KlippyState as Pretend};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Longer than a slow machine needs; a test that waits this long has failed.
const DEADLINE: Duration = Duration::from_secs(20);

struct Watched {
    printer: watch::Receiver<Printer>,
    following: JoinHandle<()>,
}

impl Watched {
    fn new(socket: &Path) -> Self {
        let (publish, printer) = watch::channel(Printer::default());
        let socket = socket.to_owned();
        let following = tokio::spawn(async move { follow(&socket, publish).await });
        Self { printer, following }
    }

    async fn until(&mut self, what: &str, fits: impl Fn(&Printer) -> bool) -> Printer {
        let found = tokio::time::timeout(DEADLINE, self.printer.wait_for(|printer| fits(printer))).await;
        let found = found.map(|printer| printer.map(|printer| printer.clone()));
        match found {
            Ok(Ok(printer)) => printer,
            Ok(Err(_)) => panic!("the watcher ended before {what}"),
            Err(_) => panic!("waited in vain for {what}; the printer is {:?}", self.printer.borrow()),
        }
    }

    async fn activity(&mut self, activity: Activity) {
        self.until(&format!("{activity:?}"), |p| p.state == KlippyState::Ready && p.activity == activity).await;
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.following.abort();
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

#[tokio::test]
async fn the_identity_and_every_activity_arrive() {
    let folder = folder();
    let klippy = Klippy::start(folder.path().join("klippy.sock"));
    klippy.set_info("klipper_path", json!("/home/pi/kalico"));
    let mut watched = Watched::new(klippy.socket());
    let printer = watched.until("ready", |p| p.state == KlippyState::Ready).await;
    assert_eq!(printer.activity, Activity::Idle);
    assert_eq!(printer.state_message, "Printer is ready");
    let identity = printer.identity.expect("a ready printer has said who it is");
    assert_eq!(identity.klipper_path.as_deref(), Some("/home/pi/kalico"));
    assert_eq!(identity.python_path.as_deref(), Some("/home/pi/klippy-env/bin/python"));
    assert_eq!(identity.info["hostname"], "pretend");
    assert_eq!(klippy.asked_for("info")[0]["client_info"]["program"], "Refit");

    klippy.set("virtual_sdcard", "is_active", json!(true));
    watched.activity(Activity::Transition).await;
    klippy.set_print("printing");
    watched.activity(Activity::Printing).await;
    klippy.set_print("paused");
    watched.activity(Activity::Paused).await;
    klippy.set("idle_timeout", "state", json!("Printing"));
    klippy.set("virtual_sdcard", "is_active", json!(false));
    klippy.set_print("cancelled");
    watched.activity(Activity::Transition).await;
    klippy.set("idle_timeout", "state", json!("Ready"));
    watched.activity(Activity::Idle).await;
}

#[tokio::test]
async fn a_printer_that_prints_when_refit_comes_is_never_shown_idle() {
    let folder = folder();
    let klippy = Klippy::start(folder.path().join("klippy.sock"));
    klippy.set_print("printing");
    let mut watched = Watched::new(klippy.socket());
    let first = watched.until("ready", |p| p.state == KlippyState::Ready).await;
    assert_eq!(first.activity, Activity::Printing);
}

#[tokio::test]
async fn a_start_is_waited_for_and_a_shutdown_is_told() {
    let folder = folder();
    let klippy = Klippy::start(folder.path().join("klippy.sock"));
    klippy.set_state(Pretend::Startup);
    let mut watched = Watched::new(klippy.socket());
    watched.until("startup", |p| p.state == KlippyState::Startup && p.identity.is_some()).await;
    klippy.set_state(Pretend::Ready);
    watched.until("ready", |p| p.state == KlippyState::Ready).await;
    klippy.set_print("printing");
    watched.activity(Activity::Printing).await;
    klippy.set_state(Pretend::Shutdown);
    let printer = watched.until("shutdown", |p| p.state == KlippyState::Shutdown).await;
    assert!(!printer.is_busy(), "a printer that was stopped is not printing");
    assert_eq!(printer.state_message, "Printer is shutdown");
}

#[tokio::test]
async fn the_connection_comes_back_for_ever() {
    let folder = folder();
    let socket = folder.path().join("klippy.sock");
    let mut watched = Watched::new(&socket);
    let klippy = Klippy::start(&socket);
    for _ in 0..3 {
        klippy.set_print("printing");
        watched.activity(Activity::Printing).await;
        klippy.vanish();
        let printer = watched.until("the disconnect", |p| p.state == KlippyState::Disconnected).await;
        assert!(!printer.is_busy());
        assert!(printer.identity.is_some(), "the identity is kept over a disconnect");
        klippy.set_print("standby");
        klippy.come_back();
        watched.activity(Activity::Idle).await;
    }
    klippy.disconnect();
    watched.until("the disconnect", |p| p.state == KlippyState::Disconnected).await;
    watched.activity(Activity::Idle).await;
}

#[tokio::test]
async fn garbage_and_pieces_are_no_trouble() {
    let folder = folder();
    let klippy = Klippy::start(folder.path().join("klippy.sock"));
    klippy.set_framing(Framing::Split(7));
    klippy.spoil_next(b"\xff\xfe not json\x03[1,2]\x03{\"id\":\"x\"}\x03{\"params\":5}\x03{\"id\":1,\"result\":7}\x03");
    let mut watched = Watched::new(klippy.socket());
    // The answer to `info` was replaced by garbage: it is asked for again.
    watched.activity(Activity::Idle).await;
    klippy.send_raw(b"\x03\x03{\"params\":{\"status\":{\"print_stats\":7,\"webhooks\":null}}}\x03{\"half\":");
    klippy.send_raw(b"1}\x03");
    klippy.set_print("printing");
    watched.activity(Activity::Printing).await;
}

#[tokio::test]
async fn a_refused_subscription_is_asked_for_again() {
    let folder = folder();
    let klippy = Klippy::start(folder.path().join("klippy.sock"));
    klippy.fail("objects/subscribe", "not yet");
    let mut watched = Watched::new(klippy.socket());
    watched.until("the identity", |p| p.identity.is_some()).await;
    assert_eq!(watched.printer.borrow().state, KlippyState::Startup, "nobody knows whether it prints");
    klippy.heal("objects/subscribe");
    watched.activity(Activity::Idle).await;
}
