//! A WebSocket client that can be rude: frames are sent as told, and read one by one.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::{Http, HttpReply, Inbox, JsonRpc, PATIENCE, allowed};

/// A frame to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Whether it is the last of its message.
    pub fin: bool,
    /// The three reserved bits, which ought to be 0.
    pub rsv: u8,
    /// 0 continuation, 1 text, 2 binary, 8 close, 9 ping, 10 pong; others are reserved.
    pub opcode: u8,
    /// Whether it is masked, as a client's frames ought to be.
    pub masked: bool,
    /// What it carries.
    pub payload: Vec<u8>,
}

/// A frame that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A whole text message.
    Text(String),
    /// A whole binary message.
    Binary(Vec<u8>),
    /// A ping; answered unless [`Ws::answer_pings`] was turned off.
    Ping(Vec<u8>),
    /// A pong.
    Pong(Vec<u8>),
    /// A close frame; not answered.
    Close {
        /// The code, when it has one.
        code: Option<u16>,
        /// The reason.
        reason: String,
    },
    /// The TCP connection ended, by FIN or by RST.
    Gone,
}

/// An open WebSocket.
#[derive(Debug)]
pub struct Ws {
    stream: TcpStream,
    unread: Vec<u8>,
    message: Vec<u8>,
    inbox: Inbox,
    pings: bool,
    /// The answer to the handshake.
    pub handshake: HttpReply,
}

impl Frame {
    /// A proper frame.
    pub fn new(opcode: u8, payload: impl Into<Vec<u8>>) -> Self {
        Self { fin: true, rsv: 0, opcode, masked: true, payload: payload.into() }
    }

    /// A proper text frame.
    pub fn text(text: &str) -> Self {
        Self::new(1, text)
    }

    /// A close frame with a code and a reason.
    pub fn close(code: u16, reason: &str) -> Self {
        Self::new(8, [&code.to_be_bytes(), reason.as_bytes()].concat())
    }

    /// The bytes of it.
    pub fn bytes(&self) -> Vec<u8> {
        const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];
        let mask_bit = if self.masked { 0x80 } else { 0 };
        let mut bytes = vec![(u8::from(self.fin) << 7) | (self.rsv << 4) | self.opcode];
        let length = self.payload.len();
        match (u8::try_from(length), u16::try_from(length)) {
            (Ok(short @ ..=125), _) => bytes.push(mask_bit | short),
            (_, Ok(medium)) => {
                bytes.push(mask_bit | 126);
                bytes.extend(medium.to_be_bytes());
            }
            _ => {
                bytes.push(mask_bit | 127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        if self.masked {
            bytes.extend(MASK);
            bytes.extend(self.payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        } else {
            bytes.extend(&self.payload);
        }
        bytes
    }
}

impl Ws {
    /// Opens `/websocket` at this port.
    ///
    /// # Panics
    /// When the handshake is refused.
    pub fn connect(port: u16) -> Self {
        Self::connect_with(port, "/websocket", &[])
            .unwrap_or_else(|reply| panic!("the handshake was refused: {reply:?}"))
    }

    /// Opens a WebSocket with further headers; one given replaces the automatic one of its name.
    ///
    /// # Errors
    /// The answer, when it is not 101.
    ///
    /// # Panics
    /// When there is no answer at all.
    pub fn connect_with(port: u16, path: &str, headers: &[(&str, &str)]) -> Result<Self, Box<HttpReply>> {
        let host = format!("127.0.0.1:{port}");
        let automatic = [
            ("Host", host.as_str()),
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("Sec-WebSocket-Version", "13"),
        ];
        let replaced = |name: &str| headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        let mut head = format!("GET {path} HTTP/1.1\r\n");
        for (name, value) in automatic.iter().filter(|(name, _)| !replaced(name)).chain(headers) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut connection = Http::new(port).connect();
        connection.send(format!("{head}\r\n").as_bytes());
        let handshake = connection.read_reply(false, PATIENCE).unwrap_or_else(|e| panic!("GET {path}: {e}"));
        if handshake.status != 101 {
            return Err(Box::new(handshake));
        }
        let (stream, unread) = connection.into_stream();
        Ok(Self { stream, unread, message: Vec::new(), inbox: Inbox::default(), pings: true, handshake })
    }

    /// Whether pings are answered while reading, as they are at first.
    pub fn answer_pings(&mut self, answer: bool) {
        self.pings = answer;
    }

    /// Sends a frame.
    ///
    /// # Panics
    /// When the connection does not take it.
    pub fn send(&mut self, frame: &Frame) {
        assert!(self.send_raw(&frame.bytes()), "the connection has ended");
    }

    /// Sends bytes. Whether the connection took them.
    pub fn send_raw(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// The next message or control frame, or none in time. Fragments are put together.
    pub fn read(&mut self, within: Duration) -> Option<Incoming> {
        let deadline = Instant::now() + within;
        loop {
            if let Some((first, payload)) = self.take_frame() {
                if let Some(incoming) = self.incoming(first, payload) {
                    return Some(incoming);
                }
                continue;
            }
            let _ = self.stream.set_read_timeout(allowed(deadline.saturating_duration_since(Instant::now())));
            let mut piece = [0; 16 * 1024];
            match self.stream.read(&mut piece) {
                Ok(0) => return Some(Incoming::Gone),
                Ok(count) => self.unread.extend_from_slice(&piece[..count]),
                Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                    return None;
                }
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return Some(Incoming::Gone),
            }
        }
    }

    /// Reads on until the server closes: the close frame, when it sent one, and whether the connection ended in time.
    pub fn read_close(&mut self, within: Duration) -> (Option<Incoming>, bool) {
        let deadline = Instant::now() + within;
        let mut close = None;
        while let Some(incoming) = self.read(deadline.saturating_duration_since(Instant::now())) {
            match incoming {
                Incoming::Gone => return (close, true),
                Incoming::Close { .. } => close = Some(incoming),
                _ => {}
            }
        }
        (close, false)
    }

    /// The first byte and the payload of the next whole frame.
    fn take_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let (&first, &second) = (self.unread.first()?, self.unread.get(1)?);
        let (length, start) = match second & 0x7f {
            126 => (usize::from(u16::from_be_bytes(self.unread.get(2..4)?.try_into().ok()?)), 4),
            127 => (usize::try_from(u64::from_be_bytes(self.unread.get(2..10)?.try_into().ok()?)).ok()?, 10),
            short => (usize::from(short), 2),
        };
        let payload = self.unread.get(start..start + length)?.to_vec();
        self.unread.drain(..start + length);
        Some((first, payload))
    }

    fn incoming(&mut self, first: u8, payload: Vec<u8>) -> Option<Incoming> {
        let fin = first & 0x80 != 0;
        match first & 0x0f {
            8 => {
                let code = payload.get(..2).map(|code| u16::from_be_bytes([code[0], code[1]]));
                let reason = String::from_utf8_lossy(payload.get(2..).unwrap_or_default()).into_owned();
                Some(Incoming::Close { code, reason })
            }
            9 => {
                if self.pings {
                    self.send_raw(&Frame::new(10, payload.clone()).bytes());
                }
                Some(Incoming::Ping(payload))
            }
            10 => Some(Incoming::Pong(payload)),
            opcode => {
                self.message.extend(payload);
                if !fin {
                    return None;
                }
                let message = std::mem::take(&mut self.message);
                if opcode == 2 {
                    return Some(Incoming::Binary(message));
                }
                Some(Incoming::Text(String::from_utf8_lossy(&message).into_owned()))
            }
        }
    }
}

impl JsonRpc for Ws {
    fn send_text(&mut self, text: &str) {
        self.send(&Frame::text(text));
    }

    fn read_text(&mut self, within: Duration) -> Option<String> {
        let deadline = Instant::now() + within;
        loop {
            match self.read(deadline.saturating_duration_since(Instant::now()))? {
                Incoming::Text(text) => return Some(text),
                Incoming::Close { .. } | Incoming::Gone => return None,
                Incoming::Binary(_) | Incoming::Ping(_) | Incoming::Pong(_) => {}
            }
        }
    }

    fn inbox(&mut self) -> &mut Inbox {
        &mut self.inbox
    }
}
