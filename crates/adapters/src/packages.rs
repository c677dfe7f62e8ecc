//! The hand for OS packages: finds out which are missing and has the system's package manager install them.
//! Refuses to: decide what is done.

use refit_engine::ports::{Circumstance, StepError};
use refit_model::dependencies::PackageSurvey;
use refit_model::journal::Witness;
use refit_model::step::{PackageList, PackageStep};

use crate::command::Surroundings;
use crate::content::Contents;
use crate::fault::FaultPlan;

/// See the module.
#[derive(Debug)]
pub struct Packages {
    surroundings: Surroundings,
    faults: FaultPlan,
}

impl Packages {
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

    /// Which of the listed packages are missing. `list` is none where the wished version cannot be read yet.
    pub async fn survey(
        &self,
        _contents: &Contents<'_>,
        _list: Option<&PackageList>,
        _now: &PackageList,
    ) -> PackageSurvey {
        PackageSurvey::default()
    }

    /// Takes back `Undo::PackagesRemoveAdded`.
    ///
    /// # Errors
    /// When the package manager cannot be run.
    pub async fn remove_added(&self, _circumstance: &Circumstance) -> Result<(), StepError> {
        Ok(())
    }

    /// Performs a step.
    ///
    /// # Errors
    /// With the words that the caller gets.
    pub async fn act(
        &self,
        step: &PackageStep,
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
    pub async fn witness(&self, _step: &PackageStep) -> Option<Witness> {
        None
    }
}
