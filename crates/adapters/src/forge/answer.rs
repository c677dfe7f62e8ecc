//! What forges answer, made into releases. Lenient in what is left out or of an odd kind, strict in what is used.
//! Refuses to: take over a draft, an asset whose name is no file's name, or one that is not to be downloaded safely.

use refit_model::updater::release::{Asset, ForgeKind, LONGEST_NOTES, Release, Source};
use refit_model::version::Version;
use reqwest::Url;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::ask::may_be_asked;

/// Bytes of the longest tag, name and address that are taken for one.
const LONGEST_WORD: usize = 1024;
/// Bytes of a file's name, the limit of the file systems.
const LONGEST_NAME: usize = 255;

/// A release of GitHub's and Forgejo's; GitLab's words beside them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Told {
    #[serde(deserialize_with = "lenient")]
    tag_name: Option<String>,
    #[serde(deserialize_with = "lenient")]
    name: Option<String>,
    #[serde(deserialize_with = "lenient")]
    draft: Option<bool>,
    #[serde(deserialize_with = "lenient")]
    prerelease: Option<bool>,
    /// GitLab: announced for a day to come.
    #[serde(deserialize_with = "lenient")]
    upcoming_release: Option<bool>,
    #[serde(deserialize_with = "lenient")]
    published_at: Option<String>,
    /// GitLab's `published_at`.
    #[serde(deserialize_with = "lenient")]
    released_at: Option<String>,
    #[serde(deserialize_with = "lenient")]
    body: Option<String>,
    /// GitLab's `body`.
    #[serde(deserialize_with = "lenient")]
    description: Option<String>,
    #[serde(deserialize_with = "lenient")]
    html_url: Option<String>,
    /// GitLab's `html_url`, in `self`.
    #[serde(rename = "_links", deserialize_with = "lenient")]
    links: Option<Links>,
    #[serde(deserialize_with = "lenient")]
    assets: Option<Assets>,
}

#[derive(Debug, Default, Deserialize)]
struct Links {
    #[serde(rename = "self", default, deserialize_with = "lenient")]
    page: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Assets {
    Files(Vec<File>),
    Gitlab {
        #[serde(default)]
        links: Vec<File>,
    },
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct File {
    #[serde(deserialize_with = "lenient")]
    name: Option<String>,
    #[serde(deserialize_with = "lenient")]
    browser_download_url: Option<String>,
    /// GitLab: below the release.
    #[serde(deserialize_with = "lenient")]
    direct_asset_url: Option<String>,
    /// GitLab: where that leads.
    #[serde(deserialize_with = "lenient")]
    url: Option<String>,
    #[serde(deserialize_with = "lenient")]
    size: Option<u64>,
    /// GitHub: `sha256:…`.
    #[serde(deserialize_with = "lenient")]
    digest: Option<String>,
}

/// A value of another kind counts as left out.
pub(crate) fn lenient<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Maybe<T> {
        It(T),
        Other(IgnoredAny),
    }
    Ok(match Maybe::deserialize(from)? {
        Maybe::It(value) => Some(value),
        Maybe::Other(_) => None,
    })
}

/// One release. None when it is a draft or has no tag that could be asked for.
pub(super) fn one(source: &Source, json: &[u8]) -> Result<Option<Release>, serde_json::Error> {
    Ok(release(source, serde_json::from_slice(json)?))
}

/// A list of releases, without those that are none.
pub(super) fn several(source: &Source, json: &[u8]) -> Result<Vec<Release>, serde_json::Error> {
    let told: Vec<Told> = serde_json::from_slice(json)?;
    Ok(told.into_iter().filter_map(|told| release(source, told)).collect())
}

fn release(source: &Source, told: Told) -> Option<Release> {
    if told.draft == Some(true) || told.upcoming_release == Some(true) {
        return None;
    }
    let tag = told.tag_name.filter(|tag| is_word(tag))?;
    let prerelease = match source.forge {
        ForgeKind::Github | ForgeKind::Forgejo => told.prerelease == Some(true),
        // GitLab has no such mark; the version tells.
        ForgeKind::Gitlab => Version::of_tag(&tag).is_some_and(|version| version.pre.is_some()),
    };
    let files = match told.assets {
        Some(Assets::Files(files) | Assets::Gitlab { links: files }) => files,
        None => Vec::new(),
    };
    let page = told.html_url.or(told.links.and_then(|links| links.page));
    Some(Release {
        tag,
        // An empty title is shown as it is.
        name: told.name.filter(|name| name.is_empty() || is_word(name)),
        prerelease,
        published_at: told.published_at.or(told.released_at).filter(|when| is_word(when)),
        notes: cut(told.body.or(told.description).unwrap_or_default()),
        page: page.filter(|page| is_word(page) && (page.starts_with("https://") || page.starts_with("http://"))),
        assets: files.into_iter().filter_map(|file| asset(source, file)).collect(),
    })
}

fn asset(source: &Source, file: File) -> Option<Asset> {
    let name = file.name.filter(|name| is_file_name(name))?;
    let url = file.browser_download_url.or(file.direct_asset_url).or(file.url)?;
    let url = Url::parse(&url).ok().filter(|url| is_word(url.as_str()) && may_be_asked(source, url).is_ok())?;
    let sha256 = file.digest.as_deref().and_then(|digest| sha256(digest.strip_prefix("sha256:")?));
    Some(Asset { name, url: url.into(), size: file.size, sha256 })
}

/// 64 hexadecimal digits in lower case, when it is that.
pub(crate) fn sha256(text: &str) -> Option<String> {
    let is_one = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_one.then(|| text.to_ascii_lowercase())
}

fn is_word(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= LONGEST_WORD && !text.chars().any(char::is_control)
}

fn is_file_name(name: &str) -> bool {
    is_word(name) && name.len() <= LONGEST_NAME && !name.contains('/') && name != "." && name != ".."
}

fn cut(mut notes: String) -> String {
    let mut end = LONGEST_NOTES.min(notes.len());
    while !notes.is_char_boundary(end) {
        end -= 1;
    }
    notes.truncate(end);
    notes.shrink_to_fit();
    notes
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
