//! Repositories of another build: shallow, partial, nested, or not there.

use super::State;
use crate::git::{Commit, Remote};

pub(super) const STATES: &[State] = &[
    State::new("shallow", "cloned with --depth 1, then one behind", |lab| {
        lab.clone_with(&["--depth", "1"]);
        lab.remote.commit(&[("app.py", "print('three')\n")], "Change");
    }),
    State::new("partial-blobless", "cloned with --filter=blob:none, then one behind", |lab| {
        lab.clone_with(&["--filter=blob:none"]);
        lab.remote.commit(&[("app.py", "print('three')\n")], "Change");
    }),
    State::new("single-branch", "cloned with --single-branch while there are others", |lab| {
        lab.remote.force("develop", "master~1");
        lab.clone_with(&["--single-branch"]);
    }),
    State::new("without-tags", "cloned with --no-tags", |lab| {
        lab.clone_with(&["--no-tags"]);
    }),
    State::new("mirrored-refspec", "a refspec that fetches one branch only", |lab| {
        let work = lab.clone();
        work.git(&["config", "remote.origin.fetch", "+refs/heads/master:refs/remotes/origin/master"]);
        lab.remote.commit(&[("app.py", "print('three')\n")], "Change");
    }),
    State::new("submodule", "with a submodule, checked out, then one behind", |lab| {
        submodule(lab);
        lab.remote.commit(&[("app.py", "print('three')\n")], "Change");
    }),
    State::new("submodule-modified", "a tracked file modified in the submodule", |lab| {
        submodule(lab);
        lab.work.write("lib/app.py", "mine\n");
    }),
    State::new("submodule-untracked", "an untracked file in the submodule", |lab| {
        submodule(lab);
        lab.work.write("lib/extra.py", "extra\n");
    }),
    State::new("submodule-moved", "the submodule stands at another commit than recorded", |lab| {
        submodule(lab);
        lab.world.work(lab.work.path().join("lib")).git(&["checkout", "--quiet", "HEAD~1"]);
    }),
    State::new("submodule-pointer", "with a submodule, checked out; then a version that moves it", |lab| {
        let library = submodule(lab);
        let next = library.commit(&[("app.py", "print('a new library')\n")], "Change of the library");
        lab.remote.push("master", &Commit::new("Move the submodule").submodule("lib", &next));
    }),
    State::new("submodule-absent", "with a submodule that was never checked out", |lab| {
        add_submodule(lab);
        lab.clone();
    }),
    State::new("worktree", "a linked work tree of a repository beside", |lab| {
        let main = lab.path.with_file_name(format!("{}-main", lab.name));
        let main = lab.remote.clone_with(&lab.url, &main, &[]);
        main.git(&["checkout", "--quiet", "--detach"]);
        main.git(&["worktree", "add", "--quiet", &lab.path.display().to_string(), "master"]);
        lab.remote.commit(&[("app.py", "print('three')\n")], "Change");
    }),
    State::new("separate-git-dir", "the .git folder stands elsewhere", |lab| {
        let elsewhere = lab.path.with_file_name(format!("{}-git", lab.name));
        lab.clone_with(&["--separate-git-dir", &elsewhere.display().to_string()]);
    }),
    State::new("alternates", "borrows its objects from the remote's folder", |lab| {
        lab.clone_with(&["--reference", &lab.remote.path().display().to_string()]);
    }),
    State::new("commit-graph", "with a commit-graph, packed refs and a gc behind it", |lab| {
        let work = lab.clone();
        work.git(&["gc", "--quiet"]);
        work.git(&["commit-graph", "write", "--reachable"]);
        lab.remote.commit(&[("app.py", "print('three')\n")], "Change");
    }),
    State::new("replaced-commit", "a replacement ref hides the true HEAD", |lab| {
        let work = lab.clone();
        work.git(&["replace", "HEAD", "HEAD~1"]);
    }),
    State::new("nested-repo", "another repository inside, untracked", |lab| {
        let work = lab.clone();
        let inner = lab.world.work(work.path().join("inner"));
        inner.write("inner.py", "inner\n");
        inner.git(&["init", "--quiet", "--template="]);
        inner.commit(&[("inner.py", "inner\n")], "Inner");
    }),
    State::new("inside-repo", "the configured path is a folder inside a repository", |lab| {
        lab.path = lab.clone().path().join("src");
    }),
    State::new("missing-dot-git", "the .git folder is gone, the files are there", |lab| {
        lab.clone().remove(".git");
    }),
    State::new("plain-folder", "a folder with files that never was a repository", |lab| {
        lab.work.write("app.py", "print('plain')\n");
    }),
    State::new("empty-folder", "an empty folder", |lab| {
        std::fs::create_dir_all(&lab.path).expect("a folder can be made");
    }),
    State::new("empty-dot-git", "an empty .git folder", |lab| {
        lab.clone().remove(".git");
        std::fs::create_dir(lab.work.dot_git("")).expect("a folder can be made");
    }),
    State::new("unborn", "a repository with a remote, and no commit", |lab| {
        std::fs::create_dir_all(&lab.path).expect("a folder can be made");
        lab.work.git(&["init", "--quiet", "--template="]);
        lab.work.git(&["remote", "add", "origin", &lab.url]);
        lab.work.git(&["config", "branch.master.remote", "origin"]);
        lab.work.git(&["config", "branch.master.merge", "refs/heads/master"]);
    }),
    State::new("sparse", "a sparse checkout of one folder", |lab| {
        lab.clone().git(&["sparse-checkout", "set", "src"]);
        lab.remote.commit(&[("app.py", "print('three')\n")], "Change");
    }),
];

/// Adds a submodule `lib` to the remote, by a relative URL so that the commit does not depend on the server.
fn add_submodule(lab: &super::StateLab) -> Remote {
    let (library, _) = lab.other_remote("lib");
    let modules = format!("[submodule \"lib\"]\n\tpath = lib\n\turl = ../{}-lib.git\n", lab.name);
    let commit = Commit::new("Add a submodule").file(".gitmodules", modules).submodule("lib", &library.rev("master"));
    lab.remote.push("master", &commit);
    library
}

fn submodule(lab: &super::StateLab) -> Remote {
    let library = add_submodule(lab);
    lab.clone_with(&["--recurse-submodules"]);
    library
}
