//! Looks at the machine for what keeps Refit from working, or soon will, and says of each finding what to do about it.
//! Works without a running Refit, and without a configuration that can be used.
//! Refuses to: change anything, or to ask the network.
//!
//! | file | what it looks at |
//! |---|---|
//! | `places` | the state folder, the running Refit, the folders of what is looked after |
//! | `rights` | how services are restarted and packages installed: bus, polkit, PackageKit, the root helper, sudo |
//! | `tools` | git, Python, Node |
//! | `room` | file systems: space, files, read-only |
//! | `system` | the clock, namespaces, dpkg, a reboot that is due |
//! | `neighbours` | a Moonraker that looks after the same software |

use std::path::{Path, PathBuf};

use refit_model::updater::Spec;
use rustix::process::geteuid;

use crate::bus::Bus;
use crate::command::Surroundings;
use crate::root_helper::RootHelper;

mod neighbours;
mod owner;
mod places;
mod rights;
mod room;
mod system;
mod tools;

pub use neighbours::Neighbour;
use owner::Owner;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Fine,
    /// Worth knowing.
    Note,
    /// Works, but not as well as it could, or not for long.
    Warning,
    /// Keeps Refit from working.
    Trouble,
}

impl Level {
    /// The word for it, on every face.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Trouble => "trouble",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at, one word: `git`, `polkit`, `disk`. Never changes its meaning.
    pub check: &'static str,
    /// How it stands.
    pub level: Level,
    /// What was found, one sentence.
    pub found: String,
    /// What to do about it; none where nothing is to be done.
    pub remedy: Option<String>,
}

impl Finding {
    /// As it should be.
    pub fn fine(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, level: Level::Fine, found: found.into(), remedy: None }
    }

    /// Worth knowing.
    pub fn note(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, level: Level::Note, found: found.into(), remedy: None }
    }

    /// Works, but.
    pub fn warning(check: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, level: Level::Warning, found: found.into(), remedy: Some(remedy.into()) }
    }

    /// Keeps Refit from working.
    pub fn trouble(check: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, level: Level::Trouble, found: found.into(), remedy: Some(remedy.into()) }
    }
}

/// What of the machine lies elsewhere in tests.
#[derive(Debug, Clone)]
pub struct Ground {
    /// Is there where systemd runs the machine.
    pub runtime: PathBuf,
    /// The system's bus.
    pub bus: Bus,
    /// The root helper.
    pub helper: RootHelper,
    /// Is there when a package wants a reboot.
    pub reboot_required: PathBuf,
}

impl Default for Ground {
    fn default() -> Self {
        Self {
            runtime: "/run/systemd/system".into(),
            bus: Bus::at(Bus::SYSTEM),
            helper: RootHelper::usual(),
            reboot_required: "/run/reboot-required".into(),
        }
    }
}

/// Whom it looks at.
#[derive(Debug)]
pub struct Patient<'a> {
    /// What its programs inherit.
    pub surroundings: Surroundings,
    /// The printer's data folder.
    pub data: &'a Path,
    /// Refit's state.
    pub state: &'a Path,
    /// The socket of the running Refit.
    pub socket: &'a Path,
    /// Refit's own file, to be started again.
    pub own_program: PathBuf,
    /// The git to run.
    pub git: PathBuf,
    /// What is looked after.
    pub specs: &'a [Spec],
    /// Other update managers.
    pub neighbours: &'a [Neighbour],
    /// Seconds since 1970.
    pub now: f64,
    /// The machine.
    pub ground: Ground,
}

/// Looks at everything, in the order in which it matters.
pub async fn examine(patient: &Patient<'_>) -> Vec<Finding> {
    let owner = Owner::find(patient).await;
    let mut findings = places::running(patient, &owner);
    findings.extend(places::state(patient, &owner));
    findings.extend(places::folders(patient, &owner));
    findings.extend(rights::look(patient, &owner).await);
    findings.extend(tools::look(patient).await);
    findings.extend(room::look(patient));
    findings.extend(system::look(patient).await);
    findings.extend(neighbours::look(patient));
    findings
}

/// Who looks is root, who may look at everything and to whom everything is allowed.
fn is_root() -> bool {
    geteuid().is_root()
}
