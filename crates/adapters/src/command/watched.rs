//! A running process, watched: what it prints is read, when it has to end it is stopped, and its group goes with it.
//! Refuses to: start one.

use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group, setpriority_pgrp};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Child;
use tokio::time::{Instant, sleep_until};

use super::lines::Lines;
use super::{Command, Ended, Limits, Outcome, busy};

/// How much of standard error is kept for messages.
const TAIL: usize = 16 * 1024;
/// How long pipes are read on after the process ended: a grandchild may hold them open for ever.
const DRAIN: Duration = Duration::from_millis(500);
/// How far a gentle process stands back; the disk's scheduler follows it, as long as nobody sets a class.
const GENTLE: i32 = 15;
/// How much is read at once.
const CHUNK: usize = 16 * 1024;

/// The process group of a child that was not reaped yet; killed when dropped, so that no grandchild outlives it.
pub(super) struct Group(Option<Pid>);

impl Group {
    pub(super) fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Self(id)
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.0 {
            // A group that is gone already is what is wanted.
            let _gone = kill_process_group(group, signal);
        }
    }

    pub(super) fn stand_back(&self) {
        if let Some(group) = self.0 {
            // One that is gone already needs no less, and one that may not be slowed down works all the same.
            let _as_before = setpriority_pgrp(Some(group), GENTLE);
        }
    }

    /// What it used of the processor so far; none when that cannot be told.
    fn used(&self) -> Option<u64> {
        self.0.and_then(busy::used)
    }

    /// The leader was reaped. While somebody holds its pipes, the group still has members and its number cannot have
    /// been given to another; otherwise it might, and is not touched.
    pub(super) fn release(mut self, has_members: bool) {
        if has_members {
            self.signal(Signal::KILL);
        }
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// What is read from a child, and by when.
pub(super) struct Watched {
    limits: Limits,
    stdout: Option<tokio::process::ChildStdout>,
    stderr: Option<tokio::process::ChildStderr>,
    out: Lines,
    err: Lines,
    kept: Vec<u8>,
    cut: bool,
    tail: Vec<u8>,
    begun: Instant,
    moved: Instant,
    used: u64,
    stopping: Option<(Ended, Instant)>,
}

impl Watched {
    pub(super) fn new(command: &Command, child: &mut Child) -> Self {
        let now = Instant::now();
        Self {
            limits: command.limits,
            stdout: child.stdout.take(),
            stderr: child.stderr.take(),
            out: Lines::new(command.tell.clone()),
            err: Lines::new(command.tell.clone()),
            kept: Vec::new(),
            cut: false,
            tail: Vec::new(),
            begun: now,
            moved: now,
            used: 0,
            stopping: None,
        }
    }

    /// Reads and waits until the child is reaped and its pipes are empty. The flag: somebody still holds a pipe.
    pub(super) async fn watch(&mut self, child: &mut Child, group: &Group) -> std::io::Result<(Ended, bool)> {
        let mut status: Option<ExitStatus> = None;
        let mut out_chunk = vec![0; CHUNK];
        let mut err_chunk = vec![0; CHUNK];
        loop {
            if let Some(status) = status
                && self.stdout.is_none()
                && self.stderr.is_none()
            {
                return Ok((self.ended(status), false));
            }
            let wake = self.next_wake(status.is_some());
            tokio::select! {
                read = read(&mut self.stdout, &mut out_chunk) => self.take_out(read, &out_chunk),
                read = read(&mut self.stderr, &mut err_chunk) => self.take_err(read, &err_chunk),
                reaped = child.wait(), if status.is_none() => {
                    status = Some(reaped?);
                    self.moved = Instant::now();
                }
                () = sleep_until(wake) => match status {
                    Some(status) => return Ok((self.ended(status), true)),
                    None => self.stop(group),
                },
            }
        }
    }

    fn next_wake(&self, reaped: bool) -> Instant {
        if reaped {
            return self.moved + DRAIN;
        }
        if let Some((_, hard)) = self.stopping {
            return hard;
        }
        let far = self.begun + Duration::from_secs(365 * 24 * 3600);
        let total = self.limits.total.map_or(far, |limit| self.begun + limit);
        let stall = self.limits.stall.map_or(far, |limit| self.moved + limit);
        total.min(stall)
    }

    /// The soft stop first, then the hard one, again and again until the process is reaped.
    fn stop(&mut self, group: &Group) {
        let now = Instant::now();
        if let Some((_, hard)) = &mut self.stopping {
            group.signal(Signal::KILL);
            *hard = now + self.limits.grace;
            return;
        }
        let in_time = self.limits.total.is_none_or(|limit| now < self.begun + limit);
        if self.limits.work_moves && in_time && self.worked(group) {
            self.moved = now;
            return;
        }
        let stalled = self.limits.stall.filter(|limit| self.moved + *limit <= now);
        let ended = match (stalled, self.limits.total) {
            (Some(limit), _) => Ended::Stalled(limit),
            (None, limit) => Ended::TimedOut(limit.unwrap_or_default()),
        };
        self.stopping = Some((ended, now + self.limits.grace));
        group.signal(Signal::TERM);
    }

    /// Since this was asked last, the group used a hundredth of the time that makes a stall: more than waiting does.
    fn worked(&mut self, group: &Group) -> bool {
        let Some(used) = group.used() else { return false };
        let since = used.saturating_sub(self.used);
        self.used = used;
        let enough = self.limits.stall.unwrap_or_default().as_millis() / (100 * busy::TICK.as_millis());
        u128::from(since) > enough
    }

    fn ended(&self, status: ExitStatus) -> Ended {
        use std::os::unix::process::ExitStatusExt;
        match (self.stopping, status.code()) {
            (Some((ended, _)), _) => ended,
            (None, Some(code)) => Ended::Exited(code),
            (None, None) => Ended::Killed(status.signal().unwrap_or_default()),
        }
    }

    fn take_out(&mut self, read: std::io::Result<usize>, chunk: &[u8]) {
        let Some(bytes) = read.ok().and_then(|n| chunk.get(..n)).filter(|bytes| !bytes.is_empty()) else {
            self.stdout = None;
            return;
        };
        self.moved = Instant::now();
        let room = self.limits.stdout.saturating_sub(self.kept.len()).min(bytes.len());
        self.cut |= room < bytes.len();
        self.kept.extend(bytes.iter().take(room));
        self.out.feed(bytes);
    }

    fn take_err(&mut self, read: std::io::Result<usize>, chunk: &[u8]) {
        let Some(bytes) = read.ok().and_then(|n| chunk.get(..n)).filter(|bytes| !bytes.is_empty()) else {
            self.stderr = None;
            return;
        };
        self.moved = Instant::now();
        self.tail.extend_from_slice(bytes);
        let surplus = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..surplus);
        self.err.feed(bytes);
    }

    pub(super) fn outcome(self, ended: Ended) -> Outcome {
        self.out.finish();
        self.err.finish();
        Outcome { ended, stdout: self.kept, stdout_cut: self.cut, stderr: self.tail }
    }
}

/// Reads some; never comes back when there is nothing to read from.
async fn read(pipe: &mut Option<impl AsyncRead + Unpin>, chunk: &mut [u8]) -> std::io::Result<usize> {
    match pipe {
        Some(pipe) => pipe.read(chunk).await,
        None => std::future::pending().await,
    }
}
