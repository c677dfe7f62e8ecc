//! What is done to a service, and what can stand in its way, whoever is asked for it.
//! Refuses to: do it.

use std::time::Duration;

use super::name::BadName;
use crate::root_helper::Verb;

/// A restart waits for the stop and the start, which systemd gives 90 s each unless a unit says otherwise.
pub(super) const LONGEST_DEED: Duration = Duration::from_secs(300);

/// What is done to a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Restart,
    Stop,
}

impl Deed {
    pub(super) fn verb(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::Stop => "stop",
        }
    }

    pub(super) fn helpers_verb(self) -> Verb {
        match self {
            Self::Restart => Verb::Restart,
            Self::Stop => Verb::Stop,
        }
    }
}

/// Whether the end of a deed is waited for. What restarts Refit itself cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    UntilDone,
    Not,
}

/// Why a service manager did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It cannot be asked this way at all; another way may be open.
    Absent(String),
    /// It wants another one to ask, or a password.
    Denied,
    /// It tried, or would not; its own words.
    Failed(String),
    /// There is no service of such a name.
    Name(BadName),
}

impl From<BadName> for Trouble {
    fn from(bad: BadName) -> Self {
        Self::Name(bad)
    }
}

/// A service that may be an instance of klipper or moonraker, and what tells where it runs from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Without `.service`.
    pub(super) unit: String,
    /// It runs, is on its way, or failed: not only lies there.
    pub(super) in_use: bool,
    /// The paths in its command line and its working folder.
    pub(super) paths: Vec<String>,
    /// Its main process, where there is one.
    pub(super) pid: Option<u32>,
}
