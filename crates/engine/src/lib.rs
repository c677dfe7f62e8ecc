//! The loop: owns all mutable state and takes one input at a time.
//!
//! | file | what it is |
//! |---|---|
//! | [`ports`] | what the engine needs from the outside: [`ports::Machine`], [`ports::Journal`], [`ports::Clock`] |
//! | [`handle`] | what everybody outside holds: submit, snapshot, subscribe |
//! | `conductor` | one task: take one input, handle it, answer |
//! | `run` | per step: journal the intent, perform, journal the result, announce |
//! | `recover` | at start, before any door opens: finish or undo what a crash left |
//! | `schedule` | automatic refresh: window, interval, jitter |
//! | `feed` | one buffer for those who listen and those who poll |

pub mod handle;
pub mod ports;
pub mod snapshot;
