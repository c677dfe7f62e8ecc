//! Where health is asked around an update: recorded before anything changes, checked after the restarts, and asked once more
//! when everything was taken back.
//! Refuses to: ask for what the update cannot make sick.

use super::arrange::plain;
use crate::health::Declared;
use crate::name::UpdaterName;
use crate::plan::Action;
use crate::restart::is_own;
use crate::step::{HealthStep, Phase, PlannedStep, Sick, Step, Undo, Watched};

/// What is to be asked of units that are restarted.
pub(crate) fn watched(units: Vec<String>, declared: Vec<Declared>) -> Watched {
    let restarts = |name: &str| UpdaterName::new(name).is_ok_and(|name| units.iter().any(|unit| is_own(&name, unit)));
    let (printer, moonraker) = (restarts("klipper"), restarts("moonraker"));
    Watched { units, printer, moonraker, front_end: None, declared }
}

/// The step before and the step after; none when nothing is asked.
pub(crate) fn steps(
    updater: &UpdaterName,
    title: &str,
    watched: Watched,
    action: Action,
) -> Option<(PlannedStep, PlannedStep)> {
    if watched.is_empty() {
        return None;
    }
    let (sick, undo) = match action {
        Action::Upgrade => (Sick::TakeBack, Undo::HealthAgain { watched: watched.clone() }),
        // Nothing of the software changes: those who need the restart are taken back in runs of their own.
        Action::Restart => (Sick::TakeBack, Undo::Nothing),
        Action::SoftRecovery | Action::HardRecovery | Action::Rollback => {
            (Sick::Tell, Undo::HealthAgain { watched: watched.clone() })
        }
    };
    let record = HealthStep::Record { updater: updater.clone(), watched: watched.clone() };
    let check = HealthStep::Check { updater: updater.clone(), title: title.to_owned(), watched, sick };
    Some((plain(Step::Health(record), undo, Phase::Switch), plain(Step::Health(check), Undo::Nothing, Phase::Switch)))
}
