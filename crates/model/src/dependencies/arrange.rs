//! How the steps for dependencies lie around the software's own: what is prepared beside, what is switched with it, what
//! is restarted after it.
//!
//! | where | what |
//! |---|---|
//! | [`Arranged::prepare`] | downloads and stages; nothing in use is touched |
//! | [`Arranged::early`] | OS packages, and what may need them; after the printer was asked |
//! | [`Arranged::watch`] | how the services run, before anything of them changes |
//! | [`Arranged::with`] | exchanged right after the software itself |
//! | [`Arranged::after`] | restarts, then what is not needed any more |
//!
//! Refuses to: look at anything.

use std::path::{Path, PathBuf};

use super::{Dependencies, DependencyFacts, DependencySurvey};
use crate::environment::{EnvironmentFacts, EnvironmentSpec, EnvironmentSurvey};
use crate::name::UpdaterName;
use crate::plan::{Action, Occasion, some_of};
use crate::refusal::Refusal;
use crate::restart;
use crate::step::{
    Beginning, Content, EnvironmentRef, EnvironmentStep, Ground, NodeStep, OldFolder, PackageList, PackageStep, Phase,
    PlannedStep, ServiceStep, Step, Undo, Want, size_in_words,
};
use crate::updater::places::{beside, plain_word, stage_beside, utc};

/// What listeners are told before pip installs what a requirements file asks for (CONTRACT §2.9).
const UPDATING: &str = "Updating python packages...";

/// Whose dependencies, and for what.
pub(crate) struct Subject<'a> {
    pub(crate) name: &'a UpdaterName,
    /// What messages begin with: `Git Repo klipper`.
    pub(crate) title: String,
    /// The software's folder, links resolved; none for a package that lives in its environment.
    pub(crate) home: Option<&'a Path>,
    pub(crate) dependencies: &'a Dependencies,
    pub(crate) facts: &'a DependencyFacts,
    pub(crate) survey: &'a DependencySurvey,
    pub(crate) occasion: &'a Occasion,
    pub(crate) action: Action,
    /// The version now, for the names of kept folders.
    pub(crate) version: &'a str,
    /// Where the wished version's files are; none for a package that lives in its environment.
    pub(crate) content: Option<Content>,
    /// A package in place of a requirements file.
    pub(crate) package: Option<Package<'a>>,
}

/// A package that lives in its environment.
pub(crate) struct Package<'a> {
    /// The project's normalised name.
    pub(crate) name: &'a str,
    /// What pip is asked for.
    pub(crate) requirement: &'a str,
    /// Its distribution may list OS packages.
    pub(crate) lists_packages: bool,
    /// What listeners are told before pip runs.
    pub(crate) says: String,
}

/// The steps, where they belong.
#[derive(Debug, Default)]
pub(crate) struct Arranged {
    pub(crate) prepare: Vec<PlannedStep>,
    pub(crate) early: Vec<PlannedStep>,
    pub(crate) watch: Vec<PlannedStep>,
    pub(crate) with: Vec<PlannedStep>,
    pub(crate) after: Vec<PlannedStep>,
    pub(crate) notes: Vec<String>,
}

/// Arranges them.
///
/// # Errors
/// When OS packages that the wished version needs cannot be had.
pub(crate) fn arrange(subject: &Subject<'_>) -> Result<Arranged, Refusal> {
    let mut arranged = Arranged::default();
    subject.packages(&mut arranged)?;
    subject.environment(&mut arranged);
    subject.node(&mut arranged);
    subject.services(&mut arranged);
    Ok(arranged)
}

impl Subject<'_> {
    fn packages(&self, arranged: &mut Arranged) -> Result<(), Refusal> {
        let (Some(survey), Some(content)) = (&self.survey.packages, &self.content) else { return Ok(()) };
        if self.action == Action::Rollback {
            // They stay: the version from before ran beside more packages, too.
            return Ok(());
        }
        if let Some(why) = &survey.refused {
            return Err(Refusal::Unfit(format!("{}: {why}", self.title)));
        }
        arranged.notes.extend(survey.notes.iter().map(|note| format!("System packages: {note}")));
        if !survey.unavailable.is_empty() {
            arranged.notes.push(format!(
                "Not installed, because this system has no such package: {}. The version before did without as well",
                some_of(survey.unavailable.iter())
            ));
        }
        if survey.known && survey.missing.is_empty() {
            return Ok(());
        }
        if !survey.missing.is_empty() {
            let named: Vec<String> = survey.missing.iter().map(ToString::to_string).collect();
            arranged.notes.push(format!("System packages that are installed: {}", some_of(named.iter())));
        }
        let list = PackageList {
            content: content.clone(),
            system_dependencies: self.dependencies.system_dependencies.clone(),
            install_script: self.dependencies.install_script.clone(),
            release_info_of: None,
            known: survey.listed_now.clone(),
        };
        self.bring_packages(arranged, list);
        Ok(())
    }

    /// What a Python package lists is known only when it lies in the stage.
    fn packages_of_package(&self, arranged: &mut Arranged, stage: PathBuf, live: PathBuf) {
        let Some(package) = self.package.as_ref().filter(|package| package.lists_packages) else { return };
        let list = PackageList {
            content: Content::Stage { stage, live },
            system_dependencies: None,
            install_script: None,
            release_info_of: Some(package.name.to_owned()),
            known: Vec::new(),
        };
        self.bring_packages(arranged, list);
    }

    fn bring_packages(&self, arranged: &mut Arranged, list: PackageList) {
        let (updater, title) = (self.name.clone(), self.title.clone());
        let fetch = PackageStep::Fetch { updater: updater.clone(), title: title.clone(), list: list.clone() };
        arranged.prepare.push(plain(Step::Packages(fetch), Undo::Nothing, Phase::Preparation));
        let undo = Undo::PackagesRemoveAdded { updater: updater.clone() };
        let install = PackageStep::Install { updater, title, list };
        arranged.early.push(plain(Step::CheckPrinter, Undo::Nothing, Phase::Switch));
        arranged.early.push(plain(Step::Packages(install), undo, Phase::Switch));
    }

    fn environment(&self, arranged: &mut Arranged) {
        let Some(spec) = &self.dependencies.environment else { return };
        let survey = self.survey.environment.clone().unwrap_or_default();
        let facts = self.facts.environment.clone().unwrap_or_default();
        let work = EnvironmentWork { subject: self, spec, facts: &facts, survey: &survey };
        if self.action == Action::Rollback && work.rollback(arranged) {
            return;
        }
        work.bring(arranged);
    }

    fn node(&self, arranged: &mut Arranged) {
        let (Some(survey), Some(home), Some(content)) = (&self.survey.node, self.home, &self.content) else { return };
        let again = self.occasion.update_deps;
        if survey.known && !survey.needed && !again {
            return;
        }
        arranged
            .notes
            .extend((!survey.changes.is_empty()).then(|| format!("Node packages: {}", some_of(survey.changes.iter()))));
        let live = home.join("node_modules");
        let old = self.kept_beside(&outside(Some(home), &live));
        let stage = match (self.action, &survey.sound_previous) {
            (Action::Rollback, Some(kept)) => kept.clone(),
            (Action::Rollback, None)
            | (Action::Upgrade | Action::SoftRecovery | Action::HardRecovery | Action::Restart, _) => {
                let folder = match content {
                    // Goes with its folder, and is exchanged with it.
                    Content::Stage { stage, .. } => stage.clone(),
                    Content::Commit { .. } | Content::Live { .. } => {
                        stage_beside(&outside(Some(home), &live), self.occasion)
                    }
                };
                let step = NodeStep::Stage {
                    updater: self.name.clone(),
                    title: self.title.clone(),
                    content: content.clone(),
                    stage: folder.clone(),
                };
                let undo = match content {
                    Content::Stage { .. } => Undo::Nothing,
                    Content::Commit { .. } | Content::Live { .. } => Undo::DeleteStage { stage: folder.clone() },
                };
                self.put(arranged, plain(Step::Node(step), undo, Phase::Preparation));
                folder.join("node_modules")
            }
        };
        match content {
            Content::Stage { .. } => {}
            Content::Commit { .. } | Content::Live { .. } => {
                let undo = Undo::ReleaseExchangeBack { live: live.clone(), stage: stage.clone(), old: old.clone() };
                let exchange = NodeStep::Exchange { updater: self.name.clone(), live, stage, old };
                arranged.with.push(plain(Step::Node(exchange), undo, Phase::Switch));
            }
        }
    }

    fn services(&self, arranged: &mut Arranged) {
        let units = &self.dependencies.services;
        if units.is_empty() {
            return;
        }
        if self.survey.service_manager.is_none() {
            arranged.notes.push(format!(
                "No service manager was found that Refit could ask. Restart by hand afterwards: sudo systemctl restart {}",
                units.join(" ")
            ));
            return;
        }
        // In an update of everything, what others share waits for its own place (CONTRACT §2.6).
        let (own, shared): (Vec<_>, Vec<_>) =
            units.iter().cloned().partition(|unit| !self.occasion.full || restart::is_own(self.name, unit));
        let mut restarts: Vec<PlannedStep> = shared.into_iter().map(|unit| self.postpone(unit)).collect();
        if !own.is_empty() {
            let observe = ServiceStep::Observe { updater: self.name.clone(), units: own.clone() };
            let undo = Undo::ServicesRestartAgain { units: own.clone() };
            arranged.watch.push(plain(Step::Service(observe), undo, Phase::Switch));
            restarts.extend(own.into_iter().map(|unit| restart::step(self.name, &self.title, unit)));
        }
        // Before what is only deleted.
        arranged.after.splice(0..0, restarts);
    }

    fn postpone(&self, unit: String) -> PlannedStep {
        PlannedStep {
            announce: vec![self.says(&format!("Service {unit} restart postponed..."))],
            ..plain(
                Step::Service(ServiceStep::Postpone { updater: self.name.clone(), unit }),
                Undo::Nothing,
                Phase::Switch,
            )
        }
    }

    /// With the preparation; after OS packages where there are some, since what is compiled may need them.
    fn put(&self, arranged: &mut Arranged, mut step: PlannedStep) {
        if arranged.early.is_empty() {
            arranged.prepare.push(step);
        } else {
            step.phase = Phase::Switch;
            arranged.early.push(step);
        }
    }

    fn kept_beside(&self, folder: &Path) -> OldFolder {
        let key =
            format!("{}-{}-{}", utc(self.occasion.now), plain_word(self.version), plain_word(&self.occasion.mark));
        OldFolder::Previous {
            version: self.version.to_owned(),
            folder: beside(folder, ".", ".refit-previous").join(key),
        }
    }

    fn says(&self, text: &str) -> String {
        format!("{}: {text}", self.title)
    }
}

/// The steps for one environment.
struct EnvironmentWork<'a> {
    subject: &'a Subject<'a>,
    spec: &'a EnvironmentSpec,
    facts: &'a EnvironmentFacts,
    survey: &'a EnvironmentSurvey,
}

impl EnvironmentWork<'_> {
    /// Back to what the last upgrade changed; false when it changed nothing here.
    fn rollback(&self, arranged: &mut Arranged) -> bool {
        let Some(point) = &self.facts.rollback else { return false };
        if let Some(kept) = &self.survey.sound_previous {
            let project = self.subject.package.as_ref().map(|package| package.name.to_owned());
            if self.survey.in_place.is_none() {
                let check = EnvironmentStep::Check {
                    env: self.env(),
                    ground: Ground::Stage(kept.clone()),
                    projects: project.into_iter().collect(),
                };
                self.subject.put(arranged, plain(Step::Environment(check), Undo::Nothing, Phase::Preparation));
            }
            self.exchange(arranged, kept.clone());
            self.prune(arranged);
            return true;
        }
        let (install, remove) = difference(&self.facts.freeze, &point.before, &point.after);
        if install.is_empty() && remove.is_empty() {
            return false;
        }
        self.build(arranged, Beginning::Copy, Want::Exactly { install, remove });
        true
    }

    /// Brings what the wished version asks for, where something is missing or it cannot be told yet.
    fn bring(&self, arranged: &mut Arranged) {
        let usable = self.facts.state.is_usable();
        let again = self.subject.occasion.update_deps;
        let hard = self.subject.action == Action::HardRecovery;
        let recovers_package = self.subject.package.is_some() && hard;
        let nothing = self.subject.package.is_none()
            && self.survey.known
            && self.survey.changes.is_empty()
            && self.survey.damaged.is_empty();
        if usable && nothing && !again && !recovers_package {
            return;
        }
        let Some(want) = self.want(again || recovers_package) else { return };
        self.tell(arranged);
        let anew = !usable || (hard && (again || recovers_package));
        let from = if anew { Beginning::Fresh { freeze: self.facts.freeze.clone() } } else { Beginning::Copy };
        self.build(arranged, from, want);
    }

    fn want(&self, again: bool) -> Option<Want> {
        if let Some(package) = &self.subject.package {
            return Some(Want::Package {
                requirement: package.requirement.to_owned(),
                name: package.name.to_owned(),
                damaged: self.survey.damaged.clone(),
                again,
            });
        }
        Some(Want::Requirements {
            content: self.subject.content.clone()?,
            file: self.subject.dependencies.requirements.clone()?,
            damaged: self.survey.damaged.clone(),
            again,
        })
    }

    /// Where the environment will be while it is prepared with the folder that it lies in; none when it lies elsewhere.
    fn in_stage(&self) -> Option<PathBuf> {
        match &self.subject.content {
            Some(Content::Stage { stage, live }) => Some(stage.join(self.folder().strip_prefix(live).ok()?)),
            Some(Content::Commit { .. } | Content::Live { .. }) | None => None,
        }
    }

    /// An environment inside the software's own folder was copied into its stage, and goes back with it.
    fn build_in_stage(&self, arranged: &mut Arranged, stage: PathBuf, want: Want) {
        let env = self.env();
        let in_place = self.survey.in_place.is_some();
        let ground = if in_place { Ground::InPlace { snapshot: env.folder.clone() } } else { Ground::Stage(stage) };
        let install = EnvironmentStep::Install {
            env: env.clone(),
            ground: ground.clone(),
            want,
            says: UPDATING.to_owned(),
            freeze: Vec::new(),
        };
        let phase = if in_place { Phase::Switch } else { Phase::Preparation };
        let install = plain(Step::Environment(install), Undo::Nothing, phase);
        let check = EnvironmentStep::Check { env, ground, projects: Vec::new() };
        for step in [install, plain(Step::Environment(check), Undo::Nothing, phase)] {
            if in_place {
                arranged.with.push(step);
            } else {
                self.subject.put(arranged, step);
            }
        }
    }

    fn build(&self, arranged: &mut Arranged, from: Beginning, want: Want) {
        if let Some(stage) = self.in_stage() {
            self.build_in_stage(arranged, stage, want);
            return;
        }
        let (env, stage) = (self.env(), self.stage());
        let freeze = match &from {
            Beginning::Copy => Vec::new(),
            Beginning::Fresh { freeze } => freeze.clone(),
        };
        let in_place = self.survey.in_place.is_some();
        let ground = if in_place { Ground::InPlace { snapshot: stage.clone() } } else { Ground::Stage(stage.clone()) };
        let staged = EnvironmentStep::Stage { env: env.clone(), stage: stage.clone(), from, want: want.clone() };
        let deleted = Undo::DeleteStage { stage: stage.clone() };
        self.subject.put(arranged, plain(Step::Environment(staged), deleted, Phase::Preparation));
        let says = self.subject.package.as_ref().map_or(UPDATING, |package| package.says.as_str()).to_owned();
        let install = EnvironmentStep::Install { env: env.clone(), ground: ground.clone(), want, says, freeze };
        let projects = self.subject.package.as_ref().map(|package| package.name.to_owned());
        let check = EnvironmentStep::Check { env: env.clone(), ground, projects: projects.into_iter().collect() };
        let (install, check) = (Step::Environment(install), Step::Environment(check));
        if in_place {
            let old = self.old();
            let undo = Undo::EnvironmentPutBack { live: env.folder.clone(), snapshot: stage.clone(), old: old.clone() };
            arranged.with.push(plain(install, undo, Phase::Switch));
            arranged.with.push(plain(check, Undo::Nothing, Phase::Switch));
            let keep = EnvironmentStep::KeepSnapshot { env, snapshot: stage, old };
            arranged.with.push(plain(Step::Environment(keep), Undo::Nothing, Phase::Switch));
        } else {
            self.subject.put(arranged, plain(install, Undo::Nothing, Phase::Preparation));
            self.subject.put(arranged, plain(check, Undo::Nothing, Phase::Preparation));
            if self.subject.action != Action::Rollback {
                self.subject.packages_of_package(arranged, stage.clone(), self.folder().to_owned());
            }
            self.exchange(arranged, stage);
        }
        self.prune(arranged);
    }

    fn exchange(&self, arranged: &mut Arranged, stage: PathBuf) {
        let (env, old) = (self.env(), self.old());
        let undo = Undo::ReleaseExchangeBack { live: env.folder.clone(), stage: stage.clone(), old: old.clone() };
        let exchange = EnvironmentStep::Exchange { env, stage, old };
        arranged.with.push(plain(Step::Environment(exchange), undo, Phase::Switch));
    }

    fn prune(&self, arranged: &mut Arranged) {
        let kept = self.old().folder().parent().map(Path::to_owned).unwrap_or_default();
        let prune = EnvironmentStep::Prune { env: self.env(), kept, keep: self.spec.keep_previous };
        arranged.after.push(plain(Step::Environment(prune), Undo::Nothing, Phase::Switch));
    }

    fn tell(&self, arranged: &mut Arranged) {
        if let Some(complaint) = self.facts.state.complaint(&self.spec.folder) {
            arranged.notes.push(complaint);
        }
        if !self.survey.damaged.is_empty() {
            arranged.notes.push(format!("Python packages with missing files: {}", some_of(self.survey.damaged.iter())));
        }
        if !self.survey.changes.is_empty() {
            let changes: Vec<String> = self.survey.changes.iter().map(ToString::to_string).collect();
            arranged.notes.push(format!("Python packages: {}", some_of(changes.iter())));
        }
        let builds: Vec<&String> =
            self.survey.changes.iter().filter(|change| change.builds).map(|change| &change.name).collect();
        if !builds.is_empty() {
            arranged.notes.push(format!(
                "Compiled on this machine, because there is no ready-made package for it: {}. That may take long",
                some_of(builds.into_iter())
            ));
        }
        if let Some(why) = &self.survey.in_place {
            arranged
                .notes
                .push(format!("The Python environment is changed in place, and put back when something fails: {why}"));
        }
    }

    fn env(&self) -> EnvironmentRef {
        EnvironmentRef {
            updater: self.subject.name.clone(),
            title: self.subject.title.clone(),
            folder: self.folder().to_owned(),
            pip_environment: self.spec.pip_environment.clone(),
            venv_args: self.spec.venv_args.clone(),
        }
    }

    fn folder(&self) -> &Path {
        self.survey.real_folder.as_deref().unwrap_or(&self.spec.folder)
    }

    fn stage(&self) -> PathBuf {
        stage_beside(&outside(self.subject.home, self.folder()), self.subject.occasion)
    }

    fn old(&self) -> OldFolder {
        self.subject.kept_beside(&outside(self.subject.home, self.folder()))
    }
}

/// A name beside which stages are made. A folder inside the software's own is represented by one beside the software:
/// what lies inside would show up as the owner's files.
fn outside(home: Option<&Path>, folder: &Path) -> PathBuf {
    match home.and_then(|home| Some((home, folder.strip_prefix(home).ok()?))) {
        Some((home, inner)) => {
            let inner = inner.components().map(|part| part.as_os_str().to_string_lossy().into_owned());
            beside(home, "", &format!("-{}", inner.collect::<Vec<_>>().join("-")))
        }
        None => folder.to_owned(),
    }
}

/// What takes a freeze back from `after` to `before`, where `now` has changed since: only what that upgrade changed.
fn difference(now: &[String], before: &[String], after: &[String]) -> (Vec<String>, Vec<String>) {
    let name = |line: &str| line.split(['=', ' ']).next().unwrap_or_default().to_owned();
    let has = |list: &[String], wanted: &str| list.iter().any(|line| name(line) == wanted);
    let install = before.iter().filter(|line| !after.contains(line) && !now.contains(line)).cloned().collect();
    let added = after.iter().map(|line| name(line)).filter(|added| !has(before, added));
    (install, added.filter(|added| has(now, added)).collect())
}

fn plain(step: Step, undo: Undo, phase: Phase) -> PlannedStep {
    PlannedStep { step, undo, phase, announce: Vec::new() }
}

impl std::fmt::Display for super::PackageChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)?;
        let from = self.from.as_ref().map(|from| format!(" {from} ->"));
        let version = self.version.as_ref().map(|version| format!("{} {version}", from.unwrap_or_default()));
        let size = self.bytes.map(|bytes| format!(" ({})", size_in_words(bytes)));
        write!(f, "{}{}", version.unwrap_or_default(), size.unwrap_or_default())
    }
}

impl std::fmt::Display for crate::environment::Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let size = self.bytes.map(|bytes| format!(" ({})", size_in_words(bytes))).unwrap_or_default();
        match (&self.from, &self.to) {
            (Some(from), Some(to)) => write!(f, "{} {from} -> {to}{size}", self.name),
            (None, Some(to)) => write!(f, "{} {to}, new{size}", self.name),
            (Some(from), None) => write!(f, "{} {from}, changes: {}", self.name, self.why),
            (None, None) => write!(f, "{}, new: {}", self.name, self.why),
        }
    }
}

#[cfg(test)]
#[path = "arrange_tests.rs"]
mod tests;
