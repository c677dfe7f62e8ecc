//! Questions about the protocol and what Moonraker 0.11.0 answers, measured; where Refit answers otherwise on purpose, its
//! answer and the reason. One table for two tests: against a server with a scripted engine, and against the real one.
//!
//! The world of every question: updaters `moonraker`, `klipper` (absent) and `app` (up to date), no system updates,
//! 127.0.0.1 is trusted, `http://allowed.example` is an allowed origin, and `X-Real-IP` is believed.

#![allow(dead_code, unreachable_pub, reason = "a module of several tests, each of which uses its own part")]

mod doors;
mod http;
mod rpc;
mod sockets;

pub use doors::Doors;

/// Which door a text goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// `POST /server/jsonrpc`
    Post,
    /// WebSocket
    WebSocket,
    /// Unix socket
    Unix,
}

/// The doors of JSON-RPC.
pub const EVERY: &[Door] = &[Door::Post, Door::WebSocket, Door::Unix];
/// Those with a lasting connection.
pub const LASTING: &[Door] = &[Door::WebSocket, Door::Unix];

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub enum Asked {
    /// One HTTP request. Headers as `Name: value` lines.
    Http {
        verb: &'static str,
        target: &'static str,
        headers: &'static [(&'static str, &'static str)],
        body: &'static [u8],
    },
    /// Bytes on the HTTP port.
    Raw(&'static [u8]),
    /// JSON-RPC texts, one after the other on one connection, through each of the doors.
    Texts(&'static [Door], &'static [&'static str]),
    /// A WebSocket handshake with changed headers, and when it succeeds one text.
    Handshake { target: &'static str, headers: &'static [(&'static str, &'static str)] },
    /// Frames on a WebSocket: (first byte, payload).
    Frames(&'static [(u8, &'static [u8])]),
    /// Frames on the Unix socket, each ended by 0x03.
    UnixFrames(&'static [&'static [u8]]),
}

/// One question.
#[derive(Debug, Clone, Copy)]
pub struct Question {
    /// For the failure's message.
    pub name: &'static str,
    /// What is asked.
    pub asked: Asked,
    /// What Moonraker answers, normalised: see [`normalised`].
    pub moonraker: &'static str,
    /// Why Refit answers otherwise, and what.
    pub refit: Option<(&'static str, &'static str)>,
}

impl Question {
    /// What Refit must answer.
    #[must_use]
    pub fn expected_of_refit(&self) -> &'static str {
        self.refit.map_or(self.moonraker, |(_, answer)| answer)
    }

    const fn differs(mut self, why: &'static str, refit: &'static str) -> Self {
        self.refit = Some((why, refit));
        self
    }
}

/// Every question.
#[must_use]
pub fn all() -> Vec<Question> {
    [rpc::QUESTIONS, http::QUESTIONS, sockets::QUESTIONS].concat()
}

/// Asks a question through each of its doors; a list of (door, normalised answer). `expected` tells how many answers to
/// wait for; more that come within a moment are heard too.
#[must_use]
pub fn ask(doors: &Doors, question: &Question, expected: &str) -> Vec<(String, String)> {
    let answers: Vec<(String, String)> = match question.asked {
        Asked::Http { verb, target, headers, body } => {
            vec![("HTTP".to_owned(), doors.http(verb, target, headers, body))]
        }
        Asked::Raw(bytes) => vec![("HTTP".to_owned(), doors.raw(bytes))],
        Asked::Texts(through, texts) => {
            through.iter().map(|door| (format!("{door:?}"), doors.texts(*door, texts, expected))).collect()
        }
        Asked::Handshake { target, headers } => vec![("WebSocket".to_owned(), doors.handshake(target, headers))],
        Asked::Frames(frames) => vec![("WebSocket".to_owned(), doors.frames(frames, expected))],
        Asked::UnixFrames(frames) => vec![("Unix".to_owned(), doors.unix_frames(frames, expected))],
    };
    answers.into_iter().map(|(door, answer)| (door, normalised(&answer))).collect()
}

/// Takes out what differs from run to run (numbers of connections, tokens, times) or is not there on purpose
/// (tracebacks: CONTRACT §8 row 10).
#[must_use]
pub fn normalised(answer: &str) -> String {
    let mut text = answer.to_owned();
    while let Some(at) = text.find(",\"traceback\":\"") {
        let end = string_end(&text, at + 14);
        text.replace_range(at..end, "");
    }
    for key in ["\"websocket_id\":", "\"connection_id\":", "\"created_on\":"] {
        if let Some(at) = text.find(key).map(|at| at + key.len()) {
            let digits = text[at..].find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(0);
            text.replace_range(at..at + digits, if digits > 0 { "N" } else { "" });
        }
    }
    if let Some(at) = text.find("\"result\":\"").map(|at| at + 10) {
        let end = string_end(&text, at) - 1;
        if end - at == 32 {
            text.replace_range(at..end, "T");
        }
    }
    text
}

/// Behind the quote that ends the string that began before `from`.
fn string_end(text: &str, from: usize) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(from) {
        match byte {
            b'"' if !escaped => return at + 1,
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}
