//! One lasting connection, whatever carries it: messages in, answers and notifications out, each message on its own, so
//! that an update that takes minutes delays nothing else (CONTRACT §1.6).
//! Refuses to: wait for a slow reader; what cannot be sent in time ends the connection.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hyper::body::Bytes;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use crate::Shared;
use crate::hub::Post;
use crate::rpc;
use crate::session::Session;

/// A client that takes nothing for so long is gone.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the end of a connection may take.
const FAREWELL: Duration = Duration::from_secs(3);

/// How often a carrier may look after its client.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// What came in.
pub(crate) enum Incoming {
    /// A text for the dispatcher.
    Text(String),
    /// Something that the carrier dealt with.
    Nothing,
    /// No more will come, but answers may still be taken.
    HalfClosed,
    /// The end.
    Closed,
}

/// The client is gone.
pub(crate) struct Gone;

/// What carries messages. Every future may be dropped at any time without losing bytes, except that of `send`.
pub(crate) trait Carrier: Send {
    /// The next thing that comes in.
    fn next(&mut self) -> impl Future<Output = Incoming> + Send;
    /// Sends one text.
    fn send(&mut self, text: Bytes) -> impl Future<Output = Result<(), Gone>> + Send;
    /// Looks after the client: every ten seconds.
    fn heartbeat(&mut self) -> impl Future<Output = Result<(), Gone>> + Send;
    /// The last thing that is done with it; true when it is the server that stops.
    fn finish(&mut self, stopping: bool) -> impl Future<Output = ()> + Send;
}

/// Serves a connection to its end.
pub(crate) async fn attend<C: Carrier>(
    shared: Arc<Shared>,
    mut carrier: C,
    session: Session,
    post: mpsc::Receiver<Post>,
) {
    let end = converse(&shared, &mut carrier, &session, post).await;
    // A client that does not take it is not waited for.
    let _late = tokio::time::timeout(FAREWELL, carrier.finish(end == End::Stopping)).await;
}

#[derive(PartialEq, Eq)]
enum End {
    Client,
    Stopping,
}

async fn converse<C: Carrier>(
    shared: &Shared,
    carrier: &mut C,
    session: &Session,
    mut post: mpsc::Receiver<Post>,
) -> End {
    let mut stop = shared.stop.clone();
    let mut heartbeat = interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    heartbeat.reset();
    let mut working = FuturesUnordered::new();
    let mut reading = true;
    while reading || !working.is_empty() {
        let out = tokio::select! {
            // Answers first: one whose place among the messages has come goes out before the next message. What is ready is
            // sent before an end: a restart of Refit is the last thing that its caller is told of.
            biased;
            Some(answer) = working.next(), if !working.is_empty() => answer,
            message = post.recv() => match message {
                Some(Post::Message(message)) => Some(message),
                Some(Post::Answer) => {
                    session.its_turn();
                    None
                }
                None => return End::Client,
            },
            () = crate::stopped(&mut stop) => return End::Stopping,
            incoming = carrier.next(), if reading => match incoming {
                Incoming::Text(text) => {
                    let mut work = Box::pin(work(shared, session, text));
                    // Most answers are there at once, and need no place among the others.
                    match poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await {
                        Poll::Ready(answer) => answer,
                        Poll::Pending => {
                            working.push(work);
                            None
                        }
                    }
                }
                Incoming::Nothing => None,
                Incoming::HalfClosed => {
                    reading = false;
                    None
                }
                Incoming::Closed => return End::Client,
            },
            _ = heartbeat.tick() => match in_time(carrier.heartbeat()).await {
                Ok(()) => None,
                Err(Gone) => return End::Client,
            },
        };
        if let Some(text) = out
            && in_time(carrier.send(text)).await.is_err()
        {
            return End::Client;
        }
    }
    End::Client
}

async fn work(shared: &Shared, session: &Session, text: String) -> Option<Bytes> {
    let message = rpc::read(&text);
    drop(text);
    rpc::answer(shared, session, message).await.map(Bytes::from)
}

async fn in_time(sending: impl Future<Output = Result<(), Gone>>) -> Result<(), Gone> {
    tokio::time::timeout(PATIENCE, sending).await.unwrap_or(Err(Gone))
}
