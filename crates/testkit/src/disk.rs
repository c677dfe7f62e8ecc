//! ext4 file systems in image files: for pulling the plug, and for running out of space.
//!
//! Pulling the plug is copying the image while it is mounted, and mounting the copy: what was not synced yet is not in it.
//! Shows the loss of unsynced data; refuses to claim anything about reordering or torn sectors. Needs root.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::unavailable::Unavailable;

/// How often a copy is tried again because the image changed meanwhile.
const TRIES: usize = 20;

/// The file that fills a disk.
const FILLER: &str = "filler";

/// A mounted file system of its own. Unmounted, and its image removed, when dropped.
#[derive(Debug)]
pub struct Disk {
    image: PathBuf,
    mount: PathBuf,
}

impl Disk {
    /// Makes an ext4 of `mebibytes` (16 at least) in `folder/<name>.img` and mounts it at `folder/<name>`. Its journal is
    /// committed every second, and nothing writes to it by itself.
    ///
    /// # Errors
    /// When this machine does not allow it: not root, no mkfs, no loop devices.
    pub fn new(folder: &Path, name: &str, mebibytes: u64) -> Result<Self, Unavailable> {
        if !rustix::process::geteuid().is_root() {
            return Err(Unavailable("mounting a file system needs root".to_owned()));
        }
        let image = folder.join(format!("{name}.img"));
        let file = File::create(&image).and_then(|file| file.set_len(mebibytes << 20));
        file.map_err(|e| Unavailable(format!("cannot make {}: {e}", image.display())))?;
        let mut mkfs = Command::new("mkfs.ext4");
        mkfs.args(["-q", "-F", "-m", "0", "-J", "size=4", "-E", "lazy_itable_init=0,lazy_journal_init=0"]).arg(&image);
        run(&mut mkfs)?;
        Self::mounted(image, folder.join(name))
    }

    fn mounted(image: PathBuf, mount: PathBuf) -> Result<Self, Unavailable> {
        fs::create_dir_all(&mount).map_err(|e| Unavailable(format!("cannot make {}: {e}", mount.display())))?;
        run(Command::new("mount").args(["-t", "ext4", "-o", "loop,commit=1,noatime"]).arg(&image).arg(&mount))?;
        Ok(Self { image, mount })
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        &self.mount
    }

    /// Pulls the plug: a second disk that holds what the first had on the platter at one moment, mounted beside under
    /// `name`, its journal replayed. The first goes on as if nothing had happened.
    ///
    /// # Errors
    /// When the image never holds still for the time of a copy, or the copy cannot be mounted.
    pub fn cut_power(&self, name: &str) -> Result<Self, Unavailable> {
        let copy = self.image.with_file_name(format!("{name}.img"));
        for _ in 0..TRIES {
            let before = self.stamp()?;
            run(Command::new("cp").arg("--sparse=always").arg(&self.image).arg(&copy))?;
            // Only a copy during which nothing was written is a picture of one moment.
            if self.stamp()? == before {
                return Self::mounted(copy, self.mount.with_file_name(name));
            }
        }
        Err(Unavailable(format!("{} is written to without a pause", self.image.display())))
    }

    /// Fills it up but for `leave` bytes, more or less a block.
    ///
    /// # Panics
    /// When it cannot be written for another reason than being full.
    pub fn fill(&self, leave: u64) {
        self.unfill();
        let path = self.mount.join(FILLER);
        let mut filler = File::create(&path).unwrap_or_else(|e| panic!("cannot fill {:?}: {e}", self.mount));
        let mut piece = vec![0x5a; 1 << 20];
        while self.free() > leave {
            piece.truncate(usize::try_from((self.free() - leave).clamp(512, 1 << 20)).expect("a mebibyte fits"));
            match filler.write_all(&piece).and_then(|()| filler.sync_data()) {
                Ok(()) => {}
                Err(e) if e.kind() == ErrorKind::StorageFull => break,
                Err(e) => panic!("cannot fill {:?}: {e}", self.mount),
            }
        }
    }

    /// Takes away what [`fill`](Self::fill) put there.
    pub fn unfill(&self) {
        let _ = fs::remove_file(self.mount.join(FILLER));
        self.sync();
    }

    /// Bytes that can still be written.
    pub fn free(&self) -> u64 {
        rustix::fs::statvfs(&self.mount).map_or(0, |fs| fs.f_bavail * fs.f_frsize)
    }

    /// Brings everything written so far to the platter: what is done before it survives a power cut.
    pub fn sync(&self) {
        let root = File::open(&self.mount).expect("a mounted disk can be opened");
        rustix::fs::syncfs(&root).expect("a mounted disk can be synced");
    }

    /// Makes it read-only, as the kernel does after an error, or writable again.
    ///
    /// # Errors
    /// When the kernel refuses, since a file is open for writing.
    pub fn set_read_only(&self, read_only: bool) -> Result<(), Unavailable> {
        let option = if read_only { "remount,ro" } else { "remount,rw" };
        run(Command::new("mount").args(["-o", option]).arg(&self.mount))
    }

    fn stamp(&self) -> Result<(std::time::SystemTime, u64), Unavailable> {
        use std::os::unix::fs::MetadataExt as _;
        let unread = |e: std::io::Error| Unavailable(format!("cannot read {}: {e}", self.image.display()));
        let meta = fs::metadata(&self.image).map_err(unread)?;
        Ok((meta.modified().map_err(unread)?, meta.blocks()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily when something still stands in it: the mount must not stay behind.
        if run(Command::new("umount").arg(&self.mount)).is_err() {
            let _ = run(Command::new("umount").arg("--lazy").arg(&self.mount));
        }
        let _ = fs::remove_file(&self.image);
    }
}

fn run(command: &mut Command) -> Result<(), Unavailable> {
    let program = command.get_program().to_string_lossy().into_owned();
    let out = command.output().map_err(|e| Unavailable(format!("{program} cannot be started: {e}")))?;
    if out.status.success() {
        return Ok(());
    }
    Err(Unavailable(format!("{program}: {}", String::from_utf8_lossy(&out.stderr).trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(folder: &Path) -> Option<Disk> {
        Disk::new(folder, "disk", 16).inspect_err(|missing| eprintln!("skipped: {missing}")).ok()
    }

    #[test]
    fn only_what_was_synced_survives_a_power_cut() {
        let dir = crate::scratch::scratch();
        let Some(disk) = disk(dir.path()) else { return };
        fs::write(disk.path().join("synced"), "here").unwrap();
        disk.sync();
        fs::write(disk.path().join("unsynced"), "gone").unwrap();
        let after = disk.cut_power("after").unwrap();
        assert_eq!(fs::read(after.path().join("synced")).unwrap(), b"here");
        // Its name may have been committed meanwhile; its content was not.
        assert_eq!(fs::read(after.path().join("unsynced")).unwrap_or_default(), b"");
        assert_eq!(fs::read(disk.path().join("unsynced")).unwrap(), b"gone");
        let image = after.image.clone();
        drop(after);
        assert!(!image.exists());
    }

    #[test]
    fn a_disk_can_be_full_and_read_only() {
        let dir = crate::scratch::scratch();
        let Some(disk) = disk(dir.path()) else { return };
        disk.fill(64 << 10);
        assert!(disk.free() <= 64 << 10, "{}", disk.free());
        fs::write(disk.path().join("small"), vec![1; 4096]).unwrap();
        let full = fs::write(disk.path().join("big"), vec![1; 1 << 20]).unwrap_err();
        assert_eq!(full.kind(), ErrorKind::StorageFull);
        disk.unfill();
        fs::write(disk.path().join("big"), vec![1; 1 << 20]).unwrap();
        disk.set_read_only(true).unwrap();
        assert_eq!(fs::write(disk.path().join("x"), "").unwrap_err().kind(), ErrorKind::ReadOnlyFilesystem);
        disk.set_read_only(false).unwrap();
    }
}
