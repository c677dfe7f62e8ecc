//! The states of software with dependencies that are compared. The index has `one` in `1.0` and `1.1`, and `two` in `1.0`;
//! the registry has `mesh` in `1.0.0` and `2.0.0`; the Debian has `libthing`.

use refit_testkit::npm::{Package, Project, Registry};
use serde_json::json;

use super::state::{LOCK, REQUIREMENTS, SYSTEM, State};
use crate::releases::Call;

/// All states, in the order of their sections.
pub fn all() -> Vec<State> {
    [python(), node(), system(), zips()].into_iter().flatten().collect()
}

fn python() -> Vec<State> {
    let needs = |name: &'static str, before: &str, after: &str| State::git(name).file(REQUIREMENTS, before, after);
    let one = |state: State| state.installed("one", "1.0");
    let two = |state: State| one(state).installed("two", "1.0");
    vec![
        one(needs("py-new", "one==1.0\n", "one==1.0\ntwo\n")).asks(&[Call::Upgrade, Call::Rollback]),
        one(needs("py-pin", "one==1.0\n", "one==1.1\n")).asks(&[Call::Upgrade, Call::UpgradeAgain, Call::Rollback]),
        two(needs("py-removed", "one\ntwo\n", "# less\none\n")).asks(&[Call::Upgrade]),
        one(needs("py-missing", "one\ntwo\n", "one\ntwo\n")).asks(&[Call::Upgrade]),
        one(needs("py-fails", "one\n", "one\nnowhere\n")).asks(&[Call::Upgrade]),
        one(needs("py-soft", "one\n", "one\n")).asks(&[Call::Soft]),
        one(needs("py-all", "one\n", "one\n")).asks(&[Call::All]),
    ]
}

fn node() -> Vec<State> {
    let needs = |name: &'static str, after: &str| State::git(name).file(LOCK, "1.0.0", after);
    vec![
        needs("node-new", "2.0.0").asks(&[Call::Upgrade, Call::Rollback]),
        needs("node-fails", "3.0.0").asks(&[Call::Upgrade]),
    ]
}

fn system() -> Vec<State> {
    let list = |names: &[&str]| json!({"debian": names, "ubuntu": names}).to_string();
    let needs = |name: &'static str, after: &[&str]| State::git(name).file(SYSTEM, &list(&[]), &list(after));
    vec![
        needs("sys-new", &["libthing"]).asks(&[Call::Upgrade]),
        needs("sys-unknown", &["no-such-package"]).asks(&[Call::Upgrade]),
    ]
}

fn zips() -> Vec<State> {
    vec![
        State::zip("zip-pin")
            .file(REQUIREMENTS, "one==1.0\n", "one==1.1\n")
            .installed("one", "1.0")
            .asks(&[Call::Upgrade, Call::Rollback]),
    ]
}

/// What the registry has: a version that is named in a lock file and was taken away again is `3.0.0`.
pub fn registry() -> Registry {
    let registry = Registry::start();
    for version in ["1.0.0", "2.0.0", "3.0.0"] {
        registry.publish(&Package::new("mesh", version));
    }
    registry
}

/// The files of software that needs this version.
pub fn node_files(registry: &Registry, version: &str) -> [(&'static str, String); 2] {
    let project = Project::new("app", "1.0.0").depends("mesh", version);
    let manifest = json!({"name": "app", "version": "1.0.0", "dependencies": {"mesh": version}});
    [(LOCK, registry.lock(&project)), ("package.json", manifest.to_string())]
}
