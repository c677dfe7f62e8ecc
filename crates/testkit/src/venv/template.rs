//! The one environment that is made, and the copies of it.
//!
//! It is kept in the build folder of the running program, for all test programs there and for as long as the machine's
//! Python stays the same. A program outside of a build folder makes one for itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use rustix::fs::FlockOperation;
use tempfile::TempDir;

use super::done;
use crate::releases::sha256_hex;
use crate::scratch::scratch;
use crate::unavailable::Unavailable;

/// The kernel reads no longer first lines.
const SHEBANG: usize = 127;

/// What tells one Python from another, and where it is.
const WHO: &str = "import sys, ensurepip; print(sys._base_executable); print(sys.version, ensurepip.version())";

/// The folder of the template, made when it is not there.
pub(super) fn template() -> Result<&'static Path, Unavailable> {
    static MADE: OnceLock<(Option<TempDir>, Result<PathBuf, Unavailable>)> = OnceLock::new();
    let (_, made) = MADE.get_or_init(|| match build_folder() {
        Some(folder) => (None, make_in(&folder.join("testkit"))),
        None => {
            let folder = scratch();
            let made = make_in(folder.path());
            (Some(folder), made)
        }
    });
    made.as_deref().map_err(Clone::clone)
}

/// Copies it, and writes the copy's own path wherever its scripts name the template's.
pub(super) fn copy(template: &Path, path: &Path) {
    let first_line = format!("#!{}/bin/python3.11", path.display());
    assert!(first_line.len() <= SHEBANG, "{} is too long for the first line of a script", path.display());
    assert!(!path.exists(), "{} is there already", path.display());
    if let Some(folder) = path.parent() {
        done(folder, fs::create_dir_all(folder));
    }
    let (old, new) = (template.display().to_string(), path.display().to_string());
    // With times: Python believes what it compiled by the times of the sources.
    run(Command::new("cp").arg("-a").arg(template).arg(path)).unwrap_or_else(|e| panic!("{e}"));
    let bin = path.join("bin");
    let scripts = done(&bin, fs::read_dir(&bin)).map(|entry| done(&bin, entry).path());
    for file in scripts.chain([path.join("pyvenv.cfg")]).filter(|file| !file.is_symlink()) {
        let text = done(&file, fs::read_to_string(&file));
        if text.contains(&old) {
            // Onto the file that is there, which keeps its mode.
            done(&file, fs::write(&file, text.replace(&old, &new)));
        }
    }
}

fn make_in(folder: &Path) -> Result<PathBuf, Unavailable> {
    let who = run(Command::new("python3").args(["-I", "-c", WHO]))?;
    let python = who.lines().next().unwrap_or_default();
    let told = |e: std::io::Error| Unavailable(format!("cannot use the folder {}: {e}", folder.display()));
    fs::create_dir_all(folder).map_err(told)?;
    let lock = fs::File::create(folder.join("venv.lock")).map_err(told)?;
    rustix::fs::flock(&lock, FlockOperation::LockExclusive).map_err(|e| told(e.into()))?;
    let venv = folder.join(format!("venv-{}", &sha256_hex(who.as_bytes())[..8]));
    let finished = venv.with_extension("finished");
    if !finished.exists() {
        let _ = fs::remove_dir_all(&venv);
        run(Command::new(python).args(["-I", "-m", "venv"]).arg(&venv).env_clear())?;
        fs::write(&finished, &who).map_err(told)?;
    }
    Ok(venv)
}

/// Where cargo builds, when the running program lies there.
fn build_folder() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file()).map(Path::to_owned)
}

/// Answers what it said on stdout.
fn run(command: &mut Command) -> Result<String, Unavailable> {
    let command = command.stdin(Stdio::null());
    let output = command.output();
    let failed = |what: &str| Unavailable(format!("no virtual environment can be made ({command:?}): {what}"));
    let output = output.map_err(|e| failed(&e.to_string()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(failed(&format!("{}; install python3-venv", said.trim())))
}
