//! What a finished run means for the facts: the version that a rollback goes back to (CONTRACT §2.8).

use super::ReleaseFacts;
use crate::dependencies;
use crate::plan::{Action, Plan};

/// The facts to keep after a finished run. An upgrade records where it came from, a recovery and a rollback leave what
/// is recorded.
#[must_use]
pub fn after_run(plan: &Plan, before: &ReleaseFacts, mut after: ReleaseFacts) -> ReleaseFacts {
    after.rollback = match plan.action {
        Action::Upgrade => Some(plan.from.clone()),
        Action::SoftRecovery | Action::HardRecovery | Action::Rollback | Action::Restart => before.rollback.clone(),
    };
    if after.installed.info.is_none() && plan.to != "?" && plan.action != Action::Restart {
        // A folder that cannot be read any more tells nothing, and what it was brought to is known.
        after.last_version = Some(plan.to.clone());
    }
    after.dependencies = dependencies::after_run(plan, &before.dependencies, after.dependencies);
    after.survey = None;
    after
}
