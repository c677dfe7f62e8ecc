//! One step of a plan, and its undo: serialisable data, never closures, so that a plan can be shown, journalled and
//! finished by the next process. What each does to the machine is `adapters::machine`'s table.
//!
//! Every step may run twice, because a crash will see to it: performing a step whose effect is already there must
//! succeed, and so must undoing one that never happened.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::name::{BranchName, CommitId, UpdaterName};
use crate::updater::git::Damage;
use crate::updater::release::{Asset, ReleaseKind, Source, Verify};

mod dependencies;
mod system;
mod undo;

pub use dependencies::{
    Beginning, Content, EnvironmentRef, EnvironmentStep, Ground, NodeStep, PackageList, PackageStep, ServiceStep, Want,
};
pub use system::SystemStep;
pub use undo::Undo;

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

/// Where things that must give way are kept: a folder beside the repository, and refs of the same name inside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptPlace {
    /// Names the place: `<UTC time>-<updater>`; the ref is `refs/refit/kept/<key>`.
    pub key: String,
    /// `<parent of the repository>/<its name>.refit-kept/<key>`; made only when something is put there.
    pub folder: PathBuf,
}

/// The software that a step with a release works on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseRef {
    /// Whose it is.
    pub updater: UpdaterName,
    /// Which type.
    pub kind: ReleaseKind,
    /// The folder in use; where the configured one is a symbolic link, what it leads to.
    pub path: PathBuf,
    /// Where its releases are published.
    pub source: Source,
    /// `asset_name` of the installed `release_info.json`; of an executable, the file in the folder.
    pub file: Option<String>,
    /// A short text unique to this run: names what one step prepares for the next.
    pub slot: String,
}

/// Which release, and which file of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WantedRelease {
    /// Known when the plan was made.
    Offered {
        /// Its tag.
        tag: String,
        /// Its name, or its tag where it has none: what the status shows.
        version: String,
        /// The file.
        asset: Asset,
        /// Why that one.
        why: String,
        /// Checksum files that may speak of it.
        checksums: Vec<Asset>,
        /// Its signature, when one is asked for.
        signature: Option<Box<Asset>>,
    },
    /// To be asked for: a version that was installed before, whose tag is its name.
    Tagged {
        /// The version.
        version: String,
        /// This machine's architecture, for the choice of the file.
        machine: String,
    },
    /// To be asked for: the newest of a channel, when nothing is known.
    Newest {
        /// `beta`, or else `stable`.
        beta: bool,
        /// This machine's architecture, for the choice of the file.
        machine: String,
    },
}

/// Where the folder goes that was in use before an exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "old", rename_all = "snake_case")]
pub enum OldFolder {
    /// It stays whole as a previous version, for a rollback without a network.
    Previous {
        /// Its version.
        version: String,
        /// Where: `<parent>/.<name>.refit-previous/<UTC time>-<version>`.
        folder: PathBuf,
    },
    /// A recovery replaced it; the owner may want something of it.
    Kept(KeptPlace),
}

impl OldFolder {
    /// Where it goes.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        match self {
            Self::Previous { folder, .. } => folder,
            Self::Kept(kept) => &kept.folder,
        }
    }
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// Asks once more whether the printer is busy; the first step of every switch. Fails when it is.
    CheckPrinter,
    /// Fetches a branch and its tags until `want` is there with everything it needs. Preparation.
    GitFetch {
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
    GitHeal {
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
    GitKeepAside {
        /// The repository.
        repo: RepoRef,
        /// Where to.
        kept: KeptPlace,
        /// What will be switched to.
        to: GitTarget,
    },
    /// Moves HEAD, index and work tree: forward to `to`, whatever was cut before.
    GitSwitch {
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
    GitVerify {
        /// The repository.
        repo: RepoRef,
        /// The commit, when the plan knew it.
        expect: Option<CommitId>,
    },
    /// Clones in full into a folder beside the live one (hard recovery). Preparation.
    GitClone {
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
    GitCarryOver {
        /// The repository to replace.
        repo: RepoRef,
        /// The staged clone.
        stage: PathBuf,
        /// The commit whose files are not the owner's, when it is known.
        was: Option<CommitId>,
    },
    /// Exchanges the staged folder with the live one and moves the old one to the kept place. Only a synced stage.
    FolderExchange {
        /// The updater, for messages.
        updater: UpdaterName,
        /// The folder in use.
        live: PathBuf,
        /// The prepared folder beside it.
        stage: PathBuf,
        /// Where the old folder goes.
        kept: KeptPlace,
    },
    /// Downloads a file of a release and verifies it. What is there already is not downloaded again. Preparation.
    ReleaseDownload {
        /// The software.
        release: ReleaseRef,
        /// Which file of which release.
        wanted: WantedRelease,
        /// What it must show.
        verify: Verify,
        /// What progress is called (CONTRACT §2.9).
        label: String,
    },
    /// Unpacks the downloaded file into a stage beside, refuses what is not a release of the same software, and shares
    /// with the installed version what is the same in both. Preparation.
    ReleaseUnpack {
        /// The software.
        release: ReleaseRef,
        /// The folder beside.
        stage: PathBuf,
        /// Whether files that are the same are shared with the folder in use (by hard links); a fresh copy shares none.
        share: bool,
    },
    /// Makes a stage from a previous version that was kept. Preparation.
    ReleaseStageKept {
        /// The software.
        release: ReleaseRef,
        /// The kept folder.
        from: PathBuf,
        /// The folder beside.
        stage: PathBuf,
    },
    /// Learns what the installed version shipped, where another updater installed it: from the release of its tag.
    /// Never fails: what cannot be learned is carried over. Preparation.
    ReleaseLearn {
        /// The software.
        release: ReleaseRef,
        /// The installed version, whose tag is its name.
        version: String,
        /// This machine's architecture, for the choice of the file.
        machine: String,
        /// What the download must show.
        verify: Verify,
    },
    /// Copies the owner's files into the stage: the persistent ones, and those that no release shipped. Preparation.
    ReleaseCarryOver {
        /// The software.
        release: ReleaseRef,
        /// The folder beside.
        stage: PathBuf,
        /// Paths below the folder that survive whatever the release brings.
        persistent: Vec<String>,
        /// Where copies go of files that must give way: shipped ones that were modified, and the owner's where the new
        /// version has a file of that name. None where the whole old folder is kept.
        kept: Option<KeptPlace>,
    },
    /// Starts the new executable once, with a deadline. Preparation.
    ReleaseProbe {
        /// The software.
        release: ReleaseRef,
        /// The folder beside.
        stage: PathBuf,
        /// Its arguments.
        arguments: Vec<String>,
    },
    /// Exchanges the staged folder with the one in use. Only a synced stage.
    ReleaseExchange {
        /// The software.
        release: ReleaseRef,
        /// The prepared folder.
        stage: PathBuf,
        /// Where the old one goes.
        old: OldFolder,
    },
    /// Asserts that the folder holds every file that the release shipped. "Finished" is said only after it.
    ReleaseVerify {
        /// The software.
        release: ReleaseRef,
    },
    /// Deletes previous versions and downloads beyond what is to be kept, and writes into the one that was just replaced
    /// what it shipped, where that had to be learned. Never fails, and is the last step: nothing is taken back after it.
    ReleasePrune {
        /// The software.
        release: ReleaseRef,
        /// Where the old folder went.
        old: OldFolder,
        /// How many previous versions stay.
        keep: u32,
    },
    /// On a Python environment.
    Environment(EnvironmentStep),
    /// On OS packages.
    Packages(PackageStep),
    /// On Node packages.
    Node(NodeStep),
    /// On services.
    Service(ServiceStep),
    /// On the packages of the operating system.
    System(SystemStep),
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

/// Which half of a plan a step belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Touches nothing that is in use and can be thrown away at any moment.
    Preparation,
    /// Short; every step has its undo.
    Switch,
}

/// A step in its place in a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// What to do.
    pub step: Step,
    /// How to take it back.
    pub undo: Undo,
    /// Which half.
    pub phase: Phase,
    /// What the listeners are told before it, in the documented words; empty for none.
    pub announce: Vec<String>,
}

impl Step {
    /// Changes something that runs by it. False for what asks, adds packages beside, or prepares a folder: that is taken
    /// back by its undo as though it had never been.
    #[must_use]
    pub fn touches_what_is_in_use(&self) -> bool {
        match self {
            Self::CheckPrinter | Self::Packages(_) => false,
            Self::Environment(step) => match step {
                EnvironmentStep::Stage { .. }
                | EnvironmentStep::Install { ground: Ground::Stage(_), .. }
                | EnvironmentStep::Check { ground: Ground::Stage(_), .. } => false,
                EnvironmentStep::Install { ground: Ground::InPlace { .. }, .. }
                | EnvironmentStep::Check { ground: Ground::InPlace { .. }, .. }
                | EnvironmentStep::Exchange { .. }
                | EnvironmentStep::KeepSnapshot { .. }
                | EnvironmentStep::Prune { .. } => true,
            },
            Self::System(step) => step.touches_what_is_in_use(),
            Self::Node(step) => match step {
                NodeStep::Stage { .. } => false,
                NodeStep::Exchange { .. } | NodeStep::Prune { .. } => true,
            },
            Self::GitFetch { .. }
            | Self::GitHeal { .. }
            | Self::GitKeepAside { .. }
            | Self::GitSwitch { .. }
            | Self::GitVerify { .. }
            | Self::GitClone { .. }
            | Self::GitCarryOver { .. }
            | Self::FolderExchange { .. }
            | Self::ReleaseDownload { .. }
            | Self::ReleaseUnpack { .. }
            | Self::ReleaseStageKept { .. }
            | Self::ReleaseLearn { .. }
            | Self::ReleaseCarryOver { .. }
            | Self::ReleaseProbe { .. }
            | Self::ReleaseExchange { .. }
            | Self::ReleaseVerify { .. }
            | Self::ReleasePrune { .. }
            | Self::Service(_) => true,
        }
    }

    /// One sentence for people: what this step would do. Shown by `refit plan` and kept in the history.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::CheckPrinter => "make sure that the printer is not busy".to_owned(),
            Self::GitFetch { remote, branch: Some(branch), .. } => format!("fetch {branch} from {remote}"),
            Self::GitFetch { remote, branch: None, .. } => format!("fetch from {remote}"),
            Self::GitHeal { damage, kept, .. } => format!(
                "mend the repository ({}), keeping the damaged files in {}",
                damage.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
                kept.folder.display()
            ),
            Self::GitKeepAside { kept, .. } => {
                format!("keep aside what must give way, in {} and refs/refit/kept/{}", kept.folder.display(), kept.key)
            }
            Self::GitSwitch { to: GitTarget::Commit(commit), head: Head::Branch(branch), .. } => {
                format!("switch {branch} to commit {}", commit.short())
            }
            Self::GitSwitch { to: GitTarget::Commit(commit), head: Head::Detached, .. } => {
                format!("switch to commit {}", commit.short())
            }
            Self::GitSwitch { to: GitTarget::FirstAncestorOf { remote, branch, .. }, .. } => {
                format!("switch to the newest commit of {remote}/{branch} that is safe to stand on")
            }
            Self::GitVerify { .. } => "verify that the files are what git says".to_owned(),
            Self::GitClone { url, stage, .. } => format!("clone {url} into {}", stage.display()),
            Self::GitCarryOver { .. } => "copy your own files into the new clone".to_owned(),
            Self::FolderExchange { live, kept, .. } => format!(
                "put the new clone in place of {}, keeping the old folder as {}",
                live.display(),
                kept.folder.display()
            ),
            Self::ReleaseDownload { wanted: WantedRelease::Offered { tag, asset, why, .. }, .. } => {
                let size = asset.size.map(|bytes| format!(", {}", size_in_words(bytes))).unwrap_or_default();
                format!("download {} of release {tag} ({why}{size}) and verify it", asset.name)
            }
            Self::ReleaseDownload { wanted: WantedRelease::Tagged { version, .. }, .. } => {
                format!("download release {version} and verify it")
            }
            Self::ReleaseDownload { wanted: WantedRelease::Newest { .. }, .. } => {
                "download the newest release and verify it".to_owned()
            }
            Self::ReleaseUnpack { stage, .. } => format!("unpack it into {} and check what it is", stage.display()),
            Self::ReleaseStageKept { from, .. } => format!("prepare the kept version in {}", from.display()),
            Self::ReleaseLearn { version, .. } => {
                format!("look up which files version {version} shipped, to tell them from your own")
            }
            Self::ReleaseCarryOver { .. } => "copy your own files into the new version".to_owned(),
            Self::ReleaseProbe { release, arguments, .. } => format!(
                "start the new program once: {} {}",
                release.file.as_deref().unwrap_or("?"),
                arguments.join(" ")
            ),
            Self::ReleaseExchange { release, old, .. } => format!(
                "put the new version in place of {}, keeping the old folder as {}",
                release.path.display(),
                old.folder().display()
            ),
            Self::ReleaseVerify { .. } => "verify that every file of the release is there".to_owned(),
            Self::ReleasePrune { keep, .. } => {
                format!("delete old downloads, and previous versions beyond the newest {keep}")
            }
            Self::Environment(step) => step.describe(),
            Self::Packages(step) => step.describe(),
            Self::Node(step) => step.describe(),
            Self::Service(step) => step.describe(),
            Self::System(step) => step.describe(),
        }
    }
}

/// `4.2 MiB`, `830 KiB`, `12 bytes`.
#[must_use]
pub fn size_in_words(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    if bytes < 1024 * 1024 {
        return format!("{} KiB", bytes / 1024);
    }
    let tenths = bytes.saturating_mul(10) / (1024 * 1024);
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}
