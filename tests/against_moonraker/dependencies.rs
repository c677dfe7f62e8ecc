//! What git repositories and zip applications depend on: Python packages, Node packages, OS packages. Every state, asked of
//! both, each in a network of its own with the same package indexes, and with a Debian of its own for OS packages.
//!
//! | file | what it is |
//! |---|---|
//! | [`state`] | one state: the files of two versions, what is installed, what is asked |
//! | [`catalogue`] | all of them |
//! | [`world`] | the remotes, the indexes and the folders |
//! | [`rows`] | the allowed differences |
//! | [`together`] | an update of everything |

mod catalogue;
pub mod rows;
mod state;
mod together;
mod world;

use std::path::Path;

use serde_json::json;

use crate::asking::{Heard, Listener};
use crate::record::Record;
use crate::releases::{Records, compare, is_twin, namespace, read, side_by_side, told, written};
use crate::sides::Side;
use crate::verdict::Verdict;
use state::State;
use world::World;

/// All states, or those that the variable `REFIT_TEST_STATES` names, to look into a complaint.
fn states() -> Vec<State> {
    let wanted = std::env::var("REFIT_TEST_STATES").unwrap_or_default();
    let named = |state: &State| wanted.is_empty() || wanted.split(',').any(|known| known == state.name);
    catalogue::all().into_iter().filter(named).collect()
}

/// The entry of a state and what is there, after a call.
fn look(listener: &mut Listener, world: &World, state: &State, root: &Path, heard: &Heard) -> Record {
    let entry = listener.result("machine.update.status", &json!({}))["version_info"][state.name].clone();
    let mut record = Record::new(&told::normalised(heard), entry, state.look(root));
    for (text, name) in world.names(state, root) {
        record = record.replaced(&text, name);
    }
    record
}

/// What one daemon answers in every state.
fn travel(side: Side) -> Records {
    let world = World::of(states());
    let root = world.build("work");
    let daemon = world.start(side, &root);
    let mut listener = Listener::new(&daemon);
    let mut records = Records::new();
    for state in &world.states {
        for call in state.calls {
            let heard = call.ask(&mut listener, state.name);
            let record = look(&mut listener, &world, state, &root, &heard);
            records.entry(state.name.to_owned()).or_default().push((format!("{call:?}"), record));
        }
    }
    daemon.stop();
    records
}

#[test]
fn every_dependency_fares_alike() {
    if let Some(part) = namespace::part() {
        return namespace::answer(&written(&travel(Side::named(&part))));
    }
    let mut answers = side_by_side("dependencies::every_dependency_fares_alike");
    let (mut ours, theirs) = (read(answers.pop()), read(answers.pop()));
    assert_eq!(theirs.len(), states().len(), "a state was not asked");
    let mut verdict = Verdict::new(rows::of_dependencies());
    let whole = !is_twin() && theirs.len() == catalogue::all().len();
    for (state, theirs) in theirs {
        let ours = ours.remove(&state).unwrap_or_default();
        compare(&mut verdict, &state, theirs, ours);
    }
    verdict.finish(whole);
}
