//! What a release would change, told from the list at the end of its archive: a short question to the network instead of a
//! download.
//! Refuses to: be exact about what it cannot know; without the list of what is installed it says nothing.

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use flate2::Crc;
use refit_model::updater::release::Difference;

use super::shipped::{Leaf, Shipped};
use crate::archive::{self, Bounds, Listed};
use crate::tree::TreeError;

/// The end of an archive that holds the list of a few thousand files.
pub(super) const TAIL: u64 = 1024 * 1024;

/// Makes a file of an archive's length that holds only its end: enough for its list.
///
/// # Errors
/// [`TreeError::Io`].
pub(super) fn lay_out(file: &Path, size: u64, tail: &[u8]) -> Result<(), TreeError> {
    let failed = || TreeError::io("written", file);
    let mut sparse = fs::File::create(file).map_err(failed())?;
    sparse.set_len(size).map_err(failed())?;
    let from = size.saturating_sub(u64::try_from(tail.len()).unwrap_or(u64::MAX));
    sparse.seek(SeekFrom::Start(from)).map_err(failed())?;
    sparse.write_all(tail).map_err(failed())
}

/// Compares an archive's list with what is installed. None when the list cannot be read.
pub(super) fn difference(archive: &Path, live: &Path, shipped: &Shipped, bounds: &Bounds) -> Option<Difference> {
    let coming = archive::survey(archive, bounds).ok()?.leaves;
    let mut difference = Difference::default();
    for leaf in &coming {
        match shipped.leaves.get(&leaf.path) {
            None => difference.added.push(leaf.path.clone()),
            Some(old) if !is_same(live, leaf, old) => difference.changed.push(leaf.path.clone()),
            Some(_) => {}
        }
    }
    let stays = |path: &String| coming.iter().any(|leaf| leaf.path == *path);
    difference.removed = shipped.leaves.keys().filter(|path| !stays(path)).cloned().collect();
    for list in [&mut difference.added, &mut difference.changed] {
        list.sort();
    }
    Some(difference)
}

fn is_same(live: &Path, new: &Listed, old: &Leaf) -> bool {
    match old {
        Leaf::File { size, .. } => *size == new.size && checksum(&live.join(&new.path)) == Some(new.crc),
        Leaf::Link { target } => checksum_of(target.as_bytes()) == new.crc,
    }
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
