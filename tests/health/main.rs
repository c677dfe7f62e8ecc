//! Updates that make something sick, each in its own way: the built daemon, real services, a service manager that is a
//! script. What was there before is there again and runs, and the history and the message say why.
//!
//! `tests/vm/health.rs` shows the same under systemd. `REFIT_HEALTH_RUNS=20` makes twenty of each here.
#![allow(clippy::disallowed_methods, reason = "tests start processes and read the environment")]
#![allow(unreachable_pub, reason = "a test exports nothing; here pub marks what one room offers to the others")]

mod front_end;
mod sickness;
mod software;
mod world;
