//! The part of the table that is about releases.
//! Refuses to: know how any of it is done.

use refit_engine::ports::{Circumstance, Clock as _, Look, StepError, Tell};
use refit_model::plan::Action;
use refit_model::step::{Content, ReleaseStep};
use refit_model::updater::Facts;
use refit_model::updater::release::{ReleaseFacts, ReleaseSpec};

use super::dependencies::Wanted;
use super::{Host, real_path, sides_of};
use crate::clock::WallClock;

impl Host {
    pub(super) async fn inspect_release(
        &self,
        spec: &ReleaseSpec,
        before: &ReleaseFacts,
        look: Look,
        tell: &Tell,
    ) -> Facts {
        #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970 fit in 63 bits")]
        let now = WallClock.now() as i64;
        let mut facts = match look {
            Look::Local => self.releases.look(spec, before).await,
            Look::Remote => self.releases.refresh(spec, before, now).await,
            Look::Survey(action) => self.releases.survey(spec, before, action, now).await,
            Look::Preview(action) => self.releases.preview(spec, before, action, now).await,
        };
        let home = real_path(&spec.path).unwrap_or_else(|| spec.path.clone());
        facts.dependencies =
            self.look_at_dependencies(&spec.common.dependencies, Some(&home), &facts.dependencies).await;
        let action = match look {
            Look::Local | Look::Remote => return Facts::Release(Box::new(facts)),
            Look::Survey(action) | Look::Preview(action) => action,
        };
        let mut survey = facts.survey.take().unwrap_or_default();
        let home = survey.real_path.as_ref().unwrap_or(&spec.path);
        let preview = matches!(look, Look::Preview(_));
        let mut glimpse = None;
        if preview && action == Action::Upgrade {
            glimpse = self.releases.glimpse(spec, &facts).await;
        }
        let wished = match action {
            // What is offered is not here before it is unpacked.
            Action::Upgrade => {
                glimpse.as_ref().map(|glimpse| Content::Stage { stage: glimpse.files(), live: home.clone() })
            }
            Action::Rollback => survey.sound_previous.clone().map(|stage| Content::Stage { stage, live: home.clone() }),
            Action::SoftRecovery => Some(Content::Live { path: home.clone() }),
            Action::HardRecovery | Action::Restart => None,
        };
        let wanted = Wanted {
            name: &spec.common.name,
            dependencies: &spec.common.dependencies,
            facts: &facts.dependencies,
            home,
            wished,
            package: None,
            action,
            preview,
        };
        survey.dependencies = self.survey_dependencies(wanted, tell).await;
        facts.survey = Some(survey);
        Facts::Release(Box::new(facts))
    }

    pub(super) async fn act_on_release(
        &self,
        step: &ReleaseStep,
        circumstance: &Circumstance,
    ) -> Result<Option<String>, StepError> {
        let (releases, tell) = (&self.releases, &circumstance.tell);
        match step {
            ReleaseStep::Download { release, wanted, verify, label } => {
                releases.download(release, wanted, verify, label, tell).await
            }
            ReleaseStep::Learn { release, version, machine, verify } => {
                releases.learn(release, version, machine, verify).await
            }
            ReleaseStep::Unpack { release, stage, share } => releases.unpack(release, stage, *share).await,
            ReleaseStep::StageKept { release, from, stage } => releases.stage_kept(release, from, stage).await,
            ReleaseStep::CarryOver { release, stage, persistent, kept } => {
                releases.carry_over(release, stage, persistent, kept.as_ref(), tell).await
            }
            ReleaseStep::Probe { release, stage, arguments } => releases.probe(release, stage, arguments).await,
            ReleaseStep::Exchange { release, stage, old } => {
                releases.exchange(release, stage, old, sides_of(circumstance), &self.faults).await
            }
            ReleaseStep::Verify { release } => releases.verify(release, circumstance).await,
            ReleaseStep::Prune { release, old, keep } => Ok(releases.prune(release, old, *keep, WallClock.now()).await),
        }
    }
}
