//! Where HEAD stands: detached, ahead, diverged, on other branches, in the middle of something.

use super::{State, StateLab};
use crate::git::Work;

pub(super) const STATES: &[State] = &[
    State::new("detached-at-remote-commit", "detached at a commit of the remote branch", |lab| {
        let work = lab.clone();
        work.git(&["checkout", "--quiet", &work.rev("origin/master~1")]);
    }),
    State::new("detached-at-remote-branch", "detached at origin/master by name", |lab| {
        lab.clone().git(&["checkout", "--quiet", "origin/master"]);
    }),
    State::new("detached-at-tag", "detached at a tag", |lab| {
        lab.clone().git(&["checkout", "--quiet", "v0.1.0"]);
    }),
    State::new("detached-at-local-commit", "detached at a commit nobody else has", |lab| {
        let work = lab.clone();
        work.git(&["checkout", "--quiet", "--detach"]);
        work.commit(&[("local.txt", "local\n")], "Local");
    }),
    State::new("detached-dirty", "detached and modified", |lab| {
        let work = lab.clone();
        work.git(&["checkout", "--quiet", "v0.1.0"]);
        work.write("app.py", "print('mine')\n");
    }),
    State::new("ahead-1", "one local commit", |lab| {
        lab.clone().commit(&[("local.txt", "local\n")], "Local");
    }),
    State::new("diverged", "one local commit, one at the remote", |lab| {
        diverged(lab);
    }),
    State::new("diverged-fetched", "diverged, and fetched", |lab| {
        diverged(lab).git(&["fetch", "--quiet", "origin"]);
    }),
    State::new("diverged-dirty", "diverged and modified", |lab| {
        diverged(lab).write("README.md", "mine\n");
    }),
    State::new("reset-back", "HEAD two commits behind what was fetched", |lab| {
        lab.clone().git(&["reset", "--quiet", "--hard", "HEAD~2"]);
    }),
    State::new("branch-without-upstream", "a local branch that tracks nothing", |lab| {
        lab.clone().git(&["checkout", "--quiet", "--no-track", "-b", "mine"]);
    }),
    State::new("branch-other", "the branch develop, tracking origin/develop, which is ahead", |lab| {
        lab.remote.force("develop", "master");
        lab.clone().git(&["checkout", "--quiet", "develop"]);
        lab.remote.push("develop", &crate::git::Commit::new("Develop").file("app.py", "print('dev')\n"));
    }),
    State::new("branch-other-configured", "the branch develop, which is also the configured one", |lab| {
        lab.remote.force("develop", "master");
        lab.clone().git(&["checkout", "--quiet", "develop"]);
        lab.option("primary_branch", "develop");
    }),
    State::new("branch-upstream-renamed", "the branch mine, tracking origin/master", |lab| {
        lab.clone().git(&["checkout", "--quiet", "-b", "mine", "--track", "origin/master"]);
        lab.remote.commit(&[("app.py", "print('three')\n")], "Change");
    }),
    State::new("branch-with-slash", "the branch feature/one, tracking its namesake", |lab| {
        lab.remote.force("feature/one", "master");
        lab.clone().git(&["checkout", "--quiet", "feature/one"]);
    }),
    State::new("branch-tracks-local", "a branch that tracks a local branch", |lab| {
        lab.clone().git(&["checkout", "--quiet", "-b", "mine", "--track", "master"]);
    }),
    State::new("branch-named-like-tag", "a branch and a tag of one name", |lab| {
        lab.remote.force("v9", "master");
        lab.remote.tag_at("v9", "master~1");
        lab.clone().git(&["checkout", "--quiet", "-b", "v9", "--track", "refs/remotes/origin/v9"]);
    }),
    State::new("merge-in-progress", "a merge stopped at a conflict", |lab| {
        conflict(lab, &["merge", "origin/master"]);
    }),
    State::new("rebase-in-progress", "a rebase stopped at a conflict", |lab| {
        conflict(lab, &["rebase", "origin/master"]);
    }),
    State::new("cherry-pick-in-progress", "a cherry-pick stopped at a conflict", |lab| {
        conflict(lab, &["cherry-pick", "origin/master"]);
    }),
    State::new("bisect-in-progress", "in the middle of a bisection", |lab| {
        let work = lab.clone();
        work.git(&["bisect", "start", "HEAD", "HEAD~2"]);
    }),
];

fn diverged(lab: &StateLab) -> &Work {
    let work = lab.clone();
    work.commit(&[("local.txt", "local\n")], "Local");
    lab.remote.commit(&[("app.py", "print('three')\n")], "Theirs");
    work
}

/// Both sides change one line; the command stops there.
fn conflict(lab: &StateLab, command: &[&str]) {
    let work = lab.clone();
    work.commit(&[("app.py", "print('mine')\n")], "Mine");
    lab.remote.commit(&[("app.py", "print('theirs')\n")], "Theirs");
    work.git(&["fetch", "--quiet", "origin"]);
    let stopped = work.try_git(command);
    assert!(!stopped.ok(), "{command:?} was to stop at a conflict");
}
