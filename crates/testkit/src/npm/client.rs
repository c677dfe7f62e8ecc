//! The machine's npm, kept from the machine's configuration and from every registry but the one it is given.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::Registry;
use crate::unavailable::Unavailable;

/// An npm and a home for it.
#[derive(Clone, Debug)]
pub struct Npm {
    folder: PathBuf,
    home: PathBuf,
}

impl Npm {
    /// The npm of this machine. What runs has its home in the folder `home`.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(home: &Path) -> Result<Self, Unavailable> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folder = std::env::split_paths(&path).find(|folder| folder.join("npm").is_file());
        let folder = folder.ok_or_else(|| Unavailable("there is no npm; install the package npm".to_owned()))?;
        Ok(Self { folder, home: home.to_owned() })
    }

    /// The program.
    pub fn program(&self) -> PathBuf {
        self.folder.join("npm")
    }

    /// The environment variables of everything that runs here, and there are no others.
    pub fn environment(&self, registry: &Registry) -> Vec<(String, OsString)> {
        let mut path = self.folder.clone().into_os_string();
        path.push(":/usr/bin:/bin");
        let text = |name: &str, value: &str| (name.to_owned(), OsString::from(value));
        vec![
            ("PATH".to_owned(), path),
            ("HOME".to_owned(), self.home.clone().into()),
            text("LC_ALL", "C.UTF-8"),
            text("npm_config_registry", &registry.url()),
            text("npm_config_globalconfig", "/dev/null"),
            text("npm_config_update_notifier", "false"),
            text("npm_config_audit", "false"),
            text("npm_config_fund", "false"),
            text("npm_config_fetch_retries", "0"),
        ]
    }

    /// Runs npm in a folder.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn run(&self, registry: &Registry, folder: &Path, arguments: &[&str]) -> Output {
        let mut npm = Command::new(self.program());
        npm.args(arguments).current_dir(folder).env_clear().envs(self.environment(registry)).stdin(Stdio::null());
        npm.output().unwrap_or_else(|e| panic!("{npm:?} cannot be started: {e}"))
    }

    /// `npm ci --omit=dev` in a folder.
    ///
    /// # Errors
    /// What it said, when it failed.
    ///
    /// # Panics
    /// As [`run`](Self::run).
    pub fn ci(&self, registry: &Registry, folder: &Path) -> Result<String, String> {
        let output = self.run(registry, folder, &["ci", "--omit=dev"]);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() {
            return Ok(text(&output.stdout));
        }
        Err(format!("{}{}{}", text(&output.stdout), text(&output.stderr), output.status))
    }
}
