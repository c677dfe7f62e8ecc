//! The part of the table that is about Python applications. Their steps are those of their environment.
//! Refuses to: know how any of it is done.

use std::path::Path;

use refit_engine::ports::{Clock as _, Look, Tell};
use refit_model::plan::Action;
use refit_model::updater::Facts;
use refit_model::updater::python::{PythonFacts, PythonSpec, PythonSurvey};

use super::Host;
use super::dependencies::Wanted;
use crate::clock::WallClock;

impl Host {
    pub(super) async fn inspect_python(
        &self,
        spec: &PythonSpec,
        before: &PythonFacts,
        look: Look,
        tell: &Tell,
    ) -> Facts {
        #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970 fit in 63 bits")]
        let now = WallClock.now() as i64;
        let mut facts = PythonFacts { survey: None, ..before.clone() };
        facts.dependencies = self.look_at_dependencies(&spec.common.dependencies, None, &facts.dependencies).await;
        self.applications.look(spec, &mut facts).await;
        match look {
            Look::Local => {}
            Look::Remote => self.applications.refresh(spec, &mut facts, now).await,
            Look::Survey(action) | Look::Preview(action) => {
                let package = match action {
                    Action::Upgrade => refit_model::updater::python::wished(spec, &facts),
                    Action::SoftRecovery | Action::HardRecovery | Action::Rollback | Action::Restart => None,
                };
                let wanted = Wanted {
                    name: &spec.common.name,
                    dependencies: &spec.common.dependencies,
                    facts: &facts.dependencies,
                    // Nothing of it lies outside its environment.
                    home: Path::new(""),
                    wished: None,
                    package: package.as_deref(),
                    action,
                    preview: matches!(look, Look::Preview(_)),
                };
                let mut dependencies = self.survey_dependencies(wanted, tell).await;
                let changes = dependencies.environment.iter_mut().flat_map(|environment| &mut environment.changes);
                for change in changes.filter(|change| change.name == spec.project.as_str()) {
                    // pip does not tell sizes, the index does.
                    change.bytes = change.bytes.or(facts.remote.offer.as_ref().and_then(|offer| offer.bytes));
                }
                facts.survey = Some(PythonSurvey { dependencies });
            }
        }
        Facts::Python(Box::new(facts))
    }
}
