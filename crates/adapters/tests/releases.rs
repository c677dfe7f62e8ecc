//! Releases through the real machine: a pretend release host over real HTTP, real archives, real folders. Every step is
//! performed twice and undone twice, because a crash will see to it.
#![allow(clippy::disallowed_methods, reason = "tests read the environment")]

#[path = "releases/lab.rs"]
mod lab;
#[path = "releases/needs.rs"]
mod needs;
#[path = "releases/owner.rs"]
mod owner;
#[path = "releases/refused.rs"]
mod refused;
#[path = "releases/ways.rs"]
mod ways;
