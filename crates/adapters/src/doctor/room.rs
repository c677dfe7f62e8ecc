//! File systems: whether there is room, room for files, and whether they can be written at all.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{StatVfs, StatVfsMountFlags, statvfs};

use super::places::written;
use super::{Finding, Patient};

const MIB: u64 = 1024 * 1024;
/// Less than this, and even a small update does not fit beside what it replaces.
const TOO_LITTLE: u64 = 100 * MIB;
/// A usual environment or a usual system update needs more.
const LITTLE: u64 = 1024 * MIB;
/// A repository and an environment are some thousand files.
const TOO_FEW: u64 = 2_000;
const FEW: u64 = 20_000;

pub(super) fn look(patient: &Patient<'_>) -> Vec<Finding> {
    let mut places: Vec<PathBuf> = vec![patient.state.to_owned()];
    places.extend(patient.specs.iter().flat_map(written).map(|(_, folder)| folder));
    places.extend(["/", "/var/cache/apt", "/tmp"].map(PathBuf::from));
    let mut seen = Vec::new();
    let mut findings = Vec::new();
    for place in places {
        // What is not made yet will be on the file system of the folder that will hold it.
        let Some(place) = place.ancestors().find(|folder| folder.is_dir()) else { continue };
        let (Ok(told), Ok(meta)) = (statvfs(place), fs::metadata(place)) else { continue };
        if !seen.contains(&meta.dev()) {
            seen.push(meta.dev());
            findings.push(judge(place, &told));
        }
    }
    findings
}

fn judge(place: &Path, told: &StatVfs) -> Finding {
    const CHECK: &str = "disk";
    let at = place.display();
    if told.f_flag.contains(StatVfsMountFlags::RDONLY) && place != Path::new("/") {
        return Finding::trouble(
            CHECK,
            format!("The file system of {at} cannot be written to: a worn memory card is made read-only when it fails"),
            "Save what matters to you, then look at the card; to see what happened, type: sudo dmesg | tail",
        );
    }
    let free = told.f_bavail.saturating_mul(told.f_frsize);
    let remedy = "Free some space: sudo apt-get clean, and old print files to begin with";
    if free < TOO_LITTLE {
        return Finding::trouble(
            CHECK,
            format!("The file system of {at} is full: {} MiB are free", free / MIB),
            remedy,
        );
    }
    // Some file systems (btrfs) have no fixed number of files and tell 0 for all.
    if told.f_files > 0 && told.f_favail < TOO_FEW {
        let what =
            format!("The file system of {at} has room for only {} more files, whatever their size", told.f_favail);
        return Finding::trouble(CHECK, what, "Delete folders with many small files");
    }
    if free < LITTLE {
        let what = format!("The file system of {at} has only {} MiB left; larger updates will not fit", free / MIB);
        return Finding::warning(CHECK, what, remedy);
    }
    if told.f_files > 0 && told.f_favail < FEW {
        let what =
            format!("The file system of {at} has room for only {} more files, whatever their size", told.f_favail);
        return Finding::warning(CHECK, what, "Delete folders with many small files");
    }
    Finding::fine(CHECK, format!("{at}: {} MiB are free", free / MIB))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn a_file_system_is_judged_by_its_room_and_its_flags() {
        let told = |free: u64, files: u64, left: u64, flags| StatVfs {
            f_bsize: 4096,
            f_frsize: 4096,
            f_blocks: u64::MAX,
            f_bfree: free / 4096,
            f_bavail: free / 4096,
            f_files: files,
            f_ffree: left,
            f_favail: left,
            f_fsid: 0,
            f_flag: flags,
            f_namemax: 255,
        };
        let usual = StatVfsMountFlags::empty();
        let place = Path::new("/home");
        let level = |told: StatVfs| judge(place, &told).level;
        assert_eq!(level(told(9 * LITTLE, 1_000_000, 900_000, usual)), Level::Fine);
        assert_eq!(level(told(9 * LITTLE, 0, 0, usual)), Level::Fine, "btrfs");
        assert_eq!(level(told(LITTLE - 4096, 1_000_000, 900_000, usual)), Level::Warning);
        assert_eq!(level(told(TOO_LITTLE - 4096, 1_000_000, 900_000, usual)), Level::Trouble);
        assert_eq!(level(told(9 * LITTLE, 1_000_000, FEW - 1, usual)), Level::Warning);
        assert_eq!(level(told(9 * LITTLE, 1_000_000, TOO_FEW - 1, usual)), Level::Trouble);
        assert_eq!(level(told(9 * LITTLE, 1_000_000, 900_000, StatVfsMountFlags::RDONLY)), Level::Trouble);
    }
}
