//! The root helper: the few things that need root, for machines on which polkit cannot allow them. A program of its own
//! that systemd starts for each connection to a socket, outside Refit's own group of processes, so that a restart of Refit
//! cuts no installation short. This is the side that asks.
//! Refuses to: ask for anything that is not a [`Request`].
//!
//! A connection is one request, a line of JSON, and its answer: lines `{"line": …}` while it goes on, then one of
//! `{"done": true}`, `{"refused": why}` and `{"failed": why, "locked": whether another package manager is at work}`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use refit_engine::ports::Tell;
use rustix::fs::{Access, access};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::time::timeout;

mod peer;
pub mod request;
pub mod serve;

pub use request::{BadRequest, Request, UnitName, Verb, Wanted};

/// Longer than any installation takes.
const PATIENCE: Duration = Duration::from_secs(4 * 3600);
/// An answer in which nothing ends is none.
const LONGEST_LINE: u64 = 64 * 1024;

/// One line of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Answer {
    Line { line: String },
    Done { done: bool },
    Refused { refused: String },
    Failed { failed: String, locked: bool },
}

/// Why it was not done.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HelperError {
    /// It does not do that, or not for us. Nothing was begun.
    #[error("the root helper refused: {0}")]
    Refused(String),
    /// It was tried.
    #[error("{why}")]
    Failed {
        /// What happened.
        why: String,
        /// Another process has the lock of the package manager.
        locked: bool,
    },
    /// It could not be asked, or said nothing to the end.
    #[error("the root helper does not answer ({0}). To see why, type: sudo journalctl -u 'refit-root@*' -e")]
    Silent(String),
}

/// Where it listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootHelper {
    socket: PathBuf,
}

impl RootHelper {
    /// Where `dist/refit-root.socket` has it.
    pub const SOCKET: &str = "/run/refit-root.sock";

    /// The one at a socket.
    #[must_use]
    pub fn at(socket: impl AsRef<Path>) -> Self {
        Self { socket: socket.as_ref().to_owned() }
    }

    /// The one at the usual socket.
    #[must_use]
    pub fn usual() -> Self {
        Self::at(Self::SOCKET)
    }

    /// It is there and this user may ask it. Starts nothing.
    #[must_use]
    pub fn is_there(&self) -> bool {
        access(&self.socket, Access::WRITE_OK).is_ok()
    }

    /// Starts, stops or restarts a unit, where there is a helper; none where there is none.
    pub async fn unit(&self, verb: Verb, unit: &str) -> Option<Result<(), HelperError>> {
        if !self.is_there() {
            return None;
        }
        let unit = match UnitName::new(unit) {
            Ok(unit) => unit,
            Err(error) => return Some(Err(HelperError::Refused(error.to_string()))),
        };
        let request = match verb {
            Verb::Start => Request::Start { unit },
            Verb::Stop => Request::Stop { unit },
            Verb::Restart => Request::Restart { unit },
        };
        let nobody: Tell = std::sync::Arc::new(|_: &str| {});
        Some(self.ask(&request, &nobody).await)
    }

    /// Has something done, to its end. Each line that it says on the way is told.
    ///
    /// # Errors
    /// [`HelperError`].
    pub async fn ask(&self, request: &Request, tell: &Tell) -> Result<(), HelperError> {
        let asking = timeout(PATIENCE, self.converse(request, tell)).await;
        asking.unwrap_or_else(|_| Err(HelperError::Silent("it takes too long".to_owned())))
    }

    async fn converse(&self, request: &Request, tell: &Tell) -> Result<(), HelperError> {
        let silent = |error: std::io::Error| HelperError::Silent(error.to_string());
        let mut stream = UnixStream::connect(&self.socket).await.map_err(silent)?;
        // One that refuses does not read it all.
        let _refused = stream.write_all(request.to_line().as_bytes()).await;
        let mut reader = BufReader::new(stream);
        loop {
            let mut line = Vec::new();
            let read = (&mut reader).take(LONGEST_LINE).read_until(b'\n', &mut line).await.map_err(silent)?;
            if read == 0 {
                return Err(HelperError::Silent("it ended in the middle".to_owned()));
            }
            match serde_json::from_slice(&line) {
                Ok(Answer::Line { line }) => tell(&line),
                Ok(Answer::Done { .. }) => return Ok(()),
                Ok(Answer::Refused { refused }) => return Err(HelperError::Refused(refused)),
                Ok(Answer::Failed { failed, locked }) => return Err(HelperError::Failed { why: failed, locked }),
                Err(error) => return Err(HelperError::Silent(format!("its answer is none: {error}"))),
            }
        }
    }
}

#[cfg(test)]
mod tests;
