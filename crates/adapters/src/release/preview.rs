//! What a release would change, told from the list at the end of its archive: a short question to the network instead of a
//! download.
//! Refuses to: be exact about what it cannot know; without the list of what is installed it says nothing.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use flate2::Crc;
use refit_model::updater::release::Difference;

use super::stage::StageError;
use crate::archive::{self, Bounds, Listed};
use crate::tree::{self, TreeError};

/// The end of an archive that holds the list of a few thousand files.
pub(super) const TAIL: u64 = 1024 * 1024;

/// The list of an archive of which only the end is known: laid out in a file of its length, which is gone afterwards.
///
/// # Errors
/// [`StageError`] when it cannot be written or read.
pub(super) fn list(file: &Path, size: u64, tail: &[u8], bounds: &Bounds) -> Result<Vec<Listed>, StageError> {
    lay_out(file, size, tail)?;
    let surveyed = archive::survey(file, bounds);
    // Another preview may have taken it away already.
    let _gone = fs::remove_file(file);
    Ok(surveyed.map_err(|error| StageError::Archive(error.to_string()))?.leaves)
}

/// A file of an archive's length, of which only the end is known.
///
/// # Errors
/// [`TreeError::Io`].
pub(super) fn lay_out(file: &Path, size: u64, tail: &[u8]) -> Result<(), TreeError> {
    let failed = || TreeError::io("written", file);
    tree::make_parent(file)?;
    let mut sparse = fs::File::create(file).map_err(failed())?;
    sparse.set_len(size).map_err(failed())?;
    let from = size.saturating_sub(u64::try_from(tail.len()).unwrap_or(u64::MAX));
    sparse.seek(SeekFrom::Start(from)).map_err(failed())?;
    sparse.write_all(tail).map_err(failed())
}

/// Compares an archive's list with what is installed, of which these files were shipped.
#[must_use]
pub(super) fn difference(coming: &[Listed], shipped: &BTreeSet<String>, live: &Path) -> Difference {
    let mut difference = Difference::default();
    for leaf in coming {
        if !shipped.contains(&leaf.path) {
            difference.added.push(leaf.path.clone());
        } else if !is_same(&live.join(&leaf.path), leaf) {
            difference.changed.push(leaf.path.clone());
        }
    }
    let stay: BTreeSet<&str> = coming.iter().map(|leaf| leaf.path.as_str()).collect();
    difference.removed = shipped.iter().filter(|path| !stay.contains(path.as_str())).cloned().collect();
    difference.added.sort();
    difference.changed.sort();
    difference
}

/// What of an archive's list stands in a folder.
#[must_use]
pub(super) fn already_there(coming: &[Listed], live: &Path) -> BTreeSet<String> {
    let is_there = |leaf: &&Listed| fs::symlink_metadata(live.join(&leaf.path)).is_ok();
    coming.iter().filter(is_there).map(|leaf| leaf.path.clone()).collect()
}

fn is_same(installed: &Path, new: &Listed) -> bool {
    let crc = match fs::read_link(installed) {
        Ok(target) => Some(checksum_of(target.as_os_str().as_encoded_bytes())),
        Err(_) => {
            fs::symlink_metadata(installed).ok().filter(|seen| seen.len() == new.size).and_then(|_| checksum(installed))
        }
    };
    crc == Some(new.crc)
}

fn checksum(path: &Path) -> Option<u32> {
    let mut file = fs::File::open(path).ok()?;
    let mut crc = Crc::new();
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let read = file.read(&mut chunk).ok()?;
        let bytes = chunk.get(..read)?;
        if bytes.is_empty() {
            return Some(crc.sum());
        }
        crc.update(bytes);
    }
}

fn checksum_of(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}
