//! Damage: what is named, what is not taken for it, and what is still known of a damaged repository.

use std::fs;

use refit_adapters::git::facts;
use refit_model::updater::git::{Damage, GitFacts, assess};
use refit_testkit::git_http::GitServer;
use refit_testkit::states::{self, StateLab};
use tokio::runtime::Runtime;

use super::{git, now, spec};

/// Each kind of damage, in the words that people are told.
const DAMAGE: [(&str, &str); 31] = [
    ("damage-index-empty", "the file .git/index is damaged"),
    ("damage-index-truncated", "the file .git/index is damaged"),
    ("damage-index-zeroed", "the file .git/index is damaged"),
    ("damage-index-missing", "the file .git/index is damaged"),
    ("damage-head-empty", "the file .git/HEAD is damaged"),
    ("damage-head-zeroed", "the file .git/HEAD is damaged"),
    ("damage-head-missing", "the file .git/HEAD is damaged"),
    ("damage-config-empty", "the file .git/config is damaged"),
    ("damage-config-zeroed", "the file .git/config is damaged"),
    ("damage-config-garbled", "the file .git/config is damaged"),
    ("damage-ref-empty", "the reference .git/refs/heads/master is damaged"),
    ("damage-ref-zeroed", "the reference .git/refs/heads/master is damaged"),
    ("damage-ref-to-nowhere", "the object deadbeefdeadbeefdeadbeefdeadbeefdeadbeef is missing"),
    ("damage-remote-ref-empty", "the reference .git/refs/remotes/origin/master is damaged"),
    ("damage-packed-refs-zeroed", "the reference .git/packed-refs is damaged"),
    ("damage-commit-empty", "the object file .git/objects/b9/78730f78a50ce7779d149c026d9f5ed388c079 is empty"),
    ("damage-tree-empty", "the object file .git/objects/c9/89f8c84d5092d13a82f078cbd27d49ca6b47de is empty"),
    ("damage-blob-empty", "the object file .git/objects/07/b8a7c85a97e5b897bbfdd84dc87b21f247bc99 is empty"),
    ("damage-blob-missing", "the object 07b8a7c85a97e5b897bbfdd84dc87b21f247bc99 is missing"),
    ("damage-commit-missing", "the object 56ea1e3aca8d42c460b46ea4690e383c98ade0ee is missing"),
    ("damage-pack-truncated", ".pack is incomplete"),
    ("damage-pack-empty", ".pack is incomplete"),
    ("damage-pack-index-missing", ".pack is incomplete"),
    ("damage-objects-missing", "is missing"),
    ("damage-commit-graph-stale", "the commit-graph names commits that are gone"),
    ("leftover-tmp-pack", "the pack .git/objects/pack/tmp_pack_Ab12Cd is incomplete"),
    ("leftover-index-lock", "the lock file .git/index.lock was left behind"),
    ("leftover-ref-lock", "the lock file .git/refs/heads/master.lock was left behind"),
    ("leftover-config-lock", "the lock file .git/config.lock was left behind"),
    ("leftover-packed-refs-lock", "the lock file .git/packed-refs.lock was left behind"),
    ("missing-dot-git", "the folder .git is missing"),
];

/// What looks odd and is not damage.
const SOUND: [&str; 16] = [
    "clean",
    "unborn",
    "detached-at-tag",
    "dirty-deleted",
    "shallow",
    "partial-blobless",
    "submodule",
    "worktree",
    "separate-git-dir",
    "alternates",
    "commit-graph",
    "sparse",
    "remote-unreachable",
    "merge-in-progress",
    "branch-without-upstream",
    "nested-repo",
];

/// Places for states, and what looks at them.
struct Bench {
    place: tempfile::TempDir,
    server: GitServer,
    runtime: Runtime,
}

impl Bench {
    fn new() -> Self {
        let place = refit_testkit::scratch::scratch();
        let server = GitServer::start(states::remotes_of(place.path()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { place, server, runtime }
    }

    fn build(&self, name: &str) -> StateLab {
        states::named(name).build(self.place.path(), Some(self.server.control()))
    }

    /// `later`: seconds from now.
    fn look(&self, lab: &StateLab, before: &GitFacts, later: f64) -> GitFacts {
        self.runtime.block_on(async { facts::look(&git(lab).await, &spec(lab), before, now() + later).await })
    }
}

#[test]
fn damage_is_named_exactly() {
    let place = refit_testkit::scratch::scratch();
    let server = GitServer::start(states::remotes_of(place.path()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (name, want) in DAMAGE {
        let lab = states::named(name).build(place.path(), Some(server.control()));
        let found: Vec<Damage> = runtime.block_on(async {
            // A minute later: what was left behind is not fresh any more.
            let first = facts::look(&git(&lab).await, &spec(&lab), &GitFacts::default(), now() + 60.0).await;
            let again = facts::look(&git(&lab).await, &spec(&lab), &first, now() + 90.0).await;
            assert_eq!(again, first, "{name}: it is as damaged as before");
            first.local.damage
        });
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        let found = lab.world.root().display().to_string() + &found.join("; ");
        assert!(found.contains(want) && !want.is_empty(), "{name}: {found}");
    }
}

/// Nothing is wrong with an ordinary repository, whatever else it is.
#[test]
fn sound_repositories_have_no_damage() {
    let place = refit_testkit::scratch::scratch();
    let server = GitServer::start(states::remotes_of(place.path()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for name in SOUND {
        let lab = states::named(name).build(place.path(), Some(server.control()));
        let facts = runtime
            .block_on(async { facts::look(&git(&lab).await, &spec(&lab), &GitFacts::default(), now() + 60.0).await });
        assert_eq!(facts.local.damage, [], "{name}");
    }
}

/// Index and packs of a repository with longer hashes look otherwise.
#[test]
fn a_repository_with_longer_hashes_is_sound() {
    let bench = Bench::new();
    let lab = bench.build("clean");
    fs::remove_dir_all(&lab.path).unwrap();
    let folder = lab.path.display().to_string();
    lab.world.git(lab.world.root(), &["init", "--quiet", "--object-format=sha256", &folder]);
    let work = lab.world.work(&lab.path);
    work.commit(&[("a.py", "one\n")], "First");
    work.git(&["repack", "-a", "-d", "-q"]);
    let local = bench.look(&lab, &GitFacts::default(), 60.0).local;
    assert_eq!((local.damage.as_slice(), local.head.map(|head| head.as_str().len())), (&[][..], Some(64)));
}

/// What a reference names is where the owner's version is: a recovery wants to stay there.
#[test]
fn where_head_was_is_known_though_it_cannot_be_read() {
    let bench = Bench::new();
    for name in [
        "damage-head-empty",
        "damage-head-missing",
        "damage-ref-zeroed",
        "damage-packed-refs-zeroed",
        "damage-commit-empty",
        "damage-tree-empty",
        "damage-index-zeroed",
        "damage-config-zeroed",
    ] {
        let lab = bench.build(name);
        let head = bench.look(&lab, &GitFacts::default(), 60.0).local.head.map(String::from);
        assert_eq!(head.as_deref(), Some("b978730f78a50ce7779d149c026d9f5ed388c079"), "{name}");
    }
}

/// Found while the daemon runs, too: git does not mind as long as its commit-graph knows the commit.
#[test]
fn a_commit_that_is_lost_while_nobody_looks_is_missed() {
    for empty in [true, false] {
        let bench = Bench::new();
        let lab = bench.build("clean");
        let work = lab.world.work(&lab.path);
        work.loosen();
        work.git(&["commit-graph", "write", "--reachable"]);
        let sound = bench.look(&lab, &GitFacts::default(), 60.0);
        assert_eq!(sound.local.damage, []);
        let (commit, id) = (work.object("HEAD"), work.rev("HEAD"));
        work.damage(&commit, b"");
        let want = if empty {
            Damage::EmptyObject { file: format!("objects/{}/{}", &id[..2], &id[2..]) }
        } else {
            fs::remove_file(&commit).unwrap();
            Damage::MissingObject { id: id.clone() }
        };
        let found = bench.look(&lab, &sound, 90.0).local;
        assert!(found.damage.contains(&want), "{:?}", found.damage);
        assert_eq!(found.head.map(String::from), Some(id));
    }
}

/// A commit-graph also hides that the history has a hole; after a power cut it is compared with the objects.
#[test]
fn a_hole_in_the_history_is_found_behind_a_commit_graph() {
    let bench = Bench::new();
    let lab = bench.build("clean");
    let work = lab.world.work(&lab.path);
    work.loosen();
    work.git(&["commit-graph", "write", "--reachable"]);
    let (parent, id) = (work.object("HEAD~1"), work.rev("HEAD~1"));
    fs::remove_file(parent).unwrap();
    let found = bench.look(&lab, &GitFacts::default(), 60.0).local.damage;
    assert_eq!(found, [Damage::BrokenCommitGraph, Damage::MissingObject { id }]);
}

/// As a failed recovery leaves it: the empty file is put aside, and the object is still lost.
#[test]
fn damage_that_changed_its_form_is_still_seen() {
    let bench = Bench::new();
    for name in ["damage-commit-empty", "damage-tree-empty", "damage-blob-empty"] {
        let lab = bench.build(name);
        let first = bench.look(&lab, &GitFacts::default(), 60.0);
        let [Damage::EmptyObject { file }] = first.local.damage.as_slice() else { panic!("{:?}", first.local) };
        fs::remove_file(lab.path.join(".git").join(file)).unwrap();
        let id = file.replace("objects/", "").replace('/', "");
        let again = bench.look(&lab, &first, 90.0).local;
        assert_eq!(again.damage, [Damage::MissingObject { id }], "{name}");
    }
}

#[test]
fn what_git_trips_over_is_called_corrupt() {
    let bench = Bench::new();
    for (name, detected) in [("damage-index-truncated", false), ("damage-commit-missing", true)] {
        let lab = bench.build(name);
        let facts = bench.look(&lab, &GitFacts::default(), 60.0);
        let judged = assess(&spec(&lab), &facts);
        assert_eq!((judged.corrupt, judged.is_valid, judged.repo_detected), (true, false, detected), "{name}");
        assert!(judged.warnings.contains(&"Repo is corrupt".to_owned()), "{name}: {judged:?}");
    }
}

/// A lock is fresh at first; that nothing else changes must not hide that it was left behind.
#[test]
fn a_lock_that_stays_is_told_though_nothing_changes() {
    let bench = Bench::new();
    let lab = bench.build("leftover-config-lock");
    let fresh = bench.look(&lab, &GitFacts::default(), 5.0);
    assert_eq!(fresh.local.damage, []);
    let old = bench.look(&lab, &fresh, 60.0).local.damage;
    assert_eq!(old, [Damage::StaleLock { file: "config.lock".to_owned() }]);
}
