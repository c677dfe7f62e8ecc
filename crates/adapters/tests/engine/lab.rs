//! An engine on a scripted machine, and what its listeners hear.

use std::time::Duration;

use refit_adapters::store::{Store, StoreOptions};
use refit_engine::handle::{Handle, RequestError};
use refit_engine::snapshot::Snapshot;
use refit_engine::{EngineSettings, start};
use refit_model::event::{Audience, Event};
use refit_model::printer::{Activity, KlippyState, Printer};
use refit_model::request::Request;
use refit_model::updater::Spec;
use tokio::sync::broadcast::Receiver;
use tokio::task::JoinHandle;

use crate::scripted::{CLOCK, Scripted, absent, caller, git};

/// Longer than anything here takes.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) async fn wait(handle: &Handle, met: impl FnMut(&Snapshot) -> bool) {
    let mut met = met;
    let mut watch = handle.watch();
    let waited = tokio::time::timeout(DEADLINE, watch.wait_for(|snapshot| met(snapshot))).await;
    assert!(waited.is_ok(), "never came to it: {:#?}", handle.snapshot());
}

pub(crate) struct Engine {
    pub(crate) handle: Handle,
    pub(crate) events: Receiver<Event>,
    pub(crate) machine: Scripted,
    pub(crate) store: Store,
    pub(crate) task: JoinHandle<()>,
    pub(crate) _folder: tempfile::TempDir,
}

pub(crate) async fn engine(machine: Scripted, specs: Vec<Spec>, settings: EngineSettings) -> Engine {
    let folder = refit_testkit::scratch::scratch();
    let options = StoreOptions { keep_history: 100, now: 0.0 };
    let store = Store::open(folder.path(), &options).unwrap().store;
    let (handle, task) = start(machine.clone(), store.clone(), CLOCK, specs, settings).await;
    let events = handle.subscribe();
    Engine { handle, events, machine, store, task, _folder: folder }
}

impl Engine {
    pub(crate) async fn ready(behind: &[&str]) -> Self {
        let specs = vec![git("moonraker"), absent("klipper"), git("one"), git("two")];
        let mut engine = engine(Scripted::new(behind), specs, EngineSettings::default()).await;
        wait(&engine.handle, |snapshot| snapshot.initialized).await;
        engine.next(|event| matches!(event, Event::Refreshed)).await;
        engine
    }

    pub(crate) async fn submit(&self, request: Request) -> Result<(), RequestError> {
        tokio::time::timeout(DEADLINE, self.handle.submit(request, caller())).await.unwrap()
    }

    /// The next event of a kind; others before it are skipped.
    pub(crate) async fn next(&mut self, wanted: impl Fn(&Event) -> bool) -> Event {
        loop {
            let event = tokio::time::timeout(DEADLINE, self.events.recv()).await.expect("no such event").unwrap();
            if wanted(&event) {
                return event;
            }
        }
    }

    /// The messages up to the one that completes, without the lines of processes.
    pub(crate) async fn sequence(&mut self) -> Vec<(String, String, bool, Audience)> {
        let mut sequence = Vec::new();
        let mut ids = Vec::new();
        loop {
            let event = self.next(|event| matches!(event, Event::Run { .. })).await;
            let Event::Run { message, audience } = event else { unreachable!() };
            ids.push(message.proc_id);
            assert!(ids.iter().all(|id| *id == message.proc_id && *id > 1 << 32 && *id < 1 << 53));
            if !message.message.starts_with("working:") {
                sequence.push((message.application, message.message, message.complete, audience));
            }
            if message.complete {
                return sequence;
            }
        }
    }

    /// The messages to the caller alone, up to the last.
    pub(crate) async fn texts_of_caller(&mut self, application: &str) -> Vec<String> {
        let sequence = self.sequence().await;
        assert!(sequence.iter().all(|(app, _, _, to)| app == application && matches!(to, Audience::Only(_))));
        sequence.into_iter().map(|(_, text, _, _)| text).collect()
    }

    pub(crate) async fn texts(&mut self, application: &str) -> Vec<String> {
        let sequence = self.sequence().await;
        assert!(sequence.iter().all(|(app, _, _, audience)| app == application && *audience == Audience::Everybody));
        assert!(sequence.iter().rev().skip(1).all(|(_, _, complete, _)| !complete));
        sequence.into_iter().map(|(_, text, _, _)| text).collect()
    }
}

pub(crate) fn printing() -> Printer {
    Printer { state: KlippyState::Ready, activity: Activity::Paused, ..Printer::default() }
}

pub(crate) fn upgrade(name: &str) -> Request {
    Request::Upgrade { name: name.to_owned(), consent: false }
}

pub(crate) fn recovery(name: &str) -> Request {
    Request::Recover { name: name.to_owned(), hard: false, update_deps: false }
}

pub(crate) fn rollback(name: &str) -> Request {
    Request::Rollback { name: name.to_owned() }
}
