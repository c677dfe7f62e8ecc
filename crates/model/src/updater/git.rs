//! Git repositories: what the owner configured, what was seen, the judgement in the documented words
//! (CONTRACT §3.2), and the plans for upgrade, recovery and rollback.
//! Refuses to: run git; `adapters::git` fills the facts.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::dependencies::{DependencyFacts, DependencySurvey};
use crate::name::{BranchName, CommitId, UpdaterName};
use crate::settings::Channel;
use crate::updater::Common;

mod after;
mod assess;
mod plan;

pub use after::after_run;
pub use assess::{assess, current_version};
pub use plan::plan;

/// What the owner configured for one repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitSpec {
    /// What every software has.
    pub common: Common,
    /// The work tree.
    pub path: PathBuf,
    /// The configured URL, `.git` appended.
    pub origin: String,
    /// The URL that `origin` once had.
    pub moved_origin: Option<String>,
    /// The branch that recovery goes to, and that anomalies compare with.
    pub primary_branch: BranchName,
    /// At least eight hexadecimal digits.
    pub pinned_commit: Option<String>,
}

/// What was seen of one repository. `None` in a field means: not known, shown as `?`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct GitFacts {
    /// Seconds since 1970 of the last refresh, successful or not.
    pub last_refresh: i64,
    /// The `config_hash` of the spec it was looked at with.
    pub config_hash: String,
    /// What the machine says.
    pub local: LocalFacts,
    /// What the remote said, last time it answered.
    pub remote: RemoteFacts,
    /// The state before the last upgrade.
    pub rollback: Option<RollbackPoint>,
    /// Output of git commands that failed since the refresh began, a line each: `git_messages`.
    pub git_messages: Vec<String>,
    /// What was kept aside and is still there.
    pub kept: Vec<Kept>,
    /// What it depends on.
    #[serde(default)]
    pub dependencies: DependencyFacts,
    /// Looked up for the action about to be planned, else none.
    pub survey: Option<Survey>,
    /// See `adapters::git`: tells that nothing changed; opaque here.
    pub fingerprint: Option<serde_json::Value>,
}

/// What kind of thing is at the configured path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RepoKind {
    /// Nothing that git takes for a repository.
    #[default]
    None,
    /// A repository of its own.
    Repo,
    /// A submodule of another repository.
    Submodule,
    /// A linked worktree of another repository.
    Worktree,
    /// A plain folder inside another repository.
    Inside,
}

/// Local facts: read from disk and from git, without a network.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LocalFacts {
    /// What is there.
    pub kind: RepoKind,
    /// `.git` was resolved and `git status` worked.
    pub repo_detected: bool,
    /// HEAD's commit, also when its object is gone; where the reference cannot be read, the one that its log names last.
    pub head: Option<CommitId>,
    /// The branch shown: checked out, or deduced for a detached HEAD (CONTRACT §3.2).
    pub branch: Option<String>,
    /// HEAD holds a commit itself.
    pub detached: bool,
    /// `branch.<branch>.remote`.
    pub remote_alias: Option<String>,
    /// `git remote get-url <alias>`.
    pub remote_url: Option<String>,
    /// See CONTRACT §3.2.
    pub recovery_url: Option<String>,
    /// Raw `git describe --always --tags --long --abbrev=8`, without `-dirty`.
    pub describe: Option<String>,
    /// Commits reachable from HEAD; only filled where a version must be inferred.
    pub commit_count: Option<u64>,
    /// Describe would say `-dirty`.
    pub dirty: bool,
    /// Tracked files whose status code is exactly `M` (worktree), as the warning lists them.
    pub modified: Vec<String>,
    /// Untracked files and directories (`dir/`), as `git status` shows them.
    pub untracked: Vec<String>,
    /// Damage found, named exactly; `corrupt` when not empty and git cannot work.
    pub damage: Vec<Damage>,
    /// Git printed a `fatal:`/`error:` line that says corrupt, or knows the repository and complains of objects that it
    /// cannot read.
    pub corrupt: bool,
    /// Repo-local configuration or attributes that would run code (`core.fsmonitor`, `filter.x.clean` …): neutralised
    /// or refused, and named as an anomaly.
    pub hazards: Vec<Hazard>,
}

/// A setting of the repository itself that would make git run code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hazard {
    /// The key (`core.fsmonitor`), or `.gitattributes: filter=x`.
    pub key: String,
    /// True when updates are refused because of it; false when it was switched off.
    pub refused: bool,
}

/// Damage to a repository that a power cut or a full disk leaves behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "damage", rename_all = "snake_case")]
pub enum Damage {
    /// No `.git`, though the folder is configured as a repository.
    MissingGitDir,
    /// An object file of zero length.
    EmptyObject {
        /// Path below `.git`.
        file: String,
    },
    /// An object that HEAD needs is not there.
    MissingObject {
        /// Its id.
        id: String,
    },
    /// The index is empty or cannot be parsed.
    BrokenIndex,
    /// `config` is empty or holds zeros.
    BrokenConfig,
    /// `HEAD` is empty or holds zeros.
    BrokenHead,
    /// A ref (or `packed-refs`) is empty or holds zeros.
    BrokenRef {
        /// Path below `.git`.
        file: String,
    },
    /// A pack without its index, cut off, or a temporary one left behind.
    BrokenPack {
        /// Path below `.git`.
        file: String,
    },
    /// A commit-graph that names objects which are not there.
    BrokenCommitGraph,
    /// A lock file whose process is gone.
    StaleLock {
        /// Path below `.git`.
        file: String,
    },
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingGitDir => f.write_str("the folder .git is missing"),
            Self::EmptyObject { file } => write!(f, "the object file .git/{file} is empty"),
            Self::MissingObject { id } => write!(f, "the object {id} is missing"),
            Self::BrokenIndex => f.write_str("the file .git/index is damaged"),
            Self::BrokenConfig => f.write_str("the file .git/config is damaged"),
            Self::BrokenHead => f.write_str("the file .git/HEAD is damaged"),
            Self::BrokenRef { file } => write!(f, "the reference .git/{file} is damaged"),
            Self::BrokenPack { file } => write!(f, "the pack .git/{file} is incomplete"),
            Self::BrokenCommitGraph => f.write_str("the commit-graph names commits that are gone"),
            Self::StaleLock { file } => write!(f, "the lock file .git/{file} was left behind"),
        }
    }
}

/// Remote facts; the last good values stay when the network fails (CONTRACT §8 row 13).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RemoteFacts {
    /// Seconds since 1970 of the last answer of the remote; none before the first.
    pub last_good: Option<i64>,
    /// Why the last attempt failed; none when it succeeded.
    pub error: Option<String>,
    /// `rev-parse {alias}/{branch}`: the tip of the tracked branch.
    pub upstream: Option<CommitId>,
    /// The commit offered by the channel or the pin (CONTRACT §3.2.2).
    pub offered: Option<CommitId>,
    /// The tag, when the channel chose one.
    pub offered_tag: Option<String>,
    /// Raw describe of the offered commit.
    pub describe: Option<String>,
    /// Commits reachable from the offered commit; only filled where a version must be inferred.
    pub commit_count: Option<u64>,
    /// HEAD is no ancestor of the upstream.
    pub diverged: bool,
    /// The configured pin exists.
    pub pin_exists: bool,
    /// `rev-list HEAD..<offered> --count`.
    pub behind_count: u64,
    /// At most 100, newest first, filtered as documented (CONTRACT §3.2.4).
    pub commits_behind: Vec<CommitBehind>,
}

/// One commit of `commits_behind`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitBehind {
    /// 40 hexadecimal digits.
    pub sha: String,
    /// Author's name.
    pub author: String,
    /// Committer date, seconds since 1970.
    pub date: i64,
    /// First line.
    pub subject: String,
    /// The rest, stripped.
    pub message: String,
    /// Its tag, under the rule of CONTRACT §3.2.4.
    pub tag: Option<String>,
}

/// What `rollback` goes back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackPoint {
    /// The commit.
    pub commit: CommitId,
    /// The branch that was checked out (`?` never gets here).
    pub branch: String,
    /// HEAD was detached.
    pub detached: bool,
    /// Its short version.
    pub version: String,
}

/// Something that was kept aside, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The key of its [`crate::step::KeptPlace`].
    pub key: String,
    /// The folder, when files are there.
    pub folder: Option<PathBuf>,
    /// The ref, when commits are kept.
    pub reference: Option<String>,
    /// Number of files.
    pub files: u64,
    /// Seconds since 1970.
    pub at: i64,
}

/// Looked up right before planning an action.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Survey {
    /// Tracked files that differ from HEAD or the index.
    pub modified: Vec<String>,
    /// Untracked files that the wished version has files for.
    pub conflicts: Vec<String>,
    /// Commits on HEAD that no remote branch contains.
    pub local_commits: Vec<CommitId>,
    /// The commit that the action would go to, when it is known without the network.
    pub target: Option<CommitId>,
    /// The objects from here to the target are all there.
    pub target_complete: bool,
    /// What the target needs besides.
    #[serde(default)]
    pub dependencies: DependencySurvey,
    /// Where the configured path leads, when it is a symbolic link: the work is done there, and the link stays.
    pub real_path: Option<PathBuf>,
    /// `branch.<primary branch>.remote`, which a soft recovery goes to.
    pub primary_remote: Option<String>,
    /// Submodules that are checked out at another commit than the target wants.
    pub submodules: Vec<String>,
}

/// The judgement: every documented field of CONTRACT §3.2, in values.
#[derive(Debug, Clone, PartialEq)]
pub struct GitAssessment {
    /// `name`.
    pub name: UpdaterName,
    /// `channel`.
    pub channel: Channel,
    /// `channel_invalid`.
    pub channel_invalid: bool,
    /// `debug_enabled`.
    pub debug_enabled: bool,
    /// `is_valid`.
    pub is_valid: bool,
    /// `info_tags`.
    pub info_tags: Vec<String>,
    /// `repo_detected`.
    pub repo_detected: bool,
    /// `branch`.
    pub branch: String,
    /// `remote_alias`.
    pub remote_alias: String,
    /// `remote_url`.
    pub remote_url: String,
    /// `recovery_url`.
    pub recovery_url: String,
    /// `owner`.
    pub owner: String,
    /// `repo_name`.
    pub repo_name: String,
    /// `version`.
    pub version: String,
    /// `remote_version`.
    pub remote_version: String,
    /// `rollback_version`.
    pub rollback_version: String,
    /// `full_version_string`.
    pub full_version_string: String,
    /// `current_hash`.
    pub current_hash: String,
    /// `remote_hash`.
    pub remote_hash: String,
    /// `is_dirty`.
    pub is_dirty: bool,
    /// `pristine`.
    pub pristine: bool,
    /// `detached`.
    pub detached: bool,
    /// `corrupt`.
    pub corrupt: bool,
    /// HEAD is no ancestor of the upstream; shown only as an anomaly.
    pub diverged: bool,
    /// `commits_behind`.
    pub commits_behind: Vec<CommitBehind>,
    /// `commits_behind_count`.
    pub commits_behind_count: u64,
    /// `git_messages`.
    pub git_messages: Vec<String>,
    /// `warnings`.
    pub warnings: Vec<String>,
    /// `anomalies`.
    pub anomalies: Vec<String>,
    /// Shown under `refit`: when the remote last answered, seconds since 1970.
    pub last_good_fetch: Option<i64>,
    /// Shown under `refit`: why the last attempt failed.
    pub remote_error: Option<String>,
    /// Shown under `refit`: damage, a sentence each.
    pub damage: Vec<String>,
    /// Shown under `refit`: settings that would run code.
    pub hazards: Vec<Hazard>,
    /// Shown under `refit`: what was kept aside.
    pub kept: Vec<Kept>,
    /// Shown under `refit`: what it depends on.
    pub dependencies: DependencyFacts,
    /// Seconds since 1970 of the last refresh.
    pub last_refresh: i64,
}
