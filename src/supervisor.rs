//! What systemd is told: that Refit is ready, and that it is about to end (the protocol of sd_notify(3)).
//!
//! Refuses to depend on it: without `NOTIFY_SOCKET`, or when nobody listens there, nothing happens.

use std::ffi::OsString;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;

/// The one who started Refit.
#[derive(Debug, Clone, Default)]
pub struct Supervisor {
    socket: Option<OsString>,
}

impl Supervisor {
    /// From the variable `NOTIFY_SOCKET`.
    #[must_use]
    pub fn new(notify_socket: Option<OsString>) -> Self {
        Self { socket: notify_socket.filter(|socket| !socket.is_empty()) }
    }

    /// The doors are open.
    pub fn ready(&self) {
        self.tell("READY=1");
    }

    /// The end has begun.
    pub fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    fn tell(&self, what: &str) {
        if let Some(socket) = &self.socket
            && let Err(error) = send(socket, what.as_bytes())
        {
            tracing::warn!("cannot tell {what} to the supervisor at {}: {error}", Path::new(socket).display());
        }
    }
}

fn send(socket: &OsString, what: &[u8]) -> io::Result<()> {
    let address = match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?.send_to_addr(what, &address).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_arrives_at_both_kinds_of_socket() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("notify");
        let name = format!("refit-test-{}", std::process::id());
        let hidden = SocketAddr::from_abstract_name(&name).expect("a name");
        let hears = [
            (UnixDatagram::bind(&path).expect("a socket"), path.into_os_string()),
            (UnixDatagram::bind_addr(&hidden).expect("a socket"), OsString::from(format!("@{name}"))),
        ];
        for (heard, told) in hears {
            Supervisor::new(Some(told)).ready();
            let mut buffer = [0; 32];
            let length = heard.recv(&mut buffer).expect("something was sent");
            assert_eq!(&buffer[..length], b"READY=1");
        }
    }

    #[test]
    fn nobody_to_tell_is_no_trouble() {
        Supervisor::new(None).ready();
        Supervisor::new(Some("/nowhere/at/all".into())).stopping();
    }
}
