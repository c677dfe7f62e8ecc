//! The machine: the table that says which hand does which step, and how it is taken back.
//! Refuses to: decide what is done; and to know how any of it is done.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use refit_engine::ports::{Circumstance, Clock as _, Look, Machine, StepError, Tell};
use refit_model::health::Aftermath;
use refit_model::journal::Witness;
use refit_model::plan::Action;
use refit_model::printer::Printer;
use refit_model::refusal::Refusal;
use refit_model::step::{Content, GitStep, GitTarget, ReleaseStep, RepoRef, Step, Undo};
use refit_model::updater::git::{GitFacts, GitSpec, Survey};
use refit_model::updater::python::PythonFacts;
use refit_model::updater::release::ReleaseFacts;
use refit_model::updater::{Facts, Spec};
use tokio::sync::watch;

use crate::clock::WallClock;
use crate::fault::FaultPlan;
use crate::git::hand::{Hand, off_the_loop};
use crate::git::remote::{Remotes, Seen};
use crate::git::{Git, clone, facts, heal, keep, locks, survey, switch};
use crate::health::Health;
use crate::node::Npm;
use crate::packages::Packages;
use crate::python::Environments;
use crate::python_package::PythonApplications;
use crate::release::{Releases, carry, exchange};
use crate::services::Services;
use crate::system::SystemPackages;
use crate::tree::{self, Sides};

mod dependencies;
mod git;
mod names;
mod python;
mod release;
mod system;

pub use dependencies::DependencyHands;
use dependencies::Wanted;
pub use names::step_name;
use names::{pointed, undo_name};

/// This machine, with its git, its network and its printer.
#[derive(Debug)]
pub struct Host {
    git: Git,
    remotes: Remotes,
    releases: Releases,
    environments: Environments,
    packages: Arc<Packages>,
    system: SystemPackages,
    npm: Npm,
    services: Services,
    health: Health,
    applications: PythonApplications,
    printer: watch::Receiver<Printer>,
    faults: FaultPlan,
    boot: String,
}

impl Host {
    /// `per_host`: how many repositories of one remote host are asked at the same time. `printer`: what the printer
    /// does, as it is known at any time. `faults`: where tests have this process killed.
    #[must_use]
    pub fn new(
        git: Git,
        per_host: usize,
        releases: Releases,
        dependencies: DependencyHands,
        printer: watch::Receiver<Printer>,
        faults: FaultPlan,
    ) -> Self {
        let DependencyHands { environments, packages, npm, services, health, applications, system } = dependencies;
        let remotes = Remotes::new(git.version(), per_host);
        let real = || std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let boot = faults.boot_id().map_or_else(real, str::to_owned).trim().to_owned();
        let releases = releases.with_faults(faults.clone());
        let packages = Arc::new(packages.with_faults(faults.clone()));
        let system = SystemPackages::new(system, Arc::clone(&packages), boot.clone());
        Self {
            git,
            remotes,
            releases,
            environments: environments.with_faults(faults.clone()),
            packages,
            system,
            npm: npm.with_faults(faults.clone()),
            services: services.with_faults(faults.clone()),
            health: health.with_faults(faults.clone()),
            applications,
            printer,
            faults,
            boot,
        }
    }

    fn hand(&self, repo: &RepoRef, tell: &Tell) -> Hand<'_> {
        Hand::open(&self.git, repo, tell.clone(), self.faults.clone())
    }

    async fn look(&self, spec: &GitSpec, before: &GitFacts) -> GitFacts {
        let mut facts = facts::look(&self.git, spec, before, WallClock.now()).await;
        let path = real_path(&spec.path).unwrap_or_else(|| spec.path.clone());
        let home = path.clone();
        facts.kept = off_the_loop(move || Ok(keep::kept(&path))).await.unwrap_or_default();
        facts.dependencies =
            self.look_at_dependencies(&spec.common.dependencies, Some(&home), &facts.dependencies).await;
        facts
    }

    /// Asks the remote; what was known of it stays when it cannot be asked (CONTRACT §8 row 13).
    async fn refresh(&self, spec: &GitSpec, before: &GitFacts, tell: &Tell) -> GitFacts {
        let mut seen = self.look(spec, before).await;
        #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970 fit in 63 bits")]
        let now = WallClock.now() as i64;
        seen.last_refresh = now;
        let local = &seen.local;
        let (Some(remote), Some(url), Some(branch)) = (&local.remote_alias, &local.remote_url, &local.branch) else {
            return seen;
        };
        let Ok(branch) = refit_model::name::BranchName::new(branch) else { return seen };
        if !local.repo_detected || remote == "?" {
            return seen;
        }
        let (remote, mut url) = (remote.clone(), url.clone());
        let mut moved = false;
        let hand = self.hand(&RepoRef { updater: spec.common.name.clone(), path: spec.path.clone() }, tell);
        let unofficial = !crate::git::remote::same_repository(&url, &spec.origin);
        if unofficial && !spec.common.debug && self.remotes.moved_to(&url, &spec.origin).await {
            moved = hand
                .write("following the moved remote", ["remote", "set-url", "--", &remote, &spec.origin])
                .await
                .is_ok();
            if moved {
                url.clone_from(&spec.origin);
            }
        }
        match self.remotes.check(&hand, &remote, &url, &branch).await {
            Ok(came) => {
                seen.remote.last_good = Some(now);
                seen.remote.error = None;
                match came {
                    Seen::Same if !moved => seen,
                    Seen::Fetched if !moved => match facts::look_again(&self.git, spec, &seen, WallClock.now()).await {
                        Some(facts) => facts,
                        None => self.look(spec, &seen).await,
                    },
                    Seen::Same | Seen::Fetched => self.look(spec, &seen).await,
                }
            }
            Err(error) => {
                let prefix = hand.says("");
                let words = error.message.strip_prefix(&prefix).unwrap_or(&error.message).to_owned();
                let mut seen = if moved { self.look(spec, &seen).await } else { seen };
                seen.git_messages.insert(0, words.clone());
                seen.remote.error = Some(words);
                seen
            }
        }
    }

    async fn act(&self, step: &Step, circumstance: &Circumstance) -> Result<Option<String>, StepError> {
        match step {
            Step::CheckPrinter => self.check_printer(),
            Step::Git(step) => self.act_on_git(step, circumstance).await,
            Step::Release(step) => self.act_on_release(step, circumstance).await,
            Step::Environment(step) => {
                self.environments.act(step, &self.contents(circumstance.tell.clone()), circumstance).await
            }
            Step::Packages(step) => {
                self.packages.act(step, &self.contents(circumstance.tell.clone()), circumstance).await
            }
            Step::Node(step) => self.npm.act(step, &self.contents(circumstance.tell.clone()), circumstance).await,
            Step::Service(step) => {
                // Much may have been done since it was asked last: an environment that was built in place, say. What was
                // begun before a crash is finished.
                if step.restarts_klipper() && !circumstance.again {
                    self.check_printer()?;
                }
                self.services.act(step, circumstance).await
            }
            Step::Health(step) => self.health.act(step, &self.services, circumstance).await,
            Step::System(step) => self.system.act(step, circumstance).await,
        }
    }

    async fn take_back(&self, step: &Step, undo: &Undo, circumstance: &Circumstance) -> Result<(), StepError> {
        let hand = |repo: &RepoRef| self.hand(repo, &circumstance.tell);
        match undo {
            // The latter only looks, when everything was put back.
            Undo::Nothing | Undo::HealthAgain { .. } => Ok(()),
            Undo::GitSwitchBack { repo, head, to, forward: _ } => {
                // Where it went is in the note that the switch left.
                switch::switch_back(&hand(repo), pointed(step, head), head, to, circumstance).await
            }
            Undo::GitHealBack { repo, kept } => heal::heal_back(&hand(repo), kept).await,
            Undo::GitPutBack { repo, kept } => keep::put_back(&hand(repo), kept).await,
            Undo::DeleteStage { stage } => {
                let stage = stage.clone();
                off_the_loop(move || clone::discard(&stage)).await.map_err(|error| failed(&error.to_string()))
            }
            Undo::FolderExchangeBack { live, stage, kept } => {
                let done = self.exchange_back(live, stage, kept, circumstance).await;
                done.map_err(|error| failed(&error.to_string()))
            }
            Undo::ReleaseExchangeBack { live, stage, old } => {
                let (live, stage, old, before) = (live.clone(), stage.clone(), old.clone(), sides_of(circumstance));
                let back = off_the_loop(move || exchange::exchange_back(&live, &stage, &old, before)).await;
                back.map_err(|error| failed(&error.to_string()))
            }
            Undo::ReleaseDropCopies { kept } => {
                let kept = kept.clone();
                off_the_loop(move || carry::drop_copies(&kept)).await.map_err(|error| failed(&error.to_string()))
            }
            Undo::ReleaseForget { slot } => {
                self.releases.forget(slot).await.map_err(|error| failed(&error.to_string()))
            }
            Undo::EnvironmentPutBack { live, snapshot, old } => {
                self.environments.put_back(live, snapshot, old, sides_of(circumstance)).await
            }
            Undo::PackagesRemoveAdded { .. } => self.packages.remove_added(circumstance).await,
            Undo::SystemSettle => self.system.settle(circumstance).await,
            Undo::ServicesRestartAgain { units } => self.services.restart_again(units, circumstance).await,
        }
    }

    /// A step that was begun before may have a git or a pip that lives on, when only its daemon was killed.
    async fn alone(&self, step: &Step, circumstance: &Circumstance) {
        if let Step::Environment(step) = step
            && circumstance.again
        {
            self.environments.alone(step).await;
        }
        if circumstance.again
            && let Some(layout) = self.git_layout(step)
            && let Err(error) = locks::wait_for_others(&layout).await
        {
            tracing::warn!(%error, "goes on beside another process");
        }
    }

    /// A git that died left its locks and halves of files to nobody else, also where a step has nothing to take back.
    async fn tidy(&self, step: &Step) {
        if let Some(layout) = self.git_layout(step)
            && let Err(error) = locks::remove_stale(&layout).await
        {
            tracing::warn!(%error, "what a git left behind stays for now");
        }
        if let Step::Environment(step) = step
            && let Err(error) = self.environments.tidy(step).await
        {
            tracing::warn!(%error, "what a cut step left behind stays for now");
        }
    }

    /// An unknown printer is not busy (CONTRACT §7.3).
    fn check_printer(&self) -> Result<Option<String>, StepError> {
        if self.printer.borrow().is_busy() {
            let message = Refusal::UpdateWhilePrinting.to_string();
            return Err(StepError { message, command_failed: false, printer_busy: true });
        }
        Ok(None)
    }
}

impl Machine for Host {
    async fn inspect(&self, spec: &Spec, before: &Facts, look: Look, tell: Tell) -> Facts {
        let (spec, before) = match (spec, before) {
            (Spec::Git(spec), Facts::Git(before)) => (spec, (**before).clone()),
            (Spec::Git(spec), Facts::Release(_) | Facts::Python(_) | Facts::System(_) | Facts::Absent) => {
                (spec, GitFacts::default())
            }
            (Spec::System(spec), before) => return self.inspect_system(spec, before, look, tell).await,
            (Spec::Release(spec), Facts::Release(before)) => {
                return self.inspect_release(spec, before, look, &tell).await;
            }
            (Spec::Python(spec), Facts::Python(before)) => return self.inspect_python(spec, before, look, &tell).await,
            (Spec::Python(spec), Facts::Git(_) | Facts::Release(_) | Facts::System(_) | Facts::Absent) => {
                return self.inspect_python(spec, &PythonFacts::default(), look, &tell).await;
            }
            (Spec::Release(spec), Facts::Git(_) | Facts::Python(_) | Facts::System(_) | Facts::Absent) => {
                return self.inspect_release(spec, &ReleaseFacts::default(), look, &tell).await;
            }
            (Spec::Absent(_), _) => return Facts::Absent,
        };
        let facts = match look {
            Look::Local => self.look(spec, &before).await,
            Look::Remote => self.refresh(spec, &before, &tell).await,
            Look::Survey(action) | Look::Preview(action) => {
                let before = match action {
                    // The moment to look at every object, though nothing else changed.
                    Action::SoftRecovery | Action::HardRecovery => GitFacts { fingerprint: None, ..before },
                    Action::Upgrade | Action::Rollback | Action::Restart => before,
                };
                let mut facts = self.look(spec, &before).await;
                let survey = survey::survey(&self.git, spec, &facts, action).await;
                let real_path = real_path(&spec.path);
                let home = real_path.as_ref().unwrap_or(&spec.path);
                let target = survey.target.clone().filter(|_| survey.target_complete);
                let repo = || RepoRef { updater: spec.common.name.clone(), path: home.clone() };
                let wished = target.map(|target| Content::Commit { repo: repo(), to: GitTarget::Commit(target) });
                let wanted = Wanted {
                    name: &spec.common.name,
                    dependencies: &spec.common.dependencies,
                    facts: &facts.dependencies,
                    home,
                    wished,
                    package: None,
                    action,
                    preview: matches!(look, Look::Preview(_)),
                };
                let dependencies = self.survey_dependencies(wanted, &tell).await;
                facts.survey = Some(Survey { real_path, dependencies, ..survey });
                facts
            }
        };
        Facts::Git(Box::new(facts))
    }

    async fn services(&self, spec: &Spec) -> Vec<(String, Vec<String>)> {
        self.services_of(spec).await
    }

    fn own_unit(&self) -> Option<String> {
        self.services.own_unit().map(str::to_owned)
    }

    async fn witness(&self, step: &Step) -> Option<Witness> {
        match step {
            Step::Git(GitStep::Exchange { live, stage, .. }) => sides_now(live, stage),
            Step::Release(ReleaseStep::Exchange { release, stage, .. }) => sides_now(&release.path, stage),
            Step::CheckPrinter | Step::Git(_) | Step::Release(_) => None,
            Step::Environment(step) => self.environments.witness(step),
            Step::Packages(step) => self.packages.witness(step, &self.contents(Arc::new(|_| {}))).await,
            Step::Node(step) => self.npm.witness(step).await,
            Step::Service(step) => self.services.witness(step).await,
            Step::Health(step) => self.health.witness(step, &self.services).await,
            Step::System(step) => self.system.witness(step).await,
        }
    }

    async fn perform(&self, step: &Step, circumstance: Circumstance) -> Result<Option<String>, StepError> {
        let name = step_name(step);
        self.faults.reach(&format!("{name}.before"));
        self.alone(step, &circumstance).await;
        let done = self.act(step, &circumstance).await?;
        self.faults.reach(&format!("{name}.after"));
        Ok(done)
    }

    async fn undo(&self, step: &Step, undo: &Undo, circumstance: Circumstance) -> Result<Option<Aftermath>, StepError> {
        let name = undo_name(undo);
        if let Some(name) = name {
            self.faults.reach(&format!("{name}.before"));
        }
        self.alone(step, &circumstance).await;
        self.take_back(step, undo, &circumstance).await?;
        let after = match undo {
            Undo::HealthAgain { watched } => self.health.again(watched, &self.services, &circumstance).await,
            _changes_something => None,
        };
        self.tidy(step).await;
        if let Some(name) = name {
            self.faults.reach(&format!("{name}.after"));
        }
        Ok(after)
    }

    fn boot_id(&self) -> String {
        self.boot.clone()
    }
}

/// Where a symbolic link leads; none for anything else. A folder is exchanged there, and the link left as it is.
fn real_path(path: &Path) -> Option<PathBuf> {
    let is_link = std::fs::symlink_metadata(path).is_ok_and(|seen| seen.is_symlink());
    is_link.then(|| std::fs::canonicalize(path).ok())?
}

fn sides_now(live: &Path, stage: &Path) -> Option<Witness> {
    serde_json::to_value(tree::sides(live, stage).ok()?).ok()
}

fn sides_of(circumstance: &Circumstance) -> Option<Sides> {
    serde_json::from_value(circumstance.witness.clone()?).ok()
}

fn failed(message: &str) -> StepError {
    StepError { message: message.to_owned(), command_failed: false, printer_busy: false }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests read PATH")]
#[path = "machine_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "machine_remote_tests.rs"]
mod remote_tests;

#[cfg(test)]
#[path = "machine_states_tests.rs"]
mod states_tests;
