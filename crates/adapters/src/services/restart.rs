//! Restarts: of a service, of Refit itself, and once more of what runs what was taken back.
//! Refuses to: restart what was not named as a whole, and to wait for its own end.

use std::collections::BTreeMap;

use refit_engine::ports::{Circumstance, StepError};
use refit_model::journal::Witness;
use refit_model::step::Sick;
use tokio::time::{Instant, sleep};

use super::deed::{Deed, Trouble, Wait};
use super::hand::Hand;
use super::name::file_of;
use super::supervisord::{Supervisord, again};
use super::systemd::Systemd;
use super::{LOOK_AGAIN, ServiceRules, Services, Standing, absent, failed, unavailable};

/// Why a service is not where it was wanted.
enum Failure {
    /// Nobody could be asked, or who was asked refused.
    Asking(StepError),
    /// It was asked for, and the service did not do it; in words for people.
    Service(String),
}

impl From<StepError> for Failure {
    fn from(error: StepError) -> Self {
        Self::Asking(error)
    }
}

impl From<Failure> for StepError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Asking(error) => error,
            Failure::Service(why) => failed(&why),
        }
    }
}

impl Services {
    /// Performs `ServiceStep::Restart`. One that does not run then is no failure where it did not run before either, or where
    /// this is only to be told.
    pub(super) async fn restart(
        &self,
        unit: &str,
        title: &str,
        sick: Sick,
        circumstance: &Circumstance,
    ) -> Result<Option<String>, StepError> {
        let ran = observed(circumstance).remove(unit).is_none_or(|before| before.is_up());
        let words = match (self.restarted(unit).await, sick) {
            (Ok(note), _) => return Ok(note),
            (Err(Failure::Service(why)), Sick::Tell) => why,
            (Err(Failure::Service(why)), Sick::TakeBack) if !ran => format!("as before, {why}"),
            (Err(failure), _) => return Err(failure.into()),
        };
        (circumstance.tell)(&format!("{title}: {words}"));
        Ok(Some(words))
    }

    async fn restarted(&self, unit: &str) -> Result<Option<String>, Failure> {
        let units = [unit.to_owned()];
        if !self.look(&units).await?.get(unit).is_some_and(Standing::exists) {
            return Ok(Some(absent(unit)));
        }
        if let Hand::Supervisord(supervisord) = self.hand()
            && matches!(supervisord.runs_us(unit).await, Ok(true))
        {
            // Who is stopped cannot ask to be started, and who does not know itself has no helper ask for both.
            return Ok(Some(format!(
                "Refit goes on as it is: it runs under supervisord, but was started without SUPERVISOR_PROCESS_NAME in its \
                 environment, and cannot restart itself then. To do it by hand, type: sudo supervisorctl restart {unit}"
            )));
        }
        self.have(Deed::Restart, unit).await?;
        self.faults.reach("service_restart.restarted");
        self.wait_until_up(unit).await?;
        Ok(None)
    }

    /// Takes back `Undo::ServicesRestartAgain`: those that were started anew or stopped since they were observed run what was
    /// taken back, or nothing, and are restarted. One that nobody had started then is stopped.
    ///
    /// # Errors
    /// When the service manager cannot be asked, or a service that ran does not run again.
    pub async fn restart_again(&self, units: &[String], circumstance: &Circumstance) -> Result<(), StepError> {
        // Without a note nothing was observed, and nothing was restarted.
        let noted = observed(circumstance);
        let now = self.look(units).await?;
        for (unit, before) in noted.iter().filter(|(unit, before)| units.contains(unit) && before.exists()) {
            let now = now.get(unit);
            let is_same = now.is_some_and(|now| now.invocation == before.invocation);
            let runs = now.is_some_and(Standing::is_up);
            if is_same && (runs || !before.is_up()) {
                continue;
            }
            let again =
                || (circumstance.tell)(&format!("Restarting {unit} once more, since what it runs was put back"));
            if before.is_up() {
                again();
                self.have(Deed::Restart, unit).await?;
                self.wait_until_up(unit).await?;
            } else if before.active == "inactive" {
                (circumstance.tell)(&format!("Stopping {unit}, which did not run before"));
                self.have(Deed::Stop, unit).await?;
            } else if runs || now.is_some_and(|now| now.active == "activating") {
                again();
                // It had failed by itself, and may do so again.
                if let Err(Failure::Asking(error)) = self.have(Deed::Restart, unit).await {
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Has the manager restart this very process: nothing is waited for, since nobody will be there to see it. With what
    /// to type where it does not come.
    pub(super) async fn restart_own(&self, unit: &str) -> Result<Option<String>, StepError> {
        if self.own_unit() != Some(unit) {
            // A rescue from the command line, say. The service itself is not disturbed by it.
            return Ok(Some(format!("the service {unit} was not restarted: it is not the one that does this")));
        }
        let hand = self.hand();
        match &hand {
            Hand::Supervisord(supervisord) => self.restart_supervised(supervisord, unit).await?,
            Hand::Systemd | Hand::Systemctl | Hand::Nobody(_) => self.ask(Deed::Restart, unit, Wait::Not).await?,
        }
        self.faults.reach("service_restart.restarted");
        Ok(Some(format!("To do it by hand, type: {}", hand.by_hand(Deed::Restart.verb(), unit))))
    }

    /// Whom supervisord lets ask how it is, it lets stop and start it, too: nothing is left to be refused to the helper.
    async fn restart_supervised(&self, supervisord: &Supervisord, unit: &str) -> Result<(), StepError> {
        let by_hand = format!("To restart it by hand, type: sudo supervisorctl restart {unit}");
        match supervisord.runs_us(unit).await {
            Ok(true) => {}
            Ok(false) => {
                return Err(failed(&format!("supervisord does not run this Refit as its program {unit}. {by_hand}")));
            }
            Err(Trouble::Denied) => return Err(failed(&format!("Refit has no right to ask about {unit}. {by_hand}"))),
            Err(Trouble::Absent(why) | Trouble::Failed(why)) => return Err(unavailable(&why)),
            Err(Trouble::Name(bad)) => return Err(failed(&bad.to_string())),
        }
        let ServiceRules { own_program, surroundings, supervisord: configured, .. } = &self.rules;
        again::begin(own_program, surroundings, configured.as_deref(), unit).map_err(|error| failed(&error.to_string()))
    }

    async fn have(&self, deed: Deed, unit: &str) -> Result<(), Failure> {
        self.ask(deed, unit, Wait::UntilDone).await
    }

    /// Asks the manager itself first (polkit lets the owner's services be restarted), then through sudo.
    async fn ask(&self, deed: Deed, unit: &str, wait: Wait) -> Result<(), Failure> {
        let file = file_of(unit).map_err(|bad| failed(&bad.to_string()))?;
        let hand = self.hand();
        let done = match &hand {
            Hand::Systemd => match (Systemd { bus: &self.rules.bus }).have(deed, &file, wait).await {
                Err(Trouble::Absent(why)) => self.over_the_bus_not(&why).have(deed, &file, wait).await,
                Err(Trouble::Denied) => self.systemctl().have_as_root(deed, &file, wait).await,
                done => done,
            },
            Hand::Systemctl => self.systemctl().have(deed, &file, wait).await,
            Hand::Supervisord(supervisord) => supervisord.have(deed, unit, wait).await,
            Hand::Nobody(why) => Err(Trouble::Absent(why.clone())),
        };
        match done {
            Ok(()) => Ok(()),
            Err(Trouble::Absent(why)) => Err(unavailable(&why).into()),
            Err(Trouble::Name(bad)) => Err(failed(&bad.to_string()).into()),
            Err(Trouble::Denied) => {
                let verb = deed.verb();
                let by_hand = hand.by_hand(verb, unit);
                let text = format!(
                    "Refit has no right to {verb} the service {unit}. To do it by hand, type: {by_hand}. What keeps Refit \
                     from it, `refit doctor` says"
                );
                Err(failed(&text).into())
            }
            Err(Trouble::Failed(why)) => Err(Failure::Service(self.why_not(deed, unit, &why).await)),
        }
    }

    async fn wait_until_up(&self, unit: &str) -> Result<(), Failure> {
        let begun = Instant::now();
        loop {
            let seen = self.look(&[unit.to_owned()]).await?.remove(unit).unwrap_or_default();
            if seen.is_up() {
                return Ok(());
            }
            let is_on_its_way = matches!(seen.active.as_str(), "activating" | "reloading" | "deactivating");
            if !is_on_its_way || begun.elapsed() >= self.rules.patience {
                return Err(Failure::Service(self.not_up(unit, &seen)));
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    async fn why_not(&self, deed: Deed, unit: &str, why: &str) -> String {
        let seen = self.look(&[unit.to_owned()]).await.ok().and_then(|mut seen| seen.remove(unit));
        // One that is being tried once more by itself says nothing of what went wrong.
        let tells = |seen: &Standing| !seen.is_up() && (seen.active != "activating" || seen.result != "success");
        match (deed, seen) {
            (Deed::Restart, Some(seen)) if tells(&seen) => self.not_up(unit, &seen),
            (Deed::Restart, _) => {
                format!("the service {unit} could not be restarted ({why}). To see why, type: {}", self.log_of(unit))
            }
            (Deed::Stop, _) => {
                format!("the service {unit} could not be stopped ({why}). To see why, type: {}", self.log_of(unit))
            }
        }
    }

    fn not_up(&self, unit: &str, seen: &Standing) -> String {
        format!(
            "the service {unit} does not run after its restart ({}). To see why, type: {}",
            seen.in_words(),
            self.log_of(unit)
        )
    }

    /// What to type to read what a service said last.
    fn log_of(&self, unit: &str) -> String {
        match self.hand() {
            Hand::Supervisord(_) => format!("supervisorctl tail {unit}"),
            Hand::Systemd | Hand::Systemctl | Hand::Nobody(_) => format!("journalctl -u {unit} -e"),
        }
    }
}

/// What was observed before anything changed.
fn observed(circumstance: &Circumstance) -> BTreeMap<String, Standing> {
    let noted: Option<Witness> = circumstance.witness.clone();
    noted.and_then(|noted| serde_json::from_value(noted).ok()).unwrap_or_default()
}
