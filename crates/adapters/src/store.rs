//! The state folder: journal, history and facts in one SQLite file, owned by one thread. Every append is on disk when it
//! returns; facts may lose the last seconds of a power cut, since they are looked up again.
//! Refuses to: be opened twice; to guess what a damaged file meant: it is set aside with a name, and that is said.

use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::thread;

use refit_engine::ports::{Journal, JournalError};
use refit_model::journal::{Entry, RunRecord};
use refit_model::name::{RunId, UpdaterName};
use refit_model::plan::Plan;
use refit_model::request::Caller;
use refit_model::updater::Facts;
use tokio::sync::oneshot;

use crate::fault::FaultPlan;

mod facts;
mod open;
mod reserve;
mod runs;
mod schema;
mod words;

pub use open::{Opened, SetAside, StoreError, StoreOptions, holder};

/// Small on purpose: nothing here recurses, and the boards have little memory.
const STACK: usize = 512 * 1024;

type Deed = Box<dyn FnOnce(&mut Desk) + Send>;

/// The open state folder. Cheap to clone; the last one closes it.
#[derive(Debug, Clone)]
pub struct Store {
    thread: Arc<Thread>,
    faults: FaultPlan,
}

/// What the thread holds.
struct Desk {
    connection: rusqlite::Connection,
    folder: PathBuf,
    keep_history: u32,
    /// Released when it is dropped, or when the process dies.
    _lock: std::fs::File,
}

#[derive(Debug)]
struct Thread {
    deeds: Option<mpsc::Sender<Deed>>,
    handle: Option<thread::JoinHandle<()>>,
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.deeds = None;
        if let Some(handle) = self.handle.take() {
            // Waits for the file to be closed, so that the next one can open it.
            let _panicked = handle.join();
        }
    }
}

impl Store {
    /// Puts an open file into the hands of its thread.
    fn begin(mut desk: Desk) -> std::io::Result<Self> {
        let (deeds, taken) = mpsc::channel::<Deed>();
        let handle = thread::Builder::new().name("store".to_owned()).stack_size(STACK).spawn(move || {
            while let Ok(deed) = taken.recv() {
                deed(&mut desk);
            }
        })?;
        let thread = Arc::new(Thread { deeds: Some(deeds), handle: Some(handle) });
        Ok(Self { thread, faults: FaultPlan::none() })
    }

    /// The same store, killed or halted around its writes where a test says so.
    #[must_use]
    pub fn with_faults(self, faults: FaultPlan) -> Self {
        Self { faults, ..self }
    }

    async fn ask<T: Send + 'static>(
        &self,
        deed: &'static str,
        act: impl FnOnce(&mut Desk) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, JournalError> {
        let (answer, wait) = oneshot::channel();
        let job: Deed = Box::new(move |desk| {
            let result = act(desk).map_err(|error| words::journal_error(deed, &error, &desk.folder));
            // Who hung up does not want to know; the deed was done all the same.
            let _gone = answer.send(result);
        });
        let closed = || JournalError { deed, cause: "the state folder was closed".to_owned() };
        let deeds = self.thread.deeds.as_ref().ok_or_else(closed)?;
        deeds.send(job).map_err(|_| closed())?;
        wait.await.map_err(|_| closed())?
    }
}

impl Journal for Store {
    async fn begin(&self, plan: &Plan, caller: &Caller, boot_id: &str, at: f64) -> Result<RunId, JournalError> {
        let (plan, caller, boot_id) = (plan.clone(), caller.clone(), boot_id.to_owned());
        self.faults.reach("journal.begin.before");
        let begun =
            self.ask("written", move |desk| runs::begin(&mut desk.connection, &plan, &caller, &boot_id, at)).await;
        self.faults.reach("journal.begin.after");
        begun
    }

    async fn append(&self, run: RunId, at: f64, entry: &Entry) -> Result<(), JournalError> {
        let entry = entry.clone();
        self.faults.reach("journal.append.before");
        let appended = self.ask("written", move |desk| {
            runs::append(&mut desk.connection, run, at, &entry)?;
            if let Entry::Ended { .. } = entry {
                desk.tidy();
            }
            Ok(())
        });
        let appended = appended.await;
        self.faults.reach("journal.append.after");
        appended
    }

    async fn unfinished(&self) -> Result<Vec<RunRecord>, JournalError> {
        self.ask("read", |desk| runs::unfinished(&desk.connection)).await
    }

    async fn history(&self, updater: Option<&UpdaterName>, limit: usize) -> Result<Vec<RunRecord>, JournalError> {
        let updater = updater.cloned();
        self.ask("read", move |desk| runs::history(&desk.connection, updater.as_ref(), limit)).await
    }

    async fn facts(&self, updater: &UpdaterName) -> Option<Facts> {
        let name = updater.clone();
        self.ask("read", move |desk| facts::load(&desk.connection, &name)).await.unwrap_or_else(|error| {
            tracing::warn!(%updater, %error, "what was known cannot be read and is looked up again");
            None
        })
    }

    async fn keep_facts(&self, updater: &UpdaterName, facts: &Facts) -> Result<(), JournalError> {
        let (updater, facts) = (updater.clone(), facts.clone());
        self.ask("written", move |desk| facts::keep(&mut desk.connection, &updater, &facts)).await
    }

    async fn prune_facts(&self, known: &[UpdaterName]) -> Result<(), JournalError> {
        let known = known.to_vec();
        self.ask("written", move |desk| facts::prune(&mut desk.connection, &known)).await
    }

    async fn unaccounted(&self) -> Result<Vec<RunRecord>, JournalError> {
        self.ask("read", |desk| runs::unaccounted(&desk.connection)).await
    }

    async fn remember(&self, key: &'static str, value: &str) -> Result<(), JournalError> {
        let value = value.to_owned();
        self.ask("written", move |desk| facts::remember(&desk.connection, key, &value)).await
    }

    async fn recall(&self, key: &'static str) -> Option<String> {
        self.ask("read", move |desk| facts::recall(&desk.connection, key)).await.unwrap_or_else(|error| {
            tracing::warn!(key, %error, "a remembered value cannot be read");
            None
        })
    }

    async fn release_reserve(&self) {
        let freed = self.ask("written", |desk| {
            reserve::release(&desk.folder);
            Ok(())
        });
        if let Err(error) = freed.await {
            tracing::error!(%error, "the reserved space cannot be freed");
        }
    }
}

impl Desk {
    /// After a run: forgets the oldest history, and reserves again what was freed. Neither must succeed now.
    fn tidy(&mut self) {
        if let Err(error) = runs::prune(&mut self.connection, self.keep_history) {
            tracing::warn!(%error, "old history stays for now");
        }
        reserve::keep(&self.folder);
    }
}
