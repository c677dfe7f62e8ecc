//! Refit beside the real Moonraker 0.11.0, run as a black box: identical repositories, identical questions, and every field
//! of what comes back compared. What may differ is a row of docs/compatibility.md, and is asserted where it shows.
//!
//! | file | what it is |
//! |---|---|
//! | [`sides`] | the two daemons, started alike |
//! | [`world`] | the repositories, built once and copied for each daemon and each kind of call |
//! | [`asking`] | one call and everything that came of it |
//! | [`repositories`] | every state, times the calls that make sense in it |
//! | [`doors`] | questions of protocol, through the four doors |
//! | [`releases`] | the same for what is shipped as releases, in a network where GitHub is ours |
//! | [`applications`] | the same for python applications, with a package index beside |
//! | [`dependencies`] | the same for what repositories and zip applications depend on |
//! | [`together`] | what takes more than one repository, or a printer |
//! | [`compatibility`] | the page, whose rows must be those that are asserted |
//! | [`record`] | what was seen, as a value without what differs by nature |
//! | [`rows`] | the allowed differences, each with what Refit does instead |
//! | [`verdict`] | two records of the same thing, the rows, and what is left |
#![allow(clippy::disallowed_methods, reason = "tests start the built program and read their environment")]
#![allow(unreachable_pub, reason = "a test exports nothing; here pub marks what one file offers to the others")]

mod applications;
mod asking;
mod compatibility;
mod dependencies;
mod doors;
mod record;
mod releases;
mod repositories;
mod rows;
mod sides;
mod together;
mod verdict;
mod world;
