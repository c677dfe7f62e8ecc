//! Points at which a test can have this process killed, so that every cut of a step can be tried.
//!
//! A plan of kills comes from the binary, in builds for tests only: without debug assertions and without the feature
//! `fault-injection` every point is nothing at all.
//! Refuses to: read the environment, or to do anything but die.

use thiserror::Error;

/// Every point there is, in the order of a plan. `<step>.before` and `<step>.after` stand around a step's act and
/// `<undo>.before` and `<undo>.after` around an undo's; the others lie inside.
pub const POINTS: [&str; 42] = [
    "check_printer.before",
    "check_printer.after",
    "git_heal.before",
    "git_heal.moved",
    "git_heal.rebuilt",
    "git_heal.after",
    "git_fetch.before",
    "git_fetch.fetched",
    "git_fetch.rooted",
    "git_fetch.after",
    "git_keep_aside.before",
    "git_keep_aside.copied",
    "git_keep_aside.listed",
    "git_keep_aside.after",
    "git_switch.before",
    "git_switch.marked",
    "git_switch.pointed",
    "git_switch.reset",
    "git_switch.synced",
    "git_switch.after",
    "git_verify.before",
    "git_verify.after",
    "git_clone.before",
    "git_clone.cloned",
    "git_clone.after",
    "git_carry_over.before",
    "git_carry_over.after",
    "folder_exchange.before",
    "folder_exchange.exchanged",
    "folder_exchange.moved",
    "folder_exchange.after",
    "git_switch_back.before",
    "git_switch_back.forward",
    "git_switch_back.pointed",
    "git_switch_back.reset",
    "git_switch_back.after",
    "git_put_back.before",
    "git_put_back.copied",
    "git_put_back.after",
    "delete_stage.before",
    "folder_exchange_back.before",
    "folder_exchange_back.after",
];

/// The name is not in [`POINTS`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("there is no point '{0}' to be killed at")]
pub struct NoSuchPoint(pub String);

/// Where this process is to be killed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FaultPlan {
    kill_at: Option<&'static str>,
}

impl FaultPlan {
    /// Nowhere.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// At a point, the first time it is reached.
    ///
    /// # Errors
    /// [`NoSuchPoint`].
    pub fn kill_at(point: &str) -> Result<Self, NoSuchPoint> {
        let known = POINTS.iter().find(|known| **known == point);
        known.map(|point| Self { kill_at: Some(point) }).ok_or_else(|| NoSuchPoint(point.to_owned()))
    }

    /// Says that a point is reached. Dies there when the plan says so.
    pub fn reach(&self, point: &str) {
        #[cfg(any(debug_assertions, feature = "fault-injection"))]
        {
            debug_assert!(POINTS.contains(&point), "the point {point} is not in the list");
            if self.kill_at == Some(point) {
                // As a power cut would: no destructor, no flush. A signal to oneself is delivered before this returns.
                let _dead = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            }
        }
        #[cfg(not(any(debug_assertions, feature = "fault-injection")))]
        let _ = point;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_have_one_name_each() {
        let mut sorted = POINTS.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), POINTS.len());
        assert!(FaultPlan::kill_at("git_switch.reset").is_ok());
        assert_eq!(FaultPlan::kill_at("x"), Err(NoSuchPoint("x".to_owned())));
        FaultPlan::none().reach("git_switch.reset");
    }
}
