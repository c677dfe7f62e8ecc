//! A fetch of a few commits in one request and two processes: the shared client brings the pack, the user's git stores
//! it (`index-pack`, which checks that nothing it needs is missing) and moves the refs, all or none.
//!
//! `git fetch` does the same in four processes and three requests, and more: whatever is not the usual case is left to
//! it. That is never wrong, only slower, and so every doubt ends there. After a power cut no ref names what was not
//! written: pack and index are synced before the refs are, and all are named in that order.
//! Refuses to: bring a large pack, or to touch a ref that is not the tracked branch or a new tag.

use std::collections::BTreeMap;
use std::fs;
use std::time::SystemTime;

use refit_engine::ports::StepError;
use refit_model::name::{BranchName, CommitId};
use reqwest::Url;
use tokio::sync::OwnedSemaphorePermit;

use super::super::config::Entry;
use super::super::hand::Hand;
use super::super::hazard::Purpose;
use super::super::{GitVersion, fetch, objects, refs, switch};
use super::http::{Http, NoAnswer};
use super::pkt::RemoteRef;

/// New tags beyond this are not looked up one by one.
const FEW_TAGS: usize = 50;
/// So many objects make a history in which a commit-graph saves more than it costs; 60 commits on 200 files have 500.
const LONG_HISTORY: u64 = 5000;
/// Packs that came since the commit-graph was written; until then git reads those few commits itself.
const PACKS: usize = 16;

/// The branch that moved, and what is known of both sides.
pub(super) struct Moved<'a> {
    pub(super) remote: &'a str,
    pub(super) branch: &'a BranchName,
    /// Refs there.
    pub(super) there: &'a [RemoteRef],
    /// Refs here, by name.
    pub(super) here: &'a BTreeMap<String, String>,
}

/// Brings the branch and its new tags. False: nothing was changed that counts, git must be asked. `turn` is given back
/// when the host is done with.
///
/// # Errors
/// When the remote cannot be reached, in words for people.
pub(super) async fn fetch(
    hand: &Hand<'_>,
    http: &Http,
    url: &Url,
    moved: &Moved<'_>,
    turn: Option<OwnedSemaphorePermit>,
) -> Result<bool, StepError> {
    let layout = &hand.repo.layout;
    let Some((tip, tracked)) = moved.ends().filter(|(tip, _)| is_usual(hand) && !objects::is_here(layout, tip)) else {
        return Ok(false);
    };
    let Some(tags) = moved.new_tags(fetch::tags(hand, moved.remote)) else { return Ok(false) };
    let named_here = |tag: &&&RemoteRef| objects::is_here(layout, target(tag)) && !objects::is_here(layout, &tag.id);
    let mut wants = vec![tip];
    wants.extend(tags.iter().filter(named_here).map(|tag| &tag.id));
    let head = refs::resolve(layout, "HEAD").filter(|head| *head != tracked);
    let haves: Vec<&CommitId> = std::iter::once(&tracked).chain(&head).collect();
    let pack = match http.pack(url, &wants, &haves).await {
        Ok(pack) => pack,
        Err(NoAnswer::Unreachable(why)) => return Err(hand.failed(&why)),
        Err(NoAnswer::AskGit) => return Ok(false),
    };
    drop(turn);
    if !store(hand, pack).await? || !objects::is_here(layout, tip) {
        return Ok(false);
    }
    let here: Vec<&&RemoteRef> = tags.iter().filter(|tag| objects::is_here(layout, target(tag))).collect();
    if here.iter().any(|tag| !objects::is_here(layout, &tag.id)) {
        return Ok(false);
    }
    let mut changes = format!("update {} {tip} {tracked}\n", fetch::tracking(moved.remote, moved.branch));
    here.iter().for_each(|tag| changes.push_str(&format!("create {} {}\n", tag.name, tag.id)));
    let command = hand.command(Purpose::Write)?.args(["update-ref", "-m", "fetch", "--stdin"]);
    let told = hand.run(command.input(changes.into_bytes())).await?;
    if told.success() && wants_commit_graph(hand) {
        fetch::write_commit_graph(hand).await;
    }
    if hand.git.version() < GitVersion(2, 36) {
        // It syncs packs, but no refs.
        switch::sync(hand).await?;
    }
    Ok(told.success())
}

impl Moved<'_> {
    /// Where the branch is there, and where it was seen last.
    fn ends(&self) -> Option<(&CommitId, CommitId)> {
        let head = format!("refs/heads/{}", self.branch.as_str());
        let tip = self.there.iter().find(|at| at.name == head).map(|at| &at.id)?;
        let tracked = self.here.get(&fetch::tracking(self.remote, self.branch))?;
        Some((tip, CommitId::new(tracked).ok()?))
    }

    /// Tags that may come along; none when git should choose.
    fn new_tags(&self, which: fetch::Tags) -> Option<Vec<&RemoteRef>> {
        let is_new = |at: &&RemoteRef| at.name.starts_with("refs/tags/") && !self.here.contains_key(&at.name);
        match which {
            fetch::Tags::None => Some(Vec::new()),
            fetch::Tags::Followed => {
                Some(self.there.iter().filter(is_new).collect()).filter(|v: &Vec<_>| v.len() <= FEW_TAGS)
            }
            fetch::Tags::All => None,
        }
    }
}

fn target(tag: &RemoteRef) -> &CommitId {
    tag.names.as_ref().unwrap_or(&tag.id)
}

/// Nothing about the repository or the owner's settings makes a fetch something else than what is done here.
fn is_usual(hand: &Hand<'_>) -> bool {
    let (repo, surroundings) = (&hand.repo, hand.git.surroundings());
    let is_whole = !repo.layout.common_dir.join("shallow").exists() && refs::uses_files(&repo.scan.entries);
    is_whole
        && repo.scan.allows(&repo.layout, Purpose::Fetch).is_ok()
        && !repo.scan.entries.iter().any(concerns_fetches)
        && !super::owners_files(surroundings).iter().any(|file| super::says_something(file, concerns_fetches))
}

fn concerns_fetches(entry: &Entry) -> bool {
    match entry.section.as_str() {
        // Other objects, partial clones; a configuration per work tree is none of them.
        "extensions" => entry.name != "worktreeconfig",
        "remote" => matches!(entry.name.as_str(), "promisor" | "partialclonefilter" | "mirror"),
        "fetch" | "transfer" | "protocol" => true,
        _ => false,
    }
}

/// Has git store a pack. False when git does not like it.
async fn store(hand: &Hand<'_>, pack: Vec<u8>) -> Result<bool, StepError> {
    // A reverse index helps with large packs, and would be synced too.
    let command = hand.command(Purpose::Write)?.args(["-c", "pack.writeReverseIndex=false"]);
    let command = command.args(["index-pack", "--stdin", "--fix-thin", "--strict"]);
    let told = hand.run(command.input(pack)).await?;
    if !told.success() {
        tracing::info!(updater = %hand.updater, said = told.reason(), "a pack was not taken; git is asked instead");
    }
    Ok(told.success())
}

/// There is enough history for one, and there is none yet or many packs came since.
fn wants_commit_graph(hand: &Hand<'_>) -> bool {
    let layout = &hand.repo.layout;
    let files = |below: &str| fs::read_dir(layout.common_dir.join(below)).into_iter().flatten().flatten();
    let of_kind = |kind: &'static str| {
        files("objects/pack").filter(move |entry| entry.path().extension().is_some_and(|end| end == kind))
    };
    if of_kind("idx").filter_map(|index| objects::count(&index.path())).sum::<u64>() < LONG_HISTORY {
        return false;
    }
    let time = |entry: fs::DirEntry| entry.metadata().and_then(|seen| seen.modified()).ok();
    let graphs = files("objects/info").filter(|entry| entry.file_name() == "commit-graph");
    let written = graphs.chain(files("objects/info/commit-graphs")).filter_map(time).max();
    let is_newer = |pack: &SystemTime| written.is_some_and(|written| *pack > written);
    written.is_none() || of_kind("pack").filter_map(time).filter(is_newer).count() >= PACKS
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests start git and cp themselves")]
#[path = "quick_tests.rs"]
mod tests;
