//! The hand for Python applications: reads what is installed, and asks the index or the forge for what is newer.
//! Refuses to: install anything; the steps of their environment do.

use refit_model::updater::python::{PythonFacts, PythonSpec};

use crate::command::Surroundings;

pub mod page;

/// See the module.
#[derive(Debug)]
pub struct PythonApplications {
    surroundings: Surroundings,
}

impl PythonApplications {
    /// With what tells how pip is configured.
    #[must_use]
    pub fn new(surroundings: Surroundings) -> Self {
        Self { surroundings }
    }

    /// Reads what is installed.
    pub async fn look(&self, _spec: &PythonSpec, _facts: &mut PythonFacts) {}

    /// Asks what is offered; what was known stays when nobody can be asked (CONTRACT §8 row 13).
    pub async fn refresh(&self, _spec: &PythonSpec, _facts: &mut PythonFacts, _now: i64) {}
}
