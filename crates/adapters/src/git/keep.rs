//! Keeps aside what a switch would destroy, and puts it back: copies of files in the kept folder, local commits under
//! `refs/refit/kept/`, and the index where it holds what neither HEAD nor a file has. What is kept is listed in a file beside the folder, written when everything in it is on disk.
//! Refuses to: overwrite an older kept copy, or to put anything in place of what the owner changed since.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use refit_engine::ports::StepError;
use refit_model::name::CommitId;
use refit_model::step::{GitTarget, KeptPlace};
use refit_model::updater::git::Kept;
use serde::{Deserialize, Serialize};

use super::hand::{Hand, off_the_loop, paths};
use super::{fingerprint, locks, switch};
use crate::disk;
use crate::tree::{Copied, TreeError, copy_leaf, is_missing, make_parent, same_bytes, sync_file_system, sync_parent};

mod index;

/// Local commits are kept below this.
pub const REFS: &str = "refs/refit/kept";
/// Copies of files are kept below this folder of the kept place.
const FILES: &str = "files";

/// What is in a kept place. Beside the folder, so that a whole repository can be the folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// The work tree that the files come from.
    pub from: PathBuf,
    /// Paths below it. Names that are no text are shown with replacement characters and counted.
    pub files: Vec<String>,
    /// Tracked files that the owner had deleted; names that are no text are left out.
    #[serde(default)]
    pub deleted: Vec<String>,
    /// The refs that keep local commits, and what was staged.
    pub refs: Vec<String>,
    /// The folder is the whole old repository.
    pub whole_folder: bool,
}

/// Performs `GitStep::KeepAside`.
///
/// # Errors
/// When something cannot be read, or there is no room for the copies.
pub async fn keep_aside(hand: &Hand<'_>, kept: &KeptPlace, to: &GitTarget) -> Result<Option<String>, StepError> {
    let done = read_listing(kept).map_err(|error| hand.on_disk(&error))?;
    if let Some(listing) = done {
        return Ok(note(&listing, kept));
    }
    let target = switch::resolve(hand, to).await?;
    switch::rebuild_index(hand, &target).await?;
    let GivesWay { files, deleted, only_staged } = giving_way(hand, &target).await?;
    let mut refs = keep_commits(hand, kept, to, &target).await?;
    if only_staged {
        refs.push(index::keep(hand, kept).await?);
    }
    if files.is_empty() && deleted.is_empty() && refs.is_empty() {
        return Ok(None);
    }
    let (work, place) = (hand.work().to_owned(), kept.clone());
    let names = files.iter().map(|path| path.to_string_lossy().into_owned()).collect();
    let listing = Listing { from: work.clone(), files: names, deleted, refs, whole_folder: false };
    let faults = hand.faults.clone();
    let written = listing.clone();
    let room = disk::require_room(hand.work().parent().unwrap_or(hand.work()), size_of(&work, &files));
    room.map_err(|error| hand.failed(&error.to_string()))?;
    off_the_loop(move || {
        for file in &files {
            // One that is there is a whole copy from an attempt that was cut.
            let _copied = copy_leaf(&work.join(file), &place.folder.join(FILES).join(file))?;
        }
        faults.reach("git_keep_aside.copied");
        write_listing(&place, &written)?;
        faults.reach("git_keep_aside.listed");
        Ok(())
    })
    .await
    .map_err(|error| hand.on_disk(&error))?;
    let text = note(&listing, kept);
    if let Some(text) = &text {
        (hand.tell)(&hand.says(text));
    }
    Ok(text)
}

/// Performs `Undo::GitPutBack`: everything that is not in its place goes back to it, and the kept place goes when
/// nothing is left in it.
///
/// # Errors
/// When a file cannot be written.
pub async fn put_back(hand: &Hand<'_>, kept: &KeptPlace) -> Result<(), StepError> {
    let listing = read_listing(kept).map_err(|error| hand.on_disk(&error))?;
    // Without a listing nothing was destroyed yet: half-made copies go.
    let listing = listing.unwrap_or_default();
    if listing.whole_folder {
        return Ok(());
    }
    let tracked_unchanged = unchanged(hand).await?;
    let (work, folder) = (hand.work().to_owned(), kept.folder.clone());
    let faults = hand.faults.clone();
    let listed = !listing.from.as_os_str().is_empty();
    let deleted = listing.deleted.clone();
    let all_back = off_the_loop(move || {
        let all_back = !listed || {
            delete_again(&work, &deleted, &tracked_unchanged)?;
            put_files_back(&work, &folder.join(FILES), &tracked_unchanged)?
        };
        faults.reach("git_put_back.copied");
        if all_back && listed {
            sync_file_system(&work)?;
        }
        Ok(all_back)
    })
    .await
    .map_err(|error| hand.on_disk(&error))?;
    let mut all_back = all_back;
    for name in &listing.refs {
        if index::is_of_index(name) {
            all_back &= index::put_back(hand, name).await?;
            continue;
        }
        let kept_commit = hand.commit(name).await?;
        if let (Some(commit), Some(head)) = (kept_commit, hand.commit("HEAD").await?)
            && hand.is_ancestor(&commit, &head).await?
        {
            hand.write("letting go of a kept commit", ["update-ref", "-d", name]).await?;
        }
    }
    if all_back {
        forget(kept).map_err(|error| hand.on_disk(&error))?;
    }
    Ok(())
}

/// Everything that is kept of a repository, newest last.
#[must_use]
pub fn kept(work: &Path) -> Vec<Kept> {
    let Some(parent) = kept_parent(work) else { return Vec::new() };
    let Ok(entries) = fs::read_dir(&parent) else { return Vec::new() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    // A folder counts without its listing, too: a cut or a read-only disk came between the two.
    let key = |name: String| match name.strip_suffix(".json") {
        Some(key) => Some(key.to_owned()),
        None => parent.join(&name).is_dir().then_some(name),
    };
    let keys: BTreeSet<String> = names.filter_map(key).collect();
    keys.into_iter().filter_map(|key| one_kept(&parent, key, work)).collect()
}

/// Keeps stages of runs that could not be settled: one may hold the only copy of the owner's folder.
///
/// # Errors
/// [`TreeError::Io`].
pub fn take_in_stages(work: &Path, but: &Path) -> Result<(), TreeError> {
    let (Some(name), Some(folder), Some(parent)) = (work.file_name(), work.parent(), kept_parent(work)) else {
        return Ok(());
    };
    let stages = format!(".{}.refit-new-", name.to_string_lossy());
    for entry in fs::read_dir(folder).map_err(TreeError::io("read", folder))?.flatten() {
        let stage = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(mark) = name.strip_prefix(&stages)
            && stage != but
        {
            let place = parent.join(format!("abandoned-{mark}"));
            make_parent(&place)?;
            fs::rename(&stage, &place).map_err(TreeError::io("renamed", &stage))?;
        }
    }
    Ok(())
}

/// `<name>.refit-kept` beside the repository.
fn kept_parent(work: &Path) -> Option<PathBuf> {
    let mut name = work.file_name()?.to_owned();
    name.push(".refit-kept");
    Some(work.with_file_name(name))
}

fn one_kept(parent: &Path, key: String, work: &Path) -> Option<Kept> {
    let list = parent.join(format!("{key}.json"));
    let listing: Option<Listing> = fs::read(&list).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let folder = parent.join(&key);
    let dated = if listing.is_some() { list } else { folder.clone() };
    let listing = listing.unwrap_or_default();
    let folder = folder.is_dir().then_some(folder);
    let reference = listing.refs.iter().find(|name| ref_is_there(work, name)).cloned();
    if folder.is_none() && reference.is_none() {
        return None;
    }
    let modified = fs::metadata(dated).and_then(|seen| seen.modified()).ok();
    let age = modified.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let files = if folder.is_some() { listing.files.len() } else { 0 };
    Some(Kept {
        key,
        folder,
        reference,
        files: u64::try_from(files).unwrap_or(u64::MAX),
        at: age.and_then(|age| i64::try_from(age.as_secs()).ok()).unwrap_or_default(),
    })
}

fn ref_is_there(work: &Path, name: &str) -> bool {
    let git = super::layout::Layout::find(work).common_dir;
    git.join(name).exists()
        || fs::read_to_string(git.join("packed-refs")).is_ok_and(|refs| refs.lines().any(|line| line.ends_with(name)))
}

/// Writes the listing: from then on the place counts, and is never written to again by the same key.
///
/// # Errors
/// [`TreeError::Io`].
pub fn write_listing(kept: &KeptPlace, listing: &Listing) -> Result<(), TreeError> {
    let file = list_file(kept);
    make_parent(&file)?;
    let beside = file.with_extension("json.new");
    let text = serde_json::to_vec_pretty(listing).map_err(std::io::Error::other);
    let written = text.and_then(|text| fs::write(&beside, text));
    let written = written.inspect_err(|_| drop(fs::remove_file(&beside)));
    written.map_err(TreeError::io("written", &beside))?;
    // The copies and the listing, in one go.
    sync_file_system(&beside)?;
    fs::rename(&beside, &file).map_err(TreeError::io("renamed", &beside))?;
    sync_parent(&file)?;
    sync_parent(file.parent().unwrap_or(&file))
}

/// What is listed; none when nothing is, or when it was cut before it was whole.
///
/// # Errors
/// [`TreeError::Io`].
pub fn read_listing(kept: &KeptPlace) -> Result<Option<Listing>, TreeError> {
    let file = list_file(kept);
    let bytes = locks::read_if_there(&file).map_err(TreeError::io("read", &file))?;
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

/// Removes a kept place whose things are all back.
///
/// # Errors
/// [`TreeError::Io`].
pub fn forget(kept: &KeptPlace) -> Result<(), TreeError> {
    let gone = |result: std::io::Result<()>, path: &Path| match result {
        Err(error) if !is_missing(&error) => Err(TreeError::io("removed", path)(error)),
        Ok(()) | Err(_) => Ok(()),
    };
    let files = kept.folder.join(FILES);
    gone(fs::remove_dir_all(&files), &files)?;
    // Other things (damaged files of `.git`) stay, and then the listing does too.
    let empty = fs::remove_dir(&kept.folder).map_or_else(|error| is_missing(&error), |()| true);
    let file = list_file(kept);
    let half = file.with_extension("json.new");
    gone(fs::remove_file(&half), &half)?;
    if empty {
        gone(fs::remove_file(&file), &file)?;
        if let Some(parent) = kept.folder.parent() {
            let _others_are_kept_there = fs::remove_dir(parent);
        }
    }
    sync_parent(&file)
}

fn list_file(kept: &KeptPlace) -> PathBuf {
    kept.folder.with_file_name(format!("{}.json", kept.key))
}

fn note(listing: &Listing, kept: &KeptPlace) -> Option<String> {
    let files = (!listing.files.is_empty())
        .then(|| format!("{} file(s) in {}", listing.files.len(), kept.folder.join(FILES).display()));
    let (indexes, commits): (Vec<&str>, Vec<&str>) =
        listing.refs.iter().map(String::as_str).partition(|name| index::is_of_index(name));
    let named = |what: &str, names: &[&str]| (!names.is_empty()).then(|| format!("{what} as {}", names.join(", ")));
    let refs = named("local commits", &commits).into_iter().chain(named("what was staged", &indexes));
    let parts: Vec<String> = files.into_iter().chain(refs).collect();
    (!parts.is_empty()).then(|| format!("Kept aside: {}", parts.join("; ")))
}

/// What a reset takes, relative to the work tree.
struct GivesWay {
    /// Files that are changed or removed though git has no copy of them.
    files: Vec<PathBuf>,
    /// Files that come back though the owner deleted them.
    deleted: Vec<String>,
    /// The index holds something that is neither in HEAD nor in a file.
    only_staged: bool,
}

async fn giving_way(hand: &Hand<'_>, target: &CommitId) -> Result<GivesWay, StepError> {
    let args = ["status", "--porcelain=v2", "-z", "--untracked-files=no", "--no-renames", "--ignore-submodules=all"];
    let status = hand.answer("looking for changed files", args).await?;
    let (mut files, mut deleted) = (BTreeSet::new(), Vec::new());
    for path in switch::changed_paths(&status) {
        if is_leaf(&hand.work().join(path)) {
            files.insert(path.to_owned());
        } else {
            deleted.extend(path.to_str().map(str::to_owned));
        }
    }
    let tracked = tracked(hand).await?;
    let tracked: BTreeSet<&Path> = tracked.iter().map(PathBuf::as_path).collect();
    let version = hand.answer("listing the version's files", ["ls-tree", "-r", "-z", target.as_str()]).await?;
    for path in paths(&version).filter_map(file_of_tree) {
        in_the_way(hand.work(), path, &tracked, &mut files).map_err(|error| hand.on_disk(&error))?;
    }
    Ok(GivesWay { files: files.into_iter().collect(), deleted, only_staged: index::is_only_staged(&status) })
}

/// The paths of the index; by git where it cannot be read without.
async fn tracked(hand: &Hand<'_>) -> Result<Vec<PathBuf>, StepError> {
    let repo = hand.repo.clone();
    let read = off_the_loop(move || Ok(fingerprint::tracked(&repo))).await.map_err(|error| hand.on_disk(&error))?;
    if let Some(tracked) = read {
        return Ok(tracked);
    }
    let index = hand.answer("listing tracked files", ["ls-files", "-z"]).await?;
    Ok(paths(&index).map(Path::to_owned).collect())
}

/// The path of a line of `git ls-tree` (`<mode> <type> <id> TAB <path>`); none for a submodule, whose folder stays.
fn file_of_tree(line: &Path) -> Option<&Path> {
    let bytes = line.as_os_str().as_bytes();
    let tab = bytes.iter().position(|byte| *byte == b'\t')?;
    let path = bytes.get(tab + 1..)?;
    (!bytes.starts_with(b"160000 ")).then(|| Path::new(std::ffi::OsStr::from_bytes(path)))
}

/// What stands where the version has a file: the file itself, a file in place of one of its folders, or a folder.
fn in_the_way(
    work: &Path,
    path: &Path,
    tracked: &BTreeSet<&Path>,
    found: &mut BTreeSet<PathBuf>,
) -> Result<(), TreeError> {
    for above in path.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty()) {
        if is_leaf(&work.join(above)) {
            if !tracked.contains(above) {
                found.insert(above.to_owned());
            }
            return Ok(());
        }
    }
    let full = work.join(path);
    match fs::symlink_metadata(&full) {
        Ok(seen) if seen.is_dir() => untracked_below(work, path, tracked, found),
        Ok(_) => {
            if !tracked.contains(path) {
                found.insert(path.to_owned());
            }
            Ok(())
        }
        Err(error) if is_missing(&error) => Ok(()),
        Err(error) => Err(TreeError::io("looked at", &full)(error)),
    }
}

fn untracked_below(
    work: &Path,
    dir: &Path,
    tracked: &BTreeSet<&Path>,
    found: &mut BTreeSet<PathBuf>,
) -> Result<(), TreeError> {
    let full = work.join(dir);
    for entry in fs::read_dir(&full).map_err(TreeError::io("read", &full))? {
        let entry = entry.map_err(TreeError::io("read", &full))?;
        let path = dir.join(entry.file_name());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            untracked_below(work, &path, tracked, found)?;
        } else if !tracked.contains(path.as_path()) {
            found.insert(path);
        }
    }
    Ok(())
}

fn is_leaf(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|seen| !seen.is_dir())
}

fn size_of(work: &Path, files: &[PathBuf]) -> u64 {
    files.iter().filter_map(|file| fs::symlink_metadata(work.join(file)).ok()).map(|seen| seen.len()).sum()
}

/// Keeps commits that would hang on nothing after the switch: of HEAD, and of the branch that is reset.
async fn keep_commits(
    hand: &Hand<'_>,
    kept: &KeptPlace,
    to: &GitTarget,
    target: &CommitId,
) -> Result<Vec<String>, StepError> {
    let branch = match to {
        GitTarget::FirstAncestorOf { branch, .. } => Some(format!("refs/heads/{}", branch.as_str())),
        GitTarget::Commit(_) => None,
    };
    let mut names: Vec<String> = Vec::new();
    for revision in std::iter::once("HEAD".to_owned()).chain(branch) {
        let Some(commit) = hand.commit(&revision).await? else { continue };
        if hand.is_ancestor(&commit, target).await? {
            continue;
        }
        let args = [
            "rev-list",
            "--max-count=1",
            commit.as_str(),
            "--not",
            "--remotes",
            &format!("--glob={REFS}/{}", kept.key),
        ];
        if hand.answer("looking for local commits", args).await?.is_empty() {
            continue;
        }
        // A second one cannot stand below the first in the names of refs, so it stands beside.
        let name =
            if names.is_empty() { format!("{REFS}/{}", kept.key) } else { format!("{REFS}/{}-branch", kept.key) };
        hand.write("keeping local commits", ["update-ref", &name, commit.as_str()]).await?;
        names.push(name);
    }
    Ok(names)
}

/// Tracked files that are exactly what HEAD says: whatever the owner had in them is in the kept copies.
async fn unchanged(hand: &Hand<'_>) -> Result<BTreeSet<PathBuf>, StepError> {
    let index = hand.ask(["ls-files", "-z"]).await?;
    let args = ["status", "--porcelain=v2", "-z", "--untracked-files=no", "--no-renames", "--ignore-submodules=all"];
    let status = hand.ask(args).await?;
    if !index.success() || !status.success() {
        // Then only what is missing is put back.
        return Ok(BTreeSet::new());
    }
    let changed: BTreeSet<&Path> = switch::changed_paths(&status.stdout).collect();
    Ok(paths(&index.stdout).filter(|path| !changed.contains(path)).map(Path::to_owned).collect())
}

/// What the owner had deleted goes again, where it is still what the switch brought.
fn delete_again(work: &Path, deleted: &[String], unchanged: &BTreeSet<PathBuf>) -> Result<(), TreeError> {
    for path in deleted.iter().map(Path::new).filter(|path| unchanged.contains(*path)) {
        let full = work.join(path);
        match fs::remove_file(&full) {
            Err(error) if !is_missing(&error) => return Err(TreeError::io("deleted", &full)(error)),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// True when everything is where it was.
fn put_files_back(work: &Path, copies: &Path, unchanged: &BTreeSet<PathBuf>) -> Result<bool, TreeError> {
    let mut leaves = BTreeSet::new();
    if copies.is_dir() {
        untracked_below(copies, Path::new(""), &BTreeSet::new(), &mut leaves)?;
    }
    let mut all_back = true;
    for path in leaves.iter().filter(|path| path.extension().is_none_or(|end| end.as_bytes() != b"refit-part")) {
        let (copy, place) = (copies.join(path), work.join(path));
        if unchanged.contains(path) && !same(&copy, &place) {
            match fs::remove_file(&place) {
                Err(error) if !is_missing(&error) => return Err(TreeError::io("replaced", &place)(error)),
                Ok(()) | Err(_) => {}
            }
        }
        all_back &= match copy_leaf(&copy, &place)? {
            Copied::Yes | Copied::NotAFile => true,
            Copied::Occupied => same(&copy, &place),
        };
    }
    Ok(all_back)
}

fn same(one: &Path, other: &Path) -> bool {
    let seen = |path: &Path| fs::symlink_metadata(path).ok();
    match (seen(one), seen(other)) {
        (Some(a), Some(b)) if a.file_type().is_symlink() && b.file_type().is_symlink() => {
            fs::read_link(one).ok() == fs::read_link(other).ok()
        }
        (Some(a), Some(b)) if a.is_file() && b.is_file() => {
            a.len() == b.len() && a.permissions() == b.permissions() && same_bytes(one, other)
        }
        (Some(_), Some(_)) | (None, _) | (_, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_not_back_in_its_place() {
        // The read of its first byte fails.
        let unreadable = Path::new("/proc/self/mem");
        assert!(unreadable.exists() && !same(unreadable, unreadable));
    }
}
