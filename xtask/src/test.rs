//! All tests, on a machine that has cargo and git and nothing else.

use anyhow::Result;
use clap::Args;

use crate::{cargo, must, needs};

/// What `cargo xtask test` takes.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Passed on to `cargo test`, e.g. a test's name.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Installs, then runs every test of the workspace, those that need root, a loop device or the real Moonraker
/// included (feature `host-tests`).
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    needs::install_tools(needs::TEST_TOOLS)?;
    let moonraker = needs::install_moonraker()?;
    must(
        cargo()
            .args(["test", "--workspace", "--features", "host-tests"])
            .args(&arguments.rest)
            // Ignored tests need a package index or half a minute; both are to be had here.
            .args(["--", "--include-ignored"])
            .env("REFIT_TEST_MOONRAKER", &moonraker),
    )
}
