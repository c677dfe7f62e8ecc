//! A Moonraker whose own update manager looks after what Refit looks after: the two do not know of each other's work.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use super::{Finding, Patient};

/// Another update manager, by its configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// Its configuration file.
    pub config: PathBuf,
    /// The names of what both look after.
    pub shared: Vec<String>,
}

pub(super) fn look(patient: &Patient<'_>) -> Vec<Finding> {
    const CHECK: &str = "moonraker";
    // It makes this socket when it starts, and leaves it behind when it is killed.
    let runs = UnixStream::connect(patient.data.join("comms/moonraker.sock")).is_ok();
    let mut findings: Vec<Finding> = patient.neighbours.iter().map(|neighbour| judge(neighbour, runs)).collect();
    if findings.is_empty() && runs {
        findings.push(Finding::fine(CHECK, "Moonraker runs, and leaves the updates to Refit"));
    }
    findings
}

fn judge(neighbour: &Neighbour, runs: bool) -> Finding {
    const CHECK: &str = "moonraker";
    let what = names(&neighbour.shared);
    let config = shown(&neighbour.config);
    if !runs {
        return Finding::note(
            CHECK,
            format!("Moonraker does not run; when it does, it looks after {what} too ({config})"),
        );
    }
    Finding::warning(
        CHECK,
        format!("Moonraker's own update manager looks after the same software as Refit: {what} ({config})"),
        "Move the sections [update_manager …] from there to refit.conf, all of them, and restart Moonraker; until then, \
         update from one of the two only",
    )
}

fn names(shared: &[String]) -> String {
    match shared {
        [] => "the same software".to_owned(),
        names => names.join(", "),
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
