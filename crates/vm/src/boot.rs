//! A booted machine: started, rebooted, its plug pulled, stopped. Gone when dropped, with all that ran in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::ask::User;
use crate::enclosure::Enclosure;
use crate::leftovers::{self, Mark};
use crate::root::Root;
use crate::{Unavailable, try_wait};

const LAUNCH: &str = include_str!("launch.sh");

/// How long a boot may take; it takes a second on an idle machine.
const BOOT: Duration = Duration::from_secs(90);

/// How long a clean end may take: services have 90 seconds to stop before systemd loses patience.
const HALT: Duration = Duration::from_secs(120);

/// A running machine with a Debian of its own. Several can run at once.
#[derive(Debug)]
pub struct Vm {
    // Dropped in this order: the processes, then what they stood on.
    enclosure: Enclosure,
    /// Its init, as this machine numbers it.
    init: AtomicU32,
    mark: Mark,
    _root: Root,
}

impl Vm {
    /// Boots one, and waits until systemd has started everything. Builds the root when it is not there yet.
    ///
    /// # Errors
    /// When this machine cannot boot one: not root, not Debian, a tool is missing.
    ///
    /// # Panics
    /// When it does not come up, with the end of its console.
    pub fn boot() -> Result<Self, Unavailable> {
        leftovers::sweep();
        let root = Root::get()?;
        let mark = Mark::new()?;
        let path = |path: &Path| path.display().to_string();
        let arguments = vec![mark.name().to_owned(), path(root.folder()), path(mark.folder())];
        let enclosure = Enclosure::start(LAUNCH, arguments, &mark.folder().join("console.log"))?;
        let vm = Self { enclosure, init: AtomicU32::new(0), mark, _root: root };
        vm.wait_up();
        Ok(vm)
    }

    /// Reboots it in order: services are told to end. Waits until it is up again.
    ///
    /// # Panics
    /// When it does not go down or come up.
    pub fn reboot(&self) {
        let before = self.init();
        self.must(User::Root, &["systemctl", "--no-block", "reboot"]);
        self.wait_gone(before);
        self.wait_up();
    }

    /// Pulls its plug: everything in it is killed at once. Then boots it again. What was written before is all there (the
    /// host did not lose power), but it is another boot, with another `boot_id`.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn pull_plug(&self) {
        let before = self.init();
        fs::write(self.mark.folder().join("again"), "").expect("the machine's folder can be written");
        kill(before);
        self.wait_gone(before);
        self.wait_up();
    }

    /// Shuts it down in order. How `systemd-nspawn` ended: success when all went well.
    ///
    /// # Panics
    /// When it does not go down.
    pub fn stop(self) -> ExitStatus {
        self.must(User::Root, &["systemctl", "--no-block", "poweroff"]);
        self.enclosure.wait(HALT).unwrap_or_else(|| panic!("it does not power off; its console:\n{}", self.console()))
    }

    /// What systemd said to the console, of all boots.
    pub fn console(&self) -> String {
        let said = fs::read(self.mark.folder().join("console.log")).unwrap_or_default();
        String::from_utf8_lossy(&said).into_owned()
    }

    /// The folder on this machine that belongs to it, with its console's log.
    pub fn folder(&self) -> &Path {
        self.mark.folder()
    }

    /// The process id of its init, as this machine numbers it.
    pub fn init(&self) -> u32 {
        self.init.load(Ordering::Acquire)
    }

    /// Its root folder as this machine sees it, mounts inside included. Absolute links in it lead out of it.
    pub fn root(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root", self.init()))
    }

    fn wait_gone(&self, init: u32) {
        let gone = try_wait(HALT, || (parent_and_own_number(init).is_none()).then_some(()));
        assert!(gone.is_some(), "it does not go down; its console:\n{}", self.console());
    }

    fn wait_up(&self) {
        let mut said = "there is no init".to_owned();
        let up = try_wait(BOOT, || {
            if let Some(status) = self.enclosure.ended() {
                panic!("the machine ended with {status}; its console:\n{}", self.console());
            }
            self.init.store(init_below(self.enclosure.pid())?, Ordering::Release);
            let asked = self.run(User::Root, &["systemctl", "is-system-running"]);
            said = String::from_utf8_lossy(&[asked.stdout, asked.stderr].concat()).trim().to_owned();
            ["running", "degraded"].contains(&said.as_str()).then_some(())
        });
        assert!(up.is_some(), "it does not come up: {said}; its console:\n{}", self.console());
    }
}

/// The init that runs below a process: the child of a `systemd-nspawn` that is the first of its own namespace.
fn init_below(ancestor: u32) -> Option<u32> {
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_string_lossy().parse::<u32>().ok());
    let inits = numbers.filter_map(|pid| {
        let (parent, own) = parent_and_own_number(pid)?;
        let name = fs::read_to_string(format!("/proc/{parent}/comm")).ok()?;
        (own == 1 && name.trim() == "systemd-nspawn").then_some((pid, parent))
    });
    let mut ours = inits.filter(|(_, nspawn)| {
        let mut at = *nspawn;
        while at != ancestor {
            match parent_and_own_number(at) {
                Some((parent, _)) if parent > 0 => at = parent,
                _ => return false,
            }
        }
        true
    });
    ours.next().map(|(pid, _)| pid)
}

/// The parent of a process, and its number in its own namespace. None when it is gone, or dead and unburied.
fn parent_and_own_number(pid: u32) -> Option<(u32, u32)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    if field("State:")?.starts_with('Z') {
        return None;
    }
    Some((field("PPid:")?.parse().ok()?, field("NSpid:")?.split_whitespace().next_back()?.parse().ok()?))
}

fn kill(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::KILL);
    }
}
