//! The open connections, and what all of them are told. A message is written once and its bytes are shared.
//! A connection that does not take its messages loses its place and is closed; nobody waits for it.
//! Refuses to: know what a message says.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::body::Bytes;
use refit_model::event::Audience;
use refit_model::name::ConnectionId;
use tokio::sync::mpsc;

/// Messages that may wait for one connection: more than the lines of a long update's busiest second.
const QUEUE: usize = 1024;

/// What waits for a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Post {
    /// A message to be sent.
    Message(Bytes),
    /// The place of an answer among the messages.
    Answer,
}

struct Client {
    post: mpsc::Sender<Post>,
    listening: Arc<AtomicBool>,
    websocket: bool,
    agent: Option<String>,
}

impl Client {
    /// False when it must be dropped. Who does not listen misses nothing.
    fn takes(&self, message: &Bytes) -> bool {
        !self.listening.load(Ordering::Relaxed) || self.post.try_send(Post::Message(message.clone())).is_ok()
    }
}

struct Clients {
    open: HashMap<u64, Client>,
    next: u64,
}

/// See the module.
pub struct Hub(Mutex<Clients>);

/// A connection's place, given up when dropped.
pub struct Place {
    hub: Arc<Hub>,
    /// Its number.
    pub id: ConnectionId,
    /// Whether it gets notifications.
    pub listening: Arc<AtomicBool>,
}

impl Hub {
    /// Nobody is there. Numbers begin at `first`: clients expect large ones.
    #[must_use]
    pub fn new(first: u64) -> Self {
        Self(Mutex::new(Clients { open: HashMap::new(), next: first }))
    }

    fn clients(&self) -> MutexGuard<'_, Clients> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a connection that takes its messages from the receiver; the receiver ends when it is dropped for
    /// being slow. None when `most` WebSockets are open.
    #[must_use]
    pub fn join(self: &Arc<Self>, websocket: bool, most: usize) -> Option<(Place, mpsc::Receiver<Post>)> {
        let mut clients = self.clients();
        if websocket && clients.open.values().filter(|client| client.websocket).count() >= most {
            return None;
        }
        let (post, messages) = mpsc::channel(QUEUE);
        let listening = Arc::new(AtomicBool::new(false));
        let id = clients.next;
        clients.next += 16;
        clients.open.insert(id, Client { post, listening: listening.clone(), websocket, agent: None });
        drop(clients);
        Some((Place { hub: self.clone(), id: ConnectionId(id), listening }, messages))
    }

    /// How many connections are open.
    #[must_use]
    pub fn count(&self) -> usize {
        self.clients().open.len()
    }

    /// Whether anybody gets notifications.
    #[must_use]
    pub fn has_listeners(&self) -> bool {
        self.clients().open.values().any(|client| client.listening.load(Ordering::Relaxed))
    }

    /// Tells everybody who listens, or one of them.
    pub fn tell(&self, audience: Audience, message: &Bytes) {
        let mut clients = self.clients();
        let Clients { open, .. } = &mut *clients;
        match audience {
            Audience::Everybody => open.retain(|_, client| client.takes(message)),
            Audience::Only(id) => {
                if open.get(&id.0).is_some_and(|client| !client.takes(message)) {
                    open.remove(&id.0);
                }
            }
        }
    }

    /// An answer to a request of this connection belongs here, behind what it was told so far.
    pub fn mark(&self, id: ConnectionId) {
        let mut clients = self.clients();
        if clients.open.get(&id.0).is_some_and(|client| client.post.try_send(Post::Answer).is_err()) {
            clients.open.remove(&id.0);
        }
    }

    /// Tells everybody who listens but one.
    pub fn tell_others(&self, but: ConnectionId, message: &Bytes) {
        self.clients().open.retain(|id, client| *id == but.0 || client.takes(message));
    }

    /// Drops everybody: messages were lost, and only a new connection makes a client ask again.
    pub fn drop_all(&self) {
        self.clients().open.clear();
    }

    /// Takes an agent's name for a connection; false when another one has it.
    #[must_use]
    pub fn take_agent_name(&self, id: ConnectionId, name: &str) -> bool {
        let mut clients = self.clients();
        if clients.open.values().any(|client| client.agent.as_deref() == Some(name)) {
            return false;
        }
        if let Some(client) = clients.open.get_mut(&id.0) {
            client.agent = Some(name.to_owned());
        }
        true
    }

    fn leave(&self, id: ConnectionId) -> Option<String> {
        self.clients().open.remove(&id.0)?.agent
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(agent) = self.hub.leave(self.id) {
            let event = serde_json::json!({ "agent": agent, "event": "disconnected" });
            let message = crate::wire::notification("notify_agent_event", Some(&event)).into();
            self.hub.tell(Audience::Everybody, &message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(hub: &Arc<Hub>) -> (Place, mpsc::Receiver<Post>) {
        let (place, messages) = hub.join(true, 50).unwrap();
        place.listening.store(true, Ordering::Relaxed);
        (place, messages)
    }

    #[test]
    fn a_slow_reader_loses_its_place_and_the_others_miss_nothing() {
        let hub = Arc::new(Hub::new(1));
        let (_slow, mut unread) = listener(&hub);
        let (_quick, mut read) = listener(&hub);
        for _ in 0..=QUEUE {
            hub.tell(Audience::Everybody, &Bytes::from_static(b"x"));
            assert!(read.try_recv().is_ok());
        }
        assert_eq!(hub.count(), 1);
        let mut left = 0;
        while unread.try_recv().is_ok() {
            left += 1;
        }
        assert_eq!(left, QUEUE);
        assert_eq!(unread.try_recv(), Err(mpsc::error::TryRecvError::Disconnected));
    }

    #[test]
    fn one_is_told_alone_and_only_listeners_are_told() {
        let hub = Arc::new(Hub::new(1));
        let (one, mut first) = listener(&hub);
        let (_other, mut second) = listener(&hub);
        let (_deaf, mut third) = hub.join(true, 50).unwrap();
        hub.tell(Audience::Only(one.id), &Bytes::from_static(b"x"));
        assert!(first.try_recv().is_ok() && second.try_recv().is_err());
        hub.tell(Audience::Everybody, &Bytes::from_static(b"x"));
        assert!(first.try_recv().is_ok() && second.try_recv().is_ok() && third.try_recv().is_err());
    }

    #[test]
    fn an_answer_has_its_place_even_for_who_does_not_listen() {
        let hub = Arc::new(Hub::new(1));
        let (place, mut messages) = listener(&hub);
        let (deaf, mut nothing) = hub.join(true, 50).unwrap();
        hub.tell(Audience::Everybody, &Bytes::from_static(b"before"));
        hub.mark(place.id);
        hub.mark(deaf.id);
        hub.tell(Audience::Everybody, &Bytes::from_static(b"after"));
        let heard: Vec<Post> = std::iter::from_fn(|| messages.try_recv().ok()).collect();
        let message = |text: &'static str| Post::Message(Bytes::from_static(text.as_bytes()));
        assert_eq!(heard, [message("before"), Post::Answer, message("after")]);
        assert_eq!(nothing.try_recv(), Ok(Post::Answer));
    }

    #[test]
    fn websockets_are_counted_and_places_come_back() {
        let hub = Arc::new(Hub::new(1));
        let (place, _messages) = hub.join(true, 1).unwrap();
        assert!(hub.join(true, 1).is_none());
        assert!(hub.join(false, 1).is_some());
        drop(place);
        assert!(hub.join(true, 1).is_some());
    }
}
