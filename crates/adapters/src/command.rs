//! The one place that spawns a process: argument vectors and never a shell, an environment that is built from nothing,
//! no standard input but given bytes, a process group of its own, deadlines with a soft and a hard stop, bounded output.
//!
//! How a process ended is a value ([`Ended`]), not an error; an error is only what kept it from being run. Dropping
//! the future of [`Command::run`] kills the whole group; what [`Command::leave`] started outlives this process.
//! Refuses to: interpret what a process prints, retry, or know any program by name.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use refit_engine::ports::Tell;
use thiserror::Error;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Child;

mod busy;
mod lines;
#[cfg(test)]
mod tests;
mod watched;

use watched::{Group, Watched};

/// What every process inherits of the world outside. Read once in `main` and handed down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surroundings {
    /// `HOME`: git's user configuration and ssh's keys are looked up there.
    pub home: PathBuf,
    /// `PATH`.
    pub path: OsString,
    /// Other variables that are handed on as they are: proxies (`https_proxy`, `no_proxy` …), `SSH_AUTH_SOCK`.
    pub passed_on: Vec<(OsString, OsString)>,
}

impl Surroundings {
    /// The variables that are worth handing on, as their names are looked up in `main`, beside those that begin with
    /// [`Self::PIP`].
    pub const WORTH_PASSING_ON: [&str; 18] = [
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
        "SSH_AUTH_SOCK",
        "XDG_CONFIG_HOME",
        "XDG_CONFIG_DIRS",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "NETRC",
        "APT_CONFIG",
        "DPKG_ROOT",
        "DPKG_ADMINDIR",
        "DPKG_FORCE",
    ];
    /// What the names of pip's settings begin with.
    pub const PIP: &str = "PIP_";
}

/// When a process is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From the start to the end; none for no limit.
    pub total: Option<Duration>,
    /// Without a byte of output; none for no limit. Cuts off a stall and never a slow but moving download.
    pub stall: Option<Duration>,
    /// A process group that uses the processor is no stall, though it prints nothing: a compiler, say.
    pub work_moves: bool,
    /// Between the soft stop (SIGTERM) and the hard stop (SIGKILL).
    pub grace: Duration,
    /// Bytes of standard output that are kept; the rest is read and dropped, see [`Outcome::stdout_cut`].
    pub stdout: usize,
}

impl Limits {
    /// For a quick question to a local program: 60 s, 16 MiB.
    pub const QUICK: Self = Self {
        total: Some(Duration::from_secs(60)),
        stall: None,
        work_moves: false,
        grace: Duration::from_secs(3),
        stdout: 16 * 1024 * 1024,
    };
    /// For work that reports as it moves: an hour, and 60 s without a byte is a stall.
    pub const MOVING: Self = Self {
        total: Some(Duration::from_secs(3600)),
        stall: Some(Duration::from_secs(60)),
        work_moves: false,
        grace: Duration::from_secs(5),
        stdout: 1024 * 1024,
    };
    /// For work that may take hours and need not say so: ten minutes without a byte and without use of the processor is
    /// a stall.
    pub const WORKING: Self = Self {
        total: None,
        stall: Some(Duration::from_secs(600)),
        work_moves: true,
        grace: Duration::from_secs(10),
        stdout: 1024 * 1024,
    };
}

/// One process to run: program, arguments, folder, environment, limits.
#[derive(Clone)]
pub struct Command {
    program: OsString,
    args: Vec<OsString>,
    dir: Option<PathBuf>,
    env: Vec<(OsString, OsString)>,
    limits: Limits,
    tell: Option<Tell>,
    input: Option<Vec<u8>>,
    gentle: bool,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this code.
    Exited(i32),
    /// By a signal that was not ours.
    Killed(i32),
    /// Stopped at its deadline.
    TimedOut(Duration),
    /// Stopped because it printed nothing for this long.
    Stalled(Duration),
}

/// What a process left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub ended: Ended,
    /// Standard output, at most [`Limits::stdout`] bytes.
    pub stdout: Vec<u8>,
    /// There was more.
    pub stdout_cut: bool,
    /// The last 16 KiB of standard error.
    pub stderr: Vec<u8>,
}

/// What kept a process from being run.
#[derive(Debug, Error)]
pub enum CommandError {
    /// The program could not be started.
    #[error("{program} could not be started; is it installed?")]
    Start {
        /// The program.
        program: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The system would not say how the process ended.
    #[error("lost sight of {program}")]
    Watch {
        /// The program.
        program: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It ran and did not end well; made by [`Outcome::require`].
    #[error("{what} failed: {}", .outcome.reason())]
    Failed {
        /// What was being done, in words for people.
        what: String,
        /// What it left.
        outcome: Box<Outcome>,
    },
}

impl Command {
    /// A program with the environment of these surroundings and nothing else. [`Limits::QUICK`] until told otherwise.
    #[must_use]
    pub fn new(program: impl AsRef<OsStr>, surroundings: &Surroundings) -> Self {
        let mut env = surroundings.passed_on.clone();
        env.push(("HOME".into(), surroundings.home.clone().into()));
        env.push(("PATH".into(), surroundings.path.clone()));
        // Messages are parsed and shown: one language everywhere.
        env.push(("LC_ALL".into(), "C".into()));
        Self {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            dir: None,
            env,
            limits: Limits::QUICK,
            tell: None,
            input: None,
            gentle: false,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets a variable of its environment; the last one of a name counts.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// The folder it runs in; else that of this process.
    #[must_use]
    pub fn dir(mut self, dir: impl AsRef<Path>) -> Self {
        self.dir = Some(dir.as_ref().to_owned());
        self
    }

    /// When it is stopped.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// What it reads on its standard input; nothing until told otherwise.
    #[must_use]
    pub fn input(mut self, input: Vec<u8>) -> Self {
        self.input = Some(input);
        self
    }

    /// Who is told each line that it prints on either stream, as it comes; carriage returns end a line as well, for
    /// progress. Standard output is kept all the same.
    #[must_use]
    pub fn tell(mut self, tell: Tell) -> Self {
        self.tell = Some(tell);
        self
    }

    /// Lets everything else on this machine go first, at the processor and at the disk.
    #[must_use]
    pub fn gentle(mut self) -> Self {
        self.gentle = true;
        self
    }

    /// Runs it to its end, or stops it at its limits.
    ///
    /// # Errors
    /// [`CommandError::Start`] and [`CommandError::Watch`]; a bad end is an [`Outcome`].
    pub async fn run(mut self) -> Result<Outcome, CommandError> {
        let input = self.input.take();
        let mut child = self.spawn(input.is_some())?;
        if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
            // Beside the reading, so that neither waits for the other. One that does not want it all says so by how it
            // ends; it ends with the process at the latest.
            tokio::spawn(async move { stdin.write_all(&input).await });
        }
        let group = Group::of(&child);
        if self.gentle {
            group.stand_back();
        }
        let mut watched = Watched::new(&self, &mut child);
        let program = || self.program.to_string_lossy().into_owned();
        let result = watched.watch(&mut child, &group).await;
        let (ended, left_open) = result.map_err(|source| CommandError::Watch { program: program(), source })?;
        group.release(left_open);
        Ok(watched.outcome(ended))
    }

    /// Starts it and leaves it: it lives on when this process ends, and what is sent to this process's group does not reach
    /// it. Its limits do not count, and nobody hears what it says.
    ///
    /// # Errors
    /// [`CommandError::Start`].
    pub fn leave(self) -> Result<(), CommandError> {
        let mut command = self.prepared();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().map(drop).map_err(|source| self.not_started(source))
    }

    fn spawn(&self, has_input: bool) -> Result<Child, CommandError> {
        let mut command = self.prepared();
        let stdin = if has_input { Stdio::piped() } else { Stdio::null() };
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command.spawn().map_err(|source| self.not_started(source))
    }

    #[allow(clippy::disallowed_methods, reason = "the one place that spawns")]
    fn prepared(&self) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(&self.program);
        command.args(&self.args).env_clear().envs(self.env.iter().map(|(name, value)| (name, value))).process_group(0);
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        command
    }

    fn not_started(&self, source: std::io::Error) -> CommandError {
        CommandError::Start { program: self.program.to_string_lossy().into_owned(), source }
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the environment: a proxy's variable can hold a password.
        f.debug_struct("Command").field("program", &self.program).field("args", &self.args).finish_non_exhaustive()
    }
}

impl Outcome {
    /// It ended by itself with code 0.
    #[must_use]
    pub fn success(&self) -> bool {
        self.ended == Ended::Exited(0)
    }

    /// Its exit code, when it had one.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        match self.ended {
            Ended::Exited(code) => Some(code),
            Ended::Killed(_) | Ended::TimedOut(_) | Ended::Stalled(_) => None,
        }
    }

    /// Standard error's tail as text, its ends trimmed.
    #[must_use]
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).trim().to_owned()
    }

    /// Why it did not end well, in words for people: how it ended and what it said last.
    #[must_use]
    pub fn reason(&self) -> String {
        let said = self.stderr_text();
        if said.is_empty() { self.ended.to_string() } else { format!("{} ({})", said, self.ended) }
    }

    /// Passes a success on.
    ///
    /// # Errors
    /// [`CommandError::Failed`] with what was being done.
    pub fn require(self, what: &str) -> Result<Self, CommandError> {
        if self.success() {
            Ok(self)
        } else {
            Err(CommandError::Failed { what: what.to_owned(), outcome: Box::new(self) })
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exit code {code}"),
            Self::Killed(signal) => write!(f, "killed by signal {signal}"),
            Self::TimedOut(after) => write!(f, "stopped after {} s", after.as_secs()),
            Self::Stalled(after) => write!(f, "stopped: nothing moved for {} s", after.as_secs()),
        }
    }
}
