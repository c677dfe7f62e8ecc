//! A service manager that speaks systemctl's words, with its units in files.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use refit_engine::ports::Tell;
use refit_model::name::{RunId, UpdaterName};
use refit_model::step::Sick;
use refit_testkit::scratch::scratch;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::*;

/// Each unit is a file `NAME.service` with what `show` answers; a file `NAME.service.KEY` is what comes of a deed: it takes
/// the unit's place.
const SYSTEMCTL: &str = r#"#!/bin/sh
cd "${0%/*}/../units" || exit 9
case "$1" in
show)
    shift 4
    first=1
    for unit in "$@"; do
        [ $first = 1 ] || echo
        first=0
        if [ -f "$unit" ]; then cat "$unit"; else printf 'Id=%s\nLoadState=not-found\nActiveState=inactive\n' "$unit"; fi
        [ ! -f "$unit.later" ] || mv "$unit.later" "$unit"
    done ;;
--no-ask-password)
    echo "$(basename "$0") $2 $4" >> ../deeds
    [ ! -f denied ] || [ -n "$AS_ROOT" ] || { echo "Failed to $2 $4: Interactive authentication required." >&2; exit 1; }
    [ ! -f "$4.broken" ] || { mv "$4.broken" "$4"; echo "Job for $4 failed because the control process exited." >&2; exit 1; }
    mv "$4.$2" "$4" ;;
esac
"#;

struct World {
    root: PathBuf,
    told: Arc<Mutex<Vec<String>>>,
    _root: tempfile::TempDir,
}

fn unit(active: &str, sub: &str, result: &str, invocation: &str) -> String {
    format!(
        "Id=x.service\nLoadState=loaded\nActiveState={active}\nSubState={sub}\nResult={result}\nType=simple\n\
         InvocationID={invocation}\nNRestarts=0\n"
    )
}

impl World {
    fn new() -> Self {
        let place = scratch();
        let root = place.path().to_owned();
        for folder in ["bin", "units", "runtime"] {
            fs::create_dir(root.join(folder)).unwrap();
        }
        let world = Self { root, told: Arc::default(), _root: place };
        world.program("systemctl", SYSTEMCTL);
        world
    }

    fn program(&self, name: &str, script: &str) {
        let file = self.root.join("bin").join(name);
        fs::write(&file, script).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn puts(&self, name: &str, text: &str) {
        fs::write(self.root.join("units").join(name), text).unwrap();
    }

    fn deeds(&self) -> String {
        fs::read_to_string(self.root.join("deeds")).unwrap_or_default()
    }

    fn hand(&self) -> Services {
        let path = format!("{}:/usr/bin:/bin", self.root.join("bin").display()).into();
        let surroundings = Surroundings { home: self.root.clone(), path, passed_on: Vec::new() };
        let patience = Duration::from_secs(10);
        let rules = ServiceRules::usual(surroundings);
        // Nobody listens there: systemd is asked through systemctl.
        let bus = Bus::at(&format!("unix:path={}", self.root.join("bus").display()));
        Services::new(ServiceRules { runtime: self.root.join("runtime"), patience, bus, ..rules })
    }

    fn circumstance(&self, witness: Option<Witness>) -> Circumstance {
        let told = Arc::clone(&self.told);
        let tell: Tell = Arc::new(move |line| told.lock().unwrap().push(line.to_owned()));
        Circumstance { run: RunId(7), again: false, rebooted: false, witness, tell }
    }

    async fn restart(&self, unit: &str) -> Result<Option<String>, String> {
        self.restart_after(unit, Sick::TakeBack, None).await
    }

    /// `witness` is what was observed before.
    async fn restart_after(&self, unit: &str, sick: Sick, witness: Option<Witness>) -> Result<Option<String>, String> {
        let step = ServiceStep::Restart {
            updater: UpdaterName::new("app").unwrap(),
            title: "Git Repo app".to_owned(),
            unit: unit.to_owned(),
            own: false,
            sick,
        };
        let done = self.hand().act(&step, &self.circumstance(witness)).await;
        done.map_err(|error| {
            assert!(!error.command_failed);
            error.message
        })
    }

    fn observe(&self, units: &[&str]) -> ServiceStep {
        let units = units.iter().map(|unit| (*unit).to_owned()).collect();
        ServiceStep::Observe { updater: UpdaterName::new("app").unwrap(), units }
    }
}

#[tokio::test]
async fn a_service_is_restarted_and_waited_for() {
    let world = World::new();
    assert_eq!(world.hand().manager().as_deref(), Some("systemd"));
    world.puts("klipper.service", &unit("active", "running", "success", "one"));
    world.puts("klipper.service.restart", &unit("activating", "start", "success", "two"));
    world.puts("klipper.service.later", &unit("active", "running", "success", "one"));
    // Two more looks: on its way, then there.
    world.puts("klipper.service.restart", &unit("activating", "auto-restart", "success", "two"));
    let settle = async {
        let begun = Instant::now();
        while world.deeds().is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(60));
            sleep(Duration::from_millis(5)).await;
        }
        world.puts("klipper.service.later", &unit("active", "running", "success", "two"));
    };
    let (done, ()) = tokio::join!(world.restart("klipper"), settle);
    assert_eq!(done, Ok(None));
    assert_eq!(world.deeds(), "systemctl restart klipper.service\n");
    let gone = world.restart("gone").await.unwrap().unwrap();
    assert!(gone.starts_with("there is no service gone"), "{gone}");
    assert_eq!(world.deeds().lines().count(), 1);
    fs::remove_dir(world.root.join("runtime")).unwrap();
    assert_eq!(world.hand().manager(), None);
}

#[tokio::test]
async fn a_service_that_does_not_come_up_is_named() {
    let world = World::new();
    world.puts("klipper.service", &unit("active", "running", "success", "one"));
    world.puts("klipper.service.restart", &unit("failed", "failed", "exit-code", "two"));
    assert_eq!(
        world.restart("klipper").await.unwrap_err(),
        "Git Repo app: the service klipper does not run after its restart (failed, exit-code). To see why, type: \
         journalctl -u klipper -e"
    );
    world.puts("klipper.service", &unit("active", "running", "success", "one"));
    world.puts("klipper.service.broken", &unit("failed", "failed", "timeout", "two"));
    assert!(world.restart("klipper").await.unwrap_err().contains("(failed, timeout)"));
    world.puts("klipper.service", &unit("active", "running", "success", "one"));
    world.puts("klipper.service.broken", &unit("active", "running", "success", "one"));
    let error = world.restart("klipper").await.unwrap_err();
    assert!(
        error.ends_with(
            "could not be restarted (Job for klipper.service failed because the control process exited.). To see why, \
             type: journalctl -u klipper -e"
        ),
        "{error}"
    );
    for bad in ["", "-H", "a b", "../x", "a;b", "ü"] {
        assert!(world.restart(bad).await.unwrap_err().contains("is not the name of a service"), "{bad}");
    }
    assert_eq!(world.deeds().lines().count(), 3);
}

/// An update cannot be blamed for a service that did not run before it, and where somebody wants exactly this version nothing
/// is taken back for it: it is told.
#[tokio::test]
async fn one_that_did_not_run_before_or_is_only_to_be_told_is_no_failure() {
    let world = World::new();
    let failed = |invocation: &str| unit("failed", "failed", "exit-code", invocation);
    let why =
        "the service app does not run after its restart (failed, exit-code). To see why, type: journalctl -u app -e";
    for (before, sick, expected) in [
        (failed("one"), Sick::TakeBack, Ok(Some(format!("as before, {why}")))),
        (unit("inactive", "dead", "success", ""), Sick::TakeBack, Ok(Some(format!("as before, {why}")))),
        (unit("active", "running", "success", "one"), Sick::Tell, Ok(Some(why.to_owned()))),
        (unit("active", "running", "success", "one"), Sick::TakeBack, Err(format!("Git Repo app: {why}"))),
    ] {
        world.puts("app.service", &before);
        world.puts("app.service.restart", &failed("two"));
        let witness = world.hand().witness(&world.observe(&["app"])).await;
        assert!(witness.is_some());
        let is_told = expected.clone().ok().flatten().map(|words| format!("Git Repo app: {words}"));
        assert_eq!(world.restart_after("app", sick, witness).await, expected);
        assert_eq!(world.told.lock().unwrap().pop(), is_told);
    }
    // Who has no right to restart it does not know whether it would run.
    world.puts("denied", "");
    world.program("sudo", "#!/bin/sh\necho 'sudo: a password is required' >&2; exit 1\n");
    let denied = world.restart_after("app", Sick::Tell, None).await.unwrap_err();
    assert!(denied.contains("has no right to restart the service app"), "{denied}");
}

#[tokio::test]
async fn one_that_works_and_ends_has_done_so() {
    let world = World::new();
    let once = unit("inactive", "dead", "success", "one").replace("simple", "oneshot");
    world.puts("once.service", &once);
    world.puts("once.service.restart", &once.replace("one\n", "two\n"));
    assert_eq!(world.restart("once").await, Ok(None));
}

#[tokio::test]
async fn sudo_is_asked_where_the_manager_refuses() {
    let world = World::new();
    world.puts("denied", "");
    world.puts("klipper.service", &unit("active", "running", "success", "one"));
    world.puts("klipper.service.restart", &unit("active", "running", "success", "two"));
    world.program("sudo", "#!/bin/sh\necho 'sudo: a password is required' >&2; exit 1\n");
    assert_eq!(
        world.restart("klipper").await.unwrap_err(),
        "Git Repo app: Refit has no right to restart the service klipper. To do it by hand, type: sudo systemctl restart \
         klipper. What keeps Refit from it, `refit doctor` says"
    );
    world.program("sudo", "#!/bin/sh\nshift; export AS_ROOT=1; exec \"$@\"\n");
    assert_eq!(world.restart("klipper").await, Ok(None));
    assert!(fs::read_to_string(world.root.join("units/klipper.service")).unwrap().contains("=two"));
}

#[tokio::test]
async fn what_was_restarted_meanwhile_is_restarted_again() {
    let world = World::new();
    let up = |invocation: &str| unit("active", "running", "success", invocation);
    world.puts("same.service", &up("one"));
    world.puts("changed.service", &up("one"));
    world.puts("asleep.service", &unit("inactive", "dead", "success", ""));
    world.puts("sick.service", &unit("failed", "failed", "exit-code", "one"));
    let units = ["same", "changed", "asleep", "sick", "gone"];
    let (hand, step) = (world.hand(), world.observe(&units));
    let witness = hand.witness(&step).await;
    let first = witness.as_ref().unwrap();
    assert_eq!((&first["changed"]["invocation"], &first["gone"]["load"]), (&json!("one"), &json!("not-found")));
    let note = hand.act(&step, &world.circumstance(witness.clone())).await.unwrap().unwrap();
    assert!(
        note.starts_with("same is active, running; changed is active, running; asleep is inactive, dead; "),
        "{note}"
    );
    assert!(note.ends_with("there is no service gone here that could be restarted; it is passed by"), "{note}");

    let units = units.map(str::to_owned);
    hand.restart_again(&units, &world.circumstance(witness.clone())).await.unwrap();
    hand.restart_again(&units, &world.circumstance(None)).await.unwrap();
    assert_eq!(world.deeds(), "", "nothing was restarted since");

    world.puts("changed.service", &up("two"));
    world.puts("changed.service.restart", &up("three"));
    world.puts("asleep.service", &up("two"));
    world.puts("asleep.service.stop", &unit("inactive", "dead", "success", ""));
    world.puts("sick.service", &unit("failed", "failed", "exit-code", "two"));
    hand.restart_again(&units, &world.circumstance(witness.clone())).await.unwrap();
    assert_eq!(world.deeds(), "systemctl stop asleep.service\nsystemctl restart changed.service\n");
    assert!(world.told.lock().unwrap().join("\n").contains("Restarting changed once more"));

    // The same start, and stopped: its restart came no further. And one that had failed, and runs what was taken back.
    fs::remove_file(world.root.join("deeds")).unwrap();
    world.puts("changed.service", &up("one"));
    world.puts("asleep.service", &unit("inactive", "dead", "success", ""));
    world.puts("same.service", &unit("inactive", "dead", "success", "one"));
    world.puts("same.service.restart", &up("two"));
    world.puts("sick.service", &up("two"));
    world.puts("sick.service.restart", &unit("failed", "failed", "exit-code", "three"));
    hand.restart_again(&units, &world.circumstance(witness.clone())).await.unwrap();
    assert_eq!(world.deeds(), "systemctl restart same.service\nsystemctl restart sick.service\n");

    world.puts("changed.service", &up("two"));
    world.puts("changed.service.restart", &unit("failed", "failed", "exit-code", "four"));
    let error = hand.restart_again(&units, &world.circumstance(witness)).await.unwrap_err();
    assert!(error.message.contains("changed does not run after its restart"));
}
