//! Software that ships as releases (`web`, `zip`, `executable`): what the owner configured, what was seen, the judgement
//! in the documented words (CONTRACT §3.3), and the plans for upgrade, recovery and rollback.
//! Refuses to: ask a forge or open an archive; `adapters::release` fills the facts.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::dependencies::{DependencyFacts, DependencySurvey};
use crate::name::UpdaterName;
use crate::settings::Channel;
use crate::updater::Common;

mod after;
mod assess;
mod choose;
mod plan;
#[cfg(test)]
mod testing;

pub use after::after_run;
pub use assess::{assess, effective_source, installed_version};
pub use choose::{Choice, NoAsset, Wish, checksum_assets, choose_asset, is_newer, newest};
pub(crate) use plan::shown;
pub use plan::{overture, plan};

/// Which of the three types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseKind {
    /// A web front end: a zip, unpacked into the folder that a web server shows.
    Web,
    /// A program: a zip, unpacked.
    Zip,
    /// One file that can be run.
    Executable,
}

impl ReleaseKind {
    /// The word in the configuration and in `configured_type`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Zip => "zip",
            Self::Executable => "executable",
        }
    }

    /// What every message begins with, before the updater's name (CONTRACT §2.9).
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Web => "Web Client",
            Self::Zip => "Zip Application",
            Self::Executable => "Executable",
        }
    }
}

/// What kind of forge publishes the releases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForgeKind {
    /// GitHub, or GitHub Enterprise.
    Github,
    /// Forgejo, Gitea, Codeberg: one API.
    Forgejo,
    /// GitLab.
    Gitlab,
}

/// Where releases are published. Without the token: that stays with the hand that asks.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Source {
    /// What to speak.
    pub forge: ForgeKind,
    /// The host that the owner named, `github.com`: selects the token.
    pub host: String,
    /// The API's address without a slash at its end, `https://api.github.com`.
    pub api: String,
    /// The project's owner; with inner slashes for GitLab's groups.
    pub owner: String,
    /// The project.
    pub repo: String,
}

/// What must be shown of a download before anything of it is unpacked or run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verify {
    /// The digest that the API or a published checksum file gives; where there is none, the size.
    #[default]
    WhatThereIs,
    /// A digest, or nothing is installed.
    Digest,
    /// A signature by this minisign key, in `<asset>.minisig`.
    Minisign {
        /// The public key, the second line of a `minisign.pub`.
        key: String,
    },
    /// The size alone.
    SizeOnly,
}

/// What the owner configured for one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseSpec {
    /// What every software has.
    pub common: Common,
    /// Which type.
    pub kind: ReleaseKind,
    /// The folder.
    pub path: PathBuf,
    /// The path is that of an updater before it in the configuration, or lies within.
    pub reserved: bool,
    /// Where releases come from.
    pub source: Source,
    /// Paths below `path` that survive, without `.` and slashes at their end.
    pub persistent_files: Vec<String>,
    /// What a download must show.
    pub verify: Verify,
    /// Arguments with which a new executable must start and end well.
    pub probe: Vec<String>,
    /// This machine's architecture as Rust names it (`aarch64`, `arm`, `x86_64`).
    pub machine: String,
    /// How many previous versions are kept.
    pub keep_previous: u32,
}

/// What was seen of one of them. `None` in a field means: not known, shown as `?`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ReleaseFacts {
    /// Seconds since 1970 of the last refresh, successful or not.
    pub last_refresh: i64,
    /// The `config_hash` of the spec it was looked at with.
    pub config_hash: String,
    /// What the folder says.
    pub installed: Installed,
    /// What the forge said, last time it answered.
    pub remote: RemoteRelease,
    /// The version that the folder told last; shown while it tells none.
    #[serde(default)]
    pub last_version: Option<String>,
    /// The version before the last upgrade; before the first, the one first seen.
    pub rollback: Option<String>,
    /// How the download of the installed version was verified, when Refit installed it.
    pub verified: Option<String>,
    /// Previous versions that are kept whole, newest first.
    pub previous: Vec<Previous>,
    /// Old folders that a recovery kept aside and that are still there.
    pub kept: Vec<crate::updater::git::Kept>,
    /// What it depends on.
    #[serde(default)]
    pub dependencies: DependencyFacts,
    /// Looked up for the action about to be planned, else none.
    pub survey: Option<ReleaseSurvey>,
}

/// What the folder says of itself, without a network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    /// What is at the path.
    pub place: Place,
    /// `release_info.json`, when it can be used.
    pub info: Option<ReleaseInfo>,
    /// There is a `release_info.json` and it cannot be used: nothing else is believed then.
    #[serde(default)]
    pub info_is_broken: bool,
    /// The text of `.version`; only looked at for web front ends.
    pub dot_version: Option<String>,
    /// The project that `manifest.json` or `manifest.webmanifest` names, lower case; only for web front ends.
    pub manifest: Option<String>,
    /// The file `asset_name` of `release_info.json` is there.
    pub asset_is_there: bool,
}

/// What is at the configured path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "place", rename_all = "snake_case")]
pub enum Place {
    /// Nothing.
    #[default]
    Missing,
    /// Not a folder.
    NotAFolder,
    /// A folder in which nothing can be written.
    NotWritable,
    /// A folder inside a git repository.
    InsideGit {
        /// The `.git` found.
        found: PathBuf,
    },
    /// A folder as it should be.
    Folder,
}

/// `release_info.json`, as releases of such software hold it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseInfo {
    /// `project_name`.
    pub project_name: String,
    /// `project_owner`.
    pub project_owner: String,
    /// `version`.
    pub version: String,
    /// `asset_name`, when it is there.
    #[serde(default)]
    pub asset_name: Option<String>,
}

/// What the forge says; the last good values stay when it cannot be asked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RemoteRelease {
    /// Seconds since 1970 of the last answer; none before the first.
    pub last_good: Option<i64>,
    /// Why the last attempt failed; none when it succeeded: `last_error`.
    pub error: Option<String>,
    /// The newest release of the channel.
    pub release: Option<Release>,
    /// The entity tag of each answer that `release` was made from, by the address asked: sent again as `If-None-Match`.
    /// The facts survive a restart, and with them this cache does.
    #[serde(default)]
    pub etags: BTreeMap<String, String>,
    /// Not asked again before: seconds since 1970, told by the forge with a rate limit.
    #[serde(default)]
    pub not_before: Option<i64>,
    /// The forge's rate limit as its last answer told it. Not kept: Moonraker knows none before its first answer.
    #[serde(skip)]
    pub rate: Option<RateLimit>,
}

/// A forge's rate limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateLimit {
    /// Requests an hour.
    pub limit: u64,
    /// Left of them.
    pub remaining: u64,
    /// Seconds since 1970 when they are counted anew.
    pub reset: f64,
    /// When that was told, seconds since 1970: the newest is shown.
    pub at: f64,
}

/// One release, whatever the forge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Its tag.
    pub tag: String,
    /// Its name, which the API shows as `remote_version` (CONTRACT §3.3).
    pub name: Option<String>,
    /// Marked as a pre-release.
    pub prerelease: bool,
    /// RFC 3339, as the forge wrote it.
    pub published_at: Option<String>,
    /// The notes, cut at [`LONGEST_NOTES`].
    pub notes: String,
    /// The page for people.
    pub page: Option<String>,
    /// In the forge's order.
    pub assets: Vec<Asset>,
}

/// Bytes of release notes that are kept.
pub const LONGEST_NOTES: usize = 16 * 1024;

/// One file of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asset {
    /// Its name.
    pub name: String,
    /// Where it is downloaded.
    pub url: String,
    /// Bytes, when the forge tells.
    pub size: Option<u64>,
    /// 64 hexadecimal digits in lower case, when the forge tells.
    pub sha256: Option<String>,
}

/// A previous version that is kept whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    /// Its version.
    pub version: String,
    /// The folder.
    pub folder: PathBuf,
    /// Seconds since 1970 when it was replaced.
    pub at: i64,
    /// Bytes on disk that it does not share with the installed version, near enough.
    pub bytes: u64,
}

/// Looked up right before planning an action.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseSurvey {
    /// The list of what the installed version shipped is known.
    pub shipped_known: bool,
    /// Shipped files that are missing or differ from the list; empty when the list is not known.
    pub wrong: Vec<String>,
    /// The kept version that a rollback goes to, when every file of it is as it was shipped.
    pub sound_previous: Option<PathBuf>,
    /// Where the configured path leads, when it is a symbolic link: the work is done there, and the link stays.
    pub real_path: Option<PathBuf>,
    /// Why the folder cannot be exchanged for another, when that is so: it is a mount point, or somebody's home.
    pub fixed: Option<String>,
    /// What the offered release would change, when that was asked for and could be had.
    pub difference: Option<Difference>,
    /// What the wished version needs besides.
    #[serde(default)]
    pub dependencies: DependencySurvey,
}

/// Files that one version has and another has not, or has otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Only in the new one.
    pub added: Vec<String>,
    /// In both, and not the same.
    pub changed: Vec<String>,
    /// Only in the old one.
    pub removed: Vec<String>,
}

/// The judgement: every documented field of CONTRACT §3.3, in values, and what Refit adds.
#[derive(Debug, Clone, PartialEq)]
pub struct ReleaseAssessment {
    /// `name`.
    pub name: UpdaterName,
    /// `configured_type`.
    pub kind: ReleaseKind,
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
    /// `owner`.
    pub owner: String,
    /// `repo_name`.
    pub repo_name: String,
    /// `version`.
    pub version: String,
    /// `remote_version`; none where the release has no name.
    pub remote_version: Option<String>,
    /// `rollback_version`.
    pub rollback_version: String,
    /// `last_error`.
    pub last_error: String,
    /// `warnings`.
    pub warnings: Vec<String>,
    /// `anomalies`.
    pub anomalies: Vec<String>,
    /// A newer version can be installed.
    pub update_available: bool,
    /// Shown under `refit`.
    pub release: Option<Release>,
    /// Shown under `refit`: the asset that would be installed and why that one, or why none.
    pub choice: Option<Result<Choice, NoAsset>>,
    /// Shown under `refit`: how the installed version was verified.
    pub verified: Option<String>,
    /// Shown under `refit`: kept versions.
    pub previous: Vec<Previous>,
    /// Shown under `refit`: folders that a recovery kept aside.
    pub kept: Vec<crate::updater::git::Kept>,
    /// Shown under `refit`: what it depends on.
    pub dependencies: DependencyFacts,
    /// Shown under `refit`: when the forge last answered, seconds since 1970.
    pub last_good_answer: Option<i64>,
    /// Shown under `refit`: not asked again before.
    pub not_before: Option<i64>,
    /// The forge's rate limit, when it is GitHub's and was told since the start.
    pub rate: Option<RateLimit>,
    /// Seconds since 1970 of the last refresh.
    pub last_refresh: i64,
}
