//! Upgrade, recovery and rollback of a Python application as plans (CONTRACT §2.8, §2.9), with the documented messages;
//! recovery is Refit's own (CONTRACT §8 row 20).
//! Refuses to: look at anything. What a plan needs to know is in the facts, surveyed for the action just before.

use super::{InstalledPackage, Offer, PackageSource, PythonAssessment, PythonFacts, PythonSpec, assess, source};
use crate::dependencies::{self, DependencySurvey, Package, Subject};
use crate::plan::{Action, Occasion, Plan, Verdict};
use crate::python::installed::project_of;
use crate::refusal::Refusal;
use crate::step::{Phase, PlannedStep, Step, Undo};

/// Plans one action for one of them.
///
/// # Errors
/// When the index or the forge could not be asked, or the environment cannot be told.
pub fn plan(action: Action, spec: &PythonSpec, facts: &PythonFacts, occasion: &Occasion) -> Result<Verdict, Refusal> {
    let judged = assess(spec, facts);
    let planner = Planner { spec, facts, judged, occasion };
    match action {
        Action::Upgrade => planner.upgrade(),
        Action::SoftRecovery => planner.soft_recovery(),
        Action::HardRecovery => planner.hard_recovery(),
        Action::Rollback => planner.rollback(),
        // Planned for all kinds alike, in `plan::plan`.
        Action::Restart => Ok(Verdict::Nothing(format!("no restart is owed to {}", spec.common.name))),
    }
}

/// What pip would be asked for by an upgrade; none where nothing is offered.
#[must_use]
pub fn wished(spec: &PythonSpec, facts: &PythonFacts) -> Option<String> {
    let judged = assess(spec, facts);
    let offer = facts.remote.offer.as_ref().filter(|_| judged.update_available)?;
    Some(requirement(spec, facts, offer))
}

/// What listeners of a recovery are told even when it is then refused by its facts.
#[must_use]
pub fn overture(action: Action, spec: &PythonSpec) -> Vec<String> {
    match action {
        Action::SoftRecovery | Action::HardRecovery => vec![says(spec, "Attempting recovery...")],
        Action::Upgrade | Action::Rollback | Action::Restart => Vec::new(),
    }
}

struct Planner<'a> {
    spec: &'a PythonSpec,
    facts: &'a PythonFacts,
    judged: PythonAssessment,
    occasion: &'a Occasion,
}

impl Planner<'_> {
    fn upgrade(&self) -> Result<Verdict, Refusal> {
        // Moonraker answers `ok` for what it cannot update (observed); why is told to who asked.
        if let (PackageSource::Unknown { warning }, true) = (source(&self.installed()), self.facts.installed.is_some())
        {
            return Ok(self.nothing(&warning));
        }
        let offer = match (&self.facts.remote.offer, &self.facts.remote.error) {
            (Some(offer), _) if self.judged.update_available || self.facts.missing => offer,
            (_, Some(error)) => return Err(self.unfit(&format!("updates could not be looked for: {error}"))),
            (Some(_), None) => return Ok(self.nothing(&self.up_to_date())),
            (None, None) if self.facts.remote.last_good.is_some() => return Ok(self.nothing(&self.up_to_date())),
            (None, None) => return Ok(self.nothing("nothing is offered; refresh first")),
        };
        let requirement = self.requirement(offer);
        self.with_package(Action::Upgrade, &requirement, &self.judged.remote_version, "Update Finished...")
    }

    fn rollback(&self) -> Result<Verdict, Refusal> {
        let Some(wanted) = self.facts.rollback.as_deref() else {
            return Ok(self.nothing("there is no version from before to go back to"));
        };
        if self.installed().version.as_deref() == Some(wanted) {
            return Ok(self.nothing("Rollback not performed"));
        }
        let requirement = match source(&self.installed()) {
            // Tags are written as that of the last release is.
            PackageSource::Github { owner, repo } => {
                let tag = self.facts.remote.offer.as_ref().and_then(|offer| offer.tag.as_deref()).unwrap_or_default();
                let v = if tag.starts_with('v') { "v" } else { "" };
                on_github(self.spec, &owner, &repo, &format!("{v}{wanted}"))
            }
            PackageSource::Index | PackageSource::Unknown { .. } => format!("{}=={wanted}", self.project()),
        };
        self.with_package(Action::Rollback, &requirement, &self.judged.rollback_version, "Update Finished...")
    }

    /// Verifies every file of the environment against the lists of its distributions, and puts back what is wrong.
    fn soft_recovery(&self) -> Result<Verdict, Refusal> {
        let environment = self.survey().environment.unwrap_or_default();
        let usable = self.facts.dependencies.environment.as_ref().is_some_and(|seen| seen.state.is_usable());
        let whole = environment.damaged.is_empty() && self.facts.installed.is_some() && !self.facts.missing;
        if usable && whole && !self.occasion.update_deps {
            let text = format!("every file of {} is as it was installed, nothing to recover", self.judged.version);
            return Ok(self.nothing(&text));
        }
        self.recovery(Action::SoftRecovery)
    }

    fn hard_recovery(&self) -> Result<Verdict, Refusal> {
        self.recovery(Action::HardRecovery)
    }

    fn recovery(&self, action: Action) -> Result<Verdict, Refusal> {
        let requirement = match (self.frozen(), &self.facts.remote.offer) {
            (Some(line), _) => line,
            (None, Some(offer)) => self.requirement(offer),
            (None, None) => self.project(),
        };
        let to = self.judged.version.clone();
        self.with_package(action, &requirement, &to, "Reinstall Complete")
    }

    fn with_package(&self, action: Action, requirement: &str, to: &str, closing: &str) -> Result<Verdict, Refusal> {
        let arranged = dependencies::arrange(&Subject {
            name: &self.spec.common.name,
            title: title(self.spec),
            home: None,
            dependencies: &self.spec.common.dependencies,
            facts: &self.facts.dependencies,
            survey: &self.survey(),
            occasion: self.occasion,
            action,
            version: &self.judged.version,
            content: None,
            package: Some(Package {
                name: self.spec.project.as_str(),
                requirement,
                lists_packages: self.installed().release_info.is_some(),
                says: self.says_before_pip(action),
            }),
            is_front_end: false,
        })?;
        let mut steps = arranged.prepare;
        steps.extend(arranged.early);
        steps.push(PlannedStep {
            step: Step::CheckPrinter,
            undo: Undo::Nothing,
            phase: Phase::Switch,
            announce: Vec::new(),
        });
        steps.extend(arranged.watch);
        steps.extend(arranged.with);
        steps.extend(arranged.after);
        Ok(Verdict::Do(Box::new(Plan {
            updater: self.spec.common.name.clone(),
            action,
            from: self.judged.version.clone(),
            to: to.to_owned(),
            opening: self.opening(action),
            steps,
            closing: self.says(closing),
            notes: arranged.notes,
        })))
    }

    fn opening(&self, action: Action) -> Vec<String> {
        match action {
            Action::Upgrade | Action::Rollback | Action::Restart => Vec::new(),
            Action::SoftRecovery | Action::HardRecovery => vec![self.says("Attempting recovery...")],
        }
    }

    /// What is told before pip runs; what becomes of pip itself is told by the step.
    fn says_before_pip(&self, action: Action) -> String {
        let from = match source(&self.installed()) {
            PackageSource::Github { .. } => "GITHUB",
            PackageSource::Index | PackageSource::Unknown { .. } => "PIP",
        };
        match action {
            Action::Upgrade | Action::Rollback | Action::Restart => {
                format!("Updating Python Package {} from {from}...", self.spec.common.name)
            }
            Action::SoftRecovery | Action::HardRecovery => "Updating python packages...".to_owned(),
        }
    }

    fn requirement(&self, offer: &Offer) -> String {
        requirement(self.spec, self.facts, offer)
    }

    /// The line of the freeze that is the project's own, with its extras.
    fn frozen(&self) -> Option<String> {
        let freeze = &self.facts.dependencies.environment.as_ref()?.freeze;
        // It stands there by the title that its author gave it. What is editable has no version to go back to.
        let is_it = |line: &&String| !line.starts_with("-e ") && project_of(line).as_ref() == Some(&self.spec.project);
        let line = freeze.iter().find(is_it)?;
        let rest = line.get(line.find([' ', '='])?..)?;
        Some(format!("{}{rest}", self.project()))
    }

    fn project(&self) -> String {
        project(self.spec)
    }

    fn up_to_date(&self) -> String {
        match &self.facts.remote.passed_by {
            Some(why) => format!("already up to date ({why})"),
            None => "already up to date".to_owned(),
        }
    }

    fn installed(&self) -> InstalledPackage {
        self.facts.installed.clone().unwrap_or_default()
    }

    fn survey(&self) -> DependencySurvey {
        self.facts.survey.as_ref().map(|survey| survey.dependencies.clone()).unwrap_or_default()
    }

    fn nothing(&self, why: &str) -> Verdict {
        Verdict::Nothing(self.says(why))
    }

    fn unfit(&self, text: &str) -> Refusal {
        Refusal::Unfit(self.says(text))
    }

    fn says(&self, text: &str) -> String {
        says(self.spec, text)
    }
}

fn requirement(spec: &PythonSpec, facts: &PythonFacts, offer: &Offer) -> String {
    let project = project(spec);
    match facts.installed.as_ref().map_or(PackageSource::Index, source) {
        PackageSource::Github { owner, repo } => {
            let revision = offer.commit.as_ref().or(offer.tag.as_ref()).unwrap_or(&offer.version);
            on_github(spec, &owner, &repo, revision)
        }
        PackageSource::Index | PackageSource::Unknown { .. } => format!("{project}=={}", offer.version),
    }
}

/// As Moonraker asks pip for it (observed).
fn on_github(spec: &PythonSpec, owner: &str, repo: &str, revision: &str) -> String {
    format!("{} @ git+https://github.com/{owner}/{repo}@{revision}", project(spec))
}

/// `name[extra,another]`.
fn project(spec: &PythonSpec) -> String {
    match spec.extras.as_slice() {
        [] => spec.project.to_string(),
        extras => format!("{}[{}]", spec.project, extras.join(",")),
    }
}

fn title(spec: &PythonSpec) -> String {
    format!("Python Package {}", spec.common.name)
}

fn says(spec: &PythonSpec, text: &str) -> String {
    format!("{}: {text}", title(spec))
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
