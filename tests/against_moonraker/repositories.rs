//! Every state of a repository, times the calls that make sense in it, asked of both.

use std::collections::BTreeMap;
use std::time::Instant;

use refit_testkit::tree::Tree;
use serde_json::{Value, json};

use crate::asking::{Heard, Listener};
use crate::record::Record;
use crate::rows;
use crate::sides::{BOTH, Daemon, Side, Wanted};
use crate::verdict::{Case, Verdict};
use crate::world::{Copy, World};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// The status after the first pass.
    Status,
    /// `rollback` with nothing to go back to.
    RollbackAtFirst,
    /// `refresh` by name.
    Refresh,
    /// `upgrade` by name.
    Upgrade,
    /// The same again: nothing is to be done.
    UpgradeAgain,
    /// `rollback` after the upgrade.
    Rollback,
    /// `recover`.
    Soft,
    /// `recover` with `hard`.
    Hard,
}

/// The calls that each start from a fresh copy, one after the other in each repository.
const JOURNEYS: [(&str, &[Call]); 3] = [
    (
        "upgrade",
        &[Call::Status, Call::Refresh, Call::RollbackAtFirst, Call::Upgrade, Call::UpgradeAgain, Call::Rollback],
    ),
    ("soft", &[Call::Soft]),
    ("hard", &[Call::Hard]),
];

impl Call {
    fn ask(self, listener: &mut Listener, name: &str) -> Heard {
        let (method, params) = match self {
            Self::Status => return Heard::default(),
            Self::Refresh => ("machine.update.refresh", json!({"name": name})),
            Self::Upgrade | Self::UpgradeAgain => ("machine.update.upgrade", json!({"name": name})),
            Self::Rollback | Self::RollbackAtFirst => ("machine.update.rollback", json!({"name": name})),
            Self::Soft => ("machine.update.recover", json!({"name": name})),
            Self::Hard => ("machine.update.recover", json!({"name": name, "hard": true})),
        };
        let mut heard = listener.call(method, &params, self == Self::Refresh);
        if self == Self::Refresh
            && let Some(reply) = &mut heard.reply
            && let Some(entry) = reply["result"]["version_info"].as_object_mut()
        {
            entry.retain(|known, _| known == name);
        }
        heard
    }
}

type Records = BTreeMap<&'static str, Vec<(Call, Record)>>;

/// Asks one daemon everything of one journey.
fn travel(side: Side, world: &World, states: &[&'static str], journey: (&str, &[Call])) -> Records {
    let started = Instant::now();
    let copy = world.copy(&format!("{}-{}", side.word(), journey.0));
    let wanted = Wanted { sections: copy.sections.clone(), ..Wanted::default() };
    let daemon = Daemon::start(side, &copy.root, &wanted);
    daemon.wait_initialised();
    let mut listener = Listener::new(&daemon);
    let mut records = Records::new();
    for state in states {
        for call in journey.1 {
            let heard = call.ask(&mut listener, state);
            let status = listener.result("machine.update.status", &json!({}));
            let entry = status["version_info"][*state].clone();
            let record = Record::new(&heard, entry, look(&copy, state));
            let mut record = record.replaced(&copy.root.display().to_string(), "/W");
            for (text, name) in world.names() {
                record = record.replaced(&text, name);
            }
            records.entry(state).or_default().push((*call, record));
        }
    }
    daemon.stop();
    eprintln!("{} {}: {:?}", side.word(), journey.0, started.elapsed());
    records
}

/// The repository as git and the file system see it.
fn look(copy: &Copy, state: &str) -> Value {
    let work = copy.work(state);
    let told = |args: &[&str]| {
        let ran = work.try_git(args);
        if ran.ok() { json!(ran.stdout.trim_end()) } else { Value::Null }
    };
    let files = Tree::of(work.path());
    json!({
        "head": told(&["rev-parse", "--verify", "--quiet", "HEAD"]),
        "branch": told(&["symbolic-ref", "--quiet", "HEAD"]),
        "status": told(&["status", "--porcelain"]),
        "files": files.paths().filter(|path| !path.components().any(|part| part.as_os_str() == ".git")).map(|path| format!("{} {:?}", path.display(), files.get(path))).collect::<Vec<_>>(),
    })
}

/// The states that are compared, from testkit's catalogue.
const STATES: [&str; 102] = [
    "clean",
    "behind-1",
    "behind-1-fetched",
    "behind-35-untagged",
    "behind-40-tagged",
    "behind-120-tagged",
    "behind-merge",
    "behind-messages",
    "behind-everything",
    "dirty-modified",
    "dirty-staged",
    "dirty-staged-modified",
    "dirty-added",
    "dirty-deleted",
    "dirty-renamed",
    "dirty-mode",
    "dirty-typechange",
    "dirty-behind",
    "touched",
    "stashed",
    "untracked-py",
    "untracked-folder",
    "untracked-others",
    "untracked-in-the-way",
    "ignored-files",
    "detached-at-remote-commit",
    "detached-at-remote-branch",
    "detached-at-tag",
    "detached-at-local-commit",
    "ahead-1",
    "diverged",
    "diverged-dirty",
    "reset-back",
    "branch-without-upstream",
    "branch-other",
    "branch-upstream-renamed",
    "branch-with-slash",
    "branch-tracks-local",
    "merge-in-progress",
    "rebase-in-progress",
    "remote-other-alias",
    "remote-two",
    "remote-unofficial-url",
    "remote-none",
    "remote-main",
    "remote-branch-deleted",
    "remote-force-pushed",
    "remote-rewound",
    "remote-unrelated",
    "remote-empty",
    "remote-unreachable",
    "remote-404",
    "remote-moved",
    "shallow",
    "partial-blobless",
    "without-tags",
    "submodule",
    "submodule-modified",
    "submodule-pointer",
    "worktree",
    "separate-git-dir",
    "inside-repo",
    "missing-dot-git",
    "plain-folder",
    "unborn",
    "sparse",
    "tag-none-behind",
    "tag-lightweight-at-head",
    "tag-non-version",
    "tag-prerelease",
    "tag-hex-letter",
    "tag-unmerged",
    "tag-upstream-only",
    "tag-moved",
    "hash-like-version",
    "stable-candidate",
    "stable-no-candidate",
    "stable-older-candidate",
    "beta-candidate",
    "pin-equal",
    "pin-ancestor",
    "pin-descendant",
    "pin-abbreviated",
    "pin-unknown",
    "odd-names",
    "odd-names-modified",
    "odd-names-untracked",
    "path-with-space",
    "crlf-autocrlf",
    "damage-index-empty",
    "damage-head-empty",
    "damage-config-empty",
    "damage-ref-empty",
    "damage-commit-empty",
    "damage-commit-missing",
    "damage-index-truncated",
    "damage-blob-empty-behind",
    "damage-pack-truncated",
    "leftover-head-lock",
    "hostile-fsmonitor",
    "hostile-hooks",
    "hostile-filter",
];

/// All, or those that the variable `REFIT_TEST_STATES` names, to look into a complaint.
fn states() -> Vec<&'static str> {
    let wanted = std::env::var("REFIT_TEST_STATES").unwrap_or_default();
    let named = |name: &&str| wanted.is_empty() || wanted.split(',').any(|known| known == *name);
    STATES.into_iter().filter(named).collect()
}

#[test]
fn every_repository_fares_alike() {
    let states = states();
    let started = Instant::now();
    let world = World::of(&states);
    eprintln!("built {} in {:?}", states.len(), started.elapsed());
    let mut records: Vec<Records> = std::thread::scope(|scope| {
        let sides = BOTH.map(|side| {
            let (world, states) = (&world, &states);
            scope.spawn(move || everything(side, world, states))
        });
        sides.into_iter().map(|side| side.join().expect("a side was asked")).collect()
    });
    let (ours, theirs) = (records.pop().expect("two sides"), records.pop().expect("two sides"));
    let mut verdict = Verdict::new(rows::of_repositories());
    for (state, mine) in theirs {
        compare(&mut verdict, state, mine, &ours[state]);
    }
    verdict.finish(states.len() == STATES.len());
}

fn everything(side: Side, world: &World, states: &[&'static str]) -> Records {
    let mut all = Records::new();
    for journey in JOURNEYS {
        for (state, records) in travel(side, world, states, journey) {
            all.entry(state).or_default().extend(records);
        }
    }
    all
}

/// Judges a state call by call. What follows a call that left different repositories behind cannot be compared.
fn compare(verdict: &mut Verdict, state: &str, theirs: Vec<(Call, Record)>, ours: &[(Call, Record)]) {
    let mut alike = true;
    for ((call, theirs), (_, ours)) in theirs.into_iter().zip(ours) {
        alike |= matches!(call, Call::Status | Call::Soft | Call::Hard);
        if alike {
            let case = Case { state: state.to_owned(), call: format!("{call:?}"), theirs, ours: ours.clone() };
            alike = verdict.judge(&case);
        }
    }
}
