//! Single states of the catalogue, and what exactly a recovery or a rollback of them does and says.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use refit_engine::ports::{Look, StepError};
use refit_model::plan::{Action, Occasion, Plan, Verdict, plan};
use refit_model::refusal::Refusal;
use refit_model::step::{GitStep, Step};
use refit_model::updater::git::{GitFacts, assess};
use refit_model::updater::{Facts, Spec};
use refit_testkit::git_http::{Ask, Fault};
use refit_testkit::states::{StateLab, named};

use super::{Lab, files, world_of};

async fn state(name: &str) -> (Lab, StateLab) {
    world_of(tempfile::tempdir().unwrap(), named(name)).await
}

async fn verdict(lab: &Lab, facts: &GitFacts, action: Action) -> Result<Verdict, Refusal> {
    let facts = Facts::Git(Box::new(lab.look(facts, Look::Survey(action)).await));
    let occasion =
        Occasion { now: 1_775_124_930, mark: "one".to_owned(), application: "app".to_owned(), ..Occasion::default() };
    plan(action, &Spec::Git(lab.spec.clone()), &facts, &occasion)
}

/// Gives a file a time of long ago.
fn set_old(file: &Path) {
    let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    fs::File::options().write(true).open(file).unwrap().set_modified(old).unwrap();
}

/// A recovery from a fresh refresh on: its plan, how it went, what is seen afterwards.
async fn recover(lab: &Lab, action: Action) -> (Plan, Result<(), StepError>, GitFacts) {
    let facts = lab.refreshed().await;
    let plan = lab.planned(&facts, action).await;
    let went = lab.perform(&plan, 1).await.map(drop);
    let after = lab.look(&facts, Look::Local).await;
    (plan, went, after)
}

#[tokio::test]
async fn what_is_still_changed_is_not_called_recovered() {
    for name in ["submodule-modified", "submodule-moved"] {
        let (lab, built) = state(name).await;
        let before = files(&built.path);
        let (plan, went, after) = recover(&lab, Action::SoftRecovery).await;
        let error = went.unwrap_err();
        assert_eq!(error.message, "Recovery attempt failed, repo state not pristine", "{name}");
        assert!(error.command_failed && !assess(&lab.spec, &after).is_valid, "{name}");
        lab.undo(&plan, &[]).await;
        assert_eq!(files(&built.path), before, "{name}: the owner has everything back");
    }
}

#[tokio::test]
async fn a_recovery_that_goes_elsewhere_asks_the_remote_about_it() {
    let (lab, _) = state("branch-upstream-renamed").await;
    let (_, went, after) = recover(&lab, Action::SoftRecovery).await;
    went.unwrap();
    assert_eq!((after.local.branch.as_deref(), after.remote.behind_count), (Some("master"), 1));
    assert!(assess(&lab.spec, &after).is_valid);
}

#[tokio::test]
async fn a_folder_of_another_repository_is_not_replaced() {
    let (lab, built) = state("inside-repo").await;
    let facts = lab.refreshed().await;
    let before = files(&built.path);
    let refused = verdict(&lab, &facts, Action::HardRecovery).await;
    assert_eq!(refused, Err(Refusal::Unfit("Recovery url has not been detected, clone aborted".to_owned())));
    assert_eq!(files(&built.path), before);
}

#[tokio::test]
async fn what_was_never_valid_has_no_version_to_go_back_to() {
    for name in [
        "branch-upstream-renamed",
        "branch-without-upstream",
        "branch-tracks-local",
        "remote-none",
        "remote-empty",
        "remote-branch-deleted",
        "remote-branch-pruned",
        "damage-commit-empty",
        "damage-config-empty",
    ] {
        let (lab, _) = state(name).await;
        let facts = lab.refreshed().await;
        let refused = verdict(&lab, &facts, Action::Rollback).await;
        assert_eq!(refused, Err(Refusal::IncompleteRollback), "{name}");
    }
}

#[tokio::test]
async fn references_to_nowhere_are_mended_before_anything_is_fetched() {
    for name in ["damage-ref-to-nowhere", "damage-remote-ref-empty"] {
        let (lab, built) = state(name).await;
        let (plan, went, after) = recover(&lab, Action::SoftRecovery).await;
        assert!(matches!(plan.steps[0].step, Step::Git(GitStep::Heal { .. })), "{name}");
        went.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(assess(&lab.spec, &after).is_valid, "{name}");
        assert_eq!(built.work.try_git(&["fsck", "--full"]).code, Some(0), "{name}");
    }
}

#[tokio::test]
async fn a_stray_temporary_pack_is_swept_without_a_word() {
    let (lab, built) = state("clean").await;
    let facts = lab.refreshed().await;
    let stray = built.work.dot_git("objects/pack/tmp_pack_Ab12Cd");
    fs::write(&stray, "PACK half").unwrap();
    set_old(&stray);
    let seen = lab.look(&facts, Look::Local).await;
    assert_eq!(seen.local.damage.len(), 1);
    let plan = lab.planned(&seen, Action::SoftRecovery).await;
    assert!(plan.steps.iter().all(|planned| planned.announce.is_empty()), "{:?}", plan.steps);
    lab.perform(&plan, 1).await.unwrap();
    assert!(!stray.exists());
}

#[tokio::test]
async fn rights_that_git_does_not_look_at_stay() {
    let (lab, built) = state("dirty-mode-ignored").await;
    set_old(&built.path.join("app.py"));
    let (_, went, after) = recover(&lab, Action::SoftRecovery).await;
    went.unwrap();
    let mode = fs::metadata(built.path.join("app.py")).unwrap().permissions().mode();
    assert_eq!(mode & 0o111, 0o111);
    assert!(after.kept.is_empty());
}

#[tokio::test]
async fn a_clone_moves_to_where_it_was_whatever_the_pin() {
    for name in ["pin-descendant", "pin-abbreviated", "pin-upper-case"] {
        let (lab, built) = state(name).await;
        let head = built.work.rev("HEAD");
        let (_, went, _) = recover(&lab, Action::HardRecovery).await;
        went.unwrap();
        assert!(lab.told().contains(&format!("Moving HEAD to previous commit {head}")), "{name}: {}", lab.told());
    }
}

#[tokio::test]
async fn a_link_to_the_repository_stays_and_what_it_leads_to_is_replaced() {
    let (lab, built) = state("path-through-link").await;
    let real = fs::canonicalize(&built.path).unwrap();
    fs::write(real.join("app.py"), "mine\n").unwrap();
    let before = files(&real);
    let (_, went, after) = recover(&lab, Action::HardRecovery).await;
    went.unwrap();
    assert_eq!(fs::canonicalize(&built.path).unwrap(), real);
    assert!(fs::symlink_metadata(&built.path).unwrap().is_symlink() && fs::symlink_metadata(&real).unwrap().is_dir());
    assert_ne!(files(&real), before);
    let kept = after.kept[0].folder.clone().unwrap();
    assert_eq!(fs::read_to_string(kept.join("app.py")).unwrap(), "mine\n");
}

#[tokio::test]
async fn an_empty_remote_has_no_such_branch() {
    let (lab, _) = state("remote-empty").await;
    let (_, went, _) = recover(&lab, Action::HardRecovery).await;
    let error = went.unwrap_err();
    assert!(error.message.starts_with("Git Clone Error: the remote has no branch of this name ("), "{error}");
}

#[tokio::test]
async fn tags_here_are_those_of_a_plain_fetch() {
    for (name, tag) in [("tag-moved", "v0.1.0"), ("remote-two", "v0.1.0"), ("without-tags", "v0.1.0")] {
        let (lab, built) = state(name).await;
        let at = |tag: &str| built.work.try_git(&["rev-parse", "--verify", "--quiet", tag]).stdout;
        let before = at(tag);
        recover(&lab, Action::SoftRecovery).await.1.unwrap();
        assert_eq!(at(tag), before, "{name}");
    }
}

/// Attempts fail for want of the remote, after the empty object was moved away: HEAD's commit is missing then.
#[tokio::test]
async fn a_later_attempt_still_knows_where_head_stood() {
    for name in ["damage-commit-empty", "damage-ref-empty", "damage-ref-zeroed"] {
        let (lab, built) = state(name).await;
        let head = built.remote.git(&["rev-parse", "master"]);
        // It was updated before: the log knows an older commit, which is here and whole.
        let older = built.remote.git(&["rev-parse", "master~1"]);
        let log = built.work.dot_git("logs/refs/heads/master");
        let line = format!("{} {older} x <x> 1700000000 +0000\tclone\n", "0".repeat(40));
        fs::write(&log, line + &fs::read_to_string(&log).unwrap()).unwrap();
        built.remote.commit(&[("app.py", "print('three')\n")], "Newer");
        let route = built.remote.route();
        let mut facts = lab.refreshed().await;
        lab.server.add_fault(&route, Ask::Fetch, Fault::Refuse(503));
        for attempt in 1..=3 {
            let plan = lab.planned(&facts, Action::SoftRecovery).await;
            lab.perform(&plan, 2).await.unwrap_err();
            lab.undo(&plan, &[]).await;
            facts = lab.look(&facts, Look::Local).await;
            let seen = facts.local.head.as_ref().map(ToString::to_string);
            assert_eq!(seen.as_deref(), Some(head.as_str()), "{name}: after attempt {attempt}");
        }
        lab.server.heal(&route);
        let plan = lab.planned(&facts, Action::SoftRecovery).await;
        lab.perform(&plan, 1).await.unwrap();
        let after = lab.look(&facts, Look::Local).await;
        assert_eq!(built.work.rev("HEAD"), head, "{name}");
        assert!(assess(&lab.spec, &after).is_valid, "{name}");
        lab.undo(&plan, &[]).await;
        assert!(!built.work.dot_git("refit-mended").exists(), "{name}");
    }
}
