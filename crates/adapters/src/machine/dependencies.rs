//! The part of the table that is about what software depends on.
//! Refuses to: know how any of it is done.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use refit_engine::ports::Tell;
use refit_model::dependencies::{Dependencies, DependencyFacts, DependencySurvey};
use refit_model::name::UpdaterName;
use refit_model::plan::Action;
use refit_model::step::{Content, PackageList};
use refit_model::updater::Spec;

use super::Host;
use crate::content::Contents;
use crate::forge::Forges;
use crate::health::{Health, HealthRules};
use crate::node::Npm;
use crate::packages::{PackageRules, Packages};
use crate::python::{EnvironmentRules, Environments, Wish};
use crate::python_package::{ApplicationRules, PythonApplications};
use crate::services::origin::Checkout;
use crate::services::{ServiceRules, Services};
use crate::system::SystemRules;

/// The hands for what software depends on.
#[derive(Debug)]
pub struct DependencyHands {
    /// Python environments.
    pub environments: Environments,
    /// OS packages.
    pub packages: Packages,
    /// Node packages.
    pub npm: Npm,
    /// Services.
    pub services: Services,
    /// Health.
    pub health: Health,
    /// Python applications.
    pub applications: PythonApplications,
    /// Where the machine tells about itself.
    pub system: SystemRules,
}

impl DependencyHands {
    /// With what their programs inherit, where they keep what they know, and the forges of releases.
    #[must_use]
    pub fn new(applications: ApplicationRules, forges: Arc<Forges>, own_program: Option<PathBuf>) -> Self {
        let ApplicationRules { surroundings, state, .. } = applications.clone();
        let rules = EnvironmentRules { surroundings: surroundings.clone(), state, own_program };
        Self {
            environments: Environments::new(rules),
            packages: Packages::new(PackageRules::usual(surroundings.clone())),
            npm: Npm::new(surroundings.clone()),
            services: Services::new(ServiceRules::usual(surroundings.clone())),
            health: Health::new(HealthRules::usual(surroundings)),
            applications: PythonApplications::new(applications, forges),
            system: SystemRules::usual(),
        }
    }
}

/// Whose dependencies are surveyed, and for what.
pub(super) struct Wanted<'a> {
    pub(super) name: &'a UpdaterName,
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
    /// `home` is the software's folder, links resolved; none where it is a package of its environment.
    pub(super) async fn look_at_dependencies(
        &self,
        wanted: &Dependencies,
        home: Option<&Path>,
        before: &DependencyFacts,
    ) -> DependencyFacts {
        let Some(spec) = &wanted.environment else { return DependencyFacts { environment: None, ..before.clone() } };
        let known = before.environment.clone().unwrap_or_default();
        let environment = Some(self.environments.look(spec, home, &known).await);
        DependencyFacts { environment, ..before.clone() }
    }

    pub(super) async fn survey_dependencies(&self, wanted: Wanted<'_>, tell: &Tell) -> DependencySurvey {
        let contents = Contents::new(&self.git, tell.clone(), self.faults.clone());
        let Wanted { name, dependencies, facts, home, wished, package, action, preview } = wanted;
        let mut survey = DependencySurvey { service_manager: self.services.manager(), ..DependencySurvey::default() };
        if survey.service_manager.is_some() {
            survey.units = self.really(name, dependencies, home).await;
        }
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

    /// The services that really run what an updater restarts; none where nobody restarts any.
    pub(super) async fn services_of(&self, spec: &Spec) -> Vec<(String, Vec<String>)> {
        let Some(common) = spec.common().filter(|_| self.services.manager().is_some()) else { return Vec::new() };
        let home = match spec {
            Spec::Git(spec) => &spec.path,
            Spec::Release(spec) => &spec.path,
            // Nothing of it lies outside its environment.
            Spec::Python(_) | Spec::System(_) | Spec::Absent(_) => Path::new(""),
        };
        self.really(&common.name, &common.dependencies, home).await
    }

    /// Which services run what this updater restarts.
    async fn really(&self, name: &UpdaterName, wanted: &Dependencies, home: &Path) -> Vec<(String, Vec<String>)> {
        let mut units = Vec::new();
        for asked in &wanted.services {
            let checkout = if asked == name.as_str() {
                let environment = wanted.environment.as_ref().map(|environment| environment.folder.clone());
                Checkout { home: Some(home.to_owned()).filter(|home| home.is_absolute()), environment }
            } else {
                self.services.usual_checkout(asked, self.printer.borrow().identity.as_ref())
            };
            let peer = self.printer.borrow().pid.filter(|_| asked == "klipper");
            units.push((asked.clone(), self.services.really(asked, checkout, peer).await));
        }
        units
    }

    /// Reads files of versions that are not in use yet.
    pub(super) fn contents(&self, tell: Tell) -> Contents<'_> {
        Contents::new(&self.git, tell, self.faults.clone())
    }
}
