//! `refit doctor`: looks for what keeps Refit from working on this machine, and says what to do about each finding.
//!
//! Needs no running Refit and no usable configuration, and changes nothing. Ends with `needs_attention` when there is
//! trouble; warnings alone are fine.

use std::path::PathBuf;

use refit_adapters::builtin::Whereabouts;
use refit_adapters::clock::WallClock;
use refit_adapters::doctor::{self, Finding, Ground, Level, Neighbour, Patient};
use refit_engine::ports::Clock as _;
use refit_model::settings::{Settings, Severity};
use refit_model::updater::Spec;
use serde_json::{Value, json};

use super::exit::{Exit, Stop};
use super::face::Face;
use super::places::Places;
use crate::wire_up::{self, Outside, specs};

/// Looks and tells.
///
/// # Errors
/// When the system gives no threads.
pub fn run(outside: &Outside, face: &Face, places: &Places) -> Result<Exit, Stop> {
    let (settings, mut findings) = configuration(places);
    let specs = settings.as_ref().map(|settings| build(settings, places)).unwrap_or_default();
    let neighbours = neighbours(settings.as_ref(), &specs, places);
    let patient = Patient {
        surroundings: outside.surroundings(&places.home),
        data: &places.data,
        state: &places.state,
        socket: &places.socket,
        own_program: PathBuf::from("/proc/self/exe"),
        git: settings.as_ref().map_or_else(|| PathBuf::from("git"), |settings| settings.refit.git_path.clone()),
        specs: &specs,
        neighbours: &neighbours,
        now: WallClock.now(),
        ground: Ground::default(),
    };
    findings.extend(wire_up::runtime()?.block_on(doctor::examine(&patient)));
    let worst = findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Fine);
    let exit = if worst == Level::Trouble { Exit::NeedsAttention } else { Exit::Fine };
    if face.json {
        let all: Vec<Value> = findings.iter().map(as_json).collect();
        face.value(&json!({ "exit": exit.word(), "findings": all }));
    } else {
        show(face, &findings);
    }
    Ok(exit)
}

/// What is understood of the configuration, and what is wrong with it.
fn configuration(places: &Places) -> (Option<Settings>, Vec<Finding>) {
    const CHECK: &str = "configuration";
    let config = places.config.display();
    let settings = match wire_up::hands::judged(places) {
        Ok(settings) => settings,
        Err(stop) => {
            let first = stop.message.lines().next().unwrap_or_default().trim_end_matches('.').to_owned();
            return (None, vec![Finding::trouble(CHECK, first, "Correct it; refit check tests it")]);
        }
    };
    let all = |severity| settings.problems.iter().filter(move |problem| problem.severity == severity);
    let first = |severity| all(severity).next().map(|problem| problem.message.trim_end_matches('.').to_owned());
    let remedy = "To see where, and whatever else there is, type: refit check";
    let finding = match (first(Severity::Error), first(Severity::Warning)) {
        (Some(why), _) => Finding::trouble(CHECK, format!("{config} has an error: {why}"), remedy),
        (None, Some(why)) => Finding::warning(CHECK, format!("{config} can be used, but: {why}"), remedy),
        (None, None) => Finding::fine(CHECK, format!("{config} can be used")),
    };
    (Some(settings), vec![finding])
}

fn build(settings: &Settings, places: &Places) -> Vec<Spec> {
    let around = Whereabouts {
        home: &places.home,
        identity: None,
        debug: false,
        keep_previous: settings.refit.keep_previous,
        known_repositories: &[],
    };
    specs::build(settings, &around).specs
}

/// Moonraker, when its own configuration has an update manager for what Refit looks after.
fn neighbours(settings: Option<&Settings>, ours: &[Spec], places: &Places) -> Vec<Neighbour> {
    let config = places.data.join("config/moonraker.conf");
    let theirs = Places { config: config.clone(), ..places.clone() };
    let Ok(theirs) = wire_up::settings(&theirs) else { return Vec::new() };
    if settings.is_none() || theirs.update_manager.is_none() {
        return Vec::new();
    }
    let folders: Vec<String> = build(&theirs, places).iter().filter_map(place).collect();
    let shared: Vec<String> = ours
        .iter()
        .filter(|spec| place(spec).is_some_and(|folder| folders.contains(&folder)))
        .map(|spec| spec.name().to_string())
        .collect();
    if shared.is_empty() { Vec::new() } else { vec![Neighbour { config, shared }] }
}

/// Where a piece of software is: two that are in one place are the same.
fn place(spec: &Spec) -> Option<String> {
    match spec {
        Spec::Git(git) => Some(git.path.display().to_string()),
        Spec::Release(release) => Some(release.path.display().to_string()),
        Spec::Python(python) => {
            let folder = &python.common.dependencies.environment.as_ref()?.folder;
            Some(format!("{} {:?}", folder.display(), python.project))
        }
        Spec::System(_) | Spec::Absent(_) => None,
    }
}

fn as_json(finding: &Finding) -> Value {
    json!({
        "check": finding.check,
        "level": finding.level.word(),
        "found": finding.found,
        "remedy": finding.remedy,
    })
}

fn show(face: &Face, findings: &[Finding]) {
    let row = |finding: &Finding| {
        let remedy = finding.remedy.clone().unwrap_or_default();
        vec![finding.check.to_owned(), finding.level.word().to_owned(), finding.found.clone(), remedy]
    };
    let rows: Vec<Vec<String>> = findings.iter().map(row).collect();
    face.rows(&["Check", "", "What was found", "What to do"], &rows);
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    face.line(&match (count(Level::Trouble), count(Level::Warning)) {
        (0, 0) => "Nothing keeps Refit from working here.".to_owned(),
        (0, warnings) => format!("Refit works here. Warnings: {warnings}."),
        (troubles, warnings) => format!("Trouble: {troubles}. Warnings: {warnings}."),
    });
}
