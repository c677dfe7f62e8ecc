//! The sweeps over deeds on software that depends on others'. All on one host, or two: an environment takes long to make.

use std::collections::{BTreeSet, HashMap};

use crate::daemon::{Daemon, Manner};
use crate::deeds::{Deed, Kind, NEEDS, is_ok, passed};
use crate::full::{from_a_point_on_of, from_the_start_of};
use crate::host::Host;
use crate::instants::at_instants_after_points;
use crate::needs::inside_pip::pip_dies;
use crate::needs::offline::at_each_request;
use crate::needs::verdict;
use crate::nested::{at_every_attempt_of, twice_more_of};
use crate::points::at_points_of;
use crate::power::{self, Rig};
use crate::tally::{Tally, times};
use crate::undo::{is_of_dependencies, none_is_untried, on_the_way_back};

/// At how many points around and within steps, and around entries of the journal.
const POINTS: [(Kind, [usize; 2]); 8] = [
    (Kind::DepsUpgrade, [5, 1]),
    (Kind::DepsRollback, [1, 0]),
    (Kind::DepsRollbackExact, [1, 0]),
    (Kind::DepsRecover, [1, 0]),
    (Kind::DepsRebuild, [1, 0]),
    (Kind::DepsInPlace, [3, 0]),
    (Kind::DepsRebuildInPlace, [1, 0]),
    (Kind::PythonUpgrade, [1, 0]),
];

/// The deeds that fail, and at how many points of their way back.
const FAILING: [(Kind, [usize; 2]); 3] =
    [(Kind::DepsUpgrade, [2, 0]), (Kind::DepsInPlace, [2, 0]), (Kind::DepsRebuildInPlace, [1, 0])];

/// The pips that die, and at how many of their changes.
const PIPS: [(Kind, &str, usize); 3] =
    [(Kind::DepsUpgrade, "install", 1), (Kind::DepsInPlace, "install", 3), (Kind::DepsRollbackExact, "uninstall", 1)];

/// Builds an environment anew each time, which takes longest: only where more runs than usual are wanted.
fn is_for_a_night(kind: Kind) -> bool {
    kind == Kind::DepsRebuildInPlace
}

#[test]
fn at_points_and_instants_and_in_pip() {
    let host = Host::with_needs();
    let is_wanted = |kind: &Kind| times() > 1 || !is_for_a_night(*kind);
    let deeds: HashMap<Kind, Deed> =
        NEEDS.into_iter().filter(is_wanted).map(|kind| (kind, Deed::prepare(&host, kind))).collect();
    let mut points = Tally::default();
    for (kind, wanted) in POINTS.into_iter().filter(|(kind, _)| is_wanted(kind)) {
        at_points_of(&host, &deeds[&kind], wanted, &mut points);
    }
    let mut back = Tally::default();
    let mut tried: BTreeSet<String> =
        deeds.values().flat_map(|deed| &deed.points).map(|(point, _)| point.clone()).collect();
    for (kind, wanted) in FAILING.into_iter().filter(|(kind, _)| is_wanted(kind)) {
        on_the_way_back(&host, &deeds[&kind], wanted, &mut back, &mut tried);
    }
    tried.extend(points_of_all_together(&host, &deeds[&Kind::DepsUpgrade]));
    none_is_untried(&tried, is_of_dependencies);
    let (mut all, mut alone) = (Tally::default(), Tally::default());
    let mut again = Tally::default();
    for kind in [Kind::DepsUpgrade, Kind::DepsInPlace] {
        at_instants_after_points(&host, &deeds[&kind], 1, &mut all, Daemon::kill_all);
        // Its pip, apt and npm live on.
        at_instants_after_points(&host, &deeds[&kind], 2, &mut alone, |daemon| daemon.child.kill());
        twice_more_of(&host, &deeds[&kind], 1, &mut again);
    }
    let mut pips = Tally::default();
    for (kind, which, wanted) in PIPS {
        pip_dies(&host, &deeds[&kind], which, wanted, &mut pips);
    }
    let mut index = Tally::default();
    at_each_request(&host, &deeds[&Kind::DepsUpgrade], 3, &mut index);
    if times() > 1 {
        at_each_request(&host, &deeds[&Kind::DepsInPlace], 1, &mut index);
    }
    let upgrade = &deeds[&Kind::DepsUpgrade];
    at_every_attempt_of(&host, upgrade, &["folder_exchange.exchanged"], "environment_exchange.before");
    Tally::close_all(vec![
        ("Dependencies, killed at points", points),
        ("Dependencies, killed while a failed change is taken back", back),
        ("Dependencies, killed at random instants, all of it", all),
        ("Dependencies, killed at random instants, the daemon alone", alone),
        ("Dependencies, killed again, twice, during the recovery", again),
        ("Dependencies, killed inside pip", pips),
        ("Dependencies, the package index in trouble at each request", index),
    ]);
}

/// An update of everything, in which restarts wait for their turn. It is not killed: its runs are those of the deeds.
fn points_of_all_together(host: &Host, deed: &Deed) -> Vec<String> {
    let note = host.beside("points-together");
    deed.reset(host);
    let mut daemon = Daemon::up_with(host, &Manner::ordered(format!("note={}", note.display())));
    daemon.wait_idle();
    let reply = daemon.ask("machine.update.full", serde_json::json!({}));
    assert!(is_ok(&reply), "{reply:?}\n{}", daemon.child.log_tail());
    daemon.kill_all();
    assert_eq!(verdict::fits(host), Vec::<String>::new());
    passed(&std::fs::read_to_string(&note).unwrap_or_default()).into_iter().map(|(point, _)| point).collect()
}

#[test]
fn on_a_disk_that_fails() {
    // An environment, its copy and the owner's packages; a fetch wants 64 MiB to be free.
    let rig = Rig::with_needs(176);
    let deeds = [Kind::DepsUpgrade, Kind::DepsInPlace].map(|kind| Deed::prepare(&rig.host, kind));
    let (mut power, mut start, mut point) = (Tally::default(), Tally::default(), Tally::default());
    for deed in &deeds {
        power::at_points_of(&rig, deed, 3, &mut power);
        from_a_point_on_of(&rig, deed, 2, &mut point);
    }
    power::after_ok(&rig, &deeds[0], &mut power);
    from_the_start_of(&rig, &deeds[0], &[0, 1 << 20], &mut start);
    Tally::close_all(vec![
        ("Dependencies, power cut at points and after ok, the remote off", power),
        ("Dependencies, disk full from the start", start),
        ("Dependencies, disk full from a point on", point),
    ]);
}
