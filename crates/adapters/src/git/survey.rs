//! What planning an action needs to know besides the facts: what would be in the way, which commits nobody else has,
//! whether the target is whole. No network.
//! Refuses to: decide what is done about it.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use refit_model::name::CommitId;
use refit_model::plan::Action;
use refit_model::updater::git::{GitFacts, GitSpec, Survey};

use super::ask::Ask;
use super::layout::Layout;
use super::parse;
use super::settings::Settings;
use super::{Git, Repo, fingerprint, refs};

/// Local commits that are listed; there are rarely any.
const MOST: &str = "--max-count=1000";

/// Looks up what planning an action needs.
pub async fn survey(git: &Git, spec: &GitSpec, facts: &GitFacts, action: Action) -> Survey {
    let repo = git.open(&spec.path);
    let mut ask = Ask::new(git, &repo);
    let settings = Settings::read(&mut ask, git.surroundings()).await;
    let primary_remote = settings.remote_of(spec.primary_branch.as_str());
    let mut survey = Survey { primary_remote, ..Survey::default() };
    if !repo.layout.has_git() {
        return survey;
    }
    let Some(head) = ask.reference("HEAD").await else {
        return Survey { modified: modified(&mut ask).await, ..survey };
    };
    survey.target = target(&mut ask, spec, facts, action, &head, survey.primary_remote.as_deref()).await;
    // None waits for another, and what git complains about here is in the facts already.
    let [mut of_files, mut of_commits, mut of_objects, mut of_version] = [(); 4].map(|()| Ask::new(git, &repo));
    let of_target = async {
        let Some(target) = &survey.target else { return Default::default() };
        tokio::join!(is_complete(&mut of_objects, &head, target), in_the_version(&mut of_version, target))
    };
    let (modified, local_commits, (complete, (conflicts, submodules))) =
        tokio::join!(modified(&mut of_files), local_commits(&mut of_commits, &head), of_target);
    survey.target_complete = complete;
    Survey { modified, local_commits, conflicts, submodules, ..survey }
}

/// Tracked files that differ somewhere.
async fn modified(ask: &mut Ask<'_>) -> Vec<String> {
    let printed = ask.answer(["status", "--porcelain=v2", "-z", "--no-renames"]).await;
    let status = printed.and_then(|printed| parse::status(&printed).ok()).unwrap_or_default();
    status.changed.iter().map(|c| String::from_utf8_lossy(&c.path).into_owned()).collect()
}

/// Where the action would go, as far as the references that are here tell.
async fn target(
    ask: &mut Ask<'_>,
    spec: &GitSpec,
    facts: &GitFacts,
    action: Action,
    head: &CommitId,
    primary_remote: Option<&str>,
) -> Option<CommitId> {
    match action {
        Action::Upgrade => facts.remote.offered.clone(),
        Action::Rollback => facts.rollback.as_ref().map(|point| point.commit.clone()),
        Action::HardRecovery | Action::Restart => None,
        Action::SoftRecovery => {
            let tip = format!("refs/remotes/{}/{}", primary_remote?, spec.primary_branch);
            let tip = ask.reference(&tip).await?;
            let pin = match &spec.pinned_commit {
                Some(pin) => ask.commit(pin).await,
                None => None,
            };
            for wished in pin.into_iter().chain([head.clone()]) {
                if ask.apart(&wished, &tip).await.is_some_and(|(only_there, _)| only_there == 0) {
                    return Some(wished);
                }
            }
            Some(tip)
        }
    }
}

/// Commits that no remote branch contains.
async fn local_commits(ask: &mut Ask<'_>, head: &CommitId) -> Vec<CommitId> {
    let printed = ask.answer(["rev-list", MOST, head.as_str(), "--not", "--remotes"]).await.unwrap_or_default();
    String::from_utf8_lossy(&printed).lines().filter_map(|line| CommitId::new(line).ok()).collect()
}

/// Every object from here to there can be read; a partial clone's may not.
async fn is_complete(ask: &mut Ask<'_>, head: &CommitId, target: &CommitId) -> bool {
    let not_head = format!("^{head}");
    let args = ["rev-list", "--objects", "--missing=print", target.as_str(), &not_head];
    match ask.probe(args).await {
        Some(outcome) => outcome.success() && !outcome.stdout.split(|b| *b == b'\n').any(|l| l.starts_with(b"?")),
        None => false,
    }
}

/// Files that git does not track here, ignored ones too, in the place of files that the target has; and submodules that
/// stand elsewhere than the target wants them.
async fn in_the_version(ask: &mut Ask<'_>, target: &CommitId) -> (Vec<String>, Vec<String>) {
    let Some(printed) = ask.answer(["ls-tree", "-r", "-z", "--full-tree", target.as_str()]).await else {
        return Default::default();
    };
    let tracked: HashSet<PathBuf> = fingerprint::tracked(ask.repo).unwrap_or_default().into_iter().collect();
    let entries: Vec<(&[u8], &Path)> = printed.split(|b| *b == 0).filter_map(entry).collect();
    let mut conflicts: Vec<String> = entries
        .iter()
        .filter(|(_, path)| !tracked.contains(*path))
        .filter_map(|(_, path)| in_the_way(ask.repo, path, &tracked))
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    conflicts.dedup();
    let moved = entries.iter().filter(|(about, path)| stands_elsewhere(ask.repo, about, path));
    (conflicts, moved.map(|(_, path)| path.to_string_lossy().into_owned()).collect())
}

/// `<mode> <type> <id>` and the path of a line of `git ls-tree -z`.
fn entry(line: &[u8]) -> Option<(&[u8], &Path)> {
    let tab = line.iter().position(|byte| *byte == b'\t')?;
    let (about, path) = line.split_at_checked(tab)?;
    Some((about, Path::new(OsStr::from_bytes(path.get(1..)?))))
}

/// A submodule that is checked out, and not at the commit that is wanted. One that never was is nobody's concern.
fn stands_elsewhere(repo: &Repo, about: &[u8], path: &Path) -> bool {
    let Some(wanted) = about.strip_prefix(b"160000 commit ") else { return false };
    let layout = Layout::find(&repo.layout.work.join(path));
    layout.has_git() && refs::resolve(&layout, "HEAD").is_some_and(|head| head.as_str().as_bytes() != wanted)
}

/// What stands where a file is wanted: a file or folder of that name, or a file where one of its folders is wanted.
fn in_the_way<'a>(repo: &Repo, path: &'a Path, tracked: &HashSet<PathBuf>) -> Option<&'a Path> {
    let folders = path.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty());
    let seen = |path: &Path| fs::symlink_metadata(repo.layout.work.join(path)).ok();
    let mut files = folders.filter(|above| seen(above).is_some_and(|seen| !seen.is_dir()) && !tracked.contains(*above));
    files.next().or_else(|| seen(path).map(|_| path))
}

#[cfg(test)]
#[path = "survey_tests.rs"]
mod tests;
