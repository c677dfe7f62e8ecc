//! The command line: one file per command. All but `check`, `doctor`, `serve`, `demo`, `rescue`, `root-helper` and
//! `completions` go through the socket of a running Refit, as any other client does.
//!
//! | file | what it is |
//! |---|---|
//! | [`args`] | what can be said |
//! | [`places`] | where the data folder, the configuration and the socket are |
//! | [`exit`] | how a command ended: the table of exit codes |
//! | [`face`], [`progress`] | how it is shown: on a terminal, elsewhere, to programs |
//! | [`door`] | the way to a running Refit |
//! | [`entry`] | one entry of the status as a person reads it |
//! | [`release`] | what it tells of a release, at length |
//! | [`advice`] | what to type after a refusal |
//! | [`status`], [`plan`], [`refresh`], [`work`], [`hold`], [`history`] | the commands that ask a running Refit |
//! | [`check`], [`doctor`], [`serve`], [`demo`], [`rescue`], [`root_helper`], [`completions`] | the commands that do not |

pub mod advice;
pub mod args;
pub mod check;
pub mod completions;
pub mod demo;
pub mod doctor;
pub mod door;
pub mod entry;
pub mod exit;
pub mod face;
pub mod history;
pub mod hold;
pub mod places;
pub mod plan;
pub mod progress;
pub mod refresh;
pub mod release;
pub mod rescue;
pub mod root_helper;
pub mod serve;
pub mod status;
pub mod work;
