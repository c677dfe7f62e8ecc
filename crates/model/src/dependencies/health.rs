//! Where health is asked around an update: recorded before anything changes, checked after the restarts, and asked once more
//! when everything was taken back.
//! Refuses to: ask for what the update cannot make sick.

use super::arrange::plain;
use crate::health::Declared;
use crate::journal::Witness;
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

/// What is looked at around a change.
#[derive(Debug, Default)]
pub(crate) struct Around {
    /// Before it.
    pub(crate) before: Watched,
    /// After it: not what its restart has to come for, where that is put off.
    pub(crate) after: Watched,
    /// What others recorded before it, whose changes are put to the test as well.
    pub(crate) earlier: Vec<Witness>,
}

/// What it means that something is worse after it.
pub(crate) fn sick(action: Action) -> Sick {
    match action {
        // Of a restart nothing of the software changes: those who need it are taken back in runs of their own.
        Action::Upgrade | Action::Restart => Sick::TakeBack,
        Action::SoftRecovery | Action::HardRecovery | Action::Rollback => Sick::Tell,
    }
}

/// The step before and the step after; none where nothing is asked.
pub(crate) fn steps(
    updater: &UpdaterName,
    title: &str,
    around: Around,
    action: Action,
) -> (Option<PlannedStep>, Option<PlannedStep>) {
    let Around { before, after: watched, earlier } = around;
    let undo = match action {
        Action::Restart => Undo::Nothing,
        Action::Upgrade | Action::SoftRecovery | Action::HardRecovery | Action::Rollback if watched.is_empty() => {
            Undo::Nothing
        }
        Action::Upgrade | Action::SoftRecovery | Action::HardRecovery | Action::Rollback => {
            Undo::HealthAgain { watched: watched.clone() }
        }
    };
    let record = (!before.is_empty()).then(|| {
        let record = HealthStep::Record { updater: updater.clone(), watched: before, earlier };
        plain(Step::Health(record), undo, Phase::Switch)
    });
    let check = (!watched.is_empty()).then(|| {
        let (updater, title, sick) = (updater.clone(), title.to_owned(), sick(action));
        plain(Step::Health(HealthStep::Check { updater, title, watched, sick }), Undo::Nothing, Phase::Switch)
    });
    (record, check)
}
