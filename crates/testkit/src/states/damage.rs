//! What a power cut, a full disk or a killed git leaves behind.

use super::{State, StateLab};

pub(super) const STATES: &[State] = &[
    State::new("damage-index-empty", "the index is an empty file", |lab| empty(lab, "index")),
    State::new("damage-index-truncated", "the index lost its second half", |lab| halve(lab, "index")),
    State::new("damage-index-zeroed", "the index is all zeros", |lab| zero(lab, "index")),
    State::new("damage-index-missing", "the index is gone", |lab| lab.clone().remove(".git/index")),
    State::new("damage-head-empty", "HEAD is an empty file", |lab| empty(lab, "HEAD")),
    State::new("damage-head-zeroed", "HEAD is all zeros", |lab| zero(lab, "HEAD")),
    State::new("damage-head-missing", "HEAD is gone", |lab| lab.clone().remove(".git/HEAD")),
    State::new("damage-config-empty", "the configuration is an empty file", |lab| empty(lab, "config")),
    State::new("damage-config-zeroed", "the configuration is all zeros", |lab| zero(lab, "config")),
    State::new("damage-config-garbled", "the configuration ends in the middle of a line", |lab| halve(lab, "config")),
    State::new("damage-ref-empty", "the branch's ref is an empty file", |lab| empty(lab, "refs/heads/master")),
    State::new("damage-ref-zeroed", "the branch's ref is all zeros", |lab| zero(lab, "refs/heads/master")),
    State::new("damage-ref-to-nowhere", "the branch's ref names an object that is not there", |lab| {
        let work = lab.clone();
        work.damage(&work.dot_git("refs/heads/master"), b"deadbeefdeadbeefdeadbeefdeadbeefdeadbeef\n");
    }),
    State::new("damage-remote-ref-empty", "the remote-tracking ref is an empty file", |lab| {
        let work = lab.clone();
        work.write(".git/refs/remotes/origin/master", "");
    }),
    State::new("damage-packed-refs-zeroed", "packed-refs is all zeros", |lab| zero(lab, "packed-refs")),
    State::new("damage-commit-empty", "HEAD's commit is an empty object", |lab| empty_object(lab, "HEAD")),
    State::new("damage-tree-empty", "HEAD's tree is an empty object", |lab| empty_object(lab, "HEAD^{tree}")),
    State::new("damage-blob-empty", "a file's blob is an empty object", |lab| empty_object(lab, "HEAD:app.py")),
    State::new("damage-blob-garbled", "a file's blob is half an object", |lab| {
        let work = lab.clone();
        work.loosen();
        let object = work.object("HEAD:README.md");
        let bytes = std::fs::read(&object).expect("the object was just unpacked");
        work.damage(&object, &bytes[..bytes.len() / 2]);
    }),
    State::new("damage-blob-missing", "a file's blob is gone", |lab| {
        let work = lab.clone();
        work.loosen();
        std::fs::remove_file(work.object("HEAD:app.py")).expect("the object was just unpacked");
    }),
    State::new("damage-commit-missing", "HEAD's parent is gone", |lab| {
        let work = lab.clone();
        work.loosen();
        std::fs::remove_file(work.object("HEAD~1")).expect("the object was just unpacked");
    }),
    State::new("damage-blob-empty-behind", "a blob is an empty object, and there is an update", |lab| {
        empty_object(lab, "HEAD:app.py");
        lab.remote.commit(&[("README.md", "# Newer\n")], "Change");
    }),
    State::new("damage-pack-truncated", "the pack lost its second half", |lab| {
        let work = lab.clone();
        let pack = work.pack();
        let bytes = std::fs::read(&pack).expect("a clone has a pack");
        work.damage(&pack, &bytes[..bytes.len() / 2]);
    }),
    State::new("damage-pack-empty", "the pack is an empty file", |lab| {
        let work = lab.clone();
        work.damage(&work.pack(), b"");
    }),
    State::new("damage-pack-index-missing", "the pack's index is gone", |lab| {
        let work = lab.clone();
        std::fs::remove_file(work.pack().with_extension("idx")).expect("a pack has an index");
    }),
    State::new("damage-objects-missing", "the objects folder is gone", |lab| lab.clone().remove(".git/objects")),
    State::new("damage-commit-graph-stale", "the commit-graph names a commit that is gone", |lab| {
        let work = lab.clone();
        work.commit(&[("local.txt", "local\n")], "Local");
        work.git(&["commit-graph", "write", "--reachable"]);
        std::fs::remove_file(work.object("HEAD")).expect("a fresh commit is a loose object");
        work.git(&["update-ref", "refs/heads/master", "origin/master"]);
    }),
    State::new("leftover-tmp-pack", "a half-written temporary pack and object lie about", |lab| {
        let work = lab.clone();
        work.write(".git/objects/pack/tmp_pack_Ab12Cd", "PACK half");
        work.write(".git/objects/ab/tmp_obj_Ab12Cd", "half");
        lab.remote.commit(&[("app.py", "print('three')\n")], "Change");
    }),
    State::new("leftover-index-lock", "a stale index.lock", |lab| lock(lab, "index.lock")),
    State::new("leftover-head-lock", "a stale HEAD.lock", |lab| lock(lab, "HEAD.lock")),
    State::new("leftover-ref-lock", "a stale lock of the branch", |lab| lock(lab, "refs/heads/master.lock")),
    State::new("leftover-remote-ref-lock", "a stale lock of the remote-tracking ref", |lab| {
        lock(lab, "refs/remotes/origin/master.lock");
    }),
    State::new("leftover-config-lock", "a stale config.lock", |lab| lock(lab, "config.lock")),
    State::new("leftover-packed-refs-lock", "a stale packed-refs.lock", |lab| lock(lab, "packed-refs.lock")),
];

fn empty(lab: &StateLab, file: &str) {
    let work = lab.clone();
    work.damage(&work.dot_git(file), b"");
}

fn zero(lab: &StateLab, file: &str) {
    let work = lab.clone();
    work.zero(&work.dot_git(file));
}

fn halve(lab: &StateLab, file: &str) {
    let work = lab.clone();
    let bytes = work.read(&format!(".git/{file}"));
    work.damage(&work.dot_git(file), &bytes[..bytes.len() / 2]);
}

fn empty_object(lab: &StateLab, revision: &str) {
    let work = lab.clone();
    work.loosen();
    work.damage(&work.object(revision), b"");
}

/// A stale lock, while there is an update to be had.
fn lock(lab: &StateLab, file: &str) {
    lab.clone().write(&format!(".git/{file}"), "");
    lab.remote.commit(&[("app.py", "print('three')\n")], "Change");
}
