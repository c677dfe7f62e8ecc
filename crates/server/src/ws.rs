//! WebSocket: the handshake's answers and one connection's frames (CONTRACT §1.6).
//! Refuses to: refuse a handshake for want of authorisation; such a socket opens, may ask little and hears nothing.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hyper::HeaderMap;
use hyper::body::Bytes;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use refit_model::request::Door;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use crate::Shared;
use crate::auth::{Standing, header};
use crate::connection::{Carrier, Gone, Incoming, attend};
use crate::hub::{Place, Post};
use crate::origin;
use crate::session::Session;

const LARGEST_MESSAGE: usize = 10 << 20;

/// Why a handshake is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// No `Upgrade: websocket`.
    NoUpgrade,
    /// No `Connection: Upgrade`.
    NoConnection,
    /// A page of another origin.
    ForeignOrigin,
    /// A version of the protocol that nobody speaks.
    Version,
    /// No key.
    NoKey,
    /// `max_websocket_connections` are open.
    Full,
}

impl Refused {
    /// Status and body, as `text/html`.
    #[must_use]
    pub fn answer(self) -> (u16, &'static str) {
        match self {
            Self::NoUpgrade => (400, "Can \"Upgrade\" only to \"WebSocket\"."),
            Self::NoConnection => (400, "\"Connection\" must be \"Upgrade\"."),
            Self::ForeignOrigin => (403, "Cross origin websockets not allowed"),
            Self::Version => (426, ""),
            Self::NoKey => (400, "Missing/Invalid WebSocket headers"),
            Self::Full => {
                (500, "<html><title>500: Internal Server Error</title><body>500: Internal Server Error</body></html>")
            }
        }
    }
}

/// Checks the handshake's headers. Gives the value of `Sec-WebSocket-Accept`.
///
/// # Errors
/// [`Refused`]
pub fn handshake(shared: &Shared, headers: &HeaderMap) -> Result<String, Refused> {
    if !header(headers, "upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket")) {
        return Err(Refused::NoUpgrade);
    }
    let connection = header(headers, "connection").unwrap_or_default();
    if !connection.split(',').any(|token| token.trim().eq_ignore_ascii_case("upgrade")) {
        return Err(Refused::NoConnection);
    }
    if let Some(origin) = headers.get("origin") {
        let origin = origin.to_str().unwrap_or_default();
        let same = header(headers, "host").is_some_and(|host| origin::is_same(origin, host));
        if !same && !origin::is_allowed(&shared.gate, origin) {
            return Err(Refused::ForeignOrigin);
        }
    }
    if !matches!(header(headers, "sec-websocket-version"), Some("7" | "8" | "13")) {
        return Err(Refused::Version);
    }
    match header(headers, "sec-websocket-key") {
        Some(key) if !key.is_empty() => Ok(derive_accept_key(key.as_bytes())),
        Some(_) | None => Err(Refused::NoKey),
    }
}

/// Serves an accepted socket to its end.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    upgrade: OnUpgrade,
    place: Place,
    post: mpsc::Receiver<Post>,
    address: IpAddr,
    standing: Standing,
) {
    let upgraded = match upgrade.await {
        Ok(upgraded) => TokioIo::new(upgraded),
        Err(error) => {
            tracing::debug!(%error, "a WebSocket handshake was not finished");
            return;
        }
    };
    let session = Session::new(Door::WebSocket, Some(place.id), Some(address), standing, place.listening.clone());
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .write_buffer_size(4096)
        .max_message_size(Some(LARGEST_MESSAGE))
        .max_frame_size(Some(LARGEST_MESSAGE))
        .accept_unmasked_frames(true);
    let stream = WebSocketStream::from_raw_socket(upgraded, Role::Server, Some(config)).await;
    attend(shared, Socket { stream, awaiting_pong: false, end: None }, session, post).await;
    drop(place);
}

struct Socket {
    stream: WebSocketStream<TokioIo<Upgraded>>,
    awaiting_pong: bool,
    end: Option<Ended>,
}

/// How the conversation ended, when the frames say so.
enum Ended {
    ByClient,
    Oversized,
}

impl Socket {
    async fn close(&mut self, code: CloseCode, reason: &'static str) {
        let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
        // The client may be gone already, which is what is wanted.
        let _gone = self.stream.send(Message::Close(Some(frame))).await;
    }

    /// A client that is still sending loses an answer that is followed by a reset, so what it sends is read away.
    async fn drain(&mut self) {
        let raw = self.stream.get_mut();
        // Nothing is lost when the client does not take it.
        let _gone = raw.shutdown().await;
        let mut scratch = vec![0; 16 << 10];
        let reading = async { while matches!(raw.read(&mut scratch).await, Ok(read) if read > 0) {} };
        let _late = tokio::time::timeout(Duration::from_secs(2), reading).await;
    }
}

impl Carrier for Socket {
    async fn next(&mut self) -> Incoming {
        match self.stream.next().await {
            Some(Ok(Message::Text(text))) => Incoming::Text(text.as_str().to_owned()),
            // Bytes that are no text are nobody's request.
            Some(Ok(Message::Binary(bytes))) => match String::from_utf8(bytes.into()) {
                Ok(text) => Incoming::Text(text),
                Err(_) => Incoming::Nothing,
            },
            Some(Ok(Message::Pong(_))) => {
                self.awaiting_pong = false;
                Incoming::Nothing
            }
            Some(Ok(Message::Ping(_) | Message::Frame(_))) => Incoming::Nothing,
            Some(Ok(Message::Close(_))) => {
                self.end = Some(Ended::ByClient);
                Incoming::Closed
            }
            Some(Err(Error::Capacity(_))) => {
                self.end = Some(Ended::Oversized);
                Incoming::Closed
            }
            Some(Err(_)) | None => Incoming::Closed,
        }
    }

    async fn send(&mut self, text: Bytes) -> Result<(), Gone> {
        let text = Utf8Bytes::try_from(text).map_err(|_| Gone)?;
        self.stream.send(Message::Text(text)).await.map_err(|_| Gone)
    }

    async fn heartbeat(&mut self) -> Result<(), Gone> {
        if self.awaiting_pong {
            self.close(CloseCode::Normal, "ping timed out").await;
            return Err(Gone);
        }
        self.awaiting_pong = true;
        self.stream.send(Message::Ping(Bytes::new())).await.map_err(|_| Gone)
    }

    async fn finish(&mut self, stopping: bool) {
        match self.end {
            // The library has queued the answering frame; a client that is gone does not take it.
            Some(Ended::ByClient) => drop(self.stream.flush().await),
            Some(Ended::Oversized) => {
                self.close(CloseCode::Size, "message too big").await;
                self.drain().await;
            }
            None if stopping => {
                self.close(CloseCode::Away, "Server Shutdown").await;
                self.drain().await;
            }
            // A violation of the protocol, a silent client, a slow reader: no close frame, so that clients come back.
            None => {}
        }
    }
}
