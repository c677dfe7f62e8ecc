//! What is interrupted: seven deeds, each with the host before it, and with the two states that may come of it, as plain git
//! makes them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use refit_testkit::git::Commit;
use refit_testkit::git_http::Fault;
use refit_testkit::tree::Tree;
use serde_json::{Value, json};

use crate::daemon::{Daemon, Manner, PATIENCE};
use crate::host::{Host, NAME};
use crate::oracle::{self, Side};

/// The deeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// From the first version to the second, with files of the owner in the way.
    Upgrade,
    /// Back again, with a file of the owner in the way.
    Rollback,
    /// Of a repository with changed files.
    SoftDirty,
    /// Of a repository with empty objects and an empty index, and a changed file.
    SoftDamaged,
    /// A fresh clone in place of a repository with changed files.
    HardDirty,
    /// A fresh clone in place of one with empty objects and a zeroed configuration.
    HardDamaged,
    /// From the first version to the second, after the remote could not be asked the last time: it is asked first, and has
    /// a third version by now. After the others, which know of no third version.
    UpgradeAsks,
}

pub const ALL: [Kind; 7] = [
    Kind::Upgrade,
    Kind::Rollback,
    Kind::SoftDirty,
    Kind::SoftDamaged,
    Kind::HardDirty,
    Kind::HardDamaged,
    Kind::UpgradeAsks,
];

/// A file of the owner: its path in the work tree, and what is in it.
pub type Treasure = (&'static str, String);

/// A deed, ready to be interrupted.
pub struct Deed {
    pub kind: Kind,
    /// The work tree before.
    pub old: Tree,
    pub old_head: String,
    /// The commits that it may end at, most often one, each with the work tree as git and the owner made it. A damaged
    /// repository may end at either version: the one that it had is known as soon as its objects are there again.
    pub new: Vec<(String, Tree)>,
    pub treasures: Vec<Treasure>,
    /// The newest run before it.
    pub last_run: i64,
    /// The points that it passes, in order, with how often each was passed before.
    pub points: Vec<(String, usize)>,
    /// How long it takes undisturbed.
    pub took: Duration,
}

impl Kind {
    pub fn is_damaged(self) -> bool {
        matches!(self, Self::SoftDamaged | Self::HardDamaged)
    }

    fn template(self) -> String {
        format!("{self:?}")
    }
}

impl Deed {
    /// Brings the host to the state before the deed, keeps it, and does the deed once undisturbed.
    pub fn prepare(host: &Host, kind: Kind) -> Self {
        let mut deed = Self::bring_about(host, kind);
        host.keep(&kind.template());
        let note = host.beside("points");
        let _ = fs::remove_file(&note);
        let mut daemon = Daemon::up_with(host, &Manner::ordered(format!("note={}", note.display())));
        let begun = Instant::now();
        let reply = deed.drive(&mut daemon);
        deed.took = begun.elapsed();
        assert!(is_ok(&reply), "{kind:?} fails undisturbed: {reply:?}\n{}", daemon.child.log_tail());
        let head = host.app().rev("HEAD");
        assert!(host.versions.contains(&head), "{kind:?} ends at {head}");
        let mut ends = vec![head];
        if kind.is_damaged() {
            ends = host.versions.to_vec();
        } else if kind == Kind::UpgradeAsks {
            // Asked once more, it knows of the third.
            ends.push(host.remote.rev("master"));
        }
        deed.new = ends.into_iter().map(|commit| (commit.clone(), deed.wanted(host, &commit))).collect();
        let side = oracle::judge(host, &deed, &mut daemon, Some(Side::New));
        assert_eq!(side, Ok(Side::New), "{kind:?} undisturbed\n{}", daemon.child.log_tail());
        daemon.stop();
        deed.points = passed(&fs::read_to_string(&note).unwrap_or_default());
        assert!(!deed.points.is_empty(), "{kind:?} passes no point");
        deed
    }

    /// Puts the host back to the state before.
    pub fn reset(&self, host: &Host) {
        host.put_back(&self.kind.template());
    }

    /// Asks for it; the reply, or none when the daemon died.
    pub fn drive(&self, daemon: &mut Daemon) -> Option<Value> {
        let (method, params) = self.request();
        daemon.ask(method, params)
    }

    /// The method, and its parameters.
    pub fn request(&self) -> (&'static str, Value) {
        match self.kind {
            Kind::Upgrade | Kind::UpgradeAsks => ("machine.update.client", json!({"name": NAME})),
            Kind::Rollback => ("machine.update.rollback", json!({"name": NAME})),
            Kind::SoftDirty | Kind::SoftDamaged => ("machine.update.recover", json!({"name": NAME, "hard": false})),
            Kind::HardDirty | Kind::HardDamaged => ("machine.update.recover", json!({"name": NAME, "hard": true})),
        }
    }

    fn bring_about(host: &Host, kind: Kind) -> Self {
        if host.beside("behind").exists() {
            host.put_back("behind");
        } else {
            let mut daemon = Daemon::up(host);
            daemon.wait_idle();
            daemon.result("machine.update.refresh", json!({"name": NAME}));
            let entry = daemon.entry();
            assert_eq!(entry["remote_hash"], host.versions[1].as_str(), "{entry}\n{}", daemon.child.log_tail());
            daemon.stop();
            host.keep("behind");
        }
        let mut last_run = 0;
        if kind == Kind::Rollback {
            let mut daemon = Daemon::up(host);
            daemon.result("machine.update.client", json!({"name": NAME}));
            last_run = daemon.newest_run()["run"].as_i64().expect("an upgrade is a run");
            daemon.stop();
        }
        if kind == Kind::UpgradeAsks {
            let route = host.remote.route();
            host.server.set_fault(&route, Fault::Refuse(500));
            let mut daemon = Daemon::up(host);
            daemon.wait_idle();
            daemon.result("machine.update.refresh", json!({"name": NAME}));
            daemon.stop();
            host.server.heal(&route);
            host.remote.push("master", &Commit::new("Third").file("d3/f7.py", "v3\n".repeat(300)));
        }
        let old_head = host.app().rev("HEAD");
        let treasures = bend(host, kind);
        let old = Tree::of(host.app().path());
        let new = Vec::new();
        Self { kind, old, new, old_head, treasures, last_run, points: Vec::new(), took: PATIENCE }
    }

    /// The version's files as git writes them, and the owner's that nothing has to give way for.
    fn wanted(&self, host: &Host, commit: &str) -> Tree {
        let scene = host.beside("wanted");
        let _ = fs::remove_dir_all(&scene);
        let mut copy = std::process::Command::new("cp");
        copy.arg("-a").arg(host.checkout(commit).path()).arg(&scene);
        let copied = copy.status().expect("cp starts");
        assert!(copied.success());
        let scene = host.world.work(&scene);
        for (path, content) in self.treasures.iter().filter(|(path, _)| UNTOUCHED.contains(path)) {
            scene.write(path, content);
        }
        Tree::of(scene.path())
    }
}

/// The owner's files that no version has anything to do with.
const UNTOUCHED: [&str; 2] = ["mine.cfg", "d0/own.log"];

/// Bends the host into the state before the deed, and tells what the owner has in it.
fn bend(host: &Host, kind: Kind) -> Vec<Treasure> {
    let work = host.app();
    let mut treasures: Vec<Treasure> = Vec::new();
    let mut own = |path: &'static str| {
        let content = format!("the owner's {path}\n");
        work.write(path, &content);
        treasures.push((path, content));
    };
    UNTOUCHED.into_iter().for_each(&mut own);
    match kind {
        Kind::Upgrade | Kind::UpgradeAsks => ["new/n.py", "d4/mine.txt"].into_iter().for_each(own),
        Kind::Rollback => ["d1/f1.py"].into_iter().for_each(own),
        Kind::SoftDirty => {
            ["d0/f1.py", "run.sh", "staged.py"].into_iter().for_each(own);
            work.git(&["add", "staged.py"]);
            work.remove("d3/f2.py");
        }
        Kind::SoftDamaged => {
            ["d0/f1.py"].into_iter().for_each(own);
            work.loosen();
            for object in ["HEAD:d2/f5.py", "HEAD^{tree}"].map(|revision| work.object(revision)) {
                work.damage(&object, b"");
            }
            work.damage(&work.dot_git("index"), b"");
        }
        Kind::HardDirty => {
            ["d0/f1.py"].into_iter().for_each(own);
            work.remove("d3/f2.py");
            fs::set_permissions(work.path().join("run.sh"), fs::Permissions::from_mode(0o755)).expect("a mode");
        }
        Kind::HardDamaged => {
            ["d0/f1.py"].into_iter().for_each(own);
            work.loosen();
            work.damage(&work.object("HEAD^{tree}"), b"");
            work.zero(&work.dot_git("config"));
        }
    }
    treasures
}

/// Each point with how often it was passed before.
pub fn passed(noted: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = noted.lines().collect();
    let times = |at: usize| lines[..at].iter().filter(|line| **line == lines[at]).count();
    lines.iter().enumerate().map(|(at, line)| ((*line).to_owned(), times(at))).collect()
}

/// Whether a reply says that the deed is done.
pub fn is_ok(reply: &Option<Value>) -> bool {
    reply.as_ref().is_some_and(|reply| reply["result"] == "ok")
}
