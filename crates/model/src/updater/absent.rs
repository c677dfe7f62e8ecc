//! A built-in updater whose software was not found: CONTRACT §8 row 9 gives it an entry that no client trips over,
//! with a warning that says what was looked for and where.

use crate::name::UpdaterName;
use crate::plan::{Action, Verdict};
use crate::refusal::Refusal;

/// What was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AbsentSpec {
    /// `klipper` or `moonraker`.
    pub name: UpdaterName,
    /// What was looked for and where, one sentence each.
    pub looked_for: Vec<String>,
    /// Hours between automatic refreshes, as configured.
    pub refresh_interval_hours: u32,
}

/// What the status shows of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AbsentAssessment {
    /// `klipper` or `moonraker`.
    pub name: UpdaterName,
    /// The sentences of the spec.
    pub warnings: Vec<String>,
}

/// Says what was looked for.
#[must_use]
pub fn assess(spec: &AbsentSpec) -> AbsentAssessment {
    AbsentAssessment { name: spec.name.clone(), warnings: spec.looked_for.clone() }
}

/// Nothing can be done to what is not there. An upgrade is the documented silent no-op (CONTRACT §2.5).
///
/// # Errors
/// The documented refusals of §2.7 and §2.8.
pub fn plan(action: Action, spec: &AbsentSpec) -> Result<Verdict, Refusal> {
    match action {
        Action::Upgrade | Action::Restart => {
            Ok(Verdict::Nothing(format!("{} was not found on this machine", spec.name)))
        }
        Action::SoftRecovery | Action::HardRecovery => Err(Refusal::NotGit(spec.name.clone())),
        Action::Rollback => Err(Refusal::RollbackNotAvailable(spec.name.clone())),
    }
}
