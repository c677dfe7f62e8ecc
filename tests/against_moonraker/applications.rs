//! Python applications in virtual environments: every state, asked of both. Each of the two has a network of its own with
//! the same package index, in which api.github.com is the pretend release host, behind TLS.
//!
//! | file | what it is |
//! |---|---|
//! | [`state`] | one state: section, environment, what the index has |
//! | [`catalogue`] | those whose entry is compared |
//! | [`journeys`] | those in which things are done |
//! | [`world`] | the index, the host, and the environments |
//! | [`rows`] | the allowed differences |

mod catalogue;
mod journeys;
pub mod rows;
mod state;
mod world;

use std::path::Path;

use serde_json::{Value, json};

use crate::asking::{Heard, Listener};
use crate::record::Record;
use crate::releases::{Records, compare, is_twin, namespace, read, side_by_side, written};
use crate::sides::Side;
use crate::verdict::Verdict;
use journeys::{Journey, Turn};
pub use state::State as Application;
use state::State;
use world::World;
pub use world::{Pip, path};

/// The entry of a state, and what the server warns of it.
fn look(listener: &mut Listener, state: &State, root: &Path, heard: &Heard) -> Record {
    let entry = listener.result("machine.update.status", &json!({}))["version_info"][state.name].clone();
    let keys = entry.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).filter(|key| *key != "refit");
    let keys: Value = keys.collect::<Vec<_>>().into();
    let warnings = listener.result("server.info", &json!({}))["warnings"].clone();
    let mine = |text: &&Value| {
        let text = text.as_str().unwrap_or_default();
        text.contains(&format!("extension {}: ", state.name))
            || text.contains(&format!("update_manager {}]", state.name))
    };
    let warnings: Vec<&Value> = warnings.as_array().into_iter().flatten().filter(mine).collect();
    let warnings = json!(warnings);
    let mut record = Record::new(heard, entry, json!(state.packages(root)));
    record.seen["keys"] = keys;
    record.seen["warnings"] = warnings;
    record.replaced(&root.display().to_string(), "/W")
}

/// Those that the variable `REFIT_TEST_STATES` names, to look into a complaint; else all.
fn wanted(states: Vec<State>) -> Vec<State> {
    let wanted = std::env::var("REFIT_TEST_STATES").unwrap_or_default();
    let named = |state: &State| wanted.is_empty() || wanted.split(',').any(|known| known == state.name);
    states.into_iter().filter(named).collect()
}

/// What one daemon answers in every journey.
fn travel(side: Side) -> Records {
    let wanted = std::env::var("REFIT_TEST_STATES").unwrap_or_default();
    let named = |journey: &Journey| wanted.is_empty() || wanted.split(',').any(|known| known == journey.state.name);
    let (states, turns): (Vec<State>, Vec<Vec<Turn>>) =
        journeys::all().into_iter().filter(named).map(|journey| (journey.state, journey.turns)).unzip();
    let world = World::of(states);
    let root = world.build("journeys");
    let daemon = world.start(side, &root);
    let mut listener = Listener::new(&daemon);
    let mut records = Records::new();
    for (state, turns) in world.states.iter().zip(turns) {
        for turn in turns {
            match turn {
                Turn::Meanwhile(happen) => happen(&world, state, &root),
                Turn::Ask(call) => {
                    let heard = call.ask(&mut listener, state.name);
                    let record = look(&mut listener, state, &root, &heard);
                    records.entry(state.name.to_owned()).or_default().push((format!("{call:?}"), record));
                }
            }
        }
    }
    daemon.stop();
    records
}

#[test]
fn every_application_fares_alike() {
    if let Some(part) = namespace::part() {
        return namespace::answer(&written(&travel(Side::named(&part))));
    }
    let mut answers = side_by_side("applications::every_application_fares_alike");
    let (mut ours, theirs) = (read(answers.pop()), read(answers.pop()));
    let whole = !is_twin() && theirs.len() == journeys::all().len();
    let mut verdict = Verdict::new(rows::of_journeys());
    for (state, theirs) in theirs {
        let ours = ours.remove(&state).unwrap_or_default();
        assert_eq!(theirs.len(), ours.len(), "{state} was not asked the same");
        compare(&mut verdict, &state, theirs, ours);
    }
    verdict.finish(whole);
}

#[test]
fn every_application_is_shown_alike() {
    if let Some(part) = namespace::part() {
        let world = World::of(wanted(catalogue::shown()));
        let root = world.build("shown");
        let daemon = world.start(Side::named(&part), &root);
        let mut listener = Listener::new(&daemon);
        let mut records = Records::new();
        for state in &world.states {
            let record = look(&mut listener, state, &root, &Heard::default());
            records.insert(state.name.to_owned(), vec![("Status".to_owned(), record)]);
        }
        daemon.stop();
        return namespace::answer(&written(&records));
    }
    let mut answers = side_by_side("applications::every_application_is_shown_alike");
    let (mut ours, theirs) = (read(answers.pop()), read(answers.pop()));
    let all = catalogue::shown().len();
    assert_eq!(theirs.len(), wanted(catalogue::shown()).len(), "a state was not asked");
    let mut verdict = Verdict::new(rows::of_entries());
    let whole = !is_twin() && theirs.len() == all;
    for (state, theirs) in theirs {
        let ours = ours.remove(&state).unwrap_or_default();
        compare(&mut verdict, &state, theirs, ours);
    }
    verdict.finish(whole);
}
