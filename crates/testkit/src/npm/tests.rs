//! The real npm as the client of the pretend registry.

use super::*;
use crate::loopback::Fault;
use crate::rpc::Http;
use crate::scratch::scratch;

fn npm(home: &Path) -> Option<Npm> {
    Npm::find(home).inspect_err(|missing| eprintln!("skipped: {missing}")).ok()
}

fn registry() -> Registry {
    let registry = Registry::start();
    registry.publish(&Package::new("@lab/mesh", "1.0.0").depends("matrix", "^2.0.0"));
    registry.publish(&Package::new("matrix", "2.0.0"));
    registry.publish(&Package::new("matrix", "2.1.0").program(
        "show",
        "show.js",
        "#!/usr/bin/env node\nconsole.log('shown')\n",
    ));
    registry.publish(&Package::new("lint", "3.0.0"));
    registry
}

fn project() -> Project {
    Project::new("panel", "1.0.0").depends("@lab/mesh", "1.0.0").dev_depends("lint", "3.0.0")
}

#[test]
fn npm_installs_what_the_lock_file_says() {
    let (home, folder) = (scratch(), scratch());
    let Some(npm) = npm(home.path()) else { return };
    let registry = registry();
    registry.write(&project(), folder.path());
    let lock: Value = serde_json::from_str(&registry.lock(&project())).unwrap();
    assert_eq!(lock["packages"]["node_modules/lint"]["dev"], true);
    let said = npm.ci(&registry, folder.path()).unwrap_or_else(|e| panic!("{e}"));
    assert!(said.contains("added 2 packages"), "{said}");
    let modules = folder.path().join("node_modules");
    assert!(modules.join("@lab/mesh/index.js").exists() && !modules.join("lint").exists());
    let shown = std::process::Command::new(modules.join(".bin/show")).output().unwrap();
    assert_eq!(shown.stdout, b"shown\n");
    assert!(registry.sent_of("matrix/-/matrix-2.1.0.tgz") > 0 && registry.requests_of("2.0.0").is_empty());
}

#[test]
fn npm_says_what_fails() {
    let (home, folder) = (scratch(), scratch());
    let Some(npm) = npm(home.path()) else { return };
    let registry = registry();
    registry.publish(&Package::new("native", "1.0.0").install_fails("gyp ERR! not found: make"));
    registry.write(&project().depends("native", "1.0.0"), folder.path());
    let said = npm.ci(&registry, folder.path()).unwrap_err();
    assert!(said.contains("gyp ERR! not found: make") && said.contains("node install.js"), "{said}");
    registry.publish(&Package::new("matrix", "2.1.0").file("index.js", "another"));
    let said = npm.ci(&registry, folder.path()).unwrap_err();
    // The cache of the first try has the old one, by its hash.
    assert!(said.contains("gyp ERR!"), "{said}");
    let fresh = Npm::find(folder.path()).unwrap();
    let said = fresh.ci(&registry, folder.path()).unwrap_err();
    assert!(said.contains("EINTEGRITY"), "{said}");
}

#[test]
fn packuments_tell_of_every_version() {
    let registry = registry();
    let http = Http::new(registry.port());
    let told = http.get("/@lab%2fmesh").json();
    assert_eq!(told["dist-tags"]["latest"], "1.0.0");
    let tarball = told["versions"]["1.0.0"]["dist"]["tarball"].as_str().unwrap();
    assert_eq!(tarball, format!("{}/@lab/mesh/-/mesh-1.0.0.tgz", registry.url()));
    assert_eq!(http.get("/matrix").json()["versions"].as_object().unwrap().len(), 2);
    assert!(registry.remove("matrix", "2.1.0") && !registry.remove("matrix", "2.1.0"));
    assert_eq!(http.get("/matrix/-/matrix-2.1.0.tgz").status, 404);
    registry.fault(Fault::status(500).on("/matrix"));
    assert_eq!(http.get("/matrix").status, 500);
}
