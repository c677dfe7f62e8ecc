//! The release host refuses, falls silent, resets, cuts and lies, where it is asked for a release and where for its file:
//! the old folder stays, the error names the server or the file, and once the host is well the deed succeeds.

use std::time::Duration;

use refit_testkit::releases::Fault;
use serde_json::Value;

use crate::daemon::{Daemon, Manner};
use crate::deeds::{Deed, Kind, is_ok};
use crate::host::Host;
use crate::oracle::{Side, judge, retry};
use crate::tally::Tally;

/// What the addresses have in common of the questions for a release by its tag, of the files as they are
/// published, and of the storage that those lead to.
const QUESTIONS: &str = "/tags/";
const LINKS: &str = "/releases/download/";
const FILES: &str = "assets-host";

#[test]
fn during_an_upgrade() {
    at_every_phase(Kind::ZipUpgrade, &[LINKS, FILES]);
}

#[test]
fn during_a_hard_recovery() {
    at_every_phase(Kind::ZipHard, &[QUESTIONS, LINKS, FILES]);
}

#[test]
fn during_a_rollback() {
    at_every_phase(Kind::ZipRollback, &[QUESTIONS, LINKS, FILES]);
}

fn at_every_phase(kind: Kind, parts: &[&str]) {
    let host = Host::new();
    let deed = Deed::prepare(&host, kind);
    // An upgrade and a rollback before it left the files: there would be nothing to ask for.
    let reset = || {
        deed.reset(&host);
        let _ = std::fs::remove_dir_all(host.downloads());
    };
    let impatient = Manner::ordered("patience=150");
    let mut tally = Tally::default();
    reset();
    let mut daemon = Daemon::up_with(&host, &impatient);
    for part in parts {
        for fault in faults() {
            host.forge.fault(fault.clone().on(part));
            let reply = deed.drive(&mut daemon);
            host.forge.heal();
            host.forge.release();
            let harmless = is_ok(&reply);
            let promised = if harmless { Side::New } else { Side::Old };
            let told = if harmless { Ok(()) } else { names_the_server(&reply) };
            let verdict = told.and_then(|()| judge(&host, &deed, &mut daemon, Some(promised)));
            tally.count(
                &format!("{kind:?}, {part}"),
                &format!("{fault:?}"),
                verdict.map_err(|why| format!("{why}\n{reply:?}")),
            );
            if harmless {
                daemon.kill_all();
                reset();
                daemon = Daemon::up_with(&host, &impatient);
            }
        }
    }
    assert_eq!(retry(&host, &deed, &mut daemon), Ok(()), "once the host is well\n{}", daemon.child.log());
    daemon.kill_all();
    tally.close(&format!("Release host trouble at every phase of {kind:?}"));
}

fn faults() -> Vec<Fault> {
    vec![
        Fault::status(500),
        Fault::status(404),
        Fault::status(403),
        Fault::secondary_limit(None),
        Fault::Reset,
        Fault::ResetAfter(40),
        Fault::CutAfter(40),
        Fault::StallAfter(0),
        Fault::StallAfter(40),
        Fault::redirect("http://127.0.0.1:1/elsewhere"),
        Fault::WrongBytes,
        Fault::Truncated(40),
        Fault::NoLength,
        Fault::Endless,
        Fault::NotJson,
        // Slow is not stalled.
        Fault::SlowPerChunk(Duration::from_millis(50)),
    ]
}

fn names_the_server(reply: &Option<Value>) -> Result<(), String> {
    let Some(reply) = reply else { return Err("the daemon died".to_owned()) };
    let message = reply["error"]["message"].as_str().unwrap_or_default().to_lowercase();
    let named = ["127.0.0.1", "zip.zip", "server"].iter().any(|word| message.contains(word));
    let blamed = ["corrupt", "not valid", "damaged", "invalid install"].iter().any(|word| message.contains(word));
    if named && !blamed { Ok(()) } else { Err(format!("the error does not name the server: {reply}")) }
}
