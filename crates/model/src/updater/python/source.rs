//! Where an installed package came from, and so where its updates are looked for.

use super::InstalledPackage;
use crate::updater::repr::value_repr;

/// Where updates are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PackageSource {
    /// The package indexes that pip is configured with.
    Index,
    /// Releases and commits of a repository on GitHub.
    Github {
        /// The project's owner.
        owner: String,
        /// The project.
        repo: String,
    },
    /// Nowhere.
    Unknown {
        /// Why, in the documented words.
        warning: String,
    },
}

/// Tells it from `direct_url.json` (PEP 610).
#[must_use]
pub fn source(installed: &InstalledPackage) -> PackageSource {
    let Some(direct) = &installed.direct_url else { return PackageSource::Index };
    if direct["vcs_info"]["vcs"].as_str() != Some("git") {
        let told = value_repr(direct);
        return unknown(format!("Package installed from source other than pypi or git: {told}"));
    }
    let (Some(url), Some(_)) = (direct["url"].as_str(), direct["vcs_info"]["commit_id"].as_str()) else {
        return unknown("Failed to retrieve direct_url vcs info".to_owned());
    };
    match github_project(url) {
        Some((owner, repo)) if !url.starts_with("https://www.") => PackageSource::Github { owner, repo },
        Some(_) | None => unknown(format!("Invalid repo url: {url}")),
    }
}

fn unknown(warning: String) -> PackageSource {
    PackageSource::Unknown { warning }
}

/// Owner and project of a URL on GitHub. Everything behind the owner is the project's name, as Moonraker takes it
/// (observed); `.git` at its end is not.
#[must_use]
pub(super) fn github_project(url: &str) -> Option<(String, String)> {
    let rest = url.strip_prefix("https://")?;
    let rest = rest.strip_prefix("www.").unwrap_or(rest).strip_prefix("github.com/")?;
    let (owner, repo) = rest.split_once('/')?;
    let repo = repo.strip_suffix(".git").unwrap_or(repo);
    (!owner.is_empty() && !repo.is_empty()).then(|| (owner.to_owned(), repo.to_owned()))
}

/// The URL with this label, which is compared as it is written but for case and blanks at its ends.
pub(super) fn labelled<'a>(installed: &'a InstalledPackage, label: &str) -> Option<&'a str> {
    let own = installed.release_info.as_ref().map(|info| &info.urls).filter(|urls| !urls.is_empty());
    let urls = own.unwrap_or(&installed.urls);
    urls.iter().find(|(name, _)| name.trim().eq_ignore_ascii_case(label)).map(|(_, url)| url.as_str())
}

/// The commit that it was built from, where that is told.
pub(super) fn commit(installed: &InstalledPackage) -> Option<&str> {
    let direct = installed.direct_url.as_ref().filter(|direct| direct["vcs_info"]["vcs"].as_str() == Some("git"));
    let direct = direct.and_then(|direct| direct["vcs_info"]["commit_id"].as_str());
    direct.or_else(|| installed.release_info.as_ref()?.commit_sha.as_deref())
}
