//! How a unit stands: what a service manager says of it, in systemd's words whoever it is.
//! Refuses to: ask anybody.

use serde::{Deserialize, Serialize};

/// How a unit stands. Kept in the journal as the witness of an observation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Standing {
    /// `loaded`; `not-found` where there is no such unit.
    pub(crate) load: String,
    /// `active`, `activating`, `inactive`, `failed` …
    pub(crate) active: String,
    /// `running`, `auto-restart` …
    pub(crate) sub: String,
    /// Why it stands so: `success`, `exit-code` …
    pub(crate) result: String,
    /// `oneshot`, `simple` …
    pub(crate) kind: String,
    /// Names one start of it.
    pub(crate) invocation: String,
    /// How often it was started again by itself.
    pub(crate) restarts: String,
}

impl Standing {
    /// There is such a unit, and it may be started.
    pub(crate) fn exists(&self) -> bool {
        !matches!(self.load.as_str(), "not-found" | "masked" | "")
    }

    /// It does what it is there for; one that works and ends may have done so already.
    pub(crate) fn is_up(&self) -> bool {
        self.active == "active" || (self.kind == "oneshot" && self.active == "inactive" && self.result == "success")
    }

    /// For people: `active, running`; `failed, exit-code`.
    pub(crate) fn in_words(&self) -> String {
        match (self.active.as_str(), self.result.as_str()) {
            (active, "success" | "") => format!("{active}, {}", self.sub),
            (active, result) => format!("{active}, {result}"),
        }
    }
}
