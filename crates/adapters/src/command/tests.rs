//! Real processes: `sh` stands for anything that can misbehave.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::*;

fn surroundings() -> Surroundings {
    Surroundings { home: "/nonexistent".into(), path: "/usr/bin:/bin".into(), passed_on: Vec::new() }
}

fn sh(script: &str) -> Command {
    Command::new("sh", &surroundings()).args(["-c", script])
}

fn limits(total: u64, stall: Option<u64>) -> Limits {
    Limits {
        total: Some(Duration::from_millis(total)),
        stall: stall.map(Duration::from_millis),
        work_moves: false,
        grace: Duration::from_millis(200),
        stdout: 1024,
    }
}

fn is_alive(pid: &str) -> bool {
    // A zombie is not alive: its parent (the init of the container) may be slow to reap.
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn wait_until_gone(pid: &str) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while is_alive(pid) {
        assert!(Instant::now() < deadline, "process {pid} still runs");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[tokio::test]
async fn the_environment_is_built_from_nothing() {
    let outcome = Command::new("env", &surroundings()).env("X", "1").env("X", "2").run().await.unwrap();
    let mut lines: Vec<_> = outcome.stdout.split(|b| *b == b'\n').filter(|l| !l.is_empty()).collect();
    lines.sort_unstable();
    assert_eq!(lines, [&b"HOME=/nonexistent"[..], b"LC_ALL=C", b"PATH=/usr/bin:/bin", b"X=2"]);
}

#[tokio::test]
async fn an_end_is_a_value() {
    let outcome = sh("echo out; echo err >&2; exit 3").run().await.unwrap();
    assert_eq!(
        (outcome.ended, &outcome.stdout[..], &outcome.stderr[..]),
        (Ended::Exited(3), &b"out\n"[..], &b"err\n"[..])
    );
    assert_eq!(outcome.require("asking sh").unwrap_err().to_string(), "asking sh failed: err (exit code 3)");
    assert_eq!(sh("kill -9 $$").run().await.unwrap().ended, Ended::Killed(9));
    let missing = Command::new("/nonexistent/program", &surroundings()).run().await.unwrap_err();
    assert_eq!(missing.to_string(), "/nonexistent/program could not be started; is it installed?");
}

#[tokio::test]
async fn there_is_no_standard_input() {
    assert_eq!(sh("cat").limits(limits(5000, None)).run().await.unwrap().ended, Ended::Exited(0));
}

#[tokio::test]
async fn output_is_bounded_and_its_lines_are_told() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&told);
    let tell: Tell = Arc::new(move |line: &str| sink.lock().unwrap().push(line.to_owned()));
    let script = r"head -c 5000 /dev/zero | tr '\0' x; printf '\n10%%\r20%%\r\n\nend'";
    let outcome = sh(script).limits(limits(5000, None)).tell(tell).run().await.unwrap();
    assert_eq!((outcome.stdout.len(), outcome.stdout_cut), (1024, true));
    let told = told.lock().unwrap();
    assert_eq!(told.iter().map(String::len).collect::<Vec<_>>(), [4096, 904, 3, 3, 3]);
    assert_eq!(told[2..], ["10%", "20%", "end"]);
}

#[tokio::test]
async fn a_stall_is_cut_off_but_not_a_slow_stream() {
    let slow = sh("for i in 1 2 3 4 5 6; do echo $i; sleep 0.2; done").limits(limits(30_000, Some(900)));
    assert_eq!(slow.run().await.unwrap().ended, Ended::Exited(0));
    let stalled = sh("echo begun; exec sleep 100").limits(limits(30_000, Some(100)));
    assert_eq!(stalled.run().await.unwrap().ended, Ended::Stalled(Duration::from_millis(100)));
}

#[tokio::test]
async fn the_hard_stop_takes_the_whole_group() {
    let script = "trap '' TERM; sleep 100 & echo $!; while :; do sleep 1; done";
    let outcome = sh(script).limits(limits(100, None)).run().await.unwrap();
    assert_eq!(outcome.ended, Ended::TimedOut(Duration::from_millis(100)));
    wait_until_gone(String::from_utf8_lossy(&outcome.stdout).trim());
}

#[tokio::test]
async fn a_grandchild_that_holds_the_pipes_does_not_keep_us() {
    let begun = Instant::now();
    let outcome = sh("sleep 100 & echo $!").limits(limits(60_000, None)).run().await.unwrap();
    assert_eq!(outcome.ended, Ended::Exited(0));
    assert!(begun.elapsed() < Duration::from_secs(30));
    wait_until_gone(String::from_utf8_lossy(&outcome.stdout).trim());
}

#[tokio::test]
async fn work_without_output_is_no_stall_and_waiting_without_work_is() {
    // The processor is used by a child of the group's leader, as by a compiler.
    let script = |then: &str| format!("(i=0; while [ $i -lt 6000000 ]; do i=$((i+1)); done); {then}");
    // Long enough for a tick of the processor to come in on a machine with other work.
    let limits = Limits { work_moves: true, total: None, ..limits(0, Some(2000)) };
    let begun = Instant::now();
    let worked = sh(&script("exit 7")).limits(limits).run().await.unwrap();
    assert_eq!(worked.ended, Ended::Exited(7));
    assert!(begun.elapsed() > Duration::from_millis(2000), "the test does not work long enough to tell");
    let asleep = sh(&script("sleep 100")).limits(limits).run().await.unwrap();
    assert_eq!(asleep.ended, Ended::Stalled(Duration::from_millis(2000)));
}

#[tokio::test]
async fn work_is_cut_off_at_its_deadline() {
    // The other deadline is far: a machine with other work may give it no time for a while.
    let limits = Limits { work_moves: true, ..limits(2000, Some(60_000)) };
    let outcome = sh("while :; do :; done").limits(limits).run().await.unwrap();
    assert_eq!(outcome.ended, Ended::TimedOut(Duration::from_millis(2000)));
}

#[tokio::test]
async fn a_gentle_process_stands_back() {
    // Its own start may come before it is told to; a later child has what its parent has.
    let script = "for i in 1 2 3 4 5 6 7 8 9 10; do n=$(nice); [ $n -ge 15 ] && exit 0; sleep 0.1; done; exit 1";
    assert_eq!(sh(script).gentle().run().await.unwrap().ended, Ended::Exited(0));
}

#[tokio::test]
async fn dropping_the_run_kills_the_group() {
    let (sent, mut pid) = tokio::sync::mpsc::unbounded_channel();
    let tell: Tell = Arc::new(move |line: &str| sent.send(line.to_owned()).unwrap());
    let run = tokio::spawn(sh("sleep 100 & echo $!; wait").tell(tell).run());
    let pid = pid.recv().await.unwrap();
    assert!(is_alive(&pid));
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
    wait_until_gone(&pid);
}
