//! Whether an object is here, told from the files: loose, in a pack, or at an alternate. A commit-graph hides from most
//! git commands that a commit is gone; this looks past it, without a process.
//! Refuses to: read what is in an object, or to call one lost where it cannot tell.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use refit_model::name::CommitId;

use super::layout::{Layout, read_small, trim};

/// Alternates of alternates end here, as in git.
const DEPTH: u8 = 5;
/// The first bytes of a pack's index of version 2 (gitformat-pack(5)); 1 is older than any git that is supported.
const INDEX: [u8; 8] = [0xff, b't', b'O', b'c', 0, 0, 0, 2];
/// The names of an index come after its beginning and 256 counts of four bytes.
const NAMES: u64 = 8 + 256 * 4;

/// False when the object is surely not here, or its file is empty or zeroed.
#[must_use]
pub fn is_here(layout: &Layout, id: &CommitId) -> bool {
    bytes_of(id.as_str()).is_none_or(|bytes| is_in(&layout.common_dir.join("objects"), id, &bytes, DEPTH))
}

/// No zlib stream begins with a zero byte: such a file is a block that was never written.
#[must_use]
pub fn is_empty_or_zeroed(file: &Path) -> bool {
    let mut first = [0];
    File::open(file).is_ok_and(|mut file| file.read(&mut first).is_ok_and(|_| first == [0]))
}

fn is_in(objects: &Path, id: &CommitId, bytes: &[u8], depth: u8) -> bool {
    let (folder, name) = id.as_str().split_at_checked(2).unwrap_or_default();
    let loose = objects.join(folder).join(name);
    if loose.is_file() && !is_empty_or_zeroed(&loose) {
        return true;
    }
    let packs = fs::read_dir(objects.join("pack")).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut indexes = packs.filter(|path| path.extension().is_some_and(|end| end == "idx"));
    // An index that cannot be read is damage of its own.
    if indexes.any(|index| holds(&index, bytes).unwrap_or(true)) {
        return true;
    }
    let Some(alternates) = read_small(&objects.join("info/alternates")).filter(|_| depth > 0) else { return false };
    alternates
        .split(|b| *b == b'\n')
        .map(trim)
        .filter(|line| !line.is_empty() && !line.starts_with(b"#"))
        .any(|line| is_in(&alternate(objects, line), id, bytes, depth - 1))
}

fn alternate(objects: &Path, line: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    objects.join(std::ffi::OsStr::from_bytes(line))
}

/// Looks the name up in a pack's index: by the counts of its first byte, then by halves.
fn holds(index: &Path, name: &[u8]) -> std::io::Result<bool> {
    let mut file = File::open(index)?;
    let mut begin = [0; 8];
    file.read_exact(&mut begin)?;
    let first = u64::from(name.first().copied().unwrap_or_default());
    if begin != INDEX {
        return Ok(true);
    }
    let mut low = if first == 0 { 0 } else { count_at(&mut file, first - 1)? };
    let mut high = count_at(&mut file, first)?;
    let mut seen = vec![0; name.len()];
    while low < high {
        let middle = low + (high - low) / 2;
        file.seek(SeekFrom::Start(NAMES + middle * name.len() as u64))?;
        file.read_exact(&mut seen)?;
        match seen.as_slice().cmp(name) {
            std::cmp::Ordering::Equal => return Ok(true),
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
        }
    }
    Ok(false)
}

/// How many objects a pack's index names; none when it cannot be read.
pub(super) fn count(index: &Path) -> Option<u64> {
    let mut file = File::open(index).ok()?;
    let mut begin = [0; 8];
    file.read_exact(&mut begin).ok()?;
    if begin == INDEX { count_at(&mut file, 255).ok() } else { None }
}

/// How many names begin with this byte or a lower one.
fn count_at(file: &mut File, byte: u64) -> std::io::Result<u64> {
    let mut count = [0; 4];
    file.seek(SeekFrom::Start(8 + byte * 4))?;
    file.read_exact(&mut count)?;
    Ok(u64::from(u32::from_be_bytes(count)))
}

fn bytes_of(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
    pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use refit_testkit::git::GitWorld;

    #[test]
    fn objects_are_found_where_git_finds_them() {
        let place = refit_testkit::scratch::scratch();
        let world = GitWorld::new(place.path());
        let remote = world.remote("own/app");
        remote.history(30, "Work");
        let work = remote.clone_with(&remote.url(), world.root().join("app"), &["--no-local"]);
        let layout = Layout::find(work.path());
        let ids: Vec<CommitId> =
            work.git(&["rev-list", "--all"]).lines().map(|line| CommitId::new(line).unwrap()).collect();
        let nothing = CommitId::new(&"de".repeat(20)).unwrap();
        assert!(ids.len() >= 30 && ids.iter().all(|id| is_here(&layout, id)), "packed");
        assert!(!is_here(&layout, &nothing));

        let other = world.root().join("other");
        work.git(&["clone", "--quiet", "--shared", ".", &other.display().to_string()]);
        assert!(ids.iter().all(|id| is_here(&Layout::find(&other), id)), "at the alternate");

        work.loosen();
        assert!(ids.iter().all(|id| is_here(&layout, id)), "loose");
        let (tip, parent) = (work.object("HEAD"), work.object("HEAD~1"));
        work.damage(&tip, b"");
        fs::remove_file(parent).unwrap();
        assert_eq!(ids.iter().map(|id| is_here(&layout, id)).take(3).collect::<Vec<_>>(), [false, false, true]);
        assert!(!is_here(&Layout::find(&other), &ids[0]) && is_here(&Layout::find(&other), &ids[2]));
    }
}
