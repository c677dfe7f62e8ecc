//! The hand for services: restarts them, and knows which start of each is running.
//! Refuses to: decide what is done.

use refit_engine::ports::{Circumstance, StepError};
use refit_model::journal::Witness;
use refit_model::step::ServiceStep;

use crate::command::Surroundings;
use crate::fault::FaultPlan;

/// See the module.
#[derive(Debug)]
pub struct Services {
    surroundings: Surroundings,
    faults: FaultPlan,
}

impl Services {
    /// With what its programs inherit.
    #[must_use]
    pub fn new(surroundings: Surroundings) -> Self {
        Self { surroundings, faults: FaultPlan::none() }
    }

    /// The same, killed where `faults` says.
    #[must_use]
    pub fn with_faults(self, faults: FaultPlan) -> Self {
        Self { faults, ..self }
    }

    /// What restarts services here; none when nothing does.
    #[must_use]
    pub fn manager(&self) -> Option<String> {
        None
    }

    /// Takes back `Undo::ServicesRestartAgain`.
    ///
    /// # Errors
    /// When the service manager cannot be asked.
    pub async fn restart_again(&self, _units: &[String], _circumstance: &Circumstance) -> Result<(), StepError> {
        Ok(())
    }

    /// Performs a step.
    ///
    /// # Errors
    /// With the words that the caller gets.
    pub async fn act(&self, step: &ServiceStep, _circumstance: &Circumstance) -> Result<Option<String>, StepError> {
        if let ServiceStep::Postpone { .. } = step {
            return Ok(None);
        }
        Err(StepError {
            message: format!("not possible in this version: {}", step.describe()),
            command_failed: false,
            printer_busy: false,
        })
    }

    /// What recovery will need to know.
    pub async fn witness(&self, _step: &ServiceStep) -> Option<Witness> {
        None
    }
}
