//! Folders as wholes: staged beside, synced, exchanged in one instant, the old one kept.
//!
//! An exchange without a sync of what was staged is not safe against a power cut (RELIABILITY.md §0, finding 3), so
//! [`exchange`] takes a [`Synced`] stage, which only [`Stage::sync`] makes. An exchange is not idempotent either: done
//! twice it is undone. Who does it first notes the [`Sides`], and asks the file system after a crash on which side it is.
//! Refuses to: delete a folder that was in use.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with, syncfs};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::fault::FaultPlan;

/// What went wrong with a folder.
#[derive(Debug, Error)]
pub enum TreeError {
    /// A deed on a path failed.
    #[error("{path} could not be {deed}: {source}", path = .path.display())]
    Io {
        /// `synced`, `renamed`, `copied` …
        deed: &'static str,
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The folders are not those that the plan was made for.
    #[error("{path} is not the folder that it was when the change was planned; look at it before trying again", path = .0.display())]
    Changed(PathBuf),
}

impl TreeError {
    /// Made from a failed deed.
    pub fn io(deed: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { deed, path, source }
    }
}

/// A prepared folder that is not in use yet.
#[derive(Debug)]
pub struct Stage {
    path: PathBuf,
}

/// Something that is on disk as a whole: a power cut cannot take a part of it.
#[derive(Debug)]
pub struct Synced<T>(T);

/// Which folder it is, whatever its name: inode numbers survive a reboot. The number of the device does not (USB disks,
/// btrfs), and is not asked: both sides of an exchange stand in one folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    ino: u64,
}

/// Both sides of an exchange, before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sides {
    /// The folder in use; none when there is none.
    pub live: Option<Identity>,
    /// The prepared one.
    pub stage: Option<Identity>,
}

impl Stage {
    /// A folder that is there.
    ///
    /// # Errors
    /// [`TreeError::Io`] when there is no folder.
    pub fn at(path: &Path) -> Result<Self, TreeError> {
        let seen = fs::symlink_metadata(path).map_err(TreeError::io("looked at", path))?;
        if seen.is_dir() {
            Ok(Self { path: path.to_owned() })
        } else {
            Err(TreeError::io("used as a folder", path)(io::Error::from(io::ErrorKind::NotADirectory)))
        }
    }

    /// Writes everything of its file system to disk.
    ///
    /// # Errors
    /// [`TreeError::Io`], e.g. on a full or failing disk.
    pub fn sync(self) -> Result<Synced<Self>, TreeError> {
        sync_file_system(&self.path)?;
        Ok(Synced(self))
    }
}

/// The identity of a folder; none when there is nothing at the path.
///
/// # Errors
/// [`TreeError::Io`] when that cannot be told.
pub fn identity(path: &Path) -> Result<Option<Identity>, TreeError> {
    match fs::symlink_metadata(path) {
        Ok(seen) => Ok(Some(Identity { ino: seen.ino() })),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(TreeError::io("looked at", path)(error)),
    }
}

/// Both identities, to be noted before an exchange.
///
/// # Errors
/// [`TreeError::Io`].
pub fn sides(live: &Path, stage: &Path) -> Result<Sides, TreeError> {
    Ok(Sides { live: identity(live)?, stage: identity(stage)? })
}

/// What was noted before an exchange. Where nothing could be noted (the folders could not be looked at), nothing may be
/// exchanged: afterwards nobody could tell that it was done, and an undo would leave it so.
///
/// # Errors
/// [`TreeError::Changed`] when there is a stage nevertheless; [`TreeError::Io`].
pub fn noted(before: Option<Sides>, live: &Path, stage: &Path) -> Result<Sides, TreeError> {
    match before {
        Some(before) => Ok(before),
        None if identity(stage)?.is_none() => sides(live, stage),
        None => Err(TreeError::Changed(stage.to_owned())),
    }
}

/// Whether the exchange was done: the prepared folder is the live one.
///
/// # Errors
/// [`TreeError::Io`].
pub fn is_exchanged(live: &Path, before: Sides) -> Result<bool, TreeError> {
    Ok(before.stage.is_some() && identity(live)? == before.stage)
}

/// Puts the stage in place of the live folder, from whichever state a cut left them in. [`settle`] comes after it.
///
/// # Errors
/// [`TreeError::Changed`] when the folders are not those of `before`; [`TreeError::Io`].
pub fn exchange(live: &Path, stage: Synced<Stage>, kept: &Path, before: Sides) -> Result<(), TreeError> {
    let stage = stage.0.path;
    let now = identity(live)?;
    // Without an exchange of the file system's own, the live folder may be at the kept place already.
    let expected = now == before.live || now.is_none();
    if !expected || identity(&stage)? != before.stage {
        return Err(TreeError::Changed(live.to_owned()));
    }
    swap(live, &stage, kept, now.is_some())
}

/// After an exchange: the old folder goes from the stage to the kept place, and both are on disk when it returns.
///
/// # Errors
/// [`TreeError::Io`].
pub fn settle(live: &Path, stage: &Path, kept: &Path, before: Sides, faults: &FaultPlan) -> Result<(), TreeError> {
    faults.reach("folder_exchange.exchanged");
    sync_parent(live)?;
    if before.live.is_some() && identity(stage)? == before.live {
        make_parent(kept)?;
        rename(stage, kept)?;
    }
    faults.reach("folder_exchange.moved");
    sync_parent(kept)?;
    sync_parent(live)
}

/// Takes an exchange back, whether it was done, cut or never begun. The prepared folder is at its stage again.
///
/// # Errors
/// As [`exchange`].
pub fn exchange_back(live: &Path, stage: &Path, kept: &Path, before: Sides) -> Result<(), TreeError> {
    let now = identity(live)?;
    // Else it was never begun, or is back already.
    if now != before.live || now == before.stage {
        put_back(live, stage, kept, before)?;
    }
    if before.stage.is_some() && identity(kept)? == before.stage {
        // Where the exchange is two renames, this is the third.
        make_parent(stage)?;
        rename(kept, stage)?;
    }
    sync_parent(live)?;
    // The kept place's folder goes when it is empty; it is not ours alone when it is not.
    if let Some(parent) = kept.parent() {
        let _not_empty = fs::remove_dir(parent);
    }
    sync_parent(live)
}

/// The old folder goes to where the stage was first, so that the exchange itself comes last: whatever cuts it, what is found is
/// either as it was right after the exchange forward, or the end.
fn put_back(live: &Path, stage: &Path, kept: &Path, before: Sides) -> Result<(), TreeError> {
    let now = identity(live)?;
    if now.is_some() && now != before.stage {
        // Somebody else's: it would be taken for the prepared one, and deleted as such.
        return Err(TreeError::Changed(live.to_owned()));
    }
    // Where a stage stood in a folder of its own, that may be gone.
    make_parent(stage)?;
    if before.live.is_none() {
        return rename(live, stage);
    }
    let old = [kept, stage].into_iter().find(|path| identity(path).ok() == Some(before.live));
    let old = old.ok_or_else(|| TreeError::Changed(live.to_owned()))?;
    if now.is_none() {
        // Two renames in place of an exchange, cut between them.
        let ready = Stage::at(old)?.sync()?;
        return rename(&ready.0.path, live);
    }
    if old == kept {
        rename(kept, stage)?;
    }
    let ready = Stage::at(stage)?.sync()?;
    swap(live, &ready.0.path, kept, true)
}

/// One instant where the file system can; else two renames, with the live folder going to `aside` in between.
fn swap(live: &Path, other: &Path, aside: &Path, live_is_there: bool) -> Result<(), TreeError> {
    if !live_is_there {
        return rename(other, live);
    }
    match renameat_with(CWD, other, CWD, live, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(()),
        Err(Errno::INVAL | Errno::XDEV | Errno::NOSYS | Errno::OPNOTSUPP) => {
            make_parent(aside)?;
            rename(live, aside)?;
            sync_parent(live)?;
            rename(other, live)
        }
        Err(errno) => Err(TreeError::io("exchanged", live)(errno.into())),
    }
}

/// Deletes a prepared folder that is not in use. Nothing there is fine.
///
/// # Errors
/// [`TreeError::Io`].
pub fn delete_stage(stage: &Path) -> Result<(), TreeError> {
    match remove(stage) {
        Ok(()) => sync_parent(stage),
        Err(error) if is_missing(&error) => Ok(()),
        Err(error) => Err(TreeError::io("deleted", stage)(error)),
    }
}

fn remove(path: &Path) -> io::Result<()> {
    let result = fs::remove_dir_all(path);
    if !result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied) {
        return result;
    }
    // A folder without the right to write in it cannot be emptied.
    open_up(path)?;
    fs::remove_dir_all(path)
}

fn open_up(dir: &Path) -> io::Result<()> {
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_up(&entry.path())?;
        }
    }
    Ok(())
}

/// What the name of a stage ends with while it is made.
pub const PART: &str = ".part";
/// In place of the time at which a folder was replaced: sorts before every other.
const OLDEST: &str = "00000000T000000Z";
/// What the name of a kept folder ends with while it is deleted.
const LEAVING: &str = ".leaving";

/// The folders kept in a place, newest first: their names begin with the time at which they were replaced.
#[must_use]
pub fn kept_in(place: &Path) -> Vec<PathBuf> {
    let (staying, _) = sorted(place);
    staying
}

/// The stages of other runs for the same folder that lie there still: those runs were given up. What is half made is deleted.
///
/// # Errors
/// [`TreeError::Io`].
pub fn left_over(stage: &Path) -> Result<Vec<PathBuf>, TreeError> {
    let (Some(parent), Some((base, _mark))) = (stage.parent(), of_a_run(stage)) else { return Ok(Vec::new()) };
    let mut whole = Vec::new();
    for entry in fs::read_dir(parent).map_err(TreeError::io("read", parent))?.flatten() {
        let path = entry.path();
        match of_a_run(&path) {
            Some((other, mark)) if other == base && mark.ends_with(PART) => delete_stage(&path)?,
            Some((other, _mark)) if other == base && path != stage => whole.push(path),
            Some(_) | None => {}
        }
    }
    Ok(whole)
}

/// Keeps what is left over of a run with what is kept from before, as the oldest of it: it is shown there, and goes in its
/// turn. Says where.
///
/// # Errors
/// [`TreeError::Io`].
pub fn keep_left_over(left: &Path) -> Result<PathBuf, TreeError> {
    let (base, mark) = of_a_run(left).ok_or_else(|| TreeError::Changed(left.to_owned()))?;
    let kept = left.with_file_name(format!("{base}.refit-previous")).join(format!("{OLDEST}-left-{mark}"));
    make_parent(&kept)?;
    rename(left, &kept)?;
    sync_parent(&kept)?;
    sync_parent(left)?;
    Ok(kept)
}

/// The folder that a stage is for.
#[must_use]
pub fn folder_of(stage: &Path) -> Option<PathBuf> {
    let (base, _mark) = of_a_run(stage)?;
    Some(stage.with_file_name(base.strip_prefix('.')?))
}

/// `.app` and the mark of the run, of `.app.refit-new-<mark>`.
fn of_a_run(stage: &Path) -> Option<(&str, &str)> {
    stage.file_name()?.to_str()?.rsplit_once(".refit-new-")
}

/// Deletes all but the newest `keep` of those that are one. Each leaves its name first (then `leaving` is called), so that
/// what a cut left half deleted is not taken for one that is kept. Says which went.
///
/// # Errors
/// [`TreeError::Io`].
pub fn prune_kept(
    place: &Path,
    keep: usize,
    is_one: impl Fn(&Path) -> bool,
    leaving: impl Fn(),
) -> Result<Vec<PathBuf>, TreeError> {
    let (staying, half_gone) = sorted(place);
    // One that stays (with files of root, say) must not keep the others.
    let mut stays = half_gone.iter().filter_map(|folder| delete_stage(folder).err()).collect::<Vec<_>>();
    let mut gone = Vec::new();
    for folder in staying.into_iter().filter(|folder| is_one(folder)).skip(keep) {
        let mut aside = folder.as_os_str().to_owned();
        aside.push(LEAVING);
        let aside = PathBuf::from(aside);
        let deleted = rename(&folder, &aside).and_then(|()| {
            leaving();
            delete_stage(&aside)
        });
        match deleted {
            Ok(()) => gone.push(folder),
            Err(error) => stays.push(error),
        }
    }
    // It goes when it is empty.
    let _not_empty = fs::remove_dir(place);
    stays.into_iter().next().map_or(Ok(gone), Err)
}

/// What is in a place, the greatest name first: what is kept, and what was being deleted.
fn sorted(place: &Path) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort_unstable_by(|a, b| b.cmp(a));
    paths.into_iter().partition(|path| !path.as_os_str().as_encoded_bytes().ends_with(LEAVING.as_bytes()))
}

/// Writes everything of the file system that holds `path` to disk. Cheaper than one sync per file, and it covers what
/// git leaves unsynced (RELIABILITY.md §0, findings 1 and 2).
///
/// # Errors
/// [`TreeError::Io`].
pub fn sync_file_system(path: &Path) -> Result<(), TreeError> {
    let file = File::open(path).map_err(TreeError::io("opened", path))?;
    syncfs(&file).map_err(|errno| TreeError::io("written to disk", path)(errno.into()))
}

/// Writes the folder that holds `path` to disk: its names, that is.
///
/// # Errors
/// [`TreeError::Io`].
pub fn sync_parent(path: &Path) -> Result<(), TreeError> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match File::open(parent) {
        Ok(folder) => folder.sync_all().map_err(TreeError::io("written to disk", parent)),
        Err(error) if is_missing(&error) => Ok(()),
        Err(error) => Err(TreeError::io("opened", parent)(error)),
    }
}

/// Makes the folder that will hold `path`.
///
/// # Errors
/// [`TreeError::Io`].
pub fn make_parent(path: &Path) -> Result<(), TreeError> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).map_err(TreeError::io("made", parent))
}

fn rename(from: &Path, to: &Path) -> Result<(), TreeError> {
    fs::rename(from, to).map_err(TreeError::io("renamed", from))
}

/// Nothing is there, or what should be a folder above is none.
#[must_use]
pub fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// What there is at a path, as far as copying is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copied {
    /// Copied.
    Yes,
    /// There was something of that name already; it was left alone.
    Occupied,
    /// A socket, pipe or device: nothing that a copy could stand for.
    NotAFile,
}

/// Copies one file or symbolic link with its mode and times to a name that is free, by way of a name beside it, so that
/// a name which is there is a whole copy.
///
/// # Errors
/// [`TreeError::Io`] naming the source.
pub fn copy_leaf(from: &Path, to: &Path) -> Result<Copied, TreeError> {
    let failed = || TreeError::io("copied", from);
    let seen = fs::symlink_metadata(from).map_err(failed())?;
    if fs::symlink_metadata(to).is_ok() {
        return Ok(Copied::Occupied);
    }
    make_parent(to)?;
    if seen.file_type().is_symlink() {
        let target = fs::read_link(from).map_err(failed())?;
        std::os::unix::fs::symlink(target, to).map_err(failed())?;
        return Ok(Copied::Yes);
    }
    if !seen.is_file() {
        return Ok(Copied::NotAFile);
    }
    let mut beside = to.as_os_str().to_owned();
    beside.push(".refit-part");
    let beside = PathBuf::from(beside);
    // Of a copy that was cut: it has the rights of its source, and may not be written to.
    match fs::remove_file(&beside) {
        Err(error) if !is_missing(&error) => return Err(failed()(error)),
        Ok(()) | Err(_) => {}
    }
    fs::copy(from, &beside).map_err(failed())?;
    let times = fs::FileTimes::new().set_modified(seen.modified().map_err(failed())?);
    File::options()
        .append(true)
        .open(&beside)
        .and_then(|file| file.set_times(times))
        .or_else(unless_read_only)
        .map_err(failed())?;
    fs::rename(&beside, to).map_err(failed())?;
    Ok(Copied::Yes)
}

/// Whether two files of the same length hold the same. What cannot be read is the same as nothing.
#[must_use]
pub fn same_bytes(a: &Path, b: &Path) -> bool {
    let (Ok(mut a), Ok(mut b)) = (File::open(a), File::open(b)) else { return false };
    let (mut left, mut right) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        let Ok(read) = a.read(&mut left) else { return false };
        if read == 0 {
            return true;
        }
        let (Some(left), Some(right)) = (left.get(..read), right.get_mut(..read)) else { return false };
        if b.read_exact(right).is_err() || left != right {
            return false;
        }
    }
}

/// A file that its owner made read-only keeps the time of the copy.
fn unless_read_only(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::PermissionDenied { Ok(()) } else { Err(error) }
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
