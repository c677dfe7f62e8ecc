//! The host right before a deed: what was done on it, and what the owner has in the folders.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use crate::daemon::Daemon;
use crate::deeds::{Kind, Treasure};
use crate::host::Host;
use crate::oracle::names;
use crate::projects::{self, replace};

/// Does what comes before the deed; the number of the last run.
pub fn run_before(host: &Host, kind: Kind) -> i64 {
    let methods: &[&str] = match kind {
        Kind::Rollback
        | Kind::WebRollback
        | Kind::ZipRollback
        | Kind::WebSoft
        | Kind::DepsRollback
        | Kind::DepsRollbackExact => &["machine.update.client"],
        Kind::ZipUpgrade => &["machine.update.client", "machine.update.rollback"],
        _needs_nothing_before => return 0,
    };
    let mut daemon = Daemon::up(host);
    for method in methods {
        daemon.result(method, json!({"name": kind.name()}));
    }
    let last = daemon.newest_run(kind.name())["run"].as_i64().expect("an upgrade is a run");
    daemon.stop();
    last
}

/// The same as [`bend`] of the folder of a release.
pub fn bend_release(host: &Host, kind: Kind) -> Vec<Treasure> {
    let live = host.software(kind.name());
    let mut treasures: Vec<Treasure> = Vec::new();
    let mut own = |path: &'static str| {
        let content = format!("the owner's {path}\n");
        replace(&live.join(path), &content);
        treasures.push((path, content));
    };
    projects::UNTOUCHED.into_iter().for_each(&mut own);
    if kind != Kind::ToolUpgrade {
        own(OWN_SETTINGS);
    }
    match kind {
        Kind::WebUpgrade => ["new/n.js", "dir/mine.txt"].into_iter().for_each(own),
        Kind::ZipUpgrade => ["config.json", "new/n.js"].into_iter().for_each(own),
        // What lingers for open pages, and is the owner's now.
        Kind::WebRollback => ["swap/mine.txt", "gone/deep.js"].into_iter().for_each(own),
        Kind::ZipRollback => {
            own("config.json");
            let kept = names(&host.previous("zip"));
            replace(&host.previous("zip").join(&kept[0]).join("config.json"), "damaged\n");
            // It is not there any more either.
            fs::remove_dir_all(host.downloads()).expect("downloads");
        }
        Kind::WebSoft => {
            own("parts/3.js");
            fs::remove_file(live.join("new/n.js")).expect("a shipped file");
        }
        Kind::ZipHard => {
            own("config.json");
            fs::remove_file(live.join("index.html")).expect("a shipped file");
        }
        _nothing_is_in_its_way => {}
    }
    treasures
}

/// What the owner has among the persistent files.
const OWN_SETTINGS: &str = "data/settings/user.json";

/// The owner's files that no version has anything to do with.
pub const UNTOUCHED: [&str; 2] = ["mine.cfg", "d0/own.log"];

/// Bends the host into the state before the deed, and tells what the owner has in it.
pub fn bend(host: &Host, kind: Kind) -> Vec<Treasure> {
    let work = host.app();
    let mut treasures: Vec<Treasure> = Vec::new();
    if kind == Kind::PythonUpgrade {
        // The repository is another updater's.
        return treasures;
    }
    let mut own = |path: &'static str| {
        let content = format!("the owner's {path}\n");
        work.write(path, &content);
        treasures.push((path, content));
    };
    UNTOUCHED.into_iter().for_each(&mut own);
    match kind {
        Kind::Upgrade | Kind::UpgradeAsks | Kind::DepsUpgrade | Kind::DepsInPlace => {
            ["new/n.py", "d4/mine.txt"].into_iter().for_each(own);
        }
        Kind::Rollback | Kind::DepsRollback | Kind::DepsRollbackExact => ["d1/f1.py"].into_iter().for_each(own),
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
        _nothing_is_in_its_way => {}
    }
    treasures
}
