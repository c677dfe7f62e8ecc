//! The proper answer: from the forge whose door a question came to.

use crate::loopback::{Answer, Question, lock};

use super::{Door, Shared, forgejo, github, gitlab};

/// Answers what came to this door, or to the host of a name that is known.
pub(super) fn proper(question: &Question, door: Door, shared: &Shared) -> Answer {
    let door = Door::of(&question.host).unwrap_or(door);
    let state = &mut *lock(&shared.state);
    let path: Vec<&str> = question.path.iter().map(String::as_str).collect();
    let at = &shared.origins;
    match (door, &path[..]) {
        (Door::GitHub, ["assets-host", ..]) | (Door::Assets, _) => github::storage(question, &path, state),
        (Door::GitHub, ["api", "v3", rest @ ..] | ["api", rest @ ..] | rest @ ["repos" | "repositories", ..]) => {
            github::api(question, rest, state, at)
        }
        (Door::GitHub, rest) => github::web(rest, state, at),
        (Door::Forgejo, path) => forgejo::answer(question, path, state, at),
        (Door::GitLab, path) => gitlab::answer(question, path, state, at),
    }
}
