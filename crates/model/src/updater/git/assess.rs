//! The judgement on a repository, in the documented words (CONTRACT §3.2; what that leaves open was observed on a
//! running Moonraker 0.11.0). Pure: same spec and facts, same assessment.
//! Refuses to: offer anything; which commit the channel offers is a fact that `adapters::git` looked up.

use super::{GitAssessment, GitFacts, GitSpec, Hazard};
use crate::name::CommitId;
use crate::updater::repr::list_repr;
use crate::version::{self, Version};

/// What stands for a value that is not known.
const UNKNOWN: &str = "?";

/// Judges the facts of one repository.
#[must_use]
pub fn assess(spec: &GitSpec, facts: &GitFacts) -> GitAssessment {
    let (local, remote) = (&facts.local, &facts.remote);
    let seen = Seen::of(spec, facts);
    let (owner, repo_name) = seen.url.map_or((None, None), |url| (owner_of(url), name_of(url)));
    let sources: Vec<&str> = local.untracked.iter().map(String::as_str).filter(|path| is_source(path)).collect();
    let (warnings, anomalies) = complaints(spec, facts, &seen, &sources);
    let known = seen.complete && remote.upstream.is_some() && seen.versions.full != UNKNOWN;
    let fine = known && !local.corrupt && !remote.diverged && !seen.versions.dirty;
    GitAssessment {
        name: spec.common.name.clone(),
        channel: spec.common.channel,
        channel_invalid: spec.common.channel_invalid,
        debug_enabled: spec.common.debug,
        is_valid: fine && remote.offered.is_some() && (!local.detached || spec.common.debug),
        info_tags: spec.common.info_tags.clone(),
        repo_detected: local.repo_detected,
        branch: shown(seen.branch),
        remote_alias: shown(seen.alias),
        remote_url: shown(seen.url),
        recovery_url: shown(local.recovery_url.as_deref().filter(|_| local.repo_detected)),
        owner: shown(owner.filter(|_| seen.complete)),
        repo_name: shown(repo_name.filter(|_| seen.complete)),
        rollback_version: facts.rollback.as_ref().map_or(seen.versions.short.clone(), |point| point.version.clone()),
        version: seen.versions.short.clone(),
        remote_version: seen.versions.remote.clone(),
        full_version_string: seen.versions.full.clone(),
        current_hash: shown(local.head.as_ref().map(CommitId::as_str).filter(|_| seen.complete)),
        remote_hash: shown(remote.offered.as_ref().map(CommitId::as_str).filter(|_| seen.complete)),
        is_dirty: seen.versions.dirty,
        pristine: !seen.versions.dirty && sources.is_empty(),
        detached: local.detached,
        corrupt: local.corrupt,
        diverged: remote.diverged,
        commits_behind: remote.commits_behind.clone(),
        commits_behind_count: remote.behind_count,
        git_messages: facts.git_messages.clone(),
        warnings,
        anomalies: if spec.common.report_anomalies { anomalies } else { Vec::new() },
        last_good_fetch: remote.last_good,
        remote_error: remote.error.clone(),
        damage: local.damage.iter().map(ToString::to_string).collect(),
        hazards: local.hazards.clone(),
        kept: facts.kept.clone(),
        dependencies: facts.dependencies.clone(),
        last_refresh: facts.last_refresh,
    }
}

/// The version that stands at HEAD, guessed where no tag tells it. None while it cannot be known. `newer` is the
/// version that the remote offers: what has no tag is taken for the version before that.
#[must_use]
pub fn current_version(facts: &GitFacts, newer: Option<&Version>) -> Option<Version> {
    let text = full_version(facts, newer)?;
    Version::parse(&text)
}

/// What is known far enough to be shown.
struct Seen<'a> {
    branch: Option<&'a str>,
    alias: Option<&'a str>,
    url: Option<&'a str>,
    /// Branch, alias and URL are known: without them, commits and versions are not looked at.
    complete: bool,
    versions: Versions,
}

struct Versions {
    short: String,
    full: String,
    remote: String,
    dirty: bool,
}

impl<'a> Seen<'a> {
    fn of(spec: &GitSpec, facts: &'a GitFacts) -> Self {
        let local = &facts.local;
        let known = |field: &'a Option<String>| field.as_deref().filter(|text| local.repo_detected && *text != UNKNOWN);
        let branch = known(&local.branch);
        let alias = known(&local.remote_alias);
        let url = known(&local.remote_url);
        let complete = branch.is_some() && alias.is_some() && url.is_some();
        let versions = if complete { Versions::of(spec, facts) } else { Versions::unknown() };
        Self { branch, alias, url, complete, versions }
    }
}

impl Versions {
    fn unknown() -> Self {
        Self { short: UNKNOWN.to_owned(), full: UNKNOWN.to_owned(), remote: UNKNOWN.to_owned(), dirty: false }
    }

    fn of(spec: &GitSpec, facts: &GitFacts) -> Self {
        let remote = &facts.remote;
        // The branch is not there at the remote, or was never fetched: nothing can be compared with.
        if remote.upstream.is_none() && spec.pinned_commit.is_none() {
            return Self::unknown();
        }
        let offered = offered_version(facts);
        let Some(full) = full_version(facts, offered.as_ref()) else { return Self::unknown() };
        let current = Version::parse(&full);
        let short = current.as_ref().map_or(UNKNOWN.to_owned(), Version::short);
        let upstream = match (&offered, &current) {
            (Some(offered), _) => offered.short(),
            (None, Some(current)) => {
                let after = if current.inferred {
                    remote.commit_count.unwrap_or(current.count)
                } else {
                    current.count.saturating_add(remote.behind_count)
                };
                format!("{}-{after}", current.tag)
            }
            (None, None) => UNKNOWN.to_owned(),
        };
        let dirty = full.ends_with("-dirty") || full.ends_with("-dirty-inferred");
        Self { short, full, remote: upstream, dirty }
    }
}

/// The version of what is offered, when its tag or its description is one.
fn offered_version(facts: &GitFacts) -> Option<Version> {
    match &facts.remote.offered_tag {
        Some(tag) => Version::of_tag(tag),
        None => facts.remote.describe.as_deref().and_then(Version::parse),
    }
}

/// `git describe --dirty` of HEAD, or the guess in its place (CONTRACT §3.2.1).
fn full_version(facts: &GitFacts, newer: Option<&Version>) -> Option<String> {
    let local = &facts.local;
    let described = local.describe.as_deref()?;
    let mark = if local.dirty { "-dirty" } else { "" };
    if Version::parse(described).is_some() {
        return Some(format!("{described}{mark}"));
    }
    let tag = newer.map_or("v0.0.0".to_owned(), Version::previous_tag);
    let count = local.commit_count?;
    if described.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Some(version::inferred(&tag, count, Some(&format!("{described}{mark}"))));
    }
    // The mark is lost where a tag is there but is no version, as in Moonraker.
    Some(version::inferred(&tag, count, local.head.as_ref().map(CommitId::short)))
}

fn complaints(spec: &GitSpec, facts: &GitFacts, seen: &Seen<'_>, sources: &[&str]) -> (Vec<String>, Vec<String>) {
    let local = &facts.local;
    let (mut warnings, mut anomalies) = (Vec::new(), Vec::new());
    if let Some(pin) = spec.pinned_commit.as_ref().filter(|_| !facts.remote.pin_exists && seen.complete) {
        anomalies.push(format!("Pinned Commit {pin} does not exist"));
    }
    if !local.repo_detected {
        warnings.push("No git repo detected at configured path".to_owned());
    }
    if local.corrupt {
        warnings.push("Repo is corrupt".to_owned());
    }
    match (seen.branch, seen.alias) {
        (None, _) => warnings.push("Failed to detect git branch".to_owned()),
        (Some(branch), None) => warnings.push(format!("Failed to detect tracking remote for branch {branch}")),
        (Some(branch), Some(alias)) => {
            let primary = spec.primary_branch.as_str();
            if alias != "origin" || branch != primary {
                anomalies.push(format!(
                    "Repo not on official remote/branch, expected: origin/{primary}, detected: {alias}/{branch}"
                ));
            }
        }
    }
    match seen.url {
        None => warnings.push("Failed to detect repo url".to_owned()),
        Some(url) if !is_official(url, &spec.origin) => anomalies.push(format!("Unofficial remote url: {url}")),
        Some(_) => {}
    }
    if !sources.is_empty() {
        anomalies.push(format!("Repo has untracked source files: {}", list_repr(sources.iter().copied())));
    }
    if facts.remote.diverged && seen.complete {
        anomalies.push("Repo has diverged from remote".to_owned());
    }
    if local.detached {
        let list = if spec.common.debug { &mut anomalies } else { &mut warnings };
        list.push("Detached HEAD detected".to_owned());
    }
    if seen.versions.dirty {
        let files = list_repr(local.modified.iter().map(String::as_str));
        warnings.push(format!("Repo is dirty.  Detected the following modified files: {files}"));
    }
    anomalies.extend(local.hazards.iter().map(hazard_text));
    anomalies.extend(spec.common.dependencies.complaint(&facts.dependencies));
    (warnings, anomalies)
}

fn hazard_text(hazard: &Hazard) -> String {
    if hazard.refused {
        format!("Repo setting {} would run code or redirect git, updates are refused because of it", hazard.key)
    } else {
        format!("Repo setting {} would run code and was switched off", hazard.key)
    }
}

fn shown(value: Option<&str>) -> String {
    value.unwrap_or(UNKNOWN).to_owned()
}

/// The first segment of the path of an `http(s)` URL.
fn owner_of(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://").or(url.strip_prefix("http://"))?;
    let (_host, path) = rest.split_once('/')?;
    path.split('/').next()
}

/// What follows the last slash, up to the first dot.
fn name_of(url: &str) -> Option<&str> {
    let (_before, name) = url.rsplit_once('/')?;
    name.split('.').next()
}

fn is_official(url: &str, origin: &str) -> bool {
    let mut url = url.to_ascii_lowercase();
    if !url.ends_with(".git") {
        url.push_str(".git");
    }
    url == origin.to_ascii_lowercase()
}

/// By the ending of the last part of the path, which a folder may have as well. A name in git's quotes has none.
fn is_source(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    let ending = name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()).map(|(_, ending)| ending);
    matches!(ending, Some("py" | "c" | "cpp"))
}

#[cfg(test)]
#[path = "assess_tests.rs"]
mod tests;
