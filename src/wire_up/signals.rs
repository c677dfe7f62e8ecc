//! The signals that tell Refit to end.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::exit::{Exit, Stop};

/// SIGTERM, SIGINT and SIGHUP, taken from now on.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Takes them. Within a runtime.
    ///
    /// # Errors
    /// When the system does not give them.
    pub fn listen() -> Result<Self, Stop> {
        let taken = |kind| signal(kind).map_err(|error| Stop::new(Exit::Unexpected, format!("No signals: {error}.")));
        Ok(Self {
            terminate: taken(SignalKind::terminate())?,
            interrupt: taken(SignalKind::interrupt())?,
            hang_up: taken(SignalKind::hangup())?,
        })
    }

    /// Returns with the name of the next one.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.hang_up.recv() => "SIGHUP",
        }
    }
}
