//! The part of the table that is about the packages of the operating system.
//! Refuses to: know how any of it is done.

use refit_engine::ports::{Clock as _, Look, Tell};
use refit_model::updater::Facts;
use refit_model::updater::system::{SystemFacts, SystemSpec};

use super::Host;
use crate::clock::WallClock;

impl Host {
    pub(super) async fn inspect_system(&self, spec: &SystemSpec, before: &Facts, look: Look, tell: Tell) -> Facts {
        let nothing = SystemFacts::default();
        let before = match before {
            Facts::System(before) => before,
            Facts::Git(_) | Facts::Release(_) | Facts::Python(_) | Facts::Absent => &nothing,
        };
        #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970 fit in 63 bits")]
        let now = WallClock.now() as i64;
        Facts::System(Box::new(match look {
            Look::Local => self.system.look(spec, before).await,
            Look::Remote => self.system.refresh(spec, before, now, tell).await,
            Look::Survey(_) | Look::Preview(_) => self.system.survey(spec, before).await,
        }))
    }
}
