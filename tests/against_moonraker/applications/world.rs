//! An index, and the environments of all states.

use std::path::{Path, PathBuf};

use refit_testkit::index::PackageIndex;
use refit_testkit::scratch::scratch;
use refit_testkit::venv::Venv;
use tempfile::TempDir;

use super::state::State;
use crate::sides::{self, Daemon, Side, Wanted};

pub struct World {
    pub states: Vec<State>,
    index: PackageIndex,
    folder: TempDir,
}

impl World {
    /// Publishes for these states.
    pub fn of(states: Vec<State>) -> Self {
        let index = PackageIndex::start();
        for state in &states {
            state.publish(&index);
        }
        Self { states, index, folder: scratch() }
    }

    /// A folder of this name with the states as they are before anything happened.
    pub fn build(&self, name: &str) -> PathBuf {
        let root = self.folder.path().join(name);
        // Moonraker replaces an older pip wherever it finds one.
        let pip = Venv::at(&root, sides::installation().venv()).site_packages();
        for state in &self.states {
            state.build(&root, &pip);
        }
        root
    }

    /// Starts a daemon that finds these states in `root`, and waits for its first look at them.
    pub fn start(&self, side: Side, root: &Path) -> Daemon {
        let sections = self.states.iter().map(|state| state.section(root)).collect();
        let environment = vec![
            ("PIP_NO_INDEX", "0".into()),
            ("PIP_INDEX_URL", self.index.url().into()),
            ("PIP_CONFIG_FILE", "/dev/null".into()),
        ];
        let daemon = Daemon::start(side, root, &Wanted { sections, environment, ..Wanted::default() });
        daemon.wait_initialised();
        daemon
    }
}
