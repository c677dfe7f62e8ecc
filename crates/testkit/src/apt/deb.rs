//! Debian packages, built by the real dpkg.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use super::RELEASED;
use crate::releases::sha256_hex;

/// A package that is put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deb {
    pub(super) name: String,
    pub(super) version: String,
    architecture: String,
    fields: Vec<(String, String)>,
    files: Vec<(String, Vec<u8>)>,
    conffiles: Vec<String>,
    scripts: Vec<(String, String)>,
}

impl Deb {
    /// A package for every architecture, with its version in `usr/share/NAME/version`.
    #[must_use]
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            architecture: "all".to_owned(),
            fields: Vec::new(),
            files: vec![(format!("usr/share/{name}/version"), format!("{version}\n").into_bytes())],
            conffiles: Vec::new(),
            scripts: Vec::new(),
        }
    }

    /// `Depends`: `libbar (>= 1.0), libbaz | libquux`.
    #[must_use]
    pub fn depends(self, on: &str) -> Self {
        self.field("Depends", on)
    }

    /// `Conflicts`.
    #[must_use]
    pub fn conflicts(self, with: &str) -> Self {
        self.field("Conflicts", with)
    }

    /// Another field of the control file: `Recommends`, `Section`, `Installed-Size` (in KiB).
    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// One architecture instead of all: `amd64`.
    #[must_use]
    pub fn architecture(mut self, architecture: &str) -> Self {
        self.architecture = architecture.to_owned();
        self
    }

    /// A file, by its path below the root without a slash at its start.
    #[must_use]
    pub fn file(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.push((path.to_owned(), content.into()));
        self
    }

    /// A configuration file, which dpkg asks about when its owner changed it.
    #[must_use]
    pub fn conffile(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.conffiles.push(path.to_owned());
        self.file(path, content)
    }

    /// A maintainer script (`preinst`, `postinst`, `prerm`, `postrm`) as the lines of a shell script. The system's root
    /// is `$DPKG_ROOT`.
    #[must_use]
    pub fn script(mut self, name: &str, lines: &str) -> Self {
        self.scripts.push((name.to_owned(), format!("#!/bin/sh\n{lines}\n")));
        self
    }

    /// Its configuration fails with these words on stderr, and 1.
    ///
    /// # Panics
    /// When there are single quotes in them.
    #[must_use]
    pub fn postinst_fails(self, words: &str) -> Self {
        assert!(!words.contains('\''), "the words stand in single quotes");
        self.script("postinst", &format!("echo '{words}' >&2\nexit 1"))
    }

    /// Its configuration hangs until [`AptWorld::release`](super::AptWorld::release).
    #[must_use]
    pub fn postinst_waits(self) -> Self {
        self.script("postinst", &format!("while [ ! -e \"$DPKG_ROOT/{RELEASED}\" ]; do sleep 0.02; done"))
    }

    pub(super) fn file_name(&self) -> String {
        // An epoch is no part of a file's name.
        let version = self.version.rsplit(':').next().unwrap_or_default();
        format!("{}_{version}_{}.deb", self.name, self.architecture)
    }

    pub(super) fn control(&self) -> String {
        let mut text = format!(
            "Package: {}\nVersion: {}\nArchitecture: {}\nMaintainer: Lab <lab@example.org>\n",
            self.name, self.version, self.architecture
        );
        for (name, value) in &self.fields {
            text.push_str(&format!("{name}: {value}\n"));
        }
        text.push_str(&format!("Description: {} for tests\n", self.name));
        text
    }

    /// Builds it in a folder of its own below `folder`. Answers what an index says of the file.
    pub(super) fn build(&self, folder: &Path, to: &Path) -> String {
        let tree = tempfile::TempDir::new_in(folder).expect("a temporary folder can be made");
        let put = |path: &str, bytes: &[u8], mode: u32| {
            let path = tree.path().join(path);
            let made = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, bytes));
            let made = made.and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(mode)));
            made.unwrap_or_else(|e| panic!("cannot write {path:?}: {e}"));
        };
        put("DEBIAN/control", self.control().as_bytes(), 0o644);
        for (path, bytes) in &self.files {
            put(path, bytes, 0o644);
        }
        for (name, text) in &self.scripts {
            put(&format!("DEBIAN/{name}"), text.as_bytes(), 0o755);
        }
        if !self.conffiles.is_empty() {
            let lines: String = self.conffiles.iter().map(|path| format!("/{path}\n")).collect();
            put("DEBIAN/conffiles", lines.as_bytes(), 0o644);
        }
        // A temporary folder is its owner's alone; a package's root is everybody's to read.
        let open = fs::set_permissions(tree.path(), fs::Permissions::from_mode(0o755));
        open.expect("a folder of ours can be opened");
        let mut build = Command::new("dpkg-deb");
        build.args(["-Znone", "--root-owner-group", "--build"]).arg(tree.path()).arg(to);
        build.env_clear().env("PATH", "/usr/bin:/bin").env("SOURCE_DATE_EPOCH", "1704067200");
        let output = build.output().unwrap_or_else(|e| panic!("dpkg-deb cannot be started: {e}"));
        assert!(output.status.success(), "{build:?}: {}", String::from_utf8_lossy(&output.stderr));
        let bytes = fs::read(to).unwrap_or_else(|e| panic!("cannot read {to:?}: {e}"));
        format!("Size: {}\nSHA256: {}\n", bytes.len(), sha256_hex(&bytes))
    }
}
