//! One environment in the hands of a step: where pip works, who listens, and the words that the caller gets.
//! Refuses to: know what any step is about.

use std::path::{Path, PathBuf};

use refit_engine::ports::{StepError, Tell};
use refit_model::step::{EnvironmentRef, Ground};

use super::layout::OWN;
use super::namespace::{Shown, View};
use super::pip::{Pip, Said};
use super::verdict::{self, Kind, Verdict};
use super::{EnvironmentRules, interpreter};
use crate::command::CommandError;
use crate::fault::FaultPlan;
use crate::git::hand::off_the_loop;
use crate::tree::TreeError;

/// See the module.
pub struct Hand<'a> {
    /// What the binary decided.
    pub rules: &'a EnvironmentRules,
    /// The environment.
    pub env: &'a EnvironmentRef,
    /// Why nothing can be prepared beside it; none when it can.
    pub in_place: Option<String>,
    /// Where pip's output goes.
    pub tell: Tell,
    /// Where tests have this process killed.
    pub faults: FaultPlan,
}

impl<'a> Hand<'a> {
    /// The environment in use.
    #[must_use]
    pub fn live(&self) -> &'a Path {
        &self.env.folder
    }

    /// The folder that pip changes.
    #[must_use]
    pub fn target<'b>(&'b self, ground: &'b Ground) -> &'b Path {
        match ground {
            Ground::Stage(stage) => stage,
            Ground::InPlace { .. } => self.live(),
        }
    }

    /// The environment as it was before.
    #[must_use]
    pub fn before<'b>(&'b self, ground: &'b Ground) -> &'b Path {
        match ground {
            Ground::Stage(_) => self.live(),
            Ground::InPlace { snapshot } => snapshot,
        }
    }

    /// Refit's own folder for a step: in the stage, or where a stage took the place of nothing, in the environment in use.
    #[must_use]
    pub fn own(&self, ground: &Ground) -> PathBuf {
        let stage = ground.stage();
        if stage.is_dir() { stage.join(OWN) } else { self.live().join(OWN) }
    }

    /// A pip that works there; `more` is what it has to see elsewhere besides.
    ///
    /// # Errors
    /// When it cannot see a stage in its final place on this machine, or a folder cannot be made.
    pub fn pip(&self, ground: &Ground, more: Vec<Shown>) -> Result<Pip<'a>, StepError> {
        let outside = self.own(ground);
        for folder in [outside.join("tmp"), outside.join("empty")] {
            std::fs::create_dir_all(&folder).map_err(|error| self.on_disk(&TreeError::io("made", &folder)(error)))?;
        }
        let (view, own) = match ground {
            // The stage itself may be hidden by what else is shown; its final place never is.
            Ground::Stage(stage) => {
                let shown = Shown { folder: stage.clone(), at: self.live().to_owned() };
                let shown: Vec<_> = more.into_iter().chain([shown]).collect();
                (Some(self.view(shown)?), self.live().join(OWN))
            }
            Ground::InPlace { .. } => (None, outside.clone()),
        };
        Ok(Pip {
            surroundings: &self.rules.surroundings,
            folder: self.live().to_owned(),
            environment: &self.env.pip_environment,
            view,
            stage: ground.stage().to_owned(),
            dir: own.join("empty"),
            own,
            outside,
            tell: self.tell.clone(),
        })
    }

    /// Folders shown elsewhere, with the places made where there are none.
    ///
    /// # Errors
    /// When this machine cannot do that.
    pub fn view(&self, shown: Vec<Shown>) -> Result<View<'a>, StepError> {
        let own = self.rules.own_program.as_deref().filter(|_| self.in_place.is_none());
        let own = own.ok_or_else(|| {
            let why = self.in_place.as_deref().unwrap_or("Refit does not know its own program");
            self.failed(&format!("the environment cannot be prepared beside the one in use ({why}); ask again"))
        })?;
        View::new(own, shown).map_err(|error| self.on_disk(&error))
    }

    /// What the interpreter of a folder says.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn interpreter(&self, folder: &Path) -> Result<interpreter::Interpreter, StepError> {
        let cache = self.rules.interpreters();
        let asked = interpreter::ask(folder, &cache, &self.rules.surroundings).await;
        asked.map_err(|error| self.failed(&format!("Python does not start: {error}")))
    }

    /// Passes on what went well.
    ///
    /// # Errors
    /// With why pip failed, in one line.
    pub fn require(&self, said: Result<Said, CommandError>, what: &str, ground: &Ground) -> Result<Said, StepError> {
        let said = self.started(said)?;
        if said.success() { Ok(said) } else { Err(self.refused(&self.judge(&said), what, ground)) }
    }

    /// pip ran, however it ended.
    ///
    /// # Errors
    /// When it did not.
    pub fn started(&self, said: Result<Said, CommandError>) -> Result<Said, StepError> {
        said.map_err(|error| {
            let cause = std::error::Error::source(&error).map(|cause| format!(" ({cause})")).unwrap_or_default();
            self.failed(&format!("{error}{cause}"))
        })
    }

    /// Why it did not end well.
    #[must_use]
    pub fn judge(&self, said: &Said) -> Verdict {
        verdict::judge(&said.lines, said.outcome.ended)
    }

    /// The same, for the caller.
    #[must_use]
    pub fn refused(&self, verdict: &Verdict, what: &str, ground: &Ground) -> StepError {
        let after = match (ground, verdict.kind) {
            (Ground::Stage(_), Kind::Network | Kind::Unsatisfiable | Kind::Other) => "nothing was changed",
            (Ground::InPlace { .. }, Kind::Network | Kind::Unsatisfiable | Kind::Other) => {
                "the Python packages are put back as they were"
            }
        };
        // What to do stands behind a semicolon; where nothing is known, all that was said may tell.
        let next = if verdict.why.contains(';') { "" } else { "; `refit history -v` has all that was printed" };
        self.failed(&format!("{what} failed: {}{next}. Of what is in use {after}.", verdict.why))
    }

    /// An error under the prefix of the updater.
    #[must_use]
    pub fn failed(&self, text: &str) -> StepError {
        StepError { message: format!("{}: {text}", self.env.title), command_failed: false, printer_busy: false }
    }

    /// A failed deed on files.
    #[must_use]
    pub fn on_disk(&self, error: &TreeError) -> StepError {
        self.failed(&error.to_string())
    }

    /// Work that blocks on the disk.
    ///
    /// # Errors
    /// What it says.
    pub async fn off_the_loop<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, TreeError> + Send + 'static,
    ) -> Result<T, StepError> {
        off_the_loop(work).await.map_err(|error| self.on_disk(&error))
    }

    /// Tells the listeners what is no documented sentence: a line like those that programs print.
    pub fn note(&self, text: &str) {
        (self.tell)(text);
    }

    /// Tells the listeners a line of Refit's own.
    pub fn say(&self, text: &str) {
        (self.tell)(&format!("{}: {text}", self.env.title));
    }
}
