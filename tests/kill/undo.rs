//! The change fails half-way, and the daemon dies while it takes it back. And between this and the undisturbed deeds every
//! point that there is has been passed, so that none is left untried.

use crate::system::is_of_the_system;
use std::collections::BTreeSet;
use std::fs;

use refit_adapters::fault::POINTS;
use serde_json::Value;

use crate::daemon::{Asked, Daemon, Manner, PATIENCE};
use crate::deeds::{Deed, GIT, Kind, RELEASES, is_ok, passed};
use crate::host::{Host, NAME};
use crate::needs::service;
use crate::oracle::{Side, judge, restart_and_judge};
use crate::syscalls::{real_git, wrapped, write_program};
use crate::tally::{Tally, sample};

/// The deeds that fail, and at how many of the points of their way back they are killed.
const FAILING: [(Kind, usize); 7] = [
    (Kind::Upgrade, 14),
    (Kind::SoftDirty, 6),
    (Kind::HardDirty, 14),
    (Kind::HardDamaged, 6),
    (Kind::WebUpgrade, 10),
    (Kind::ZipRollback, 6),
    (Kind::ZipHard, 8),
];

#[test]
fn killed_on_the_way_back() {
    let host = Host::new();
    let mut tally = Tally::default();
    let mut tried: BTreeSet<String> = BTreeSet::new();
    for (kind, wanted) in FAILING {
        let deed = Deed::prepare(&host, kind);
        on_the_way_back(&host, &deed, [wanted, wanted / 2], &mut tally, &mut tried);
    }
    for kind in GIT.into_iter().chain(RELEASES).filter(|kind| FAILING.iter().all(|(failing, _)| failing != kind)) {
        tried.extend(Deed::prepare(&host, kind).points.into_iter().map(|(point, _)| point));
    }
    none_is_untried(&tried, |point| !is_of_dependencies(point) && !is_of_the_system(point));
    tally.close("Killed while a failed change is taken back");
}

/// The other deeds pass the others; these are passed by those on dependencies ([`crate::needs::sweeps`]).
pub fn is_of_dependencies(point: &str) -> bool {
    ["environment_", "packages_", "node_", "service"].iter().any(|start| point.starts_with(start))
}

pub fn none_is_untried(tried: &BTreeSet<String>, counts: impl Fn(&str) -> bool) {
    let untried: Vec<_> = POINTS.iter().filter(|point| counts(point) && !tried.contains(**point)).collect();
    assert!(untried.is_empty(), "no deed passes {untried:?}");
}

/// At so many of the points where something is undone, and of the many entries of the journal.
pub fn on_the_way_back(
    host: &Host,
    deed: &Deed,
    [steps_wanted, entries_wanted]: [usize; 2],
    tally: &mut Tally,
    tried: &mut BTreeSet<String>,
) {
    let kind = deed.kind;
    let way_back = points_of_failure(host, deed, tally);
    tried.extend(deed.points.iter().chain(&way_back).map(|(point, _)| point.clone()));
    let (steps, entries): (Vec<_>, Vec<_>) =
        way_back.into_iter().partition(|(point, _)| !point.starts_with("journal."));
    for (point, before) in sample(steps, steps_wanted).into_iter().chain(sample(entries, entries_wanted)) {
        deed.reset(host);
        let manner = failing(host, deed, &format!("kill={point}*{}", before + 1));
        let mut daemon = Daemon::up_with(host, &manner);
        let reply = drive_to_failure(host, deed, &mut daemon);
        assert!(reply.is_none(), "{kind:?}: {point} is never reached: {reply:?}");
        daemon.kill_all();
        let verdict = restart_and_judge(host, deed, &Manner::default(), None);
        tally.count(&format!("{kind:?}"), &format!("killed at {point} on the way back"), verdict);
    }
}

/// The points that a failing deed passes, without those before the change began. It must end old by itself.
fn points_of_failure(host: &Host, deed: &Deed, tally: &mut Tally) -> Vec<(String, usize)> {
    let note = host.beside("failure-points");
    let _ = fs::remove_file(&note);
    deed.reset(host);
    let mut daemon = Daemon::up_with(host, &failing(host, deed, &format!("note={}", note.display())));
    let reply = drive_to_failure(host, deed, &mut daemon);
    let ended = daemon.child.exited();
    assert!(
        reply.is_some() && !is_ok(&reply),
        "{:?} does not fail: {reply:?}, {ended:?}\n{}",
        deed.kind,
        daemon.child.log()
    );
    let verdict = judge(host, deed, &mut daemon, Some(Side::Old));
    tally.count(&format!("{:?}", deed.kind), "failed, not killed", verdict);
    daemon.kill_all();
    let points = passed(&fs::read_to_string(&note).unwrap_or_default());
    let turn = points.iter().position(|(point, _)| point == "check_printer.after").unwrap_or_default();
    points.into_iter().skip(turn).collect()
}

/// Where the folder of a release is looked at, and found to lack a file.
const STOP: &str = "release_exchange.after";

/// Asks for the deed, and damages the folder of a release half-way.
fn drive_to_failure(host: &Host, deed: &Deed, daemon: &mut Daemon) -> Option<Value> {
    if !deed.kind.is_release() {
        return deed.drive(daemon);
    }
    let asked = Asked::of(host, deed);
    if daemon.halts(PATIENCE) {
        fs::remove_file(host.software(deed.kind.name()).join("index.html")).expect("a shipped file");
        daemon.go_on();
    }
    asked.reply()
}

/// A git that fails once, half-way through the change: in the reset, or where the fresh clone is verified. Or a daemon
/// that waits for somebody to damage the folder.
fn failing(host: &Host, deed: &Deed, orders: &str) -> Manner {
    if deed.kind.is_release() {
        return Manner::ordered(format!("stop={STOP},{orders}"));
    }
    if host.needs.is_some() {
        // The last of all: everything was changed by then.
        service::refuse(host, deed.kind.is_upgrade_with_needs());
        return Manner::ordered(orders);
    }
    let manner = match deed.kind {
        Kind::HardDirty | Kind::HardDamaged => failing_verification(host),
        _ => wrapped(host, "reset", "-e inject=unlink:signal=KILL:when=3", false),
    };
    Manner { orders: orders.to_owned(), ..manner }
}

/// A git that cannot tell the status once the old folder was put aside.
fn failing_verification(host: &Host) -> Manner {
    let folder = host.beside("failing");
    fs::create_dir_all(&folder).expect("a folder");
    let text = format!(
        "#!/bin/sh\nfor word in \"$@\"; do\n  [ \"$word\" = status ] && [ -d {} ] && exit 1\ndone\nexec {} \"$@\"\n",
        host.kept(NAME).display(),
        real_git().display()
    );
    write_program(&folder.join("git"), &text);
    Manner { path_first: Some(folder), ..Manner::default() }
}
