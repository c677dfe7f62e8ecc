//! Killed at the daemon's own system calls while it works on a release: strace is attached before the deed is asked for,
//! and kills it at the nth change of the disk of one of its threads.

use std::fs;
use std::process::{Child, Command, Stdio};

use refit_testkit::kill::{Seeded, strace};
use refit_testkit::wait::wait_for;

use crate::daemon::{Daemon, Manner, PATIENCE};
use crate::deeds::{Deed, Kind, is_ok};
use crate::host::Host;
use crate::oracle::{Side, restart_and_judge, restart_judge_and_retry};
use crate::syscalls::{CHANGES, busiest};
use crate::tally::{Tally, sample, seed};

/// The deeds, and at how many of their calls.
const DEEDS: [(Kind, usize); 5] = [
    (Kind::WebUpgrade, 30),
    (Kind::ToolUpgrade, 10),
    (Kind::WebRollback, 14),
    (Kind::WebSoft, 10),
    (Kind::ZipHard, 14),
];

#[test]
fn during_releases() {
    strace().unwrap_or_else(|missing| panic!("{missing}"));
    let host = Host::new();
    let mut tally = Tally::default();
    let mut seeded = Seeded::new(seed());
    for (kind, wanted) in DEEDS {
        let deed = Deed::prepare(&host, kind);
        for (call, nth) in sample(calls_of(&host, &deed), wanted) {
            deed.reset(&host);
            let mut daemon = Daemon::up(&host);
            let tracer = attach(&daemon, &format!("-o /dev/null -e inject={call}:signal=KILL:when={nth}"));
            let reply = deed.drive(&mut daemon);
            // Which thread does what is another each time: the one that makes most may make fewer than the one counted.
            let promised = is_ok(&reply).then_some(Side::New);
            daemon.kill_all();
            end(tracer);
            let verdict = match seeded.below(2) {
                0 => restart_judge_and_retry(&host, &deed, &Manner::default()),
                _ => restart_and_judge(&host, &deed, &Manner::ordered("boot=another"), promised),
            };
            tally.count(&format!("{kind:?}"), &format!("killed at {call} number {nth} of a thread"), verdict);
        }
    }
    tally.close("Killed at the daemon's own system calls");
}

/// The changes that the busiest thread makes in an undisturbed deed.
fn calls_of(host: &Host, deed: &Deed) -> Vec<(String, usize)> {
    let trace = host.beside("own-calls");
    deed.reset(host);
    let mut daemon = Daemon::up(host);
    let tracer = attach(&daemon, &format!("-o {}", trace.display()));
    let reply = deed.drive(&mut daemon);
    assert!(is_ok(&reply), "{:?} under strace: {reply:?}", deed.kind);
    daemon.kill_all();
    end(tracer);
    busiest(&fs::read_to_string(&trace).expect("a trace"))
}

fn attach(daemon: &Daemon, options: &str) -> Child {
    let mut tracer = Command::new("strace");
    tracer.args(["-f", "-qq", "-e", &format!("trace={CHANGES}"), "-p", &daemon.child.pid().to_string()]);
    tracer.args(options.split(' ')).stderr(Stdio::null());
    let tracer = tracer.spawn().expect("strace starts");
    let tasks = format!("/proc/{}/task", daemon.child.pid());
    wait_for(PATIENCE, "strace to be attached to every thread", || {
        fs::read_dir(&tasks).into_iter().flatten().flatten().all(|task| {
            let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
            !status.contains("TracerPid:\t0\n")
        })
    });
    tracer
}

/// It ends with what it is attached to.
fn end(mut tracer: Child) {
    tracer.wait().expect("strace ends");
}
