//! Whose turn it is: the next of the queue is checked again and handed to a worker; and how the conductor stops.
//! Refuses to: let two work at the same time.

use std::sync::Arc;

use refit_model::name::ConnectionId;
use refit_model::refusal::Refusal;
use refit_model::request::{Caller, Request};
use tokio::sync::mpsc;

use super::Conductor;
use super::admit::{Admitted, on_turn};
use super::job::{Active, Answer, Asked, End, Finale, Job, Part, Refreshed, Report};
use super::work::{Work, Worker};
use crate::feed::Label;
use crate::handle::{Input, RequestError};
use crate::ports::{Clock, Journal, Machine};
use crate::run::Manner;

impl<M: Machine, J: Journal, C: Clock> Conductor<M, J, C> {
    /// Begins the next of the queue, when nothing is at work.
    pub(super) fn next(&mut self) {
        while self.active.is_none() && !self.stopping {
            let Some(job) = self.queue.pop_front() else { return };
            match job {
                Job::Startup => self.begin(Work::Startup, None, Vec::new()),
                Job::Automatic if self.printer.is_busy() => {}
                Job::Automatic => self.begin(Work::Automatic, None, Vec::new()),
                Job::Identified(identity) => self.begin(Work::Identified(identity), None, Vec::new()),
                Job::Asked(asked) => self.turn(asked),
            }
        }
    }

    /// A request's turn has come; the world may have changed while it waited (CONTRACT §8 row 6).
    fn turn(&mut self, asked: Asked) {
        match self.scene(|scene| {
            let go = on_turn(&asked.request, scene)?;
            super::admit::known(&asked.request, scene)?;
            Ok(go)
        }) {
            Ok(Admitted::Ignore) => {
                self.publish();
                self.answer(asked.caller.connection, asked.answer, Ok(()));
            }
            Err(refusal) => {
                self.publish();
                self.refuse(asked, refusal);
            }
            Ok(Admitted::Go) => match asked.request {
                Request::Refresh { .. } | Request::StatusRefresh => self.refresh(asked),
                Request::Upgrade { .. } | Request::Full | Request::Recover { .. } | Request::Rollback { .. } => {
                    let Asked { request, caller, answer } = asked;
                    let work = Work::Act(request.clone(), caller.clone());
                    let answers = vec![(caller.connection, answer)];
                    self.begin(work, Some((request, caller)), answers);
                }
            },
        }
    }

    /// Refreshes that wait one behind the other are done together: each of them sees the remote after it was asked for.
    fn refresh(&mut self, first: Asked) {
        let mut wanted = Vec::new();
        let mut answers = Vec::new();
        let mut next = Some(first);
        while let Some(asked) = next.take() {
            match &asked.request {
                Request::Refresh { name: Some(name) } => wanted.push(name.clone()),
                Request::Refresh { name: None }
                | Request::StatusRefresh
                | Request::Upgrade { .. }
                | Request::Full
                | Request::Recover { .. }
                | Request::Rollback { .. } => wanted.extend(self.items.iter().map(|item| item.name().to_string())),
            }
            answers.push((asked.caller.connection, asked.answer));
            next = self.another_refresh();
        }
        let names = self.items.iter().map(|item| item.name().clone());
        let names = names.filter(|name| wanted.iter().any(|wanted| wanted == name.as_str())).collect();
        self.begin(Work::Refresh(names), None, answers);
    }

    fn another_refresh(&mut self) -> Option<Asked> {
        match self.queue.pop_front()? {
            Job::Asked(asked) if matches!(asked.request, Request::Refresh { .. }) => Some(asked),
            other @ (Job::Asked(_) | Job::Startup | Job::Automatic | Job::Identified(_)) => {
                self.queue.push_front(other);
                None
            }
        }
    }

    fn begin(&mut self, work: Work, request: Option<(Request, Caller)>, answers: Vec<(Option<ConnectionId>, Answer)>) {
        let worker = Worker {
            machine: self.machine.clone(),
            journal: self.journal.clone(),
            clock: self.clock.clone(),
            items: self.items.clone(),
            reports: self.reports.clone(),
            stop: self.stop.subscribe(),
            at_once: self.settings.refreshes_at_once,
            klipper: self.settings.klipper.clone(),
            status: self.published.subscribe(),
            parting: None,
            application: request.as_ref().and_then(|(request, _)| request.application()),
            manner: request.as_ref().map(|(request, _)| self.manner(request)).unwrap_or_default(),
            klippy_wait: self.settings.klippy_wait,
        };
        let connection = request.as_ref().and_then(|(_, caller)| caller.connection);
        let startup = matches!(work, Work::Startup);
        let labelled = request.and_then(|(request, _)| {
            let label = Label::new(request.application()?);
            Some((request, label))
        });
        self.active = Some(Active { labelled, answers, connection, running: None, startup, part: Part::Here });
        self.publish();
        let reports = self.reports.clone();
        tokio::spawn(async move {
            // A task of its own, so that a defect in the work costs the request and not the conductor.
            let end = match tokio::spawn(worker.work(work)).await {
                Ok(end) => end,
                Err(error) => {
                    tracing::error!(%error, "the work broke off");
                    broken()
                }
            };
            reports.send(Report::Ended(Box::new(end)));
        });
    }

    /// How a request is planned. Holds are those of the moment in which a plan is made.
    pub(super) fn manner(&self, request: &Request) -> Manner {
        let (status, consent) = (self.published.subscribe(), request.consents());
        Manner {
            update_deps: request.updates_dependencies(),
            full: *request == Request::Full,
            owed: Vec::new(),
            declared: Vec::new(),
            earlier: Vec::new(),
            consent,
            may: Arc::new(move |name, version| status.borrow().holds.consented(name, version, consent)),
        }
    }

    /// Stops: who waits is told so, what runs comes to a safe place.
    pub(super) async fn close(
        &mut self,
        inputs: &mut mpsc::Receiver<Input>,
        reports: &mut mpsc::UnboundedReceiver<Report>,
    ) {
        for job in std::mem::take(&mut self.queue) {
            if let Job::Asked(asked) = job {
                self.refuse(asked, Refusal::ShuttingDown);
            }
        }
        // Without a worker nobody listens.
        let _nobody = self.stop.send(true);
        self.publish();
        let longest = self.settings.shutdown_wait;
        let wait = async {
            while self.active.is_some() {
                tokio::select! {
                    Some(report) = reports.recv() => self.report(report),
                    Some(input) = inputs.recv() => self.input(input),
                }
            }
        };
        if tokio::time::timeout(longest, wait).await.is_err() {
            tracing::warn!("stopped in the middle of a change; the next start settles it");
        }
        while let Ok(input) = inputs.try_recv() {
            self.input(input);
        }
    }
}

fn broken() -> End {
    let message = "Refit ran into a defect of its own; its log says where. Ask again".to_owned();
    End {
        finale: Finale::Everybody(vec![message.clone()]),
        result: Err(RequestError::Failed { message, command_failed: true }),
        refreshed: Refreshed::No,
    }
}
