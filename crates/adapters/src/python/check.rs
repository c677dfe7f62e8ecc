//! What must hold before an environment is used: its packages fit together, and the software's own can be imported. No worse
//! than before is good enough.
//! Refuses to: change anything.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use refit_engine::ports::StepError;
use refit_model::python::fits::surely_fit;
use refit_model::python::installed::record;
use refit_model::python::name::ProjectName;
use refit_model::step::Ground;

use super::hand::Hand;
use super::install::is_needed;
use super::interpreter::Interpreter;
use super::pip::Pip;
use super::{installed, seen};
use crate::command::Limits;
use crate::tree;

/// How long an import may take: a cold card and many modules.
const IMPORTS: Duration = Duration::from_secs(120);

/// Imports the modules named, and says which could not be and why.
const IMPORT: &str = "
import importlib, json, os, sys
wrong = {}
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except BaseException as error:
        wrong[name] = '%s: %s' % (type(error).__name__, error)
sys.stdout.write('\\n' + json.dumps(wrong) + '\\n')
sys.stdout.flush()
os._exit(0)
";

/// Performs `EnvironmentStep::Check`. None where there is no stage.
///
/// # Errors
/// When packages do not fit together, or cannot be imported, and did and could before.
pub async fn check(hand: &Hand<'_>, ground: &Ground, projects: &[String]) -> Result<Option<String>, StepError> {
    if !is_needed(hand, ground) {
        return Ok(None);
    }
    let pip = hand.pip(ground, Vec::new())?;
    let before = Before::of(hand, ground);
    let modules = modules(hand.target(ground), projects);
    // Side by side: each is a start of Python, and neither changes anything.
    let (fit, import) = tokio::join!(fitting(hand, ground, &pip, &before), importable(hand, &pip, &before, &modules));
    fit?;
    hand.faults.reach("environment_check.fitting");
    import?;
    let own = hand.own(ground);
    let tidy = move || ["tmp", "empty"].iter().try_for_each(|name| tree::delete_stage(&own.join(name)));
    hand.off_the_loop(tidy).await?;
    Ok(Some("the Python packages fit together".to_owned()))
}

/// The environment from before, to compare with; none when it does not work.
struct Before(Option<PathBuf>);

impl Before {
    fn of(hand: &Hand<'_>, ground: &Ground) -> Self {
        let folder = hand.before(ground);
        Self(seen::complaint(folder).is_none().then(|| folder.to_owned()))
    }

    /// The same questions there. Nothing is shown elsewhere: its Python finds its own packages wherever it lies.
    fn pip<'a>(&self, hand: &'a Hand<'_>, like: &Pip<'a>) -> Option<Pip<'a>> {
        let folder = self.0.clone()?;
        Some(Pip {
            surroundings: &hand.rules.surroundings,
            folder,
            environment: like.environment,
            view: None,
            stage: like.stage.clone(),
            own: like.outside.clone(),
            outside: like.outside.clone(),
            dir: PathBuf::from("/"),
            tell: std::sync::Arc::new(|_: &str| {}),
        })
    }
}

/// Asks pip where it is not certain already: a start of Python is the dearest part of a small update.
async fn fitting(hand: &Hand<'_>, ground: &Ground, pip: &Pip<'_>, before: &Before) -> Result<(), StepError> {
    let folder = hand.target(ground);
    if hand.interpreter(folder).await.is_ok_and(|interpreter| surely_fits(folder, &interpreter)) {
        return Ok(());
    }
    let said = hand.started(pip.run(["check"]).await)?;
    if said.success() {
        return Ok(());
    }
    let complaints = said.lines.iter().filter(|line| !line.trim().is_empty()).cloned();
    let complaints: BTreeSet<String> = complaints.collect();
    let Some(old) = before.pip(hand, pip) else {
        hand.say("these packages do not fit together, as far as pip knows; there is nothing to compare with");
        return Ok(());
    };
    let known: BTreeSet<String> = hand.started(old.run(["check"]).await)?.lines.into_iter().collect();
    match complaints.difference(&known).next() {
        None => Ok(()),
        Some(complaint) => Err(hand.failed(&format!(
            "the new Python packages do not fit together: {complaint}. Nothing was changed; tell the project"
        ))),
    }
}

/// Certain that `pip check` would have nothing to say of the packages in an environment with this interpreter.
#[must_use]
pub fn surely_fits(folder: &Path, interpreter: &Interpreter) -> bool {
    let there = installed::read(folder, &interpreter.system_sites);
    surely_fit(&there, &interpreter.markers)
        && installed::run_here(folder, &interpreter.system_sites, &interpreter.tags)
}

async fn importable(hand: &Hand<'_>, pip: &Pip<'_>, before: &Before, modules: &[String]) -> Result<(), StepError> {
    if modules.is_empty() {
        return Ok(());
    }
    let wrong = imports(hand, pip, modules).await?;
    if wrong.is_empty() {
        return Ok(());
    }
    let known = match before.pip(hand, pip) {
        Some(old) => imports(hand, &old, modules).await.unwrap_or_default(),
        None => Vec::new(),
    };
    let is_new = |(module, _): &&(String, String)| !known.iter().any(|(other, _)| other == module);
    match wrong.iter().find(is_new) {
        None => Ok(()),
        Some((module, why)) => Err(hand.failed(&format!(
            "the new version of the Python module {module} cannot be imported ({why}). Nothing was changed; tell the \
             project"
        ))),
    }
}

/// The modules that cannot be imported, and why.
async fn imports(hand: &Hand<'_>, pip: &Pip<'_>, modules: &[String]) -> Result<Vec<(String, String)>, StepError> {
    let limits = Limits { total: Some(IMPORTS), ..Limits::QUICK };
    let command = pip.python(["-c", IMPORT]).args(modules).limits(limits);
    let outcome = command.run().await.map_err(|error| hand.failed(&error.to_string()))?;
    let text = String::from_utf8_lossy(&outcome.stdout);
    let said = text.lines().next_back().and_then(|line| serde_json::from_str(line).ok());
    let wrong: Option<serde_json::Map<String, serde_json::Value>> = said.filter(|_| outcome.success());
    let all = || modules.iter().map(|module| (module.clone(), outcome.reason())).take(1).collect();
    let text = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    Ok(wrong.map_or_else(all, |wrong| wrong.into_iter().map(|(module, why)| (module, text(why))).collect()))
}

/// What the projects install that can be imported by its own name.
fn modules(folder: &Path, projects: &[String]) -> Vec<String> {
    let names = projects.iter().filter_map(|name| ProjectName::new(name).ok());
    let modules: BTreeSet<String> =
        names.filter_map(|name| installed::info_of(folder, &name)).flat_map(|info| top_level(&info)).collect();
    modules.into_iter().collect()
}

fn top_level(info: &Path) -> Vec<String> {
    if let Ok(text) = fs::read_to_string(info.join("top_level.txt")) {
        return text.lines().map(str::trim).filter(|line| is_module(line)).map(str::to_owned).collect();
    }
    let entries = record(&fs::read(info.join("RECORD")).unwrap_or_default());
    let module = |path: &str| {
        let name = match path.split_once('/') {
            Some((package, "__init__.py")) => package,
            Some(_) => return None,
            None => path.strip_suffix(".py").or_else(|| path.strip_suffix(".so")?.split('.').next())?,
        };
        is_module(name).then(|| name.to_owned())
    };
    entries.iter().filter_map(|entry| module(&entry.path)).collect()
}

fn is_module(name: &str) -> bool {
    let starts = name.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
    starts && !name.starts_with("__") && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}
