//! The states of python applications in which things are done, and what: calls, and what happens between them.

use std::path::Path;

use refit_testkit::index::Fault;
use refit_testkit::wheels::{Sdist, Wheel};

use super::state::{Damage, State};
use super::world::World;
use crate::releases::Call;

/// One turn of a journey.
#[derive(Clone, Copy)]
pub enum Turn {
    Ask(Call),
    /// What the world does meanwhile.
    Meanwhile(fn(&World, &State, &Path)),
}

/// A state, and what is done in it.
pub struct Journey {
    pub state: State,
    pub turns: Vec<Turn>,
}

/// All of them.
pub fn all() -> Vec<Journey> {
    [offered(), untoward(), recovered(), from_github()].into_iter().flatten().collect()
}

/// Everything that can be asked of an application with a newer version.
const WHOLE: [Call; 9] = [
    Call::Status,
    Call::Refresh,
    Call::RollbackAtFirst,
    Call::Upgrade,
    Call::Look,
    Call::UpgradeAgain,
    Call::Rollback,
    Call::RollbackAgain,
    Call::Return,
];

fn asks(state: State, calls: &[Call]) -> Journey {
    Journey { state, turns: calls.iter().copied().map(Turn::Ask).collect() }
}

/// With a newer version on the index.
fn behind(name: &'static str) -> State {
    State::new(name).published(&["1.0.0", "1.1.0"])
}

/// The newer version in another form.
fn newer(name: &'static str, change: impl FnOnce(Wheel) -> Wheel) -> State {
    State::new(name).file_on_index(change(Wheel::new(name, "1.1.0")).build())
}

fn offered() -> Vec<Journey> {
    vec![
        asks(behind("app"), &WHOLE),
        // With an extra that wants another package, beside one that could be newer, and a service.
        asks(
            newer("app-rich", |wheel| wheel.requires("rich-lib>=1").extra("more", &["rich-more"]))
                .options("project_name: app-rich[more]\nmanaged_services: klipper")
                .beside("rich-lib", "1.0.0")
                .file_on_index(Wheel::new("rich-lib", "2.0.0").build())
                .file_on_index(Wheel::new("rich-more", "1.0.0").build()),
            &[Call::Upgrade],
        ),
    ]
}

fn untoward() -> Vec<Journey> {
    let fails = Sdist::new("app-fails", "1.1.0").without_compiler().build();
    vec![
        asks(State::new("app-fails").file_on_index(fails), &[Call::Upgrade]),
        asks(newer("app-conflict", |wheel| wheel.requires("app-conflict-nowhere")), &[Call::Upgrade]),
        Journey {
            state: behind("app-down"),
            turns: vec![
                Turn::Meanwhile(|world, state, _| world.index.fault(Fault::Reset.on(&format!("/{}/", state.name)))),
                Turn::Ask(Call::Refresh),
                Turn::Ask(Call::Upgrade),
                Turn::Meanwhile(|world, _, _| world.index.heal()),
                Turn::Ask(Call::Look),
            ],
        },
        Journey {
            state: behind("app-removed"),
            turns: vec![
                Turn::Meanwhile(|_, state, root| state.uninstall(root)),
                Turn::Ask(Call::Refresh),
                Turn::Ask(Call::Upgrade),
            ],
        },
    ]
}

/// A pip that says who it is, whatever it is asked.
const NEW_PIP: &str = "print('pip 25.2 from here (python 3.11)')\n";

fn recovered() -> Vec<Journey> {
    vec![
        asks(behind("app-whole"), &[Call::Soft]),
        asks(State::new("app-absent").absent(), &[Call::Soft]),
        asks(
            State::new("app-old-pip").keeping_its_pip().file_on_index(
                Wheel::new("pip", "25.2").module("pip/__init__.py", "").module("pip/__main__.py", NEW_PIP).build(),
            ),
            &[Call::Status],
        ),
        asks(State::new("app-python-gone").damaged(Damage::InterpreterGone), &[Call::Hard]),
    ]
}

fn from_github() -> Vec<Journey> {
    let hub = |name: &'static str| State::new(name).published(&[]).of_repository();
    vec![
        asks(hub("hub-stable"), &[Call::Status, Call::Upgrade, Call::Look, Call::Rollback]),
        asks(
            hub("hub-dev").options("channel: dev"),
            &[Call::Status, Call::Upgrade, Call::Look, Call::Rollback, Call::Refresh],
        ),
    ]
}
