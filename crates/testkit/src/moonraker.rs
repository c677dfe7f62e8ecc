//! The real Moonraker, installed from its package index and run as a black box beside Refit.
//!
//! It is installed once into a folder of the caller's choice and started from there as often as needed, each time with a
//! data folder, a home and a port of its own. It is kept from the network: its pip has no index.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::fs::FlockOperation;

use crate::child::Child;
use crate::rpc::{Http, Unix, Ws};
use crate::unavailable::Unavailable;
use crate::wait::{try_wait, wait_for};

/// The release that is the oracle.
pub const VERSION: &str = "0.11.0";

/// Its own check for updates replaces an older pip, which would change the installation under test.
const PIP: &str = "25.2";

/// How long a start and a stop may take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// An installed Moonraker.
#[derive(Clone, Debug)]
pub struct Installation {
    venv: PathBuf,
}

impl Installation {
    /// The installation in a virtual environment that is complete, as `cargo xtask test` makes one.
    ///
    /// # Errors
    /// When there is no `bin/moonraker` in it.
    pub fn in_environment(venv: &Path) -> Result<Self, Unavailable> {
        let program = venv.join("bin/moonraker");
        if !program.is_file() {
            return Err(Unavailable(format!("there is no {}; run cargo xtask test", program.display())));
        }
        Ok(Self { venv: venv.to_owned() })
    }

    /// The installation below `cache`, made when it is not there, which takes a package index and some seconds. Several
    /// test processes may ask at the same time.
    ///
    /// # Errors
    /// When Python has no venv module or the package cannot be fetched, with the end of what they said.
    pub fn in_cache(cache: &Path) -> Result<Self, Unavailable> {
        let told = |e: std::io::Error| Unavailable(format!("cannot use the folder {}: {e}", cache.display()));
        std::fs::create_dir_all(cache).map_err(told)?;
        let lock = std::fs::File::create(cache.join("lock")).map_err(told)?;
        rustix::fs::flock(&lock, FlockOperation::LockExclusive).map_err(|e| told(e.into()))?;
        let venv = cache.join(format!("moonraker-{VERSION}"));
        let finished = venv.join("finished");
        if !finished.exists() {
            let _ = std::fs::remove_dir_all(&venv);
            run(Command::new("python3").args(["-m", "venv"]).arg(&venv), "install python3-venv")?;
            let packages = [format!("moonraker=={VERSION}"), format!("pip=={PIP}")];
            let mut pip = Command::new(venv.join("bin/python"));
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages);
            run(&mut pip, "is a package index reachable?")?;
            std::fs::write(&finished, VERSION).map_err(told)?;
        }
        Ok(Self { venv })
    }

    /// The virtual environment.
    pub fn venv(&self) -> &Path {
        &self.venv
    }
}

fn run(command: &mut Command, hint: &str) -> Result<(), Unavailable> {
    let failed = |what: String| Unavailable(format!("Moonraker cannot be installed ({hint}): {what}"));
    let out = command.stdin(Stdio::null()).output().map_err(|e| failed(format!("{command:?}: {e}")))?;
    if out.status.success() {
        return Ok(());
    }
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    let tail: Vec<&str> = said.lines().rev().take(5).collect();
    Err(failed(tail.into_iter().rev().collect::<Vec<_>>().join("\n")))
}

/// How Moonraker is to be started: a folder, a port, and the text of its configuration.
#[derive(Clone, Debug)]
pub struct Setup {
    root: PathBuf,
    port: u16,
    klippy: PathBuf,
    server: String,
    authorization: Option<String>,
    update_manager: Option<String>,
    sections: String,
    arguments: Vec<OsString>,
    environment: Vec<(String, OsString)>,
}

impl Setup {
    /// A Moonraker that lives in `root`, listens on `port` of loopback, trusts 127.0.0.1, refreshes only when asked, and
    /// manages neither system packages nor services.
    pub fn new(root: impl AsRef<Path>, port: u16) -> Self {
        let root = root.as_ref().to_owned();
        Self {
            klippy: root.join("klippy.sock"),
            root,
            port,
            server: String::new(),
            authorization: Some("trusted_clients:\n  127.0.0.1".to_owned()),
            update_manager: Some("enable_auto_refresh: False\nenable_system_updates: False".to_owned()),
            sections: String::new(),
            arguments: Vec::new(),
            environment: Vec::new(),
        }
    }

    /// Where it looks for Klippy.
    #[must_use]
    pub fn klippy(mut self, socket: &Path) -> Self {
        socket.clone_into(&mut self.klippy);
        self
    }

    /// Adds lines to `[server]`.
    #[must_use]
    pub fn server(mut self, lines: &str) -> Self {
        self.server.push_str(&format!("{lines}\n"));
        self
    }

    /// Replaces the lines of `[authorization]`, or leaves the section out.
    #[must_use]
    pub fn authorization(mut self, lines: Option<&str>) -> Self {
        self.authorization = lines.map(str::to_owned);
        self
    }

    /// Replaces the lines of `[update_manager]`, or leaves the section out.
    #[must_use]
    pub fn update_manager(mut self, lines: Option<&str>) -> Self {
        self.update_manager = lines.map(str::to_owned);
        self
    }

    /// Adds whole sections.
    #[must_use]
    pub fn section(mut self, text: &str) -> Self {
        self.sections.push_str(&format!("{text}\n"));
        self
    }

    /// Adds a command line argument, such as `-g` for debug.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn environment(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// The configuration file.
    pub fn config_path(&self) -> PathBuf {
        self.data().join("config/moonraker.conf")
    }

    /// The Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.data().join("moonraker.sock")
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The configuration's text, which another update manager can be given as well.
    pub fn config(&self) -> String {
        let Self { port, klippy, server, sections, .. } = self;
        let klippy = klippy.display();
        let mut text = format!("[server]\nhost: 127.0.0.1\nport: {port}\nklippy_uds_address: {klippy}\n{server}\n");
        text.push_str("[machine]\nprovider: none\n\n");
        for (name, lines) in [("authorization", &self.authorization), ("update_manager", &self.update_manager)] {
            if let Some(lines) = lines {
                text.push_str(&format!("[{name}]\n{lines}\n\n"));
            }
        }
        text + sections
    }

    fn command(&self, installation: &Installation) -> Command {
        let mut command = Command::new(installation.venv.join("bin/moonraker"));
        command
            .arg("-d")
            .arg(self.data())
            .arg("-c")
            .arg(self.config_path())
            .arg("-u")
            .arg(self.socket())
            .arg("-n")
            .args(&self.arguments)
            .current_dir(&self.root)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into()))
            .env("HOME", self.root.join("home"))
            .env("TMPDIR", self.root.join("tmp"))
            .env("LC_ALL", "C.UTF-8")
            .env("PIP_NO_INDEX", "1")
            .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// A running Moonraker; killed when dropped.
#[derive(Debug)]
pub struct Moonraker {
    child: Child,
    port: u16,
    socket: PathBuf,
}

impl Moonraker {
    /// Writes the configuration, starts it and waits until its port answers. What an earlier one left in the folder stays.
    ///
    /// # Errors
    /// When it ends by itself, with the end of its log.
    ///
    /// # Panics
    /// When the folder cannot be written, or it neither answers nor ends.
    pub fn start(installation: &Installation, setup: &Setup) -> Result<Self, String> {
        for folder in ["data/config", "home", "tmp"] {
            let folder = setup.root.join(folder);
            std::fs::create_dir_all(&folder).unwrap_or_else(|e| panic!("cannot make {folder:?}: {e}"));
        }
        std::fs::write(setup.config_path(), setup.config()).expect("the configuration can be written");
        let child = Child::spawn(setup.command(installation), &setup.root.join("moonraker.log"));
        let mut moonraker = Self { child, port: setup.port, socket: setup.socket() };
        let up = try_wait(PATIENCE, || {
            let ended = moonraker.child.exited().map(Err);
            let listens = || std::net::TcpStream::connect(("127.0.0.1", setup.port)).is_ok();
            ended.or_else(|| listens().then_some(Ok(())))
        });
        match up {
            Some(Ok(())) => Ok(moonraker),
            Some(Err(status)) => Err(format!("Moonraker ended with {status}:\n{}", moonraker.child.log_tail())),
            None => panic!("Moonraker does not listen after {PATIENCE:?}:\n{}", moonraker.child.log_tail()),
        }
    }

    /// Waits until its first pass over all updaters is done: before that it refuses to refresh.
    ///
    /// # Panics
    /// When that takes longer than `deadline`.
    pub fn wait_initialised(&self, deadline: Duration) {
        let path = "/machine/update/refresh?name=klipper";
        wait_for(deadline, "Moonraker's first refresh", || {
            self.http().post(path, &serde_json::Value::Null).status != 503
        });
    }

    /// Its HTTP door.
    pub fn http(&self) -> Http {
        Http::new(self.port)
    }

    /// A new WebSocket.
    pub fn ws(&self) -> Ws {
        Ws::connect(self.port)
    }

    /// A new connection to its Unix socket.
    pub fn unix(&self) -> Unix {
        Unix::connect(&self.socket)
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        self.child.log()
    }

    /// Asks it to stop, and makes it stop when it does not.
    pub fn stop(mut self) {
        self.child.stop(PATIENCE);
    }
}

#[cfg(test)]
mod tests;
