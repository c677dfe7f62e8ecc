//! `refit demo`: Refit on a pretend printer host in a temporary folder, served as a real one, gone with Ctrl-C.
//!
//! Needs git and nothing else, and touches nothing outside its folder.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use tracing::Level;

use super::args::DemoOptions;
use super::exit::{Exit, Stop};
use super::face::Face;
use super::places::Places;
use crate::wire_up::{self, Manner, Outside, Signals};

mod application;
mod host;
mod shipped;

use host::Host;

/// The port of Moonraker, which clients look for.
const USUAL_PORT: u16 = 7125;

/// Runs until it is told to end.
///
/// # Errors
/// When the host cannot be made or served.
pub fn run(outside: &Outside, face: &Face, options: &DemoOptions, verbose: u8) -> Result<Exit, Stop> {
    refit_testkit::git::installed()
        .map_err(|why| Stop::new(Exit::Unexpected, format!("The demo needs git: {why}.")))?;
    // Held until it is served, or the pretend host's own servers may be given it.
    let held = hold(options.port)?;
    let port = held.local_addr().map_err(|error| no_port(options.port, &error))?.port();
    wire_up::log(verbose, Level::WARN);
    let runtime = wire_up::runtime()?;
    // From here on a Ctrl-C is kept until it can be obeyed, so that the folder is always removed.
    let signals = runtime.block_on(async { Signals::listen() })?;
    let folder = tempfile::Builder::new()
        .prefix("refit-demo-")
        .tempdir()
        .map_err(|error| Stop::new(Exit::Unexpected, format!("The demo cannot make a temporary folder: {error}.")))?;
    if !face.json {
        face.line("Making a pretend printer host ...");
    }
    remove_on_panic(folder.path());
    let host = Host::make(folder.path(), port).map_err(|error| {
        Stop::new(Exit::Unexpected, format!("The pretend printer host could not be made: {error}."))
    })?;
    let places = Places {
        home: host.home.clone(),
        here: host.home.clone(),
        data: host.data.clone(),
        config: host.data.join("config/moonraker.conf"),
        socket: host.data.join("comms/refit.sock"),
        state: host.data.join("refit"),
    };
    let mut outside = outside.clone();
    if let Ok(application) = &host.application {
        outside.passed_on = application.surroundings(&outside.passed_on);
    }
    drop(held);
    let opened = || announce(face, folder.path(), &host, port, &outside.program);
    let served = runtime.block_on(wire_up::serve(&outside, &places, Manner::default(), signals, opened));
    drop(host);
    remove(folder)?;
    served.map(|()| Exit::Fine)
}

/// The pieces of the host panic when git fails. Half a host is no demo: the folder goes, then the process.
fn remove_on_panic(folder: &Path) {
    let folder = folder.to_owned();
    std::panic::set_hook(Box::new(move |panic| {
        // Whatever cannot be removed is told by the system's own cleaning of temporary files.
        let _left = std::fs::remove_dir_all(&folder);
        // Standard error may be closed.
        let _closed = writeln!(std::io::stderr(), "refit: the pretend printer host broke: {panic}");
        std::process::exit(Exit::Unexpected.code().into());
    }));
}

fn remove(folder: TempDir) -> Result<(), Stop> {
    let path = folder.path().to_owned();
    folder.close().map_err(|error| {
        Stop::new(Exit::Unexpected, format!("The demo's folder {} could not be removed: {error}.", path.display()))
    })
}

fn hold(wished: Option<u16>) -> Result<TcpListener, Stop> {
    let free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let held = match wished {
        Some(port) => free(port),
        None => free(USUAL_PORT).or_else(|_| free(0)),
    };
    held.map_err(|error| no_port(wished, &error))
}

fn no_port(wished: Option<u16>, error: &std::io::Error) -> Stop {
    let port = wished.unwrap_or(USUAL_PORT);
    Stop::new(Exit::Unexpected, format!("The port {port} cannot be used: {error}. Choose another with --port."))
}

fn announce(face: &Face, folder: &Path, host: &Host, port: u16, program: &Path) {
    let address = format!("http://127.0.0.1:{port}");
    let refit = format!("{} -d {}", program.display(), host.data.display());
    let commands = [
        format!("curl -s {address}/machine/update/status"),
        format!("{refit} status"),
        format!("{refit} upgrade behind"),
        format!("{refit} plan upgrade front-end"),
        format!("{refit} upgrade front-end"),
        format!("{refit} upgrade sick"),
    ];
    if face.json {
        let (data, front_end) = (&host.data, &host.front_end);
        face.value(&json!({
            "address": address,
            "folder": folder,
            "data_path": data,
            "front_end": front_end,
            "try": commands,
        }));
        return;
    }
    face.line(&format!("\nA pretend printer host is in {}, and Refit serves it on {address}", folder.display()));
    face.line("\nTry, in another terminal:\n");
    for command in &commands {
        face.line(&format!("    {command}"));
    }
    tell(face, host);
    face.line("\nCtrl-C ends the demo and removes everything.");
}

/// What its software shows.
fn tell(face: &Face, host: &Host) {
    face.line(
        "\nOf its software, `behind` has updates, `current` has none, `dirty` has modified files, `damaged` lost a",
    );
    face.line("commit to a power cut, `pinned` is held where it is, and `diverged` has a commit of its own.");
    face.line("Recover those that cannot be updated, roll back those that were.");
    face.line("\n`front-end`, `zip-app` and `tool` ship as releases, and a newer one of each is out. Look at the front end while");
    face.line("you update it and roll it back; its page shows which version it is:\n");
    face.line(&format!("    {}", host.front_end));
    face.line("\n`sick` has an update with which its service does not answer any more: see how it is taken back.");
    face.line(&match &host.application {
        Ok(_) => {
            "`py-app` is a Python application in an environment of its own; its new version needs a newer library."
                .to_owned()
        }
        Err(why) => format!("A Python application cannot be shown: {why}."),
    });
}
