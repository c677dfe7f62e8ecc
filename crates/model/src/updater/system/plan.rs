//! Plans for the system's packages. Whatever is downloaded is downloaded first, so that no network can cut an
//! installation; what an earlier one left half done is finished before anything else.

use super::assess::{kept_back, list};
use super::{FAILED, PackageUpgrade, SystemFacts, SystemSpec, named};
use crate::plan::{Action, Occasion, Plan, Verdict};
use crate::refusal::Refusal;
use crate::step::{Phase, PlannedStep, Step, SystemStep, Undo};

/// Plans one action.
///
/// # Errors
/// A refusal that says what stands in the way, with the names of packages.
pub fn plan(action: Action, spec: &SystemSpec, facts: &SystemFacts, occasion: &Occasion) -> Result<Verdict, Refusal> {
    match action {
        Action::Upgrade => upgrade(spec, facts, occasion),
        Action::SoftRecovery | Action::HardRecovery => repair(action, spec, facts),
        Action::Rollback => Err(Refusal::RollbackNotAvailable(spec.name.clone())),
        // Planned elsewhere: it is about services.
        Action::Restart => Ok(Verdict::Nothing(format!("no restart is owed to {}", spec.name))),
    }
}

/// What an upgrade would change.
struct Chosen<'a> {
    packages: &'a [PackageUpgrade],
    remove: &'a [String],
}

fn upgrade(spec: &SystemSpec, facts: &SystemFacts, occasion: &Occasion) -> Result<Verdict, Refusal> {
    seen(facts)?;
    let chosen = match &facts.with_removals {
        Some(all) if occasion.consent => Chosen { packages: &all.packages, remove: &all.remove },
        Some(_) | None => Chosen { packages: &facts.offered, remove: &[] },
    };
    if chosen.packages.is_empty() && facts.interrupted.is_empty() {
        return nothing(facts, occasion);
    }
    allowed(facts)?;
    let mut steps = Vec::new();
    let broken = !facts.interrupted.is_empty();
    if broken {
        // apt does nothing beside a half installed package: not even a download.
        steps.extend([switch(Step::CheckPrinter, Undo::Nothing), switch(mend(), Undo::Nothing)]);
    }
    if !chosen.packages.is_empty() {
        let (packages, remove) = (chosen.packages.to_vec(), chosen.remove.to_vec());
        let download = SystemStep::Download { packages: packages.clone(), remove: remove.clone() };
        let phase = if broken { Phase::Switch } else { Phase::Preparation };
        steps.push(PlannedStep { phase, ..switch(Step::System(download), Undo::Nothing) });
        steps.push(switch(Step::CheckPrinter, Undo::Nothing));
        steps.push(switch(Step::System(SystemStep::Install { packages, remove }), Undo::SystemSettle));
    }
    let (from, to) = versions(chosen.packages);
    Ok(Verdict::Do(Box::new(Plan {
        updater: spec.name.clone(),
        action: Action::Upgrade,
        from,
        to,
        opening: vec!["Updating packages...".to_owned()],
        steps,
        closing: "Package update finished...".to_owned(),
        notes: notes(facts, &chosen),
    })))
}

/// Finishes what was cut off, and changes nothing else.
fn repair(action: Action, spec: &SystemSpec, facts: &SystemFacts) -> Result<Verdict, Refusal> {
    seen(facts)?;
    if facts.interrupted.is_empty() {
        return Ok(Verdict::Nothing("No installation of system packages was cut off: nothing to repair".to_owned()));
    }
    allowed(facts)?;
    let names = named(facts.interrupted.iter().map(|one| one.name.as_str()));
    Ok(Verdict::Do(Box::new(Plan {
        updater: spec.name.clone(),
        action,
        from: format!("half installed: {names}"),
        to: "installed".to_owned(),
        opening: vec!["Repairing packages...".to_owned()],
        steps: vec![switch(Step::CheckPrinter, Undo::Nothing), switch(mend(), Undo::Nothing)],
        closing: "Package repair finished...".to_owned(),
        notes: Vec::new(),
    })))
}

/// What is installed could be looked at.
fn seen(facts: &SystemFacts) -> Result<(), Refusal> {
    facts.unseen.as_deref().map_or(Ok(()), unfit)
}

/// Refit may do it here. Asked last: where nothing is to be done, no right is missing.
fn allowed(facts: &SystemFacts) -> Result<(), Refusal> {
    facts.survey.as_ref().and_then(|survey| survey.refused.as_deref()).map_or(Ok(()), unfit)
}

fn unfit(why: &str) -> Result<(), Refusal> {
    Err(Refusal::Unfit(format!("{FAILED}: {why}")))
}

/// Nothing is to be done without asking. An update of everything goes on beside it; who asked by name is told.
fn nothing(facts: &SystemFacts, occasion: &Occasion) -> Result<Verdict, Refusal> {
    match (kept_back(facts), &facts.with_removals) {
        (Some(kept), Some(_)) if !occasion.full => {
            Err(Refusal::Unfit(format!("{FAILED}: nothing was changed. {kept}")))
        }
        (Some(kept), _) => Ok(Verdict::Nothing(format!("The system's packages are up to date. {kept}"))),
        (None, _) => Ok(Verdict::Nothing("The system's packages are up to date".to_owned())),
    }
}

/// In a plan of many packages, each has its own versions.
fn versions(packages: &[PackageUpgrade]) -> (String, String) {
    match packages {
        [] => ("half installed".to_owned(), "installed".to_owned()),
        [one] => {
            let name = &one.name;
            let from = one.from.as_ref().map_or_else(|| format!("no {name}"), |from| format!("{name} {from}"));
            (from, format!("{name} {}", one.to))
        }
        many => (format!("{} packages as installed", many.len()), "their new versions".to_owned()),
    }
}

fn notes(facts: &SystemFacts, chosen: &Chosen<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    if !chosen.remove.is_empty() {
        notes.push(format!("Removed with your consent: {}", named(chosen.remove.iter().map(String::as_str))));
    }
    if !facts.held.is_empty() {
        notes.push(format!("Held at their versions: {}", list(&facts.held)));
    }
    if chosen.remove.is_empty() {
        notes.extend(kept_back(facts));
    }
    let reboot = named(chosen.packages.iter().filter(|one| one.wants_reboot()).map(|one| one.name.as_str()));
    if !reboot.is_empty() {
        notes
            .push(format!("To have {reboot} in use, restart the machine afterwards; Refit does not do that by itself"));
    }
    notes.extend(facts.end_of_life.clone());
    notes
}

fn mend() -> Step {
    Step::System(SystemStep::Mend)
}

fn switch(step: Step, undo: Undo) -> PlannedStep {
    PlannedStep { step, undo, phase: Phase::Switch, announce: Vec::new() }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
