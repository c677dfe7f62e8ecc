//! A Debian of its own in a folder, for the real apt and dpkg: a repository that is filled on the spot, and a system
//! that they install into.
//!
//! The host is not touched and root is not needed: apt reads all its configuration from here (`APT_CONFIG` comes before
//! the host's files and leads past them), dpkg writes below the folder and runs maintainer scripts without `chroot`
//! (`--root`, `--force-script-chrootless`, `--force-not-root`). The repository is trusted as it is; other systems, which
//! read it through a [`WebServer`](crate::web::WebServer), can have it signed ([`AptWorld::sign`]). The system is empty: it has no package that is not installed here.
//!
//! ```no_run
//! use refit_testkit::apt::{AptWorld, Deb};
//! let world = AptWorld::new()?;
//! world.publish(&Deb::new("libbar", "1.0"));
//! world.publish(&Deb::new("libfoo", "1.0").depends("libbar (>= 1.0)"));
//! world.update();
//! world.install(&["libfoo"]).unwrap();
//! assert_eq!(world.version("libbar").as_deref(), Some("1.0"));
//! # Ok::<(), refit_testkit::unavailable::Unavailable>(())
//! ```

mod deb;
mod sign;

pub use deb::Deb;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, OnceLock};

use rustix::fs::FlockOperation;
use tempfile::TempDir;

use crate::loopback::lock;
use crate::releases::sha256_hex;
use crate::scratch::scratch;
use crate::unavailable::Unavailable;
use sign::Signer;

/// What [`AptWorld::release`] makes, and waiting scripts look for, in the system's root.
const RELEASED: &str = "released";

/// The system and the repository. Gone with the value.
#[derive(Debug)]
pub struct AptWorld {
    folder: TempDir,
    architecture: String,
    listed: Mutex<Vec<Listed>>,
    signer: OnceLock<Signer>,
}

/// A package as the repository's index has it.
#[derive(Debug)]
struct Listed {
    name: String,
    version: String,
    stanza: String,
}

/// What dpkg knows of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Two or three letters, as `dpkg -l` shows them: wished and found, `ii`, `hi`, `rc`, `iF`, and `R` when it has to be
    /// installed again.
    pub status: String,
    /// The version, empty when only a wish is known.
    pub version: String,
}

/// The lock that another apt holds. Given back when dropped.
#[derive(Debug)]
pub struct Busy {
    _lock: File,
}

impl AptWorld {
    /// An empty system beside an empty repository, which apt knows already.
    ///
    /// # Errors
    /// When this machine has no apt or no dpkg.
    ///
    /// # Panics
    /// When the folders cannot be made.
    pub fn new() -> Result<Self, Unavailable> {
        let asked = Command::new("dpkg").arg("--print-architecture").env_clear().output();
        let asked = asked.map_err(|e| Unavailable(format!("there is no dpkg ({e}): this is not Debian")))?;
        if !Path::new("/usr/bin/apt-get").is_file() {
            return Err(Unavailable("there is no apt-get: this is not Debian".to_owned()));
        }
        let architecture = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
        let world = Self { folder: scratch(), architecture, listed: Mutex::default(), signer: OnceLock::new() };
        let folders = [
            "etc/apt/apt.conf.d",
            "etc/apt/preferences.d",
            "etc/apt/sources.list.d",
            "etc/apt/trusted.gpg.d",
            "var/lib/apt/lists/partial",
            "var/cache/apt/archives/partial",
            "var/log/apt",
            "var/lib/dpkg/info",
            "var/lib/dpkg/updates",
            "var/lib/dpkg/triggers",
        ];
        for folder in folders {
            let folder = world.root().join(folder);
            fs::create_dir_all(&folder).unwrap_or_else(|e| panic!("cannot make {folder:?}: {e}"));
        }
        fs::create_dir(world.repository()).unwrap_or_else(|e| panic!("cannot make the repository: {e}"));
        for name in ["status", "available"] {
            write(&world.root().join("var/lib/dpkg").join(name), "");
        }
        let source = format!("deb [trusted=yes] file:{} ./\n", world.repository().display());
        write(&world.root().join("etc/apt/sources.list"), &source);
        write(&world.config(), &world.configuration());
        world.list();
        world.update();
        Ok(world)
    }

    /// The system's root folder.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// The folder with the packages and their index.
    pub fn repository(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    /// The configuration that `APT_CONFIG` names.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("apt.conf")
    }

    /// The environment variables with which `apt-get`, `apt-mark`, `apt-cache`, `dpkg` and `dpkg-query` mean this
    /// system. Everything that runs here has them and no others.
    pub fn environment(&self) -> Vec<(String, OsString)> {
        let text = |name: &str, value: &str| (name.to_owned(), OsString::from(value));
        vec![
            ("APT_CONFIG".to_owned(), self.config().into()),
            ("DPKG_ROOT".to_owned(), self.root().into()),
            ("DPKG_ADMINDIR".to_owned(), self.root().join("var/lib/dpkg").into()),
            text("DPKG_FORCE", "not-root,script-chrootless,bad-path"),
            text("DEBIAN_FRONTEND", "noninteractive"),
            text("LC_ALL", "C.UTF-8"),
            text("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
        ]
    }

    /// A command that means this system, without stdin.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.environment()).stdin(Stdio::null());
        command
    }

    /// Builds a package and lists it in the repository. Systems know of it after [`update`](Self::update).
    ///
    /// # Panics
    /// When dpkg cannot build it.
    pub fn publish(&self, deb: &Deb) {
        let file = self.repository().join(deb.file_name());
        let built = deb.build(self.folder.path(), &file);
        let stanza = format!("{}Filename: ./{}\n{built}", deb.control(), deb.file_name());
        let mut listed = lock(&self.listed);
        listed.retain(|known| (&known.name, &known.version) != (&deb.name, &deb.version));
        listed.push(Listed { name: deb.name.clone(), version: deb.version.clone(), stanza });
        drop(listed);
        self.list();
    }

    /// Takes a package out of the repository's index. Systems know of it after [`update`](Self::update).
    pub fn withdraw(&self, name: &str) {
        lock(&self.listed).retain(|known| known.name != name);
        self.list();
    }

    /// Takes the files of a package away and leaves it in the index: its download fails.
    ///
    /// # Panics
    /// When there are none.
    pub fn lose(&self, name: &str) {
        let start = format!("{name}_");
        let entries = fs::read_dir(self.repository()).expect("the repository can be read");
        let files = entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(&start));
        let lost = files.map(|entry| fs::remove_file(entry.path())).filter(Result::is_ok).count();
        assert!(lost > 0, "there are no files of {name}");
    }

    /// Has the repository signed from now on, with a key that is gone with this value. Answers its public half, as apt
    /// takes it (`signed-by`).
    ///
    /// # Errors
    /// When this machine has no gpg.
    ///
    /// # Panics
    /// When gpg cannot make a key.
    pub fn sign(&self) -> Result<String, Unavailable> {
        if self.signer.get().is_none() {
            let _first = self.signer.set(Signer::new()?);
            self.list();
        }
        Ok(self.signer.get().map(|signer| signer.key().to_owned()).unwrap_or_default())
    }

    /// `apt-get update`.
    ///
    /// # Panics
    /// When it fails.
    pub fn update(&self) {
        said(&self.apt(&["update"])).unwrap_or_else(|e| panic!("apt-get update: {e}"));
    }

    /// Runs `apt-get` with these arguments.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn apt(&self, arguments: &[&str]) -> Output {
        self.run("apt-get", arguments)
    }

    /// `apt-get install -y`. Answers what it said.
    ///
    /// # Errors
    /// What it said, when it failed.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn install(&self, names: &[&str]) -> Result<String, String> {
        said(&self.apt(&[&["install", "-y"], names].concat()))
    }

    /// `apt-get remove -y`. Answers what it said.
    ///
    /// # Errors
    /// What it said, when it failed.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn remove(&self, names: &[&str]) -> Result<String, String> {
        said(&self.apt(&[&["remove", "-y"], names].concat()))
    }

    /// Holds a package, installed or not.
    ///
    /// # Panics
    /// When apt does not.
    pub fn hold(&self, name: &str) {
        said(&self.run("apt-mark", &["hold", name])).unwrap_or_else(|e| panic!("apt-mark hold {name}: {e}"));
    }

    /// Lets a held package go.
    ///
    /// # Panics
    /// When apt does not.
    pub fn unhold(&self, name: &str) {
        said(&self.run("apt-mark", &["unhold", name])).unwrap_or_else(|e| panic!("apt-mark unhold {name}: {e}"));
    }

    /// What dpkg knows of every package.
    ///
    /// # Panics
    /// When it says nothing of use.
    pub fn status(&self) -> BTreeMap<String, Known> {
        let format = "${Package}\t${db:Status-Abbrev}\t${Version}\n";
        let told = said(&self.run("dpkg-query", &["-W", "-f", format])).unwrap_or_else(|e| panic!("dpkg-query: {e}"));
        let known = |line: &str| {
            let (name, rest) = line.split_once('\t')?;
            let (status, version) = rest.split_once('\t')?;
            Some((name.to_owned(), Known { status: status.trim_end().to_owned(), version: version.to_owned() }))
        };
        told.lines().map(|line| known(line).unwrap_or_else(|| panic!("dpkg-query said {line:?}"))).collect()
    }

    /// The version of a package that is installed and configured, held or not.
    ///
    /// # Panics
    /// As [`status`](Self::status).
    pub fn version(&self, name: &str) -> Option<String> {
        let known = self.status().remove(name)?;
        known.status.ends_with('i').then_some(known.version)
    }

    /// Lets the scripts of [`Deb::postinst_waits`] go on, those that run and those to come.
    ///
    /// # Panics
    /// When it cannot be said.
    pub fn release(&self) {
        write(&self.root().join(RELEASED), "");
    }

    /// Takes the lock that an apt holds while it works, as unattended upgrades do.
    ///
    /// # Panics
    /// When somebody has it.
    pub fn busy(&self) -> Busy {
        let path = self.root().join("var/lib/dpkg/lock-frontend");
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.unwrap_or_else(|e| panic!("cannot open {path:?}: {e}"));
        let taken = rustix::fs::fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive);
        taken.unwrap_or_else(|e| panic!("{path:?} is taken: {e}"));
        Busy { _lock: file }
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let mut command = self.command(program);
        command.args(arguments).output().unwrap_or_else(|e| panic!("{program} cannot be started: {e}"))
    }

    fn configuration(&self) -> String {
        let (root, architecture) = (self.root().display().to_string(), &self.architecture);
        format!(
            "Dir \"{root}\";\n\
             Dir::State::status \"{root}/var/lib/dpkg/status\";\n\
             Dir::Bin::dpkg \"/usr/bin/dpkg\";\n\
             APT::Architecture \"{architecture}\";\n\
             APT::Architectures {{ \"{architecture}\"; }};\n\
             APT::Sandbox::User \"\";\n\
             Acquire::Languages \"none\";\n\
             Dpkg::Use-Pty \"false\";\n\
             DPkg::Options {{ \"--root={root}\"; \"--force-not-root\"; \"--force-script-chrootless\"; \
             \"--force-bad-path\"; \"--log={root}/var/log/dpkg.log\"; }};\n"
        )
    }

    /// Writes the repository's index.
    fn list(&self) {
        let packages: String = lock(&self.listed).iter().map(|known| format!("{}\n", known.stanza)).collect();
        let release = format!(
            "Origin: Lab\nLabel: Lab\nSuite: stable\nCodename: lab\nDate: Mon, 01 Jan 2024 00:00:00 UTC\n\
             Architectures: all {}\nSHA256:\n {} {} Packages\n",
            self.architecture,
            sha256_hex(packages.as_bytes()),
            packages.len()
        );
        write(&self.repository().join("Packages"), &packages);
        write(&self.repository().join("Release"), &release);
        if let Some(signer) = self.signer.get() {
            write(&self.repository().join("InRelease"), &signer.sign(&release));
        }
    }
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap_or_else(|e| panic!("cannot write {path:?}: {e}"));
}

/// What a program said, as what it comes to.
fn said(output: &Output) -> Result<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    Err(format!("{}{}{}", text(&output.stdout), text(&output.stderr), output.status))
}

#[cfg(test)]
mod tests;
