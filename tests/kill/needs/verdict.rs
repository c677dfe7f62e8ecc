//! The verdict on what software depends on: it belongs to the repository's version, all of it old or all of it new.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use refit_testkit::tree::Tree;
use refit_testkit::venv::Venv;
use refit_testkit::wait::try_wait;
use serde_json::{Value, json};

use super::{Needs, deaths, environment, kept, kept_place, package, programs, service, told_version};
use crate::daemon::Daemon;
use crate::deeds::{Deed, Kind, is_ok};
use crate::host::{Host, NAME};
use crate::oracle::{Side, names, strays};

/// Beside the repository, what its Node packages are named by.
const NODE: &str = "app-node_modules";

/// What there was before a deed, and what may come of it.
#[derive(Clone, Debug, Default)]
pub struct Dependencies {
    /// The environment's digest before.
    pub old: String,
    /// The kept environments before, by their names, each as its digest.
    pub kept: BTreeMap<String, String>,
    /// The digests of the environments that may come of it.
    pub new: Vec<String>,
    /// What is installed then, by name.
    pub installed: BTreeMap<String, String>,
    /// What the package index is asked, each address once.
    pub requests: Vec<String>,
    /// How often pip changes the disk, by what it does.
    pub changes: BTreeMap<String, usize>,
    /// The system package before.
    pub package: Option<String>,
    /// The Node packages in use before.
    pub node: Tree,
    /// Those that are kept.
    pub kept_node: Tree,
}

impl Dependencies {
    /// As it is now; nothing where the host has none.
    pub fn of(host: &Host) -> Self {
        let Some(needs) = &host.needs else { return Self::default() };
        Self {
            old: environment(host).digest(),
            kept: kept(host),
            package: package(needs).map(|known| known.status),
            node: Tree::whole(node_modules(host)),
            kept_node: Tree::whole(host.previous(NODE)),
            ..Self::default()
        }
    }
}

/// What speaks against this side being the whole truth.
pub fn belong_together(host: &Host, deed: &Deed, side: Side) -> Vec<String> {
    let Some(needs) = &host.needs else { return Vec::new() };
    let (venv, before) = (environment(host), &deed.dependencies);
    let digest = venv.digest();
    let mut wrong = Vec::new();
    match side {
        Side::Old => {
            if digest != before.old {
                wrong.push(format!("the environment is not the old one: {:?}", venv.installed()));
            }
            let now = kept(host);
            if now != before.kept {
                wrong.push(format!("kept environments: {now:?}, and they were {:?}", before.kept));
            }
        }
        Side::New => {
            // One that was made elsewhere names the digests of its first scripts, which differ by where that was.
            let is_new = match deed.kind {
                Kind::DepsRebuildInPlace => venv.installed() == before.installed,
                _ => before.new.contains(&digest),
            };
            if !is_new {
                wrong.push(format!("the environment is no new one: {:?}", venv.installed()));
            }
            let now: Vec<String> = kept(host).into_values().collect();
            if now != [before.old.clone()] {
                wrong.push(format!("the environment from before is not the only one kept: {:?}", kept(host)));
            }
        }
    }
    if side == Side::New || !deed.kind.has_broken_environment() {
        wrong.extend(works(host, &venv, digest));
    }
    wrong.extend(node(host, deed, side));
    wrong.extend(system(needs, deed, side));
    // An application of its own has a service of its own.
    if deed.kind != Kind::PythonUpgrade {
        wrong.extend(service::runs_what_is_there(host, side == Side::New || !deed.kind.is_without_interpreter()));
    }
    wrong.extend(left_over(host));
    wrong
}

/// What speaks against the environment being that of the repository's version, whichever that is.
pub fn fits(host: &Host) -> Vec<String> {
    if host.needs.is_none() {
        return Vec::new();
    }
    let venv = environment(host);
    let mut wrong = works(host, &venv, venv.digest());
    wrong.extend(service::runs_what_is_there(host, true));
    wrong.extend(left_over(host));
    wrong
}

/// Its packages fit together, and its programs run.
fn works(host: &Host, venv: &Venv, digest: String) -> Vec<String> {
    let mut wrong = Vec::new();
    // What was asked once is not asked again of the same files.
    if !host.vetted.borrow().contains(&digest) {
        match venv.pip_check() {
            Ok(_) => drop(host.vetted.borrow_mut().insert(digest)),
            Err(why) => wrong.push(format!("pip check: {why}")),
        }
    }
    for (program, word) in programs(venv) {
        match venv.run_script(&program, &[]) {
            Ok(said) if said.contains(&word) => {}
            said => wrong.push(format!("{program} is to say {word}, and says {said:?}")),
        }
    }
    wrong
}

/// The Node packages are those of the version; those from before are kept whole where they changed. (The repository's
/// tree has those in use on the old side.)
fn node(host: &Host, deed: &Deed, side: Side) -> Vec<String> {
    let (before, kept) = (&deed.dependencies, Tree::whole(host.previous(NODE)));
    let changes = deed.kind.is_upgrade_with_needs() || deed.kind.is_rollback_with_needs();
    let mut wrong = Vec::new();
    if side == Side::New {
        let said = fs::read_to_string(node_modules(host).join("mesh/package.json")).unwrap_or_default();
        let version = ["1.0.0", "2.0.0"].get(told_version(host)).copied().unwrap_or("of no version");
        if !said.contains(&format!("\"version\": \"{version}\""))
            && !said.contains(&format!("\"version\":\"{version}\""))
        {
            wrong.push(format!("mesh is to be {version}: {said}"));
        }
    }
    if side == Side::New && changes {
        let place = host.previous(NODE);
        let found = names(&place).into_iter().any(|name| Tree::whole(place.join(name)) == before.node);
        wrong.extend((!found).then(|| format!("the Node packages from before are not kept: {kept:?}")));
    } else if side == Side::Old {
        wrong.extend(before.kept_node.diff(&kept).into_iter().map(|line| format!("kept Node packages: {line}")));
    }
    wrong
}

fn node_modules(host: &Host) -> PathBuf {
    host.software(NAME).join("node_modules")
}

/// Nothing is half installed; and what only the new version lists is there with it and not without it.
fn system(needs: &Needs, deed: &Deed, side: Side) -> Option<String> {
    let now = package(needs).map(|known| known.status);
    let fine = match (side, &deed.dependencies.package) {
        (Side::New, _) if deed.kind.is_upgrade_with_needs() => now.as_deref() == Some("ii"),
        // Removed with all that it left.
        (Side::Old | Side::New, None) => now.as_deref().is_none_or(|status| status.ends_with('n')),
        (Side::Old | Side::New, before) => now == *before,
    };
    (!fine).then(|| format!("the system package is {now:?}, and was {:?}", deed.dependencies.package))
}

/// What one step left for the next, and places without anything in them.
fn left_over(host: &Host) -> Vec<String> {
    let mut wrong = Vec::new();
    let place = kept_place(host);
    let all = names(&place).into_iter().map(|name| place.join(name)).chain([environment(host).path().to_owned()]);
    for folder in all {
        if folder.join(".refit-work").exists() || folder.to_string_lossy().ends_with(".leaving") {
            wrong.push(format!("stray: work in {}", folder.display()));
        }
    }
    if place.exists() && names(&place).is_empty() {
        wrong.push(format!("stray: {} is empty", place.display()));
    }
    wrong.extend(host.data().join("refit/preview").exists().then(|| "stray: preview".to_owned()));
    wrong
}

/// What the status says of the environment is what it is. It may be looking still.
pub fn shown(host: &Host, deed: &Deed, side: Side, daemon: &mut Daemon) -> Option<String> {
    let broken = side == Side::Old && deed.kind.is_without_interpreter();
    let wanted = if broken { "interpreter_gone" } else { "sound" };
    let (packages, previous) = (environment(host).installed().len(), names(&kept_place(host)).len());
    let mut last = Value::Null;
    let same = try_wait(Duration::from_secs(20), || {
        last = daemon.entry(deed.kind.name())["refit"]["environment"].clone();
        let all = last["previous"].as_array().is_some_and(|all| all.len() == previous);
        (last["state"] == wanted && all && (broken || last["packages"] == packages)).then_some(())
    });
    same.is_none().then(|| format!("the environment is {wanted} with {packages} packages, and the status says {last}"))
}

/// After an upgrade: back to the version before it, without anybody to ask.
pub fn rollback_works(host: &Host, deed: &Deed, daemon: &mut Daemon) -> Result<(), String> {
    let Some(needs) = &host.needs else { return Ok(()) };
    let route = host.remote.route();
    host.server.set_fault(&route, refit_testkit::git_http::Fault::Reset { after: 0 });
    needs.go_down();
    let reply = daemon.ask("machine.update.rollback", json!({"name": NAME}));
    needs.come_back();
    host.server.heal(&route);
    if !is_ok(&reply) {
        return Err(format!("the rollback afterwards fails: {reply:?}"));
    }
    let mut wrong = Vec::new();
    let head = host.app().rev("HEAD");
    if head != deed.old_head {
        wrong.push(format!("HEAD is {head}"));
    }
    let venv = environment(host);
    let digest = venv.digest();
    if digest != deed.dependencies.old {
        wrong.push(format!("the environment is not the old one: {:?}", venv.installed()));
    }
    wrong.extend(works(host, &venv, digest));
    let kept: Vec<String> = kept(host).into_values().collect();
    if kept.len() != 1 || !deed.dependencies.new.contains(&kept[0]) {
        wrong.push(format!("kept environments: {kept:?}"));
    }
    wrong.extend(left_over(host));
    wrong.extend(strays(host));
    if wrong.is_empty() { Ok(()) } else { Err(format!("after a rollback:\n  {}", wrong.join("\n  "))) }
}

/// What may come of a deed, as plain pip makes it in the same place; where pip alone does not tell, as it came of the
/// undisturbed deed, in which it is looked at more closely.
pub fn expected(host: &Host, kind: Kind) -> Vec<String> {
    let Some(needs) = &host.needs else { return Vec::new() };
    let venv = environment(host);
    match kind {
        Kind::DepsUpgrade | Kind::DepsInPlace => {
            let file = host.checkout(&host.versions[1]).path().join(super::REQUIREMENTS);
            let said = venv.pip_install(&needs.index, &["-r", &file.display().to_string()]);
            said.unwrap_or_else(|why| panic!("{why}"));
            vec![venv.digest()]
        }
        Kind::PythonUpgrade => {
            venv.pip_install(&needs.index, &["tool==2.0"]).unwrap_or_else(|why| panic!("{why}"));
            vec![venv.digest()]
        }
        Kind::DepsRollback => kept(host).into_values().collect(),
        _ => Vec::new(),
    }
}

/// Before the undisturbed deed: what it does is counted.
pub fn watch(host: &Host) {
    if let Some(needs) = &host.needs {
        deaths::count(host);
        needs.index.forget();
    }
}

/// After the undisturbed deed: what was counted, and which environment came of it, where nobody else could tell before.
pub fn came_of(host: &Host, deed: &Deed) -> Dependencies {
    let mut dependencies = deed.dependencies.clone();
    let Some(needs) = &host.needs else { return dependencies };
    dependencies.changes = deaths::take_back(host);
    for asked in needs.index.requests() {
        if !dependencies.requests.contains(&asked.path) {
            dependencies.requests.push(asked.path);
        }
    }
    let venv = environment(host);
    if dependencies.new.is_empty() {
        let now = venv.installed();
        let mut want = deed.dependencies.installed.clone();
        if deed.kind == Kind::DepsRollbackExact {
            want.insert("tool".to_owned(), "1.0".to_owned());
            want.remove("extra");
        }
        assert_eq!(now, want, "{:?} undisturbed", deed.kind);
        dependencies.new.push(venv.digest());
    }
    dependencies
}
