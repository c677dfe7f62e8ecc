//! What a release would change, told from the list at the end of its archive: a short question to the network instead of a
//! download.
//! Refuses to: be exact about what it cannot know; without the list of what is installed it does not say what would go.

use std::collections::BTreeSet;
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

/// Compares an archive's list with what is installed. Without the list of what the installed version shipped, what would
/// be removed is not told, since a file may be the owner's. None when the archive's list cannot be read.
pub(super) fn difference(
    archive: &Path,
    live: &Path,
    shipped: Option<&Shipped>,
    bounds: &Bounds,
) -> Option<Difference> {
    let coming = archive::survey(archive, bounds).ok()?.leaves;
    let mut difference = Difference::default();
    for leaf in &coming {
        let (is_there, is_same) = match shipped {
            Some(shipped) => {
                let old = shipped.leaves.get(&leaf.path);
                (old.is_some(), old.is_some_and(|old| is_same(live, leaf, old)))
            }
            None => on_disk(&live.join(&leaf.path), leaf),
        };
        match (is_there, is_same) {
            (false, _) => difference.added.push(leaf.path.clone()),
            (true, false) => difference.changed.push(leaf.path.clone()),
            (true, true) => {}
        }
    }
    let stays: BTreeSet<&String> = coming.iter().map(|leaf| &leaf.path).collect();
    let shipped = shipped.into_iter().flat_map(|shipped| shipped.leaves.keys());
    difference.removed = shipped.filter(|path| !stays.contains(path)).cloned().collect();
    for list in [&mut difference.added, &mut difference.changed] {
        list.sort();
    }
    Some(difference)
}

fn is_same(live: &Path, new: &Listed, old: &Leaf) -> bool {
    match old {
        Leaf::File { size, .. } => {
            !new.is_link && *size == new.size && checksum(&live.join(&new.path)) == Some(new.crc)
        }
        Leaf::Link { target } => new.is_link && checksum_of(target.as_bytes()) == new.crc,
    }
}

/// Whether something is at a path, and whether it is the same.
fn on_disk(path: &Path, new: &Listed) -> (bool, bool) {
    let Ok(seen) = fs::symlink_metadata(path) else { return (false, false) };
    let target = || fs::read_link(path).ok().map(|target| checksum_of(target.as_os_str().as_encoded_bytes()));
    let same = match new.is_link {
        true => seen.is_symlink() && target() == Some(new.crc),
        false => seen.is_file() && seen.len() == new.size && checksum(path) == Some(new.crc),
    };
    (true, same)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::shipped::digest;

    /// An archive with `same` as installed, `other` changed, `new` added; installed is `old` too.
    fn installed(dir: &Path) -> Shipped {
        let live = dir.join("live");
        fs::create_dir(&live).unwrap();
        let mut shipped = Shipped::default();
        for name in ["same", "other", "old"] {
            fs::write(live.join(name), name).unwrap();
            let size = u64::try_from(name.len()).unwrap();
            let leaf = Leaf::File { sha256: digest(&live.join(name)).unwrap(), size };
            shipped.leaves.insert(name.to_owned(), leaf);
        }
        let zip = refit_testkit::zip::ZipBuilder::new().file("same", "same").file("other", "OTHER").file("new", "new");
        fs::write(dir.join("zip"), zip.build()).unwrap();
        shipped
    }

    fn told(dir: &Path, shipped: Option<&Shipped>) -> [Vec<String>; 3] {
        let difference = difference(&dir.join("zip"), &dir.join("live"), shipped, &Bounds::default()).unwrap();
        [difference.added, difference.changed, difference.removed]
    }

    #[test]
    fn what_a_release_would_change_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let shipped = installed(dir.path());
        assert_eq!(told(dir.path(), Some(&shipped)), [["new"], ["other"], ["old"]]);
    }

    #[test]
    fn without_a_list_nobody_knows_what_goes() {
        let dir = tempfile::tempdir().unwrap();
        installed(dir.path());
        std::os::unix::fs::symlink("new", dir.path().join("live/new")).unwrap();
        assert_eq!(told(dir.path(), None), [vec![], vec!["new".to_owned(), "other".to_owned()], vec![]]);
    }
}
