//! The hand for services: restarts them, and knows which start of each is running.
//!
//! | file | who is asked |
//! |---|---|
//! | `systemd` | systemd, over the system's bus |
//! | `systemctl` | systemd, where there is no bus or the bus denies it; `sudo -n` behind it |
//! | `supervisord` | supervisord, through its socket |
//! | `hand` | which of them |
//! | `restart` | whoever it is: a restart, and what came of it |
//! | `origin` | nobody: which service a process belongs to, and which instances run from a checkout |
//!
//! Refuses to: decide what is done; and to restart what was not named as a whole.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::time::Duration;

use refit_engine::ports::{Circumstance, StepError};
use refit_model::journal::Witness;
use refit_model::printer::PrinterIdentity;
use refit_model::settings::machine::Provider;
use refit_model::step::ServiceStep;
use serde_json::json;

use crate::bus::Bus;
use crate::command::Surroundings;
use crate::fault::FaultPlan;

mod deed;
mod hand;
mod name;
pub(crate) mod origin;
mod restart;
mod standing;
pub mod supervisord;
mod systemctl;
mod systemd;

use deed::Trouble;
use hand::Hand;
pub(crate) use standing::Standing;
use systemd::Systemd;

/// How often a unit is looked at that is not running yet.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// What the binary decides.
#[derive(Debug, Clone)]
pub struct ServiceRules {
    /// What its programs inherit.
    pub surroundings: Surroundings,
    /// Is there where systemd runs the machine.
    pub runtime: PathBuf,
    /// How long a restarted service may take until it runs.
    pub patience: Duration,
    /// The system's bus.
    pub bus: Bus,
    /// Who is to be asked; none to find out.
    pub provider: Option<Provider>,
    /// supervisord's configuration, where the owner says which.
    pub supervisord: Option<PathBuf>,
    /// The service of systemd's that this process is.
    pub own: Option<OwnStart>,
    /// The program of supervisord's that this process is.
    pub supervised: Option<OwnStart>,
    /// This program's own file, which is started once more to have supervisord restart it.
    pub own_program: PathBuf,
}

/// One start of the service that this process is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnStart {
    /// Without `.service`.
    pub unit: String,
    /// Differs from one start to the next: systemd's invocation, or anything else that no other start has.
    pub invocation: String,
}

impl OwnStart {
    /// Of this process; `invocation` is systemd's `INVOCATION_ID`. None where it is no service of systemd's.
    #[must_use]
    pub fn of_this_process(invocation: Option<&str>) -> Option<Self> {
        let invocation = invocation.filter(|id| !id.is_empty())?.to_owned();
        Some(Self { unit: origin::unit_of(std::process::id())?, invocation })
    }

    /// Of this process; `name` and `group` are supervisord's `SUPERVISOR_PROCESS_NAME` and `SUPERVISOR_GROUP_NAME`. None where
    /// it is no program of supervisord's.
    #[must_use]
    pub fn of_supervised(name: Option<&str>, group: Option<&str>) -> Option<Self> {
        let name = name.filter(|name| !name.is_empty())?;
        let unit = match group.filter(|group| !group.is_empty() && *group != name) {
            Some(group) => format!("{group}:{name}"),
            None => name.to_owned(),
        };
        // supervisord has no number for it: one that no other process draws.
        Some(Self { unit, invocation: format!("{:016x}", RandomState::new().build_hasher().finish()) })
    }
}

impl ServiceRules {
    /// The usual places.
    #[must_use]
    pub fn usual(surroundings: Surroundings) -> Self {
        Self {
            surroundings,
            runtime: "/run/systemd/system".into(),
            patience: Duration::from_secs(60),
            bus: Bus::at(Bus::SYSTEM),
            provider: None,
            supervisord: None,
            own: None,
            supervised: None,
            own_program: "/proc/self/exe".into(),
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Services {
    rules: ServiceRules,
    faults: FaultPlan,
}

impl Services {
    /// With its rules.
    #[must_use]
    pub fn new(rules: ServiceRules) -> Self {
        Self { rules, faults: FaultPlan::none() }
    }

    /// The same, killed where `faults` says.
    #[must_use]
    pub fn with_faults(mut self, faults: FaultPlan) -> Self {
        if let Some(folder) = faults.systemd() {
            // It is a pretended one, which is not on any bus.
            self.rules.runtime = folder.to_owned();
            self.rules.provider = Some(Provider::SystemdCli);
        }
        Self { faults, ..self }
    }

    /// What restarts services here; none when nothing does.
    #[must_use]
    pub fn manager(&self) -> Option<String> {
        match self.hand() {
            Hand::Systemd | Hand::Systemctl => Some("systemd".to_owned()),
            Hand::Supervisord(_) => Some("supervisord".to_owned()),
            Hand::Nobody(_) => None,
        }
    }

    /// The service that this process is.
    #[must_use]
    pub fn own_unit(&self) -> Option<&str> {
        self.own().map(|own| own.unit.as_str())
    }

    /// As who is asked here knows it.
    fn own(&self) -> Option<&OwnStart> {
        match self.hand() {
            Hand::Supervisord(_) => self.rules.supervised.as_ref(),
            Hand::Systemd | Hand::Systemctl | Hand::Nobody(_) => self.rules.own.as_ref(),
        }
    }

    /// Performs a step.
    ///
    /// # Errors
    /// With the words that the caller gets.
    pub async fn act(&self, step: &ServiceStep, circumstance: &Circumstance) -> Result<Option<String>, StepError> {
        match step {
            // Said by the announcement before it.
            ServiceStep::Postpone { .. } => Ok(None),
            ServiceStep::Observe { units, .. } => {
                let seen = self.look(units).await?;
                let words = units.iter().map(|unit| match seen.get(unit).filter(|seen| seen.exists()) {
                    Some(seen) => format!("{unit} is {}", seen.in_words()),
                    None => absent(unit),
                });
                Ok(Some(words.collect::<Vec<_>>().join("; ")))
            }
            ServiceStep::Restart { title, unit, own, sick, .. } => {
                let restarted = match own {
                    true => self.restart_own(unit).await,
                    false => self.restart(unit, title, *sick, circumstance).await,
                };
                restarted.map_err(|error| StepError { message: format!("{title}: {}", error.message), ..error })
            }
        }
    }

    /// What recovery will need to know: which start of each is running.
    pub async fn witness(&self, step: &ServiceStep) -> Option<Witness> {
        match step {
            ServiceStep::Observe { units, .. } => serde_json::to_value(self.look(units).await.ok()?).ok(),
            // The next start of it tells that the restart came to pass.
            ServiceStep::Restart { own: true, unit, .. } => {
                let own = self.own().filter(|own| own.unit == *unit)?;
                Some(json!({ "invocation": own.invocation }))
            }
            ServiceStep::Restart { .. } | ServiceStep::Postpone { .. } => None,
        }
    }

    /// How each of these units stands; all are asked for at once. One that there is not is `not-found`.
    ///
    /// # Errors
    /// When the service manager cannot be asked, or a name is none of a service.
    pub(crate) async fn look(&self, units: &[String]) -> Result<BTreeMap<String, Standing>, StepError> {
        let seen = match self.hand() {
            Hand::Systemd => match (Systemd { bus: &self.rules.bus }).look(units).await {
                Err(Trouble::Absent(why)) => self.over_the_bus_not(&why).look(units).await,
                seen => seen,
            },
            Hand::Systemctl => self.systemctl().look(units).await,
            Hand::Supervisord(supervisord) => supervisord.look(units).await,
            Hand::Nobody(why) => Err(Trouble::Absent(why)),
        };
        seen.map_err(|trouble| match trouble {
            Trouble::Absent(why) => unavailable(&why),
            Trouble::Name(bad) => failed(&bad.to_string()),
            Trouble::Denied => failed(&format!("Refit has no right to ask about {}", units.join(", "))),
            Trouble::Failed(why) => {
                failed(&format!("{} could not be asked about {} ({why})", self.asked(), units.join(", ")))
            }
        })
    }

    /// The units to restart when this one is asked for: the instances that run from its checkout, where it is `klipper` or
    /// `moonraker`. Itself where nobody can be asked.
    pub(crate) async fn really(&self, asked: &str, checkout: origin::Checkout, peer: Option<u32>) -> Vec<String> {
        if !matches!(asked, "klipper" | "moonraker") {
            return vec![asked.to_owned()];
        }
        let patterns = origin::patterns(asked);
        let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
        let found = match self.hand() {
            Hand::Systemd => match (Systemd { bus: &self.rules.bus }).find(&patterns).await {
                Err(Trouble::Absent(why)) => self.over_the_bus_not(&why).find(&patterns).await,
                found => found,
            },
            Hand::Systemctl => self.systemctl().find(&patterns).await,
            Hand::Supervisord(supervisord) => supervisord.find().await,
            Hand::Nobody(_) => return vec![asked.to_owned()],
        };
        let mut found = found.unwrap_or_else(|trouble| {
            tracing::warn!(?trouble, "cannot tell which services run from {asked}'s folder");
            Vec::new()
        });
        for one in &mut found {
            one.paths.extend(one.pid.map(origin::paths_of).unwrap_or_default());
        }
        // 1 is who holds sockets for services that are not there yet.
        let peer = peer.filter(|pid| *pid > 1);
        let unit = peer.and_then(|pid| found.iter().find(|one| one.pid == Some(pid)).map(|one| one.unit.clone()));
        let unit = unit.or_else(|| peer.and_then(origin::unit_of));
        origin::choose(asked, &found, &checkout.resolved(), unit.as_deref())
    }

    /// Where klipper lies, from the printer's own word or where every installer puts it; and moonraker.
    pub(crate) fn usual_checkout(&self, asked: &str, identity: Option<&PrinterIdentity>) -> origin::Checkout {
        let below = |folder: &str| Some(self.rules.surroundings.home.join(folder));
        let told = |path: Option<&String>| path.map(PathBuf::from).filter(|path| path.is_absolute());
        let environment = |python: PathBuf| python.parent().and_then(Path::parent).map(Path::to_owned);
        match asked {
            "klipper" => origin::Checkout {
                home: told(identity.and_then(|said| said.klipper_path.as_ref())).or_else(|| below("klipper")),
                environment: told(identity.and_then(|said| said.python_path.as_ref()))
                    .and_then(environment)
                    .or_else(|| below("klippy-env")),
            },
            "moonraker" => origin::Checkout { home: below("moonraker"), environment: below("moonraker-env") },
            _any_other => origin::Checkout::default(),
        }
    }
}

fn absent(unit: &str) -> String {
    format!("there is no service {unit} here that could be restarted; it is passed by")
}

fn unavailable(why: &str) -> StepError {
    failed(&format!("Service Actions Not Available ({why})"))
}

fn failed(text: &str) -> StepError {
    StepError { message: text.to_owned(), command_failed: false, printer_busy: false }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests read PATH")]
#[path = "services_tests.rs"]
mod tests;
