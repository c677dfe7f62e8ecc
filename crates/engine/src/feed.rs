//! What the world is told, in order. Lifecycle messages always go out; lines of a process that floods are thinned out, so
//! that they do not push the messages that matter out of the listeners' buffers.
//! Refuses to: know who listens.

use std::time::Duration;

use refit_model::event::{Audience, Event, RunMessage, display_line};
use refit_model::name::ConnectionId;
use tokio::sync::broadcast;
use tokio::time::Instant;

use crate::act::random;

/// How many events a listener may be behind before it misses the oldest.
pub(crate) const BUFFER: usize = 1024;

/// Lines of processes in one burst, and per second after it.
const BURST: u32 = 256;
const PER_SECOND: u32 = 100;

/// How often a progress line of git (`Receiving objects:  21% (4/19)`) is passed on; its last one always is.
const PROGRESS: Duration = Duration::from_millis(500);

/// A refresh that was asked for is told a moment after its answer (CONTRACT §2.10).
const SOON: Duration = Duration::from_millis(200);

/// The label of one request in all its messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Label {
    pub(crate) application: String,
    pub(crate) proc_id: u64,
}

impl Label {
    /// A label with a number of its own: above 2^32 and below 2^53, as clients know it.
    pub(crate) fn new(application: String) -> Self {
        let (least, most) = (1 << 32, 1 << 53);
        Self { application, proc_id: least + 1 + random() % (most - least - 1) }
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Feed {
    events: broadcast::Sender<Event>,
    allowance: u32,
    counted: Instant,
    progress: Option<Instant>,
}

impl Feed {
    pub(crate) fn new(events: broadcast::Sender<Event>) -> Self {
        Self { events, allowance: BURST, counted: Instant::now(), progress: None }
    }

    /// A sentence of Refit's own, to everybody.
    pub(crate) fn say(&self, label: &Label, text: &str, complete: bool) {
        self.send(label, display_line(text), complete, Audience::Everybody);
    }

    /// A sentence to one connection alone; over HTTP there is nobody to tell.
    pub(crate) fn say_to(&self, connection: Option<ConnectionId>, label: &Label, text: &str) {
        if let Some(connection) = connection {
            self.send(label, display_line(text), true, Audience::Only(connection));
        }
    }

    /// A line of a process; empty lines, most of a progress, and those of a flood are dropped.
    pub(crate) fn line(&mut self, label: &Label, line: &str) {
        let text = display_line(line);
        if text.is_empty() || (is_progress(&text) && !self.progress_is_due()) || !self.allow() {
            return;
        }
        self.send(label, text, false, Audience::Everybody);
    }

    /// The answer to a request of this connection has its place here.
    pub(crate) fn answered(&self, connection: Option<ConnectionId>) {
        if let Some(connection) = connection {
            self.emit(Event::Answered(connection));
        }
    }

    pub(crate) fn refreshed(&self) {
        self.emit(Event::Refreshed);
    }

    pub(crate) fn refreshed_soon(&self) {
        let events = self.events.clone();
        tokio::spawn(async move {
            tokio::time::sleep(SOON).await;
            // Without listeners there is nobody to tell.
            let _nobody = events.send(Event::Refreshed);
        });
    }

    pub(crate) fn printer(&self) {
        self.emit(Event::Printer);
    }

    fn progress_is_due(&mut self) -> bool {
        let due = self.progress.is_none_or(|last| last.elapsed() >= PROGRESS);
        if due {
            self.progress = Some(Instant::now());
        }
        due
    }

    fn allow(&mut self) -> bool {
        let earned = self.counted.elapsed().as_millis().saturating_mul(u128::from(PER_SECOND)) / 1000;
        if earned > 0 {
            self.counted = Instant::now();
            self.allowance = self.allowance.saturating_add(u32::try_from(earned).unwrap_or(BURST)).min(BURST);
        }
        let allowed = self.allowance > 0;
        self.allowance = self.allowance.saturating_sub(1);
        allowed
    }

    fn send(&self, label: &Label, message: String, complete: bool, audience: Audience) {
        let Label { application, proc_id } = label.clone();
        self.emit(Event::Run { message: RunMessage { application, proc_id, message, complete }, audience });
    }

    fn emit(&self, event: Event) {
        // Without listeners there is nobody to tell.
        let _nobody = self.events.send(event);
    }
}

/// Git's progress in between: a percentage that is not the end of its count (progress.c of git ends that with `done.`).
fn is_progress(text: &str) -> bool {
    text.contains("% (") && !text.ends_with("done.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_flood_of_lines_does_not_push_out_the_end() {
        let (events, mut heard) = broadcast::channel(BUFFER);
        let mut feed = Feed::new(events);
        let label = Label::new("klipper".to_owned());
        feed.say(&label, "Updating Application klipper...", false);
        for n in 0..100_000 {
            feed.line(&label, &format!("Receiving objects: {n}"));
        }
        feed.say(&label, "Git Repo klipper: Update Finished...", true);
        let mut messages = Vec::new();
        while let Ok(event) = heard.try_recv() {
            if let Event::Run { message, .. } = event {
                messages.push(message);
            }
        }
        assert_eq!(messages.first().map(|m| m.message.as_str()), Some("Updating Application klipper..."));
        assert!(messages.last().is_some_and(|m| m.complete));
        assert!(messages.iter().all(|m| m.proc_id > 1 << 32 && m.proc_id < 1 << 53));
    }

    #[tokio::test]
    async fn of_a_progress_the_end_is_told() {
        let (events, mut heard) = broadcast::channel(BUFFER);
        let mut feed = Feed::new(events);
        let label = Label::new("klipper".to_owned());
        for n in 1..=100 {
            feed.line(&label, &format!("Receiving objects: {n}% ({n}/100)"));
        }
        feed.line(&label, "Receiving objects: 100% (100/100), done.");
        feed.line(&label, "f.py | 1 +");
        let mut texts = Vec::new();
        while let Ok(Event::Run { message, .. }) = heard.try_recv() {
            texts.push(message.message);
        }
        assert!(texts.len() < 10, "{texts:?}");
        assert_eq!(texts[texts.len() - 2..], ["Receiving objects: 100% (100/100), done.", "f.py | 1 +"]);
    }
}
