//! The package index is down, refuses, stalls, cuts and lies, at each of the requests that a deed makes: the old state
//! stays, the error names the network or the file that is wrong, and once the index is well the deed succeeds.

use serde_json::Value;

use refit_testkit::index::Fault;

use crate::daemon::Daemon;
use crate::deeds::{Deed, is_ok};
use crate::host::Host;
use crate::oracle::{Side, judge, retry};
use crate::tally::{Tally, sample};

/// So many of all the faults at all the requests; and nobody answers at all.
pub fn at_each_request(host: &Host, deed: &Deed, wanted: usize, tally: &mut Tally) {
    let needs = host.needs.as_ref().expect("a host with needs");
    let group = format!("{:?}", deed.kind);
    let all: Vec<(usize, &String, Fault)> = deed
        .dependencies
        .requests
        .iter()
        .enumerate()
        .flat_map(|(at, asked)| faults().into_iter().map(move |fault| (at, asked, fault)))
        .collect();
    deed.reset(host);
    let mut daemon = Daemon::up(host);
    for (at, asked, fault) in sample(all, wanted) {
        needs.index.fault(fault.clone().on(asked));
        let reply = deed.drive(&mut daemon);
        needs.index.heal();
        needs.index.release();
        let harmless = is_ok(&reply);
        let told = if harmless { Ok(()) } else { names_what_is_wrong(&reply) };
        let promised = if harmless { Side::New } else { Side::Old };
        let verdict = told.and_then(|()| judge(host, deed, &mut daemon, Some(promised)));
        let verdict = verdict.map_err(|why| format!("{why}\n{reply:?}"));
        tally.count(&group, &format!("{fault:?} at request {at}, {asked}"), verdict);
        if harmless {
            daemon.kill_all();
            deed.reset(host);
            daemon = Daemon::up(host);
        }
    }
    needs.go_down();
    let reply = deed.drive(&mut daemon);
    needs.come_back();
    let verdict = names_what_is_wrong(&reply);
    let verdict = verdict.and_then(|()| judge(host, deed, &mut daemon, Some(Side::Old)));
    tally.count(&group, "nobody answers", verdict.map_err(|why| format!("{why}\n{reply:?}")));
    let again = retry(host, deed, &mut daemon).map(|()| Side::New);
    tally.count(&group, "once all is well", again.map_err(|why| format!("{why}\n{}", daemon.child.log())));
    daemon.kill_all();
}

fn faults() -> Vec<Fault> {
    vec![
        Fault::status(500),
        Fault::status(404),
        Fault::Reset,
        Fault::CutAfter(100),
        Fault::StallAfter(0),
        Fault::StallAfter(100),
        Fault::WrongBytes,
        Fault::Truncated(60),
        Fault::NotJson,
    ]
}

fn names_what_is_wrong(reply: &Option<Value>) -> Result<(), String> {
    let Some(reply) = reply else { return Err("the daemon died".to_owned()) };
    let message = reply["error"]["message"].as_str().unwrap_or_default().to_lowercase();
    let words =
        ["index", "network", "reached", "download", "hash", "no matching", "no version", "could not", "package"];
    let blamed = ["corrupt", "not valid", "dirty"].iter().any(|word| message.contains(word));
    let named = words.iter().any(|word| message.contains(word));
    if named && !blamed { Ok(()) } else { Err(format!("the error does not name what is wrong: {reply}")) }
}
