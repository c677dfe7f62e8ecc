//! The daemon under test: started with orders where to die, asked through its socket, killed with all that it started.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use refit_testkit::child::Child;
use refit_testkit::rpc::{JsonRpc as _, Unix};
use refit_testkit::wait::{try_wait, wait_for};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::deeds::Deed;
use crate::host::Host;
use crate::needs::Needs;

/// Longer than anything here takes on a slow machine.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// How to start it.
#[derive(Clone, Debug, Default)]
pub struct Manner {
    /// What `--fault` says.
    pub orders: String,
    /// A folder before all others on the path: with a `git` of its own.
    pub path_first: Option<PathBuf>,
}

impl Manner {
    pub fn ordered(orders: impl Into<String>) -> Self {
        Self { orders: orders.into(), path_first: None }
    }
}

pub struct Daemon {
    pub child: Child,
    socket: PathBuf,
}

/// What came of starting it.
pub enum Start {
    /// Its socket takes connections.
    Up(Daemon),
    /// It died before.
    Died(ExitStatus),
}

impl Daemon {
    /// Starts it, and returns as soon as its socket takes connections, or it died.
    pub fn start(host: &Host, manner: &Manner) -> Start {
        Self::launch(host, manner).started()
    }

    /// One that was started otherwise, with its data folder.
    pub fn of(child: Child, data: &Path) -> Self {
        Self { child, socket: data.join("comms/refit.sock") }
    }

    /// Returns as soon as its socket takes connections, or it died.
    pub fn started(mut self) -> Start {
        let socket = self.socket.clone();
        let deadline = Instant::now() + PATIENCE;
        loop {
            if UnixStream::connect(&socket).is_ok() {
                return Start::Up(self);
            }
            if let Some(status) = self.child.exited() {
                return Start::Died(status);
            }
            assert!(Instant::now() < deadline, "the socket never opens:\n{}", self.child.log_tail());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Starts it and waits for nothing.
    pub fn launch(host: &Host, manner: &Manner) -> Self {
        let mut path = std::env::var_os("PATH").expect("a path");
        let programs = host.needs.as_ref().map(|needs| needs.programs().to_owned());
        for first in programs.iter().chain(&manner.path_first) {
            let mut longer = first.clone().into_os_string();
            longer.push(":");
            longer.push(path);
            path = longer;
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_refit"));
        command.env_clear().envs(host.variables()).env("PATH", path).env("HOME", host.root().join("home"));
        command.arg("--data-path").arg(host.data()).args(["-v", "serve"]);
        let standing = host.needs.as_ref().map(Needs::orders);
        let orders: Vec<&str> = [manner.orders.as_str(), standing.as_deref().unwrap_or_default()]
            .into_iter()
            .filter(|orders| !orders.is_empty())
            .collect();
        if !orders.is_empty() {
            command.args(["--fault", &orders.join(",")]);
        }
        let child = Child::spawn(command, &host.log());
        Self::of(child, &host.data())
    }

    /// Starts it where it must not die.
    pub fn up(host: &Host) -> Self {
        Self::up_with(host, &Manner::default())
    }

    pub fn up_with(host: &Host, manner: &Manner) -> Self {
        match Self::start(host, manner) {
            Start::Up(daemon) => daemon,
            Start::Died(status) => {
                let log = std::fs::read_to_string(host.log()).unwrap_or_default();
                panic!("the daemon ended with {status}:\n{log}")
            }
        }
    }

    /// Asks, and hands back the reply; none when the daemon died meanwhile.
    pub fn ask(&mut self, method: &str, params: Value) -> Option<Value> {
        if UnixStream::connect(&self.socket).is_err() {
            return None;
        }
        let mut unix = Unix::connect(&self.socket);
        let request = json!({"jsonrpc": "2.0", "method": method, "params": params, "id": 1});
        if !unix.send_raw(format!("{request}\u{3}").as_bytes()) {
            return None;
        }
        Asked(unix).reply()
    }

    /// The result of a question that must be answered.
    pub fn result(&mut self, method: &str, params: Value) -> Value {
        // A git that a killed daemon was just starting may hold its socket for a moment: the first answer may be none.
        let reply = try_wait(PATIENCE, || match self.ask(method, params.clone()) {
            Some(reply) => Some(Some(reply)),
            None => self.child.exited().map(|_| None),
        });
        let reply = reply.flatten();
        let mut reply = reply.unwrap_or_else(|| panic!("the daemon died at {method}:\n{}", self.child.log_tail()));
        assert!(reply.get("result").is_some(), "{method} failed: {reply}\n{}", self.child.log_tail());
        reply["result"].take()
    }

    /// The newest run of the updater; null when there is none.
    pub fn newest_run(&mut self, name: &str) -> Value {
        let history = self.result("refit.history", json!({"name": name, "limit": 1}));
        history["runs"].get(0).cloned().unwrap_or_default()
    }

    /// The updater's entry in the status.
    pub fn entry(&mut self, name: &str) -> Value {
        self.result("machine.update.status", json!({"refresh": false}))["version_info"][name].take()
    }

    /// Waits until it has nothing to do and knows the updater.
    pub fn wait_idle(&mut self) {
        wait_for(PATIENCE, "the daemon to come to rest", || {
            let status = self.result("machine.update.status", json!({"refresh": false}));
            status["busy"] == false && status["refit"]["initialized"] == true
        });
    }

    /// Whether it halted (SIGSTOP) before it ended or `within` was over.
    pub fn halts(&mut self, within: Duration) -> bool {
        let stat = format!("/proc/{}/stat", self.child.pid());
        let halted = try_wait(within, || {
            let text = std::fs::read_to_string(&stat).unwrap_or_default();
            let state = text.rsplit(") ").next().and_then(|rest| rest.chars().next());
            match state {
                Some('T') => Some(true),
                Some('Z') | None => Some(false),
                Some(_) => None,
            }
        });
        halted == Some(true)
    }

    /// Lets it go on after a halt.
    pub fn go_on(&self) {
        self.child.signal(Signal::CONT);
    }

    /// SIGKILL to it and to everything that it started, whatever group that is in.
    pub fn kill_all(&mut self) -> ExitStatus {
        self.child.signal(Signal::STOP);
        for pid in descendants(self.child.pid()) {
            if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        self.child.kill()
    }

    /// Halts it and everything that it started.
    pub fn halt_all(&self) {
        self.child.signal(Signal::STOP);
        for pid in descendants(self.child.pid()) {
            if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, Signal::STOP);
            }
        }
    }

    /// Ends it as a service manager does.
    pub fn stop(mut self) {
        let status = self.child.stop(PATIENCE);
        assert!(status.success(), "the daemon ended with {status}:\n{}", self.child.log_tail());
    }
}

/// A deed that was asked for, and whose answer is not waited for yet.
pub struct Asked(Unix);

impl Asked {
    /// Asks for the deed on a connection that stays open.
    pub fn of(host: &Host, deed: &Deed) -> Self {
        let (method, params) = deed.request();
        Self::at(&host.data(), method, &params)
    }

    /// Asks for anything of the daemon with this data folder.
    pub fn at(data: &Path, method: &str, params: &Value) -> Self {
        let mut unix = Unix::connect(data.join("comms/refit.sock"));
        let request = json!({"jsonrpc": "2.0", "method": method, "params": params, "id": 1});
        assert!(unix.send_raw(format!("{request}\u{3}").as_bytes()), "the daemon takes a request");
        Self(unix)
    }

    /// The reply; none when the daemon died meanwhile.
    ///
    /// # Panics
    /// When there is none in time.
    pub fn reply(mut self) -> Option<Value> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let Some(text) = self.0.read_text(Duration::from_secs(1)) else {
                if self.0.ended() {
                    return None;
                }
                continue;
            };
            let message: Value = serde_json::from_str(&text).expect("the daemon speaks JSON");
            if message["id"] == 1 {
                return Some(message);
            }
        }
        panic!("no answer within {PATIENCE:?}");
    }
}

/// Every process that descends from this one, found through its parents.
fn descendants(of: u32) -> Vec<u32> {
    let parents = parents();
    let mut found = vec![of];
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        found.extend(parents.iter().filter(|(_, theirs)| *theirs == parent).map(|(pid, _)| *pid));
        at += 1;
    }
    found.remove(0);
    found
}

fn parents() -> Vec<(u32, u32)> {
    let numbers = std::fs::read_dir("/proc").expect("a /proc").flatten();
    let pids = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| Some((pid, parent(Path::new(&format!("/proc/{pid}/stat")))?))).collect()
}

fn parent(stat: &Path) -> Option<u32> {
    let text = std::fs::read_to_string(stat).ok()?;
    text.rsplit(") ").next()?.split(' ').nth(1)?.parse().ok()
}
