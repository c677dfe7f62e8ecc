//! Killed in the middle of a download, again and again, started and asked again: what was there is not sent once more, as
//! the server counts it.

use std::path::PathBuf;
use std::time::Duration;

use refit_testkit::disk::Disk;
use refit_testkit::releases::{Fault, Release, Rule, release_info};
use refit_testkit::wait::wait_for;
use refit_testkit::zip::ZipBuilder;
use serde_json::json;

use crate::daemon::{Asked, Daemon, PATIENCE};
use crate::deeds::{Deed, Kind, is_ok};
use crate::host::Host;
use crate::oracle::strays;
use crate::power::Rig;
use crate::projects::{OWNER, told_version};

/// The file of the third version, and its bytes, or a few more.
const LARGE: &str = "large.zip";
const BYTES: u64 = 6 << 20;

#[test]
fn only_the_rest_is_sent() {
    let host = Host::new();
    let (deed, size) = with_a_large_one(&host);
    let mut there = 0;
    for quarter in 1..4 {
        there = kill_after(&host, &deed, size * quarter / 4);
        let range = host.forge.requests_of(LARGE).last().and_then(|asked| asked.header("range").map(str::to_owned));
        assert_eq!(range.is_some(), quarter > 1, "asked for the rest, but the first time: {range:?}");
    }
    let mut daemon = Daemon::up(&host);
    assert_eq!(daemon.newest_run("web")["outcome"], "undone");
    host.forge.heal();
    host.forge.forget();
    let reply = deed.drive(&mut daemon);
    assert!(is_ok(&reply), "{reply:?}\n{}", daemon.child.log_tail());
    assert_eq!(host.forge.sent_of("v3/large.zip"), size - there, "{there} of {size} bytes were there");
    assert_eq!(told_version(&host.software("web")), "v3");
    assert_eq!(strays(&host), Vec::<String>::new());
    assert_eq!(parts(&host), Vec::<PathBuf>::new());
    daemon.kill_all();
    println!("Killed in the middle of a download three times: {} of {size} bytes were sent at last", size - there);
}

#[test]
fn after_a_power_cut() {
    let rig = Rig::new(64);
    let (deed, size) = with_a_large_one(&rig.host);
    for synced in [true, false] {
        deed.reset(&rig.host);
        refresh(&rig.host);
        rig.disk.sync();
        let stall = Fault::StallAfter(size / 2).on(LARGE);
        let (mut daemon, _asked) = begin(&rig.host, &deed, stall, size / 2 - 1);
        if synced {
            rig.disk.sync();
        }
        let copy: Disk = rig.disk.cut_power("cut").unwrap_or_else(|missing| panic!("{missing}"));
        daemon.kill_all();
        rig.show(&copy);
        let there = length(&rig.host);
        rig.host.forge.heal();
        rig.host.forge.release();
        rig.host.forge.forget();
        let mut daemon = Daemon::up(&rig.host);
        let reply = deed.drive(&mut daemon);
        assert!(is_ok(&reply), "{reply:?}\n{}", daemon.child.log_tail());
        let sent = rig.host.forge.sent_of("v3/large.zip");
        println!("Power cut in the middle of a download, synced: {synced}: {there} of {size} bytes left, {sent} sent");
        assert!(sent <= size && (!synced || (there == size / 2 && sent == size - there)));
        daemon.kill_all();
        rig.show(&rig.disk);
    }
}

/// Publishes a third version with a large file. Its size.
fn with_a_large_one(host: &Host) -> (Deed, u64) {
    let deed = Deed::prepare(host, Kind::WebUpgrade);
    deed.reset(host);
    let mut noise = Vec::new();
    let mut state = 7_u64;
    while noise.len() as u64 <= BYTES {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        noise.extend_from_slice(&(state >> 16).to_le_bytes());
    }
    let zip = ZipBuilder::new()
        .file("release_info.json", release_info(OWNER, "web", "v3", LARGE))
        .file("index.html", "v3")
        .file("large.bin", noise)
        .stored()
        .build();
    let size = zip.len() as u64;
    host.forge.publish(OWNER, "web", Release::new("v3").file(LARGE, zip));
    refresh(host);
    (deed, size)
}

fn refresh(host: &Host) {
    let mut daemon = Daemon::up(host);
    daemon.wait_idle();
    daemon.result("machine.update.refresh", json!({"name": "web"}));
    daemon.stop();
}

/// Asks for it, and waits until so many bytes of the file are there.
fn begin(host: &Host, deed: &Deed, rule: impl Into<Rule>, bytes: u64) -> (Daemon, Asked) {
    host.forge.heal();
    host.forge.fault(rule);
    let daemon = Daemon::up(host);
    let asked = Asked::of(host, deed);
    wait_for(PATIENCE, "a part of the file", || length(host) > bytes);
    (daemon, asked)
}

/// Kills it then; how many are there.
fn kill_after(host: &Host, deed: &Deed, bytes: u64) -> u64 {
    let slow = Fault::SlowPerChunk(Duration::from_millis(4)).on(LARGE);
    let (mut daemon, _asked) = begin(host, deed, slow, bytes);
    daemon.kill_all();
    length(host)
}

fn length(host: &Host) -> u64 {
    let lengths = parts(host).into_iter().filter_map(|part| std::fs::metadata(part).ok());
    lengths.map(|seen| seen.len()).max().unwrap_or_default()
}

fn parts(host: &Host) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(host.downloads()).into_iter().flatten().flatten();
    let is_part = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("part-"));
    entries.map(|entry| entry.path()).filter(is_part).collect()
}
