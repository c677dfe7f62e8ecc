//! Reads the first page of a web front end and looks whether the files that it asks for are there.
//!
//! What it asks of other hosts, or of Moonraker behind the same host, cannot be told from here; it was missing before as well.
//! Refuses to: run or understand the page.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use refit_model::health::FrontEndSeen;

/// The longest page that is read, in bytes.
const LONGEST: u64 = 4 * 1024 * 1024;

/// None when it cannot be told.
pub(super) async fn look(folder: PathBuf) -> Option<FrontEndSeen> {
    tokio::task::spawn_blocking(move || seen(&folder)).await.ok()
}

fn seen(folder: &Path) -> FrontEndSeen {
    let page = folder.join("index.html");
    let is_page = std::fs::metadata(&page).is_ok_and(|seen| seen.is_file() && seen.len() <= LONGEST);
    let Some(text) = is_page.then(|| std::fs::read(&page).ok()).flatten() else { return FrontEndSeen::NoIndex };
    let text = String::from_utf8_lossy(&text);
    let is_missing = |path: &String| !folder.join(path).is_file();
    FrontEndSeen::Index { missing: references(&text).into_iter().filter(is_missing).collect() }
}

/// The paths of files that a page loads by itself: scripts, styles, images, its manifest.
fn references(page: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        rest = rest.get(at + 1..).unwrap_or_default();
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.find("-->").and_then(|end| comment.get(end + 3..)).unwrap_or_default();
            continue;
        }
        let end = rest.find('>').unwrap_or(rest.len());
        let tag = rest.get(..end).unwrap_or_default();
        let name = tag.split(|c: char| c.is_whitespace() || c == '/').next().unwrap_or_default().to_ascii_lowercase();
        let attribute = match name.as_str() {
            "script" | "img" => "src",
            "link" => "href",
            _other => continue,
        };
        found.extend(
            attributes(tag).into_iter().filter(|(key, _)| key == attribute).filter_map(|(_, value)| own(&value)),
        );
    }
    found
}

/// `name="value"`, `name='value'` and `name=value` of a tag.
fn attributes(tag: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = tag;
    while let Some(at) = rest.find('=') {
        let name = rest.get(..at).unwrap_or_default().split_whitespace().next_back().unwrap_or_default();
        let after = rest.get(at + 1..).unwrap_or_default().trim_start();
        let (value, left) = match after.chars().next() {
            Some(quote @ ('"' | '\'')) => after.get(1..).unwrap_or_default().split_once(quote).unwrap_or_default(),
            Some(_) | None => after.split_once(char::is_whitespace).unwrap_or((after.trim_end_matches('/'), "")),
        };
        found.push((name.to_ascii_lowercase(), value.to_owned()));
        rest = left;
    }
    found
}

/// A path below the page's folder; none for what is elsewhere.
fn own(reference: &str) -> Option<String> {
    let path = reference.split(['?', '#']).next().unwrap_or_default().trim();
    let is_elsewhere = path.starts_with("//") || path.split('/').next().is_some_and(|first| first.contains(':'));
    let path = path.trim_start_matches("./").trim_start_matches('/');
    let is_file = !path.is_empty() && !path.ends_with('/') && !path.split('/').any(|part| part == "..");
    (is_file && !is_elsewhere).then(|| decoded(path))
}

/// `%20` is a space.
fn decoded(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, after @ ..] = rest {
        let code = (*first == b'%').then(|| after.get(..2)).flatten();
        let code = code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"<!DOCTYPE html><html><head>
        <!-- <script src="old.js"></script> -->
        <link rel="icon" href="/img/icons/favicon-32x32.png"><link rel=stylesheet href=./css/app.css />
        <link rel="manifest" href='site.webmanifest'><link rel="preconnect" href="https://host/x.css">
        <script type="module" crossorigin src="./assets/index-%41b.js?v=1"></script><script>if (a<b) { x = "src=no.js" }</script>
        <script src="//cdn/x.js"></script><img src="data:image/png;base64,AA="><a href="/other.html">x</a>
        <img alt="a" src="/img/"><script src="../up.js"></script>"#;

    #[test]
    fn what_a_page_loads_is_found() {
        let found: Vec<String> = references(PAGE).into_iter().collect();
        assert_eq!(found, ["assets/index-Ab.js", "css/app.css", "img/icons/favicon-32x32.png", "site.webmanifest"]);
        for odd in ["", "<", "<script", "<script src=", "<script src=\"a", "<!--", "<link href='x", "<img src=%"] {
            references(odd);
        }
    }

    #[tokio::test]
    async fn what_is_missing_is_named() {
        let folder = refit_testkit::scratch::scratch();
        assert_eq!(look(folder.path().to_owned()).await, Some(FrontEndSeen::NoIndex));
        std::fs::write(folder.path().join("index.html"), "<script src=/a.js></script><script src=b.js></script>")
            .unwrap();
        std::fs::write(folder.path().join("b.js"), "").unwrap();
        let missing = BTreeSet::from(["a.js".to_owned()]);
        assert_eq!(look(folder.path().to_owned()).await, Some(FrontEndSeen::Index { missing }));
    }
}
