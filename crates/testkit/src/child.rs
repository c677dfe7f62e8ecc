//! A process under test: in a process group of its own, its output kept, gone when the test is.
//!
//! Refuses to outlive its guard: dropping it kills the whole group and reaps the child.

use std::fs::File;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};

use crate::wait::try_wait;

/// A running child, with its log.
#[derive(Debug)]
pub struct Child {
    child: std::process::Child,
    log: PathBuf,
}

impl Child {
    /// Starts `command` in a new process group, without stdin, stdout and stderr appended to the file `log`.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn spawn(mut command: Command, log: &Path) -> Self {
        let open =
            || File::options().create(true).append(true).open(log).unwrap_or_else(|e| panic!("log {log:?}: {e}"));
        command.stdin(Stdio::null()).stdout(open()).stderr(open()).process_group(0);
        let child = command.spawn().unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"));
        Self { child, log: log.to_owned() }
    }

    /// The process id, which is also the id of its group.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote so far, stdout and stderr mixed.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// The last lines of the log, for a panic message.
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// How it ended, or none while it runs.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child of ours can be waited for")
    }

    /// Sends a signal to the child alone.
    pub fn signal(&self, signal: Signal) {
        let _ = rustix::process::kill_process(pid_of(&self.child), signal);
    }

    /// Sends a signal to the child and everything it started in its group.
    pub fn signal_group(&self, signal: Signal) {
        signal_group_of(&self.child, signal);
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it still runs after `deadline`, with the end of its log.
    pub fn wait(&mut self, deadline: Duration) -> ExitStatus {
        match try_wait(deadline, || self.exited()) {
            Some(status) => status,
            None => panic!("pid {} still runs after {deadline:?}; its log ends:\n{}", self.pid(), self.log_tail()),
        }
    }

    /// SIGTERM, then SIGKILL to the group after `patience`. The status tells which of the two it took.
    pub fn stop(&mut self, patience: Duration) -> ExitStatus {
        if let Some(status) = self.exited() {
            return status;
        }
        self.signal(Signal::TERM);
        match try_wait(patience, || self.exited()) {
            Some(status) => status,
            None => self.kill(),
        }
    }

    /// SIGKILL to the whole group, as a power cut or the OOM killer would do it.
    pub fn kill(&mut self) -> ExitStatus {
        self.signal_group(Signal::KILL);
        self.child.wait().expect("a killed child can be waited for")
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            self.kill();
        }
    }
}

/// Whether a process was ended by SIGKILL.
pub fn was_killed(status: ExitStatus) -> bool {
    status.signal() == Some(Signal::KILL.as_raw())
}

fn pid_of(child: &std::process::Child) -> Pid {
    Pid::from_child(child)
}

fn signal_group_of(child: &std::process::Child, signal: Signal) {
    let _ = rustix::process::kill_process_group(pid_of(child), signal);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait::wait_for;

    #[test]
    fn dropping_takes_the_grandchildren_along() {
        let dir = crate::scratch::scratch();
        let mut shell = Command::new("sh");
        shell.args(["-c", "sleep 60 & echo $!; wait"]);
        let child = Child::spawn(shell, &dir.path().join("log"));
        wait_for(Duration::from_secs(5), "the grandchild's pid", || child.log().ends_with('\n'));
        let grandchild: i32 = child.log().trim().parse().unwrap();
        drop(child);
        wait_for(Duration::from_secs(5), "the grandchild's end", || {
            let stat = std::fs::read_to_string(format!("/proc/{grandchild}/stat")).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        });
    }

    #[test]
    fn stop_is_gentle_first() {
        let dir = crate::scratch::scratch();
        let mut sleep = Command::new("sleep");
        sleep.arg("60");
        let mut child = Child::spawn(sleep, &dir.path().join("log"));
        let status = child.stop(Duration::from_secs(5));
        assert_eq!(status.signal(), Some(Signal::TERM.as_raw()));
        assert!(!was_killed(status));
    }
}
