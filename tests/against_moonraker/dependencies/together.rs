//! An update of everything: a repository, a zip application and a Python application, each with something new.

use serde_json::{Value, json};

use super::catalogue;
use super::look;
use super::state::State;
use super::world::World;
use crate::asking::{Heard, Listener};
use crate::record::Record;
use crate::releases::{namespace, side_by_side};
use crate::sides::Side;

fn states() -> Vec<State> {
    let wanted = |state: &State| ["py-pin", "zip-pin"].contains(&state.name);
    catalogue::all().into_iter().filter(wanted).chain([State::python("app")]).collect()
}

/// What a full update answers and tells. Where the reply stands among its messages is chance in Moonraker.
fn full(listener: &mut Listener) -> Value {
    let heard = listener.call("machine.update.full", &json!({}), false);
    let mut seen = Record::new(&heard, Value::Null, Value::Null).seen;
    if let Some(told) = seen["told"].as_array_mut() {
        told.retain(|text| text != "(reply)");
    }
    json!([seen["reply"], seen["told"], seen["labels"]])
}

#[test]
fn a_full_update_with_dependencies_is_told_alike() {
    if let Some(part) = namespace::part() {
        let world = World::of(states());
        let root = world.build("full");
        let daemon = world.start(Side::named(&part), &root);
        let mut listener = Listener::new(&daemon);
        let answer = json!([full(&mut listener), full(&mut listener)]);
        let answer = crate::record::replaced(&answer, &root.display().to_string(), "/W");
        let versions = world.states.iter().map(|state| {
            let seen = look(&mut listener, &world, state, &root, &Heard::default()).seen;
            let of_entry = ["version", "remote_version", "rollback_version", "is_valid", "warnings"];
            let entry = of_entry.map(|field| seen["entry"][field].clone());
            (state.name.to_owned(), json!([entry, seen["repository"]]))
        });
        namespace::answer(&json!([answer, versions.collect::<Value>()]));
        return daemon.stop();
    }
    let mut answers = side_by_side("dependencies::together::a_full_update_with_dependencies_is_told_alike");
    let (ours, theirs) = (answers.pop(), answers.pop());
    assert_eq!(theirs, ours);
}
