//! What depends on more than one updater of releases, or on the network as a whole.

use refit_testkit::releases::Fault;
use serde_json::{Value, json};

use super::namespace;
use super::state::State;
use super::told::normalised;
use super::world::World;
use super::{catalogue, side_by_side};
use crate::asking::Listener;
use crate::record::replaced;
use crate::record::{Record, without_extras};
use crate::sides::{Daemon, Side};

fn world(names: &[&str]) -> World {
    let mut states: Vec<State> = catalogue::all();
    states.retain(|state| names.contains(&state.name));
    assert_eq!(states.len(), names.len(), "a state has another name");
    World::of(states)
}

/// What a call answers and tells.
fn heard(listener: &mut Listener, method: &str, params: Value, silent: bool) -> Value {
    Record::new(&normalised(&listener.call(method, &params, silent)), Value::Null, Value::Null).seen
}

/// The status without the entries that are not of releases, and without what is Refit's own.
fn status(daemon: &Daemon) -> Value {
    let mut status = Listener::new(daemon).result("machine.update.status", &json!({}));
    if let Some(entries) = status["version_info"].as_object_mut() {
        entries.retain(|name, _| name != "moonraker" && name != "klipper");
        for entry in entries.values_mut() {
            *entry = without_extras(entry.take()).0;
        }
    }
    without_extras(status).0
}

#[test]
fn a_full_update_of_releases_is_told_alike() {
    if let Some(part) = namespace::part() {
        let side = Side::named(&part);
        let world = world(&["behind", "current", "zip-behind", "tool-behind"]);
        let root = world.build("full");
        let daemon = world.start(side, &root);
        let mut listener = Listener::new(&daemon);
        let full = |listener: &mut Listener| heard(listener, "machine.update.full", json!({}), false);
        let answers = [full(&mut listener), full(&mut listener)];
        let answers = answers.map(|answer| replaced(&answer, &root.display().to_string(), "/W"));
        namespace::answer(&json!([answers.map(without_reply), status(&daemon)["version_info"]]));
        return daemon.stop();
    }
    let mut answers = side_by_side("releases::together::a_full_update_of_releases_is_told_alike");
    let (ours, theirs) = (answers.pop(), answers.pop());
    assert_eq!(theirs, ours);
}

/// Where the reply stands among the messages of a full update is chance in Moonraker.
fn without_reply(mut seen: Value) -> Value {
    if let Some(told) = seen["told"].as_array_mut() {
        told.retain(|text| text != "(reply)");
    }
    seen
}

#[test]
fn a_rate_limit_is_told_alike() {
    if let Some(part) = namespace::part() {
        let world = world(&["behind", "zip-behind", "tool-behind"]);
        // Refit takes a pause of more than a day for a wrong clock.
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |age| age.as_secs());
        let reset = now + 3600;
        world.host.rate_limit(60, 50, reset);
        let root = world.build("limit");
        let daemon = world.start(Side::named(&part), &root);
        let mut listener = Listener::new(&daemon);
        let before = status(&daemon);
        let upgraded = heard(&mut listener, "machine.update.upgrade", json!({"name": "behind"}), false);
        world.host.rate_limit(60, 0, reset);
        let mut refresh = |name: &str| {
            listener.call("machine.update.refresh", &json!({"name": name}), true);
        };
        refresh("behind");
        let reached = status(&daemon);
        refresh("zip-behind");
        world.host.forget();
        refresh("tool-behind");
        let asked = world.host.requests().len();
        let rollback = heard(&mut listener, "machine.update.rollback", json!({"name": "behind"}), false);
        let update = heard(&mut listener, "machine.update.upgrade", json!({"name": "zip-behind"}), false);
        let answer = json!({
            "before": before, "upgraded": upgraded["reply"], "reached": reached, "after": status(&daemon),
            "asked": asked, "rollback": rollback, "update": update, "reset": reset,
        });
        namespace::answer(&replaced(&answer, &root.display().to_string(), "/W"));
        return daemon.stop();
    }
    let mut answers = side_by_side("releases::together::a_rate_limit_is_told_alike");
    let (ours, theirs) = (answers.pop().unwrap_or_default(), answers.pop().unwrap_or_default());
    let mut differ = Vec::new();
    for status in ["before", "reached", "after"] {
        let limit = |answer: &Value| {
            let status = &answer[status];
            // How many are left before the limit is reached depends on how many were sent.
            let left = if status["github_requests_remaining"] == 0 { "none" } else { "some" };
            let told = status["github_limit_reset_time"].as_f64() == answer["reset"].as_f64();
            json!([status["github_rate_limit"], left, told])
        };
        differ
            .extend((limit(&theirs) != limit(&ours)).then(|| format!("{status}: {} {}", limit(&theirs), limit(&ours))));
        // Row 40: an error and its words are of the last question, also where the limit forbade to ask.
        let entries = |answer: &Value| without_errors(&answer[status]["version_info"]);
        differ.extend((entries(&theirs) != entries(&ours)).then(|| format!("{status}: another entry")));
    }
    for what in ["upgraded", "asked", "update"] {
        differ.extend((theirs[what] != ours[what]).then(|| format!("{what}: {} {}", theirs[what], ours[what])));
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    // Row 47: the version before is kept, and nobody need be asked for it.
    let refused = theirs["rollback"]["reply"]["error"]["message"].as_str().unwrap_or_default();
    assert!(refused.starts_with("GitHub Rate Limit Reached\nRequest: https://api.github.com/"), "{refused}");
    if !super::is_twin() {
        assert_eq!(ours["rollback"]["reply"]["result"], "ok");
        let told = ours["after"]["version_info"]["behind"]["last_error"].as_str().unwrap_or_default();
        assert!(told.starts_with("GitHub Rate Limit Reached\nRequest: https://api.github.com/"), "{told}");
    }
}

#[test]
fn trouble_with_the_network_is_no_damage() {
    if let Some(part) = namespace::part() {
        let side = Side::named(&part);
        let world = world(&["behind", "zip-behind", "tool-behind"]);
        world.host.fault(Fault::Reset);
        let root = world.build("trouble");
        let daemon = world.start(side, &root);
        let never = status(&daemon);
        let mut listener = Listener::new(&daemon);
        world.host.heal();
        listener.call("machine.update.refresh", &json!({}), true);
        let known = status(&daemon);
        world.host.fault(Fault::Reset);
        listener.call("machine.update.refresh", &json!({}), true);
        let later = status(&daemon);
        let update = heard(&mut listener, "machine.update.upgrade", json!({"name": "behind"}), false);
        let folder = World::look(&world.states[0], &root).contents;
        daemon.stop();
        let daemon = world.start(side, &root);
        let restarted = status(&daemon);
        daemon.stop();
        let entries = [never, known, later, restarted].map(|status| without_words(&status["version_info"]));
        return namespace::answer(&json!({
            "entries": entries,
            "failed": update["reply"]["error"].is_object(), "folder": folder,
        }));
    }
    let mut answers = side_by_side("releases::together::trouble_with_the_network_is_no_damage");
    let (ours, theirs) = (answers.pop(), answers.pop());
    assert_eq!(theirs, ours);
}

/// Entries without errors, and without the versions of a rollback that one of the two could not do.
fn without_errors(entries: &Value) -> Value {
    let mut entries = entries.clone();
    for entry in entries.as_object_mut().into_iter().flat_map(|entries| entries.values_mut()) {
        entry["last_error"] = Value::Null;
    }
    if let Some(behind) = entries.get_mut("behind").and_then(Value::as_object_mut) {
        behind.remove("version");
    }
    entries
}

/// Entries with whether there is an error instead of its words: each program says in its own what the system told it.
fn without_words(entries: &Value) -> Value {
    let mut entries = entries.clone();
    for entry in entries.as_object_mut().into_iter().flat_map(|entries| entries.values_mut()) {
        entry["last_error"] = json!(entry["last_error"] != "");
    }
    entries
}
