//! Tells that nothing changed in a repository, without starting a process: everything that git would look at to say
//! what it says, as two numbers, one of what a fetch changes and one of the rest.
//!
//! What goes in: the boot; git's version; HEAD, refs, packed refs, index, configuration and ignore files (also the
//! owner's), states such as a merge; the object folders; and of the work tree every tracked file and every folder,
//! tracked or not, by type, mode, size, inode, mtime and ctime. A new file changes its folder's mtime, a changed one
//! its ctime.
//! What is not certain is no fingerprint, and git is asked: files touched in the last two seconds (a change within the
//! same tick of the file system's clock leaves no trace), submodules with a repository, sparse and split indexes, a
//! work tree with very many untracked folders. Refs and objects that were fetched just now are no such files: git
//! never writes to one again, but puts another in its place, with another inode.
//! Refuses to: run git, or to decide anything.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{GitVersion, Repo};
use crate::command::Surroundings;

/// Counted up when what goes in changes.
const FORM: u32 = 2;
/// Seconds after which the file system's clock has surely ticked: one on ext3, two on FAT.
const TICK: f64 = 2.0;
/// More untracked folders than this are not watched.
const MANY_FOLDERS: usize = 4000;
/// Where the boot says its name.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// What was seen, and what is needed to look again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Everything, as numbers; none when a change could go unseen. Another build of Refit may count it otherwise: then
    /// git is asked once more.
    pub digest: Option<Digest>,
    /// The boot it was taken in.
    pub boot: String,
    /// What git had to complain about, a line each; shown again while nothing changed.
    pub messages: Vec<String>,
}

/// Everything that was seen, as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// References and objects, which a fetch changes.
    pub fetched: u64,
    /// All else: HEAD, index, configuration, work tree.
    pub rest: u64,
}

/// What happened just before a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// Nothing that is known of.
    Any,
    /// A fetch of our own: references and objects are expected to be young.
    Fetch,
}

/// The machine's boot, empty when it does not say.
#[must_use]
pub fn boot() -> String {
    fs::read_to_string(BOOT_ID).map(|id| id.trim().to_owned()).unwrap_or_default()
}

/// One look at everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// What was seen.
    pub digest: Digest,
    /// A change from now on would make another digest: nothing that was seen is too young. Only then it may be kept. To
    /// compare it with one that was kept, it need not be.
    pub certain: bool,
}

/// Looks at everything. `now` is the wall clock in seconds since 1970. None where a change could go unseen at any time.
#[must_use]
pub fn take(repo: &Repo, version: GitVersion, surroundings: &Surroundings, now: f64, after: After) -> Option<Taken> {
    let mut fetched = Look::new(version);
    fetched.refs_and_objects(repo);
    let mut rest = Look::new(version);
    rest.state(repo, surroundings);
    rest.work_tree(repo)?;
    let youngest = match after {
        After::Any => rest.youngest.max(fetched.youngest),
        After::Fetch => rest.youngest,
    };
    let digest = Digest { fetched: fetched.hasher.finish(), rest: rest.hasher.finish() };
    Some(Taken { digest, certain: youngest < now - TICK })
}

struct Look {
    hasher: DefaultHasher,
    /// The newest time seen, in seconds since 1970.
    youngest: f64,
    folders: usize,
}

impl Look {
    fn new(version: GitVersion) -> Self {
        let mut look = Self { hasher: DefaultHasher::new(), youngest: 0.0, folders: 0 };
        (FORM, boot(), version.0, version.1).hash(&mut look.hasher);
        look
    }

    /// Notes one file or folder; what is not there is noted as well.
    fn note(&mut self, path: &Path) -> Option<Metadata> {
        let seen = fs::symlink_metadata(path).ok();
        self.hasher.write(path.as_os_str().as_bytes());
        self.note_seen(seen.as_ref());
        seen
    }

    fn note_seen(&mut self, seen: Option<&Metadata>) {
        let Some(seen) = seen else {
            self.hasher.write_u8(0);
            return;
        };
        let times = (seen.mtime(), seen.mtime_nsec(), seen.ctime(), seen.ctime_nsec());
        (1u8, seen.dev(), seen.ino(), seen.mode(), seen.size(), times).hash(&mut self.hasher);
        // Seconds fit into a float until the sun is gone.
        #[allow(clippy::cast_precision_loss)]
        let newest = seen.mtime().max(seen.ctime()) as f64 + 1.0;
        self.youngest = self.youngest.max(newest);
    }

    fn refs_and_objects(&mut self, repo: &Repo) {
        for name in ["packed-refs", "objects", "objects/pack", "objects/info", "reftable"] {
            self.note(&repo.layout.common_dir.join(name));
        }
        // A new or a lost object changes the time of its folder.
        self.inside(&repo.layout.common_dir.join("objects"));
        for dir in repo.layout.state_dirs() {
            self.below(&dir.join("refs"));
        }
    }

    /// Git's other own files, and the configuration that changes what git says.
    fn state(&mut self, repo: &Repo, surroundings: &Surroundings) {
        const OWN: [&str; 14] = [
            "HEAD",
            "index",
            "MERGE_HEAD",
            "REBASE_HEAD",
            "CHERRY_PICK_HEAD",
            "REVERT_HEAD",
            "BISECT_LOG",
            "rebase-merge",
            "rebase-apply",
            "config.worktree",
            "info/sparse-checkout",
            "commondir",
            "logs/HEAD",
            "index.lock",
        ];
        const SHARED: [&str; 5] =
            ["info/exclude", "info/attributes", "info/grafts", "shallow", "objects/info/alternates"];
        self.note(&repo.layout.work.join(".git"));
        for name in OWN {
            self.note(&repo.layout.git_dir.join(name));
        }
        for name in SHARED {
            self.note(&repo.layout.common_dir.join(name));
        }
        self.below(&repo.layout.common_dir.join("hooks"));
        for file in &repo.scan.files {
            self.note(file);
        }
        for file in owners_files(surroundings) {
            self.note(&file);
        }
        for entry in repo.scan.entries.iter().filter(|e| matches!(e.name.as_str(), "excludesfile" | "attributesfile")) {
            self.note(&surroundings.home.join(entry.text().trim_start_matches("~/")));
        }
    }

    /// What stands directly in a folder of git's own.
    fn inside(&mut self, folder: &Path) {
        for path in listing(folder) {
            self.note(&path);
        }
    }

    /// Everything below a folder of git's own.
    fn below(&mut self, folder: &Path) {
        self.note(folder);
        for path in listing(folder) {
            if fs::symlink_metadata(&path).is_ok_and(|seen| seen.is_dir()) {
                self.below(&path);
            } else {
                self.note(&path);
            }
        }
    }

    fn work_tree(&mut self, repo: &Repo) -> Option<()> {
        let tracked = tracked(repo)?;
        let mut folders = BTreeSet::from([PathBuf::new()]);
        for path in &tracked {
            let seen = self.note(&repo.layout.work.join(path));
            if seen.is_some_and(|seen| seen.is_dir()) && repo.layout.work.join(path).join(".git").exists() {
                // A submodule with a repository of its own, or one in place of a tracked file.
                return None;
            }
            folders.extend(path.ancestors().skip(1).map(Path::to_owned));
        }
        for folder in &folders {
            self.folder(&repo.layout.work.join(folder), &folders, &repo.layout.work)?;
        }
        Some(())
    }

    /// A folder, the ignore and attribute files in it that are not tracked, and the untracked folders below it.
    fn folder(&mut self, folder: &Path, tracked: &BTreeSet<PathBuf>, work: &Path) -> Option<()> {
        // A tracked folder that is gone, or a link in its place: noted, and nothing of it is looked into.
        if !self.note(folder).is_some_and(|seen| seen.is_dir()) {
            return Some(());
        }
        self.folders += 1;
        if self.folders > MANY_FOLDERS + tracked.len() {
            return None;
        }
        let mut below = Vec::new();
        for path in listing(folder) {
            let name = path.file_name().unwrap_or_default();
            if name == ".git" {
                if folder != work {
                    // Another repository's own affairs; that it is one makes a difference.
                    self.note(&path.join("HEAD"));
                }
            } else if name == ".gitignore" || name == ".gitattributes" {
                self.note(&path);
            } else if fs::symlink_metadata(&path).is_ok_and(|seen| seen.is_dir())
                && path.strip_prefix(work).is_ok_and(|path| !tracked.contains(path))
            {
                below.push(path);
            }
        }
        below.iter().try_for_each(|path| self.folder(path, tracked, work))
    }
}

/// Files outside of the repository that change what git says about it.
fn owners_files(surroundings: &Surroundings) -> [PathBuf; 6] {
    let home = &surroundings.home;
    let xdg = surroundings.passed_on.iter().find(|(name, _)| name == "XDG_CONFIG_HOME").map(|(_, value)| value);
    let folder = xdg.map_or_else(|| home.join(".config"), PathBuf::from).join("git");
    [
        home.join(".gitconfig"),
        folder.join("config"),
        folder.join("ignore"),
        folder.join("attributes"),
        PathBuf::from("/etc/gitconfig"),
        PathBuf::from("/etc/gitattributes"),
    ]
}

/// What stands in a folder, in an order that is the same each time.
fn listing(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).map(|entries| entries.flatten().map(|e| e.path()).collect()).unwrap_or_default();
    paths.sort_unstable();
    paths
}

/// The paths of the index; none when they cannot be read one by one.
pub(super) fn tracked(repo: &Repo) -> Option<Vec<PathBuf>> {
    let index = read_index(&repo.layout.git_dir.join("index"), false)?;
    if index.is_sparse() || index.link().is_some() {
        return None;
    }
    let path = |entry: &gix_index::Entry| {
        let bytes: &[u8] = entry.path(&index);
        PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
    };
    Some(index.entries().iter().map(path).collect())
}

/// The index can be read to its end and, when asked for, has the checksum that it was written with.
pub(super) fn can_read(index: &Path, checksum: bool) -> bool {
    read_index(index, checksum).is_some()
}

fn read_index(path: &Path, checksum: bool) -> Option<gix_index::File> {
    let options = gix_index::decode::Options {
        thread_limit: Some(1),
        alloc_limit_bytes: Some(256 * 1024 * 1024),
        ..Default::default()
    };
    gix_index::File::at(path, gix_index::hash::Kind::Sha1, !checksum, options).ok()
}
