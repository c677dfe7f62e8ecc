//! Health: what was seen of the things that an update can make sick, before and after it, and whether it is worse now.
//!
//! The rule is "no worse than before": what was sick before the update cannot be made sick by it, and is only told. A crash
//! is believed at once; everything else is asked when the services have settled, and what may still come (a printer that
//! starts) is waited for.
//! Refuses to: look at anything (`adapters::health` does), and to decide what is done about it (`engine::run` does).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::printer::KlippyState;

mod declared;
mod earlier;
mod judge;
mod words;

pub(crate) use declared::LONGEST_PATIENCE;
pub use declared::{BadCheck, Declared, DeclaredCheck, HealthSpec, HealthUrl, ProgramPath, UnitName};
pub use judge::{Moment, Starts, Verdict, judge};
pub use words::{STILL_SICK, one_line, taken_back};

/// How long the outside may take until it is as well as before: a printer connects to its boards, a server loads its parts.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// What was seen at one time. A part that is none was not asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Units that exist, without `.service`.
    #[serde(default)]
    pub units: BTreeMap<String, UnitSeen>,
    /// The printer, over its socket.
    #[serde(default)]
    pub printer: Option<PrinterSeen>,
    /// Moonraker, over HTTP.
    #[serde(default)]
    pub moonraker: Option<MoonrakerSeen>,
    /// A web front end's first page.
    #[serde(default)]
    pub front_end: Option<FrontEndSeen>,
    /// The declared checks by their own words.
    #[serde(default)]
    pub declared: BTreeMap<String, DeclaredSeen>,
}

/// A unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitSeen {
    /// How it stands.
    pub state: UnitState,
    /// The same in systemd's words: `failed, exit-code`.
    pub words: String,
    /// Names one start of it.
    pub invocation: String,
    /// How often it was started again by itself since somebody started it.
    pub restarts: u32,
}

/// How a unit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitState {
    /// It does what it is there for.
    Up,
    /// It is being started.
    Coming,
    /// It does not run, and did not fail.
    Idle,
    /// It failed, or waits to be started again after it crashed.
    Down,
}

/// What klippy answers to `info`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrinterSeen {
    /// Disconnected when there is no answer.
    pub state: KlippyState,
    /// Its own explanation, on one line.
    pub message: String,
}

/// What Moonraker answers to `/server/info`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "moonraker", rename_all = "snake_case")]
pub enum MoonrakerSeen {
    /// It does not answer.
    Gone {
        /// Why not.
        why: String,
    },
    /// It answers, and tells Refit nothing: it asks for a login, say.
    Silent {
        /// The HTTP status.
        status: u16,
    },
    /// It answers.
    Answers {
        /// `failed_components`
        failed: BTreeSet<String>,
        /// `warnings`
        warnings: Vec<String>,
        /// Its WebSocket can be opened.
        websocket: bool,
    },
}

/// A web front end's `index.html`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "front_end", rename_all = "snake_case")]
pub enum FrontEndSeen {
    /// There is none.
    NoIndex,
    /// It is there.
    Index {
        /// The files that it refers to and that are not there.
        missing: BTreeSet<String>,
    },
}

/// What came of a declared check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclaredSeen {
    /// It passes.
    pub well: bool,
    /// What was seen: `it answered 500`.
    pub words: String,
    /// How many seconds it may take until it passes.
    pub patience: u32,
}

/// What came of taking an update back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aftermath {
    /// Everything is as well as before the update.
    pub well: bool,
    /// What was seen, in words: `Klipper is ready`; empty when there is nothing to say.
    pub words: String,
}

#[cfg(test)]
#[path = "health/tests.rs"]
mod tests;
