//! One step of a plan, and its undo: serialisable data, never closures, so that a plan can be shown, journalled and
//! finished by the next process. What each does to the machine is `adapters::machine`'s table.
//!
//! Every step may run twice, because a crash will see to it: performing a step whose effect is already there must
//! succeed, and so must undoing one that never happened.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

mod dependencies;
mod git;
mod health;
mod release;
mod system;
mod undo;

pub use dependencies::{
    Beginning, Content, EnvironmentRef, EnvironmentStep, Ground, NodeStep, PackageList, PackageStep, ServiceStep, Want,
};
pub use git::{GitStep, GitTarget, Head, RepoRef};
pub use health::{HealthStep, Sick, Watched};
pub use release::{OldFolder, ReleaseRef, ReleaseStep, WantedRelease};
pub use system::SystemStep;
pub use undo::Undo;

/// Where things that must give way are kept: a folder beside the repository, and refs of the same name inside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptPlace {
    /// Names the place: `<UTC time>-<updater>`; the ref is `refs/refit/kept/<key>`.
    pub key: String,
    /// `<parent of the repository>/<its name>.refit-kept/<key>`; made only when something is put there.
    pub folder: PathBuf,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// Asks once more whether the printer is busy; the first step of every switch. Fails when it is.
    CheckPrinter,
    /// On a git repository.
    Git(GitStep),
    /// On software that ships as releases.
    Release(ReleaseStep),
    /// On a Python environment.
    Environment(EnvironmentStep),
    /// On OS packages.
    Packages(PackageStep),
    /// On Node packages.
    Node(NodeStep),
    /// On services.
    Service(ServiceStep),
    /// On health.
    Health(HealthStep),
    /// On the packages of the operating system.
    System(SystemStep),
}

/// Which half of a plan a step belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Touches nothing that is in use and can be thrown away at any moment.
    Preparation,
    /// Short; every step has its undo.
    Switch,
}

/// A step in its place in a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// What to do.
    pub step: Step,
    /// How to take it back.
    pub undo: Undo,
    /// Which half.
    pub phase: Phase,
    /// What the listeners are told before it, in the documented words; empty for none.
    pub announce: Vec<String>,
}

impl Step {
    /// The same for people: without what may hold a login.
    #[must_use]
    pub fn shown(&self) -> Self {
        let mut shown = self.clone();
        if let Self::Environment(step) = &mut shown {
            step.hide_values();
        }
        shown
    }

    /// Changes something that runs by it. False for what asks, adds packages beside, or prepares a folder: that is taken
    /// back by its undo as though it had never been.
    #[must_use]
    pub fn touches_what_is_in_use(&self) -> bool {
        match self {
            Self::CheckPrinter | Self::Packages(_) => false,
            Self::Environment(step) => match step {
                EnvironmentStep::Stage { .. }
                | EnvironmentStep::Install { ground: Ground::Stage(_), .. }
                | EnvironmentStep::Check { ground: Ground::Stage(_), .. } => false,
                EnvironmentStep::Install { ground: Ground::InPlace { .. }, .. }
                | EnvironmentStep::Check { ground: Ground::InPlace { .. }, .. }
                | EnvironmentStep::Exchange { .. }
                | EnvironmentStep::KeepSnapshot { .. }
                | EnvironmentStep::Prune { .. } => true,
            },
            Self::System(step) => step.touches_what_is_in_use(),
            Self::Node(step) => match step {
                NodeStep::Stage { .. } => false,
                NodeStep::Exchange { .. } | NodeStep::Prune { .. } => true,
            },
            Self::Git(_) | Self::Release(_) | Self::Service(_) | Self::Health(_) => true,
        }
    }

    /// One sentence for people: what this step would do. Shown by `refit plan` and kept in the history.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::CheckPrinter => "make sure that the printer is not busy".to_owned(),
            Self::Git(step) => step.describe(),
            Self::Release(step) => step.describe(),
            Self::Environment(step) => step.describe(),
            Self::Packages(step) => step.describe(),
            Self::Node(step) => step.describe(),
            Self::Service(step) => step.describe(),
            Self::Health(step) => step.describe(),
            Self::System(step) => step.describe(),
        }
    }
}

/// `4.2 MiB`, `830 KiB`, `12 bytes`.
#[must_use]
pub fn size_in_words(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    if bytes < 1024 * 1024 {
        return format!("{} KiB", bytes / 1024);
    }
    let tenths = bytes.saturating_mul(10) / (1024 * 1024);
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}
