//! Room on a file system, asked before something large is begun.
//! Refuses to: make room.

use std::path::{Path, PathBuf};

use rustix::fs::statvfs;
use thiserror::Error;

/// There is not enough room.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not enough free space for {path}: {needed} MiB are needed and {free} MiB are free; delete something and try again", path = .path.display())]
pub struct NoRoom {
    /// Where.
    pub path: PathBuf,
    /// In MiB, rounded up.
    pub needed: u64,
    /// In MiB.
    pub free: u64,
}

/// A file system that holds as many files as it can, whatever their size.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not enough room for {path}: {needed} files have to be made and the disk has room for {free}; delete something and try again", path = .path.display())]
pub struct NoFiles {
    /// Where.
    pub path: PathBuf,
    /// How many are needed.
    pub needed: u64,
    /// How many there is room for.
    pub free: u64,
}

const MIB: u64 = 1024 * 1024;

/// Asserts that so many bytes can be written below `path`, and that a file can be made at all.
///
/// # Errors
/// [`NoRoom`]. A file system that does not tell passes: the write itself will.
pub fn require_room(path: &Path, bytes: u64) -> Result<(), NoRoom> {
    // A folder that is not made yet will be on the file system of the one that will hold it.
    let Some(told) = path.ancestors().find_map(|folder| statvfs(folder).ok()) else { return Ok(()) };
    let free = told.f_bavail.saturating_mul(told.f_frsize);
    // Some file systems (btrfs) have no fixed number of inodes and tell 0 for all and free.
    let no_inode = told.f_files > 0 && told.f_favail == 0;
    if free >= bytes && !no_inode {
        return Ok(());
    }
    Err(NoRoom { path: path.to_owned(), needed: bytes.div_ceil(MIB), free: if no_inode { 0 } else { free / MIB } })
}

/// Asserts that so many files and folders can be made below `path`.
///
/// # Errors
/// [`NoFiles`]. A file system that does not tell passes.
pub fn require_inodes(path: &Path, inodes: u64) -> Result<(), NoFiles> {
    let Some(told) = path.ancestors().find_map(|folder| statvfs(folder).ok()) else { return Ok(()) };
    if told.f_files == 0 || told.f_favail >= inodes {
        return Ok(());
    }
    Err(NoFiles { path: path.to_owned(), needed: inodes, free: told.f_favail })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_has_an_exbibyte() {
        assert_eq!(require_room(Path::new("/"), 1), Ok(()));
        assert!(require_room(Path::new("/not/made/yet"), 1 << 60).is_err());
        let refused = require_room(Path::new("/"), 1 << 60).unwrap_err();
        assert_eq!(refused.needed, 1 << 40);
        assert!(refused.to_string().contains("MiB are free"));
    }
}
