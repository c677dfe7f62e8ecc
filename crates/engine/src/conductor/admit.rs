//! Who may join the queue, and whether they may still go when their turn comes: the check matrix of CONTRACT §2.0 with
//! rows 2, 6 and 19 of §8. Pure.
//! Refuses to: look at the software itself; planning does that when the turn has come.

use std::sync::Arc;

use refit_model::hold::{Holds, Offer};
use refit_model::plan::{Action, guard};
use refit_model::printer::Printer;
use refit_model::refusal::Refusal;
use refit_model::request::Request;
use refit_model::updater::{Assessment, Spec, absent};

/// A queue this long is a mistake or an attack.
const MOST_WAITING: usize = 256;

/// A deprecated refresh by status is ignored while the newest refresh is younger than this, in seconds (CONTRACT §2.1).
const FRESH: f64 = 60.0;

/// What the checks are made against.
pub(crate) struct Scene<'a> {
    pub(crate) specs: &'a [&'a Spec],
    /// In the same order.
    pub(crate) assessed: &'a [Arc<Assessment>],
    pub(crate) holds: &'a Holds,
    /// The update, recovery or rollback that runs now; a refresh is none.
    pub(crate) running: Option<&'a Request>,
    pub(crate) waiting: usize,
    pub(crate) printer: &'a Printer,
    pub(crate) initialized: bool,
    pub(crate) stopping: bool,
    /// Seconds since the newest refresh of any updater.
    pub(crate) newest_refresh_age: f64,
}

/// What to do with a request that is not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admitted {
    /// It joins the queue; or it is done now, when its turn has come.
    Go,
    /// It is answered as done without doing anything (CONTRACT §2.1).
    Ignore,
}

/// The checks when a request arrives.
pub(crate) fn on_arrival(request: &Request, scene: &Scene<'_>) -> Result<Admitted, Refusal> {
    if scene.stopping {
        return Err(Refusal::ShuttingDown);
    }
    let admitted = match request {
        Request::Refresh { name } => {
            if let Some(name) = name {
                find(name, scene).ok_or_else(|| Refusal::NotRegistered(name.clone()))?;
            }
            if scene.running.is_some() || scene.printer.is_busy() || !scene.initialized {
                return Err(Refusal::BusyForRefresh);
            }
            Admitted::Go
        }
        Request::StatusRefresh => {
            if scene.running.is_some() || scene.printer.is_busy() || !scene.initialized {
                return Ok(Admitted::Ignore);
            }
            Admitted::Go
        }
        Request::Upgrade { .. } | Request::Full | Request::Recover { .. } | Request::Rollback { .. } => {
            guard(request, scene.printer)?;
            not_running(request, scene.running)?;
            known(request, scene)?;
            consented(request, scene)?;
            Admitted::Go
        }
    };
    if scene.waiting >= MOST_WAITING { Err(Refusal::TooManyWaiting) } else { Ok(admitted) }
}

/// The checks when its turn has come.
pub(crate) fn on_turn(request: &Request, scene: &Scene<'_>) -> Result<Admitted, Refusal> {
    if scene.stopping {
        return Err(Refusal::ShuttingDown);
    }
    match request {
        Request::StatusRefresh if scene.printer.is_busy() || scene.newest_refresh_age < FRESH => Ok(Admitted::Ignore),
        Request::StatusRefresh
        | Request::Refresh { .. }
        | Request::Upgrade { .. }
        | Request::Full
        | Request::Recover { .. }
        | Request::Rollback { .. } => guard(request, scene.printer).map(|()| Admitted::Go),
    }
}

/// What a request does to one updater; none for those that concern all or nothing.
pub(crate) fn action(request: &Request) -> Option<(&str, Action)> {
    match request {
        Request::Refresh { .. } | Request::StatusRefresh | Request::Full => None,
        Request::Upgrade { name, .. } => Some((name, Action::Upgrade)),
        Request::Recover { name, hard: false, .. } => Some((name, Action::SoftRecovery)),
        Request::Recover { name, hard: true, .. } => Some((name, Action::HardRecovery)),
        Request::Rollback { name } => Some((name, Action::Rollback)),
    }
}

/// An updater is not asked for twice while it is being updated, and not at all by name during a full update, not even
/// under a name that nobody has (CONTRACT §2.0).
fn not_running(request: &Request, running: Option<&Request>) -> Result<(), Refusal> {
    let Request::Upgrade { name, .. } = request else { return Ok(()) };
    match running {
        Some(Request::Full) => Err(Refusal::CurrentlyUpdating(name.clone())),
        Some(Request::Upgrade { name: running, .. }) if running == name => {
            Err(Refusal::CurrentlyUpdating(name.clone()))
        }
        Some(
            Request::Upgrade { .. }
            | Request::Recover { .. }
            | Request::Rollback { .. }
            | Request::Refresh { .. }
            | Request::StatusRefresh,
        )
        | None => Ok(()),
    }
}

/// The updater exists, and a recovery of its kind is possible at all.
pub(crate) fn known(request: &Request, scene: &Scene<'_>) -> Result<(), Refusal> {
    let Some((name, action)) = action(request) else { return Ok(()) };
    match (find(name, scene).ok_or_else(|| Refusal::NotAvailable(name.to_owned()))?, action) {
        (Spec::Absent(spec), Action::SoftRecovery | Action::HardRecovery) => absent::plan(action, spec).map(|_| ()),
        // A rollback is refused when its turn has come, and told like one that failed (observed).
        (Spec::Absent(_), Action::Upgrade | Action::Rollback | Action::Restart)
        | (Spec::Git(_) | Spec::Release(_) | Spec::Python(_) | Spec::System(_), _) => Ok(()),
    }
}

/// A version that is to be skipped is not installed by name either, unless the caller consents. One that is skipped while the
/// request waits is found when its plan is made.
fn consented(request: &Request, scene: &Scene<'_>) -> Result<(), Refusal> {
    let Request::Upgrade { name, consent } = request else { return Ok(()) };
    let mut known = scene.specs.iter().zip(scene.assessed);
    match known.find(|(spec, _)| spec.name().as_str() == name).map(|(spec, assessed)| (spec.name(), assessed.offer())) {
        Some((name, Offer::Version(version))) => scene.holds.consented(name, version, *consent),
        Some((_, Offer::Unknown | Offer::Nothing | Offer::Several)) | None => Ok(()),
    }
}

fn find<'a>(name: &str, scene: &Scene<'a>) -> Option<&'a Spec> {
    scene.specs.iter().find(|spec| spec.name().as_str() == name).copied()
}
