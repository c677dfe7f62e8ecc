//! The doors of one running server, and what comes out of them as one line of text each.

use std::path::PathBuf;
use std::time::Duration;

use refit_testkit::rpc::{Frame, Http, HttpReply, Incoming, JsonRpc, Unix, Ws};

use super::Door;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long is listened for what should not come.
const MOMENT: Duration = Duration::from_millis(25);

/// A question whose answer comes after those before it have been taken.
const BARRIER: &str = r#"{"jsonrpc":"2.0","method":"access.info","id":"barrier"}"#;

/// Where a server is.
#[derive(Debug, Clone)]
pub struct Doors {
    /// The HTTP port on 127.0.0.1.
    pub port: u16,
    /// The Unix socket.
    pub unix: PathBuf,
}

impl Doors {
    /// `404 Not Found | application/json; charset=UTF-8 | …other headers that matter… | body`
    pub fn http(&self, verb: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> String {
        shown(&Http::new(self.port).request(verb, target, headers, body))
    }

    /// The first line of what comes back, and how it ended.
    pub fn raw(&self, bytes: &[u8]) -> String {
        let (answer, end) = Http::new(self.port).raw(bytes, Duration::from_secs(2));
        let text = String::from_utf8_lossy(&answer);
        format!("{} | {end:?}", text.lines().next().unwrap_or_default())
    }

    /// The answers, one per line.
    pub fn texts(&self, door: Door, texts: &[&str], expected: &str) -> String {
        match door {
            Door::Post => {
                let post = |text: &&str| {
                    let headers = [("Content-Type", "application/json")];
                    let reply = Http::new(self.port).request("POST", "/server/jsonrpc", &headers, text.as_bytes());
                    match (reply.status, reply.body.is_empty()) {
                        (200, true) => None,
                        (200, false) => Some(reply.text()),
                        _ => Some(format!("{} {}", reply.status, reply.reason)),
                    }
                };
                texts.iter().filter_map(post).collect::<Vec<_>>().join("\n")
            }
            Door::WebSocket => {
                let mut socket = Ws::connect(self.port);
                one_by_one(texts, expected, &mut |text, count| {
                    socket.send_text(text);
                    socket.send_text(BARRIER);
                    heard(&mut |wait| socket_text(&mut socket, wait), count)
                })
            }
            Door::Unix => {
                let mut pipe = Unix::connect(&self.unix);
                one_by_one(texts, expected, &mut |text, count| {
                    pipe.send_text(text);
                    pipe.send_text(BARRIER);
                    heard(&mut |wait| pipe_text(&mut pipe, wait), count)
                })
            }
        }
    }

    /// `101` and the answer to `server.websocket.id`, or the refusal as HTTP.
    pub fn handshake(&self, target: &str, headers: &[(&str, &str)]) -> String {
        match Ws::connect_with(self.port, target, headers) {
            Ok(mut socket) => {
                socket.send_text(r#"{"jsonrpc":"2.0","method":"server.websocket.id","id":1}"#);
                format!("101 | {}", socket_text(&mut socket, PATIENCE).unwrap_or_default())
            }
            Err(reply) => shown(&reply),
        }
    }

    /// What comes after frames, one per line.
    pub fn frames(&self, frames: &[(u8, &[u8])], expected: &str) -> String {
        let mut socket = Ws::connect(self.port);
        for (first, payload) in frames {
            let frame = Frame { fin: first & 0x80 != 0, rsv: (first >> 4) & 7, ..Frame::new(first & 15, *payload) };
            socket.send_raw(&frame.bytes());
        }
        // Behind a close there is nobody to answer it.
        socket.send_raw(&Frame::text(BARRIER).bytes());
        heard(&mut |wait| socket_text(&mut socket, wait), expected.lines().count()).join("\n")
    }

    /// What comes after frames of the Unix socket, one per line.
    pub fn unix_frames(&self, frames: &[&[u8]], expected: &str) -> String {
        let mut pipe = Unix::connect(&self.unix);
        for frame in frames {
            pipe.send_raw(&[frame, &b"\x03"[..]].concat());
        }
        pipe.send_raw(&[BARRIER.as_bytes(), b"\x03"].concat());
        heard(&mut |wait| pipe_text(&mut pipe, wait), expected.lines().count()).join("\n")
    }
}

/// Texts one after the other; each is given one line of the expected answers, a single one all of them.
fn one_by_one(texts: &[&str], expected: &str, ask: &mut dyn FnMut(&str, usize) -> Vec<String>) -> String {
    let count = if texts.len() == 1 { expected.lines().count() } else { 1 };
    let answers: Vec<String> = texts.iter().flat_map(|text| ask(text, count)).collect();
    answers.join("\n")
}

/// Everything up to the barrier's answer and at least `count` answers, then what comes within a moment.
fn heard(next: &mut dyn FnMut(Duration) -> Option<String>, count: usize) -> Vec<String> {
    let mut answers = Vec::new();
    let mut barrier = false;
    loop {
        let wait = if barrier && answers.len() >= count { MOMENT } else { PATIENCE };
        match next(wait) {
            Some(text) if text.ends_with("\"id\":\"barrier\"}") => barrier = true,
            Some(text) => {
                let ended = text.starts_with("closed");
                answers.push(text);
                if ended {
                    return answers;
                }
            }
            None => return answers,
        }
    }
}

fn is_beat(text: &str) -> bool {
    text.contains("\"method\":\"notify_")
}

fn socket_text(socket: &mut Ws, wait: Duration) -> Option<String> {
    loop {
        match socket.read(wait)? {
            Incoming::Text(text) if is_beat(&text) => {}
            Incoming::Text(text) => return Some(text),
            Incoming::Binary(_) => return Some("binary".to_owned()),
            Incoming::Pong(payload) => return Some(format!("pong {}", String::from_utf8_lossy(&payload))),
            Incoming::Close { code, reason } => return Some(format!("closed {code:?} {reason}")),
            Incoming::Gone => return Some("closed without a frame".to_owned()),
            Incoming::Ping(_) => {}
        }
    }
}

fn pipe_text(pipe: &mut Unix, wait: Duration) -> Option<String> {
    loop {
        match pipe.read_text(wait) {
            Some(text) if is_beat(&text) => {}
            Some(text) => return Some(text),
            None if pipe.ended() => return Some("closed".to_owned()),
            None => return None,
        }
    }
}

fn shown(reply: &HttpReply) -> String {
    let mut parts = vec![format!("{} {}", reply.status, reply.reason)];
    parts.push(reply.header("content-type").unwrap_or("-").to_owned());
    let mut extra = Vec::new();
    for (name, value) in &reply.headers {
        let lower = name.to_lowercase();
        if lower.starts_with("access-control") || lower == "sec-websocket-version" {
            extra.push(format!("{name}: {value}"));
        } else if lower == "etag" {
            extra.push("Etag".to_owned());
        }
    }
    if !extra.is_empty() {
        parts.push(extra.join("; "));
    }
    parts.push(reply.text());
    parts.join(" | ")
}
