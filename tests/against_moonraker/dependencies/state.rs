//! One state of software with dependencies: the files of the version that is there and of the one that is published, and
//! what is installed.

use std::path::{Path, PathBuf};
use std::process::Command;

use refit_testkit::venv::Venv;
use serde_json::{Value, json};

use crate::releases::Call;

pub const REQUIREMENTS: &str = "requirements.txt";
pub const SYSTEM: &str = "system.json";
pub const LOCK: &str = "package-lock.json";

/// The types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Git,
    Zip,
    /// An application in its environment, which has no folder of its own.
    Python,
}

/// What is built and configured under one name.
pub struct State {
    pub name: &'static str,
    pub kind: Kind,
    /// By path: what it holds before and after the update. Of [`LOCK`] the version that it names.
    pub files: Vec<(&'static str, [String; 2])>,
    /// Names and versions in the environment, which is there when the software has requirements.
    pub packages: Vec<(&'static str, &'static str)>,
    pub calls: &'static [Call],
}

impl State {
    pub fn git(name: &'static str) -> Self {
        Self::of(Kind::Git, name)
    }

    pub fn zip(name: &'static str) -> Self {
        Self::of(Kind::Zip, name)
    }

    /// A Python application in the version `1.0.0`.
    pub fn python(name: &'static str) -> Self {
        Self::of(Kind::Python, name).installed(name, "1.0.0")
    }

    fn of(kind: Kind, name: &'static str) -> Self {
        let own = ("app.py", ["print(1)\n".to_owned(), "print(2)\n".to_owned()]);
        Self { name, kind, files: vec![own], packages: Vec::new(), calls: &[] }
    }

    /// With this file in both versions.
    pub fn file(mut self, path: &'static str, before: &str, after: &str) -> Self {
        self.files.push((path, [before.to_owned(), after.to_owned()]));
        self
    }

    /// With this in its environment.
    pub fn installed(mut self, name: &'static str, version: &'static str) -> Self {
        self.packages.push((name, version));
        self
    }

    /// With this asked of it.
    pub fn asks(mut self, calls: &'static [Call]) -> Self {
        self.calls = calls;
        self
    }

    fn has(&self, path: &str) -> bool {
        self.files.iter().any(|(known, _)| *known == path)
    }

    pub fn has_environment(&self) -> bool {
        self.kind == Kind::Python || self.has(REQUIREMENTS)
    }

    /// Its folder below `root`.
    pub fn path(&self, root: &Path) -> PathBuf {
        root.join("work").join(self.name)
    }

    /// Its environment below `root`.
    pub fn environment(&self, root: &Path) -> PathBuf {
        root.join("work").join(format!("{}-env", self.name))
    }

    /// Its section. `remotes` is where its remote is.
    pub fn section(&self, root: &Path, remotes: &Path) -> String {
        let (name, path, remotes) = (self.name, self.path(root).display().to_string(), remotes.display());
        let kind = match self.kind {
            Kind::Git => format!("type: git_repo\norigin: file://{remotes}/lab/{name}.git\npath: {path}"),
            Kind::Zip => format!("type: zip\nrepo: own/{name}\npath: {path}"),
            Kind::Python => "type: python".to_owned(),
        };
        let mut lines = vec![kind, "is_system_service: False".to_owned()];
        if self.has_environment() {
            lines.push(format!("virtualenv: {}", self.environment(root).display()));
        }
        if self.has(REQUIREMENTS) {
            lines.push(format!("requirements: {REQUIREMENTS}"));
        }
        if self.has(LOCK) {
            lines.push("enable_node_updates: True".to_owned());
        }
        if self.has(SYSTEM) {
            lines.push(format!("system_dependencies: {SYSTEM}"));
        }
        format!("[update_manager {name}]\n{}\n\n", lines.join("\n"))
    }

    /// What there is of it: which version, which packages.
    pub fn look(&self, root: &Path) -> Value {
        let path = self.path(root);
        let text = |file: &str| std::fs::read_to_string(path.join(file)).ok();
        let mesh = text("node_modules/mesh/package.json").and_then(|text| serde_json::from_str(&text).ok());
        let mesh: Value = mesh.unwrap_or_default();
        let status = Command::new("git").arg("-C").arg(&path).args(["status", "--porcelain"]).output();
        let environment = self.environment(root);
        json!({
            "app": text("app.py"),
            "packages": environment.exists().then(|| Venv::at(root, &environment).installed()),
            "mesh": mesh["version"],
            "status": status.ok().map(|out| String::from_utf8_lossy(&out.stdout).into_owned()),
        })
    }
}
