//! Cuts the power at the n-th instant: before and after every write of the journal, before and after every effect of a
//! step. What is cut never goes on; who waits for the cut is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use refit_engine::ports::{Journal, JournalError};
use refit_model::journal::{Entry, RunRecord};
use refit_model::name::{RunId, UpdaterName};
use refit_model::plan::Plan;
use refit_model::request::Caller;
use refit_model::updater::Facts;
use tokio::sync::Notify;

/// See the module.
#[derive(Clone)]
pub(crate) struct Fuse {
    left: Arc<AtomicUsize>,
    blown: Arc<Notify>,
}

impl Fuse {
    pub(crate) fn at(instant: usize) -> Self {
        Self { left: Arc::new(AtomicUsize::new(instant)), blown: Arc::default() }
    }

    pub(crate) fn never() -> Self {
        Self::at(usize::MAX)
    }

    /// One instant passes; the last one never ends.
    pub(crate) async fn burn(&self) {
        if self.left.fetch_sub(1, Ordering::SeqCst) <= 1 {
            self.left.store(0, Ordering::SeqCst);
            self.blown.notify_one();
            std::future::pending::<()>().await;
        }
    }

    /// Runs something until it ends or the power goes; none when it went.
    pub(crate) async fn until_cut<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.blown.notified() => None,
        }
    }
}

/// A journal that the power is cut under, or whose disk is full from one write on.
#[derive(Clone)]
pub(crate) struct Cuttable<J> {
    pub(crate) journal: J,
    pub(crate) fuse: Fuse,
    /// Writes that succeed still.
    pub(crate) room: Arc<AtomicUsize>,
    /// Writes that the reserve is good for.
    pub(crate) reserve: Arc<AtomicUsize>,
    /// A write found no room.
    pub(crate) full: Arc<AtomicBool>,
}

impl<J> Cuttable<J> {
    pub(crate) fn new(journal: J, fuse: Fuse) -> Self {
        Self {
            journal,
            fuse,
            room: Arc::new(AtomicUsize::new(usize::MAX)),
            reserve: Arc::default(),
            full: Arc::default(),
        }
    }

    fn takes_room(&self) -> Result<(), JournalError> {
        let taken = self.room.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |room| room.checked_sub(1));
        self.full.fetch_or(taken.is_err(), Ordering::SeqCst);
        taken.map(|_| ()).map_err(|_| JournalError { deed: "written", cause: "the disk is full".to_owned() })
    }
}

impl<J: Journal> Journal for Cuttable<J> {
    async fn begin(&self, plan: &Plan, caller: &Caller, boot_id: &str, at: f64) -> Result<RunId, JournalError> {
        self.fuse.burn().await;
        self.takes_room()?;
        let id = self.journal.begin(plan, caller, boot_id, at).await;
        self.fuse.burn().await;
        id
    }

    async fn append(&self, run: RunId, at: f64, entry: &Entry) -> Result<(), JournalError> {
        self.fuse.burn().await;
        self.takes_room()?;
        self.journal.append(run, at, entry).await?;
        self.fuse.burn().await;
        Ok(())
    }

    async fn unfinished(&self) -> Result<Vec<RunRecord>, JournalError> {
        self.journal.unfinished().await
    }

    async fn history(&self, updater: Option<&UpdaterName>, limit: usize) -> Result<Vec<RunRecord>, JournalError> {
        self.journal.history(updater, limit).await
    }

    async fn facts(&self, updater: &UpdaterName) -> Option<Facts> {
        self.journal.facts(updater).await
    }

    async fn keep_facts(&self, updater: &UpdaterName, facts: &Facts) -> Result<(), JournalError> {
        self.fuse.burn().await;
        self.journal.keep_facts(updater, facts).await?;
        self.fuse.burn().await;
        Ok(())
    }

    async fn prune_facts(&self, known: &[UpdaterName]) -> Result<(), JournalError> {
        self.journal.prune_facts(known).await
    }

    async fn unaccounted(&self) -> Result<Vec<RunRecord>, JournalError> {
        self.journal.unaccounted().await
    }

    async fn remember(&self, key: &'static str, value: &str) -> Result<(), JournalError> {
        self.journal.remember(key, value).await
    }

    async fn recall(&self, key: &'static str) -> Option<String> {
        self.journal.recall(key).await
    }

    async fn release_reserve(&self) {
        let reserve = self.reserve.swap(0, Ordering::SeqCst);
        let _room = self.room.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |room| room.checked_add(reserve));
        self.journal.release_reserve().await;
    }
}
