//! The closed set of kinds of updaters: per kind a Spec (what was configured), Facts (what was seen) and an
//! Assessment (the judgement). A new kind is a guided tour by the compiler: no match here has a `_`.

use serde::{Deserialize, Serialize};

use crate::health::HealthSpec;
use crate::hold::Offer;
use crate::name::UpdaterName;

pub mod absent;
mod common;
pub mod git;
pub(crate) mod places;
pub mod python;
pub mod release;
mod repr;
pub mod system;

pub use common::Common;

/// What the owner configured for one updater.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spec {
    /// `git_repo`.
    Git(git::GitSpec),
    /// `web`, `zip`, `executable`.
    Release(release::ReleaseSpec),
    /// `python`.
    Python(python::PythonSpec),
    /// `system`.
    System(system::SystemSpec),
    /// A built-in updater (klipper, moonraker) whose software was not found.
    Absent(absent::AbsentSpec),
}

/// What was seen of one updater. Kept across restarts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Facts {
    /// Of a git repository.
    Git(Box<git::GitFacts>),
    /// Of software that ships as releases.
    Release(Box<release::ReleaseFacts>),
    /// Of a Python application.
    Python(Box<python::PythonFacts>),
    /// Of the operating system's packages.
    System(Box<system::SystemFacts>),
    /// Of something that is not there.
    Absent,
}

/// The judgement on one updater's facts.
#[derive(Debug, Clone, PartialEq)]
pub enum Assessment {
    /// Of a git repository.
    Git(Box<git::GitAssessment>),
    /// Of software that ships as releases.
    Release(Box<release::ReleaseAssessment>),
    /// Of a Python application.
    Python(Box<python::PythonAssessment>),
    /// Of the operating system's packages.
    System(Box<system::SystemAssessment>),
    /// Of something that is not there.
    Absent(absent::AbsentAssessment),
}

/// Judges facts. Pure: same spec and facts, same assessment.
#[must_use]
pub fn assess(spec: &Spec, facts: &Facts) -> Assessment {
    match (spec, facts) {
        (Spec::Git(spec), Facts::Git(facts)) => Assessment::Git(Box::new(git::assess(spec, facts))),
        (Spec::Git(spec), Facts::Release(_) | Facts::Python(_) | Facts::System(_) | Facts::Absent) => {
            Assessment::Git(Box::new(git::assess(spec, &git::GitFacts::default())))
        }
        (Spec::Release(spec), Facts::Release(facts)) => Assessment::Release(Box::new(release::assess(spec, facts))),
        (Spec::Release(spec), Facts::Git(_) | Facts::Python(_) | Facts::System(_) | Facts::Absent) => {
            Assessment::Release(Box::new(release::assess(spec, &release::ReleaseFacts::default())))
        }
        (Spec::Python(spec), Facts::Python(facts)) => Assessment::Python(Box::new(python::assess(spec, facts))),
        (Spec::Python(spec), Facts::Git(_) | Facts::Release(_) | Facts::System(_) | Facts::Absent) => {
            Assessment::Python(Box::new(python::assess(spec, &python::PythonFacts::default())))
        }
        (Spec::System(spec), Facts::System(facts)) => Assessment::System(Box::new(system::assess(spec, facts))),
        (Spec::System(spec), Facts::Git(_) | Facts::Release(_) | Facts::Python(_) | Facts::Absent) => {
            Assessment::System(Box::new(system::assess(spec, &system::SystemFacts::default())))
        }
        (Spec::Absent(spec), _) => Assessment::Absent(absent::assess(spec)),
    }
}

impl Assessment {
    /// The version that is installed, as the status shows it; `?` when it is not known.
    #[must_use]
    pub fn installed(&self) -> &str {
        match self {
            Self::Git(git) => &git.version,
            Self::Release(release) => &release.version,
            Self::Python(python) => &python.version,
            Self::System(_) | Self::Absent(_) => "?",
        }
    }

    /// The version that an update would bring, as its plan names it.
    #[must_use]
    pub fn offer(&self) -> Offer<'_> {
        match self {
            Self::Git(git) if git.remote_hash == "?" || git.current_hash == "?" => Offer::Unknown,
            Self::Git(git) if git.remote_hash == git.current_hash => Offer::Nothing,
            Self::Git(git) => Offer::Version(&git.remote_version),
            Self::Release(assessed) => match &assessed.release {
                Some(release) if assessed.update_available => Offer::Version(release::shown(release)),
                Some(_) => Offer::Nothing,
                None => Offer::Unknown,
            },
            Self::Python(python) if python.update_available => Offer::Version(&python.remote_version),
            Self::Python(python) if python.remote_version == "?" => Offer::Unknown,
            Self::Python(_) => Offer::Nothing,
            Self::System(_) => Offer::Several,
            Self::Absent(_) => Offer::Unknown,
        }
    }
}

impl Spec {
    /// What every message about it begins with (CONTRACT §2.9): `Git Repo klipper`.
    #[must_use]
    pub fn title(&self) -> String {
        match self {
            Self::Git(spec) => format!("Git Repo {}", spec.common.name),
            Self::Release(spec) => format!("{} {}", spec.kind.title(), spec.common.name),
            Self::Python(spec) => format!("Python Package {}", spec.common.name),
            Self::System(_) => "System packages".to_owned(),
            Self::Absent(spec) => spec.name.to_string(),
        }
    }

    /// What every software has; none of what is no software of its own.
    #[must_use]
    pub fn common(&self) -> Option<&Common> {
        match self {
            Self::Git(spec) => Some(&spec.common),
            Self::Release(spec) => Some(&spec.common),
            Self::Python(spec) => Some(&spec.common),
            Self::System(_) | Self::Absent(_) => None,
        }
    }

    /// How it is seen that it is well.
    #[must_use]
    pub fn health(&self) -> &HealthSpec {
        static USUAL: HealthSpec = HealthSpec::USUAL;
        self.common().map_or(&USUAL, |common| &common.dependencies.health)
    }

    /// The updater's name.
    #[must_use]
    pub fn name(&self) -> &UpdaterName {
        match self {
            Self::Git(git::GitSpec { common, .. })
            | Self::Release(release::ReleaseSpec { common, .. })
            | Self::Python(python::PythonSpec { common, .. }) => &common.name,
            Self::System(spec) => &spec.name,
            Self::Absent(spec) => &spec.name,
        }
    }

    /// Changes when the owner changes the section: a change forces a refresh (CONTRACT §4.7).
    #[must_use]
    pub fn config_hash(&self) -> &str {
        match self {
            Self::Git(git::GitSpec { common, .. })
            | Self::Release(release::ReleaseSpec { common, .. })
            | Self::Python(python::PythonSpec { common, .. }) => &common.config_hash,
            Self::System(spec) => &spec.config_hash,
            Self::Absent(_) => "",
        }
    }

    /// Hours between automatic refreshes.
    #[must_use]
    pub fn refresh_interval_hours(&self) -> u32 {
        match self {
            Self::Git(git::GitSpec { common, .. })
            | Self::Release(release::ReleaseSpec { common, .. })
            | Self::Python(python::PythonSpec { common, .. }) => common.refresh_interval_hours,
            Self::System(spec) => spec.refresh_interval_hours,
            Self::Absent(spec) => spec.refresh_interval_hours,
        }
    }
}

impl Facts {
    /// Facts of something never looked at.
    #[must_use]
    pub fn unseen(spec: &Spec) -> Self {
        match spec {
            Spec::Git(_) => Self::Git(Box::default()),
            Spec::Release(_) => Self::Release(Box::default()),
            Spec::Python(_) => Self::Python(Box::default()),
            Spec::System(_) => Self::System(Box::default()),
            Spec::Absent(_) => Self::Absent,
        }
    }

    /// When it was last refreshed (an attempt counts), in seconds since 1970; 0 for never.
    #[must_use]
    pub fn last_refresh(&self) -> i64 {
        match self {
            Self::Git(facts) => facts.last_refresh,
            Self::Release(facts) => facts.last_refresh,
            Self::Python(facts) => facts.last_refresh,
            Self::System(facts) => facts.last_refresh,
            Self::Absent => 0,
        }
    }

    /// The [`Spec::config_hash`] that it was looked at with.
    #[must_use]
    pub fn config_hash(&self) -> &str {
        match self {
            Self::Git(facts) => &facts.config_hash,
            Self::Release(facts) => &facts.config_hash,
            Self::Python(facts) => &facts.config_hash,
            Self::System(facts) => &facts.config_hash,
            Self::Absent => "",
        }
    }
}

/// The facts to keep after a finished run: those seen after it, with what the run itself adds (the rollback point).
#[must_use]
pub fn after_run(plan: &crate::plan::Plan, before: &Facts, after: Facts) -> Facts {
    match (before, after) {
        (Facts::Git(before), Facts::Git(after)) => Facts::Git(Box::new(git::after_run(plan, before, *after))),
        (Facts::Release(before), Facts::Release(after)) => {
            Facts::Release(Box::new(release::after_run(plan, before, *after)))
        }
        (Facts::Python(before), Facts::Python(after)) => {
            Facts::Python(Box::new(python::after_run(plan, before, *after)))
        }
        (Facts::System(before), Facts::System(after)) => {
            Facts::System(Box::new(system::after_run(plan, before, *after)))
        }
        // Of another type than before: nothing of the old facts holds.
        (_, after @ (Facts::Git(_) | Facts::Release(_) | Facts::Python(_) | Facts::System(_) | Facts::Absent)) => after,
    }
}
