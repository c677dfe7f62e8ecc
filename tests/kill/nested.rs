//! Killed again while it recovers: each start dies at a point of its own until, at the last attempt, it is left alone. And
//! when it dies at every attempt, it stops, says so, and has lost nothing.

use refit_testkit::kill::Seeded;

use crate::daemon::{Daemon, Manner, Start};
use crate::deeds::{Deed, Kind, passed};
use crate::folders;
use crate::host::Host;
use crate::needs::verdict;
use crate::oracle::{lost, restart_and_judge, restart_judge_and_retry, strays};
use crate::points::die_at;
use crate::tally::{Tally, sample, seed};

#[test]
fn killed_twice_more() {
    twice_more(&[
        (Kind::Upgrade, 8),
        (Kind::Rollback, 4),
        (Kind::SoftDirty, 4),
        (Kind::SoftDamaged, 8),
        (Kind::HardDamaged, 8),
    ]);
}

#[test]
fn killed_twice_more_during_releases() {
    twice_more(&[
        (Kind::WebUpgrade, 10),
        (Kind::ToolUpgrade, 4),
        (Kind::WebRollback, 8),
        (Kind::ZipRollback, 4),
        (Kind::ZipHard, 8),
    ]);
}

fn twice_more(deeds: &[(Kind, usize)]) {
    let host = Host::new();
    let mut tally = Tally::default();
    for (kind, wanted) in deeds.iter().copied() {
        twice_more_of(&host, &Deed::prepare(&host, kind), wanted, &mut tally);
    }
    tally.close("Killed again, twice, during the recovery");
}

/// At so many of the points of the deed.
pub fn twice_more_of(host: &Host, deed: &Deed, wanted: usize, tally: &mut Tally) {
    let kind = deed.kind;
    let mut seeded = Seeded::new(seed());
    for (point, before) in sample(deed.points.clone(), wanted) {
        deed.reset(host);
        die_at(host, deed, &point, before);
        let recovery = points_of_recovery(host);
        // The same once more: a copy of what is left would have other inodes.
        deed.reset(host);
        die_at(host, deed, &point, before);
        let mut what = format!("{kind:?} killed at {point}");
        for boot in ["second", "third"].into_iter().take(recovery.len()) {
            let (again, times) = seeded.pick(&recovery).clone();
            what += &format!(", then at {again}");
            let orders = Manner::ordered(format!("kill={again}*{},boot={boot}", times + 1));
            match Daemon::start(host, &orders) {
                Start::Died(_) => {}
                // The first death left less to do.
                Start::Up(mut daemon) => drop(daemon.kill_all()),
            }
        }
        let verdict = if seeded.below(2) == 0 {
            restart_and_judge(host, deed, &Manner::default(), None)
        } else {
            restart_judge_and_retry(host, deed, &Manner::default())
        };
        tally.count(&format!("{kind:?}"), &what, verdict);
    }
}

#[test]
fn killed_at_every_attempt() {
    at_every_attempt(
        Kind::Upgrade,
        &["git_switch.marked", "git_switch.reset", "git_switch.after"],
        "git_switch.before",
    );
}

#[test]
fn killed_at_every_attempt_at_a_release() {
    let exchange = ["release_exchange.before", "folder_exchange.exchanged", "release_exchange.after"];
    at_every_attempt(Kind::WebUpgrade, &exchange[..2], "release_exchange.before");
    at_every_attempt(Kind::ZipHard, &exchange, "release_verify.before");
}

fn at_every_attempt(kind: Kind, points: &[&str], again: &str) {
    let host = Host::new();
    at_every_attempt_of(&host, &Deed::prepare(&host, kind), points, again);
}

pub fn at_every_attempt_of(host: &Host, deed: &Deed, points: &[&str], again: &str) {
    let kind = deed.kind;
    let name = kind.name();
    for point in points {
        deed.reset(host);
        die_at(host, deed, point, 0);
        for _attempt in 0..3 {
            let start = Daemon::start(host, &Manner::ordered(format!("kill={again}")));
            assert!(matches!(start, Start::Died(_)), "the recovery of {point} does not pass {again}");
        }
        let mut daemon = Daemon::up(host);
        let run = daemon.newest_run(name);
        assert_eq!(run["outcome"], "needs_attention", "{point}: {run}");
        let status = daemon.result("machine.update.status", serde_json::json!({"refresh": false}));
        assert_eq!(status["refit"]["attention"][0]["name"], name, "{status}");
        assert_eq!(lost(host, deed), Vec::<String>::new(), "{point}");
        // The way out that it names.
        let reply = daemon.ask("machine.update.recover", serde_json::json!({"name": name, "hard": true}));
        assert!(crate::deeds::is_ok(&reply), "{reply:?}");
        if kind.is_release() {
            let end = folders::judge_again(host, deed);
            assert_eq!(end, Vec::<String>::new(), "{point}");
        } else {
            assert_eq!(host.app().blemishes(), Vec::<String>::new(), "{point}");
            assert_eq!(verdict::fits(host), Vec::<String>::new(), "{point}");
        }
        assert_eq!(lost(host, deed), Vec::<String>::new(), "{point}");
        let mut strays = strays(host);
        // What was exchanged lies there still, until the environment changes the next time.
        strays.retain(|stray| host.needs.is_none() || !stray.contains(".refit-new-"));
        assert_eq!(strays, Vec::<String>::new(), "{point}");
        daemon.kill_all();
    }
    println!("{kind:?} killed at every attempt: {} times told, nothing lost, and repaired on request", points.len());
}

/// What an undisturbed recovery of the host as it stands passes.
fn points_of_recovery(host: &Host) -> Vec<(String, usize)> {
    let note = host.beside("recovery-points");
    let _ = std::fs::remove_file(&note);
    let mut daemon = Daemon::up_with(host, &Manner::ordered(format!("note={}", note.display())));
    daemon.kill_all();
    passed(&std::fs::read_to_string(&note).unwrap_or_default())
}
