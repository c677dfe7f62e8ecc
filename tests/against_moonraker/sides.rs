//! The two daemons, started alike: one configuration, a data folder of their own, a port of their own, nothing else around.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use refit_testkit::child::Child;
use refit_testkit::moonraker::{Installation, Moonraker, Setup};
use refit_testkit::rpc::{Http, Unix, Ws};
use refit_testkit::wait::{free_port, wait_for};
use serde_json::Value;

/// Longer than a start or a stop takes on a slow machine. Moonraker waits a minute for a lock of git's.
pub const PATIENCE: Duration = Duration::from_secs(400);

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Moonraker,
    Refit,
}

pub const BOTH: [Side; 2] = [Side::Moonraker, Side::Refit];

/// What both are configured with.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Lines of `[server]`.
    pub server: String,
    /// Lines of `[authorization]`, when they are not those of a client that is trusted because it is local.
    pub authorization: Option<String>,
    /// The sections of the updaters.
    pub sections: String,
    /// Where the printer's socket is, when there is to be one.
    pub klippy: Option<PathBuf>,
    /// Lines of `[refit]`, which only Refit reads.
    pub refit: String,
    /// Variables of the environment.
    pub environment: Vec<(&'static str, OsString)>,
}

enum Process {
    Moonraker(Moonraker),
    Refit(Child),
}

/// One of the two, running.
pub struct Daemon {
    pub side: Side,
    pub port: u16,
    socket: PathBuf,
    process: Option<Process>,
}

impl Side {
    /// The one of this word.
    ///
    /// # Panics
    /// When it is none of the two.
    pub fn named(word: &str) -> Self {
        BOTH.into_iter().find(|side| side.word() == word).unwrap_or_else(|| panic!("{word:?} is no side"))
    }

    /// The word in the names of folders and in complaints.
    pub fn word(self) -> &'static str {
        match self {
            Self::Moonraker => "moonraker",
            Self::Refit => "refit",
        }
    }
}

impl Daemon {
    /// Starts it below `root`. Returns when its port answers.
    pub fn start(side: Side, root: &Path, wanted: &Wanted) -> Self {
        let mut setup = Setup::new(root, free_port()).section(&wanted.sections);
        if !wanted.server.is_empty() {
            setup = setup.server(&wanted.server);
        }
        if let Some(lines) = &wanted.authorization {
            setup = setup.authorization(Some(lines));
        }
        if let Some(socket) = &wanted.klippy {
            setup = setup.klippy(socket);
        }
        for (name, value) in &wanted.environment {
            setup = setup.environment(name, value);
        }
        std::fs::create_dir_all(root).expect("a folder can be made");
        let process = match side {
            Side::Moonraker => {
                Process::Moonraker(Moonraker::start(&installation(), &setup).unwrap_or_else(|e| panic!("{e}")))
            }
            Side::Refit => Process::Refit(start_refit(root, &setup, wanted)),
        };
        let port = setup.port();
        Self { side, port, socket: setup.socket(), process: Some(process) }
    }

    /// Waits until the first pass over all updaters is done.
    pub fn wait_initialised(&self) {
        wait_for(PATIENCE, "the first refresh", || {
            let reply = self.http().post("/machine/update/refresh?name=klipper", &Value::Null);
            assert!(matches!(reply.status, 200 | 503), "{:?} answered {reply:?}", self.side);
            reply.status == 200
        });
    }

    /// Where its Unix socket is.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    pub fn http(&self) -> Http {
        Http::new(self.port)
    }

    pub fn ws(&self) -> Ws {
        Ws::connect(self.port)
    }

    pub fn unix(&self) -> Unix {
        Unix::connect(&self.socket)
    }

    /// Asks it to end.
    pub fn stop(mut self) {
        match self.process.take() {
            Some(Process::Moonraker(moonraker)) => moonraker.stop(),
            Some(Process::Refit(mut child)) => {
                child.stop(PATIENCE);
            }
            None => {}
        }
    }
}

/// Moonraker as `cargo xtask test` installs it.
pub fn installation() -> Installation {
    let folder = std::env::var_os("REFIT_TEST_MOONRAKER").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/moonraker-0.11.0"));
    Installation::in_environment(&folder).unwrap_or_else(|e| panic!("{e}"))
}

fn start_refit(root: &Path, setup: &Setup, wanted: &Wanted) -> Child {
    for folder in ["data/config", "data/comms", "home", "tmp"] {
        std::fs::create_dir_all(root.join(folder)).expect("a folder can be made");
    }
    // Its own port, since that of `[server]` in a moonraker.conf is Moonraker's.
    let lines = &wanted.refit;
    let text = format!("{}\n[refit]\nport: {}\nallow_protocols: http\n{lines}", setup.config(), setup.port());
    std::fs::write(setup.config_path(), text).expect("the configuration can be written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_refit"));
    command.arg("-d").arg(setup.data()).arg("-c").arg(setup.config_path()).arg("-u").arg(setup.socket());
    command
        .args(["-v", "serve"])
        .current_dir(root)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into()))
        .env("HOME", root.join("home"))
        .env("TMPDIR", root.join("tmp"))
        .env("LC_ALL", "C.UTF-8")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .envs(wanted.environment.iter().map(|(name, value)| (name, value)));
    let mut child = Child::spawn(command, &root.join("refit.log"));
    wait_for(PATIENCE, "Refit's port", || {
        assert!(child.exited().is_none(), "Refit ended:\n{}", child.log_tail());
        std::net::TcpStream::connect(("127.0.0.1", setup.port())).is_ok()
    });
    child
}
