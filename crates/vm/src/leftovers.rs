//! What belongs to a machine outside of its namespaces: a folder and a control group, both named after the process that
//! made them. What a killed one left is recognised by that name and by nothing else.
//!
//! Refuses to: end processes (the kernel does), or touch what a living process made.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::{Unavailable, try_wait};

const PREFIX: &str = "refit-vm";

/// Where control groups can be: one hierarchy, or the older arrangement of several.
const HIERARCHIES: [&str; 3] = ["/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"];

/// The name and folder of one machine. Gone with the value.
#[derive(Debug)]
pub(crate) struct Mark {
    name: String,
    folder: PathBuf,
}

impl Mark {
    /// A fresh one.
    pub(crate) fn new() -> Result<Self, Unavailable> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let me = std::process::id();
        let started = started(me).ok_or_else(|| Unavailable("there is no /proc here".to_owned()))?;
        let name = format!("{PREFIX}-{me}-{started}-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(&name);
        let made = fs::create_dir(&folder).and_then(|()| fs::create_dir(folder.join("disk")));
        made.map_err(|e| Unavailable(format!("cannot make {}: {e}", folder.display())))?;
        Ok(Self { name, folder })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        // The kernel takes a moment to end the processes of a group, a longer one on a busy machine.
        let _ = try_wait(Duration::from_secs(30), || remove_groups(&self.name).then_some(()));
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Removes the folders and control groups of processes that are no more.
pub(crate) fn sweep() {
    for entry in fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        if is_orphan(&entry.file_name().to_string_lossy()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    for hierarchy in HIERARCHIES {
        for entry in fs::read_dir(hierarchy).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if is_orphan(&name) {
                remove_groups(&name);
            }
        }
    }
}

/// Whether the name is one of ours and its process is gone. A process that got the same number later started later.
fn is_orphan(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix('-')) else { return false };
    let parts: Vec<&str> = rest.split('-').collect();
    let [pid, start, count] = parts.as_slice() else { return false };
    let (Ok(pid), Ok(start), Ok(_)) = (pid.parse::<u32>(), start.parse::<u64>(), count.parse::<u32>()) else {
        return false;
    };
    started(pid) != Some(start)
}

/// When a process started, in ticks since the boot (proc(5), field 22).
fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field, a name in parentheses, may hold anything.
    stat.rsplit_once(") ")?.1.split(' ').nth(19)?.parse().ok()
}

/// Removes the groups of this name; the kernel refuses while there are processes in them. Whether none is left.
fn remove_groups(name: &str) -> bool {
    HIERARCHIES.iter().all(|hierarchy| {
        let group = Path::new(hierarchy).join(name);
        remove_below(&group);
        !group.exists()
    })
}

fn remove_below(group: &Path) {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_below(&entry.path());
        }
    }
    let _ = fs::remove_dir(group);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_dead_process_left_is_an_orphan() {
        let me = std::process::id();
        let start = started(me).unwrap();
        assert!(!is_orphan(&format!("refit-vm-{me}-{start}-0")), "of a living process");
        assert!(is_orphan(&format!("refit-vm-{me}-{}-0", start + 1)), "of another process of that number");
        for name in ["refit-vm", "refit-vm-", "refit-vm-1-2", "refit-vm-1-2-3-4", "refit-vm-x-2-3", "other-1-2-3"] {
            assert!(!is_orphan(name), "{name}");
        }
    }

    #[test]
    fn a_folder_of_a_dead_process_is_swept_and_a_living_ones_stays() {
        let mark = Mark::new().unwrap();
        let start = started(std::process::id()).unwrap();
        let left = std::env::temp_dir().join(format!("refit-vm-{}-{}-0", std::process::id(), start + 1));
        fs::create_dir(&left).unwrap();
        sweep();
        assert!(!left.exists());
        assert!(mark.folder().join("disk").is_dir());
        let folder = mark.folder().to_owned();
        drop(mark);
        assert!(!folder.exists());
    }
}
