//! The system's message bus (D-Bus): one connection for all who speak over it, opened when it is first needed, and anew
//! when it broke.
//! Refuses to: know what is spoken over it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::Mutex;
use zbus::Connection;
use zbus::connection::Builder;

/// How long one answer may take; what takes longer is told by signals.
const ANSWER: Duration = Duration::from_secs(25);

/// Why there is no bus.
#[derive(Debug, Error)]
#[error("the system's message bus (D-Bus) cannot be reached")]
pub struct NoBus(#[source] zbus::Error);

/// See the module. Clones share the connection.
#[derive(Debug, Clone)]
pub struct Bus {
    address: String,
    open: Arc<Mutex<Option<Connection>>>,
}

impl Bus {
    /// Where the D-Bus specification has the system's bus ("Well-known Message Bus Instances").
    pub const SYSTEM: &str = "unix:path=/run/dbus/system_bus_socket";

    /// The bus at an address, as D-Bus writes it. Nothing is opened yet.
    #[must_use]
    pub fn at(address: &str) -> Self {
        Self { address: address.to_owned(), open: Arc::default() }
    }

    /// Somebody may listen there: what a `unix:path=` leads to exists. Opens nothing.
    #[must_use]
    pub fn is_there(&self) -> bool {
        let path = self.address.strip_prefix("unix:path=").and_then(|rest| rest.split([',', ';']).next());
        path.is_none_or(|path| std::path::Path::new(path).exists())
    }

    /// The connection; opened when there is none, or when the one from before has ended.
    ///
    /// # Errors
    /// When nobody listens there.
    pub async fn connection(&self) -> Result<Connection, NoBus> {
        let mut open = self.open.lock().await;
        if let Some(connection) = open.as_ref().filter(|connection| !connection.is_closed()) {
            return Ok(connection.clone());
        }
        let builder = Builder::address(self.address.as_str()).method_timeout(ANSWER);
        // Who takes the connection may never greet.
        let opened = tokio::time::timeout(ANSWER, builder.build()).await;
        let connection =
            opened.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into())).map_err(NoBus)?;
        *open = Some(connection.clone());
        Ok(connection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_bus_that_never_greets_is_none() {
        let folder = refit_testkit::scratch::scratch();
        let socket = folder.path().join("bus");
        let _hung = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let bus = Bus::at(&format!("unix:path={}", socket.display()));
        tokio::time::pause();
        let opened = tokio::time::timeout(10 * ANSWER, bus.connection()).await;
        assert!(matches!(opened, Ok(Err(NoBus(_)))), "{opened:?}");
    }
}
