//! Upgrade, recovery and rollback of a git repository as plans (CONTRACT §2.5, §2.7, §2.8), with the documented
//! refusals and messages.
//! Refuses to: look at anything. What a plan needs to know is in the facts, surveyed for the action just before.

use std::path::PathBuf;

use super::{Damage, GitAssessment, GitFacts, GitSpec, RepoKind, assess};
use crate::dependencies::{self, Arranged, DependencySurvey, Subject};
use crate::name::{BranchName, CommitId};
use crate::plan::{Action, Occasion, Plan, Verdict, some_of};
use crate::refusal::Refusal;
use crate::step::{Content, GitStep, GitTarget, Head, KeptPlace, Phase, PlannedStep, RepoRef, Step, Undo};
use crate::updater::places::stage_beside;

/// Plans one action for one repository.
///
/// # Errors
/// The documented refusals of CONTRACT §2.7, §2.8 and §2.12.
pub fn plan(action: Action, spec: &GitSpec, facts: &GitFacts, occasion: &Occasion) -> Result<Verdict, Refusal> {
    let path = facts.survey.as_ref().and_then(|survey| survey.real_path.as_ref()).unwrap_or(&spec.path);
    let planner = Planner {
        spec,
        facts,
        judged: assess(spec, facts),
        repo: RepoRef { updater: spec.common.name.clone(), path: path.clone() },
        kept: KeptPlace::beside(&spec.common.name, path, occasion),
        stage: stage_beside(path, occasion),
        occasion,
    };
    match action {
        Action::Upgrade => planner.upgrade(),
        Action::SoftRecovery => planner.soft_recovery(),
        Action::HardRecovery => planner.hard_recovery(),
        Action::Rollback => planner.rollback(),
        // Planned for all kinds alike, in `plan::plan`.
        Action::Restart => Ok(Verdict::Nothing(format!("no restart is owed to {}", spec.common.name))),
    }
}

struct Planner<'a> {
    spec: &'a GitSpec,
    facts: &'a GitFacts,
    judged: GitAssessment,
    repo: RepoRef,
    kept: KeptPlace,
    stage: PathBuf,
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
        self.refuse_hazards("update aborted")?;
        let (Some(head), Some(offered)) = (&self.facts.local.head, &self.facts.remote.offered) else {
            return Err(self.network_or_not_valid());
        };
        if !self.judged.is_valid {
            return Err(not_valid());
        }
        if head == offered {
            return match &self.facts.remote.error {
                Some(error) => Err(self.unfit(&format!("the remote could not be asked: {error}"))),
                None => Ok(Verdict::Nothing(self.says("already up to date"))),
            };
        }
        let to = GitTarget::Commit(offered.clone());
        let fetch = self.fetch(offered.clone(), self.facts.remote.error.is_some())?;
        let switch = self.switch(self.head_now()?, to.clone(), Some(offered.clone()));
        let (steps, notes) = self.with_dependencies(Action::Upgrade, vec![fetch], to, switch.into())?;
        let opening = vec![format!("Updating Application {}...", self.spec.common.name), self.says("Updating Repo...")];
        let done = Done { to: &self.judged.remote_version, opening, steps, closing: "Update Finished...", notes };
        Ok(self.done(Action::Upgrade, done))
    }

    fn rollback(&self) -> Result<Verdict, Refusal> {
        self.refuse_hazards("rollback aborted")?;
        let local = &self.facts.local;
        let Some(head) = local.head.as_ref().filter(|_| local.branch.as_deref().is_some_and(|name| name != "?")) else {
            return Err(Refusal::IncompleteRollback);
        };
        // What was never seen valid has no version to go back to.
        if self.judged.rollback_version == "?" {
            return Err(Refusal::IncompleteRollback);
        }
        // Before the first upgrade the version to go back to is the current one.
        let Some(point) = self.facts.rollback.as_ref().filter(|point| point.commit != *head) else {
            return Ok(Verdict::Nothing(self.says("Rollback not performed")));
        };
        if self.needs_healing() {
            return Err(self.unfit("the repository is damaged, recover it first"));
        }
        let branch = || BranchName::new(&point.branch).map_err(|_| Refusal::IncompleteRollback);
        let place = if point.detached { Head::Detached } else { Head::Branch(branch()?) };
        let to = GitTarget::Commit(point.commit.clone());
        let fetch = self.fetch(point.commit.clone(), false)?;
        let switch = self.switch(place, to.clone(), Some(point.commit.clone()));
        let (steps, notes) = self.with_dependencies(Action::Rollback, vec![fetch], to, switch.into())?;
        let done = Done { to: &point.version, opening: Vec::new(), steps, closing: "Rollback Complete", notes };
        Ok(self.done(Action::Rollback, done))
    }

    fn soft_recovery(&self) -> Result<Verdict, Refusal> {
        self.refuse_hazards("soft recovery is not possible")?;
        let local = &self.facts.local;
        if local.kind == RepoKind::None || local.kind == RepoKind::Inside || self.has(&Damage::MissingGitDir) {
            return Err(self.unfit("repo not initialized"));
        }
        if self.needs_healing() && local.kind != RepoKind::Repo {
            return Err(
                self.unfit("the repository is damaged and belongs to another one, which must be repaired first")
            );
        }
        let branch = self.spec.primary_branch.clone();
        let remote = self.primary_remote()?;
        let mut steps = Vec::new();
        if local.damage.iter().any(|damage| !is_swept(damage)) {
            steps.push(self.heal(&remote, &branch));
        }
        steps.push(self.fetch_primary(&remote, &branch, Phase::Preparation));
        let to = GitTarget::FirstAncestorOf {
            pin: self.spec.pinned_commit.clone(),
            candidates: self.known_head().into_iter().collect(),
            remote: remote.clone(),
            branch: branch.clone(),
        };
        let moves_elsewhere =
            local.branch.as_deref() != Some(branch.as_str()) || local.remote_alias.as_deref() != Some(remote.as_str());
        let asks_later = !self.needs_healing() && (moves_elsewhere || self.facts.remote.last_good.is_none());
        let [check, switch, verify] = self.switch(Head::Branch(branch.clone()), to.clone(), None);
        let mut switched = vec![check, switch];
        if asks_later {
            // Goes to what was known, then learns what is new, as Moonraker does (observed): the remote was only ever
            // asked for the branch it stood on, or could not be asked.
            switched.push(self.fetch_primary(&remote, &branch, Phase::Switch));
        }
        switched.push(verify);
        let (steps, notes) = self.with_dependencies(Action::SoftRecovery, steps, to, switched)?;
        let opening = vec![self.says("Attempting Repo Recovery..."), self.says("Resetting Git Repo...")];
        Ok(self.done(Action::SoftRecovery, Done { to: "?", opening, steps, closing: "Reinstall Complete", notes }))
    }

    fn hard_recovery(&self) -> Result<Verdict, Refusal> {
        let of_another = match self.facts.local.kind {
            RepoKind::Submodule => Some("submodule"),
            RepoKind::Worktree => Some("worktree"),
            RepoKind::None | RepoKind::Repo => None,
            // The folder's files are the other repository's. Moonraker's words (observed).
            RepoKind::Inside => {
                return Err(Refusal::Unfit("Recovery url has not been detected, clone aborted".to_owned()));
            }
        };
        if let Some(kind) = of_another {
            let name = &self.spec.common.name;
            return Err(Refusal::Unfit(format!("Cannot clone git repo {name}, it is a {kind} of another git repo.")));
        }
        // A repository that lost its configuration is cloned from where the owner said (CONTRACT §8 row 14).
        let url = self.facts.local.recovery_url.clone().filter(|url| url != "?" && !self.has(&Damage::BrokenConfig));
        let clone = Step::Git(GitStep::Clone {
            repo: self.repo.clone(),
            url: url.unwrap_or_else(|| self.spec.origin.clone()),
            branch: self.spec.primary_branch.clone(),
            stage: self.stage.clone(),
            prefer: self.facts.local.head.clone(),
            pin: self.spec.pinned_commit.clone(),
        });
        let carry = Step::Git(GitStep::CarryOver {
            repo: self.repo.clone(),
            stage: self.stage.clone(),
            was: self.facts.local.head.clone(),
        });
        let exchange = Step::Git(GitStep::Exchange {
            updater: self.spec.common.name.clone(),
            live: self.repo.path.clone(),
            stage: self.stage.clone(),
            kept: self.kept.clone(),
        });
        let exchange_back = Undo::FolderExchangeBack {
            live: self.repo.path.clone(),
            stage: self.stage.clone(),
            kept: self.kept.clone(),
        };
        let mut clone = plain(clone, Undo::DeleteStage { stage: self.stage.clone() }, Phase::Preparation);
        clone.announce = vec![self.says("Starting Clone Recovery...")];
        let content = Content::Stage { stage: self.stage.clone(), live: self.repo.path.clone() };
        let arranged = self.arrange(Action::HardRecovery, content)?;
        let mut steps = vec![clone, plain(carry, Undo::Nothing, Phase::Preparation)];
        steps.extend(arranged.prepare);
        steps.extend(arranged.early);
        steps.push(plain(Step::CheckPrinter, Undo::Nothing, Phase::Switch));
        steps.extend(arranged.watch);
        steps.push(plain(exchange, exchange_back, Phase::Switch));
        steps.extend(arranged.with);
        steps.push(self.verify(None));
        steps.extend(arranged.after);
        let opening = vec![self.says("Attempting Repo Recovery...")];
        let done = Done { to: "?", opening, steps, closing: "Reinstall Complete", notes: arranged.notes };
        Ok(self.done(Action::HardRecovery, done))
    }

    /// The steps from the preparation to the last, with those for what the software depends on: what is prepared is
    /// prepared before the owner's files are kept aside, and what is switched is switched with the repository.
    /// `switched` begins with the printer and the switch, and ends with the verification.
    fn with_dependencies(
        &self,
        action: Action,
        prepared: Vec<PlannedStep>,
        to: GitTarget,
        switched: Vec<PlannedStep>,
    ) -> Result<(Vec<PlannedStep>, Vec<String>), Refusal> {
        let content = Content::Commit { repo: self.repo.clone(), to: to.clone() };
        let arranged = self.arrange(action, content)?;
        let mut steps = prepared;
        steps.extend(arranged.prepare);
        steps.push(self.keep_aside(to));
        steps.extend(arranged.early);
        let mut switched = switched.into_iter();
        steps.extend(switched.next());
        steps.extend(arranged.watch);
        steps.extend(switched.next());
        steps.extend(arranged.with);
        steps.extend(switched);
        steps.extend(arranged.after);
        Ok((steps, arranged.notes))
    }

    fn arrange(&self, action: Action, content: Content) -> Result<Arranged, Refusal> {
        let nothing = DependencySurvey::default();
        dependencies::arrange(&Subject {
            name: &self.spec.common.name,
            title: format!("Git Repo {}", self.spec.common.name),
            home: Some(&self.repo.path),
            dependencies: &self.spec.common.dependencies,
            facts: &self.facts.dependencies,
            survey: self.facts.survey.as_ref().map_or(&nothing, |survey| &survey.dependencies),
            occasion: self.occasion,
            action,
            version: &self.judged.version,
            content: Some(content),
            package: None,
            is_front_end: false,
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

    fn fetch(&self, want: CommitId, ask: bool) -> Result<PlannedStep, Refusal> {
        let remote = self.facts.local.remote_alias.clone();
        let remote = remote.filter(|alias| alias != "?").unwrap_or_else(|| "origin".to_owned());
        let step = Step::Git(GitStep::Fetch {
            repo: self.repo.clone(),
            remote,
            branch: self.facts.local.branch.as_deref().and_then(|name| BranchName::new(name).ok()),
            want: Some(want),
            refetch: false,
            ask,
        });
        Ok(plain(step, Undo::Nothing, Phase::Preparation))
    }

    /// For a recovery: in the preparation the remote is asked only for what is lost.
    fn fetch_primary(&self, remote: &str, branch: &BranchName, phase: Phase) -> PlannedStep {
        let step = Step::Git(GitStep::Fetch {
            repo: self.repo.clone(),
            remote: remote.to_owned(),
            branch: Some(branch.clone()),
            want: None,
            refetch: phase == Phase::Preparation && self.lost_objects(),
            ask: phase == Phase::Switch || self.needs_healing(),
        });
        plain(step, Undo::Nothing, phase)
    }

    fn heal(&self, remote: &str, branch: &BranchName) -> PlannedStep {
        let step = Step::Git(GitStep::Heal {
            repo: self.repo.clone(),
            damage: self.facts.local.damage.clone(),
            origin: self.spec.origin.clone(),
            remote: remote.to_owned(),
            branch: branch.clone(),
            kept: self.kept.clone(),
        });
        let undo = Undo::GitHealBack { repo: self.repo.clone(), kept: self.kept.clone() };
        let mut step = plain(step, undo, Phase::Preparation);
        step.announce = vec![self.says("Mending the damaged repository...")];
        step
    }

    /// The last step of the preparation: a switch that is finished after a crash must not take its own half-written
    /// files for the owner's.
    fn keep_aside(&self, to: GitTarget) -> PlannedStep {
        plain(
            Step::Git(GitStep::KeepAside { repo: self.repo.clone(), kept: self.kept.clone(), to }),
            Undo::GitPutBack { repo: self.repo.clone(), kept: self.kept.clone() },
            Phase::Preparation,
        )
    }

    fn switch(&self, head: Head, to: GitTarget, expect: Option<CommitId>) -> [PlannedStep; 3] {
        let from = self.facts.local.head.clone();
        let undo = match (&from, self.head_now()) {
            (Some(from), Ok(head)) => {
                Undo::GitSwitchBack { repo: self.repo.clone(), head, to: from.clone(), forward: expect.clone() }
            }
            // Where it stood cannot be read: there is no state to go back to.
            (None, _) | (_, Err(_)) => Undo::Nothing,
        };
        [
            plain(Step::CheckPrinter, Undo::Nothing, Phase::Switch),
            plain(Step::Git(GitStep::Switch { repo: self.repo.clone(), head, from, to }), undo, Phase::Switch),
            self.verify(expect),
        ]
    }

    fn verify(&self, expect: Option<CommitId>) -> PlannedStep {
        plain(Step::Git(GitStep::Verify { repo: self.repo.clone(), expect }), Undo::Nothing, Phase::Switch)
    }

    fn head_now(&self) -> Result<Head, Refusal> {
        if self.facts.local.detached {
            return Ok(Head::Detached);
        }
        let name = self.facts.local.branch.as_deref().unwrap_or("?");
        BranchName::new(name).map(Head::Branch).map_err(|_| not_valid())
    }

    /// Moonraker stays where it is only when it knows where that is (observed): not on a branch without a remote. Of a
    /// damaged repository it knows nothing, and where that stood is where it is wanted back.
    fn known_head(&self) -> Option<CommitId> {
        let head = self.facts.local.head.clone()?;
        (self.needs_healing() || head.as_str() == self.judged.current_hash).then_some(head)
    }

    fn primary_remote(&self) -> Result<String, Refusal> {
        let local = &self.facts.local;
        let primary = self.spec.primary_branch.as_str();
        let known = self.facts.survey.as_ref().and_then(|survey| survey.primary_remote.clone());
        let alias = local.remote_alias.clone().filter(|_| local.branch.as_deref() == Some(primary));
        match known.or(alias).filter(|name| name != "?" && !name.is_empty()) {
            Some(remote) => Ok(remote),
            // Mending sets the remote up again.
            None if self.has(&Damage::BrokenConfig) => Ok("origin".to_owned()),
            // Without the prefix, as Moonraker says it (observed).
            None => Err(Refusal::Unfit(format!("Failed to find remote for primary branch '{primary}'"))),
        }
    }

    fn notes(&self, action: Action) -> Vec<String> {
        let mut notes = Vec::new();
        let survey = self.facts.survey.clone().unwrap_or_default();
        let gives_way = survey.modified.len() + survey.conflicts.len();
        let folder = self.kept.folder.display();
        if action == Action::HardRecovery {
            notes.push(format!(
                "Kept aside: the whole folder from before, as {folder}; delete it when you miss nothing. \
                 Files that are not part of the software are copied over."
            ));
        } else {
            if gives_way > 0 {
                let what = some_of(survey.modified.iter().chain(&survey.conflicts));
                notes.push(format!("Kept aside in {folder}: {what}"));
            }
            if !survey.local_commits.is_empty() {
                let commits = match survey.local_commits.len() {
                    1 => "1 local commit".to_owned(),
                    count => format!("{count} local commits"),
                };
                notes.push(format!("Kept aside: {commits}, as refs/refit/kept/{}", self.kept.key));
            }
        }
        if !survey.submodules.is_empty() {
            notes.push(format!(
                "This version wants another commit of these submodules: {}. Refit does not touch submodules, and the \
                 repository counts as modified until they are moved. Move them by hand afterwards: git -C {} submodule \
                 update",
                some_of(survey.submodules.iter()),
                self.spec.path.display()
            ));
        }
        notes
    }

    fn refuse_hazards(&self, deed: &str) -> Result<(), Refusal> {
        let refused: Vec<&str> =
            self.facts.local.hazards.iter().filter(|hazard| hazard.refused).map(|hazard| hazard.key.as_str()).collect();
        if refused.is_empty() {
            return Ok(());
        }
        let keys = refused.join(", ");
        Err(self.unfit(&format!(
            "{deed}: settings of the repository itself would run code ({keys}). Remove them, or use hard recovery"
        )))
    }

    fn has(&self, damage: &Damage) -> bool {
        self.facts.local.damage.contains(damage)
    }

    /// Damage that git trips over; a lock file left behind and a stray temporary pack are no reason to ask the remote.
    fn needs_healing(&self) -> bool {
        self.facts.local.corrupt || self.facts.local.damage.iter().any(|damage| !is_litter(damage))
    }

    fn lost_objects(&self) -> bool {
        self.facts.local.corrupt
            || self.facts.local.damage.iter().any(|damage| match damage {
                Damage::EmptyObject { .. } | Damage::MissingObject { .. } => true,
                Damage::BrokenPack { file } => !is_temporary(file),
                Damage::MissingGitDir
                | Damage::BrokenIndex
                | Damage::BrokenConfig
                | Damage::BrokenHead
                | Damage::BrokenRef { .. }
                | Damage::BrokenCommitGraph
                | Damage::StaleLock { .. } => false,
            })
    }

    /// A repository whose remote never answered is not to blame (CONTRACT §8 row 13).
    fn network_or_not_valid(&self) -> Refusal {
        match &self.facts.remote.error {
            Some(error) if self.facts.local.head.is_some() => {
                self.unfit(&format!("the remote could not be asked: {error}"))
            }
            Some(_) | None => not_valid(),
        }
    }

    /// A message under the prefix that every message of a repository has.
    fn says(&self, text: &str) -> String {
        format!("Git Repo {}: {text}", self.spec.common.name)
    }

    fn unfit(&self, text: &str) -> Refusal {
        Refusal::Unfit(self.says(text))
    }
}

/// Without the prefix, as Moonraker says it (observed).
fn not_valid() -> Refusal {
    Refusal::Unfit("Update aborted, repo not valid".to_owned())
}

fn plain(step: Step, undo: Undo, phase: Phase) -> PlannedStep {
    PlannedStep { step, undo, phase, announce: Vec::new() }
}

fn is_litter(damage: &Damage) -> bool {
    match damage {
        Damage::StaleLock { .. } | Damage::BrokenCommitGraph => true,
        Damage::BrokenPack { file } => is_temporary(file),
        Damage::MissingGitDir
        | Damage::EmptyObject { .. }
        | Damage::MissingObject { .. }
        | Damage::BrokenIndex
        | Damage::BrokenConfig
        | Damage::BrokenHead
        | Damage::BrokenRef { .. } => false,
    }
}

/// Gone before git is let write anywhere; mends by itself.
fn is_swept(damage: &Damage) -> bool {
    is_litter(damage) && *damage != Damage::BrokenCommitGraph
}

fn is_temporary(file: &str) -> bool {
    file.rsplit('/').next().is_some_and(|name| name.starts_with("tmp_") || name.starts_with(".tmp-"))
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
