//! `refit root-helper`: does for one connection what needs root (see `adapters::root_helper`). systemd starts it, with the
//! connection as standard input (`dist/refit-root@.service`).
//!
//! Refuses to: open anything by itself, or read the owner's configuration.

use std::io;
use std::os::unix::net::UnixStream;

use refit_adapters::root_helper::serve::{HelperRules, serve};
use tracing::Level;

use super::exit::{Exit, Stop};
use crate::wire_up;

/// Serves it.
///
/// # Errors
/// When standard input is no connection.
pub fn run(verbose: u8) -> Result<Exit, Stop> {
    wire_up::log(verbose, Level::INFO);
    let runtime = wire_up::runtime()?;
    let done = connection().and_then(|connection| runtime.block_on(serve(connection, &HelperRules::default())));
    match done {
        Ok(true) => Ok(Exit::Fine),
        Ok(false) => Ok(Exit::Refused),
        Err(error) => Err(Stop::new(
            Exit::Usage,
            format!("This is for systemd alone: the root helper wants a connection on its standard input ({error})."),
        )),
    }
}

/// Standard input, which must be a connected socket.
fn connection() -> io::Result<UnixStream> {
    // Closed in every program that is started: what scripts of packages leave running must not keep it.
    let connection = UnixStream::from(rustix::io::fcntl_dupfd_cloexec(io::stdin(), 3)?);
    connection.peer_addr()?;
    Ok(connection)
}
