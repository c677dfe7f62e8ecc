//! Packages as npm packs them, and projects that need them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::tar::TarGz;

/// Requirements by name.
pub(super) type Dependencies = BTreeMap<String, String>;

/// A package that is put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) dependencies: Dependencies,
    scripts: BTreeMap<String, String>,
    pub(super) programs: BTreeMap<String, String>,
    files: Vec<(String, Vec<u8>)>,
}

/// What a package is downloaded as.
#[derive(Clone, Debug)]
pub(super) struct Tarball {
    pub(super) bytes: Vec<u8>,
    /// `sha512-` and base64.
    pub(super) integrity: String,
    /// SHA-1 in hex digits.
    pub(super) shasum: String,
}

/// What has a `package.json` and a lock file, and is no package itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) dependencies: Dependencies,
    pub(super) dev_dependencies: Dependencies,
}

impl Package {
    /// A package with an `index.js` that exports its version. `@scope/name` has a scope.
    #[must_use]
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            dependencies: Dependencies::new(),
            scripts: BTreeMap::new(),
            programs: BTreeMap::new(),
            files: vec![("index.js".to_owned(), format!("module.exports = \"{version}\";\n").into_bytes())],
        }
    }

    /// A dependency: `mesh`, `1.0.0`.
    #[must_use]
    pub fn depends(mut self, name: &str, requirement: &str) -> Self {
        self.dependencies.insert(name.to_owned(), requirement.to_owned());
        self
    }

    /// A script that npm runs: `install`, `exit 1`.
    #[must_use]
    pub fn script(mut self, event: &str, command: &str) -> Self {
        self.scripts.insert(event.to_owned(), command.to_owned());
        self
    }

    /// Its installation ends as where a native addon does not compile: with these words on stderr, and 1.
    #[must_use]
    pub fn install_fails(self, words: &str) -> Self {
        let program = format!("console.error({words:?}); process.exit(1);\n");
        self.file("install.js", program).script("install", "node install.js")
    }

    /// A program in `node_modules/.bin`, and the file that it is.
    #[must_use]
    pub fn program(mut self, name: &str, path: &str, content: &str) -> Self {
        self.programs.insert(name.to_owned(), path.to_owned());
        self.file(path, content)
    }

    /// One more file, or another content for one that is there.
    #[must_use]
    pub fn file(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.retain(|(known, _)| known != path);
        self.files.push((path.to_owned(), content.into()));
        self
    }

    /// Where the registry has its tarball.
    pub(super) fn path(&self) -> String {
        let stem = self.name.rsplit('/').next().unwrap_or_default();
        format!("/{}/-/{stem}-{}.tgz", self.name, self.version)
    }

    pub(super) fn has_install_script(&self) -> bool {
        ["preinstall", "install", "postinstall"].iter().any(|event| self.scripts.contains_key(*event))
    }

    /// Its `package.json`, which the registry repeats.
    pub(super) fn manifest(&self) -> Value {
        let mut manifest = json!({
            "name": self.name,
            "version": self.version,
            "main": "index.js",
            "dependencies": self.dependencies,
            "scripts": self.scripts,
            "bin": self.programs,
        });
        if self.has_install_script() {
            manifest["hasInstallScript"] = true.into();
        }
        manifest
    }

    pub(super) fn tarball(&self) -> Tarball {
        let manifest = format!("{:#}\n", self.manifest());
        let mut tar = TarGz::default().file("package/package.json", 0o644, manifest.as_bytes());
        for (path, bytes) in &self.files {
            let mode = if self.programs.values().any(|program| program == path) { 0o755 } else { 0o644 };
            tar = tar.file(&format!("package/{path}"), mode, bytes);
        }
        let bytes = tar.build();
        let sha512 = ring::digest::digest(&ring::digest::SHA512, &bytes);
        let sha1 = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, &bytes);
        Tarball {
            integrity: format!("sha512-{}", data_encoding::BASE64.encode(sha512.as_ref())),
            shasum: data_encoding::HEXLOWER.encode(sha1.as_ref()),
            bytes,
        }
    }
}

impl Project {
    /// A project that needs nothing.
    #[must_use]
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            dependencies: Dependencies::new(),
            dev_dependencies: Dependencies::new(),
        }
    }

    /// Something it needs: `mesh`, `1.0.0`.
    #[must_use]
    pub fn depends(mut self, name: &str, requirement: &str) -> Self {
        self.dependencies.insert(name.to_owned(), requirement.to_owned());
        self
    }

    /// Something that only its developers need, which `--omit=dev` leaves out.
    #[must_use]
    pub fn dev_depends(mut self, name: &str, requirement: &str) -> Self {
        self.dev_dependencies.insert(name.to_owned(), requirement.to_owned());
        self
    }

    pub(super) fn manifest(&self) -> Value {
        json!({
            "name": self.name,
            "version": self.version,
            "dependencies": self.dependencies,
            "devDependencies": self.dev_dependencies,
        })
    }
}
