//! What one step of a run leaves for the next, in the folder of downloads: which file was downloaded and what it is, and
//! what the installed version shipped. Named by the run's slot; a step that runs again finds what is there.
//! Refuses to: outlive its run; the last step forgets it, and so does the undo.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::shipped::{Shipped, write_json};
use crate::download::Got;
use crate::tree::{TreeError, is_missing};

/// The files of one slot.
#[derive(Debug, Clone)]
pub struct Slot {
    got: PathBuf,
    learned: PathBuf,
}

/// What was downloaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Downloaded {
    /// The version as the status will show it.
    pub version: String,
    /// The release's tag.
    pub tag: String,
    /// The file's name in the release.
    pub asset: String,
    /// The file, and how it was verified.
    pub got: Got,
}

impl Slot {
    /// The slot of that name in the folder of downloads.
    #[must_use]
    pub fn new(downloads: &Path, name: &str) -> Self {
        Self {
            got: downloads.join(format!("slot-{name}.json")),
            learned: downloads.join(format!("slot-{name}-shipped.json")),
        }
    }

    /// Notes what was downloaded.
    ///
    /// # Errors
    /// [`TreeError::Io`].
    pub fn put(&self, downloaded: &Downloaded) -> Result<(), TreeError> {
        write_json(&self.got, downloaded)
    }

    /// What was downloaded; none when nothing was.
    #[must_use]
    pub fn downloaded(&self) -> Option<Downloaded> {
        serde_json::from_slice(&fs::read(&self.got).ok()?).ok()
    }

    /// Notes what the installed version shipped.
    ///
    /// # Errors
    /// [`TreeError::Io`].
    pub fn learn(&self, shipped: &Shipped) -> Result<(), TreeError> {
        shipped.write_file(&self.learned)
    }

    /// What the installed version shipped, when that had to be learned.
    #[must_use]
    pub fn learned(&self) -> Option<Shipped> {
        Shipped::read_file(&self.learned)
    }

    /// Forgets all of it.
    ///
    /// # Errors
    /// [`TreeError::Io`].
    pub fn forget(&self) -> Result<(), TreeError> {
        for file in [&self.got, &self.learned] {
            match fs::remove_file(file) {
                Err(error) if !is_missing(&error) => return Err(TreeError::io("deleted", file)(error)),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }
}
