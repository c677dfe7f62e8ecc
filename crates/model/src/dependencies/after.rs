//! What a finished run means for what is known of the dependencies: what a rollback takes back.

use std::path::Path;

use super::DependencyFacts;
use crate::environment::EnvironmentPoint;
use crate::plan::{Action, Plan};
use crate::step::{EnvironmentStep, NodeStep, Step};

/// The facts to keep after a finished run. An upgrade records what it changed, whatever else changed before it; a
/// recovery and a rollback forget, since what is there now is not what an upgrade left.
#[must_use]
pub(crate) fn after_run(plan: &Plan, before: &DependencyFacts, mut after: DependencyFacts) -> DependencyFacts {
    if plan.action == Action::Restart {
        // Nothing of it changed.
        after.node_rollback.clone_from(&before.node_rollback);
        if let (Some(after), Some(before)) = (&mut after.environment, &before.environment) {
            after.rollback.clone_from(&before.rollback);
        }
        return after;
    }
    let upgraded = plan.action == Action::Upgrade;
    if let Some(environment) = &mut after.environment {
        let kept = plan.steps.iter().find_map(|planned| environment_kept(&planned.step)).filter(|_| upgraded);
        // A step that had nothing to do kept nothing.
        let kept = kept.filter(|kept| environment.previous.iter().any(|previous| previous.folder == *kept));
        environment.rollback = kept.map(|kept| EnvironmentPoint {
            kept: kept.to_owned(),
            before: before.environment.as_ref().map(|before| before.freeze.clone()).unwrap_or_default(),
            after: environment.freeze.clone(),
        });
    }
    let node = plan.steps.iter().find_map(|planned| node_kept(&planned.step)).filter(|_| upgraded);
    after.node_rollback = node.map(Path::to_owned);
    after
}

fn environment_kept(step: &Step) -> Option<&Path> {
    match step {
        Step::Environment(EnvironmentStep::Exchange { old, .. } | EnvironmentStep::KeepSnapshot { old, .. }) => {
            Some(old.folder())
        }
        _other => None,
    }
}

fn node_kept(step: &Step) -> Option<&Path> {
    match step {
        Step::Node(NodeStep::Exchange { old, .. }) => Some(old.folder()),
        _other => None,
    }
}
