//! What is seen of an environment, natively: no process is started while nothing changes.
//! Refuses to: judge what should be done about it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use refit_model::environment::{EnvironmentFacts, EnvironmentState, kept_place};
use serde_json::{Value, json};

use super::interpreter::{self, InterpreterError};
use super::{EnvironmentRules, installed, layout, previous};

/// Looks at the environment in a folder, links resolved. `home` is the folder of the software whose it is.
pub async fn look(
    rules: &EnvironmentRules,
    folder: &Path,
    home: Option<&Path>,
    before: &EnvironmentFacts,
) -> EnvironmentFacts {
    let place = kept_place(home, folder);
    let now = fingerprint(folder, &place);
    // Only of a sound one the files tell all: whether an interpreter starts, only a start tells.
    if before.state == EnvironmentState::Sound && before.fingerprint.as_ref() == Some(&now) {
        return before.clone();
    }
    let mut facts = EnvironmentFacts {
        state: EnvironmentState::Sound,
        previous: previous::list(folder, &place),
        fingerprint: Some(now),
        ..before.clone()
    };
    if let Some(state) = complaint(folder) {
        return EnvironmentFacts { state, ..facts };
    }
    match interpreter::ask(folder, &rules.interpreters(), &rules.surroundings).await {
        Ok(said) if said.pip.is_some() => {
            facts.python = Some(said.markers.python_full_version);
            facts.freeze = installed::freeze(folder);
        }
        Ok(_) => facts.state = EnvironmentState::Broken { why: "there is no pip in it that starts".to_owned() },
        Err(InterpreterError::Gone(python)) => facts.state = EnvironmentState::InterpreterGone { python },
        Err(error @ (InterpreterError::Run(_) | InterpreterError::Nonsense(_))) => {
            facts.state = EnvironmentState::Broken { why: error.to_string() };
        }
    }
    facts
}

/// What the files alone say against it; none when nothing does.
#[must_use]
pub fn complaint(folder: &Path) -> Option<EnvironmentState> {
    let python = layout::python(folder);
    if !folder.join(layout::CONFIG).is_file() {
        return Some(EnvironmentState::Missing);
    }
    let Ok(real) = fs::canonicalize(&python) else {
        let leads_to = layout::leads_to(&python);
        return Some(EnvironmentState::InterpreterGone { python: leads_to });
    };
    let versions = layout::versions(folder);
    let newest = versions.first();
    match (layout::version_of(&real), newest) {
        (Some(is), Some(was)) if !versions.contains(&is) => {
            Some(EnvironmentState::VersionChanged { was: was.clone(), is })
        }
        (_, None) => Some(EnvironmentState::Broken { why: "there is no folder of packages in it".to_owned() }),
        (Some(_) | None, Some(_)) => None,
    }
}

/// A few stats that differ when anything that matters does.
fn fingerprint(folder: &Path, place: &Path) -> Value {
    let python = layout::python(folder);
    let sites: Vec<_> = layout::sites(folder).iter().map(|site| stat(site)).collect();
    json!({
        "config": stat(&folder.join(layout::CONFIG)),
        "python": [layout::leads_to(&python), stat(&python)],
        "sites": sites,
        "kept": layout::names(place),
    })
}

fn stat(path: &Path) -> Option<(u64, i64, i64)> {
    fs::metadata(path).ok().map(|seen| (seen.ino(), seen.mtime(), seen.mtime_nsec()))
}

/// The folder with its links resolved, also when it is not there itself.
#[must_use]
pub fn real(folder: &Path) -> PathBuf {
    if let Ok(real) = fs::canonicalize(folder) {
        return real;
    }
    let parent = folder.parent().and_then(|parent| fs::canonicalize(parent).ok());
    match (parent, folder.file_name()) {
        (Some(parent), Some(name)) => parent.join(name),
        (None | Some(_), None | Some(_)) => folder.to_owned(),
    }
}
