//! Killed at every point that a deed passes: before and after every step, inside the longer ones, and around every entry
//! of the journal.

use refit_testkit::kill::Seeded;

use crate::daemon::{Daemon, Manner, PATIENCE, Start};
use crate::deeds::{Deed, Kind, RELEASES, is_ok};
use crate::host::Host;
use crate::oracle::{Side, restart_and_judge, restart_judge_and_retry};
use crate::tally::{Tally, sample, seed, times};

#[test]
fn upgrade() {
    at_every_point(Kind::Upgrade);
}

#[test]
fn rollback() {
    at_every_point(Kind::Rollback);
}

#[test]
fn soft_recovery_of_a_dirty_repository() {
    at_every_point(Kind::SoftDirty);
}

#[test]
fn soft_recovery_of_a_damaged_repository() {
    at_every_point(Kind::SoftDamaged);
}

#[test]
fn hard_recovery_of_a_dirty_repository() {
    at_every_point(Kind::HardDirty);
}

#[test]
fn hard_recovery_of_a_damaged_repository() {
    at_every_point(Kind::HardDamaged);
}

#[test]
fn upgrade_of_a_front_end() {
    at_every_point(Kind::WebUpgrade);
}

#[test]
fn the_other_deeds_on_releases() {
    let others = RELEASES.into_iter().filter(|kind| *kind != Kind::WebUpgrade);
    for kind in others {
        at_points(kind, ENTRIES);
    }
}

/// At how many of the points around the journal's entries the deeds are killed that differ from another in some steps.
const ENTRIES: usize = 6;

fn at_every_point(kind: Kind) {
    at_points(kind, usize::MAX / times());
}

fn at_points(kind: Kind, entries: usize) {
    let host = Host::new();
    let mut tally = Tally::default();
    at_points_of(&host, &Deed::prepare(&host, kind), [usize::MAX / times(), entries], &mut tally);
    tally.close(&format!("{kind:?} killed at every point"));
}

/// At so many of the points around and within steps, and around entries of the journal.
pub fn at_points_of(host: &Host, deed: &Deed, [steps, entries]: [usize; 2], tally: &mut Tally) {
    let mut seeded = Seeded::new(seed());
    let is_entry = |(point, _): &(String, usize)| point.starts_with("journal.");
    let (around, within): (Vec<_>, Vec<_>) = deed.points.iter().cloned().partition(is_entry);
    for (point, before) in &sample(within, steps).into_iter().chain(sample(around, entries)).collect::<Vec<_>>() {
        deed.reset(host);
        let promised = die_at(host, deed, point, *before);
        // Every third time it believes that the machine was booted since, and every third time it is asked once more.
        let rebooted = Manner::ordered("boot=another");
        let verdict = match seeded.below(3) {
            0 => restart_and_judge(host, deed, &rebooted, promised),
            1 => restart_judge_and_retry(host, deed, &Manner::default()),
            _ => restart_and_judge(host, deed, &Manner::default(), promised),
        };
        let group = if point.starts_with("journal.") { "around journal entries" } else { "around and within steps" };
        tally.count(group, &format!("killed at {point}, time {}", before + 1), verdict);
    }
}

/// Begins the deed on a daemon that dies at a point. What the caller was promised before that.
pub fn die_at(host: &Host, deed: &Deed, point: &str, before: usize) -> Option<Side> {
    let orders = Manner::ordered(format!("kill={point}*{}", before + 1));
    let mut daemon = match Daemon::start(host, &orders) {
        Start::Up(daemon) => daemon,
        Start::Died(status) => panic!("died of {status} before it was asked"),
    };
    let reply = deed.drive(&mut daemon);
    if reply.is_some() {
        // The answer was on its way already; or it never comes to that point.
        let died = refit_testkit::wait::try_wait(PATIENCE, || daemon.child.exited());
        assert!(died.is_some(), "{point} is never reached: {reply:?}");
    }
    daemon.kill_all();
    is_ok(&reply).then_some(Side::New)
}
