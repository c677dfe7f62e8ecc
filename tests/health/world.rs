//! A printer host: Refit, one repository with everything that runs from it, and a web front end.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use refit_testkit::child::Child;
use refit_testkit::git::{GitWorld, Remote};
use refit_testkit::git_http::GitServer;
use refit_testkit::releases::{Release, ReleaseHost};
use refit_testkit::rpc::{JsonRpc as _, Unix};
use refit_testkit::scratch::scratch;
use refit_testkit::wait::{free_port, wait_for, wait_some};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::software::{page, version};

/// Longer than anything here takes on a slow machine.
pub const PATIENCE: Duration = Duration::from_secs(120);
const SYSTEMCTL: &str = include_str!("systemctl.sh");
/// How long a service has to run before it is believed to, in milliseconds; one that crashes later does so before.
const SETTLING: &str = "1200";
/// How long who does not answer any more is waited for, in milliseconds.
const PATIENCE_OF_REFIT: &str = "6000";

pub struct World {
    remote: Remote,
    pub forge: ReleaseHost,
    folder: TempDir,
    _server: GitServer,
    daemon: Option<Child>,
}

impl World {
    /// With the first version installed and running, and Refit.
    pub fn new() -> Self {
        let folder = scratch();
        let root = folder.path();
        for below in ["home", "data/config", "data/comms", "software", "bin", "place", "runtime"] {
            fs::create_dir_all(root.join(below)).expect("a folder");
        }
        let world = GitWorld::new(root.join("world"));
        let remote = world.remote("lab/app");
        remote.push("master", &version(1, "none 0"));
        remote.annotate("v1.0.0", "The first release");
        let server = GitServer::start(world.remotes());
        let url = server.url(&remote.route());
        remote.clone_with(&url, root.join("software/app"), &[]);
        let forge = ReleaseHost::start();
        let mut made = Self { remote, forge, folder, _server: server, daemon: None };
        made.furnish(&url);
        made.start();
        made
    }

    fn furnish(&self, url: &str) {
        let (place, ward) = (self.path("place"), self.path("software/app/ward.py"));
        let text = SYSTEMCTL.replace("@PLACE@", &place.display().to_string());
        let text = text.replace("@WARD@", &ward.display().to_string());
        let program = self.path("bin/systemctl");
        fs::write(&program, text).expect("a program");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a mode");
        let (moonraker, app) = (free_port(), free_port());
        fs::write(place.join("moonraker-port"), moonraker.to_string()).expect("a note");
        fs::write(place.join("app-port"), app.to_string()).expect("a note");
        fs::write(self.path("data/moonraker.asvc"), "app\n").expect("a list of services");
        for unit in ["app", "klipper", "moonraker"] {
            self.restart(unit);
        }
        self.publish_page("v1", &[]);
        page("v1", &[]).install(&self.path("software/web")).expect("a front end");
        let text = format!(
            "[server]\nhost: 127.0.0.1\nport: {moonraker}\nklippy_uds_address: {place}/klippy.sock\n\n\
             [update_manager]\nenable_system_updates: False\nenable_auto_refresh: False\n\n\
             [refit]\nport: {own}\nallow_protocols: http\ngithub_api_url: {api}\n\n\
             [update_manager app]\ntype: git_repo\npath: {software}/app\norigin: {url}\n\
             managed_services: app klipper moonraker\nhealth_check_timeout: 5\nhealth_check:\n    \
             url http://127.0.0.1:{app}/health\n    unit helper\n    command {software}/app/ward.py check {place}\n\n\
             [update_manager web]\ntype: web\nrepo: lab/web\npath: {software}/web\n",
            place = place.display(),
            software = self.path("software").display(),
            api = self.forge.github_api(),
            own = free_port(),
        );
        fs::write(self.path("data/config/moonraker.conf"), text).expect("a configuration");
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    /// Starts Refit, and waits until it has looked around.
    pub fn start(&mut self) {
        let mut path = self.path("bin").into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").expect("a path"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_refit"));
        command.env_clear().env("PATH", path).env("HOME", self.path("home"));
        command.arg("--data-path").arg(self.path("data")).args(["-v", "serve", "--fault"]);
        command.arg(format!(
            "settling={SETTLING},patience={PATIENCE_OF_REFIT},systemd={}",
            self.path("runtime").display()
        ));
        let mut child = Child::spawn(command, &self.path("daemon.log"));
        wait_for(PATIENCE, "Refit to come to rest", || {
            assert!(child.exited().is_none(), "Refit ended:\n{}", child.log_tail());
            self.try_ask("machine.update.status", json!({"refresh": false})).is_some_and(|status| {
                status["result"]["busy"] == false && status["result"]["refit"]["initialized"] == true
            })
        });
        self.daemon = Some(child);
    }

    pub fn stop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.stop(PATIENCE);
        }
    }

    fn try_ask(&self, method: &str, params: Value) -> Option<Value> {
        let socket = self.path("data/comms/refit.sock");
        std::os::unix::net::UnixStream::connect(&socket).ok()?;
        Some(Unix::connect(&socket).call(method, params))
    }

    /// The answer, whichever.
    pub fn ask(&self, method: &str, params: Value) -> Value {
        let socket = self.path("data/comms/refit.sock");
        let mut unix = Unix::connect(&socket);
        let request = json!({"jsonrpc": "2.0", "method": method, "params": params, "id": 1});
        assert!(unix.send_raw(format!("{request}\u{3}").as_bytes()), "Refit takes a request");
        wait_some(PATIENCE, "an answer", || {
            let text = unix.read_text(Duration::from_secs(1))?;
            let message: Value = serde_json::from_str(&text).expect("Refit speaks JSON");
            (message["id"] == 1).then_some(message)
        })
    }

    /// Publishes a version of the software, and has Refit look at it.
    pub fn publish(&self, number: u32, sick: &str) -> String {
        let commit = self.remote.push("master", &version(number, sick));
        self.refresh("app");
        commit
    }

    /// Publishes a version of the front end, of whose page these files are not there.
    pub fn publish_page(&self, tag: &str, missing: &[&str]) {
        self.forge.publish("lab", "web", Release::new(tag).file("web.zip", page(tag, missing).zip()));
    }

    pub fn refresh(&self, name: &str) {
        let told = self.ask("machine.update.refresh", json!({"name": name}));
        assert!(told.get("result").is_some(), "{told}");
    }

    /// What came of asking for the update: none when all is well, else the message.
    pub fn update(&self, name: &str) -> Option<String> {
        let told = self.ask("machine.update.client", json!({"name": name}));
        told["error"]["message"].as_str().map(str::to_owned)
    }

    pub fn newest_run(&self, name: &str) -> Value {
        let mut history = self.ask("refit.history", json!({"name": name, "limit": 1}));
        history["result"]["runs"].get_mut(0).map(Value::take).unwrap_or_default()
    }

    /// The version that is installed, as its own file says.
    pub fn installed(&self) -> String {
        read(&self.path("software/app/version.txt"))
    }

    /// The versions that run, of each service that lives.
    pub fn running(&self) -> Vec<(String, String)> {
        let units = ["app", "helper", "klipper", "moonraker"];
        let shown = self.systemctl(&["show", "-p", "all", "--", "app", "helper", "klipper", "moonraker"]);
        let lives = shown.split("\n\n").map(|one| one.contains("ActiveState=active"));
        let each = units.into_iter().zip(lives).filter(|(_, lives)| *lives);
        each.map(|(unit, _)| (unit.to_owned(), read(&self.path("place").join(format!("runs-{unit}"))))).collect()
    }

    /// Restarts a service by hand, and waits until it has read what it is.
    pub fn restart(&self, unit: &str) {
        let note = self.path("place").join(format!("runs-{unit}"));
        let _none_yet = fs::remove_file(&note);
        self.systemctl(&["--no-ask-password", "restart", "--", &format!("{unit}.service")]);
        wait_for(PATIENCE, "a service", || note.exists());
    }

    fn systemctl(&self, words: &[&str]) -> String {
        let output = Command::new(self.path("bin/systemctl")).args(words).output().expect("the service manager");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub fn log(&self) -> String {
        self.daemon.as_ref().map(Child::log_tail).unwrap_or_default()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop();
        for unit in ["app", "helper", "klipper", "moonraker"] {
            let stop = Command::new(self.path("bin/systemctl")).args(["stop", "--", unit]).status();
            let _gone = stop.is_ok();
        }
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}
