//! A machine whose only source of packages is a repository that a test fills, signs and serves.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::Duration;

use refit_testkit::apt::{AptWorld, Deb};
use refit_testkit::vm::{User, Vm};
use refit_testkit::web::WebServer;
use serde_json::Value;

use super::client::{ANSWER, ASK, LINE, NAME, NOTE, PATIENCE};
use crate::permissions::install_rule;

/// Where the client is inside.
const CLIENT: &str = "/usr/local/bin/refit-vm-client";
/// The unit of a client that is to be killed.
const UNIT: &str = "lab-client";
const KEY: &str = "/etc/apt/keyrings/lab.asc";
const SOURCES: &str = "/etc/apt/sources.list";
/// Longer than anything here takes on a slow machine.
pub const LONG: Duration = Duration::from_secs(180);

/// See the module.
pub struct Lab {
    pub vm: Vm,
    pub world: AptWorld,
    pub server: Option<WebServer>,
}

/// What the client said.
#[derive(Debug)]
pub struct Said {
    pub lines: Vec<String>,
    pub notes: Vec<String>,
    pub answer: Value,
}

impl Lab {
    /// With the rule for polkit, an empty signed repository, and the client.
    pub fn new() -> Self {
        let vm = Vm::boot().expect("a machine can be had here");
        install_rule(&vm);
        vm.copy(std::env::current_exe().expect("this program is somewhere"), CLIENT);
        Self::in_machine(vm)
    }

    /// The same in a machine that is there already.
    pub fn in_machine(vm: Vm) -> Self {
        let world = AptWorld::new().expect("this machine has apt");
        let key = world.sign().expect("this machine has gpg");
        vm.write(User::Root, KEY, key);
        let server = WebServer::start(world.repository());
        vm.write(User::Root, SOURCES, format!("deb [signed-by={KEY}] {} ./\n", server.url()));
        Self { vm, world, server: Some(server) }
    }

    /// Publishes packages, and has the machine's apt look.
    pub fn publish(&self, debs: &[Deb]) {
        debs.iter().for_each(|deb| self.world.publish(deb));
        self.vm.must(User::Root, &["apt-get", "update", "-q"]);
    }

    /// Installs as root, past all that is tested.
    pub fn install(&self, names: &[&str]) {
        self.vm.must(User::Root, &[&["apt-get", "install", "-y", "-q"], names].concat());
    }

    /// What dpkg says of a package: `ii 1.0`; empty when it knows none.
    pub fn state(&self, name: &str) -> String {
        let asked = self.vm.run(User::Root, &["dpkg-query", "-W", "-f", "${db:Status-Abbrev}${Version}", name]);
        String::from_utf8_lossy(&asked.stdout).trim().to_owned()
    }

    /// Which release the machine runs: `bookworm`.
    pub fn codename(&self) -> String {
        self.vm.must(User::Root, &["sh", "-c", ". /etc/os-release; echo $VERSION_CODENAME"]).trim().to_owned()
    }

    /// Adds a source that nobody signed.
    pub fn add_unsigned(&self, folder: &str, debs: &[Deb]) {
        let other = AptWorld::new().expect("this machine has apt");
        debs.iter().for_each(|deb| other.publish(deb));
        for entry in std::fs::read_dir(other.repository()).expect("the repository").flatten() {
            let to = format!("{folder}/{}", entry.file_name().to_string_lossy());
            self.vm.write(User::Root, &to, std::fs::read(entry.path()).expect("a file of the repository"));
        }
        self.vm.write(
            User::Root,
            "/etc/apt/sources.list.d/unsigned.list",
            format!("deb [allow-insecure=yes] file:{folder} ./\n"),
        );
        self.vm.must(User::Root, &["apt-get", "update", "-q", "--allow-insecure-repositories"]);
    }

    /// Has the client do something as the owner, to its end.
    pub fn ask(&self, words: &str) -> Said {
        self.ask_patiently(60, words)
    }

    /// The same, with so many seconds of patience for a lock.
    pub fn ask_patiently(&self, seconds: u64, words: &str) -> Said {
        self.ask_with(&format!("{PATIENCE}={seconds}"), words)
    }

    /// The same, with another setting.
    pub fn ask_with(&self, setting: &str, words: &str) -> Said {
        let environment = [format!("{ASK}={words}"), setting.to_owned()];
        let command = client(&environment);
        let output = self.vm.run_for(LONG, User::Pi, &command);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let all = |start: &str| text.lines().filter_map(|line| line.strip_prefix(start)).map(str::to_owned).collect();
        let answer: Vec<String> = all(ANSWER);
        let answer = answer.first().and_then(|line| serde_json::from_str(line).ok());
        let answer = answer.unwrap_or_else(|| panic!("{words}: {output:?}"));
        Said { lines: all(LINE), notes: all(NOTE), answer }
    }

    /// Has the client begin something, in a unit of its own, and answers the path of its transaction once that is noted.
    pub fn begin(&self, words: &str) -> String {
        let environment = [format!("{ASK}={words}"), format!("{PATIENCE}=60")];
        let unit = ["systemd-run", "--quiet", "--collect", "--pipe", "--uid=pi", &format!("--unit={UNIT}"), "--"];
        let words = [&unit[..], &client(&environment)].concat();
        let mut command = self.vm.command(User::Root, &words);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("nsenter starts");
        let lines = BufReader::new(child.stdout.take().expect("a piped stdout")).lines();
        let mut lines = lines.map_while(Result::ok);
        let path = lines.find_map(|line| line.strip_prefix(NOTE).map(str::to_owned)).expect("it notes its transaction");
        // Somebody listens to its end, whenever that is.
        std::thread::spawn(move || {
            lines.for_each(drop);
            child.wait()
        });
        path
    }

    /// Kills what [`begin`](Self::begin) began.
    pub fn kill_client(&self) {
        self.vm.must(User::Root, &["systemctl", "kill", "--signal=KILL", UNIT]);
        self.vm.wait_until(LONG, "the client's end", || {
            ["", "0"].contains(&self.vm.property(UNIT, "MainPID").as_str()).then_some(())
        });
    }

    /// Lets the scripts that wait go on.
    pub fn release(&self) {
        self.vm.write(User::Root, "/released", "");
    }
}

impl Said {
    /// What came of it, when it went well.
    pub fn ok(&self) -> &Value {
        assert!(self.answer.get("error").is_none(), "{self:?}");
        &self.answer["ok"]
    }

    /// The kind of the error and its words.
    pub fn error(&self) -> (&str, &str) {
        let text = |name: &str| self.answer[name].as_str().unwrap_or_else(|| panic!("it went well: {self:?}"));
        (text("kind"), text("error"))
    }
}

fn client(environment: &[String; 2]) -> Vec<&str> {
    let [first, second] = environment;
    vec!["env", first, second, CLIENT, "--ignored", "--exact", NAME, "--nocapture", "--test-threads=1"]
}
