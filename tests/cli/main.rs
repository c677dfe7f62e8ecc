//! The command line through its own doors: the built binary against a real daemon, real repositories and a real server
//! of them.
#![allow(clippy::disallowed_methods, reason = "tests start the built program")]
#![allow(unreachable_pub, reason = "a test exports nothing")]

mod absent;
mod ask;
mod demo;
mod doctor;
mod hold;
mod lab;
mod rescue;
mod terminal;
mod work;
