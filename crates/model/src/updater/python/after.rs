//! What a finished run means for the facts: the version that a rollback goes back to (CONTRACT §2.8).

use super::PythonFacts;
use super::source::commit;
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
    learn_version(&mut after);
    let works =
        |facts: &PythonFacts| facts.dependencies.environment.as_ref().is_some_and(|seen| seen.state.is_usable());
    if works(&after) && !works(before) {
        // Its Python could not be asked what fits it; now it can.
        after.remote.error = None;
    }
    after.survey = None;
    after
}

/// What version a commit is shows once it is installed.
fn learn_version(facts: &mut PythonFacts) {
    let Some(installed) = &facts.installed else { return };
    let (Some(version), Some(offer)) = (&installed.version, &mut facts.remote.offer) else { return };
    if offer.commit.is_some() && commit(installed) == offer.commit.as_deref() {
        offer.version.clone_from(version);
    }
}
