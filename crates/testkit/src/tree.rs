//! What a folder holds, as a value: two states of a work tree are the same when their trees are equal.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Files and links by their path below the folder. Folders count only by what is in them, as for git.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    nodes: BTreeMap<PathBuf, Node>,
}

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A file.
    File {
        /// Whether any execute bit is set.
        executable: bool,
        /// Its length in bytes.
        length: u64,
        /// A hash of its content, the same within one build of the tests.
        hash: u64,
    },
    /// A symbolic link, and where it leads.
    Link(PathBuf),
    /// A socket, a pipe or a device.
    Other,
}

impl Tree {
    /// The tree of a repository: everything but the `.git` at its top. A folder that is not there is an empty tree.
    ///
    /// # Panics
    /// When something in it cannot be read.
    pub fn of(folder: impl AsRef<Path>) -> Self {
        let mut tree = Self::whole(folder);
        tree.nodes.retain(|path, _| !path.starts_with(".git"));
        tree
    }

    /// The tree of any folder, `.git` included.
    ///
    /// # Panics
    /// When something in it cannot be read.
    pub fn whole(folder: impl AsRef<Path>) -> Self {
        let mut tree = Self::default();
        let folder = folder.as_ref();
        if folder.exists() {
            tree.gather(folder, Path::new(""));
        }
        tree
    }

    /// The paths, in order.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.nodes.keys().map(PathBuf::as_path)
    }

    /// What stands at a path.
    pub fn get(&self, path: impl AsRef<Path>) -> Option<&Node> {
        self.nodes.get(path.as_ref())
    }

    /// This tree without some paths and what is below them.
    #[must_use]
    pub fn without(mut self, paths: &[&str]) -> Self {
        self.nodes.retain(|path, _| !paths.iter().any(|gone| path.starts_with(gone)));
        self
    }

    /// How `other` differs, a line per path: `+ path`, `- path`, `! path: this, that`.
    pub fn diff(&self, other: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        for (path, node) in &self.nodes {
            match other.nodes.get(path) {
                None => lines.push(format!("- {}", path.display())),
                Some(same) if same == node => {}
                Some(changed) => lines.push(format!("! {}: {node:?}, {changed:?}", path.display())),
            }
        }
        let added = other.nodes.keys().filter(|path| !self.nodes.contains_key(*path));
        lines.extend(added.map(|path| format!("+ {}", path.display())));
        lines
    }

    fn gather(&mut self, folder: &Path, below: &Path) {
        for entry in read(folder, fs::read_dir(folder)) {
            let entry = read(folder, entry);
            let (full, path) = (entry.path(), below.join(entry.file_name()));
            let kind = read(&full, entry.file_type());
            if kind.is_dir() {
                self.gather(&full, &path);
            } else if kind.is_symlink() {
                self.nodes.insert(path, Node::Link(read(&full, fs::read_link(&full))));
            } else if kind.is_file() {
                self.nodes.insert(path, file(&full));
            } else {
                self.nodes.insert(path, Node::Other);
            }
        }
    }
}

fn file(path: &Path) -> Node {
    let content = read(path, fs::read(path));
    let mode = read(path, fs::symlink_metadata(path)).permissions().mode();
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    Node::File { executable: mode & 0o111 != 0, length: content.len() as u64, hash: hasher.finish() }
}

fn read<T>(path: &Path, result: std::io::Result<T>) -> T {
    result.unwrap_or_else(|e| panic!("cannot read {path:?}: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_differ_by_content_mode_and_target() {
        let dir = crate::scratch::scratch();
        let root = dir.path();
        fs::create_dir_all(root.join(".git/x")).unwrap();
        fs::create_dir_all(root.join("empty/folder")).unwrap();
        for name in ["a", "b", "c", ".git/x/y", ".gitignore"] {
            fs::write(root.join(name), name).unwrap();
        }
        std::os::unix::fs::symlink("a", root.join("link")).unwrap();
        let before = Tree::of(root);
        assert_eq!(before.paths().count(), 5);
        assert_eq!(Tree::whole(root).paths().count(), 6);
        assert_eq!(before.get("link"), Some(&Node::Link("a".into())));

        fs::write(root.join("a"), "A").unwrap();
        fs::set_permissions(root.join("b"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::remove_file(root.join("c")).unwrap();
        fs::write(root.join("empty/new"), "").unwrap();
        let diff = before.diff(&Tree::of(root));
        let marks: Vec<&str> = diff.iter().map(|line| &line[..3]).collect();
        assert_eq!(marks, ["! a", "! b", "- c", "+ e"]);
        assert_eq!(before.clone().without(&["a", "b", "c"]), Tree::of(root).without(&["a", "b", "empty"]));
        assert_eq!(Tree::of(root.join("nothing")), Tree::default());
    }
}
