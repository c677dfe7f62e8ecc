//! The hand for Node packages: runs npm beside the packages in use.
//! Refuses to: decide what is done.

use std::path::Path;

use refit_engine::ports::{Circumstance, StepError};
use refit_model::dependencies::NodeSurvey;
use refit_model::journal::Witness;
use refit_model::step::{Content, NodeStep};

use crate::command::Surroundings;
use crate::content::Contents;
use crate::fault::FaultPlan;

/// See the module.
#[derive(Debug)]
pub struct Npm {
    surroundings: Surroundings,
    faults: FaultPlan,
}

impl Npm {
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

    /// Whether the wished version has other Node packages. `wish` is none where it cannot be read yet.
    pub async fn survey(&self, _contents: &Contents<'_>, _wish: Option<&Content>, _live: &Path) -> NodeSurvey {
        NodeSurvey::default()
    }

    /// Performs a step.
    ///
    /// # Errors
    /// With the words that the caller gets.
    pub async fn act(
        &self,
        step: &NodeStep,
        _contents: &Contents<'_>,
        _circumstance: &Circumstance,
    ) -> Result<Option<String>, StepError> {
        Err(StepError {
            message: format!("not possible in this version: {}", step.describe()),
            command_failed: false,
            printer_busy: false,
        })
    }

    /// What recovery will need to know.
    pub async fn witness(&self, _step: &NodeStep) -> Option<Witness> {
        None
    }
}
