//! The loop: owns all mutable state and takes one input at a time.
//!
//! | file | what it is |
//! |---|---|
//! | [`ports`] | what the engine needs from the outside: [`ports::Machine`], [`ports::Journal`], [`ports::Clock`] |
//! | [`handle`] | what everybody outside holds: submit, snapshot, subscribe |
//! | [`conductor`] | one task: take one input, handle it, answer |
//! | [`run`] | per step: journal the intent, perform, journal the result, announce |
//! | [`recover`] | at start, before any door opens: finish or undo what a crash left |
//! | [`rescue`] | one action with no daemon running |
//! | `act` | one action on one updater, from the survey to the facts afterwards |
//! | `schedule` | automatic refresh: window, interval, jitter |
//! | `feed` | what listeners are told, in order |

mod act;
pub mod conductor;
mod feed;
pub mod handle;
pub mod ports;
pub mod recover;
pub mod rescue;
pub mod run;
mod schedule;
pub mod snapshot;

pub use conductor::{EngineSettings, KlipperSource, start};
