//! All tests, on a machine that has cargo and git and nothing else.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{cargo, deb, fuzz, must, needs, vm};

/// What `cargo xtask test` takes.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Passed on to `cargo test`, e.g. a test's name.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// The comparison with Moonraker waits more than it works (Moonraker waits between its attempts), and so do the tests of a
/// machine that boots: they run beside the rest.
const WAITING: [&str; 2] = ["against_moonraker", "vm"];

/// Names the package that the tests install.
pub(crate) const TEST_DEB: &str = "REFIT_TEST_DEB";

/// Names the folder of the Moonraker that Refit is compared with.
pub(crate) const TEST_MOONRAKER: &str = "REFIT_TEST_MOONRAKER";

/// Installs, then runs the tests of the workspace, those that need root, a loop device or the real Moonraker included
/// (feature `host-tests`).
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    install_tools()?;
    let moonraker = needs::install_moonraker()?;
    if !arguments.rest.is_empty() {
        return must(tests(&moonraker).args(&arguments.rest));
    }
    // It waits for the disk and the network, while the compiler does not.
    let root = Beside::start(&mut vm::build_command()?)?;
    must(tests(&moonraker).arg("--no-run"))?;
    root.finish()?;
    let package = deb::for_tests()?;
    let beside = |name| Beside::start(tests(&moonraker).args(["--test", name]).env(TEST_DEB, &package));
    let waiting = WAITING.map(beside);
    let others = others(&moonraker);
    // Who failed first does not hide who else did.
    let ended = waiting.map(|waiting| waiting.and_then(Beside::finish));
    ended.into_iter().fold(others, Result::and)
}

fn others(moonraker: &Path) -> Result<()> {
    let targets = test_targets()?;
    let others =
        targets.iter().filter(|name| !WAITING.contains(&name.as_str())).flat_map(|name| ["--test", name.as_str()]);
    must(tests(moonraker).args(["--no-fail-fast", "--lib", "--bins"]).args(others))?;
    must(tests(moonraker).arg("--doc"))?;
    // Half a minute, and a package index: plain `cargo test` leaves these out.
    must(cargo().args(["test", "--package", "refit-testkit", "--lib", "--", "--ignored"]))
}

fn install_tools() -> Result<()> {
    needs::install_tools(&[needs::TEST_TOOLS, refit_vm::root::TOOLS].concat())
}

/// A command that runs while others do. What it prints comes when it has ended, in one piece.
struct Beside {
    name: String,
    child: std::process::Child,
    said: tempfile::NamedTempFile,
}

impl Beside {
    fn start(command: &mut Command) -> Result<Self> {
        eprintln!("+ {command:?} &");
        let said = tempfile::NamedTempFile::new().context("no temporary file")?;
        let (out, err) = (said.reopen()?, said.reopen()?);
        let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn().context("could not start it")?;
        Ok(Self { name: format!("{command:?}"), child, said })
    }

    fn finish(mut self) -> Result<()> {
        let status = self.child.wait().context("lost sight of it")?;
        eprintln!("+ {} ended:", self.name);
        std::io::copy(&mut self.said.reopen()?, &mut std::io::stderr())?;
        if !status.success() {
            bail!("{} failed: {status}", self.name);
        }
        Ok(())
    }
}

impl Drop for Beside {
    /// Where the other tests failed, nobody waits for it.
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The names of all integration tests of the workspace.
fn test_targets() -> Result<BTreeSet<String>> {
    let metadata = cargo_metadata::MetadataCommand::new().no_deps().current_dir(crate::project()).exec()?;
    let targets = metadata.packages.iter().flat_map(|package| &package.targets);
    Ok(targets.filter(|target| target.is_test()).map(|target| target.name.clone()).collect())
}

/// The same at length: every action and its undo on every state of the catalogue, many more random cases and kills, and
/// a minute of each fuzz target. For a night, not for each change.
pub(crate) fn nightly() -> Result<()> {
    install_tools()?;
    let moonraker = needs::install_moonraker()?;
    must(tests(&moonraker).arg("--no-run"))?;
    let package = deb::for_tests()?;
    must(tests(&moonraker).env(TEST_DEB, package).env("REFIT_CASES", "500").env("REFIT_KILL_RUNS", "10"))?;
    must(cargo().args(["test", "--workspace", "--", "--ignored"]))?;
    fuzz::run(&fuzz::Arguments::a_minute_each())
}

fn tests(moonraker: &Path) -> Command {
    let mut command = cargo();
    command.args(["test", "--workspace", "--features", "host-tests"]).env(TEST_MOONRAKER, moonraker);
    command
}
