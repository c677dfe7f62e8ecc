//! What Refit adds about what is held back or skipped, and about an update of everything.
//! Refuses to: decide anything; a shape says what the model says.

use refit_engine::snapshot::{Full, Snapshot};
use refit_model::name::UpdaterName;
use serde::Serialize;

/// Of one entry.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Holding<'a> {
    /// `configuration`, `request`, or null: not held back.
    held: Option<&'static str>,
    /// The version to skip.
    skipped: Option<&'a str>,
}

impl<'a> Holding<'a> {
    pub(super) fn of(snapshot: &'a Snapshot, name: &UpdaterName) -> Self {
        Self {
            held: snapshot.holds.held(name).map(refit_model::hold::HeldBy::as_str),
            skipped: snapshot.holds.skipped(name),
        }
    }
}

/// The update of everything that runs, or the last one since the start; each updater is in one of the lists.
#[derive(Serialize)]
pub(super) struct FullShape<'a> {
    done: &'a [UpdaterName],
    running: Option<&'a UpdaterName>,
    waiting: &'a [UpdaterName],
    failed: Vec<Failed<'a>>,
    passed_by: &'a [UpdaterName],
}

#[derive(Serialize)]
struct Failed<'a> {
    name: &'a UpdaterName,
    message: &'a str,
}

impl<'a> From<&'a Full> for FullShape<'a> {
    fn from(full: &'a Full) -> Self {
        Self {
            done: &full.done,
            running: full.running.as_ref(),
            waiting: &full.waiting,
            failed: full.failed.iter().map(|(name, message)| Failed { name, message }).collect(),
            passed_by: &full.passed_by,
        }
    }
}
