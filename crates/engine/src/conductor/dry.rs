//! Questions that change nothing: dry runs, the history, which services are meant. Answered beside the queue, a few at a time.
//! Refuses to: keep what a dry run saw; facts change through the queue alone.

use std::sync::Arc;

use refit_model::journal::RunRecord;
use refit_model::name::UpdaterName;
use refit_model::plan::{Action, Verdict};
use refit_model::refusal::Refusal;
use refit_model::request::Request;
use refit_model::restart::Owed;
use tokio::sync::{oneshot, watch};

use super::full::{full_order, owed_before};
use super::job::Item;
use super::{Conductor, Planned, RequestError, admit, guard};
use crate::handle::Restarted;
use crate::ports::{Clock, Journal, Look, Machine};
use crate::run::World;
use crate::snapshot::Snapshot;

impl<M: Machine, J: Journal, C: Clock> Conductor<M, J, C> {
    /// Plans for each updater concerned. What a real request would be refused for now is its verdict.
    pub(super) fn dry_run(&self, request: &Request, answer: oneshot::Sender<Result<Vec<Planned>, RequestError>>) {
        if let Err(refusal) = self.scene(|scene| admit::known(request, scene)) {
            // Who hung up does not want to know.
            let _gone = answer.send(Err(refusal.into()));
            return;
        }
        let wanted: Vec<(Item, Action)> = match admit::action(request) {
            Some((name, action)) => self
                .items
                .iter()
                .filter(|item| item.name().as_str() == name)
                .map(|item| (item.clone(), action))
                .collect(),
            None if *request == Request::Full => full_order(self.items.iter().map(Item::name))
                .iter()
                .filter_map(|name| self.items.iter().find(|item| item.name() == name))
                .map(|item| (item.clone(), Action::Upgrade))
                .collect(),
            None => Vec::new(),
        };
        let refused = guard(request, &self.printer).err();
        let manner = self.manner(request);
        let status = self.published.subscribe();
        let changing =
            self.active.as_ref().and_then(|active| active.running.as_ref()).map(|running| running.updater.clone());
        let (machine, journal, clock) = (self.machine.clone(), self.journal.clone(), self.clock.clone());
        let questions = self.questions.clone();
        tokio::spawn(async move {
            // The semaphore is never closed.
            let _turn = questions.acquire().await;
            let (_keep, stop) = watch::channel(false);
            let mut owed = match manner.full {
                true => owed_before(&*journal, &machine.boot_id()).await,
                false => Owed::default(),
            };
            let mut world = World { manner, ..World::unasked((&*machine, &*journal, &*clock), stop, Arc::new(|_| {})) };
            let mut planned = Vec::with_capacity(wanted.len());
            for (item, action) in wanted {
                let passed_by = passing(&status.borrow(), item.name()).filter(|_| world.manner.full);
                let verdict = match (&refused, &changing) {
                    (Some(refusal), _) => Err(refusal.clone()),
                    (None, Some(name)) if name == item.name() => Err(Refusal::CurrentlyUpdating(name.to_string())),
                    (None, _) => match passed_by {
                        Some(words) => Ok(Verdict::Nothing(words)),
                        None => dry(&world, &item, action).await,
                    },
                };
                if let Ok(Verdict::Do(plan)) = &verdict {
                    owed.finished(plan);
                }
                let restarts = owed.of(item.name());
                let updater = item.name().to_string();
                planned.push(Planned { updater: updater.clone(), verdict });
                if !restarts.is_empty() && refused.is_none() {
                    // What others put off until its place comes with it, or alone.
                    world.manner.owed = restarts;
                    let verdict = dry(&world, &item, Action::Restart).await;
                    if let Ok(Verdict::Do(plan)) = &verdict {
                        owed.finished(plan);
                    }
                    planned.push(Planned { updater, verdict });
                }
            }
            // Who hung up does not want to know.
            let _gone = answer.send(Ok(planned));
        });
    }

    pub(super) fn services(&self, answer: oneshot::Sender<Vec<Restarted>>) {
        let (machine, questions, items) = (self.machine.clone(), self.questions.clone(), self.items.clone());
        tokio::spawn(async move {
            // The semaphore is never closed.
            let _turn = questions.acquire().await;
            let mut restarted = Vec::new();
            for item in items {
                let services = machine.services(&item.spec).await;
                if !services.is_empty() {
                    restarted.push(Restarted { updater: item.name().to_string(), services });
                }
            }
            // Who hung up does not want to know.
            let _gone = answer.send(restarted);
        });
    }

    pub(super) fn history(
        &self,
        updater: Option<String>,
        limit: usize,
        answer: oneshot::Sender<Result<Vec<RunRecord>, RequestError>>,
    ) {
        let (journal, questions) = (self.journal.clone(), self.questions.clone());
        tokio::spawn(async move {
            // The semaphore is never closed.
            let _turn = questions.acquire().await;
            let name = updater.as_deref().map(UpdaterName::new).transpose();
            let runs = match name {
                Ok(name) => journal.history(name.as_ref(), limit).await.map_err(RequestError::from),
                // A name that nobody can have has no history.
                Err(_) => Ok(Vec::new()),
            };
            // Who hung up does not want to know.
            let _gone = answer.send(runs);
        });
    }
}

/// Why an update of everything would pass it by.
fn passing(status: &Snapshot, name: &UpdaterName) -> Option<String> {
    let (_, assessed) = status.updaters.iter().find(|(known, _)| known == name)?;
    Some(status.holds.passing(name, assessed.offer())?.words(name))
}

async fn dry<M: Machine, J: Journal, C: Clock>(
    world: &World<'_, M, J, C>,
    item: &Item,
    action: Action,
) -> Result<Verdict, Refusal> {
    let look = if action == Action::Restart { Look::Local } else { Look::Preview(action) };
    world.survey(&item.spec, &item.facts, action, look).await.1
}
