//! Random histories of repositories, and random changes to a work tree.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use refit_model::settings::Channel;
use refit_testkit::git::Work;

/// Names that break parsers.
pub(crate) const NAMES: [&str; 12] = [
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
pub(crate) enum Past {
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
pub(crate) enum Change {
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
pub(crate) enum Clone {
    Full,
    Shallow,
    Partial,
}

#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) past: Vec<Past>,
    pub(crate) future: Vec<Past>,
    pub(crate) clone: Clone,
    pub(crate) submodule: bool,
    pub(crate) before: Vec<Change>,
    pub(crate) after: Vec<Change>,
    pub(crate) channel: Channel,
    pub(crate) pin: Option<usize>,
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

pub(crate) fn case() -> impl Strategy<Value = Case> {
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
pub(crate) fn make(seed: &Work, steps: &[Past]) {
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

pub(crate) fn apply(work: &Work, step: &Change) {
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
