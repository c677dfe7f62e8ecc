//! What is shipped as releases: every state of a front end, a zip application and an executable, times the calls that make
//! sense in it, asked of both. Each of the two has a network of its own in which api.github.com is the pretend release
//! host, with the same releases, behind TLS.
//!
//! | file | what it is |
//! |---|---|
//! | [`namespace`] | that network |
//! | [`world`] | the host, and the folders |
//! | [`state`] | one state: section, folder, releases, faults |
//! | [`catalogue`] | all of them |
//! | [`told`] | what is told of a download, without chance |
//! | [`rows`] | the allowed differences |
//! | [`together`] | full updates, rate limits, no network |

mod catalogue;
pub mod namespace;
pub mod rows;
mod state;
mod together;
pub mod told;
mod world;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use crate::asking::{Heard, Listener};
use crate::record::Record;
use crate::sides::{BOTH, Daemon, Side};
use crate::verdict::{Case, Verdict};
use state::State;
use world::World;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// The status after the first pass.
    Status,
    /// `rollback` with nothing to go back to.
    RollbackAtFirst,
    /// `refresh` by name.
    Refresh,
    /// `upgrade` by name.
    Upgrade,
    /// `refresh`: what the upgrade left is looked at again.
    Look,
    /// `client`: nothing is to be done.
    UpgradeAgain,
    /// `rollback` after the upgrade.
    Rollback,
    /// The same again: nothing is to be done.
    RollbackAgain,
    /// `upgrade` after the rollback.
    Return,
    /// The status when all states are done and the daemon was started again.
    Restarted,
    /// `recover`.
    Soft,
    /// `recover` with `hard`.
    Hard,
    /// `recover` with `update_deps`.
    All,
}

/// The calls that each start from a fresh folder, one after the other in each state.
const JOURNEYS: [(&str, &[Call]); 3] = [
    (
        "upgrade",
        &[
            Call::Status,
            Call::Refresh,
            Call::RollbackAtFirst,
            Call::Upgrade,
            Call::Look,
            Call::UpgradeAgain,
            Call::Rollback,
            Call::RollbackAgain,
            Call::Return,
        ],
    ),
    ("soft", &[Call::Soft]),
    ("hard", &[Call::Hard]),
];

impl Call {
    pub fn ask(self, listener: &mut Listener, name: &str) -> Heard {
        let (method, params) = match self {
            Self::Status | Self::Restarted => return Heard::default(),
            Self::Refresh | Self::Look => ("machine.update.refresh", json!({"name": name})),
            Self::Upgrade | Self::Return => ("machine.update.upgrade", json!({"name": name})),
            Self::UpgradeAgain => ("machine.update.client", json!({"name": name})),
            Self::Rollback | Self::RollbackAtFirst | Self::RollbackAgain => {
                ("machine.update.rollback", json!({"name": name}))
            }
            Self::Soft => ("machine.update.recover", json!({"name": name})),
            Self::Hard => ("machine.update.recover", json!({"name": name, "hard": true})),
            Self::All => ("machine.update.recover", json!({"name": name, "update_deps": true})),
        };
        let silent = matches!(self, Self::Refresh | Self::Look);
        let mut heard = listener.call(method, &params, silent);
        if silent
            && let Some(reply) = &mut heard.reply
            && let Some(status) = reply["result"].as_object_mut()
        {
            // How many requests are left depends on how many were sent.
            status.retain(|field, _| !field.starts_with("github_"));
            if let Some(entries) = status["version_info"].as_object_mut() {
                entries.retain(|known, _| known == name);
            }
        }
        heard
    }
}

/// By state, in the order of the calls.
pub type Records = BTreeMap<String, Vec<(String, Record)>>;

/// Asks one daemon everything of one journey.
fn travel(side: Side, world: &World, journey: (&str, &[Call]), records: &mut Records) {
    let started = Instant::now();
    let root = world.build(journey.0);
    let daemon = world.start(side, &root);
    let mut listener = Listener::new(&daemon);
    for state in &world.states {
        for call in journey.1 {
            take(records, &mut listener, state, *call, &root);
        }
    }
    daemon.stop();
    if journey.1.contains(&Call::Status) {
        let daemon: Daemon = world.start(side, &root);
        let mut listener = Listener::new(&daemon);
        for state in &world.states {
            take(records, &mut listener, state, Call::Restarted, &root);
        }
        daemon.stop();
    }
    eprintln!("{} {}: {:?}", side.word(), journey.0, started.elapsed());
}

/// Asks, and adds what came of it.
fn take(records: &mut Records, listener: &mut Listener, state: &State, call: Call, root: &Path) {
    let heard = told::normalised(&call.ask(listener, state.name));
    let entry = listener.result("machine.update.status", &json!({}))["version_info"][state.name].clone();
    let keys = entry.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).filter(|key| *key != "refit");
    let keys: Value = keys.collect::<Vec<_>>().into();
    let look = World::look(state, root);
    let mut record = Record::new(&heard, entry, json!(look.contents));
    record.seen["keys"] = keys;
    record.seen["modes"] = json!(look.modes);
    let record = record.replaced(&root.display().to_string(), "/W");
    records.entry(state.name.to_owned()).or_default().push((format!("{call:?}"), record));
}

/// All states, or those that the variable `REFIT_TEST_STATES` names, to look into a complaint.
fn states() -> Vec<State> {
    let wanted = std::env::var("REFIT_TEST_STATES").unwrap_or_default();
    let named = |state: &State| wanted.is_empty() || wanted.split(',').any(|known| known == state.name);
    catalogue::all().into_iter().filter(named).collect()
}

#[test]
fn every_release_fares_alike() {
    if let Some(part) = namespace::part() {
        let world = World::of(states());
        let mut records = Records::new();
        for journey in JOURNEYS {
            travel(Side::named(&part), &world, journey, &mut records);
        }
        return namespace::answer(&written(&records));
    }
    let mut answers = side_by_side("releases::every_release_fares_alike");
    let (mut ours, theirs) = (read(answers.pop()), read(answers.pop()));
    assert_eq!(theirs.len(), states().len(), "a state was not asked");
    let mut verdict = Verdict::new(rows::of_releases());
    for (state, theirs) in theirs {
        let ours = ours.remove(&state).unwrap_or_default();
        assert_eq!(theirs.len(), ours.len(), "{state} was not asked the same");
        compare(&mut verdict, &state, theirs, ours);
    }
    verdict.finish(!is_twin() && states().len() == catalogue::all().len());
}

/// What both answer to the test of this name, each in a network of its own, Moonraker first. With the variable
/// `REFIT_TEST_TWIN` it is Moonraker twice: what differs then is chance, and not to be compared.
pub fn side_by_side(test: &str) -> Vec<Value> {
    let sides = if is_twin() { [Side::Moonraker; 2] } else { BOTH };
    std::thread::scope(|scope| {
        let sides = sides.map(|side| scope.spawn(move || namespace::ask(test, side.word())));
        sides.into_iter().map(|side| side.join().unwrap_or_else(|e| std::panic::resume_unwind(e))).collect()
    })
}

pub fn is_twin() -> bool {
    std::env::var_os("REFIT_TEST_TWIN").is_some()
}

pub fn written(records: &Records) -> Value {
    let one = |(call, record): &(String, Record)| json!([call, record.seen, record.extras]);
    records.iter().map(|(state, records)| (state.clone(), records.iter().map(one).collect::<Value>())).collect()
}

pub fn read(answer: Option<Value>) -> Records {
    let one = |mut record: Value| {
        let call = record[0].as_str().unwrap_or_default().to_owned();
        (call, Record { seen: record[1].take(), extras: record[2].take() })
    };
    let states = answer.as_ref().and_then(Value::as_object).into_iter().flatten();
    let records = |value: &Value| value.as_array().cloned().unwrap_or_default().into_iter().map(one).collect();
    states.map(|(state, value)| (state.clone(), records(value))).collect()
}

/// Judges a state call by call. What follows a call that left different folders behind cannot be compared.
pub fn compare(verdict: &mut Verdict, state: &str, theirs: Vec<(String, Record)>, ours: Vec<(String, Record)>) {
    let mut alike = true;
    for ((call, theirs), (_, ours)) in theirs.into_iter().zip(ours) {
        alike |= ["Status", "Soft", "Hard"].contains(&&call[..]);
        if alike {
            alike = verdict.judge(&Case { state: state.to_owned(), call, theirs, ours });
        }
    }
}
