//! Random repositories: what the cheap look says equals what plain git commands say one by one, with and without the
//! fingerprint, and after a random change.
//!
//! `REFIT_CASES` sets the number of repositories (12 unless told otherwise).
#![allow(clippy::disallowed_methods, reason = "a test reads the environment and the clock itself")]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use proptest::prelude::*;
use refit_adapters::command::Surroundings;
use refit_adapters::git::{Git, facts};
use refit_model::name::{BranchName, UpdaterName};
use refit_model::settings::Channel;
use refit_model::updater::git::{GitFacts, GitSpec};
use refit_testkit::git::{GitWorld, Remote, Work};

/// Names that break parsers.
const NAMES: [&str; 12] = [
    "a.py",
    "b.c",
    "src/deep/er.py",
    "src/x.txt",
    "sp ace.py",
    "quo\"te.cpp",
    "\u{fc}n\u{ef}.py",
    "tab\there",
    "-dash",
    "#hash",
    "dir.py/in",
    "new\nline.py",
];
const TAGS: [&str; 10] =
    ["v1.0.0", "v1.1.0", "v1.2.0-beta.1", "v2.0.0rc1", "release-1", "v0.9", "abcdef", "x/y-1.0", "v3", "v1.0.0a2"];

#[derive(Debug, Clone)]
enum Past {
    Write { name: usize, text: String },
    Crlf { name: usize },
    Rename { from: usize, to: usize },
    Mode { name: usize },
    Remove { name: usize },
    Link { name: usize },
    Merge { name: usize, message: String },
    Tag { name: usize, annotated: bool },
    Ignore { name: usize },
}

#[derive(Debug, Clone)]
enum Change {
    Write { name: usize, text: String },
    SameSize { name: usize },
    Mode { name: usize },
    Remove { name: usize },
    Link { name: usize },
    Touch { name: usize },
    Stage { name: usize },
    StageAll,
    Commit,
    Tag { name: usize },
    NewFolder { depth: usize, empty: bool },
    FileInNewFolder,
    Ignore { name: usize, excluded: bool },
    Detach { remote: bool },
    ResetBack,
    MoveFolder,
    FileMode,
}

#[derive(Debug, Clone, Copy)]
enum Clone {
    Full,
    Shallow,
    Partial,
}

#[derive(Debug, Clone)]
struct Case {
    past: Vec<Past>,
    future: Vec<Past>,
    clone: Clone,
    submodule: bool,
    before: Vec<Change>,
    after: Vec<Change>,
    channel: Channel,
    pin: Option<usize>,
}

fn past() -> impl Strategy<Value = Past> {
    let name = 0..NAMES.len();
    let text = "[a-z\n\u{e9}]{0,12}";
    prop_oneof![
        4 => (name.clone(), text).prop_map(|(name, text)| Past::Write { name, text }),
        1 => name.clone().prop_map(|name| Past::Crlf { name }),
        1 => (name.clone(), name.clone()).prop_map(|(from, to)| Past::Rename { from, to }),
        1 => name.clone().prop_map(|name| Past::Mode { name }),
        1 => name.clone().prop_map(|name| Past::Remove { name }),
        1 => name.clone().prop_map(|name| Past::Link { name }),
        2 => (name.clone(), text).prop_map(|(name, message)| Past::Merge { name, message }),
        3 => (0..TAGS.len(), any::<bool>()).prop_map(|(name, annotated)| Past::Tag { name, annotated }),
        1 => name.prop_map(|name| Past::Ignore { name }),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    let name = 0..NAMES.len();
    prop_oneof![
        (name.clone(), "[a-z]{0,8}").prop_map(|(name, text)| Change::Write { name, text }),
        name.clone().prop_map(|name| Change::SameSize { name }),
        name.clone().prop_map(|name| Change::Mode { name }),
        name.clone().prop_map(|name| Change::Remove { name }),
        name.clone().prop_map(|name| Change::Link { name }),
        name.clone().prop_map(|name| Change::Touch { name }),
        name.clone().prop_map(|name| Change::Stage { name }),
        Just(Change::StageAll),
        Just(Change::Commit),
        (0..TAGS.len()).prop_map(|name| Change::Tag { name }),
        (1..4usize, any::<bool>()).prop_map(|(depth, empty)| Change::NewFolder { depth, empty }),
        Just(Change::FileInNewFolder),
        (name, any::<bool>()).prop_map(|(name, excluded)| Change::Ignore { name, excluded }),
        any::<bool>().prop_map(|remote| Change::Detach { remote }),
        Just(Change::ResetBack),
        Just(Change::MoveFolder),
        Just(Change::FileMode),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let channel = prop_oneof![2 => Just(Channel::Dev), 1 => Just(Channel::Stable), 1 => Just(Channel::Beta)];
    let clone = prop_oneof![4 => Just(Clone::Full), 1 => Just(Clone::Shallow), 1 => Just(Clone::Partial)];
    (
        proptest::collection::vec(past(), 1..8),
        proptest::collection::vec(past(), 0..8),
        clone,
        proptest::bool::weighted(0.2),
        proptest::collection::vec(change(), 0..4),
        proptest::collection::vec(change(), 1..3),
        channel,
        proptest::option::weighted(0.2, 0..4usize),
    )
        .prop_map(|(past, future, clone, submodule, before, after, channel, pin)| Case {
            past,
            future,
            clone,
            submodule,
            before,
            after,
            channel,
            pin,
        })
}

/// Makes history in a repository of the owner's, and pushes it.
fn make(seed: &Work, steps: &[Past]) {
    for (index, step) in steps.iter().enumerate() {
        let at = |name: usize| seed.path().join(NAMES[name]);
        match step {
            Past::Write { name, text } => write(&at(*name), text.as_bytes()),
            Past::Crlf { name } => {
                write(&at(*name), b"one\r\ntwo\r\n");
                write(&seed.path().join(".gitattributes"), b"* text=auto\n");
            }
            Past::Rename { from, to } => {
                seed.try_git(&["mv", "-f", "--", NAMES[*from], NAMES[*to]]);
            }
            Past::Mode { name } => mode(&at(*name)),
            Past::Remove { name } => remove(&at(*name)),
            Past::Link { name } => link(&at(*name)),
            Past::Merge { name, message } => {
                let side = format!("side-{index}-{}", seed.world().tick());
                seed.git(&["checkout", "--quiet", "-b", &side, "HEAD~1"]);
                write(&at(*name), message.as_bytes());
                commit(seed, message);
                seed.git(&["checkout", "--quiet", "master"]);
                if !seed.try_git(&["merge", "--quiet", "--no-edit", "-X", "ours", &side]).ok() {
                    seed.git(&["merge", "--abort"]);
                }
            }
            Past::Tag { name, annotated: true } => {
                seed.try_git(&["tag", "-a", "-m", "t", TAGS[*name]]);
            }
            Past::Tag { name, annotated: false } => {
                seed.try_git(&["tag", TAGS[*name]]);
            }
            Past::Ignore { name } => write(&seed.path().join(".gitignore"), format!("{}\n", NAMES[*name]).as_bytes()),
        }
        commit(seed, "a change\n\nwith  a body \n");
    }
    seed.git(&["push", "--quiet", "--force", "origin", "master"]);
    seed.git(&["push", "--quiet", "--tags", "origin"]);
}

fn apply(work: &Work, step: &Change) {
    let at = |name: usize| work.path().join(NAMES[name]);
    let new = work.path().join("brand/new/folder/here");
    match step {
        Change::Write { name, text } => write(&at(*name), text.as_bytes()),
        Change::SameSize { name } => {
            if let Ok(mut bytes) = fs::read(at(*name)) {
                bytes.iter_mut().for_each(|b| *b = b'~');
                write(&at(*name), &bytes);
            }
        }
        Change::Mode { name } => mode(&at(*name)),
        Change::Remove { name } => remove(&at(*name)),
        Change::Link { name } => link(&at(*name)),
        Change::Touch { name } => {
            if let Ok(bytes) = fs::read(at(*name)) {
                write(&at(*name), &bytes);
            }
        }
        Change::Stage { name } => {
            work.try_git(&["add", "--", NAMES[*name]]);
        }
        Change::StageAll => {
            work.try_git(&["add", "--all", "."]);
        }
        Change::Commit => {
            work.try_git(&["commit", "--quiet", "--allow-empty", "-m", "mine"]);
        }
        Change::Tag { name } => {
            work.try_git(&["tag", TAGS[*name]]);
        }
        Change::NewFolder { depth, empty } => {
            let folder: PathBuf = new.ancestors().nth(4 - depth).unwrap().to_owned();
            let _there = fs::create_dir_all(&folder);
            if !empty {
                write(&folder.join("file.py"), b"x");
            }
        }
        Change::FileInNewFolder => write(&new.join("file.py"), b"x"),
        Change::Ignore { name, excluded } => {
            let file = if *excluded { ".git/info/exclude" } else { ".gitignore" };
            write(&work.path().join(file), format!("{}\nbrand\n", NAMES[*name]).as_bytes());
        }
        Change::Detach { remote } => {
            work.try_git(&["checkout", "--quiet", if *remote { "origin/master" } else { "HEAD~0" }]);
        }
        Change::ResetBack => {
            work.try_git(&["reset", "--quiet", "--hard", "HEAD~1"]);
        }
        Change::MoveFolder => {
            let _there = fs::rename(work.path().join("src"), work.path().join("moved"));
        }
        Change::FileMode => {
            work.git(&["config", "core.fileMode", "false"]);
        }
    }
}

fn commit(work: &Work, message: &str) {
    work.git(&["add", "--all", "."]);
    work.git(&["commit", "--quiet", "--allow-empty", "--allow-empty-message", "-m", message]);
}

/// Replaces what is there, folders above included; where that cannot be, leaves it.
fn write(path: &Path, bytes: &[u8]) {
    let _there = path.parent().map(fs::create_dir_all);
    if fs::symlink_metadata(path).is_ok_and(|seen| seen.is_symlink()) {
        let _gone = fs::remove_file(path);
    }
    let _written = fs::write(path, bytes);
}

fn mode(path: &Path) {
    if let Ok(seen) = fs::symlink_metadata(path)
        && seen.is_file()
    {
        let _set = fs::set_permissions(path, fs::Permissions::from_mode(seen.permissions().mode() ^ 0o111));
    }
}

fn remove(path: &Path) {
    let _gone = fs::remove_file(path);
}

fn link(path: &Path) {
    remove(path);
    let _there = path.parent().map(fs::create_dir_all);
    let _made = symlink("a.py", path);
}

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
        name: UpdaterName::new("app").unwrap(),
        channel,
        channel_invalid: false,
        path: path.to_owned(),
        origin: remote.url(),
        moved_origin: None,
        primary_branch: BranchName::new("master").unwrap(),
        pinned_commit: pin,
        report_anomalies: true,
        info_tags: Vec::new(),
        refresh_interval_hours: 168,
        debug: false,
        managed_services: Vec::new(),
        requirements: None,
        config_hash: "x".to_owned(),
    }
}

/// What plain git commands say, one by one.
mod plain {
    use super::*;

    #[derive(Debug, PartialEq)]
    pub(super) struct Seen {
        pub(super) head: Option<String>,
        pub(super) describe: Option<String>,
        pub(super) modified: Vec<String>,
        pub(super) untracked: Vec<String>,
        pub(super) upstream: Option<String>,
        pub(super) diverged: bool,
        pub(super) offered: Option<String>,
        pub(super) offered_describe: Option<String>,
        pub(super) behind: u64,
        pub(super) listed: Vec<(String, String, String, Option<String>)>,
    }

    pub(super) fn look(work: &Work, spec: &GitSpec, offered: Option<&str>) -> Seen {
        let one =
            |args: &[&str]| Some(work.try_git(args)).filter(|ran| ran.ok()).map(|ran| ran.stdout.trim().to_owned());
        let status = work.try_git(&["status", "--porcelain"]).stdout;
        let lines = |code: fn(&str) -> bool| -> Vec<String> {
            let with = status.lines().filter(|line| line.get(..2).is_some_and(code));
            with.map(|line| line[3..].to_owned()).collect()
        };
        let upstream = one(&["rev-parse", "--verify", "--quiet", "refs/remotes/origin/master"]);
        let detached = one(&["symbolic-ref", "-q", "HEAD"]).is_none();
        let ancestor = work.try_git(&["merge-base", "--is-ancestor", "HEAD", "origin/master"]).ok();
        let head = one(&["rev-parse", "HEAD"]);
        let offered = match (&spec.pinned_commit, spec.channel) {
            (Some(pin), _) => {
                let found = one(&["rev-parse", "--verify", "--quiet", &format!("{pin}^{{commit}}")]);
                let after = work.try_git(&["merge-base", "--is-ancestor", "HEAD", pin]).ok();
                found.filter(|_| after).or(head.clone())
            }
            (None, Channel::Dev) => upstream.clone(),
            // Which tag wins is the model's judgement; what follows from it is compared.
            (None, Channel::Stable | Channel::Beta) => offered.map(str::to_owned),
        };
        let of = |name: &str| one(&["describe", name, "--always", "--tags", "--long", "--abbrev=8"]);
        let to = offered.clone().unwrap_or_default();
        let range = format!("HEAD..{to}");
        Seen {
            describe: one(&["describe", "--always", "--tags", "--long", "--dirty", "--abbrev=8"]),
            modified: lines(|code| code.trim() == "M"),
            untracked: lines(|code| code == "??"),
            diverged: !detached && !ancestor,
            offered_describe: offered.as_deref().and_then(of),
            behind: one(&["rev-list", &range, "--count"]).and_then(|n| n.parse().ok()).unwrap_or(0),
            listed: listed(work, &range),
            head,
            upstream,
            offered,
        }
    }

    fn listed(work: &Work, range: &str) -> Vec<(String, String, String, Option<String>)> {
        let tags = work.try_git(&[
            "for-each-ref",
            "--count=100",
            "--sort=-creatordate",
            "--contains=HEAD",
            "--merged=origin/master",
            "--format=%(if)%(*objectname)%(then)%(*objectname)%(else)%(objectname)%(end) %(refname:strip=2)",
            "refs/tags",
        ]);
        let mut names = std::collections::BTreeMap::new();
        for line in tags.stdout.lines() {
            let (sha, name) = line.split_once(' ').unwrap();
            names.insert(sha.to_owned(), name.to_owned());
        }
        let log = work.try_git(&["log", "--max-count=100", "--format=%H%x1d%s%x1d%b%x1e", range]).stdout;
        let records = log.split('\u{1e}').map(str::trim).filter(|record| !record.is_empty()).map(|record| {
            let mut fields = record.splitn(3, '\u{1d}').map(|field| field.trim().to_owned());
            let (sha, subject) = (fields.next().unwrap(), fields.next().unwrap_or_default());
            let tag = names.get(&sha).cloned();
            (sha, subject, fields.next().unwrap_or_default(), tag)
        });
        records
            .enumerate()
            .filter(|(index, record)| *index < 30 || record.3.is_some())
            .map(|(_, record)| record)
            .collect()
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
        let certain = seen.fingerprint.as_ref().is_some_and(|known| known["digest"].is_u64());
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
