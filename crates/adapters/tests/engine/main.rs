//! The engine on a scripted machine and a real journal: what is told, in which order what is done, and what is left
//! when the power goes at any instant.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod end;
mod full;
mod fuse;
mod health;
mod hold;
mod kill;
mod lab;
mod own_restart;
mod queue;
mod scripted;
mod store;
mod system;
mod told;
