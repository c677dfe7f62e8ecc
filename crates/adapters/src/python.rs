//! The hand for Python environments: looks at them, and does the steps that bring what software asks for.
//! Refuses to: decide what is done; and to let pip work on an environment of which there is no copy.

use std::path::{Path, PathBuf};

use refit_engine::ports::{Circumstance, StepError};
use refit_model::environment::{EnvironmentFacts, EnvironmentSpec, EnvironmentSurvey};
use refit_model::journal::Witness;
use refit_model::plan::Action;
use refit_model::step::{Content, EnvironmentStep, OldFolder};

use crate::command::Surroundings;
use crate::content::Contents;
use crate::fault::FaultPlan;
use crate::tree::Sides;

pub mod interpreter;
pub mod layout;
pub mod namespace;

/// What the binary decides.
#[derive(Debug, Clone)]
pub struct EnvironmentRules {
    /// What pip inherits: its settings (`PIP_…`) too.
    pub surroundings: Surroundings,
    /// What is known of interpreters is kept here.
    pub state: PathBuf,
    /// The running program, which shows pip a prepared environment under its final path; none where it cannot.
    pub own_program: Option<PathBuf>,
}

/// What the wished version asks for.
#[derive(Clone, Copy)]
pub struct Wish<'a> {
    /// Reads it.
    pub contents: &'a Contents<'a>,
    /// Where.
    pub content: &'a Content,
    /// The requirements file, relative to it.
    pub file: &'a Path,
}

/// See the module.
#[derive(Debug)]
pub struct Environments {
    rules: EnvironmentRules,
    faults: FaultPlan,
}

impl Environments {
    /// With its rules.
    #[must_use]
    pub fn new(rules: EnvironmentRules) -> Self {
        Self { rules, faults: FaultPlan::none() }
    }

    /// The same, killed where `faults` says.
    #[must_use]
    pub fn with_faults(self, faults: FaultPlan) -> Self {
        Self { faults, ..self }
    }

    /// Looks at an environment.
    pub async fn look(&self, _spec: &EnvironmentSpec, before: &EnvironmentFacts) -> EnvironmentFacts {
        before.clone()
    }

    /// Looks closely, for an action. `wish` is none where the wished version cannot be read yet. A preview asks pip.
    pub async fn survey(
        &self,
        _spec: &EnvironmentSpec,
        _facts: &EnvironmentFacts,
        _wish: Option<Wish<'_>>,
        _action: Action,
        _preview: bool,
    ) -> EnvironmentSurvey {
        EnvironmentSurvey::default()
    }

    /// Performs a step.
    ///
    /// # Errors
    /// With the words that the caller gets.
    pub async fn act(
        &self,
        step: &EnvironmentStep,
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
    #[must_use]
    pub fn witness(&self, _step: &EnvironmentStep) -> Option<Witness> {
        None
    }

    /// Takes back `Undo::EnvironmentPutBack`.
    ///
    /// # Errors
    /// When a folder cannot be exchanged.
    pub async fn put_back(
        &self,
        _live: &Path,
        _snapshot: &Path,
        _old: &OldFolder,
        _before: Option<Sides>,
    ) -> Result<(), StepError> {
        Ok(())
    }
}
