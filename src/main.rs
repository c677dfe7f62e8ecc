//! The binary `refit`: reads what only a process has (arguments, environment, home, working directory), hands it down,
//! and turns the end of a command into an exit code. Knows nothing else.

#![allow(unreachable_pub, reason = "a binary exports nothing; here pub marks what one room offers to the others")]

mod cli;
mod supervisor;
mod wire_up;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser as _;

use cli::args::{Arguments, Command};
use cli::door::Door;
use cli::exit::{Exit, Stop};
use cli::face::Face;
use cli::hold::Wish;
use cli::places::Places;
use cli::work::Work;
use refit_adapters::command::Surroundings;
use refit_adapters::python::namespace;
use refit_adapters::services::supervisord::again;
use supervisor::Supervisor;
use wire_up::Outside;

#[allow(clippy::disallowed_methods, reason = "this is where the environment is read and handed down")]
fn outside() -> Outside {
    use std::env;
    let is_pips = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with(Surroundings::PIP);
    let worth = Surroundings::WORTH_PASSING_ON.iter().filter_map(|name| Some(((*name).into(), env::var_os(name)?)));
    Outside {
        home: env::home_dir(),
        // A working directory that is gone matters only to relative paths, which then begin at the root.
        here: env::current_dir().unwrap_or_else(|_| PathBuf::from("/")),
        program: env::current_exe().unwrap_or_else(|_| PathBuf::from("refit")),
        path: env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into()),
        passed_on: worth.chain(env::vars_os().filter(|(name, _)| is_pips(name))).collect(),
        excluded_packages: env::var("MOONRAKER_EXCLUDED_PKGS").ok(),
        vendor: env::var("MOONRAKER_VENDOR").ok(),
        invocation: env::var("INVOCATION_ID").ok(),
        supervised: ["SUPERVISOR_PROCESS_NAME", "SUPERVISOR_GROUP_NAME"].map(|name| env::var(name).ok()),
        no_color: env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
        supervisor: Supervisor::new(env::var_os("NOTIFY_SOCKET")),
    }
}

fn main() -> ExitCode {
    // Before there is a second thread: only a single one can move into a namespace of its own.
    if let Some(failure) = as_stand_in() {
        return failure;
    }
    let arguments = Arguments::parse();
    let outside = outside();
    let face = Face::new(arguments.answer.json, outside.no_color);
    let exit = match run(arguments, &outside, &face) {
        Ok(exit) => exit,
        Err(stop) => {
            if face.json {
                face.value(&serde_json::json!({ "exit": stop.exit.word(), "error": stop.message }));
            }
            face.error(&stop.message);
            stop.exit
        }
    };
    ExitCode::from(exit.code())
}

/// Refit's own helpers: one shows pip a prepared environment in its final place, one has supervisord restart Refit. None when
/// this is neither.
#[allow(clippy::disallowed_methods, reason = "this is where the arguments are read and handed down")]
fn as_stand_in() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let word = arguments.next()?;
    if word == again::WORD {
        let Err(failure) = again::run(arguments) else { return Some(ExitCode::SUCCESS) };
        eprintln!("refit: {failure}");
        return Some(ExitCode::FAILURE);
    }
    if word != namespace::WORD {
        return None;
    }
    let failure = namespace::enter(arguments);
    eprintln!("refit: {failure}");
    Some(ExitCode::from(namespace::NOT_ENTERED))
}

fn run(arguments: Arguments, outside: &Outside, face: &Face) -> Result<Exit, Stop> {
    let Arguments { places, answer, command } = arguments;
    let places = || Places::find(&places, outside.home.clone(), &outside.here);
    let door = || Door::to(&places()?);
    match command {
        Command::Status { names, check } => cli::status::run(&mut door()?, face, &names, check, answer.verbose > 0),
        Command::Plan { words, hard, update_deps, consent } => {
            cli::plan::run(&mut door()?, face, &words, cli::plan::Manner { hard, update_deps, consent })
        }
        Command::Refresh { names } => cli::refresh::run(&mut door()?, face, &names),
        Command::Upgrade { names, all, consent } => {
            let each = || names.iter().map(|name| Work::upgrade(name, consent)).collect();
            let works = if all { vec![Work::full()] } else { each() };
            cli::work::run(&mut door()?, face, &works)
        }
        Command::Recover { name, hard, update_deps } => {
            cli::work::run(&mut door()?, face, &[Work::recover(&name, hard, update_deps)])
        }
        Command::Rollback { name } => cli::work::run(&mut door()?, face, &[Work::rollback(&name)]),
        Command::Hold { name } => cli::hold::run(&mut door()?, face, &name, Wish::Hold),
        Command::Unhold { name } => cli::hold::run(&mut door()?, face, &name, Wish::Unhold),
        Command::Skip { name, version } => cli::hold::run(&mut door()?, face, &name, Wish::Skip(version.as_deref())),
        Command::History { name, limit } => {
            cli::history::run(&mut door()?, face, name.as_deref(), limit, answer.verbose > 0)
        }
        Command::Check => cli::check::run(face, &places()?),
        Command::Doctor => cli::doctor::run(outside, face, &places()?),
        Command::Serve(options) => cli::serve::run(outside, &places()?, &options, answer.verbose),
        Command::Demo(options) => cli::demo::run(outside, face, &options, answer.verbose),
        Command::Rescue { name, hard } => cli::rescue::run(outside, face, &places()?, &name, hard, answer.verbose),
        Command::RootHelper => cli::root_helper::run(answer.verbose),
        Command::Completions { shell } => Ok(cli::completions::run(shell)),
    }
}
