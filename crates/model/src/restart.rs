//! Restarts that an update of everything puts off: a unit that several updaters share is restarted once, in the place of
//! the updater that it belongs to (CONTRACT §2.6). Who finished with such a unit owes the restart; the journal tells.
//!
//! Refuses to: restart anything.

use crate::dependencies::{Around, health_steps, sick, watched};
use crate::journal::{Entry, Outcome, RunRecord};
use crate::name::UpdaterName;
use crate::plan::{Action, Occasion, Plan, Verdict};
use crate::step::{Phase, PlannedStep, ServiceStep, Sick, Step, Undo};
use crate::updater::{Facts, Spec, assess};

/// Whether a unit is an updater's own: it has its name, or is an instance of klipper or moonraker (`klipper-2`).
#[must_use]
pub fn is_own(name: &UpdaterName, unit: &str) -> bool {
    match name.as_str() {
        builtin @ ("klipper" | "moonraker") => {
            unit.strip_prefix(builtin).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
        }
        name => name == unit,
    }
}

/// The units that are to be restarted still, and who needs each of them to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owed(Vec<(String, Vec<UpdaterName>)>);

impl Owed {
    /// What runs in this boot left owed; `history` with the newest first. A boot restarts everything.
    #[must_use]
    pub fn from_history(history: &[RunRecord], boot_id: &str) -> Self {
        let mut owed = Self::default();
        for run in history.iter().rev() {
            if matches!(run.outcome(), Some(Outcome::Finished)) && last_boot(run) == boot_id {
                owed.finished(&run.plan);
            }
        }
        owed
    }

    /// A run has finished: it owes what it put off, and what it restarted is owed no more.
    pub fn finished(&mut self, plan: &Plan) {
        for planned in &plan.steps {
            match &planned.step {
                Step::Service(ServiceStep::Restart { unit, .. }) => self.0.retain(|(owed, _)| owed != unit),
                Step::Service(ServiceStep::Postpone { unit, updater }) => self.add(unit, updater),
                _other => {}
            }
        }
    }

    fn add(&mut self, unit: &str, updater: &UpdaterName) {
        match self.0.iter_mut().find(|(owed, _)| owed == unit) {
            Some((_, needed_by)) if !needed_by.contains(updater) => needed_by.push(updater.clone()),
            Some(_) => {}
            None => self.0.push((unit.to_owned(), vec![updater.clone()])),
        }
    }

    /// The units whose place is that of this updater.
    #[must_use]
    pub fn of(&self, place: &UpdaterName) -> Vec<String> {
        self.units().filter(|unit| is_own(place, unit)).map(str::to_owned).collect()
    }

    /// All units, in the order in which they were put off.
    pub fn units(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(unit, _)| unit.as_str())
    }

    /// Who needs one of these units to be restarted, who came first first.
    #[must_use]
    pub fn needed_by(&self, units: &[String]) -> Vec<UpdaterName> {
        let mut names: Vec<UpdaterName> = Vec::new();
        for (_, needed_by) in self.0.iter().filter(|(unit, _)| units.contains(unit)) {
            names.extend(needed_by.iter().filter(|name| !names.contains(name)).cloned().collect::<Vec<_>>());
        }
        names
    }
}

/// The boot in which a run ended.
fn last_boot(run: &RunRecord) -> &str {
    let attempts = run.entries.iter().rev().find_map(|stamped| match &stamped.entry {
        Entry::Attempt { boot_id, .. } => Some(boot_id.as_str()),
        _other => None,
    });
    attempts.unwrap_or(&run.boot_id)
}

impl Plan {
    /// The units that it restarts.
    pub fn restarts(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter_map(|planned| match &planned.step {
            Step::Service(ServiceStep::Restart { unit, .. }) => Some(unit.as_str()),
            _other => None,
        })
    }

    /// A step is the restart of Refit itself.
    #[must_use]
    pub fn ends_refit(&self, index: usize) -> bool {
        matches!(self.step(index), Some(Step::Service(ServiceStep::Restart { own: true, .. })))
    }
}

/// The restarts that are owed as a run of their own, in the name of the updater in whose place they come. It changes no
/// software, so that there is nothing to take back.
#[must_use]
pub(crate) fn plan(spec: &Spec, facts: &Facts, occasion: &Occasion) -> Verdict {
    let name = spec.name();
    if occasion.owed.is_empty() {
        return Verdict::Nothing(format!("no restart is owed to {name}"));
    }
    let version = assess(spec, facts).installed().to_owned();
    let observe = ServiceStep::Observe { updater: name.clone(), units: occasion.owed.clone() };
    // Who wants nothing to be asked of itself says nothing about what others declared.
    let units = if spec.health().off { Vec::new() } else { occasion.owed.clone() };
    let watched = watched(units, occasion.declared.clone());
    let around = Around { before: watched.clone(), after: watched, earlier: occasion.earlier.clone() };
    let (record, check) = health_steps(name, &spec.title(), around, Action::Restart);
    let mut steps = vec![plain(Step::CheckPrinter)];
    steps.extend(record);
    steps.push(plain(Step::Service(observe)));
    steps.extend(occasion.owed.iter().map(|unit| {
        let own = occasion.own.as_ref() == Some(unit);
        step(name, &spec.title(), unit.clone(), own, sick(Action::Restart))
    }));
    steps.extend(check);
    Verdict::Do(Box::new(Plan {
        updater: name.clone(),
        action: Action::Restart,
        from: version.clone(),
        to: version,
        opening: Vec::new(),
        steps,
        closing: String::new(),
        notes: Vec::new(),
    }))
}

/// The restart of one unit, with its announcement; `own`: of Refit itself.
pub(crate) fn step(updater: &UpdaterName, title: &str, unit: String, own: bool, sick: Sick) -> PlannedStep {
    let announce = vec![format!("{title}: Restarting service {unit}...")];
    let restart = ServiceStep::Restart { updater: updater.clone(), title: title.to_owned(), unit, own, sick };
    PlannedStep { announce, ..plain(Step::Service(restart)) }
}

fn plain(step: Step) -> PlannedStep {
    PlannedStep { step, undo: Undo::Nothing, phase: Phase::Switch, announce: Vec::new() }
}

#[cfg(test)]
#[path = "restart_tests.rs"]
mod tests;
