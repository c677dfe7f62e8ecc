//! A machine in memory: repositories are a commit, steps are remembered as there or not there, and each can be told to
//! fail. Its "disk" outlives the process that is cut.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use refit_engine::ports::{Circumstance, Clock, Look, Machine, StepError, Tell};
use refit_model::dependencies::DependencySurvey;
use refit_model::health::Aftermath;
use refit_model::journal::Witness;
use refit_model::name::{BranchName, CommitId, RunId, UpdaterName};
use refit_model::request::{Caller, Door};
use refit_model::settings::Channel;
use refit_model::step::{GitStep, GitTarget, HealthStep, ServiceStep, Step, Undo};
use refit_model::updater::Common;
use refit_model::updater::absent::AbsentSpec;
use refit_model::updater::git::{GitFacts, GitSpec, RepoKind, RollbackPoint, Survey};
use refit_model::updater::{Facts, Spec};
use tokio::sync::Semaphore;

use crate::fuse::Fuse;

pub(crate) fn commit(digit: char) -> CommitId {
    CommitId::new(&digit.to_string().repeat(40)).unwrap()
}

pub(crate) fn name(text: &str) -> UpdaterName {
    UpdaterName::new(text).unwrap()
}

pub(crate) fn git(text: &str) -> Spec {
    Spec::Git(GitSpec {
        common: Common { config_hash: "0123456789abcdef".to_owned(), ..Common::usual(name(text), Channel::Dev) },
        path: PathBuf::from("/srv").join(text),
        origin: format!("https://host/owner/{text}.git"),
        moved_origin: None,
        primary_branch: BranchName::new("master").unwrap(),
        pinned_commit: None,
    })
}

/// One whose services are restarted after an update.
pub(crate) fn serving(text: &str, services: &[&str]) -> Spec {
    let Spec::Git(mut spec) = git(text) else { unreachable!() };
    spec.common.dependencies.services = services.iter().map(|service| (*service).to_owned()).collect();
    Spec::Git(spec)
}

pub(crate) fn absent(text: &str) -> Spec {
    Spec::Absent(AbsentSpec { name: name(text), looked_for: Vec::new(), refresh_interval_hours: 168 })
}

pub(crate) fn caller() -> Caller {
    Caller { door: Door::WebSocket, connection: Some(refit_model::name::ConnectionId(7)), who: "test".to_owned() }
}

/// What survives the process.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    /// The commit of each repository; those not named are at `a`.
    pub(crate) heads: BTreeMap<String, CommitId>,
    /// Per run and step (as its sentence), whether its effect is there.
    pub(crate) effects: BTreeMap<(RunId, String), bool>,
    /// Steps whose sentence contains this fail when they are performed.
    pub(crate) failing: Option<&'static str>,
    /// They fail only while this updater is at the new version.
    pub(crate) failing_with: Option<&'static str>,
    /// The words of that failure.
    pub(crate) failure: String,
    /// That failure is a printer that is busy.
    pub(crate) printer_busy: bool,
    /// Each restart that was tried, and whether it worked.
    pub(crate) restarts: Vec<(String, bool)>,
    /// What each unit runs: the heads at its last restart.
    pub(crate) serving: BTreeMap<String, BTreeMap<String, CommitId>>,
    /// How often health was recorded: each record is another witness.
    pub(crate) records: u64,
    /// What each check of health was handed of what was recorded.
    pub(crate) handed: Vec<Option<Witness>>,
    /// How well everything is after a run was taken back.
    pub(crate) aftermath: Option<Aftermath>,
    /// Steps whose sentence begins with this do not end before they are released.
    pub(crate) halting: Option<&'static str>,
    /// Undoing the first step that is undone fails this many times.
    pub(crate) failing_undos: usize,
    /// Updaters whose remote has something new.
    pub(crate) behind: BTreeSet<String>,
    /// Updaters whose repository is damaged.
    pub(crate) corrupt: BTreeSet<String>,
    /// What was looked at, in order.
    pub(crate) looks: Vec<(String, Look)>,
    pub(crate) boot: u32,
    /// The service that Refit itself is.
    pub(crate) own: Option<String>,
    /// Which start of it this is.
    pub(crate) start: u32,
    /// Whether each step that was performed or undone was told of another boot.
    pub(crate) rebooted: Vec<bool>,
}

/// See the module.
#[derive(Clone)]
pub(crate) struct Scripted {
    pub(crate) disk: Arc<Mutex<Disk>>,
    pub(crate) fuse: Fuse,
    /// Each look takes one of these, when there is a gate.
    pub(crate) gate: Option<Arc<Semaphore>>,
    /// A step that halts takes one of these.
    pub(crate) released: Arc<Semaphore>,
}

impl Scripted {
    pub(crate) fn new(behind: &[&str]) -> Self {
        let behind = behind.iter().map(|name| (*name).to_owned()).collect();
        let disk = Disk { behind, failure: "it broke".to_owned(), ..Disk::default() };
        Self {
            disk: Arc::new(Mutex::new(disk)),
            fuse: Fuse::never(),
            gate: None,
            released: Arc::new(Semaphore::new(0)),
        }
    }

    /// The same disk, in a process that the power is cut under.
    pub(crate) fn under(&self, fuse: &Fuse) -> Self {
        Self { fuse: fuse.clone(), ..self.clone() }
    }

    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut Disk) -> T) -> T {
        act(&mut self.disk.lock().unwrap())
    }

    pub(crate) fn head(&self, name: &str) -> CommitId {
        self.with(|disk| disk.heads.get(name).cloned().unwrap_or_else(|| commit('a')))
    }

    /// An effect comes or goes: the power may go before it, or right after it.
    async fn take_effect(&self, run: RunId, step: &Step, there: bool) {
        self.fuse.burn().await;
        self.with(|disk| {
            disk.effects.insert((run, step.describe()), there);
            if let Step::Service(ServiceStep::Restart { unit, .. }) = step {
                let heads = disk.heads.clone();
                disk.serving.insert(unit.clone(), heads);
            }
            if let Step::Git(GitStep::Switch { repo, from, to, .. }) = step {
                let wished = match to {
                    GitTarget::Commit(wished) => wished.clone(),
                    GitTarget::FirstAncestorOf { .. } => commit('b'),
                };
                let head = if there { wished } else { from.clone().unwrap_or_else(|| commit('a')) };
                disk.heads.insert(repo.updater.to_string(), head);
            }
        });
        self.fuse.burn().await;
    }
}

fn error(message: &str) -> StepError {
    StepError { message: message.to_owned(), command_failed: false, printer_busy: false }
}

impl Machine for Scripted {
    async fn inspect(&self, spec: &Spec, before: &Facts, look: Look, _tell: Tell) -> Facts {
        if let Some(gate) = &self.gate {
            gate.acquire().await.unwrap().forget();
        }
        if let Spec::System(spec) = spec {
            self.with(|disk| disk.looks.push((spec.name.to_string(), look)));
            return Facts::System(Box::default());
        }
        let Spec::Git(spec) = spec else { return Facts::Absent };
        self.with(|disk| disk.looks.push((spec.common.name.to_string(), look)));
        let mut facts = match before {
            Facts::Git(facts) => (**facts).clone(),
            Facts::Release(_) | Facts::Python(_) | Facts::System(_) | Facts::Absent => GitFacts::default(),
        };
        facts.local.kind = RepoKind::Repo;
        facts.local.repo_detected = true;
        facts.local.head = Some(self.head(spec.common.name.as_str()));
        facts.local.branch = Some("master".to_owned());
        facts.local.remote_alias = Some("origin".to_owned());
        facts.local.remote_url = Some(spec.origin.clone());
        facts.local.recovery_url = Some(spec.origin.clone());
        facts.local.describe = Some("v1.0.0-0-gaaaaaaaa".to_owned());
        facts.local.corrupt = self.with(|disk| disk.corrupt.contains(spec.common.name.as_str()));
        let service_manager = (!spec.common.dependencies.services.is_empty()).then(|| "systemd".to_owned());
        let dependencies = DependencySurvey { service_manager, ..DependencySurvey::default() };
        let survey = Survey { dependencies, ..Survey::default() };
        facts.survey = matches!(look, Look::Survey(_) | Look::Preview(_)).then_some(survey);
        if look == Look::Remote {
            facts.last_refresh = 1_000_000;
            facts.config_hash.clone_from(&spec.common.config_hash);
            let offered = if self.with(|disk| disk.behind.contains(spec.common.name.as_str())) { 'b' } else { 'a' };
            facts.remote.offered = Some(commit(offered));
            facts.remote.upstream = facts.remote.offered.clone();
            facts.remote.describe = Some("v1.0.0-1-gbbbbbbbb".to_owned());
        }
        Facts::Git(Box::new(facts))
    }

    async fn witness(&self, step: &Step) -> Option<Witness> {
        match step {
            Step::Git(GitStep::Exchange { .. }) => Some("inodes".into()),
            Step::Service(ServiceStep::Restart { own: true, .. }) => Some(self.with(|disk| disk.start).into()),
            // What was recorded first counts, where there is such.
            Step::Health(HealthStep::Record { earlier, .. }) => self.with(|disk| {
                disk.records += 1;
                Some(earlier.first().cloned().unwrap_or_else(|| disk.records.into()))
            }),
            _other => None,
        }
    }

    fn own_unit(&self) -> Option<String> {
        self.with(|disk| disk.own.clone())
    }

    async fn perform(&self, step: &Step, circumstance: Circumstance) -> Result<Option<String>, StepError> {
        let sentence = step.describe();
        self.with(|disk| disk.rebooted.push(circumstance.rebooted));
        (circumstance.tell)(&format!("working: {sentence}"));
        let failing = self.with(|disk| {
            let new = |name: &str| disk.heads.get(name) == Some(&commit('b'));
            disk.failing.is_some_and(|part| sentence.contains(part)) && disk.failing_with.is_none_or(new)
        });
        if let Step::Service(ServiceStep::Restart { unit, .. }) = step {
            self.with(|disk| disk.restarts.push((unit.clone(), !failing)));
        }
        if matches!(step, Step::Health(HealthStep::Check { .. })) {
            self.with(|disk| disk.handed.push(circumstance.witness.clone()));
        }
        if self.with(|disk| disk.halting.is_some_and(|part| sentence.starts_with(part))) {
            self.released.acquire().await.unwrap().forget();
        }
        self.take_effect(circumstance.run, step, true).await;
        let (message, printer_busy) = self.with(|disk| (disk.failure.clone(), disk.printer_busy));
        if failing { Err(StepError { printer_busy, ..error(&message) }) } else { Ok(None) }
    }

    async fn undo(&self, step: &Step, undo: &Undo, circumstance: Circumstance) -> Result<Option<Aftermath>, StepError> {
        let fails = self.with(|disk| {
            disk.rebooted.push(circumstance.rebooted);
            let fails = disk.failing_undos > 0;
            disk.failing_undos = disk.failing_undos.saturating_sub(1);
            fails
        });
        if fails {
            return Err(error("it cannot be undone"));
        }
        self.take_effect(circumstance.run, step, false).await;
        let looks = matches!(undo, Undo::HealthAgain { .. });
        Ok(self.with(|disk| disk.aftermath.clone()).filter(|_| looks))
    }

    fn boot_id(&self) -> String {
        format!("boot {}", self.with(|disk| disk.boot))
    }
}

/// A clock that stands still.
#[derive(Clone, Copy)]
pub(crate) struct Standing(pub(crate) f64);

impl Clock for Standing {
    fn now(&self) -> f64 {
        self.0
    }

    fn local_hour(&self) -> u8 {
        3
    }
}

/// A clock at which the scripted facts are an hour old.
pub(crate) const CLOCK: Standing = Standing(1_003_600.0);

/// Facts from which each action has something to do.
pub(crate) fn facts_of(machine: &Scripted, spec: &Spec) -> Facts {
    let looked = futures_util::FutureExt::now_or_never(machine.inspect(
        spec,
        &Facts::unseen(spec),
        Look::Remote,
        Arc::new(|_| {}),
    ));
    let mut facts = looked.unwrap();
    if let Facts::Git(facts) = &mut facts {
        let (branch, version) = ("master".to_owned(), "v0.9.0-0".to_owned());
        facts.rollback = Some(RollbackPoint { commit: commit('c'), branch, detached: false, version });
    }
    facts
}
