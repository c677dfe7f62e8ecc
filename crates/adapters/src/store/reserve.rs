//! Space that is freed when the disk is full, so that an undo can always be written down.
//! Refuses to: fail; without it a full disk costs an undo its place in the journal, not the start.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate};

/// Enough for the undo of a hundred steps: an entry takes two or three pages of 4 KiB in the write-ahead log.
const SIZE: u64 = 1024 * 1024;

/// Reserves the space unless it is.
pub(super) fn keep(folder: &Path) {
    let path = place(folder);
    if std::fs::metadata(&path).is_ok_and(|found| found.len() == SIZE) {
        return;
    }
    if let Err(error) = fill(&path) {
        tracing::warn!(file = %path.display(), %error, "no space can be reserved for the journal");
        release(folder);
    }
}

/// Frees the space.
pub(super) fn release(folder: &Path) {
    let path = place(folder);
    match std::fs::remove_file(&path) {
        Ok(()) => tracing::warn!(file = %path.display(), "freed the reserved space"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => tracing::error!(file = %path.display(), %error, "the reserved space cannot be freed"),
    }
}

fn place(folder: &Path) -> PathBuf {
    folder.join("reserve")
}

fn fill(path: &Path) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    match fallocate(&file, FallocateFlags::empty(), 0, SIZE) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => zeros(&mut file),
        Err(error) => Err(error.into()),
    }
}

/// Some file systems cannot allocate without writing.
fn zeros(file: &mut File) -> std::io::Result<()> {
    let block = [0_u8; 4096];
    for _ in 0..SIZE / 4096 {
        file.write_all(&block)?;
    }
    file.sync_all()
}
