//! A whole machine with systemd, and Refit in it as it is installed: as a service, hardened, restarted, rebooted and
//! unplugged in the middle of an update.
#![allow(clippy::disallowed_methods, reason = "tests start processes and read the environment")]
#![allow(unreachable_pub, reason = "a test exports nothing; here pub marks what one room offers to the others")]

mod beside_moonraker;
mod cut;
mod doctor;
mod hardening;
mod health;
mod machine;
mod package;
mod packages;
mod permissions;
mod printer;
mod reboots;
mod root_helper;
mod service;
mod services;
#[path = "../health/software.rs"]
mod software;
