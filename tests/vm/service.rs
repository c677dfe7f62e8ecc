//! Refit as a service: it starts, answers, updates and restarts what it looks after, and is restarted.

use refit_testkit::rpc::JsonRpc as _;
use refit_testkit::vm::User;
use serde_json::json;

use crate::printer::{NAME, PATIENCE, Printer};

#[test]
fn it_answers_updates_and_survives_restarts() {
    let printer = Printer::with_refit();
    let vm = &printer.vm;
    // Ready is when the doors are open: the socket answers as soon as systemd says so.
    assert_eq!(vm.property("refit", "ActiveState"), "active");
    let status = printer.ask().result("machine.update.status", json!({"refresh": false}));
    assert_eq!(status["version_info"][NAME]["configured_type"], "git_repo", "{status}");
    assert_eq!(vm.must(User::Root, &["ps", "-o", "user=", "-p", &printer.main_pid("refit")]).trim(), "pi");

    let new = printer.publish(2);
    let before = printer.main_pid(NAME);
    printer.refresh();
    vm.must(User::Pi, &["refit", "upgrade", NAME]);
    assert_eq!(printer.head(), new);
    assert_eq!(printer.complaints(), [""; 0], "{}", vm.journal("refit"));
    assert_ne!(printer.main_pid(NAME), before, "what it looks after was not restarted:\n{}", vm.journal("refit"));
    vm.wait_until(PATIENCE, "the new version to say so", || {
        vm.journal(NAME).contains("this is version 2").then_some(())
    });

    let before = printer.main_pid("refit");
    vm.must(User::Root, &["systemctl", "restart", "refit"]);
    assert_ne!(printer.main_pid("refit"), before);
    assert_eq!(printer.entry()["version"], "v1.0.0-1", "{}", vm.journal("refit"));
    vm.must(User::Root, &["kill", "-KILL", &printer.main_pid("refit")]);
    vm.wait_until(PATIENCE, "systemd to start it again", || (vm.property("refit", "NRestarts") == "1").then_some(()));
    assert_eq!(printer.complaints(), [""; 0], "{}", vm.journal("refit"));
    assert_eq!(vm.must(User::Root, &["systemctl", "is-system-running"]), "running\n");
}
