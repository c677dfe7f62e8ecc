//! Steps on software that ships as releases.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{KeptPlace, size_in_words};
use crate::name::UpdaterName;
use crate::updater::release::{Asset, ReleaseKind, Source, Verify};

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

/// Steps on software that ships as releases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum ReleaseStep {
    /// Downloads a file of a release and verifies it. What is there already is not downloaded again. Preparation.
    Download {
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
    Unpack {
        /// The software.
        release: ReleaseRef,
        /// The folder beside.
        stage: PathBuf,
        /// Whether files that are the same are shared with the folder in use (by hard links); a fresh copy shares none.
        share: bool,
    },
    /// Makes a stage from a previous version that was kept. Preparation.
    StageKept {
        /// The software.
        release: ReleaseRef,
        /// The kept folder.
        from: PathBuf,
        /// The folder beside.
        stage: PathBuf,
    },
    /// Learns what the installed version shipped, where another updater installed it: from the release of its tag.
    /// Never fails: what cannot be learned is carried over. Preparation.
    Learn {
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
    CarryOver {
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
    Probe {
        /// The software.
        release: ReleaseRef,
        /// The folder beside.
        stage: PathBuf,
        /// Its arguments.
        arguments: Vec<String>,
    },
    /// Exchanges the staged folder with the one in use. Only a synced stage.
    Exchange {
        /// The software.
        release: ReleaseRef,
        /// The prepared folder.
        stage: PathBuf,
        /// Where the old one goes.
        old: OldFolder,
    },
    /// Asserts that the folder holds every file that the release shipped. "Finished" is said only after it.
    Verify {
        /// The software.
        release: ReleaseRef,
    },
    /// Deletes previous versions and downloads beyond what is to be kept, and writes into the one that was just replaced
    /// what it shipped, where that had to be learned. Never fails, and is the last step: nothing is taken back after it.
    Prune {
        /// The software.
        release: ReleaseRef,
        /// Where the old folder went.
        old: OldFolder,
        /// How many previous versions stay.
        keep: u32,
    },
}

impl ReleaseStep {
    /// One sentence for people.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Download { wanted: WantedRelease::Offered { tag, asset, why, .. }, .. } => {
                let size = asset.size.map(|bytes| format!(", {}", size_in_words(bytes))).unwrap_or_default();
                format!("download {} of release {tag} ({why}{size}) and verify it", asset.name)
            }
            Self::Download { wanted: WantedRelease::Tagged { version, .. }, .. } => {
                format!("download release {version} and verify it")
            }
            Self::Download { wanted: WantedRelease::Newest { .. }, .. } => {
                "download the newest release and verify it".to_owned()
            }
            Self::Unpack { stage, .. } => format!("unpack it into {} and check what it is", stage.display()),
            Self::StageKept { from, .. } => format!("prepare the kept version in {}", from.display()),
            Self::Learn { version, .. } => {
                format!("look up which files version {version} shipped, to tell them from your own")
            }
            Self::CarryOver { .. } => "copy your own files into the new version".to_owned(),
            Self::Probe { release, arguments, .. } => format!(
                "start the new program once: {} {}",
                release.file.as_deref().unwrap_or("?"),
                arguments.join(" ")
            ),
            Self::Exchange { release, old, .. } => format!(
                "put the new version in place of {}, keeping the old folder as {}",
                release.path.display(),
                old.folder().display()
            ),
            Self::Verify { .. } => "verify that every file of the release is there".to_owned(),
            Self::Prune { keep, .. } => {
                format!("delete old downloads, and previous versions beyond the newest {keep}")
            }
        }
    }
}
