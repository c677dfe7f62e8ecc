//! The hand for Python environments: looks at them, and does the steps that bring what software asks for.
//!
//! | file | what it is |
//! |---|---|
//! | [`seen`], [`layout`], [`installed`] | what is there, read from its files |
//! | [`interpreter`] | what Python and pip say of themselves, asked once |
//! | [`asked`] | the requirements of a version that is not in use yet |
//! | [`survey`], [`report`] | what an action would change |
//! | [`hand`], [`pip`], [`namespace`], [`strays`], [`verdict`] | pip at work, and why it failed |
//! | [`stage`], [`copy`], [`fresh`], [`install`], [`check`], [`exchange`], [`previous`] | the steps, in their order |
//!
//! Refuses to: decide what is done; and to let pip work on an environment of which there is no copy.

use std::path::{Path, PathBuf};

use refit_engine::ports::{Circumstance, StepError};
use refit_model::environment::{EnvironmentFacts, EnvironmentSpec, EnvironmentSurvey};
use refit_model::journal::Witness;
use refit_model::plan::Action;
use refit_model::step::{Content, EnvironmentRef, EnvironmentStep, Ground, OldFolder};
use tokio::sync::OnceCell;

use crate::command::Surroundings;
use crate::content::Contents;
use crate::fault::FaultPlan;
use crate::git::hand::off_the_loop;
use crate::tree::{self, Sides, TreeError};

pub mod asked;
pub mod check;
pub mod copy;
pub mod exchange;
pub mod fresh;
pub mod hand;
pub mod install;
pub mod installed;
pub mod interpreter;
pub mod layout;
pub mod namespace;
pub mod pip;
pub mod previous;
pub mod report;
pub mod seen;
pub mod stage;
pub mod strays;
pub mod survey;
pub mod verdict;

use hand::Hand;
use interpreter::{Interpreter, InterpreterError};
use survey::Subject;

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

impl EnvironmentRules {
    fn interpreters(&self) -> PathBuf {
        self.state.join("interpreters")
    }
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
    in_place: OnceCell<Option<String>>,
}

impl Environments {
    /// With its rules.
    #[must_use]
    pub fn new(rules: EnvironmentRules) -> Self {
        Self { rules, faults: FaultPlan::none(), in_place: OnceCell::new() }
    }

    /// The same, killed where `faults` says.
    #[must_use]
    pub fn with_faults(self, faults: FaultPlan) -> Self {
        Self { faults, ..self }
    }

    /// Why an environment cannot be prepared beside the one in use on this machine, in words for people; none when it can.
    /// Tried once.
    pub async fn in_place(&self) -> Option<String> {
        let Some(own) = &self.rules.own_program else {
            return Some("Refit does not know its own program".to_owned());
        };
        let room = self.rules.state.join("namespace");
        self.in_place.get_or_init(|| namespace::probe(own, &room, &self.rules.surroundings)).await.clone()
    }

    /// What the interpreter of an environment says of itself; asked once.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn interpreter(&self, folder: &Path) -> Result<Interpreter, InterpreterError> {
        interpreter::ask(folder, &self.rules.interpreters(), &self.rules.surroundings).await
    }

    /// Looks at an environment of the software in `home`. Starts Python only when something changed.
    pub async fn look(
        &self,
        spec: &EnvironmentSpec,
        home: Option<&Path>,
        before: &EnvironmentFacts,
    ) -> EnvironmentFacts {
        seen::look(&self.rules, &seen::real(&spec.folder), home, before).await
    }

    /// Looks closely, for an action. `wish` is none where the wished version cannot be read yet. A preview asks pip, also
    /// about a package where no file lists what is wished.
    pub async fn survey(
        &self,
        spec: &EnvironmentSpec,
        facts: &EnvironmentFacts,
        wish: Option<Wish<'_>>,
        package: Option<&str>,
        (action, preview): (Action, bool),
    ) -> EnvironmentSurvey {
        let folder = seen::real(&spec.folder);
        let in_place = self.in_place().await;
        let pip_environment = &spec.pip_environment;
        let subject = Subject { rules: &self.rules, folder: folder.clone(), pip_environment, facts, in_place, package };
        let survey = survey::survey(&subject, wish, action, preview).await;
        EnvironmentSurvey { real_folder: (folder != spec.folder).then_some(folder), ..survey }
    }

    /// Performs a step.
    ///
    /// # Errors
    /// With the words that the caller gets.
    pub async fn act(
        &self,
        step: &EnvironmentStep,
        contents: &Contents<'_>,
        circumstance: &Circumstance,
    ) -> Result<Option<String>, StepError> {
        let hand = self.hand(step, circumstance).await;
        match step {
            EnvironmentStep::Stage { env: _, stage, from, want } => {
                stage::stage(&hand, stage, from, want, contents).await
            }
            EnvironmentStep::Install { env: _, ground, want, says, freeze } => {
                install::install(&hand, ground, (want, says, freeze), contents, circumstance).await
            }
            EnvironmentStep::Check { env: _, ground, projects } => check::check(&hand, ground, projects).await,
            EnvironmentStep::Exchange { env, stage, old } => {
                let (live, stage, old) = (env.folder.clone(), stage.clone(), old.clone());
                let (before, faults) = (sides_of(circumstance), self.faults.clone());
                hand.off_the_loop(move || exchange::exchange(&live, &stage, &old, before, &faults)).await
            }
            EnvironmentStep::KeepSnapshot { env, snapshot, old } => {
                let (live, snapshot, old) = (env.folder.clone(), snapshot.clone(), old.clone());
                hand.off_the_loop(move || exchange::keep_snapshot(&live, &snapshot, &old)).await
            }
            EnvironmentStep::Prune { env, kept, keep } => {
                Ok(self.prune(env, kept, usize::try_from(*keep).unwrap_or(usize::MAX)).await)
            }
        }
    }

    async fn hand<'a>(&'a self, step: &'a EnvironmentStep, circumstance: &Circumstance) -> Hand<'a> {
        Hand {
            rules: &self.rules,
            env: env_of(step),
            in_place: self.in_place().await,
            tell: circumstance.tell.clone(),
            faults: self.faults.clone(),
        }
    }

    async fn prune(&self, env: &EnvironmentRef, kept: &Path, keep: usize) -> Option<String> {
        let (live, kept, faults) = (env.folder.clone(), kept.to_owned(), self.faults.clone());
        let done = off_the_loop(move || {
            stage::take_out_own(&live)?;
            previous::prune(&kept, keep, &faults)
        });
        match done.await {
            Ok(gone) if gone.is_empty() => None,
            Ok(gone) => Some(format!("deleted {} environments from before", gone.len())),
            // The update is done; the next one tries again.
            Err(error) => Some(error.to_string()),
        }
    }

    /// Ends what a Refit before this one started for a step, and what outlived it.
    pub async fn alone(&self, step: &EnvironmentStep) {
        match step {
            EnvironmentStep::Stage { stage, .. } => strays::end(stage).await,
            EnvironmentStep::Install { ground, .. } | EnvironmentStep::Check { ground, .. } => {
                strays::end(ground.stage()).await;
            }
            EnvironmentStep::Exchange { .. } | EnvironmentStep::KeepSnapshot { .. } | EnvironmentStep::Prune { .. } => {
            }
        }
    }

    /// What recovery will need to know.
    #[must_use]
    pub fn witness(&self, step: &EnvironmentStep) -> Option<Witness> {
        let sides = match step {
            EnvironmentStep::Exchange { env, stage, .. }
            | EnvironmentStep::Install { env, ground: Ground::InPlace { snapshot: stage }, .. } => {
                tree::sides(&env.folder, stage)
            }
            EnvironmentStep::Stage { .. }
            | EnvironmentStep::Install { ground: Ground::Stage(_), .. }
            | EnvironmentStep::Check { .. }
            | EnvironmentStep::KeepSnapshot { .. }
            | EnvironmentStep::Prune { .. } => return None,
        };
        serde_json::to_value(sides.ok()?).ok()
    }

    /// After a step was taken back: half of a stage goes, and an environment that was checked before a rollback stays
    /// kept, as it was.
    ///
    /// # Errors
    /// When something cannot be deleted.
    pub async fn tidy(&self, step: &EnvironmentStep) -> Result<(), TreeError> {
        match step {
            EnvironmentStep::Stage { stage, .. } => {
                let part = stage::part_of(stage);
                off_the_loop(move || tree::delete_stage(&part)).await
            }
            EnvironmentStep::Check { ground: Ground::Stage(checked), .. } => {
                let checked = checked.clone();
                off_the_loop(move || stage::take_out_own(&checked)).await
            }
            EnvironmentStep::Install { .. }
            | EnvironmentStep::Check { ground: Ground::InPlace { .. }, .. }
            | EnvironmentStep::Exchange { .. }
            | EnvironmentStep::KeepSnapshot { .. }
            | EnvironmentStep::Prune { .. } => Ok(()),
        }
    }

    /// Takes back `Undo::EnvironmentPutBack`.
    ///
    /// # Errors
    /// When a folder cannot be exchanged.
    pub async fn put_back(
        &self,
        live: &Path,
        snapshot: &Path,
        old: &OldFolder,
        before: Option<Sides>,
    ) -> Result<(), StepError> {
        let (live, snapshot, old) = (live.to_owned(), snapshot.to_owned(), old.clone());
        let done = off_the_loop(move || exchange::put_back(&live, &snapshot, &old, before)).await;
        done.map_err(|error: TreeError| StepError {
            message: error.to_string(),
            command_failed: false,
            printer_busy: false,
        })
    }
}

fn env_of(step: &EnvironmentStep) -> &EnvironmentRef {
    match step {
        EnvironmentStep::Stage { env, .. }
        | EnvironmentStep::Install { env, .. }
        | EnvironmentStep::Check { env, .. }
        | EnvironmentStep::Exchange { env, .. }
        | EnvironmentStep::KeepSnapshot { env, .. }
        | EnvironmentStep::Prune { env, .. } => env,
    }
}

fn sides_of(circumstance: &Circumstance) -> Option<Sides> {
    serde_json::from_value(circumstance.witness.clone()?).ok()
}
