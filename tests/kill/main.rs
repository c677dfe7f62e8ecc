//! Pulls the plug on the built daemon, and looks at what it makes of it.
//!
//! The daemon drives an upgrade, soft and hard recoveries and a rollback of a real repository behind a real server, and of
//! software that ships as releases, and of software with a Python environment and packages, is killed at every point there is, at git's own system calls, at random instants and during its recovery; loses its power,
//! its disk space and its remote; is started again; and must have settled to the old or the new state, all of it, before
//! its socket answers. docs/kill-matrix.md tells what is killed where, and what was counted.
//!
//! `REFIT_KILL_RUNS=10` makes ten times as many runs where a number was chosen for the time that they take, and
//! `REFIT_KILL_SEED` chooses other random instants.
#![allow(clippy::disallowed_methods, reason = "tests start processes and read the environment")]
#![allow(unreachable_pub, reason = "a test exports nothing; here pub marks what one room offers to the others")]

mod before;
mod daemon;
mod deeds;
mod folders;
mod forge;
mod full;
mod health;
mod host;
mod instants;
mod needs;
mod nested;
mod oracle;
mod own_calls;
mod points;
mod power;
mod projects;
mod remote;
mod resumed;
mod syscalls;
mod system;
mod tally;
mod undo;
