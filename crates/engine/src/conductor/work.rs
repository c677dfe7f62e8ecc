//! The work itself, in a task of its own: refreshes, one action, a full update. It holds copies, and reports every
//! change back to the conductor.
//! Refuses to: answer anybody; the conductor does.

use std::sync::Arc;
use std::time::Duration;

use refit_model::name::UpdaterName;
use refit_model::plan::{Action, Plan, overture};
use refit_model::printer::PrinterIdentity;
use refit_model::refusal::Refusal;
use refit_model::request::{Caller, Request};
use refit_model::updater::{Assessment, Facts, Spec, assess};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::KlipperSource;
use super::job::{End, Finale, Item, Refreshed, Report, Reports};
use crate::act::ActEnd;
use crate::handle::RequestError;
use crate::ports::{Clock, Journal, Look, Machine, Tell};
use crate::recover::RecoveryReport;
use crate::run::{Hear, Manner, Notice, World, told_to_stop};
use crate::schedule;
use crate::snapshot::{Attention, Snapshot};

/// What is to be done.
pub(crate) enum Work {
    /// Refresh these, because somebody asked.
    Refresh(Vec<UpdaterName>),
    /// The first pass: account for what a crash left, then refresh what is stale.
    Startup,
    /// Refresh what is stale.
    Automatic,
    /// The printer's software may be elsewhere.
    Identified(Box<PrinterIdentity>),
    /// One action on one updater, or all upgrades.
    Act(Request, Caller),
}

/// One worker, for one piece of work.
pub(crate) struct Worker<M, J, C> {
    pub(crate) machine: Arc<M>,
    pub(crate) journal: Arc<J>,
    pub(crate) clock: Arc<C>,
    pub(crate) items: Vec<Item>,
    pub(crate) reports: Reports,
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) at_once: usize,
    pub(crate) klipper: Option<KlipperSource>,
    pub(crate) status: watch::Receiver<Arc<Snapshot>>,
    /// What is answered before Refit restarts itself; none for what its run says.
    pub(crate) parting: Option<End>,
    /// What listeners know the request by; none for what nobody asked for.
    pub(crate) application: Option<String>,
    pub(crate) manner: Manner,
    /// How long the printer may take to come back after a restart.
    pub(crate) klippy_wait: Duration,
}

/// How one action went, in the words of a request.
pub(super) enum Acting {
    Nothing(String),
    Finished(Box<Plan>),
    /// `before` are the words that were not said yet because nothing was begun.
    Failed {
        error: RequestError,
        corrupt: bool,
        before: Vec<String>,
    },
}

impl<M: Machine, J: Journal, C: Clock> Worker<M, J, C> {
    /// Works to the end and reports it.
    pub(crate) async fn work(mut self, work: Work) -> End {
        match work {
            Work::Refresh(names) => {
                self.refresh(&names, false).await;
                End { finale: Finale::Silent, result: Ok(()), refreshed: Refreshed::Soon }
            }
            Work::Startup => {
                self.account().await;
                self.automatic(true).await
            }
            Work::Automatic => self.automatic(false).await,
            Work::Identified(identity) => self.identified(&identity).await,
            Work::Act(Request::Full, caller) => self.full(&caller).await,
            Work::Act(request, caller) => self.one(&request, &caller).await,
        }
    }

    async fn account(&mut self) {
        if self.journal.unaccounted().await.is_ok_and(|missed| missed.is_empty()) {
            return;
        }
        for index in 0..self.items.len() {
            let Some(item) = self.items.get(index).cloned() else { return };
            let facts = self.world().account(&item.spec, (*item.facts).clone()).await;
            if facts != *item.facts {
                self.looked(item.name(), facts);
            }
        }
    }

    async fn automatic(&mut self, startup: bool) -> End {
        let now = self.clock.now();
        let due = |item: &Item| schedule::is_due(&item.spec, &item.facts, now);
        // What lies on this machine is looked at in no time, and others than Refit change it: that is no refresh yet.
        let looked_at = |item: &&Item| (startup && is_of_this_machine(&item.spec)) || due(item);
        let names: Vec<_> = self.items.iter().filter(looked_at).map(|item| item.name().clone()).collect();
        let any = self.items.iter().any(due);
        self.refresh(&names, startup).await;
        let refreshed = if any { Refreshed::Now } else { Refreshed::No };
        End { finale: Finale::Silent, result: Ok(()), refreshed }
    }

    /// Looks at several at the same time, but not at all at once. At the start the lists of the system's packages are left
    /// as they are (CONTRACT §2.11).
    async fn refresh(&mut self, names: &[UpdaterName], startup: bool) {
        let mut waiting = names.iter().filter_map(|name| self.item(name.as_str()).cloned()).collect::<Vec<_>>();
        waiting.reverse();
        let mut looking = JoinSet::new();
        loop {
            while looking.len() < self.at_once.max(1) && !*self.stop.borrow() {
                let Some(item) = waiting.pop() else { break };
                let (machine, tell) = (self.machine.clone(), silent());
                let look = if startup && is_of_this_machine(&item.spec) { Look::Local } else { Look::Remote };
                looking.spawn(async move {
                    let facts = machine.inspect(&item.spec, &item.facts, look, tell).await;
                    (item, facts)
                });
            }
            let mut stop = self.stop.clone();
            let looked = tokio::select! {
                looked = looking.join_next() => looked,
                // What is being looked at is dropped with the set: a refresh changes nothing that must be finished.
                () = told_to_stop(&mut stop) => None,
            };
            let Some(looked) = looked else { return };
            match looked {
                Ok((item, facts)) => {
                    self.world().keep(&item.spec, &facts).await;
                    self.looked(item.name(), facts);
                }
                Err(error) => tracing::error!(%error, "a refresh broke off"),
            }
        }
    }

    async fn identified(&mut self, identity: &PrinterIdentity) -> End {
        let end = |refreshed| End { finale: Finale::Silent, result: Ok(()), refreshed };
        let found = self.klipper.as_ref().and_then(|source| source(identity));
        let Some(spec) = found else { return end(Refreshed::No) };
        if self.item(spec.name().as_str()).is_none_or(|item| *item.spec == spec) {
            return end(Refreshed::No);
        }
        let unseen = Facts::unseen(&spec);
        self.reports.send(Report::Rebuilt(Box::new(spec.clone()), Box::new(unseen.clone())));
        let mut stop = self.stop.clone();
        let facts = tokio::select! {
            facts = self.machine.inspect(&spec, &unseen, Look::Remote, silent()) => facts,
            () = told_to_stop(&mut stop) => return end(Refreshed::No),
        };
        self.world().keep(&spec, &facts).await;
        self.reports.send(Report::Looked(spec.name().clone(), Box::new(facts)));
        end(Refreshed::Now)
    }

    async fn one(&mut self, request: &Request, caller: &Caller) -> End {
        let Some((name, action)) = super::admit::action(request) else {
            return End { finale: Finale::Silent, result: Ok(()), refreshed: Refreshed::No };
        };
        match self.act(name, action, caller).await {
            // A rollback of a repository that goes nowhere is told to everybody (CONTRACT §2.8).
            Acting::Nothing(why) if action == Action::Rollback && self.is_git(name) => {
                End { finale: Finale::Everybody(vec![why]), result: Ok(()), refreshed: Refreshed::No }
            }
            Acting::Nothing(why) => End { finale: Finale::Caller(why), result: Ok(()), refreshed: Refreshed::No },
            Acting::Finished(plan) => End::finished(plan.closing),
            Acting::Failed { error, corrupt, before: mut finale } => {
                let text = error.to_string();
                finale.extend(match action {
                    Action::Upgrade | Action::Restart => vec![format!("Error updating {name}: {text}")],
                    Action::SoftRecovery | Action::HardRecovery => vec![format!("Error Recovering {name}"), text],
                    Action::Rollback => vec![format!("Error Rolling Back {name}"), text],
                });
                let refreshed = if corrupt { Refreshed::Soon } else { Refreshed::No };
                End { finale: Finale::Everybody(finale), result: Err(error), refreshed }
            }
        }
    }

    pub(super) async fn act(&mut self, name: &str, action: Action, caller: &Caller) -> Acting {
        let Some(item) = self.item(name).cloned() else {
            let error = Refusal::NotAvailable(name.to_owned()).into();
            return Acting::Failed { error, corrupt: false, before: Vec::new() };
        };
        let (recovery, acted) = self.world().act(&item.spec, &item.facts, action, caller).await;
        self.recovered(&recovery, item.name()).await;
        let corrupt = match assess(&item.spec, &acted.facts) {
            Assessment::Git(assessment) => assessment.corrupt,
            Assessment::Release(_) | Assessment::Python(_) | Assessment::System(_) | Assessment::Absent(_) => false,
        };
        self.looked(item.name(), acted.facts);
        self.reports.send(Report::At(None));
        match acted.end {
            ActEnd::Nothing(why) => Acting::Nothing(why),
            ActEnd::Finished(plan) => {
                // A restart says nothing of the software.
                if action != Action::Restart {
                    self.reports.send(Report::Relief(item.name().clone()));
                }
                Acting::Finished(plan)
            }
            ActEnd::Refused(refusal) => {
                Acting::Failed { error: refusal.into(), corrupt, before: overture(action, &item.spec) }
            }
            ActEnd::Failed(error) => Acting::Failed { error, corrupt, before: Vec::new() },
            ActEnd::NeedsAttention(run, message) => {
                let attention = Attention { run, updater: item.name().clone(), message: message.clone() };
                self.reports.send(Report::Attention(attention));
                let error = RequestError::Failed { message, command_failed: false };
                Acting::Failed { error, corrupt, before: Vec::new() }
            }
        }
    }

    /// Tells what was settled on the way, and looks at those updaters again; the one acted on was looked at.
    async fn recovered(&mut self, report: &RecoveryReport, besides: &UpdaterName) {
        for settled in &report.settled {
            if let refit_model::journal::Outcome::NeedsAttention { error } = &settled.outcome {
                let (run, updater, message) = (settled.run, settled.updater.clone(), error.clone());
                self.reports.send(Report::Attention(Attention { run, updater, message }));
            }
            if settled.updater != *besides
                && let Some(item) = self.item(settled.updater.as_str()).cloned()
            {
                let facts = self.world().account(&item.spec, (*item.facts).clone()).await;
                self.looked(item.name(), facts);
            }
        }
    }

    fn world(&self) -> World<'_, M, J, C> {
        let (reports, status) = (self.reports.clone(), self.status.clone());
        let parting = self.parting.clone();
        let hear: Hear = Arc::new(move |notice| match notice {
            Notice::Say(text) => reports.send(Report::Say(text)),
            // A sentence that a step says of itself is documented (CONTRACT §2.9) and never dropped like a process's line.
            Notice::Line(line) if SPEAKERS.iter().any(|speaker| line.starts_with(speaker)) => {
                reports.send(Report::Say(line));
            }
            Notice::Line(line) => reports.line(line),
            Notice::At(running) => reports.send(Report::At(Some(running))),
            Notice::Parting => reports.send(Report::Parting),
            Notice::Leaving(closing) => {
                let end = parting.clone().unwrap_or_else(|| End::finished(closing));
                reports.send(Report::Leaving(Box::new(end)));
            }
        });
        World {
            machine: &*self.machine,
            journal: &*self.journal,
            clock: &*self.clock,
            stop: self.stop.clone(),
            hear,
            application: self.application.clone(),
            manner: self.manner.clone(),
            busy: Arc::new(move || status.borrow().printer.is_busy()),
        }
    }

    fn is_git(&self, name: &str) -> bool {
        self.item(name).is_some_and(|item| matches!(*item.spec, Spec::Git(_)))
    }

    fn item(&self, name: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.name().as_str() == name)
    }

    fn looked(&mut self, name: &UpdaterName, facts: Facts) {
        self.reports.send(Report::Looked(name.clone(), Box::new(facts.clone())));
        if let Some(item) = self.items.iter_mut().find(|item| item.name() == name) {
            item.facts = Arc::new(facts);
        }
    }
}

/// How the sentences of steps begin.
const SPEAKERS: [&str; 6] =
    ["Git Repo ", "Web Client ", "Zip Application ", "Executable ", "Python Package ", "Downloading "];

/// The first look asks no network for it.
fn is_of_this_machine(spec: &Spec) -> bool {
    match spec {
        Spec::System(_) => true,
        Spec::Git(_) | Spec::Release(_) | Spec::Python(_) | Spec::Absent(_) => false,
    }
}

/// What a refresh prints is nobody's news; what failed stands in the facts.
fn silent() -> Tell {
    Arc::new(|_| {})
}
