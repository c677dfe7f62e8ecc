//! Upgrade, recovery and rollback of software that ships as releases, as plans (CONTRACT §2.5, §2.8, §2.12), with the
//! documented refusals and messages; recovery is Refit's own (CONTRACT §8 row 20).
//! Refuses to: look at anything. What a plan needs to know is in the facts, surveyed for the action just before.

use std::path::{Path, PathBuf};

use super::assess::{assess, effective_source};
use super::{
    Difference, Place, Release, ReleaseAssessment, ReleaseFacts, ReleaseKind, ReleaseSpec, ReleaseSurvey, Verify,
    checksum_assets, choose,
};
use crate::dependencies::{self, Arranged, Subject};
use crate::plan::{Action, Occasion, Plan, Verdict, some_of};
use crate::refusal::Refusal;
use crate::settings::Channel;
use crate::step::{
    Content, KeptPlace, OldFolder, Phase, PlannedStep, ReleaseRef, ReleaseStep, Step, Undo, WantedRelease,
};
use crate::updater::places::{beside, plain_word, stage_beside, utc};

/// Plans one action for one of them.
///
/// # Errors
/// The documented refusals of CONTRACT §2.8 and §2.12.
pub fn plan(action: Action, spec: &ReleaseSpec, facts: &ReleaseFacts, occasion: &Occasion) -> Result<Verdict, Refusal> {
    let survey = facts.survey.clone().unwrap_or_default();
    let planner = Planner { spec, facts, judged: assess(spec, facts), survey, occasion };
    match action {
        Action::Upgrade => planner.upgrade(),
        Action::SoftRecovery => planner.soft_recovery(),
        Action::HardRecovery => planner.hard_recovery(),
        Action::Rollback => planner.rollback(),
        // Planned for all kinds alike, in `plan::plan`.
        Action::Restart => Ok(Verdict::Nothing(format!("no restart is owed to {}", spec.common.name))),
    }
}

/// What listeners of a recovery are told even when it is then refused by its facts.
#[must_use]
pub fn overture(action: Action, spec: &ReleaseSpec) -> Vec<String> {
    match action {
        Action::SoftRecovery | Action::HardRecovery => vec![says(spec, "Attempting recovery...")],
        Action::Upgrade | Action::Rollback | Action::Restart => Vec::new(),
    }
}

struct Planner<'a> {
    spec: &'a ReleaseSpec,
    facts: &'a ReleaseFacts,
    judged: ReleaseAssessment,
    survey: ReleaseSurvey,
    occasion: &'a Occasion,
}

/// What a plan is made of at its end.
struct Done<'a> {
    to: &'a str,
    opening: Vec<String>,
    steps: Vec<PlannedStep>,
    closing: &'a str,
    notes: Vec<String>,
}

impl Planner<'_> {
    fn upgrade(&self) -> Result<Verdict, Refusal> {
        if !self.judged.is_valid {
            return Err(self.unfit("Invalid install detected, aborting update"));
        }
        let Some(release) = &self.facts.remote.release else { return Err(self.unlocatable()) };
        if choose::is_same(&self.judged.version, release) {
            return match &self.facts.remote.error {
                Some(error) => Err(self.unfit(&format!("the release server could not be asked: {error}"))),
                None => Ok(Verdict::Nothing(self.says("already up to date"))),
            };
        }
        if !choose::is_newer(&self.judged.version, release) {
            return Ok(Verdict::Nothing(self.says(&format!(
                "{} is installed, and the newest release, {}, is not newer",
                self.judged.version,
                shown(release)
            ))));
        }
        self.refuse_fixed()?;
        let mut steps = self.learn();
        steps.push(self.download(self.offered(release)?));
        steps.extend(self.unpack(true));
        steps.push(self.carry_over(Some(self.kept())));
        let (steps, notes) = self.with_dependencies(Action::Upgrade, steps, self.previous())?;
        let opening = vec![self.says("Updating...")];
        Ok(self
            .done(Action::Upgrade, Done { to: shown(release), opening, steps, closing: "Update Finished...", notes }))
    }

    fn rollback(&self) -> Result<Verdict, Refusal> {
        // What was never seen valid has no version to go back to.
        let Some(wanted) = self.facts.rollback.as_deref() else {
            return Err(Refusal::Unfit("Incomplete Rollback Data".to_owned()));
        };
        if wanted == self.judged.version {
            return Ok(Verdict::Nothing(self.says("Rollback not performed")));
        }
        self.refuse_place()?;
        self.refuse_fixed()?;
        let mut steps = self.learn();
        match &self.survey.sound_previous {
            Some(from) => {
                let stage = self.stage();
                let step = Step::Release(ReleaseStep::StageKept {
                    release: self.subject(),
                    from: from.clone(),
                    stage: stage.clone(),
                });
                steps.push(plain(step, Undo::DeleteStage { stage }, Phase::Preparation));
                steps.extend(self.probe());
            }
            None => {
                steps.push(self.download(self.tagged(wanted)));
                steps.extend(self.unpack(true));
            }
        }
        steps.push(self.carry_over(Some(self.kept())));
        let (steps, notes) = self.with_dependencies(Action::Rollback, steps, self.previous())?;
        let opening = vec![self.says("Rolling Back...")];
        Ok(self.done(Action::Rollback, Done { to: wanted, opening, steps, closing: "Rollback Complete", notes }))
    }

    /// Verifies the installed files against the release's own list, and puts back only what is wrong.
    fn soft_recovery(&self) -> Result<Verdict, Refusal> {
        if self.judged.version == "?" {
            return Err(self.unfit(&format!(
                "the installed version cannot be told, ask for a hard recovery (refit recover {} --hard)",
                self.spec.common.name
            )));
        }
        if self.survey.shipped_known && self.survey.wrong.is_empty() && !self.lacks() {
            let text = format!("every file of {} is as it was shipped, nothing to recover", self.judged.version);
            return Ok(Verdict::Nothing(self.says(&text)));
        }
        self.recovery(Action::SoftRecovery, true)
    }

    /// Something that it depends on is missing or broken, or all of it is asked for again.
    fn lacks(&self) -> bool {
        let dependencies = &self.spec.common.dependencies;
        let survey = self.survey.dependencies.environment.as_ref();
        let differs = survey.is_some_and(|seen| !seen.damaged.is_empty() || !seen.changes.is_empty());
        differs || dependencies.want_recovery(&self.facts.dependencies, self.occasion.update_deps)
    }

    /// Installs the same version anew; where it cannot be told, the newest.
    fn hard_recovery(&self) -> Result<Verdict, Refusal> {
        self.recovery(Action::HardRecovery, false)
    }

    fn recovery(&self, action: Action, share: bool) -> Result<Verdict, Refusal> {
        self.refuse_place()?;
        self.refuse_fixed()?;
        let installed = self.judged.version.as_str();
        let (wanted, to) = match &self.facts.remote.release {
            Some(release) if installed == "?" || choose::is_same(installed, release) => {
                (self.offered(release)?, shown(release).to_owned())
            }
            None if installed == "?" => {
                let (beta, machine) = (self.spec.common.channel == Channel::Beta, self.spec.machine.clone());
                (WantedRelease::Newest { beta, machine }, "?".to_owned())
            }
            Some(_) | None => (self.tagged(installed), installed.to_owned()),
        };
        let mut steps = vec![self.download(wanted)];
        steps.extend(self.unpack(share));
        steps.push(self.carry_over(None));
        let (steps, notes) = self.with_dependencies(action, steps, OldFolder::Kept(self.kept()))?;
        let opening = vec![self.says("Attempting recovery...")];
        Ok(self.done(action, Done { to: &to, opening, steps, closing: "Reinstall Complete", notes }))
    }

    /// The steps from the preparation to the last, with those for what the software depends on.
    fn with_dependencies(
        &self,
        action: Action,
        prepared: Vec<PlannedStep>,
        old: OldFolder,
    ) -> Result<(Vec<PlannedStep>, Vec<String>), Refusal> {
        let arranged = self.arrange(action)?;
        let [check, exchange, verify, prune] = self.switch(old);
        let mut steps = prepared;
        steps.extend(arranged.prepare);
        steps.extend(arranged.early);
        steps.push(check);
        steps.extend(arranged.watch);
        steps.push(exchange);
        steps.extend(arranged.with);
        steps.push(verify);
        steps.extend(arranged.after);
        steps.push(prune);
        Ok((steps, arranged.notes))
    }

    fn arrange(&self, action: Action) -> Result<Arranged, Refusal> {
        dependencies::arrange(&Subject {
            name: &self.spec.common.name,
            title: format!("{} {}", self.spec.kind.title(), self.spec.common.name),
            home: Some(self.path()),
            dependencies: &self.spec.common.dependencies,
            facts: &self.facts.dependencies,
            survey: &self.survey.dependencies,
            occasion: self.occasion,
            action,
            version: &self.judged.version,
            content: Some(Content::Stage { stage: self.stage(), live: self.path().to_owned() }),
            package: None,
            is_front_end: self.spec.kind == ReleaseKind::Web,
        })
    }

    fn done(&self, action: Action, done: Done<'_>) -> Verdict {
        let Done { to, opening, steps, closing, notes } = done;
        Verdict::Do(Box::new(Plan {
            updater: self.spec.common.name.clone(),
            action,
            from: self.judged.version.clone(),
            to: to.to_owned(),
            opening,
            steps,
            closing: self.says(closing),
            notes: self.notes(action).into_iter().chain(notes).collect(),
        }))
    }

    /// Without a list of what the installed version shipped, its files cannot be told from the owner's.
    fn learn(&self) -> Vec<PlannedStep> {
        if self.survey.shipped_known || self.judged.version == "?" || self.spec.kind == ReleaseKind::Executable {
            return Vec::new();
        }
        let step = Step::Release(ReleaseStep::Learn {
            release: self.subject(),
            version: self.judged.version.clone(),
            machine: self.spec.machine.clone(),
            verify: self.spec.verify.clone(),
        });
        vec![plain(step, self.forget(), Phase::Preparation)]
    }

    fn download(&self, wanted: WantedRelease) -> PlannedStep {
        let label = self.occasion.application.clone();
        let step = Step::Release(ReleaseStep::Download {
            release: self.subject(),
            wanted,
            verify: self.spec.verify.clone(),
            label,
        });
        let mut step = plain(step, self.forget(), Phase::Preparation);
        step.announce = vec![self.says("Downloading Release...")];
        step
    }

    fn unpack(&self, share: bool) -> Vec<PlannedStep> {
        let stage = self.stage();
        // npm runs the software's own scripts in the stage: what they write in place must not be the folder in use.
        let share = share && !self.spec.common.dependencies.node;
        let step = Step::Release(ReleaseStep::Unpack { release: self.subject(), stage: stage.clone(), share });
        let mut step = plain(step, Undo::DeleteStage { stage }, Phase::Preparation);
        step.announce =
            vec![self.says(&format!("Download Complete, extracting release to '{}'", self.spec.path.display()))];
        let mut steps = vec![step];
        steps.extend(self.probe());
        steps
    }

    fn probe(&self) -> Option<PlannedStep> {
        let step = Step::Release(ReleaseStep::Probe {
            release: self.subject(),
            stage: self.stage(),
            arguments: self.spec.probe.clone(),
        });
        (self.spec.kind == ReleaseKind::Executable).then(|| plain(step, Undo::Nothing, Phase::Preparation))
    }

    /// What is not in the stage yet is the owner's or old; the stage is deleted as a whole when it is not wanted.
    fn carry_over(&self, kept: Option<KeptPlace>) -> PlannedStep {
        let undo = kept.clone().map_or(Undo::Nothing, |kept| Undo::ReleaseDropCopies { kept });
        let step = Step::Release(ReleaseStep::CarryOver {
            release: self.subject(),
            stage: self.stage(),
            persistent: self.spec.persistent_files.clone(),
            kept,
        });
        plain(step, undo, Phase::Preparation)
    }

    fn switch(&self, old: OldFolder) -> [PlannedStep; 4] {
        let undo = Undo::ReleaseExchangeBack { live: self.subject().path, stage: self.stage(), old: old.clone() };
        let exchange =
            Step::Release(ReleaseStep::Exchange { release: self.subject(), stage: self.stage(), old: old.clone() });
        let verify = Step::Release(ReleaseStep::Verify { release: self.subject() });
        let prune = Step::Release(ReleaseStep::Prune { release: self.subject(), old, keep: self.spec.keep_previous });
        [
            plain(Step::CheckPrinter, Undo::Nothing, Phase::Switch),
            plain(exchange, undo, Phase::Switch),
            plain(verify, Undo::Nothing, Phase::Switch),
            plain(prune, Undo::Nothing, Phase::Switch),
        ]
    }

    fn offered(&self, release: &Release) -> Result<WantedRelease, Refusal> {
        let choice = match &self.judged.choice {
            Some(Ok(choice)) => choice.clone(),
            Some(Err(error)) => return Err(self.unfit(&format!("Invalid download url: {error}"))),
            None => return Err(self.unlocatable()),
        };
        let signed = match &self.spec.verify {
            Verify::Minisign { .. } => true,
            Verify::WhatThereIs | Verify::Digest | Verify::SizeOnly => false,
        };
        let signature = release.assets.iter().find(|asset| asset.name == format!("{}.minisig", choice.asset.name));
        if signed && signature.is_none() {
            let text = format!("release {} has no signature {}.minisig", release.tag, choice.asset.name);
            return Err(self.unfit(&text));
        }
        Ok(WantedRelease::Offered {
            tag: release.tag.clone(),
            version: shown(release).to_owned(),
            checksums: checksum_assets(release, &choice.asset.name).into_iter().cloned().collect(),
            signature: signature.filter(|_| signed).cloned().map(Box::new),
            asset: choice.asset,
            why: choice.why,
        })
    }

    fn tagged(&self, version: &str) -> WantedRelease {
        WantedRelease::Tagged { version: version.to_owned(), machine: self.spec.machine.clone() }
    }

    fn subject(&self) -> ReleaseRef {
        ReleaseRef {
            updater: self.spec.common.name.clone(),
            kind: self.spec.kind,
            path: self.path().to_owned(),
            source: effective_source(self.spec, &self.facts.installed),
            file: self.facts.installed.info.as_ref().and_then(|info| info.asset_name.clone()),
            slot: plain_word(&self.occasion.mark),
        }
    }

    fn path(&self) -> &Path {
        self.survey.real_path.as_deref().unwrap_or(&self.spec.path)
    }

    fn forget(&self) -> Undo {
        Undo::ReleaseForget { slot: plain_word(&self.occasion.mark) }
    }

    fn stage(&self) -> PathBuf {
        stage_beside(self.path(), self.occasion)
    }

    fn previous(&self) -> OldFolder {
        let version = self.judged.version.clone();
        let key = format!("{}-{}", utc(self.occasion.now), plain_word(&version));
        OldFolder::Previous { folder: beside(self.path(), ".", ".refit-previous").join(key), version }
    }

    fn kept(&self) -> KeptPlace {
        KeptPlace::beside(&self.spec.common.name, self.path(), self.occasion)
    }

    fn notes(&self, action: Action) -> Vec<String> {
        let mut notes = Vec::new();
        match action {
            Action::SoftRecovery | Action::HardRecovery => notes.push(format!(
                "Kept aside: the whole folder from before, as {}; delete it when you miss nothing. Files that are not \
                 part of the release are copied over.",
                self.kept().folder.display()
            )),
            Action::Upgrade | Action::Rollback | Action::Restart => {}
        }
        if action == Action::SoftRecovery && !self.survey.wrong.is_empty() {
            notes.push(format!("Missing or not as shipped: {}", some_of(self.survey.wrong.iter())));
        }
        if let Some(Difference { added, changed, removed }) =
            self.survey.difference.as_ref().filter(|_| action == Action::Upgrade)
        {
            for (word, files) in [("Added", added), ("Changed", changed), ("Removed", removed)] {
                if !files.is_empty() {
                    notes.push(format!("{word} ({}): {}", files.len(), some_of(files.iter())));
                }
            }
            if !self.survey.shipped_known {
                let version = &self.judged.version;
                notes.push(format!(
                    "Which files go is known only when it was looked up what version {version} shipped; your own stay"
                ));
            }
        }
        notes
    }

    /// Nothing is put in place of what is no folder, or of a part of somebody's repository.
    fn refuse_place(&self) -> Result<(), Refusal> {
        match &self.facts.installed.place {
            Place::Folder => Ok(()),
            Place::Missing | Place::NotAFolder | Place::NotWritable | Place::InsideGit { .. } => {
                let why = self.judged.warnings.first().cloned().unwrap_or_default();
                Err(self.unfit(&why))
            }
        }
    }

    fn refuse_fixed(&self) -> Result<(), Refusal> {
        self.survey.fixed.as_ref().map_or(Ok(()), |why| Err(self.unfit(why)))
    }

    /// A forge that never answered is not to blame for a missing update.
    fn unlocatable(&self) -> Refusal {
        match &self.facts.remote.error {
            // Without the prefix, as Moonraker says it (observed).
            Some(error) if self.facts.remote.not_before.is_some() => Refusal::Unfit(error.clone()),
            Some(error) => self.unfit(&format!("Unable to locate update: {error}")),
            None => self.unfit("Unable to locate update"),
        }
    }

    fn says(&self, text: &str) -> String {
        says(self.spec, text)
    }

    fn unfit(&self, text: &str) -> Refusal {
        Refusal::Unfit(self.says(text))
    }
}

/// A message under the prefix that every message of such an updater has.
fn says(spec: &ReleaseSpec, text: &str) -> String {
    format!("{} {}: {text}", spec.kind.title(), spec.common.name)
}

/// What the status shows as the release's version; its tag where it has no name.
pub(crate) fn shown(release: &Release) -> &str {
    release.name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&release.tag)
}

fn plain(step: Step, undo: Undo, phase: Phase) -> PlannedStep {
    PlannedStep { step, undo, phase, announce: Vec::new() }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
