//! How the steps for dependencies lie around the software's own: what is prepared beside, what is switched with it, what
//! is restarted after it.
//!
//! | where | what |
//! |---|---|
//! | [`Arranged::prepare`] | downloads and stages; nothing in use is touched |
//! | [`Arranged::early`] | OS packages, and what may need them; after the printer was asked |
//! | [`Arranged::watch`] | how well everything is and how the services run, before anything of it changes |
//! | [`Arranged::with`] | exchanged right after the software itself |
//! | [`Arranged::after`] | restarts, whether everything is still well, then what is not needed any more |
//!
//! Refuses to: look at anything.

use std::path::{Path, PathBuf};

use super::environment::EnvironmentWork;
use super::{Dependencies, DependencyFacts, DependencySurvey, health};
use crate::health::Declared;
use crate::name::UpdaterName;
use crate::plan::{Action, Occasion, some_of};
use crate::refusal::Refusal;
use crate::restart;
use crate::step::{
    Content, NodeStep, OldFolder, PackageList, PackageStep, Phase, PlannedStep, ServiceStep, Step, Undo, Watched,
    size_in_words,
};
use crate::updater::places::{beside, plain_word, stage_beside, utc};

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
    /// It is a web front end.
    pub(crate) is_front_end: bool,
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
            arranged.notes.push(format!("System packages that are installed: {}", named.join(", ")));
        }
        if !survey.known {
            arranged.notes.push(unknown("Which system packages are missing"));
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
    pub(super) fn packages_of_package(&self, arranged: &mut Arranged, stage: PathBuf, live: PathBuf) {
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
        if !survey.known {
            arranged.notes.push(unknown("Which Node packages change"));
        }
        arranged
            .notes
            .extend((!survey.changes.is_empty()).then(|| format!("Node packages: {}", survey.changes.join(", "))));
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
                let kept = old.folder().parent().map(Path::to_owned).unwrap_or_default();
                let exchange = NodeStep::Exchange { updater: self.name.clone(), live, stage, old };
                arranged.with.push(plain(Step::Node(exchange), undo, Phase::Switch));
                let keep = self.dependencies.keep_previous;
                let prune = NodeStep::Prune { updater: self.name.clone(), kept, keep };
                arranged.after.push(plain(Step::Node(prune), Undo::Nothing, Phase::Switch));
            }
        }
    }

    fn services(&self, arranged: &mut Arranged) {
        let units = self.units();
        if units.is_empty() {
            return self.health(arranged, Vec::new(), Vec::new(), false);
        }
        if self.survey.service_manager.is_none() {
            arranged.notes.push(format!(
                "No service manager was found that Refit could ask. Restart by hand afterwards: sudo systemctl restart {}",
                units.join(" ")
            ));
            return self.health(arranged, Vec::new(), Vec::new(), false);
        }
        // In an update of everything, what others share waits for its own place (CONTRACT §2.6).
        let is_refit = |unit: &String| self.occasion.own.as_ref() == Some(unit);
        let at_once = |unit: &String| !self.occasion.full || (restart::is_own(self.name, unit) && !is_refit(unit));
        let (own, shared): (Vec<_>, Vec<_>) = units.into_iter().partition(at_once);
        let waits = !shared.is_empty();
        let mut restarts: Vec<PlannedStep> = shared.into_iter().map(|unit| self.postpone(unit)).collect();
        // Its own start is no witness of an update: the one that comes is.
        let (refit, own): (Vec<_>, Vec<_>) = own.into_iter().partition(is_refit);
        let sick = health::sick(self.action);
        let step = |own: bool| move |unit: String| restart::step(self.name, &self.title, unit, own, sick);
        arranged.after.extend(refit.into_iter().map(step(true)));
        if !own.is_empty() {
            let observe = ServiceStep::Observe { updater: self.name.clone(), units: own.clone() };
            let undo = Undo::ServicesRestartAgain { units: own.clone() };
            arranged.watch.push(plain(Step::Service(observe), undo, Phase::Switch));
            restarts.extend(own.iter().cloned().map(step(false)));
        }
        self.health(arranged, own, restarts, waits);
    }

    /// The restarts, with how well everything is before and after them. Before what is only deleted. `waits`: one of its
    /// services is restarted later, and what was declared is asked then: what runs until then is the old one.
    fn health(&self, arranged: &mut Arranged, units: Vec<String>, mut restarts: Vec<PlannedStep>, waits: bool) {
        let spec = &self.dependencies.health;
        // Whoever waits for these restarts declared something, too.
        let others: &[Declared] = if units.is_empty() { &[] } else { &self.occasion.declared };
        let others: Vec<Declared> =
            others.iter().filter(|declared| !spec.declared.contains(declared)).cloned().collect();
        let own: &[Declared] = if spec.off { &[] } else { &spec.declared };
        let declared = |own: &[Declared]| [own, &others].concat();
        let now = if spec.off { Watched::default() } else { self.watched(units) };
        let around = health::Around {
            before: Watched { declared: declared(own), ..now.clone() },
            after: Watched { declared: declared(if waits { &[] } else { own }), ..now },
            earlier: self.occasion.earlier.clone(),
        };
        let (record, check) = health::steps(self.name, &self.title, around, self.action);
        // First, so that it is taken back last.
        arranged.watch.splice(0..0, record);
        restarts.extend(check);
        arranged.after.splice(0..0, restarts);
    }

    fn watched(&self, units: Vec<String>) -> Watched {
        let front_end = self.home.filter(|_| self.is_front_end).map(Path::to_owned);
        Watched { front_end, ..health::watched(units, Vec::new()) }
    }

    /// The services that really run what is asked for.
    fn units(&self) -> Vec<String> {
        let mut units: Vec<String> = Vec::new();
        for asked in &self.dependencies.services {
            let really = self.survey.units.iter().find(|(name, _)| name == asked).map(|(_, units)| units);
            for unit in really.into_iter().flatten().chain(really.is_none().then_some(asked)) {
                if !units.contains(unit) {
                    units.push(unit.clone());
                }
            }
        }
        units
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
    pub(super) fn put(&self, arranged: &mut Arranged, mut step: PlannedStep) {
        if arranged.early.is_empty() {
            arranged.prepare.push(step);
        } else {
            step.phase = Phase::Switch;
            arranged.early.push(step);
        }
    }

    pub(super) fn kept_beside(&self, folder: &Path) -> OldFolder {
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

/// A name beside which stages are made. A folder inside the software's own is represented by one beside the software:
/// what lies inside would show up as the owner's files.
pub(crate) fn outside(home: Option<&Path>, folder: &Path) -> PathBuf {
    match home.and_then(|home| Some((home, folder.strip_prefix(home).ok()?))) {
        Some((home, inner)) => {
            let inner = inner.components().map(|part| part.as_os_str().to_string_lossy().into_owned());
            beside(home, "", &format!("-{}", inner.collect::<Vec<_>>().join("-")))
        }
        None => folder.to_owned(),
    }
}

/// What a plan cannot tell yet.
pub(super) fn unknown(what: &str) -> String {
    format!("{what} stands in the new version itself: it is told once that is here, before anything in use changes")
}

pub(super) fn plain(step: Step, undo: Undo, phase: Phase) -> PlannedStep {
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

#[cfg(test)]
#[path = "arrange_tests.rs"]
mod tests;
