//! `refit completions`: what a shell needs to complete the command line.

use std::io::Write as _;

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::args::Arguments;
use super::exit::Exit;

/// Writes them to standard output.
#[must_use]
pub fn run(shell: Shell) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "refit", &mut script);
    // A reader that is gone does not want the rest.
    let _closed = std::io::stdout().lock().write_all(&script);
    Exit::Fine
}
