//! What only a process knows of the world around it, read once in `main` and handed down.

use std::ffi::OsString;
use std::path::PathBuf;

use refit_adapters::command::Surroundings;

use crate::supervisor::Supervisor;

/// See the module.
#[derive(Debug, Clone)]
pub struct Outside {
    /// The user's home folder, when it is known.
    pub home: Option<PathBuf>,
    /// The working directory.
    pub here: PathBuf,
    /// This program's file, for commands that people are shown.
    pub program: PathBuf,
    /// `PATH`.
    pub path: OsString,
    /// The variables that processes inherit as they are.
    pub passed_on: Vec<(OsString, OsString)>,
    /// `MOONRAKER_EXCLUDED_PKGS`: OS packages that are never asked for.
    pub excluded_packages: Option<String>,
    /// `MOONRAKER_VENDOR`: what conditions of listed OS packages know as the vendor.
    pub vendor: Option<String>,
    /// `INVOCATION_ID`: by which systemd tells one start of a service from another.
    pub invocation: Option<String>,
    /// `SUPERVISOR_PROCESS_NAME` and `SUPERVISOR_GROUP_NAME`: the program of supervisord's that Refit is.
    pub supervised: [Option<String>; 2],
    /// `NO_COLOR`.
    pub no_color: bool,
    /// Who started Refit.
    pub supervisor: Supervisor,
}

impl Outside {
    /// What a process inherits, with this home.
    #[must_use]
    pub fn surroundings(&self, home: &std::path::Path) -> Surroundings {
        Surroundings { home: home.to_owned(), path: self.path.clone(), passed_on: self.passed_on.clone() }
    }
}
