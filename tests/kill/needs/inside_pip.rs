//! Killed inside pip: at its nth change of the disk, and the daemon with it, or pip alone.

use refit_testkit::kill::Seeded;

use crate::daemon::{Daemon, Manner};
use crate::deeds::{Deed, Kind, is_ok};
use crate::host::Host;
use crate::needs::deaths::{self, Whom};
use crate::oracle::{Side, judge, restart_and_judge, restart_judge_and_retry};
use crate::tally::{Tally, sample, seed};

/// Which pips of a deed die, and at how many of their changes.
const PIPS: [(Kind, &str, usize); 4] = [
    (Kind::DepsUpgrade, "install", 3),
    (Kind::DepsInPlace, "install", 6),
    (Kind::DepsRollbackExact, "uninstall", 2),
    (Kind::DepsRecover, "install", 2),
];

#[test]
fn pip_dies() {
    let host = Host::with_needs();
    let mut tally = Tally::default();
    let mut seeded = Seeded::new(seed());
    let mut deeds: Vec<Deed> = Vec::new();
    for (kind, which, wanted) in PIPS {
        if !deeds.iter().any(|deed| deed.kind == kind) {
            deeds.push(Deed::prepare(&host, kind));
        }
        let deed = deeds.iter().find(|deed| deed.kind == kind).expect("it was just prepared");
        let count = changes_of(&host, deed, which);
        for (at, nth) in sample((1..=count).collect(), wanted).into_iter().enumerate() {
            deed.reset(&host);
            // The daemon with it twice, then pip alone.
            let whom = if at % 3 == 2 { Whom::Alone } else { Whom::Both };
            let mut daemon = Daemon::up(&host);
            deaths::order(&host, which, nth, whom);
            let reply = deed.drive(&mut daemon);
            deaths::take_back(&host);
            // A pip with less to write than all of them together lives.
            let promised = is_ok(&reply).then_some(Side::New);
            let verdict = match whom {
                Whom::Both => {
                    daemon.kill_all();
                    match seeded.below(2) {
                        0 => restart_judge_and_retry(&host, deed, &Manner::default()),
                        _ => restart_and_judge(&host, deed, &Manner::default(), promised),
                    }
                }
                Whom::Alone => {
                    let verdict = judge(&host, deed, &mut daemon, promised);
                    daemon.kill_all();
                    verdict.map_err(|why| format!("{why}\nanswer {reply:?}\n{}", daemon.child.log()))
                }
            };
            let group = format!("{kind:?}, pip {which}, {whom:?}");
            tally.count(&group, &format!("killed at change {nth} of {count}"), verdict);
        }
    }
    tally.close("Killed inside pip");
}

/// How many changes these pips make in an undisturbed deed.
fn changes_of(host: &Host, deed: &Deed, which: &str) -> usize {
    deed.reset(host);
    let mut daemon = Daemon::up(host);
    deaths::order(host, which, 0, Whom::Alone);
    let reply = deed.drive(&mut daemon);
    let count = deaths::take_back(host);
    daemon.kill_all();
    assert!(is_ok(&reply) && count > 0, "{:?}, pip {which}: {count} changes: {reply:?}", deed.kind);
    count
}
