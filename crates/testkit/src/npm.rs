//! An npm registry on loopback, packages for it, lock files that lead to it, and the machine's npm as its client.
//!
//! The registry knows packuments and tarballs, which is all that `npm ci` and `npm install` ask for. It notes what it is
//! asked, and fails on request: see [`Loopback`]. Refuses logins, audits and uploads: a test publishes directly.
//!
//! ```no_run
//! use refit_testkit::npm::{Package, Project, Registry};
//! let registry = Registry::start();
//! registry.publish(&Package::new("mesh", "1.0.0").depends("matrix", "2.1.0"));
//! registry.publish(&Package::new("matrix", "2.1.0"));
//! let project = Project::new("panel", "1.0.0").depends("mesh", "1.0.0");
//! assert!(registry.lock(&project).contains("node_modules/matrix"));
//! ```

mod client;
mod package;

pub use client::Npm;
pub use package::{Package, Project};

use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Map, Value, json};

use crate::loopback::{Answer, Loopback, Question, lock};
use package::{Dependencies, Tarball};

/// Packages by name, each version in the order it came.
type Shelf = BTreeMap<String, Vec<Published>>;

/// The running registry. Dereferences to [`Loopback`]: `fault`, `heal`, `down`, `up`, `requests`, `forget`.
#[derive(Debug)]
pub struct Registry {
    server: Loopback,
    shelf: Arc<Mutex<Shelf>>,
}

#[derive(Clone, Debug)]
struct Published {
    package: Package,
    tarball: Tarball,
}

impl Registry {
    /// Serves nothing yet, on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// When loopback gives no port or no thread can be started.
    pub fn start() -> Self {
        let shelf = Arc::new(Mutex::new(Shelf::new()));
        let served = Arc::clone(&shelf);
        let server = Loopback::start(move |question| answer(question, &lock(&served)));
        Self { server, shelf }
    }

    /// `http://127.0.0.1:PORT`, as npm's `registry` takes it.
    pub fn url(&self) -> String {
        self.base()
    }

    /// Publishes a package. One of the same version is replaced.
    pub fn publish(&self, package: &Package) {
        let mut shelf = lock(&self.shelf);
        let versions = shelf.entry(package.name.clone()).or_default();
        versions.retain(|known| known.package.version != package.version);
        versions.push(Published { package: package.clone(), tarball: package.tarball() });
    }

    /// Takes a version away. False when there is none.
    pub fn remove(&self, name: &str, version: &str) -> bool {
        let mut shelf = lock(&self.shelf);
        let Some(versions) = shelf.get_mut(name) else { return false };
        let before = versions.len();
        versions.retain(|known| known.package.version != version);
        versions.len() < before
    }

    /// The `package-lock.json` (version 3) of a project: everything it needs, side by side, with the addresses here and
    /// the right hashes. A requirement that is a published version means that one; any other means the newest that is
    /// published.
    ///
    /// # Panics
    /// When something that is needed was not published.
    pub fn lock(&self, project: &Project) -> String {
        let mut packages = Map::new();
        packages.insert(String::new(), project.manifest());
        let shelf = lock(&self.shelf);
        self.add(&shelf, &project.dependencies, false, &mut packages);
        self.add(&shelf, &project.dev_dependencies, true, &mut packages);
        let lock = json!({
            "name": project.name,
            "version": project.version,
            "lockfileVersion": 3,
            "requires": true,
            "packages": packages,
        });
        format!("{lock:#}\n")
    }

    /// Writes `package.json` and `package-lock.json` into a folder.
    ///
    /// # Panics
    /// As [`lock`](Self::lock), and when they cannot be written.
    pub fn write(&self, project: &Project, folder: &Path) {
        let files =
            [("package.json", format!("{:#}\n", project.manifest())), ("package-lock.json", self.lock(project))];
        for (name, text) in files {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap_or_else(|e| panic!("cannot write {}: {e}", path.display()));
        }
    }

    fn add(&self, shelf: &Shelf, wanted: &Dependencies, is_dev: bool, packages: &mut Map<String, Value>) {
        for (name, requirement) in wanted {
            let place = format!("node_modules/{name}");
            if packages.contains_key(&place) {
                continue;
            }
            let versions = shelf.get(name).map(Vec::as_slice).unwrap_or_default();
            let exact = versions.iter().find(|known| known.package.version == *requirement);
            let found = exact.or(versions.last()).unwrap_or_else(|| panic!("{name} is not published"));
            let mut entry = json!({
                "version": found.package.version,
                "resolved": format!("{}{}", self.base(), found.package.path()),
                "integrity": found.tarball.integrity,
            });
            if is_dev {
                entry["dev"] = true.into();
            }
            if found.package.has_install_script() {
                entry["hasInstallScript"] = true.into();
            }
            if !found.package.dependencies.is_empty() {
                entry["dependencies"] = json!(found.package.dependencies);
            }
            if !found.package.programs.is_empty() {
                entry["bin"] = json!(found.package.programs);
            }
            packages.insert(place, entry);
            self.add(shelf, &found.package.dependencies, is_dev, packages);
        }
    }
}

impl Deref for Registry {
    type Target = Loopback;

    fn deref(&self) -> &Loopback {
        &self.server
    }
}

/// A tarball when the path is of one, else the packument of the package of that name.
fn answer(question: &Question, shelf: &Shelf) -> Answer {
    let path = question.path.join("/");
    let files = shelf.values().flatten();
    if let Some(found) = files.into_iter().find(|known| known.package.path().trim_start_matches('/') == path) {
        let mut answer = Answer::new(200, found.tarball.bytes.clone()).with("Content-Type", "application/octet-stream");
        answer.asset = Some(path);
        return answer;
    }
    match shelf.get(&path) {
        Some(versions) => Answer::json(200, &packument(&path, versions, &question.host)).tagged(question),
        None => Answer::json(404, &json!({ "error": "Not found" })),
    }
}

/// Everything about a package, as clients get it.
fn packument(name: &str, versions: &[Published], host: &str) -> Value {
    let told = |known: &Published| {
        let mut manifest = known.package.manifest();
        manifest["dist"] = json!({
            "tarball": format!("http://{host}{}", known.package.path()),
            "integrity": known.tarball.integrity,
            "shasum": known.tarball.shasum,
        });
        (known.package.version.clone(), manifest)
    };
    json!({
        "_id": name,
        "name": name,
        "dist-tags": { "latest": versions.last().map(|known| &known.package.version) },
        "versions": versions.iter().map(told).collect::<Map<_, _>>(),
    })
}

#[cfg(test)]
mod tests;
