//! The new version is sick: its page asks for a file that is not there. It is taken back, and the daemon dies at each point
//! from the check on. (Where the new version is well, the points around health are among all the others of each deed.)

use std::fs;

use serde_json::Value;

use crate::daemon::{Asked, Daemon, Manner, PATIENCE};
use crate::deeds::{Deed, Kind, is_ok, passed};
use crate::host::Host;
use crate::oracle::{Side, judge, restart_and_judge};
use crate::tally::{Tally, sample, times};

/// Everything was verified, and health is asked next.
const STOP: &str = "release_verify.after";
/// What the page of the second version asks for.
const ASKED_FOR: &str = "new/n.js";
/// At how many points around and within steps, and around entries of the journal.
const WANTED: [usize; 2] = [16, 6];

#[test]
fn killed_while_a_sick_version_is_taken_back() {
    let host = Host::new();
    let mut tally = Tally::default();
    let deed = Deed::prepare(&host, Kind::WebUpgrade);
    let (steps, entries): (Vec<_>, Vec<_>) =
        way_back(&host, &deed, &mut tally).into_iter().partition(|(point, _)| !point.starts_with("journal."));
    assert!(steps.iter().any(|(point, _)| point == "health_again.after"), "{steps:?}");
    let (some, few) = (sample(steps, WANTED[0] * times()), sample(entries, WANTED[1] * times()));
    for (point, before) in some.into_iter().chain(few) {
        deed.reset(&host);
        let (mut daemon, reply) = fall_sick(&host, &deed, &format!("kill={point}*{}", before + 1));
        assert!(reply.is_none(), "{point} is never reached: {reply:?}");
        daemon.kill_all();
        let verdict = restart_and_judge(&host, &deed, &Manner::default(), Some(Side::Old));
        tally.count("Sick", &format!("killed at {point}, time {}", before + 1), verdict);
    }
    tally.close("Killed while a sick version is taken back");
}

/// The points from the check on. It must end old by itself, and say why.
fn way_back(host: &Host, deed: &Deed, tally: &mut Tally) -> Vec<(String, usize)> {
    let note = host.beside("sick-points");
    let _ = fs::remove_file(&note);
    deed.reset(host);
    let (mut daemon, reply) = fall_sick(host, deed, &format!("note={}", note.display()));
    let told = reply.as_ref().and_then(|reply| reply["error"]["message"].as_str()).unwrap_or_default();
    assert!(!is_ok(&reply), "it went through\n{}", daemon.child.log());
    for words in ["web's update was taken back: ", ASKED_FOR, "is in use again and its page is whole"] {
        assert!(told.contains(words), "{told}");
    }
    let verdict = judge(host, deed, &mut daemon, Some(Side::Old));
    tally.count("Sick", "taken back, not killed", verdict);
    daemon.kill_all();
    let points = passed(&fs::read_to_string(&note).unwrap_or_default());
    let check = points.iter().position(|(point, _)| point == "health_check.before").unwrap_or_default();
    points.into_iter().skip(check).collect()
}

/// Asks for the update, and takes the file away once it was verified to be there.
fn fall_sick(host: &Host, deed: &Deed, orders: &str) -> (Daemon, Option<Value>) {
    let mut daemon = Daemon::up_with(host, &Manner::ordered(format!("stop={STOP},{orders}")));
    let asked = Asked::of(host, deed);
    assert!(daemon.halts(PATIENCE), "{STOP} is never reached:\n{}", daemon.child.log_tail());
    fs::remove_file(host.software(deed.kind.name()).join(ASKED_FOR)).expect("a shipped file");
    daemon.go_on();
    (daemon, asked.reply())
}
