//! A printer host for one test: a home, a data folder, remotes behind a server, and the built `refit`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use refit_testkit::child::Child;
use refit_testkit::git::{GitWorld, Remote, Work};
use refit_testkit::git_http::GitServer;
use refit_testkit::scratch::scratch;
use refit_testkit::wait::{free_port, wait_for};
use serde_json::Value;
use tempfile::TempDir;

/// Longer than anything here takes on a slow machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Lab {
    pub server: GitServer,
    pub world: GitWorld,
    pub port: u16,
    sections: String,
    folder: TempDir,
}

/// What a command answered.
#[derive(Debug)]
pub struct Told {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Told {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("no JSON ({e}): {self:?}"))
    }

    /// Asserts the exit code, with all that was said when it is another.
    #[track_caller]
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.out.contains(text), "standard output lacks {text:?}: {self:?}");
        self
    }

    #[track_caller]
    pub fn complains(self, text: &str) -> Self {
        assert!(self.err.contains(text), "standard error lacks {text:?}: {self:?}");
        self
    }
}

impl From<Output> for Told {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("refit speaks UTF-8");
        Self {
            code: output.status.code().unwrap_or_else(|| panic!("refit was killed: {}", output.status)),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}

impl Lab {
    pub fn new() -> Self {
        let folder = scratch();
        let root = folder.path();
        for below in ["home", "data/config", "data/comms", "software"] {
            fs::create_dir_all(root.join(below)).expect("a folder");
        }
        let world = GitWorld::new(root.join("world"));
        fs::create_dir_all(world.remotes()).expect("a folder");
        let server = GitServer::start(world.remotes());
        let lab = Self { server, world, port: free_port(), sections: String::new(), folder };
        lab.configure();
        lab
    }

    /// A remote with a history and a release, cloned and configured under its name.
    pub fn add(&mut self, name: &str) -> (Remote, Work) {
        self.add_with(name, "")
    }

    /// The same with further options in its section.
    pub fn add_with(&mut self, name: &str, options: &str) -> (Remote, Work) {
        let remote = self.world.remote(&format!("lab/{name}"));
        remote.commit(&[("main.py", "print('one')\n"), ("lib/part.py", "PART = 1\n")], "First");
        remote.history(2, "Improve");
        remote.annotate("v1.0.0", "The first release");
        let url = self.server.url(&remote.route());
        let work = remote.clone_with(&url, self.path("software").join(name), &[]);
        self.sections += &format!(
            "\n[update_manager {name}]\ntype: git_repo\npath: {}\norigin: {url}\nis_system_service: False\n{options}",
            work.path().display()
        );
        self.configure();
        (remote, work)
    }

    /// Adds an option to `[refit]`, which is the section before those of the software.
    pub fn option(&mut self, line: &str) {
        self.sections = format!("{line}\n{}", self.sections);
        self.configure();
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    pub fn config(&self) -> PathBuf {
        self.path("data/config/moonraker.conf")
    }

    pub fn klippy(&self) -> PathBuf {
        self.path("data/comms/klippy.sock")
    }

    fn configure(&self) {
        let text = format!(
            "[server]\nhost: 127.0.0.1\nklippy_uds_address: {}\n\n[authorization]\ntrusted_clients:\n    \
             127.0.0.1\n\n[update_manager]\nenable_system_updates: False\n\n[refit]\nport: {}\n{}",
            self.klippy().display(),
            self.port,
            self.sections
        );
        fs::write(self.config(), text).expect("a configuration");
    }

    /// A command on this host, not yet started.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_refit"));
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").expect("a path"))
            .env("HOME", self.path("home"))
            .env("MOONRAKER_DATA_PATH", self.path("data"))
            .args(args);
        command
    }

    /// Runs a command.
    pub fn refit(&self, args: &[&str]) -> Told {
        self.command(args).output().expect("refit starts").into()
    }

    /// Starts the daemon; returns when its first look at everything is over.
    pub fn daemon(&self) -> Child {
        let mut daemon = Child::spawn(self.command(&["serve", "-v"]), &self.log());
        wait_for(PATIENCE, "the daemon", || {
            assert!(daemon.exited().is_none(), "the daemon ended:\n{}", daemon.log_tail());
            let told = self.refit(&["status", "--json"]);
            told.code == 0 && told.json()["refit"]["initialized"] == true
        });
        daemon
    }

    fn log(&self) -> PathBuf {
        self.path("daemon.log")
    }
}

/// The sha that a repository is on.
pub fn head(work: &Work) -> String {
    work.rev("HEAD")
}

/// Whether a folder is gone.
pub fn is_gone(path: &Path) -> bool {
    !path.exists()
}
