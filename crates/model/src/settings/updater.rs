//! `[update_manager NAME]`: one configured piece of software, whatever its type.
//!
//! Refuses to look at the software itself beyond what Moonraker requires of the paths in its section.

use std::path::{Path, PathBuf};

use super::problem::Place;
use super::update_manager::Channel;
use crate::health::HealthSpec;
use crate::name::UpdaterName;
use crate::updater::release::{Source, Verify};

mod dependencies;
pub(super) mod health;
mod kinds;
pub(super) mod read;

/// One configured updater, beside the built-in ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdaterSettings {
    /// The name in the API.
    pub name: UpdaterName,
    /// The section's full name, without brackets.
    pub section: String,
    /// Where the section was first opened.
    pub place: Place,
    /// What every type has.
    pub common: CommonSettings,
    /// What the type has.
    pub kind: UpdaterKind,
    /// 16 hex digits over the section's options; another value forces a refresh.
    pub config_hash: String,
}

/// The options of every type of updater.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommonSettings {
    /// The channel in effect.
    pub channel: Channel,
    /// The configured channel does not exist for the type, `channel` is the type's default.
    pub channel_invalid: bool,
    /// Hours after which what is known is stale.
    pub refresh_interval_hours: u32,
    /// Tell anomalies?
    pub report_anomalies: bool,
    /// For clients, line by line and verbatim.
    pub info_tags: Vec<String>,
    /// Service units to restart after an update, without `.service`; all of them are allowed.
    pub managed_services: Vec<String>,
    /// An update of everything passes it by; where that is written.
    pub hold: Option<Place>,
    /// Is the software itself a service?
    pub is_system_service: bool,
    /// How it is seen that it is well.
    pub health: HealthSpec,
}

/// The types of updaters, with the options of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpdaterKind {
    /// `type: git_repo`
    Git(GitSettings),
    /// `type: web`
    Web(ReleaseSettings),
    /// `type: zip`
    Zip(ReleaseSettings),
    /// `type: executable`
    Executable(ReleaseSettings),
    /// `type: python`
    Python(PythonSettings),
}

impl UpdaterKind {
    /// The word in the configuration and in `configured_type`.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Git(_) => "git_repo",
            Self::Web(_) => "web",
            Self::Zip(_) => "zip",
            Self::Executable(_) => "executable",
            Self::Python(_) => "python",
        }
    }
}

/// `type: git_repo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitSettings {
    /// The working tree, resolved.
    pub path: PathBuf,
    /// The remote's URL, with `.git` at its end; its protocol is allowed, and it cannot be taken for an option.
    pub origin: String,
    /// Where the remote was before, with `.git` at its end.
    pub moved_origin: Option<String>,
    /// The branch to follow, a well-formed [`crate::name::BranchName`].
    pub primary_branch: String,
    /// The commit to stay at, lower case, at least 8 characters.
    pub pinned_commit: Option<String>,
    /// What the software depends on.
    pub dependencies: Dependencies,
}

/// `type: web`, `zip` and `executable`: releases of a project, unpacked into a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseSettings {
    /// The folder, resolved.
    pub path: PathBuf,
    /// Where the releases are published.
    pub source: Source,
    /// What a download must show.
    pub verify: Verify,
    /// Arguments with which a new executable is tried.
    pub probe: Vec<String>,
    /// Paths below `path` that survive an update.
    pub persistent_files: Vec<String>,
    /// What the software depends on; nothing for `web`.
    pub dependencies: Dependencies,
}

/// `type: python`: a package in a virtual environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PythonSettings {
    /// The package, without extras.
    pub project_name: String,
    /// The extras to install with it, in the order given.
    pub extras: Vec<String>,
    /// The branch that dev updates are built from, a well-formed [`crate::name::BranchName`].
    pub primary_branch: Option<String>,
    /// Where it is installed.
    pub python: PythonEnv,
    /// What else the software depends on.
    pub dependencies: Dependencies,
}

/// What a piece of software depends on, as configured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dependencies {
    /// Its Python environment.
    pub python: Option<PythonEnv>,
    /// The JSON file that lists OS packages, resolved.
    pub system_dependencies: Option<PathBuf>,
    /// The deprecated install script whose `PKGLIST` lines list OS packages, resolved.
    pub install_script: Option<PathBuf>,
    /// Run `npm ci` when `package-lock.json` changed?
    pub enable_node_updates: bool,
}

/// A Python environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PythonEnv {
    /// How the owner named it.
    pub location: PythonLocation,
    /// The requirements file, resolved; always there for git and zip, never for python.
    pub requirements: Option<PathBuf>,
    /// Arguments for making the environment anew.
    pub venv_args: Option<String>,
    /// Variables for pip, in the order given.
    pub pip_environment: Vec<(String, String)>,
}

/// How the owner named a Python environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PythonLocation {
    /// `virtualenv`: the environment's folder, with `bin/activate` and an executable `bin/python` in it.
    Virtualenv(PathBuf),
    /// `env`, deprecated: the Python executable.
    Env(PathBuf),
}

impl PythonLocation {
    /// The environment's folder.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        match self {
            Self::Virtualenv(folder) => folder.clone(),
            Self::Env(executable) => {
                executable.parent().and_then(Path::parent).map_or_else(PathBuf::new, Path::to_owned)
            }
        }
    }

    /// The Python executable.
    #[must_use]
    pub fn executable(&self) -> PathBuf {
        match self {
            Self::Virtualenv(folder) => folder.join("bin/python"),
            Self::Env(executable) => executable.clone(),
        }
    }
}
