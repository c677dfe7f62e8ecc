//! One caller, from its first byte to its last: a connection with its standing and identity, or a single HTTP request.
//! Refuses to: frame or parse; the transports do.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use refit_model::name::ConnectionId;
use refit_model::request::{Caller, Door};
use tokio::sync::Semaphore;

use crate::auth::Standing;
use crate::fault::Fault;

/// Requests of one connection that may wait for the engine at once.
const MOST_WAITING: usize = 64;

/// How long an answer waits for what was announced before it. Only at the engine's end does nothing come.
const LONGEST_TURN: Duration = Duration::from_secs(1);

/// What `server.connection.identify` told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `client_name`
    pub name: String,
    /// `version`
    pub version: String,
    /// `type`, in lower case
    pub kind: String,
    /// `url`
    pub url: String,
}

impl Identity {
    /// As Python prints the dictionary of it.
    #[must_use]
    pub fn shown(&self) -> String {
        use crate::json::Value::{Object, Text};
        let member = |key: &str, value: &str| (key.to_owned(), Text(value.to_owned()));
        crate::python::repr(&Object(vec![
            member("name", &self.name),
            member("version", &self.version),
            member("type", &self.kind),
            member("url", &self.url),
        ]))
    }
}

/// See the module.
pub struct Session {
    /// The door it came through.
    pub door: Door,
    /// Its number; none for a single HTTP request.
    pub connection: Option<ConnectionId>,
    /// Where it comes from; none on the Unix socket.
    pub address: Option<IpAddr>,
    standing: Mutex<Standing>,
    identity: Mutex<Option<Identity>>,
    listening: Arc<AtomicBool>,
    waiting: AtomicUsize,
    turns: Semaphore,
}

impl Session {
    /// A caller; `listening` is where the hub looks whether it gets notifications.
    #[must_use]
    pub fn new(
        door: Door,
        connection: Option<ConnectionId>,
        address: Option<IpAddr>,
        standing: Standing,
        listening: Arc<AtomicBool>,
    ) -> Self {
        listening.store(standing.may_ask(), Ordering::Relaxed);
        Self {
            door,
            connection,
            address,
            standing: Mutex::new(standing),
            identity: Mutex::new(None),
            listening,
            waiting: AtomicUsize::new(0),
            turns: Semaphore::new(0),
        }
    }

    /// What it may do now.
    #[must_use]
    pub fn standing(&self) -> Standing {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what it may do, notifications included.
    pub fn set_standing(&self, standing: Standing) {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) = standing;
        self.listening.store(standing.may_ask(), Ordering::Relaxed);
    }

    /// Who it said it is.
    #[must_use]
    pub fn identity(&self) -> Option<Identity> {
        self.identity.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers who it said it is.
    pub fn identify(&self, identity: Identity) {
        *self.identity.lock().unwrap_or_else(PoisonError::into_inner) = Some(identity);
    }

    /// For the engine and the history.
    #[must_use]
    pub fn caller(&self) -> Caller {
        let place = match (self.address, self.door) {
            (Some(address), _) => address.to_string(),
            (None, Door::UnixSocket) => "the Unix socket".to_owned(),
            (None, Door::Http | Door::WebSocket | Door::Rescue | Door::Schedule) => "this machine".to_owned(),
        };
        let who = match self.identity() {
            Some(identity) => {
                let said = format!("{} {}", identity.name, identity.version);
                // A client writes its own name: one line, and not a long one.
                let said: String = said.chars().filter(|c| !c.is_control()).take(80).collect();
                format!("{said} at {place}")
            }
            None => place,
        };
        Caller { door: self.door, connection: self.connection, who }
    }

    /// The place of an answer of the engine among the messages has come.
    pub fn its_turn(&self) {
        self.turns.add_permits(1);
    }

    /// Waits until everything that was announced before an answer of the engine has been sent. For a single HTTP request
    /// there is nothing to wait for.
    pub async fn turn_of_answer(&self) {
        if self.connection.is_some()
            && let Ok(Ok(turn)) = tokio::time::timeout(LONGEST_TURN, self.turns.acquire()).await
        {
            turn.forget();
        }
    }

    /// A place among the requests of this caller that wait for the engine.
    ///
    /// # Errors
    /// [`Fault::TooManyWaiting`]
    pub fn wait_for_engine(&self) -> Result<WaitingPlace<'_>, Fault> {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let place = WaitingPlace(&self.waiting);
        if before < MOST_WAITING { Ok(place) } else { Err(Fault::TooManyWaiting) }
    }
}

/// Given back when dropped.
pub struct WaitingPlace<'a>(&'a AtomicUsize);

impl Drop for WaitingPlace<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
