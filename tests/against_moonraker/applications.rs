//! Python applications in virtual environments: every state, and the entry that Moonraker shows for it. So far it is the
//! only one that is asked: what is laid down here is what Refit is to show as well.
//!
//! | file | what it is |
//! |---|---|
//! | [`state`] | one state: section, environment, what the index has, what is shown |
//! | [`catalogue`] | all of them |
//! | [`world`] | the index, and the environments |

mod catalogue;
mod state;
mod world;

use std::path::Path;

use serde_json::{Value, json};

use crate::asking::Listener;
use crate::releases::namespace;
use crate::sides::Side;
use state::{Shown, State};
use world::World;

/// The entry of an application of the version `1.0.0` that is up to date, in the order of its keys.
fn up_to_date(name: &str) -> Value {
    json!({
        "channel": "stable", "debug_enabled": false, "channel_invalid": false, "is_valid": true,
        "configured_type": "python", "info_tags": [], "detected_type": "python_package", "name": name, "branch": null,
        "owner": "?", "repo_name": "?", "version": "1.0.0", "remote_version": "1.0.0", "rollback_version": "?",
        "current_hash": "not-specified", "remote_hash": "?", "is_dirty": false, "changelog_url": "",
        "full_version_string": "1.0.0", "pristine": true, "warnings": [],
    })
}

/// What is complained of in one state.
fn judge(state: &State, root: &Path, entry: Option<&Value>, warnings: &[String]) -> Option<String> {
    let name = state.name;
    let start = format!("[update_manager]: Failed to load extension {name}: ");
    match (&state.shown, entry) {
        (Shown::Entry(differences), Some(entry)) => {
            let mut wanted = up_to_date(name);
            for (key, value) in differences {
                wanted[*key] = value.clone();
            }
            // As texts: the order of the keys counts.
            let (entry, wanted) = (entry.to_string(), wanted.to_string());
            (entry != wanted).then(|| format!("{name}\n  shows  {entry}\n  wanted {wanted}"))
        }
        (Shown::Nothing(wanted), None) => {
            let wanted = format!("{start}{}", wanted.replace("{venv}", &state.path(root).display().to_string()));
            let told: Vec<&String> = warnings.iter().filter(|warning| warning.starts_with(&start)).collect();
            (told != [&wanted]).then(|| format!("{name}\n  tells  {told:?}\n  wanted {wanted:?}"))
        }
        (Shown::Entry(_), None) => Some(format!("{name} is missing; told is {warnings:?}")),
        (Shown::Nothing(_), Some(entry)) => Some(format!("{name} is there: {entry}")),
    }
}

/// All states, or those that the variable `REFIT_TEST_STATES` names, to look into a complaint.
fn states() -> Vec<State> {
    let wanted = std::env::var("REFIT_TEST_STATES").unwrap_or_default();
    let named = |state: &State| wanted.is_empty() || wanted.split(',').any(|known| known == state.name);
    catalogue::all().into_iter().filter(named).collect()
}

/// In how many networks the states are asked at the same time: mostly it is pip that takes its time.
const PARTS: usize = 2;

/// What Moonraker shows for the states of one part, as complaints about what the catalogue says.
fn complaints(part: usize) -> Vec<String> {
    let states = states().into_iter().enumerate().filter(|(at, _)| at % PARTS == part);
    let world = World::of(states.map(|(_, state)| state).collect());
    let root = world.build("moonraker");
    let daemon = world.start(Side::Moonraker, &root);
    let mut listener = Listener::new(&daemon);
    let entries = listener.result("machine.update.status", &json!({}))["version_info"].take();
    let info = listener.result("server.info", &json!({}));
    daemon.stop();
    let warnings: Vec<String> = texts(&info["warnings"]);
    world.states.iter().filter_map(|state| judge(state, &root, entries.get(state.name), &warnings)).collect()
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[test]
fn moonraker_shows_every_application_as_the_catalogue_says() {
    if let Some(part) = namespace::part() {
        let part = part.parse().expect("a part is a number");
        return namespace::answer(&json!(complaints(part)));
    }
    // In networks of their own, where nobody answers for GitHub.
    let test = "applications::moonraker_shows_every_application_as_the_catalogue_says";
    let complaints: Vec<String> = std::thread::scope(|scope| {
        let parts: Vec<_> =
            (0..PARTS).map(|part| scope.spawn(move || namespace::ask(test, &part.to_string()))).collect();
        let answers = parts.into_iter().map(|part| part.join().unwrap_or_else(|e| std::panic::resume_unwind(e)));
        answers.flat_map(|answer| texts(&answer)).collect()
    });
    assert!(complaints.is_empty(), "{} states differ:\n{}", complaints.len(), complaints.join("\n"));
}
