//! Python applications that live in an environment of their own (`python`): what the owner configured, what was seen, the
//! judgement in the documented words (CONTRACT §3.4), and the plans for upgrade, recovery and rollback.
//! Refuses to: ask an index or start Python; `adapters::python` fills the facts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::dependencies::{DependencyFacts, DependencySurvey};
use crate::name::{BranchName, UpdaterName};
use crate::python::name::ProjectName;
use crate::settings::Channel;
use crate::updater::Common;
use crate::updater::release::RateLimit;

mod after;
mod assess;
mod plan;
mod shown;
mod source;
#[cfg(test)]
mod testing;

pub use after::{after_run, learn_version};
pub use assess::assess;
pub use plan::{overture, plan, wished};
pub use shown::{Shown, shown, version_of_commit};
pub use source::{PackageSource, source};

/// What the owner configured for one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PythonSpec {
    /// What every software has.
    pub common: Common,
    /// The project on the index.
    pub project: ProjectName,
    /// Extras to install with it, in the order given.
    pub extras: Vec<String>,
    /// The branch that dev updates are built from.
    pub primary_branch: Option<BranchName>,
}

/// What was seen of one of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PythonFacts {
    /// Seconds since 1970 of the last refresh, successful or not.
    pub last_refresh: i64,
    /// The `config_hash` of the spec it was looked at with.
    pub config_hash: String,
    /// What the environment says; the last that could be read, when it is not there any more.
    pub installed: Option<InstalledPackage>,
    /// The environment's folder says nothing of the project.
    pub missing: bool,
    /// What the index or the forge said, last time it answered.
    pub remote: RemotePackage,
    /// The version before the last upgrade, as the distribution's metadata wrote it.
    pub rollback: Option<String>,
    /// What it depends on, its environment included.
    #[serde(default)]
    pub dependencies: DependencyFacts,
    /// Looked up for the action about to be planned, else none.
    pub survey: Option<PythonSurvey>,
}

/// What the environment says of the project.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledPackage {
    /// `Version` of its metadata, verbatim; none when there is no such line.
    pub version: Option<String>,
    /// Label and URL of each `Project-URL`, those of [`ReleaseInfoFile::urls`] instead where it has any.
    pub urls: Vec<(String, String)>,
    /// `direct_url.json` (PEP 610), when it was installed from anything but an index.
    pub direct_url: Option<serde_json::Value>,
    /// The file `release_info`, when the distribution has one that can be read.
    pub release_info: Option<ReleaseInfoFile>,
    /// Changes when a file does that all this was read from; none when that could go unseen.
    #[serde(default)]
    pub stamp: Option<String>,
}

/// The file `release_info` that some projects put into their distributions (observed; it is JSON).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseInfoFile {
    /// `git_version`, what `git describe` said when it was built.
    #[serde(default)]
    pub git_version: Option<String>,
    /// `commit_sha`.
    #[serde(default)]
    pub commit_sha: Option<String>,
    /// `urls`, as [`InstalledPackage::urls`].
    #[serde(default)]
    pub urls: Vec<(String, String)>,
    /// It lists OS packages.
    #[serde(default)]
    pub has_system_dependencies: bool,
    /// The file.
    #[serde(default)]
    pub path: Option<String>,
}

/// What the index or the forge said; the last good values stay when it cannot be asked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RemotePackage {
    /// Seconds since 1970 of the last answer; none before the first.
    pub last_good: Option<i64>,
    /// Why the last attempt failed, in words for people.
    pub error: Option<String>,
    /// What is offered; none before the first answer, and where nothing fits.
    pub offer: Option<Offer>,
    /// Why nothing newer fits, in words for people: `1.5 needs Python >=3.12`.
    pub passed_by: Option<String>,
    /// The entity tag of each address, for the next question.
    #[serde(default)]
    pub etags: BTreeMap<String, String>,
    /// What the answers were judged for (interpreter, channel, installed version): another judgement needs them again.
    #[serde(default)]
    pub judged_for: String,
    /// Not asked again before: seconds since 1970, told by a forge with a rate limit.
    #[serde(default)]
    pub not_before: Option<i64>,
    /// The forge's rate limit as its last answer told it.
    #[serde(skip)]
    pub rate: Option<RateLimit>,
}

/// A version that can be installed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// As the index's file name, the tag, or the made-up version of a commit spells it.
    pub version: String,
    /// The commit, where a branch is followed.
    pub commit: Option<String>,
    /// The tag, where releases of a forge are followed.
    pub tag: Option<String>,
    /// The file that pip would take.
    pub file: Option<String>,
    /// Bytes to download, where known.
    pub bytes: Option<u64>,
    /// There is no wheel for this machine: it is compiled from source.
    pub builds: bool,
}

impl Offer {
    /// It is a release or a commit of a forge, and no file of an index.
    #[must_use]
    pub fn is_of_forge(&self) -> bool {
        self.tag.is_some() || self.commit.is_some()
    }
}

/// Looked up right before planning an action.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PythonSurvey {
    /// Of the environment and the rest.
    pub dependencies: DependencySurvey,
}

/// The judgement: every documented field of CONTRACT §3.4, in values, and what Refit adds.
#[derive(Debug, Clone, PartialEq)]
pub struct PythonAssessment {
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
    /// `branch`.
    pub branch: Option<String>,
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
    /// `current_hash`.
    pub current_hash: String,
    /// `remote_hash`.
    pub remote_hash: String,
    /// `is_dirty`.
    pub is_dirty: bool,
    /// `changelog_url`.
    pub changelog_url: String,
    /// `full_version_string`.
    pub full_version_string: String,
    /// `warnings`.
    pub warnings: Vec<String>,
    /// `anomalies`.
    pub anomalies: Vec<String>,
    /// A newer version can be installed.
    pub update_available: bool,
    /// Shown under `refit`: what is offered.
    pub offer: Option<Offer>,
    /// Shown under `refit`: why nothing newer fits.
    pub passed_by: Option<String>,
    /// Shown under `refit`: why the last question failed.
    pub remote_error: Option<String>,
    /// Shown under `refit`: when the index last answered, seconds since 1970.
    pub last_good_answer: Option<i64>,
    /// Shown under `refit`: not asked again before.
    pub not_before: Option<i64>,
    /// Shown under `refit`: what it depends on.
    pub dependencies: DependencyFacts,
    /// The forge's rate limit.
    pub rate: Option<RateLimit>,
    /// Seconds since 1970 of the last refresh.
    pub last_refresh: i64,
}
