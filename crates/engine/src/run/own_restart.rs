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

impl<M: Machine, J: Journal, C: Clock> World<'_, M, J, C> {
    pub(super) async fn restart_refit(
        &self,
        planned: &PlannedStep,
        closing: &str,
        circumstance: Circumstance,
    ) -> Result<Option<String>, StepError> {
        let now = self.machine.witness(&planned.step).await;
        if circumstance.again && now.is_some() && now != circumstance.witness {
            return Ok(Some("Refit was started anew".to_owned()));
        }
        (self.hear)(Notice::Parting);
        let note = self.machine.perform(&planned.step, circumstance).await?;
        if now.is_none() {
            // This process is not that service: nothing of it ends.
            return Ok(note);
        }
        (self.hear)(Notice::Leaving(closing.to_owned()));
        let mut stop = self.stop.clone();
        let told = tokio::time::timeout(COMES_AT_ONCE, told_to_stop(&mut stop)).await;
        // Told to stop, no failure is written down: the run is the next start's.
        Err(never_came(&planned.step, if told.is_ok() { "is under way" } else { "was granted and never came" }))
    }
}

fn never_came(step: &Step, what: &str) -> StepError {
    let message = match step {
        Step::Service(ServiceStep::Restart { title, unit, .. }) => {
            format!("{title}: the restart of Refit {what}. To do it by hand, type: sudo systemctl restart {unit}")
        }
        _other => format!("the restart of Refit {what}"),
    };
    StepError { message, command_failed: false, printer_busy: false }
}
