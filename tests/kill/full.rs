//! The disk is full, or read-only: from before the deed, or from one of its points on. The deed ends with a clear error or
//! succeeds; with room again the daemon settles what is open, and the deed succeeds when it is asked for once more.

use refit_testkit::disk::Disk;
use serde_json::Value;

use crate::daemon::{Asked, Daemon, Manner, PATIENCE};
use crate::deeds::{Deed, Kind, is_ok};
use crate::host::Host;
use crate::oracle::{Side, judge, repository, restart_judge_and_retry, retry};
use crate::power::Rig;
use crate::tally::{Tally, sample};

/// The disk of the tests: a fetch wants 64 MiB to be free, and there must be less to fill.
const SIZE: u64 = 100;

#[test]
fn from_the_start() {
    const FETCHES: [u64; 4] = [0, 256 << 10, 4 << 20, 40 << 20];
    // A release of a few files needs little.
    const UNPACKS: [u64; 3] = [0, 8 << 10, 32 << 10];
    let repositories = [Kind::Upgrade, Kind::SoftDamaged, Kind::HardDirty].map(|kind| (kind, FETCHES.as_slice()));
    let releases = [Kind::WebUpgrade, Kind::ZipRollback].map(|kind| (kind, UNPACKS.as_slice()));
    let rig = Rig::new(SIZE);
    let mut tally = Tally::default();
    for (kind, leaves) in repositories.into_iter().chain(releases) {
        from_the_start_of(&rig, &Deed::prepare(&rig.host, kind), leaves, &mut tally);
    }
    tally.close("Disk full from the start");
}

/// With so many bytes left.
pub fn from_the_start_of(rig: &Rig, deed: &Deed, leaves: &[u64], tally: &mut Tally) {
    for leave in leaves.iter().copied() {
        rig.reset(deed);
        let mut daemon = Daemon::up(&rig.host);
        rig.disk.fill(leave);
        let reply = deed.drive(&mut daemon);
        let mut verdict = if is_ok(&reply) { Ok(()) } else { tells("space", &reply) };
        let side = if is_ok(&reply) { Side::New } else { Side::Old };
        if let Some(wrong) = repository(&rig.host, deed, side).first() {
            verdict = Err(format!("with the disk full: {wrong}"));
        }
        rig.disk.unfill();
        let verdict = verdict.and_then(|()| judge(&rig.host, deed, &mut daemon, Some(side)));
        let verdict = verdict.and_then(|side| match side {
            Side::New => Ok(side),
            Side::Old => retry(&rig.host, deed, &mut daemon).map(|()| side),
        });
        let verdict = verdict.map_err(|why| format!("{why}\n{reply:?}\n{}", daemon.child.log()));
        daemon.kill_all();
        tally.count(&format!("{:?}", deed.kind), &format!("{leave} bytes free"), verdict);
    }
}

/// The deeds, and from how many of their points on.
const DEEDS: [(Kind, usize); 8] = [
    (Kind::Upgrade, 12),
    (Kind::Rollback, 5),
    (Kind::SoftDamaged, 8),
    (Kind::HardDamaged, 8),
    (Kind::WebUpgrade, 16),
    (Kind::ToolUpgrade, 6),
    (Kind::ZipRollback, 8),
    (Kind::ZipHard, 8),
];

#[test]
fn from_a_point_on() {
    let rig = Rig::new(SIZE);
    let mut tally = Tally::default();
    for (kind, wanted) in DEEDS {
        from_a_point_on_of(&rig, &Deed::prepare(&rig.host, kind), wanted, &mut tally);
    }
    tally.close("Disk full from a point on");
}

/// From so many of the points of the deed on.
pub fn from_a_point_on_of(rig: &Rig, deed: &Deed, wanted: usize, tally: &mut Tally) {
    for (at, (point, before)) in sample(deed.points.clone(), wanted).into_iter().enumerate() {
        let leave = [0, 12 << 10, 64 << 10][at % 3];
        rig.reset(deed);
        let mut daemon = Daemon::up_with(&rig.host, &Manner::ordered(format!("stop={point}*{}", before + 1)));
        let asked = Asked::of(&rig.host, deed);
        assert!(daemon.halts(PATIENCE), "{point} is never reached:\n{}", daemon.child.log_tail());
        rig.disk.fill(leave);
        daemon.go_on();
        let reply = asked.reply();
        let told = if is_ok(&reply) { Ok(()) } else { tells("space", &reply) };
        let told = told.and_then(|()| written_down(deed, &mut daemon, &point, before));
        daemon.kill_all();
        // It comes up with the disk full, too.
        let mut starved = Daemon::up(&rig.host);
        let entry = starved.entry(deed.kind.name());
        starved.kill_all();
        rig.disk.unfill();
        let verdict = told.and_then(|()| restart_judge_and_retry(&rig.host, deed, &Manner::default()));
        let verdict = verdict.and_then(|side| {
            let kept_its_word = !is_ok(&reply) || side == Side::New;
            if kept_its_word { Ok(side) } else { Err("ok was answered, and the old state is there".to_owned()) }
        });
        let verdict = verdict.map_err(|why| format!("{why}\n{reply:?}\n{entry}"));
        tally.count(
            &format!("{:?}", deed.kind),
            &format!("{leave} bytes free from {point}, time {}, on", before + 1),
            verdict,
        );
    }
}

#[test]
fn read_only() {
    let mut mounted = None;
    let host = Host::make(|folder| {
        let root = folder.join("host");
        std::fs::create_dir_all(&root).expect("a folder");
        mounted = Some(Disk::new(&root, "software", 128).unwrap_or_else(|missing| panic!("{missing}")));
        root
    });
    let disk = mounted.expect("it was just mounted");
    let mut tally = Tally::default();
    for (kind, wanted) in [(Kind::Upgrade, 6), (Kind::HardDirty, 4), (Kind::WebUpgrade, 8), (Kind::ZipHard, 4)] {
        let mut deed = Deed::prepare(&host, kind);
        deed.may_lack_list = true;
        let points = deed.points.iter().filter(|(point, _)| !point.starts_with("journal.")).cloned().collect();
        for (point, before) in sample(points, wanted) {
            deed.reset(&host);
            let mut daemon = Daemon::up_with(&host, &Manner::ordered(format!("stop={point}*{}", before + 1)));
            let asked = Asked::of(&host, &deed);
            assert!(daemon.halts(PATIENCE), "{point} is never reached:\n{}", daemon.child.log_tail());
            disk.set_read_only(true).unwrap_or_else(|missing| panic!("{missing}"));
            daemon.go_on();
            let reply = asked.reply();
            let told = if is_ok(&reply) { Ok(()) } else { tells("read-only", &reply) };
            let ended = format!("{:?}\n{}", daemon.kill_all(), daemon.child.log());
            disk.set_read_only(false).unwrap_or_else(|missing| panic!("{missing}"));
            let verdict = told.and_then(|()| writable_again(&host, &deed));
            let verdict = verdict.map_err(|why| format!("{why}\n{reply:?}\n{ended}"));
            tally.count(&format!("{kind:?}"), &format!("read-only from {point} on"), verdict);
        }
    }
    tally.close("Read-only from a point on");
}

/// What could not be taken back on a read-only disk waits for a person; the deed itself is the way out.
fn writable_again(host: &Host, deed: &Deed) -> Result<Side, String> {
    let mut daemon = Daemon::up(host);
    let run = daemon.newest_run(deed.kind.name());
    let verdict = if run["outcome"] == "needs_attention" {
        retry(host, deed, &mut daemon).map(|()| Side::New)
    } else {
        daemon.kill_all();
        drop(daemon);
        return restart_judge_and_retry(host, deed, &Manner::default());
    };
    let verdict = verdict.map_err(|why| format!("{why}\n{}", daemon.child.log()));
    daemon.kill_all();
    verdict
}

/// With the disk still full: what failed before the change began was taken back, and the journal says so.
fn written_down(deed: &Deed, daemon: &mut Daemon, point: &str, before: usize) -> Result<(), String> {
    let at = deed.points.iter().position(|(name, times)| name == point && *times == before);
    let turn = deed.points.iter().position(|(name, _)| name == "check_printer.before");
    let run = daemon.newest_run(deed.kind.name());
    if at < turn && run["run"].as_i64().is_some_and(|number| number > deed.last_run) && run["ended"].is_null() {
        return Err(format!("with the disk full, the journal does not say how it ended: {run}"));
    }
    Ok(())
}

/// Whether a reply is an error that names the disk, and blames nothing on the repository.
fn tells(what: &str, reply: &Option<Value>) -> Result<(), String> {
    let Some(reply) = reply else { return Err("the daemon died".to_owned()) };
    let message = reply["error"]["message"].as_str().unwrap_or_default().to_lowercase();
    let names = [what, "disk", "full"].iter().any(|word| message.contains(word));
    let blames = ["corrupt", "not valid", "dirty"].iter().any(|word| message.contains(word));
    if names && !blames { Ok(()) } else { Err(format!("the error does not name the disk: {reply}")) }
}
