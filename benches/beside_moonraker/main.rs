//! Refit beside Moonraker 0.11.0: the same machine, the same 20 repositories of 200 files behind the same git server, in
//! one run, as a table of ratios. Run by `cargo xtask bench`, which brings nginx, fcgiwrap and Moonraker, and builds
//! Refit as it is released.
//! Refuses to pass or fail anything: it tells what was measured.
#![allow(clippy::disallowed_methods, reason = "a benchmark starts servers and reads its environment")]

mod applications;
mod host;
mod load;
mod releases;
mod sheet;
mod subject;
mod table;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use host::Host;
use refit_testkit::moonraker::Installation;
use subject::{Cost, Kind, Subject};
use table::{Row, Unit};

/// How often a start is timed.
const STARTS: usize = 5;
/// Repositories on a printer were not cloned a second ago; a fresh one has to be looked at more closely by both.
const AGE: Duration = Duration::from_secs(15);
/// How often a refresh without change is asked for.
const ROUNDS: usize = 5;
/// How often a refresh with change is asked for, and how long nothing happens before.
const CHANGES: usize = 5;
const PAUSE: Duration = Duration::from_secs(4);
/// How long the status is asked for, with how many connections.
const LOAD: Duration = Duration::from_secs(5);
const CONNECTIONS: usize = 8;

fn main() {
    let (Some(refit), Some(venv)) = (path("REFIT_BENCH_BINARY"), path("REFIT_TEST_MOONRAKER")) else {
        println!("this benchmark is run by: cargo xtask bench");
        return;
    };
    let installation = Installation::in_environment(&venv).expect("Moonraker is installed");
    if releases::is_inside() {
        return releases::measure(installation, refit);
    }
    applications::run(installation.clone(), refit.clone());
    let host = Host::new();
    let (moonraker, moonraker_starts) = start(&Kind::Moonraker(installation), &host);
    let moonraker = measure(moonraker, moonraker_starts, &host);
    let (refit, refit_starts) = start(&Kind::Refit(refit), &host);
    let refit = measure(refit, refit_starts, &host);
    println!("{}", table::table(&moonraker, &refit));
    releases::run();
}

fn path(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from)
}

/// Starts it a few times on a folder that it knows; answers the last one, running, and the median time to an answer.
fn start(kind: &Kind, host: &Host) -> (Subject, Duration) {
    // The first start makes the folders and looks at everything for the first time.
    drop(Subject::start(kind, host));
    let mut times = Vec::new();
    let mut last = None;
    for _ in 0..STARTS {
        drop(last.take());
        let (subject, time) = Subject::start(kind, host);
        times.push(time);
        last = Some(subject);
    }
    times.sort();
    (last.expect("it was started"), times[STARTS / 2])
}

/// Everything that is measured of one of the two, in the order of the table.
fn measure(subject: Subject, started: Duration, host: &Host) -> Vec<Row> {
    std::thread::sleep(AGE);
    let mut rows = vec![Row::new("start to first answer", Unit::Milliseconds, started.as_secs_f64() * 1e3)];
    subject.refresh(None);
    rows.push(Row::new("resident memory after a refresh", Unit::Mebibytes, subject.resident_mib()));
    let all: Vec<String> = host.names();
    rows.extend(costs("refresh of one, nothing changed", ROUNDS * 4, &subject, |_| subject.refresh(Some(&all[0]))));
    rows.extend(costs("refresh of all 20 by name, nothing changed", ROUNDS, &subject, |_| {
        all.iter().for_each(|name| subject.refresh(Some(name)));
    }));
    rows.extend(costs("refresh of all in one request, nothing changed", ROUNDS, &subject, |_| subject.refresh(None)));
    let comes = |names: &[String]| {
        host.commit(names);
        // The refresh of a printer does not come a second after the one before.
        std::thread::sleep(PAUSE);
    };
    rows.extend(costs_after(
        "refresh of one, a commit came",
        CHANGES,
        &subject,
        |_| comes(&all[..1]),
        |_| {
            subject.refresh(Some(&all[0]));
        },
    ));
    rows.extend(costs_after(
        "refresh of all in one request, a commit came to each",
        CHANGES,
        &subject,
        |_| comes(&all),
        |_| subject.refresh(None),
    ));
    rows.extend(costs("upgrade of one", 5, &subject, |round| subject.upgrade(&all[round])));
    let load = load::status(subject.port(), CONNECTIONS, LOAD);
    rows.push(Row::new("status requests a second, 8 connections", Unit::PerSecond, load.rate));
    rows.push(Row::new("status, 99th percentile", Unit::Milliseconds, load.p99.as_secs_f64() * 1e3));
    rows
}

/// Wall time and CPU time (children included) of one round, on average.
fn costs(what: &str, rounds: usize, subject: &Subject, act: impl FnMut(usize)) -> [Row; 2] {
    costs_after(what, rounds, subject, |_| (), act)
}

/// The same, with something before each round that is not measured.
fn costs_after(
    what: &str,
    rounds: usize,
    subject: &Subject,
    mut prepare: impl FnMut(usize),
    mut act: impl FnMut(usize),
) -> [Row; 2] {
    let (mut wall, mut cpu) = (0.0, 0.0);
    for round in 0..rounds {
        prepare(round);
        let (begun, before): (Instant, Cost) = (Instant::now(), subject.cost());
        act(round);
        wall += begun.elapsed().as_secs_f64() * 1e3 / rounds as f64;
        cpu += (subject.cost().milliseconds - before.milliseconds) / rounds as f64;
    }
    [
        Row::new(&format!("{what}: wall"), Unit::Milliseconds, wall),
        Row::new(&format!("{what}: CPU"), Unit::Milliseconds, cpu),
    ]
}
