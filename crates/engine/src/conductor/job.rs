//! What waits, what runs, and what the one at work reports back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use refit_model::name::UpdaterName;
use refit_model::printer::PrinterIdentity;
use refit_model::request::{Caller, Request};
use refit_model::updater::{Facts, Spec};
use tokio::sync::{mpsc, oneshot};

use crate::feed::Label;
use crate::handle::RequestError;
use crate::snapshot::{Attention, Full, Running};

/// Where a request's answer goes.
pub(crate) type Answer = oneshot::Sender<Result<(), RequestError>>;

/// A request with whoever waits for it.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) request: Request,
    pub(crate) caller: Caller,
    pub(crate) answer: Answer,
}

/// One place in the queue.
#[derive(Debug)]
pub(crate) enum Job {
    /// Somebody asked.
    Asked(Asked),
    /// The first pass after the start.
    Startup,
    /// The timer.
    Automatic,
    /// The printer told where its software is.
    Identified(Box<PrinterIdentity>),
}

/// One updater as the engine holds it.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) spec: Arc<Spec>,
    pub(crate) facts: Arc<Facts>,
}

impl Item {
    pub(crate) fn name(&self) -> &UpdaterName {
        self.spec.name()
    }
}

/// What is being worked on.
#[derive(Debug)]
pub(crate) struct Active {
    /// The update, recovery or rollback, with its label; none for anything else.
    pub(crate) labelled: Option<(Request, Label)>,
    /// Who waits: one, or all whose refreshes were taken together.
    pub(crate) answers: Vec<(Option<refit_model::name::ConnectionId>, Answer)>,
    /// The connection to tell what concerns it alone.
    pub(crate) connection: Option<refit_model::name::ConnectionId>,
    pub(crate) running: Option<Running>,
    /// The first pass after the start.
    pub(crate) startup: bool,
    pub(crate) part: Part,
}

/// Whether it restarts Refit itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// It does not, or not yet.
    Here,
    /// It is asking for it.
    Parting,
    /// It was granted, and who waited is answered.
    Left,
}

/// When listeners are told to take the new status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refreshed {
    No,
    Now,
    Soon,
}

/// The last words of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finale {
    /// Nothing is said.
    Silent,
    /// To everybody: all but the last with `complete: false`.
    Everybody(Vec<String>),
    /// To the caller alone: nothing was done (CONTRACT §8 row 4).
    Caller(String),
}

/// How a job ended.
#[derive(Debug, Clone)]
pub(crate) struct End {
    pub(crate) finale: Finale,
    pub(crate) result: Result<(), RequestError>,
    pub(crate) refreshed: Refreshed,
}

impl End {
    /// Done; with what everybody is told.
    pub(crate) fn finished(closing: String) -> Self {
        Self { finale: Finale::Everybody(vec![closing]), result: Ok(()), refreshed: Refreshed::No }
    }
}

/// What the one at work reports, in order.
#[derive(Debug)]
pub(crate) enum Report {
    /// An updater was looked at.
    Looked(UpdaterName, Box<Facts>),
    /// An updater is another one now.
    Rebuilt(Box<Spec>, Box<Facts>),
    /// A sentence to everybody.
    Say(String),
    /// A line of a process.
    Line(String),
    /// A run is at this step; none between runs.
    At(Option<Running>),
    /// A person is needed.
    Attention(Attention),
    /// A run ended well, nobody is needed any more.
    Relief(UpdaterName),
    /// How far the update of everything is.
    Full(Box<Full>),
    /// Refit's own restart is asked for.
    Parting,
    /// It was granted; what is answered before it comes.
    Leaving(Box<End>),
    /// The work is over.
    Ended(Box<End>),
}

/// Lines of a process that may be on their way to the conductor; those beyond are dropped.
const MOST_LINES: usize = 256;

/// The way back from the one at work. Never waits: progress lines are bounded, anything else is rare.
#[derive(Debug, Clone)]
pub(crate) struct Reports {
    sender: mpsc::UnboundedSender<Report>,
    lines: Arc<AtomicUsize>,
}

impl Reports {
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Report>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self { sender, lines: Arc::default() }, receiver)
    }

    pub(crate) fn send(&self, report: Report) {
        // The conductor outlives its work, except at the very end, when nobody listens any more.
        let _gone = self.sender.send(report);
    }

    pub(crate) fn line(&self, line: String) {
        if self.lines.fetch_add(1, Ordering::Relaxed) < MOST_LINES {
            self.send(Report::Line(line));
        } else {
            self.lines.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// A line has arrived.
    pub(crate) fn arrived(&self) {
        self.lines.fetch_sub(1, Ordering::Relaxed);
    }
}
