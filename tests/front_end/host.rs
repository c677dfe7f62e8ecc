//! A printer host with the front end's older version, and the built daemon on it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use refit_testkit::child::Child;
use refit_testkit::releases::ReleaseHost;
use refit_testkit::rpc::{JsonRpc as _, Unix};
use refit_testkit::scratch::scratch;
use refit_testkit::wait::{free_port, wait_for};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::front_end::{self, NAME, OWNER, VERSIONS};

/// Longer than anything here takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// See the module.
pub struct Host {
    _releases: ReleaseHost,
    folder: TempDir,
}

/// The running daemon.
pub struct Daemon {
    child: Child,
    unix: Unix,
}

impl Host {
    /// Publishes both versions, installs the older, writes the configuration.
    pub fn new() -> Self {
        let folder = scratch();
        let releases = front_end::publish();
        for below in ["home", "data/config", "data/comms"] {
            fs::create_dir_all(folder.path().join(below)).expect("a folder");
        }
        let live = folder.path().join(NAME);
        front_end::version(VERSIONS[0]).install(&live).expect("files");
        fs::write(live.join("mine.txt"), "the owner's").expect("a file");
        let config = format!(
            "[server]\nhost: 127.0.0.1\n\n[update_manager]\nenable_system_updates: False\n\n[refit]\nport: {}\n\
             github_api_url: {}\n\n[update_manager {NAME}]\ntype: web\nrepo: {OWNER}/{NAME}\npath: {}\n",
            free_port(),
            releases.github_api(),
            live.display()
        );
        fs::write(folder.path().join("data/config/moonraker.conf"), config).expect("a configuration");
        Self { _releases: releases, folder }
    }

    /// What is in its folder.
    pub fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    /// The folder that is shown.
    pub fn front_end(&self) -> PathBuf {
        self.path(NAME)
    }

    /// The version that the folder tells.
    pub fn installed(&self) -> String {
        let text = fs::read(self.front_end().join("release_info.json")).expect("it is never gone");
        let info: Value = serde_json::from_slice(&text).expect("it is JSON");
        info["version"].as_str().unwrap_or_default().to_owned()
    }

    /// Starts the daemon; returns when it has looked at everything once.
    pub fn daemon(&self) -> Daemon {
        let mut command = Command::new(env!("CARGO_BIN_EXE_refit"));
        command.env_clear().env("PATH", std::env::var_os("PATH").expect("a path"));
        command.env("HOME", self.path("home")).arg("--data-path").arg(self.path("data")).args(["-v", "serve"]);
        let mut child = Child::spawn(command, &self.path("daemon.log"));
        let socket = self.path("data/comms/refit.sock");
        wait_for(PATIENCE, "the daemon", || {
            assert!(child.exited().is_none(), "the daemon ended:\n{}", child.log_tail());
            std::os::unix::net::UnixStream::connect(&socket).is_ok()
        });
        let mut daemon = Daemon { child, unix: Unix::connect(&socket) };
        wait_for(PATIENCE, "the first look", || {
            daemon.unix.result("machine.update.status", Value::Null)["refit"]["initialized"] == true
        });
        daemon
    }
}

impl Daemon {
    /// `upgrade` or `rollback`; returns when it is done.
    ///
    /// # Panics
    /// When it is refused or fails.
    pub fn change(&mut self, deed: &str) {
        let reply = self.unix.call(&format!("machine.update.{deed}"), json!({"name": NAME}));
        assert_eq!(reply["result"], "ok", "{deed}: {reply}\n{}", self.child.log_tail());
    }

    /// Ends it as a service manager does.
    pub fn stop(mut self) {
        let status = self.child.stop(PATIENCE);
        assert!(status.success(), "the daemon ended with {status}:\n{}", self.child.log_tail());
    }
}
