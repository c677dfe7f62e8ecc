//! What an interpreter says of itself: markers, wheel tags, its pip. Asked once, and kept until something of it changes.
//! Refuses to: run anything that an environment's packages bring along, but pip's own tables.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use refit_model::python::marker::MarkerEnvironment;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::layout;
use crate::command::{Command, CommandError, Surroundings};

/// So many interpreters' answers are kept; a machine has a handful.
const KEPT: usize = 32;

/// Asks through pip's own copies of `packaging`, so that the answers are those that pip itself goes by.
const QUESTION: &str = "
import json, os, platform, sys
said = {'pip': None, 'default_index': None, 'tags': []}
def markers():
    v = sys.implementation.version
    full = '.'.join(map(str, v[:3])) + ('' if v.releaselevel == 'final' else v.releaselevel[0] + str(v.serial))
    return {
        'os_name': os.name, 'sys_platform': sys.platform, 'platform_machine': platform.machine(),
        'platform_python_implementation': platform.python_implementation(), 'platform_release': platform.release(),
        'platform_system': platform.system(), 'platform_version': platform.version(),
        'python_version': '.'.join(platform.python_version_tuple()[:2]),
        'python_full_version': platform.python_version(),
        'implementation_name': sys.implementation.name, 'implementation_version': full,
    }
said['markers'] = markers()
try:
    import pip
    said['pip'] = pip.__version__
    # Not those of packaging alone: pip takes a few more.
    from pip._internal.utils.compatibility_tags import get_supported
    said['tags'] = [str(tag) for tag in get_supported()]
    from pip._internal.models.index import PyPI
    said['default_index'] = PyPI.simple_url
except Exception:
    pass
here = os.path.realpath(sys.prefix) + os.sep
said['system_sites'] = [
    path for path in sys.path
    if os.path.basename(path) in ('site-packages', 'dist-packages') and not os.path.realpath(path).startswith(here)
]
print(json.dumps(said))
";

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interpreter {
    /// The variables of markers (PEP 508).
    pub markers: MarkerEnvironment,
    /// Tags of wheels that can be installed, most wanted first: `cp311-cp311-manylinux_2_36_aarch64`. Empty when its
    /// pip is too old to tell.
    pub tags: Vec<String>,
    /// pip's version; none when there is no pip that starts.
    pub pip: Option<String>,
    /// The simple index that pip asks when nothing is configured, as pip itself has it.
    pub default_index: Option<String>,
    /// Folders of packages that it shares with the system; none in most environments.
    pub system_sites: Vec<PathBuf>,
}

/// An interpreter that does not answer.
#[derive(Debug, Error)]
pub enum InterpreterError {
    /// It leads to nothing.
    #[error("{} does not exist", .0.display())]
    Gone(PathBuf),
    /// It could not be run, or failed.
    #[error(transparent)]
    Run(#[from] CommandError),
    /// What it said is not what was asked.
    #[error("{} answers nonsense", .0.display())]
    Nonsense(PathBuf),
}

/// Asks the interpreter of an environment. `cache` is a folder of Refit's own.
///
/// # Errors
/// [`InterpreterError`].
pub async fn ask(folder: &Path, cache: &Path, surroundings: &Surroundings) -> Result<Interpreter, InterpreterError> {
    let python = layout::python(folder);
    let real = fs::canonicalize(&python).map_err(|_| InterpreterError::Gone(layout::leads_to(&python)))?;
    let kept = cache.join(format!("{}.json", key(folder, &real)));
    let known = fs::read(&kept).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    if let Some(known) = known {
        return Ok(known);
    }
    let asked = Command::new(&python, surroundings).args(["-I", "-c", QUESTION]).run().await?;
    let answer = asked.require(&format!("asking {}", python.display()))?;
    // A `sitecustomize` may print as well; the answer comes last.
    let text = String::from_utf8_lossy(&answer.stdout);
    let line = text.lines().next_back().unwrap_or_default();
    let said: Interpreter = serde_json::from_str(line).map_err(|_| InterpreterError::Nonsense(python))?;
    keep(&kept, &said);
    Ok(said)
}

/// What its answers depend on.
fn key(folder: &Path, real: &Path) -> String {
    let seen = fs::metadata(real).map(|seen| (seen.ino(), seen.mtime(), seen.mtime_nsec(), seen.size())).ok();
    let config = fs::read_to_string(folder.join(layout::CONFIG)).unwrap_or_default();
    let pip: Vec<_> = layout::infos(folder).into_iter().filter(|name| name.starts_with("pip-")).collect();
    let all = format!("{}\n{seen:?}\n{pip:?}\n{config}", real.display());
    data_encoding::HEXLOWER.encode(digest(&SHA256, all.as_bytes()).as_ref())
}

/// Loss is bearable: it is asked again.
fn keep(file: &Path, said: &Interpreter) {
    let Some(folder) = file.parent() else { return };
    let many = fs::read_dir(folder).is_ok_and(|entries| entries.count() >= KEPT);
    if many {
        let _stays = fs::remove_dir_all(folder);
    }
    let beside = file.with_extension("part");
    let written = serde_json::to_vec(said).map_err(std::io::Error::from).and_then(|bytes| {
        fs::create_dir_all(folder)?;
        fs::write(&beside, bytes)?;
        fs::rename(&beside, file)
    });
    if let Err(error) = written {
        tracing::debug!(%error, "an interpreter's answer is not kept");
    }
}
