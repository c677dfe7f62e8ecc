//! The way to a running Refit: JSON-RPC 2.0 over its Unix socket, each message ended by the byte 0x03 (CONTRACT §1.9).
//!
//! Blocking on purpose: a command asks one thing at a time. Refuses to: judge answers.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use refit_adapters::store::holder;
use serde_json::{Value, json};

use super::exit::{Exit, Stop};
use super::places::Places;

const END: u8 = 0x03;

/// The longest answer that is taken, in bytes. A status of a hundred updaters with all their commits is a few MiB.
const LONGEST_ANSWER: usize = 64 * 1024 * 1024;

/// What Refit said no with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// An HTTP-like number, or one of JSON-RPC's own.
    pub code: i64,
    /// In words.
    pub message: String,
}

/// One line about work that goes on (CONTRACT §2.9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// What it is about: `klipper`, `full`, `recover_klipper`, `rollback_klipper`.
    pub application: String,
    /// The line. Angle brackets and ampersands are shown as themselves.
    pub message: String,
    /// Nothing follows.
    pub complete: bool,
}

/// An open connection.
#[derive(Debug)]
pub struct Door {
    stream: UnixStream,
    socket: PathBuf,
    partial: Vec<u8>,
    last_id: u64,
}

enum Message {
    Answer(Result<Value, Denial>),
    News(News),
    Other,
}

impl Door {
    /// Connects to the Refit of these places.
    ///
    /// # Errors
    /// As of [`Self::open`]; one that is at work and has not opened its doors yet is told as such.
    pub fn to(places: &Places) -> Result<Self, Stop> {
        Self::open(&places.socket).map_err(|stop| match holder(&places.state) {
            Some(process) if stop.exit == Exit::Unreachable => Stop::new(
                stop.exit,
                format!(
                    "Refit (process {process}) is at work and does not answer at {} yet: after a crash it first finishes or \
                     takes back what was cut off.\n\
                     Ask again in a moment. If it stays so, `journalctl -u refit -e` shows what it does, and `sudo systemctl \
                     restart refit` starts it anew.",
                    places.socket.display()
                ),
            ),
            Some(_) | None => stop,
        })
    }

    /// Connects, and says who is there.
    ///
    /// # Errors
    /// When nobody answers at the socket: the message says which, why, and what to do.
    pub fn open(socket: &Path) -> Result<Self, Stop> {
        let stream = UnixStream::connect(socket).map_err(|error| unreachable(socket, &error))?;
        let mut door = Self { stream, socket: socket.to_owned(), partial: Vec::new(), last_id: 0 };
        let who =
            json!({ "client_name": "refit", "version": env!("CARGO_PKG_VERSION"), "type": "other", "url": "refit" });
        door.ask("server.connection.identify", who)?.map_err(|denial| {
            Stop::new(Exit::Unexpected, format!("Refit does not know this client: {}", denial.message))
        })?;
        Ok(door)
    }

    /// Another connection to the same place.
    ///
    /// # Errors
    /// As of [`Self::open`].
    pub fn again(&self) -> Result<Self, Stop> {
        Self::open(&self.socket)
    }

    /// Asks, and waits for the answer for as long as it takes.
    ///
    /// # Errors
    /// When the connection ends before the answer.
    pub fn ask(&mut self, method: &str, params: Value) -> Result<Result<Value, Denial>, Stop> {
        self.ask_and_hear(method, params, &mut |_| {})
    }

    /// Asks, and hands out the news that come in before the answer.
    ///
    /// # Errors
    /// When the connection ends before the answer.
    pub fn ask_and_hear(
        &mut self,
        method: &str,
        params: Value,
        hear: &mut dyn FnMut(News),
    ) -> Result<Result<Value, Denial>, Stop> {
        self.last_id += 1;
        let id = self.last_id;
        let question = json!({ "jsonrpc": "2.0", "method": method, "params": params, "id": id });
        let mut bytes = question.to_string().into_bytes();
        bytes.push(END);
        self.stream.write_all(&bytes).map_err(|error| self.ended(&error))?;
        loop {
            match understand(&self.frame(None).map_err(|error| self.ended(&error))?, id) {
                Message::Answer(answer) => return Ok(answer),
                Message::News(news) => hear(news),
                Message::Other => {}
            }
        }
    }

    /// Hears news until `hear` is satisfied or the patience is over: the last line of a run may come after its answer.
    ///
    /// # Errors
    /// When the connection ends.
    pub fn hear(&mut self, patience: Duration, hear: &mut dyn FnMut(News) -> bool) -> Result<(), Stop> {
        let until = Instant::now() + patience;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            match self.frame(Some(left)) {
                Ok(frame) => {
                    if let Message::News(news) = understand(&frame, 0)
                        && hear(news)
                    {
                        return Ok(());
                    }
                }
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    return Ok(());
                }
                Err(error) => return Err(self.ended(&error)),
            }
        }
    }

    fn frame(&mut self, patience: Option<Duration>) -> io::Result<Vec<u8>> {
        self.stream.set_read_timeout(patience)?;
        let mut searched = 0;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let unsearched = self.partial.get(searched..).unwrap_or_default();
            if let Some(at) = unsearched.iter().position(|byte| *byte == END) {
                let rest = self.partial.split_off(searched + at + 1);
                let mut frame = std::mem::replace(&mut self.partial, rest);
                frame.pop();
                return Ok(frame);
            }
            searched = self.partial.len();
            if searched > LONGEST_ANSWER {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "its answer is too long"));
            }
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it hung up")),
                Ok(read) => self.partial.extend_from_slice(buffer.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn ended(&self, error: &io::Error) -> Stop {
        let socket = self.socket.display();
        Stop::new(
            Exit::Unreachable,
            format!(
                "The connection to Refit at {socket} ended: {error}.\n\
                 What it was doing is not lost: it finishes or takes back such work by itself when it starts again. \
                 Ask `refit status` in a moment."
            ),
        )
    }
}

fn understand(frame: &[u8], id: u64) -> Message {
    let Ok(message) = serde_json::from_slice::<Value>(frame) else { return Message::Other };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if message.get("method") == Some(&Value::from("notify_update_response")) {
        let Some(news) = message.pointer("/params/0") else { return Message::Other };
        return Message::News(News {
            application: text(&news["application"]),
            message: unescaped(&text(&news["message"])),
            complete: news["complete"] == true,
        });
    }
    if message.get("id") != Some(&Value::from(id)) || message.get("method").is_some() {
        return Message::Other;
    }
    match message.get("error") {
        Some(error) => {
            let code = error["code"].as_i64().unwrap_or_default();
            Message::Answer(Err(Denial { code, message: unescaped(&text(&error["message"])) }))
        }
        None => Message::Answer(Ok(message.get("result").cloned().unwrap_or_default())),
    }
}

/// What the API escapes for web pages (CONTRACT §8 row 8), as text for a terminal.
#[must_use]
pub fn unescaped(message: &str) -> String {
    message.replace("&lt;", "<").replace("&amp;", "&")
}

fn unreachable(socket: &Path, error: &io::Error) -> Stop {
    let at = socket.display();
    let root = if rustix::process::geteuid().is_root() {
        "\nYou are root, whose own data folder was looked at: run this as the owner of the printer's software, without sudo."
    } else {
        ""
    };
    let message = match error.kind() {
        io::ErrorKind::NotFound => format!(
            "Refit is not running: there is no socket {at}.\n\
             Start it with `systemctl start refit`, or by hand with `refit serve`. If it runs for another printer, say \
             which with --data-path FOLDER or --unix-socket SOCKET.{root}"
        ),
        io::ErrorKind::ConnectionRefused => format!(
            "Refit is not running: nobody listens at the socket {at} any more.\n\
             Start it with `systemctl start refit`, or by hand with `refit serve`; `journalctl -u refit` tells why it ended."
        ),
        io::ErrorKind::PermissionDenied => format!(
            "You may not use Refit's socket {at}.\n\
             Run this command as the user that owns the printer's data folder."
        ),
        _ => format!("Refit cannot be reached at the socket {at}: {error}."),
    };
    Stop::new(Exit::Unreachable, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_are_told_from_answers() {
        let news = br#"{"jsonrpc":"2.0","method":"notify_update_response","params":[{"message":"a &lt;b&gt; &amp;lt;","application":"full","proc_id":1,"complete":true}]}"#;
        match understand(news, 1) {
            Message::News(news) => {
                assert_eq!(news.application, "full");
                assert_eq!(news.message, "a <b&gt; &lt;");
                assert!(news.complete);
            }
            Message::Answer(_) | Message::Other => panic!("news were not understood"),
        }
        assert!(matches!(understand(br#"{"jsonrpc":"2.0","result":"ok","id":3}"#, 3), Message::Answer(Ok(_))));
        assert!(matches!(understand(br#"{"jsonrpc":"2.0","result":"ok","id":4}"#, 3), Message::Other));
        assert!(matches!(understand(b"nonsense", 3), Message::Other));
        let denied = understand(br#"{"jsonrpc":"2.0","error":{"code":503,"message":"busy"},"id":3}"#, 3);
        assert!(matches!(denied, Message::Answer(Err(Denial { code: 503, .. }))));
    }

    #[test]
    fn an_absent_daemon_is_told_with_its_socket_and_a_remedy() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let socket = folder.path().join("refit.sock");
        let stop = Door::open(&socket).expect_err("nobody listens");
        assert_eq!(stop.exit, Exit::Unreachable);
        assert!(stop.message.contains(&socket.display().to_string()) && stop.message.contains("refit serve"));
        drop(std::os::unix::net::UnixListener::bind(&socket).expect("a socket"));
        let stop = Door::open(&socket).expect_err("nobody listens any more");
        assert!(stop.message.contains("any more"), "{}", stop.message);
    }
}
