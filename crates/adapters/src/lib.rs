//! Refit's hands: one outside thing per file, speaking the model's types.
//!
//! | file | what it is |
//! |---|---|
//! | [`builtin`] | klipper and moonraker, found by themselves |
//! | [`clock`] | the clock on the wall |
//! | [`command`] | the one place that spawns a process |
//! | [`git`] | repositories, through the user's git, hardened |
//! | [`klippy`] | the printer's socket: identity and activity |

pub mod builtin;
pub mod clock;
pub mod command;
pub mod git;
pub mod klippy;
