//! Steps on a git repository.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::KeptPlace;
use crate::name::{BranchName, CommitId, UpdaterName};
use crate::updater::git::Damage;

/// The repository a step works on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepoRef {
    /// Whose it is.
    pub updater: UpdaterName,
    /// The work tree.
    pub path: PathBuf,
}

/// Where HEAD points.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Head {
    /// A branch is checked out.
    Branch(BranchName),
    /// HEAD holds a commit itself.
    Detached,
}

/// Which commit a switch goes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GitTarget {
    /// A commit known when the plan was made.
    Commit(CommitId),
    /// The first of these that is an ancestor of the remote branch, else the remote branch's tip: for a recovery
    /// whose objects had to be fetched first (CONTRACT §2.7, soft).
    FirstAncestorOf {
        /// The configured pin, possibly abbreviated; more wanted than all candidates.
        pin: Option<String>,
        /// Candidates, most wanted first.
        candidates: Vec<CommitId>,
        /// The remote's name.
        remote: String,
        /// The branch there.
        branch: BranchName,
    },
}

/// Steps on a git repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum GitStep {
    /// Fetches a branch and its tags until `want` is there with everything it needs. Preparation.
    Fetch {
        /// The repository.
        repo: RepoRef,
        /// The remote's name in the repository (`origin`).
        remote: String,
        /// The branch there; none fetches what the remote's refspecs say.
        branch: Option<BranchName>,
        /// The commit that must be complete afterwards; none when only the remote can tell.
        want: Option<CommitId>,
        /// Also fetch what git believes to have (`--refetch`), for a repository that lost objects.
        refetch: bool,
        /// Ask the remote even when everything is here already: its last answer was an error (CONTRACT §8 row 13).
        ask: bool,
    },
    /// Mends a damaged `.git` so far that git works again: the damaged files are moved into the kept folder, and
    /// rebuilt from what is known. Nothing of the work tree is touched.
    Heal {
        /// The repository.
        repo: RepoRef,
        /// What was found, named exactly.
        damage: Vec<Damage>,
        /// The URL to fetch from when the configuration is gone.
        origin: String,
        /// The remote's name to set up when the configuration is gone.
        remote: String,
        /// The branch to stand on when HEAD is gone.
        branch: BranchName,
        /// Where the damaged files go.
        kept: KeptPlace,
    },
    /// Keeps aside what the switch would destroy: modified files, untracked files that the new version has files
    /// for, commits that no remote branch contains.
    KeepAside {
        /// The repository.
        repo: RepoRef,
        /// Where to.
        kept: KeptPlace,
        /// What will be switched to.
        to: GitTarget,
    },
    /// Moves HEAD, index and work tree: forward to `to`, whatever was cut before.
    Switch {
        /// The repository.
        repo: RepoRef,
        /// Where HEAD points afterwards.
        head: Head,
        /// The commit before, for the journal's reader; none when it could not be read.
        from: Option<CommitId>,
        /// The commit after.
        to: GitTarget,
    },
    /// Asserts that HEAD is where the plan says and that no tracked file differs. "Finished" is said only after it.
    Verify {
        /// The repository.
        repo: RepoRef,
        /// The commit, when the plan knew it.
        expect: Option<CommitId>,
    },
    /// Clones in full into a folder beside the live one (hard recovery). Preparation.
    Clone {
        /// The repository to replace.
        repo: RepoRef,
        /// From where.
        url: String,
        /// The branch to stand on.
        branch: BranchName,
        /// The folder beside.
        stage: PathBuf,
        /// Moves to this commit when the clone has it as an ancestor of the branch (CONTRACT §2.7).
        prefer: Option<CommitId>,
        /// The configured pin, possibly abbreviated; more wanted than `prefer` (observed in Moonraker).
        pin: Option<String>,
    },
    /// Copies the owner's untracked files into the staged clone, unless the version has a file of that name.
    CarryOver {
        /// The repository to replace.
        repo: RepoRef,
        /// The staged clone.
        stage: PathBuf,
        /// The commit whose files are not the owner's, when it is known.
        was: Option<CommitId>,
    },
    /// Exchanges the staged folder with the live one and moves the old one to the kept place. Only a synced stage.
    Exchange {
        /// The updater, for messages.
        updater: UpdaterName,
        /// The folder in use.
        live: PathBuf,
        /// The prepared folder beside it.
        stage: PathBuf,
        /// Where the old folder goes.
        kept: KeptPlace,
    },
}

impl GitStep {
    /// One sentence for people.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Fetch { remote, branch: Some(branch), .. } => format!("fetch {branch} from {remote}"),
            Self::Fetch { remote, branch: None, .. } => format!("fetch from {remote}"),
            Self::Heal { damage, kept, .. } => format!(
                "mend the repository ({}), keeping the damaged files in {}",
                damage.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
                kept.folder.display()
            ),
            Self::KeepAside { kept, .. } => {
                format!("keep aside what must give way, in {} and refs/refit/kept/{}", kept.folder.display(), kept.key)
            }
            Self::Switch { to: GitTarget::Commit(commit), head: Head::Branch(branch), .. } => {
                format!("switch {branch} to commit {}", commit.short())
            }
            Self::Switch { to: GitTarget::Commit(commit), head: Head::Detached, .. } => {
                format!("switch to commit {}", commit.short())
            }
            Self::Switch { to: GitTarget::FirstAncestorOf { remote, branch, .. }, .. } => {
                format!("switch to the newest commit of {remote}/{branch} that is safe to stand on")
            }
            Self::Verify { .. } => "verify that the files are what git says".to_owned(),
            Self::Clone { url, stage, .. } => format!("clone {url} into {}", stage.display()),
            Self::CarryOver { .. } => "copy your own files into the new clone".to_owned(),
            Self::Exchange { live, kept, .. } => format!(
                "put the new clone in place of {}, keeping the old folder as {}",
                live.display(),
                kept.folder.display()
            ),
        }
    }
}
