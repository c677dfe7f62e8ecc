//! How steps are taken back: data, as the steps are. Undoing what never happened must succeed.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Head, KeptPlace, OldFolder, RepoRef, Watched};
use crate::name::{CommitId, UpdaterName};

/// How a step is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "undo", rename_all = "snake_case")]
pub enum Undo {
    /// The step leaves nothing that matters.
    Nothing,
    /// Moves HEAD, index and work tree back: first forward to `forward` when that is possible, then to `to`
    /// (RELIABILITY.md §4.3: straight back leaves strays).
    GitSwitchBack {
        /// The repository.
        repo: RepoRef,
        /// Where HEAD pointed.
        head: Head,
        /// The commit it was on.
        to: CommitId,
        /// The commit that was being switched to.
        forward: Option<CommitId>,
    },
    /// Points the branch that a mending moved to where it was, were it to nowhere: what could not be fetched is still
    /// what the owner had. Damaged files stay where they are kept.
    GitHealBack {
        /// The repository.
        repo: RepoRef,
        /// Where the damaged files went; names the mending.
        kept: KeptPlace,
    },
    /// Puts what was kept aside back where it was.
    GitPutBack {
        /// The repository.
        repo: RepoRef,
        /// Where it was kept.
        kept: KeptPlace,
    },
    /// Deletes a staged folder that is not in use.
    DeleteStage {
        /// The folder; only ever one that a plan named as its stage.
        stage: PathBuf,
    },
    /// Exchanges back.
    FolderExchangeBack {
        /// The folder in use.
        live: PathBuf,
        /// Where the staged folder was.
        stage: PathBuf,
        /// Where the old folder went.
        kept: KeptPlace,
    },
    /// Exchanges back.
    ReleaseExchangeBack {
        /// The folder in use.
        live: PathBuf,
        /// Where the staged folder was.
        stage: PathBuf,
        /// Where the old folder went.
        old: OldFolder,
    },
    /// Deletes the copies of files that would have had to give way.
    ReleaseDropCopies {
        /// Where they are.
        kept: KeptPlace,
    },
    /// Forgets what a download prepared for the next steps; the downloaded file itself stays for another run.
    ReleaseForget {
        /// See [`slot`](super::ReleaseRef::slot).
        slot: String,
    },
    /// Puts the copy from before in place of an environment that pip worked in, whether it is still beside or kept already.
    EnvironmentPutBack {
        /// The environment in use.
        live: PathBuf,
        /// Where the copy was made.
        snapshot: PathBuf,
        /// Where a finished update keeps it.
        old: OldFolder,
    },
    /// Mends what a cut installation of OS packages left, forward, then removes those that it added and that nothing
    /// else needs.
    PackagesRemoveAdded {
        /// Whose.
        updater: UpdaterName,
    },
    /// Mends what a cut installation of the system's packages left, forward: there is no way back.
    SystemSettle,
    /// Restarts those units again that were restarted since they were observed: what they run was put back.
    ServicesRestartAgain {
        /// Without `.service`.
        units: Vec<String>,
    },
    /// Changes nothing: looks whether everything is as well again as it was recorded, after all the rest was taken back.
    HealthAgain {
        /// What is looked at.
        watched: Watched,
    },
}
