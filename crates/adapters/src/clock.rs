//! The clock on the wall, and the hour of the day where the printer stands.
//!
//! Refuses to: measure durations; the monotonic clock does that.
#![allow(clippy::disallowed_methods, reason = "this is the one real clock behind engine::ports::Clock")]

use std::time::{SystemTime, UNIX_EPOCH};

use refit_engine::ports::Clock;

/// The system's clock and time zone.
#[derive(Debug, Clone, Copy, Default)]
pub struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> f64 {
        // A clock before 1970 is a board without a battery that has not seen the network yet.
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
    }

    fn local_hour(&self) -> u8 {
        u8::try_from(jiff::Zoned::now().hour()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_in_this_century() {
        assert!(WallClock.now() > 1_600_000_000.0);
        assert!(WallClock.local_hour() < 24);
    }
}
