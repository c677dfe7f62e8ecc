//! Automatic refreshes: what is stale, when it may be looked up, when to ask again. Pure but for the jitter.
//! Refuses to: refresh anything; the conductor queues it.

use std::time::Duration;

use refit_model::updater::{Facts, Spec};

use crate::act::random;

/// Between two automatic passes (CONTRACT §2.11), to which up to [`JITTER`] is added, so that a thousand printers that
/// came back with the mains do not ask one host in the same second.
const EVERY: Duration = Duration::from_secs(3600);
const JITTER: Duration = Duration::from_secs(300);

/// A clock that was set forward and back leaves times in the future; small differences are none.
const FUTURE: f64 = 60.0;

/// How long until the next pass.
pub(crate) fn until_next() -> Duration {
    let jitter = random() % u64::try_from(JITTER.as_millis()).unwrap_or(u64::MAX).max(1);
    EVERY + Duration::from_millis(jitter)
}

/// Whether what is known of an updater is stale: its interval passed, its configuration changed, or its last refresh
/// is in the future, since boards without a battery wake up in 1970 and are corrected later.
pub(crate) fn is_due(spec: &Spec, facts: &Facts, now: f64) -> bool {
    match (spec, facts) {
        // Nothing is there to be looked at; another path makes it another spec.
        (Spec::Absent(_), _) => false,
        (Spec::Git(_) | Spec::Release(_) | Spec::Python(_) | Spec::System(_), facts) => {
            #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit in 52 bits")]
            let last = facts.last_refresh() as f64;
            facts.last_refresh() == 0
                || facts.config_hash() != spec.config_hash()
                || last > now + FUTURE
                || last + f64::from(spec.refresh_interval_hours()) * 3600.0 <= now
        }
    }
}

/// Whether an hour of the day lies in a window, first and last hour included; a window may wrap midnight.
pub(crate) fn in_window(hour: u8, (first, last): (u8, u8)) -> bool {
    if first <= last { (first..=last).contains(&hour) } else { hour >= first || hour <= last }
}

#[cfg(test)]
mod tests {
    use refit_model::name::{BranchName, UpdaterName};
    use refit_model::settings::Channel;
    use refit_model::updater::Common;
    use refit_model::updater::git::{GitFacts, GitSpec};

    use super::*;

    #[test]
    fn a_window_may_wrap_midnight() {
        let open = |window| (0..24).filter(|hour| in_window(*hour, window)).collect::<Vec<u8>>();
        assert_eq!(open((0, 5)), [0, 1, 2, 3, 4, 5]);
        assert_eq!(open((22, 1)), [0, 1, 22, 23]);
    }

    fn spec() -> GitSpec {
        GitSpec {
            common: Common {
                config_hash: "one".to_owned(),
                ..Common::usual(UpdaterName::new("app").unwrap(), Channel::Dev)
            },
            path: "/app".into(),
            origin: String::new(),
            moved_origin: None,
            primary_branch: BranchName::new("master").unwrap(),
            pinned_commit: None,
        }
    }

    #[test]
    fn a_clock_that_jumps_makes_facts_stale_once() {
        let due = |last_refresh: i64, config_hash: &str, now: f64| {
            let facts = GitFacts { last_refresh, config_hash: config_hash.to_owned(), ..GitFacts::default() };
            is_due(&Spec::Git(spec()), &Facts::Git(Box::new(facts)), now)
        };
        let (now, week) = (1_800_000_000.0, 168 * 3600);
        assert!(due(0, "one", now), "never seen");
        assert!(!due(1_800_000_000 - week + 1, "one", now), "fresh");
        assert!(due(1_800_000_000 - week, "one", now), "a week old");
        assert!(due(1_799_999_999, "two", now), "another configuration");
        assert!(due(1_800_000_000, "one", 30.0), "a board that woke up in 1970");
        assert!(!due(30, "one", 31.0), "and has looked since");
        assert!(due(30, "one", now), "and was corrected");
        assert!(!due(1_800_000_030, "one", now), "a small correction");
    }

    #[test]
    fn the_next_pass_is_within_the_hour_and_the_jitter() {
        for _ in 0..100 {
            let next = until_next();
            assert!(next >= EVERY && next <= EVERY + JITTER);
        }
    }
}
