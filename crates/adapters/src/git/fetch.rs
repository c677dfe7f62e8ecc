//! Fetches a branch and its tags until a commit is there with everything it needs, so that the switch and every way
//! back work without a network. Always whole: a repository without its blobs cannot be reset offline
//! (RELIABILITY.md §4.3 step 3).
//! Refuses to: touch HEAD, index or work tree.

use std::time::Duration;

use refit_engine::ports::{Circumstance, StepError};
use refit_model::name::{BranchName, CommitId};

use super::hand::Hand;
use super::hazard::Purpose;
use super::remote::words;
use super::{locks, switch};
use crate::command::{Command, Limits};
use crate::disk;

/// What is about to be used stays reachable under this name.
pub const NEXT: &str = "refs/refit/next";
/// So much must be free before a fetch, and twice the download besides, which only git will know.
const ROOM: u64 = 64 * 1024 * 1024;

/// What is to be fetched.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The remote's name.
    pub remote: &'a str,
    /// The branch there; none fetches what the remote's refspecs say.
    pub branch: Option<&'a BranchName>,
    /// The commit that must be whole afterwards.
    pub commit: Option<&'a CommitId>,
    /// Fetch what git believes to have, too.
    pub refetch: bool,
    /// Ask the remote even when everything is here.
    pub ask: bool,
}

/// Performs `GitStep::Fetch`.
///
/// # Errors
/// The network's error in words for people; what is missing when the remote does not have it.
pub async fn fetch(
    hand: &Hand<'_>,
    wanted: Wanted<'_>,
    circumstance: &Circumstance,
) -> Result<Option<String>, StepError> {
    disk::require_room(&hand.repo.layout.common_dir, ROOM).map_err(|error| hand.failed(&error.to_string()))?;
    locks::remove_stale(&hand.repo.layout).await.map_err(|error| hand.failed(&error.to_string()))?;
    let here = if wanted.ask || wanted.refetch { None } else { whole_goal(hand, wanted).await? };
    let whole = here.is_some();
    if !whole {
        download(hand, wanted).await?;
    }
    hand.faults.reach("git_fetch.fetched");
    let commit = match here {
        Some(commit) => commit,
        None => {
            let Some(commit) = goal(hand, wanted).await? else {
                return Err(hand.documented("Cannot reset, unknown remote/branch"));
            };
            complete(hand, wanted, &commit).await?;
            commit
        }
    };
    hand.write("keeping what was fetched", ["update-ref", NEXT, commit.as_str()]).await?;
    hand.faults.reach("git_fetch.rooted");
    if !whole || circumstance.rebooted {
        write_commit_graph(hand).await;
    }
    switch::sync(hand).await?;
    Ok(Some(if whole { format!("{} was here already", commit.short()) } else { format!("fetched {}", commit.short()) }))
}

/// The commit that everything is needed for.
async fn goal(hand: &Hand<'_>, wanted: Wanted<'_>) -> Result<Option<CommitId>, StepError> {
    match (wanted.commit, wanted.branch) {
        (Some(commit), _) => hand.commit(commit.as_str()).await,
        (None, Some(branch)) => hand.commit(&tracking(wanted.remote, branch)).await,
        (None, None) => hand.commit(&format!("refs/remotes/{}/HEAD", wanted.remote)).await,
    }
}

/// That commit, when it is here with everything it needs.
async fn whole_goal(hand: &Hand<'_>, wanted: Wanted<'_>) -> Result<Option<CommitId>, StepError> {
    let Some(commit) = goal(hand, wanted).await? else { return Ok(None) };
    Ok(missing(hand, &commit).await?.is_empty().then_some(commit))
}

/// `refs/remotes/<remote>/<branch>`.
pub fn tracking(remote: &str, branch: &BranchName) -> String {
    format!("refs/remotes/{remote}/{}", branch.as_str())
}

/// The refspec that follows one branch.
pub fn refspec(remote: &str, branch: &BranchName) -> String {
    format!("+refs/heads/{}:{}", branch.as_str(), tracking(remote, branch))
}

/// `git fetch` with its output told as it comes. Also used by a refresh when the remote moved.
///
/// # Errors
/// The network's error in words for people.
pub async fn download(hand: &Hand<'_>, wanted: Wanted<'_>) -> Result<(), StepError> {
    if wanted.remote.starts_with('-') || wanted.remote.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(hand.failed(&format!("'{}' is not the name of a remote", wanted.remote)));
    }
    let mut command = hand.command(Purpose::Fetch)?.args([
        "fetch",
        "--progress",
        "--prune",
        "--no-auto-maintenance",
        "--no-write-fetch-head",
    ]);
    if wanted.refetch {
        if hand.git.version() >= super::GitVersion(2, 36) {
            command = command.arg("--refetch");
        }
        if tags(hand, wanted.remote) != Tags::None {
            // The objects of annotated tags may be lost too.
            command = command.arg("--tags");
        }
    }
    command = command.arg("--").arg(wanted.remote);
    if let Some(branch) = wanted.branch {
        command = command.arg(refspec(wanted.remote, branch));
    }
    let outcome = hand.run(patient(command).tell(hand.tell.clone())).await?;
    if outcome.success() || (outcome.code() == Some(1) && only_kept_tags(&outcome.stderr_text())) {
        return Ok(());
    }
    let message = hand.says(&format!("fetch from {} failed: {}", wanted.remote, words::of_git(&outcome)));
    // 400, as Moonraker answers for a fetch that failed: clients show it, where they pass over a 500.
    Err(StepError { message, command_failed: false, printer_busy: false })
}

/// Which tags a fetch brings along, by `remote.<name>.tagOpt` (git-config(1)). A tag that is here is never moved: the
/// owner may have made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tags {
    /// Those of what is fetched, git's default.
    Followed,
    /// All.
    All,
    /// None.
    None,
}

/// What the repository says of a remote's tags.
#[must_use]
pub fn tags(hand: &Hand<'_>, remote: &str) -> Tags {
    let of_remote = |entry: &&super::config::Entry| {
        entry.section == "remote" && entry.name == "tagopt" && entry.subsection.as_deref() == Some(remote.as_bytes())
    };
    match hand.repo.scan.entries.iter().rfind(of_remote).and_then(|entry| entry.value.as_deref()) {
        Some(b"--tags") => Tags::All,
        Some(b"--no-tags") => Tags::None,
        Some(_) | None => Tags::Followed,
    }
}

/// Git counts it as a failure that it left the owner's tags alone. Everything else was fetched.
fn only_kept_tags(said: &str) -> bool {
    let mut rejected = said.lines().filter(|line| line.trim_start().starts_with("! ["));
    let failed = said.lines().any(|line| line.starts_with("fatal:") || line.starts_with("error:"));
    !failed && said.contains("! [") && rejected.all(|line| line.contains("would clobber existing tag"))
}

/// Cuts off a stalled transfer after a minute without a byte, and never a slow one: curl watches the bytes of HTTP. The
/// process as a whole may be silent for longer, while a slow card writes down what was fetched.
pub fn patient(command: Command) -> Command {
    let silent =
        Limits { stall: Some(Duration::from_secs(180)), total: Some(Duration::from_secs(6 * 3600)), ..Limits::MOVING };
    command.env("GIT_HTTP_LOW_SPEED_LIMIT", "1").env("GIT_HTTP_LOW_SPEED_TIME", "60").limits(silent)
}

/// Fetches what a partial clone left out between here and there, and asserts that nothing is missing.
async fn complete(hand: &Hand<'_>, wanted: Wanted<'_>, commit: &CommitId) -> Result<(), StepError> {
    let lacking = missing(hand, commit).await?;
    if lacking.is_empty() {
        return Ok(());
    }
    if is_partial(hand) {
        // Shows the difference to an empty tree: git fetches all the missing blobs for that in one round.
        let args = ["diff-tree", "-r", "--root", "--numstat", "--no-ext-diff", "--no-textconv", "--no-renames"];
        let empty = hand.answer("naming the empty tree", ["hash-object", "-t", "tree", "/dev/null"]).await?;
        let empty = String::from_utf8_lossy(&empty).trim().to_owned();
        let command = hand.command(Purpose::Fetch)?.args(args).args([empty.as_str(), commit.as_str()]);
        let _told_by_what_is_missing_still = hand.run(patient(command)).await?;
    }
    if !missing(hand, commit).await?.is_empty() && !wanted.refetch {
        // What a power cut took is sent again only when everything is.
        download(hand, Wanted { refetch: true, ..wanted }).await?;
    }
    let lacking = missing(hand, commit).await?;
    match lacking.first() {
        None => Ok(()),
        Some(id) => Err(hand.failed(&format!(
            "{} objects of {} are missing ({id} …) and the remote does not give them; use hard recovery",
            lacking.len(),
            commit.short()
        ))),
    }
}

/// A clone that leaves objects at the remote until they are needed.
fn is_partial(hand: &Hand<'_>) -> bool {
    let promises = |entry: &super::config::Entry| {
        entry.section == "extensions" && entry.name == "partialclone"
            || entry.section == "remote" && entry.name == "promisor"
    };
    hand.repo.scan.entries.iter().any(promises)
}

/// The objects of one commit's tree that are not there.
///
/// # Errors
/// When git cannot be run here.
pub async fn missing(hand: &Hand<'_>, commit: &CommitId) -> Result<Vec<String>, StepError> {
    let args = ["rev-list", "--objects", "--no-object-names", "--missing=print", "--no-walk", commit.as_str(), "--"];
    let outcome = hand.ask(args).await?;
    let lines = String::from_utf8_lossy(&outcome.stdout);
    let mut lacking: Vec<String> = lines.lines().filter_map(|line| line.strip_prefix('?')).map(str::to_owned).collect();
    if lacking.is_empty() && !outcome.success() {
        // It stopped at an object that it cannot even begin to read.
        lacking.push(commit.as_str().to_owned());
    }
    Ok(lacking)
}

/// Cuts the cost of every later look to a fraction (RELIABILITY.md §0, finding 6). A failure costs time, nothing else.
pub async fn write_commit_graph(hand: &Hand<'_>) {
    if let Err(error) = hand.write("writing the commit graph", ["commit-graph", "write", "--reachable"]).await {
        tracing::warn!(updater = %hand.updater, %error, "the commit graph was not written");
    }
}
