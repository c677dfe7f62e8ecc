//! What a finished run means for the facts: which packages wait for a restart of the machine.

use super::SystemFacts;
use crate::plan::Plan;
use crate::step::{Step, SystemStep};

/// The facts to keep after a finished run.
#[must_use]
pub fn after_run(plan: &Plan, before: &SystemFacts, mut after: SystemFacts) -> SystemFacts {
    after.survey = None;
    let mut waiting = before.awaits_reboot.clone().filter(|waiting| waiting.boot == after.boot).unwrap_or_default();
    for planned in &plan.steps {
        let Step::System(SystemStep::Install { packages, .. }) = &planned.step else { continue };
        for package in packages.iter().filter(|package| package.wants_reboot()) {
            if !waiting.packages.contains(&package.name) {
                waiting.packages.push(package.name.clone());
            }
        }
    }
    waiting.boot.clone_from(&after.boot);
    after.awaits_reboot = Some(waiting).filter(|waiting| !waiting.packages.is_empty());
    after
}
