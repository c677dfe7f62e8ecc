//! Where the releases of a project are asked for, by kind of forge.
//! Refuses to: let a name from the configuration or a tag reach into another part of the address.

use refit_model::updater::release::{ForgeKind, Source};
use reqwest::Url;

use super::ForgeError;

/// How many releases of a list are asked for: its first page.
pub(super) const LISTED: u32 = 30;

/// The release that the forge itself calls the latest.
pub(super) fn latest(source: &Source) -> Result<Url, ForgeError> {
    match source.forge {
        ForgeKind::Github | ForgeKind::Forgejo => releases(source, &["latest"]),
        ForgeKind::Gitlab => releases(source, &["permalink", "latest"]),
    }
}

/// The newest of all releases.
pub(super) fn list(source: &Source) -> Result<Url, ForgeError> {
    let mut url = releases(source, &[])?;
    let parameter = match source.forge {
        ForgeKind::Github | ForgeKind::Gitlab => "per_page",
        ForgeKind::Forgejo => "limit",
    };
    url.set_query(Some(&format!("{parameter}={LISTED}")));
    Ok(url)
}

/// One release.
pub(super) fn tagged(source: &Source, tag: &str) -> Result<Url, ForgeError> {
    match source.forge {
        ForgeKind::Github | ForgeKind::Forgejo => releases(source, &["tags", tag]),
        ForgeKind::Gitlab => releases(source, &[tag]),
    }
}

/// The newest commit of a branch on GitHub.
pub(super) fn commits(source: &Source, branch: Option<&str>) -> Result<Url, ForgeError> {
    let mut url = below(&source.api, &["repos", &source.owner, &source.repo, "commits"])?;
    url.query_pairs_mut().append_pair("per_page", "1");
    if let Some(branch) = branch {
        url.query_pairs_mut().append_pair("sha", branch);
    }
    Ok(url)
}

fn releases(source: &Source, then: &[&str]) -> Result<Url, ForgeError> {
    let project = format!("{}/{}", source.owner, source.repo);
    let mut segments = match source.forge {
        ForgeKind::Github | ForgeKind::Forgejo => vec!["repos", &source.owner, &source.repo, "releases"],
        ForgeKind::Gitlab => vec!["projects", &project, "releases"],
    };
    segments.extend(then);
    below(&source.api, &segments)
}

/// An address below the API's, each segment percent-encoded.
fn below(api: &str, segments: &[&str]) -> Result<Url, ForgeError> {
    let odd = |segment: &&&str| matches!(**segment, "" | "." | "..") || segment.chars().any(char::is_control);
    if let Some(odd) = segments.iter().find(odd) {
        return Err(ForgeError::Refused(format!("{odd:?} can be no part of a release server's address")));
    }
    let wrong = || ForgeError::Refused(format!("'{api}' is no address of a release server's API; write https://HOST"));
    let mut url = Url::parse(api).map_err(|_| wrong())?;
    url.path_segments_mut().map_err(|()| wrong())?.pop_if_empty().extend(segments);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(forge: ForgeKind, api: &str, owner: &str) -> Source {
        Source { forge, host: "h".to_owned(), api: api.to_owned(), owner: owner.to_owned(), repo: "re po".to_owned() }
    }

    #[test]
    fn addresses_are_those_of_the_forges() {
        let github = source(ForgeKind::Github, "https://api.github.com", "o");
        assert_eq!(latest(&github).unwrap().as_str(), "https://api.github.com/repos/o/re%20po/releases/latest");
        assert_eq!(list(&github).unwrap().as_str(), "https://api.github.com/repos/o/re%20po/releases?per_page=30");
        let tag = tagged(&github, "v1/../../x?a#b").unwrap();
        assert_eq!(tag.as_str(), "https://api.github.com/repos/o/re%20po/releases/tags/v1%2F..%2F..%2Fx%3Fa%23b");
        let forgejo = source(ForgeKind::Forgejo, "https://codeberg.org/api/v1/", "o");
        assert_eq!(list(&forgejo).unwrap().as_str(), "https://codeberg.org/api/v1/repos/o/re%20po/releases?limit=30");
        let gitlab = source(ForgeKind::Gitlab, "https://gitlab.com/api/v4", "group/sub");
        let base = "https://gitlab.com/api/v4/projects/group%2Fsub%2Fre%20po/releases";
        assert_eq!(latest(&gitlab).unwrap().as_str(), format!("{base}/permalink/latest"));
        assert_eq!(tagged(&gitlab, "v1").unwrap().as_str(), format!("{base}/v1"));
    }

    #[test]
    fn names_that_would_lead_elsewhere_are_refused() {
        for owner in ["", ".", "..", "a\nb"] {
            let refused = latest(&source(ForgeKind::Github, "https://api.github.com", owner));
            assert!(matches!(refused, Err(ForgeError::Refused(_))), "{owner:?}");
        }
        for api in ["", "api.github.com", "mailto:x"] {
            assert!(latest(&source(ForgeKind::Github, api, "o")).is_err(), "{api:?}");
        }
    }
}
