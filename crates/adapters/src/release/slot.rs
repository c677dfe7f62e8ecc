//! What one step of a run leaves for the next, in the folder of downloads: which file was downloaded and what it is, and
//! what the installed version shipped. Named by the run's slot; a step that runs again finds what is there.
//! Refuses to: outlive its run; the last step forgets it, and so does the undo. Of a run that was given up, the last step
//! of the next one does.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::shipped::{self, Shipped, write_json};
use crate::download::Got;
use crate::tree::{self, TreeError, is_missing};

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
            got: downloads.join(format!("{SLOT}{name}.json")),
            learned: downloads.join(format!("{SLOT}{name}-shipped.json")),
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
        // A cut may have left either half-written.
        let halves = [&self.got, &self.learned].map(|file| shipped::beside(file));
        [&self.got, &self.learned].into_iter().chain(&halves).try_for_each(|file| delete(file))
    }

    /// Forgets the slots of all runs: there is one at a time, so that what is there is of runs that were given up.
    ///
    /// # Errors
    /// [`TreeError::Io`].
    pub fn forget_all(downloads: &Path) -> Result<(), TreeError> {
        for entry in fs::read_dir(downloads).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(LEARN) {
                tree::delete_stage(&entry.path())?;
            } else if name.starts_with(SLOT) {
                delete(&entry.path())?;
            }
        }
        Ok(())
    }

    /// The folder in which what the installed version shipped is learned.
    #[must_use]
    pub fn aside(downloads: &Path, name: &str) -> PathBuf {
        downloads.join(format!("{LEARN}{name}"))
    }
}

const SLOT: &str = "slot-";
const LEARN: &str = "learn-";

fn delete(file: &Path) -> Result<(), TreeError> {
    match fs::remove_file(file) {
        Err(error) if !is_missing(&error) => Err(TreeError::io("deleted", file)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn halves_of_files_and_other_runs_are_forgotten_too() {
        let dir = tempfile::tempdir().unwrap();
        let all = ["slot-a.json", "slot-a.json.refit-part", "slot-a-shipped.json.refit-part", "slot-b.json", "part-c"];
        for name in all {
            fs::write(dir.path().join(name), "{}").unwrap();
        }
        fs::create_dir_all(Slot::aside(dir.path(), "b").join("deep")).unwrap();
        Slot::new(dir.path(), "a").forget().unwrap();
        assert_eq!(files(dir.path()), ["learn-b", "part-c", "slot-b.json"]);
        Slot::forget_all(dir.path()).unwrap();
        assert_eq!(files(dir.path()), ["part-c"]);
        Slot::forget_all(&dir.path().join("nowhere")).unwrap();
    }
}
