use refit_model::name::{BranchName, UpdaterName};
use refit_model::settings::Channel;
use refit_model::updater::Common;
use refit_model::updater::git::RollbackPoint;
use refit_testkit::git::{Commit, GitWorld, Remote, Work};

use super::*;
use crate::command::Surroundings;
use crate::git::facts;

struct Lab {
    _place: tempfile::TempDir,
    world: GitWorld,
    remote: Remote,
    work: Work,
    spec: GitSpec,
    git: Git,
}

#[allow(clippy::disallowed_methods, reason = "a test finds git itself")]
async fn lab() -> Lab {
    let place = refit_testkit::scratch::scratch();
    let world = GitWorld::new(place.path());
    let remote = world.remote("own/app");
    remote.commit(&[("a.py", "1\n"), (".gitignore", "*.log\n"), ("req.txt", "one\n")], "First");
    let work = remote.clone_to(world.root().join("app"));
    let spec = GitSpec {
        common: Common { refresh_interval_hours: 1, ..Common::usual(UpdaterName::new("app").unwrap(), Channel::Dev) },
        path: work.path().to_owned(),
        origin: remote.url(),
        moved_origin: None,
        primary_branch: BranchName::new("master").unwrap(),
        pinned_commit: None,
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let surroundings = Surroundings { home: world.root().join("home"), path, passed_on: Vec::new() };
    let git = Git::find(surroundings).await.unwrap();
    Lab { _place: place, world, remote, work, spec, git }
}

impl Lab {
    async fn survey(&self, action: Action) -> Survey {
        let mut facts = facts::look(&self.git, &self.spec, &GitFacts::default(), 0.0).await;
        let commit = CommitId::new(&self.remote.rev("master~1")).unwrap();
        let branch = "master".to_owned();
        facts.rollback = Some(RollbackPoint { commit, branch, detached: false, version: "?".to_owned() });
        survey(&self.git, &self.spec, &facts, action).await
    }
}

#[tokio::test]
async fn what_an_upgrade_would_meet() {
    let lab = lab().await;
    let newer = Commit::new("Second").file("new.txt", "n").file("debug.log", "n").file("dir/x", "n").file("f/y/z", "n");
    let tip = lab.remote.push("master", &newer.file("req.txt", "two\n").file("far.txt", "n"));
    lab.work.git(&["fetch", "--quiet", "origin"]);
    lab.work.write("a.py", "mine\n");
    lab.work.write("new.txt", "mine\n");
    lab.work.write("debug.log", "ignored, and mine\n");
    lab.work.write("dir/other", "no conflict\n");
    lab.work.write("f", "a file where a folder is wanted\n");
    let survey = lab.survey(Action::Upgrade).await;
    assert_eq!(survey.modified, ["a.py"]);
    assert_eq!(survey.conflicts, ["debug.log", "f", "new.txt"]);
    assert_eq!(survey.local_commits, []);
    assert_eq!(survey.target.map(String::from), Some(tip));
    assert!(survey.target_complete);
    assert_eq!(survey.primary_remote.as_deref(), Some("origin"));
}

#[tokio::test]
async fn a_target_that_is_not_whole_is_told() {
    let lab = lab().await;
    lab.remote.commit(&[("a.py", "2\n")], "Second");
    lab.work.git(&["-c", "fetch.unpackLimit=1000", "fetch", "--quiet", "origin"]);
    assert!(lab.survey(Action::Upgrade).await.target_complete);
    std::fs::remove_file(lab.work.object("origin/master:a.py")).unwrap();
    let survey = lab.survey(Action::Upgrade).await;
    assert!(survey.target.is_some() && !survey.target_complete);
}

#[tokio::test]
async fn a_soft_recovery_stays_where_the_remote_has_been() {
    let lab = lab().await;
    let head = lab.work.rev("HEAD");
    lab.remote.commit(&[("a.py", "2\n")], "Second");
    lab.work.git(&["fetch", "--quiet", "origin"]);
    assert_eq!(lab.survey(Action::SoftRecovery).await.target.map(String::from), Some(head.clone()));
    let mine = lab.work.commit(&[("b.py", "mine\n")], "Mine");
    let survey = lab.survey(Action::SoftRecovery).await;
    assert_eq!(survey.target.map(String::from), Some(lab.work.rev("origin/master")));
    assert_eq!(survey.local_commits.into_iter().map(String::from).collect::<Vec<_>>(), [mine]);
    let rollback = lab.survey(Action::Rollback).await;
    assert_eq!(rollback.target.map(String::from), Some(head));
    assert_eq!(lab.survey(Action::HardRecovery).await.target, None);
}

#[tokio::test]
async fn submodules_that_will_stand_elsewhere_are_named() {
    let lab = lab().await;
    let library = lab.world.remote("own/lib");
    let old = library.commit(&[("l.py", "1\n")], "First");
    let modules = format!("[submodule \"lib\"]\n\tpath = lib\n\turl = {}\n", library.url());
    lab.remote.push("master", &Commit::new("With a library").file(".gitmodules", modules).submodule("lib", &old));
    lab.work.git(&["pull", "--quiet"]);
    let next = library.commit(&[("l.py", "2\n")], "Second");
    lab.remote.push("master", &Commit::new("Another library").submodule("lib", &next));
    lab.work.git(&["fetch", "--quiet", "origin"]);
    assert_eq!(lab.survey(Action::Upgrade).await.submodules, [""; 0], "never checked out");
    library.clone_to(lab.work.path().join("lib")).git(&["checkout", "--quiet", &old]);
    assert_eq!(lab.survey(Action::Upgrade).await.submodules, ["lib"]);
    assert_eq!(lab.survey(Action::Upgrade).await.conflicts, [""; 0]);
    lab.world.work(lab.work.path().join("lib")).git(&["checkout", "--quiet", &next]);
    assert_eq!(lab.survey(Action::Upgrade).await.submodules, [""; 0], "it is there already");
}

#[tokio::test]
async fn nothing_there_is_nothing_to_survey() {
    let lab = lab().await;
    lab.remote.commit(&[("a.py", "2\n")], "Second");
    std::fs::remove_dir_all(lab.work.dot_git("")).unwrap();
    assert_eq!(lab.survey(Action::Upgrade).await, Survey::default());
    assert!(lab.world.root().exists());
}
