//! What a finished run means for the facts: the point that a rollback goes back to (CONTRACT §2.7, §2.8).

use super::{GitFacts, RollbackPoint};
use crate::dependencies;
use crate::plan::{Action, Plan};

/// The facts to keep after a finished run: those seen after it, with the rollback point that follows from the run.
/// An upgrade records where it came from, a recovery forgets, a rollback leaves what is recorded.
#[must_use]
pub fn after_run(plan: &Plan, before: &GitFacts, mut after: GitFacts) -> GitFacts {
    after.rollback = match plan.action {
        Action::Upgrade => rollback_point(plan, before).or_else(|| before.rollback.clone()),
        Action::SoftRecovery | Action::HardRecovery => None,
        Action::Rollback | Action::Restart => before.rollback.clone(),
    };
    after.dependencies = dependencies::after_run(plan, &before.dependencies, after.dependencies);
    after.survey = None;
    after
}

fn rollback_point(plan: &Plan, before: &GitFacts) -> Option<RollbackPoint> {
    let commit = before.local.head.clone()?;
    let branch = before.local.branch.clone().filter(|branch| branch != "?")?;
    Some(RollbackPoint { commit, branch, detached: before.local.detached, version: plan.from.clone() })
}
