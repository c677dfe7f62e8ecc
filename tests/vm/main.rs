//! A whole machine with systemd: whether it can be had, and what Refit is in it.
#![allow(clippy::disallowed_methods, reason = "tests start processes and read the environment")]
#![allow(unreachable_pub, reason = "a test exports nothing; here pub marks what one room offers to the others")]

mod machine;
