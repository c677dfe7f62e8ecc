//! The ready answer to a status request: made by the conductor after every change, read by every door, never waited
//! for.

use std::sync::Arc;

use refit_model::hold::Holds;
use refit_model::name::{RunId, UpdaterName};
use refit_model::plan::Action;
use refit_model::printer::Printer;
use refit_model::updater::Assessment;

/// Everything that a status request can ask about, at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Snapshot {
    /// Counted up with every change.
    pub revision: u64,
    /// An update, recovery or rollback runs (a refresh does not count: CONTRACT §2.0).
    pub busy: bool,
    /// The start-up refresh pass ended.
    pub initialized: bool,
    /// In the documented order: moonraker, klipper, then extensions in config order (CONTRACT §2.1).
    pub updaters: Vec<(UpdaterName, Arc<Assessment>)>,
    /// The request that runs, as notifications name it (`klipper`, `full`, `recover_klipper` …).
    pub application: Option<String>,
    /// What runs right now.
    pub running: Option<Running>,
    /// Requests that wait, as notifications name them, in order.
    pub waiting: Vec<String>,
    /// Runs that need a person: the journal's three attempts failed.
    pub attention: Vec<Attention>,
    /// The printer as last seen.
    pub printer: Printer,
    /// Counts the connections to the printer that have ended.
    pub printer_gone: u64,
    /// What is held back and what is skipped.
    pub holds: Arc<Holds>,
    /// The update of everything that runs, or the last one since the start.
    pub full: Option<Full>,
}

/// How far an update of everything is. Each updater is in one of the lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Full {
    /// Brought up to date, or up to date before.
    pub done: Vec<UpdaterName>,
    /// Whose turn it is.
    pub running: Option<UpdaterName>,
    /// Whose turn comes, in order.
    pub waiting: Vec<UpdaterName>,
    /// Who failed, and why.
    pub failed: Vec<(UpdaterName, String)>,
    /// Held back, or offering a version that is to be skipped.
    pub passed_by: Vec<UpdaterName>,
}

/// A run that is going on.
#[derive(Debug, Clone, PartialEq)]
pub struct Running {
    /// Its number in the journal.
    pub run: RunId,
    /// Whose.
    pub updater: UpdaterName,
    /// What for.
    pub action: Action,
    /// The step it is in, counted from 0.
    pub step: usize,
    /// Of how many.
    pub steps: usize,
    /// That step, in one sentence.
    pub doing: String,
}

/// A run that ended with a need for a person.
#[derive(Debug, Clone, PartialEq)]
pub struct Attention {
    /// Its number in the journal.
    pub run: RunId,
    /// Whose.
    pub updater: UpdaterName,
    /// What happened and what to do next.
    pub message: String,
}
