//! The part of the table that is about what software depends on.
//! Refuses to: know how any of it is done.

use refit_engine::ports::{Circumstance, StepError};
use refit_model::journal::Witness;
use refit_model::step::{Step, Undo};

use super::{Host, sides_of};
use crate::content::Contents;

impl Host {
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
