//! What can be asked for, and by whom. The same values whichever door the question came through.
//! Refuses to: know about HTTP or JSON-RPC.

use serde::{Deserialize, Serialize};

use crate::name::ConnectionId;

/// A question that waits in the engine's queue. Names are still plain text here, because asking for an unknown name
/// is answered by the engine with the documented refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    /// `machine.update.refresh`: look at one or all updaters again, remote included.
    Refresh {
        /// One updater, or all.
        name: Option<String>,
    },
    /// The deprecated `refresh=true` of `machine.update.status`: ignored in the states of CONTRACT §2.1.
    StatusRefresh,
    /// `machine.update.{upgrade,client,klipper,moonraker,system}`: one updater.
    Upgrade {
        /// The updater; the empty string is a name that nobody has.
        name: String,
        /// Do it even if this version is to be skipped, or packages of the system would be removed.
        #[serde(default)]
        consent: bool,
    },
    /// `machine.update.full`, and `upgrade`/`client` without a name: everything, in the documented order.
    Full,
    /// `machine.update.recover`.
    Recover {
        /// The updater.
        name: String,
        /// Clone again instead of resetting.
        hard: bool,
        /// Reinstall all dependencies, not only new ones.
        update_deps: bool,
    },
    /// `machine.update.rollback`.
    Rollback {
        /// The updater.
        name: String,
    },
}

impl Request {
    /// The `application` that notifications of this request carry (CONTRACT §2.9); `None` for refreshes.
    #[must_use]
    pub fn application(&self) -> Option<String> {
        match self {
            Self::Refresh { .. } | Self::StatusRefresh => None,
            Self::Upgrade { name, .. } => Some(name.clone()),
            Self::Full => Some("full".to_owned()),
            Self::Recover { name, .. } => Some(format!("recover_{name}")),
            Self::Rollback { name } => Some(format!("rollback_{name}")),
        }
    }
}

impl Request {
    /// A recovery that asks the package managers for everything again (CONTRACT §2.7).
    #[must_use]
    pub fn updates_dependencies(&self) -> bool {
        match self {
            Self::Recover { update_deps, .. } => *update_deps,
            Self::Refresh { .. } | Self::StatusRefresh | Self::Upgrade { .. } | Self::Full | Self::Rollback { .. } => {
                false
            }
        }
    }
}

impl Request {
    /// What is not done without asking may be done: a skipped version, the removal of packages.
    #[must_use]
    pub fn consents(&self) -> bool {
        match self {
            Self::Upgrade { consent, .. } => *consent,
            Self::Refresh { .. } | Self::StatusRefresh | Self::Full | Self::Recover { .. } | Self::Rollback { .. } => {
                false
            }
        }
    }
}

/// What an update of everything is to pass by: answered at once, whatever waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldRequest {
    /// `refit.hold`: hold it back until further notice.
    Hold {
        /// The updater.
        name: String,
    },
    /// `refit.unhold`: neither hold it back nor skip any version of it.
    Unhold {
        /// The updater.
        name: String,
    },
    /// `refit.skip`: skip one version.
    Skip {
        /// The updater.
        name: String,
        /// As the status shows it; the one that is offered when absent.
        version: Option<String>,
    },
}

impl HoldRequest {
    /// The updater that it is about.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Hold { name } | Self::Unhold { name } | Self::Skip { name, .. } => name,
        }
    }
}

/// The door a question came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// A plain HTTP request, JSON-RPC over HTTP included.
    Http,
    /// A WebSocket.
    WebSocket,
    /// The Unix socket.
    UnixSocket,
    /// The command line without a daemon (`refit rescue`).
    Rescue,
    /// Refit itself: the schedule.
    Schedule,
}

/// Who asked. Kept in the history of runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// Through which door.
    pub door: Door,
    /// The connection to tell what concerns this caller alone (CONTRACT §8 row 4); none over HTTP.
    pub connection: Option<ConnectionId>,
    /// For people: client name and version, address or user.
    pub who: String,
}
