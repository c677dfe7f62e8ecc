//! Upgrades of the system's packages, interrupted: the daemon killed at every point and at random instants, alone and with
//! its apt, and dpkg killed at its system calls. Real apt and dpkg on a root of their own. There is no way back: after a cut
//! in the switch all packages are new, after one before it all are old, and nothing is ever half installed.

use refit_testkit::kill::{Seeded, strace};
use refit_testkit::rpc::{JsonRpc as _, Unix};
use refit_testkit::wait::try_wait;
use serde_json::json;

use crate::daemon::{PATIENCE, Start};
use crate::deeds::{is_ok, passed};
use crate::oracle::Side;
use crate::syscalls::busiest;
use crate::tally::{Tally, sample, seed, times};
use crate::undo::none_is_untried;
use machine::{Deed, Machine, UPDATE};

mod machine;

/// Passed by these deeds alone.
pub fn is_of_the_system(point: &str) -> bool {
    point.starts_with("system_")
}

/// At how many points around the journal's entries.
const ENTRIES: usize = 5;
/// At how many of dpkg's calls, with the daemon and alone.
const CALLS: [usize; 2] = [10, 8];
/// At how many instants, with apt and without.
const INSTANTS: usize = 4;

#[test]
fn undisturbed_it_tells_what_it_does() {
    let machine = Machine::new(Deed::Upgrade);
    let mut daemon = machine.up("");
    let refit = |args: &[&str]| machine.refit(args);
    assert!(refit(&["status"]).contains("update, 3 packages"), "{}", refit(&["status"]));
    let plan = refit(&["plan", "system"]);
    for line in
        ["app 1.0 -> 2.0, ", "newdep new: 1.0, ", "system packages have no way back", "download 4 system packages"]
    {
        assert!(plan.contains(line), "{plan}");
    }
    let refused = refit(&["skip", "system"]);
    assert!(refused.contains("sudo apt-mark hold PACKAGE"), "{refused}");
    refit(&["hold", "system"]);
    let mut unix = machine.connect();
    let messages = |unix: &mut Unix| {
        let mut messages = Vec::new();
        while let Some(mut params) = unix.notification("notify_update_response", PATIENCE) {
            let last = params[0]["complete"] == true;
            messages.push(params[0].take());
            if last {
                break;
            }
        }
        messages
    };
    assert_eq!(unix.result("machine.update.full", json!({})), "ok");
    let told = messages(&mut unix);
    assert!(told.iter().any(|one| one["message"] == "system is held back; passed by"), "{told:?}");
    refit(&["unhold", "system"]);

    assert_eq!(unix.result(UPDATE, json!({})), "ok");
    let told = messages(&mut unix);
    let text = |at: usize| told[at]["message"].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        (text(0).as_str(), text(told.len() - 1).as_str()),
        ("Updating packages...", "Package update finished...")
    );
    assert!(told.iter().all(|one| one["application"] == "system" && one["proc_id"] == told[0]["proc_id"]), "{told:?}");
    assert!(told.iter().any(|one| one["message"] == "Setting up app (2.0) ..."), "{told:?}");
    let entry = daemon.entry("system");
    assert_eq!((&entry["package_count"], &entry["package_list"]), (&json!(0), &json!([])));
    // Nothing to do: the caller alone is told.
    assert_eq!(unix.result(UPDATE, json!({})), "ok");
    assert_eq!(messages(&mut unix)[0]["message"], "The system's packages are up to date");
    let back = unix.call("machine.update.rollback", json!({"name": "system"}));
    assert_eq!(back["error"]["message"], "Rollback not available for system");
    assert_eq!(unix.result("machine.update.recover", json!({"name": "system"})), "ok");

    let failing = Machine::new(Deed::Failing);
    let mut daemon = failing.up("");
    let mut unix = failing.connect();
    let reply = unix.call("machine.update.full", json!({}));
    let why = reply["error"]["message"].as_str().unwrap_or_default().to_owned();
    assert!(why.starts_with("Error updating system: Error updating system packages: bad: "), "{reply}");
    assert!(
        why.ends_with("Put back to the version from before: bad. 3 of 4 packages are upgraded, and stay so"),
        "{why}"
    );
    failing.disable();
    daemon.kill_all();
    let _daemon = failing.up("");
    let gone = failing.connect().call(UPDATE, json!({}));
    assert_eq!(gone["error"]["message"], "Updater system not available");
}

#[test]
fn at_every_point() {
    let mut tally = Tally::default();
    let mut tried = std::collections::BTreeSet::new();
    let mut seeded = Seeded::new(seed());
    for deed in [Deed::Upgrade, Deed::Interrupted, Deed::Failing] {
        let machine = Machine::new(deed);
        let note = machine.beside("points");
        machine.reset();
        let mut daemon = machine.up(&format!("note={}", note.display()));
        let reply = daemon.ask(UPDATE, json!({}));
        assert_eq!(
            is_ok(&reply),
            deed != Deed::Failing,
            "{deed:?} undisturbed: {reply:?}\n{}",
            daemon.child.log_tail()
        );
        daemon.kill_all();
        let points = passed(&std::fs::read_to_string(&note).expect("points"));
        tried.extend(points.iter().map(|(point, _)| point.clone()));
        let (around, within): (Vec<_>, Vec<_>) =
            points.into_iter().partition(|(point, _)| point.starts_with("journal."));
        for (point, before) in within.into_iter().chain(sample(around, ENTRIES)) {
            machine.reset();
            let mut daemon = machine.up(&format!("kill={point}*{}", before + 1));
            let reply = daemon.ask(UPDATE, json!({}));
            let died = try_wait(PATIENCE, || daemon.child.exited());
            assert!(died.is_some(), "{point} is never reached: {reply:?}");
            daemon.kill_all();
            let promised = is_ok(&reply).then_some(Side::New);
            let orders = if seeded.below(3) == 0 { "boot=another" } else { "" };
            let verdict = machine.restart_and_judge(orders, promised);
            tally.count(&format!("{deed:?}, at points"), &format!("killed at {point}, time {}", before + 1), verdict);
        }
    }
    none_is_untried(&tried, is_of_the_system);
    tally.close("System packages, killed at every point");
}

#[test]
fn at_random_instants() {
    let machine = Machine::new(Deed::Upgrade);
    let mut tally = Tally::default();
    let mut seeded = Seeded::new(seed());
    for alone in [false, true] {
        for _ in 0..INSTANTS * times() {
            machine.reset();
            let mut daemon = machine.up("");
            let asked = machine.ask(UPDATE);
            // From the first look to the last check it takes about this long.
            let millis = seeded.below(600);
            std::thread::sleep(std::time::Duration::from_millis(millis));
            if alone {
                daemon.child.kill();
            } else {
                daemon.kill_all();
            }
            let promised = is_ok(&asked.reply()).then_some(Side::New);
            let verdict = machine.restart_and_judge("", promised);
            let group = if alone { "the daemon alone: its apt lives on" } else { "all of it" };
            tally.count(group, &format!("killed after {millis} ms"), verdict);
        }
    }
    tally.close("System packages, killed at random instants");
}

#[test]
fn dpkg_dies_at_its_calls() {
    strace().unwrap_or_else(|missing| panic!("{missing}"));
    let machine = Machine::new(Deed::Upgrade);
    let mut tally = Tally::default();
    let trace = machine.beside("calls");
    machine.reset();
    machine.wrap_dpkg(&format!("-o {}", trace.display()), false);
    let mut daemon = machine.up("");
    let reply = daemon.ask(UPDATE, json!({}));
    assert!(is_ok(&reply), "under strace: {reply:?}\n{}", daemon.child.log_tail());
    daemon.kill_all();
    let calls = busiest(&std::fs::read_to_string(&trace).expect("dpkg was traced"));
    for (with_daemon, wanted) in [(true, CALLS[0]), (false, CALLS[1])] {
        for (call, nth) in sample(calls.clone(), wanted) {
            machine.reset();
            machine.wrap_dpkg(&format!("-o /dev/null -e inject={call}:signal=KILL:when={nth}"), with_daemon);
            let Start::Up(mut daemon) = machine.start("") else { panic!("died before it was asked") };
            machine.note_daemon(&daemon);
            let reply = daemon.ask(UPDATE, json!({}));
            daemon.kill_all();
            let promised = is_ok(&reply).then_some(Side::New);
            let verdict = machine.restart_and_judge("", promised).and_then(|side| match side {
                Side::New => Ok(side),
                // dpkg had begun: there is no way back any more.
                Side::Old => Err(format!("old again; the answer was {reply:?}")),
            });
            let group = if with_daemon { "dpkg and the daemon" } else { "dpkg alone" };
            tally.count(group, &format!("killed at {call} number {nth}"), verdict);
        }
    }
    tally.close("System packages, dpkg killed at its system calls");
}
