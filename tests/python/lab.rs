//! An environment, an index and the software that asks for packages, and the steps of an update as the engine performs
//! them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use refit_adapters::command::Surroundings;
use refit_adapters::content::Contents;
use refit_adapters::fault::FaultPlan;
use refit_adapters::git::Git;
use refit_adapters::python::{EnvironmentRules, Environments, Wish};
use refit_adapters::tree::delete_stage;
use refit_engine::ports::{Circumstance, StepError, Tell};
use refit_model::environment::{EnvironmentFacts, EnvironmentSpec, EnvironmentSurvey};
use refit_model::name::{RunId, UpdaterName};
use refit_model::plan::Action;
use refit_model::step::{Beginning, Content, EnvironmentRef, EnvironmentStep, Ground, OldFolder, Want};
use refit_testkit::git::{GitWorld, Work};
use refit_testkit::index::PackageIndex;
use refit_testkit::scratch::scratch;
use refit_testkit::venv::Venv;
use refit_testkit::wheels::Wheel;
use tempfile::TempDir;

pub struct Lab {
    pub index: PackageIndex,
    pub venv: Venv,
    pub environments: Environments,
    pub git: Git,
    told: Arc<Mutex<Vec<String>>>,
    folder: TempDir,
}

/// Where pip works.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    Staged,
    InPlace,
}

pub const FILE: &str = "scripts/requirements.txt";

impl Lab {
    pub async fn new() -> Self {
        let folder = scratch();
        let index = PackageIndex::start();
        let home = folder.path().join("home");
        fs::create_dir_all(&home).unwrap();
        let venv = Venv::make(&home, &folder.path().join("app-env")).unwrap_or_else(|e| panic!("{e:?}"));
        let environments = environments(folder.path(), &venv, &index, true);
        let git = Git::find(surroundings(&venv, &index)).await.unwrap();
        Self { index, venv, environments, git, told: Arc::default(), folder }
    }

    /// The same, without the helper.
    pub fn without_helper(mut self) -> Self {
        self.environments = environments(self.folder.path(), &self.venv, &self.index, false);
        self
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Publishes wheels, `name version` each, and installs them where they are not there in that version.
    pub fn installed(&self, packages: &[(&str, &str)]) {
        for (name, version) in packages {
            self.index.publish(Wheel::new(name, version).console_script(name, &format!("{name}:main")).build());
        }
        let pins: Vec<_> = packages.iter().map(|(name, version)| format!("{name}=={version}")).collect();
        let pins: Vec<_> = pins.iter().map(String::as_str).collect();
        self.venv.pip_install(&self.index, &pins).unwrap_or_else(|e| panic!("{e}"));
    }

    pub fn publish(&self, name: &str, version: &str) {
        self.index.publish(Wheel::new(name, version).console_script(name, &format!("{name}:main")).build());
    }

    /// The software's folder.
    pub fn app(&self) -> PathBuf {
        self.path().join("app")
    }

    /// The next version of the software, with these requirements.
    pub fn next(&self, requirements: &str) -> Content {
        let stage = self.path().join("app-next");
        fs::create_dir_all(stage.join("scripts")).unwrap();
        fs::create_dir_all(self.app()).unwrap();
        fs::write(stage.join(FILE), requirements).unwrap();
        Content::Stage { stage, live: self.app() }
    }

    pub fn wants(&self, requirements: &str) -> Want {
        let content = self.next(requirements);
        Want::Requirements { content, file: FILE.into(), damaged: Vec::new(), again: false }
    }

    pub fn env(&self) -> EnvironmentRef {
        EnvironmentRef {
            updater: UpdaterName::new("app").unwrap(),
            title: "Git Repo app".to_owned(),
            folder: self.venv.path().to_owned(),
            pip_environment: Vec::new(),
            venv_args: None,
        }
    }

    pub fn spec(&self) -> EnvironmentSpec {
        EnvironmentSpec {
            folder: self.venv.path().to_owned(),
            pip_environment: Vec::new(),
            venv_args: None,
            keep_previous: 1,
        }
    }

    pub fn stage(&self) -> PathBuf {
        self.path().join(".app-env.refit-new-r1")
    }

    pub fn kept_place(&self) -> PathBuf {
        self.path().join(".app-env.refit-previous")
    }

    pub fn old(&self) -> OldFolder {
        OldFolder::Previous { version: "x".into(), folder: self.kept_place().join("20260101T000000Z-x") }
    }

    pub fn ground(&self, way: Way) -> Ground {
        match way {
            Way::Staged => Ground::Stage(self.stage()),
            Way::InPlace => Ground::InPlace { snapshot: self.stage() },
        }
    }

    /// The steps of an update, in their order.
    pub fn steps(&self, way: Way, from: Beginning, want: &Want, projects: &[&str]) -> Vec<EnvironmentStep> {
        let freeze = match &from {
            Beginning::Copy => Vec::new(),
            Beginning::Fresh { freeze } => freeze.clone(),
        };
        let (stage, ground) = (self.stage(), self.ground(way));
        let projects = projects.iter().map(|name| (*name).to_owned()).collect();
        let switch = match way {
            Way::Staged => EnvironmentStep::Exchange { env: self.env(), stage: stage.clone(), old: self.old() },
            Way::InPlace => EnvironmentStep::KeepSnapshot { env: self.env(), snapshot: stage.clone(), old: self.old() },
        };
        vec![
            EnvironmentStep::Stage { env: self.env(), stage, from, want: want.clone() },
            EnvironmentStep::Install {
                env: self.env(),
                ground: ground.clone(),
                want: want.clone(),
                says: "Updating python packages...".to_owned(),
                freeze,
            },
            EnvironmentStep::Check { env: self.env(), ground, projects },
            switch,
            EnvironmentStep::Prune { env: self.env(), kept: self.kept_place(), keep: 1 },
        ]
    }

    /// Performs one step, once or as after a crash.
    pub async fn perform(
        &self,
        step: &EnvironmentStep,
        again: bool,
        witness: Option<serde_json::Value>,
    ) -> Result<Option<String>, StepError> {
        let contents = Contents::new(&self.git, self.tell(), FaultPlan::none());
        let circumstance = Circumstance { run: RunId(1), again, rebooted: false, witness, tell: self.tell() };
        self.environments.act(step, &contents, &circumstance).await
    }

    /// Performs all, each as often; takes everything back when one fails, as the engine does.
    pub async fn run(&self, steps: &[EnvironmentStep], times: usize) -> Result<Vec<Option<String>>, StepError> {
        let mut notes = Vec::new();
        let mut done: Vec<(&EnvironmentStep, Option<serde_json::Value>)> = Vec::new();
        for step in steps {
            let witness = self.environments.witness(step);
            done.push((step, witness.clone()));
            for time in 0..times {
                match self.perform(step, time > 0, witness.clone()).await {
                    Ok(note) if time == 0 => notes.push(note),
                    Ok(_) => {}
                    Err(error) => {
                        self.take_back(&done).await;
                        return Err(error);
                    }
                }
            }
        }
        Ok(notes)
    }

    /// Takes steps back, the last first, twice each.
    pub async fn take_back(&self, done: &[(&EnvironmentStep, Option<serde_json::Value>)]) {
        for (step, witness) in done.iter().rev().flat_map(|done| [done, done]) {
            let before = witness.clone().and_then(|sides| serde_json::from_value(sides).ok());
            match step {
                EnvironmentStep::Stage { stage, .. } => delete_stage(stage).unwrap(),
                EnvironmentStep::Install { ground: Ground::InPlace { snapshot }, .. } => {
                    self.environments.put_back(self.venv.path(), snapshot, &self.old(), before).await.unwrap();
                }
                EnvironmentStep::Exchange { stage, old, .. } => {
                    if let Some(before) = before {
                        refit_adapters::tree::exchange_back(self.venv.path(), stage, old.folder(), before).unwrap();
                    }
                }
                EnvironmentStep::Install { .. }
                | EnvironmentStep::Check { .. }
                | EnvironmentStep::KeepSnapshot { .. }
                | EnvironmentStep::Prune { .. } => {}
            }
        }
    }

    /// An update to these requirements, step by step.
    pub async fn update(&self, way: Way, want: &Want) -> Result<Vec<Option<String>>, StepError> {
        self.run(&self.steps(way, Beginning::Copy, want, &[]), 1).await
    }

    /// Asserts that an update fails with words like these, and leaves everything as it was.
    pub async fn refused(&self, way: Way, want: &Want) -> String {
        let (before, beside) = (self.venv.digest(), self.beside());
        let error = self.update(way, want).await.expect_err("the update was not refused");
        assert_eq!(self.venv.digest(), before, "the environment is not as it was after: {error}");
        assert_eq!(self.beside(), beside);
        assert!(!error.command_failed && error.message.lines().count() == 1, "{error}");
        error.message
    }

    /// What lies beside the environment.
    pub fn beside(&self) -> Vec<String> {
        let names = fs::read_dir(self.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> =
            names.filter(|name| !name.starts_with("app-next") && name != "app" && name != "state").collect();
        names.sort();
        names
    }

    pub async fn look(&self, before: &EnvironmentFacts) -> EnvironmentFacts {
        self.environments.look(&self.spec(), None, before).await
    }

    pub async fn survey(&self, requirements: &str, preview: bool) -> EnvironmentSurvey {
        let facts = self.look(&EnvironmentFacts::default()).await;
        let (contents, content) = (Contents::new(&self.git, self.tell(), FaultPlan::none()), self.next(requirements));
        let wish = Wish { contents: &contents, content: &content, file: Path::new(FILE) };
        self.environments.survey(&self.spec(), &facts, Some(wish), None, (Action::Upgrade, preview)).await
    }

    /// Runs git in a work tree.
    pub fn git_in(&self, work: &Work, arguments: &[&str]) -> String {
        GitWorld::new(self.path().join("git")).git(work.path(), arguments)
    }

    fn tell(&self) -> Tell {
        let told = Arc::clone(&self.told);
        Arc::new(move |line: &str| told.lock().unwrap().push(line.to_owned()))
    }

    /// Everything that was told.
    pub fn told(&self) -> String {
        self.told.lock().unwrap().join("\n")
    }

    /// The version of a project.
    pub fn version(&self, name: &str) -> Option<String> {
        self.venv.installed().get(name).cloned()
    }
}

fn surroundings(venv: &Venv, index: &PackageIndex) -> Surroundings {
    let mut variables = venv.environment(Some(index));
    let home = variables.iter().find(|(name, _)| name == "HOME").map(|(_, home)| PathBuf::from(home)).unwrap();
    variables.retain(|(name, _)| !["HOME", "PATH", "LC_ALL"].contains(&name.as_str()));
    let passed_on = variables.into_iter().map(|(name, value)| (name.into(), value)).collect();
    Surroundings { home, path: std::env::var_os("PATH").unwrap(), passed_on }
}

fn environments(folder: &Path, venv: &Venv, index: &PackageIndex, helper: bool) -> Environments {
    let own_program = helper.then(|| PathBuf::from(env!("CARGO_BIN_EXE_refit")));
    let state = folder.join("state");
    Environments::new(EnvironmentRules { surroundings: surroundings(venv, index), state, own_program })
}
