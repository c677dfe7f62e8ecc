//! The part of the table that is about what software depends on.
//! Refuses to: know how any of it is done.

use std::path::Path;

use refit_engine::ports::{Circumstance, StepError, Tell};
use refit_model::dependencies::{Dependencies, DependencyFacts, DependencySurvey};
use refit_model::journal::Witness;
use refit_model::plan::Action;
use refit_model::step::{Content, PackageList, Step, Undo};

use super::{Host, sides_of};
use crate::content::Contents;
use crate::python::Wish;

/// Whose dependencies are surveyed, and for what.
pub(super) struct Wanted<'a> {
    pub(super) dependencies: &'a Dependencies,
    pub(super) facts: &'a DependencyFacts,
    /// The software's folder, links resolved.
    pub(super) home: &'a Path,
    /// Where the wished version can be read already; none when only the steps will have it.
    pub(super) wished: Option<Content>,
    /// The package that would be asked for, where no file lists what is wished.
    pub(super) package: Option<&'a str>,
    pub(super) action: Action,
    pub(super) preview: bool,
}

impl Host {
    pub(super) async fn look_at_dependencies(
        &self,
        wanted: &Dependencies,
        before: &DependencyFacts,
    ) -> DependencyFacts {
        let Some(spec) = &wanted.environment else { return DependencyFacts { environment: None, ..before.clone() } };
        let known = before.environment.clone().unwrap_or_default();
        let environment = Some(self.environments.look(spec, &known).await);
        DependencyFacts { environment, ..before.clone() }
    }

    pub(super) async fn survey_dependencies(&self, wanted: Wanted<'_>, tell: &Tell) -> DependencySurvey {
        let contents = Contents::new(&self.git, tell.clone(), self.faults.clone());
        let Wanted { dependencies, facts, home, wished, package, action, preview } = wanted;
        let mut survey = DependencySurvey { service_manager: self.services.manager(), ..DependencySurvey::default() };
        if let Some(spec) = &dependencies.environment {
            let known = facts.environment.clone().unwrap_or_default();
            let wish = match (&wished, &dependencies.requirements) {
                (Some(content), Some(file)) => Some(Wish { contents: &contents, content, file }),
                (None, _) | (_, None) => None,
            };
            survey.environment = Some(self.environments.survey(spec, &known, wish, package, (action, preview)).await);
        }
        let list = |content: &Content| PackageList {
            content: content.clone(),
            system_dependencies: dependencies.system_dependencies.clone(),
            install_script: dependencies.install_script.clone(),
            release_info_of: None,
            known: Vec::new(),
        };
        if dependencies.system_dependencies.is_some() || dependencies.install_script.is_some() {
            let now = list(&Content::Live { path: home.to_owned() });
            survey.packages = Some(self.packages.survey(&contents, wished.as_ref().map(list).as_ref(), &now).await);
        }
        if dependencies.node {
            let previous = facts.node_rollback.as_deref();
            survey.node = Some(self.npm.survey(&contents, wished.as_ref(), home, previous).await);
        }
        survey
    }

    pub(super) async fn act_on_dependencies(
        &self,
        step: &Step,
        circumstance: &Circumstance,
    ) -> Result<Option<String>, StepError> {
        let contents = Contents::new(&self.git, circumstance.tell.clone(), self.faults.clone());
        match step {
            Step::Environment(step) => self.environments.act(step, &contents, circumstance).await,
            Step::Packages(step) => self.packages.act(step, &contents, circumstance).await,
            Step::Node(step) => self.npm.act(step, &contents, circumstance).await,
            Step::Service(step) => self.services.act(step, circumstance).await,
            Step::CheckPrinter
            | Step::GitFetch { .. }
            | Step::GitHeal { .. }
            | Step::GitKeepAside { .. }
            | Step::GitSwitch { .. }
            | Step::GitVerify { .. }
            | Step::GitClone { .. }
            | Step::GitCarryOver { .. }
            | Step::FolderExchange { .. }
            | Step::ReleaseDownload { .. }
            | Step::ReleaseUnpack { .. }
            | Step::ReleaseStageKept { .. }
            | Step::ReleaseLearn { .. }
            | Step::ReleaseCarryOver { .. }
            | Step::ReleaseProbe { .. }
            | Step::ReleaseExchange { .. }
            | Step::ReleaseVerify { .. }
            | Step::ReleasePrune { .. } => Ok(None),
        }
    }

    pub(super) async fn witness_dependencies(&self, step: &Step) -> Option<Witness> {
        match step {
            Step::Environment(step) => self.environments.witness(step),
            Step::Packages(step) => {
                let contents = Contents::new(&self.git, std::sync::Arc::new(|_| {}), self.faults.clone());
                self.packages.witness(step, &contents).await
            }
            Step::Node(step) => self.npm.witness(step).await,
            Step::Service(step) => self.services.witness(step).await,
            Step::CheckPrinter
            | Step::GitFetch { .. }
            | Step::GitHeal { .. }
            | Step::GitKeepAside { .. }
            | Step::GitSwitch { .. }
            | Step::GitVerify { .. }
            | Step::GitClone { .. }
            | Step::GitCarryOver { .. }
            | Step::FolderExchange { .. }
            | Step::ReleaseDownload { .. }
            | Step::ReleaseUnpack { .. }
            | Step::ReleaseStageKept { .. }
            | Step::ReleaseLearn { .. }
            | Step::ReleaseCarryOver { .. }
            | Step::ReleaseProbe { .. }
            | Step::ReleaseExchange { .. }
            | Step::ReleaseVerify { .. }
            | Step::ReleasePrune { .. } => None,
        }
    }

    pub(super) async fn take_back_dependencies(
        &self,
        undo: &Undo,
        circumstance: &Circumstance,
    ) -> Result<(), StepError> {
        match undo {
            Undo::EnvironmentPutBack { live, snapshot, old } => {
                self.environments.put_back(live, snapshot, old, sides_of(circumstance)).await
            }
            Undo::PackagesRemoveAdded { .. } => self.packages.remove_added(circumstance).await,
            Undo::ServicesRestartAgain { units } => self.services.restart_again(units, circumstance).await,
            Undo::Nothing
            | Undo::GitSwitchBack { .. }
            | Undo::GitHealBack { .. }
            | Undo::GitPutBack { .. }
            | Undo::DeleteStage { .. }
            | Undo::FolderExchangeBack { .. }
            | Undo::ReleaseExchangeBack { .. }
            | Undo::ReleaseDropCopies { .. }
            | Undo::ReleaseForget { .. } => Ok(()),
        }
    }
}
