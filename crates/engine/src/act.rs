//! One action on one updater, from the survey to the facts afterwards: the same for a request, for a full update and
//! for a rescue without a daemon.
//! Refuses to: know queues, notifications and other updaters.

use std::hash::{BuildHasher, Hasher, RandomState};

use refit_model::name::RunId;
use refit_model::plan::{Action, Occasion, Plan, Verdict, plan};
use refit_model::refusal::Refusal;
use refit_model::request::Caller;
use refit_model::updater::{Facts, Spec, after_run};

use crate::handle::RequestError;
use crate::ports::{Clock, Journal, Look, Machine, StepError};
use crate::recover::{RecoveryReport, settle_all};
use crate::run::{Manner, Notice, Ran, World};

/// What came of an action.
#[derive(Debug)]
pub(crate) struct Acted {
    /// What is known of the updater now.
    pub(crate) facts: Facts,
    /// How it went.
    pub(crate) end: ActEnd,
}

/// How an action went.
#[derive(Debug)]
pub(crate) enum ActEnd {
    /// Nothing to do, and why.
    Nothing(String),
    /// Done and checked; what was planned.
    Finished(Box<Plan>),
    /// Refused by the planner: nothing was touched, nothing was said.
    Refused(Refusal),
    /// Failed and undone.
    Failed(RequestError),
    /// A person is needed, and for what.
    NeedsAttention(RunId, String),
}

impl<M: Machine, J: Journal, C: Clock> World<'_, M, J, C> {
    /// Settles what is unfinished, then surveys, plans, runs, and looks again.
    pub(crate) async fn act(
        &self,
        spec: &Spec,
        known: &Facts,
        action: Action,
        caller: &Caller,
    ) -> (RecoveryReport, Acted) {
        let report = settle_all(self).await;
        let mut facts = known.clone();
        if let Some(error) = &report.stuck {
            return (report.clone(), Acted { facts, end: ActEnd::Failed(error.clone().into()) });
        }
        if report.settled.iter().any(|settled| settled.updater == *spec.name()) {
            facts = self.account(spec, facts).await;
        }
        let look = match action {
            Action::Restart => Look::Local,
            Action::Upgrade | Action::SoftRecovery | Action::HardRecovery | Action::Rollback => Look::Survey(action),
        };
        let (facts, verdict) = self.survey(spec, &facts, action, look).await;
        let acted = match verdict {
            Ok(Verdict::Nothing(why)) => Acted { facts, end: ActEnd::Nothing(why) },
            Err(refusal) => Acted { facts, end: ActEnd::Refused(refusal) },
            // Told to end meanwhile. What could not be settled for that reason comes first, at the next start.
            Ok(Verdict::Do(_)) if *self.stop.borrow() => {
                Acted { facts, end: ActEnd::Failed(Refusal::ShuttingDown.into()) }
            }
            // A print may have begun since the turn came: downloads do not disturb it either.
            Ok(Verdict::Do(_)) if (self.busy)() => Acted { facts, end: ActEnd::Failed(while_printing(action).into()) },
            Ok(Verdict::Do(plan)) => self.carry_out(spec, facts, &plan, caller).await,
        };
        (report, acted)
    }

    /// Looks closely at an updater and plans, without doing anything.
    pub(crate) async fn survey(
        &self,
        spec: &Spec,
        known: &Facts,
        action: Action,
        look: Look,
    ) -> (Facts, Result<Verdict, Refusal>) {
        let facts = self.machine.inspect(spec, known, look, self.tell()).await;
        #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970 fit in 63 bits")]
        let now = self.clock.now() as i64;
        let application = self.application.clone().unwrap_or_else(|| spec.name().to_string());
        let Manner { update_deps, full, owed, declared, earlier, consent, .. } = self.manner.clone();
        let own = self.machine.own_unit();
        let mark = mark();
        let occasion = Occasion { now, mark, application, update_deps, full, owed, own, declared, earlier, consent };
        let verdict = plan(action, spec, &facts, &occasion).and_then(|verdict| match (action, &verdict) {
            (Action::Upgrade, Verdict::Do(plan)) => (self.manner.may)(spec.name(), &plan.to).map(|()| verdict),
            _other => Ok(verdict),
        });
        (facts, verdict)
    }

    async fn carry_out(&self, spec: &Spec, before: Facts, plan: &Plan, caller: &Caller) -> Acted {
        // Written down first: after a crash, what the run means is read from the facts before it.
        self.keep(spec, &before).await;
        for text in &plan.opening {
            (self.hear)(Notice::Say(text.clone()));
        }
        let (run, ran) = self.run(plan, caller).await;
        let end = match ran {
            Ran::Finished => {
                for note in &plan.notes {
                    (self.hear)(Notice::Say(note.clone()));
                }
                ActEnd::Finished(Box::new(plan.clone()))
            }
            Ran::Undone(error) => ActEnd::Failed(failure(plan.action, error)),
            Ran::NeedsAttention(message) => match run {
                Some(run) => ActEnd::NeedsAttention(run, message),
                None => ActEnd::Failed(RequestError::Failed { message, command_failed: false }),
            },
            Ran::Unwritten(error) => {
                // Not kept: what this run means is not decided before it has ended.
                let facts = self.machine.inspect(spec, &before, Look::Local, self.tell()).await;
                return Acted { facts, end: ActEnd::Failed(error.into()) };
            }
            Ran::Stopped => return Acted { facts: before, end: ActEnd::Failed(Refusal::ShuttingDown.into()) },
        };
        let mut facts = self.machine.inspect(spec, &before, Look::Local, self.tell()).await;
        if matches!(end, ActEnd::Finished(_)) {
            facts = after_run(plan, &before, facts);
        }
        self.keep(spec, &facts).await;
        Acted { facts, end }
    }

    /// Looks again where a run ended without the facts being told, and draws the conclusions that were missed.
    pub(crate) async fn account(&self, spec: &Spec, known: Facts) -> Facts {
        let missed = match self.journal.unaccounted().await {
            Ok(missed) => missed,
            Err(error) => {
                tracing::warn!(%error, "cannot tell which runs ended before a crash");
                Vec::new()
            }
        };
        let missed: Vec<_> = missed.iter().filter(|run| run.plan.updater == *spec.name()).collect();
        if missed.is_empty() {
            return known;
        }
        let mut facts = self.machine.inspect(spec, &known, Look::Local, self.tell()).await;
        for run in missed {
            if matches!(run.outcome(), Some(refit_model::journal::Outcome::Finished)) {
                facts = after_run(&run.plan, &known, facts);
            }
        }
        self.keep(spec, &facts).await;
        facts
    }

    /// Keeps facts over a restart. Loss is bearable, so a failure is only logged.
    pub(crate) async fn keep(&self, spec: &Spec, facts: &Facts) {
        if let Err(error) = self.journal.keep_facts(spec.name(), facts).await {
            tracing::warn!(updater = %spec.name(), %error, "what was seen is not kept for the next start");
        }
    }
}

/// The failure of a step as its caller gets it.
fn failure(action: Action, error: StepError) -> RequestError {
    if error.printer_busy {
        return while_printing(action).into();
    }
    RequestError::Failed { message: error.message, command_failed: error.command_failed }
}

fn while_printing(action: Action) -> Refusal {
    match action {
        Action::Upgrade | Action::Restart => Refusal::UpdateWhilePrinting,
        Action::SoftRecovery | Action::HardRecovery => Refusal::RecoverWhilePrinting,
        Action::Rollback => Refusal::RollbackWhilePrinting,
    }
}

/// A number that nobody can guess from the last one: the standard library's own seed of hash tables.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A short text for the names of one run's stages and kept places.
fn mark() -> String {
    format!("{:08x}", random() >> 32)
}
