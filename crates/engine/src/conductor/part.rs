//! A run that restarts Refit itself, as those see it who wait for an answer.
//! Refuses to: restart anything; `run::own_restart` does.

use tokio::sync::oneshot;

use super::Conductor;
use super::job::{Active, End, Part};
use crate::ports::{Clock, Journal, Machine};

impl<M: Machine, J: Journal, C: Clock> Conductor<M, J, C> {
    /// Refit's own restart was granted: who waits is answered now (CONTRACT §2.9), since nobody will be there later.
    pub(super) fn leave(&mut self, end: &End) {
        if let Some(mut active) = self.active.take() {
            self.tell_end(&mut active, end);
            self.active = Some(Active { part: Part::Left, ..active });
        }
        // Who waits for them looks only whether they are still waited for.
        self.farewells.clear();
    }

    pub(super) fn part(&mut self, part: Part) {
        if let Some(active) = &mut self.active {
            active.part = part;
        }
    }

    /// Answered once nobody is owed an answer by a restart of Refit that is being asked for.
    pub(super) fn last_words(&mut self, said: oneshot::Sender<()>) {
        if self.active.as_ref().is_some_and(|active| active.part == Part::Parting) {
            self.farewells.push(said);
        }
    }
}
