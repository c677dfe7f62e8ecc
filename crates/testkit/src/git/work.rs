//! A repository with a work tree, as it stands on the printer host, and the ways to bend it by hand.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::{GitWorld, Ran};

/// A folder that is, was or will be a clone.
#[derive(Clone, Debug)]
pub struct Work {
    world: GitWorld,
    path: PathBuf,
}

impl Work {
    pub(super) fn at(world: &GitWorld, path: &Path) -> Self {
        Self { world: world.clone(), path: path.to_owned() }
    }

    pub(super) fn clone(world: &GitWorld, url: &str, path: &Path, options: &[&str]) -> Self {
        let parent = path.parent().expect("a clone stands in a folder");
        fs::create_dir_all(parent).unwrap_or_else(|e| panic!("cannot make {parent:?}: {e}"));
        let target = path.display().to_string();
        let words: Vec<&str> =
            ["clone", "--quiet", "--template="].iter().chain(options).copied().chain(["--", url, &target]).collect();
        world.git(parent, &words);
        Self::at(world, path)
    }

    /// The work tree's folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The world it lives in.
    pub fn world(&self) -> &GitWorld {
        &self.world
    }

    /// A path below `.git`.
    pub fn dot_git(&self, below: &str) -> PathBuf {
        self.path.join(".git").join(below)
    }

    /// Runs git in it. See [`GitWorld::git`].
    pub fn git(&self, args: &[&str]) -> String {
        self.world.git(&self.path, args)
    }

    /// Runs git in it. See [`GitWorld::try_git`].
    pub fn try_git(&self, args: &[&str]) -> Ran {
        self.world.try_git(&self.path, args)
    }

    /// The full sha of a revision.
    pub fn rev(&self, revision: &str) -> String {
        self.git(&["rev-parse", "--verify", revision])
    }

    /// Writes a file and the folders above it. An existing file keeps its mode; it is replaced, not written through, so that
    /// a hard link to another repository never is damaged.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let full = self.path.join(path);
        let mode = fs::symlink_metadata(&full).ok().filter(fs::Metadata::is_file).map(|m| m.permissions());
        let parent = full.parent().expect("a file stands in a folder");
        fs::create_dir_all(parent).unwrap_or_else(|e| panic!("cannot make {parent:?}: {e}"));
        let _ = fs::remove_file(&full);
        fs::write(&full, content).unwrap_or_else(|e| panic!("cannot write {full:?}: {e}"));
        if let Some(mode) = mode {
            fs::set_permissions(&full, mode).unwrap_or_else(|e| panic!("cannot chmod {full:?}: {e}"));
        }
    }

    /// Reads a file of the work tree.
    pub fn read(&self, path: &str) -> Vec<u8> {
        let full = self.path.join(path);
        fs::read(&full).unwrap_or_else(|e| panic!("cannot read {full:?}: {e}"))
    }

    /// Removes a file or a whole folder.
    pub fn remove(&self, path: &str) {
        let full = self.path.join(path);
        let is_dir = fs::symlink_metadata(&full).is_ok_and(|m| m.is_dir());
        let done = if is_dir { fs::remove_dir_all(&full) } else { fs::remove_file(&full) };
        done.unwrap_or_else(|e| panic!("cannot remove {full:?}: {e}"));
    }

    /// Makes a symbolic link, in place of what was there.
    pub fn link(&self, path: &str, target: &str) {
        let full = self.path.join(path);
        let _ = fs::remove_file(&full);
        symlink(target, &full).unwrap_or_else(|e| panic!("cannot link {full:?}: {e}"));
    }

    /// Makes a file executable or not.
    pub fn set_executable(&self, path: &str, executable: bool) {
        let full = self.path.join(path);
        let mode = fs::Permissions::from_mode(if executable { 0o755 } else { 0o644 });
        fs::set_permissions(&full, mode).unwrap_or_else(|e| panic!("cannot chmod {full:?}: {e}"));
    }

    /// Commits files locally. The new sha.
    pub fn commit(&self, files: &[(&str, &str)], subject: &str) -> String {
        for (path, content) in files {
            self.write(path, content);
        }
        let paths: Vec<&str> = files.iter().map(|(path, _)| *path).collect();
        self.git(&[&["add", "--"], &paths[..]].concat());
        self.git(&["commit", "--quiet", "-m", subject]);
        self.rev("HEAD")
    }

    /// Turns every pack into loose objects, so that single objects can be damaged.
    pub fn loosen(&self) {
        let packs = self.dot_git("objects/pack");
        let aside = self.dot_git("packs-aside");
        fs::rename(&packs, &aside).unwrap_or_else(|e| panic!("cannot move {packs:?}: {e}"));
        fs::create_dir(&packs).unwrap_or_else(|e| panic!("cannot make {packs:?}: {e}"));
        for pack in files_with(&aside, "pack") {
            let pack = fs::File::open(&pack).unwrap_or_else(|e| panic!("cannot open {pack:?}: {e}"));
            let mut unpack = self.world.command(&self.path, &["unpack-objects", "-q"]);
            let status = unpack.stdin(Stdio::from(pack)).status().expect("git starts");
            assert!(status.success(), "git unpack-objects in {:?} ended with {status}", self.path);
        }
        fs::remove_dir_all(&aside).unwrap_or_else(|e| panic!("cannot remove {aside:?}: {e}"));
    }

    /// The only pack file.
    ///
    /// # Panics
    /// When there is none, or more than one.
    pub fn pack(&self) -> PathBuf {
        let mut packs = files_with(&self.dot_git("objects/pack"), "pack");
        assert_eq!(packs.len(), 1, "one pack is expected in {:?}", self.path);
        packs.remove(0)
    }

    /// Where a loose object is kept.
    pub fn object(&self, revision: &str) -> PathBuf {
        let sha = self.rev(revision);
        self.dot_git("objects").join(&sha[..2]).join(&sha[2..])
    }

    /// Puts other bytes in place of a file, as a crash may do, whatever its mode. It keeps its mode.
    pub fn damage(&self, file: &Path, bytes: &[u8]) {
        let mode = fs::metadata(file).unwrap_or_else(|e| panic!("nothing to damage at {file:?}: {e}")).permissions();
        fs::remove_file(file).unwrap_or_else(|e| panic!("cannot remove {file:?}: {e}"));
        fs::write(file, bytes).unwrap_or_else(|e| panic!("cannot write {file:?}: {e}"));
        fs::set_permissions(file, mode).unwrap_or_else(|e| panic!("cannot chmod {file:?}: {e}"));
    }

    /// Puts as many zero bytes in place of a file as it had, which is how unsynced blocks come back after a power cut.
    pub fn zero(&self, file: &Path) {
        let length = fs::metadata(file).unwrap_or_else(|e| panic!("nothing to damage at {file:?}: {e}")).len();
        self.damage(file, &vec![0; usize::try_from(length).expect("a test's file fits in memory")]);
    }
}

/// The files of a folder that have this extension, by name.
fn files_with(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let listing = fs::read_dir(folder).unwrap_or_else(|e| panic!("cannot list {folder:?}: {e}"));
    let mut files: Vec<PathBuf> = listing.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|e| e == extension));
    files.sort();
    files
}
