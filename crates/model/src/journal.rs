//! What was intended and what was done, and what that means for recovery. [`apply`] is the only way a run's state
//! changes: (state, entry) -> state, or the entry is illegal and the run stops.
//! Refuses to: write anything; `engine::run` and `engine::recover` append, `adapters::store` holds the file.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::health::Aftermath;
use crate::name::RunId;
use crate::plan::Plan;
use crate::request::Caller;
use crate::step::{HealthStep, ServiceStep, Step};

/// What a step must know of the world right before it is performed, to tell after a crash on which side it is (the
/// inodes of an exchange, for example: an exchange is not idempotent). Opaque here, written by `adapters::machine`.
pub type Witness = serde_json::Value;

/// One entry of a run's journal. Times are seconds since 1970, with milliseconds as the fraction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum Entry {
    /// A step is about to be performed.
    Intent {
        /// Index into the plan's steps.
        step: usize,
        /// See [`Witness`].
        witness: Option<Witness>,
    },
    /// The step was performed and what it did is on disk.
    Done {
        /// Index into the plan's steps.
        step: usize,
        /// What was found or made, for the history.
        note: Option<String>,
        /// What its programs printed, its beginning and its end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<String>,
    },
    /// The step failed; everything begun is undone next.
    Failed {
        /// Index into the plan's steps.
        step: usize,
        /// Why, in the words that the caller gets.
        error: String,
        /// What its programs printed, its beginning and its end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<String>,
    },
    /// The run is taken back from outside a failing step (recovery decided so).
    TakenBack {
        /// Why.
        reason: String,
    },
    /// A step's undo is about to be performed.
    UndoIntent {
        /// Index into the plan's steps.
        step: usize,
    },
    /// A step was undone.
    Undone {
        /// Index into the plan's steps.
        step: usize,
        /// How well everything was then, where that was asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<Aftermath>,
    },
    /// Recovery begins another attempt on this run.
    Attempt {
        /// Counted from 1.
        number: u32,
        /// The boot it runs in (`/proc/sys/kernel/random/boot_id`).
        boot_id: String,
    },
    /// The last entry.
    Ended {
        /// How it ended.
        outcome: Outcome,
    },
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The new state holds and was checked.
    Finished,
    /// Something failed and everything was taken back.
    Undone {
        /// Why, in the words that the caller gets.
        error: String,
    },
    /// Three attempts failed: what is safe is kept, and a person must look.
    NeedsAttention {
        /// What happened and what to do next.
        error: String,
    },
}

/// An entry with its place in time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stamped {
    /// Counted from 0 within the run.
    pub seq: u32,
    /// Seconds since 1970.
    pub at: f64,
    /// The entry.
    pub entry: Entry,
}

/// A run as it stands in the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Its number.
    pub id: RunId,
    /// Who asked.
    pub caller: Caller,
    /// What was planned.
    pub plan: Plan,
    /// Seconds since 1970.
    pub began: f64,
    /// The boot it began in.
    pub boot_id: String,
    /// In order.
    pub entries: Vec<Stamped>,
}

/// Where a run stands. `begun` counts the steps that were ever begun: recovery goes forward again from the first step
/// of the switch, and when that fails, what was done before the crash must be undone too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunState {
    /// Between steps: `next` is the next to perform.
    Ready {
        /// Index into the plan's steps.
        next: usize,
        /// Steps with an index below this were begun at some time.
        begun: usize,
    },
    /// Within a step.
    Performing {
        /// Index into the plan's steps.
        step: usize,
        /// Steps with an index below this were begun at some time; above `step`.
        begun: usize,
    },
    /// Being taken back: everything below `below` may have to be undone still.
    TakingBack {
        /// Steps with an index below this are not undone yet.
        below: usize,
        /// Why.
        reason: String,
    },
    /// Within an undo.
    Undoing {
        /// Index into the plan's steps.
        step: usize,
        /// Why.
        reason: String,
    },
    /// Over.
    Ended(Outcome),
}

/// An entry that does not follow from the state: the journal is damaged or the engine is wrong; the run stops.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("journal entry {entry} does not follow from the state {state}")]
pub struct Illegal {
    state: String,
    entry: String,
}

/// The one function through which a run's state changes. `steps` is the number of steps of the plan.
///
/// # Errors
/// [`Illegal`] when the entry cannot follow.
pub fn apply(state: RunState, entry: &Entry, steps: usize) -> Result<RunState, Illegal> {
    match (&state, entry) {
        // An attempt changes nothing: recovery looks at the state it finds.
        (
            RunState::Ready { .. }
            | RunState::Performing { .. }
            | RunState::TakingBack { .. }
            | RunState::Undoing { .. },
            Entry::Attempt { .. },
        ) => Ok(state),
        // Recovery goes forward again from the first step of the switch: nothing not behind a barrier is believed.
        (
            RunState::Ready { next: upto, begun } | RunState::Performing { step: upto, begun },
            Entry::Intent { step, .. },
        ) if step <= upto && *step < steps => Ok(RunState::Performing { step: *step, begun: (*begun).max(step + 1) }),
        (RunState::Performing { step: at, begun }, Entry::Done { step, .. }) if step == at => {
            Ok(RunState::Ready { next: at + 1, begun: *begun })
        }
        (RunState::Performing { step: at, begun }, Entry::Failed { step, error, .. }) if step == at => {
            Ok(RunState::TakingBack { below: *begun, reason: error.clone() })
        }
        (RunState::Ready { begun, .. } | RunState::Performing { begun, .. }, Entry::TakenBack { reason }) => {
            Ok(RunState::TakingBack { below: *begun, reason: reason.clone() })
        }
        (RunState::TakingBack { below, reason }, Entry::UndoIntent { step }) if step + 1 == *below => {
            Ok(RunState::Undoing { step: *step, reason: reason.clone() })
        }
        (RunState::Undoing { step: at, reason }, Entry::UndoIntent { step }) if step == at => {
            Ok(RunState::Undoing { step: *step, reason: reason.clone() })
        }
        (RunState::Undoing { step: at, reason }, Entry::Undone { step, .. }) if step == at => {
            Ok(RunState::TakingBack { below: *step, reason: reason.clone() })
        }
        (_, Entry::Ended { outcome }) => end(state, outcome, steps).map_err(|state| illegal(&state, entry)),
        (
            RunState::Ready { .. }
            | RunState::Performing { .. }
            | RunState::TakingBack { .. }
            | RunState::Undoing { .. }
            | RunState::Ended(_),
            Entry::Intent { .. }
            | Entry::Done { .. }
            | Entry::Failed { .. }
            | Entry::TakenBack { .. }
            | Entry::UndoIntent { .. }
            | Entry::Undone { .. }
            | Entry::Attempt { .. },
        ) => Err(illegal(&state, entry)),
    }
}

/// A run ends finished behind its last step, undone when nothing is left to undo, and in need of a person anywhere.
fn end(state: RunState, outcome: &Outcome, steps: usize) -> Result<RunState, RunState> {
    let fits = match (&state, outcome) {
        (RunState::Ended(_), _) => false,
        (_, Outcome::NeedsAttention { .. }) => true,
        (RunState::Ready { next, .. }, Outcome::Finished) => *next == steps,
        (RunState::TakingBack { below, .. }, Outcome::Undone { .. }) => *below == 0,
        (RunState::Performing { .. } | RunState::TakingBack { .. } | RunState::Undoing { .. }, Outcome::Finished)
        | (RunState::Ready { .. } | RunState::Performing { .. } | RunState::Undoing { .. }, Outcome::Undone { .. }) => {
            false
        }
    };
    if fits { Ok(RunState::Ended(outcome.clone())) } else { Err(state) }
}

fn illegal(state: &RunState, entry: &Entry) -> Illegal {
    Illegal { state: format!("{state:?}"), entry: format!("{entry:?}") }
}

/// How a step was begun the first time.
#[derive(Debug, Clone, PartialEq)]
pub struct Begun<'a> {
    /// What [`Witness`] was written down then.
    pub witness: Option<&'a Witness>,
    /// The boot in which that was.
    pub boot_id: &'a str,
}

impl RunState {
    /// The state before the first entry.
    pub const FRESH: Self = Self::Ready { next: 0, begun: 0 };
}

impl RunRecord {
    /// The state that its entries lead to.
    ///
    /// # Errors
    /// [`Illegal`] when an entry does not follow from those before it.
    pub fn state(&self) -> Result<RunState, Illegal> {
        self.entries
            .iter()
            .try_fold(RunState::FRESH, |state, stamped| apply(state, &stamped.entry, self.plan.steps.len()))
    }

    /// How many attempts recovery has made.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.entries.iter().filter(|s| matches!(s.entry, Entry::Attempt { .. })).count().try_into().unwrap_or(u32::MAX)
    }

    /// How a step was begun the first time: an exchange that ran twice can only be told from the world before the
    /// first. None when it never was.
    #[must_use]
    pub fn begun(&self, step: usize) -> Option<Begun<'_>> {
        let mut boot_id = self.boot_id.as_str();
        for stamped in &self.entries {
            match &stamped.entry {
                Entry::Attempt { boot_id: boot, .. } => boot_id = boot,
                Entry::Intent { step: at, witness } if *at == step => {
                    return Some(Begun { witness: witness.as_ref(), boot_id });
                }
                Entry::Intent { .. }
                | Entry::Done { .. }
                | Entry::Failed { .. }
                | Entry::TakenBack { .. }
                | Entry::UndoIntent { .. }
                | Entry::Undone { .. }
                | Entry::Ended { .. } => {}
            }
        }
        None
    }

    /// The world before a step, as far as that step wants to know it: for a check it is what was recorded, for a restart
    /// what was observed.
    #[must_use]
    pub fn witness(&self, step: usize) -> Option<&Witness> {
        match self.plan.step(step)? {
            Step::Health(HealthStep::Check { .. }) => self.recorded(),
            Step::Service(ServiceStep::Restart { own: false, .. }) => {
                self.noted_by(|step| matches!(step, Step::Service(ServiceStep::Observe { .. })))
            }
            _any_other => self.begun(step)?.witness,
        }
    }

    /// How well everything was before it.
    #[must_use]
    pub fn recorded(&self) -> Option<&Witness> {
        self.noted_by(|step| matches!(step, Step::Health(HealthStep::Record { .. })))
    }

    fn noted_by(&self, is: impl Fn(&Step) -> bool) -> Option<&Witness> {
        self.begun(self.plan.steps.iter().position(|planned| is(&planned.step))?)?.witness
    }

    /// How it ended; none while it has not.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        self.entries.iter().rev().find_map(|stamped| match &stamped.entry {
            Entry::Ended { outcome } => Some(outcome),
            Entry::Intent { .. }
            | Entry::Done { .. }
            | Entry::Failed { .. }
            | Entry::TakenBack { .. }
            | Entry::UndoIntent { .. }
            | Entry::Undone { .. }
            | Entry::Attempt { .. } => None,
        })
    }
}

/// How many attempts recovery makes before it stops and says so.
pub const MOST_ATTEMPTS: u32 = 3;

/// What recovery owes to an unfinished run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owes {
    /// Perform from this step on to the end; if that fails, take everything back.
    Forward {
        /// Index into the plan's steps.
        from: usize,
    },
    /// Undo everything, beginning below this index.
    Back {
        /// Steps with an index below this may have to be undone.
        below: usize,
        /// Why.
        reason: String,
    },
    /// Too many attempts: end it and tell.
    GiveUp,
    /// Nothing: it ended.
    Nothing,
}

/// Decides what recovery owes to a run: a run cut before anything in use was touched is thrown away, one cut in its
/// switch is first finished, then undone if that fails (RELIABILITY.md §0 finding 4).
///
/// # Errors
/// [`Illegal`] when the entries contradict each other.
pub fn owes(record: &RunRecord) -> Result<Owes, Illegal> {
    let state = record.state()?;
    if let RunState::Ended(_) = state {
        return Ok(Owes::Nothing);
    }
    if record.attempts() >= MOST_ATTEMPTS {
        return Ok(Owes::GiveUp);
    }
    let turn = record.plan.turn_begins();
    let cut = || "Refit was stopped before the change began".to_owned();
    Ok(match state {
        RunState::Ready { next, .. } if next == record.plan.steps.len() => Owes::Forward { from: turn },
        RunState::Ready { begun, .. } | RunState::Performing { begun, .. } if begun <= turn => {
            Owes::Back { below: begun, reason: cut() }
        }
        // Everything before it is done and on disk, and it was this very restart that ended the process.
        RunState::Performing { step, .. } if record.plan.ends_refit(step) => Owes::Forward { from: step },
        RunState::Ready { .. } | RunState::Performing { .. } => Owes::Forward { from: turn },
        RunState::TakingBack { below, reason } => Owes::Back { below, reason },
        RunState::Undoing { step, reason } => Owes::Back { below: step + 1, reason },
        RunState::Ended(_) => Owes::Nothing,
    })
}

#[cfg(test)]
mod tests;
