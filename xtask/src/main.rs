//! The project's own chores. `cargo xtask test` is the one command that passes all tests on a fresh machine.
#![allow(clippy::disallowed_methods, reason = "a build tool reads its environment and starts cargo, apt and pip")]

mod bench;
mod deb;
mod fuzz;
mod needs;
mod test;
mod vm;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Parser;

/// What can be asked of this tool.
#[derive(Parser)]
#[command(name = "cargo xtask", about = "Chores of the Refit project")]
enum Chore {
    /// Installs what the tests need (Debian packages, the reference Moonraker) and runs all of them.
    Test(test::Arguments),
    /// The tests at length, and a minute of each fuzz target.
    Nightly,
    /// Measures Refit beside Moonraker 0.11.0 and prints a table.
    Bench,
    /// Builds the fuzz targets and runs each for a while.
    Fuzz(fuzz::Arguments),
    /// Builds Refit as it is released and packs it for Debian.
    Deb,
    /// A Debian that boots, with systemd, D-Bus, polkit and PackageKit.
    #[command(subcommand)]
    Vm(vm::Chore),
}

fn main() -> Result<()> {
    match Chore::parse() {
        Chore::Test(arguments) => test::run(&arguments),
        Chore::Nightly => test::nightly(),
        Chore::Bench => bench::run(),
        Chore::Fuzz(arguments) => fuzz::run(&arguments),
        Chore::Deb => deb::run(),
        Chore::Vm(chore) => vm::run(&chore),
    }
}

/// The project's folder.
fn project() -> PathBuf {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().map(PathBuf::from).unwrap_or(manifest)
}

/// Where cargo puts what it builds.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| project().join("target"), PathBuf::from)
}

/// The cargo that started this tool.
fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(project());
    command
}

/// Runs a command that must succeed, naming it when it does not.
fn must(command: &mut Command) -> Result<()> {
    eprintln!("+ {command:?}");
    let status = command.status().with_context(|| format!("could not start {:?}", command.get_program()))?;
    if !status.success() {
        bail!("{command:?} failed: {status}");
    }
    Ok(())
}
