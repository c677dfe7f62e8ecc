//! The hand for health: looks from outside, as a client would, at everything that an update can make sick.
//!
//! | file | whom it asks |
//! |---|---|
//! | `printer` | klippy, over its socket |
//! | `moonraker` | Moonraker, over HTTP and its WebSocket |
//! | `front_end` | the files of a web front end |
//! | `declared` | what the owner declared |
//! | `watch` | all of them, until it can be judged |
//!
//! Refuses to: judge (`model::health` does), and to change anything.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use futures_util::future::OptionFuture;
use refit_engine::ports::{Circumstance, StepError};
use refit_model::health::{Aftermath, Moment, PATIENCE, Seen, Starts, UnitSeen, UnitState, Verdict, judge};
use refit_model::journal::Witness;
use refit_model::name::UpdaterName;
use refit_model::restart::is_own;
use refit_model::step::{HealthStep, Sick, Watched};
use reqwest::Client;

use crate::command::Surroundings;
use crate::fault::FaultPlan;
use crate::services::{Services, Standing};

mod declared;
mod front_end;
mod moonraker;
mod printer;
mod watch;

/// How long a service that was started has to run before it is believed to run: it may crash after some seconds.
const SETTLING: Duration = Duration::from_secs(10);

/// What the binary decides.
#[derive(Debug, Clone)]
pub struct HealthRules {
    /// What declared commands inherit.
    pub surroundings: Surroundings,
    /// The printer's socket; none when there is none to be asked.
    pub printer: Option<PathBuf>,
    /// Moonraker's address, without a slash at its end: `http://127.0.0.1:7125`.
    pub moonraker: Option<String>,
    /// How long a service that was started has to run before it is believed to run.
    pub settling: Duration,
    /// How long the outside may take until it is as well as before.
    pub patience: Duration,
    /// What it calls itself.
    pub agent: String,
}

impl HealthRules {
    /// The usual ones, with nobody to be asked but services.
    #[must_use]
    pub fn usual(surroundings: Surroundings) -> Self {
        let agent = format!("refit/{}", env!("CARGO_PKG_VERSION"));
        Self { surroundings, printer: None, moonraker: None, settling: SETTLING, patience: PATIENCE, agent }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Health {
    rules: HealthRules,
    /// Made when somebody is asked by HTTP: it costs half a megabyte.
    client: OnceLock<Result<Client, String>>,
    faults: FaultPlan,
}

impl Health {
    /// With its rules.
    #[must_use]
    pub fn new(rules: HealthRules) -> Self {
        Self { rules, client: OnceLock::new(), faults: FaultPlan::none() }
    }

    /// The same, killed where `faults` says.
    #[must_use]
    pub fn with_faults(mut self, faults: FaultPlan) -> Self {
        self.rules.settling = faults.settling().unwrap_or(self.rules.settling);
        self.rules.patience = faults.patience().unwrap_or(self.rules.patience);
        Self { faults, ..self }
    }

    /// What is recorded: how everything is before anything changes.
    pub(crate) async fn witness(&self, step: &HealthStep, services: &Services) -> Option<Witness> {
        match step {
            HealthStep::Record { watched, earlier, .. } => {
                let now = self.look(watched, services).await;
                let earlier = earlier.iter().filter_map(|seen| serde_json::from_value::<Seen>(seen.clone()).ok());
                serde_json::to_value(earlier.fold(now, |seen, earlier| seen.or_better(&earlier))).ok()
            }
            HealthStep::Check { .. } => None,
        }
    }

    /// Performs a step.
    ///
    /// # Errors
    /// When something is worse than it was recorded, in words for people.
    pub(crate) async fn act(
        &self,
        step: &HealthStep,
        services: &Services,
        circumstance: &Circumstance,
    ) -> Result<Option<String>, StepError> {
        let before = baseline(circumstance);
        match step {
            HealthStep::Record { .. } => Ok(before.and_then(|before| sick_already(&before))),
            HealthStep::Check { watched, sick, title, .. } => {
                let Some(before) = before else {
                    return Ok(Some("how everything was before is not known; nothing was compared".to_owned()));
                };
                // The files of a front end are looked at in no time.
                let takes_time = !watched.units.is_empty() || !watched.declared.is_empty();
                if takes_time {
                    (circumstance.tell)("Looking whether everything is as well as before");
                }
                let verdict = self.watch(watched, &before, services, circumstance).await;
                self.faults.reach("health_check.seen");
                match (verdict, sick) {
                    (Verdict::Worse(words), Sick::TakeBack) => Err(failed(words)),
                    (Verdict::Worse(words), Sick::Tell) => {
                        // Begins as its sentences do, so that everybody hears it.
                        (circumstance.tell)(&format!("{title}: Done, but it is not well: {words}"));
                        Ok(Some(format!("it is not well: {words}")))
                    }
                    (Verdict::AsBefore { well, still }, _) => {
                        // No failure of this update, and a check that never passes would never be noticed.
                        if let Some(still) = still.as_ref().filter(|_| takes_time) {
                            (circumstance.tell)(&format!("{title}: {still}"));
                        }
                        Ok(still.or((!well.is_empty()).then_some(well)))
                    }
                    (Verdict::NotYet, _) => Ok(None),
                }
            }
        }
    }

    /// Looks once more, after everything was taken back. Never fails: it changes nothing.
    pub(crate) async fn again(
        &self,
        watched: &Watched,
        services: &Services,
        circumstance: &Circumstance,
    ) -> Option<Aftermath> {
        let before = baseline(circumstance)?;
        match self.watch(watched, &before, services, circumstance).await {
            Verdict::Worse(words) => Some(Aftermath { well: false, words }),
            Verdict::AsBefore { well, still } => Some(Aftermath { well: true, words: still.unwrap_or(well) }),
            Verdict::NotYet => None,
        }
    }

    fn client(&self) -> Result<&Client, &String> {
        self.client.get_or_init(|| client(&self.rules.agent)).as_ref()
    }

    /// Everything, once.
    async fn look(&self, watched: &Watched, services: &Services) -> Seen {
        let units = self.units(&watched.units, services).await.unwrap_or_default();
        Seen { units: units.clone(), ..self.look_outside(watched, &units, services).await }
    }

    /// Everything but the units that are restarted, of which these are here.
    async fn look_outside(&self, watched: &Watched, here: &BTreeMap<String, UnitSeen>, services: &Services) -> Seen {
        let is_here = |name: &str| UpdaterName::new(name).is_ok_and(|name| here.keys().any(|unit| is_own(&name, unit)));
        let printer = self.rules.printer.as_ref().filter(|_| watched.printer && is_here("klipper"));
        let moonraker = self.rules.moonraker.as_ref().filter(|_| watched.moonraker && is_here("moonraker"));
        let (printer, moonraker, front_end, declared) = tokio::join!(
            OptionFuture::from(printer.map(|socket| printer::look(socket))),
            OptionFuture::from(moonraker.map(|url| moonraker::look(self.client(), url))),
            OptionFuture::from(watched.front_end.clone().map(front_end::look)),
            self.declared(&watched.declared, services),
        );
        Seen { units: BTreeMap::new(), printer, moonraker, front_end: front_end.flatten(), declared }
    }

    /// Those of these units that there are; none when nobody can tell.
    async fn units(&self, names: &[String], services: &Services) -> Option<BTreeMap<String, UnitSeen>> {
        if names.is_empty() || services.manager().is_none() {
            return Some(BTreeMap::new());
        }
        match services.look(names).await {
            Ok(seen) => {
                let here = seen.into_iter().filter(|(_, seen)| seen.exists());
                Some(here.map(|(name, seen)| (name, unit(seen))).collect())
            }
            Err(error) => {
                tracing::warn!(%error, "cannot tell how the services are");
                None
            }
        }
    }
}

fn unit(seen: Standing) -> UnitSeen {
    let state = match (seen.is_up(), seen.active.as_str(), seen.sub.as_str()) {
        (true, _, _) => UnitState::Up,
        // Waits to be started again, after it died.
        (_, "activating", sub) if sub.starts_with("auto-restart") => UnitState::Down,
        (_, "activating" | "reloading" | "deactivating", _) => UnitState::Coming,
        (_, "inactive", _) => UnitState::Idle,
        _failed => UnitState::Down,
    };
    let words = seen.in_words();
    UnitSeen { state, words, restarts: seen.restarts.parse().unwrap_or_default(), invocation: seen.invocation }
}

/// What was recorded; none when nothing was, or by a version that wrote it otherwise.
fn baseline(circumstance: &Circumstance) -> Option<Seen> {
    serde_json::from_value(circumstance.witness.clone()?).ok()
}

/// What is sick before the update, for the history.
fn sick_already(seen: &Seen) -> Option<String> {
    let moment = Moment {
        waited: Duration::ZERO,
        patience: PATIENCE,
        settling: false,
        rebooted: false,
        starts: &Starts::default(),
    };
    match judge(seen, seen, moment) {
        Verdict::AsBefore { still, .. } => still.map(|still| format!("not well before the change: {still}")),
        Verdict::NotYet | Verdict::Worse(_) => None,
    }
}

fn client(agent: &str) -> Result<Client, String> {
    // Another part of the process may have chosen the same already.
    let _chosen = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder()
        .user_agent(agent)
        .redirect(reqwest::redirect::Policy::none())
        // Who is asked is on this machine or beside it.
        .no_proxy()
        // Every question opens a connection of its own, as a client that comes would.
        .pool_max_idle_per_host(0)
        .http1_only();
    builder.build().map_err(|error| format!("no HTTP client can be made: {}", error.without_url()))
}

fn failed(message: String) -> StepError {
    StepError { message, command_failed: false, printer_busy: false }
}
