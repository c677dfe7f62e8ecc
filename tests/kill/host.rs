//! A printer host that can be put back to a state in an instant: its data folder and its software in one folder, which is
//! copied from a template that the daemon itself has brought about. It has a repository, and software that ships as
//! releases.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use refit_testkit::git::{Commit, GitWorld, Remote, Work};
use refit_testkit::git_http::GitServer;
use refit_testkit::releases::ReleaseHost;
use refit_testkit::scratch::scratch;
use tempfile::TempDir;

use crate::needs::{self, Needs};
use crate::projects::{self, PROJECTS};

/// The updater of the repository.
pub const NAME: &str = "app";

/// A remote with two versions, a server, releases in two versions, and a host that has the first ones.
pub struct Host {
    pub forge: ReleaseHost,
    pub world: GitWorld,
    pub server: GitServer,
    pub remote: Remote,
    /// The commits of the two versions.
    pub versions: [String; 2],
    /// What the software depends on, where it depends on anything.
    pub needs: Option<Needs>,
    /// The digests of the environments that `pip check` had nothing against.
    pub vetted: RefCell<BTreeSet<String>>,
    root: PathBuf,
    folder: TempDir,
}

impl Host {
    /// A host in memory.
    pub fn new() -> Self {
        Self::make(|folder| folder.join("host"))
    }

    /// A host in memory whose software depends on others', and that has no releases.
    pub fn with_needs() -> Self {
        Self::made(true, |folder| folder.join("host"))
    }

    /// A host whose folder is elsewhere: below a mount point, which `root` makes in the folder that it is given.
    pub fn make(root: impl FnOnce(&Path) -> PathBuf) -> Self {
        Self::made(false, root)
    }

    /// One or the other.
    pub fn made(needs: bool, root: impl FnOnce(&Path) -> PathBuf) -> Self {
        let folder = scratch();
        let root = root(folder.path());
        let needs = needs.then(|| Needs::furnish(folder.path(), &root));
        let asks = |commit: Commit, version: usize| match &needs {
            Some(needs) => needs.asks(commit, version),
            None => commit,
        };
        let world = GitWorld::new(folder.path().join("world"));
        let remote = world.remote("lab/app");
        let first = remote.push("master", &asks(first_version(), 0));
        remote.annotate("v1.0.0", "The first release");
        let server = GitServer::start(world.remotes());
        let versions = [first, String::new()];
        let forge = ReleaseHost::start();
        let second = asks(second_version(), 1);
        if needs.is_none() {
            projects::publish(&forge);
        }
        let vetted = RefCell::default();
        let mut host = Self { forge, world, server, remote, versions, needs, vetted, root, folder };
        host.furnish();
        host.versions[1] = host.remote.push("master", &second);
        host.remote.annotate("v1.1.0", "The second release");
        host
    }

    /// The folder that is put back as a whole.
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// The repository that is managed.
    pub fn app(&self) -> Work {
        self.world.work(self.software(NAME))
    }

    /// The folder of an updater.
    pub fn software(&self, name: &str) -> PathBuf {
        self.root.join("software").join(name)
    }

    /// The names of all updaters.
    pub fn updaters(&self) -> Vec<&'static str> {
        let projects = PROJECTS.into_iter().filter(|_| self.needs.is_none());
        let packages = ["tool"].into_iter().filter(|_| self.needs.is_some());
        projects.chain(packages).chain([NAME]).collect()
    }

    /// The variables that its daemon has, beside its path and its home.
    pub fn variables(&self) -> Vec<(String, OsString)> {
        self.needs.as_ref().map(|needs| needs.variables(self)).unwrap_or_default()
    }

    /// Where its things are kept aside.
    pub fn kept(&self, name: &str) -> PathBuf {
        self.software(&format!("{name}.refit-kept"))
    }

    /// Where its versions before are kept whole.
    pub fn previous(&self, name: &str) -> PathBuf {
        self.software(&format!(".{name}.refit-previous"))
    }

    pub fn downloads(&self) -> PathBuf {
        self.data().join("refit/downloads")
    }

    pub fn log(&self) -> PathBuf {
        self.folder.path().join("daemon.log")
    }

    /// A path beside the host, that putting it back does not touch.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The tree of a version as git itself writes it.
    pub fn checkout(&self, commit: &str) -> Work {
        let path = self.beside(&format!("checkout-{commit}"));
        if path.exists() {
            return self.world.work(path);
        }
        let work = self.remote.clone_to(path);
        work.git(&["reset", "--quiet", "--hard", commit]);
        work
    }

    /// Keeps the host as it is under a name.
    pub fn keep(&self, template: &str) {
        copy(&self.root, &self.beside(template));
        for (name, folder) in self.needs.iter().flat_map(Needs::aside) {
            copy(folder, &self.beside(&format!("{template}-{name}")));
        }
    }

    /// Puts the host back to how it was kept.
    pub fn put_back(&self, template: &str) {
        let _ = fs::remove_file(self.log());
        copy(&self.beside(template), &self.root);
        for (name, folder) in self.needs.iter().flat_map(Needs::aside) {
            copy(&self.beside(&format!("{template}-{name}")), folder);
        }
    }

    fn furnish(&self) {
        for below in ["home", "data/config", "data/comms", "software"] {
            fs::create_dir_all(self.root.join(below)).expect("a folder");
        }
        let url = self.server.url(&self.remote.route());
        self.remote.clone_with(&url, self.software(NAME), &[]);
        let (sections, options) = if let Some(needs) = &self.needs {
            needs.furnish_repository(&self.root.join("home"), self.app().path());
            fs::write(self.data().join("moonraker.asvc"), format!("{NAME}\n")).expect("a list of services");
            (needs::section(self), needs::options(self))
        } else {
            projects::install(&self.root.join("software"));
            (projects::sections(&self.root.join("software")), String::new())
        };
        let text = format!(
            "[server]\nhost: 127.0.0.1\nport: 0\n\n[authorization]\ntrusted_clients:\n    127.0.0.1\n\n\
             [update_manager]\nenable_system_updates: False\nenable_auto_refresh: False\n\n\
             [refit]\nallow_protocols: http\ngithub_api_url: {}\nkeep_previous: {}\n\n\
             [update_manager {NAME}]\ntype: git_repo\npath: {}\norigin: {url}\nis_system_service: {}\n{options}{sections}",
            self.forge.github_api(),
            if self.needs.is_some() { 1 } else { 2 },
            self.app().path().display(),
            if self.needs.is_some() { "True" } else { "False" },
        );
        fs::write(self.data().join("config/refit.conf"), text).expect("a configuration");
    }
}

/// Makes `to` what `from` is. The folder itself stays: it may be a mount point.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(to).expect("a folder").flatten() {
        let path = entry.path();
        let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        // A mount point stays, empty.
        let removed = removed.or_else(|e| if e.kind() == ErrorKind::ResourceBusy { Ok(()) } else { Err(e) });
        removed.unwrap_or_else(|e| panic!("cannot remove {path:?}: {e}"));
    }
    let copied = Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status().expect("cp starts");
    assert!(copied.success(), "cp {from:?} {to:?} ended with {copied}");
}

/// 40 files in 5 folders, a link, a script and what git is to ignore.
fn first_version() -> Commit {
    let mut commit = Commit::new("First");
    for folder in 0..5 {
        for file in 0..8 {
            let content = format!("v1 {folder} {file}\n").repeat(50);
            commit = commit.file(&format!("d{folder}/f{file}.py"), content);
        }
    }
    commit.link("link", "d0/f0.py").file("run.sh", "#!/bin/sh\n").file(".gitignore", "*.log\n")
}

/// Changes of every kind: contents, a removal, a renaming, a new folder, a mode, a link, a folder that becomes a file.
fn second_version() -> Commit {
    let mut commit = Commit::new("Second");
    for folder in 0..4 {
        for file in (0..8).step_by(2) {
            let content = format!("v2 {folder} {file}\n").repeat(60);
            commit = commit.file(&format!("d{folder}/f{file}.py"), content);
        }
    }
    let renamed = "v1 2 3\n".repeat(50);
    commit
        .delete("d1/f1.py")
        .delete("d2/f3.py")
        .file("d2/renamed.py", renamed)
        .file("new/n.py", "n\n")
        .exec("run.sh", "#!/bin/sh\n")
        .link("link", "d1/f0.py")
        .delete("d4")
        .file("d4", "now a file\n")
}
