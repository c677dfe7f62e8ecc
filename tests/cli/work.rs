//! Commands that change repositories, through a running daemon.

use refit_testkit::git_http::{Ask, Fault};
use refit_testkit::klippy::Klippy;
use refit_testkit::wait::wait_for;

use super::lab::{Lab, PATIENCE, head};

#[test]
fn an_upgrade_a_rollback_and_the_history() {
    let mut lab = Lab::new();
    let (remote, work) = lab.add("app");
    remote.history(2, "More");
    let (old, new) = (head(&work), remote.rev("master"));
    let _daemon = lab.daemon();

    lab.refit(&["upgrade", "app"])
        .ended(0)
        .says("Updating Application app...")
        .says("Git Repo app: Update Finished...");
    assert_eq!(head(&work), new);
    lab.refit(&["status", "app"]).ended(0).says("app:  up to date  v1.0.0-2");
    let again = lab.refit(&["upgrade", "app", "--json"]).ended(0).json();
    assert_eq!(again["results"][0]["outcome"], "nothing_to_do");

    lab.refit(&["rollback", "app"]).ended(0).says("Rollback Complete");
    assert_eq!(head(&work), old);

    lab.refit(&["history", "-v"]).ended(0).says(&format!("at {old}"));
    lab.refit(&["history"]).ended(0).says("app rollback").says("app upgrade").says("finished");
    let history = lab.refit(&["history", "app", "-n", "1", "--json"]).ended(0).json();
    assert_eq!(history["runs"].as_array().map(Vec::len), Some(1));
    assert_eq!(history["runs"][0]["action"], "rollback");
    let upgraded = lab.refit(&["upgrade", "app", "--json"]).ended(0).json();
    assert_eq!(upgraded["exit"], "fine");
    assert_eq!(upgraded["results"][0]["outcome"], "finished");
    assert_eq!(upgraded["results"][0]["runs"][0]["to"], "v1.0.0-2");
}

#[test]
fn an_upgrade_of_all_does_what_can_be_done() {
    let mut lab = Lab::new();
    let (dirty_remote, dirty) = lab.add("dirty");
    let (remote, work) = lab.add("app");
    for remote in [&dirty_remote, &remote] {
        remote.history(1, "More");
    }
    dirty.write("main.py", "print('mine')\n");
    let before = head(&dirty);
    let _daemon = lab.daemon();
    let told = lab.refit(&["upgrade", "--all"]);
    assert_eq!(told.code, 5, "{told:?}");
    assert!(told.err.contains("dirty") && told.err.contains("The others were updated"), "{told:?}");
    assert_eq!(head(&work), remote.rev("master"));
    assert_eq!(head(&dirty), before);
    lab.refit(&["upgrade", "dirty"])
        .ended(5)
        .complains("What is wrong with it: Repo is dirty.  Detected the following modified files: ['main.py'].")
        .complains("refit plan recover dirty");
    lab.refit(&["plan", "dirty"]).ended(5).says("refused").says("refit plan recover dirty");
    lab.refit(&["recover", "klipper"]).ended(5).complains("klipper is not on this machine: No folder at");
}

#[test]
fn one_that_is_refused_does_not_keep_the_next_from_being_done() {
    let mut lab = Lab::new();
    let (remote, work) = lab.add("app");
    remote.history(1, "More");
    let _daemon = lab.daemon();
    lab.refit(&["upgrade", "nobody", "app"])
        .ended(5)
        .complains("The update of nobody was refused: Updater nobody not available")
        .complains("Nothing was changed.")
        .complains("Refit looks after: moonraker, klipper, app.");
    assert_eq!(head(&work), remote.rev("master"));
}

#[test]
fn a_recovery_says_where_things_are_kept() {
    let mut lab = Lab::new();
    let (_, work) = lab.add("app");
    work.write("main.py", "print('mine')\n");
    work.write("my-notes.txt", "mine\n");
    let _daemon = lab.daemon();
    lab.refit(&["recover", "app"]).ended(0).says("Reinstall Complete");
    assert_eq!(work.read("main.py"), b"print('one')\n");
    assert_eq!(work.read("my-notes.txt"), b"mine\n");
    lab.refit(&["status", "app"]).ended(0).says("app:  up to date").says("kept aside:");
    work.write("main.py", "print('mine again')\n");
    lab.refit(&["recover", "app", "--hard"]).ended(0);
    assert_eq!(work.read("main.py"), b"print('one')\n");
    assert_eq!(work.read("my-notes.txt"), b"mine\n");
}

#[test]
fn a_printer_that_prints_is_not_disturbed() {
    let mut lab = Lab::new();
    let (remote, work) = lab.add("app");
    remote.history(1, "More");
    let before = head(&work);
    let klippy = Klippy::start(lab.klippy());
    klippy.set_print("paused");
    let _daemon = lab.daemon();
    wait_for(PATIENCE, "a refusal", || lab.refit(&["refresh"]).code == 5);
    lab.refit(&["upgrade", "app"]).ended(5).complains("Update Refused: Klippy is printing");
    lab.refit(&["recover", "app"]).ended(5).complains("Recovery Attempt Refused: Klippy is printing");
    lab.refit(&["rollback", "app"]).ended(5).complains("Rollback Attempt Refused: Klippy is printing");
    assert_eq!(head(&work), before);
    klippy.set_print("complete");
    wait_for(PATIENCE, "an update", || lab.refit(&["upgrade", "app"]).code == 0);
    assert_eq!(head(&work), remote.rev("master"));
}

#[test]
fn a_failed_update_is_told_from_a_refused_one() {
    let mut lab = Lab::new();
    let (remote, work) = lab.add("app");
    remote.history(1, "More");
    let _daemon = lab.daemon();
    lab.refit(&["refresh"]).ended(0).says("app:  update");
    remote.history(1, "Still more");
    lab.server.add_fault("lab/app.git", Ask::Fetch, Fault::Refuse(500));
    // Damaged so that objects have to be fetched again, which fails.
    work.loosen();
    let (commit, was) = (work.object("HEAD"), head(&work));
    work.damage(&commit, b"");
    let told = lab.refit(&["recover", "app"]).ended(6).complains("everything is as it was before");
    assert!(told.err.contains("The recovery of app failed"), "{told:?}");
    let history = lab.refit(&["history", "--json"]).ended(0).json();
    assert_eq!(history["runs"][0]["outcome"], "undone");
    lab.server.heal("lab/app.git");
    lab.refit(&["recover", "app"]).ended(0);
    assert_eq!(head(&work), was, "a recovery is no update");
    lab.refit(&["status", "app"]).ended(0).says("app:  up");
    assert_eq!(work.git(&["status", "--porcelain"]), "");
}
