//! Pages of a package index: which files it has of a project, in JSON (PEP 691) and in HTML (PEP 503).
//! Refuses to: ask for one; and to keep links that lead to no distribution.

use std::borrow::Cow;
use std::collections::BTreeMap;

use refit_model::python::choose::IndexFile;
use refit_model::python::file_name::is_archive;
use reqwest::Url;
use serde::Deserialize;
use serde::de::IgnoredAny;
use thiserror::Error;

use crate::forge::lenient;

mod html;

pub use html::html;

/// Bytes of the longest text that is kept of a file: a reason for a yank, say.
const LONGEST_TEXT: usize = 1000;

/// An answer that is no page of an index.
#[derive(Debug, Error)]
pub enum PageError {
    /// Not JSON, or of another shape.
    #[error("it is not the JSON that a package index answers with ({0})")]
    NotJson(#[from] serde_json::Error),
    /// A version of the interface that is not known.
    #[error("it speaks version {0} of the interface, which is not known")]
    Version(String),
    /// No link leads to a distribution.
    #[error("it lists no packages; is there a login page in between?")]
    NoFiles,
}

#[derive(Deserialize)]
struct Told<'a> {
    #[serde(borrow, default)]
    meta: Option<Meta<'a>>,
    #[serde(borrow)]
    files: Vec<File<'a>>,
}

#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(borrow, rename = "api-version", default)]
    api_version: Option<Cow<'a, str>>,
}

/// What a file's own texts may be: a value of another kind counts as left out.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File<'a> {
    #[serde(borrow, default)]
    url: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "lenient")]
    hashes: Option<BTreeMap<String, String>>,
    #[serde(default, deserialize_with = "lenient")]
    requires_python: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    yanked: Option<Mark>,
    #[serde(default, deserialize_with = "lenient")]
    size: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    core_metadata: Option<Mark>,
    #[serde(default, deserialize_with = "lenient")]
    dist_info_metadata: Option<Mark>,
    #[serde(default, deserialize_with = "lenient")]
    upload_time: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Mark {
    Word(bool),
    Text(String),
    Other(IgnoredAny),
}

/// Reads a page in JSON. `at` is its own address, after all redirects.
///
/// # Errors
/// [`PageError::NotJson`] and [`PageError::Version`]. A page without files is one: the project has none.
pub fn json(bytes: &[u8], at: &Url) -> Result<Vec<IndexFile>, PageError> {
    let told: Told<'_> = serde_json::from_slice(bytes)?;
    if let Some(version) = told.meta.and_then(|meta| meta.api_version)
        && !(version == "1" || version.starts_with("1."))
    {
        return Err(PageError::Version(short(&version)));
    }
    Ok(told.files.into_iter().filter_map(|file| listed(file, at)).collect())
}

fn listed(file: File<'_>, at: &Url) -> Option<IndexFile> {
    let (url, filename) = leads_to(&file.url?, at)?;
    let yanked = match file.yanked {
        None | Some(Mark::Word(false) | Mark::Other(_)) => None,
        Some(Mark::Word(true)) => Some(String::new()),
        Some(Mark::Text(reason)) => Some(short(&reason)),
    };
    let metadata = file.core_metadata.or(file.dist_info_metadata);
    Some(IndexFile {
        filename,
        url: url.into(),
        hashes: file.hashes.unwrap_or_default(),
        requires_python: file.requires_python.map(|text| short(&text)),
        yanked,
        size: file.size,
        core_metadata: metadata.is_some_and(|mark| !matches!(mark, Mark::Word(false))),
        upload_time: file.upload_time.map(|text| short(&text)),
    })
}

/// Where a link leads, and the name of the file there. pip too takes the name from the address, not from what is written
/// beside it.
fn leads_to(link: &str, at: &Url) -> Option<(Url, String)> {
    let url = at.join(link.trim()).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let name = unquoted(url.path_segments()?.next_back()?);
    let is_name = name.len() <= 255 && is_archive(&name) && !name.contains('/') && !name.chars().any(char::is_control);
    is_name.then_some((url, name))
}

/// Percent-encoding taken away.
pub(super) fn unquoted(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        match (first, after) {
            (b'%', [high, low, next @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                bytes.push((hex(high).unwrap_or_default() << 4) | hex(low).unwrap_or_default());
                rest = next;
            }
            (byte, _) => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A text of an index, which is shown to people, without what would disturb them.
fn short(text: &str) -> String {
    let mut end = LONGEST_TEXT.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;
