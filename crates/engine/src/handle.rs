//! What everybody outside holds: the doors, the command line without a daemon, the printer's watcher. Cheap to clone.

use std::sync::Arc;
use std::time::Duration;

use refit_model::event::Event;
use refit_model::journal::RunRecord;
use refit_model::plan::{Plan, Verdict};
use refit_model::printer::Printer;
use refit_model::refusal::Refusal;
use refit_model::request::{Caller, HoldRequest, Request};
use thiserror::Error;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::ports::JournalError;
use crate::snapshot::Snapshot;

/// How long last words may take.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Why a request was not fulfilled.
#[derive(Debug, Clone, Error)]
pub enum RequestError {
    /// Refused before anything was touched.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The work failed and was undone; the text is what the caller gets.
    #[error("{message}")]
    Failed {
        /// The documented text (CONTRACT §2.12), or the reason with what to do next.
        message: String,
        /// A shell command failed: 500 instead of 400.
        command_failed: bool,
    },
    /// The journal could not be written: nothing was begun, or what was begun stopped.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// What came of a plan question: one entry per updater concerned, in order.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Whose.
    pub updater: String,
    /// The plan, nothing to do, or the refusal that a real request would get.
    pub verdict: Result<Verdict, Refusal>,
}

/// Which services an updater restarts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restarted {
    /// Whose.
    pub updater: String,
    /// The name that the configuration has, and the services that really run it, without `.service`.
    pub services: Vec<(String, Vec<String>)>,
}

/// What the conductor takes, one at a time.
#[derive(Debug)]
pub enum Input {
    /// A request and where its answer goes.
    Submit(Request, Caller, oneshot::Sender<Result<(), RequestError>>),
    /// Several requests at once, in order; nothing gets between them.
    SubmitEach(Vec<(Request, oneshot::Sender<Result<(), RequestError>>)>, Caller),
    /// A dry run of a request.
    Plan(Request, oneshot::Sender<Result<Vec<Planned>, RequestError>>),
    /// What is to be passed by; answered once it is kept over restarts.
    Hold(HoldRequest, oneshot::Sender<Result<(), RequestError>>),
    /// A question to the history: updater, limit.
    History(Option<String>, usize, oneshot::Sender<Result<Vec<RunRecord>, RequestError>>),
    /// Which services run what the updaters restart.
    Services(oneshot::Sender<Vec<Restarted>>),
    /// The printer changed.
    Printer(Box<Printer>),
    /// Hold this until nobody is owed an answer by a restart of Refit that is being asked for, then drop it.
    LastWords(oneshot::Sender<()>),
    /// Stop taking requests, finish or leave safely what runs.
    Shutdown,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Handle {
    pub(crate) inputs: mpsc::Sender<Input>,
    pub(crate) snapshots: watch::Receiver<Arc<Snapshot>>,
    pub(crate) events: broadcast::Sender<Event>,
}

impl Handle {
    /// A handle on a conductor that takes `inputs`, publishes `snapshots` and announces on `events`. For
    /// `engine::start`, and for a door's tests that play the conductor themselves.
    #[must_use]
    pub fn from_parts(
        inputs: mpsc::Sender<Input>,
        snapshots: watch::Receiver<Arc<Snapshot>>,
        events: broadcast::Sender<Event>,
    ) -> Self {
        Self { inputs, snapshots, events }
    }

    /// Asks for something and waits for its end (minutes, for an update). Dropping the future does not cancel the work.
    ///
    /// # Errors
    /// [`RequestError`] with the documented text.
    pub async fn submit(&self, request: Request, caller: Caller) -> Result<(), RequestError> {
        let (answer, wait) = oneshot::channel();
        self.send(Input::Submit(request, caller, answer)).await?;
        wait.await.unwrap_or(Err(RequestError::Refused(Refusal::ShuttingDown)))
    }

    /// Asks for several things in order, and waits for the end of all. Refreshes that wait together are done at the same
    /// time. A failure does not stop the others.
    pub async fn submit_each(&self, requests: Vec<Request>, caller: Caller) -> Vec<Result<(), RequestError>> {
        let (asked, waits): (Vec<_>, Vec<_>) = requests
            .into_iter()
            .map(|request| {
                let (answer, wait) = oneshot::channel();
                ((request, answer), wait)
            })
            .unzip();
        let sent = self.send(Input::SubmitEach(asked, caller)).await;
        let mut results = Vec::with_capacity(waits.len());
        for wait in waits {
            results.push(match &sent {
                Ok(()) => wait.await.unwrap_or(Err(RequestError::Refused(Refusal::ShuttingDown))),
                Err(error) => Err(error.clone()),
            });
        }
        results
    }

    /// What a request would do, step by step, without doing it.
    ///
    /// # Errors
    /// [`RequestError::Refused`] with the documented text, e.g. for an unknown name.
    pub async fn plan(&self, request: Request) -> Result<Vec<Planned>, RequestError> {
        let (answer, wait) = oneshot::channel();
        self.send(Input::Plan(request, answer)).await?;
        wait.await.unwrap_or(Err(RequestError::Refused(Refusal::ShuttingDown)))
    }

    /// Holds an updater back, lets it go, or skips a version of it. Never waits for work: an update of everything that
    /// runs already heeds it, where it has not come to that updater.
    ///
    /// # Errors
    /// [`RequestError::Refused`] in words that say what to do; [`RequestError::Failed`] when it is so, but could not be
    /// written down.
    pub async fn hold(&self, request: HoldRequest) -> Result<(), RequestError> {
        let (answer, wait) = oneshot::channel();
        self.send(Input::Hold(request, answer)).await?;
        wait.await.unwrap_or(Err(RequestError::Refused(Refusal::ShuttingDown)))
    }

    /// The newest runs first.
    ///
    /// # Errors
    /// [`RequestError::Journal`] when it cannot be read.
    pub async fn history(&self, updater: Option<String>, limit: usize) -> Result<Vec<RunRecord>, RequestError> {
        let (answer, wait) = oneshot::channel();
        self.send(Input::History(updater, limit, answer)).await?;
        wait.await.unwrap_or(Err(RequestError::Refused(Refusal::ShuttingDown)))
    }

    /// Which services each updater restarts; those alone that restart any. Asked for now: instances come and go.
    ///
    /// # Errors
    /// [`RequestError::Refused`] when Refit ends.
    pub async fn services(&self) -> Result<Vec<Restarted>, RequestError> {
        let (answer, wait) = oneshot::channel();
        self.send(Input::Services(answer)).await?;
        wait.await.map_err(|_| RequestError::Refused(Refusal::ShuttingDown))
    }

    /// The ready status. Never waits.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshots.borrow().clone()
    }

    /// A receiver that wakes on every new snapshot.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.clone()
    }

    /// Events from now on. A listener that falls behind by more than the buffer misses the oldest
    /// (`RecvError::Lagged`) and must be dropped by its door.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Tells the conductor what the printer does now.
    pub async fn printer(&self, printer: Printer) {
        // A conductor that is gone needs no news of the printer.
        let _gone = self.inputs.send(Input::Printer(Box::new(printer))).await;
    }

    /// Returns once those are answered who wait for a run that restarts Refit: the doors may close then. Waits for no other.
    pub async fn last_words(&self) {
        let (said, wait) = oneshot::channel();
        // Dropped unsent, which is the answer; a conductor that is gone owes nothing.
        if self.send(Input::LastWords(said)).await.is_ok() {
            let _said = tokio::time::timeout(LAST_WORDS, wait).await;
        }
    }

    /// Asks the conductor to stop.
    pub async fn shutdown(&self) {
        // A conductor that is gone has stopped.
        let _gone = self.inputs.send(Input::Shutdown).await;
    }

    async fn send(&self, input: Input) -> Result<(), RequestError> {
        self.inputs.send(input).await.map_err(|_| RequestError::Refused(Refusal::ShuttingDown))
    }
}

impl Planned {
    /// The plan, when there is something to do.
    #[must_use]
    pub fn plan(&self) -> Option<&Plan> {
        match &self.verdict {
            Ok(Verdict::Do(plan)) => Some(plan),
            Ok(Verdict::Nothing(_)) | Err(_) => None,
        }
    }
}
