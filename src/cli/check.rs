//! `refit check`: reads the configuration as `serve` would, and says what was understood and what is wrong.
//!
//! Needs no daemon and changes nothing.

use std::path::PathBuf;

use refit_adapters::builtin::Whereabouts;
use refit_model::settings::{Problem, Settings, Severity};
use refit_model::updater::Spec;
use refit_model::updater::python::PythonSpec;
use serde_json::{Value, json};

use super::exit::{Exit, Stop};
use super::face::Face;
use super::places::Places;
use crate::wire_up::{self, specs::Specs};

/// Reads and tells.
///
/// # Errors
/// When there is no usable configuration at all.
pub fn run(face: &Face, places: &Places) -> Result<Exit, Stop> {
    let settings = wire_up::hands::judged(places)?;
    let around = Whereabouts {
        home: &places.home,
        identity: None,
        debug: false,
        keep_previous: settings.refit.keep_previous,
        known_repositories: &[],
    };
    let specs = wire_up::specs::build(&settings, &around);
    let broken = settings.problems.iter().any(|problem| problem.severity == Severity::Error);
    let exit = if broken { Exit::BadConfiguration } else { Exit::Fine };
    if face.json {
        face.value(&understood(places, &settings, &specs, exit));
    } else {
        show(face, places, &settings, &specs);
    }
    Ok(exit)
}

fn understood(places: &Places, settings: &Settings, specs: &Specs, exit: Exit) -> Value {
    let refresh = settings.update_manager.as_ref().map(|all| {
        json!({
            "automatic": all.enable_auto_refresh,
            "window": [all.refresh_window.0, all.refresh_window.1],
            "interval_hours": all.refresh_interval_hours,
        })
    });
    json!({
        "exit": exit.word(),
        "config": places.config,
        "data_path": places.data,
        "unix_socket": places.socket,
        "server": { "host": settings.server.host, "port": settings.server.port },
        "klippy_uds_address": settings.klippy_uds_address,
        "refresh": refresh,
        "software": specs.specs.iter().map(software).collect::<Vec<_>>(),
        "held": wire_up::specs::held(settings)
            .into_iter()
            .map(|(name, place)| json!({ "name": name, "place": place }))
            .collect::<Vec<_>>(),
        "problems": settings.problems,
        "warnings": settings.warnings.iter().chain(&specs.warnings).collect::<Vec<_>>(),
    })
}

fn software(spec: &Spec) -> Value {
    match spec {
        Spec::Git(git) => json!({
            "name": git.common.name,
            "type": "git_repo",
            "channel": git.common.channel.as_str(),
            "path": git.path,
            "origin": git.origin,
            "branch": git.primary_branch,
            "pinned_commit": git.pinned_commit,
        }),
        Spec::Release(release) => json!({
            "name": release.common.name,
            "type": release.kind.as_str(),
            "channel": release.common.channel.as_str(),
            "path": release.path,
            "forge": release.source.forge,
            "api": release.source.api,
            "repo": format!("{}/{}", release.source.owner, release.source.repo),
            "persistent_files": release.persistent_files,
        }),
        Spec::Python(python) => json!({
            "name": python.common.name,
            "type": "python",
            "channel": python.common.channel.as_str(),
            "project": python.project,
            "extras": python.extras,
            "environment": environment(python),
        }),
        Spec::System(system) => json!({ "name": system.name, "type": "system", "packagekit": system.packagekit }),
        Spec::Absent(absent) => json!({ "name": absent.name, "type": "none", "looked_for": absent.looked_for }),
    }
}

fn environment(python: &PythonSpec) -> Option<&PathBuf> {
    python.common.dependencies.environment.as_ref().map(|environment| &environment.folder)
}

fn show(face: &Face, places: &Places, settings: &Settings, specs: &Specs) {
    face.line(&format!("Configuration: {}", places.config.display()));
    face.line(&format!("Data folder: {}", places.data.display()));
    face.line(&format!("Listens on: {}, port {}", settings.server.host, settings.server.port));
    face.line(&format!("Unix socket: {}", places.socket.display()));
    face.line(&format!("Printer's socket: {}", settings.klippy_uds_address.display()));
    face.line(&format!("Refreshes by itself: {}", refreshes(settings)));
    face.line("");
    if specs.specs.is_empty() {
        face.line("Nothing is looked after: there is no usable section [update_manager].");
    } else {
        let rows: Vec<Vec<String>> = specs.specs.iter().map(row).collect();
        face.rows(&["Name", "Type", "Channel", "Folder"], &rows);
    }
    for (name, place) in wire_up::specs::held(settings) {
        face.line(&format!("{name} is held back when everything is updated: {place}"));
    }
    for warning in &specs.warnings {
        face.line(&format!("warning: {warning}"));
    }
    let mut problems: Vec<&Problem> = settings.problems.iter().collect();
    problems.sort_by_key(|problem| std::cmp::Reverse(problem.severity));
    for problem in problems {
        show_problem(face, problem);
    }
    if settings.problems.is_empty() && specs.warnings.is_empty() {
        face.line("No problems were found.");
    }
}

fn refreshes(settings: &Settings) -> String {
    match &settings.update_manager {
        Some(all) if all.enable_auto_refresh => format!(
            "between {} and {} o'clock, what is older than {} hours",
            all.refresh_window.0, all.refresh_window.1, all.refresh_interval_hours
        ),
        Some(_) | None => "no".to_owned(),
    }
}

fn row(spec: &Spec) -> Vec<String> {
    match spec {
        Spec::Git(git) => vec![
            git.common.name.to_string(),
            "git_repo".to_owned(),
            git.common.channel.as_str().to_owned(),
            git.path.display().to_string(),
        ],
        Spec::Release(release) => vec![
            release.common.name.to_string(),
            release.kind.as_str().to_owned(),
            release.common.channel.as_str().to_owned(),
            release.path.display().to_string(),
        ],
        Spec::Python(python) => vec![
            python.common.name.to_string(),
            "python".to_owned(),
            python.common.channel.as_str().to_owned(),
            environment(python).map(|folder| folder.display().to_string()).unwrap_or_default(),
        ],
        Spec::System(system) => vec![system.name.to_string(), "system".to_owned(), String::new(), String::new()],
        Spec::Absent(absent) => {
            vec![absent.name.to_string(), "not found".to_owned(), String::new(), absent.looked_for.join("; ")]
        }
    }
}

fn show_problem(face: &Face, problem: &Problem) {
    let severity = match problem.severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    let line = if problem.line == 0 { String::new() } else { format!(":{}", problem.line) };
    face.line(&format!("{severity}: {}{line}: {}", problem.file.display(), problem.message));
    if let Some(remedy) = &problem.remedy {
        face.line(&format!("  {remedy}"));
    }
}
