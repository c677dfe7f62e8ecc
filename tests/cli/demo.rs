//! `refit demo`: says what to try, serves it, leaves nothing behind.

use std::fs::DirEntry;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use refit_testkit::child::Child;
use refit_testkit::rpc::Http;
use refit_testkit::wait::{free_port, wait_for, wait_some};
use rustix::process::Signal;
use serde_json::Value;

use super::lab::{Lab, PATIENCE, Told, is_gone};

fn is_the_demos(entry: &std::io::Result<DirEntry>) -> bool {
    entry.as_ref().is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("refit-demo-"))
}

#[test]
fn the_demo_serves_what_it_says_and_cleans_up() {
    let lab = Lab::new();
    let port = free_port().to_string();
    let mut command = lab.command(&["demo", "--json", "--port", &port]);
    command.env("TMPDIR", lab.path("home"));
    let mut demo = Child::spawn(command, &lab.path("demo.log"));
    // While it makes its host, whose servers get whatever port is free.
    let begun = || std::fs::read_dir(lab.path("home")).is_ok_and(|mut home| home.any(|entry| is_the_demos(&entry)));
    wait_for(PATIENCE, "its folder", begun);
    assert!(TcpListener::bind(format!("127.0.0.1:{port}")).is_err(), "its port is nobody else's");
    let said = wait_some(PATIENCE, "the demo's answer", || {
        assert!(demo.exited().is_none(), "the demo ended:\n{}", demo.log_tail());
        let log = demo.log();
        // The answer is one indented value among the lines of the log.
        let begin = log.find("{\n")?;
        let end = log[begin..].find("\n}")? + begin + 2;
        serde_json::from_str::<Value>(&log[begin..end]).ok()
    });
    let folder = PathBuf::from(said["folder"].as_str().expect("a folder"));
    assert!(folder.is_dir());
    assert_eq!(said["address"], format!("http://127.0.0.1:{port}"));

    let http = Http::new(port.parse().expect("a port"));
    let status = wait_some(PATIENCE, "the first look", || {
        let status = http.get("/machine/update/status").json()["result"].clone();
        (status["refit"]["initialized"] == true).then_some(status)
    });
    let entries = &status["version_info"];
    assert_eq!(entries["klipper"]["commits_behind_count"], 3, "{entries:#}");
    assert_eq!(entries["moonraker"]["is_valid"], true);
    assert_eq!(entries["behind"]["commits_behind_count"], 5);
    assert_eq!(entries["current"]["commits_behind_count"], 0);
    assert_eq!(entries["dirty"]["is_dirty"], true);
    assert_eq!(entries["damaged"]["is_valid"], false);
    assert_eq!(entries["pinned"]["commits_behind_count"], 0);
    assert_eq!(entries["diverged"]["is_valid"], false);
    assert_eq!(entries["sick"]["commits_behind_count"], 1);
    assert_eq!(entries["py-app"]["version"], "1.0");
    assert_eq!(entries["py-app"]["remote_version"], "1.1");
    assert_eq!(entries["klipper"]["warnings"], serde_json::json!([]), "its environment works");
    for shipped in ["front-end", "zip-app", "tool"] {
        assert_eq!(entries[shipped]["version"], "v1.0.0", "{entries:#}");
        assert_eq!(entries[shipped]["refit"]["update_available"], true);
    }
    let front_end = said["front_end"].as_str().and_then(|url| url.rsplit_once(':')).expect("an address").1;
    let front_end = Http::new(front_end.parse().expect("a port"));
    let shows =
        |version: &str| String::from_utf8_lossy(&front_end.get("/").body).contains(&format!("\"version\">{version}<"));
    assert!(shows("v1.0.0"));

    let tries: Vec<&str> = said["try"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert_eq!(tries.len(), 6);
    for shown in tries.iter().filter(|shown| !shown.starts_with("curl")) {
        let words: Vec<&str> = shown.split(' ').skip(1).collect();
        let told: Told = lab.command(&words).env_remove("MOONRAKER_DATA_PATH").output().expect("it starts").into();
        match words.as_slice() {
            [.., "upgrade", "sick"] => {
                told.ended(6).complains("sick's update was taken back").complains("it answered 404, not 200");
            }
            _fine => drop(told.ended(0)),
        }
    }
    assert!(shows("v1.1.0"), "the page shows the update");
    let data = said["data_path"].as_str().expect("a folder");
    let refit =
        |words: &[&str]| Told::from(lab.command(words).env("MOONRAKER_DATA_PATH", data).output().expect("it starts"));
    refit(&["status", "-v", "front-end"])
        .ended(0)
        .says("front-end:  up to date  v1.1.0")
        .says("verified by sha256")
        .says("version v1.0.0 is kept")
        .says("newest release: v1.1.0 of 2026-01-02: front-end.zip (1.6 MiB, named by release_info.json)")
        .says("## What is new");
    refit(&["status", "sick"]).ended(0).says("sick:  update, 1 commit  v1.0.0-0");
    let program = folder.join("software/py-app-env/bin/py-app");
    let runs =
        || String::from_utf8(std::process::Command::new(&program).output().expect("it starts").stdout).expect("text");
    assert_eq!(runs(), "py-app 1.0\n");
    refit(&["plan", "py-app"]).ended(0).says("py-lib");
    refit(&["upgrade", "py-app"]).ended(0);
    assert_eq!(runs(), "py-app 1.1\n");
    refit(&["rollback", "py-app"]).ended(0);
    assert_eq!(runs(), "py-app 1.0\n");
    refit(&["plan", "klipper"]).ended(0).says("Restart by hand");
    refit(&["rollback", "front-end"]).ended(0);
    assert!(shows("v1.0.0"), "the page shows the rollback");
    let own = folder.join("software/zip-app/my-settings.ini");
    refit(&["upgrade", "zip-app", "tool"]).ended(0);
    assert!(own.is_file(), "the owner's file stays");

    demo.signal(Signal::INT);
    let ended = demo.wait(PATIENCE);
    assert_eq!(ended.code(), Some(0), "{}", demo.log_tail());
    assert!(is_gone(&folder), "the demo left {} behind", folder.display());
    wait_for(Duration::from_secs(10), "the end of the demo's children", || {
        rustix::process::test_kill_process_group(rustix::process::Pid::from_raw(demo.pid() as i32).expect("a pid"))
            .is_err()
    });
}

#[test]
fn a_port_that_is_taken_is_told() {
    let lab = Lab::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
    let port = taken.local_addr().expect("it has one").port().to_string();
    lab.refit(&["demo", "--port", &port]).ended(1).complains(&port).complains("--port");
}
