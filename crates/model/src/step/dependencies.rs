//! The steps that bring what software depends on: its Python environment, OS packages, Node packages, and the restart of
//! its services. Data, as all steps are.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{GitTarget, OldFolder, RepoRef, Sick};
use crate::name::UpdaterName;
use crate::restart::is_own;

/// Where the files of the version that is being installed are read before they are in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// A commit that is fetched.
    Commit {
        /// The repository.
        repo: RepoRef,
        /// What will be switched to.
        to: GitTarget,
    },
    /// A prepared folder.
    Stage {
        /// The folder.
        stage: PathBuf,
        /// The folder in use that it will be exchanged with.
        live: PathBuf,
    },
    /// The folder in use, as it is when the step is performed.
    Live {
        /// The folder.
        path: PathBuf,
    },
}

/// The environment that a step works on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentRef {
    /// Whose it is.
    pub updater: UpdaterName,
    /// What messages begin with: `Git Repo klipper`.
    pub title: String,
    /// The folder in use, links resolved.
    pub folder: PathBuf,
    /// Variables for pip, in the order given.
    pub pip_environment: Vec<(String, String)>,
    /// Arguments for making it anew.
    pub venv_args: Option<String>,
}

/// What an environment must have afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Want {
    /// What a requirements file asks for. Nothing is done when it is there already, unless `again`.
    Requirements {
        /// Whose file.
        content: Content,
        /// The file, relative to the content.
        file: PathBuf,
        /// Installed distributions (`name==version`) whose files are damaged: they are installed anew first.
        damaged: Vec<String>,
        /// Ask pip even when nothing seems to be missing.
        again: bool,
    },
    /// One package, as pip is asked for it.
    Package {
        /// `name[extra]==1.2.3`, or `name[extra] @ git+https://…@<commit>`.
        requirement: String,
        /// The project's normalised name.
        name: String,
        /// Installed distributions (`name==version`) whose files are damaged: they are installed anew first.
        damaged: Vec<String>,
        /// Install it anew, though this version is there.
        again: bool,
    },
    /// These distributions exactly: what a rollback takes back when there is no environment kept.
    Exactly {
        /// As in a freeze.
        install: Vec<String>,
        /// Projects to uninstall.
        remove: Vec<String>,
    },
}

/// What a stage begins as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Beginning {
    /// A copy of the environment in use.
    Copy,
    /// A new environment, with what is in `freeze` in the same versions where they can still be had.
    Fresh {
        /// The freeze of the old one.
        freeze: Vec<String>,
    },
}

/// Where pip works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ground {
    /// In a stage that it sees under the final path.
    Stage(PathBuf),
    /// In the environment in use; the stage is a copy of it from before. Where there is none, nothing is to be done.
    InPlace {
        /// The copy from before.
        snapshot: PathBuf,
    },
}

impl Ground {
    /// The folder beside: where there is none, nothing is to be done.
    #[must_use]
    pub fn stage(&self) -> &Path {
        match self {
            Self::Stage(stage) | Self::InPlace { snapshot: stage } => stage,
        }
    }
}

/// Steps on a Python environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum EnvironmentStep {
    /// Makes the stage; none when the environment has all that `want` asks for.
    Stage {
        /// The environment.
        env: EnvironmentRef,
        /// The folder beside.
        stage: PathBuf,
        /// What it begins as.
        from: Beginning,
        /// What it is made for.
        want: Want,
    },
    /// Runs pip.
    Install {
        /// The environment.
        env: EnvironmentRef,
        /// Where.
        ground: Ground,
        /// What for.
        want: Want,
        /// What listeners are told before pip is, in the documented words: `Updating python packages...`.
        says: String,
        /// The freeze of the environment that is built anew; its versions are tried first.
        freeze: Vec<String>,
    },
    /// `pip check`, and an import of what was installed.
    Check {
        /// The environment.
        env: EnvironmentRef,
        /// Where.
        ground: Ground,
        /// Projects whose modules must be importable, where they were before.
        projects: Vec<String>,
    },
    /// Exchanges the stage with the environment in use; nothing where there is no stage. Only a synced stage.
    Exchange {
        /// The environment.
        env: EnvironmentRef,
        /// The prepared one, or one that was kept.
        stage: PathBuf,
        /// Where the old one goes.
        old: OldFolder,
    },
    /// After an installation in place: the copy from before becomes the kept one. Nothing where there is none.
    KeepSnapshot {
        /// The environment.
        env: EnvironmentRef,
        /// The copy.
        snapshot: PathBuf,
        /// Where it goes.
        old: OldFolder,
    },
    /// Deletes kept environments beyond the newest. Never fails, and comes last.
    Prune {
        /// The environment.
        env: EnvironmentRef,
        /// The folder that holds the kept ones.
        kept: PathBuf,
        /// How many stay.
        keep: u32,
    },
}

/// Where a list of OS packages is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageList {
    /// Whose files.
    pub content: Content,
    /// The JSON file, relative to the content.
    pub system_dependencies: Option<PathBuf>,
    /// The install script whose `PKGLIST` lines are read, relative to the content.
    pub install_script: Option<PathBuf>,
    /// The project whose file `release_info` lists them, where the content is a Python environment.
    pub release_info_of: Option<String>,
    /// Packages that the version before listed already: one that cannot be had is no reason to refuse.
    pub known: Vec<String>,
}

/// Steps on OS packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum PackageStep {
    /// Finds out which are missing, simulates their installation, and downloads them. Preparation.
    Fetch {
        /// Whose.
        updater: UpdaterName,
        /// What messages begin with.
        title: String,
        /// Which.
        list: PackageList,
    },
    /// Installs those that are missing, and upgrades others only where these need it. Never removes one.
    Install {
        /// Whose.
        updater: UpdaterName,
        /// What messages begin with.
        title: String,
        /// Which.
        list: PackageList,
    },
}

/// Steps on Node packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum NodeStep {
    /// `npm ci --omit=dev` in a folder beside.
    Stage {
        /// Whose.
        updater: UpdaterName,
        /// What messages begin with.
        title: String,
        /// Whose `package.json` and `package-lock.json`.
        content: Content,
        /// The folder beside, in which `node_modules` is made.
        stage: PathBuf,
    },
    /// Exchanges `node_modules`.
    Exchange {
        /// Whose.
        updater: UpdaterName,
        /// The folder `node_modules` in use.
        live: PathBuf,
        /// The prepared one, or one that was kept.
        stage: PathBuf,
        /// Where the old one goes.
        old: OldFolder,
    },
    /// Deletes kept packages beyond the newest. Never fails, and comes last.
    Prune {
        /// Whose.
        updater: UpdaterName,
        /// The folder that holds the kept ones.
        kept: PathBuf,
        /// How many stay.
        keep: u32,
    },
}

/// Steps on services.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum ServiceStep {
    /// Notes which start of each unit is running, before anything of it changes.
    Observe {
        /// Whose.
        updater: UpdaterName,
        /// Without `.service`.
        units: Vec<String>,
    },
    /// Restarts one unit, and waits until it runs.
    Restart {
        /// Whose.
        updater: UpdaterName,
        /// What messages begin with.
        title: String,
        /// Without `.service`.
        unit: String,
        /// It is Refit's own: asked for by the process that it ends, and observed by the next.
        #[serde(default)]
        own: bool,
        /// What it means when it does not run then, though it ran before.
        #[serde(default)]
        sick: Sick,
    },
    /// Leaves the restart of one unit to its own place in an update of everything. Does nothing but stand in the journal:
    /// a run that has finished owes the restart.
    Postpone {
        /// Whose.
        updater: UpdaterName,
        /// Without `.service`.
        unit: String,
    },
}

impl EnvironmentStep {
    /// Without the values of the variables for pip: the address of an index may hold a login.
    pub(super) fn hide_values(&mut self) {
        let (Self::Stage { env, .. }
        | Self::Install { env, .. }
        | Self::Check { env, .. }
        | Self::Exchange { env, .. }
        | Self::KeepSnapshot { env, .. }
        | Self::Prune { env, .. }) = self;
        for (_name, value) in &mut env.pip_environment {
            "(not shown)".clone_into(value);
        }
    }

    /// One sentence for people.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Stage { env, from: Beginning::Copy, .. } => {
                format!("prepare a copy of the Python environment {}", env.folder.display())
            }
            Self::Stage { env, from: Beginning::Fresh { .. }, .. } => {
                format!("build the Python environment {} anew, beside the old one", env.folder.display())
            }
            Self::Install { want, ground, .. } => {
                let place = match ground {
                    Ground::Stage(_) => "beside the one in use",
                    Ground::InPlace { .. } => "in the one in use, of which a copy is kept",
                };
                match want {
                    Want::Requirements { file, .. } => {
                        format!("install what {} asks for into the Python environment {place}", file.display())
                    }
                    Want::Package { requirement, .. } => {
                        format!("install {requirement} into the Python environment {place}")
                    }
                    Want::Exactly { install, remove } => format!(
                        "put {} Python packages back to their versions from before, and remove {}, {place}",
                        install.len(),
                        remove.len()
                    ),
                }
            }
            Self::Check { .. } => "check that the Python packages fit together and can be imported".to_owned(),
            Self::Exchange { env, old, .. } => format!(
                "put the prepared Python environment in place of {}, keeping the old one as {}",
                env.folder.display(),
                old.folder().display()
            ),
            Self::KeepSnapshot { old, .. } => {
                format!("keep the Python environment from before as {}", old.folder().display())
            }
            Self::Prune { keep, .. } => format!("delete Python environments from before, beyond the newest {keep}"),
        }
    }
}

impl PackageStep {
    /// One sentence for people.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Fetch { .. } => "look which system packages are missing, and download them".to_owned(),
            Self::Install { .. } => "install the system packages that are missing".to_owned(),
        }
    }
}

impl NodeStep {
    /// One sentence for people.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Stage { .. } => "install the Node packages with npm, beside those in use".to_owned(),
            Self::Exchange { old, .. } => {
                format!("put the new Node packages in place, keeping the old ones as {}", old.folder().display())
            }
            Self::Prune { keep, .. } => format!("delete Node packages from before, beyond the newest {keep}"),
        }
    }
}

impl ServiceStep {
    /// It stops what a print runs in.
    #[must_use]
    pub fn restarts_klipper(&self) -> bool {
        let klipper = UpdaterName::new("klipper");
        matches!(self, Self::Restart { unit, .. } if klipper.is_ok_and(|klipper| is_own(&klipper, unit)))
    }

    /// One sentence for people.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Observe { units, .. } => format!("note how the services run: {}", units.join(", ")),
            Self::Restart { unit, own: false, .. } => format!("restart the service {unit}"),
            Self::Restart { unit, own: true, .. } => format!("restart Refit itself, the service {unit}"),
            Self::Postpone { unit, .. } => format!("leave the restart of the service {unit} to its turn"),
        }
    }
}
