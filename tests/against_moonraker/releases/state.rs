//! One state of one updater of releases: its section, the folder it is to find, and what its project has published.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use refit_testkit::releases::{Asset, Release, ReleaseHost, Rule};
use refit_testkit::zip::ZipBuilder;

/// The three types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Web,
    Zip,
    Executable,
}

/// The file of an executable.
pub const TOOL: &str = "tool";

/// What is built, published and configured under one name.
pub struct State {
    pub name: &'static str,
    kind: Kind,
    owner: &'static str,
    repo: &'static str,
    /// What the folder is called below the root; a state can look into the folder of another.
    folder: String,
    options: String,
    files: Vec<(String, Vec<u8>, u32)>,
    links: Vec<(String, String)>,
    releases: Vec<Release>,
    faults: Vec<Rule>,
}

impl State {
    /// An updater of this name, an empty folder, nothing published, no service.
    fn new(kind: Kind, name: &'static str) -> Self {
        let options = if kind == Kind::Web { "" } else { "is_system_service: False\n" };
        Self {
            name,
            kind,
            owner: "own",
            repo: name,
            folder: format!("work/{name}"),
            options: options.to_owned(),
            files: Vec::new(),
            links: Vec::new(),
            releases: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// A front end, with `v1.0.0` and `v2.0.0` published and nothing installed.
    pub fn web(name: &'static str) -> Self {
        Self::new(Kind::Web, name).published(&["v1.0.0", "v2.0.0"])
    }

    /// A zip application likewise.
    pub fn zip(name: &'static str) -> Self {
        Self::new(Kind::Zip, name).published(&["v1.0.0", "v2.0.0"])
    }

    /// An executable likewise.
    pub fn executable(name: &'static str) -> Self {
        Self::new(Kind::Executable, name).published(&["v1.0.0", "v2.0.0"])
    }

    /// With this version installed, as its release ships it.
    pub fn installed(self, version: &str) -> Self {
        let (owner, repo) = (self.owner, self.repo);
        let asset = if self.kind == Kind::Executable { Some(TOOL) } else { None };
        let state = self.info(&info(owner, repo, version, asset));
        if state.kind == Kind::Executable {
            return state.file(TOOL, program(repo, version)).mode(0o755);
        }
        let files = shipped(version).into_iter();
        files.fold(state, |state, (path, content, mode)| state.file(path, content).mode(mode))
    }

    /// With this `release_info.json`.
    pub fn info(self, text: &str) -> Self {
        self.without("release_info.json").file("release_info.json", text)
    }

    /// With this file in its folder, mode 644.
    pub fn file(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.push((path.to_owned(), content.into(), 0o644));
        self
    }

    /// The last file has this mode.
    pub fn mode(mut self, mode: u32) -> Self {
        if let Some((_, _, last)) = self.files.last_mut() {
            *last = mode;
        }
        self
    }

    /// Without this file.
    pub fn without(mut self, path: &str) -> Self {
        self.files.retain(|(known, _, _)| known != path);
        self
    }

    /// With a link in place of the folder, to that of another state.
    pub fn link_to(mut self, other: &str) -> Self {
        self.links.push((format!("work/{other}-real"), self.folder.clone()));
        self.folder = format!("work/{other}-real");
        self
    }

    /// In another folder than the one of its name.
    pub fn folder(mut self, folder: &str) -> Self {
        self.folder = format!("work/{folder}");
        self
    }

    /// With these lines in its section.
    pub fn options(mut self, lines: &str) -> Self {
        self.options.push_str(lines);
        self.options.push('\n');
        self
    }

    /// Releases of this project instead.
    pub fn of(mut self, owner: &'static str, repo: &'static str) -> Self {
        (self.owner, self.repo) = (owner, repo);
        let tags: Vec<String> = self.releases.iter().map(|release| release.tag.clone()).collect();
        let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
        self.published(&tags)
    }

    /// With these releases and no others, each as it should be.
    pub fn published(mut self, tags: &[&str]) -> Self {
        self.releases = tags.iter().map(|tag| self.honest(tag)).collect();
        self
    }

    /// With this release in the place of the newest.
    pub fn newest(mut self, release: Release) -> Self {
        self.releases.pop();
        self.releases.push(release);
        self
    }

    /// With this release in the place of the oldest.
    pub fn oldest(mut self, release: Release) -> Self {
        self.releases[0] = release;
        self
    }

    /// The newest release changed.
    pub fn changed(mut self, change: impl FnOnce(Release) -> Release) -> Self {
        let newest = self.releases.pop().expect("a state has releases to change");
        self.releases.push(change(newest));
        self
    }

    /// The newest release has this file, and nothing else.
    pub fn ships(self, bytes: impl Into<Vec<u8>>) -> Self {
        let name = self.asset_name();
        self.newest(Release::new("v2.0.0").file(&name, bytes))
    }

    /// The newest release is this archive.
    pub fn ships_zip(self, fill: impl FnOnce(ZipBuilder, &str) -> ZipBuilder) -> Self {
        let info = info(self.owner, self.repo, "v2.0.0", None);
        self.ships(fill(ZipBuilder::new(), &info).build())
    }

    /// Requests of its releases or downloads meet this.
    pub fn fault(mut self, rule: Rule) -> Self {
        self.faults.push(rule);
        self
    }

    fn asset_name(&self) -> String {
        match self.kind {
            Kind::Executable => TOOL.to_owned(),
            Kind::Web | Kind::Zip => format!("{}.zip", self.repo),
        }
    }

    fn honest(&self, tag: &str) -> Release {
        let release = Release::new(tag);
        match self.kind {
            Kind::Executable => release.asset(Asset::new(TOOL, program(self.repo, tag))),
            Kind::Web | Kind::Zip => {
                release.file(&self.asset_name(), app(&info(self.owner, self.repo, tag, None), tag))
            }
        }
    }

    /// Its section, with its folder below `root`.
    pub fn section(&self, root: &Path) -> String {
        let kind = match self.kind {
            Kind::Web => "web",
            Kind::Zip => "zip",
            Kind::Executable => "executable",
        };
        let linked = self.links.first().map(|(_, at)| at);
        let path = root.join(linked.unwrap_or(&self.folder));
        let Self { name, owner, repo, options, .. } = self;
        format!("[update_manager {name}]\ntype: {kind}\nrepo: {owner}/{repo}\npath: {}\n{options}\n", path.display())
    }

    /// Makes its folder below `root`.
    pub fn build(&self, root: &Path) {
        let folder = self.path(root);
        let is_file = self.files.first().is_some_and(|(path, _, _)| path.is_empty());
        if !is_file {
            fs::create_dir_all(&folder).expect("a folder can be made");
        }
        for (path, content, mode) in &self.files {
            let path = if is_file { folder.clone() } else { folder.join(path) };
            fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder can be made");
            fs::write(&path, content).unwrap_or_else(|e| panic!("cannot write {path:?}: {e}"));
            fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).expect("a mode can be set");
        }
        for (to, at) in &self.links {
            std::os::unix::fs::symlink(root.join(to), root.join(at)).expect("a link can be made");
        }
    }

    /// Its folder below `root`, links resolved.
    pub fn path(&self, root: &Path) -> std::path::PathBuf {
        root.join(&self.folder)
    }

    /// Publishes its releases, and has its requests meet its faults.
    pub fn publish(&self, host: &ReleaseHost) {
        if self.releases.is_empty() {
            // The project is there all the same.
            host.publish(self.owner, self.repo, Release::new("v0.0.1"));
            host.clear(self.owner, self.repo);
        }
        for release in &self.releases {
            host.publish(self.owner, self.repo, release.clone());
        }
        for fault in &self.faults {
            host.fault(fault.clone());
        }
    }
}

/// A `release_info.json`.
pub fn info(owner: &str, repo: &str, version: &str, asset: Option<&str>) -> String {
    let mut info = serde_json::json!({"project_name": repo, "project_owner": owner, "version": version});
    if let Some(asset) = asset {
        info["asset_name"] = asset.into();
    }
    info.to_string()
}

/// What every release of this version ships beside who it is: a page, a folder, a program.
fn shipped(version: &str) -> [(&'static str, Vec<u8>, u32); 4] {
    [
        ("index.html", format!("<html>{version}</html>").into_bytes(), 0o644),
        (".version", version.as_bytes().to_vec(), 0o644),
        ("assets/app.js", version.as_bytes().to_vec(), 0o644),
        ("run.sh", script(version), 0o755),
    ]
}

/// The archive of a release.
pub fn app(info: &str, version: &str) -> Vec<u8> {
    let archive = ZipBuilder::new().file("release_info.json", info).folder("assets");
    let files = shipped(version).into_iter();
    files.fold(archive, |archive, (path, content, mode)| archive.file(path, content).mode(mode)).build()
}

/// The executable of a project: no two are the same.
pub fn program(repo: &str, version: &str) -> Vec<u8> {
    [script(version), format!("# {repo}\n").into_bytes()].concat()
}

/// A program that says its version.
fn script(version: &str) -> Vec<u8> {
    format!("#!/bin/sh\necho {version}\n").into_bytes()
}
