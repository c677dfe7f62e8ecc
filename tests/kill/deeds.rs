//! What is interrupted: deeds on a repository and on releases, each with the host before it, and with the two states that
//! may come of it, as plain git makes them, or as they are put together from what was published.

use std::fs;
use std::time::{Duration, Instant};

use refit_testkit::git::Commit;
use refit_testkit::git_http::Fault;
use refit_testkit::tree::Tree;
use serde_json::{Value, json};

use crate::before::{UNTOUCHED, bend, bend_release, run_before};
use crate::daemon::{Daemon, Manner, PATIENCE};
use crate::host::{Host, NAME};
use crate::needs;
use crate::needs::verdict::{self, Dependencies};
use crate::oracle::{self, Side};
use crate::projects::{self, told_version};

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
    /// Of a front end that another updater installed, with files of the owner in the way.
    WebUpgrade,
    /// Of an application, with shipped files that the owner changed and a version that is no longer kept afterwards.
    ZipUpgrade,
    /// Of an executable that another updater installed.
    ToolUpgrade,
    /// To the version that is kept, with files of the owner in the way.
    WebRollback,
    /// To a version that was damaged where it is kept: it is downloaded.
    ZipRollback,
    /// Of a front end with changed and deleted files.
    WebSoft,
    /// Of an application that another updater installed, without its first page.
    ZipHard,
    /// From the first version to the second, of software that depends on others': the environment, a system package, Node
    /// packages and the service change with it. Files of the owner are in the way, and in the environment.
    DepsUpgrade,
    /// Back again, to the environment that is kept.
    DepsRollback,
    /// Back again, where the environment that is kept is not whole any more: pip brings what it had.
    DepsRollbackExact,
    /// Of an environment that lacks a module, which was deleted by hand.
    DepsRecover,
    /// Of an environment whose interpreter is gone: it is built anew.
    DepsRebuild,
    /// The upgrade, where nothing can be prepared beside: pip works in the environment in use.
    DepsInPlace,
    /// The building anew, where nothing can be prepared beside.
    DepsRebuildInPlace,
    /// Of an application that lives in the environment.
    PythonUpgrade,
}

/// The deeds on a repository.
pub const GIT: [Kind; 7] = [
    Kind::Upgrade,
    Kind::Rollback,
    Kind::SoftDirty,
    Kind::SoftDamaged,
    Kind::HardDirty,
    Kind::HardDamaged,
    Kind::UpgradeAsks,
];

/// The deeds on releases.
pub const RELEASES: [Kind; 7] = [
    Kind::WebUpgrade,
    Kind::ZipUpgrade,
    Kind::ToolUpgrade,
    Kind::WebRollback,
    Kind::ZipRollback,
    Kind::WebSoft,
    Kind::ZipHard,
];

/// The deeds on software that depends on others'. They have a host of their own: [`Host::with_needs`].
pub const NEEDS: [Kind; 8] = [
    Kind::DepsUpgrade,
    Kind::DepsRollback,
    Kind::DepsRollbackExact,
    Kind::DepsRecover,
    Kind::DepsRebuild,
    Kind::DepsInPlace,
    Kind::DepsRebuildInPlace,
    Kind::PythonUpgrade,
];

/// A file of the owner: its path in the work tree, and what is in it.
pub type Treasure = (&'static str, String);

/// A deed, ready to be interrupted.
pub struct Deed {
    pub kind: Kind,
    /// The work tree or the folder before.
    pub old: Tree,
    /// The commit, or the version.
    pub old_head: String,
    /// The versions before that are kept whole.
    pub previous: Tree,
    /// The commits that it may end at, most often one, each with the work tree as git and the owner made it. A damaged
    /// repository may end at either version: the one that it had is known as soon as its objects are there again.
    pub new: Vec<(String, Tree)>,
    pub treasures: Vec<Treasure>,
    /// What it depends on.
    pub dependencies: Dependencies,
    /// A version that another updater installed may lack a list where it is kept: the disk was read-only at the end.
    pub may_lack_list: bool,
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

    /// The updater.
    pub fn name(self) -> &'static str {
        match self {
            Self::WebUpgrade | Self::WebRollback | Self::WebSoft => "web",
            Self::ZipUpgrade | Self::ZipRollback | Self::ZipHard => "zip",
            Self::ToolUpgrade | Self::PythonUpgrade => "tool",
            _of_the_repository => NAME,
        }
    }

    /// The environment does not work before it.
    pub fn has_broken_environment(self) -> bool {
        self == Self::DepsRecover || self.is_without_interpreter()
    }

    /// The environment has no interpreter before it.
    pub fn is_without_interpreter(self) -> bool {
        matches!(self, Self::DepsRebuild | Self::DepsRebuildInPlace)
    }

    /// What the version before depended on comes back with it.
    pub fn is_rollback_with_needs(self) -> bool {
        matches!(self, Self::DepsRollback | Self::DepsRollbackExact)
    }

    /// What the new version depends on is brought with it.
    pub fn is_upgrade_with_needs(self) -> bool {
        matches!(self, Self::DepsUpgrade | Self::DepsInPlace)
    }

    pub fn is_release(self) -> bool {
        RELEASES.contains(&self)
    }

    pub fn is_release_upgrade(self) -> bool {
        matches!(self, Self::WebUpgrade | Self::ZipUpgrade | Self::ToolUpgrade)
    }

    /// The old folder is kept as a version to go back to.
    pub fn keeps_previous(self) -> bool {
        self.is_release_upgrade() || matches!(self, Self::WebRollback | Self::ZipRollback)
    }

    /// What only the version before had stays for open pages.
    pub fn lingers(self) -> bool {
        matches!(self, Self::WebUpgrade | Self::WebRollback)
    }

    /// The version before is kept as it was shipped. In the others the owner changed a file, or nobody knows what was
    /// shipped.
    pub fn rolls_back_offline(self) -> bool {
        self == Self::WebUpgrade
    }

    /// The version that comes of it, where that is a release.
    fn target(self) -> &'static str {
        match self {
            Self::WebRollback | Self::ZipRollback | Self::ZipHard => "v1",
            _upgrade_or_the_same => "v2",
        }
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
        if host.needs.is_some() && deed.dependencies.new.is_empty() {
            deed.dependencies.new = verdict::expected(host, kind);
            host.put_back(&kind.template());
        }
        let note = host.beside("points");
        let _ = fs::remove_file(&note);
        let mut daemon = Daemon::up_with(host, &Manner::ordered(format!("note={}", note.display())));
        verdict::watch(host);
        let begun = Instant::now();
        let reply = deed.drive(&mut daemon);
        deed.took = begun.elapsed();
        assert!(is_ok(&reply), "{kind:?} fails undisturbed: {reply:?}\n{}", daemon.child.log_tail());
        deed.new = deed.ends(host);
        deed.dependencies = verdict::came_of(host, &deed);
        let side = oracle::judge(host, &deed, &mut daemon, Some(Side::New));
        assert_eq!(side, Ok(Side::New), "{kind:?} undisturbed\n{}", daemon.child.log_tail());
        daemon.stop();
        deed.points = passed(&fs::read_to_string(&note).unwrap_or_default());
        assert!(!deed.points.is_empty(), "{kind:?} passes no point");
        deed
    }

    /// The states that may come of it, after it was done once.
    fn ends(&self, host: &Host) -> Vec<(String, Tree)> {
        if self.kind.is_release() {
            let to = self.kind.target();
            let files = projects::wanted(self.kind, &self.old_head, to, &self.treasures);
            return vec![(to.to_owned(), projects::tree_of(host, &files))];
        }
        let head = host.app().rev("HEAD");
        assert!(host.versions.contains(&head), "{:?} ends at {head}", self.kind);
        let mut ends = vec![head];
        if self.kind.is_damaged() {
            ends = host.versions.to_vec();
        } else if self.kind == Kind::UpgradeAsks {
            // Asked once more, it knows of the third.
            ends.push(host.remote.rev("master"));
        }
        ends.into_iter().map(|commit| (commit.clone(), self.wanted(host, &commit))).collect()
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
        let name = self.kind.name();
        match self.kind {
            Kind::Upgrade
            | Kind::UpgradeAsks
            | Kind::WebUpgrade
            | Kind::ZipUpgrade
            | Kind::ToolUpgrade
            | Kind::DepsUpgrade
            | Kind::DepsInPlace
            | Kind::PythonUpgrade => ("machine.update.client", json!({"name": name})),
            Kind::Rollback | Kind::WebRollback | Kind::ZipRollback | Kind::DepsRollback | Kind::DepsRollbackExact => {
                ("machine.update.rollback", json!({"name": name}))
            }
            Kind::SoftDirty | Kind::SoftDamaged | Kind::WebSoft | Kind::DepsRebuild | Kind::DepsRebuildInPlace => {
                ("machine.update.recover", json!({"name": name, "hard": false}))
            }
            Kind::DepsRecover => ("machine.update.recover", json!({"name": name, "hard": false, "update_deps": true})),
            Kind::HardDirty | Kind::HardDamaged | Kind::ZipHard => {
                ("machine.update.recover", json!({"name": name, "hard": true}))
            }
        }
    }

    fn bring_about(host: &Host, kind: Kind) -> Self {
        if host.beside("behind").exists() {
            host.put_back("behind");
        } else {
            let mut daemon = Daemon::up(host);
            daemon.wait_idle();
            for name in host.updaters() {
                daemon.result("machine.update.refresh", json!({"name": name}));
            }
            let entry = daemon.entry(NAME);
            assert_eq!(entry["remote_hash"], host.versions[1].as_str(), "{entry}\n{}", daemon.child.log_tail());
            daemon.stop();
            host.keep("behind");
        }
        let last_run = run_before(host, kind);
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
        let (old_head, treasures, old) = if kind.is_release() {
            let folder = host.software(kind.name());
            let (head, treasures) = (told_version(&folder), bend_release(host, kind));
            (head, treasures, Tree::whole(&folder))
        } else {
            let (head, treasures) = (host.app().rev("HEAD"), bend(host, kind));
            (head, treasures, Tree::of(host.app().path()))
        };
        let dependencies = needs::bend(host, kind);
        let previous = Tree::whole(host.previous(kind.name()));
        let (new, points) = (Vec::new(), Vec::new());
        Self {
            kind,
            old,
            new,
            old_head,
            previous,
            treasures,
            dependencies,
            may_lack_list: false,
            last_run,
            points,
            took: PATIENCE,
        }
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
