//! Repositories, through the user's git: the map, and the one builder of git commands.
//!
//! | file | what it is |
//! |---|---|
//! | [`layout`] | where a repository keeps its things |
//! | [`config`] | git's configuration syntax, read without git |
//! | [`hazard`] | settings of a repository itself that would run code |
//! | [`facts`] | the facts, the cheap way: by the fingerprint, else by three commands |
//! | [`fingerprint`] | tells that nothing changed, without a process |
//! | `local`, `judge` | the two halves of the facts: this machine, and what is offered |
//! | [`survey`] | what planning an action needs to know besides |
//! | [`damage`] | what a power cut leaves, named exactly |
//! | [`objects`] | whether an object is here, told without git |
//! | `ask`, [`parse`] | questions to git, and its answers as values |
//! | [`refs`], `settings` | references and configuration in force, read without git |
//! | [`hand`] | one repository in the hands of a step: commands and their ends in words |
//! | [`remote`] | has anything moved at the remote? |
//! | [`fetch`] | objects, until a commit is whole |
//! | [`keep`] | what must give way is kept aside, and put back |
//! | [`switch`] | HEAD, index and work tree: there and back |
//! | [`clone`] | a fresh clone beside, and the owner's files carried over |
//! | [`heal`] | a damaged `.git`, mended so far that git works |
//! | [`locks`] | what a dead git left behind |
//!
//! Every git command of Refit is built by [`Git::at`] or [`Git::anywhere`], so that each has the hardened prefix below.
//! Refuses to: run a git command in a repository that was not scanned for hazards.

use std::path::{Path, PathBuf};

use refit_model::settings::Protocol;
use thiserror::Error;

use crate::command::{Command, CommandError, Surroundings};

mod ask;
pub mod clone;
pub mod config;
pub mod damage;
pub mod facts;
pub mod fetch;
pub mod fingerprint;
pub mod hand;
pub mod hazard;
pub mod heal;
mod judge;
pub mod keep;
pub mod layout;
mod local;
pub mod locks;
pub mod objects;
pub mod parse;
pub mod refs;
pub mod remote;
mod settings;
pub mod survey;
pub mod switch;

use hazard::{HazardError, Purpose, Scan};
use layout::Layout;

/// What keeps git from being run.
#[derive(Debug, Error)]
pub enum GitError {
    /// There is no git, or it does not say its version.
    #[error("git does not work on this machine; install it (package 'git')")]
    NoGit(#[source] CommandError),
    /// The git that the owner configured does not work.
    #[error("the git of option 'git_path' in [refit] does not work: {0}")]
    NotThisGit(#[source] CommandError),
    /// It answered, but not with a version.
    #[error("git does not say its version: '{0}'")]
    NoVersion(String),
}

/// Major and minor number of the installed git.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GitVersion(pub u32, pub u32);

/// The installed git.
#[derive(Debug, Clone)]
pub struct Git {
    surroundings: Surroundings,
    rules: GitRules,
    version: GitVersion,
}

/// What the owner says about git.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitRules {
    /// The program: a name to be found on the path, or a path.
    pub program: PathBuf,
    /// How remotes may be reached. `ext::` and `fd::` never are: they are code.
    pub protocols: Vec<Protocol>,
}

impl Default for GitRules {
    fn default() -> Self {
        let protocols = vec![Protocol::Https, Protocol::Http, Protocol::Ssh, Protocol::Git, Protocol::File];
        Self { program: PathBuf::from("git"), protocols }
    }
}

/// A repository that was scanned: git commands in it can be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repo {
    /// Where it keeps its things.
    pub layout: Layout,
    /// What it would run.
    pub scan: Scan,
}

impl Git {
    /// Asks git for its version, once; `core.fsync` and others depend on it. Works from git 2.30 (Debian 11) on.
    ///
    /// # Errors
    /// [`GitError`] when there is no usable git.
    pub async fn find(surroundings: Surroundings) -> Result<Self, GitError> {
        Self::find_by(surroundings, GitRules::default()).await
    }

    /// The same by the owner's rules.
    ///
    /// # Errors
    /// [`GitError`] when there is no usable git.
    pub async fn find_by(surroundings: Surroundings, rules: GitRules) -> Result<Self, GitError> {
        let asked = Command::new(&rules.program, &surroundings).arg("--version").run().await;
        let usual = rules.program == Path::new("git");
        let told = asked.and_then(|outcome| outcome.require("asking git for its version")).map_err(if usual {
            GitError::NoGit
        } else {
            GitError::NotThisGit
        })?;
        let version = parse_version(&told.stdout)
            .ok_or_else(|| GitError::NoVersion(String::from_utf8_lossy(&told.stdout).into_owned()))?;
        Ok(Self { surroundings, rules, version })
    }

    /// The installed version.
    #[must_use]
    pub fn version(&self) -> GitVersion {
        self.version
    }

    /// How remotes may be reached.
    #[must_use]
    pub fn protocols(&self) -> &[Protocol] {
        &self.rules.protocols
    }

    /// What its processes inherit.
    #[must_use]
    pub fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    /// Looks at a folder and its configuration, from the files alone.
    #[must_use]
    pub fn open(&self, path: &Path) -> Repo {
        let layout = Layout::find(path);
        let scan = Scan::of(&layout, &self.surroundings.home);
        Repo { layout, scan }
    }

    /// A git command in a repository, up to the name of the subcommand.
    ///
    /// # Errors
    /// [`HazardError`] when a setting of the repository speaks against the purpose.
    pub fn at(&self, repo: &Repo, purpose: Purpose) -> Result<Command, HazardError> {
        repo.scan.allows(&repo.layout, purpose)?;
        let command = self.anywhere(purpose);
        let overrides = repo.scan.overrides.iter().flat_map(|setting| ["-c", setting]);
        // Never discovers a repository above: a reset there would destroy what is not ours.
        let ceiling = repo.layout.work.parent().unwrap_or(Path::new("/"));
        Ok(command.args(overrides).arg("-C").arg(&repo.layout.work).env("GIT_CEILING_DIRECTORIES", ceiling))
    }

    /// A git command outside of any repository (`clone`, `ls-remote <url>`), up to the name of the subcommand.
    #[must_use]
    pub fn anywhere(&self, purpose: Purpose) -> Command {
        let mut command = Command::new(&self.rules.program, &self.surroundings)
            .arg("--no-pager")
            // Hooks and the file system monitor are code.
            .args(["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"])
            // Would run gpg for each commit shown.
            .args(["-c", "log.showSignature=false"])
            // Nothing but `Refit` decides when a repository is packed; a background job would outlive its command.
            .args(["-c", "gc.auto=0", "-c", "maintenance.auto=false"])
            // Submodules are never followed: their URLs and paths are the repository's choice.
            .args(["-c", "fetch.recurseSubmodules=no", "-c", "submodule.recurse=false"])
            // Never a question that nobody can answer.
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ASKPASS", "/bin/false")
            .env("SSH_ASKPASS", "/bin/false")
            .env("GIT_EDITOR", ":")
            .env("GIT_SSH_COMMAND", "ssh -o BatchMode=yes -o ConnectTimeout=30");
        if purpose == Purpose::Read {
            // Does not take `index.lock` just to save itself a stat, and never fetches a missing object of a partial
            // clone behind our back: no protocol is allowed at all.
            command = command.arg("--no-optional-locks").env("GIT_ALLOW_PROTOCOL", "").env("GIT_NO_LAZY_FETCH", "1");
        } else {
            // The list overrides `protocol.*.allow` of every configuration file.
            let allowed: Vec<&str> = self.rules.protocols.iter().map(|protocol| protocol.as_str()).collect();
            command = command.env("GIT_ALLOW_PROTOCOL", allowed.join(":"));
            // Objects, refs and index are synced before they are relied on (RELIABILITY.md §4.3), and fetched packs
            // are kept as packs: one sync in place of thousands.
            let durable =
                if self.version >= GitVersion(2, 36) { "core.fsync=all" } else { "core.fsyncObjectFiles=true" };
            command = command.args(["-c", durable, "-c", "fetch.unpackLimit=1"]);
        }
        command
    }
}

/// `git version 2.47.3 (extra)`.
fn parse_version(told: &[u8]) -> Option<GitVersion> {
    let text = std::str::from_utf8(told).ok()?;
    let mut numbers = text.trim().strip_prefix("git version ")?.split(|c: char| !c.is_ascii_digit());
    Some(GitVersion(numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests read PATH and start a process that holds a lock")]
mod write_tests;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_all_builds_are_read() {
        assert_eq!(parse_version(b"git version 2.30.2\n"), Some(GitVersion(2, 30)));
        assert_eq!(parse_version(b"git version 2.39.5 (Apple Git-154)\n"), Some(GitVersion(2, 39)));
        assert_eq!(parse_version(b"git version 2.50.rc1.windows.1\n"), Some(GitVersion(2, 50)));
        assert_eq!(parse_version(b"git version\n"), None);
        assert_eq!(parse_version(b"\xff"), None);
    }
}
