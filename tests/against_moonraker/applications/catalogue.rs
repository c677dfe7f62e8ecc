//! The states of python applications that are compared, with the entry that Moonraker shows for each.
//!
//! The version `1.0.0` is installed and the only one on the index unless a state is about that. What a state shows beside
//! is what differs from such an application's entry.

use serde_json::json;

use super::state::{Damage, Named, State};

/// The commit that packages say they were built from.
const COMMIT: &str = "985c1d0bbeb90bc057d34a232c9dc3b05e0c6c8d";

/// All states, in the order of their sections.
pub fn all() -> Vec<State> {
    [offers(), versions(), unreadable(), urls(), infos(), sources(), unusable_sources(), names(), environments()]
        .into_iter()
        .flatten()
        .collect()
}

fn offers() -> Vec<State> {
    let channel = |name: &'static str, channel: &'static str| {
        State::new(name).options(&format!("channel: {channel}")).shows("channel", channel)
    };
    vec![
        State::new("current"),
        State::new("behind").published(&["1.0.0", "1.1.0"]).offers("1.1.0"),
        State::new("behind-far").installed("1.9.0").published(&["1.10.0"]).is("1.9.0", "1.9.0").offers("1.10.0"),
        State::new("pre").published(&["1.0.0", "1.1.0rc1"]),
        channel("pre-beta", "beta").published(&["1.0.0", "1.1.0rc1"]).offers("1.1.0rc1"),
        channel("pre-dev", "dev").published(&["1.0.0", "1.1.0rc1"]),
        channel("beta", "beta").published(&["1.0.0", "1.1.0"]).offers("1.1.0"),
        channel("dev", "dev").published(&["1.0.0", "1.1.0"]).offers("1.1.0"),
        State::new("yanked").published(&["1.0.0", "1.1.0"]).yanked("1.1.0"),
        State::new("yanked-itself").published(&["0.9.0", "1.0.0"]).yanked("1.0.0"),
        State::new("unpublished").published(&[]),
        State::new("newer").installed("2.0.0").is("2.0.0", "2.0.0"),
        State::new("pre-installed")
            .installed("1.1.0b1")
            .published(&["1.1.0b1", "1.1.0b2"])
            .is("1.1.0b1", "1.1.0b1")
            .offers("1.1.0b2"),
        State::new("pre-then-final")
            .installed("1.1.0b1")
            .published(&["1.1.0"])
            .is("1.1.0b1", "1.1.0b1")
            .offers("1.1.0"),
        State::new("post-offered").published(&["1.0.0.post2"]).offers("1.0.0.post2"),
        State::new("dev-offered").published(&["1.0.1.dev1"]).offers("1.0.1-1"),
        State::new("local-offered").published(&["1.0.0+local2"]).shows("remote_hash", "not-specified"),
        State::new("epoch-offered").published(&["1!0.5"]).offers("0.5").shows("remote_hash", "not-specified"),
        State::new("epoch-behind").installed("1!1.0").published(&["1!1.1"]).is("1.0", "1!1.0").offers("1.1"),
    ]
}

fn versions() -> Vec<State> {
    let of = |name: &'static str, full: &'static str| State::new(name).installed(full).published(&[full]);
    let dirty = |state: State| state.shows("is_dirty", true).shows("pristine", false);
    let local = |name: &'static str, full: &'static str| State::new(name).installed(full).is("1.0.0", full);
    vec![
        of("version-short", "1").is("1", "1"),
        of("version-two", "1.0").published(&["1.0.0"]).is("1.0", "1.0"),
        of("version-four", "1.0.0.1").is("1.0.0.1", "1.0.0.1"),
        of("version-alpha", "1.0a1").is("1.0a1", "1.0a1"),
        of("version-rc", "1.0.0rc2").is("1.0.0rc2", "1.0.0rc2"),
        of("version-post", "1.0.0.post1").is("1.0.0.post1", "1.0.0.post1"),
        of("version-epoch", "1!2.0").is("2.0", "1!2.0"),
        of("version-dev", "1.2.3.dev5").is("1.2.3-5", "1.2.3.dev5"),
        of("version-dev-local", "1.2.3.dev5+gabcdef0").is("1.2.3-5", "1.2.3.dev5+gabcdef0"),
        of("version-alpha-dev", "1.0a1.dev4").is("1.0a1-4", "1.0a1.dev4"),
        of("version-post-dev", "1.0.0.post3.dev2").is("1.0.0.post3-2", "1.0.0.post3.dev2"),
        local("version-commit", "1.0.0+g1a2b3c4"),
        local("version-ubuntu", "1.0.0+ubuntu1"),
        dirty(local("version-dirty", "1.0.0+g1a2b3c4.dirty")),
        dirty(local("version-dated", "1.0.0+g1a2b3c4.d20260101")),
    ]
}

fn unreadable() -> Vec<State> {
    let unreadable = |name: &'static str, version: &'static str, warning: &str| {
        let full = if version.is_empty() { "?" } else { version };
        let state = State::new(name).told(version).invalid(warning).shows("version", "?");
        state.shows("current_hash", "?").shows("full_version_string", full)
    };
    vec![
        State::new("told-with-v").told("v1.0.0").is("v1.0.0", "v1.0.0"),
        State::new("told-with-zeros").told("01.02.03").is("01.02.03", "01.02.03"),
        unreadable("told-word", "unknown", "Failed to parse package version"),
        unreadable("told-suffix", "1.0-banana", "Failed to parse package version"),
        unreadable("told-described", "1.0.0-0-g1a2b3c4d", "Failed to parse package version"),
        unreadable("told-nothing", "", "Failed to detect package version"),
        State::new("metadata-gone").damaged(Damage::NoMetadata).missing("No package metadata was found."),
        State::new("metadata-empty").damaged(Damage::EmptyMetadata).missing("No package metadata was found."),
    ]
}

fn urls() -> Vec<State> {
    let changes = "https://example.org/changes";
    let repository = "https://github.com/own/tool";
    let owned = |state: State, repo: &'static str| state.shows("owner", "own").shows("repo_name", repo);
    vec![
        State::new("url-changelog").url("changelog", changes).shows("changelog_url", changes),
        State::new("url-changelog-capital").url("Changelog", changes).shows("changelog_url", changes),
        State::new("url-changes").url("Changes", changes),
        State::new("url-release-notes").url("Release Notes", changes),
        owned(State::new("url-repository").url("Repository", repository), "tool"),
        owned(State::new("url-repository-git").url("repository", "https://github.com/own/tool.git"), "tool"),
        owned(State::new("url-repository-slash").url("repository", "https://github.com/own/tool/"), "tool/"),
        State::new("url-repository-elsewhere").url("repository", "https://gitlab.com/own/tool"),
        State::new("url-repository-http").url("repository", "http://github.com/own/tool"),
        State::new("url-source").url("Source", repository).url("Homepage", repository),
        State::new("url-home-page").header("Home-page", repository),
    ]
}

fn infos() -> Vec<State> {
    let known = |state: State| state.shows("current_hash", COMMIT);
    let info = |name: &'static str, git_version: &str| {
        let urls = json!({"changelog": "https://example.org/changes", "repository": "https://github.com/own/tool"});
        let text = json!({
            "project_name": name, "package_name": name, "urls": urls, "package_version": "1.0.0",
            "git_version": git_version, "commit_sha": COMMIT, "build_time": "2026-08-25T16:48:14+00:00",
            "system_dependencies": {"debian": ["no-such-package"]},
        });
        let state = known(State::new(name).release_info(&text.to_string())).shows("owner", "own");
        state.shows("repo_name", "tool").shows("changelog_url", "https://example.org/changes")
    };
    vec![
        info("info", "v1.0.0-0-g985c1d0b"),
        info("info-dirty", "v1.0.0-3-g985c1d0b-dirty").shows("is_dirty", true).shows("pristine", false),
        info("info-other-version", "v0.9.0-3-g985c1d0b"),
        info("info-no-version", "banana"),
        known(State::new("info-commit").release_info(&json!({"commit_sha": COMMIT}).to_string())),
        State::new("info-without-commit").release_info(r#"{"git_version": "v1.0.0-2-g985c1d0b"}"#),
        State::new("info-broken").release_info(r#"{"git_ver"#),
        State::new("info-empty").release_info(""),
        State::new("info-nothing").release_info("{}"),
        State::new("info-list").release_info("[1]").missing("'list' object has no attribute 'get'"),
        State::new("info-json").file("info_json_data/release_info.json", &json!({"commit_sha": COMMIT}).to_string()),
    ]
}

/// From git, as `direct_url.json` has it.
fn git(url: &str, commit: Option<&str>) -> String {
    let mut text = json!({"url": url, "vcs_info": {"vcs": "git"}});
    if let Some(commit) = commit {
        text["vcs_info"]["commit_id"] = commit.into();
    }
    text.to_string()
}

fn sources() -> Vec<State> {
    let github = |name: &'static str| {
        let state = State::new(name).direct_url(&git("https://github.com/own/tool.git", Some(COMMIT)));
        let state = state.shows("owner", "own").shows("repo_name", "tool").shows("current_hash", COMMIT);
        // Nobody answers for GitHub here.
        state.shows("remote_version", "?")
    };
    let other = json!({"commit_sha": "1".repeat(40)}).to_string();
    vec![
        github("github"),
        github("github-branch")
            .options("channel: dev\nprimary_branch: main")
            .shows("channel", "dev")
            .shows("branch", "main"),
        github("github-info").release_info(&other),
        State::new("source-broken").direct_url("{\"url"),
        State::new("source-empty").direct_url(""),
        State::new("source-list").direct_url("[]").missing("'list' object has no attribute 'get'"),
    ]
}

fn unusable_sources() -> Vec<State> {
    let other = |name: &'static str, text: &str, told: &str| {
        let warning = format!("Package installed from source other than pypi or git: {told}");
        State::new(name).direct_url(text).invalid(&warning)
    };
    let elsewhere = |name: &'static str, url: &str| {
        let state = State::new(name).direct_url(&git(url, Some(COMMIT))).shows("current_hash", COMMIT);
        state.invalid(&format!("Invalid repo url: {url}"))
    };
    vec![
        other(
            "source-archive",
            r#"{"url": "file:///x/tool.whl", "archive_info": {}}"#,
            "{'url': 'file:///x/tool.whl', 'archive_info': {}}",
        ),
        other("source-folder", r#"{"url": "file:///x", "dir_info": {}}"#, "{'url': 'file:///x', 'dir_info': {}}"),
        other(
            "source-editable",
            r#"{"url": "file:///x", "dir_info": {"editable": true}}"#,
            "{'url': 'file:///x', 'dir_info': {'editable': True}}",
        ),
        other("source-nothing", "{}", "{}"),
        elsewhere("source-gitlab", "https://gitlab.com/own/tool.git"),
        elsewhere("source-file", "file:///x/tool.git"),
        elsewhere("source-ssh", "ssh://git@github.com/own/tool.git"),
        elsewhere("source-http", "http://github.com/own/tool.git"),
        State::new("source-no-commit")
            .direct_url(&git("https://github.com/own/tool", None))
            .invalid("Failed to retrieve direct_url vcs info"),
    ]
}

fn names() -> Vec<State> {
    vec![
        State::new("Name-Case").of("name-case"),
        State::new("name_under").of("name-under"),
        State::new("name.dot").of("name-dot"),
        State::new("name-other").of("real-thing").options("project_name: Real_Thing"),
        State::new("name-extra")
            .options("project_name: name-extra[more]")
            .published(&["1.0.0", "1.1.0"])
            .offers("1.1.0"),
        State::new("name-with-version")
            .options("project_name: name-with-version>=1.0")
            .missing("Failed to find distribution info for project name-with-version>=1.0"),
        State::new("absent").absent().missing("Failed to find distribution info for project absent"),
        State::new("tags").options("info_tags:\n  desc=x\n  plain").shows("info_tags", json!(["desc=x", "plain"])),
    ]
}

fn environments() -> Vec<State> {
    let offered = |name: &'static str| State::new(name).published(&["1.0.0", "1.1.0"]).offers("1.1.0");
    let broken =
        |name: &'static str, damage: Damage, warning: &'static str| State::new(name).damaged(damage).missing(warning);
    vec![
        offered("env").named(Named::Env),
        offered("env-both").named(Named::Both),
        offered("env-linked").named(Named::Linked),
        State::new("env-neither").named(Named::Neither).missing(
            "[update_manager env-neither]: Option 'virtualenv' must specify a valid the path to a Python virtualenv",
        ),
        State::new("env-missing").named(Named::Missing).missing(
            "Invalid path for option `virtualenv` in section [update_manager env-missing]: \
             Path `{venv}-missing` does not exist",
        ),
        State::new("env-a-file").named(Named::AFile).missing(
            "[update_manager env-a-file]: Invalid virtualenv at path {venv}/pyvenv.cfg. \
             Verify that the 'virtualenv' option is set to a valid virtualenv path.",
        ),
        broken(
            "env-no-activate",
            Damage::NoActivate,
            "[update_manager env-no-activate]: Invalid virtualenv at path {venv}. \
             Verify that the 'virtualenv' option is set to a valid virtualenv path.",
        ),
        broken(
            "env-no-python",
            Damage::NoInterpreter,
            "[update_manager env-no-python]: Invalid python executable at {venv}/bin/python. \
             Verify that the 'virtualenv' option is set to a valid virtualenv path.",
        ),
        broken(
            "env-python-gone",
            Damage::InterpreterGone,
            "[update_manager env-python-gone]: Invalid python executable at {venv}/bin/python. \
             Verify that the 'virtualenv' option is set to a valid virtualenv path.",
        ),
        broken(
            "env-python-a-text",
            Damage::NotExecutable,
            "[update_manager env-python-a-text]: Invalid python executable at {venv}/bin/python. \
             Verify that the 'virtualenv' option is set to a valid virtualenv path.",
        ),
        broken("env-no-lib", Damage::NoLibrary, "Failed to find distribution info for project env-no-lib"),
        State::new("env-python-fails").damaged(Damage::Fails).shows("remote_version", "?"),
        State::new("env-no-pip").damaged(Damage::NoPip).shows("remote_version", "?"),
    ]
}
