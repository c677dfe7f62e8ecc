//! The hand for Python applications: reads what is installed, and asks the indexes or the forge for what is newer.
//! Refuses to: install anything; the steps of their environment do. Show a login to anybody but the index it is for.

use std::path::PathBuf;
use std::sync::Arc;

use refit_model::environment::EnvironmentSpec;
use refit_model::settings::Channel;
use refit_model::updater::python::{
    InstalledPackage, Offer, PackageSource, PythonFacts, PythonSpec, RemotePackage, learn_version, source,
};
use reqwest::Client;

use crate::command::Surroundings;
use crate::forge::{ForgeError, Forges};
use crate::git::hand::off_the_loop;
use crate::python::interpreter::{self, Interpreter};

mod github;
mod index;
pub mod installed;
pub mod netrc;
mod newest;
pub mod page;
mod pip;
pub mod pip_conf;

use newest::Newest;
use pip_conf::{Index, PipSettings, Places, pip_settings};

/// What the binary decides.
#[derive(Debug, Clone)]
pub struct ApplicationRules {
    /// How pip is configured, and what it inherits.
    pub surroundings: Surroundings,
    /// Refit's own folder: what is known of interpreters is kept there.
    pub state: PathBuf,
    /// GitHub's API.
    pub github_api: String,
    /// `/etc`, where the machine's configuration of pip lies.
    pub machine: PathBuf,
}

/// See the module.
#[derive(Debug)]
pub struct PythonApplications {
    rules: ApplicationRules,
    forges: Arc<Forges>,
}

/// What is to be asked of indexes.
struct Wanted<'a> {
    spec: &'a PythonSpec,
    environment: &'a EnvironmentSpec,
    installed: &'a InstalledPackage,
    pre: bool,
    now: i64,
}

impl PythonApplications {
    /// Indexes are asked through the same client as forges.
    #[must_use]
    pub fn new(rules: ApplicationRules, forges: Arc<Forges>) -> Self {
        Self { rules, forges }
    }

    /// Reads what is installed. Starts nothing.
    pub async fn look(&self, spec: &PythonSpec, facts: &mut PythonFacts) {
        let Some(environment) = &spec.common.dependencies.environment else { return };
        let (folder, project) = (environment.folder.clone(), spec.project.clone());
        let known = facts.installed.clone();
        let seen = off_the_loop(move || Ok(installed::look(&folder, &project, known.as_ref()))).await;
        // It is only lost with the process.
        let Ok(seen) = seen else { return };
        facts.missing = seen.is_none();
        // What is remembered under another configuration may be of another project.
        let remembered = facts.installed.take().filter(|_| facts.config_hash == spec.common.config_hash);
        facts.installed = seen.or(remembered);
    }

    /// Asks what is offered; what was known stays when nobody can be asked (CONTRACT §8 row 13). `now` is seconds since
    /// 1970.
    pub async fn refresh(&self, spec: &PythonSpec, facts: &mut PythonFacts, now: i64) {
        facts.last_refresh = now;
        if facts.config_hash != spec.common.config_hash {
            // Another section may ask for another project: nothing of the old answers is believed.
            facts.remote = RemotePackage::default();
            facts.config_hash.clone_from(&spec.common.config_hash);
        }
        let nothing = InstalledPackage::default();
        let installed = facts.installed.as_ref().unwrap_or(&nothing);
        let from = source(installed);
        let is_forge = matches!(from, PackageSource::Github { .. });
        if facts.remote.offer.as_ref().is_some_and(|offer| is_forge != offer.is_of_forge()) {
            // It was installed anew from elsewhere.
            facts.remote = RemotePackage::default();
        }
        facts.remote = match from {
            PackageSource::Github { owner, repo } => {
                let asked = github::Asked { owner: &owner, repo: &repo, spec, installed, now };
                github::newest(&self.forges, &self.rules.github_api, asked, &facts.remote).await
            }
            PackageSource::Index => self.ask_indexes(spec, installed, &facts.remote, now).await,
            PackageSource::Unknown { .. } => RemotePackage::default(),
        };
        learn_version(facts);
    }

    async fn ask_indexes(
        &self,
        spec: &PythonSpec,
        installed: &InstalledPackage,
        before: &RemotePackage,
        now: i64,
    ) -> RemotePackage {
        let Some(environment) = &spec.common.dependencies.environment else { return before.clone() };
        let failed = |error: String| RemotePackage { error: Some(error), ..before.clone() };
        let cache = self.rules.state.join("interpreters");
        let asked = interpreter::ask(&environment.folder, &cache, &self.rules.surroundings).await;
        let interpreter = match asked {
            Ok(interpreter) if interpreter.pip.is_none() => {
                return failed(format!("there is no pip in {}", environment.folder.display()));
            }
            Ok(interpreter) => interpreter,
            Err(error) => return failed(format!("its Python does not start: {error}")),
        };
        let settings = pip_settings(self.places(environment), &self.variables(environment), &spec.project);
        let pre = settings.pre || spec.common.channel == Channel::Beta;
        let wanted = Wanted { spec, environment, installed, pre, now };
        match indexes(&settings, &interpreter) {
            Ok(indexes) => self.natively(&wanted, &interpreter, &settings, &indexes, before).await,
            Err(why) => self.through_pip(&wanted, &why, before).await,
        }
    }

    async fn natively(
        &self,
        wanted: &Wanted<'_>,
        interpreter: &Interpreter,
        settings: &PipSettings,
        indexes: &[Index],
        before: &RemotePackage,
    ) -> RemotePackage {
        let client = match self.client(settings) {
            Ok(client) => client,
            Err(error) => return RemotePackage { error: Some(error.to_string()), ..before.clone() },
        };
        let newest = Newest {
            client: &client,
            patience: self.forges.patience(),
            project: &wanted.spec.project,
            interpreter,
            settings,
            indexes,
            pre: wanted.pre,
            now: wanted.now,
        };
        newest.look(before).await
    }

    async fn through_pip(&self, wanted: &Wanted<'_>, why: &str, before: &RemotePackage) -> RemotePackage {
        tracing::info!(updater = %wanted.spec.common.name, option = why, "pip is asked, since only it can judge its configuration");
        let asked = pip::newest(wanted.environment, &self.rules.surroundings, &wanted.spec.project, wanted.pre).await;
        match asked {
            Ok(offer) => RemotePackage {
                last_good: Some(wanted.now),
                // pip leaves out what is installed.
                offer: offer.or_else(|| {
                    let version = wanted.installed.version.clone()?;
                    Some(Offer { version, ..Offer::default() })
                }),
                ..RemotePackage::default()
            },
            Err(error) => RemotePackage { error: Some(error.to_string()), ..before.clone() },
        }
    }

    fn places<'a>(&'a self, environment: &'a EnvironmentSpec) -> Places<'a> {
        Places { home: &self.rules.surroundings.home, machine: &self.rules.machine, environment: &environment.folder }
    }

    /// Those of the section come last: pip gets them on top of the others.
    fn variables(&self, environment: &EnvironmentSpec) -> Vec<(String, String)> {
        let text = |text: &std::ffi::OsString| text.to_str().map(str::to_owned);
        let passed = self.rules.surroundings.passed_on.iter();
        let passed = passed.filter_map(|(name, value)| Some((text(name)?, text(value)?)));
        passed.chain(environment.pip_environment.iter().cloned()).collect()
    }

    /// The one that everything shares, unless pip has a proxy or certificates of its own.
    fn client(&self, settings: &PipSettings) -> Result<Client, ForgeError> {
        if settings.proxy.is_none() && settings.certificates.is_none() {
            return self.forges.client().cloned();
        }
        let certificates =
            match &settings.certificates {
                Some(file) => Some(installed::read(file).ok_or_else(|| {
                    ForgeError::Refused(format!("pip's certificates {} cannot be read", file.display()))
                })?),
                None => None,
            };
        let proxy = settings.proxy.as_ref().map(|proxy| proxy.reveal().to_owned());
        self.forges.other_client(proxy, certificates.as_deref())
    }
}

/// Those that pip would ask, in its order.
///
/// # Errors
/// With what only pip can judge.
fn indexes(settings: &PipSettings, interpreter: &Interpreter) -> Result<Vec<Index>, String> {
    if let Some(option) = &settings.left_to_pip {
        return Err(option.clone());
    }
    if interpreter.tags.is_empty() {
        return Err("the tags of wheels".to_owned());
    }
    let mut indexes = Vec::new();
    if !settings.replaces_default {
        let default = interpreter.default_index.as_deref().and_then(Index::default_of_pip);
        indexes.push(default.ok_or_else(|| "index-url".to_owned())?);
    }
    indexes.extend(settings.indexes.iter().cloned());
    Ok(indexes)
}
