//! One transaction from its making to its end. It gets one order; whoever asks again makes another one (a second order on a
//! transaction is the hole that PackageKit 1.3.5 closed).
//! Refuses to: wait without a deadline, or to take how it ended for a proof of what is installed.

use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use refit_engine::ports::Tell;
use tokio::time::{Instant, timeout};
use zbus::Connection;
use zbus::proxy::CacheProperties;

use super::event::{Event, listen};
use super::fault::{Fault, Said};
use super::others;
use super::package::{Info, PackageId};
use super::proxy::{DaemonProxy, TransactionProxy};
use super::told::Told;

/// How often a wait looks at the clock, and at who is in the way.
const TICK: Duration = Duration::from_secs(1);

/// `PkStatusEnum`, as far as it says that something else has to end first, or that all is over.
pub(super) mod status {
    pub(super) const WAIT: u32 = 1;
    pub(in crate::packagekit) const FINISHED: u32 = 18;
    pub(super) const WAITING_FOR_LOCK: u32 = 30;
    /// What takes long enough to be told about: removing, fetching lists, downloading, installing, updating, committing.
    pub(super) const WORK: [u32; 7] = [6, 7, 8, 9, 10, 16, 21];
}

/// `PkExitEnum`.
mod exit {
    pub(super) const SUCCESS: u32 = 1;
    pub(super) const CANCELLED: u32 = 3;
    pub(super) const KEY_REQUIRED: u32 = 4;
    pub(super) const KILLED: u32 = 6;
    pub(super) const NEED_UNTRUSTED: u32 = 8;
    pub(super) const CANCELLED_PRIORITY: u32 = 9;
    pub(super) const REPAIR_REQUIRED: u32 = 11;
}

/// What one is told to do.
#[derive(Debug, Clone)]
pub(super) enum Order<'a> {
    /// Fetch the lists; `true` even when they are young.
    Refresh(bool),
    /// List updates.
    Updates,
    /// Find names.
    Resolve(u64, &'a [&'a str]),
    /// Update, with these flags.
    Update(u64, Vec<&'a str>),
    /// Install, with these flags.
    Install(u64, Vec<&'a str>),
}

/// How long it is waited for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadlines {
    /// Another who has the system's packages locked.
    pub(super) patience: Duration,
    /// Without any signal.
    pub(super) stall: Duration,
}

/// What it told until its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// Every package it named, in order.
    pub(super) packages: Vec<(Info, PackageId)>,
    /// The machine has to be restarted.
    pub(super) reboot: bool,
}

/// Makes one, gives it its order, and stays with it to its end. `note` hears its path before it begins.
pub(super) async fn run(
    connection: &Connection,
    order: &Order<'_>,
    deadlines: Deadlines,
    tell: &Tell,
    note: &(dyn Fn(&str) + Send + Sync),
) -> Result<Report, Fault> {
    let begun = Instant::now();
    let mut told = Told::new(tell.clone());
    loop {
        let left = deadlines.patience.saturating_sub(begun.elapsed());
        match once(connection, order, Deadlines { patience: left, ..deadlines }, &mut told, note).await {
            Err(Fault::Said { said }) if said.is_lock() => {
                let who = match said.holder() {
                    Some(holder) => Some(holder),
                    None => in_the_way(connection, "").await,
                };
                if begun.elapsed() >= deadlines.patience {
                    return Err(Fault::Locked { who: named(who), waited: begun.elapsed() });
                }
                told.waiting(who);
                tokio::time::sleep(TICK).await;
            }
            Err(Fault::Locked { who, .. }) => return Err(Fault::Locked { who, waited: begun.elapsed() }),
            other => return other,
        }
    }
}

async fn once(
    connection: &Connection,
    order: &Order<'_>,
    deadlines: Deadlines,
    told: &mut Told,
    note: &(dyn Fn(&str) + Send + Sync),
) -> Result<Report, Fault> {
    let daemon = DaemonProxy::new(connection).await.map_err(Fault::from_bus)?;
    let path = daemon.create_transaction().await.map_err(Fault::from_bus)?;
    let events = listen(connection, path.as_str()).await?;
    let transaction = at(connection, path.as_str()).await?;
    let hints = ["locale=C.UTF-8", "background=false", "interactive=false"];
    transaction.set_hints(&hints).await.map_err(Fault::from_bus)?;
    note(path.as_str());
    let ordered = match order {
        Order::Refresh(force) => transaction.refresh_cache(*force).await,
        Order::Updates => transaction.get_updates(0).await,
        Order::Resolve(filter, names) => transaction.resolve(*filter, names).await,
        Order::Update(flags, ids) => transaction.update_packages(*flags, ids).await,
        Order::Install(flags, ids) => transaction.install_packages(*flags, ids).await,
    };
    ordered.map_err(Fault::from_bus)?;
    let watch = Watch { connection, transaction: &transaction, path: path.as_str(), deadlines };
    watch.to_the_end(events, status::WAIT, told).await
}

/// Stays with one that somebody else, or this daemon's predecessor, began; at once when it is over.
pub(super) async fn attach(
    connection: &Connection,
    path: &str,
    deadlines: Deadlines,
    told: &mut Told,
) -> Result<Report, Fault> {
    let events = match listen(connection, path).await {
        Ok(events) => events,
        // One that sleeps has nothing to do.
        Err(Fault::NotThere(_)) => return Ok(Report::default()),
        Err(fault) => return Err(fault),
    };
    let daemon = DaemonProxy::new(connection).await.map_err(Fault::from_bus)?;
    // After the listening has begun: what ends from now on is heard.
    let listed = daemon.get_transaction_list().await.map_err(Fault::from_bus)?;
    let transaction = at(connection, path).await?;
    let status = transaction.status().await;
    match status {
        Ok(status) if status != status::FINISHED && listed.iter().any(|one| one.as_str() == path) => {
            let watch = Watch { connection, transaction: &transaction, path, deadlines };
            watch.to_the_end(events, status, told).await
        }
        Ok(_) | Err(_) => Ok(Report::default()),
    }
}

async fn at<'a>(connection: &Connection, path: &str) -> Result<TransactionProxy<'a>, Fault> {
    let builder = TransactionProxy::builder(connection).path(path.to_owned()).cache_properties(CacheProperties::No);
    builder.build().await.map_err(Fault::from_bus)
}

/// Who is in the way of the transaction at `own`, in words.
async fn in_the_way(connection: &Connection, own: &str) -> Option<String> {
    let others = others::look(connection, own).await.unwrap_or_default();
    others.first().map(others::Other::in_words).or_else(others::lock_holder)
}

fn named(who: Option<String>) -> String {
    who.unwrap_or_else(|| "another package manager".to_owned())
}

struct Watch<'a> {
    connection: &'a Connection,
    transaction: &'a TransactionProxy<'a>,
    path: &'a str,
    deadlines: Deadlines,
}

impl Watch<'_> {
    async fn to_the_end(
        &self,
        mut events: impl Stream<Item = Event> + Send + Unpin,
        mut status: u32,
        told: &mut Told,
    ) -> Result<Report, Fault> {
        let mut report = Report::default();
        let mut said: Option<Said> = None;
        let (mut moved, mut waiting) = (Instant::now(), Instant::now());
        loop {
            let Ok(next) = timeout(TICK, events.next()).await else {
                self.tick(status, moved, waiting, told).await?;
                continue;
            };
            moved = Instant::now();
            match next {
                Some(Event::Package(info, id)) => {
                    told.package(info, &id);
                    report.packages.push((info, id));
                    status = if is_waiting(status) { 0 } else { status };
                }
                Some(Event::Error { code, details }) => said = said.or(Some(Said { code, details })),
                // SYSTEM, SECURITY_SYSTEM.
                Some(Event::Restart(kind)) => report.reboot |= matches!(kind, 4 | 6),
                Some(Event::Finished(how)) => return judged(how, said, report),
                Some(Event::Destroyed) => return judged(0, said, report),
                Some(Event::Status(now)) => {
                    if is_waiting(now) && !is_waiting(status) {
                        waiting = Instant::now();
                    }
                    if now != status {
                        told.begin_again();
                    }
                    status = now;
                }
                Some(Event::Percentage(percentage)) if status::WORK.contains(&status) => told.percentage(percentage),
                Some(Event::Percentage(_)) => {}
                Some(Event::Moved) => {}
                Some(Event::DaemonLeft) | None => return Err(Fault::Vanished),
            }
        }
    }

    /// A second without a signal: what is waited for, and is it still worth it?
    async fn tick(&self, status: u32, moved: Instant, waiting: Instant, told: &mut Told) -> Result<(), Fault> {
        if is_waiting(status) {
            let who = in_the_way(self.connection, self.path).await;
            if waiting.elapsed() >= self.deadlines.patience {
                // It has done nothing yet, and must not begin behind our back.
                let _refused = self.transaction.cancel().await;
                return Err(Fault::Locked { who: named(who), waited: waiting.elapsed() });
            }
            told.waiting(who);
        } else if moved.elapsed() >= self.deadlines.stall {
            // What can be ended is ended; an installation cannot, and goes on.
            let _refused = self.transaction.cancel().await;
            return Err(Fault::Stalled(self.deadlines.stall));
        }
        Ok(())
    }
}

fn is_waiting(status: u32) -> bool {
    matches!(status, status::WAIT | status::WAITING_FOR_LOCK)
}

/// What its end says.
fn judged(how: u32, said: Option<Said>, report: Report) -> Result<Report, Fault> {
    match (how, said) {
        (exit::SUCCESS, _) => Ok(report),
        (_, Some(said)) if said.is_refusal() => Err(Fault::Refused(said.details)),
        (_, Some(said)) => Err(Fault::Said { said }),
        (exit::CANCELLED | exit::CANCELLED_PRIORITY, None) => Err(Fault::Ended("it was cancelled")),
        (exit::KEY_REQUIRED | exit::NEED_UNTRUSTED, None) => {
            Err(Fault::Ended("it asks to trust a source that nobody vouches for, which Refit does not"))
        }
        (exit::KILLED, None) => Err(Fault::Ended("it was killed")),
        (exit::REPAIR_REQUIRED, None) => {
            Err(Fault::Ended("an earlier installation was cut off and has to be repaired"))
        }
        (0, None) => Err(Fault::Ended("it went away")),
        (_, None) => Err(Fault::Ended("it failed")),
    }
}
