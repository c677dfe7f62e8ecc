//! The remotes and the indexes of all states, and their folders.

use std::ffi::OsString;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use refit_testkit::apt::{AptWorld, Deb};
use refit_testkit::git::{Commit, GitWorld};
use refit_testkit::index::PackageIndex;
use refit_testkit::npm::Registry;
use refit_testkit::releases::{Release, ReleaseHost};
use refit_testkit::scratch::scratch;
use refit_testkit::wheels::Wheel;
use refit_testkit::zip::ZipBuilder;
use serde_json::json;
use tempfile::TempDir;

use super::catalogue;
use super::state::{Kind, LOCK, State};
use crate::applications::{Application, Pip, path};
use crate::releases::namespace::NAMES;
use crate::sides::{Daemon, Side, Wanted};

/// What of the Debian's variables Refit passes on.
const OF_APT: [&str; 4] = ["APT_CONFIG", "DPKG_ROOT", "DPKG_ADMINDIR", "DPKG_FORCE"];

pub struct World {
    pub states: Vec<State>,
    index: PackageIndex,
    registry: Registry,
    host: ReleaseHost,
    apt: AptWorld,
    git: GitWorld,
    folder: TempDir,
}

impl World {
    /// Fills the indexes. Only in a network of this process's own.
    pub fn of(states: Vec<State>) -> Self {
        let (folder, index) = (scratch(), PackageIndex::start());
        for (name, version) in [("one", "1.0"), ("one", "1.1"), ("two", "1.0")] {
            index.publish(Wheel::new(name, version).build());
        }
        for state in states.iter().filter(|state| state.kind == Kind::Python) {
            ["1.0.0", "1.1.0"].iter().for_each(|version| index.publish(Wheel::new(state.name, version).build()));
        }
        let host = ReleaseHost::start_tls(&NAMES, SocketAddr::from((Ipv4Addr::LOCALHOST, 443)));
        fs::write(folder.path().join("ca.pem"), host.ca_pem()).expect("a file can be written");
        let apt = AptWorld::new().unwrap_or_else(|e| panic!("{e}"));
        apt.publish(&Deb::new("libthing", "1.0"));
        apt.update();
        let git = GitWorld::new(folder.path().join("git"));
        Self { states, index, registry: catalogue::registry(), host, apt, git, folder }
    }

    /// A folder of this name with the states as they are before anything happened.
    pub fn build(&self, name: &str) -> PathBuf {
        let root = self.folder.path().join(name);
        let home = root.join("home");
        fs::create_dir_all(&home).expect("a folder can be made");
        let npm = format!("registry={}\naudit=false\nfund=false\nupdate-notifier=false\n", self.registry.url());
        fs::write(home.join(".npmrc"), npm).expect("a file can be written");
        let pip = Pip::copied(&self.folder.path().join("pip"));
        for state in &self.states {
            if state.has_environment() {
                let venv = pip.venv(&home, &state.environment(&root));
                for (name, version) in &state.packages {
                    Application::new(name).installed(version).install(&venv, &root);
                }
            }
            match state.kind {
                Kind::Git => self.build_git(state, &root),
                Kind::Zip => self.build_zip(state, &root),
                Kind::Python => {}
            }
        }
        // It was there when the lock files were written.
        self.registry.remove("mesh", "3.0.0");
        root
    }

    /// The files of one version of a state.
    fn files(&self, state: &State, version: usize) -> Vec<(String, String)> {
        let written = |(path, texts): &(&'static str, [String; 2])| {
            let text = &texts[version];
            if *path == LOCK {
                let files = catalogue::node_files(&self.registry, text);
                return files.map(|(path, text)| (path.to_owned(), text)).to_vec();
            }
            vec![((*path).to_owned(), text.clone())]
        };
        state.files.iter().flat_map(written).collect()
    }

    fn build_git(&self, state: &State, root: &Path) {
        let remote = self.git.remote(&format!("lab/{}", state.name));
        let commit = |version: usize, subject: &str| {
            let ignored = Commit::new(subject).file(".gitignore", "node_modules/\n");
            self.files(state, version).iter().fold(ignored, |commit, (path, text)| commit.file(path, text))
        };
        remote.push("master", &commit(0, "First"));
        remote.annotate("v1.0.0", "First");
        remote.clone_to(state.path(root));
        remote.push("master", &commit(1, "Second"));
        remote.annotate("v1.1.0", "Second");
    }

    fn build_zip(&self, state: &State, root: &Path) {
        let all = |version: usize, tag: &str| {
            let info = json!({"project_name": state.name, "project_owner": "own", "version": tag}).to_string();
            let mut files = self.files(state, version);
            files.push(("release_info.json".to_owned(), info));
            files
        };
        for (version, tag) in ["v1.0.0", "v1.1.0"].into_iter().enumerate() {
            let zip = all(version, tag).iter().fold(ZipBuilder::new(), |zip, (path, text)| zip.file(path, text));
            self.host.publish("own", state.name, Release::new(tag).file(&format!("{}.zip", state.name), zip.build()));
        }
        let path = state.path(root);
        fs::create_dir_all(&path).expect("a folder can be made");
        for (name, text) in all(0, "v1.0.0") {
            fs::write(path.join(name), text).expect("a file can be written");
        }
    }

    /// Texts that differ from one world to the next, and what stands for them in a record. Lock files hold the registry's
    /// address, and so the commits differ.
    pub fn names(&self, state: &State, root: &Path) -> Vec<(String, &'static str)> {
        let mut names = vec![
            (root.display().to_string(), "/W"),
            (self.git.remotes().display().to_string(), "/R"),
            (self.registry.url(), "http://registry"),
        ];
        if state.kind == Kind::Git {
            let remote = self.git.work(self.git.remotes().join(format!("lab/{}.git", state.name)));
            for (revision, whole, short) in
                [("v1.0.0^{}", "FIRST", "FIRST_SHORT"), ("v1.1.0^{}", "SECOND", "SECOND_SHORT")]
            {
                let sha = remote.rev(revision);
                names.extend([(sha[..8].to_owned(), short), (sha, whole)].into_iter().rev());
            }
        }
        names
    }

    /// Starts a daemon that finds these states in `root`, and waits for its first look at them.
    pub fn start(&self, side: Side, root: &Path) -> Daemon {
        let remotes = self.git.remotes();
        let sections = self.states.iter().map(|state| state.section(root, &remotes)).collect();
        let mut environment: Vec<(&'static str, OsString)> = vec![
            ("PIP_NO_INDEX", "0".into()),
            ("PIP_INDEX_URL", self.index.url().into()),
            ("PIP_CONFIG_FILE", "/dev/null".into()),
            ("PIP_RETRIES", "0".into()),
            ("PATH", path()),
            ("SSL_CERT_FILE", self.folder.path().join("ca.pem").into()),
        ];
        let of_apt = |name: &'static str| {
            let known = self.apt.environment().into_iter().find(|(known, _)| known == name);
            known.map(|(_, value)| (name, value))
        };
        environment.extend(OF_APT.into_iter().filter_map(of_apt));
        let daemon = Daemon::start(side, root, &Wanted { sections, environment, ..Wanted::default() });
        daemon.wait_initialised();
        daemon
    }
}
