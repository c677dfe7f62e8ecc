//! Death at a chosen moment: at the Nth system call of a kind, or at a random instant that a seed repeats.
//!
//! A sweep runs a deed again and again and kills it one call later each time, until it lives to its end: so every state
//! that a SIGKILL can leave behind is seen once.

use std::process::{Command, ExitStatus};
use std::time::Duration;

use crate::child::{Child, was_killed};
use crate::unavailable::Unavailable;
use crate::wait::try_wait;

/// The calls that change a file system: between any two of them lies a state that a crash can leave behind.
pub const WRITING_CALLS: &str = "openat,rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,symlink,symlinkat,\
                                 link,linkat,write,pwrite64,chmod,fchmod,fchmodat,fsync,fdatasync,ftruncate";

/// A moment to die: the `nth` call, counted from 1, of one of `calls`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KillPoint {
    /// System calls, separated by commas, as strace names them. Names that this kernel does not have are ignored.
    pub calls: String,
    /// Which of them; every process and thread counts its own.
    pub nth: u32,
    /// Whether children die at their nth call too. Else only the process itself is watched.
    pub children: bool,
}

impl KillPoint {
    /// The `nth` call that writes, of the process alone.
    pub fn writing(nth: u32) -> Self {
        Self { calls: WRITING_CALLS.to_owned(), nth, children: false }
    }

    /// The same for the process or any of its children, whichever comes to its own nth call first.
    #[must_use]
    pub fn with_children(mut self) -> Self {
        self.children = true;
        self
    }

    /// The start of a command that dies there: add the program, its arguments and its environment. Killed, the command
    /// itself ends by SIGKILL ([`was_killed`]).
    pub fn command(&self) -> Command {
        let calls: Vec<String> = self.calls.split(',').map(|call| format!("?{}", call.trim())).collect();
        let calls = calls.join(",");
        let mut strace = Command::new("strace");
        if self.children {
            strace.arg("-f");
        }
        strace.args(["-qq", "-o", "/dev/null", "-e"]).arg(format!("trace={calls}"));
        strace.arg("-e").arg(format!("inject={calls}:signal=KILL:when={}", self.nth)).arg("--");
        strace
    }
}

/// Whether processes can be killed at their system calls here.
///
/// # Errors
/// When there is no strace, or tracing is forbidden.
pub fn strace() -> Result<(), Unavailable> {
    let mut command = KillPoint::writing(u32::from(u16::MAX)).command();
    match command.arg("true").output() {
        Err(e) => Err(Unavailable(format!("strace cannot be started ({e}); install strace"))),
        Ok(out) if !out.status.success() => {
            Err(Unavailable(format!("strace cannot trace: {}", String::from_utf8_lossy(&out.stderr).trim())))
        }
        Ok(_) => Ok(()),
    }
}

/// Runs a deed with the kill point at its `step`th call, twice that, and so on, until it is no longer killed. `deed` makes
/// its world anew, runs [`KillPoint::command`] to its end, judges what is left, and hands back how the command ended. The
/// number of deaths.
///
/// # Panics
/// When the deed still dies after ten thousand kills, or ends otherwise than well in the end.
pub fn sweep(step: u32, mut deed: impl FnMut(&KillPoint) -> ExitStatus) -> u32 {
    for deaths in 0..10_000 {
        let point = KillPoint::writing((deaths + 1) * step);
        let status = deed(&point);
        if !was_killed(status) {
            assert!(status.success(), "the deed left alone at call {} ended with {status}", point.nth);
            return deaths;
        }
    }
    panic!("the deed never comes to its end");
}

/// Random numbers that a seed repeats. For moments and choices, not for secrets.
#[derive(Clone, Debug)]
pub struct Seeded(u64);

impl Seeded {
    /// The numbers of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number (SplitMix64).
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `limit - 1`; 0 when the limit is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.number() % limit.max(1)
    }

    /// A span up to `longest`, by the microsecond.
    pub fn span(&mut self, longest: Duration) -> Duration {
        let micros = u64::try_from(longest.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.below(micros.saturating_add(1)))
    }

    /// One of these.
    ///
    /// # Panics
    /// When there is none.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[usize::try_from(self.below(from.len() as u64)).expect("an index fits")]
    }
}

/// Kills a child and its group at a random instant of a cycle that takes about `cycle`; up to a tenth later, so that some
/// live to their end. How it ended.
pub fn at_random(child: &mut Child, seeded: &mut Seeded, cycle: Duration) -> ExitStatus {
    let moment = seeded.span(cycle.mul_f64(1.1));
    try_wait(moment, || child.exited()).unwrap_or_else(|| child.kill())
}

#[cfg(test)]
mod tests;
