//! What the engine needs from outside. Traits only for what a test cannot have: a machine that can be scripted, a
//! journal that can fail, a clock that can be set.

use std::future::Future;
use std::sync::Arc;

use refit_model::health::Aftermath;
use refit_model::journal::{Entry, RunRecord, Witness};
use refit_model::name::{RunId, UpdaterName};
use refit_model::plan::{Action, Plan};
use refit_model::request::Caller;
use refit_model::step::{Step, Undo};
use refit_model::updater::{Facts, Spec};
use thiserror::Error;

/// How closely to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// This machine only: after a run, and at start without a network.
    Local,
    /// This machine and the remote: a refresh.
    Remote,
    /// What planning this action needs besides: conflicts, local commits, whether the target is complete. No network.
    Survey(Action),
    /// The same for a dry run, and what the action would change, as far as a short question to the network tells.
    Preview(Action),
}

/// Told one line of a process's output, raw; the engine makes it fit to be shown.
pub type Tell = Arc<dyn Fn(&str) + Send + Sync>;

/// What a step is told of its circumstances.
#[derive(Clone)]
pub struct Circumstance {
    /// The run, for names and logs.
    pub run: RunId,
    /// The step was begun before: by this process or by one that died.
    pub again: bool,
    /// The machine booted since the run or the step was begun: what was not synced is not believed.
    pub rebooted: bool,
    /// What [`Machine::witness`] said before the step was begun the first time; for a check of health, what it said before
    /// health was recorded.
    pub witness: Option<Witness>,
    /// Where output goes.
    pub tell: Tell,
}

/// Why a step failed: the words that the caller gets (CONTRACT §2.12), and the class.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct StepError {
    /// For people: what happened, to what, and what to do next.
    pub message: String,
    /// A shell command failed: answered as 500 (CONTRACT §1.2), else 400.
    pub command_failed: bool,
    /// Why the printer's guard stopped it: answered as the documented refusal.
    pub printer_busy: bool,
}

/// The machine: looks and hands. The one real implementation is `adapters::machine`.
pub trait Machine: Send + Sync + 'static {
    /// Looks at one updater. Never fails: what went wrong is in the facts, and what was known before stays there.
    fn inspect(&self, spec: &Spec, before: &Facts, look: Look, tell: Tell) -> impl Future<Output = Facts> + Send;

    /// The service that Refit itself is, without `.service`: who asks for its restart does not live to see it.
    fn own_unit(&self) -> Option<String> {
        None
    }

    /// The services that really run what an updater restarts, by the names that the configuration has. Empty where nobody can
    /// tell.
    fn services(&self, _spec: &Spec) -> impl Future<Output = Vec<(String, Vec<String>)>> + Send {
        std::future::ready(Vec::new())
    }

    /// What recovery will need to know about the world right before this step; none for most steps.
    fn witness(&self, step: &Step) -> impl Future<Output = Option<Witness>> + Send;

    /// Performs a step. Returns a note for the history. When it returns, what it did is on disk.
    /// Performing a step whose effect is already there succeeds.
    fn perform(
        &self,
        step: &Step,
        circumstance: Circumstance,
    ) -> impl Future<Output = Result<Option<String>, StepError>> + Send;

    /// Takes a step back, whether it was performed, cut half-way or never begun. Returns how well everything is then, where
    /// that is asked.
    fn undo(
        &self,
        step: &Step,
        undo: &Undo,
        circumstance: Circumstance,
    ) -> impl Future<Output = Result<Option<Aftermath>, StepError>> + Send;

    /// The boot that the machine is in.
    fn boot_id(&self) -> String;
}

/// Why the journal could not be written or read. The run stops before the next step.
#[derive(Debug, Clone, Error)]
#[error("the journal could not be {deed}: {cause}")]
pub struct JournalError {
    /// `written` or `read`.
    pub deed: &'static str,
    /// The cause, in words for people: `the disk is full; free some space` …
    pub cause: String,
}

/// Where intents and results are written before and after each step. Every append is on disk when it returns.
pub trait Journal: Send + Sync + 'static {
    /// Begins a run: the whole plan, before step one.
    fn begin(
        &self,
        plan: &Plan,
        caller: &Caller,
        boot_id: &str,
        at: f64,
    ) -> impl Future<Output = Result<RunId, JournalError>> + Send;

    /// Appends one entry.
    fn append(&self, run: RunId, at: f64, entry: &Entry) -> impl Future<Output = Result<(), JournalError>> + Send;

    /// Runs without an `Ended` entry, oldest first.
    fn unfinished(&self) -> impl Future<Output = Result<Vec<RunRecord>, JournalError>> + Send;

    /// Finished and unfinished runs, newest first.
    fn history(
        &self,
        updater: Option<&UpdaterName>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<RunRecord>, JournalError>> + Send;

    /// The facts kept of an updater; none when there are none or they cannot be read (then they are looked up again).
    fn facts(&self, updater: &UpdaterName) -> impl Future<Output = Option<Facts>> + Send;

    /// Keeps facts. Loss is bearable: they are looked up again.
    fn keep_facts(&self, updater: &UpdaterName, facts: &Facts)
    -> impl Future<Output = Result<(), JournalError>> + Send;

    /// Forgets facts of updaters that are not in this list (CONTRACT §4.7).
    fn prune_facts(&self, known: &[UpdaterName]) -> impl Future<Output = Result<(), JournalError>> + Send;

    /// Ended runs, oldest first, whose end the kept facts of their updater do not know yet: a crash came in between.
    fn unaccounted(&self) -> impl Future<Output = Result<Vec<RunRecord>, JournalError>> + Send;

    /// Keeps a small value under a name, over restarts.
    fn remember(&self, key: &'static str, value: &str) -> impl Future<Output = Result<(), JournalError>> + Send;

    /// A value kept by [`Journal::remember`]; none when there is none or it cannot be read.
    fn recall(&self, key: &'static str) -> impl Future<Output = Option<String>> + Send;

    /// Frees the reserved space, so that an undo can be written down on a full disk; reserved again when there is room.
    fn release_reserve(&self) -> impl Future<Output = ()> + Send;
}

/// The clock on the wall.
pub trait Clock: Send + Sync + 'static {
    /// Seconds since 1970.
    fn now(&self) -> f64;
    /// The hour of the local day, 0 to 23.
    fn local_hour(&self) -> u8;
}
