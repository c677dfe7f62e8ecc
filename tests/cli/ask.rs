//! Commands that ask a running daemon and change nothing.

use std::os::unix::fs::PermissionsExt as _;

use refit_testkit::klippy::Klippy;
use serde_json::json;

use super::lab::{Lab, PATIENCE, head};

#[test]
fn the_status_is_readable_and_complete() {
    let mut lab = Lab::new();
    let (behind, _) = lab.add("behind");
    lab.add("current");
    let (_, dirty) = lab.add("dirty");
    behind.history(3, "More");
    dirty.write("main.py", "print('mine')\n");
    let _daemon = lab.daemon();

    let told = lab
        .refit(&["status"])
        .ended(0)
        .says("behind:  update, 3 commits  v1.0.0-0  -> v1.0.0-3")
        .says("current:  up to date  v1.0.0-0")
        .says("dirty:  modified  v1.0.0-0")
        .says("dirty: Repo is dirty.  Detected the following modified files: ['main.py']")
        .says("klipper:  not found");
    assert!(!told.out.contains('\u{1b}'), "plain output has terminal escapes: {told:?}");
    let status = lab.refit(&["status", "--json"]).ended(0).json();
    assert_eq!(status["version_info"]["behind"]["commits_behind_count"], 3);
    assert_eq!(status["busy"], false);

    let some = lab.refit(&["status", "current", "--json"]).ended(0).json();
    assert_eq!(some["version_info"].as_object().map(|entries| entries.len()), Some(1));
    lab.refit(&["status", "nobody"]).ended(5).complains("nobody").complains("current");
}

#[test]
fn a_section_that_cannot_be_used_is_told_with_the_status() {
    let mut lab = Lab::new();
    lab.add_with("app", "refresh_interval: often\n");
    let _daemon = lab.daemon();
    lab.refit(&["status"]).ended(0).says("Warning: ").says("Failed to load extension app").says("`refit check` says");
}

#[test]
fn git_is_run_by_the_owners_rules() {
    let mut lab = Lab::new();
    let (remote, work) = lab.add("app");
    let (program, notes) = (lab.path("own-git"), lab.path("notes"));
    let script = format!("#!/bin/sh\necho \"$GIT_ALLOW_PROTOCOL\" >> {}\nexec git \"$@\"\n", notes.display());
    std::fs::write(&program, script).expect("a file");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("a program");
    lab.option(&format!("git_path: {}", program.display()));
    lab.option("allow_protocols: http git");
    let (url, file) = (lab.server.url(&remote.route()), format!("file://{}", remote.path().display()));
    work.git(&["remote", "set-url", "origin", &file]);
    let mut daemon = lab.daemon();
    lab.refit(&["status", "app", "--json"]).ended(0).says("transport 'file' not allowed");
    let noted = std::fs::read_to_string(&notes).expect("the owner's git was run");
    assert!(noted.lines().any(|allowed| allowed == "http:git") && !noted.contains("file"), "{noted}");
    daemon.stop(PATIENCE);

    // Configured to come from there: allowed by that.
    let text = std::fs::read_to_string(lab.config()).expect("a configuration").replace(&url, &file);
    std::fs::write(lab.config(), text).expect("a configuration");
    let mut daemon = lab.daemon();
    let told = lab.refit(&["refresh", "app", "--json"]).ended(0);
    assert!(!told.out.contains("not allowed"), "{told:?}");
    daemon.stop(PATIENCE);

    lab.option("git_path: /nowhere/git");
    lab.refit(&["rescue", "app"]).complains("'git_path'");
}

#[test]
fn check_tells_by_the_exit_code() {
    let mut lab = Lab::new();
    let (remote, work) = lab.add("app");
    let _daemon = lab.daemon();
    lab.refit(&["status", "--check"]).ended(0);
    work.write("main.py", "print('mine')\n");
    lab.refit(&["refresh"]).ended(0).says("app:  modified");
    lab.refit(&["status", "--check"]).ended(7);
    work.git(&["checkout", "--", "main.py"]);
    remote.history(1, "More");
    lab.refit(&["refresh", "app"]).ended(0).says("app:  update, 1 commit");
    lab.refit(&["status", "--check"]).ended(10);
    lab.refit(&["status", "--check", "--json"]).ended(10);
    lab.refit(&["refresh", "nobody"]).ended(5).complains("nobody");
}

#[test]
fn a_plan_says_each_step_and_does_none() {
    let mut lab = Lab::new();
    let (remote, work) = lab.add("app");
    lab.add("current");
    remote.history(2, "More");
    let before = head(&work);
    let _daemon = lab.daemon();
    lab.refit(&["plan", "upgrade", "app"])
        .ended(0)
        .says("app: upgrade, v1.0.0-0 -> v1.0.0-2")
        .says("Preparation, which touches nothing that is in use:")
        .says("The switch, each step of which can be taken back:")
        .says("make sure that the printer is not busy");
    lab.refit(&["plan"]).ended(0).says("app: upgrade").says("current: nothing to do");
    let plan = lab.refit(&["plan", "--json"]).ended(0).json();
    assert!(plan["plans"].as_array().expect("a list").iter().any(|one| one["verdict"] == "do"));
    lab.refit(&["plan", "recover", "app", "--hard"]).ended(0).says("clone");
    lab.refit(&["plan", "rollback", "app"]).ended(0).says("app: nothing to do");
    lab.refit(&["plan", "rollback"]).ended(2);
    for words in
        [&["plan", "upgrade", "nobody"][..], &["history", "nobody"], &["refresh", "nobody"], &["hold", "nobody"]]
    {
        lab.refit(words).ended(5).complains("nobody").complains("Refit looks after: moonraker, klipper, app, current.");
    }
    assert_eq!(head(&work), before);
    lab.refit(&["history"]).ended(0).says("Nothing was done yet.");
}

#[test]
fn klipper_is_found_where_the_printer_says() {
    let mut lab = Lab::new();
    let (_, work) = lab.add("kalico");
    let python = lab.path("python");
    std::fs::write(&python, "").expect("a file");
    let klippy = Klippy::start(lab.klippy());
    klippy.set_info("klipper_path", json!(work.path()));
    klippy.set_info("python_path", json!(python));
    let mut daemon = lab.daemon();
    refit_testkit::wait::wait_for(super::lab::PATIENCE, "klipper", || {
        let status = lab.refit(&["status", "klipper", "--json"]).json();
        status["version_info"]["klipper"]["version"] == "v1.0.0-0"
    });
    daemon.stop(super::lab::PATIENCE);
    drop(klippy);
    // The printer is off now: it is remembered where klipper is.
    let _daemon = lab.daemon();
    lab.refit(&["status", "klipper"]).ended(0).says("klipper:  up to date  v1.0.0-0");
}
