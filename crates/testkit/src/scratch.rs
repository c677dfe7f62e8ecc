//! Temporary folders that are fast: in memory where the host has a suitable place.

use std::path::Path;

use rustix::fs::StatVfsMountFlags;
use tempfile::TempDir;

/// The memory file system of Linux hosts.
const MEMORY: &str = "/dev/shm";

/// What is to be free there, in bytes.
const ROOM: u64 = 512 << 20;

/// A folder that is gone with the value. On `/dev/shm` when programs may run there and half a GiB is free (making
/// repositories is several times faster there), else where the system keeps temporary files.
///
/// # Panics
/// When no folder can be made.
pub fn scratch() -> TempDir {
    let made = if suits(Path::new(MEMORY)) { TempDir::new_in(MEMORY) } else { TempDir::new() };
    made.expect("a temporary folder can be made")
}

fn suits(place: &Path) -> bool {
    rustix::fs::statvfs(place)
        .is_ok_and(|fs| !fs.f_flag.contains(StatVfsMountFlags::NOEXEC) && fs.f_bavail * fs.f_frsize >= ROOM)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_scratch_folder_takes_files_and_goes() {
        let dir = super::scratch();
        let path = dir.path().to_owned();
        std::fs::write(path.join("file"), "x").unwrap();
        drop(dir);
        assert!(!path.exists());
    }
}
