//! What the status tells of software that ships as releases, at length: the release that can be had and its notes, how
//! what is installed was verified, which versions are kept.
//!
//! Reads the API's own JSON. Refuses to: look anywhere else, and to show more of the notes than fits on a screen.

use jiff::tz::TimeZone;
use refit_model::step::size_in_words;
use serde_json::Value;

use super::history::when;

/// As many lines of the notes are shown.
const NOTES: usize = 20;

/// The lines, without the name before them; none for what is no release.
#[must_use]
pub fn details(fields: &Value) -> Vec<String> {
    let extras = &fields["refit"];
    let mut lines = Vec::new();
    if let Some(verified) = text(extras, "verified") {
        lines.push(format!("the installed version was verified by {verified}"));
    }
    for previous in extras["previous"].as_array().into_iter().flatten() {
        let at = when(previous["at"].as_f64().unwrap_or_default(), TimeZone::system());
        let bytes = size_in_words(previous["bytes"].as_u64().unwrap_or_default());
        let version = text(previous, "version").unwrap_or("?");
        lines.push(format!("version {version} is kept since {at} and takes {bytes}"));
    }
    if extras["release"].is_object() {
        lines.extend(release(&extras["release"]));
    }
    lines
}

fn release(release: &Value) -> Vec<String> {
    // A day, as the project told it: `2026-01-02T00:00:00Z`.
    let day = text(release, "published_at").and_then(|at| at.split('T').next());
    let tag = text(release, "tag").unwrap_or("?");
    let day = day.map(|day| format!(" of {day}")).unwrap_or_default();
    let kind = if release["prerelease"] == true { "pre-release" } else { "release" };
    let why = text(release, "why").unwrap_or("?");
    let size = release["size"].as_u64().map(|bytes| format!("{}, ", size_in_words(bytes))).unwrap_or_default();
    let file = match text(release, "asset") {
        Some(asset) => format!("{asset} ({size}{why})"),
        None => why.to_owned(),
    };
    let mut lines = vec![format!("newest {kind}: {tag}{day}: {file}")];
    lines.extend(text(release, "page").map(|page| format!("its page: {page}")));
    let notes: Vec<&str> = text(release, "notes").unwrap_or_default().trim().lines().collect();
    if !notes.is_empty() {
        lines.push("its notes:".to_owned());
    }
    lines.extend(notes.iter().take(NOTES).map(|line| format!("    {}", line.trim_end()).trim_end().to_owned()));
    if notes.len() > NOTES {
        lines.push(format!("    ... and {} lines more", notes.len() - NOTES));
    }
    lines
}

fn text<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value[field].as_str().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_release_is_told_at_length() {
        let fields = json!({"refit": {
            "verified": "its size",
            "previous": [{"version": "v0.9", "at": 0, "bytes": 2048}],
            "release": {"tag": "v1.1", "published_at": "2026-01-02T00:00:00Z", "page": "https://x/y", "prerelease": false,
                        "notes": "# New\r\n\r\n- this\r\n", "asset": "a.zip", "size": 3_145_728, "why": "the only zip"}}});
        let told = details(&fields);
        assert_eq!(told[0], "the installed version was verified by its size");
        assert!(
            told[1].starts_with("version v0.9 is kept since 19") && told[1].ends_with("and takes 2 KiB"),
            "{told:?}"
        );
        assert_eq!(
            told[2..],
            [
                "newest release: v1.1 of 2026-01-02: a.zip (3.0 MiB, the only zip)",
                "its page: https://x/y",
                "its notes:",
                "    # New",
                "",
                "    - this"
            ]
        );
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        assert_eq!(details(&json!({"refit": {"commits": []}})), Vec::<String>::new());
        let bare = json!({"refit": {"release": {"tag": "v1", "asset": null, "why": "it has no files",
                          "notes": "x\n".repeat(NOTES + 3)}}});
        let told = details(&bare);
        assert_eq!((told[0].as_str(), told.len()), ("newest release: v1: it has no files", NOTES + 3));
        assert_eq!(told.last().map(String::as_str), Some("    ... and 3 lines more"));
    }
}
