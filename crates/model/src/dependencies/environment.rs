//! The steps for one Python environment: back to what the last upgrade changed, or forward to what is asked for.
//! Refuses to: look at anything.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use super::arrange::{Arranged, Subject, outside, plain, unknown};
use crate::environment::{Change, EnvironmentFacts, EnvironmentSpec, EnvironmentSurvey};
use crate::plan::{Action, some_of};
use crate::python::installed::project_of;
use crate::step::{
    Beginning, Content, EnvironmentRef, EnvironmentStep, Ground, OldFolder, Phase, Step, Undo, Want, size_in_words,
};
use crate::updater::places::stage_beside;

/// What listeners are told before pip installs what a requirements file asks for (CONTRACT §2.9).
const UPDATING: &str = "Updating python packages...";

/// The steps for one environment.
pub(super) struct EnvironmentWork<'a> {
    pub(super) subject: &'a Subject<'a>,
    pub(super) spec: &'a EnvironmentSpec,
    pub(super) facts: &'a EnvironmentFacts,
    pub(super) survey: &'a EnvironmentSurvey,
}

impl EnvironmentWork<'_> {
    /// Back to what the last upgrade changed; false when it changed nothing here.
    pub(super) fn rollback(&self, arranged: &mut Arranged) -> bool {
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
    pub(super) fn bring(&self, arranged: &mut Arranged) {
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

    fn build(&self, arranged: &mut Arranged, from: Beginning, want: Want) {
        let (env, stage) = (self.env(), self.stage());
        let freeze = match &from {
            Beginning::Copy => Vec::new(),
            Beginning::Fresh { freeze } => freeze.clone(),
        };
        let in_place = self.survey.in_place.is_some();
        let ground = if in_place { Ground::InPlace { snapshot: stage.clone() } } else { Ground::Stage(stage.clone()) };
        let staged = EnvironmentStep::Stage { env: env.clone(), stage: stage.clone(), from, want: want.clone() };
        let want = if in_place { after_the_switch(want) } else { want };
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
        if let Some(trouble) = self.facts.state.trouble(&self.spec.folder) {
            arranged.notes.push(format!("{trouble}. It is built again with the same packages"));
        }
        if self.facts.state.is_usable() && self.subject.package.is_none() && !self.survey.known {
            arranged.notes.push(unknown("Which Python packages change"));
        }
        arranged.notes.extend(self.survey.notes.iter().map(|note| format!("Python packages: {note}")));
        if !self.survey.damaged.is_empty() {
            arranged.notes.push(format!("Python packages with missing files: {}", some_of(self.survey.damaged.iter())));
        }
        if !self.survey.changes.is_empty() {
            let changes: Vec<String> = self.survey.changes.iter().map(ToString::to_string).collect();
            arranged.notes.push(format!("Python packages: {}", changes.join(", ")));
        }
        let builds: Vec<&str> =
            self.survey.changes.iter().filter(|change| change.builds).map(|change| change.name.as_str()).collect();
        if !builds.is_empty() {
            arranged.notes.push(format!(
                "Compiled on this machine, because there is no ready-made package for it: {}. That may take long",
                builds.join(", ")
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

/// What pip installs into the environment in use: the software's folder is exchanged by then, and what was prepared beside
/// lies in its place.
fn after_the_switch(want: Want) -> Want {
    match want {
        Want::Requirements { content: Content::Stage { stage: _, live }, file, damaged, again } => {
            Want::Requirements { content: Content::Live { path: live }, file, damaged, again }
        }
        Want::Requirements { content: Content::Commit { .. } | Content::Live { .. }, .. }
        | Want::Package { .. }
        | Want::Exactly { .. } => want,
    }
}

/// What takes a freeze back from `after` to `before`, where `now` has changed since: only what that upgrade changed.
fn difference(now: &[String], before: &[String], after: &[String]) -> (Vec<String>, Vec<String>) {
    // A freeze has the titles that authors gave: `MarkupSafe`.
    let names = |list: &[String]| list.iter().filter_map(|line| project_of(line)).collect::<BTreeSet<_>>();
    let install = before.iter().filter(|line| !after.contains(line) && !now.contains(line)).cloned().collect();
    let (was, added, there) = (names(before), names(after), names(now));
    let remove = added.difference(&was).filter(|added| there.contains(added)).map(ToString::to_string);
    (install, remove.collect())
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.bytes.map(|bytes| format!(" ({})", size_in_words(bytes))).unwrap_or_default();
        match (&self.from, &self.to) {
            (Some(from), Some(to)) => write!(f, "{} {from} -> {to}{size}", self.name),
            (None, Some(to)) => write!(f, "{} {to}, new{size}", self.name),
            (Some(from), None) => write!(f, "{} {from}, changes: {}", self.name, self.why),
            (None, None) => write!(f, "{}, new: {}", self.name, self.why),
        }
    }
}
