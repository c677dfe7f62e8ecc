//! An index, a GitHub, and the environments of all states.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use refit_testkit::git::{Commit, GitWorld};
use refit_testkit::index::PackageIndex;
use refit_testkit::releases::{Release, ReleaseHost};
use refit_testkit::scratch::scratch;
use refit_testkit::venv::Venv;
use refit_testkit::wheels::Sdist;
use tempfile::TempDir;

use super::state::{self, Lives, State};
use crate::releases::namespace::NAMES;
use crate::sides::{self, Daemon, Side, Wanted};

pub struct World {
    pub states: Vec<State>,
    pub index: PackageIndex,
    /// For as long as the world is there.
    _host: ReleaseHost,
    folder: TempDir,
}

impl World {
    /// Publishes for these states. Only in a network of this process's own.
    pub fn of(states: Vec<State>) -> Self {
        let (folder, index) = (scratch(), PackageIndex::start());
        let host = ReleaseHost::start_tls(&NAMES, SocketAddr::from((Ipv4Addr::LOCALHOST, 443)));
        fs::write(folder.path().join("ca.pem"), host.ca_pem()).expect("a file can be written");
        let hub = GitWorld::new(folder.path().join("github"));
        let states: Vec<State> = states.into_iter().map(|state| with_repository(state, &hub)).collect();
        for state in &states {
            state.publish(&index, &host);
        }
        // Where git finds what it looks for at GitHub.
        let rule = format!("[url \"file://{}/\"]\n\tinsteadOf = https://github.com/\n", hub.remotes().display());
        fs::write(folder.path().join("gitconfig"), rule).expect("a file can be written");
        Self { states, index, _host: host, folder }
    }

    /// A folder of this name with the states as they are before anything happened.
    pub fn build(&self, name: &str) -> PathBuf {
        let root = self.folder.path().join(name);
        let pip = Pip::copied(&self.folder.path().join("pip"));
        let mut venvs: BTreeMap<PathBuf, Venv> = BTreeMap::new();
        for state in &self.states {
            let path = state.path(&root);
            let home = root.join("home");
            let made = || if state.keeps_pip { usual(&home, &path) } else { pip.venv(&home, &path) };
            let venv = venvs.entry(path.clone()).or_insert_with(made);
            state.install(venv, &root);
        }
        let quiet = self.states.iter().find(|state| state.lives == Lives::Quietly);
        if let Some(venv) = quiet.and_then(|state| venvs.get(&state.path(&root))) {
            stand_in(venv);
        }
        // Refit's git and pip read the one at home, Moonraker's the one that they are told.
        let home = root.join("home");
        fs::create_dir_all(&home).expect("a folder can be made");
        fs::copy(self.folder.path().join("gitconfig"), home.join(".gitconfig")).expect("a file can be copied");
        root
    }

    /// Starts a daemon that finds these states in `root`, and waits for its first look at them.
    pub fn start(&self, side: Side, root: &Path) -> Daemon {
        let sections = self.states.iter().map(|state| state.section(root)).collect();
        let environment = vec![
            ("PIP_NO_INDEX", "0".into()),
            ("PIP_INDEX_URL", self.index.url().into()),
            ("PIP_CONFIG_FILE", "/dev/null".into()),
            ("PIP_RETRIES", "0".into()),
            ("PATH", path()),
            ("GIT_CONFIG_GLOBAL", self.folder.path().join("gitconfig").into()),
            ("SSL_CERT_FILE", self.folder.path().join("ca.pem").into()),
        ];
        let daemon = Daemon::start(side, root, &Wanted { sections, environment, ..Wanted::default() });
        daemon.wait_initialised();
        daemon
    }
}

/// Makes the repository that a state comes from: of the tags `v1.0.0` and `v1.1.0`, and a commit after them.
fn with_repository(state: State, hub: &GitWorld) -> State {
    if !state.has_repository {
        return state;
    }
    let remote = hub.remote(&format!("{}/{}", state::OWNER, state.name));
    let commits = ["1.0.0", "1.1.0", "1.2.0.dev1"].map(|version| {
        let tree = Sdist::new(state.name, version).tree();
        let clean = Commit::new(version).delete("build_backend");
        remote.push("master", &tree.iter().fold(clean, |commit, (path, bytes)| commit.file(path, bytes)))
    });
    for (tag, commit) in [("v1.0.0", &commits[0]), ("v1.1.0", &commits[1])] {
        remote.tag_at(tag, commit);
    }
    let releases = ["v1.0.0", "v1.1.0"].map(Release::new).into_iter().collect();
    state.at_github(&commits[0], releases).pushed("master", &commits[2])
}

/// The oldest pip that Moonraker leaves alone.
const PIP: &str = "25.2";

/// The pip of Moonraker's own environment: it replaces an older one wherever it finds it.
pub struct Pip(PathBuf);

impl Pip {
    /// A copy that the environments share their files with.
    pub fn copied(folder: &Path) -> Self {
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
    pub fn venv(&self, home: &Path, path: &Path) -> Venv {
        let venv = usual(home, path);
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

fn usual(home: &Path, path: &Path) -> Venv {
    Venv::make(home, path).unwrap_or_else(|e| panic!("{e}"))
}

/// In place of pip, one that says who it is and that there is nothing to install.
fn stand_in(venv: &Venv) {
    let says = format!("pip {PIP} from here (python 3.11)");
    let report = r#"{"version": "1", "pip_version": "", "install": [], "environment": {}}"#;
    let program = format!("import sys\nprint({says:?} if '--version' in sys.argv else {report:?})\n");
    let folder = venv.site_packages().join("pip");
    fs::remove_dir_all(&folder).expect("it was there");
    fs::create_dir(&folder).expect("a folder can be made");
    fs::write(folder.join("__init__.py"), format!("__version__ = \"{PIP}\"\n")).expect("a file can be written");
    fs::write(folder.join("__main__.py"), program).expect("a file can be written");
}

/// Where programs are looked for. pip asks a Rust compiler who it is each time that it asks an index, which takes as long
/// as the rest.
pub fn path() -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
    let folders = std::env::split_paths(&path).filter(|folder| !folder.join("rustc").exists());
    std::env::join_paths(folders).expect("these were in a path")
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
