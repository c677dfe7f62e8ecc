//! A Debian that boots, for tests and for a look around in it (crates/vm).

use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use refit_vm::{User, Vm, root};

use crate::test::{TEST_DEB, TEST_MOONRAKER};
use crate::{cargo, deb, must, needs};

/// What can be done with it.
#[derive(Subcommand)]
pub(crate) enum Chore {
    /// Makes its root file system, once.
    Build,
    /// Boots one and runs a shell in it, or a command; gone when that ends.
    Shell {
        /// As the owner of the printer instead of root.
        #[arg(long)]
        pi: bool,
        /// The command; a shell when there is none.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Runs the tests that need it.
    Test {
        /// Passed on to the tests, e.g. a test's name.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
}

pub(crate) fn run(chore: &Chore) -> Result<()> {
    needs::install_tools(root::TOOLS)?;
    root::prepare()?;
    match chore {
        Chore::Build => Ok(()),
        Chore::Shell { pi, command } => shell(*pi, command),
        Chore::Test { rest } => {
            let tests = || {
                let mut command = cargo();
                command.args(["test", "--features", "host-tests", "--test", "vm"]);
                command
            };
            must(tests().arg("--no-run"))?;
            // Refit is compared with it in the machine.
            needs::install_tools(needs::TEST_TOOLS)?;
            let moonraker = match std::env::var_os(TEST_MOONRAKER) {
                Some(there) => there.into(),
                None => needs::install_moonraker()?,
            };
            let mut command = tests();
            command.env(TEST_DEB, deb::for_tests()?).env(TEST_MOONRAKER, moonraker);
            must(command.arg("--").args(rest))
        }
    }
}

/// This tool, asked to make the root.
pub(crate) fn build_command() -> Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("this program is nowhere")?);
    command.args(["vm", "build"]);
    Ok(command)
}

fn shell(pi: bool, command: &[String]) -> Result<()> {
    let vm = Vm::boot()?;
    let user = if pi { User::Pi } else { User::Root };
    let mut words: Vec<&str> = command.iter().map(String::as_str).collect();
    if words.is_empty() {
        words.extend(["bash", "-l"]);
    }
    let status = vm.command(user, &words).status().context("could not start nsenter")?;
    drop(vm);
    if !status.success() {
        bail!("{words:?} ended with {status}");
    }
    Ok(())
}
