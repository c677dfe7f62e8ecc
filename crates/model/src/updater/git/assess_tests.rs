use std::path::PathBuf;

use super::super::{CommitBehind, Damage, RollbackPoint};
use super::*;
use crate::name::{BranchName, UpdaterName};
use crate::settings::Channel;
use crate::updater::Common;

const HEAD: &str = "007a7fb43b51c5f80bc76e41221a6edcf3cc1567";
const TIP: &str = "7688f9bcdc5cda86fd617061df20ef0b6cf2d588";

fn spec() -> GitSpec {
    GitSpec {
        common: Common {
            info_tags: vec!["x=1".to_owned()],
            ..Common::usual(UpdaterName::new("app").unwrap(), Channel::Dev)
        },
        path: PathBuf::from("/home/pi/app"),
        origin: "http://h/own/app.git".to_owned(),
        moved_origin: None,
        primary_branch: BranchName::new("master").unwrap(),
        pinned_commit: None,
    }
}

fn facts() -> GitFacts {
    let mut facts = GitFacts::default();
    facts.local.kind = super::super::RepoKind::Repo;
    facts.local.repo_detected = true;
    facts.local.head = CommitId::new(HEAD).ok();
    facts.local.branch = Some("master".to_owned());
    facts.local.remote_alias = Some("origin".to_owned());
    facts.local.remote_url = Some("http://h/own/app.git".to_owned());
    facts.local.recovery_url = facts.local.remote_url.clone();
    facts.local.describe = Some("v1.0.0-0-g007a7fb4".to_owned());
    facts.remote.upstream = CommitId::new(TIP).ok();
    facts.remote.offered = CommitId::new(TIP).ok();
    facts.remote.describe = Some("v1.0.0-1-g7688f9bc".to_owned());
    facts.remote.behind_count = 1;
    facts
}

fn lists(spec: &GitSpec, facts: &GitFacts) -> (bool, Vec<String>, Vec<String>) {
    let judged = assess(spec, facts);
    (judged.is_valid, judged.warnings, judged.anomalies)
}

fn versions(facts: &GitFacts) -> (String, String, String) {
    let judged = assess(&spec(), facts);
    (judged.version, judged.full_version_string, judged.remote_version)
}

#[test]
fn a_clean_clone_that_is_behind() {
    let mut facts = facts();
    facts.remote.commits_behind = vec![CommitBehind {
        sha: TIP.to_owned(),
        author: "Ann Author".to_owned(),
        date: 1_700_000_660,
        subject: "change 4".to_owned(),
        message: String::new(),
        tag: None,
    }];
    let judged = assess(&spec(), &facts);
    assert!(judged.is_valid && judged.pristine && judged.repo_detected);
    assert_eq!((&*judged.owner, &*judged.repo_name), ("own", "app"));
    assert_eq!((&*judged.current_hash, &*judged.remote_hash), (HEAD, TIP));
    assert_eq!((&*judged.version, &*judged.remote_version), ("v1.0.0-0", "v1.0.0-1"));
    assert_eq!((&*judged.rollback_version, &*judged.full_version_string), ("v1.0.0-0", "v1.0.0-0-g007a7fb4"));
    assert_eq!((judged.commits_behind_count, judged.commits_behind), (1, facts.remote.commits_behind.clone()));
    assert_eq!((judged.warnings, judged.anomalies), (vec![], vec![]));
    let commit = CommitId::new(TIP).unwrap();
    facts.rollback =
        Some(RollbackPoint { commit, branch: "master".to_owned(), detached: false, version: "v0.9-3".to_owned() });
    assert_eq!(assess(&spec(), &facts).rollback_version, "v0.9-3");
}

#[test]
fn nothing_there() {
    let judged = assess(&spec(), &GitFacts::default());
    let want = ["No git repo detected at configured path", "Failed to detect git branch", "Failed to detect repo url"];
    assert_eq!(judged.warnings, want);
    assert!(!judged.is_valid && judged.pristine && !judged.is_dirty);
    for field in [
        &judged.branch,
        &judged.remote_alias,
        &judged.remote_url,
        &judged.recovery_url,
        &judged.owner,
        &judged.repo_name,
        &judged.version,
        &judged.remote_version,
        &judged.rollback_version,
        &judged.full_version_string,
        &judged.current_hash,
        &judged.remote_hash,
    ] {
        assert_eq!(field, "?");
    }
    let mut corrupt = GitFacts::default();
    corrupt.local.corrupt = true;
    corrupt.local.damage = vec![Damage::BrokenIndex];
    let judged = assess(&spec(), &corrupt);
    assert_eq!(judged.warnings[..2], [want[0], "Repo is corrupt"]);
    assert_eq!(judged.damage, ["the file .git/index is damaged"]);
}

#[test]
fn without_a_remote_nothing_is_compared() {
    let mut facts = facts();
    facts.local.remote_alias = None;
    facts.local.remote_url = None;
    facts.local.dirty = true;
    let want = ["Failed to detect tracking remote for branch master", "Failed to detect repo url"];
    assert_eq!(lists(&spec(), &facts), (false, want.map(str::to_owned).into(), vec![]));
    assert_eq!(assess(&spec(), &facts).current_hash, "?");
}

#[test]
fn foreign_places_are_anomalies() {
    let mut facts = facts();
    facts.local.branch = Some("feature".to_owned());
    facts.local.remote_alias = Some("upstream".to_owned());
    facts.local.remote_url = Some("HTTP://H/Other/app".to_owned());
    let want = [
        "Repo not on official remote/branch, expected: origin/master, detected: upstream/feature",
        "Unofficial remote url: HTTP://H/Other/app",
    ];
    assert_eq!(lists(&spec(), &facts), (true, vec![], want.map(str::to_owned).into()));
    facts.local.branch = Some("master".to_owned());
    facts.local.remote_alias = Some("origin".to_owned());
    facts.local.remote_url = Some("HTTP://H/own/App".to_owned());
    assert_eq!(lists(&spec(), &facts), (true, vec![], vec![]), "case and ending do not matter");
    let silent = GitSpec { common: Common { report_anomalies: false, ..spec().common }, ..spec() };
    facts.remote.diverged = true;
    assert_eq!(lists(&silent, &facts), (false, vec![], vec![]));
    assert_eq!(lists(&spec(), &facts).2, ["Repo has diverged from remote"]);
}

#[test]
fn names_are_read_from_urls() {
    let read = |url| (owner_of(url).map(str::to_owned), name_of(url).map(str::to_owned));
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(read("https://github.com/Own/my.repo.git"), (some("Own"), some("my")));
    assert_eq!(read("http://h/app.git"), (some("app.git"), some("app")));
    assert_eq!(read("http://h/own/app.git/"), (some("own"), some("")));
    assert_eq!(read("git@h:own/app.x.git"), (None, some("app")));
    assert_eq!(read("file:///srv/app.git"), (None, some("app")));
    assert_eq!(read("app.git"), (None, None));
}

#[test]
fn modified_and_untracked_files_are_listed_as_python_does() {
    let mut facts = facts();
    facts.local.dirty = true;
    facts.local.modified = vec!["f.py".to_owned(), "it's.py".to_owned(), "\"sp ace.py\"".to_owned()];
    facts.local.untracked =
        ["b.c", "dir.py/", "dir/", "d/e.cpp", "\"sp ace.py\"", "X.PY", ".py", "y.pyc", "x.h"].map(str::to_owned).into();
    let (valid, warnings, anomalies) = lists(&spec(), &facts);
    let list = r#"['f.py', "it's.py", '"sp ace.py"']"#;
    assert_eq!(warnings, [format!("Repo is dirty.  Detected the following modified files: {list}")]);
    assert_eq!(anomalies, ["Repo has untracked source files: ['b.c', 'dir.py/', 'd/e.cpp']"]);
    let judged = assess(&spec(), &facts);
    assert!(!valid && judged.is_dirty && !judged.pristine);
    assert_eq!((&*judged.full_version_string, &*judged.version), ("v1.0.0-0-g007a7fb4-dirty", "v1.0.0-0"));
}

#[test]
fn a_detached_head_is_valid_in_debug_mode_only() {
    let mut facts = facts();
    facts.local.detached = true;
    let text = vec!["Detached HEAD detected".to_owned()];
    assert_eq!(lists(&spec(), &facts), (false, text.clone(), vec![]));
    assert_eq!(
        lists(&GitSpec { common: Common { debug: true, ..spec().common }, ..spec() }, &facts),
        (true, vec![], text)
    );
}

#[test]
fn a_branch_that_the_remote_does_not_have() {
    let mut facts = facts();
    facts.local.dirty = true;
    facts.remote = super::super::RemoteFacts::default();
    let judged = assess(&spec(), &facts);
    assert_eq!((&*judged.version, &*judged.remote_version, &*judged.remote_hash), ("?", "?", "?"));
    assert_eq!((&*judged.current_hash, judged.is_dirty, judged.is_valid), (HEAD, false, false));
}

#[test]
fn a_network_error_takes_nothing_away() {
    let mut facts = facts();
    facts.remote.error = Some("could not resolve host".to_owned());
    facts.git_messages = vec!["fatal: unable to access".to_owned()];
    let judged = assess(&spec(), &facts);
    assert!(judged.is_valid);
    assert_eq!((&*judged.remote_version, judged.remote_error.as_deref()), ("v1.0.0-1", Some("could not resolve host")));
}

#[test]
fn a_pin_that_does_not_exist_is_an_anomaly() {
    let pinned = GitSpec { pinned_commit: Some("deadbeef".to_owned()), ..spec() };
    assert_eq!(lists(&pinned, &facts()).2, ["Pinned Commit deadbeef does not exist"]);
    let mut facts = facts();
    facts.remote.pin_exists = true;
    assert_eq!(lists(&pinned, &facts), (true, vec![], vec![]));
}

#[test]
fn versions_without_a_tag_are_guessed() {
    let text = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
    let mut facts = facts();
    facts.local.describe = Some("007a7fb4".to_owned());
    facts.local.commit_count = Some(4);
    facts.remote.describe = Some("7688f9bc".to_owned());
    facts.remote.commit_count = Some(6);
    assert_eq!(versions(&facts), text("v0.0.0-4", "v0.0.0-4-g007a7fb4-inferred", "v0.0.0-6"));
    facts.local.dirty = true;
    assert_eq!(versions(&facts).1, "v0.0.0-4-g007a7fb4-dirty-inferred");
    assert!(assess(&spec(), &facts).is_dirty);
    facts.local.dirty = false;
    facts.remote.describe = Some("v1.0.0rc2-1-g7688f9bc".to_owned());
    assert_eq!(versions(&facts), text("1.0.0.rc1-4", "1.0.0.rc1-4-g007a7fb4-inferred", "v1.0.0rc2-1"));
    facts.remote.describe = None;
    facts.remote.offered_tag = Some("v1.1.0".to_owned());
    assert_eq!(versions(&facts), text("v1.0.0-4", "v1.0.0-4-g007a7fb4-inferred", "v1.1.0-0"));
}

#[test]
fn tags_that_are_no_versions_are_guessed_around() {
    let text = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
    let mut facts = facts();
    facts.local.describe = Some("v1.0.0-2-g007a7fb4".to_owned());
    facts.remote.describe = Some("release-9-1-g7688f9bc".to_owned());
    facts.remote.behind_count = 3;
    assert_eq!(versions(&facts), text("v1.0.0-2", "v1.0.0-2-g007a7fb4", "v1.0.0-5"));
    facts.local.describe = Some("release-1.0-0-g007a7fb4".to_owned());
    facts.local.commit_count = Some(4);
    facts.remote.commit_count = Some(5);
    facts.local.dirty = true;
    assert_eq!(versions(&facts), text("v0.0.0-4", "v0.0.0-4-g007a7fb4-inferred", "v0.0.0-5"));
    assert!(!assess(&spec(), &facts).is_dirty, "the mark is lost, as in Moonraker");
    let bare = "12345678";
    facts.local.describe = Some(bare.to_owned());
    assert_eq!(versions(&facts).0, "v0.0.0-4", "a bare hash is no version (CONTRACT §8 row 11)");
}

#[test]
fn hazards_are_named() {
    let mut facts = facts();
    facts.local.hazards = vec![
        Hazard { key: "core.fsmonitor".to_owned(), refused: false },
        Hazard { key: "filter.x.clean".to_owned(), refused: true },
    ];
    let want = [
        "Repo setting core.fsmonitor would run code and was switched off",
        "Repo setting filter.x.clean would run code or redirect git, updates are refused because of it",
    ];
    assert_eq!(lists(&spec(), &facts), (true, vec![], want.map(str::to_owned).into()));
}
