use serde_json::{Value, json};

use super::super::testing::*;
use super::super::{ReleaseInfoFile, version_of_commit};
use super::*;

/// `version`, `remote_version`, `current_hash`, `remote_hash`, `is_valid`.
fn told(facts: &PythonFacts) -> (String, String, String, String, bool) {
    let judged = assess(&spec(), facts);
    (judged.version, judged.remote_version, judged.current_hash, judged.remote_hash, judged.is_valid)
}

fn strings(told: &(String, String, String, String, bool)) -> (&str, &str, &str, &str, bool) {
    (&told.0, &told.1, &told.2, &told.3, told.4)
}

const NONE: &str = "not-specified";
const NEWER: &str = "update-available";

#[test]
fn an_up_to_date_package_is_told_as_moonraker_tells_it() {
    let judged = assess(&spec(), &facts("1.0.0", Some("1.0.0")));
    assert_eq!((judged.owner.as_str(), judged.repo_name.as_str(), judged.branch), ("?", "?", None));
    assert_eq!((judged.rollback_version.as_str(), judged.changelog_url.as_str()), ("?", ""));
    assert_eq!((judged.full_version_string.as_str(), judged.is_dirty), ("1.0.0", false));
    assert_eq!((judged.warnings, judged.anomalies, judged.update_available), (vec![], vec![], false));
}

#[test]
fn versions_of_an_index() {
    for (installed, offered, version, remote, remote_hash) in [
        ("1.0.0", Some("1.0.0"), "1.0.0", "1.0.0", NONE),
        ("1.0.0", Some("1.1.0"), "1.0.0", "1.1.0", NEWER),
        ("1.0.0", Some("0.9"), "1.0.0", "1.0.0", NONE),
        ("1.0.0", Some("1.1.0rc1"), "1.0.0", "1.1.0rc1", NEWER),
        ("1.0.0", Some("1.0.0.post2"), "1.0.0", "1.0.0.post2", NEWER),
        ("1!2.0", Some("1!2.0"), "2.0", "2.0", NONE),
        ("1.0", Some("1!0.5"), "1.0", "0.5", NEWER),
        ("1.0.0", Some("1.0.0+local2"), "1.0.0", "1.0.0", NEWER),
        ("1.2.3.dev5+gabcdef0", Some("1.2.2"), "1.2.3-5", "1.2.3-5", NONE),
        ("1.2.3.dev5+gabcdef0", Some("1.2.3"), "1.2.3-5", "1.2.3", NEWER),
        ("1.2.3.dev5", Some("1.2.3.dev7"), "1.2.3-5", "1.2.3-7", NEWER),
        ("1.0.0", Some("1.0.1.dev1"), "1.0.0", "1.0.1-1", NEWER),
        ("1.0", Some("1.0.0"), "1.0", "1.0", NONE),
        ("1.9.0", Some("1.10.0"), "1.9.0", "1.10.0", NEWER),
        ("2026.1.2", Some("2026.01.3"), "2026.1.2", "2026.01.3", NEWER),
        ("1.0.0", None, "1.0.0", "1.0.0", NONE),
    ] {
        let told = told(&facts(installed, offered));
        assert_eq!(strings(&told), (version, remote, NONE, remote_hash, true), "{installed} {offered:?}");
    }
    let mut never = facts("1.0.0", None);
    never.remote.last_good = None;
    assert_eq!(strings(&told(&never)), ("1.0.0", "?", NONE, "?", true));
}

#[test]
fn versions_that_are_none() {
    for text in ["1.0-banana", "unknown", "1.0.0-0-g1a2b3c4d"] {
        let judged = assess(&spec(), &facts(text, Some("2.0")));
        assert_eq!((judged.version.as_str(), judged.remote_version.as_str(), judged.is_valid), ("?", "?", false));
        assert_eq!(
            (judged.warnings, judged.full_version_string),
            (vec!["Failed to parse package version".to_owned()], text.to_owned())
        );
    }
    let mut without = facts("1", Some("2"));
    without.installed.as_mut().unwrap().version = None;
    let judged = assess(&spec(), &without);
    assert_eq!((judged.version.as_str(), judged.full_version_string.as_str()), ("?", "?"));
    assert_eq!(judged.warnings, ["Failed to detect package version"]);
    let judged = assess(&spec(), &PythonFacts { missing: true, ..facts("1.0", Some("1.1")) });
    assert_eq!((judged.warnings, judged.version.as_str()), (vec!["Failed to parse package info".to_owned()], "1.0"));
    let judged = assess(&spec(), &PythonFacts::default());
    assert!(judged.warnings[0].starts_with("Failed to find distribution info for project my-tool: "));
}

#[test]
fn addresses_come_from_the_metadata_and_rather_from_release_info() {
    let with = |label: &str, url: &str| {
        let mut facts = facts("1.0", None);
        facts.installed.as_mut().unwrap().urls = vec![(label.to_owned(), url.to_owned())];
        facts
    };
    for label in ["changelog", "Changelog", "CHANGELOG", "changelog "] {
        assert_eq!(assess(&spec(), &with(label, "https://c")).changelog_url, "https://c");
    }
    for label in ["Change Log", "change-log", "Changes", "Release Notes", "History", "What's New", "ChangeLog URL"] {
        assert_eq!(assess(&spec(), &with(label, "https://c")).changelog_url, "");
    }
    for (url, owner, repo) in [
        ("https://github.com/own/rep", "own", "rep"),
        ("https://github.com/own/rep.git", "own", "rep"),
        ("https://www.github.com/own/rep", "own", "rep"),
        ("https://github.com/own/rep/", "own", "rep/"),
        ("https://github.com/own/rep/tree/master", "own", "rep/tree/master"),
        ("https://gitlab.com/own/rep", "?", "?"),
        ("http://github.com/own/rep", "?", "?"),
        ("git@github.com:own/rep", "?", "?"),
        ("https://github.com/own", "?", "?"),
    ] {
        let judged = assess(&spec(), &with("Repository", url));
        assert_eq!((judged.owner.as_str(), judged.repo_name.as_str()), (owner, repo), "{url}");
        assert_eq!(assess(&spec(), &with("Source", url)).owner, "?");
    }
    let mut both = with("Changelog", "https://c");
    let info = ReleaseInfoFile { urls: vec![("x".to_owned(), "y".to_owned())], ..ReleaseInfoFile::default() };
    both.installed.as_mut().unwrap().release_info = Some(info);
    assert_eq!(assess(&spec(), &both).changelog_url, "");
    both.installed.as_mut().unwrap().release_info.as_mut().unwrap().urls.clear();
    assert_eq!(assess(&spec(), &both).changelog_url, "https://c");
}

#[test]
fn release_info_tells_the_commit_and_whether_it_was_clean() {
    for (commit, described, hash, is_dirty) in [
        (Some("abc"), Some("v1.0.0-0-g985c1d0b"), "abc", false),
        (Some("abc"), None, "abc", false),
        (None, Some("v1.0.0-0-g985c1d0b"), NONE, false),
        (Some("abc"), Some("v1.0.0-3-g985c1d0b-dirty"), "abc", true),
        (Some("abc"), Some("nonsense"), "abc", false),
    ] {
        let mut facts = facts("1.0.0", None);
        facts.installed.as_mut().unwrap().release_info = Some(ReleaseInfoFile {
            commit_sha: commit.map(str::to_owned),
            git_version: described.map(str::to_owned),
            ..ReleaseInfoFile::default()
        });
        let judged = assess(&spec(), &facts);
        assert_eq!((judged.current_hash.as_str(), judged.is_dirty, judged.version.as_str()), (hash, is_dirty, "1.0.0"));
        assert_eq!((judged.remote_hash.as_str(), judged.is_valid), (hash, true));
    }
    for (version, is_dirty) in [("1.0.0+g1a2b3c4", false), ("1.0.0+g1a2b3c4.dirty", true), ("1.0.0+ubuntu1", false)] {
        let judged = assess(&spec(), &facts(version, None));
        assert_eq!((judged.is_dirty, judged.is_valid, judged.current_hash.as_str()), (is_dirty, true, NONE));
    }
}

#[test]
fn where_it_was_installed_from() {
    let judged = |direct: Value| {
        let mut facts = facts("1.2.3.dev5+g985c1d0b.d20260101", Some("2.0"));
        facts.installed.as_mut().unwrap().direct_url = Some(direct);
        assess(&spec(), &facts)
    };
    let file = judged(json!({ "url": "file:///x/foo.whl", "archive_info": {} }));
    let words =
        "Package installed from source other than pypi or git: {'url': 'file:///x/foo.whl', 'archive_info': {}}";
    assert_eq!((file.warnings, file.remote_version.as_str(), file.is_valid), (vec![words.to_owned()], "?", false));
    let git = |url: &str, commit: Option<&str>| {
        judged(json!({ "url": url, "vcs_info": { "vcs": "git", "commit_id": commit } }))
    };
    for url in ["https://github.com/own/rep", "https://github.com/own/rep.git"] {
        let judged = git(url, Some(COMMIT));
        assert_eq!((judged.owner.as_str(), judged.repo_name.as_str(), judged.is_valid), ("own", "rep", true));
        assert_eq!((judged.version.as_str(), judged.is_dirty, judged.current_hash.as_str()), ("1.2.3-5", true, COMMIT));
    }
    for url in [
        "https://gitlab.com/own/rep",
        "file:///rep",
        "ssh://git@github.com/own/rep",
        "git@github.com:own/rep",
        "http://github.com/own/rep",
        "https://user@github.com/own/rep",
        "https://www.github.com/own/rep",
        "https://github.com/own",
    ] {
        let judged = git(url, Some(COMMIT));
        assert_eq!(judged.warnings, [format!("Invalid repo url: {url}")]);
        assert_eq!((judged.current_hash.as_str(), judged.remote_version.as_str()), (COMMIT, "?"));
    }
    let judged = git("https://github.com/own/rep", None);
    assert_eq!(judged.warnings, ["Failed to retrieve direct_url vcs info"]);
    assert_eq!((judged.owner.as_str(), judged.current_hash.as_str()), ("?", NONE));
}

#[test]
fn versions_of_a_repository_on_github() {
    let with = |version: &str, offer: Option<Offer>| {
        let mut facts = from_github(version);
        facts.remote.offer = offer;
        facts
    };
    let commit = |version: &str, sha: &str| {
        let offer =
            Offer { version: version_of_commit(Some(version), sha), commit: Some(sha.to_owned()), ..Offer::default() };
        with(version, Some(offer))
    };
    let other = "0123456789012345678901234567890123456789";
    for (facts, version, remote, remote_hash) in [
        (with("1.0.0", Some(tag("v1.1.0"))), "1.0.0", "v1.1.0", NEWER),
        (with("1.0.0", Some(tag("v1.2.0b1"))), "1.0.0", "v1.2.0b1", NEWER),
        // `?` in Moonraker: CONTRACT §8 row 22.
        (with("1.1.0", Some(tag("v1.1.0"))), "1.1.0", "v1.1.0", COMMIT),
        (with("3.0.0", Some(tag("v1.1.0"))), "3.0.0", "v1.1.0", COMMIT),
        (with("1.0.0", Some(tag("release-2"))), "1.0.0", "?", COMMIT),
        (with("1.0.0", None), "1.0.0", "?", "?"),
        (commit("1.0.0", other), "1.0.0", "v1.0.1-1", other),
        (commit("1.2.0.dev1+g985c1d0b", other), "1.2.0-1", "1.2.0-2", other),
        (commit("1.2.0.dev3", COMMIT), "1.2.0-3", "1.2.0-3", COMMIT),
    ] {
        assert_eq!(strings(&told(&facts)), (version, remote, COMMIT, remote_hash, true), "{:?}", facts.remote.offer);
    }
}

#[test]
fn a_failed_question_is_an_anomaly_and_the_offer_stays() {
    let mut facts = facts("1.0.0", Some("1.1.0"));
    facts.remote.error = Some("x: it is down".to_owned());
    let mut spec = spec();
    let judged = assess(&spec, &facts);
    assert_eq!((judged.is_valid, judged.update_available, judged.remote_version.as_str()), (true, true, "1.1.0"));
    assert_eq!(judged.anomalies, ["Updates could not be looked for: x: it is down"]);
    spec.common.report_anomalies = false;
    assert_eq!(assess(&spec, &facts).anomalies, Vec::<String>::new());
}
