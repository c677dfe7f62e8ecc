//! The catalogue of states a repository can be found in on a printer host.
//!
//! Each state is built by the real git from a fixed seed history, at fixed dates: the same state built twice, in other
//! folders and behind other servers, has the same shas. That is what lets two update managers be compared on it.
//!
//! A state is built, not fetched: a repository that is behind does not know it yet.
//!
//! ```no_run
//! # use refit_testkit::{git_http::GitServer, states};
//! # let root = std::path::Path::new("/tmp/lab");
//! let server = GitServer::start(states::remotes_of(root));
//! let lab = states::named("behind-1").build(root, Some(server.control()));
//! std::fs::write("app.conf", lab.section("app")).unwrap();
//! ```

mod behind;
mod damage;
mod dirty;
mod heads;
mod hostile;
mod names;
mod remotes;
mod shapes;
mod tags;

use std::path::{Path, PathBuf};

use crate::git::{Commit, GitWorld, Remote, Work};
use crate::git_http::Control;
use crate::wait::Unreachable;

/// One entry of the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct State {
    /// Its name, words joined by dashes.
    pub name: &'static str,
    /// What is the matter, for the reader of a failed test.
    pub about: &'static str,
    /// Whether it only exists behind a server (redirects, statuses, passwords).
    pub needs_server: bool,
    build: fn(&mut StateLab),
}

impl State {
    const fn new(name: &'static str, about: &'static str, build: fn(&mut StateLab)) -> Self {
        Self { name, about, needs_server: false, build }
    }

    const fn served(name: &'static str, about: &'static str, build: fn(&mut StateLab)) -> Self {
        Self { name, about, needs_server: true, build }
    }

    /// Builds it below `root`: the remote in `remotes/lab/<name>.git`, the repository in `work/<name>`. Several states
    /// may share a root. With a server, whose root is [`remotes_of`] this root, the remote's URL is `http://…`, else
    /// `file://…`.
    ///
    /// # Panics
    /// When git fails, or when the state needs a server and there is none.
    pub fn build(&self, root: &Path, server: Option<Control>) -> StateLab {
        assert!(!self.needs_server || server.is_some(), "the state {} needs a server", self.name);
        let mut lab = StateLab::seeded(self.name, root, server);
        (self.build)(&mut lab);
        lab
    }
}

/// Every state there is.
pub fn all() -> Vec<State> {
    let families = [
        behind::STATES,
        dirty::STATES,
        heads::STATES,
        remotes::STATES,
        shapes::STATES,
        damage::STATES,
        tags::STATES,
        names::STATES,
        hostile::STATES,
    ];
    families.concat()
}

/// The state of this name.
///
/// # Panics
/// When there is none.
pub fn named(name: &str) -> State {
    all().into_iter().find(|state| state.name == name).unwrap_or_else(|| panic!("there is no state {name:?}"))
}

/// Where the remotes of the states below `root` are: the root for their server.
pub fn remotes_of(root: &Path) -> PathBuf {
    root.join("remotes")
}

/// A state under construction, and then the built one.
#[derive(Debug)]
pub struct StateLab {
    /// The git world, with a clock of its own.
    pub world: GitWorld,
    /// The remote, seeded with three commits and the annotated tag `v0.1.0` on the second.
    pub remote: Remote,
    /// The remote's URL as a clone sees it.
    pub url: String,
    /// The repository; its folder is not there before it is cloned or made.
    pub work: Work,
    /// What the update manager's section is to give as `path`; the repository's folder unless the state says otherwise.
    pub path: PathBuf,
    /// The server, when there is one.
    pub server: Option<Control>,
    name: String,
    options: Vec<(String, String)>,
    kept: Vec<Unreachable>,
}

impl StateLab {
    fn seeded(name: &str, root: &Path, server: Option<Control>) -> Self {
        let world = GitWorld::new(root);
        let remote = world.remote(&format!("lab/{name}"));
        seed(&remote);
        let url = server.as_ref().map_or_else(|| remote.url(), |server| server.url(&remote.route()));
        let path = root.join("work").join(name);
        let work = world.work(&path);
        let mut lab = Self {
            world,
            remote,
            url,
            work,
            path,
            server,
            name: name.to_owned(),
            options: Vec::new(),
            kept: Vec::new(),
        };
        lab.option("type", "git_repo");
        lab.option("origin", &lab.url.clone());
        lab.option("is_system_service", "False");
        lab
    }

    /// Sets an option of the update manager's section.
    pub fn option(&mut self, key: &str, value: &str) {
        self.options.retain(|(known, _)| known != key);
        self.options.push((key.to_owned(), value.to_owned()));
    }

    /// The options of the section, `path` included.
    pub fn options(&self) -> Vec<(String, String)> {
        let mut options = self.options.clone();
        options.insert(1, ("path".to_owned(), self.path.display().to_string()));
        options
    }

    /// The section as it is written in a configuration file.
    pub fn section(&self, name: &str) -> String {
        let options = self.options();
        let lines: Vec<String> = options.iter().map(|(key, value)| format!("{key}: {value}\n")).collect();
        format!("[update_manager {name}]\n{}", lines.concat())
    }

    /// What hostile repositories create when their code was run.
    pub fn tripwire(&self) -> PathBuf {
        self.world.root().join(format!("{}.tripped", self.name))
    }

    fn clone(&self) -> &Work {
        self.clone_with(&[])
    }

    fn clone_with(&self, options: &[&str]) -> &Work {
        self.remote.clone_with(&self.url, self.work.path(), options);
        &self.work
    }

    /// Another seeded remote beside, with its URL: `lab/<state>-<suffix>`.
    fn other_remote(&self, suffix: &str) -> (Remote, String) {
        let remote = self.world.remote(&format!("lab/{}-{suffix}", self.name));
        seed(&remote);
        let url = self.url_of(&remote.route());
        (remote, url)
    }

    /// The URL of a route, whether or not there is a repository.
    fn url_of(&self, route: &str) -> String {
        let files = || format!("file://{}", self.world.remotes().join(route).display());
        self.server.as_ref().map_or_else(files, |server| server.url(route))
    }

    fn server(&self) -> &Control {
        self.server.as_ref().expect("build() checked that there is a server")
    }

    /// A URL whose port refuses as long as this lab lives.
    fn refusing_url(&mut self) -> String {
        let nobody = Unreachable::new();
        let url = nobody.url(&self.remote.route());
        self.kept.push(nobody);
        url
    }
}

/// Three commits, a file of each kind, and an annotated version tag on the second.
fn seed(remote: &Remote) {
    let first = Commit::new("Import")
        .file("README.md", "# A program\n")
        .file(".gitignore", "*.pyc\nbuild/\n")
        .file("app.py", "print('one')\n")
        .file("src/main.py", "def main():\n    return 1\n")
        .file("src/part.c", "int part(void) { return 1; }\n")
        .exec("scripts/run.sh", "#!/bin/sh\necho run\n")
        .file("config/printer.cfg", "[printer]\nkinematics: none\n")
        .link("docs/readme", "../README.md");
    let second = Commit::new("Add a feature").body("It does more.\n\nMuch more.").file("app.py", "print('two')\n");
    let third = Commit::new("Fix it").file("src/main.py", "def main():\n    return 2\n");
    let shas = remote.push_all("master", &[first, second, third]);
    let date = remote.world().tick();
    remote.annotate_at("v0.1.0", "First release", &shas[1], date);
}

#[cfg(test)]
mod tests;
