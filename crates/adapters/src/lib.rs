//! Refit's hands: one outside thing per file, speaking the model's types.
//!
//! | file | what it is |
//! |---|---|
//! | [`command`] | the one place that spawns a process |
//! | [`git`] | repositories, through the user's git, hardened |

pub mod command;
pub mod git;
