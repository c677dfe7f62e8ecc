//! What software depends on (a Python environment, OS packages, Node packages, services): as configured, as seen, and how
//! an update arranges the steps for them around its own.
//! Refuses to: look at anything; `adapters` fills the facts and the survey.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

mod after;
mod arrange;
mod environment;
mod health;

pub(crate) use after::after_run;
pub(crate) use arrange::{Arranged, Package, Subject, arrange, outside};
pub(crate) use health::{Around, sick, steps as health_steps, watched};

use crate::environment::{EnvironmentFacts, EnvironmentSpec, EnvironmentSurvey};
use crate::health::HealthSpec;

/// What one piece of software depends on, as configured. Files are relative to the software's folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dependencies {
    /// Its Python environment.
    pub environment: Option<EnvironmentSpec>,
    /// The requirements file; always there beside an environment of `git_repo` and `zip`.
    pub requirements: Option<PathBuf>,
    /// The JSON file that lists OS packages.
    pub system_dependencies: Option<PathBuf>,
    /// The install script whose `PKGLIST` lines list OS packages.
    pub install_script: Option<PathBuf>,
    /// `npm ci` when `package-lock.json` changed.
    pub node: bool,
    /// Service units to restart, without `.service`.
    pub services: Vec<String>,
    /// How many folders of Node packages from before stay for a rollback.
    pub keep_previous: u32,
    /// How it is seen that the software is well.
    pub health: HealthSpec,
}

impl Dependencies {
    /// What is wrong with them and what to do, in words for people.
    pub(crate) fn complaint(&self, seen: &DependencyFacts) -> Option<String> {
        seen.environment.as_ref()?.state.complaint(&self.environment.as_ref()?.folder)
    }

    /// Whether a recovery has something to do for them though the software itself is whole: the environment does not work, or
    /// all of them are to be asked for again (`update_deps`).
    pub(crate) fn want_recovery(&self, seen: &DependencyFacts, update_deps: bool) -> bool {
        let any = self.environment.is_some()
            || self.system_dependencies.is_some()
            || self.install_script.is_some()
            || self.node;
        (any && update_deps) || self.complaint(seen).is_some()
    }
}

/// What was seen of them. Kept across restarts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DependencyFacts {
    /// Of the environment, where one is configured.
    pub environment: Option<EnvironmentFacts>,
    /// The `node_modules` from before the last upgrade.
    pub node_rollback: Option<PathBuf>,
}

/// Looked up right before planning an action.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DependencySurvey {
    /// Of the environment, where one is configured.
    pub environment: Option<EnvironmentSurvey>,
    /// Of OS packages, where a list is configured.
    pub packages: Option<PackageSurvey>,
    /// Of Node packages, where they are configured.
    pub node: Option<NodeSurvey>,
    /// What restarts services on this machine; none when nothing does.
    pub service_manager: Option<String>,
    /// The services that really run what is asked for, by the name that the configuration has: `klipper-1` and `klipper-2`
    /// for `klipper`, where they share a checkout. One that is not here is restarted as it is named.
    #[serde(default)]
    pub units: Vec<(String, Vec<String>)>,
}

/// Which OS packages the wished version lists and this machine has not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageSurvey {
    /// The lists of the wished version could be read. When not, the steps find out when they are performed.
    pub known: bool,
    /// All that would be installed: those that are listed and missing, and what they need in turn.
    pub missing: Vec<PackageChange>,
    /// Listed, missing, and not to be had, though the installed version listed them as well.
    pub unavailable: Vec<String>,
    /// Why they cannot be installed, in words for people: the plan is refused with it.
    pub refused: Option<String>,
    /// What the installed version lists.
    pub listed_now: Vec<String>,
    /// What else the owner should know: entries that were passed by, in words for people.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// One OS package that would be installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageChange {
    /// Its name.
    pub name: String,
    /// The version that it replaces, where what is listed needs a newer one; none for what is not there yet.
    #[serde(default)]
    pub from: Option<String>,
    /// The version that would come.
    pub version: Option<String>,
    /// Bytes to download, where known.
    pub bytes: Option<u64>,
}

/// Whether the Node packages change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeSurvey {
    /// Both lock files could be read.
    pub known: bool,
    /// They differ, or there are no packages installed.
    pub needed: bool,
    /// Packages that change, `name 1.0 -> 1.1`, as the lock files say.
    pub changes: Vec<String>,
    /// The `node_modules` from before the last upgrade is there, and is for the wished version.
    pub sound_previous: Option<PathBuf>,
}
