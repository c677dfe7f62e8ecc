//! What is held back and what is skipped: asked for while anything goes on, heeded at once, answered when it is on disk.
//! Refuses to: decide what is passed by; `model::hold` does.

use std::sync::Arc;

use refit_model::hold::{Asked, Holds};
use refit_model::name::UpdaterName;
use refit_model::refusal::Refusal;
use refit_model::request::HoldRequest;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Conductor;
use super::job::Answer;
use crate::handle::RequestError;
use crate::ports::{Clock, Journal, Machine};

/// The key in the journal.
const KEY: &str = "holds";

/// What the configuration says, and what was asked for before the last end.
pub(super) async fn load<J: Journal>(journal: &J, configured: Vec<(UpdaterName, String)>) -> Holds {
    let asked = match journal.recall(KEY).await.map(|text| Asked::from_text(&text)) {
        Some(Ok(asked)) => asked,
        Some(Err(error)) => {
            tracing::error!(%error, "what was held back or skipped cannot be read; hold it back again");
            Asked::default()
        }
        None => Asked::default(),
    };
    Holds::new(configured, asked)
}

/// What is to be written, and who waits for it.
type Writing = (Asked, Option<(String, Answer)>);

/// Writes one after the other, so that the conductor never waits for the disk.
pub(super) struct Keeper {
    sender: mpsc::UnboundedSender<Writing>,
    task: JoinHandle<()>,
}

impl Keeper {
    pub(super) fn start<J: Journal>(journal: Arc<J>) -> Self {
        let (sender, mut writings) = mpsc::unbounded_channel::<Writing>();
        let task = tokio::spawn(async move {
            while let Some((asked, waiting)) = writings.recv().await {
                let kept = keep(&*journal, &asked).await;
                if let Err(why) = &kept {
                    tracing::error!("what is held back or skipped is not written down: {why}");
                }
                if let Some((name, answer)) = waiting {
                    // Who hung up does not want to know.
                    let _gone = answer.send(kept.map_err(|why| unwritten(&name, &why)));
                }
            }
        });
        Self { sender, task }
    }

    fn write(&self, asked: Asked, waiting: Option<(String, Answer)>) {
        // The task ends after this one.
        let _gone = self.sender.send((asked, waiting));
    }

    /// Ends when everything is written.
    pub(super) async fn finish(self) {
        drop(self.sender);
        // A defect of its own was logged; there is nothing left to wait for.
        let _ended = self.task.await;
    }
}

async fn keep<J: Journal>(journal: &J, asked: &Asked) -> Result<(), String> {
    let text = asked.to_text().map_err(|error| error.to_string())?;
    journal.remember(KEY, &text).await.map_err(|error| error.to_string())
}

fn unwritten(name: &str, why: &str) -> RequestError {
    let message =
        format!("{name}: it is so until Refit ends, but that could not be written down for the next start: {why}");
    RequestError::Failed { message, command_failed: true }
}

impl<M: Machine, J: Journal, C: Clock> Conductor<M, J, C> {
    pub(super) fn hold(&mut self, request: &HoldRequest, answer: Answer) {
        let name = request.name();
        let Some(index) = self.items.iter().position(|item| item.name().as_str() == name) else {
            let _gone = answer.send(Err(Refusal::NotAvailable(name.to_owned()).into()));
            return;
        };
        let (Some(item), Some(assessed)) = (self.items.get(index), self.assessed.get(index)) else { return };
        let mut holds = (*self.holds).clone();
        if let Err(refusal) = holds.change(item.name(), request, assessed.installed(), assessed.offer()) {
            // Who hung up does not want to know.
            let _gone = answer.send(Err(refusal.into()));
            return;
        }
        self.holds = Arc::new(holds);
        self.publish();
        self.keeper.write(self.holds.asked().clone(), Some((name.to_owned(), answer)));
    }

    /// After an updater was assessed: another version may be offered now than the one that was skipped.
    pub(super) fn lapse(&mut self, index: usize) {
        let (Some(item), Some(assessed)) = (self.items.get(index), self.assessed.get(index)) else { return };
        if self.holds.skipped(item.name()).is_none() {
            return;
        }
        let mut holds = (*self.holds).clone();
        if holds.lapse(item.name(), assessed.installed(), assessed.offer()) {
            tracing::info!(updater = %item.name(), "nothing is skipped any more");
            self.holds = Arc::new(holds);
            self.keeper.write(self.holds.asked().clone(), None);
        }
    }
}
