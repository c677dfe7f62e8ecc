//! A pretend printer host, for Refit's tests and for `refit demo`.
//!
//! Everything here is real where it can be: real git, real HTTP, real sockets, real file systems, a real Moonraker. What
//! cannot be had in a test (a printer, a power cut, a lying server) is played. Nothing here knows Refit: the crate depends
//! on no other Refit crate, so that it can judge them.
//!
//! Set-up steps panic with the command, its output and its exit code: a test that cannot build its world has nothing to
//! say. What a test is about (git answers, HTTP answers, exits) is handed back as a value.
//!
//! | module | what it plays |
//! |---|---|
//! | [`git`] | bare remotes with a history, and clones of them, made by the real git in a world of its own |
//! | [`states`] | the catalogue of states a repository can be found in, each buildable twice with the same shas |
//! | [`git_http`] | a smart HTTP git server on loopback that counts, and fails on request |
//! | [`releases`] | a host of releases that speaks as GitHub, Forgejo and GitLab do, and fails on request |
//! | [`wheels`] | wheels and sdists that any pip installs, and sdists that do not build |
//! | [`index`] | a Python package index that counts, and fails on request |
//! | [`venv`] | real virtual environments, copied rather than made |
//! | [`npm`] | an npm registry, packages for it, lock files that lead to it |
//! | [`apt`] | a Debian in a folder, for the real apt and dpkg |
//! | [`loopback`] | what the hosts of files have in common: what was asked, what is to go wrong |
//! | [`klippy`] | the printer's socket |
//! | [`moonraker`] | the real Moonraker from its package index, started beside |
//! | [`rpc`] | small blocking clients of the HTTP, WebSocket and Unix doors, able to be rude |
//! | [`disk`] | ext4 images: power cuts and full disks |
//! | [`kill`] | a process killed at its Nth system call, or at a random instant |
//! | [`tree`] | what a folder holds, as a value that can be compared |
//! | [`child`] | a daemon under test that never outlives it |
//! | [`scratch`] | temporary folders that are fast |
//! | [`unavailable`] | why something cannot be had on this machine |
//! | `vm` | a Debian that boots under systemd (feature `vm`; the crate `refit-vm`, which the chores use too) |
//! | [`wait`] | waiting for a condition, and free ports |
//! | [`web`] | a web server that shows a folder |
//! | [`zip`] | zip archives, byte by byte, able to lie |
#![allow(
    clippy::disallowed_methods,
    reason = "a test host starts processes and reads PATH by its nature; the law guards the daemon's crates"
)]

pub mod apt;
pub mod child;
pub mod disk;
pub mod git;
pub mod git_http;
pub mod index;
pub mod kill;
pub mod klippy;
pub mod loopback;
pub mod moonraker;
pub mod npm;
pub mod releases;
pub mod rpc;
pub mod scratch;
pub mod states;
mod tar;
pub mod tree;
pub mod unavailable;
pub mod venv;
pub mod wait;
pub mod web;
pub mod wheels;
mod wire;
pub mod zip;

#[cfg(feature = "vm")]
pub use refit_vm as vm;
