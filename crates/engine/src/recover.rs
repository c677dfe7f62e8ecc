//! At start, before any door opens: finishes or undoes what a crash left. Safe to be killed at any instant itself;
//! every attempt is counted in the journal before it begins.
//! Refuses to: begin anything new.

use std::sync::Arc;

use refit_model::journal::{Outcome, RunRecord};
use refit_model::name::{RunId, UpdaterName};
use refit_model::plan::Action;
use tokio::sync::watch;

use crate::ports::{Clock, Journal, JournalError, Machine};
use crate::run::{Hear, Ledger, Ran, World};

/// What came of one run that had been cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Its number in the journal.
    pub run: RunId,
    /// Whose.
    pub updater: UpdaterName,
    /// What for.
    pub action: Action,
    /// How it ended.
    pub outcome: Outcome,
}

/// What recovery did.
#[derive(Debug, Clone, Default)]
pub struct RecoveryReport {
    /// The runs that ended, oldest first.
    pub settled: Vec<Settled>,
    /// Why recovery could not go on: the journal could not be read or written. It is tried again before the next run.
    pub stuck: Option<JournalError>,
}

/// Settles every unfinished run, oldest first.
pub async fn recover<M: Machine, J: Journal, C: Clock>(machine: &M, journal: &J, clock: &C) -> RecoveryReport {
    let hear: Hear = Arc::new(|_| {});
    let (_keep, stop) = watch::channel(false);
    let world = World::unasked((machine, journal, clock), stop, hear);
    settle_all(&world).await
}

/// The same, within a process that has more to do.
pub(crate) async fn settle_all<M: Machine, J: Journal, C: Clock>(world: &World<'_, M, J, C>) -> RecoveryReport {
    let mut report = RecoveryReport::default();
    let records = match world.journal.unfinished().await {
        Ok(records) => records,
        Err(error) => return RecoveryReport { stuck: Some(error), ..report },
    };
    for record in records {
        match settle_one(world, record).await {
            Ok(settled) => report.settled.extend(settled),
            Err(error) => {
                report.stuck = Some(error);
                break;
            }
        }
    }
    report
}

async fn settle_one<M: Machine, J: Journal, C: Clock>(
    world: &World<'_, M, J, C>,
    record: RunRecord,
) -> Result<Option<Settled>, JournalError> {
    let mut ledger = Ledger::resume(world.journal, world.clock, record);
    let outcome = match world.settle(&mut ledger).await {
        Ran::Finished => Outcome::Finished,
        Ran::Undone(error) => Outcome::Undone { error: error.message },
        Ran::NeedsAttention(error) => Outcome::NeedsAttention { error },
        Ran::Unwritten(error) => return Err(error),
        Ran::Stopped => return Ok(None),
    };
    let plan = &ledger.record().plan;
    let settled = Settled { run: ledger.id(), updater: plan.updater.clone(), action: plan.action, outcome };
    tracing::info!(run = settled.run.0, updater = %settled.updater, outcome = ?settled.outcome, "settled a run that was cut off");
    Ok(Some(settled))
}
