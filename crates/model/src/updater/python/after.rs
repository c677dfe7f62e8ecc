//! What a finished run means for the facts: the version that a rollback goes back to (CONTRACT §2.8).

use super::PythonFacts;
use crate::dependencies;
use crate::plan::{Action, Plan};

/// The facts to keep after a finished run. An upgrade records where it came from; a rollback and a recovery leave what is
/// recorded.
#[must_use]
pub fn after_run(plan: &Plan, before: &PythonFacts, mut after: PythonFacts) -> PythonFacts {
    let was = before.installed.as_ref().and_then(|installed| installed.version.clone());
    after.rollback = match plan.action {
        Action::Upgrade => was.or_else(|| before.rollback.clone()),
        Action::SoftRecovery | Action::HardRecovery | Action::Rollback | Action::Restart => before.rollback.clone(),
    };
    after.dependencies = dependencies::after_run(plan, &before.dependencies, after.dependencies);
    after.survey = None;
    after
}
