//! Python applications looked at and refreshed as the machine does it: real environments, a pretend package index over
//! real HTTP, and the real pip as the judge.
#![allow(clippy::disallowed_methods, reason = "tests read the environment")]

mod channels;
mod github;
mod lab;
mod like_pip;
mod settings;
mod trouble;
