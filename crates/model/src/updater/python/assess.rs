//! The judgement on a Python application (CONTRACT §3.4; details observed on a running Moonraker 0.11.0).

use super::source::{commit, github_project, labelled};
use super::{InstalledPackage, Offer, PackageSource, PythonAssessment, PythonFacts, PythonSpec, shown, source};
use crate::python::version;

/// What is shown where nothing says which commit it is.
const NOT_SPECIFIED: &str = "not-specified";
/// What is shown while a newer version is offered that no commit names.
const UPDATE_AVAILABLE: &str = "update-available";

/// Judges facts. Pure.
#[must_use]
pub fn assess(spec: &PythonSpec, facts: &PythonFacts) -> PythonAssessment {
    let nothing = InstalledPackage::default();
    let installed = facts.installed.as_ref().unwrap_or(&nothing);
    let now = installed.version.as_deref().and_then(shown);
    let source = source(installed);
    let warnings = warnings(spec, facts, installed, &source);
    let is_valid = warnings.is_empty();
    let offer = facts.remote.offer.as_ref();
    let update_available = offer.is_some_and(|offer| is_newer(offer, installed));
    let version = now.as_ref().map_or_else(|| "?".to_owned(), |now| now.text.clone());
    let current_hash = match now {
        Some(_) => commit(installed).unwrap_or(NOT_SPECIFIED).to_owned(),
        None => "?".to_owned(),
    };
    let (owner, repo_name) = project(&source, installed);
    PythonAssessment {
        name: spec.common.name.clone(),
        channel: spec.common.channel,
        channel_invalid: spec.common.channel_invalid,
        debug_enabled: spec.common.debug,
        is_valid,
        info_tags: spec.common.info_tags.clone(),
        branch: spec.primary_branch.as_ref().map(ToString::to_string),
        owner,
        repo_name,
        remote_version: remote_version(facts, installed, &source, &version, update_available),
        rollback_version: rollback_version(facts),
        remote_hash: match offer {
            Some(offer) if update_available => offer.commit.clone().unwrap_or_else(|| UPDATE_AVAILABLE.to_owned()),
            Some(_) => current_hash.clone(),
            None if facts.remote.last_good.is_some() => current_hash.clone(),
            None => "?".to_owned(),
        },
        current_hash,
        is_dirty: is_dirty(installed, now.as_ref()),
        changelog_url: labelled(installed, "changelog").unwrap_or_default().to_owned(),
        full_version_string: installed.version.clone().unwrap_or_else(|| "?".to_owned()),
        version,
        warnings,
        anomalies: anomalies(spec, facts),
        update_available,
        offer: facts.remote.offer.clone(),
        passed_by: facts.remote.passed_by.clone(),
        remote_error: facts.remote.error.clone(),
        last_good_answer: facts.remote.last_good,
        not_before: facts.remote.not_before,
        dependencies: facts.dependencies.clone(),
        rate: facts.remote.rate,
        last_refresh: facts.last_refresh,
    }
}

/// Whether an offer is newer than what is installed. A commit is another one, whatever its made-up version.
pub(super) fn is_newer(offer: &Offer, installed: &InstalledPackage) -> bool {
    if let Some(offered) = &offer.commit {
        return commit(installed) != Some(offered);
    }
    let now = installed.version.as_deref().and_then(version::parse);
    match (version::parse(&offer.version), now) {
        (Some(offered), Some(now)) => offered > now,
        (Some(_), None) => true,
        (None, _) => false,
    }
}

fn warnings(
    spec: &PythonSpec,
    facts: &PythonFacts,
    installed: &InstalledPackage,
    source: &PackageSource,
) -> Vec<String> {
    if facts.installed.is_none() {
        return vec![format!(
            "Failed to find distribution info for project {}: it is not installed in its environment. A recovery \
             installs it",
            spec.project
        )];
    }
    if facts.missing {
        return vec!["Failed to parse package info".to_owned()];
    }
    match (source, &installed.version) {
        (PackageSource::Unknown { warning }, _) => vec![warning.clone()],
        (PackageSource::Index | PackageSource::Github { .. }, None) => {
            vec!["Failed to detect package version".to_owned()]
        }
        (PackageSource::Index | PackageSource::Github { .. }, Some(text)) if shown(text).is_none() => {
            vec!["Failed to parse package version".to_owned()]
        }
        (PackageSource::Index | PackageSource::Github { .. }, Some(_)) => Vec::new(),
    }
}

fn anomalies(spec: &PythonSpec, facts: &PythonFacts) -> Vec<String> {
    if !spec.common.report_anomalies {
        return Vec::new();
    }
    let complaint = spec.common.dependencies.complaint(&facts.dependencies);
    let unasked = facts.remote.error.as_ref().map(|error| format!("Updates could not be looked for: {error}"));
    complaint.into_iter().chain(unasked).collect()
}

fn project(source: &PackageSource, installed: &InstalledPackage) -> (String, String) {
    let told = match source {
        PackageSource::Github { owner, repo } => Some((owner.clone(), repo.clone())),
        PackageSource::Index => labelled(installed, "repository").and_then(github_project),
        PackageSource::Unknown { .. } => None,
    };
    told.unwrap_or_else(|| ("?".to_owned(), "?".to_owned()))
}

fn remote_version(
    facts: &PythonFacts,
    installed: &InstalledPackage,
    source: &PackageSource,
    version: &str,
    update_available: bool,
) -> String {
    let is_index = match source {
        PackageSource::Index => true,
        PackageSource::Github { .. } => false,
        PackageSource::Unknown { .. } => return "?".to_owned(),
    };
    if installed.version.is_none() || version == "?" {
        return "?".to_owned();
    }
    match &facts.remote.offer {
        Some(Offer { tag: Some(tag), .. }) if shown(tag).is_some() => tag.clone(),
        Some(Offer { tag: Some(_), .. }) => "?".to_owned(),
        Some(offer) if update_available => shown(&offer.version).map_or_else(|| "?".to_owned(), |offered| offered.text),
        Some(_) => version.to_owned(),
        // The index answered, and has nothing that fits.
        None if is_index && facts.remote.last_good.is_some() => version.to_owned(),
        None => "?".to_owned(),
    }
}

fn rollback_version(facts: &PythonFacts) -> String {
    let before = facts.rollback.as_deref().and_then(shown);
    before.map_or_else(|| "?".to_owned(), |before| before.text)
}

fn is_dirty(installed: &InstalledPackage, now: Option<&super::Shown>) -> bool {
    let described = installed.release_info.as_ref().and_then(|info| info.git_version.as_deref());
    now.is_some_and(|now| now.is_dirty) || described.is_some_and(|text| text.ends_with("-dirty"))
}

#[cfg(test)]
#[path = "assess_tests.rs"]
mod tests;
