//! A fresh clone beside the repository that it will replace, and the owner's own files carried over into it.
//! Refuses to: touch the repository in use, write through a link of the new version, or clone less than everything.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use refit_engine::ports::StepError;
use refit_model::name::{BranchName, CommitId};
use refit_model::step::RepoRef;

use super::hand::{Hand, off_the_loop, paths};
use super::hazard::Purpose;
use super::remote::words;
use super::{fetch, keep, switch};
use crate::disk;
use crate::tree::{self, Copied, TreeError, copy_leaf, is_missing, make_parent};

/// In the git folder of a clone that is whole.
const WHOLE: &str = "refit-cloned";
/// So much must be free besides what the old folder takes.
const ROOM: u64 = 64 * 1024 * 1024;

/// What is to be cloned.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// From where.
    pub url: &'a str,
    /// The branch to stand on.
    pub branch: &'a BranchName,
    /// The folder beside.
    pub stage: &'a Path,
    /// Moves to this commit when it is an ancestor of the branch.
    pub prefer: Option<&'a CommitId>,
    /// The configured pin, more wanted than that.
    pub pin: Option<&'a str>,
}

/// Performs `GitStep::Clone`. `hand` holds the repository to replace.
///
/// # Errors
/// `Git Clone Error` with the network's error in words for people; no room.
pub async fn clone(hand: &Hand<'_>, wanted: Wanted<'_>) -> Result<Option<String>, StepError> {
    let staged = RepoRef { updater: hand.updater.clone(), path: wanted.stage.to_owned() };
    let open = || Hand::open(hand.git, &staged, hand.tell.clone(), hand.faults.clone());
    if open().git_file(WHOLE).exists() {
        return Ok(Some("the clone was there already".to_owned()));
    }
    keep::take_in_stages(hand.work(), wanted.stage).map_err(|error| hand.on_disk(&error))?;
    discard(wanted.stage).map_err(|error| hand.on_disk(&error))?;
    let work = hand.work().to_owned();
    let size = off_the_loop(move || Ok(size_of(&work))).await.map_err(|error| hand.on_disk(&error))?;
    let parent = wanted.stage.parent().unwrap_or(wanted.stage);
    disk::require_room(parent, size.saturating_add(ROOM)).map_err(|error| hand.failed(&error.to_string()))?;
    download(hand, wanted).await?;
    hand.faults.reach("git_clone.cloned");
    (hand.tell)(&hand.says("Git Clone Complete"));
    let fresh = open();
    move_to_wished(&fresh, wanted).await?;
    fetch::write_commit_graph(&fresh).await;
    let head = fresh.commit("HEAD").await?.ok_or_else(|| hand.failed("Git Clone Error: the clone has no commit"))?;
    switch::sync(&fresh).await?;
    let mark = fresh.git_file(WHOLE);
    fs::write(&mark, head.as_str()).map_err(TreeError::io("written", &mark)).map_err(|error| hand.on_disk(&error))?;
    switch::sync(&fresh).await?;
    Ok(Some(format!("cloned, at {head}")))
}

async fn download(hand: &Hand<'_>, wanted: Wanted<'_>) -> Result<(), StepError> {
    let command = hand
        .git
        .anywhere(Purpose::Fetch)
        .dir(wanted.stage.parent().unwrap_or(Path::new("/")))
        // No template: its hooks and settings are not the remote's. No hard links to a remote on this disk.
        .args(["clone", "--progress", "--template=", "--no-hardlinks", "--no-recurse-submodules", "--origin", "origin"])
        .args(["--branch", wanted.branch.as_str(), "--", wanted.url])
        .arg(wanted.stage);
    let outcome = hand.run(fetch::patient(command).tell(hand.tell.clone())).await?;
    if outcome.success() {
        return Ok(());
    }
    (hand.tell)(&hand.says("Git Clone Failed"));
    let message = format!("Git Clone Error: {}", words::of_git(&outcome));
    Err(StepError { message, command_failed: false, printer_busy: false })
}

/// To the commit from before, then to the pin, each where it is an ancestor of the branch (CONTRACT §2.7, observed).
async fn move_to_wished(fresh: &Hand<'_>, wanted: Wanted<'_>) -> Result<(), StepError> {
    let Some(tip) = fresh.commit("HEAD").await? else { return Ok(()) };
    if let Some(commit) = wanted.prefer
        && let Some(commit) = fresh.commit(commit.as_str()).await?
        && fresh.is_ancestor(&commit, &tip).await?
    {
        (fresh.tell)(&fresh.says(&format!("Moving HEAD to previous commit {commit}")));
        fresh.write("moving HEAD", ["reset", "--hard", "--quiet", commit.as_str(), "--"]).await?;
    }
    if let Some(pin) = wanted.pin {
        let pinned = fresh.pinned(pin).await?;
        if fresh.is_ancestor(&pinned, &tip).await? {
            fresh.write("moving HEAD", ["reset", "--hard", "--quiet", pinned.as_str(), "--"]).await?;
        }
    }
    Ok(())
}

/// Deletes a stage. Only a name that a plan gives to stages.
///
/// # Errors
/// [`TreeError::Changed`] for any other name; [`TreeError::Io`].
pub fn discard(stage: &Path) -> Result<(), TreeError> {
    let named = stage.file_name().is_some_and(|name| name.to_string_lossy().contains(".refit-new-"));
    if named { tree::delete_stage(stage) } else { Err(TreeError::Changed(stage.to_owned())) }
}

/// Performs `GitStep::CarryOver`. `hand` holds the repository to replace.
///
/// # Errors
/// When a file cannot be copied, by name; no room.
pub async fn carry_over(hand: &Hand<'_>, stage: &Path, was: Option<&CommitId>) -> Result<Option<String>, StepError> {
    let staged = RepoRef { updater: hand.updater.clone(), path: stage.to_owned() };
    let fresh = Hand::open(hand.git, &staged, hand.tell.clone(), hand.faults.clone());
    let known = known_files(hand, &fresh, was).await;
    let version = fresh.answer("listing the clone's files", ["ls-files", "-z"]).await?;
    let version: BTreeSet<PathBuf> = paths(&version).map(Path::to_owned).collect();
    let (from, to) = (hand.work().to_owned(), stage.to_owned());
    let carried = off_the_loop(move || {
        let mut carrier = Carrier { from, to, known, version, ..Carrier::default() };
        if !carrier.from.is_dir() {
            return Ok(carrier);
        }
        carrier.collect(Path::new(""))?;
        let room = disk::require_room(&carrier.to, carrier.bytes);
        room.map_err(|error| TreeError::io("copied", &carrier.from)(std::io::Error::other(error)))?;
        carrier.copy()?;
        Ok(carrier)
    })
    .await
    .map_err(|error| hand.on_disk(&error))?;
    switch::sync(&fresh).await?;
    let left = if carried.left.is_empty() {
        String::new()
    } else {
        let some: Vec<String> = carried.left.iter().take(10).map(|path| path.display().to_string()).collect();
        format!("; {} left in the old folder: {}", carried.left.len(), some.join(", "))
    };
    let text = format!("{} of your own file(s) copied over{left}", carried.files.len());
    if !carried.files.is_empty() || !carried.left.is_empty() {
        (hand.tell)(&hand.says(&text));
    }
    Ok(Some(text))
}

/// The files that were not the owner's: those of the commit from before; where nobody knows them, those in the index;
/// where that is gone too, none, so that rather too much is carried over than too little.
async fn known_files(hand: &Hand<'_>, fresh: &Hand<'_>, was: Option<&CommitId>) -> BTreeSet<PathBuf> {
    let mut listed = None;
    if let Some(was) = was {
        for place in [fresh, hand] {
            if listed.is_none() {
                listed = listing(place, &["ls-tree", "-r", "-z", "--name-only", was.as_str()]).await;
            }
        }
    }
    if listed.is_none() {
        listed = listing(hand, &["ls-files", "-z"]).await;
    }
    paths(&listed.unwrap_or_default()).map(Path::to_owned).collect()
}

async fn listing(place: &Hand<'_>, args: &[&str]) -> Option<Vec<u8>> {
    if !place.repo.layout.has_git() {
        return None;
    }
    // A repository that is damaged or refused says nothing, and that is why it is replaced.
    let outcome = place.ask(args).await.ok()?;
    outcome.success().then_some(outcome.stdout)
}

#[derive(Debug, Default)]
struct Carrier {
    from: PathBuf,
    to: PathBuf,
    /// Files that are not the owner's.
    known: BTreeSet<PathBuf>,
    /// Files of the new version.
    version: BTreeSet<PathBuf>,
    files: Vec<PathBuf>,
    folders: Vec<PathBuf>,
    /// The owner's, but the version has something of that name.
    left: Vec<PathBuf>,
    bytes: u64,
}

impl Carrier {
    fn collect(&mut self, dir: &Path) -> Result<(), TreeError> {
        let full = self.from.join(dir);
        for entry in fs::read_dir(&full).map_err(TreeError::io("read", &full))? {
            let entry = entry.map_err(TreeError::io("read", &full))?;
            let path = dir.join(entry.file_name());
            let seen = entry.metadata().map_err(TreeError::io("looked at", &entry.path()))?;
            if path == Path::new(".git") || self.known.contains(&path) {
                // The git folder, a file of the version before, or a submodule of it.
                continue;
            }
            if self.version.contains(&path) || self.is_below_a_file(&path) {
                self.left.push(path);
            } else if seen.is_dir() {
                self.folders.push(path.clone());
                self.collect(&path)?;
            } else {
                self.bytes = self.bytes.saturating_add(seen.len());
                self.files.push(path);
            }
        }
        Ok(())
    }

    /// The new version has a file or a link where the owner's path needs a folder.
    fn is_below_a_file(&self, path: &Path) -> bool {
        path.ancestors().skip(1).any(|above| self.version.contains(above))
    }

    fn copy(&mut self) -> Result<(), TreeError> {
        for path in &self.files {
            let (from, to) = (self.from.join(path), self.to.join(path));
            match copy_leaf(&from, &to)? {
                // Occupied by the copy of an attempt that was cut; pipes and sockets are made anew by who uses them.
                Copied::Yes | Copied::Occupied | Copied::NotAFile => {}
            }
        }
        // The rights of a folder last, and from the inside out: one may forbid writing.
        for path in self.folders.iter().rev() {
            self.copy_folder(path)?;
        }
        Ok(())
    }

    fn copy_folder(&self, path: &Path) -> Result<(), TreeError> {
        let (from, to) = (self.from.join(path), self.to.join(path));
        let has_own_files = self.files.iter().any(|file| file.starts_with(path));
        let was_known = self.known.range(path.to_owned()..).next().is_some_and(|next| next.starts_with(path));
        if was_known && !has_own_files {
            // A folder of the version before that held nothing of the owner's.
            return Ok(());
        }
        make_parent(&to)?;
        match fs::create_dir(&to) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(TreeError::io("made", &to)(error));
            }
            Ok(()) | Err(_) => {}
        }
        let mode = fs::metadata(&from).map_err(TreeError::io("looked at", &from))?.permissions().mode() & 0o7777;
        fs::set_permissions(&to, fs::Permissions::from_mode(mode)).map_err(TreeError::io("given its rights", &to))
    }
}

/// What a folder takes on disk, near enough. What cannot be read does not count.
fn size_of(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    entries.flatten().fold(0, |sum, entry| match entry.metadata() {
        Ok(seen) if seen.is_dir() => sum.saturating_add(size_of(&entry.path())),
        Ok(seen) => sum.saturating_add(seen.len()),
        Err(error) => {
            if !is_missing(&error) {
                tracing::debug!(path = %entry.path().display(), %error, "not counted");
            }
            sum
        }
    })
}
