//! The power goes: the host stands on an ext4 image, which is copied while it is mounted, at a point where the daemon was
//! halted, at random instants, and right after it said `ok`. The copy takes the image's place, the remote is off, and the
//! daemon starts again in another boot.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use refit_testkit::disk::Disk;
use refit_testkit::git_http::Fault;
use refit_testkit::kill::Seeded;
use refit_testkit::releases;
use refit_testkit::wait::{try_wait, wait_for};

use crate::daemon::{Asked, Daemon, Manner, PATIENCE};
use crate::deeds::{Deed, Kind, is_ok};
use crate::host::Host;
use crate::needs::Needs;
use crate::oracle::{Side, restart_and_judge};
use crate::tally::{Tally, sample, seed, times};

/// Longer than the image's journal waits until it writes down what happened.
const COMMITTED: Duration = Duration::from_millis(1200);

/// The deeds, and at how many of their points.
const DEEDS: [(Kind, usize); 8] = [
    (Kind::Upgrade, 10),
    (Kind::Rollback, 3),
    (Kind::SoftDamaged, 5),
    (Kind::HardDirty, 6),
    (Kind::WebUpgrade, 8),
    (Kind::ToolUpgrade, 4),
    (Kind::WebRollback, 4),
    (Kind::ZipHard, 4),
];

#[test]
fn at_points() {
    let rig = Rig::new(128);
    let mut tally = Tally::default();
    for (kind, wanted) in DEEDS {
        at_points_of(&rig, &Deed::prepare(&rig.host, kind), wanted, &mut tally);
    }
    tally.close("Power cut at points, the remote off");
}

/// At so many of the points of the deed.
pub fn at_points_of(rig: &Rig, deed: &Deed, wanted: usize, tally: &mut Tally) {
    let points: Vec<_> = deed.points.iter().filter(|(point, _)| !point.ends_with(".before")).cloned().collect();
    for (at, (point, before)) in sample(points, wanted).into_iter().enumerate() {
        rig.reset(deed);
        let manner = Manner::ordered(format!("stop={point}*{}", before + 1));
        let mut daemon = Daemon::up_with(&rig.host, &manner);
        let asked = Asked::of(&rig.host, deed);
        assert!(daemon.halts(PATIENCE), "{point} is never reached:\n{}", daemon.child.log_tail());
        drop(asked);
        let wait = if at % 2 == 0 { Duration::ZERO } else { COMMITTED };
        let verdict = rig.cut_and_restart(deed, daemon, wait, None);
        tally.count(&format!("{:?}, at points", deed.kind), &format!("cut {wait:?} after {point}"), verdict);
    }
}

/// Right after it was told that it is done.
pub fn after_ok(rig: &Rig, deed: &Deed, tally: &mut Tally) {
    rig.reset(deed);
    let mut daemon = Daemon::up(&rig.host);
    let reply = deed.drive(&mut daemon);
    assert!(is_ok(&reply), "{:?}: {reply:?}", deed.kind);
    let verdict = rig.cut_and_restart(deed, daemon, Duration::ZERO, Some(Side::New));
    tally.count(&format!("{:?}, right after ok", deed.kind), "cut at once", verdict);
}

#[test]
fn at_random_instants_and_after_ok() {
    let rig = Rig::new(128);
    let mut tally = Tally::default();
    for kind in [Kind::Upgrade, Kind::SoftDirty, Kind::HardDamaged, Kind::ZipUpgrade, Kind::WebRollback] {
        let deed = Deed::prepare(&rig.host, kind);
        let mut seeded = Seeded::new(seed());
        for run in 0..4 * times() {
            rig.reset(&deed);
            let mut daemon = Daemon::up(&rig.host);
            let asked = Asked::of(&rig.host, &deed);
            let moment = seeded.span(deed.took);
            let _ended = try_wait(moment, || daemon.child.exited());
            daemon.halt_all();
            drop(asked);
            let wait = if run % 2 == 0 { Duration::ZERO } else { COMMITTED };
            let verdict = rig.cut_and_restart(&deed, daemon, wait, None);
            tally.count(
                &format!("{kind:?}, at random instants"),
                &format!("cut after {moment:?} and {wait:?}"),
                verdict,
            );
        }
        after_ok(&rig, &deed, &mut tally);
    }
    tally.close("Power cut at random instants, the remote off");
}

/// A refresh is no run of the journal, and nobody mends after it: whatever a cut leaves of what it fetched must be whole.
#[test]
fn in_the_middle_of_a_refresh_and_right_after() {
    let rig = Rig::new(128);
    let mut tally = Tally::default();
    rig.host.keep("never-refreshed");
    let refreshed = |took: &mut Option<Duration>, span: Option<Duration>| {
        rig.host.put_back("never-refreshed");
        rig.disk.sync();
        let begun = Instant::now();
        // The first thing that it does is to refresh.
        let mut daemon = Daemon::up(&rig.host);
        let tip = || rig.host.app().rev("refs/remotes/origin/master") == rig.host.versions[1];
        match span {
            Some(span) => drop(try_wait(span.saturating_sub(begun.elapsed()), || daemon.child.exited())),
            None => wait_for(PATIENCE, "the refresh", tip),
        }
        took.get_or_insert(begun.elapsed());
        daemon.halt_all();
        daemon
    };
    let mut took = None;
    refreshed(&mut took, None).kill_all();
    let mut seeded = Seeded::new(seed());
    for run in 0..8 * times() {
        let span = (run % 4 != 0).then(|| seeded.span(took.unwrap_or(PATIENCE) * 2));
        let mut daemon = refreshed(&mut took, span);
        std::thread::sleep(if run / 2 % 2 == 0 { COMMITTED } else { Duration::ZERO });
        let copy = rig.disk.cut_power("cut").unwrap_or_else(|missing| panic!("{missing}"));
        daemon.kill_all();
        rig.here.show(copy.path());
        let verdict = whole(&rig.host);
        rig.here.show(rig.disk.path());
        tally.count("Refresh", &format!("cut after {span:?}"), verdict);
    }
    tally.close("Power cut in a refresh");
}

/// Every ref names what is there, and no file is empty but a pack that was never finished.
fn whole(host: &Host) -> Result<Side, String> {
    let app = host.app();
    let mut found = app.fsck();
    let unfinished = app.leftovers();
    let empty = app
        .empty_files()
        .into_iter()
        .filter(|file| !unfinished.contains(file) && file.extension().is_none_or(|end| end != "lock"));
    found.extend(empty.map(|file| format!("empty: {}", file.display())));
    if !found.is_empty() {
        return Err(found.join("\n"));
    }
    let tip = app.rev("refs/remotes/origin/master");
    match host.versions.iter().position(|version| *version == tip) {
        Some(0) => Ok(Side::Old),
        Some(_) => Ok(Side::New),
        None => Err(format!("the branch is at {tip}")),
    }
}

/// A host on a disk of its own.
pub struct Rig {
    here: Bind,
    pub disk: Disk,
    pub host: Host,
}

impl Rig {
    pub fn new(mebibytes: u64) -> Self {
        Self::made(mebibytes, false)
    }

    /// The same, with software that depends on others'.
    pub fn with_needs(mebibytes: u64) -> Self {
        Self::made(mebibytes, true)
    }

    fn made(mebibytes: u64, needs: bool) -> Self {
        let mut mounted = None;
        let host = Host::made(needs, |folder| {
            let disk = Disk::new(folder, "disk", mebibytes).unwrap_or_else(|missing| panic!("{missing}"));
            let here = Bind::of(disk.path(), folder.join("here"));
            let root = here.path.join("host");
            std::fs::create_dir_all(&root).expect("a folder");
            mounted = Some((here, disk));
            root
        });
        let (here, disk) = mounted.expect("it was just mounted");
        Self { here, disk, host }
    }

    /// Puts the host back to the state before the deed, on the platter.
    pub fn reset(&self, deed: &Deed) {
        deed.reset(&self.host);
        self.disk.sync();
    }

    /// Shows this disk where the host is.
    pub fn show(&self, disk: &Disk) {
        self.here.show(disk.path());
    }

    fn cut_and_restart(
        &self,
        deed: &Deed,
        mut daemon: Daemon,
        wait: Duration,
        promised: Option<Side>,
    ) -> Result<Side, String> {
        std::thread::sleep(wait);
        let copy = self.disk.cut_power("cut").unwrap_or_else(|missing| panic!("{missing}"));
        daemon.kill_all();
        self.here.show(copy.path());
        let route = self.host.remote.route();
        self.host.server.set_fault(&route, Fault::Reset { after: 0 });
        self.host.forge.fault(releases::Fault::Reset);
        self.host.needs.iter().for_each(Needs::go_down);
        let verdict = restart_and_judge(&self.host, deed, &Manner::ordered("boot=another"), promised);
        self.host.server.heal(&route);
        self.host.forge.heal();
        self.host.needs.iter().for_each(Needs::come_back);
        self.here.show(self.disk.path());
        verdict
    }
}

/// A path at which one disk or the other is seen: journals and configurations name absolute paths.
struct Bind {
    path: PathBuf,
}

impl Bind {
    fn of(what: &Path, path: PathBuf) -> Self {
        std::fs::create_dir_all(&path).expect("a folder");
        let bind = Self { path };
        bind.mount(what);
        bind
    }

    fn show(&self, what: &Path) {
        // The last of the killed may hold it for a moment.
        wait_for(PATIENCE, "the mount to be let go", || self.unmount());
        self.mount(what);
    }

    fn mount(&self, what: &Path) {
        let status = Command::new("mount").arg("--bind").arg(what).arg(&self.path).status().expect("mount starts");
        assert!(status.success(), "mount --bind {what:?} {:?} ended with {status}", self.path);
    }

    fn unmount(&self) -> bool {
        Command::new("umount").arg(&self.path).output().is_ok_and(|out| out.status.success())
    }
}

impl Drop for Bind {
    fn drop(&mut self) {
        if !self.unmount() {
            let _ = Command::new("umount").arg("--lazy").arg(&self.path).status();
        }
    }
}
