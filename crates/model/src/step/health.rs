//! Steps that look how things are, around what may make them sick.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::health::Declared;
use crate::journal::Witness;
use crate::name::UpdaterName;

/// What an update can make sick, and is asked for that reason.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// Units that are restarted, without `.service`.
    pub units: Vec<String>,
    /// The printer, over its socket: klipper is restarted.
    pub printer: bool,
    /// Moonraker, over HTTP: it is restarted.
    pub moonraker: bool,
    /// The folder of a web front end.
    pub front_end: Option<PathBuf>,
    /// What the owner declared.
    pub declared: Vec<Declared>,
}

/// Steps on health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum HealthStep {
    /// Notes how everything is before anything of it changes. What it saw is its witness: the baseline.
    Record {
        /// Whose.
        updater: UpdaterName,
        /// What is looked at.
        watched: Watched,
        /// What was recorded before, by those whose change is put to the test here: what was well then has to be well.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        earlier: Vec<Witness>,
    },
    /// Waits until everything is at least as well as it was recorded. Gets the baseline from the journal.
    Check {
        /// Whose.
        updater: UpdaterName,
        /// What messages begin with.
        title: String,
        /// What is looked at.
        watched: Watched,
        /// What it means when it is worse.
        sick: Sick,
    },
}

/// What it means when something is worse.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sick {
    /// The step fails, and everything is taken back.
    #[default]
    TakeBack,
    /// It is told: somebody wanted exactly this version, or there is no better one to go back to.
    Tell,
}

impl HealthStep {
    /// One sentence for people.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Record { watched, .. } => format!("note how well everything is: {}", watched.in_words()),
            Self::Check { watched, sick: Sick::TakeBack, .. } => {
                format!("check that everything is as well as before: {}", watched.in_words())
            }
            Self::Check { watched, sick: Sick::Tell, .. } => {
                format!("look how well everything is now: {}", watched.in_words())
            }
        }
    }
}

impl Watched {
    /// Nothing is asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.units.is_empty()
            && !self.printer
            && !self.moonraker
            && self.front_end.is_none()
            && self.declared.is_empty()
    }

    fn in_words(&self) -> String {
        let units = self.units.iter().map(|unit| format!("service {unit}"));
        let printer = self.printer.then(|| "Klipper".to_owned());
        let moonraker = self.moonraker.then(|| "Moonraker".to_owned());
        let page = self.front_end.as_ref().map(|folder| folder.join("index.html").display().to_string());
        let declared = self.declared.iter().map(|declared| declared.check.to_string());
        let all: Vec<String> = units.chain(printer).chain(moonraker).chain(page).chain(declared).collect();
        all.join(", ")
    }
}
