//! A printer host with one updater, and the project that publishes its releases.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use refit_adapters::archive::{self, Bounds};
use refit_adapters::command::Surroundings;
use refit_adapters::fault::FaultPlan;
use refit_adapters::forge::{ForgeOptions, Forges};
use refit_adapters::git::Git;
use refit_adapters::machine::{DependencyHands, Host};
use refit_adapters::python_package::ApplicationRules;
use refit_adapters::release::{ReleaseRules, Releases};
use refit_engine::ports::{Circumstance, Look, Machine as _, StepError, Tell};
use refit_model::name::{RunId, UpdaterName};
use refit_model::plan::{Action, Occasion, Plan, Verdict, plan};
use refit_model::printer::Printer;
use refit_model::settings::Channel;
use refit_model::updater::Common;
use refit_model::updater::release::{ForgeKind, ReleaseFacts, ReleaseKind, ReleaseSpec, Source, Verify};
use refit_model::updater::{Facts, Spec, after_run};
use refit_testkit::releases::{Asset, Release, ReleaseHost, executable, release_info};
use refit_testkit::zip::ZipBuilder;
use tokio::sync::watch;

pub(crate) struct Lab {
    pub(crate) root: PathBuf,
    pub(crate) forge: ReleaseHost,
    pub(crate) spec: ReleaseSpec,
    host: Host,
    told: Arc<Mutex<Vec<String>>>,
    runs: Mutex<u32>,
    _printer: watch::Sender<Printer>,
    _root: tempfile::TempDir,
}

/// A zip with these files, and what every release has.
pub(crate) fn zip(version: &str, files: &[(&str, &str)]) -> Vec<u8> {
    let info = release_info("own", "app", version, "app.zip");
    let mut zip = ZipBuilder::new().file("release_info.json", info).file("index.html", format!("page {version}"));
    for (name, text) in files {
        zip = zip.file(name, *text);
    }
    zip.build()
}

impl Lab {
    /// With version 1 installed as another updater installs it, and version 2 published.
    pub(crate) async fn with(kind: ReleaseKind) -> Self {
        let lab = Self::empty(kind).await;
        match kind {
            ReleaseKind::Web | ReleaseKind::Zip => {
                let one = zip("v1", &[("same.js", "same"), ("old.js", "old"), ("config.json", "shipped")]);
                let two = zip("v2", &[("same.js", "same"), ("sub/new.js", "new"), ("config.json", "shipped 2")]);
                lab.forge.publish("own", "app", Release::new("v1").named("v1").file("app.zip", one.clone()));
                lab.forge.publish("own", "app", Release::new("v2").named("v2").file("app.zip", two));
                lab.install(&one);
            }
            ReleaseKind::Executable => {
                for version in ["v1", "v2"] {
                    let program = Asset::new("tool", executable(version));
                    lab.forge.publish("own", "app", Release::new(version).named(version).asset(program));
                }
                fs::write(lab.live("tool"), executable("v1")).unwrap();
                let info = release_info("own", "app", "v1", "tool");
                fs::write(lab.live("release_info.json"), info).unwrap();
            }
        }
        lab
    }

    pub(crate) async fn empty(kind: ReleaseKind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_owned();
        fs::create_dir_all(root.join("home/app")).unwrap();
        let forge = ReleaseHost::start();
        let (printer, watched) = watch::channel(Printer::default());
        let path = std::env::var_os("PATH").unwrap();
        let surroundings = Surroundings { home: root.join("home"), path, passed_on: Vec::new() };
        let git = Git::find(surroundings.clone()).await.unwrap();
        let rules = ReleaseRules {
            downloads: root.join("state/downloads"),
            bounds: Bounds::default(),
            keep_days: 30,
            keep_bytes: 1 << 30,
            surroundings: surroundings.clone(),
        };
        let options = ForgeOptions {
            tokens: Vec::new(),
            proxy: None,
            environment_proxies: Vec::new(),
            agent: "refit/test".to_owned(),
            patience: Duration::from_secs(5),
        };
        let forges = Arc::new(Forges::new(options));
        let releases = Releases::new(rules, Arc::clone(&forges));
        let packages = ApplicationRules {
            surroundings,
            state: root.join("state"),
            github_api: forge.github_api(),
            machine: root.join("etc"),
        };
        let dependencies = DependencyHands::new(packages, forges, None);
        let host = Host::new(git, 2, releases, dependencies, watched, FaultPlan::none());
        let spec = spec(kind, &root.join("home/app"), &forge.github_api());
        Self { root, forge, spec, host, told: Arc::default(), runs: Mutex::new(0), _printer: printer, _root: folder }
    }

    /// As another updater installs it: the files, and no list.
    pub(crate) fn install(&self, zip: &[u8]) {
        let file = self.root.join("installed.zip");
        fs::write(&file, zip).unwrap();
        archive::unpack(&file, &self.spec.path, &Bounds::default(), &mut |_, _| {}).unwrap();
    }

    pub(crate) fn live(&self, name: &str) -> PathBuf {
        self.spec.path.join(name)
    }

    /// The text of a file; none when there is none.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.live(name)).ok()
    }

    /// What stands beside the folder in use.
    pub(crate) fn beside(&self) -> Vec<String> {
        let entries = fs::read_dir(self.root.join("home")).unwrap().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    pub(crate) fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }

    pub(crate) async fn look(&self, before: &ReleaseFacts, look: Look) -> ReleaseFacts {
        let before = Facts::Release(Box::new(before.clone()));
        match self.host.inspect(&Spec::Release(self.spec.clone()), &before, look, self.tell()).await {
            Facts::Release(facts) => *facts,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn refreshed(&self) -> ReleaseFacts {
        self.look(&ReleaseFacts::default(), Look::Remote).await
    }

    pub(crate) async fn planned(&self, before: &ReleaseFacts, action: Action) -> Result<Verdict, String> {
        let mark = {
            let mut runs = self.runs.lock().unwrap();
            *runs += 1;
            format!("run{runs}")
        };
        let facts = Facts::Release(Box::new(self.look(before, Look::Survey(action)).await));
        let now = 1_775_124_930 + i64::from(*self.runs.lock().unwrap());
        let occasion = Occasion { now, mark, application: "app".to_owned(), ..Occasion::default() };
        plan(action, &Spec::Release(self.spec.clone()), &facts, &occasion).map_err(|refusal| refusal.to_string())
    }

    pub(crate) async fn plan(&self, before: &ReleaseFacts, action: Action) -> Plan {
        match self.planned(before, action).await {
            Ok(Verdict::Do(plan)) => *plan,
            other => panic!("{other:?}"),
        }
    }

    /// Performs every step, and every step once more. The facts afterwards, as the engine keeps them.
    pub(crate) async fn done(&self, before: &ReleaseFacts, action: Action) -> ReleaseFacts {
        let plan = self.plan(before, action).await;
        self.perform(&plan, plan.steps.len()).await.unwrap();
        let after = Facts::Release(Box::new(self.look(before, Look::Local).await));
        match after_run(&plan, &Facts::Release(Box::new(before.clone())), after) {
            Facts::Release(facts) => *facts,
            other => panic!("{other:?}"),
        }
    }

    /// Performs the first steps, each twice but the last of the run; returns the witness of each.
    pub(crate) async fn perform(&self, plan: &Plan, upto: usize) -> Result<Vec<Option<serde_json::Value>>, StepError> {
        let mut witnesses = Vec::new();
        for planned in plan.steps.iter().take(upto) {
            let witness = self.host.witness(&planned.step).await;
            for again in [false, true] {
                self.host.perform(&planned.step, self.circumstance(again, witness.clone())).await?;
            }
            witnesses.push(witness);
        }
        Ok(witnesses)
    }

    /// Undoes steps in reverse, each twice.
    pub(crate) async fn undo(&self, plan: &Plan, witnesses: &[Option<serde_json::Value>]) {
        for (planned, witness) in plan.steps.iter().zip(witnesses).rev() {
            for _ in 0..2 {
                let circumstance = self.circumstance(true, witness.clone());
                self.host.undo(&planned.step, &planned.undo, circumstance).await.unwrap();
            }
        }
    }

    fn circumstance(&self, again: bool, witness: Option<serde_json::Value>) -> Circumstance {
        Circumstance { run: RunId(1), again, rebooted: again, witness, tell: self.tell() }
    }

    fn tell(&self) -> Tell {
        let told = Arc::clone(&self.told);
        Arc::new(move |line| told.lock().unwrap().push(line.to_owned()))
    }
}

fn spec(kind: ReleaseKind, path: &Path, api: &str) -> ReleaseSpec {
    ReleaseSpec {
        common: Common {
            config_hash: "one".to_owned(),
            ..Common::usual(UpdaterName::new("app").unwrap(), Channel::Stable)
        },
        kind,
        path: path.to_owned(),
        reserved: false,
        source: Source {
            forge: ForgeKind::Github,
            host: "github.com".to_owned(),
            api: api.to_owned(),
            owner: "own".to_owned(),
            repo: "app".to_owned(),
        },
        persistent_files: Vec::new(),
        verify: Verify::WhatThereIs,
        probe: vec!["--version".to_owned()],
        machine: std::env::consts::ARCH.to_owned(),
        keep_previous: 2,
    }
}
