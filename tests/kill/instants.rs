//! Killed at random instants: the daemon with everything that it started, or the daemon alone, whose git lives on.

use refit_testkit::kill::Seeded;
use refit_testkit::wait::try_wait;

use crate::daemon::{Asked, Daemon, Manner};
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
            let mut daemon = Daemon::up(host);
            // A tenth later than it takes, so that some live to their end.
            let moment = seeded.span(deed.took.mul_f64(1.1));
            let _asked = Asked::of(host, &deed);
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
