//! All tests, on a machine that has cargo and git and nothing else.

use std::path::Path;

use anyhow::Result;
use clap::Args;

use crate::{cargo, fuzz, must, needs};

/// What `cargo xtask test` takes.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Passed on to `cargo test`, e.g. a test's name.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Installs, then runs the tests of the workspace, those that need root, a loop device or the real Moonraker included
/// (feature `host-tests`).
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    needs::install_tools(needs::TEST_TOOLS)?;
    let moonraker = needs::install_moonraker()?;
    must(tests(&moonraker).args(&arguments.rest))?;
    if arguments.rest.is_empty() {
        // Half a minute, and a package index: plain `cargo test` leaves these out.
        must(cargo().args(["test", "--package", "refit-testkit", "--lib", "--", "--ignored"]))?;
    }
    Ok(())
}

/// The same at length: every action and its undo on every state of the catalogue, many more random cases and kills, and
/// a minute of each fuzz target. For a night, not for each change.
pub(crate) fn nightly() -> Result<()> {
    needs::install_tools(needs::TEST_TOOLS)?;
    let moonraker = needs::install_moonraker()?;
    must(tests(&moonraker).env("REFIT_CASES", "500").env("REFIT_KILL_RUNS", "10"))?;
    must(cargo().args(["test", "--workspace", "--", "--ignored"]))?;
    fuzz::run(&fuzz::Arguments::a_minute_each())
}

fn tests(moonraker: &Path) -> std::process::Command {
    let mut command = cargo();
    command.args(["test", "--workspace", "--features", "host-tests"]).env("REFIT_TEST_MOONRAKER", moonraker);
    command
}
