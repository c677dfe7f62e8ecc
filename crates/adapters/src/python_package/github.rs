//! What a repository on GitHub offers of a Python application: its newest release, or the newest commit of a branch.
//! Refuses to: look into either; what version a commit is only pip can tell, so one is made up.

use std::collections::BTreeMap;

use refit_model::settings::Channel;
use refit_model::updater::python::{InstalledPackage, Offer, PythonSpec, RemotePackage, version_of_commit};
use refit_model::updater::release::{ForgeKind, Release, RemoteRelease, Source};

use crate::forge::{CommitQuestion, Forges};

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) owner: &'a str,
    pub(super) repo: &'a str,
    pub(super) spec: &'a PythonSpec,
    pub(super) installed: &'a InstalledPackage,
    /// Seconds since 1970.
    pub(super) now: i64,
}

/// Asks. Never fails: what went wrong is in `error`.
pub(super) async fn newest(forges: &Forges, api: &str, asked: Asked<'_>, before: &RemotePackage) -> RemotePackage {
    let source = Source {
        forge: ForgeKind::Github,
        host: "github.com".to_owned(),
        api: api.to_owned(),
        owner: asked.owner.to_owned(),
        repo: asked.repo.to_owned(),
    };
    let judged_for = format!("{} {}/{}", asked.spec.common.channel.as_str(), asked.owner, asked.repo);
    let branch = asked.spec.primary_branch.as_ref().map(|branch| branch.as_str());
    let judged_for = branch.map_or(judged_for.clone(), |branch| format!("{judged_for} {branch}"));
    let known = if before.judged_for == judged_for { before.clone() } else { RemotePackage::default() };
    let told = match asked.spec.common.channel {
        Channel::Stable | Channel::Beta => release(forges, &source, asked, &known).await,
        Channel::Dev => commit(forges, &source, branch, asked, &known).await,
    };
    RemotePackage { judged_for, ..told }
}

async fn release(forges: &Forges, source: &Source, asked: Asked<'_>, known: &RemotePackage) -> RemotePackage {
    let channel = asked.spec.common.channel;
    let tag = known.offer.as_ref().and_then(|offer| offer.tag.clone());
    let before = RemoteRelease {
        last_good: known.last_good,
        error: known.error.clone(),
        // The answer that the entity tags are of: a stable release, or the newest of a list.
        release: tag.map(|tag| Release {
            tag,
            name: None,
            prerelease: channel != Channel::Stable,
            published_at: None,
            notes: String::new(),
            page: None,
            assets: Vec::new(),
        }),
        etags: known.etags.clone(),
        not_before: known.not_before,
        rate: known.rate,
    };
    // A release older than what is installed is told as well (observed in Moonraker).
    let told = forges.newest(source, channel, None, &before, asked.now).await;
    RemotePackage {
        last_good: told.last_good,
        error: told.error,
        offer: told.release.map(|release| Offer {
            version: release.tag.clone(),
            tag: Some(release.tag),
            builds: true,
            ..Offer::default()
        }),
        etags: told.etags,
        not_before: told.not_before,
        rate: told.rate,
        ..RemotePackage::default()
    }
}

async fn commit(
    forges: &Forges,
    source: &Source,
    branch: Option<&str>,
    asked: Asked<'_>,
    known: &RemotePackage,
) -> RemotePackage {
    let known_commit = known.offer.as_ref().and_then(|offer| offer.commit.as_deref());
    let etag = known_commit.and_then(|_| known.etags.values().next()).filter(|etag| !etag.is_empty());
    let question =
        CommitQuestion { source, branch, etag: etag.map(String::as_str), not_before: known.not_before, now: asked.now };
    let told = forges.newest_commit(question).await;
    let rate = told.rate.or(known.rate);
    let (commit, etags) = match told.answer {
        Ok(Some(seen)) => (Some(seen.sha), BTreeMap::from([(seen.address, seen.etag)])),
        Ok(None) => (known_commit.map(str::to_owned), known.etags.clone()),
        Err(error) => {
            return RemotePackage {
                error: Some(error.to_string()),
                not_before: told.not_before,
                rate,
                ..known.clone()
            };
        }
    };
    RemotePackage {
        last_good: Some(asked.now),
        offer: commit.map(|commit| Offer {
            version: version_of_commit(asked.installed.version.as_deref(), &commit),
            commit: Some(commit),
            builds: true,
            ..Offer::default()
        }),
        etags,
        rate,
        ..RemotePackage::default()
    }
}
