//! The command line on a real terminal: a pseudo-terminal pair stands in for one.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::lab::Lab;

/// Runs a command on a terminal of 100 columns; what it showed.
fn on_a_terminal(lab: &Lab, args: &[&str], no_color: bool) -> (i32, String) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&ours).expect("it is ours");
    unlockpt(&ours).expect("it can be used");
    let name = ptsname(&ours, Vec::new()).expect("it has a name").into_string().expect("it is text");
    let theirs = File::options().read(true).write(true).open(&name).expect("the other end");
    tcsetwinsize(&theirs, Winsize { ws_row: 40, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 }).expect("a size");
    let end = || OwnedFd::from(theirs.try_clone().expect("it can be shared"));
    let mut command = lab.command(args);
    command.env("TERM", "xterm").stdin(end()).stdout(end()).stderr(end());
    if no_color {
        command.env("NO_COLOR", "1");
    }
    let mut child = command.spawn().expect("refit starts");
    drop((theirs, command));
    let mut shown = Vec::new();
    // The end of a terminal is an error of its reader (EIO).
    let _ended = File::from(ours).read_to_end(&mut shown);
    let code = child.wait().expect("it ends").code().expect("nobody killed it");
    (code, String::from_utf8_lossy(&shown).into_owned())
}

#[test]
fn a_terminal_gets_a_table_and_the_work_as_it_goes_on() {
    let mut lab = Lab::new();
    let (remote, _) = lab.add("app");
    remote.history(1, "More");
    let _daemon = lab.daemon();
    let (code, shown) = on_a_terminal(&lab, &["status", "app"], false);
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("Available") && shown.contains('─') && shown.contains("update, 1 commit"), "{shown}");
    assert!(shown.contains("refit upgrade NAME`: app."), "{shown}");
    let widest = shown.lines().map(|line| line.trim_end().chars().count()).max();
    assert!(widest <= Some(100), "a line is wider than the terminal:\n{shown}");

    let (code, shown) = on_a_terminal(&lab, &["upgrade", "app"], false);
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("Git Repo app: Update Finished..."), "{shown}");
    let (_, shown) = on_a_terminal(&lab, &["status", "app", "--json"], false);
    assert!(serde_json::from_str::<serde_json::Value>(&shown).is_ok(), "{shown}");
}

#[test]
fn colours_are_for_those_who_want_them() {
    let lab = Lab::new();
    let (code, shown) = on_a_terminal(&lab, &["status"], false);
    assert_eq!(code, 3);
    assert!(shown.contains("\u{1b}[1;31mrefit:"), "{shown}");
    let (_, shown) = on_a_terminal(&lab, &["status"], true);
    assert!(!shown.contains('\u{1b}'), "{shown}");
}
