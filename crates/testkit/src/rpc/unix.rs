//! The Unix socket door: messages that end in the byte 0x03.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{Inbox, JsonRpc, PATIENCE, allowed};

/// The byte that ends a message.
const END: u8 = 0x03;

/// An open connection.
#[derive(Debug)]
pub struct Unix {
    stream: UnixStream,
    unread: Vec<u8>,
    inbox: Inbox,
    ended: bool,
}

impl Unix {
    /// Connects.
    ///
    /// # Panics
    /// When nobody listens there.
    pub fn connect(socket: impl AsRef<Path>) -> Self {
        let socket = socket.as_ref();
        let stream = UnixStream::connect(socket).unwrap_or_else(|e| panic!("cannot connect to {socket:?}: {e}"));
        stream.set_write_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
        Self { stream, unread: Vec::new(), inbox: Inbox::default(), ended: false }
    }

    /// Sends bytes as they are, without an end byte. Whether the connection took them.
    pub fn send_raw(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// The next message as bytes, or none when none came in time or the connection ended.
    pub fn read(&mut self, within: Duration) -> Option<Vec<u8>> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(at) = self.unread.iter().position(|byte| *byte == END) {
                let mut message: Vec<u8> = self.unread.drain(..=at).collect();
                message.pop();
                return Some(message);
            }
            let _ = self.stream.set_read_timeout(allowed(deadline.saturating_duration_since(Instant::now())));
            let mut piece = [0; 16 * 1024];
            match self.stream.read(&mut piece) {
                Ok(count @ 1..) => self.unread.extend_from_slice(&piece[..count]),
                Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                    return None;
                }
                // A read with a deadline is not resumed after a signal, as when a process of another test ends.
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => {
                    self.ended = true;
                    return None;
                }
            }
        }
    }

    /// Whether a read found the connection ended.
    pub fn ended(&self) -> bool {
        self.ended
    }
}

impl JsonRpc for Unix {
    fn send_text(&mut self, text: &str) {
        assert!(self.send_raw(&[text.as_bytes(), &[END]].concat()), "the connection has ended");
    }

    fn read_text(&mut self, within: Duration) -> Option<String> {
        self.read(within).map(|message| String::from_utf8_lossy(&message).into_owned())
    }

    fn inbox(&mut self) -> &mut Inbox {
        &mut self.inbox
    }
}
