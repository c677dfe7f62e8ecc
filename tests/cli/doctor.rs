//! `refit doctor` on a host of the tests' own: without a running Refit, with one, and with each thing wrong that needs no
//! other machine.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use crate::lab::{Lab, Told};

/// The findings of a check: level, what was found, what to do.
fn findings(told: &Told, check: &str) -> Vec<(String, String, String)> {
    let all = told.json();
    let all = all["findings"].as_array().expect("findings").clone();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let ours = all.iter().filter(|one| one["check"] == check);
    ours.map(|one| (text(&one["level"]), text(&one["found"]), text(&one["remedy"]))).collect()
}

#[track_caller]
fn says(lab: &Lab, check: &str, level: &str, remedy: &str) {
    let told = lab.refit(&["--json", "doctor"]);
    let found = findings(&told, check);
    assert!(found.iter().any(|(is, _, to_do)| is == level && to_do.contains(remedy)), "{check}: {found:?} in {told:?}");
    ends_by_the_worst(told);
}

/// What the tester may do on this machine is another matter.
#[track_caller]
fn ends_by_the_worst(told: Told) -> Told {
    let trouble = told.json()["findings"].as_array().expect("findings").iter().any(|one| one["level"] == "trouble");
    told.ended(if trouble { 7 } else { 0 })
}

#[test]
fn a_host_that_is_well_is_told_so_with_and_without_a_running_refit() {
    let mut lab = Lab::new();
    lab.add("app");
    says(&lab, "refit", "warning", "refit serve");
    let daemon = lab.daemon();
    let told = ends_by_the_worst(lab.refit(&["--json", "doctor"]));
    for check in ["configuration", "refit", "state", "folders", "git", "disk"] {
        let found = findings(&told, check);
        assert!(
            !found.is_empty()
                && found.iter().all(|(level, ..)| level == "fine" || level == "warning" && check == "disk"),
            "{check}: {told:?}"
        );
    }
    drop(daemon);
    lab.refit(&["doctor"]).says("git  fine").says("Warnings: ");
}

#[test]
fn a_configuration_that_is_wrong_keeps_nothing_else_from_being_looked_at() {
    let lab = Lab::new();
    fs::write(lab.config(), "[server\n").expect("a configuration");
    says(&lab, "configuration", "trouble", "refit check");
    let told = lab.refit(&["--json", "doctor"]).ended(7);
    assert!(!findings(&told, "git").is_empty() && !findings(&told, "disk").is_empty(), "{told:?}");
}

#[test]
fn a_state_folder_that_others_look_into_and_a_folder_that_anybody_may_exchange() {
    let lab = Lab::new();
    let state = lab.path("data/refit");
    fs::create_dir(&state).expect("a folder");
    mode(&state, 0o755);
    says(&lab, "state", "warning", "chmod 700");
    mode(&state, 0o700);
    mode(&lab.path("data"), 0o777);
    says(&lab, "state", "warning", "chmod o-w");
    mode(&lab.path("data"), 0o755);
    assert_eq!(findings(&lab.refit(&["--json", "doctor"]), "state")[0].0, "fine");
    fs::remove_dir(&state).expect("an empty folder");
    fs::write(&state, "").expect("a file");
    says(&lab, "state", "trouble", "mv ");
}

#[test]
fn software_that_is_not_there_and_an_environment_that_does_not_work() {
    let mut lab = Lab::new();
    lab.add("app");
    let env = lab.path("env");
    fs::create_dir_all(env.join("bin")).expect("a folder");
    fs::write(env.join("pyvenv.cfg"), "home = /usr/bin\nversion = 3.1.2\n").expect("a file");
    fs::write(env.join("bin/activate"), "").expect("a file");
    fs::write(env.join("bin/python"), "#!/bin/sh\necho no such thing >&2\nexit 1\n").expect("a program");
    mode(&env.join("bin/python"), 0o755);
    lab.option(&format!(
        "\n[update_manager cow]\ntype: python\nproject_name: cow\nvirtualenv: {}\nis_system_service: False\n",
        env.display()
    ));
    says(&lab, "python", "trouble", "refit recover cow");
    fs::remove_dir_all(lab.path("software/app")).expect("a folder");
    let told = lab.refit(&["--json", "doctor"]).ended(7);
    assert!(findings(&told, "configuration")[0].1.contains("software/app"), "{told:?}");
}

#[test]
fn a_git_that_is_old_or_missing() {
    let lab = Lab::new();
    let git = lab.path("git");
    lab.refit(&["--json", "doctor"]);
    fs::write(&git, "#!/bin/sh\necho git version 2.30.2\n").expect("a program");
    mode(&git, 0o755);
    let mut lab = lab;
    lab.option(&format!("git_path: {}", git.display()));
    says(&lab, "git", "warning", "newer");
    fs::write(&git, "#!/bin/sh\necho git version 2.11.0\n").expect("a program");
    says(&lab, "git", "trouble", "newer");
    fs::remove_file(&git).expect("a file");
    says(&lab, "git", "trouble", "apt-get install git");
}

#[test]
fn a_moonraker_that_looks_after_the_same() {
    let mut lab = Lab::new();
    lab.add("app");
    fs::copy(lab.config(), lab.path("data/config/refit.conf")).expect("a copy");
    let found = findings(&lab.refit(&["--json", "doctor"]), "moonraker");
    assert_eq!(found.first().map(|(level, ..)| level.as_str()), Some("note"), "{found:?}");
    let _listens = std::os::unix::net::UnixListener::bind(lab.path("data/comms/moonraker.sock")).expect("a socket");
    says(&lab, "moonraker", "warning", "refit.conf");
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
}
