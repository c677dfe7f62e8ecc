//! A plan: the ordered steps that turn an assessment into the wished state, complete before step one. Plans are data:
//! shown as a dry run, journalled, finished or undone by the next process.
//! Refuses to: perform anything.

use serde::{Deserialize, Serialize};

use crate::health::Declared;
use crate::journal::Witness;
use crate::name::UpdaterName;
use crate::printer::Printer;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::step::{PlannedStep, ServiceStep, Step};
use crate::updater::{Facts, Spec};

/// What is to be done to one updater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// To the newest offered version.
    Upgrade,
    /// Reset to a good state.
    SoftRecovery,
    /// Replace by a fresh copy.
    HardRecovery,
    /// To the version before the last upgrade.
    Rollback,
    /// Only its services: those whose restart was put off in an update of everything.
    Restart,
}

/// The steps for one updater, its own transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Whose.
    pub updater: UpdaterName,
    /// What for.
    pub action: Action,
    /// The version now, as the status shows it.
    pub from: String,
    /// The version afterwards; `?` when only the remote can tell.
    pub to: String,
    /// What listeners are told first, in the documented words.
    pub opening: Vec<String>,
    /// The steps: preparation first, then the switch.
    pub steps: Vec<PlannedStep>,
    /// What listeners are told at the end, in the documented words (`Git Repo klipper: Update Finished...`).
    pub closing: String,
    /// What the owner should know besides: what is kept aside and where, what is left to do by hand.
    pub notes: Vec<String>,
}

/// What came of planning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// There is something to do.
    Do(Box<Plan>),
    /// Nothing to do, and why, in words for the caller (`Git Repo klipper is up to date`). An outcome, not an error.
    Nothing(String),
}

/// What the planner is told besides the facts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Occasion {
    /// Seconds since 1970, for the names of kept places.
    pub now: i64,
    /// A short text unique to this run, for names of stages and kept places.
    pub mark: String,
    /// What listeners know the request by: the label of progress (CONTRACT §2.9).
    pub application: String,
    /// Ask the package managers for everything again, though nothing seems to be missing (CONTRACT §2.7).
    pub update_deps: bool,
    /// It is part of an update of everything: services that others share are restarted once, in their own place.
    pub full: bool,
    /// Of [`Action::Restart`]: the units whose restart is owed, without `.service`.
    pub owed: Vec<String>,
    /// The service that Refit itself is: it is restarted last of all.
    pub own: Option<String>,
    /// What those declared whose restarts were put off until now, to be asked afterwards.
    pub declared: Vec<Declared>,
    /// What they recorded of how well everything was before they changed.
    pub earlier: Vec<Witness>,
    /// The caller consents to what is not done without asking: a skipped version, the removal of packages.
    pub consent: bool,
}

/// The one guard against touching a printer that is busy. Asked when a request arrives, when its turn comes, and by
/// [`Step::CheckPrinter`] before the switch (CONTRACT §8 row 6).
///
/// # Errors
/// The documented refusal of that request.
pub fn guard(request: &Request, printer: &Printer) -> Result<(), Refusal> {
    if !printer.is_busy() {
        return Ok(());
    }
    match request {
        Request::Refresh { .. } => Err(Refusal::BusyForRefresh),
        // Ignored, not refused (CONTRACT §2.1).
        Request::StatusRefresh => Ok(()),
        Request::Upgrade { .. } | Request::Full => Err(Refusal::UpdateWhilePrinting),
        Request::Recover { .. } => Err(Refusal::RecoverWhilePrinting),
        Request::Rollback { .. } => Err(Refusal::RollbackWhilePrinting),
    }
}

/// Plans one action for one updater from its facts (surveyed for that action by the machine just before).
///
/// # Errors
/// A [`Refusal`] with the documented text when the facts do not allow the action.
pub fn plan(action: Action, spec: &Spec, facts: &Facts, occasion: &Occasion) -> Result<Verdict, Refusal> {
    planned(action, spec, facts, occasion).map(|verdict| match verdict {
        Verdict::Do(mut plan) => {
            plan.refit_last();
            Verdict::Do(plan)
        }
        nothing @ Verdict::Nothing(_) => nothing,
    })
}

fn planned(action: Action, spec: &Spec, facts: &Facts, occasion: &Occasion) -> Result<Verdict, Refusal> {
    if action == Action::Restart {
        return Ok(crate::restart::plan(spec, facts, occasion));
    }
    match (spec, facts) {
        (Spec::Git(spec), Facts::Git(facts)) => crate::updater::git::plan(action, spec, facts, occasion),
        (Spec::Release(spec), Facts::Release(facts)) => crate::updater::release::plan(action, spec, facts, occasion),
        (Spec::Absent(spec), _) => crate::updater::absent::plan(action, spec),
        (Spec::Python(spec), Facts::Python(facts)) => crate::updater::python::plan(action, spec, facts, occasion),
        (Spec::System(spec), Facts::System(facts)) => crate::updater::system::plan(action, spec, facts, occasion),
        (Spec::System(spec), Facts::Git(_) | Facts::Release(_) | Facts::Python(_) | Facts::Absent) => {
            crate::updater::system::plan(action, spec, &crate::updater::system::SystemFacts::default(), occasion)
        }
        (Spec::Python(spec), Facts::Git(_) | Facts::Release(_) | Facts::System(_) | Facts::Absent) => {
            crate::updater::python::plan(action, spec, &crate::updater::python::PythonFacts::default(), occasion)
        }
        (Spec::Git(spec), Facts::Release(_) | Facts::Python(_) | Facts::System(_) | Facts::Absent) => {
            Err(Refusal::Unfit(format!("Git Repo {}: repo not initialized", spec.common.name)))
        }
        (Spec::Release(spec), Facts::Git(_) | Facts::Python(_) | Facts::System(_) | Facts::Absent) => {
            crate::updater::release::plan(action, spec, &crate::updater::release::ReleaseFacts::default(), occasion)
        }
    }
}

/// What listeners of a recovery are told even when it is then refused by its facts (CONTRACT §2.7, observed): an upgrade
/// and a rollback are refused without a word before.
#[must_use]
pub fn overture(action: Action, spec: &Spec) -> Vec<String> {
    let says = |name: &UpdaterName, text: &str| format!("Git Repo {name}: {text}");
    match (spec, action) {
        (Spec::Git(spec), Action::SoftRecovery) => {
            vec![
                says(&spec.common.name, "Attempting Repo Recovery..."),
                says(&spec.common.name, "Resetting Git Repo..."),
            ]
        }
        (Spec::Git(spec), Action::HardRecovery) => vec![says(&spec.common.name, "Attempting Repo Recovery...")],
        (Spec::Release(spec), _) => crate::updater::release::overture(action, spec),
        (Spec::Python(spec), _) => crate::updater::python::overture(action, spec),
        (Spec::Git(_), Action::Upgrade | Action::Rollback | Action::Restart)
        | (Spec::System(_) | Spec::Absent(_), _) => Vec::new(),
    }
}

/// Some of a list, for a sentence: the first ten, and how many more.
pub(crate) fn some_of<'a>(mut files: impl Iterator<Item = &'a String>) -> String {
    let shown: Vec<&str> = files.by_ref().take(10).map(String::as_str).collect();
    match files.count() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

impl Plan {
    /// The index of the first step of the switch; the number of steps when there is none.
    #[must_use]
    pub fn switch_begins(&self) -> usize {
        self.steps.iter().position(|s| s.phase == crate::step::Phase::Switch).unwrap_or(self.steps.len())
    }

    /// The index of the first step that touches what is in use: the first of the switch that does more than ask the
    /// printer, add packages, or prepare what needs them. A run cut before it is taken back; one cut later is finished
    /// from there on without asking the printer again, since half a change is the worst state for a print too. What was
    /// prepared is not prepared once more then: it is in use already, and in its place lies what was in use before.
    #[must_use]
    pub fn turn_begins(&self) -> usize {
        let touches = |s: &PlannedStep| s.phase == crate::step::Phase::Switch && s.step.touches_what_is_in_use();
        self.steps.iter().position(touches).unwrap_or(self.steps.len())
    }

    /// Refit's own restart comes after everything else, since nobody is there to go on behind it.
    fn refit_last(&mut self) {
        let (last, steps): (Vec<_>, Vec<_>) = std::mem::take(&mut self.steps)
            .into_iter()
            .partition(|planned| matches!(planned.step, Step::Service(ServiceStep::Restart { own: true, .. })));
        self.steps = steps.into_iter().chain(last).collect();
    }

    /// The step at an index.
    #[must_use]
    pub fn step(&self, index: usize) -> Option<&Step> {
        self.steps.get(index).map(|s| &s.step)
    }
}
