use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::git_http::GitServer;

/// Builds states, some at a time. What identifies each: its refs, HEAD, and what git says of the work tree.
fn built(states: &[State], root: &Path, server: &GitServer) -> BTreeMap<&'static str, String> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut mine = Vec::new();
        while let Some(state) = states.get(next.fetch_add(1, Ordering::Relaxed)) {
            let lab = state.build(root, Some(server.control()));
            assert!(lab.path.exists(), "{} has no folder", state.name);
            mine.push((state.name, identity(&lab)));
        }
        mine
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|t| t.join().expect("every state can be built")).collect()
    })
}

fn identity(lab: &StateLab) -> String {
    if lab.name.starts_with("hostile") {
        return lab.remote.try_git(&["show-ref"]).stdout;
    }
    let refs = lab.work.try_git(&["show-ref", "--head"]);
    let status = lab.work.try_git(&["--no-optional-locks", "status", "--porcelain=v2", "--branch", "--ignored"]);
    let upstream = lab.remote.path().exists().then(|| lab.remote.try_git(&["show-ref"]).stdout);
    format!("{}\n{}\n{:?}", refs.stdout, status.stdout, upstream)
}

fn assert_same_twice(states: &[State]) {
    let identities: Vec<BTreeMap<&str, String>> = (0..2)
        .map(|_| {
            let dir = crate::scratch::scratch();
            let server = GitServer::start(remotes_of(dir.path()));
            built(states, dir.path(), &server)
        })
        .collect();
    for (name, first) in &identities[0] {
        assert_eq!(first, &identities[1][name], "{name} differs");
    }
}

#[test]
fn states_can_be_built_twice_the_same() {
    let some: Vec<State> = all().into_iter().step_by(9).collect();
    assert_same_twice(&some);
}

#[test]
#[ignore = "half a minute; the one above takes every ninth"]
fn every_state_can_be_built_twice_the_same() {
    assert_same_twice(&all());
}

#[test]
fn names_are_unique_and_enough() {
    let mut names: Vec<&str> = all().iter().map(|state| state.name).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(count >= 48, "{count}");
}

#[test]
fn the_section_says_what_the_state_wants() {
    let dir = crate::scratch::scratch();
    let lab = named("pin-abbreviated").build(dir.path(), None);
    let section = lab.section("app");
    let path = dir.path().join("work/pin-abbreviated");
    assert!(
        section
            .starts_with(&format!("[update_manager app]\ntype: git_repo\npath: {}\norigin: file://", path.display()))
    );
    assert!(section.contains("\npinned_commit: "), "{section}");
}

/// States whose point git itself can confirm in one line.
#[test]
fn states_are_what_they_say() {
    let dir = crate::scratch::scratch();
    let said = |name: &str, args: &[&str]| {
        let lab = named(name).build(dir.path(), None);
        let ran = lab.work.try_git(args);
        format!("{}{}", ran.stdout, ran.stderr).trim().to_owned()
    };
    assert_eq!(said("dirty-staged-modified", &["status", "--short"]), "MM app.py");
    assert_eq!(said("dirty-typechange", &["status", "--short"]), "T app.py");
    assert_eq!(said("dirty-mode", &["diff", "--summary"]), "mode change 100644 => 100755 app.py");
    assert!(said("merge-in-progress", &["status"]).contains("unmerged paths"));
    assert!(said("rebase-in-progress", &["status"]).contains("rebase in progress"));
    assert!(said("damage-commit-empty", &["log"]).contains("is empty"));
    assert!(said("damage-pack-truncated", &["fsck"]).contains("pack"));
    assert_eq!(said("touched", &["status", "--short"]), "");
    assert_eq!(said("worktree", &["rev-parse", "--is-inside-work-tree"]), "true");
    assert!(said("leftover-index-lock", &["add", "."]).contains("File exists"));
}
