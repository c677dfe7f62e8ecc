//! What was recorded at two times before a change is put to the test: the better of both. Where several changes wait for one
//! restart, what one of them made sick meanwhile is not what the others found.
//! Refuses to: know what nobody asks now.

use super::judge::rank;
use super::{MoonrakerSeen, Seen, UnitState};

impl Seen {
    /// The same, and where something was well that is not now, as it was then.
    #[must_use]
    pub fn or_better(mut self, earlier: &Self) -> Self {
        for (name, now) in &mut self.units {
            if let Some(was) = earlier.units.get(name).filter(|was| was.state == UnitState::Up)
                && now.state != UnitState::Up
            {
                now.clone_from(was);
            }
        }
        if let (Some(now), Some(was)) = (&mut self.printer, &earlier.printer)
            && rank(was.state) > rank(now.state)
        {
            now.clone_from(was);
        }
        self.moonraker = match (self.moonraker, &earlier.moonraker) {
            (Some(now), Some(was)) => Some(better(now, was)),
            (now, _) => now,
        };
        for (check, now) in &mut self.declared {
            if let Some(was) = earlier.declared.get(check).filter(|was| was.well && !now.well) {
                now.clone_from(was);
            }
        }
        self
    }
}

fn better(now: MoonrakerSeen, was: &MoonrakerSeen) -> MoonrakerSeen {
    match (now, was) {
        (
            MoonrakerSeen::Answers { failed, warnings, websocket },
            MoonrakerSeen::Answers { failed: failed_then, websocket: websocket_then, .. },
        ) => MoonrakerSeen::Answers {
            failed: failed.intersection(failed_then).cloned().collect(),
            warnings,
            websocket: websocket || *websocket_then,
        },
        (now @ MoonrakerSeen::Answers { .. }, MoonrakerSeen::Gone { .. } | MoonrakerSeen::Silent { .. })
        | (now, MoonrakerSeen::Gone { .. }) => now,
        (MoonrakerSeen::Gone { .. } | MoonrakerSeen::Silent { .. }, was) => was.clone(),
    }
}
