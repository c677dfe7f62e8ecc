//! What is published and installed of software that ships as releases: a web front end, a zip application and an
//! executable, each in two versions; and the folders that may come of a deed, put together without Refit.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use refit_testkit::releases::{Asset, Release, ReleaseHost, executable, release_info};
use refit_testkit::tree::Tree;
use refit_testkit::zip::ZipBuilder;

use crate::deeds::{Kind, Treasure};
use crate::host::Host;

/// Who publishes them.
pub const OWNER: &str = "lab";
/// The updaters, which are named as their projects are.
pub const PROJECTS: [&str; 3] = ["web", "zip", "tool"];
/// The two versions, by their tags.
pub const VERSIONS: [&str; 2] = ["v1", "v2"];
/// The folder in front ends and applications whose files are the owner's for ever.
pub const PERSISTENT: &str = "data/settings";
/// Refit's own list in a folder; one that another updater installed has none.
pub const RECORD: &str = ".refit-release.json";
/// What a folder says of itself.
pub const INFO: &str = "release_info.json";

/// What stands at a path.
#[derive(Clone, Debug)]
pub enum Item {
    File(Vec<u8>),
    Script(Vec<u8>),
    Link(&'static str),
}

/// The files of a version or of a folder, by path.
pub type Files = BTreeMap<String, Item>;

/// Publishes both versions of all of them.
pub fn publish(forge: &ReleaseHost) {
    for version in VERSIONS {
        for project in ["web", "zip"] {
            let zip = pack(&version_of(project, version));
            forge.publish(OWNER, project, Release::new(version).file(&format!("{project}.zip"), zip));
        }
        let program = Asset::new("tool", executable(version));
        forge.publish(OWNER, "tool", Release::new(version).asset(program));
    }
}

/// Installs the first version as another updater does: the files, and no list.
pub fn install(software: &Path) {
    for project in PROJECTS {
        lay(&software.join(project), &version_of(project, "v1"));
    }
}

/// The sections of the configuration.
pub fn sections(software: &Path) -> String {
    let section = |project: &str| {
        let kind = if project == "tool" { "executable" } else { project };
        let persistent =
            if project == "tool" { String::new() } else { format!("persistent_files:\n    {PERSISTENT}\n") };
        let path = software.join(project);
        format!(
            "\n[update_manager {project}]\ntype: {kind}\nrepo: {OWNER}/{project}\npath: {}\n{persistent}",
            path.display()
        )
    };
    PROJECTS.map(section).concat()
}

/// What a version ships: between the two, contents, a mode and a link change, files come and go, a folder becomes a file
/// and a file a folder.
pub fn version_of(project: &str, version: &str) -> Files {
    let file = |text: &str| Item::File(text.as_bytes().to_vec());
    let mut files = Files::new();
    let mut put = |path: &str, item: Item| drop(files.insert(path.to_owned(), item));
    if project == "tool" {
        put("tool", Item::Script(executable(version)));
        put(INFO, Item::File(release_info(OWNER, project, version, "tool")));
        return files;
    }
    put(INFO, Item::File(release_info(OWNER, project, version, &format!("{project}.zip"))));
    for part in 0..12 {
        put(&format!("parts/{part}.js"), file(&format!("part {part} of every version\n").repeat(40)));
    }
    let loads = if version == "v1" { "old.js" } else { "new/n.js" };
    put("index.html", file(&format!("<p>{version}</p><script src=\"{loads}\"></script>\n")));
    put("config.json", file(&format!("shipped with {version}\n")));
    put(&format!("{PERSISTENT}/user.json"), file(&format!("shipped with {version}\n")));
    if version == "v1" {
        put("old.js", file("only in the first\n"));
        put("gone/deep.js", file("only in the first\n"));
        put("run.sh", file("#!/bin/sh\n"));
        put("link", Item::Link("parts/0.js"));
        put("swap", file("becomes a folder\n"));
        put("dir/x.js", file("becomes a file\n"));
    } else {
        put("new/n.js", file("only in the second\n"));
        put("run.sh", Item::Script(b"#!/bin/sh\n".to_vec()));
        put("link", Item::Link("parts/1.js"));
        put("swap/y.js", file("was a file\n"));
        put("dir", file("was a folder\n"));
    }
    files
}

/// What the folder must hold after a deed: the version, the owner's persistent files and the owner's own; of a front end
/// also what only the version before shipped, for pages that are open.
pub fn wanted(kind: Kind, from: &str, to: &str, treasures: &[Treasure]) -> Files {
    let project = kind.name();
    let coming = version_of(project, to);
    let mut files = coming.clone();
    if kind.lingers() {
        let before = version_of(project, from).into_iter();
        files.extend(before.filter(|(path, _)| !is_taken(&coming, path)));
    }
    for (path, content) in treasures {
        if path.starts_with(PERSISTENT) || !is_taken(&coming, path) {
            files.insert((*path).to_owned(), Item::File(content.clone().into_bytes()));
        }
    }
    files
}

/// Where a version has something of that name, or a file where a folder would be.
fn is_taken(coming: &Files, path: &str) -> bool {
    let below = format!("{path}/");
    Path::new(path).ancestors().any(|above| coming.contains_key(above.to_str().unwrap_or_default()))
        || coming.keys().any(|new| new.starts_with(&below))
}

/// The owner's files that no version has anything to do with.
pub const UNTOUCHED: [&str; 2] = ["mine.cfg", "parts/own.log"];

/// The tree of these files.
pub fn tree_of(host: &Host, files: &Files) -> Tree {
    let scene = host.beside("wanted");
    let _ = fs::remove_dir_all(&scene);
    lay(&scene, files);
    Tree::whole(&scene)
}

/// What the folder says its version is; empty when it says nothing.
pub fn told_version(folder: &Path) -> String {
    let info: serde_json::Value =
        fs::read(folder.join(INFO)).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    info["version"].as_str().unwrap_or_default().to_owned()
}

/// Writes a file in place of whatever is there, without writing through to a version that shares it.
pub fn replace(path: &Path, content: &str) {
    let _ = fs::remove_file(path);
    fs::create_dir_all(path.parent().expect("a folder above")).expect("a folder");
    fs::write(path, content).expect("a file");
}

fn lay(folder: &Path, files: &Files) {
    fs::create_dir_all(folder).expect("a folder");
    for (path, item) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().expect("a folder above")).expect("a folder");
        let (bytes, mode) = match item {
            Item::File(bytes) => (bytes, 0o644),
            Item::Script(bytes) => (bytes, 0o755),
            Item::Link(target) => {
                symlink(target, path).expect("a link");
                continue;
            }
        };
        fs::write(&path, bytes).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
    }
}

fn pack(files: &Files) -> Vec<u8> {
    let add = |zip: ZipBuilder, (path, item): (&String, &Item)| match item {
        Item::File(bytes) => zip.file(path, bytes),
        Item::Script(bytes) => zip.file(path, bytes).mode(0o755),
        Item::Link(target) => zip.symlink(path, target),
    };
    files.iter().fold(ZipBuilder::new(), add).build()
}
