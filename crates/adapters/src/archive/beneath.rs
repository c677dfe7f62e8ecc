//! A folder, and nothing outside it: every name is made in a folder that is held open, one part of a path at a time.
//!
//! The names were judged before they come here; this is the second lock, which holds whatever the first one missed and
//! whoever else writes in the folder. The kernel is asked to resolve beneath the open folder and through no link
//! (`openat2`, Linux 5.6); where it is older or a sandbox keeps that call away, a single part opened with `O_NOFOLLOW`
//! says the same. Refuses to: open what is there already.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Dir, Mode, OFlags, ResolveFlags, fchmod, mkdirat, openat, openat2, symlinkat};
use rustix::io::Errno;

use super::name::split;
use super::refusal::ArchiveError;

/// How names are opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// The kernel watches over it.
    Openat2,
    /// One part, not followed.
    NoFollow,
}

/// A folder that is filled.
#[derive(Debug)]
pub(super) struct Beneath {
    path: PathBuf,
    root: OwnedFd,
    /// The folder that was last used and those above it, the outermost first, each with the length of its path.
    open: Vec<(usize, OwnedFd)>,
    /// The path of the last of them.
    at: String,
    door: Door,
}

impl Beneath {
    /// A folder that is there and empty.
    pub(super) fn empty(path: &Path, door: Door) -> Result<Self, ArchiveError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let root = openat(CWD, path, flags, Mode::empty());
        let root = root.map_err(|errno| ArchiveError::io("opened as a folder", path)(errno.into()))?;
        let entries = Dir::read_from(&root).map_err(|errno| ArchiveError::io("listed", path)(errno.into()))?;
        for entry in entries {
            let entry = entry.map_err(|errno| ArchiveError::io("listed", path)(errno.into()))?;
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                return Err(ArchiveError::NotEmpty(path.to_owned()));
            }
        }
        Ok(Self { path: path.to_owned(), root, open: Vec::new(), at: String::new(), door })
    }

    /// Makes a folder in a folder that was made before.
    pub(super) fn make_folder(&mut self, path: &str) -> Result<(), ArchiveError> {
        let (above, last) = split(path);
        let parent = self.enter(above)?;
        let made = mkdirat(parent, last, Mode::from_raw_mode(0o755));
        self.told("made", path, made)?;
        // What the umask took is given back: the web server is another user.
        let folder = self.enter(path)?;
        let set = fchmod(folder, Mode::from_raw_mode(0o755));
        self.told("given its permissions", path, set)
    }

    /// Makes a file; [`finish`](Self::finish) gives it its permissions.
    pub(super) fn make_file(&mut self, path: &str) -> Result<File, ArchiveError> {
        let ((above, last), door) = (split(path), self.door);
        let parent = self.enter(above)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = door.open(parent, last, flags, Mode::from_raw_mode(0o600));
        self.told("made", path, made).map(File::from)
    }

    /// Sets the permissions of a file that was written. Its time stays that of the unpacking: web servers tell two
    /// versions of a file apart by its time and size, and many projects give all files of all releases the same time.
    pub(super) fn finish(&self, path: &str, file: &File, mode: u32) -> Result<(), ArchiveError> {
        self.told("given its permissions", path, fchmod(file, Mode::from_raw_mode(mode)))
    }

    /// Makes a symbolic link.
    pub(super) fn make_link(&mut self, path: &str, target: &str) -> Result<(), ArchiveError> {
        let (above, last) = split(path);
        let parent = self.enter(above)?;
        let made = symlinkat(target, parent, last);
        self.told("made", path, made)
    }

    /// Made from a failed deed on a path below.
    pub(super) fn failed(&self, deed: &'static str, path: &str) -> impl FnOnce(io::Error) -> ArchiveError + use<> {
        ArchiveError::io(deed, &self.path.join(path))
    }

    fn told<T>(&self, deed: &'static str, path: &str, result: Result<T, Errno>) -> Result<T, ArchiveError> {
        result.map_err(|errno| self.failed(deed, path)(errno.into()))
    }

    /// Opens a folder that was made before, from the nearest one that is open. Empty: the top.
    fn enter(&mut self, path: &str) -> Result<BorrowedFd<'_>, ArchiveError> {
        while !is_at_or_above(&self.at, path) {
            self.open.pop();
            self.at.truncate(self.open.last().map_or(0, |(length, _)| *length));
        }
        let rest = path.get(self.at.len()..).unwrap_or_default();
        for part in rest.split('/').filter(|part| !part.is_empty()) {
            if !self.at.is_empty() {
                self.at.push('/');
            }
            self.at.push_str(part);
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let opened = self.door.open(self.innermost(), part, flags, Mode::empty());
            let opened = self.told("opened", path, opened)?;
            self.open.push((self.at.len(), opened));
        }
        Ok(self.innermost())
    }

    fn innermost(&self) -> BorrowedFd<'_> {
        self.open.last().map_or(self.root.as_fd(), |(_, folder)| folder.as_fd())
    }
}

impl Door {
    /// What this kernel lets through.
    pub(super) fn here(folder: &Path) -> Self {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match openat2(CWD, folder, flags, Mode::empty(), ResolveFlags::NO_MAGICLINKS) {
            Err(Errno::NOSYS | Errno::PERM) => Self::NoFollow,
            Ok(_) | Err(_) => Self::Openat2,
        }
    }

    fn open(self, folder: BorrowedFd<'_>, part: &str, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
        match self {
            Self::Openat2 => {
                let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
                openat2(folder, part, flags, mode, resolve)
            }
            Self::NoFollow => openat(folder, part, flags, mode),
        }
    }
}

fn is_at_or_above(folder: &str, path: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
#[path = "beneath_tests.rs"]
mod tests;
