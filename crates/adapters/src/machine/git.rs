//! Which hand of git does which step.
//! Refuses to: know how.

use std::path::Path;

use refit_engine::ports::{Circumstance, StepError};
use refit_model::step::{GitStep, KeptPlace, RepoRef, Step};

use super::{Host, failed, sides_of};
use crate::git::hand::off_the_loop;
use crate::git::keep::Listing;
use crate::git::layout::Layout;
use crate::git::{clone, fetch, heal, keep, switch};
use crate::tree::{self, Stage, TreeError};

impl Host {
    pub(super) async fn act_on_git(
        &self,
        step: &GitStep,
        circumstance: &Circumstance,
    ) -> Result<Option<String>, StepError> {
        let hand = |repo: &RepoRef| self.hand(repo, &circumstance.tell);
        match step {
            GitStep::Fetch { repo, remote, branch, want, refetch, ask } => {
                let wanted = fetch::Wanted {
                    remote,
                    branch: branch.as_ref(),
                    commit: want.as_ref(),
                    refetch: *refetch,
                    ask: *ask,
                };
                fetch::fetch(&hand(repo), wanted, circumstance).await
            }
            GitStep::Heal { repo, damage, origin, remote, branch, kept } => {
                let known = heal::Known { origin, remote, branch };
                heal::heal(&mut hand(repo), damage, known, kept).await
            }
            GitStep::KeepAside { repo, kept, to } => keep::keep_aside(&hand(repo), kept, to).await,
            GitStep::Switch { repo, head, from, to } => {
                switch::switch(&hand(repo), head, from.as_ref(), to, circumstance).await
            }
            GitStep::Verify { repo, expect } => switch::verify(&hand(repo), expect.as_ref()).await,
            GitStep::Clone { repo, url, branch, stage, prefer, pin } => {
                let wanted = clone::Wanted { url, branch, stage, prefer: prefer.as_ref(), pin: pin.as_deref() };
                clone::clone(&hand(repo), wanted).await
            }
            GitStep::CarryOver { repo, stage, was } => clone::carry_over(&hand(repo), stage, was.as_ref()).await,
            GitStep::Exchange { updater, live, stage, kept } => {
                let done = self.exchange(live, stage, kept, circumstance).await;
                done.map_err(|error| failed(&format!("Git Repo {updater}: {error}")))
            }
        }
    }

    /// The folder in which a step has git work.
    pub(super) fn git_layout(&self, step: &Step) -> Option<Layout> {
        let Step::Git(step) = step else { return None };
        match step {
            GitStep::Fetch { repo, .. }
            | GitStep::Heal { repo, .. }
            | GitStep::KeepAside { repo, .. }
            | GitStep::Switch { repo, .. }
            | GitStep::Verify { repo, .. } => Some(self.git.open(&repo.path).layout),
            GitStep::Clone { stage, .. } | GitStep::CarryOver { stage, .. } => Some(self.git.open(stage).layout),
            GitStep::Exchange { .. } => None,
        }
    }

    async fn exchange(
        &self,
        live: &Path,
        stage: &Path,
        kept: &KeptPlace,
        circumstance: &Circumstance,
    ) -> Result<Option<String>, TreeError> {
        let before = sides_of(circumstance);
        let (live, stage, kept, faults) = (live.to_owned(), stage.to_owned(), kept.clone(), self.faults.clone());
        off_the_loop(move || {
            let before = tree::noted(before, &live, &stage)?;
            if !tree::is_exchanged(&live, before)? {
                tree::exchange(&live, Stage::at(&stage)?.sync()?, &kept.folder, before)?;
            }
            tree::settle(&live, &stage, &kept.folder, before, &faults)?;
            if before.live.is_none() {
                return Ok(None);
            }
            keep::write_listing(&kept, &Listing { from: live, whole_folder: true, ..Listing::default() })?;
            Ok(Some(format!("the old folder is kept as {}", kept.folder.display())))
        })
        .await
    }

    pub(super) async fn exchange_back(
        &self,
        live: &Path,
        stage: &Path,
        kept: &KeptPlace,
        circumstance: &Circumstance,
    ) -> Result<(), TreeError> {
        // Without the note from before, the exchange was never begun.
        let Some(before) = sides_of(circumstance) else { return Ok(()) };
        let (live, stage, kept) = (live.to_owned(), stage.to_owned(), kept.clone());
        off_the_loop(move || {
            tree::exchange_back(&live, &stage, &kept.folder, before)?;
            keep::forget(&kept)
        })
        .await
    }
}
