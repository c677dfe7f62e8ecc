//! A printer in a machine: Refit as its service, one repository behind a real server, and a service that runs from it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use refit_testkit::git::{Commit, GitWorld, Remote};
use refit_testkit::git_http::GitServer;
use refit_testkit::rpc::{JsonRpc as _, Unix};
use refit_testkit::scratch::scratch;
use refit_testkit::vm::{User, Vm};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::permissions::install_rule;

/// Longer than anything here takes on a slow machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The updater, its folder in the owner's home, and its service.
pub const NAME: &str = "crowsnest";

/// Where the orders of [`Printer::order`] are written.
const ORDERS: &str = "/etc/systemd/system/refit.service.d/orders.conf";

const CONFIG: &str = "/home/pi/printer_data/config/refit.conf";

const SOCKET: &str = "/home/pi/printer_data/comms/refit.sock";

pub struct Printer {
    pub vm: Vm,
    remote: Remote,
    server: GitServer,
    _folder: TempDir,
}

impl Printer {
    /// With Refit installed by hand from what `dist/` has, and running.
    pub fn with_refit() -> Self {
        Self::new().and_refit()
    }

    /// The same, on a machine that is there.
    pub fn and_refit(self) -> Self {
        self.install();
        self
    }

    /// Installs Refit by hand and starts it.
    pub fn install(&self) {
        self.vm.install_binary(env!("CARGO_BIN_EXE_refit"));
        self.vm.service("refit", &dist("refit.service"));
        install_rule(&self.vm);
        let started = self.vm.run(User::Root, &["systemctl", "enable", "--quiet", "--now", "refit"]);
        assert!(started.status.success(), "{started:?}\n{}", self.vm.journal("refit"));
    }

    /// Adds lines to `[refit]` and sections to the configuration. Before Refit is started.
    pub fn configure(&self, lines: &str, sections: &str) {
        let config = self.vm.read(CONFIG).expect("a configuration");
        let config = String::from_utf8(config).expect("text").replace("[refit]\n", &format!("[refit]\n{lines}"));
        self.vm.write(User::Pi, CONFIG, config + sections);
    }

    /// Has Refit listen on a port for those who are on this machine, and look after the system's packages. Before it is
    /// started.
    pub fn configure_server(&self, port: u16) {
        let config = self.vm.read(CONFIG).expect("a configuration");
        let config = String::from_utf8(config).expect("text").replace("port: 0", &format!("port: {port}"));
        let trusted = "\n[authorization]\ntrusted_clients:\n  127.0.0.1\n";
        self.vm.write(User::Pi, CONFIG, config.replace("enable_system_updates: False\n", "") + trusted);
    }

    /// Where the repository comes from.
    pub fn remote_url(&self) -> String {
        self.server.url(&self.remote.route())
    }

    /// Without Refit.
    pub fn new() -> Self {
        let unit = format!("[Service]\nUser=pi\nExecStart=/home/pi/{NAME}/run.sh\n");
        let furnish = |vm: &Vm| {
            vm.service(NAME, &unit);
            vm.must(User::Root, &["systemctl", "start", NAME]);
        };
        Self::furnished(&version(1), furnish, ["port: 0\n", "", &format!("managed_services: {NAME}\n")])
    }

    /// Without Refit: with another first version, other services that run it, and other options of `[server]`, of `[refit]`
    /// and of its section.
    pub fn furnished(first: &Commit, furnish: impl FnOnce(&Vm), [server, refit, options]: [&str; 3]) -> Self {
        let folder = scratch();
        let world = GitWorld::new(folder.path().join("world"));
        let remote = world.remote("lab/app");
        remote.push("master", first);
        remote.annotate("v1.0.0", "The first release");
        let remotes = GitServer::start(world.remotes());
        let url = remotes.url(&remote.route());
        let vm = Vm::boot().expect("a machine can be had here");
        vm.must(User::Pi, &["git", "clone", "--quiet", &url, NAME]);
        furnish(&vm);
        let config = format!(
            "[server]\nhost: 127.0.0.1\n{server}\n[update_manager]\nenable_system_updates: False\n\
             enable_auto_refresh: False\n\n[refit]\nallow_protocols: http\n{refit}\n\
             [update_manager {NAME}]\ntype: git_repo\npath: ~/{NAME}\norigin: {url}\n{options}",
        );
        vm.write(User::Pi, CONFIG, config);
        Self { vm, remote, server: remotes, _folder: folder }
    }

    /// Publishes another version. Its commit.
    pub fn publish(&self, number: u32) -> String {
        self.push(&version(number))
    }

    /// The same with a program that does something else.
    pub fn publish_program(&self, number: u32, program: &str) -> String {
        self.push(&version(number).exec("run.sh", program))
    }

    /// Publishes that.
    pub fn push(&self, commit: &Commit) -> String {
        self.remote.push("master", commit)
    }

    /// The commit that is checked out.
    pub fn head(&self) -> String {
        self.vm.must(User::Pi, &["git", "-C", NAME, "rev-parse", "HEAD"]).trim().to_owned()
    }

    /// Restarts Refit with orders where to die or to halt.
    pub fn order(&self, orders: &str) {
        let unit = format!("[Service]\nExecStart=\nExecStart=/usr/bin/refit -v serve --fault {orders}\n");
        self.vm.write(User::Root, ORDERS, unit);
        self.vm.must(User::Root, &["systemctl", "daemon-reload"]);
        self.vm.must(User::Root, &["systemctl", "restart", "refit"]);
    }

    /// Takes the orders back, for its next start.
    pub fn forget_orders(&self) {
        self.vm.must(User::Root, &["rm", ORDERS]);
        self.vm.must(User::Root, &["systemctl", "daemon-reload"]);
    }

    /// A connection to Refit's socket.
    pub fn ask(&self) -> Unix {
        let socket = self.socket();
        self.vm.wait_until(PATIENCE, "Refit's socket", || {
            std::os::unix::net::UnixStream::connect(&socket).is_ok().then(|| Unix::connect(&socket))
        })
    }

    /// Has Refit look at the remote; not while it still looks around after its start.
    pub fn refresh(&self) {
        self.refresh_of(NAME);
    }

    /// The same for another updater.
    pub fn refresh_of(&self, name: &str) {
        self.entry_of(name);
        self.vm.must(User::Pi, &["refit", "refresh", name]);
    }

    /// Asks for the update and waits for no answer. The connection has to be kept.
    pub fn begin_update(&self) -> Unix {
        self.begin_update_of(NAME)
    }

    /// The same for another updater.
    pub fn begin_update_of(&self, name: &str) -> Unix {
        let mut unix = self.ask();
        let request = json!({"jsonrpc": "2.0", "method": "machine.update.upgrade", "params": {"name": name}, "id": 1});
        assert!(unix.send_raw(format!("{request}\u{3}").as_bytes()), "Refit takes a request");
        unix
    }

    /// The updater's entry in the status, once Refit has nothing to do.
    pub fn entry(&self) -> Value {
        self.entry_of(NAME)
    }

    /// The same of another updater; null when there is none of that name.
    pub fn entry_of(&self, name: &str) -> Value {
        self.vm.wait_until(PATIENCE, "Refit to come to rest", || {
            let mut status = self.ask().result("machine.update.status", json!({"refresh": false}));
            let rests = status["busy"] == false && status["refit"]["initialized"] == true;
            rests.then(|| status["version_info"][name].take())
        })
    }

    /// The newest run in the history; null when there is none.
    pub fn newest_run(&self) -> Value {
        self.newest_run_of(NAME)
    }

    /// The same of another updater.
    pub fn newest_run_of(&self, name: &str) -> Value {
        let mut history = self.ask().result("refit.history", json!({"name": name, "limit": 1}));
        history["runs"].get_mut(0).map(Value::take).unwrap_or_default()
    }

    /// What speaks against the repository and what Refit says of it.
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        let git = |words: &[&str]| self.vm.run(User::Pi, &[&["git", "-C", NAME], words].concat());
        let dirty = String::from_utf8_lossy(&git(&["status", "--porcelain"]).stdout).into_owned();
        complaints.extend(dirty.lines().map(|line| format!("git status: {line}")));
        let checked = git(&["fsck", "--no-dangling", "--no-progress"]);
        if !checked.status.success() {
            complaints.push(format!("git fsck: {}", String::from_utf8_lossy(&checked.stderr)));
        }
        let locks = self.vm.must(User::Pi, &["find", &format!("{NAME}/.git"), "-name", "*.lock"]);
        complaints.extend(locks.lines().map(|lock| format!("a lock: {lock}")));
        let entry = self.entry();
        if entry["is_valid"] != true || entry["is_dirty"] != false || entry["corrupt"] != false {
            complaints.push(format!("the status: {entry}"));
        }
        let words = self.vm.must(User::Pi, &["refit", "status"]);
        let line = words.lines().find(|line| line.starts_with(NAME)).unwrap_or_default().to_owned();
        if !line.contains("up to date") && !line.contains("update") {
            complaints.push(format!("refit status: {words}"));
        }
        complaints
    }

    /// The main process of a service, as the machine numbers it.
    pub fn main_pid(&self, unit: &str) -> String {
        self.vm.property(unit, "MainPID")
    }

    fn socket(&self) -> PathBuf {
        self.vm.root().join(SOCKET.trim_start_matches('/'))
    }
}

/// A file of `dist/`.
pub fn dist(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("dist").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path:?}: {e}"))
}

/// A version: the program that the service runs says which, and there are files that change with each.
fn version(number: u32) -> Commit {
    let program = format!("#!/bin/sh\necho this is version {number}\nexec sleep infinity\n");
    let mut commit = Commit::new(&format!("Version {number}")).exec("run.sh", program);
    for file in 0..20 {
        commit = commit.file(&format!("part{}/{file}.py", file % 3), format!("v{number} {file}\n").repeat(60));
    }
    commit
}
