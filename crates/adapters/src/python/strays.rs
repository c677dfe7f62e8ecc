//! Programs that outlived the Refit that started them: a pip that goes on installing would write into what is settled
//! meanwhile. They are known by a variable that names the stage of their run, and ended.
//! Refuses to: end anything else.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// The variable.
pub const MARK: &str = "REFIT_STAGE";

/// How long they are waited for: a process in the middle of a write to a slow card ends after it.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// Ends every program that was started for this stage. Comes back when there is none, or says that one does not end.
pub async fn end(stage: &Path) {
    let begun = tokio::time::Instant::now();
    let mut calm = 0;
    // Two looks: a program shows no variables while it becomes another.
    while calm < 2 {
        let alive = of(stage);
        calm = if alive.is_empty() { calm + 1 } else { 0 };
        for pid in alive {
            // One that is gone already is what is wanted.
            let _gone = kill_process(pid, Signal::KILL);
        }
        if begun.elapsed() > PATIENCE {
            tracing::warn!(stage = %stage.display(), "goes on beside a program that does not end");
            return;
        }
        if calm < 2 {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn of(stage: &Path) -> Vec<Pid> {
    let mark = [MARK.as_bytes(), b"=", stage.as_os_str().as_bytes()].concat();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let marked = entries.filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok().and_then(Pid::from_raw)?;
        // Of those of other people nothing can be read.
        let variables = fs::read(entry.path().join("environ")).ok()?;
        variables.split(|byte| *byte == 0).any(|variable| variable == mark).then_some(pid)
    });
    marked.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Command, Ended, Surroundings};

    #[tokio::test]
    async fn those_of_a_stage_are_ended_and_no_others() {
        let dir = tempfile::tempdir().unwrap();
        let surroundings =
            Surroundings { home: "/nonexistent".into(), path: "/usr/bin:/bin".into(), passed_on: Vec::new() };
        let sleep = |stage: &str| {
            let sleep = Command::new("sleep", &surroundings).arg("100").env(MARK, dir.path().join(stage));
            tokio::spawn(sleep.run())
        };
        let (ours, other) = (sleep("one"), sleep("one-more"));
        let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
        while of(&dir.path().join("one")).is_empty() || of(&dir.path().join("one-more")).is_empty() {
            assert!(tokio::time::Instant::now() < deadline, "nothing was started");
            tokio::time::sleep(PAUSE).await;
        }
        end(&dir.path().join("one")).await;
        assert_eq!(ours.await.unwrap().unwrap().ended, Ended::Killed(9));
        assert!(!of(&dir.path().join("one-more")).is_empty());
        other.abort();
    }
}
