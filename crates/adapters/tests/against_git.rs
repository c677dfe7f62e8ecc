//! Random repositories: what the cheap look says equals what plain git commands say one by one, with and without the
//! fingerprint, and after a random change.
//!
//! `REFIT_CASES` sets the number of repositories (12 unless told otherwise).
#![allow(clippy::disallowed_methods, reason = "a test reads the environment and the clock itself")]

#[path = "against_git/history.rs"]
mod history;
#[path = "against_git/plain.rs"]
mod plain;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use history::{Case, Change, Clone, NAMES, apply, case, make};
use proptest::prelude::*;
use refit_adapters::command::Surroundings;
use refit_adapters::git::{Git, facts};
use refit_model::name::{BranchName, UpdaterName};
use refit_model::settings::Channel;
use refit_model::updater::Common;
use refit_model::updater::git::{GitFacts, GitSpec};
use refit_testkit::git::{GitWorld, Remote, Work};

/// A `git` that notes each call, and the notes.
struct Counted {
    git: Git,
    log: PathBuf,
}

impl Counted {
    async fn new(world: &GitWorld) -> Self {
        let folder = world.root().join("counted");
        let log = world.root().join("calls");
        fs::create_dir_all(&folder).unwrap();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let real = std::env::split_paths(&path).map(|dir| dir.join("git")).find(|git| git.exists()).unwrap();
        let script = format!("#!/bin/sh\necho x >> '{}'\nexec '{}' \"$@\"\n", log.display(), real.display());
        fs::write(folder.join("git"), script).unwrap();
        fs::set_permissions(folder.join("git"), fs::Permissions::from_mode(0o755)).unwrap();
        let mut search = folder.into_os_string();
        search.push(":");
        search.push(path);
        let home = world.root().join("home");
        let passed_on = world.environment().into_iter().filter(|(name, _)| name.starts_with("GIT_CONFIG"));
        let passed_on = passed_on.map(|(name, value)| (name.into(), value.into())).collect();
        Self { git: Git::find(Surroundings { home, path: search, passed_on }).await.unwrap(), log }
    }

    /// Looks, and says how many processes that took.
    async fn look(&self, spec: &GitSpec, before: &GitFacts) -> (GitFacts, usize) {
        let _none = fs::remove_file(&self.log);
        // Ten seconds ahead: everything has settled.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64() + 10.0;
        let facts = facts::look(&self.git, spec, before, now).await;
        (facts, fs::read_to_string(&self.log).map(|calls| calls.lines().count()).unwrap_or(0))
    }
}

fn spec(path: &Path, remote: &Remote, channel: Channel, pin: Option<String>) -> GitSpec {
    GitSpec {
        common: Common { config_hash: "x".to_owned(), ..Common::usual(UpdaterName::new("app").unwrap(), channel) },
        path: path.to_owned(),
        origin: remote.url(),
        moved_origin: None,
        primary_branch: BranchName::new("master").unwrap(),
        pinned_commit: pin,
    }
}

/// The same from the facts.
fn from_facts(facts: &GitFacts) -> plain::Seen {
    let (local, remote) = (&facts.local, &facts.remote);
    let mark = if local.dirty { "-dirty" } else { "" };
    let listed = remote.commits_behind.iter();
    plain::Seen {
        head: local.head.clone().map(String::from),
        describe: local.describe.as_ref().map(|text| format!("{text}{mark}")),
        modified: local.modified.clone(),
        untracked: local.untracked.clone(),
        upstream: remote.upstream.clone().map(String::from),
        diverged: remote.diverged,
        offered: remote.offered.clone().map(String::from),
        offered_describe: remote.describe.clone(),
        behind: remote.behind_count,
        listed: listed
            .map(|c| (c.sha.clone(), c.subject.trim().to_owned(), c.message.clone(), c.tag.clone()))
            .collect(),
    }
}

fn assert_same(work: &Work, spec: &GitSpec, facts: &GitFacts, when: &str) {
    let said = from_facts(facts);
    if facts.local.remote_url.is_none() || facts.local.branch.is_none() {
        // Nothing is compared with where nothing is known: a detached HEAD that names no remote branch.
        assert!(facts.local.detached, "{when}: {:?}", facts.local);
        return;
    }
    let mut plain = plain::look(work, spec, said.offered.as_deref());
    if let Some(tag) = &facts.remote.offered_tag {
        // The description is the tag itself, and its commits are counted even when it is older and not offered.
        plain.offered_describe.clone_from(&said.offered_describe);
        let count = work.git(&["rev-list", "--count", &format!("HEAD..refs/tags/{tag}")]);
        plain.behind = count.parse().unwrap();
    }
    assert_eq!(said, plain, "{when}");
    let count =
        |revision: Option<String>| work.git(&["rev-list", "--count", &revision.unwrap_or_default()]).parse().ok();
    // Only where a version must be inferred from them.
    if facts.local.commit_count.is_some() {
        assert_eq!(facts.local.commit_count, count(said.head.clone()), "{when}: commits of HEAD");
    }
    if facts.remote.commit_count.is_some() {
        assert_eq!(facts.remote.commit_count, count(said.offered.clone()), "{when}: commits of what is offered");
    }
}

async fn check(case: Case) {
    let place = refit_testkit::scratch::scratch();
    let world = GitWorld::new(place.path());
    let remote = world.remote("own/app");
    remote.commit(&[("a.py", "one\n"), ("src/deep/er.py", "two\n")], "First");
    remote.commit(&[("b.c", "three\n")], "Second");
    remote.git(&["config", "uploadpack.allowFilter", "true"]);
    let seed = remote.clone_to(world.root().join("seed"));
    if case.submodule {
        let other = world.remote("own/other");
        other.commit(&[("x.py", "x\n")], "Other");
        seed.git(&["submodule", "--quiet", "add", &other.url(), "sub"]);
    }
    make(&seed, &case.past);
    let options: &[&str] = match case.clone {
        Clone::Full => &[],
        Clone::Shallow => &["--depth", "2", "--no-local"],
        Clone::Partial => &["--filter=blob:none", "--no-local"],
    };
    let work = remote.clone_with(&remote.url(), world.root().join("app"), options);
    if case.submodule {
        work.git(&["submodule", "--quiet", "update", "--init"]);
    }
    make(&seed, &case.future);
    work.git(&["fetch", "--quiet", "--prune", "origin"]);
    case.before.iter().for_each(|step| apply(&work, step));
    let pin = case.pin.map(|back| seed.try_git(&["rev-parse", &format!("master~{back}")]).stdout);
    let pin = pin.map(|sha| sha.trim().chars().take(12).collect::<String>()).filter(|pin| pin.len() == 12);
    let spec = spec(work.path(), &remote, case.channel, pin.filter(|pin| pin.bytes().all(|b| b.is_ascii_hexdigit())));
    let counted = Counted::new(&world).await;

    // Plain git writes the index when it refreshed it, so it is asked after the looks that must find nothing changed.
    let (mut seen, _) = counted.look(&spec, &GitFacts::default()).await;
    for (index, step) in std::iter::once(None).chain(case.after.iter().map(Some)).enumerate() {
        if let Some(step) = step {
            (seen, _) = counted.look(&spec, &seen).await;
            apply(&work, step);
            (seen, _) = counted.look(&spec, &seen).await;
        }
        let certain = seen.fingerprint.as_ref().is_some_and(|known| known["digest"].is_object());
        assert!(certain || case.submodule || !seen.local.damage.is_empty(), "no fingerprint: {seen:?}");
        let (again, processes) = counted.look(&spec, &seen).await;
        assert_eq!(again, seen, "nothing changed");
        assert!(!certain || processes == 0, "{processes} processes though nothing changed");
        assert_same(&work, &spec, &seen, &format!("after {index} changes"));
    }
}

#[test]
fn the_cheap_look_equals_plain_git() {
    let cases = std::env::var("REFIT_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(12);
    let config = ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 40, ..ProptestConfig::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    proptest!(config, |(case in case())| { runtime.block_on(check(case)); });
}

#[test]
fn the_usual_case_takes_three_commands() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let place = refit_testkit::scratch::scratch();
        let world = GitWorld::new(place.path());
        let remote = world.remote("own/app");
        remote.commit(&[("a.py", "one\n")], "First");
        remote.annotate("v1.0.0", "t");
        let work = remote.clone_to(world.root().join("app"));
        remote.commit(&[("a.py", "two\n")], "Second");
        work.git(&["fetch", "--quiet", "origin"]);
        let counted = Counted::new(&world).await;
        let spec = spec(work.path(), &remote, Channel::Dev, None);
        let (first, _) = counted.look(&spec, &GitFacts::default()).await;
        assert_eq!((first.remote.behind_count, first.remote.commits_behind.len()), (1, 1));
        work.write("a.py", "mine\n");
        let (second, processes) = counted.look(&spec, &first).await;
        assert_eq!((second.local.modified, processes), (vec!["a.py".to_owned()], 3));
    });
}

#[test]
fn every_kind_of_change_is_seen() {
    let name = |name: &str| NAMES.iter().position(|known| *known == name).unwrap();
    let (a, b, deep) = (name("a.py"), name("b.c"), name("src/deep/er.py"));
    let new_folder = |depth, empty| Change::NewFolder { depth, empty };
    let changes = [
        Change::SameSize { name: a },
        Change::SameSize { name: deep },
        Change::Stage { name: a },
        Change::Commit,
        Change::Mode { name: b },
        Change::Write { name: name("sp ace.py"), text: "new, in the root".to_owned() },
        Change::Write { name: name("src/x.txt"), text: "new, in a tracked folder".to_owned() },
        Change::Remove { name: b },
        new_folder(1, true),
        new_folder(4, true),
        Change::FileInNewFolder,
        Change::Ignore { name: name("sp ace.py"), excluded: false },
        Change::Ignore { name: name("src/x.txt"), excluded: true },
        Change::Ignore { name: name("#hash"), excluded: false },
        Change::Tag { name: 0 },
        Change::Link { name: b },
        Change::FileMode,
        Change::ResetBack,
        Change::MoveFolder,
        Change::Detach { remote: true },
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let place = refit_testkit::scratch::scratch();
        let world = GitWorld::new(place.path());
        let remote = world.remote("own/app");
        remote.commit(&[("a.py", "one\n"), ("src/deep/er.py", "two\n"), ("b.c", "three\n")], "First");
        remote.commit(&[("d.py", "four\n")], "Second");
        let work = remote.clone_to(world.root().join("app"));
        let spec = spec(work.path(), &remote, Channel::Dev, None);
        let counted = Counted::new(&world).await;
        let (mut seen, _) = counted.look(&spec, &GitFacts::default()).await;
        for change in changes {
            (seen, _) = counted.look(&spec, &seen).await;
            assert_eq!(counted.look(&spec, &seen).await, (seen.clone(), 0), "before {change:?}");
            apply(&work, &change);
            let processes;
            (seen, processes) = counted.look(&spec, &seen).await;
            assert!(processes > 0, "{change:?} was not seen");
            assert_same(&work, &spec, &seen, &format!("after {change:?}"));
        }
    });
}
