//! A host that is GitHub for this process, and the states that it publishes for.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use refit_testkit::releases::ReleaseHost;
use refit_testkit::scratch::scratch;
use tempfile::TempDir;

use super::namespace::NAMES;
use super::state::State;
use crate::sides::{Daemon, Side, Wanted};

/// A content that is longer is recorded as its length.
const SHORT: usize = 300;

pub struct World {
    pub states: Vec<State>,
    pub host: ReleaseHost,
    folder: TempDir,
}

impl World {
    /// Publishes for these states. Only in a network of this process's own.
    pub fn of(states: Vec<State>) -> Self {
        let folder = scratch();
        let host = ReleaseHost::start_tls(&NAMES, SocketAddr::from((Ipv4Addr::LOCALHOST, 443)));
        fs::write(folder.path().join("ca.pem"), host.ca_pem()).expect("a file can be written");
        for state in &states {
            state.publish(&host);
        }
        Self { states, host, folder }
    }

    /// A folder of this name with the states as they are before anything happened.
    pub fn build(&self, name: &str) -> PathBuf {
        let root = self.folder.path().join(name);
        for state in &self.states {
            state.build(&root);
        }
        root
    }

    /// Starts a daemon that finds these states in `root`, and waits for its first look at them.
    pub fn start(&self, side: Side, root: &Path) -> Daemon {
        let sections = self.states.iter().map(|state| state.section(root)).collect();
        let ca = self.folder.path().join("ca.pem");
        let environment = vec![("SSL_CERT_FILE", ca.into())];
        let daemon = Daemon::start(side, root, &Wanted { sections, environment, ..Wanted::default() });
        daemon.wait_initialised();
        daemon
    }

    /// What is in the folder of a state, by path: what it holds as far as it is short, and the modes. Without the files of
    /// Refit's own, whose names begin with `.refit-`.
    pub fn look(state: &State, root: &Path) -> Look {
        let mut look = Look::default();
        look.gather(&state.path(root), "");
        look
    }
}

/// What is in a folder.
#[derive(Default)]
pub struct Look {
    pub contents: BTreeMap<String, String>,
    pub modes: BTreeMap<String, String>,
}

impl Look {
    fn gather(&mut self, at: &Path, below: &str) {
        let Ok(meta) = fs::symlink_metadata(at) else {
            return;
        };
        let mode = format!("{:04o}", meta.permissions().mode() & 0o7777);
        if meta.is_symlink() {
            let target = fs::read_link(at).expect("a link can be read");
            self.contents.insert(below.to_owned(), format!("-> {}", target.display()));
        } else if meta.is_file() {
            let content = fs::read(at).expect("a file can be read");
            let length = content.len();
            let text = String::from_utf8(content).ok().filter(|text| text.len() <= SHORT);
            self.contents.insert(below.to_owned(), text.unwrap_or_else(|| format!("({length} bytes)")));
            self.modes.insert(below.to_owned(), mode);
        } else {
            self.contents.insert(format!("{below}/"), String::new());
            self.modes.insert(format!("{below}/"), mode);
            for entry in fs::read_dir(at).expect("a folder can be listed") {
                let entry = entry.expect("a folder can be listed");
                let name = entry.file_name().to_string_lossy().into_owned();
                if !name.starts_with(".refit-") {
                    self.gather(&entry.path(), &format!("{below}/{name}"));
                }
            }
        }
    }
}
