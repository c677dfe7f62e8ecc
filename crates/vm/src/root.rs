//! The root file system: made once by debootstrap from the apt source of this machine, kept in the target folder under
//! the hash of its recipe.
//!
//! Refuses to: know the name of a host, or to remove a root that a machine runs on.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use crate::enclosure::Enclosure;
use crate::{Unavailable, leftovers};

/// What is in it beside the essential packages.
const PACKAGES: &[&str] = &[
    "ca-certificates",
    "dbus",
    "git",
    "libpam-systemd",
    "packagekit",
    "packagekit-tools",
    "polkitd",
    "procps",
    "python3",
    "python3-venv",
    "systemd",
    "systemd-sysv",
];

const BUILD: &str = include_str!("build.sh");

/// Programs without which there is no machine, with the Debian packages that bring them.
pub const TOOLS: &[(&str, &str)] = &[
    ("debootstrap", "debootstrap"),
    ("systemd-nspawn", "systemd-container"),
    ("dbus-daemon", "dbus"),
    ("unshare", "util-linux"),
    ("nsenter", "util-linux"),
    ("mount", "mount"),
];

/// Longer than the slowest network takes.
const DEADLINE: Duration = Duration::from_secs(900);

/// A root that is there, and stays as long as this value does.
#[derive(Debug)]
pub struct Root {
    folder: PathBuf,
    _in_use: File,
}

/// Where this machine gets its packages.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Source {
    mirror: String,
    suite: String,
}

impl Root {
    /// The root in the target folder; built when it is not there yet, which takes a minute or two, and then says so and
    /// how long it took on stderr.
    ///
    /// # Errors
    /// When this machine cannot build it.
    pub fn get() -> Result<Self, Unavailable> {
        able()?;
        let source = Source::of_this_machine()?;
        let home = target().join("vm");
        fs::create_dir_all(&home).map_err(|e| Unavailable(format!("cannot make {}: {e}", home.display())))?;
        let mut hasher = DefaultHasher::new();
        (&source, PACKAGES, BUILD, std::env::consts::ARCH).hash(&mut hasher);
        let name = format!("{:016x}", hasher.finish());
        let folder = home.join(&name);
        // One builds, the others wait for it.
        let _turn = locked(&home.join("building.lock"), FlockOperation::LockExclusive)?;
        let in_use = locked(&home.join(format!("{name}.lock")), FlockOperation::LockShared)?;
        if !folder.is_dir() {
            forget_others(&home, &name);
            build(&source, &folder)?;
        }
        Ok(Self { folder, _in_use: in_use })
    }

    /// Its folder. Not to be written to: every machine starts from it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Source {
    /// What apt itself says it reads, the distribution's main archive of it.
    fn of_this_machine() -> Result<Self, Unavailable> {
        let format = "$(COMPONENT) $(CODENAME) $(LABEL) $(REPO_URI)";
        let mut ask = Command::new("apt-get");
        ask.args(["indextargets", "--format", format, "Created-By: Packages"]);
        let asked = ask.output().map_err(|e| Unavailable(format!("there is no apt-get ({e}): this is not Debian")))?;
        let told = String::from_utf8_lossy(&asked.stdout);
        let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
        Self::among(&told, &release).ok_or_else(|| {
            Unavailable("apt knows no main archive of this machine's release; run `apt-get update`".to_owned())
        })
    }

    fn among(targets: &str, os_release: &str) -> Option<Self> {
        let suite = os_release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="))?.trim_matches('"');
        let mirror = targets.lines().find_map(|line| {
            let mut words = line.split_whitespace();
            let of_the_suite = words.next() == Some("main") && words.next() == Some(suite);
            // The label may have blanks.
            words.next_back().filter(|uri| of_the_suite && uri.contains("://"))
        })?;
        Some(Self { mirror: mirror.to_owned(), suite: suite.to_owned() })
    }
}

fn able() -> Result<(), Unavailable> {
    if !rustix::process::geteuid().is_root() {
        return Err(Unavailable("booting a machine needs root".to_owned()));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places: Vec<PathBuf> = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]).collect();
    let missing = TOOLS.iter().find(|(program, _)| !places.iter().any(|place| place.join(program).is_file()));
    match missing {
        None => Ok(()),
        Some((program, package)) => Err(Unavailable(format!("there is no {program}; install {package}"))),
    }
}

fn build(source: &Source, folder: &Path) -> Result<(), Unavailable> {
    let start = Instant::now();
    eprintln!("making the root of a {} to boot (once; a minute or two)", source.suite);
    let part = folder.with_extension("part");
    let _ = fs::remove_dir_all(&part);
    let failed = |e: std::io::Error| Unavailable(format!("cannot make {}: {e}", part.display()));
    fs::create_dir(&part).map_err(failed)?;
    let log = folder.with_extension("log");
    let _ = fs::remove_file(&log);
    let arguments = vec![part.display().to_string(), source.suite.clone(), source.mirror.clone(), PACKAGES.join(",")];
    let ended = Enclosure::start(BUILD, arguments, &log)?.wait(DEADLINE);
    if !ended.is_some_and(|status| status.success()) {
        let _ = fs::remove_dir_all(&part);
        let said = fs::read_to_string(&log).unwrap_or_default();
        let last: Vec<&str> = said.lines().rev().take(5).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        let how = ended.map_or_else(|| format!("was not done after {DEADLINE:?}"), |status| status.to_string());
        return Err(Unavailable(format!("debootstrap: {how}; {} ends:\n{}", log.display(), last.join("\n"))));
    }
    fs::rename(part.join("root"), folder).map_err(failed)?;
    let _ = fs::remove_dir_all(&part);
    eprintln!("the root to boot was made in {:.0} s: {}", start.elapsed().as_secs_f64(), folder.display());
    Ok(())
}

/// Removes the roots of older recipes that no machine runs on.
fn forget_others(home: &Path, name: &str) {
    for entry in fs::read_dir(home).into_iter().flatten().flatten() {
        let other = entry.file_name().to_string_lossy().into_owned();
        let is_root = other.len() == name.len() && other.chars().all(|c| c.is_ascii_hexdigit());
        if !is_root || other == name {
            continue;
        }
        let lock = home.join(format!("{other}.lock"));
        if locked(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
            let _ = fs::remove_dir_all(entry.path());
            let _ = fs::remove_file(lock);
            let _ = fs::remove_file(home.join(format!("{other}.log")));
        }
    }
}

fn locked(path: &Path, how: FlockOperation) -> Result<File, Unavailable> {
    let failed = |e: std::io::Error| Unavailable(format!("cannot lock {}: {e}", path.display()));
    let file = File::options().create(true).truncate(false).write(true).open(path).map_err(failed)?;
    flock(&file, how).map_err(|e| failed(e.into()))?;
    Ok(file)
}

/// Where cargo puts what it builds.
fn target() -> PathBuf {
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(usual, PathBuf::from);
    fs::canonicalize(&folder).unwrap_or(folder)
}

/// Builds the root when it is not there, and sweeps what killed tests left. What a test run does before it begins.
///
/// # Errors
/// When this machine cannot build it.
pub fn prepare() -> Result<(), Unavailable> {
    leftovers::sweep();
    Root::get().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELEASE: &str = "NAME=\"Debian GNU/Linux\"\nVERSION_CODENAME=trixie\nID=debian\n";

    #[test]
    fn the_mirror_is_the_main_archive_of_the_release() {
        let targets = "main nodistro . nodistro https://other.example/node/\n\
                       main trixie-updates Debian http://mirror.example/debian/\n\
                       contrib trixie Debian http://contrib.example/debian/\n\
                       main trixie-security Debian-Security http://mirror.example/security/\n\
                       main trixie Debian https://mirror.example/debian/\n";
        let found = Source::among(targets, RELEASE).unwrap();
        assert_eq!(found.mirror, "https://mirror.example/debian/");
        assert_eq!(found.suite, "trixie");
    }

    #[test]
    fn no_archive_is_no_source() {
        assert_eq!(Source::among("", RELEASE), None);
        assert_eq!(Source::among("main trixie Debian https://mirror.example/debian/\n", "ID=arch\n"), None);
        assert_eq!(Source::among("main trixie Debian file:/nowhere\n", RELEASE), None);
    }
}
