//! An environment with applications in it, and an index that publishes newer ones.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use refit_adapters::command::Surroundings;
use refit_adapters::forge::{ForgeOptions, Forges};
use refit_adapters::python_package::{ApplicationRules, PythonApplications};
use refit_model::dependencies::Dependencies;
use refit_model::environment::EnvironmentSpec;
use refit_model::name::UpdaterName;
use refit_model::python::name::ProjectName;
use refit_model::settings::Channel;
use refit_model::updater::Common;
use refit_model::updater::python::{PythonAssessment, PythonFacts, PythonSpec, assess};
use refit_testkit::index::PackageIndex;
use refit_testkit::venv::Venv;

pub(crate) const NOW: i64 = 1_800_000_000;

pub(crate) struct Lab {
    pub(crate) root: PathBuf,
    pub(crate) index: PackageIndex,
    pub(crate) venv: Venv,
    /// What pip finds in its surroundings.
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) github_api: String,
    patience: Duration,
    _root: tempfile::TempDir,
}

impl Lab {
    /// An environment whose pip asks the index, and tells of each of its starts.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_owned();
        fs::create_dir_all(root.join("home")).unwrap();
        let venv = environment(&root);
        let index = PackageIndex::start();
        let variables = [
            ("PIP_CONFIG_FILE".to_owned(), "/dev/null".to_owned()),
            ("PIP_INDEX_URL".to_owned(), index.url()),
            ("PIP_RETRIES".to_owned(), "0".to_owned()),
        ];
        let (variables, patience) = (variables.to_vec(), Duration::from_secs(20));
        Self { root, index, venv, variables, github_api: String::new(), patience, _root: folder }
    }

    /// Waits for the next byte of an answer no longer than this.
    pub(crate) fn impatient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Sets a variable of pip's surroundings; an empty one counts as none.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// What pip leaves of a project when it has installed it, as far as anybody looks.
    pub(crate) fn install(&self, name: &str, version: &str) -> PathBuf {
        let site = self.venv.site_packages();
        for old in fs::read_dir(&site).unwrap().map(|entry| entry.unwrap()) {
            if old.file_name().to_string_lossy().starts_with(&format!("{name}-")) {
                fs::remove_dir_all(old.path()).unwrap();
            }
        }
        let info = site.join(format!("{name}-{version}.dist-info"));
        fs::create_dir_all(&info).unwrap();
        fs::write(info.join("METADATA"), format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")).unwrap();
        fs::write(info.join("INSTALLER"), "pip\n").unwrap();
        fs::write(info.join("RECORD"), "").unwrap();
        info
    }

    pub(crate) fn spec(&self, name: &str, channel: Channel) -> PythonSpec {
        let environment = EnvironmentSpec {
            folder: self.venv.path().to_owned(),
            pip_environment: Vec::new(),
            venv_args: None,
            keep_previous: 1,
        };
        PythonSpec {
            common: Common {
                dependencies: Dependencies { environment: Some(environment), ..Dependencies::default() },
                config_hash: channel.as_str().to_owned(),
                ..Common::usual(UpdaterName::new(name).unwrap(), channel)
            },
            project: ProjectName::new(name).unwrap(),
            extras: Vec::new(),
            primary_branch: None,
        }
    }

    pub(crate) fn applications(&self) -> PythonApplications {
        let passed_on = self.variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
        let rules = ApplicationRules {
            surroundings: Surroundings { home: self.root.join("home"), path: "/usr/bin:/bin".into(), passed_on },
            state: self.root.join("state"),
            github_api: self.github_api.clone(),
            machine: self.root.join("etc"),
        };
        let forges = Forges::new(ForgeOptions {
            tokens: Vec::new(),
            proxy: None,
            environment_proxies: Vec::new(),
            agent: "refit/test".to_owned(),
            patience: self.patience,
        });
        PythonApplications::new(rules, Arc::new(forges))
    }

    /// Looks and refreshes, as the daemon does from start to start.
    pub(crate) async fn refresh_by(&self, spec: &PythonSpec, before: &PythonFacts, now: i64) -> PythonFacts {
        let applications = self.applications();
        // What is kept is kept as JSON.
        let mut facts = serde_json::from_value(serde_json::to_value(before).unwrap()).unwrap();
        applications.look(spec, &mut facts).await;
        applications.refresh(spec, &mut facts, now).await;
        facts
    }

    pub(crate) async fn refresh(&self, name: &str, channel: Channel) -> PythonFacts {
        self.refresh_by(&self.spec(name, channel), &PythonFacts::default(), NOW).await
    }

    /// Refreshes a second time, a day later.
    pub(crate) async fn again(&self, name: &str, channel: Channel, before: &PythonFacts) -> PythonFacts {
        self.refresh_by(&self.spec(name, channel), before, NOW + 86_400).await
    }

    pub(crate) fn assess(&self, name: &str, channel: Channel, facts: &PythonFacts) -> PythonAssessment {
        assess(&self.spec(name, channel), facts)
    }

    /// How often its Python was started.
    pub(crate) fn starts(&self) -> usize {
        fs::read_to_string(self.root.join("starts")).map_or(0, |text| text.lines().count())
    }
}

/// One whose pip is that of an environment which all tests share, and whose interpreter tells of each of its starts: only
/// what is looked at is its own.
fn environment(root: &Path) -> Venv {
    static SHARED: OnceLock<Venv> = OnceLock::new();
    let shared = SHARED.get_or_init(|| {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python_package");
        if place.exists() {
            fs::remove_dir_all(&place).unwrap();
        }
        Venv::make(&place, &place.join("venv")).unwrap()
    });
    let (folder, site) = (root.join("venv"), shared.site_packages());
    let own_site = folder.join(site.strip_prefix(shared.path()).unwrap());
    fs::create_dir_all(&own_site).unwrap();
    fs::create_dir(folder.join("bin")).unwrap();
    fs::copy(shared.path().join("pyvenv.cfg"), folder.join("pyvenv.cfg")).unwrap();
    for entry in fs::read_dir(site).unwrap().map(|entry| entry.unwrap()) {
        symlink(entry.path(), own_site.join(entry.file_name())).unwrap();
    }
    let real = fs::canonicalize(shared.bin("python")).unwrap();
    let python = folder.join("bin/python");
    let (starts, real) = (root.join("starts"), real.display());
    let told = format!("#!/bin/bash\necho started >> {}\nexec -a \"$0\" {real} \"$@\"\n", starts.display());
    fs::write(&python, told).unwrap();
    fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).unwrap();
    Venv::at(&root.join("home"), &folder)
}

/// `version file`, or `-`.
pub(crate) fn offered(facts: &PythonFacts) -> String {
    let Some(offer) = &facts.remote.offer else { return "-".to_owned() };
    format!("{} {}", offer.version, offer.file.as_deref().unwrap_or("?"))
}
