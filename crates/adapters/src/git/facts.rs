//! The facts of a repository, the cheap way: nothing at all when a fingerprint says that nothing changed, else three
//! git commands and files.
//!
//! A refresh is the remote check and fetch of `remote`, then [`look`]: the references tell what the remote said.
//! Refuses to: use a network, or to change anything in the repository.

use refit_model::updater::git::{Damage, GitFacts, GitSpec, LocalFacts, RemoteFacts};

use super::ask::Ask;
use super::fingerprint::{self, After, Fingerprint};
use super::local::Local;
use super::settings::Settings;
use super::{Git, Repo, damage, judge, local, refs};

/// Looks at one repository. Never fails: what went wrong is in the facts. `now` is the wall clock in seconds since
/// 1970. Of `before` stay: the rollback point, what is kept aside, when the remote answered and why it did not, the
/// time of the last refresh. `git_messages` holds what git complained about in this look; what a fetch said belongs
/// before it.
pub async fn look(git: &Git, spec: &GitSpec, before: &GitFacts, now: f64) -> GitFacts {
    let (open, path) = (git.clone(), spec.path.clone());
    let taken = tokio::task::spawn_blocking(move || {
        let repo = open.open(&path);
        let taken = fingerprint::take(&repo, open.version(), open.surroundings(), now, After::Any);
        (repo, taken, fingerprint::boot())
    });
    // Only a panic or the end of the runtime gets in the way of a blocking task.
    let Ok((repo, taken, boot)) = taken.await else { return before.clone() };
    let known = fingerprint_of(before).filter(|_| before.config_hash == spec.common.config_hash);
    let digest = taken.map(|taken| taken.digest);
    let unchanged = |known: &&Fingerprint| digest.is_some() && known.digest == digest && known.boot == boot;
    if let Some(known) = known.as_ref().filter(unchanged) {
        return GitFacts { survey: None, git_messages: known.messages.clone(), ..before.clone() };
    }
    // After a power cut, when it is seen for the first time, and until damage that was found is mended, objects are
    // looked at as well.
    let deep = known.is_none_or(|known| known.boot != boot) || before.local.damage.iter().any(is_lasting);
    let (facts, remote, messages) = ask(git, &repo, spec, before, now, deep).await;
    // What may be litter one day is looked at again, though nothing changes.
    let certain = facts.repo_detected && facts.damage.is_empty() && !damage::is_in_flux(&repo.layout);
    let digest = taken.filter(|taken| certain && taken.certain).map(|taken| taken.digest);
    let fingerprint = Fingerprint { digest, boot, messages: messages.clone() };
    GitFacts {
        last_refresh: before.last_refresh,
        config_hash: spec.common.config_hash.clone(),
        local: facts,
        remote,
        rollback: before.rollback.clone(),
        git_messages: messages,
        kept: before.kept.clone(),
        dependencies: before.dependencies.clone(),
        survey: None,
        fingerprint: serde_json::to_value(fingerprint).ok(),
    }
}

/// Looks once more at what a fetch changes, right after it: what is offered, and how far away it is. The work tree,
/// the index and HEAD are those of `seen`, which was looked at just before. None where only a whole look tells. `now` is
/// the wall clock in seconds since 1970.
pub async fn look_again(git: &Git, spec: &GitSpec, seen: &GitFacts, now: f64) -> Option<GitFacts> {
    let before = fingerprint_of(seen)?;
    let is_plain = seen.local.repo_detected && !seen.local.detached && !seen.local.corrupt;
    if !is_plain || !seen.local.damage.is_empty() || !before.messages.is_empty() || !seen.git_messages.is_empty() {
        return None;
    }
    let (open, path) = (git.clone(), spec.path.clone());
    let taken = tokio::task::spawn_blocking(move || {
        let repo = open.open(&path);
        let taken = fingerprint::take(&repo, open.version(), open.surroundings(), now, After::Fetch);
        (repo, taken)
    });
    let (repo, taken) = taken.await.ok()?;
    if let (Some(before), Some(taken)) = (before.digest, taken)
        && before.rest != taken.digest.rest
    {
        // Somebody was at work while the remote was asked.
        return None;
    }
    let head = refs::resolve(&repo.layout, "HEAD").filter(|_| refs::uses_files(&repo.scan.entries));
    if head.is_none() || head != seen.local.head || repo.scan.hazards != seen.local.hazards {
        return None;
    }
    let mut ask = Ask::new(git, &repo);
    let mut local = Local::known(&seen.local);
    let remote = judge::judge(&mut ask, spec, &mut local, &seen.remote).await;
    if !ask.complaints.is_empty() {
        return None;
    }
    // Where the look before was not certain, its uncertainty stays.
    let certain = before.digest.is_some() && !damage::is_in_flux(&repo.layout);
    let digest = taken.filter(|taken| certain && taken.certain).map(|taken| taken.digest);
    let fingerprint = serde_json::to_value(Fingerprint { digest, ..before }).ok();
    Some(GitFacts { local: local.facts, remote, fingerprint, survey: None, ..seen.clone() })
}

async fn ask(
    git: &Git,
    repo: &Repo,
    spec: &GitSpec,
    before: &GitFacts,
    now: f64,
    deep: bool,
) -> (LocalFacts, RemoteFacts, Vec<String>) {
    let mut ask = Ask::new(git, repo);
    let settings = Settings::read(&mut ask, git.surroundings()).await;
    let mut local = local::look(&mut ask, settings, &before.local).await;
    let suspicious = !ask.complaints.is_empty();
    let remote = judge::judge(&mut ask, spec, &mut local, &before.remote).await;
    let lost = local.facts.repo_detected && local::names_lost_objects(&ask, &local);
    local.facts.corrupt = lost || damage::says_corrupt(&ask.complaints);
    let deep = deep || suspicious || local.facts.corrupt || local::has_lost_head(&ask, &local);
    local.facts.damage = local::damage(&ask, &local, now, deep).await;
    if local.facts.head.is_none() && local.facts.damage.iter().any(is_of_refs) {
        local.facts.head = refs::last_logged(&repo.layout);
    }
    (local.facts, remote, ask.complaints)
}

/// Anything but a lock, which may stay for long and says nothing about the rest.
fn is_lasting(damage: &Damage) -> bool {
    !matches!(damage, Damage::StaleLock { .. })
}

/// Damage that hides where HEAD was.
fn is_of_refs(damage: &Damage) -> bool {
    match damage {
        Damage::BrokenHead | Damage::BrokenRef { .. } => true,
        Damage::MissingGitDir
        | Damage::EmptyObject { .. }
        | Damage::MissingObject { .. }
        | Damage::BrokenIndex
        | Damage::BrokenConfig
        | Damage::BrokenPack { .. }
        | Damage::BrokenCommitGraph
        | Damage::StaleLock { .. } => false,
    }
}

fn fingerprint_of(facts: &GitFacts) -> Option<Fingerprint> {
    serde_json::from_value(facts.fingerprint.clone()?).ok()
}
