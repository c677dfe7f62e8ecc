//! The remote refuses, falls silent, resets and lies, at every phase of an upgrade and of a hard recovery: the old state
//! stays, the error names the network, the repository is not blamed, and once the remote is well the deed succeeds.

use std::fs;

use refit_testkit::git_http::{Ask, Fault, Lie};
use serde_json::Value;

use crate::daemon::{Daemon, Manner};
use crate::deeds::{Deed, Kind, is_ok};
use crate::host::Host;
use crate::oracle::{Side, judge, retry};
use crate::syscalls::{real_git, write_program};
use crate::tally::Tally;

#[test]
fn during_an_upgrade() {
    at_every_phase(Kind::UpgradeAsks);
}

#[test]
fn during_a_hard_recovery() {
    at_every_phase(Kind::HardDirty);
}

fn at_every_phase(kind: Kind) {
    let host = Host::new();
    let deed = Deed::prepare(&host, kind);
    let route = host.remote.route();
    let manner = impatient(&host);
    let mut tally = Tally::default();
    deed.reset(&host);
    let mut daemon = Daemon::up_with(&host, &manner);
    for ask in [Ask::Discovery, Ask::LsRefs, Ask::Fetch] {
        for fault in faults(ask) {
            host.server.add_fault(&route, ask, fault.clone());
            let reply = deed.drive(&mut daemon);
            host.server.heal(&route);
            host.server.release();
            let harmless = is_ok(&reply);
            let promised = if harmless { Side::New } else { Side::Old };
            let told = if harmless { Ok(()) } else { names_the_network(&reply) };
            let verdict = told.and_then(|()| judge(&host, &deed, &mut daemon, Some(promised)));
            let verdict = verdict.and_then(|side| blameless(&deed, &mut daemon).map(|()| side));
            tally.count(
                &format!("{kind:?}, {ask:?}"),
                &format!("{fault:?}"),
                verdict.map_err(|why| format!("{why}\n{reply:?}")),
            );
            if harmless {
                daemon.kill_all();
                deed.reset(&host);
                daemon = Daemon::up_with(&host, &manner);
            }
        }
    }
    assert_eq!(retry(&host, &deed, &mut daemon), Ok(()), "once the remote is well\n{}", daemon.child.log());
    daemon.kill_all();
    // Slow is not stalled.
    deed.reset(&host);
    let mut daemon = Daemon::up_with(&host, &manner);
    host.server.add_fault(&route, Ask::Fetch, Fault::SlowDrip { bytes_per_second: 1000 });
    let reply = deed.drive(&mut daemon);
    assert!(is_ok(&reply), "slow, but moving: {reply:?}");
    host.server.heal(&route);
    daemon.kill_all();
    tally.close(&format!("Remote trouble at every phase of {kind:?}"));
}

fn faults(ask: Ask) -> Vec<Fault> {
    let mut faults = vec![
        Fault::Refuse(500),
        Fault::Refuse(404),
        Fault::Reset { after: 0 },
        Fault::Reset { after: 40 },
        Fault::Stall { after: 0 },
        Fault::Stall { after: 40 },
        Fault::Lie(Lie::Garbage),
        Fault::Lie(Lie::BadPktLines),
    ];
    match ask {
        Ask::Discovery | Ask::Other => {}
        Ask::LsRefs => faults.push(Fault::Lie(Lie::UnknownSha)),
        Ask::Fetch => faults.push(Fault::Lie(Lie::TruncatedPack)),
    }
    faults
}

fn names_the_network(reply: &Option<Value>) -> Result<(), String> {
    let Some(reply) = reply else { return Err("the daemon died".to_owned()) };
    let message = reply["error"]["message"].as_str().unwrap_or_default().to_lowercase();
    let named = ["fetch from", "clone", "network", "remote", "server"].iter().any(|word| message.contains(word));
    let blamed = ["corrupt", "not valid", "dirty", "damaged"].iter().any(|word| message.contains(word));
    if named && !blamed { Ok(()) } else { Err(format!("the error does not name the network: {reply}")) }
}

/// The status does not blame the repository for its remote.
fn blameless(deed: &Deed, daemon: &mut Daemon) -> Result<(), String> {
    let entry = daemon.entry(deed.kind.name());
    let valid = deed.kind != Kind::UpgradeAsks || (entry["is_valid"] == true && entry["is_dirty"] == false);
    if valid && entry["corrupt"] == false { Ok(()) } else { Err(format!("the repository is blamed: {entry}")) }
}

/// A `git` that waits for two seconds where it is told to wait for a minute, and that waits for ever where it is not told.
fn impatient(host: &Host) -> Manner {
    let folder = host.beside("impatient");
    fs::create_dir_all(&folder).expect("a folder");
    let text = format!(
        "#!/bin/sh\nif [ \"$GIT_HTTP_LOW_SPEED_TIME\" = 60 ]; then\n  export GIT_HTTP_LOW_SPEED_TIME=2\nfi\nexec {} \"$@\"\n",
        real_git().display()
    );
    write_program(&folder.join("git"), &text);
    Manner { path_first: Some(folder), ..Manner::default() }
}
