//! Python environments: what the owner configured, what was seen of one, and what an update needs to know of it.
//! Refuses to: start Python or read a folder; `adapters::python` fills the facts.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::dependencies::outside;
use crate::updater::places::beside;

/// An environment, as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentSpec {
    /// Its folder; `pyvenv.cfg` lies in it.
    pub folder: PathBuf,
    /// Variables for pip, in the order given.
    pub pip_environment: Vec<(String, String)>,
    /// Arguments for making it anew, as `python3 -m venv` takes them.
    pub venv_args: Option<String>,
    /// How many environments from before stay for a rollback.
    pub keep_previous: u32,
}

/// What was seen of an environment. Kept across restarts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentFacts {
    /// How it is.
    pub state: EnvironmentState,
    /// The interpreter's version, `3.11.2`; what it was when the interpreter is gone.
    pub python: Option<String>,
    /// What is installed, as `pip freeze --all` writes it (`requests==2.31.0`, `app @ git+https://…@<commit>`), sorted by
    /// name. Stays what it was when the environment is not sound: recovery builds it again from this.
    pub freeze: Vec<String>,
    /// Environments from before that are kept whole, newest first.
    pub previous: Vec<PreviousEnvironment>,
    /// What the last upgrade changed; a rollback takes it back.
    pub rollback: Option<EnvironmentPoint>,
    /// What it was seen by; another one means that it has to be looked at again. Of no meaning to anybody else.
    #[serde(default)]
    pub fingerprint: Option<serde_json::Value>,
}

/// Where environments from before are kept: beside the environment, or where that lies in the folder of its software, beside
/// that folder. Links are resolved in both.
#[must_use]
pub fn kept_place(home: Option<&Path>, folder: &Path) -> PathBuf {
    beside(&outside(home, folder), ".", ".refit-previous")
}

/// How an environment is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum EnvironmentState {
    /// Never looked at.
    #[default]
    Unseen,
    /// Its Python starts, and its packages belong to it.
    Sound,
    /// There is no such folder, or no environment in it.
    Missing,
    /// The Python that it was made with is gone (a distribution upgrade took it).
    InterpreterGone {
        /// What its `bin/python` leads to.
        python: PathBuf,
    },
    /// Its Python is another version now than its packages are installed for.
    VersionChanged {
        /// `3.9`.
        was: String,
        /// `3.11`.
        is: String,
    },
    /// Its Python does not start, or there is no pip in it.
    Broken {
        /// In words for people.
        why: String,
    },
}

impl EnvironmentState {
    /// What is wrong and what to do, in words for people; none when nothing is.
    #[must_use]
    pub fn complaint(&self, folder: &Path) -> Option<String> {
        Some(format!("{}. A recovery builds it again with the same packages", self.trouble(folder)?))
    }

    /// What is wrong, in words for people; none when nothing is.
    #[must_use]
    pub fn trouble(&self, folder: &Path) -> Option<String> {
        let folder = folder.display();
        Some(match self {
            Self::Unseen | Self::Sound => return None,
            Self::Missing => format!("The Python environment {folder} is missing"),
            Self::InterpreterGone { python } => {
                format!("The Python of the environment {folder} is gone ({} does not exist)", python.display())
            }
            Self::VersionChanged { was, is } => format!(
                "The Python of the environment {folder} changed from {was} to {is}, and its packages were made for {was}"
            ),
            Self::Broken { why } => format!("The Python environment {folder} does not work: {why}"),
        })
    }

    /// Packages can be installed into it as it is.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        match self {
            Self::Sound => true,
            Self::Unseen
            | Self::Missing
            | Self::InterpreterGone { .. }
            | Self::VersionChanged { .. }
            | Self::Broken { .. } => false,
        }
    }
}

/// An environment from before that is kept whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousEnvironment {
    /// The folder.
    pub folder: PathBuf,
    /// Seconds since 1970 when it was replaced.
    pub at: i64,
    /// Bytes on disk that it does not share with the one in use, near enough.
    pub bytes: u64,
}

/// What the last upgrade changed in an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentPoint {
    /// Where the environment from before is kept.
    pub kept: PathBuf,
    /// Its [`EnvironmentFacts::freeze`].
    pub before: Vec<String>,
    /// The freeze right after the upgrade: when the one now is another, somebody else changed it since.
    pub after: Vec<String>,
}

/// One distribution that an action changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The project, normalised.
    pub name: String,
    /// The version now; none when it is not installed.
    pub from: Option<String>,
    /// The version afterwards; none when it goes, or when only pip can tell.
    pub to: Option<String>,
    /// Bytes to download, where known.
    pub bytes: Option<u64>,
    /// There is no wheel for this machine: it will be compiled from source.
    pub builds: bool,
    /// Why, in words for people: `requirements.txt line 3 asks for >=2.31`.
    pub why: String,
}

/// Looked up right before planning an action.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentSurvey {
    /// What the wished version asks for could be read. When not, the steps find out when they are performed.
    pub known: bool,
    /// What will change, as far as it is known without the network; in a dry run, all that pip would do.
    pub changes: Vec<Change>,
    /// Installed distributions (`name==version`) whose files are missing or cannot be read.
    pub damaged: Vec<String>,
    /// The folder itself, where the configured one is or holds a symbolic link.
    pub real_folder: Option<PathBuf>,
    /// Why the environment cannot be prepared beside the one in use; none when it can.
    pub in_place: Option<String>,
    /// The environment kept from before the last upgrade is whole, and nobody changed the one in use since.
    pub sound_previous: Option<PathBuf>,
    /// What else the owner should know, in words for people: that pip does not tell what it would do, say.
    #[serde(default)]
    pub notes: Vec<String>,
}
