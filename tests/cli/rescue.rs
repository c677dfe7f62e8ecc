//! `refit rescue`: a repair with no daemon.

use super::lab::{Lab, head};

#[test]
fn a_damaged_repository_is_repaired_without_a_daemon() {
    let mut lab = Lab::new();
    let (_, work) = lab.add("app");
    let before = head(&work);
    work.write("my-notes.txt", "mine\n");
    work.loosen();
    let commit = work.object("HEAD");
    work.damage(&commit, b"");
    lab.refit(&["rescue", "app"]).ended(0).says("app");
    assert_eq!(head(&work), before);
    assert_eq!(work.git(&["status", "--porcelain", "--untracked-files=no"]), "");
    assert_eq!(work.read("my-notes.txt"), b"mine\n");

    std::fs::remove_dir_all(work.dot_git("")).expect("it is there");
    work.write("main.py", "print('mine')\n");
    let told = lab.refit(&["rescue", "app", "--hard", "--json"]).ended(0).json();
    assert_eq!(told["exit"], "fine");
    assert_eq!(told["results"][0]["outcome"], "finished");
    assert_eq!(head(&work), before);
    assert_eq!(work.read("main.py"), b"print('one')\n");
    assert_eq!(work.read("my-notes.txt"), b"mine\n");

    // The daemon knows of it.
    let _daemon = lab.daemon();
    lab.refit(&["history"]).ended(0).says("app recovery").says("finished");
    lab.refit(&["status", "app"]).ended(0).says("app:  up to date").says("kept aside");
}

#[test]
fn a_rescue_beside_a_daemon_is_refused() {
    let mut lab = Lab::new();
    let (_, work) = lab.add("app");
    work.write("main.py", "print('mine')\n");
    let daemon = lab.daemon();
    lab.refit(&["rescue", "app"])
        .ended(5)
        .complains(&format!("process {}", daemon.pid()))
        .complains("refit recover app");
    assert_eq!(work.read("main.py"), b"print('mine')\n");
}

#[test]
fn a_rescue_that_cannot_be_says_why() {
    let mut lab = Lab::new();
    let (_, work) = lab.add("app");
    lab.refit(&["rescue", "nobody"]).ended(5).complains("nobody").complains("app");
    lab.refit(&["rescue", "klipper"]).ended(5).complains("klipper is not on this machine: No folder at");
    if rustix::process::geteuid().is_root() {
        let owned_by = |uid| std::os::unix::fs::chown(lab.path("data"), Some(uid), None).expect("root may");
        owned_by(4711);
        lab.refit(&["rescue", "app"]).ended(5).complains("--user='#4711' refit rescue app");
        owned_by(0);
    }
    work.write("main.py", "print('mine')\n");
    lab.server.set_fault("lab/app.git", refit_testkit::git_http::Fault::Refuse(500));
    lab.refit(&["rescue", "app", "--hard"]).ended(6).complains("everything is as it was before");
    assert_eq!(work.read("main.py"), b"print('mine')\n");
}
