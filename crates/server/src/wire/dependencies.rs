//! What Refit adds to entries about what their software depends on.
//! Refuses to: decide anything; a shape says what the model says.

use refit_model::dependencies::DependencyFacts;
use refit_model::environment::{EnvironmentState, PreviousEnvironment};
use serde::Serialize;

/// A Python environment. Times are seconds since 1970, sizes bytes.
#[derive(Serialize)]
pub(super) struct EnvironmentExtras<'a> {
    #[serde(flatten)]
    state: &'a EnvironmentState,
    /// The interpreter's version.
    python: Option<&'a str>,
    /// How many distributions are installed.
    packages: usize,
    previous: &'a [PreviousEnvironment],
}

/// Of an entry; none where no environment is configured.
pub(super) fn environment(facts: &DependencyFacts) -> Option<EnvironmentExtras<'_>> {
    facts.environment.as_ref().map(|seen| EnvironmentExtras {
        state: &seen.state,
        python: seen.python.as_deref(),
        packages: seen.freeze.len(),
        previous: &seen.previous,
    })
}
