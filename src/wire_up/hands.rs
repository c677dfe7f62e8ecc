//! The store and the machine, built from the settings: what the daemon and a rescue have in common.

use refit_adapters::clock::WallClock;
use refit_adapters::fault::FaultPlan;
use refit_adapters::git::{Git, GitRules};
use refit_adapters::machine::Host;
use refit_adapters::store::{Store, StoreError, StoreOptions};
use refit_engine::ports::Clock as _;
use refit_model::printer::Printer;
use refit_model::settings::{Settings, UpdaterKind};
use tokio::sync::watch;

use super::Outside;
use crate::cli::exit::{Exit, Stop};
use crate::cli::places::Places;

/// Opens the state folder; with what the owner should be told about it.
///
/// # Errors
/// When another Refit has it ([`Exit::Refused`]), or it cannot be used.
pub fn store(places: &Places, settings: &Settings) -> Result<(Store, Vec<String>), Stop> {
    let options = StoreOptions { keep_history: settings.refit.keep_history, now: WallClock.now() };
    let opened = Store::open(&places.state, &options).map_err(|error| {
        let exit = match error {
            StoreError::InUse { .. } => Exit::Refused,
            StoreError::Io { .. } | StoreError::TooNew { .. } | StoreError::Sqlite { .. } => Exit::Unexpected,
        };
        Stop::new(exit, error.to_string())
    })?;
    let warnings = opened.set_aside.map(|aside| {
        format!(
            "Refit's journal was damaged ({}) and a new one was begun; the old one is kept as {}. If an update was \
             going on, look at the software with `refit status`.",
            aside.reason,
            aside.path.display()
        )
    });
    Ok((opened.store, warnings.into_iter().collect()))
}

/// Finds git, and puts the machine together.
///
/// # Errors
/// When there is no git that works.
pub async fn machine(
    outside: &Outside,
    places: &Places,
    settings: &Settings,
    faults: FaultPlan,
    printer: watch::Receiver<Printer>,
) -> Result<Host, Stop> {
    let git = Git::find_by(outside.surroundings(&places.home), rules(settings)).await;
    let git = git.map_err(|error| Stop::new(Exit::Unexpected, error.to_string()))?;
    Ok(Host::new(git, usize::try_from(settings.refit.max_refresh_per_host).unwrap_or(usize::MAX), printer, faults))
}

/// The owner's git, and how it may reach remotes. Git knows one list for all repositories: a file is allowed as soon as
/// one updater is configured to come from there.
fn rules(settings: &Settings) -> GitRules {
    let mut protocols = settings.refit.allow_protocols.clone();
    for updater in &settings.updaters {
        if let UpdaterKind::Git(git) = &updater.kind {
            let more = settings.refit.protocols_for(&git.origin);
            protocols.extend(more.into_iter().filter(|protocol| !settings.refit.allow_protocols.contains(protocol)));
        }
    }
    protocols.dedup();
    GitRules { program: settings.refit.git_path.clone(), protocols }
}
