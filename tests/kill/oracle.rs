//! The verdict on a host after the daemon was started again: all of the old state, or all of the new one, and nothing of
//! the owner lost.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use refit_testkit::tree::Tree;
use refit_testkit::wait::try_wait;

use crate::daemon::{Daemon, Manner};
use crate::deeds::{Deed, Kind, is_ok};
use crate::folders;
use crate::host::Host;
use crate::needs::verdict;

/// Which state it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Old,
    New,
}

/// Starts the daemon again and judges what is there the moment that its socket takes connections.
pub fn restart_and_judge(host: &Host, deed: &Deed, manner: &Manner, promised: Option<Side>) -> Result<Side, String> {
    let mut daemon = Daemon::up_with(host, manner);
    let verdict = judge(host, deed, &mut daemon, promised);
    let verdict = verdict.map_err(|complaints| format!("{complaints}\n{}", daemon.child.log()));
    daemon.kill_all();
    verdict
}

/// The same; and what came out old must be done by asking once more, and an upgrade to a release can be rolled back.
pub fn restart_judge_and_retry(host: &Host, deed: &Deed, manner: &Manner) -> Result<Side, String> {
    let mut daemon = Daemon::up_with(host, manner);
    let verdict = judge(host, deed, &mut daemon, None).and_then(|side| match side {
        Side::New => Ok(side),
        Side::Old => retry(host, deed, &mut daemon).map(|()| side),
    });
    let verdict = verdict.and_then(|side| {
        let back = match deed.kind {
            kind if kind.is_release_upgrade() => folders::rollback_works(host, deed, &mut daemon),
            Kind::DepsUpgrade | Kind::DepsInPlace => verdict::rollback_works(host, deed, &mut daemon),
            _ => Ok(()),
        };
        back.map(|()| side)
    });
    let verdict = verdict.map_err(|complaints| format!("{complaints}\n{}", daemon.child.log()));
    daemon.kill_all();
    verdict
}

/// Does the deed once more, to its end.
pub fn retry(host: &Host, deed: &Deed, daemon: &mut Daemon) -> Result<(), String> {
    let reply = deed.drive(daemon);
    if !is_ok(&reply) {
        return Err(format!("asked once more, it fails: {reply:?}"));
    }
    judge(host, deed, daemon, Some(Side::New)).map(drop).map_err(|why| format!("asked once more: {why}"))
}

/// The verdict. `promised` is what the caller was told.
pub fn judge(host: &Host, deed: &Deed, daemon: &mut Daemon, promised: Option<Side>) -> Result<Side, String> {
    let mut wrong = Vec::new();
    let run = daemon.newest_run(deed.kind.name());
    let ours = run["run"].as_i64().is_some_and(|number| number > deed.last_run);
    let side = match run["outcome"].as_str().filter(|_| ours) {
        Some("finished") => Side::New,
        Some("undone") | None => Side::Old,
        Some(other) => {
            wrong.push(format!("the newest run is {other}: {run}"));
            Side::Old
        }
    };
    if promised.is_some_and(|promised| promised != side) {
        wrong.push(format!("{promised:?} was promised, the journal says {side:?}: {run}"));
    }
    wrong.extend(repository(host, deed, side));
    wrong.extend(lost(host, deed));
    wrong.extend(strays(host));
    wrong.extend(hidden(host, deed, daemon));
    if deed.kind.is_release() {
        wrong.extend(folders::shown(host, deed, daemon));
    }
    if host.needs.is_some() {
        wrong.extend(verdict::shown(host, deed, side, daemon));
    }
    if wrong.is_empty() { Ok(side) } else { Err(format!("{side:?} by the journal, but\n  {}", wrong.join("\n  "))) }
}

/// Kept folders that the status does not list. It may be looking still.
fn hidden(host: &Host, deed: &Deed, daemon: &mut Daemon) -> Vec<String> {
    if deed.kind == Kind::PythonUpgrade {
        // Nothing of the owner's is ever in the way.
        return Vec::new();
    }
    let kept = host.kept(deed.kind.name());
    let mut folders = names(&kept);
    folders.retain(|name| kept.join(name).is_dir());
    let mut unlisted = || {
        let listed = daemon.entry(deed.kind.name())["refit"]["kept"].clone();
        let shows = |name: &String| listed.as_array().is_some_and(|all| all.iter().any(|kept| kept["key"] == **name));
        let unlisted: Vec<&String> = folders.iter().filter(|name| !shows(name)).collect();
        (!unlisted.is_empty() || !listed.is_array()).then(|| format!("hidden: {unlisted:?}, the status lists {listed}"))
    };
    let mut last = None;
    let all_shown = try_wait(Duration::from_secs(10), || {
        last = unlisted();
        last.is_none().then_some(())
    });
    if all_shown.is_some() { Vec::new() } else { last.into_iter().collect() }
}

/// What speaks against this side being the whole truth about the repository, or about the folder of a release.
pub fn repository(host: &Host, deed: &Deed, side: Side) -> Vec<String> {
    if deed.kind.is_release() {
        return folders::folder(host, deed, side);
    }
    let work = host.app();
    let now = work.try_git(&["rev-parse", "--verify", "HEAD"]).stdout.trim().to_owned();
    let (head, tree) = match side {
        Side::Old => (&deed.old_head, &deed.old),
        Side::New => match deed.new.iter().find(|(head, _)| *head == now) {
            Some((head, tree)) => (head, tree),
            None => return vec![format!("HEAD is {now:?}, which nobody asked for")],
        },
    };
    let mut there = Tree::of(work.path());
    if host.needs.is_some() && side == Side::New {
        // Brought by npm, and looked at with all else that was brought.
        there = there.without(&["node_modules"]);
    }
    let mut wrong = tree.diff(&there);
    wrong.extend(verdict::belong_together(host, deed, side));
    if side == Side::New {
        // After another boot the index is not believed, and what was staged for the first time is then just a file of the
        // owner: it was kept aside, and it may stay.
        let staged = |line: &String| deed.treasures.iter().any(|(path, _)| *line == format!("+ {path}"));
        wrong.retain(|line| !staged(line));
    }
    if side == Side::Old && deed.kind.is_damaged() {
        // What was damaged before may be so still.
        wrong.extend(work.locks().iter().map(|lock| format!("lock: {}", lock.display())));
        return wrong;
    }
    if now != *head {
        wrong.push(format!("HEAD is {now:?} and not {head}"));
    }
    wrong.extend(work.blemishes());
    if side == Side::New {
        let status = work.git(&["status", "--porcelain", "--untracked-files=no"]);
        wrong.extend(status.lines().map(|line| format!("git status: {line}")));
    }
    wrong
}

/// The owner's contents that are neither at their place nor in the kept place.
pub fn lost(host: &Host, deed: &Deed) -> Vec<String> {
    let name = deed.kind.name();
    let kept = files_below(&host.kept(name));
    let is_there = |path: &str, content: &str| {
        let at_its_place = host.software(name).join(path);
        let copies = kept.iter().filter(|file| file.ends_with(path));
        std::iter::once(&at_its_place)
            .chain(copies)
            .any(|file| fs::read(file).ok().as_deref() == Some(content.as_bytes()))
    };
    let gone = deed.treasures.iter().filter(|(path, content)| !is_there(path, content));
    gone.map(|(path, _)| format!("LOST: {path}")).collect()
}

/// What does not belong where it lies: stages and halves of files.
pub fn strays(host: &Host) -> Vec<String> {
    let mut found = Vec::new();
    // An environment is kept as an updater's folder is.
    let environments = ["app-env", "app-node_modules"].into_iter().filter(|_| host.needs.is_some());
    let all: Vec<&str> = host.updaters().into_iter().chain(environments).collect();
    let updaters = || all.iter().copied();
    for name in names(&host.root().join("software")) {
        let place = host.software(&name);
        let belongs = |updater| [host.software(updater), host.kept(updater), host.previous(updater)].contains(&place);
        // A disk of its own has a folder of its own.
        if name != "lost+found" && !updaters().any(belongs) {
            found.push(format!("stray: software/{name}"));
        }
    }
    let places = updaters().flat_map(|name| [host.software(name), host.kept(name), host.previous(name)]);
    for file in places.flat_map(|place| files_below(&place)) {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".refit-part") || name.ends_with(".json.new") {
            found.push(format!("stray: {}", file.display()));
        }
    }
    found
}

pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(files_below(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}
