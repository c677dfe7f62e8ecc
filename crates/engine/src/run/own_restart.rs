//! The restart of Refit itself: asked for by one process, which it ends, and observed by the next, whose start is another.
//!
//! The run stays open meanwhile. Who waits is answered in between, because nobody could answer later: when the service
//! manager has granted the restart, and before the doors close.
//! Refuses to: ask twice. A process that finds the request of another one has been started anew, and that was the wish.

use std::time::Duration;

use refit_model::step::{PlannedStep, ServiceStep, Step};

use super::{Notice, World, told_to_stop};
use crate::ports::{Circumstance, Clock, Journal, Machine, StepError};

/// How long after it was granted the end may take to come. A service manager sends it at once.
const COMES_AT_ONCE: Duration = Duration::from_secs(60);

/// What came of asking.
pub(super) enum Parted {
    /// Nothing is to come: this is the start that was wished for, or not the service that is restarted.
    Seen(Option<String>),
    /// Refused, or granted in vain.
    Failed(StepError),
    /// It comes, or has come: the run is the next start's.
    Leaving,
}

impl<M: Machine, J: Journal, C: Clock> World<'_, M, J, C> {
    pub(super) async fn restart_refit(
        &self,
        planned: &PlannedStep,
        closing: &str,
        circumstance: Circumstance,
    ) -> Parted {
        let now = self.machine.witness(&planned.step).await;
        if circumstance.again && now.is_some() && now != circumstance.witness {
            return Parted::Seen(Some("Refit was started anew".to_owned()));
        }
        (self.hear)(Notice::Parting);
        let note = match self.machine.perform(&planned.step, circumstance).await {
            Ok(note) => note,
            Err(error) => return Parted::Failed(error),
        };
        if now.is_none() {
            return Parted::Seen(note);
        }
        if self.application.is_none() {
            // A recovery, before any door is open: the end is not told to it, and nobody waits for an answer.
            return Parted::Leaving;
        }
        (self.hear)(Notice::Leaving(closing.to_owned()));
        let mut stop = self.stop.clone();
        match tokio::time::timeout(COMES_AT_ONCE, told_to_stop(&mut stop)).await {
            Ok(()) => Parted::Leaving,
            Err(_) => Parted::Failed(never_came(&planned.step, note)),
        }
    }
}

/// `by_hand` is what the hand says of doing it by hand.
fn never_came(step: &Step, by_hand: Option<String>) -> StepError {
    let what = "the restart of Refit was granted and never came";
    let message = match step {
        Step::Service(ServiceStep::Restart { title, unit, .. }) => {
            let usual = || format!("To do it by hand, type: sudo systemctl restart {unit}");
            format!("{title}: {what}. {}", by_hand.unwrap_or_else(usual))
        }
        _other => what.to_owned(),
    };
    StepError { message, command_failed: false, printer_busy: false }
}
