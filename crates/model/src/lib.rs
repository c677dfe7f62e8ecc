//! The nouns and the decisions of Refit. No IO, no async, no clock: everything here can be tested with values alone.
//!
//! ```text
//! Spec -inspect-> Facts -assess-> Assessment -plan-> Plan -run-> Journal + Events -report-> faces
//! ```
//!
//! | arrow | where |
//! |---|---|
//! | text -> Spec | [`settings`], [`updater`] |
//! | Facts -> Assessment | [`updater::assess`] |
//! | Assessment -> Plan | [`plan::plan`] |
//! | Plan -> Journal | [`journal::apply`] is the only way a run's state changes |
//! | Journal -> Events | [`event`] |

pub mod dependencies;
pub mod environment;
pub mod event;
pub mod health;
pub mod hold;
pub mod journal;
pub mod name;
pub mod node;
pub mod packages;
pub mod plan;
pub mod printer;
pub mod python;
pub mod refusal;
pub mod request;
pub mod restart;
pub mod settings;
pub mod step;
pub mod updater;
pub mod version;
