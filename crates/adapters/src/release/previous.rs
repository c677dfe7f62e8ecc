//! Previous versions that are kept whole, beside the folder in use: found, counted, pruned.
//! Refuses to: delete a version that no `ReleaseStep::Prune` asked to let go of.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use refit_model::updater::release::Previous;

use super::installed;
use super::shipped::Shipped;
use crate::fault::FaultPlan;
use crate::tree::{self, TreeError};

/// `.<name>.refit-previous` beside the folder, as the planner names it.
fn place(live: &Path) -> Option<PathBuf> {
    let name = live.file_name()?.to_string_lossy();
    Some(live.with_file_name(format!(".{name}.refit-previous")))
}

/// The kept versions of a folder, newest first. Their names begin with the time at which they were replaced.
#[must_use]
pub fn list(live: &Path) -> Vec<Previous> {
    let Some(entries) = place(live).and_then(|place| fs::read_dir(place).ok()) else { return Vec::new() };
    let mut folders: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir() && !is_leaving(path)).collect();
    folders.sort_by(|a, b| b.file_name().cmp(&a.file_name()));
    folders.into_iter().filter_map(|folder| one(live, folder)).collect()
}

fn one(live: &Path, folder: PathBuf) -> Option<Previous> {
    let info = fs::read(folder.join(installed::INFO)).ok().and_then(|bytes| installed::parse_info(&bytes));
    let version = Shipped::read(&folder).map(|shipped| shipped.version).or(info.map(|info| info.version))?;
    let at = fs::symlink_metadata(&folder).ok()?.ctime();
    let bytes = own_bytes(&folder, live);
    Some(Previous { version, folder, at, bytes })
}

/// What it takes on disk beside the installed version, with which it shares files.
fn own_bytes(folder: &Path, live: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries.flatten().fold(0, |sum, entry| {
        let other = live.join(entry.file_name());
        match entry.metadata() {
            Ok(seen) if seen.is_dir() => sum.saturating_add(own_bytes(&entry.path(), &other)),
            Ok(seen) if seen.nlink() > 1 && fs::symlink_metadata(&other).is_ok_and(|o| o.ino() == seen.ino()) => sum,
            Ok(seen) => sum.saturating_add(seen.len()),
            Err(_) => sum,
        }
    })
}

/// The kept version that a rollback can go to: of that version, with every file as it was shipped.
#[must_use]
pub fn sound(live: &Path, version: &str) -> Option<PathBuf> {
    let fits = |previous: &Previous| {
        previous.version == version
            && Shipped::read(&previous.folder).is_some_and(|shipped| {
                !shipped.leaves.is_empty() && shipped.wrong(&previous.folder).is_ok_and(|wrong| wrong.is_empty())
            })
    };
    list(live).into_iter().find(fits).map(|previous| previous.folder)
}

/// A version that another updater installed has no list: it gets the one that was learned, or at least its version.
///
/// # Errors
/// [`TreeError::Io`].
pub fn list_shipped(folder: &Path, version: &str, learned: Option<Shipped>) -> Result<(), TreeError> {
    if !folder.is_dir() || Shipped::read(folder).is_some() {
        return Ok(());
    }
    learned.unwrap_or_else(|| Shipped { version: version.to_owned(), ..Shipped::default() }).write(folder)
}

/// Deletes all but the newest `keep`, and the installed version's own copies. Each leaves its name first, so that what a
/// cut left half deleted is not taken for a version.
///
/// # Errors
/// [`TreeError::Io`].
pub fn prune(live: &Path, installed: Option<&str>, keep: usize, faults: &FaultPlan) -> Result<Vec<String>, TreeError> {
    let Some(place) = place(live) else { return Ok(Vec::new()) };
    for entry in fs::read_dir(&place).into_iter().flatten().flatten() {
        if is_leaving(&entry.path()) {
            tree::delete_stage(&entry.path())?;
        }
    }
    let (mut stay, mut gone) = (0, Vec::new());
    for previous in list(live) {
        if stay < keep && Some(previous.version.as_str()) != installed {
            stay += 1;
            continue;
        }
        let mut leaving = previous.folder.as_os_str().to_owned();
        leaving.push(LEAVING);
        let leaving = PathBuf::from(leaving);
        fs::rename(&previous.folder, &leaving).map_err(TreeError::io("renamed", &previous.folder))?;
        faults.reach("release_prune.leaving");
        tree::delete_stage(&leaving)?;
        gone.push(previous.version);
    }
    // It goes when it is empty.
    let _not_empty = fs::remove_dir(&place);
    Ok(gone)
}

const LEAVING: &str = ".leaving";

fn is_leaving(path: &Path) -> bool {
    path.to_string_lossy().ends_with(LEAVING)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(live: &Path, name: &str, version: &str) -> PathBuf {
        let folder = place(live).unwrap().join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("a"), version).unwrap();
        let sha256 = super::super::shipped::digest(&folder.join("a")).unwrap();
        let size = u64::try_from(version.len()).unwrap();
        let leaf = super::super::shipped::Leaf::File { sha256, size };
        let leaves = [("a".to_owned(), leaf)].into();
        let list = Shipped { version: version.to_owned(), leaves, ..Shipped::default() };
        list.write(&folder).unwrap();
        folder
    }

    #[test]
    fn the_newest_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let live = dir.path().join("web");
        for (name, version) in [("20260101T000000Z-1", "1"), ("20260301T000000Z-3", "3"), ("20260201T000000Z-2", "2")] {
            keep(&live, name, version);
        }
        let versions = || list(&live).into_iter().map(|previous| previous.version).collect::<Vec<_>>();
        assert_eq!(versions(), ["3", "2", "1"]);
        assert_eq!(prune(&live, Some("9"), 2, &FaultPlan::none()).unwrap(), ["1"]);
        assert_eq!(versions(), ["3", "2"]);
        assert_eq!(prune(&live, Some("3"), 2, &FaultPlan::none()).unwrap(), ["3"], "the installed one needs no copy");
        assert_eq!(prune(&live, None, 0, &FaultPlan::none()).unwrap(), ["2"]);
        assert!(!place(&live).unwrap().exists());
    }

    #[test]
    fn a_kept_version_that_was_changed_is_not_gone_back_to() {
        let dir = tempfile::tempdir().unwrap();
        let live = dir.path().join("web");
        let folder = keep(&live, "20260101T000000Z-1", "1");
        assert_eq!(sound(&live, "1"), Some(folder.clone()));
        assert_eq!(sound(&live, "2"), None);
        fs::write(folder.join("a"), "X").unwrap();
        assert_eq!(sound(&live, "1"), None);
    }
}
