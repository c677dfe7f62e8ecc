//! References, read from the files: what a name points to, without a process.
//! Refuses to: read a reftable; [`uses_files`] says when git must be asked in place of this.

use std::path::Path;

use refit_model::name::CommitId;

use super::config::Entry;
use super::layout::{Layout, read_small, trim};

/// Symbolic references that point to each other end here, as in git.
const DEPTH: u8 = 5;

/// The references are files (gitrepository-layout(5)), not a reftable.
#[must_use]
pub fn uses_files(entries: &[Entry]) -> bool {
    let storage = entries.iter().rfind(|e| e.section == "extensions" && e.name == "refstorage");
    storage.is_none_or(|entry| entry.text().eq_ignore_ascii_case("files"))
}

/// The commit that a full name (`HEAD`, `refs/remotes/origin/master`) points to; none when there is no such reference
/// or it cannot be read.
#[must_use]
pub fn resolve(layout: &Layout, name: &str) -> Option<CommitId> {
    follow(layout, name, DEPTH)
}

fn follow(layout: &Layout, name: &str, depth: u8) -> Option<CommitId> {
    if name.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return None;
    }
    // What is not below `refs` belongs to the work tree, the rest is shared by linked worktrees.
    let folder = if name.starts_with("refs/") { &layout.common_dir } else { &layout.git_dir };
    let loose = read_small(&folder.join(name)).filter(|bytes| !bytes.is_empty());
    let Some(loose) = loose else { return packed(&layout.common_dir, name) };
    let text = std::str::from_utf8(trim(&loose)).ok()?;
    match text.strip_prefix("ref:") {
        Some(target) if depth > 0 => follow(layout, target.trim(), depth - 1),
        Some(_) => None,
        None => CommitId::new(text).ok(),
    }
}

/// The full name of the branch that HEAD points to; none when it holds a commit itself or cannot be read.
#[must_use]
pub fn head_branch(layout: &Layout) -> Option<String> {
    let head = read_small(&layout.git_dir.join("HEAD"))?;
    let target = std::str::from_utf8(trim(&head)).ok()?.strip_prefix("ref:")?.trim();
    target.starts_with("refs/").then(|| target.to_owned())
}

/// Where HEAD was, by the last line of its branch's log or of its own (gitrepository-layout(5), logs): for a reference
/// that cannot be read any more.
#[must_use]
pub fn last_logged(layout: &Layout) -> Option<CommitId> {
    let branch = head_branch(layout).map(|name| layout.common_dir.join("logs").join(name));
    branch.into_iter().chain([layout.git_dir.join("logs/HEAD")]).find_map(|log| {
        let bytes = std::fs::read(log).ok()?;
        let line = bytes.split(|b| *b == b'\n').rfind(|line| !line.is_empty())?;
        let id = std::str::from_utf8(line).ok()?.split(' ').nth(1)?;
        CommitId::new(id).ok().filter(|id| id.as_str().bytes().any(|b| b != b'0'))
    })
}

fn packed(common_dir: &Path, name: &str) -> Option<CommitId> {
    let bytes = std::fs::read(common_dir.join("packed-refs")).ok()?;
    bytes.split(|b| *b == b'\n').find_map(|line| {
        let line = std::str::from_utf8(line).ok()?;
        let (sha, found) = line.split_once(' ')?;
        (found.trim_end() == name).then(|| CommitId::new(sha).ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn loose_packed_and_symbolic_references() {
        let place = tempfile::tempdir().unwrap();
        let git = place.path().join(".git");
        fs::create_dir_all(git.join("refs/heads")).unwrap();
        let (a, b) = ("a".repeat(40), "b".repeat(40));
        fs::write(git.join("HEAD"), "ref: refs/heads/x\n").unwrap();
        fs::write(git.join("packed-refs"), format!("# pack-refs\n{a} refs/heads/x\n{a} refs/tags/t\n^{b}\n")).unwrap();
        let layout = Layout::find(place.path());
        let sha = |name| resolve(&layout, name).map(String::from);
        assert_eq!((sha("HEAD"), sha("refs/tags/t"), sha("refs/heads/y")), (Some(a.clone()), Some(a), None));
        assert_eq!(head_branch(&layout).as_deref(), Some("refs/heads/x"));
        fs::write(git.join("refs/heads/x"), format!("{b}\n")).unwrap();
        assert_eq!(sha("HEAD"), Some(b), "a loose one hides a packed one");
        fs::write(git.join("refs/heads/x"), [0; 41]).unwrap();
        assert_eq!(sha("HEAD"), None);
        fs::write(git.join("refs/heads/x"), "ref: refs/heads/x").unwrap();
        assert_eq!((sha("HEAD"), sha("refs/../HEAD")), (None, None));
    }
}
