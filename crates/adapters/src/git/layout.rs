//! Where a repository keeps its things, told from the files alone: work tree, git folder, the folder that linked
//! worktrees share.
//! Refuses to: run git, or to take a folder inside another repository for a repository.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use refit_model::updater::git::RepoKind;

/// A file of the git folder that is larger than this is not one that git wrote.
const SMALL_FILE: u64 = 64 * 1024;

/// Where a repository keeps its things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The work tree, as configured.
    pub work: PathBuf,
    /// What is at that place.
    pub kind: RepoKind,
    /// `.git`, or where the file `.git` points; `work/.git` when there is none.
    pub git_dir: PathBuf,
    /// Where refs, objects and the configuration are: another one than `git_dir` in linked worktrees only.
    pub common_dir: PathBuf,
}

impl Layout {
    /// Looks at a folder. Never fails: what cannot be read is [`RepoKind::None`] or [`RepoKind::Inside`].
    #[must_use]
    pub fn find(work: &Path) -> Self {
        let dot_git = work.join(".git");
        let (kind, git_dir) = match fs::metadata(&dot_git) {
            Ok(seen) if seen.is_dir() => (RepoKind::Repo, dot_git),
            Ok(seen) if seen.is_file() => linked(work, &dot_git),
            Ok(_) | Err(_) => (outside_or_inside(work), dot_git),
        };
        let common_dir = common_dir(&git_dir);
        let kind = if common_dir == git_dir { kind } else { RepoKind::Worktree };
        Self { work: work.to_owned(), kind, git_dir, common_dir }
    }

    /// Git can be run here: there is a git folder of its own.
    #[must_use]
    pub fn has_git(&self) -> bool {
        match self.kind {
            RepoKind::Repo | RepoKind::Submodule | RepoKind::Worktree => true,
            RepoKind::None | RepoKind::Inside => false,
        }
    }

    /// The folders that hold the repository's state, without duplicates.
    pub fn state_dirs(&self) -> impl Iterator<Item = &Path> {
        let common = (self.common_dir != self.git_dir).then_some(self.common_dir.as_path());
        std::iter::once(self.git_dir.as_path()).chain(common)
    }
}

/// Follows a file `.git` (gitrepository-layout(5)): submodules and linked worktrees have one.
fn linked(work: &Path, dot_git: &Path) -> (RepoKind, PathBuf) {
    let Some(target) =
        read_small(dot_git).as_deref().and_then(|text| Some(trim(text.strip_prefix(b"gitdir:")?).to_owned()))
    else {
        return (outside_or_inside(work), dot_git.to_owned());
    };
    let git_dir = clean(&work.join(std::ffi::OsStr::from_bytes(&target)));
    if !git_dir.is_dir() {
        return (outside_or_inside(work), git_dir);
    }
    let names: Vec<&[u8]> = git_dir.components().map(|part| part.as_os_str().as_bytes()).collect();
    let in_modules = names.windows(2).any(|pair| matches!(pair, [b".git", b"modules"]));
    (if in_modules { RepoKind::Submodule } else { RepoKind::Repo }, git_dir)
}

/// A linked worktree's git folder names the shared one in the file `commondir`.
fn common_dir(git_dir: &Path) -> PathBuf {
    match read_small(&git_dir.join("commondir")) {
        Some(text) if !trim(&text).is_empty() => clean(&git_dir.join(std::ffi::OsStr::from_bytes(trim(&text)))),
        Some(_) | None => git_dir.to_owned(),
    }
}

fn outside_or_inside(work: &Path) -> RepoKind {
    let real = fs::canonicalize(work);
    let place = real.as_deref().unwrap_or(work);
    let inside = place.ancestors().skip(1).any(|above| above.join(".git").exists());
    if inside { RepoKind::Inside } else { RepoKind::None }
}

/// Resolves `..` and links where that is possible, so that the same folder has one name.
fn clean(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// Reads a small file of the git folder; none when it is not there, not a file, or too large to be one.
pub(super) fn read_small(path: &Path) -> Option<Vec<u8>> {
    let seen = fs::metadata(path).ok()?;
    (seen.is_file() && seen.len() <= SMALL_FILE).then(|| fs::read(path).ok()).flatten()
}

/// Without blanks and line ends at either end.
pub(super) fn trim(bytes: &[u8]) -> &[u8] {
    bytes.trim_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_told_apart() {
        let place = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(place.path()).unwrap();
        for dir in ["repo/.git/modules/sub", "repo/.git/worktrees/wt", "repo/sub", "repo/plain", "wt", "nothing"] {
            fs::create_dir_all(root.join(dir)).unwrap();
        }
        fs::write(root.join("repo/sub/.git"), "gitdir: ../.git/modules/sub\n").unwrap();
        fs::write(root.join("wt/.git"), format!("gitdir: {}/repo/.git/worktrees/wt\n", root.display())).unwrap();
        fs::write(root.join("repo/.git/worktrees/wt/commondir"), "../..\n").unwrap();
        let kind = |dir: &str| Layout::find(&root.join(dir)).kind;
        assert_eq!(kind("repo"), RepoKind::Repo);
        assert_eq!(kind("repo/sub"), RepoKind::Submodule);
        assert_eq!(kind("repo/plain"), RepoKind::Inside);
        assert_eq!(kind("nothing"), RepoKind::None);
        assert_eq!(kind("missing"), RepoKind::None);
        let worktree = Layout::find(&root.join("wt"));
        assert_eq!((worktree.kind, worktree.common_dir), (RepoKind::Worktree, root.join("repo/.git")));
        fs::write(root.join("wt/.git"), "gitdir: nowhere\n").unwrap();
        assert_eq!(kind("wt"), RepoKind::None);
        fs::write(root.join("wt/.git"), [0; 40]).unwrap();
        assert_eq!(kind("wt"), RepoKind::None);
    }
}
