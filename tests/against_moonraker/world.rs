//! The repositories: built once, with remotes that nobody changes, and copied for every daemon and every kind of call.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use refit_testkit::git::Work;
use refit_testkit::git_http::GitServer;
use refit_testkit::scratch::scratch;
use refit_testkit::states::{self, StateLab};
use tempfile::TempDir;

/// Every state that is compared, in its own repository.
pub struct World {
    labs: BTreeMap<&'static str, StateLab>,
    folder: TempDir,
    /// Serves the remotes for as long as the world is there.
    server: GitServer,
}

/// A copy of the world's repositories for one daemon.
pub struct Copy {
    pub root: PathBuf,
    /// The sections of the updaters, one per state.
    pub sections: String,
    works: BTreeMap<&'static str, Work>,
}

impl World {
    /// Builds these states.
    pub fn of(names: &[&'static str]) -> Self {
        let folder = scratch();
        let root = folder.path().join("built");
        fs::create_dir_all(states::remotes_of(&root)).expect("a folder can be made");
        let server = GitServer::start(states::remotes_of(&root));
        let build = |name: &'static str| (name, states::named(name).build(&root, Some(server.control())));
        let labs = names.iter().map(|name| build(name)).collect();
        Self { labs, folder, server }
    }

    /// A folder that nobody else has, with a short path.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// The server of the remotes.
    pub fn server(&self) -> &GitServer {
        &self.server
    }

    /// Texts that differ from one world to the next, and what stands for them in a record.
    pub fn names(&self) -> Vec<(String, &'static str)> {
        let refusing = self.labs.get("remote-unreachable").map(|lab| lab.options());
        let origin = refusing.into_iter().flatten().find(|(key, _)| key == "origin").map(|(_, url)| url);
        let host = |url: String| url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        let names = [(Some(self.server.base()), "http://remotes"), (origin.map(host), "http://refusing")];
        names.into_iter().filter_map(|(text, name)| Some((text?, name))).collect()
    }

    /// A copy of all repositories, alone in a folder of this name.
    pub fn copy(&self, name: &str) -> Copy {
        let root = self.folder.path().join(name);
        let (from, to) = (self.folder.path().join("built/work"), root.join("work"));
        fs::create_dir_all(&root).expect("a folder can be made");
        let status = Command::new("cp").arg("-a").arg(&from).arg(&to).status().expect("cp starts");
        assert!(status.success(), "cp ended with {status}");
        relocate(&to, &from, &to);
        let moved = |path: &Path| to.join(path.strip_prefix(&from).expect("every repository is below work"));
        let works = self.labs.iter().map(|(name, lab)| (*name, lab.world.work(moved(&lab.path)))).collect();
        let sections: String = self.labs.iter().map(|(name, lab)| lab.section(name) + "\n").collect();
        let sections = sections.replace(&from.display().to_string(), &to.display().to_string());
        Copy { root, sections, works }
    }
}

impl Copy {
    /// The repository in this state, as far as it is one.
    pub fn work(&self, state: &str) -> &Work {
        &self.works[state]
    }
}

/// Git and the file system hold absolute paths in a few places: files that lead to a git folder elsewhere, and links.
fn relocate(folder: &Path, from: &Path, to: &Path) {
    for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("cannot list {folder:?}: {e}")) {
        let path = entry.expect("a folder can be listed").path();
        let meta = fs::symlink_metadata(&path).expect("what was listed is there");
        if meta.is_symlink() {
            let target = fs::read_link(&path).expect("a link can be read");
            if let Ok(below) = target.strip_prefix(from) {
                fs::remove_file(&path).expect("a link can be removed");
                std::os::unix::fs::symlink(to.join(below), &path).expect("a link can be made");
            }
        } else if meta.is_dir() {
            relocate(&path, from, to);
        } else if path.file_name().is_some_and(|name| name == ".git" || name == "gitdir") {
            let text = fs::read_to_string(&path).expect("a path is text");
            let text = text.replace(&from.display().to_string(), &to.display().to_string());
            fs::write(&path, text).expect("a file can be written");
        }
    }
}
