//! How much of the processor a group of processes used, from `/proc/<pid>/stat` (proc(5)).
//! Refuses to: follow a process that left the group; what it used counts once its parent has reaped it.

use std::fs;
use std::time::Duration;

use rustix::process::Pid;

/// What one unit stands for. The kernel tells user space hundredths of a second on every machine that Refit runs on.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// All that the members of a group and their reaped children used so far, in [`TICK`]s; none when no member is seen.
pub(super) fn used(group: Pid) -> Option<u64> {
    let group = group.as_raw_nonzero().get().to_string();
    let members = fs::read_dir("/proc").ok()?.flatten().filter_map(|entry| {
        entry.file_name().to_str().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        ticks(&stat, &group)
    });
    members.reduce(u64::saturating_add)
}

/// `pid (name) state ppid pgrp …`: of a member of the group, fields 14 to 17 together. The name can hold anything, so
/// fields are counted from its closing bracket.
fn ticks(stat: &str, group: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    if fields.nth(2)? != group {
        return None;
    }
    fields.skip(8).take(4).map(|field| field.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_counted_from_the_end_of_the_name() {
        let stat = "12 (a b) 7 7) S 1 77 12 0 -1 4194304 1 2 3 4 5 6 70 800 20 0 1 0 9 9 9";
        assert_eq!(ticks(stat, "77"), Some(881));
        assert_eq!(ticks(stat, "7"), None);
        assert_eq!(ticks("nonsense", "77"), None);
    }
}
