//! Every action on every state of the catalogue: refused without a trace, or done, or taken back to what was there.

use refit_engine::ports::{Look, Machine as _};
use refit_model::plan::{Action, Occasion, Verdict, plan};
use refit_model::updater::git::{GitFacts, RollbackPoint, assess};
use refit_testkit::states::{self, StateLab};

use super::tests::{files, world_of};

/// Every file of the work tree, where HEAD points, and the commit.
fn seen(lab: &StateLab) -> String {
    let head = lab.work.try_git(&["symbolic-ref", "--quiet", "HEAD"]).stdout;
    let commit = lab.work.try_git(&["rev-parse", "--quiet", "--verify", "HEAD"]).stdout;
    let files = if lab.path.is_dir() { format!("{:#?}", files(&lab.path)) } else { "no folder".to_owned() };
    format!("{head}{commit}{files}")
}

/// What happened, in a word, or what is wrong.
async fn try_action(state: states::State, action: Action) -> Result<String, String> {
    let place = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (lab, state_lab) = world_of(place, state).await;
    let facts = lab.refreshed().await;
    let facts = with_a_way_back(facts, &state_lab, action);
    let before = seen(&state_lab);
    let looked = refit_model::updater::Facts::Git(Box::new(lab.look(&facts, Look::Survey(action)).await));
    let spec = refit_model::updater::Spec::Git(lab.spec.clone());
    let occasion = Occasion {
        now: 1_775_124_930,
        mark: "one".to_owned(),
        application: "app".to_owned(),
        update_deps: false,
        full: false,
        owed: Vec::new(),
        consent: false,
    };
    let verdict = plan(action, &spec, &looked, &occasion);
    let told = match verdict {
        Err(refusal) => format!("refused: {refusal}"),
        Ok(Verdict::Nothing(why)) => format!("nothing: {why}"),
        Ok(Verdict::Do(plan)) => {
            let mut witnesses = Vec::new();
            let mut failure = None;
            for planned in &plan.steps {
                let witness = lab.host.witness(&planned.step).await;
                witnesses.push(witness.clone());
                if let Err(error) = lab.host.perform(&planned.step, lab.circumstance(false, witness)).await {
                    failure = Some(error.message);
                    break;
                }
            }
            if failure.is_none() && matches!(action, Action::SoftRecovery | Action::HardRecovery) {
                let after = lab.look(&facts, Look::Local).await;
                if !assess(&lab.spec, &after).is_valid {
                    let judged = assess(&lab.spec, &after);
                    return Err(format!("was said to be recovered, and is not valid: {judged:#?}"));
                }
            }
            for (index, planned) in plan.steps.iter().enumerate().take(witnesses.len()).rev() {
                let undone =
                    lab.host.undo(&planned.step, &planned.undo, lab.circumstance(true, witnesses[index].clone())).await;
                undone.map_err(|error| format!("undo of {:?}: {error}", planned.step))?;
            }
            failure.map_or_else(|| format!("done in {} steps", plan.steps.len()), |error| format!("failed: {error}"))
        }
    };
    if state_lab.tripwire().exists() {
        return Err(format!("code of the repository ran ({told})"));
    }
    let after = seen(&state_lab);
    // A damaged HEAD is readable only after it was mended, and to no commit at all there is no way back.
    let damaged = matches!(&looked,
        refit_model::updater::Facts::Git(facts) if !facts.local.damage.is_empty() || facts.local.head.is_none());
    if after != before && !damaged {
        return Err(format!("is not what it was ({told}):\n{before}\n{after}"));
    }
    Ok(told)
}

fn with_a_way_back(mut facts: GitFacts, lab: &StateLab, action: Action) -> GitFacts {
    let older = lab.work.try_git(&["rev-parse", "--quiet", "--verify", "HEAD~1"]).stdout;
    if let (Action::Rollback, Ok(commit)) = (action, refit_model::name::CommitId::new(older.trim())) {
        let branch = facts.local.branch.clone().unwrap_or_else(|| "master".to_owned());
        let detached = facts.local.detached;
        facts.rollback = Some(RollbackPoint { commit, branch, detached, version: "v0".to_owned() });
    }
    facts
}

async fn all_states(action: Action) {
    let mut wrong = Vec::new();
    for state in states::all() {
        match try_action(state, action).await {
            Ok(told) => println!("{action:?} {}: {told}", state.name),
            Err(error) => wrong.push(format!("{}: {error}", state.name)),
        }
    }
    assert!(wrong.is_empty(), "{action:?}\n{}", wrong.join("\n"));
}

#[tokio::test]
#[ignore = "slow: builds the whole catalogue"]
async fn an_upgrade_of_every_state() {
    all_states(Action::Upgrade).await;
}

#[tokio::test]
#[ignore = "slow: builds the whole catalogue"]
async fn a_soft_recovery_of_every_state() {
    all_states(Action::SoftRecovery).await;
}

#[tokio::test]
#[ignore = "slow: builds the whole catalogue"]
async fn a_hard_recovery_of_every_state() {
    all_states(Action::HardRecovery).await;
}

#[tokio::test]
#[ignore = "slow: builds the whole catalogue"]
async fn a_rollback_of_every_state() {
    all_states(Action::Rollback).await;
}
