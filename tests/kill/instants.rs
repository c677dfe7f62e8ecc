//! Killed at random instants: the daemon with everything that it started, or the daemon alone, whose git lives on.

use std::fs;
use std::path::Path;

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

#[test]
fn all_of_it_with_dependencies() {
    let kinds = [Kind::DepsUpgrade, Kind::DepsInPlace];
    at_random_instants_of(&Host::with_needs(), "all of it, dependencies", &kinds, RUNS / 3, Daemon::kill_all);
}

/// Its pip, apt and npm live on.
#[test]
fn the_daemon_alone_with_dependencies() {
    let kinds = [Kind::DepsUpgrade, Kind::DepsInPlace];
    let alone = |daemon: &mut Daemon| daemon.child.kill();
    at_random_instants_of(&Host::with_needs(), "the daemon alone, dependencies", &kinds, RUNS / 3, alone);
}

/// Where pip, npm and apt begin.
const LONG: [&str; 4] =
    ["environment_install.before", "environment_check.before", "node_stage.before", "packages_install.before"];

fn passed_in(note: &Path, point: &str) -> bool {
    fs::read_to_string(note).unwrap_or_default().lines().any(|line| line == point)
}

fn at_random_instants(
    title: &str,
    kinds: &[Kind],
    runs: usize,
    kill: impl Fn(&mut Daemon) -> std::process::ExitStatus,
) {
    at_random_instants_of(&Host::new(), title, kinds, runs, kill);
}

fn at_random_instants_of(
    host: &Host,
    title: &str,
    kinds: &[Kind],
    runs: usize,
    kill: impl Fn(&mut Daemon) -> std::process::ExitStatus,
) {
    let mut tally = Tally::default();
    for kind in kinds.iter().copied() {
        let deed = Deed::prepare(host, kind);
        let mut seeded = Seeded::new(seed());
        for run in 0..runs * times() {
            deed.reset(host);
            let note = host.beside("instants");
            let _ = fs::remove_file(&note);
            let orders = host.needs.as_ref().map(|_| format!("note={}", note.display()));
            let mut daemon = Daemon::up_with(host, &Manner::ordered(orders.unwrap_or_default()));
            // A tenth later than it takes, so that some live to their end.
            let mut moment = seeded.span(deed.took.mul_f64(1.1));
            let _asked = Asked::of(host, &deed);
            if host.needs.is_some() {
                // What takes long takes another time each time: it is waited for.
                let after = &deed.points[usize::try_from(seeded.below(deed.points.len() as u64)).expect("an index")];
                let after = if run % 2 == 0 { LONG[run / 2 % LONG.len()] } else { after.0.as_str() };
                let _ended =
                    try_wait(PATIENCE, || passed_in(&note, after).then_some(()).or(daemon.child.exited().map(drop)));
                moment = seeded.span(deed.took / if run % 2 == 0 { 6 } else { 40 });
            }
            let _lived = try_wait(moment, || daemon.child.exited());
            kill(&mut daemon);
            drop(daemon);
            let verdict = if run % 3 == 0 {
                restart_judge_and_retry(host, &deed, &Manner::default())
            } else {
                restart_and_judge(host, &deed, &Manner::default(), None)
            };
            tally.count(&format!("{kind:?}"), &format!("killed after {moment:?}"), verdict);
        }
    }
    tally.close(&format!("Killed at random instants, {title}"));
}
