//! Killed inside pip: at its nth change of the disk, and the daemon with it, or pip alone.

use refit_testkit::kill::Seeded;

use crate::daemon::{Daemon, Manner};
use crate::deeds::{Deed, is_ok};
use crate::host::Host;
use crate::needs::deaths::{self, Whom};
use crate::oracle::{Side, judge, restart_and_judge, restart_judge_and_retry};
use crate::tally::{Tally, sample, seed};

/// At so many of the changes that these pips of the deed make (`install`).
pub fn pip_dies(host: &Host, deed: &Deed, which: &str, wanted: usize, tally: &mut Tally) {
    let mut seeded = Seeded::new(seed());
    let count = deed.dependencies.changes.get(which).copied().unwrap_or_default();
    assert!(count > 0, "no pip {which} changes anything in {:?}", deed.kind);
    for (at, nth) in sample((1..=count).collect(), wanted).into_iter().enumerate() {
        deed.reset(host);
        // Every other time pip alone.
        let whom = if at % 2 == 1 { Whom::Alone } else { Whom::Both };
        let mut daemon = Daemon::up(host);
        deaths::order(host, which, nth, whom);
        let reply = deed.drive(&mut daemon);
        deaths::take_back(host);
        // A pip with less to write than all of them together lives.
        let promised = is_ok(&reply).then_some(Side::New);
        let verdict = match whom {
            Whom::Both => {
                daemon.kill_all();
                match seeded.below(2) {
                    0 => restart_judge_and_retry(host, deed, &Manner::default()),
                    _ => restart_and_judge(host, deed, &Manner::default(), promised),
                }
            }
            Whom::Alone => {
                let verdict = judge(host, deed, &mut daemon, promised);
                daemon.kill_all();
                verdict.map_err(|why| format!("{why}\nanswer {reply:?}\n{}", daemon.child.log()))
            }
        };
        let group = format!("{:?}, pip {which}, {whom:?}", deed.kind);
        tally.count(&group, &format!("killed at change {nth} of {count}"), verdict);
    }
}
