//! Killed at random instants: the daemon with everything that it started, or the daemon alone, whose git lives on.

use std::fs;

use refit_testkit::kill::Seeded;
use refit_testkit::wait::try_wait;

use crate::daemon::{Asked, Daemon, Manner, PATIENCE};
use crate::deeds::{Deed, GIT, Kind, RELEASES};
use crate::host::Host;
use crate::oracle::{restart_and_judge, restart_judge_and_retry};
use crate::tally::{Tally, seed, times};

/// Per deed on a repository; half as many per deed on a release.
const RUNS: usize = 12;

#[test]
fn all_of_it() {
    at_random_instants("all of it", &GIT, RUNS, Daemon::kill_all);
}

#[test]
fn the_daemon_alone() {
    at_random_instants("the daemon alone", &GIT, RUNS, |daemon| daemon.child.kill());
}

#[test]
fn all_of_it_during_releases() {
    at_random_instants("all of it, releases", &RELEASES, RUNS / 2, Daemon::kill_all);
}

/// Only one of them starts a process.
#[test]
fn the_daemon_alone_during_an_executable() {
    at_random_instants("the daemon alone, releases", &[Kind::ToolUpgrade], RUNS, |daemon| daemon.child.kill());
}

/// Where pip, npm and apt begin.
const LONG: [&str; 4] =
    ["environment_install.before", "environment_check.before", "node_stage.before", "packages_install.before"];

fn at_random_instants(
    title: &str,
    kinds: &[Kind],
    runs: usize,
    kill: impl Fn(&mut Daemon) -> std::process::ExitStatus,
) {
    let host = Host::new();
    let mut tally = Tally::default();
    for kind in kinds.iter().copied() {
        let deed = Deed::prepare(&host, kind);
        let mut seeded = Seeded::new(seed());
        for run in 0..runs * times() {
            deed.reset(&host);
            let mut daemon = Daemon::up(&host);
            // A tenth later than it takes, so that some live to their end.
            let moment = seeded.span(deed.took.mul_f64(1.1));
            let _asked = Asked::of(&host, &deed);
            let _lived = try_wait(moment, || daemon.child.exited());
            kill(&mut daemon);
            drop(daemon);
            judged(&host, &deed, run, &format!("killed after {moment:?}"), &mut tally);
        }
    }
    tally.close(&format!("Killed at random instants, {title}"));
}

/// The same of a deed in which others work for long: at a random instant after one of them began, or after any point, since
/// how long they take is another each time.
pub fn at_instants_after_points(
    host: &Host,
    deed: &Deed,
    runs: usize,
    tally: &mut Tally,
    kill: impl Fn(&mut Daemon) -> std::process::ExitStatus,
) {
    let mut seeded = Seeded::new(seed());
    let note = host.beside("instants");
    let (points, long): (Vec<_>, Vec<_>) =
        deed.points.iter().map(|(point, _)| point.as_str()).partition(|point| !LONG.contains(point));
    for run in 0..runs * times() {
        deed.reset(host);
        let _ = fs::remove_file(&note);
        let mut daemon = Daemon::up_with(host, &Manner::ordered(format!("note={}", note.display())));
        let _asked = Asked::of(host, deed);
        let (after, longest) = match run % 2 {
            0 => (long[run / 2 % long.len()], deed.took / 6),
            _ => (*seeded.pick(&points), deed.took / 40),
        };
        let passed = || fs::read_to_string(&note).unwrap_or_default().lines().any(|line| line == after);
        let _passed = try_wait(PATIENCE, || passed().then_some(()).or(daemon.child.exited().map(drop)));
        let moment = seeded.span(longest);
        let _lived = try_wait(moment, || daemon.child.exited());
        kill(&mut daemon);
        drop(daemon);
        judged(host, deed, run, &format!("killed {moment:?} after {after}"), tally);
    }
}

fn judged(host: &Host, deed: &Deed, run: usize, what: &str, tally: &mut Tally) {
    let verdict = if run.is_multiple_of(3) {
        restart_judge_and_retry(host, deed, &Manner::default())
    } else {
        restart_and_judge(host, deed, &Manner::default(), None)
    };
    tally.count(&format!("{:?}", deed.kind), what, verdict);
}
