//! A run and its journal, kept in step: an entry that cannot follow is never written, and one that could not be
//! written never changes the state.

use refit_model::journal::{Entry, Outcome, RunRecord, RunState, Stamped, apply};
use refit_model::name::RunId;
use refit_model::plan::Plan;
use refit_model::request::Caller;

use super::Ran;
use crate::ports::{Clock, Journal, JournalError, StepError};
use crate::snapshot::Running;

/// See the module.
pub(crate) struct Ledger<'a, J, C> {
    journal: &'a J,
    clock: &'a C,
    record: RunRecord,
}

impl<'a, J: Journal, C: Clock> Ledger<'a, J, C> {
    /// Writes a new run down.
    pub(crate) async fn begin(
        journal: &'a J,
        clock: &'a C,
        plan: &Plan,
        caller: &Caller,
        boot_id: &str,
    ) -> Result<Self, JournalError> {
        let began = clock.now();
        let id = journal.begin(plan, caller, boot_id, began).await?;
        let record = RunRecord {
            id,
            caller: caller.clone(),
            plan: plan.clone(),
            began,
            boot_id: boot_id.to_owned(),
            entries: Vec::new(),
        };
        Ok(Self { journal, clock, record })
    }

    /// Takes up a run that the journal holds.
    pub(crate) fn resume(journal: &'a J, clock: &'a C, record: RunRecord) -> Self {
        Self { journal, clock, record }
    }

    pub(crate) fn id(&self) -> RunId {
        self.record.id
    }

    pub(crate) fn record(&self) -> &RunRecord {
        &self.record
    }

    /// Where the run stands.
    pub(crate) fn state(&self) -> Result<RunState, JournalError> {
        self.record.state().map_err(|illegal| contradiction(&illegal))
    }

    /// Every step is done, only the end is not written.
    pub(crate) fn all_done(&self) -> bool {
        matches!(self.record.state(), Ok(RunState::Ready { next, .. }) if next == self.record.plan.steps.len())
    }

    /// Writes an entry down; on disk when this returns.
    pub(crate) async fn append(&mut self, entry: Entry) -> Result<(), JournalError> {
        let state = self.state()?;
        apply(state, &entry, self.record.plan.steps.len()).map_err(|illegal| contradiction(&illegal))?;
        self.append_unchecked(self.journal, entry).await
    }

    /// The same; when it fails, once more after the reserved space was freed.
    pub(crate) async fn append_or_free(&mut self, journal: &J, entry: Entry) -> Result<(), JournalError> {
        if self.append(entry.clone()).await.is_ok() {
            return Ok(());
        }
        journal.release_reserve().await;
        self.append(entry).await
    }

    /// Writes an entry down even where the entries before it contradict each other: only for the end of such a run.
    pub(crate) async fn append_unchecked(&mut self, journal: &J, entry: Entry) -> Result<(), JournalError> {
        let at = self.clock.now();
        journal.append(self.record.id, at, &entry).await?;
        let seq = u32::try_from(self.record.entries.len()).unwrap_or(u32::MAX);
        self.record.entries.push(Stamped { seq, at, entry });
        Ok(())
    }

    /// Writes down that another attempt begins.
    pub(crate) async fn attempt(&mut self, journal: &J, boot_id: &str) -> Result<(), JournalError> {
        let number = self.record.attempts().saturating_add(1);
        self.append_or_free(journal, Entry::Attempt { number, boot_id: boot_id.to_owned() }).await
    }

    /// How the run ended, for those who settled it.
    pub(crate) fn ended(&self) -> Ran {
        match self.record.outcome() {
            Some(Outcome::Finished) => Ran::Finished,
            Some(Outcome::Undone { error }) => {
                Ran::Undone(StepError { message: error.clone(), command_failed: false, printer_busy: false })
            }
            Some(Outcome::NeedsAttention { error }) => Ran::NeedsAttention(error.clone()),
            None => Ran::Stopped,
        }
    }

    /// The newest reason in the journal.
    pub(crate) fn last_failure(&self) -> Option<String> {
        self.record.entries.iter().rev().find_map(|stamped| match &stamped.entry {
            Entry::Failed { error: why, .. } | Entry::TakenBack { reason: why } => Some(why.clone()),
            Entry::Intent { .. }
            | Entry::Done { .. }
            | Entry::UndoIntent { .. }
            | Entry::Undone { .. }
            | Entry::Attempt { .. }
            | Entry::Ended { .. } => None,
        })
    }

    /// The run at one of its steps, for the status.
    pub(crate) fn running(&self, step: usize) -> Running {
        let plan = &self.record.plan;
        Running {
            run: self.record.id,
            updater: plan.updater.clone(),
            action: plan.action,
            step,
            steps: plan.steps.len(),
            doing: plan.step(step).map(refit_model::step::Step::describe).unwrap_or_default(),
        }
    }
}

fn contradiction(illegal: &refit_model::journal::Illegal) -> JournalError {
    JournalError { deed: "followed", cause: illegal.to_string() }
}
