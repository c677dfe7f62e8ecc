//! The states of python applications that are compared.
//!
//! The version `1.0.0` is installed and the only one on the index unless a state is about that.

use refit_testkit::releases::Release;
use serde_json::json;

use super::state::{Damage, Lives, Named, State};

/// The commit that packages say they were built from.
pub const COMMIT: &str = "985c1d0bbeb90bc057d34a232c9dc3b05e0c6c8d";

/// All states whose entry alone is compared, in the order of their sections.
pub fn shown() -> Vec<State> {
    let together = |lives: Lives, states: Vec<State>| states.into_iter().map(move |state| state.lives(lives));
    let asked = together(Lives::Together, offers());
    let quiet = [versions(), unreadable(), urls(), infos(), sources(), unusable_sources(), github(), names()];
    let quiet = quiet.into_iter().flat_map(|states| together(Lives::Quietly, states));
    asked.chain(quiet).chain(environments()).collect()
}

fn offers() -> Vec<State> {
    let channel = |name: &'static str, channel: &str| State::new(name).options(&format!("channel: {channel}"));
    vec![
        State::new("current"),
        State::new("behind").published(&["1.0.0", "1.1.0"]),
        State::new("behind-far").installed("1.9.0").published(&["1.10.0"]),
        State::new("pre").published(&["1.0.0", "1.1.0rc1"]),
        channel("pre-beta", "beta").published(&["1.0.0", "1.1.0rc1"]),
        channel("pre-dev", "dev").published(&["1.0.0", "1.1.0", "1.2.0rc1"]),
        State::new("yanked").published(&["1.0.0", "1.1.0"]).yanked("1.1.0"),
        State::new("yanked-itself").published(&["0.9.0", "1.0.0"]).yanked("1.0.0"),
        State::new("unpublished").published(&[]),
        State::new("newer").installed("2.0.0"),
        State::new("pre-installed").installed("1.1.0b1").published(&["1.1.0b1", "1.1.0b2"]),
        State::new("pre-then-final").installed("1.1.0b1").published(&["1.1.0"]),
        State::new("post-offered").published(&["1.0.0.post2"]),
        State::new("dev-offered").published(&["1.0.1.dev1"]),
        State::new("local-offered").published(&["1.0.0+local2"]),
        State::new("epoch-offered").published(&["1!0.5"]),
        State::new("epoch-behind").installed("1!1.0").published(&["1!1.1"]),
        State::new("name-extra").options("project_name: name-extra[more]").published(&["1.0.0", "1.1.0"]),
        State::new("name_under").of("name-under").published(&["1.0.0", "1.1.0"]),
    ]
}

fn versions() -> Vec<State> {
    let of = |name: &'static str, full: &'static str| State::new(name).installed(full);
    vec![
        of("version-short", "1"),
        of("version-two", "1.0"),
        of("version-four", "1.0.0.1"),
        of("version-alpha", "1.0a1"),
        of("version-rc", "1.0.0rc2"),
        of("version-post", "1.0.0.post1"),
        of("version-epoch", "1!2.0"),
        of("version-dev", "1.2.3.dev5"),
        of("version-dev-local", "1.2.3.dev5+gabcdef0"),
        of("version-alpha-dev", "1.0a1.dev4"),
        of("version-post-dev", "1.0.0.post3.dev2"),
        of("version-commit", "1.0.0+g1a2b3c4"),
        of("version-ubuntu", "1.0.0+ubuntu1"),
        of("version-dirty", "1.0.0+g1a2b3c4.dirty"),
        of("version-dated", "1.0.0+g1a2b3c4.d20260101"),
    ]
}

fn unreadable() -> Vec<State> {
    let told = |name: &'static str, version: &'static str| State::new(name).told(version);
    vec![
        told("told-with-v", "v1.0.0"),
        told("told-with-zeros", "01.02.03"),
        told("told-word", "unknown"),
        told("told-suffix", "1.0-banana"),
        told("told-described", "1.0.0-0-g1a2b3c4d"),
        told("told-nothing", ""),
        State::new("metadata-gone").damaged(Damage::NoMetadata),
        State::new("metadata-empty").damaged(Damage::EmptyMetadata),
    ]
}

fn urls() -> Vec<State> {
    let changes = "https://example.org/changes";
    let repository = "https://github.com/own/tool";
    let labelled = |name: &'static str, label: &str, url: &str| State::new(name).url(label, url);
    vec![
        labelled("url-changelog", "changelog", changes),
        labelled("url-changelog-capital", "Changelog", changes),
        labelled("url-changes", "Changes", changes),
        labelled("url-release-notes", "Release Notes", changes),
        labelled("url-repository", "Repository", repository),
        labelled("url-repository-git", "repository", "https://github.com/own/tool.git"),
        labelled("url-repository-slash", "repository", "https://github.com/own/tool/"),
        labelled("url-repository-elsewhere", "repository", "https://gitlab.com/own/tool"),
        labelled("url-repository-http", "repository", "http://github.com/own/tool"),
        labelled("url-source", "Source", repository).url("Homepage", repository),
        State::new("url-home-page").header("Home-page", repository),
    ]
}

fn infos() -> Vec<State> {
    let info = |name: &'static str, git_version: &str| {
        let urls = json!({"changelog": "https://example.org/changes", "repository": "https://github.com/own/tool"});
        let text = json!({
            "project_name": name, "package_name": name, "urls": urls, "package_version": "1.0.0",
            "git_version": git_version, "commit_sha": COMMIT, "build_time": "2026-08-25T16:48:14+00:00",
            "system_dependencies": {"debian": ["no-such-package"]},
        });
        State::new(name).release_info(&text.to_string())
    };
    let commit = json!({"commit_sha": COMMIT}).to_string();
    vec![
        info("info", "v1.0.0-0-g985c1d0b"),
        info("info-dirty", "v1.0.0-3-g985c1d0b-dirty"),
        info("info-other-version", "v0.9.0-3-g985c1d0b"),
        info("info-no-version", "banana"),
        State::new("info-commit").release_info(&commit),
        State::new("info-without-commit").release_info(r#"{"git_version": "v1.0.0-2-g985c1d0b"}"#),
        State::new("info-broken").release_info(r#"{"git_ver"#),
        State::new("info-empty").release_info(""),
        State::new("info-nothing").release_info("{}"),
        State::new("info-list").release_info("[1]"),
        State::new("info-json").file("info_json_data/release_info.json", &commit),
    ]
}

/// From git, as `direct_url.json` has it.
pub fn git(url: &str, commit: Option<&str>) -> String {
    let mut text = json!({"url": url, "vcs_info": {"vcs": "git"}});
    if let Some(commit) = commit {
        text["vcs_info"]["commit_id"] = commit.into();
    }
    text.to_string()
}

fn sources() -> Vec<State> {
    let github =
        |name: &'static str| State::new(name).direct_url(&git("https://github.com/own/unknown.git", Some(COMMIT)));
    let other = json!({"commit_sha": "1".repeat(40)}).to_string();
    vec![
        github("github"),
        github("github-branch").options("channel: dev\nprimary_branch: main"),
        github("github-info").release_info(&other),
        State::new("source-broken").direct_url("{\"url"),
        State::new("source-empty").direct_url(""),
        State::new("source-list").direct_url("[]"),
    ]
}

fn unusable_sources() -> Vec<State> {
    let other = |name: &'static str, text: &str| State::new(name).direct_url(text);
    let elsewhere = |name: &'static str, url: &str| State::new(name).direct_url(&git(url, Some(COMMIT)));
    vec![
        other("source-archive", r#"{"url": "file:///x/tool.whl", "archive_info": {}}"#),
        other("source-folder", r#"{"url": "file:///x", "dir_info": {}}"#),
        other("source-editable", r#"{"url": "file:///x", "dir_info": {"editable": true}}"#),
        other("source-nothing", "{}"),
        elsewhere("source-gitlab", "https://gitlab.com/own/tool.git"),
        elsewhere("source-file", "file:///x/tool.git"),
        elsewhere("source-ssh", "ssh://git@github.com/own/tool.git"),
        elsewhere("source-http", "http://github.com/own/tool.git"),
        State::new("source-no-commit").direct_url(&git("https://github.com/own/tool", None)),
    ]
}

/// Another commit.
const OTHER: &str = "1111111111111111111111111111111111111111";

fn github() -> Vec<State> {
    let of = |name: &'static str, tags: &[&str]| {
        State::new(name).at_github(COMMIT, tags.iter().map(|tag| Release::new(tag)).collect())
    };
    let dev = |name: &'static str, commit: &str| of(name, &[]).options("channel: dev").pushed("main", commit);
    vec![
        of("hub-behind", &["v1.0.0", "v1.1.0"]),
        of("hub-current", &["v0.9.0", "v1.0.0"]),
        of("hub-newer", &["v0.9.0"]),
        of("hub-unparsable", &["nightly"]),
        of("hub-no-release", &[]).pushed("main", OTHER),
        State::new("hub-beta")
            .options("channel: beta")
            .at_github(COMMIT, vec![Release::new("v1.1.0"), Release::new("v1.2.0b1").prerelease()]),
        dev("hub-dev", OTHER),
        dev("hub-dev-current", COMMIT),
        dev("hub-dev-branch", COMMIT).options("primary_branch: next").pushed("next", OTHER),
        State::new("hub-dev-of-dev")
            .installed("1.2.0.dev1")
            .at_github(COMMIT, Vec::new())
            .options("channel: dev")
            .pushed("main", OTHER),
    ]
}

fn names() -> Vec<State> {
    vec![
        State::new("Name-Case").of("name-case"),
        State::new("name.dot").of("name-dot"),
        State::new("name-other").of("real-thing").options("project_name: Real_Thing"),
        State::new("name-with-version").options("project_name: name-with-version>=1.0"),
        State::new("absent").absent(),
        State::new("klipperish").service(),
        State::new("klipper-two").service(),
        State::new("other-service").service(),
        State::new("tags").options("info_tags:\n  desc=x\n  plain"),
    ]
}

fn environments() -> Vec<State> {
    let offered = |name: &'static str| State::new(name).published(&["1.0.0", "1.1.0"]);
    let damaged = |name: &'static str, damage: Damage| offered(name).damaged(damage);
    vec![
        offered("env").named(Named::Env),
        offered("env-both").named(Named::Both),
        offered("env-linked").named(Named::Linked),
        offered("env-neither").named(Named::Neither),
        offered("env-missing").named(Named::Missing),
        offered("env-a-file").named(Named::AFile),
        damaged("env-no-activate", Damage::NoActivate),
        damaged("env-no-python", Damage::NoInterpreter),
        damaged("env-python-gone", Damage::InterpreterGone),
        damaged("env-python-a-text", Damage::NotExecutable),
        damaged("env-no-lib", Damage::NoLibrary),
        damaged("env-python-fails", Damage::Fails),
        damaged("env-no-pip", Damage::NoPip),
    ]
}
