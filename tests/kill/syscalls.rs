//! Killed inside git: a `git` before the real one on the path lets one chosen command die at its nth change of the disk,
//! and the daemon with it, or the command alone.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use refit_testkit::kill::{Seeded, strace};

use crate::daemon::{Daemon, Manner};
use crate::deeds::{Deed, Kind, is_ok};
use crate::host::Host;
use crate::oracle::{Side, judge, restart_and_judge, restart_judge_and_retry};
use crate::tally::{Tally, sample, seed};

/// The calls that change a disk: each leaves a state of its own behind. Names that a kernel lacks are ignored.
pub const CHANGES: &str = "?rename,?renameat,?renameat2,?unlink,?unlinkat,?rmdir,?mkdir,?mkdirat,?symlink,?symlinkat,?link,\
                       ?linkat,?write,?pwrite64,?chmod,?fchmod,?fchmodat,?fsync,?fdatasync,?ftruncate";

/// Which commands of a deed die, and at how many of their calls.
const COMMANDS: [(Kind, &str, usize); 9] = [
    (Kind::Upgrade, "reset", 24),
    (Kind::Upgrade, "update-ref", 3),
    (Kind::Rollback, "reset", 10),
    (Kind::SoftDirty, "reset", 6),
    (Kind::SoftDamaged, "fetch", 6),
    (Kind::SoftDamaged, "reset", 6),
    (Kind::HardDamaged, "clone", 8),
    (Kind::HardDirty, "reset", 3),
    (Kind::UpgradeAsks, "fetch", 8),
];

#[test]
fn git_dies_with_the_daemon() {
    inside_git("git dies with the daemon", true);
}

#[test]
fn git_dies_alone() {
    inside_git("git dies alone", false);
}

fn inside_git(title: &str, with_daemon: bool) {
    strace().unwrap_or_else(|missing| panic!("{missing}"));
    let host = Host::new();
    let mut tally = Tally::default();
    let mut seeded = Seeded::new(seed());
    let mut deeds: Vec<Deed> = Vec::new();
    for (kind, command, wanted) in COMMANDS {
        if !deeds.iter().any(|deed| deed.kind == kind) {
            deeds.push(Deed::prepare(&host, kind));
        }
        let deed = deeds.iter().find(|deed| deed.kind == kind).expect("it was just prepared");
        let calls = calls_of(&host, deed, command);
        // Alone it dies half as often.
        let wanted = if with_daemon { wanted } else { wanted.div_ceil(2) };
        for (call, nth) in sample(calls, wanted) {
            deed.reset(&host);
            let injection = format!("-e inject={call}:signal=KILL:when={nth}");
            let mut daemon = Daemon::up_with(&host, &wrapped(&host, command, &injection, with_daemon));
            let reply = deed.drive(&mut daemon);
            // A git with less to write than the one that was counted lives.
            let promised = is_ok(&reply).then_some(Side::New);
            let what = format!("git {command} killed at {call} number {nth}");
            let verdict = if with_daemon {
                daemon.kill_all();
                match seeded.below(3) {
                    0 => restart_judge_and_retry(&host, deed, &Manner::default()),
                    _ => restart_and_judge(&host, deed, &Manner::default(), promised),
                }
            } else {
                let verdict = judge(&host, deed, &mut daemon, promised);
                verdict.map_err(|why| format!("{why}\nanswer {reply:?}\n{}", daemon.child.log()))
            };
            daemon.kill_all();
            tally.count(&format!("{kind:?}, git {command}"), &what, verdict);
        }
    }
    tally.close(&format!("Killed at git's system calls, {title}"));
}

/// The changes that the command makes in an undisturbed deed, in order, each with its number among those of its name: of
/// the process that makes the most, since each counts its own.
fn calls_of(host: &Host, deed: &Deed, command: &str) -> Vec<(String, usize)> {
    let trace = host.beside("calls");
    let _ = fs::remove_file(&trace);
    deed.reset(host);
    let mut daemon = Daemon::up_with(host, &wrapped(host, command, &format!("-o {}", trace.display()), false));
    let reply = deed.drive(&mut daemon);
    assert!(is_ok(&reply), "{:?} under strace: {reply:?}", deed.kind);
    daemon.kill_all();
    let traced = fs::read_to_string(&trace).unwrap_or_else(|e| panic!("{:?} runs no git {command}: {e}", deed.kind));
    busiest(&traced)
}

/// The calls in a trace of the process or thread that makes the most, each with its number among those of its name.
pub fn busiest(traced: &str) -> Vec<(String, usize)> {
    let mut processes: HashMap<&str, Vec<&str>> = HashMap::new();
    for line in traced.lines() {
        if let Some((process, rest)) = line.split_once(' ')
            && let Some((call, _)) = rest.trim_start().split_once('(')
            && !call.contains(' ')
        {
            processes.entry(process).or_default().push(call);
        }
    }
    let calls = processes.into_values().max_by_key(Vec::len).unwrap_or_default();
    let nth = |at: usize| calls[..=at].iter().filter(|call| **call == calls[at]).count();
    calls.iter().enumerate().map(|(at, call)| ((*call).to_owned(), nth(at))).collect()
}

/// A `git` that runs the first `command` of its life under strace.
pub fn wrapped(host: &Host, command: &str, options: &str, kills_parent: bool) -> Manner {
    let folder = host.beside("path");
    fs::create_dir_all(&folder).expect("a folder");
    let once = host.beside("wrapped-once");
    let _ = fs::remove_file(&once);
    let then = if kills_parent { "kill -9 $PPID" } else { ":" };
    let output = if options.contains("-o ") { "" } else { "-o /dev/null" };
    let text = format!(
        "#!/bin/sh\nfor word in \"$@\"; do\n  if [ \"$word\" = {command} ] && mkdir {once} 2>/dev/null; then\n    \
         strace -f -qq {output} -e trace={CHANGES} {options} {git} \"$@\"\n    code=$?\n    \
         [ $code -ne 0 ] && {then}\n    exit $code\n  fi\ndone\nexec {git} \"$@\"\n",
        once = once.display(),
        git = real_git().display(),
    );
    write_program(&folder.join("git"), &text);
    let _ = fs::remove_dir(&once);
    Manner { path_first: Some(folder), ..Manner::default() }
}

/// The git that is found on the path.
pub fn real_git() -> PathBuf {
    let path = std::env::var_os("PATH").expect("a path");
    std::env::split_paths(&path).map(|folder| folder.join("git")).find(|git| git.is_file()).expect("git is installed")
}

/// Writes a script. By another name first: a file that is open for writing cannot be run.
pub fn write_program(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    fs::write(&beside, text).expect("a script");
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o755)).expect("a mode");
    fs::rename(&beside, path).expect("a script");
}
