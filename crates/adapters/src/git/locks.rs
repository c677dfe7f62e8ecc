//! Lock files that a dead git left behind, and litter that only a power cut leaves: removed before a write, so that
//! git can work again (RELIABILITY.md §0, finding 4: without that 379 of 570 retries failed).
//! Refuses to: remove a lock that a living process may hold.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::layout::Layout;
use crate::tree::{TreeError, is_missing};

/// How long a git that still works here is waited for: one that outlived a killed daemon, or the owner's.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// Removes stale locks and half-written files. Waits for a process that works in the repository.
///
/// # Errors
/// The process that does not finish, by name; or what could not be removed.
pub async fn remove_stale(layout: &Layout) -> Result<Vec<PathBuf>, LockError> {
    let begun = tokio::time::Instant::now();
    loop {
        let mut found = find(layout);
        halves(layout, &mut found);
        if found.is_empty() {
            return Ok(found);
        }
        match holder(layout).or_else(|| other_user(&found, rustix::process::geteuid().as_raw(), "/proc".as_ref())) {
            None => return remove(found),
            Some(holder) if begun.elapsed() > PATIENCE => return Err(LockError::Held(holder)),
            Some(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Waits for a git that outlived the daemon that started it: what it does next must not come after what is settled now.
///
/// # Errors
/// The process that does not finish, by name.
pub async fn wait_for_others(layout: &Layout) -> Result<(), LockError> {
    let begun = tokio::time::Instant::now();
    while let Some(holder) = holder(layout) {
        if begun.elapsed() > PATIENCE {
            return Err(LockError::Held(holder));
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// Why locks are still there.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody works here.
    #[error("{0} is working in the repository; wait until it is done and try again")]
    Held(String),
    /// A lock could not be removed.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

fn remove(found: Vec<PathBuf>) -> Result<Vec<PathBuf>, LockError> {
    for lock in &found {
        match fs::remove_file(lock) {
            Ok(()) => {}
            Err(error) if is_missing(&error) => {}
            Err(error) => return Err(TreeError::io("removed", lock)(error).into()),
        }
    }
    Ok(found)
}

/// Every `*.lock` where git makes them: in the git folders, below `refs`, beside the commit-graph.
#[must_use]
pub fn find(layout: &Layout) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for dir in layout.state_dirs() {
        locks_in(dir, false, &mut found);
        locks_in(&dir.join("refs"), true, &mut found);
        locks_in(&dir.join("logs"), true, &mut found);
        locks_in(&dir.join("objects/info"), true, &mut found);
    }
    found
}

/// Packs, objects and notes that were never finished: git and Refit write each under a name of its own first.
fn halves(layout: &Layout, found: &mut Vec<PathBuf>) {
    let is_half = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("tmp_") || name.starts_with(".tmp-")
    };
    let below = |dir: &Path| fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    for dir in layout.state_dirs() {
        found.extend(below(dir).filter(|path| path.to_string_lossy().ends_with(".json.new")));
        let objects: Vec<PathBuf> = below(&dir.join("objects")).collect();
        found.extend(objects.iter().filter(|path| is_half(path) && path.is_file()).cloned());
        for folder in objects.iter().filter(|path| path.is_dir()) {
            found.extend(below(folder).filter(is_half));
        }
    }
}

fn locks_in(dir: &Path, deep: bool, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if deep {
                locks_in(&path, true, found);
            }
        } else if path.extension().is_some_and(|end| end == "lock") {
            found.push(path);
        }
    }
}

/// A process that may hold a lock here: one with a file of the git folder open, or a git that runs in the work tree.
/// Of other users' processes it cannot be told where they work.
#[must_use]
pub fn holder(layout: &Layout) -> Option<String> {
    let me = std::process::id();
    let processes = fs::read_dir("/proc").ok()?;
    processes.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let proc = entry.path();
        (pid != me && works_here(&proc, layout)).then(|| {
            let name = fs::read_to_string(proc.join("comm")).unwrap_or_default();
            format!("{} (process {pid})", name.trim())
        })
    })
}

/// A git of another user to whom one of these belongs: a `sudo git pull`, say. It may work here, and its lock could be removed,
/// since the folder is ours. `me` looks; root can look at everybody's processes, and has found them.
fn other_user(found: &[PathBuf], me: u32, processes: &Path) -> Option<String> {
    let owners = found.iter().filter_map(|lock| fs::symlink_metadata(lock).ok()).map(|seen| seen.uid());
    let others: BTreeSet<u32> = owners.filter(|owner| me != 0 && *owner != me).collect();
    if others.is_empty() {
        return None;
    }
    fs::read_dir(processes).ok()?.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let name = fs::read_to_string(entry.path().join("comm")).ok()?;
        let owner = fs::metadata(entry.path()).ok()?.uid();
        (name.starts_with("git") && others.contains(&owner))
            .then(|| format!("{} of another user (process {pid})", name.trim()))
    })
}

fn works_here(proc: &Path, layout: &Layout) -> bool {
    let is_git = fs::read_to_string(proc.join("comm")).is_ok_and(|name| name.starts_with("git"));
    if is_git && fs::read_link(proc.join("cwd")).is_ok_and(|cwd| cwd.starts_with(&layout.work)) {
        return true;
    }
    // One that was started just now has not gone there yet; a clone never does.
    let names_it = |args: Vec<u8>| args.split(|byte| *byte == 0).any(|arg| arg == layout.work.as_os_str().as_bytes());
    if is_git && fs::read(proc.join("cmdline")).is_ok_and(names_it) {
        return true;
    }
    let Ok(open) = fs::read_dir(proc.join("fd")) else { return false };
    open.flatten().any(|fd| {
        fs::read_link(fd.path()).is_ok_and(|target| {
            layout.state_dirs().any(|dir| target.starts_with(dir)) && is_git_or_lock(is_git, &target)
        })
    })
}

/// An editor that shows a file of `.git` holds no lock.
fn is_git_or_lock(is_git: bool, target: &Path) -> bool {
    is_git || target.extension().is_some_and(|end| end == "lock")
}

/// After a power cut: empty objects and refs, and what can be rebuilt and may be half-written. The index goes even when
/// it looks whole, so that every file is compared by content.
///
/// # Errors
/// [`TreeError::Io`].
pub fn clear_after_power_cut(layout: &Layout) -> Result<Vec<PathBuf>, TreeError> {
    let mut found = Vec::new();
    for dir in layout.state_dirs() {
        empty_files(&dir.join("objects"), &mut found);
        empty_files(&dir.join("refs"), &mut found);
        for name in ["index", "ORIG_HEAD", "FETCH_HEAD", "objects/info/commit-graph"] {
            found.push(dir.join(name));
        }
        let chain = dir.join("objects/info/commit-graphs");
        match fs::remove_dir_all(&chain) {
            Ok(()) => {}
            Err(error) if is_missing(&error) => {}
            Err(error) => return Err(TreeError::io("removed", &chain)(error)),
        }
    }
    found.retain(|path| fs::symlink_metadata(path).is_ok());
    for path in &found {
        match fs::remove_file(path) {
            Ok(()) => {}
            Err(error) if is_missing(&error) => {}
            Err(error) => return Err(TreeError::io("removed", path)(error)),
        }
    }
    Ok(found)
}

fn empty_files(dir: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let Ok(seen) = fs::symlink_metadata(&path) else { continue };
        if seen.is_dir() {
            empty_files(&path, found);
        } else if seen.is_file() && seen.size() == 0 && !is_meant_to_be_empty(&path) {
            found.push(path);
        }
    }
}

/// `pack-….keep`, `.promisor` and `.bitmap` hints may be empty files by design.
fn is_meant_to_be_empty(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "keep" || end == "promisor")
}

/// Reads a file that may be missing.
///
/// # Errors
/// Any other reason.
pub fn read_if_there(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_of_another_user_s_git_is_not_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let (lock, processes) = (folder.path().join("index.lock"), folder.path().join("proc"));
        fs::write(&lock, "").unwrap();
        let found = [lock];
        let runs = |pid: &str, name: &str| {
            fs::create_dir_all(processes.join(pid)).unwrap();
            fs::write(processes.join(pid).join("comm"), format!("{name}\n")).unwrap();
        };
        runs("41", "bash");
        // To anybody else, we are another user.
        let me = rustix::process::geteuid().as_raw();
        let other = me + 1;
        assert_eq!(other_user(&found, other, &processes), None);
        runs("42", "git");
        let told = other_user(&found, other, &processes);
        assert_eq!(told.as_deref(), Some("git of another user (process 42)"));
        assert_eq!(other_user(&found, me, &processes), None, "it is ours");
        assert_eq!(other_user(&[], other, &processes), None, "it holds nothing");
    }
}
