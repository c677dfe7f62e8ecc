//! The hand for services: restarts them, and knows which start of each is running.
//! Refuses to: decide what is done; and to restart what was not named as a whole.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use refit_engine::ports::{Circumstance, StepError};
use refit_model::journal::Witness;
use refit_model::step::ServiceStep;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use crate::command::{Command, CommandError, Limits, Outcome, Surroundings};
use crate::fault::FaultPlan;
use crate::root_helper::{HelperError, RootHelper, Verb};

/// A restart waits for the stop and the start, which systemd gives 90 s each unless a unit says otherwise.
const RESTARTING: Limits = Limits { total: Some(Duration::from_secs(300)), ..Limits::QUICK };
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
}

impl ServiceRules {
    /// The usual places.
    #[must_use]
    pub fn usual(surroundings: Surroundings) -> Self {
        Self { surroundings, runtime: "/run/systemd/system".into(), patience: Duration::from_secs(60) }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Services {
    rules: ServiceRules,
    faults: FaultPlan,
}

/// What is done to a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Restart,
    Stop,
}

impl Deed {
    fn helpers_verb(self) -> Verb {
        match self {
            Self::Restart => Verb::Restart,
            Self::Stop => Verb::Stop,
        }
    }

    fn verb(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::Stop => "stop",
        }
    }
}

/// How a unit stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Standing {
    /// `loaded`; `not-found` where there is no such unit.
    load: String,
    /// `active`, `activating`, `inactive`, `failed` …
    active: String,
    /// `running`, `auto-restart` …
    sub: String,
    /// Why it stands so: `success`, `exit-code` …
    result: String,
    /// `oneshot`, `simple` …
    kind: String,
    /// Names one start of it.
    invocation: String,
    /// How often it was started again by itself.
    restarts: String,
}

impl Standing {
    fn exists(&self) -> bool {
        !matches!(self.load.as_str(), "not-found" | "masked" | "")
    }

    /// It does what it is there for; one that works and ends may have done so already.
    fn is_up(&self) -> bool {
        self.active == "active" || (self.kind == "oneshot" && self.active == "inactive" && self.result == "success")
    }

    fn in_words(&self) -> String {
        match (self.active.as_str(), self.result.as_str()) {
            (active, "success" | "") => format!("{active}, {}", self.sub),
            (active, result) => format!("{active}, {result}"),
        }
    }
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
            self.rules.runtime = folder.to_owned();
        }
        Self { faults, ..self }
    }

    /// What restarts services here; none when nothing does.
    #[must_use]
    pub fn manager(&self) -> Option<String> {
        let has_program =
            || std::env::split_paths(&self.rules.surroundings.path).any(|dir| dir.join("systemctl").is_file());
        (self.rules.runtime.is_dir() && has_program()).then(|| "systemd".to_owned())
    }

    /// Takes back `Undo::ServicesRestartAgain`: those that were started anew since they were observed run what was taken
    /// back, and are restarted. One that did not run then is stopped.
    ///
    /// # Errors
    /// When the service manager cannot be asked, or a service that ran does not run again.
    pub async fn restart_again(&self, units: &[String], circumstance: &Circumstance) -> Result<(), StepError> {
        let noted = circumstance.witness.clone().and_then(|noted| serde_json::from_value(noted).ok());
        // Without a note nothing was observed, and nothing was restarted.
        let Some(noted): Option<BTreeMap<String, Standing>> = noted else { return Ok(()) };
        let now = self.look(units).await?;
        for (unit, before) in noted.iter().filter(|(unit, before)| units.contains(unit) && before.exists()) {
            let is_same = now.get(unit).is_some_and(|now| now.invocation == before.invocation);
            if is_same {
                continue;
            }
            if before.is_up() {
                (circumstance.tell)(&format!("Restarting {unit} once more, since what it runs was put back"));
                self.have(Deed::Restart, unit).await?;
                self.wait_until_up(unit).await?;
            } else if before.active == "inactive" {
                (circumstance.tell)(&format!("Stopping {unit}, which did not run before"));
                self.have(Deed::Stop, unit).await?;
            }
        }
        Ok(())
    }

    /// Performs a step.
    ///
    /// # Errors
    /// With the words that the caller gets.
    pub async fn act(&self, step: &ServiceStep, _circumstance: &Circumstance) -> Result<Option<String>, StepError> {
        match step {
            // Said by the announcement before it.
            ServiceStep::Postpone { .. } => Ok(None),
            ServiceStep::Observe { units, .. } => {
                let seen = self.look(units).await?;
                let words = units.iter().map(|unit| match seen.get(unit).filter(|seen| seen.exists()) {
                    Some(seen) => format!("{unit} is {}", seen.in_words()),
                    None => format!("there is no service {unit} here that could be restarted; it is passed by"),
                });
                Ok(Some(words.collect::<Vec<_>>().join("; ")))
            }
            ServiceStep::Restart { title, unit, .. } => {
                let titled = |error: StepError| StepError { message: format!("{title}: {}", error.message), ..error };
                let seen = self.look(std::slice::from_ref(unit)).await.map_err(titled)?;
                if !seen.get(unit).is_some_and(Standing::exists) {
                    return Ok(Some(format!(
                        "there is no service {unit} here that could be restarted; it is passed by"
                    )));
                }
                self.have(Deed::Restart, unit).await.map_err(titled)?;
                self.faults.reach("service_restart.restarted");
                self.wait_until_up(unit).await.map_err(titled)?;
                Ok(None)
            }
        }
    }

    /// What recovery will need to know: which start of each is running.
    pub async fn witness(&self, step: &ServiceStep) -> Option<Witness> {
        match step {
            ServiceStep::Observe { units, .. } => serde_json::to_value(self.look(units).await.ok()?).ok(),
            ServiceStep::Restart { .. } | ServiceStep::Postpone { .. } => None,
        }
    }

    /// Asks for all at once.
    async fn look(&self, units: &[String]) -> Result<BTreeMap<String, Standing>, StepError> {
        let names = units.iter().map(|unit| file_of(unit)).collect::<Result<Vec<_>, _>>()?;
        let asked = ["show", "-p", "Id,LoadState,ActiveState,SubState,Result,Type,InvocationID,NRestarts", "--"];
        let outcome = self.systemctl().args(asked).args(&names).run().await.map_err(|error| unrunnable(&error))?;
        if !outcome.success() {
            return Err(failed(&format!(
                "systemd could not be asked about {} ({})",
                units.join(", "),
                outcome.reason()
            )));
        }
        // One answer for each, in the order asked: an alias answers under another name.
        let text = String::from_utf8_lossy(&outcome.stdout).into_owned();
        Ok(units.iter().cloned().zip(text.split("\n\n").map(standing)).collect())
    }

    /// Asks systemd itself first (polkit lets the owner's services be restarted), then through sudo.
    async fn have(&self, deed: Deed, unit: &str) -> Result<(), StepError> {
        let file = file_of(unit)?;
        let verb = deed.verb();
        let arguments = ["--no-ask-password", verb, "--", &file];
        let first =
            self.systemctl().args(arguments).limits(RESTARTING).run().await.map_err(|error| unrunnable(&error))?;
        if first.success() {
            return Ok(());
        }
        if !is_denied(&first) {
            return Err(self.why_not(deed, unit, &first).await);
        }
        match RootHelper::usual().unit(deed.helpers_verb(), unit).await {
            Some(Ok(())) => return Ok(()),
            Some(Err(error @ HelperError::Failed { .. })) => {
                return Err(failed(&format!("the service {unit}: {error}")));
            }
            Some(Err(HelperError::Refused(_) | HelperError::Silent(_))) | None => {}
        }
        let sudo = Command::new("sudo", &self.rules.surroundings).args(["-n", "systemctl"]).args(arguments);
        match sudo.dir("/").limits(RESTARTING).run().await {
            Ok(outcome) if outcome.success() => Ok(()),
            Ok(outcome) if !says(&outcome, "sudo:") => Err(self.why_not(deed, unit, &outcome).await),
            Ok(_) | Err(_) => Err(failed(&format!(
                "Refit has no right to {verb} the service {unit}. To do it by hand, type: sudo systemctl {verb} {unit}"
            ))),
        }
    }

    async fn wait_until_up(&self, unit: &str) -> Result<(), StepError> {
        let begun = Instant::now();
        loop {
            let seen = self.look(&[unit.to_owned()]).await?.remove(unit).unwrap_or_default();
            if seen.is_up() {
                return Ok(());
            }
            let is_on_its_way = matches!(seen.active.as_str(), "activating" | "reloading" | "deactivating");
            if !is_on_its_way || begun.elapsed() >= self.rules.patience {
                return Err(not_up(unit, &seen));
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    async fn why_not(&self, deed: Deed, unit: &str, outcome: &Outcome) -> StepError {
        let seen = self.look(&[unit.to_owned()]).await.ok().and_then(|mut seen| seen.remove(unit));
        match (deed, seen) {
            (Deed::Restart, Some(seen)) if !seen.is_up() => not_up(unit, &seen),
            (Deed::Restart, _) => {
                failed(&format!("the service {unit} could not be restarted ({})", first_line(outcome)))
            }
            (Deed::Stop, _) => failed(&format!("the service {unit} could not be stopped ({})", first_line(outcome))),
        }
    }

    fn systemctl(&self) -> Command {
        Command::new("systemctl", &self.rules.surroundings).dir("/")
    }
}

/// `NAME.service`; a name that systemd could take for anything else is refused.
fn file_of(unit: &str) -> Result<String, StepError> {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_' | '.' | '\\' | '@');
    if unit.is_empty() || unit.len() > 200 || unit.starts_with(['-', '.']) || !unit.chars().all(fine) {
        return Err(failed(&format!("'{}' is not the name of a service", unit.escape_debug())));
    }
    Ok(format!("{unit}.service"))
}

fn standing(answer: &str) -> Standing {
    let value = |key: &str| {
        let line = answer.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_default().to_owned()
    };
    Standing {
        load: value("LoadState"),
        active: value("ActiveState"),
        sub: value("SubState"),
        result: value("Result"),
        kind: value("Type"),
        invocation: value("InvocationID"),
        restarts: value("NRestarts"),
    }
}

fn says(outcome: &Outcome, words: &str) -> bool {
    outcome.stderr_text().contains(words)
}

fn is_denied(outcome: &Outcome) -> bool {
    ["Access denied", "Interactive authentication required", "authentication required", "Permission denied"]
        .iter()
        .any(|words| says(outcome, words))
}

fn first_line(outcome: &Outcome) -> String {
    let text = outcome.stderr_text();
    text.lines().next().map_or_else(|| outcome.ended.to_string(), str::to_owned)
}

fn not_up(unit: &str, seen: &Standing) -> StepError {
    failed(&format!(
        "the service {unit} does not run after its restart ({}). To see why, type: journalctl -u {unit} -e",
        seen.in_words()
    ))
}

fn unrunnable(error: &CommandError) -> StepError {
    failed(&format!("Service Actions Not Available ({error})"))
}

fn failed(text: &str) -> StepError {
    StepError { message: text.to_owned(), command_failed: false, printer_busy: false }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests read PATH")]
#[path = "services_tests.rs"]
mod tests;
