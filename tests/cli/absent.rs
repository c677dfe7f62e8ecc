//! Commands that no daemon is there for.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::lab::{Lab, PATIENCE};

#[test]
fn an_unreachable_daemon_is_told_with_its_socket_and_a_remedy() {
    let lab = Lab::new();
    let socket = lab.path("data/comms/refit.sock").display().to_string();
    for args in [&["status"][..], &["plan"], &["refresh"], &["upgrade", "--all"], &["recover", "x"], &["history"]] {
        let told = lab.refit(args).ended(3).complains(&socket).complains("refit serve");
        assert_eq!(told.out, "", "{args:?} answered something");
    }
    let told = lab.refit(&["status", "--json"]).ended(3);
    assert_eq!(told.json()["exit"], "unreachable");
    lab.refit(&["status", "-u", "/nowhere/refit.sock"]).ended(3).complains("/nowhere/refit.sock");
}

#[test]
fn what_is_not_understood_is_a_usage_error() {
    let lab = Lab::new();
    lab.refit(&["upgrade"]).ended(2).complains("--all");
    lab.refit(&["dance"]).ended(2).complains("dance");
    lab.refit(&["--help"]).ended(0).says("Exit codes:").says("no Refit answers at the socket");
}

#[test]
fn completions_are_written_for_every_shell() {
    let lab = Lab::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        lab.refit(&["completions", shell]).ended(0).says("upgrade").says("rescue").says("hard");
    }
}

#[test]
fn check_says_what_was_understood() {
    let mut lab = Lab::new();
    let (_, work) = lab.add_with("app", "channel: beta\n");
    lab.refit(&["check"])
        .ended(0)
        .says(&lab.config().display().to_string())
        .says(&format!("app  git_repo  beta  {}", work.path().display()))
        .says("klipper  not found")
        .says("No problems were found.");
    let told = lab.refit(&["check", "--json"]).ended(0).json();
    assert_eq!(told["exit"], "fine");
    assert_eq!(told["server"]["port"], lab.port);
    let names: Vec<_> = told["software"].as_array().expect("a list").iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["moonraker", "klipper", "app"]);
    assert_eq!(told["software"][2]["path"], work.path().display().to_string());
}

#[test]
fn check_names_the_file_and_the_line_of_each_problem() {
    let mut lab = Lab::new();
    lab.add_with("app", "pinned_commit: abc\n");
    lab.add("fine");
    let text = fs::read_to_string(lab.config()).expect("a configuration");
    let line = text.lines().position(|line| line.starts_with("pinned_commit")).expect("it is there") + 1;
    let place = format!("{}:{line}", lab.config().display());
    lab.refit(&["check"]).ended(4).says(&place).says("must be a minimum of 8 characters").says("fine  git_repo");
    let told = lab.refit(&["check", "--json"]).ended(4).json();
    assert_eq!(told["exit"], "bad_configuration");
    assert_eq!(told["problems"][0]["line"], line);
}

#[test]
fn check_finds_what_would_stop_the_start() {
    let mut lab = Lab::new();
    let token = lab.path("token");
    fs::write(&token, "ghp_secret").expect("a file");
    fs::set_permissions(&token, fs::Permissions::from_mode(0o644)).expect("a mode");
    lab.option(&format!("github_token_file: {}", token.display()));
    lab.refit(&["serve"]).ended(4).complains("chmod 600");
    lab.refit(&["check"]).ended(4).says("chmod 600");
    lab.refit(&["doctor"]).says("chmod 600");
}

#[test]
fn a_refit_that_settles_what_was_cut_off_is_told_from_none() {
    let lab = Lab::new();
    fs::create_dir_all(lab.path("data/refit")).expect("a folder");
    let file = fs::File::create_new(lab.path("data/refit/lock")).expect("a file");
    fs::write(lab.path("data/refit/lock"), "4711\n").expect("a file");
    lab.refit(&["status"]).ended(3).complains("refit serve");
    file.lock().expect("a lock");
    lab.refit(&["status"]).ended(3).complains("Refit (process 4711) is at work").complains("Ask again in a moment");
}

#[test]
fn without_a_usable_configuration_nothing_is_served() {
    let lab = Lab::new();
    let elsewhere = lab.path("none.conf").display().to_string();
    for command in ["check", "serve"] {
        lab.refit(&[command, "-c", &elsewhere]).ended(4).complains(&elsewhere).complains("--config");
    }
    fs::write(lab.config(), "[server]\nport: 7125\nnonsense without a separator\n").expect("a configuration");
    let place = format!("{}:3", lab.config().display());
    lab.refit(&["serve"]).ended(4).complains(&place);
}

#[test]
fn one_daemon_works_on_a_data_folder() {
    let lab = Lab::new();
    let daemon = lab.daemon();
    lab.refit(&["serve", "-u", &lab.path("other.sock").display().to_string()])
        .ended(5)
        .complains(&format!("process {}", daemon.pid()));
}

#[test]
fn a_daemon_that_is_told_to_end_ends_in_order() {
    let lab = Lab::new();
    let mut daemon = lab.daemon();
    let status = daemon.stop(PATIENCE);
    assert_eq!(status.code(), Some(0), "{}", daemon.log_tail());
    assert!(!lab.path("data/comms/refit.sock").exists(), "the socket is left behind");
    lab.refit(&["status"]).ended(3);
    // What was left behind by one that was killed is no hindrance.
    let mut killed = lab.daemon();
    killed.kill();
    let mut again = lab.daemon();
    lab.refit(&["status"]).ended(0);
    again.stop(PATIENCE);
}

#[test]
fn the_supervisor_is_told_when_the_doors_are_open() {
    let lab = Lab::new();
    let path = lab.path("notify.sock");
    let heard = std::os::unix::net::UnixDatagram::bind(&path).expect("a socket");
    heard.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut command = lab.command(&["serve"]);
    command.env("NOTIFY_SOCKET", &path);
    let mut daemon = refit_testkit::child::Child::spawn(command, &lab.path("notified.log"));
    let mut buffer = [0; 64];
    let length = heard.recv(&mut buffer).unwrap_or_else(|e| panic!("{e}: {}", daemon.log_tail()));
    assert_eq!(&buffer[..length], b"READY=1");
    lab.refit(&["status"]).ended(0);
    daemon.stop(PATIENCE);
    let length = heard.recv(&mut buffer).expect("the end is told too");
    assert_eq!(&buffer[..length], b"STOPPING=1");
}
