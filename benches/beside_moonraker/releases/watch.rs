//! For how long a folder is missing or mixed, as somebody sees it who looks without a pause.
//!
//! One look opens the folder once and asks for everything through that handle, so that an exchange between two questions
//! is not taken for a mixture. Whole is: `release_info.json` and `index.html` tell one version, and the first and the last
//! asset of that version's manifest are there.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, statat};
use serde_json::Value;

/// The time in which the folder was not whole while `deed` was done: between the two whole looks around each look that
/// was not.
pub(super) fn during(folder: &Path, deed: impl FnOnce()) -> Duration {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| watch(folder, &done));
        deed();
        done.store(true, Ordering::Relaxed);
        watcher.join().expect("looking does not fail")
    })
}

fn watch(folder: &Path, done: &AtomicBool) -> Duration {
    let (mut bad, mut since) = (Duration::ZERO, Instant::now());
    loop {
        let is_last = done.load(Ordering::Relaxed);
        let looked = Instant::now();
        if !is_whole(folder) {
            bad += looked - since;
        }
        since = looked;
        if is_last {
            return bad;
        }
    }
}

fn is_whole(folder: &Path) -> bool {
    look(folder) == Some(true)
}

fn look(folder: &Path) -> Option<bool> {
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
    let handle = openat(CWD, folder, flags, Mode::empty()).ok()?;
    let handle = handle.as_fd();
    let info: Value = serde_json::from_slice(&read(handle, "release_info.json")?).ok()?;
    let page = String::from_utf8(read(handle, "index.html")?).ok()?;
    let manifest: Value = serde_json::from_slice(&read(handle, "manifest.json")?).ok()?;
    let version = info["version"].as_str()?;
    let assets = manifest["files"].as_array()?;
    let is_there = |asset: &Value| asset.as_str().is_some_and(|path| statat(handle, path, AtFlags::empty()).is_ok());
    Some(
        page.contains(&format!(">{version}<"))
            && manifest["version"] == version
            && assets.first().is_some_and(is_there)
            && assets.last().is_some_and(is_there),
    )
}

fn read(folder: BorrowedFd<'_>, name: &str) -> Option<Vec<u8>> {
    let file = openat(folder, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let mut bytes = Vec::new();
    File::from(file).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}
