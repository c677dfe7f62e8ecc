//! Looks again and again until it can be judged whether everything is as well as before.
//! Refuses to: ask anybody but the service manager while something that was just started settles.

use std::collections::BTreeMap;
use std::time::Duration;

use refit_engine::ports::Circumstance;
use refit_model::health::{Moment, Seen, Starts, UnitSeen, Verdict, judge};
use refit_model::step::Watched;
use tokio::time::{Instant, sleep};

use super::{Health, HealthRules};
use crate::services::Services;

/// How often is looked.
const PACE: Duration = Duration::from_secs(1);

impl Health {
    /// Until it is judged. What is started anew meanwhile is seen, and so is what dies after some seconds.
    pub(super) async fn watch(
        &self,
        watched: &Watched,
        before: &Seen,
        services: &Services,
        circumstance: &Circumstance,
    ) -> Verdict {
        // From when on what may still come is waited for: what settles is not asked yet.
        let mut begun = Instant::now();
        let HealthRules { settling, patience, .. } = self.rules;
        let pace = PACE.min(settling / 4).max(Duration::from_millis(20));
        let (mut starts, mut steady) = (Starts::default(), begun);
        loop {
            let units = match self.units(&watched.units, services).await {
                // Nobody could tell before either, so that there is nothing to compare.
                None if before.units.is_empty() => Some(BTreeMap::new()),
                units => units,
            };
            let verdict = match units {
                Some(units) => {
                    if starts.note(&units) {
                        steady = Instant::now();
                    }
                    let settling = starts.any_new(before) && steady.elapsed() < settling;
                    if settling {
                        begun = Instant::now();
                    }
                    let rebooted = circumstance.rebooted;
                    let moment = Moment { waited: begun.elapsed(), patience, settling, rebooted, starts: &starts };
                    self.judged(watched, before, units, services, moment).await
                }
                None if begun.elapsed() < patience => Verdict::NotYet,
                None => Verdict::Worse("the service manager could not be asked how the services are".to_owned()),
            };
            if verdict != Verdict::NotYet {
                return verdict;
            }
            sleep(pace).await;
        }
    }

    /// A crash alone decides at once; everybody else is asked when what was started has settled.
    async fn judged(
        &self,
        watched: &Watched,
        before: &Seen,
        units: BTreeMap<String, UnitSeen>,
        services: &Services,
        moment: Moment<'_>,
    ) -> Verdict {
        let part = Seen { units, ..Seen::default() };
        let verdict = judge(before, &part, Moment { settling: true, ..moment });
        if moment.settling || verdict != Verdict::NotYet {
            return verdict;
        }
        let mut seen = self.look_outside(watched, &part.units, services).await;
        // Once more, last: what dies while it is asked is seen to be dead.
        seen.units = self.units(&watched.units, services).await.unwrap_or(part.units);
        judge(before, &seen, moment)
    }
}
