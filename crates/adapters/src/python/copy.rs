//! Copies an environment without its weight: file contents are shared by reflinks, or else by hard links.
//!
//! pip replaces files and never writes into them (RELIABILITY.md §4.4), so a hard link is as good as a copy, but for those
//! files that some tool writes in place: they are truly copied, always.
//! Refuses to: follow a symbolic link.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::ioctl_ficlone;

use super::layout::OWN;
use crate::disk::{self, NoFiles, NoRoom};
use crate::tree::{TreeError, copy_leaf};

/// What a copy needs of the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// Bytes of the files that are truly copied, and of the folders.
    pub bytes: u64,
    /// Folders, links and files that are truly copied.
    pub inodes: u64,
}

/// How the contents of files are shared. What turns out to be impossible is not tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sharing {
    Reflink,
    HardLink,
    Copy,
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// No room.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    /// No room for so many files.
    #[error(transparent)]
    NoFiles(#[from] NoFiles),
    /// A deed on the disk.
    #[error(transparent)]
    Disk(#[from] TreeError),
}

/// Copies `from` to `to`, which must not be there.
///
/// # Errors
/// [`CopyError`]; `from` is untouched, and of `to` a part may be there.
pub fn copy(from: &Path, to: &Path) -> Result<(), CopyError> {
    let size = size(from, Path::new(""));
    disk::require_room(to.parent().unwrap_or(to), size.bytes)?;
    disk::require_inodes(to.parent().unwrap_or(to), size.inodes)?;
    Ok(folder(from, to, Path::new(""), &mut Sharing::Reflink)?)
}

fn folder(from: &Path, to: &Path, below: &Path, sharing: &mut Sharing) -> Result<(), TreeError> {
    let seen = fs::symlink_metadata(from).map_err(TreeError::io("looked at", from))?;
    fs::create_dir(to).map_err(TreeError::io("made", to))?;
    for entry in fs::read_dir(from).map_err(TreeError::io("read", from))? {
        let entry = entry.map_err(TreeError::io("read", from))?;
        let (name, path) = (entry.file_name(), below.join(entry.file_name()));
        if path == Path::new(OWN) {
            continue;
        }
        let kind = entry.file_type().map_err(TreeError::io("looked at", &entry.path()))?;
        let (source, target) = (entry.path(), to.join(&name));
        if kind.is_dir() {
            folder(&source, &target, &path, sharing)?;
        } else if kind.is_file() && !is_written_in_place(&path) {
            share(&source, &target, sharing)?;
        } else {
            copy_leaf(&source, &target)?;
        }
    }
    // Last: a folder may not let its owner write.
    fs::set_permissions(to, seen.permissions()).map_err(TreeError::io("given its rights", to))
}

fn share(from: &Path, to: &Path, sharing: &mut Sharing) -> Result<(), TreeError> {
    if *sharing == Sharing::Reflink {
        if reflink(from, to).is_ok() {
            return Ok(());
        }
        let _not_made = fs::remove_file(to);
        *sharing = Sharing::HardLink;
    }
    if *sharing == Sharing::HardLink {
        match fs::hard_link(from, to) {
            Ok(()) => return Ok(()),
            // This one has too many links already, or belongs to somebody else.
            Err(error) if matches!(error.kind(), io::ErrorKind::TooManyLinks | io::ErrorKind::PermissionDenied) => {}
            Err(_) => *sharing = Sharing::Copy,
        }
    }
    copy_leaf(from, to).map(drop)
}

fn reflink(from: &Path, to: &Path) -> io::Result<()> {
    let source = File::open(from)?;
    let seen = source.metadata()?;
    let target = File::options().write(true).create_new(true).open(to)?;
    ioctl_ficlone(&target, &source)?;
    target.set_times(fs::FileTimes::new().set_modified(seen.modified()?))?;
    target.set_permissions(seen.permissions())
}

/// Files that tools write into instead of replacing them: setuptools its lists of paths, people and installers the
/// scripts, git its logs, and a build whatever lies in a checkout.
fn is_written_in_place(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let first = path.components().next().map(|part| part.as_os_str());
    let within = |name: &str| path.components().any(|part| part.as_os_str() == OsStr::new(name));
    let in_old_info = || path.components().any(|part| part.as_os_str().to_string_lossy().ends_with(".egg-info"));
    path.components().count() == 1
        || [Some(OsStr::new("bin")), Some(OsStr::new("src"))].contains(&first)
        || [".pth", ".egg-link"].iter().any(|end| name.ends_with(end))
        || name.starts_with("__editable__")
        || within(".git")
        || in_old_info()
}

/// What a copy takes when contents can be shared. Where neither way of sharing works, the disk itself says when it is full.
fn size(from: &Path, below: &Path) -> Size {
    let entries = fs::read_dir(from).into_iter().flatten().flatten();
    entries.fold(Size { bytes: 4096, inodes: 1 }, |sum, entry| {
        let path = below.join(entry.file_name());
        let more = match entry.metadata() {
            Ok(seen) if seen.is_dir() => size(&entry.path(), &path),
            Ok(seen) if seen.is_file() && !is_written_in_place(&path) => Size::default(),
            Ok(seen) => Size { bytes: seen.size(), inodes: 1 },
            Err(_) => Size::default(),
        };
        Size { bytes: sum.bytes.saturating_add(more.bytes), inodes: sum.inodes.saturating_add(more.inodes) }
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn inode(path: &Path) -> u64 {
        fs::symlink_metadata(path).unwrap().ino()
    }

    #[test]
    fn contents_are_shared_but_for_what_is_written_in_place() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("env"), dir.path().join("copy"));
        let site = Path::new("lib/python3.11/site-packages");
        fs::create_dir_all(from.join(site).join("app")).unwrap();
        fs::create_dir_all(from.join(OWN)).unwrap();
        fs::create_dir(from.join("bin")).unwrap();
        let files =
            ["app/main.py", "easy-install.pth", "app.egg-link", "__editable__.app.py"].map(|name| site.join(name));
        for file in
            files.iter().map(|file| from.join(file)).chain(["bin/tool", "pyvenv.cfg"].map(|name| from.join(name)))
        {
            fs::write(&file, file.display().to_string()).unwrap();
        }
        fs::set_permissions(from.join("bin/tool"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(from.join(site).join("app"), fs::Permissions::from_mode(0o555)).unwrap();
        std::os::unix::fs::symlink("lib", from.join("lib64")).unwrap();

        copy(&from, &to).unwrap();
        for own in [site.join("easy-install.pth"), site.join("app.egg-link"), site.join("__editable__.app.py")]
            .into_iter()
            .chain(["bin/tool", "pyvenv.cfg"].map(Into::into))
        {
            assert_ne!(inode(&from.join(&own)), inode(&to.join(&own)), "{}", own.display());
            assert_eq!(fs::read(from.join(&own)).unwrap(), fs::read(to.join(&own)).unwrap());
        }
        assert_eq!(
            fs::read(from.join(site).join("app/main.py")).unwrap(),
            fs::read(to.join(site).join("app/main.py")).unwrap()
        );
        assert_eq!(fs::read_link(to.join("lib64")).unwrap(), Path::new("lib"));
        assert_eq!(fs::metadata(to.join("bin/tool")).unwrap().mode() & 0o777, 0o755);
        assert_eq!(fs::metadata(to.join(site).join("app")).unwrap().mode() & 0o777, 0o555);
        assert!(!to.join(OWN).exists());
    }
}
