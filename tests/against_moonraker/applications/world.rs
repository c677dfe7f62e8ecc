//! An index, a GitHub, and the environments of all states.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use refit_testkit::index::PackageIndex;
use refit_testkit::releases::ReleaseHost;
use refit_testkit::scratch::scratch;
use refit_testkit::venv::Venv;
use tempfile::TempDir;

use super::state::{self, Lives, State};
use crate::releases::namespace::NAMES;
use crate::sides::{self, Daemon, Side, Wanted};

pub struct World {
    pub states: Vec<State>,
    pub index: PackageIndex,
    pub host: ReleaseHost,
    folder: TempDir,
}

impl World {
    /// Publishes for these states. Only in a network of this process's own.
    pub fn of(states: Vec<State>) -> Self {
        let (folder, index) = (scratch(), PackageIndex::start());
        let host = ReleaseHost::start_tls(&NAMES, SocketAddr::from((Ipv4Addr::LOCALHOST, 443)));
        fs::write(folder.path().join("ca.pem"), host.ca_pem()).expect("a file can be written");
        for state in &states {
            state.publish(&index);
        }
        Self { states, index, host, folder }
    }

    /// A folder of this name with the states as they are before anything happened.
    pub fn build(&self, name: &str) -> PathBuf {
        let root = self.folder.path().join(name);
        let pip = Pip::copied(&self.folder.path().join("pip"));
        let mut venvs: BTreeMap<PathBuf, Venv> = BTreeMap::new();
        for state in &self.states {
            let path = state.path(&root);
            let venv = venvs.entry(path.clone()).or_insert_with(|| pip.venv(&root.join("home"), &path));
            state.install(venv, &root);
        }
        let quiet = self.states.iter().find(|state| state.lives == Lives::Quietly);
        if let Some(venv) = quiet.and_then(|state| venvs.get(&state.path(&root))) {
            state::fails(venv);
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
            ("SSL_CERT_FILE", self.folder.path().join("ca.pem").into()),
        ];
        let daemon = Daemon::start(side, root, &Wanted { sections, environment, ..Wanted::default() });
        daemon.wait_initialised();
        daemon
    }
}

/// The pip of Moonraker's own environment: it replaces an older one wherever it finds it.
struct Pip(PathBuf);

impl Pip {
    /// A copy that the environments share their files with.
    fn copied(folder: &Path) -> Self {
        if !folder.exists() {
            fs::create_dir_all(folder).expect("a folder can be made");
            let site = Venv::at(folder, sides::installation().venv()).site_packages();
            for path in packages(&site).filter(|path| is_pip(path)) {
                copy("-a", &path, folder);
            }
        }
        Self(folder.to_owned())
    }

    /// An environment with this pip instead of the one that the machine's Python brings along.
    fn venv(&self, home: &Path, path: &Path) -> Venv {
        let venv = Venv::make(home, path).unwrap_or_else(|e| panic!("{e}"));
        let site = venv.site_packages();
        for path in packages(&site).filter(|path| is_pip(path)) {
            fs::remove_dir_all(&path).expect("a folder can be removed");
        }
        for path in packages(&self.0) {
            copy("-al", &path, &site);
        }
        venv
    }
}

fn packages(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("cannot list {folder:?}: {e}"));
    entries.map(|entry| entry.expect("a folder can be listed").path())
}

fn copy(how: &str, from: &Path, into: &Path) {
    let status = Command::new("cp").arg(how).arg(from).arg(into).status().expect("cp starts");
    assert!(status.success(), "cp ended with {status}");
}

fn is_pip(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name == "pip" || (name.starts_with("pip-") && name.ends_with(".dist-info"))
}
