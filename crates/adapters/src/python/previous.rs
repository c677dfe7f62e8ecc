//! Environments from before that are kept whole, beside the one in use: found, counted, pruned.
//! Refuses to: delete one that no step asked to let go of.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use refit_model::environment::{EnvironmentFacts, PreviousEnvironment};

use super::{installed, layout};
use crate::fault::FaultPlan;
use crate::tree::{self, TreeError};

/// The environments kept in a place, newest first: their names begin with the time at which they were replaced.
#[must_use]
pub fn list(live: &Path, place: &Path) -> Vec<PreviousEnvironment> {
    folders(place)
        .into_iter()
        .filter_map(|folder| {
            let at = fs::symlink_metadata(&folder).ok()?.ctime();
            let bytes = own_bytes(&folder, live);
            Some(PreviousEnvironment { folder, at, bytes })
        })
        .collect()
}

fn folders(place: &Path) -> Vec<PathBuf> {
    tree::kept_in(place).into_iter().filter(|folder| folder.join(layout::CONFIG).is_file()).collect()
}

/// What it takes on disk beside the one in use, with which it shares files by hard links.
fn own_bytes(folder: &Path, live: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.fold(0, |sum, entry| {
        let other = live.join(entry.file_name());
        let more = match entry.metadata() {
            Ok(seen) if seen.is_dir() => own_bytes(&entry.path(), &other),
            Ok(seen) if seen.nlink() > 1 && fs::symlink_metadata(&other).is_ok_and(|o| o.ino() == seen.ino()) => 0,
            Ok(seen) => seen.len(),
            Err(_) => 0,
        };
        sum.saturating_add(more)
    })
}

/// The environment kept from before the last upgrade, where it is whole and nobody changed the one in use since.
#[must_use]
pub fn sound(live: &Path, facts: &EnvironmentFacts) -> Option<PathBuf> {
    let point = facts.rollback.as_ref()?;
    let kept = &point.kept;
    let is_whole = kept.join(layout::CONFIG).is_file()
        && super::seen::complaint(kept).is_none()
        && installed::damaged(kept).is_empty()
        && installed::freeze(kept) == point.before;
    (is_whole && installed::freeze(live) == point.after).then(|| kept.clone())
}

/// Deletes all but the newest `keep`. Says which went.
///
/// # Errors
/// [`TreeError::Io`].
pub fn prune(place: &Path, keep: usize, faults: &FaultPlan) -> Result<Vec<PathBuf>, TreeError> {
    let is_environment = |folder: &Path| folder.join(layout::CONFIG).is_file();
    tree::prune_kept(place, keep, is_environment, || faults.reach("environment_prune.leaving"))
}
