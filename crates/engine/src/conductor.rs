//! One task that owns all mutable state: it takes one input at a time, handles it, answers. Work runs in a task of its
//! own and reports back; the status is published after every change and never waits for work.
//! Refuses to: look at software or change it; the worker does, one at a time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use refit_model::hold::Holds;
use refit_model::journal::{Outcome, RunRecord};
use refit_model::name::{ConnectionId, UpdaterName};
use refit_model::plan::{Action, guard};
use refit_model::printer::{KlippyState, Printer, PrinterIdentity};
use refit_model::refusal::Refusal;
use refit_model::request::Request;
use refit_model::updater::{Facts, Spec, assess};
use tokio::sync::{Semaphore, broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::feed::{BUFFER, Feed, Label};
use crate::handle::{Handle, Input, Planned, RequestError};
use crate::ports::{Clock, Journal, JournalError, Machine};
use crate::schedule;
use crate::snapshot::{Attention, Full, Snapshot};

mod admit;
mod dry;
mod full;
mod hold;
mod job;
mod part;
mod turn;
mod work;

use admit::{Admitted, Scene};
use hold::Keeper;
use job::{Active, Asked, Finale, Item, Job, Part, Refreshed, Report, Reports};

/// Where klipper is, from what the printer said about itself: the spec for it, or none when that says nothing.
pub type KlipperSource = Arc<dyn Fn(&PrinterIdentity) -> Option<Spec> + Send + Sync>;

/// What the owner and the binary decide about the engine.
#[derive(Clone)]
pub struct EngineSettings {
    /// Refresh by itself, hourly within the window.
    pub auto_refresh: bool,
    /// First and last local hour in which that may happen; may wrap midnight.
    pub refresh_window: (u8, u8),
    /// How many updaters are looked at at the same time.
    pub refreshes_at_once: usize,
    /// How long a shutdown waits for a switch to end; what is cut then is settled at the next start.
    pub shutdown_wait: Duration,
    /// Finds klipper by what the printer tells; none keeps the spec of the start.
    pub klipper: Option<KlipperSource>,
    /// What the configuration holds back, and where it says so: `[update_manager app], moonraker.conf:7`.
    pub held: Vec<(UpdaterName, String)>,
    /// How long an update of everything waits for the printer after it restarted klipper (CONTRACT §2.6).
    pub klippy_wait: Duration,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            auto_refresh: false,
            refresh_window: (0, 5),
            refreshes_at_once: 4,
            shutdown_wait: Duration::from_secs(60),
            klipper: None,
            held: Vec::new(),
            klippy_wait: Duration::from_secs(120),
        }
    }
}

/// Inputs that may wait before a sender has to.
const INPUTS: usize = 64;

/// How many runs of an updater are looked through for the newest that tells how it is: a few, and many where those tell
/// nothing.
const LAST_RUNS: [usize; 2] = [8, 200];

/// Dry runs and questions to the history that are answered at the same time.
const QUESTIONS: usize = 2;

/// Starts the conductor. `specs` are in the order in which the status shows them. Returns once what is known from before is
/// loaded and the first snapshot is ready; the first refresh goes on behind it. The task ends after
/// [`Handle::shutdown`], or when every handle is gone.
///
/// [`crate::recover::recover`] must have run before.
pub async fn start<M: Machine, J: Journal, C: Clock>(
    machine: M,
    journal: J,
    clock: C,
    specs: Vec<Spec>,
    mut settings: EngineSettings,
) -> (Handle, JoinHandle<()>) {
    let (inputs, taken) = mpsc::channel(INPUTS);
    let (events, _) = broadcast::channel(BUFFER);
    let (published, snapshots) = watch::channel(Arc::new(Snapshot::default()));
    let (reports, reported) = Reports::new();
    let journal = Arc::new(journal);
    let mut conductor = Conductor {
        attention: needs(&*journal, &specs).await,
        items: load(&*journal, specs).await,
        holds: Arc::new(hold::load(&*journal, std::mem::take(&mut settings.held)).await),
        keeper: Keeper::start(journal.clone()),
        machine: Arc::new(machine),
        journal,
        clock: Arc::new(clock),
        settings,
        feed: Feed::new(events.clone()),
        published,
        revision: 0,
        assessed: Vec::new(),
        queue: VecDeque::from([Job::Startup]),
        active: None,
        printer: Printer::default(),
        printer_gone: 0,
        full: None,
        initialized: false,
        stopping: false,
        farewells: Vec::new(),
        stop: watch::channel(false).0,
        reports,
        questions: Arc::new(Semaphore::new(QUESTIONS)),
        early: Vec::new(),
    };
    for index in 0..conductor.items.len() {
        conductor.assess(index);
    }
    conductor.publish();
    let task = tokio::spawn(conductor.conduct(taken, reported));
    (Handle { inputs, snapshots, events }, task)
}

/// The facts of the last time, and those of removed updaters forgotten.
async fn load<J: Journal>(journal: &J, specs: Vec<Spec>) -> Vec<Item> {
    let names: Vec<_> = specs.iter().map(|spec| spec.name().clone()).collect();
    if let Err(error) = journal.prune_facts(&names).await {
        tracing::warn!(%error, "what was known of removed updaters stays for now");
    }
    let mut items = Vec::with_capacity(specs.len());
    for spec in specs {
        let facts = journal.facts(spec.name()).await.unwrap_or_else(|| Facts::unseen(&spec));
        items.push(Item { spec: Arc::new(spec), facts: Arc::new(facts) });
    }
    items
}

/// The updaters that need a person.
async fn needs<J: Journal>(journal: &J, specs: &[Spec]) -> Vec<Attention> {
    let mut attention = Vec::new();
    for spec in specs {
        match newest_telling(journal, spec.name()).await {
            Ok(run) => attention.extend(run.and_then(|run| match run.outcome() {
                Some(Outcome::NeedsAttention { error }) => {
                    Some(Attention { run: run.id, updater: spec.name().clone(), message: error.clone() })
                }
                Some(Outcome::Finished | Outcome::Undone { .. }) | None => None,
            })),
            Err(error) => tracing::error!(updater = %spec.name(), %error, "cannot tell whether a person is needed"),
        }
    }
    attention
}

/// The newest run that tells how an updater is. A restart that went well says nothing of the software, and after an attempt
/// that was taken back it is as it was.
async fn newest_telling<J: Journal>(journal: &J, updater: &UpdaterName) -> Result<Option<RunRecord>, JournalError> {
    let tells = |run: &RunRecord| match run.outcome() {
        Some(Outcome::NeedsAttention { .. }) => true,
        Some(Outcome::Finished) => run.plan.action != Action::Restart,
        Some(Outcome::Undone { .. }) | None => false,
    };
    for limit in LAST_RUNS {
        let runs = journal.history(Some(updater), limit).await?;
        let all = runs.len() < limit;
        let found = runs.into_iter().find(tells);
        if all || found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Where the answer to a dry run goes.
type PlanAnswer = oneshot::Sender<Result<Vec<Planned>, RequestError>>;

struct Conductor<M, J, C> {
    machine: Arc<M>,
    journal: Arc<J>,
    clock: Arc<C>,
    settings: EngineSettings,
    feed: Feed,
    published: watch::Sender<Arc<Snapshot>>,
    revision: u64,
    items: Vec<Item>,
    assessed: Vec<Arc<refit_model::updater::Assessment>>,
    queue: VecDeque<Job>,
    active: Option<Active>,
    attention: Vec<Attention>,
    printer: Printer,
    /// Connections to it that have ended.
    printer_gone: u64,
    holds: Arc<Holds>,
    keeper: Keeper,
    full: Option<Full>,
    initialized: bool,
    stopping: bool,
    /// Those who wait for the last words before a restart of Refit; dropped when these are said.
    farewells: Vec<oneshot::Sender<()>>,
    /// Tells the one at work to stop.
    stop: watch::Sender<bool>,
    reports: Reports,
    questions: Arc<Semaphore>,
    /// Dry runs asked for before the first pass has ended.
    early: Vec<(Request, PlanAnswer)>,
}

impl<M: Machine, J: Journal, C: Clock> Conductor<M, J, C> {
    async fn conduct(mut self, mut inputs: mpsc::Receiver<Input>, mut reports: mpsc::UnboundedReceiver<Report>) {
        let mut next_pass = Instant::now() + schedule::until_next();
        self.next();
        while !self.stopping {
            tokio::select! {
                // Reports first: what has happened is known before the next question is answered.
                biased;
                Some(report) = reports.recv() => self.report(report),
                input = inputs.recv() => self.input(input.unwrap_or(Input::Shutdown)),
                () = tokio::time::sleep_until(next_pass) => {
                    next_pass = Instant::now() + schedule::until_next();
                    self.tick();
                }
            }
        }
        inputs.close();
        self.close(&mut inputs, &mut reports).await;
        self.keeper.finish().await;
    }

    fn input(&mut self, input: Input) {
        match input {
            Input::Submit(request, caller, answer) => {
                self.arrive(Asked { request, caller, answer });
                self.next();
            }
            Input::SubmitEach(requests, caller) => {
                for (request, answer) in requests {
                    self.arrive(Asked { request, caller: caller.clone(), answer });
                }
                self.next();
            }
            // Before the first look there is nothing to plan from: it waits like the request itself would.
            Input::Plan(request, answer) if !self.initialized && concerns_updaters(&request) => {
                self.early.push((request, answer));
            }
            Input::Plan(request, answer) => self.dry_run(&request, answer),
            Input::Hold(request, answer) => self.hold(&request, answer),
            Input::History(updater, limit, answer) => self.history(updater, limit, answer),
            Input::Services(answer) => self.services(answer),
            Input::Printer(printer) => self.printer(*printer),
            Input::LastWords(said) => self.last_words(said),
            Input::Shutdown => self.stopping = true,
        }
    }

    /// A request joins the queue, or is answered at once.
    fn arrive(&mut self, asked: Asked) {
        let admitted = self.scene(|scene| admit::on_arrival(&asked.request, scene));
        match admitted {
            Ok(Admitted::Go) => {
                self.queue.push_back(Job::Asked(asked));
                self.publish();
            }
            Ok(Admitted::Ignore) => self.answer(asked.caller.connection, asked.answer, Ok(())),
            Err(refusal) => self.refuse(asked, refusal),
        }
    }

    /// Refused before anything was touched: the caller's own dialog is told too (CONTRACT §8 row 4).
    fn refuse(&self, asked: Asked, refusal: Refusal) {
        let text = refusal.to_string();
        self.answer(asked.caller.connection, asked.answer, Err(refusal.into()));
        if let Some(application) = asked.request.application() {
            self.feed.say_to(asked.caller.connection, &Label::new(application), &text);
        }
    }

    fn printer(&mut self, printer: Printer) {
        if printer == self.printer {
            return;
        }
        let paths = |printer: &Printer| {
            printer.identity.as_ref().map(|identity| (identity.klipper_path.clone(), identity.python_path.clone()))
        };
        let moved = printer.identity.is_some() && paths(&printer) != paths(&self.printer);
        let gone = printer.state == KlippyState::Disconnected && self.printer.state != KlippyState::Disconnected;
        self.printer_gone += u64::from(gone);
        self.printer = printer;
        self.publish();
        self.feed.printer();
        if moved && let (Some(identity), Some(_)) = (&self.printer.identity, &self.settings.klipper) {
            self.queue.push_back(Job::Identified(Box::new(identity.clone())));
            self.next();
        }
    }

    /// The timer of the automatic refresh.
    fn tick(&mut self) {
        let open = schedule::in_window(self.clock.local_hour(), self.settings.refresh_window);
        let free = self.active.is_none() && self.queue.is_empty() && !self.printer.is_busy();
        if self.settings.auto_refresh && open && free && self.initialized {
            self.queue.push_back(Job::Automatic);
            self.next();
        }
    }

    fn report(&mut self, report: Report) {
        match report {
            Report::Looked(name, facts) => {
                if let Some(index) = self.items.iter().position(|item| *item.name() == name) {
                    self.see(index, None, *facts);
                }
            }
            Report::Rebuilt(spec, facts) => {
                if let Some(index) = self.items.iter().position(|item| item.name() == spec.name()) {
                    self.see(index, Some(*spec), *facts);
                }
            }
            Report::Say(text) => self.aloud(|feed, label| feed.say(label, &text, false)),
            Report::Line(line) => {
                self.reports.arrived();
                self.aloud(|feed, label| feed.line(label, &line));
            }
            Report::At(running) => {
                if let Some(active) = &mut self.active {
                    active.running = running;
                }
                self.publish();
            }
            Report::Attention(attention) => {
                self.attention.retain(|other| other.updater != attention.updater);
                self.attention.push(attention);
                self.publish();
            }
            Report::Relief(updater) => {
                self.attention.retain(|other| other.updater != updater);
                self.publish();
            }
            Report::Full(full) => {
                self.full = Some(*full);
                self.publish();
            }
            Report::Parting => self.part(Part::Parting),
            Report::Leaving(end) => self.leave(&end),
            Report::Ended(end) => {
                self.ended(*end);
                self.next();
            }
        }
    }

    /// The work is over: the status is new before anybody is told to ask for it.
    fn ended(&mut self, end: job::End) {
        let Some(mut active) = self.active.take() else { return };
        // Nobody is told twice; only a restart that never came is news.
        let told = active.part == Part::Left && self.stopping;
        self.farewells.clear();
        self.initialized |= active.startup;
        self.publish();
        if self.initialized {
            for (request, answer) in std::mem::take(&mut self.early) {
                self.dry_run(&request, answer);
            }
        }
        if !told {
            self.tell_end(&mut active, &end);
        }
        match end.refreshed {
            Refreshed::No => {}
            Refreshed::Now => self.feed.refreshed(),
            Refreshed::Soon => self.feed.refreshed_soon(),
        }
    }

    /// Answers all who wait, and says the last words.
    fn tell_end(&mut self, active: &mut Active, end: &job::End) {
        for (connection, waiting) in active.answers.drain(..) {
            self.answer(connection, waiting, end.result.clone());
        }
        let Some((_, label)) = &active.labelled else { return };
        match &end.finale {
            Finale::Silent => {}
            Finale::Everybody(texts) => {
                for (index, text) in texts.iter().enumerate() {
                    self.feed.say(label, text, index + 1 == texts.len());
                }
            }
            Finale::Caller(text) => self.feed.say_to(active.connection, label, text),
        }
    }

    /// Answers a request. What was told about it before reaches its connection before the answer, what is told from now
    /// on after it.
    fn answer(&self, connection: Option<ConnectionId>, answer: job::Answer, result: Result<(), RequestError>) {
        self.feed.answered(connection);
        // Who hung up does not want to know; the work was done all the same.
        let _gone = answer.send(result);
    }

    fn aloud(&mut self, tell: impl FnOnce(&mut Feed, &Label)) {
        let left = |active: &&Active| self.stopping && active.part == Part::Left;
        let active = self.active.as_ref().filter(|active| !left(active));
        if let Some((_, label)) = active.and_then(|active| active.labelled.as_ref()) {
            tell(&mut self.feed, label);
        }
    }

    fn see(&mut self, index: usize, spec: Option<Spec>, facts: Facts) {
        if let Some(item) = self.items.get_mut(index) {
            item.facts = Arc::new(facts);
            if let Some(spec) = spec {
                item.spec = Arc::new(spec);
            }
        }
        self.assess(index);
        self.publish();
    }

    fn assess(&mut self, index: usize) {
        let Some(item) = self.items.get(index) else { return };
        let assessment = Arc::new(assess(&item.spec, &item.facts));
        match self.assessed.get_mut(index) {
            Some(old) => *old = assessment,
            None => self.assessed.push(assessment),
        }
        self.lapse(index);
    }

    fn publish(&mut self) {
        self.revision += 1;
        let labelled = self.active.as_ref().and_then(|active| active.labelled.as_ref());
        let names = self.items.iter().map(|item| item.name().clone());
        let snapshot = Snapshot {
            revision: self.revision,
            busy: labelled.is_some(),
            initialized: self.initialized,
            updaters: names.zip(self.assessed.iter().cloned()).collect(),
            application: labelled.map(|(_, label)| label.application.clone()),
            running: self.active.as_ref().and_then(|active| active.running.clone()),
            waiting: self.queue.iter().filter_map(waiting).collect(),
            attention: self.attention.clone(),
            printer: self.printer.clone(),
            printer_gone: self.printer_gone,
            holds: self.holds.clone(),
            full: self.full.clone(),
        };
        self.published.send_replace(Arc::new(snapshot));
    }

    fn scene<T>(&self, check: impl FnOnce(&Scene<'_>) -> T) -> T {
        let specs: Vec<&Spec> = self.items.iter().map(|item| &*item.spec).collect();
        let newest = self.items.iter().map(|item| item.facts.last_refresh()).max().unwrap_or(0);
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit in 52 bits")]
        let age = self.clock.now() - newest as f64;
        check(&Scene {
            specs: &specs,
            assessed: &self.assessed,
            holds: &self.holds,
            running: self.active.as_ref().and_then(|active| active.labelled.as_ref()).map(|(request, _)| request),
            waiting: self.queue.len(),
            printer: &self.printer,
            initialized: self.initialized,
            stopping: self.stopping,
            // A refresh in the future is a clock that was set back, not a fresh one.
            newest_refresh_age: if age < 0.0 { f64::INFINITY } else { age },
        })
    }
}

/// Whether there is something to plan for it.
fn concerns_updaters(request: &Request) -> bool {
    *request == Request::Full || admit::action(request).is_some()
}

/// A request that waits, as the status names it.
fn waiting(job: &Job) -> Option<String> {
    match job {
        Job::Asked(asked) => Some(asked.request.application().unwrap_or_else(|| "refresh".to_owned())),
        Job::Startup | Job::Automatic | Job::Identified(_) => None,
    }
}
