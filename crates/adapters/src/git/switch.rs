//! Moves HEAD, index and work tree to a commit, from whatever state a cut left, and back: forward first, then back
//! (RELIABILITY.md §0, finding 4: that was exact at all 570 points, straight back was not at 99).
//!
//! Before anything is moved, a note in the git folder says which run moves where; it tells an undo whether the move was
//! begun at all, and what the branch was before. Refuses to: decide what must give way; `keep` has been there before.

use std::fs;
use std::path::PathBuf;

use refit_engine::ports::{Circumstance, StepError};
use refit_model::name::{BranchName, CommitId, RunId};
use refit_model::step::{GitTarget, Head};
use serde::{Deserialize, Serialize};

use super::hand::{Hand, off_the_loop};
use super::{heal, locks, parse, refs};
use crate::tree::{TreeError, is_missing, sync_file_system, sync_parent};

/// The commit from before a switch stays reachable under this name, so that a rollback works without a network.
pub const PREVIOUS: &str = "refs/refit/prev";

/// What is moved, noted before it moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    run: RunId,
    from: Option<CommitId>,
    forward: CommitId,
    /// What the branch was that HEAD is moved to, when HEAD stood elsewhere.
    branch_before: Option<(BranchName, Option<CommitId>)>,
}

/// Performs `GitStep::Switch`.
///
/// # Errors
/// When somebody else works in the repository, the target is unknown, or git fails.
pub async fn switch(
    hand: &Hand<'_>,
    head: &Head,
    from: Option<&CommitId>,
    to: &GitTarget,
    circumstance: &Circumstance,
) -> Result<Option<String>, StepError> {
    make_ready(hand, from, circumstance.rebooted).await?;
    let noted = read_note(hand, circumstance.run)?.filter(|_| circumstance.again);
    let begun = noted.is_some();
    let note = match noted {
        Some(note) => note,
        None => new_note(hand, head, from, to, circumstance.run).await?,
    };
    write_note(hand, &note)?;
    heal::settled(hand)?;
    hand.faults.reach("git_switch.marked");
    if let Some(from) = from.filter(|from| **from != note.forward) {
        if hand.commit(from.as_str()).await?.is_some() {
            hand.write("keeping the way back", ["update-ref", PREVIOUS, from.as_str()]).await?;
        }
        if !begun {
            tell_changes(hand, from, &note.forward).await?;
        }
    }
    if let (GitTarget::FirstAncestorOf { remote, branch, .. }, Head::Branch(local)) = (to, head) {
        follow(hand, local, remote, branch).await?;
    }
    point(hand, head, &note.forward).await?;
    hand.faults.reach("git_switch.pointed");
    reset(hand, &note.forward).await?;
    hand.faults.reach("git_switch.reset");
    sync(hand).await?;
    hand.faults.reach("git_switch.synced");
    Ok(Some(format!("at {}", note.forward)))
}

/// Performs `Undo::GitSwitchBack`. `step_head` is where the switch pointed HEAD.
///
/// # Errors
/// As [`switch`].
pub async fn switch_back(
    hand: &Hand<'_>,
    step_head: &Head,
    head: &Head,
    to: &CommitId,
    circumstance: &Circumstance,
) -> Result<(), StepError> {
    // Without the note nothing was moved, or everything is back.
    let Some(note) = read_note(hand, circumstance.run)?.filter(|note| note.from.as_ref() == Some(to)) else {
        return Ok(());
    };
    make_ready(hand, Some(to), circumstance.rebooted).await?;
    if hand.commit(to.as_str()).await?.is_none() {
        // A damaged repository stood on a commit that is gone for good: there is no way back, and forward is whole.
        tracing::warn!(updater = %hand.updater, commit = %to, "the commit from before is lost; the switch stays");
        point(hand, step_head, &note.forward).await?;
        reset(hand, &note.forward).await?;
        sync(hand).await?;
        return remove_note(hand);
    }
    if hand.commit(note.forward.as_str()).await?.is_some() {
        // Half a version may stand there; made whole, git knows every file of it when it goes back. Where that fails
        // (a full disk), straight back is still better than half.
        let forward = async {
            point(hand, step_head, &note.forward).await?;
            reset(hand, &note.forward).await
        };
        if let Err(error) = forward.await {
            tracing::warn!(updater = %hand.updater, %error, "the switch could not be finished before it is taken back");
            locks::remove_stale(&hand.repo.layout).await.map_err(|error| hand.failed(&error.to_string()))?;
        }
    }
    hand.faults.reach("git_switch_back.forward");
    point(hand, head, to).await?;
    hand.faults.reach("git_switch_back.pointed");
    reset(hand, to).await?;
    hand.faults.reach("git_switch_back.reset");
    if let Some((branch, before)) = &note.branch_before {
        let name = format!("refs/heads/{}", branch.as_str());
        match before {
            Some(before) => hand.write("putting the branch back", ["update-ref", &name, before.as_str()]).await?,
            None => hand.write("removing the branch", ["update-ref", "-d", &name]).await?,
        }
    }
    sync(hand).await?;
    remove_note(hand)
}

/// Performs `GitStep::Verify`.
///
/// # Errors
/// Naming what differs.
pub async fn verify(hand: &Hand<'_>, expect: Option<&CommitId>) -> Result<Option<String>, StepError> {
    let head = hand.commit("HEAD").await?;
    let Some(head) = head.filter(|head| expect.is_none_or(|expect| head == expect)) else {
        return Err(match expect {
            Some(expect) => hand.failed(&format!("HEAD is not at {expect} after the change")),
            None => not_pristine(hand, "HEAD stands on no commit"),
        });
    };
    let changed: Vec<String> = match expect {
        // A submodule is not touched, and stays where it was.
        Some(_) => changed_paths(&status(hand, &["--ignore-submodules=all"]).await?).map(shown).collect(),
        // A recovery promises what will be seen afterwards, and that is what submodules hold, too.
        None => dirty(hand).await?,
    };
    if changed.is_empty() {
        return Ok(Some(format!("at {head}, no file differs")));
    }
    let some = changed.iter().take(10).cloned().collect::<Vec<_>>().join(", ");
    Err(match expect {
        Some(_) => hand.failed(&format!("after the change {} file(s) are not what git says: {some}", changed.len())),
        None => not_pristine(hand, &some),
    })
}

async fn status(hand: &Hand<'_>, more: &[&str]) -> Result<Vec<u8>, StepError> {
    let args = ["status", "--porcelain=v2", "-z", "--untracked-files=no", "--no-renames"];
    hand.answer("looking for changed files", args.iter().chain(more)).await
}

async fn dirty(hand: &Hand<'_>) -> Result<Vec<String>, StepError> {
    let listed = status(hand, &[]).await?;
    let read = parse::status(&listed).map_err(|error| hand.failed(&error.to_string()))?;
    let dirty = read.changed.iter().filter(|changed| changed.is_dirty());
    Ok(dirty.map(|changed| String::from_utf8_lossy(&changed.path).into_owned()).collect())
}

fn shown(path: &std::path::Path) -> String {
    path.to_string_lossy().into_owned()
}

/// In the words of a running Moonraker (CONTRACT §2.7); which files it is about is told besides.
fn not_pristine(hand: &Hand<'_>, what: &str) -> StepError {
    (hand.tell)(&format!("not as git says after the recovery: {what}"));
    StepError { command_failed: true, ..hand.documented("Recovery attempt failed, repo state not pristine") }
}

/// The paths of `git status --porcelain=v2 -z` without renames: everything after the fixed fields of each entry.
pub fn changed_paths(status: &[u8]) -> impl Iterator<Item = &std::path::Path> {
    status.split(|byte| *byte == 0).filter_map(|entry| {
        let fields = match entry.first()? {
            b'1' => 8,
            b'u' => 10,
            _ => return None,
        };
        let mut rest = entry;
        for _ in 0..fields {
            let blank = rest.iter().position(|byte| *byte == b' ')?;
            rest = rest.get(blank + 1..)?;
        }
        super::hand::paths(rest).next()
    })
}

/// Has an index where a power cut took it: of HEAD, or of `target` when HEAD is lost, so that git tells the owner's
/// changes from its own files.
///
/// # Errors
/// When git fails.
pub async fn rebuild_index(hand: &Hand<'_>, target: &CommitId) -> Result<(), StepError> {
    if hand.git_file("index").exists() {
        return Ok(());
    }
    let head = hand.commit("HEAD").await?;
    hand.write("rebuilding the index", ["read-tree", head.as_ref().unwrap_or(target).as_str()]).await
}

/// The commit that a target stands for.
///
/// # Errors
/// `Cannot reset, unknown remote/branch` when the remote branch is unknown; the commit when it is not there.
pub async fn resolve(hand: &Hand<'_>, to: &GitTarget) -> Result<CommitId, StepError> {
    let (pin, candidates, remote, branch) = match to {
        GitTarget::Commit(commit) => {
            let found = hand.commit(commit.as_str()).await?;
            return found.ok_or_else(|| hand.failed(&format!("commit {commit} is not in the repository")));
        }
        GitTarget::FirstAncestorOf { pin, candidates, remote, branch } => (pin, candidates, remote, branch),
    };
    let tip = hand.commit(&format!("refs/remotes/{remote}/{}", branch.as_str())).await?;
    let tip = tip.ok_or_else(|| hand.documented("Cannot reset, unknown remote/branch"))?;
    if let Some(pin) = pin {
        let pinned = hand.pinned(pin).await?;
        if hand.is_ancestor(&pinned, &tip).await? {
            return Ok(pinned);
        }
    }
    for wanted in candidates {
        if let Some(commit) = hand.commit(wanted.as_str()).await?
            && hand.is_ancestor(&commit, &tip).await?
        {
            return Ok(commit);
        }
    }
    Ok(tip)
}

/// Removes what a dead git or a power cut left, so that git can work. `stood_on` is whose files the work tree held.
async fn make_ready(hand: &Hand<'_>, stood_on: Option<&CommitId>, rebooted: bool) -> Result<(), StepError> {
    let layout = hand.repo.layout.clone();
    locks::remove_stale(&layout).await.map_err(|error| hand.failed(&error.to_string()))?;
    if rebooted {
        off_the_loop(move || locks::clear_after_power_cut(&layout)).await.map_err(|error| hand.on_disk(&error))?;
    }
    if !hand.git_file("index").exists()
        && let Some(commit) = stood_on
        && hand.commit(commit.as_str()).await?.is_some()
    {
        // Without it the files that only this version has would not be known for the version's own.
        hand.write("rebuilding the index", ["read-tree", commit.as_str()]).await?;
    }
    Ok(())
}

async fn new_note(
    hand: &Hand<'_>,
    head: &Head,
    from: Option<&CommitId>,
    to: &GitTarget,
    run: RunId,
) -> Result<Note, StepError> {
    let forward = resolve(hand, to).await?;
    let branch_before = match head {
        Head::Branch(branch) if !stands_on(hand, branch).await? => {
            let before = hand.commit(&format!("refs/heads/{}", branch.as_str())).await?;
            Some((branch.clone(), before))
        }
        Head::Branch(_) | Head::Detached => None,
    };
    Ok(Note { run, from: from.cloned(), forward, branch_before })
}

async fn stands_on(hand: &Hand<'_>, branch: &BranchName) -> Result<bool, StepError> {
    let layout = &hand.repo.layout;
    if refs::uses_files(&hand.repo.scan.entries)
        && let Some(name) = refs::head_branch(layout)
    {
        return Ok(name.strip_prefix("refs/heads/") == Some(branch.as_str()));
    }
    // A detached HEAD, a link in its place, or something that only git can tell.
    let outcome = hand.ask(["symbolic-ref", "--quiet", "HEAD"]).await?;
    Ok(outcome.success() && outcome.stdout.trim_ascii() == format!("refs/heads/{}", branch.as_str()).as_bytes())
}

/// Points HEAD. The branch moves with the reset when HEAD is on it already: after the files, as git itself does it.
async fn point(hand: &Hand<'_>, head: &Head, commit: &CommitId) -> Result<(), StepError> {
    match head {
        Head::Branch(branch) if stands_on(hand, branch).await? => Ok(()),
        Head::Branch(branch) => {
            let name = format!("refs/heads/{}", branch.as_str());
            hand.write("moving the branch", ["update-ref", &name, commit.as_str()]).await?;
            hand.write("switching the branch", ["symbolic-ref", "HEAD", &name]).await
        }
        Head::Detached => hand.write("moving HEAD", ["update-ref", "--no-deref", "HEAD", commit.as_str()]).await,
    }
}

async fn reset(hand: &Hand<'_>, commit: &CommitId) -> Result<(), StepError> {
    // What was only touched is not written anew: it may have rights that git was told not to look at.
    if let Err(error) = hand.write("looking at the files", ["update-index", "-q", "--refresh"]).await {
        tracing::debug!(updater = %hand.updater, %error, "files differ, or the index must be rebuilt");
    }
    hand.write(&format!("switching to {}", commit.short()), ["reset", "--hard", "--quiet", commit.as_str(), "--"]).await
}

/// Has the branch follow the remote one, when it follows none: it may have been made just now.
async fn follow(hand: &Hand<'_>, local: &BranchName, remote: &str, branch: &BranchName) -> Result<(), StepError> {
    let key = format!("branch.{}.remote", local.as_str());
    if hand.ask(["config", "--get", &key]).await?.success() {
        return Ok(());
    }
    let merge = format!("refs/heads/{}", branch.as_str());
    hand.write("setting the upstream", ["config", "--local", &format!("branch.{}.merge", local.as_str()), &merge])
        .await?;
    hand.write("setting the upstream", ["config", "--local", &key, remote]).await
}

/// What a fast-forward tells, as `git pull` words it.
async fn tell_changes(hand: &Hand<'_>, from: &CommitId, to: &CommitId) -> Result<(), StepError> {
    if !hand.is_ancestor(from, to).await? {
        return Ok(());
    }
    let short = |commit: &CommitId| commit.as_str().get(..7).unwrap_or_default().to_owned();
    (hand.tell)(&format!("Updating {}..{}", short(from), short(to)));
    (hand.tell)("Fast-forward");
    let args = ["diff", "--no-ext-diff", "--no-textconv", "--stat", "--summary", from.as_str(), to.as_str(), "--"];
    let told = hand.ask(args).await?;
    for line in String::from_utf8_lossy(&told.stdout).lines() {
        (hand.tell)(line);
    }
    Ok(())
}

/// What git wrote is on disk: the work tree, and the git folder where that is another file system.
pub async fn sync(hand: &Hand<'_>) -> Result<(), StepError> {
    let places = [hand.work().to_owned(), hand.repo.layout.common_dir.clone()];
    let synced = off_the_loop(move || places.iter().try_for_each(|place| sync_file_system(place))).await;
    synced.map_err(|error| hand.on_disk(&error))
}

fn note_file(hand: &Hand<'_>) -> PathBuf {
    hand.git_file("refit-switch.json")
}

fn read_note(hand: &Hand<'_>, run: RunId) -> Result<Option<Note>, StepError> {
    let file = note_file(hand);
    let bytes = locks::read_if_there(&file).map_err(|error| hand.on_disk(&TreeError::io("read", &file)(error)))?;
    // One that a power cut emptied was never finished, and nothing was moved.
    let note = bytes.and_then(|bytes| serde_json::from_slice::<Note>(&bytes).ok());
    Ok(note.filter(|note| note.run == run))
}

fn write_note(hand: &Hand<'_>, note: &Note) -> Result<(), StepError> {
    let file = note_file(hand);
    let write = || {
        let text = serde_json::to_vec(note).map_err(std::io::Error::other)?;
        let beside = file.with_extension("json.new");
        let mut out = fs::File::create(&beside)?;
        std::io::Write::write_all(&mut out, &text)?;
        out.sync_all()?;
        fs::rename(&beside, &file)
    };
    write()
        .map_err(TreeError::io("written", &file))
        .and_then(|()| sync_parent(&file))
        .map_err(|error| hand.on_disk(&error))
}

fn remove_note(hand: &Hand<'_>) -> Result<(), StepError> {
    let file = note_file(hand);
    match fs::remove_file(&file) {
        Ok(()) => sync_parent(&file).map_err(|error| hand.on_disk(&error)),
        Err(error) if is_missing(&error) => Ok(()),
        Err(error) => Err(hand.on_disk(&TreeError::io("removed", &file)(error))),
    }
}
