//! Repositories made by the real git, hermetically: a world of its own with an empty home, no system or user
//! configuration, fixed names and a clock that advances a minute per commit, so that the same calls give the same shas.
//!
//! ```no_run
//! # use refit_testkit::git::GitWorld;
//! let world = GitWorld::new("/tmp/world");
//! let remote = world.remote("lab/klipper");
//! remote.commit(&[("klippy.py", "print()\n")], "First");
//! remote.tag("v1.0.0");
//! let work = remote.clone_to("/tmp/world/klipper");
//! remote.commit(&[("klippy.py", "print(2)\n")], "Second");
//! work.git(&["fetch", "origin"]);
//! assert_eq!(work.git(&["rev-list", "--count", "HEAD..origin/master"]), "1");
//! ```

mod commit;
mod judge;
mod remote;
mod work;

pub use commit::Commit;
pub use remote::Remote;
pub use work::Work;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// When the first commit of a world is made: 2023-11-14 22:13:20 UTC.
pub const EPOCH: i64 = 1_700_000_000;

/// Git subcommands that write a date into an object, and so advance the clock.
const DATED: [&str; 10] =
    ["commit", "commit-tree", "merge", "tag", "rebase", "cherry-pick", "revert", "am", "stash", "pull"];

/// A folder with everything that git in it needs, and one clock for all of its repositories.
#[derive(Clone, Debug)]
pub struct GitWorld {
    root: PathBuf,
    clock: Arc<AtomicI64>,
}

/// What a git command answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// The exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Standard output, as bytes made text.
    pub stdout: String,
    /// Standard error, as bytes made text.
    pub stderr: String,
}

impl Ran {
    /// Whether it ended with 0.
    pub fn ok(&self) -> bool {
        self.code == Some(0)
    }
}

impl GitWorld {
    /// A world in `root`, which is made when it is not there.
    pub fn new(root: impl AsRef<Path>) -> Self {
        let root = root.as_ref().to_owned();
        std::fs::create_dir_all(root.join("home")).unwrap_or_else(|e| panic!("cannot make the world {root:?}: {e}"));
        Self { root, clock: Arc::new(AtomicI64::new(EPOCH)) }
    }

    /// The folder of this world.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder that holds the bare remotes: what a git server is to be pointed at.
    pub fn remotes(&self) -> PathBuf {
        self.root.join("remotes")
    }

    /// Makes an empty bare remote `<remotes>/<name>.git` whose HEAD is `master`. The name may have an owner: `lab/klipper`.
    pub fn remote(&self, name: &str) -> Remote {
        Remote::create(self, name)
    }

    /// The repository that stands at `path`, whoever made it.
    pub fn work(&self, path: impl AsRef<Path>) -> Work {
        Work::at(self, path.as_ref())
    }

    /// Advances the clock by a minute and tells the time, in seconds since 1970.
    pub fn tick(&self) -> i64 {
        self.clock.fetch_add(60, Ordering::Relaxed) + 60
    }

    /// Sets the clock: the next commit is a minute after `seconds`.
    pub fn set_clock(&self, seconds: i64) {
        self.clock.store(seconds, Ordering::Relaxed);
    }

    /// A git command in `dir` with the environment of this world, not yet started.
    pub fn command<S: AsRef<OsStr>>(&self, dir: &Path, args: &[S]) -> Command {
        let dated = args.first().is_some_and(|a| DATED.iter().any(|d| a.as_ref() == OsStr::new(d)));
        let now = if dated { self.tick() } else { self.clock.load(Ordering::Relaxed) };
        let mut git = Command::new("git");
        git.env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into()))
            .envs(self.environment_at(now))
            .args(["-c", "init.defaultBranch=master", "-c", "protocol.file.allow=always", "-c", "gc.auto=0"])
            .args(["-c", "maintenance.auto=false", "-c", "advice.detachedHead=false"])
            .args(args)
            .current_dir(dir)
            .stdin(Stdio::null());
        git
    }

    /// The variables that make git hermetic, for a command that is built elsewhere, dated at the world's present minute.
    /// PATH is left to the caller.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        self.environment_at(self.clock.load(Ordering::Relaxed))
    }

    fn environment_at(&self, now: i64) -> Vec<(&'static str, String)> {
        let home = self.root.join("home").display().to_string();
        let date = format!("@{now} +0000");
        vec![
            ("HOME", home),
            ("GIT_CONFIG_GLOBAL", "/dev/null".to_owned()),
            ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
            ("GIT_TERMINAL_PROMPT", "0".to_owned()),
            ("GIT_EDITOR", "true".to_owned()),
            ("GIT_AUTHOR_NAME", "Ada Author".to_owned()),
            ("GIT_AUTHOR_EMAIL", "ada@example.org".to_owned()),
            ("GIT_AUTHOR_DATE", date.clone()),
            ("GIT_COMMITTER_NAME", "Carl Committer".to_owned()),
            ("GIT_COMMITTER_EMAIL", "carl@example.org".to_owned()),
            ("GIT_COMMITTER_DATE", date),
            ("LC_ALL", "C".to_owned()),
            ("TZ", "UTC".to_owned()),
        ]
    }

    /// Runs git in `dir` and hands back what it answered.
    ///
    /// # Panics
    /// When git cannot be started at all.
    pub fn try_git<S: AsRef<OsStr>>(&self, dir: &Path, args: &[S]) -> Ran {
        ran(self.command(dir, args))
    }

    /// Runs git in `dir` and hands back its stdout without the trailing newlines.
    ///
    /// # Panics
    /// When it fails, with its stderr.
    pub fn git<S: AsRef<OsStr>>(&self, dir: &Path, args: &[S]) -> String {
        let ran = self.try_git(dir, args);
        let words: Vec<_> = args.iter().map(|a| a.as_ref().to_string_lossy()).collect();
        assert!(ran.ok(), "git {} in {dir:?} ended with {:?}: {}{}", words.join(" "), ran.code, ran.stderr, ran.stdout);
        ran.stdout.trim_end_matches('\n').to_owned()
    }
}

/// The version of the installed git, such as `2.47.3`.
///
/// # Errors
/// A sentence that says what to install, when there is no git that can be started.
pub fn installed() -> Result<String, String> {
    let told = Command::new("git")
        .arg("--version")
        .output()
        .map_err(|e| format!("git cannot be started ({e}); install git"))?;
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    told.split_whitespace().nth(2).map(str::to_owned).ok_or_else(|| format!("git --version answered {told:?}"))
}

fn ran(mut command: Command) -> Ran {
    let out = command.output().unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"));
    Ran {
        code: out.status.code(),
        stdout: String::from_utf8_lossy(&out.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&out.stderr).into_owned(),
    }
}

#[cfg(test)]
mod tests;
