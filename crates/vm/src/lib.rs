//! A Debian that boots under systemd in about a second, as a value: for what Refit asks of a whole machine (services,
//! D-Bus, polkit, packages, reboots).
//!
//! The root file system is made once by debootstrap, from the apt source that this machine itself uses, and kept in
//! `target/vm`. Every [`Vm`] starts from it afresh: its writes go to memory. It runs under `systemd-nspawn` in process and
//! mount namespaces of its own, whose first process dies with the test: a test that is killed leaves no process and no
//! mount, and what it does leave (an empty folder, an empty control group) is recognised by its name and swept away by the
//! next. It shares the network of this machine: a server on loopback is reached from inside, and the other way round.
//!
//! Refuses to: know Refit, or run where it cannot ([`Unavailable`]: not root, not Debian, a tool is missing).
//!
//! ```no_run
//! use refit_vm::{User, Vm};
//! let vm = Vm::boot()?;
//! vm.service("hello", "[Service]\nUser=pi\nExecStart=/bin/sleep infinity\n");
//! vm.must(User::Root, &["systemctl", "start", "hello"]);
//! vm.reboot();
//! assert_eq!(vm.must(User::Pi, &["id", "-u"]), "1000\n");
//! # Ok::<(), refit_vm::Unavailable>(())
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | [`root`] | the root file system: its recipe, and where it is kept |
//! | [`boot`] | a booted machine, until it is dropped |
//! | [`ask`] | commands, files, services inside |
//! | `enclosure` | processes that cannot outlive the test |
//! | `leftovers` | what killed tests left, and no more than that |
#![allow(
    clippy::disallowed_methods,
    reason = "a test host starts processes and reads PATH by its nature; the law guards the daemon's crates"
)]

pub mod ask;
pub mod boot;
mod enclosure;
mod leftovers;
pub mod root;

use std::fmt;
use std::time::{Duration, Instant};

pub use ask::User;
pub use boot::Vm;

/// What is missing, and what to do about it, in one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable(pub String);

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unavailable {}

/// Looks until there is something or the deadline passed.
pub(crate) fn try_wait<T>(deadline: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if start.elapsed() >= deadline {
            return None;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
