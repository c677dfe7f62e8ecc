//! Mends a damaged `.git` so far that git works again: damaged files are moved into the kept folder, and rebuilt from
//! what is known (logs of refs, the configuration of the owner). Objects that are lost are fetched again afterwards.
//! Refuses to: touch the work tree, or to delete a damaged file that somebody may want to look at.

use std::fs;
use std::path::{Path, PathBuf};

use refit_engine::ports::StepError;
use refit_model::name::{BranchName, CommitId};
use refit_model::step::KeptPlace;
use refit_model::updater::git::Damage;

use super::fetch::tracking;
use super::hand::{Hand, off_the_loop};
use super::keep::{self, Listing};
use super::{locks, refs};
use crate::tree::{TreeError, is_missing, make_parent, sync_parent};

/// In the git folder while a mending waits for its switch.
const NOTE: &str = "refit-mended";

/// What a mending needs to know besides the damage.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The configured URL.
    pub origin: &'a str,
    /// The remote's name.
    pub remote: &'a str,
    /// The branch to stand on when HEAD is gone.
    pub branch: &'a BranchName,
}

/// Performs `GitStep::Heal`.
///
/// # Errors
/// When somebody works in the repository or a file cannot be moved.
pub async fn heal(
    hand: &mut Hand<'_>,
    damage: &[Damage],
    known: Known<'_>,
    kept: &KeptPlace,
) -> Result<Option<String>, StepError> {
    locks::remove_stale(&hand.repo.layout).await.map_err(|error| hand.failed(&error.to_string()))?;
    note_branch(hand, kept).map_err(|error| hand.on_disk(&error))?;
    let place = beside(kept);
    let (common, own) = (hand.repo.layout.common_dir.clone(), hand.repo.layout.git_dir.clone());
    let (from, list, faults) = (hand.work().to_owned(), damage.to_vec(), hand.faults.clone());
    let target = place.clone();
    let moved = off_the_loop(move || {
        let moved = move_aside(&list, &common, &own, &target.folder)?;
        faults.reach("git_heal.moved");
        if !moved.is_empty() {
            let before = keep::read_listing(&target)?.unwrap_or_default();
            let files = before.files.into_iter().chain(moved.iter().cloned()).collect();
            keep::write_listing(&target, &Listing { from, files, ..Listing::default() })?;
        }
        Ok(moved)
    })
    .await
    .map_err(|error| hand.on_disk(&error))?;
    rebuild(hand, known).await?;
    hand.faults.reach("git_heal.rebuilt");
    super::switch::sync(hand).await?;
    if moved.is_empty() {
        return Ok(Some("mended".to_owned()));
    }
    let text = format!("{} damaged file(s) of .git are kept in {}", moved.len(), place.folder.display());
    (hand.tell)(&hand.says(&text));
    Ok(Some(text))
}

/// Performs `Undo::GitHealBack`. A git that is asked for it does not write a reference to what is gone.
///
/// # Errors
/// When somebody works in the repository or the file cannot be written.
pub async fn heal_back(hand: &Hand<'_>, kept: &KeptPlace) -> Result<(), StepError> {
    let note = hand.git_file(NOTE);
    let text = fs::read_to_string(&note).unwrap_or_default();
    let mut words = text.split_whitespace();
    let (Some(key), Some(branch), Some(commit)) = (words.next(), words.next(), words.next()) else { return Ok(()) };
    if key != kept.key {
        return Ok(());
    }
    locks::remove_stale(&hand.repo.layout).await.map_err(|error| hand.failed(&error.to_string()))?;
    let layout = &hand.repo.layout;
    if is_below(branch) && refs::resolve(layout, branch).is_none_or(|now| now.as_str() != commit) {
        let file = layout.common_dir.join(branch);
        let written = write_whole(&hand.git_file("refit-branch.json.new"), &format!("{commit}\n"), &file);
        written.map_err(|error| hand.on_disk(&error))?;
    }
    settled(hand)
}

/// A switch takes over from here: its own undo knows where the branch was.
///
/// # Errors
/// When the note cannot be removed.
pub fn settled(hand: &Hand<'_>) -> Result<(), StepError> {
    let note = hand.git_file(NOTE);
    match fs::remove_file(&note) {
        Err(error) if !is_missing(&error) => Err(hand.on_disk(&TreeError::io("removed", &note)(error))),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Notes where the branch stood, before it is moved: `<key> <reference> <commit>`.
fn note_branch(hand: &Hand<'_>, kept: &KeptPlace) -> Result<(), TreeError> {
    let layout = &hand.repo.layout;
    let note = hand.git_file(NOTE);
    let is_noted = fs::read_to_string(&note).is_ok_and(|text| text.split_whitespace().next() == Some(&kept.key));
    let Some(branch) = refs::head_branch(layout).filter(|_| refs::uses_files(&hand.repo.scan.entries) && !is_noted)
    else {
        return Ok(());
    };
    match refs::resolve(layout, &branch).or_else(|| refs::last_logged(layout)) {
        Some(commit) => {
            write_whole(&hand.git_file("refit-mended.json.new"), &format!("{} {branch} {commit}\n", kept.key), &note)
        }
        None => Ok(()),
    }
}

/// By way of a name that is swept when it is left behind.
fn write_whole(beside: &Path, text: &str, file: &Path) -> Result<(), TreeError> {
    let mut out = fs::File::create(beside).map_err(TreeError::io("written", beside))?;
    let written = std::io::Write::write_all(&mut out, text.as_bytes()).and_then(|()| out.sync_all());
    written.map_err(TreeError::io("written", beside))?;
    make_parent(file)?;
    fs::rename(beside, file).map_err(TreeError::io("renamed", beside))?;
    sync_parent(file)
}

/// The damaged files have a place of their own, so that the place for the owner's files stays free until they come.
fn beside(kept: &KeptPlace) -> KeptPlace {
    let key = format!("{}-git", kept.key);
    KeptPlace { folder: kept.folder.with_file_name(&key), key }
}

fn move_aside(damage: &[Damage], common: &Path, own: &Path, folder: &Path) -> Result<Vec<String>, TreeError> {
    let mut moved = Vec::new();
    for one in damage {
        let files: Vec<String> = match one {
            Damage::EmptyObject { file } | Damage::BrokenRef { file } => vec![file.clone()],
            Damage::BrokenPack { file } => with_its_index(file),
            Damage::BrokenIndex => vec!["index".to_owned()],
            Damage::BrokenConfig => vec!["config".to_owned()],
            Damage::BrokenHead => vec!["HEAD".to_owned()],
            Damage::BrokenCommitGraph => {
                vec!["objects/info/commit-graph".to_owned(), "objects/info/commit-graphs".to_owned()]
            }
            // A reference to what is gone would keep git from fetching anything.
            Damage::MissingObject { id } => loose_refs_to(common, id),
            // Removed with the locks; never planned to be mended.
            Damage::StaleLock { .. } | Damage::MissingGitDir => Vec::new(),
        };
        for file in files.iter().filter(|file| is_below(file)) {
            // HEAD and the index belong to a linked worktree, the rest to all.
            let mine = matches!(file.as_str(), "HEAD" | "index") || !common.join(file).exists();
            let from = if mine { own.join(file) } else { common.join(file) };
            if move_one(&from, &folder.join("git").join(file))? {
                moved.push(format!(".git/{file}"));
            }
        }
    }
    Ok(moved)
}

/// The loose references that point to an object.
fn loose_refs_to(common: &Path, id: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![common.join("refs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else if fs::read_to_string(&path).is_ok_and(|text| text.trim() == id) {
                found.extend(path.strip_prefix(common).ok().and_then(Path::to_str).map(str::to_owned));
            }
        }
    }
    found
}

/// A path that stays below `.git`, whatever the facts say.
fn is_below(file: &str) -> bool {
    !file.starts_with('/') && file.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// A pack is of no use without its index and the other way round.
fn with_its_index(file: &str) -> Vec<String> {
    match file.rsplit_once('.') {
        Some((stem, "pack" | "idx")) => vec![format!("{stem}.pack"), format!("{stem}.idx"), format!("{stem}.rev")],
        Some(_) | None => vec![file.to_owned()],
    }
}

/// False when there was nothing to move.
fn move_one(from: &Path, to: &Path) -> Result<bool, TreeError> {
    if fs::symlink_metadata(from).is_err() {
        return Ok(false);
    }
    make_parent(to)?;
    let mut free = to.to_owned();
    let mut number = 1;
    while fs::symlink_metadata(&free).is_ok() {
        number += 1;
        free = PathBuf::from(format!("{}.{number}", to.display()));
    }
    match fs::rename(from, &free) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::CrossesDevices && from.is_file() => {
            fs::copy(from, &free).map_err(TreeError::io("copied", from))?;
            fs::remove_file(from).map_err(TreeError::io("removed", from))?;
        }
        Err(error) => return Err(TreeError::io("moved", from)(error)),
    }
    sync_parent(&free)?;
    sync_parent(from)?;
    Ok(true)
}

/// Puts back what git cannot do without, from the most to the least certain source.
async fn rebuild(hand: &mut Hand<'_>, known: Known<'_>) -> Result<(), StepError> {
    let work = |error: TreeError, hand: &Hand<'_>| hand.on_disk(&error);
    for folder in ["objects/pack", "objects/info", "refs/heads", "refs/tags"] {
        let folder = hand.repo.layout.common_dir.join(folder);
        fs::create_dir_all(&folder).map_err(TreeError::io("made", &folder)).map_err(|error| work(error, hand))?;
    }
    let head = hand.git_file("HEAD");
    if !is_there(&head) {
        let text = format!("ref: refs/heads/{}\n", known.branch.as_str());
        fs::write(&head, text).map_err(TreeError::io("written", &head)).map_err(|error| work(error, hand))?;
    }
    let config = hand.repo.layout.common_dir.join("config");
    let had_config = is_there(&config);
    if !had_config {
        let text =
            "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n\tlogallrefupdates = true\n";
        fs::write(&config, text).map_err(TreeError::io("written", &config)).map_err(|error| work(error, hand))?;
    }
    hand.reopen();
    if !had_config {
        configure(hand, known).await?;
    }
    if let Some(name) = super::refs::head_branch(&hand.repo.layout)
        && super::refs::resolve(&hand.repo.layout, &name).is_none()
        && let Some(commit) = last_known(hand, &name, known).await?
    {
        hand.write("putting the branch back", ["update-ref", &name, commit.as_str()]).await?;
    }
    rebuild_index(hand).await
}

/// Where everything is fetched from, and what the branch follows.
async fn configure(hand: &Hand<'_>, known: Known<'_>) -> Result<(), StepError> {
    let all = format!("+refs/heads/*:refs/remotes/{}/*", known.remote);
    let branch = known.branch.as_str();
    let settings = [
        (format!("remote.{}.url", known.remote), known.origin.to_owned()),
        (format!("remote.{}.fetch", known.remote), all),
        (format!("branch.{branch}.remote"), known.remote.to_owned()),
        (format!("branch.{branch}.merge"), format!("refs/heads/{branch}")),
    ];
    for (key, value) in settings {
        hand.write("writing the configuration", ["config", "--local", "--replace-all", "--", &key, &value]).await?;
    }
    Ok(())
}

/// Where a branch stood: by its own log, by that of HEAD, by what the remote had last; the newest that is still here.
async fn last_known(hand: &Hand<'_>, name: &str, known: Known<'_>) -> Result<Option<CommitId>, StepError> {
    let logs = hand.repo.layout.common_dir.join("logs");
    let tracked = super::refs::resolve(&hand.repo.layout, &tracking(known.remote, known.branch));
    let logged = [logs.join(name), hand.git_file("logs/HEAD")].into_iter().flat_map(|log| ids_of_log(&log));
    for commit in logged.chain(tracked) {
        if hand.commit(commit.as_str()).await?.is_some() {
            return Ok(Some(commit));
        }
    }
    Ok(None)
}

/// The new ids of a log (gitrepository-layout(5), logs), the last of them first.
fn ids_of_log(log: &Path) -> Vec<CommitId> {
    const MOST: usize = 20;
    let bytes = fs::read(log).unwrap_or_default();
    let read = |line: &[u8]| CommitId::new(std::str::from_utf8(line).ok()?.split(' ').nth(1)?).ok();
    let is_real = |id: &CommitId| !id.as_str().bytes().all(|byte| byte == b'0');
    bytes.split(|byte| *byte == b'\n').rev().filter_map(read).filter(is_real).take(MOST).collect()
}

/// Without the index every file would look as if it were new. When the commit is lost, that is for later: the switch
/// rebuilds it after the fetch.
async fn rebuild_index(hand: &Hand<'_>) -> Result<(), StepError> {
    if is_there(&hand.git_file("index")) {
        return Ok(());
    }
    match hand.commit("HEAD").await? {
        Some(head) => {
            if let Err(error) = hand.write("rebuilding the index", ["read-tree", head.as_str()]).await {
                tracing::info!(updater = %hand.updater, %error, "the index is rebuilt after the fetch");
            }
            Ok(())
        }
        None => Ok(()),
    }
}

fn is_there(file: &Path) -> bool {
    !fs::symlink_metadata(file).is_err_and(|error| is_missing(&error))
}
