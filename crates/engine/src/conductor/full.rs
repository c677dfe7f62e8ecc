//! An update of everything: each updater in its order and as its own transaction, and the restarts that they owe each other
//! in the places of those whose services they are (CONTRACT §2.6, §8 row 5).
//!
//! What single updates guarantee holds here too: software with which a service does not come up is taken back. Where that
//! service was restarted later, those that had put its restart off are rolled back, and it is restarted once more.
//!
//! Refuses to: stop at a failure; only an end of Refit does.

use std::time::Duration;

use refit_model::health::Declared;
use refit_model::hold::Passing;
use refit_model::journal::{RunRecord, Witness};
use refit_model::name::{RunId, UpdaterName};
use refit_model::plan::{Action, Plan};
use refit_model::printer::KlippyState;
use refit_model::refusal::Refusal;
use refit_model::request::Caller;
use refit_model::restart::{Owed, is_own};

use super::job::{End, Finale, Item, Refreshed, Report};
use super::work::{Acting, Worker};
use crate::handle::RequestError;
use crate::ports::{Clock, Journal, Machine};
use crate::run::told_to_stop;
use crate::snapshot::{Full, Snapshot};

/// How many past runs are asked for restarts that they left owed.
const LOOK_BACK: usize = 50;

/// After a restart it may take so long to be noticed that the old connection to the printer has ended.
const NOTICED: Duration = Duration::from_secs(5);

/// The round through all updaters.
struct Round {
    shown: Full,
    owed: Owed,
    /// Those that this round has updated, and may take back.
    updated: Vec<UpdaterName>,
    any_corrupt: bool,
    /// Units whose restart failed, and that was told.
    given_up: Vec<String>,
    /// The newest run before it.
    begun_after: RunId,
    /// How well everything was before each of its runs.
    recorded: Vec<(UpdaterName, Witness)>,
}

/// The connection to the printer before something was done.
#[derive(Clone, Copy)]
struct Connection {
    gone: u64,
    open: bool,
}

impl<M: Machine, J: Journal, C: Clock> Worker<M, J, C> {
    pub(super) async fn full(&mut self, caller: &Caller) -> End {
        self.say("Preparing full software update...".to_owned());
        let order = full_order(self.items.iter().map(Item::name));
        let own = self.machine.own_unit();
        let shown = Full { waiting: order.clone(), ..Full::default() };
        let owed = owed_before(&*self.journal, &self.machine.boot_id()).await;
        let begun_after = self.newest_run(None).await.map_or(RunId(0), |run| run.id);
        let mut round = Round {
            shown,
            owed,
            updated: Vec::new(),
            any_corrupt: false,
            given_up: Vec::new(),
            begun_after,
            recorded: Vec::new(),
        };
        for name in order {
            if *self.stop.borrow() {
                round.failed(&name, Refusal::ShuttingDown.to_string());
                return self.end(round);
            }
            round.begin(&name);
            self.show(&round);
            self.turn(&mut round, &name, caller).await;
            let mut owed = round.owed.of(&name);
            // Who goes on with the others is restarted behind them.
            owed.retain(|unit| Some(unit) != own.as_ref());
            self.restart(&mut round, owed, caller).await;
        }
        // Of those whose place has no updater, and what a rollback put off once more.
        while let Some(unit) = round.next_owed(own.as_deref()) {
            if Some(&unit) == own.as_ref() {
                round.shown.running = None;
                self.show(&round);
                self.parting = Some(conclusion(&round));
            }
            self.restart(&mut round, vec![unit.clone()], caller).await;
            if round.owed.units().any(|owed| owed == unit) {
                // Tried, and told.
                round.given_up.push(unit);
            }
        }
        self.end(round)
    }

    /// One updater.
    async fn turn(&mut self, round: &mut Round, name: &UpdaterName, caller: &Caller) {
        if let Some(passing) = self.passing(name) {
            return self.pass_by(round, name, &passing);
        }
        let before = self.connection();
        self.stand_for(round, name, &round.owed.of(name));
        let acting = self.act(name.as_str(), Action::Upgrade, caller).await;
        self.stand_for_nobody();
        self.remember(round, name).await;
        match acting {
            Acting::Nothing(_) => round.done(name),
            Acting::Finished(plan) => {
                self.say(plan.closing.clone());
                round.owed.finished(&plan);
                round.updated.push(name.clone());
                round.done(name);
                self.reconnected(&plan, before).await;
            }
            // What is offered was found out only now.
            Acting::Failed { error: RequestError::Refused(Refusal::Skipped { version, .. }), .. } => {
                self.pass_by(round, name, &Passing::Skipped(version));
            }
            Acting::Failed { error, corrupt, before: _ } => {
                self.say(format!("Error updating {name}: {error}"));
                round.any_corrupt |= corrupt;
                round.failed(name, error.to_string());
            }
        }
        self.show(round);
    }

    fn pass_by(&self, round: &mut Round, name: &UpdaterName, passing: &Passing) {
        self.say(passing.words(name));
        round.passed_by(name);
        self.show(round);
    }

    fn passing(&self, name: &UpdaterName) -> Option<Passing> {
        let status = self.status.borrow();
        let (_, assessed) = status.updaters.iter().find(|(known, _)| known == name)?;
        status.holds.passing(name, assessed.offer())
    }

    /// Restarts what is owed. When that fails, those that need it are taken back, and it is tried once more.
    async fn restart(&mut self, round: &mut Round, units: Vec<String>, caller: &Caller) {
        let needed_by = round.owed.needed_by(&units);
        let Some(place) = self.place_of(&units, &needed_by) else { return };
        let Err(error) = self.restart_once(round, &place, &units, caller).await else { return };
        let what = units.join(", ");
        self.say(format!("Error restarting {what}: {error}"));
        let mine: Vec<_> = needed_by.into_iter().filter(|name| round.updated.contains(name)).collect();
        // Refused, not failed: a print has begun, or Refit ends. The restart is owed still.
        if matches!(error, RequestError::Refused(_)) || mine.is_empty() {
            round.failed(&place, format!("{what} could not be restarted: {error}"));
            round.given_up.extend(units);
            return self.show(round);
        }
        for name in mine.iter().rev() {
            self.take_back(round, name, &format!("{what} could not be restarted with it: {error}"), caller).await;
        }
        if let Err(error) = self.restart_once(round, &place, &units, caller).await {
            self.say(format!("Error restarting {what}: {error}"));
            round.failed(&place, format!("{what} could not be restarted: {error}"));
            round.given_up.extend(units);
        }
        self.show(round);
    }

    async fn restart_once(
        &mut self,
        round: &mut Round,
        place: &UpdaterName,
        units: &[String],
        caller: &Caller,
    ) -> Result<(), RequestError> {
        let before = self.connection();
        self.manner.owed = units.to_vec();
        self.stand_for(round, place, units);
        let acting = self.act(place.as_str(), Action::Restart, caller).await;
        self.manner.owed.clear();
        self.stand_for_nobody();
        self.remember(round, place).await;
        match acting {
            Acting::Nothing(_) => Ok(()),
            Acting::Finished(plan) => {
                round.owed.finished(&plan);
                self.reconnected(&plan, before).await;
                Ok(())
            }
            Acting::Failed { error, .. } => Err(error),
        }
    }

    /// A restart puts to the test what all those changed who need it: what they declared is asked after it, and what was well
    /// before they changed has to be well.
    fn stand_for(&mut self, round: &Round, place: &UpdaterName, units: &[String]) {
        let needed_by = round.owed.needed_by(units);
        let stands = |name: &UpdaterName| name == place || needed_by.contains(name);
        let recorded = round.recorded.iter().filter(|(name, _)| stands(name));
        self.manner.earlier = recorded.map(|(_, recorded)| recorded.clone()).collect();
        // Who waits for another restart is asked behind that one.
        let others: Vec<String> =
            round.owed.units().filter(|unit| !units.iter().any(|own| own == unit)).map(str::to_owned).collect();
        let waiting = round.owed.needed_by(&others);
        let asked: Vec<UpdaterName> = self.items.iter().map(Item::name).filter(|name| stands(name)).cloned().collect();
        self.manner.declared = self.declared(&asked, &waiting);
    }

    fn stand_for_nobody(&mut self) {
        self.manner.declared.clear();
        self.manner.earlier.clear();
    }

    /// Remembers how well everything was before the newest run of this updater, where that is of this round.
    async fn remember(&self, round: &mut Round, name: &UpdaterName) {
        let run = self.newest_run(Some(name)).await.filter(|run| run.id > round.begun_after);
        let recorded = run.as_ref().and_then(RunRecord::recorded);
        round.recorded.extend(recorded.map(|recorded| (name.clone(), recorded.clone())));
    }

    async fn newest_run(&self, name: Option<&UpdaterName>) -> Option<RunRecord> {
        self.journal.history(name, 1).await.ok()?.pop()
    }

    fn declared(&self, asked: &[UpdaterName], waiting: &[UpdaterName]) -> Vec<Declared> {
        let asked = self.items.iter().filter(|item| asked.contains(item.name()) && !waiting.contains(item.name()));
        let mut declared: Vec<Declared> = Vec::new();
        for one in asked.map(|item| item.spec.health()).filter(|health| !health.off).flat_map(|spec| &spec.declared) {
            if !declared.contains(one) {
                declared.push(one.clone());
            }
        }
        declared
    }

    async fn take_back(&mut self, round: &mut Round, name: &UpdaterName, why: &str, caller: &Caller) {
        round.updated.retain(|updated| updated != name);
        let message = match self.act(name.as_str(), Action::Rollback, caller).await {
            Acting::Finished(plan) => {
                round.owed.finished(&plan);
                format!("it was taken back, because {why}")
            }
            Acting::Nothing(nothing) => format!("{why}; and it could not be taken back: {nothing}"),
            Acting::Failed { error, .. } => format!("{why}; and it could not be taken back: {error}"),
        };
        self.say(format!("Error updating {name}: {message}"));
        round.failed(name, message);
    }

    /// In whose name units are restarted: whose they are, else who needs it.
    fn place_of(&self, units: &[String], needed_by: &[UpdaterName]) -> Option<UpdaterName> {
        let first = units.first()?;
        let mut known = self.items.iter().map(Item::name);
        let needs = needed_by.iter().find(|name| self.items.iter().any(|item| item.name() == *name));
        known.find(|name| is_own(name, first)).or(needs).cloned()
    }

    /// After klipper was restarted, the next waits until the printer is there again, but not for ever (CONTRACT §2.6).
    async fn reconnected(&self, plan: &Plan, before: Connection) {
        let Ok(klipper) = UpdaterName::new("klipper") else { return };
        if !plan.restarts().any(|unit| is_own(&klipper, unit)) {
            return;
        }
        self.say("Waiting for Klippy to reconnect (this may take up to 2 minutes)...".to_owned());
        let (mut status, mut stop) = (self.status.clone(), self.stop.clone());
        let back = async {
            if before.open {
                let ended = status.wait_for(|now| now.printer_gone != before.gone || !is_open(now));
                // Not noticed in all this time: the one that is open is the new one, or it is another printer's.
                let _unnoticed = tokio::time::timeout(NOTICED, async { ended.await.is_ok() }).await;
            }
            status.wait_for(|now| is_open(now)).await.is_ok()
        };
        let back = tokio::select! {
            back = tokio::time::timeout(self.klippy_wait, back) => back == Ok(true),
            () = told_to_stop(&mut stop) => return,
        };
        self.say(if back { "Klippy Reconnected" } else { "Klippy reconnect timed out..." }.to_owned());
    }

    fn connection(&self) -> Connection {
        let status = self.status.borrow();
        Connection { gone: status.printer_gone, open: is_open(&status) }
    }

    fn say(&self, text: String) {
        self.reports.send(Report::Say(text));
    }

    fn show(&self, round: &Round) {
        self.reports.send(Report::Full(Box::new(round.shown.clone())));
    }

    fn end(&self, mut round: Round) -> End {
        round.shown.running = None;
        self.show(&round);
        conclusion(&round)
    }
}

fn conclusion(round: &Round) -> End {
    let refreshed = if round.any_corrupt { Refreshed::Soon } else { Refreshed::No };
    if round.shown.failed.is_empty() {
        return End { refreshed, ..End::finished("Full Update Complete".to_owned()) };
    }
    let each: Vec<_> = round.shown.failed.iter().map(|(name, why)| format!("{name}: {why}")).collect();
    let message = format!("Error updating {}", each.join("; "));
    let finale = Finale::Everybody(vec![message.clone()]);
    End { finale, result: Err(RequestError::Failed { message, command_failed: false }), refreshed }
}

impl Round {
    fn begin(&mut self, name: &UpdaterName) {
        self.shown.waiting.retain(|waiting| waiting != name);
        self.shown.running = Some(name.clone());
    }

    /// The next unit whose restart is owed and was not tried in vain; Refit itself last.
    fn next_owed(&self, own: Option<&str>) -> Option<String> {
        let owed = || self.owed.units().filter(move |unit| !self.given_up.iter().any(|given_up| given_up == unit));
        owed().find(|unit| Some(*unit) != own).or_else(|| owed().next()).map(str::to_owned)
    }

    fn done(&mut self, name: &UpdaterName) {
        self.shown.done.push(name.clone());
    }

    fn passed_by(&mut self, name: &UpdaterName) {
        self.shown.passed_by.push(name.clone());
    }

    /// It failed, or what was done was of no use.
    fn failed(&mut self, name: &UpdaterName, why: String) {
        for list in [&mut self.shown.done, &mut self.shown.passed_by, &mut self.shown.waiting] {
            list.retain(|other| other != name);
        }
        match self.shown.failed.iter_mut().find(|(failed, _)| failed == name) {
            Some((_, before)) => *before = format!("{before}; {why}"),
            None => self.shown.failed.push((name.clone(), why)),
        }
    }
}

fn is_open(status: &Snapshot) -> bool {
    status.printer.state != KlippyState::Disconnected
}

/// What an update of everything that was cut short left owed.
pub(super) async fn owed_before<J: Journal>(journal: &J, boot_id: &str) -> Owed {
    match journal.history(None, LOOK_BACK).await {
        Ok(history) => Owed::from_history(&history, boot_id),
        Err(error) => {
            tracing::warn!(%error, "cannot tell whether a restart is owed");
            Owed::default()
        }
    }
}

/// The order of a full update: what everything stands on first, what the clients talk through last.
pub(crate) fn full_order<'a>(names: impl Iterator<Item = &'a UpdaterName>) -> Vec<UpdaterName> {
    let mut names: Vec<_> = names.cloned().collect();
    let place = |name: &UpdaterName| match name.as_str() {
        "system" => 0,
        "klipper" => 2,
        "moonraker" => 3,
        _extension => 1,
    };
    names.sort_by_key(place);
    names
}
