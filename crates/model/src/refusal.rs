//! Why a request was not done, in the documented words. Up to date, refused and deferred are outcomes, not errors.
//! Refuses to: know status codes of transports; `server::fault` maps [`Refusal::kind`] once.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::name::UpdaterName;

/// A request that was refused before anything was touched. The texts are CONTRACT §2.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum Refusal {
    /// An update while the printer is busy (§2.0, §8 rows 2, 6, 19).
    #[error("Update Refused: Klippy is printing")]
    UpdateWhilePrinting,
    /// A recovery while the printer is busy.
    #[error("Recovery Attempt Refused: Klippy is printing")]
    RecoverWhilePrinting,
    /// A rollback while the printer is busy.
    #[error("Rollback Attempt Refused: Klippy is printing")]
    RollbackWhilePrinting,
    /// The updater is being updated right now, or a full update runs.
    #[error("Item {0} is currently updating")]
    CurrentlyUpdating(String),
    /// No such updater (upgrade, recover, rollback).
    #[error("Updater {0} not available")]
    NotAvailable(String),
    /// No such updater (refresh).
    #[error("No updater registered for '{0}'")]
    NotRegistered(String),
    /// A refresh while printing, updating or starting.
    #[error("Server is busy, cannot perform refresh")]
    BusyForRefresh,
    /// `recover` for a type without repository.
    #[error("Updater {0} is not a Git Repo Type")]
    NotGit(UpdaterName),
    /// A rollback without a recorded previous version.
    #[error("Incomplete rollback data stored, cannot rollback")]
    IncompleteRollback,
    /// A rollback of something that cannot be rolled back.
    #[error("Rollback not available for {0}")]
    RollbackNotAvailable(UpdaterName),
    /// The assessment says that the request cannot be done; the text is the documented one of §2.12, with its prefix.
    #[error("{0}")]
    Unfit(String),
    /// An explicit update to a version that is to be skipped.
    #[error(
        "{name} is to skip version {version}. To install it all the same, consent: `refit upgrade {name} --consent`, or \
         the argument `consent: true` of the request"
    )]
    Skipped {
        /// The updater.
        name: UpdaterName,
        /// As the status shows it.
        version: String,
    },
    /// `unhold` of what the configuration holds back.
    #[error("{name} is held back by the option 'hold' of {place}. Take the line out there and restart Refit")]
    HeldByConfiguration {
        /// The updater.
        name: UpdaterName,
        /// The section, with file and line.
        place: String,
    },
    /// More requests wait than anybody could have meant.
    #[error("Too many requests are waiting, ask again later")]
    TooManyWaiting,
    /// Refit is shutting down or has been told to accept nothing.
    #[error("Refit is shutting down, ask again when it is back")]
    ShuttingDown,
}

/// The few classes a transport distinguishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// Not now: 503.
    Busy,
    /// Wrong request or unfit state: 400.
    BadRequest,
    /// Unknown name: 404, and -32601 over JSON-RPC.
    NotFound,
    /// The work itself failed: 500.
    Failed,
}

impl Refusal {
    /// Which class this refusal is (CONTRACT §2.0: recover and rollback answer 400 while printing).
    #[must_use]
    pub fn kind(&self) -> RefusalKind {
        match self {
            Self::UpdateWhilePrinting
            | Self::CurrentlyUpdating(_)
            | Self::BusyForRefresh
            | Self::TooManyWaiting
            | Self::ShuttingDown => RefusalKind::Busy,
            Self::NotAvailable(_) => RefusalKind::NotFound,
            Self::RecoverWhilePrinting
            | Self::RollbackWhilePrinting
            | Self::NotRegistered(_)
            | Self::NotGit(_)
            | Self::IncompleteRollback
            | Self::RollbackNotAvailable(_)
            | Self::Unfit(_)
            | Self::Skipped { .. }
            | Self::HeldByConfiguration { .. } => RefusalKind::BadRequest,
        }
    }
}
