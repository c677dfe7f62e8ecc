//! Real virtual environments of the machine's Python, with the pip that it brings along, made in no time: one is made,
//! the others are copies of it with their own paths written into them.
//!
//! Nothing of the machine leaks into what runs here: the environment is built up from nothing, pip reads no
//! configuration of the host's and asks no index but the one it is given. Refuses Pythons without `venv` and `ensurepip`.

mod template;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::index::PackageIndex;
use crate::releases::sha256_hex;
use crate::unavailable::Unavailable;
use crate::wheels::normalized;

/// An interpreter that no machine has: where a link leads after its Python was replaced by a newer one.
const GONE: &str = "/usr/bin/python3.1";

/// A virtual environment.
#[derive(Clone, Debug)]
pub struct Venv {
    path: PathBuf,
    home: PathBuf,
}

impl Venv {
    /// Makes one at `path`, which must not be there yet. What runs in it has its home in the folder `home`.
    ///
    /// # Errors
    /// When this machine's Python makes none.
    ///
    /// # Panics
    /// When it cannot be copied to that path, or the path is too long for the first line of a script.
    pub fn make(home: &Path, path: &Path) -> Result<Self, Unavailable> {
        let template = template::template()?;
        template::copy(template, path);
        Ok(Self::at(home, path))
    }

    /// The one at this path, whoever made it.
    pub fn at(home: &Path, path: &Path) -> Self {
        Self { path: path.to_owned(), home: home.to_owned() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A program of it.
    pub fn bin(&self, name: &str) -> PathBuf {
        self.path.join("bin").join(name)
    }

    /// `lib/python3.X/site-packages`.
    ///
    /// # Panics
    /// When there is none.
    pub fn site_packages(&self) -> PathBuf {
        self.library().join("site-packages")
    }

    /// The environment variables of everything that runs here, and there are no others. pip asks this index, or none.
    pub fn environment(&self, index: Option<&PackageIndex>) -> Vec<(String, OsString)> {
        let mut variables: Vec<(String, OsString)> = vec![
            ("PATH".to_owned(), "/usr/bin:/bin".into()),
            ("HOME".to_owned(), self.home.clone().into()),
            ("LC_ALL".to_owned(), "C.UTF-8".into()),
            ("PIP_CONFIG_FILE".to_owned(), "/dev/null".into()),
            ("PIP_DISABLE_PIP_VERSION_CHECK".to_owned(), "1".into()),
            ("PIP_NO_INPUT".to_owned(), "1".into()),
            ("PIP_RETRIES".to_owned(), "0".into()),
            ("PIP_DEFAULT_TIMEOUT".to_owned(), "10".into()),
            ("PIP_ROOT_USER_ACTION".to_owned(), "ignore".into()),
        ];
        variables.push(match index {
            Some(index) => ("PIP_INDEX_URL".to_owned(), index.url_with_login().into()),
            None => ("PIP_NO_INDEX".to_owned(), "1".into()),
        });
        variables
    }

    /// Runs pip with these arguments.
    ///
    /// # Panics
    /// When the interpreter cannot be started.
    pub fn pip(&self, index: Option<&PackageIndex>, arguments: &[&str]) -> Output {
        let mut pip = Command::new(self.bin("python"));
        pip.args(["-m", "pip"]).args(arguments).env_clear().envs(self.environment(index)).stdin(Stdio::null());
        pip.output().unwrap_or_else(|e| panic!("{pip:?} cannot be started: {e}"))
    }

    /// `pip install` from this index. Answers what pip said.
    ///
    /// # Errors
    /// What it said, when it failed.
    ///
    /// # Panics
    /// As [`pip`](Self::pip).
    pub fn pip_install(&self, index: &PackageIndex, requirements: &[&str]) -> Result<String, String> {
        said(&self.pip(Some(index), &[&["install"], requirements].concat()))
    }

    /// `pip check`.
    ///
    /// # Errors
    /// What is broken.
    ///
    /// # Panics
    /// As [`pip`](Self::pip).
    pub fn pip_check(&self) -> Result<String, String> {
        said(&self.pip(None, &["check"]))
    }

    /// The lines of `pip freeze`.
    ///
    /// # Panics
    /// When it fails.
    pub fn freeze(&self) -> Vec<String> {
        let lines = said(&self.pip(None, &["freeze"])).unwrap_or_else(|e| panic!("pip freeze: {e}"));
        lines.lines().map(str::to_owned).collect()
    }

    /// The versions of what is installed, by normalized names, pip included, read from the folder without starting
    /// anything.
    ///
    /// # Panics
    /// When there is no `site-packages`.
    pub fn installed(&self) -> BTreeMap<String, String> {
        let info = |name: String| {
            let (name, version) = name.strip_suffix(".dist-info")?.split_once('-')?;
            Some((normalized(name), version.to_owned()))
        };
        names(&self.site_packages()).into_iter().filter_map(info).collect()
    }

    /// Runs a program of it. Answers what it said.
    ///
    /// # Errors
    /// What it said, when it failed, or why it could not be started.
    pub fn run_script(&self, name: &str, arguments: &[&str]) -> Result<String, String> {
        let mut script = Command::new(self.bin(name));
        script.args(arguments).env_clear().envs(self.environment(None)).stdin(Stdio::null());
        said(&script.output().map_err(|e| e.to_string())?)
    }

    /// A SHA-256 over every path with its mode, its content or its target. What Python compiled does not count, nor do
    /// times.
    ///
    /// # Panics
    /// When something cannot be read.
    pub fn digest(&self) -> String {
        let mut lines = Vec::new();
        gather(&self.path, Path::new(""), &mut lines);
        sha256_hex(lines.join("\n").as_bytes())
    }

    /// Makes its interpreter one that is gone, as after an upgrade of the system took `python3.X` away: `bin/python`
    /// dangles.
    ///
    /// # Panics
    /// When there is no link to an interpreter.
    pub fn break_interpreter(&self) {
        let link = ["python", "python3"].map(|name| self.bin(name)).into_iter();
        let link =
            link.chain([self.bin(&self.version())]).find(|link| fs::read_link(link).is_ok_and(|to| to.is_absolute()));
        let link = link.unwrap_or_else(|| panic!("no link in {:?} leads to an interpreter", self.bin("")));
        done(&link, fs::remove_file(&link).and_then(|()| symlink(GONE, &link)));
    }

    /// Makes it one of another minor version (`3.9`), as an upgrade of the system leaves it behind: its interpreter
    /// starts, is a newer one, and finds none of what is installed.
    ///
    /// # Panics
    /// When something cannot be renamed.
    pub fn age(&self, minor: &str) {
        let (now, then) = (self.version(), format!("python{minor}"));
        for (from, to) in [(self.library(), self.path.join("lib").join(&then)), (self.bin(&now), self.bin(&then))] {
            done(&from, fs::rename(&from, to));
        }
        let file = self.path.join("pyvenv.cfg");
        let aged = |line: &str| match line.split_once(" = ") {
            Some(("version", _)) => format!("version = {minor}.2\n"),
            Some(("executable", path)) => format!("executable = {}\n", path.replace(&now, &then)),
            _ => format!("{line}\n"),
        };
        let text: String = done(&file, fs::read_to_string(&file)).lines().map(aged).collect();
        done(&file, fs::write(&file, text));
    }

    /// Takes a module or package away and leaves the rest of its distribution, as a slip of the hand does.
    ///
    /// # Panics
    /// When there is none of this name.
    pub fn delete_module(&self, name: &str) {
        let folder = self.site_packages().join(name);
        let gone =
            if folder.is_dir() { fs::remove_dir_all(&folder) } else { fs::remove_file(folder.with_extension("py")) };
        done(&folder, gone);
    }

    fn library(&self) -> PathBuf {
        self.path.join("lib").join(self.version())
    }

    /// `python3.X`.
    fn version(&self) -> String {
        let lib = self.path.join("lib");
        let version = names(&lib).into_iter().find(|name| name.starts_with("python3."));
        version.unwrap_or_else(|| panic!("there is no Python in {lib:?}"))
    }
}

/// What a program said, as what it comes to.
fn said(output: &Output) -> Result<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    Err(format!("{}{}{}", text(&output.stdout), text(&output.stderr), output.status))
}

/// The names in a folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let name = |entry: io::Result<fs::DirEntry>| done(folder, entry).file_name().to_string_lossy().into_owned();
    let mut names: Vec<String> = done(folder, fs::read_dir(folder)).map(name).collect();
    names.sort();
    names
}

/// A line for everything in the folder, in order.
fn gather(folder: &Path, below: &Path, lines: &mut Vec<String>) {
    for name in names(folder) {
        if name == "__pycache__" || name.ends_with(".pyc") {
            continue;
        }
        let (full, path) = (folder.join(&name), below.join(&name));
        let known = done(&full, fs::symlink_metadata(&full));
        let what = if known.is_symlink() {
            format!("-> {}", done(&full, fs::read_link(&full)).display())
        } else if known.is_dir() {
            "/".to_owned()
        } else {
            sha256_hex(&done(&full, fs::read(&full)))
        };
        let mode = if known.is_symlink() { 0 } else { known.permissions().mode() & 0o7777 };
        lines.push(format!("{} {mode:o} {what}", path.display()));
        if known.is_dir() {
            gather(&full, &path, lines);
        }
    }
}

fn done<T>(path: &Path, result: io::Result<T>) -> T {
    result.unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[cfg(test)]
mod tests;
