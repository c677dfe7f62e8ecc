//! Python distributions made on the spot: real wheels and real sdists that any pip installs, and sdists that take their
//! time or do not build.
//!
//! A wheel is as the binary distribution format has it (PEP 427, core metadata 2.1), with a RECORD whose hashes are
//! right. An sdist brings its own build backend along (PEP 517, `backend-path`), so that building it needs nothing from
//! anywhere. Both are the same bytes each time they are built. Refuses what no index would take: it checks nothing.
//!
//! ```
//! use refit_testkit::wheels::Wheel;
//! let wheel = Wheel::new("My.Tool", "1.2.0").requires("other>=2").console_script("tool", "my_tool:main").build();
//! assert_eq!(wheel.file_name, "my_tool-1.2.0-py3-none-any.whl");
//! ```

mod sdist;

pub use sdist::{Pace, Sdist};

use std::path::{Path, PathBuf};

use crate::releases::sha256_hex;
use crate::zip::ZipBuilder;

/// A file that an index holds or that pip installs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distribution {
    /// The project's name as its author writes it.
    pub name: String,
    /// The version as its author writes it.
    pub version: String,
    /// The file's name.
    pub file_name: String,
    /// The file.
    pub bytes: Vec<u8>,
    /// `Requires-Python`.
    pub requires_python: Option<String>,
    /// METADATA, of a wheel.
    pub metadata: Option<String>,
}

/// A wheel that is put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wheel {
    name: String,
    version: String,
    tag: String,
    build: Option<String>,
    requires_python: Option<String>,
    headers: Vec<(String, String)>,
    modules: Vec<(String, Vec<u8>)>,
    scripts: Vec<(String, String)>,
    dist_info: Vec<(String, Vec<u8>)>,
    data: Vec<(String, Vec<u8>)>,
}

impl Distribution {
    /// The SHA-256 of the file in small hex digits.
    pub fn sha256(&self) -> String {
        sha256_hex(&self.bytes)
    }

    /// `name==version --hash=sha256:…`, as requirements files have it.
    pub fn hashed_requirement(&self) -> String {
        format!("{}=={} --hash=sha256:{}", self.name, self.version, self.sha256())
    }

    /// Writes the file into a folder. Answers its path.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write_to(&self, folder: &Path) -> PathBuf {
        let path = folder.join(&self.file_name);
        std::fs::write(&path, &self.bytes).unwrap_or_else(|e| panic!("cannot write {path:?}: {e}"));
        path
    }
}

impl Wheel {
    /// A wheel for every Python 3. Until it is given [modules](Self::module), it has a package of its name with
    /// `__version__`, and a `main()` that prints name and version.
    #[must_use]
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            tag: "py3-none-any".to_owned(),
            build: None,
            requires_python: None,
            headers: Vec::new(),
            modules: Vec::new(),
            scripts: Vec::new(),
            dist_info: Vec::new(),
            data: Vec::new(),
        }
    }

    /// A requirement as in `Requires-Dist`, with its marker.
    #[must_use]
    pub fn requires(self, requirement: &str) -> Self {
        self.header("Requires-Dist", requirement)
    }

    /// An extra and what it requires, without markers of their own.
    #[must_use]
    pub fn extra(mut self, extra: &str, requirements: &[&str]) -> Self {
        self = self.header("Provides-Extra", extra);
        for requirement in requirements {
            self = self.requires(&format!("{requirement} ; extra == '{extra}'"));
        }
        self
    }

    /// `Requires-Python`, as `>=3.8`.
    #[must_use]
    pub fn requires_python(mut self, specifier: &str) -> Self {
        self.requires_python = Some(specifier.to_owned());
        self
    }

    /// A header of METADATA: `Summary`, `Home-page`, or `Project-URL` with `Changelog, https://…`.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A file that comes to lie in `site-packages`: `name/__init__.py`.
    #[must_use]
    pub fn module(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.modules.push((path.to_owned(), content.into()));
        self
    }

    /// A program in `bin` that calls a function: `tool`, `package.module:function`.
    #[must_use]
    pub fn console_script(mut self, script: &str, function: &str) -> Self {
        self.scripts.push((script.to_owned(), function.to_owned()));
        self
    }

    /// Another tag than `py3-none-any`: `cp311-cp311-linux_x86_64`.
    #[must_use]
    pub fn tag(mut self, tag: &str) -> Self {
        self.tag = tag.to_owned();
        self
    }

    /// The build tag, which begins with a digit: of two wheels that are the same otherwise, the higher is taken.
    #[must_use]
    pub fn build_tag(mut self, build: &str) -> Self {
        self.build = Some(build.to_owned());
        self
    }

    /// A file in the distribution's `.dist-info`: `release_info.json`.
    #[must_use]
    pub fn dist_info(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.dist_info.push((path.to_owned(), content.into()));
        self
    }

    /// A file that comes to lie below the environment's own folder: `share/name/page.html`.
    #[must_use]
    pub fn data(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.data.push((path.to_owned(), content.into()));
        self
    }

    /// The wheel.
    #[must_use]
    pub fn build(&self) -> Distribution {
        let files = self.files();
        let zip = files.iter().fold(ZipBuilder::new(), |zip, (path, bytes)| zip.file(path, bytes));
        Distribution {
            name: self.name.clone(),
            version: self.version.clone(),
            file_name: self.file_name(),
            bytes: zip.build(),
            requires_python: self.requires_python.clone(),
            metadata: Some(self.metadata()),
        }
    }

    /// The import name and the stem of file names: small letters, one `_` for any run of `-`, `_` and `.`.
    fn stem(&self) -> String {
        normalized(&self.name).replace('-', "_")
    }

    fn file_name(&self) -> String {
        let build = self.build.as_ref().map(|build| format!("-{build}")).unwrap_or_default();
        format!("{}-{}{build}-{}.whl", self.stem(), self.version, self.tag)
    }

    fn metadata(&self) -> String {
        let mut text = format!("Metadata-Version: 2.1\nName: {}\nVersion: {}\n", self.name, self.version);
        if let Some(specifier) = &self.requires_python {
            text.push_str(&format!("Requires-Python: {specifier}\n"));
        }
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\n"));
        }
        text
    }

    /// Every file of the wheel by its path, RECORD last.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let (stem, info) = (self.stem(), format!("{}-{}.dist-info", self.stem(), self.version));
        let mut files = self.modules.clone();
        if files.is_empty() {
            let (name, version) = (&self.name, &self.version);
            let module = format!("__version__ = \"{version}\"\n\n\ndef main():\n    print(\"{name}\", __version__)\n");
            files.push((format!("{stem}/__init__.py"), module.into_bytes()));
        }
        let below = |folder: String, inside: &[(String, Vec<u8>)]| {
            inside.iter().map(|(path, bytes)| (format!("{folder}/{path}"), bytes.clone())).collect::<Vec<_>>()
        };
        files.extend(below(format!("{stem}-{}.data/data", self.version), &self.data));
        files.push((format!("{info}/METADATA"), self.metadata().into_bytes()));
        files.push((format!("{info}/WHEEL"), self.wheel_file().into_bytes()));
        if !self.scripts.is_empty() {
            let lines = self.scripts.iter().map(|(script, function)| format!("{script} = {function}\n"));
            let text = format!("[console_scripts]\n{}", lines.collect::<String>());
            files.push((format!("{info}/entry_points.txt"), text.into_bytes()));
        }
        files.extend(below(info.clone(), &self.dist_info));
        let record = record(&files, &format!("{info}/RECORD"));
        files.push((format!("{info}/RECORD"), record.into_bytes()));
        files
    }

    fn wheel_file(&self) -> String {
        let mut text = "Wheel-Version: 1.0\nGenerator: refit-testkit\n".to_owned();
        let is_pure = self.tag.ends_with("-none-any");
        text.push_str(&format!("Root-Is-Purelib: {is_pure}\n"));
        if let Some(build) = &self.build {
            text.push_str(&format!("Build: {build}\n"));
        }
        // A tag of a file's name may stand for several: every combination has a line of its own.
        let parts: Vec<Vec<&str>> = self.tag.split('-').map(|part| part.split('.').collect()).collect();
        if let [pythons, abis, platforms] = &parts[..] {
            for (python, abi) in pythons.iter().flat_map(|python| abis.iter().map(move |abi| (python, abi))) {
                for platform in platforms {
                    text.push_str(&format!("Tag: {python}-{abi}-{platform}\n"));
                }
            }
        }
        text
    }
}

/// A project's name as indexes compare it (PEP 503): small letters, one `-` for any run of `-`, `_` and `.`.
pub fn normalized(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for letter in name.chars() {
        if !matches!(letter, '-' | '_' | '.') {
            out.extend(letter.to_lowercase());
        } else if !out.ends_with('-') {
            out.push('-');
        }
    }
    out
}

/// A line for each file and one for itself.
fn record(files: &[(String, Vec<u8>)], own: &str) -> String {
    let line = |(path, bytes): &(String, Vec<u8>)| {
        let hash = ring::digest::digest(&ring::digest::SHA256, bytes);
        format!("{path},sha256={},{}\n", data_encoding::BASE64URL_NOPAD.encode(hash.as_ref()), bytes.len())
    };
    files.iter().map(line).chain([format!("{own},,\n")]).collect()
}

#[cfg(test)]
mod tests;
