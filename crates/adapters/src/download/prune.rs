//! Deletes what is old or too much.
//! Refuses to: touch what is not its own, or the newest download; fail.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::Downloads;

/// Seconds of a day.
const DAY: f64 = 24.0 * 60.0 * 60.0;
/// Days that a file in the making is waited for.
const PARTS: f64 = 7.0;

struct Seen {
    path: PathBuf,
    /// Seconds since 1970 when it was written or last used.
    at: f64,
    bytes: u64,
}

impl Downloads {
    /// Deletes downloads that are older than so many days, and the oldest until the rest has no more than `keep_bytes`;
    /// the newest always stays. Also what was begun and not touched for a week. `now` is seconds since 1970. Blocks on the
    /// disk. What cannot be deleted is logged.
    pub fn prune(&self, keep_days: u32, keep_bytes: u64, now: f64) {
        let (mut whole, mut begun) = (Vec::new(), Vec::new());
        for entry in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some(seen) = seen(entry.path()) else { continue };
            if name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                whole.push(seen);
            } else if name.starts_with("part-") || name.starts_with("preview-") {
                begun.push(seen);
            }
        }
        whole.sort_by(|a, b| b.at.total_cmp(&a.at));
        let mut kept = 0_u64;
        for (index, seen) in whole.iter().enumerate() {
            kept = kept.saturating_add(seen.bytes);
            let old = now - seen.at > f64::from(keep_days) * DAY;
            if index > 0 && (old || kept > keep_bytes) {
                delete(&seen.path);
            }
        }
        for seen in begun.iter().filter(|seen| now - seen.at > PARTS * DAY) {
            delete(&seen.path);
        }
    }
}

fn seen(path: PathBuf) -> Option<Seen> {
    let found = std::fs::symlink_metadata(&path).ok().filter(|found| found.is_file())?;
    let at = found.modified().ok()?.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    Some(Seen { path, at, bytes: found.len() })
}

fn delete(path: &Path) {
    match std::fs::remove_file(path) {
        Ok(()) => tracing::debug!(path = %path.display(), "an old download is deleted"),
        Err(error) => tracing::warn!(path = %path.display(), %error, "an old download stays"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: f64 = 1_800_000_000.0;

    /// A file of so many bytes, so many days old.
    fn put(folder: &Path, name: &str, bytes: usize, days: u64) {
        let path = folder.join(name);
        std::fs::write(&path, vec![0; bytes]).unwrap();
        let at = UNIX_EPOCH + Duration::from_secs(1_800_000_000 - days * 86_400);
        std::fs::File::options().write(true).open(path).unwrap().set_modified(at).unwrap();
    }

    fn left(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().chars().take(6).collect()).collect();
        names.sort();
        names
    }

    fn hash(digit: char) -> String {
        std::iter::repeat_n(digit, 64).collect()
    }

    #[test]
    fn the_old_and_the_too_many_go_and_the_newest_stays() {
        let dir = tempfile::tempdir().unwrap();
        let downloads = Downloads::new(dir.path().to_owned());
        for (digit, bytes, days) in [('a', 10, 1), ('b', 10, 2), ('c', 10, 3), ('d', 10, 31)] {
            put(dir.path(), &hash(digit), bytes, days);
        }
        for (name, days) in [("part-1", 8), ("part-1.json", 8), ("preview-1", 8), ("part-2", 6), ("notes", 400)] {
            put(dir.path(), name, 1000, days);
        }
        std::fs::create_dir(dir.path().join(hash('e'))).unwrap();
        downloads.prune(30, 1000, NOW);
        assert_eq!(left(dir.path()), ["aaaaaa", "bbbbbb", "cccccc", "eeeeee", "notes", "part-2"]);
        downloads.prune(30, 25, NOW);
        assert_eq!(left(dir.path()), ["aaaaaa", "bbbbbb", "eeeeee", "notes", "part-2"]);
        downloads.prune(0, 0, NOW);
        assert_eq!(left(dir.path()), ["aaaaaa", "eeeeee", "notes", "part-2"]);
    }

    #[test]
    fn a_folder_that_is_not_there_is_no_reason_to_fail() {
        Downloads::new(PathBuf::from("/nowhere/at/all")).prune(1, 1, NOW);
    }
}
