//! The paths of a section and what the software depends on: Python environment, OS packages, node packages.
//!
//! Refuses to read the files it checks; that they are there is all that Moonraker asks of a configuration.

use std::path::{Path, PathBuf};

use super::read::Around;
use super::{Dependencies, PythonEnv, PythonLocation};
use crate::settings::section::{Fault, Reader};
use crate::settings::value;

/// `path`, resolved; it must exist.
pub(super) fn path(reader: &mut Reader<'_>, around: &Around<'_>) -> Result<PathBuf, Fault> {
    let text = reader.required("path")?;
    let path = around.source.resolve(Path::new(text));
    if text.is_empty() || !around.source.exists(&path) {
        let shown = if text.is_empty() { Path::new("") } else { &path };
        return Err(invalid(reader, "path", shown, "does not exist"));
    }
    Ok(path)
}

/// Everything but the environment's own requirements comes in Moonraker's order, which decides what is told first.
pub(super) fn all(reader: &mut Reader<'_>, around: &Around<'_>, base: &Path) -> Result<Dependencies, Fault> {
    let mut python = python(reader, around, Some(base))?;
    if let Some(env) = &mut python {
        env.requirements = Some(requirements(reader, around, base)?);
    }
    let enable_node_updates = node(reader, around, base)?;
    let system_dependencies = listed(reader, around, base, "system_dependencies")?;
    let install_script = match system_dependencies {
        Some(_) => None,
        None => listed(reader, around, base, "install_script")?,
    };
    Ok(Dependencies { python, system_dependencies, install_script, enable_node_updates })
}

/// The Python environment, without its requirements. A relative `virtualenv` is below `base`.
pub(super) fn python(
    reader: &mut Reader<'_>,
    around: &Around<'_>,
    base: Option<&Path>,
) -> Result<Option<PythonEnv>, Fault> {
    let location = match reader.text("virtualenv") {
        Some(text) => Some(virtualenv(reader, around, base, text)?),
        None => reader.text("env").map(|text| env(reader, around, text)).transpose()?,
    };
    let venv_args = reader.text("venv_args").filter(|args| !args.is_empty()).map(str::to_owned);
    let pip_environment = reader.parsed("pip_environment_variables", variables)?.unwrap_or_default();
    Ok(location.map(|location| PythonEnv { location, requirements: None, venv_args, pip_environment }))
}

fn virtualenv(
    reader: &Reader<'_>,
    around: &Around<'_>,
    base: Option<&Path>,
    text: &str,
) -> Result<PythonLocation, Fault> {
    const OPTION: &str = "virtualenv";
    let given = expand_home(around, text);
    let folder = match base {
        Some(base) => tidy(&base.join(given)),
        None if given.is_absolute() => tidy(&given),
        None => return Err(invalid(reader, OPTION, &given, "is not absolute")),
    };
    if !around.source.exists(&folder) {
        return Err(invalid(reader, OPTION, &folder, "does not exist"));
    }
    environment(reader, around, OPTION, &folder)?;
    Ok(PythonLocation::Virtualenv(folder))
}

/// `env` names the executable; the environment is two folders up, links in the folders resolved but not the last one,
/// since an environment's `python` is itself a link out of it.
fn env(reader: &Reader<'_>, around: &Around<'_>, text: &str) -> Result<PythonLocation, Fault> {
    const OPTION: &str = "env";
    let given = expand_home(around, text);
    let is_gone = around.source.is_dangling(&given);
    if text.is_empty() || !(around.source.exists(&given) || is_gone) {
        return Err(invalid(reader, OPTION, &given, "does not exist"));
    }
    if around.source.is_dir(&given) {
        return Err(invalid(reader, OPTION, &given, "is not a file"));
    }
    if !around.source.is_executable(&given) && !is_gone {
        return Err(invalid(reader, OPTION, &given, "is not executable"));
    }
    let bin = around.source.resolve(given.parent().unwrap_or(Path::new("/")));
    environment(reader, around, OPTION, bin.parent().unwrap_or(&bin))?;
    Ok(PythonLocation::Env(given.file_name().map_or_else(|| given.clone(), |name| bin.join(name))))
}

/// One whose interpreter is gone, as after an upgrade of the system, is one all the same: a recovery mends it. Moonraker
/// leaves it out (observed).
fn environment(reader: &Reader<'_>, around: &Around<'_>, option: &str, folder: &Path) -> Result<(), Fault> {
    let label = reader.label();
    let hint = "Verify that the 'virtualenv' option is set to a valid virtualenv path.";
    let activate = folder.join("bin/activate");
    if !around.source.exists(&activate) {
        let message = format!("[{label}]: Invalid virtualenv at path {}. {hint}", folder.display());
        return Err(Fault::new(option, message));
    }
    let python = folder.join("bin/python");
    let is_program = around.source.is_executable(&python) && !around.source.is_dir(&python);
    if !is_program && !around.source.is_dangling(&python) {
        let message = format!("[{label}]: Invalid python executable at {}. {hint}", python.display());
        return Err(Fault::new(option, message));
    }
    Ok(())
}

fn requirements(reader: &mut Reader<'_>, around: &Around<'_>, base: &Path) -> Result<PathBuf, Fault> {
    let text = reader.required("requirements")?;
    let path = tidy(&base.join(text));
    is_file(reader, around, "requirements", &path)?;
    Ok(path)
}

fn node(reader: &mut Reader<'_>, around: &Around<'_>, base: &Path) -> Result<bool, Fault> {
    let enabled = reader.boolean("enable_node_updates", false)?;
    if enabled {
        is_file(reader, around, "enable_node_updates", &base.join("package-lock.json"))?;
    }
    Ok(enabled)
}

/// A file below `base` that lists OS packages.
pub(super) fn listed(
    reader: &mut Reader<'_>,
    around: &Around<'_>,
    base: &Path,
    option: &str,
) -> Result<Option<PathBuf>, Fault> {
    let Some(text) = reader.text(option) else { return Ok(None) };
    let path = around.source.resolve(&base.join(text));
    is_file(reader, around, option, &path)?;
    Ok(Some(path))
}

fn is_file(reader: &Reader<'_>, around: &Around<'_>, option: &str, path: &Path) -> Result<(), Fault> {
    if !around.source.exists(path) {
        return Err(invalid(reader, option, path, "does not exist"));
    }
    if around.source.is_dir(path) {
        return Err(invalid(reader, option, path, "is not a file"));
    }
    Ok(())
}

fn invalid(reader: &Reader<'_>, option: &str, path: &Path, why: &str) -> Fault {
    let section = reader.label();
    let path = path.display();
    Fault::new(option, format!("Invalid path for option `{option}` in section [{section}]: Path `{path}` {why}"))
        .with_remedy(format!("install it at that path, or correct '{option}'"))
}

/// `~` at the beginning is the home folder; everything else stays as it is.
fn expand_home(around: &Around<'_>, text: &str) -> PathBuf {
    match text.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => {
            let home = around.source.resolve(Path::new("~"));
            home.join(rest.trim_start_matches('/'))
        }
        Some(_) | None => PathBuf::from(text),
    }
}

/// Without `.` and doubled separators; `..` stays, since what it means depends on links.
fn tidy(path: &Path) -> PathBuf {
    path.components().collect()
}

/// `NAME=value` lines.
fn variables(text: &str) -> Result<Vec<(String, String)>, String> {
    let pair = |line: String| {
        let (name, value) = line.split_once('=').ok_or_else(|| format!("Failed to parse dictionary field, {line}"))?;
        Ok((name.trim().to_owned(), value.trim().to_owned()))
    };
    value::lines(text).into_iter().map(pair).collect()
}
