//! One run: per step, journal the intent, perform, journal the result, announce. When a step fails, everything begun
//! is undone in reverse; when the journal fails, nothing further is begun.
//! Refuses to: decide what the steps are; `model::plan` does.

use std::sync::Arc;
use std::time::Duration;

use refit_model::health::{Aftermath, Declared, taken_back};
use refit_model::journal::{Entry, MOST_ATTEMPTS, Outcome, Owes, RunState, Witness, owes};
use refit_model::name::{RunId, UpdaterName};
use refit_model::plan::{Action, Plan};
use refit_model::refusal::Refusal;
use refit_model::request::Caller;
use refit_model::step::{HealthStep, Phase, PlannedStep, ServiceStep, Step, Undo};
use tokio::sync::watch;

use crate::ports::{Circumstance, Clock, Journal, JournalError, Machine, StepError, Tell};
use crate::snapshot::Running;

mod ledger;
mod output;
mod own_restart;

pub(crate) use ledger::Ledger;
use output::Output;
use own_restart::Parted;

/// What a run lets others hear.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// A sentence in the documented words; never dropped.
    Say(String),
    /// One raw line of a process's output; may be dropped.
    Line(String),
    /// The run is at this step now.
    At(Running),
    /// Refit's own restart is about to be asked for.
    Parting,
    /// It was granted: this is the last moment to answer anybody. With what listeners are told at the end of the run.
    Leaving(String),
}

/// Told how a run goes. Called from within the run: must return at once.
pub type Hear = Arc<dyn Fn(Notice) + Send + Sync>;

/// The outside, borrowed for one piece of work.
pub(crate) struct World<'a, M, J, C> {
    pub(crate) machine: &'a M,
    pub(crate) journal: &'a J,
    pub(crate) clock: &'a C,
    /// True once Refit is to stop: preparations are left where they are.
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) hear: Hear,
    /// What listeners know the request by (`full`, `rollback_klipper`); none where nobody asked.
    pub(crate) application: Option<String>,
    pub(crate) manner: Manner,
    /// Whether the printer is busy, as far as the engine knows; the switch asks the machine itself.
    pub(crate) busy: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl<'a, M, J, C> World<'a, M, J, C> {
    /// For what nobody asked the daemon for: no label, no printer to be asked beside the machine's own.
    pub(crate) fn unasked(
        (machine, journal, clock): (&'a M, &'a J, &'a C),
        stop: watch::Receiver<bool>,
        hear: Hear,
    ) -> Self {
        let (application, manner) = (None, Manner::default());
        Self { machine, journal, clock, stop, hear, application, manner, busy: Arc::new(|| false) }
    }
}

/// How what is asked for is to be planned.
#[derive(Clone)]
pub(crate) struct Manner {
    /// Ask the package managers for everything again (CONTRACT §2.7).
    pub(crate) update_deps: bool,
    /// It is part of an update of everything.
    pub(crate) full: bool,
    /// The units of an owed restart.
    pub(crate) owed: Vec<String>,
    /// What those declared whose restarts were put off until now, to be asked afterwards.
    pub(crate) declared: Vec<Declared>,
    /// What they recorded of how well everything was before they changed.
    pub(crate) earlier: Vec<Witness>,
    /// The caller consents to what is not done without asking.
    pub(crate) consent: bool,
    /// Whether an updater may be brought to a version: it may be one to skip.
    pub(crate) may: May,
}

/// See [`Manner::may`].
pub(crate) type May = Arc<dyn Fn(&UpdaterName, &str) -> Result<(), Refusal> + Send + Sync>;

impl Default for Manner {
    fn default() -> Self {
        let may: May = Arc::new(|_, _| Ok(()));
        Self {
            update_deps: false,
            full: false,
            owed: Vec::new(),
            declared: Vec::new(),
            earlier: Vec::new(),
            consent: false,
            may,
        }
    }
}

/// What stood in the way of one attempt may be gone a moment later.
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(1);

/// How a run ended, or why it has not.
#[derive(Debug)]
pub(crate) enum Ran {
    /// The new state holds.
    Finished,
    /// Everything was taken back.
    Undone(StepError),
    /// The attempts are used up; what to do next.
    NeedsAttention(String),
    /// Not ended: the journal cannot be written. Recovery settles it later.
    Unwritten(JournalError),
    /// Not ended: Refit is to stop. Recovery settles it at the next start.
    Stopped,
}

/// Why a run does not go on forward.
enum Halt {
    Step(StepError),
    Journal(JournalError),
    Stopped,
}

impl From<JournalError> for Halt {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

/// Why a run cannot be taken back.
enum Stuck {
    Undo(StepError),
    Journal(JournalError),
    /// Refit is to stop.
    Stopped,
}

impl From<JournalError> for Stuck {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

impl<M: Machine, J: Journal, C: Clock> World<'_, M, J, C> {
    pub(crate) fn tell(&self) -> Tell {
        let hear = self.hear.clone();
        Arc::new(move |line: &str| hear(Notice::Line(line.to_owned())))
    }

    fn say(&self, text: &str) {
        (self.hear)(Notice::Say(text.to_owned()));
    }

    /// Runs a plan from its first step to its end.
    pub(crate) async fn run(&self, plan: &Plan, caller: &Caller) -> (Option<RunId>, Ran) {
        let mut ledger = match Ledger::begin(self.journal, self.clock, plan, caller, &self.machine.boot_id()).await {
            Ok(ledger) => ledger,
            Err(error) => return (None, Ran::Unwritten(error)),
        };
        let ran = match self.forward(&mut ledger, 0).await {
            Ok(()) => Ran::Finished,
            Err(Halt::Stopped) => Ran::Stopped,
            Err(Halt::Step(error)) => self.take_back(&mut ledger, error).await,
            Err(Halt::Journal(error)) => self.without_journal(&mut ledger, error).await,
        };
        (Some(ledger.id()), ran)
    }

    /// The journal failed. With the reserve freed, what is finished is written down as finished, and anything else
    /// is taken back; when even that cannot be written, the run stops here.
    async fn without_journal(&self, ledger: &mut Ledger<'_, J, C>, error: JournalError) -> Ran {
        self.journal.release_reserve().await;
        if ledger.all_done() {
            return match ledger.append(Entry::Ended { outcome: Outcome::Finished }).await {
                Ok(()) => Ran::Finished,
                Err(error) => Ran::Unwritten(error),
            };
        }
        match self.back(ledger, &error.to_string()).await {
            Ok(()) => Ran::Unwritten(error),
            Err(Stuck::Journal(error)) => Ran::Unwritten(error),
            Err(Stuck::Stopped) => Ran::Stopped,
            Err(Stuck::Undo(_)) => self.settle(ledger).await,
        }
    }

    async fn take_back(&self, ledger: &mut Ledger<'_, J, C>, error: StepError) -> Ran {
        // What is told at the end is what the journal says; what class of failure it was, only the error does.
        let as_told = |told: StepError| StepError { message: told.message, ..error };
        match self.back(ledger, &error.message).await {
            Ok(()) => match ledger.ended() {
                Ran::Undone(told) => Ran::Undone(as_told(told)),
                other @ (Ran::Finished | Ran::NeedsAttention(_) | Ran::Unwritten(_) | Ran::Stopped) => other,
            },
            Err(Stuck::Journal(error)) => Ran::Unwritten(error),
            Err(Stuck::Stopped) => Ran::Stopped,
            Err(Stuck::Undo(_)) => match self.settle(ledger).await {
                Ran::Undone(told) => Ran::Undone(as_told(told)),
                other @ (Ran::Finished | Ran::NeedsAttention(_) | Ran::Unwritten(_) | Ran::Stopped) => other,
            },
        }
    }

    /// Pays what a run is owed, attempt by attempt, until it has ended. Every attempt is written down before it begins.
    pub(crate) async fn settle(&self, ledger: &mut Ledger<'_, J, C>) -> Ran {
        let mut last_words = None;
        loop {
            let owed = match owes(ledger.record()) {
                Ok(owed) => owed,
                Err(illegal) => return self.give_up(ledger, Some(illegal.to_string())).await,
            };
            let stuck = match owed {
                Owes::Nothing => return ledger.ended(),
                Owes::GiveUp => return self.give_up(ledger, last_words).await,
                Owes::Forward { from } => self.attempt_forward(ledger, from).await,
                Owes::Back { reason, .. } => self.attempt_back(ledger, &reason).await,
            };
            match stuck {
                Ok(()) => {}
                Err(Stuck::Journal(error)) => return Ran::Unwritten(error),
                Err(Stuck::Stopped) => return Ran::Stopped,
                Err(Stuck::Undo(error)) => {
                    last_words = Some(error.message);
                    tokio::time::sleep(BETWEEN_ATTEMPTS).await;
                }
            }
        }
    }

    async fn attempt_forward(&self, ledger: &mut Ledger<'_, J, C>, from: usize) -> Result<(), Stuck> {
        ledger.attempt(self.journal, &self.machine.boot_id()).await?;
        match self.forward(ledger, from).await {
            Ok(()) => Ok(()),
            Err(Halt::Stopped) => Err(Stuck::Stopped),
            Err(Halt::Step(error)) => self.back(ledger, &error.message).await,
            Err(Halt::Journal(error)) => {
                self.journal.release_reserve().await;
                if ledger.all_done() {
                    return Ok(ledger.append(Entry::Ended { outcome: Outcome::Finished }).await?);
                }
                Err(Stuck::Journal(error))
            }
        }
    }

    async fn attempt_back(&self, ledger: &mut Ledger<'_, J, C>, reason: &str) -> Result<(), Stuck> {
        ledger.attempt(self.journal, &self.machine.boot_id()).await?;
        self.back(ledger, reason).await
    }

    /// Ends a run that could not be settled: what is safe is kept, and a person is asked.
    async fn give_up(&self, ledger: &mut Ledger<'_, J, C>, last: Option<String>) -> Ran {
        let plan = &ledger.record().plan;
        let failed = if is_of_system(plan) {
            in_one(ledger.last_failure(), last)
        } else {
            last.or_else(|| ledger.last_failure())
        };
        let why = failed.map(|why| format!(" The last failure: {why}."));
        let message = match plan.action {
            Action::Restart => format!(
                "The services of {} could not be restarted in {MOST_ATTEMPTS} attempts.{} Restart them by hand: sudo \
                 systemctl restart {}",
                plan.updater,
                why.unwrap_or_default(),
                plan.restarts().collect::<Vec<_>>().join(" ")
            ),
            Action::Upgrade | Action::SoftRecovery | Action::HardRecovery | Action::Rollback if is_of_system(plan) => {
                format!(
                    "The installation of system packages could not be finished in {MOST_ATTEMPTS} attempts.{} What is \
                     installed stays. To see for yourself, type: sudo dpkg --audit, and for each package \
                     that it names: sudo apt-get install --reinstall NAME",
                    why.unwrap_or_default()
                )
            }
            Action::Upgrade | Action::SoftRecovery | Action::HardRecovery | Action::Rollback => format!(
                "{} could neither be brought to {} nor back to {} in {MOST_ATTEMPTS} attempts.{} What was kept aside is \
             untouched. Look at its folder, then ask for a hard recovery of {}",
                plan.updater,
                plan.to,
                plan.from,
                why.unwrap_or_default(),
                plan.updater
            ),
        };
        let outcome = Outcome::NeedsAttention { error: message.clone() };
        match ledger.append_unchecked(self.journal, Entry::Ended { outcome }).await {
            Ok(()) => Ran::NeedsAttention(message),
            Err(error) => Ran::Unwritten(error),
        }
    }

    async fn forward(&self, ledger: &mut Ledger<'_, J, C>, from: usize) -> Result<(), Halt> {
        let steps = ledger.record().plan.steps.clone();
        for (index, planned) in steps.iter().enumerate().skip(from) {
            if planned.phase == Phase::Preparation && *self.stop.borrow() {
                return Err(Halt::Stopped);
            }
            self.step(ledger, index, planned).await?;
        }
        Ok(ledger.append(Entry::Ended { outcome: Outcome::Finished }).await?)
    }

    async fn step(&self, ledger: &mut Ledger<'_, J, C>, index: usize, planned: &PlannedStep) -> Result<(), Halt> {
        let mut circumstance = self.circumstance(ledger, index);
        let printed = Output::default();
        circumstance.tell = printed.before(circumstance.tell);
        if circumstance.witness.is_none() {
            circumstance.witness = self.machine.witness(&planned.step).await;
        }
        let witness = if is_handed(&planned.step) { None } else { circumstance.witness.clone() };
        ledger.append(Entry::Intent { step: index, witness }).await?;
        (self.hear)(Notice::At(ledger.running(index)));
        for text in &planned.announce {
            self.say(text);
        }
        let performed = match planned.phase {
            Phase::Switch if ledger.record().plan.ends_refit(index) => {
                let closing = &ledger.record().plan.closing;
                match self.restart_refit(planned, closing, circumstance).await {
                    Parted::Seen(note) => Ok(note),
                    Parted::Failed(error) => Err(error),
                    Parted::Leaving => return Err(Halt::Stopped),
                }
            }
            // It changes nothing, and is made up for at the next start.
            Phase::Switch if is_check(&planned.step) => {
                let mut stop = self.stop.clone();
                tokio::select! {
                    performed = self.machine.perform(&planned.step, circumstance) => performed,
                    () = told_to_stop(&mut stop) => return Err(Halt::Stopped),
                }
            }
            Phase::Switch => self.machine.perform(&planned.step, circumstance).await,
            Phase::Preparation => {
                let mut stop = self.stop.clone();
                tokio::select! {
                    performed = self.machine.perform(&planned.step, circumstance) => performed,
                    () = told_to_stop(&mut stop) => return Err(Halt::Stopped),
                }
            }
        };
        match performed {
            Ok(note) => Ok(ledger.append(Entry::Done { step: index, note, output: printed.text() }).await?),
            // It may be the machine that ends, and then no service starts any more: this says nothing about the update.
            Err(_) if *self.stop.borrow() && matches!(planned.step, Step::Service(_) | Step::Health(_)) => {
                Err(Halt::Stopped)
            }
            Err(error) => {
                // Unwritten, the failure is still the reason to take the run back.
                let why = error.message.clone();
                let _unwritten = ledger.append(Entry::Failed { step: index, error: why, output: printed.text() }).await;
                Err(Halt::Step(error))
            }
        }
    }

    /// Undoes everything that was begun, in reverse, and ends the run.
    async fn back(&self, ledger: &mut Ledger<'_, J, C>, reason: &str) -> Result<(), Stuck> {
        loop {
            let (entry, undo) = match ledger.state()? {
                RunState::Ready { .. } | RunState::Performing { .. } => {
                    (Entry::TakenBack { reason: reason.to_owned() }, None)
                }
                RunState::TakingBack { below, reason } => match below.checked_sub(1) {
                    Some(step) => (Entry::UndoIntent { step }, Some(step)),
                    None => {
                        let error = taken_back(ledger.record(), &reason);
                        (Entry::Ended { outcome: Outcome::Undone { error } }, None)
                    }
                },
                RunState::Undoing { step, .. } => (Entry::UndoIntent { step }, Some(step)),
                RunState::Ended(_) => return Ok(()),
            };
            ledger.append_or_free(self.journal, entry).await?;
            if let Some(step) = undo {
                let after = self.undo(ledger, step).await?;
                ledger.append_or_free(self.journal, Entry::Undone { step, after }).await?;
            }
        }
    }

    async fn undo(&self, ledger: &Ledger<'_, J, C>, index: usize) -> Result<Option<Aftermath>, Stuck> {
        let Some(planned) = ledger.record().plan.steps.get(index) else { return Ok(None) };
        let circumstance = self.circumstance(ledger, index);
        let undoing = self.machine.undo(&planned.step, &planned.undo, circumstance);
        let undone = match &planned.undo {
            // It only looks, and may look long.
            Undo::HealthAgain { .. } => {
                let mut stop = self.stop.clone();
                tokio::select! {
                    undone = undoing => undone,
                    () = told_to_stop(&mut stop) => return Err(Stuck::Stopped),
                }
            }
            _any_other => undoing.await,
        };
        // The attempts that are left are for the next start, where it may well go.
        undone.map_err(|error| if *self.stop.borrow() { Stuck::Stopped } else { Stuck::Undo(error) })
    }

    fn circumstance(&self, ledger: &Ledger<'_, J, C>, index: usize) -> Circumstance {
        let (begun, boot) = (ledger.record().begun(index), self.machine.boot_id());
        let elsewhere = begun.as_ref().is_some_and(|begun| begun.boot_id != boot);
        Circumstance {
            run: ledger.id(),
            again: begun.is_some(),
            // A step that was not begun before stands on what those before it left in another boot.
            rebooted: elsewhere || ledger.record().boot_id != boot,
            witness: ledger.record().witness(index).cloned(),
            tell: self.tell(),
        }
    }
}

fn is_check(step: &Step) -> bool {
    matches!(step, Step::Health(HealthStep::Check { .. }))
}

/// What it is handed stands in the journal already, as what another step noted.
fn is_handed(step: &Step) -> bool {
    is_check(step) || matches!(step, Step::Service(ServiceStep::Restart { own: false, .. }))
}

/// A failed installation is told by its own words, and that it could not be finished either where these do not say so.
fn in_one(installation: Option<String>, settlement: Option<String>) -> Option<String> {
    match (installation, settlement) {
        (Some(first), Some(then)) => {
            let more = then.trim_start_matches(refit_model::updater::system::FAILED).trim_start_matches(": ");
            Some(if first.contains(more) { first } else { format!("{}. {more}", first.trim_end_matches('.')) })
        }
        (first, then) => first.or(then),
    }
}

/// It changes the packages of the operating system.
fn is_of_system(plan: &Plan) -> bool {
    plan.steps.iter().any(|planned| matches!(planned.step, Step::System(_)))
}

/// Returns once Refit is told to stop; never when nobody can tell any more.
pub(crate) async fn told_to_stop(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}
