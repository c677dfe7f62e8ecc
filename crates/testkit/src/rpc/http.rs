//! HTTP/1.1 by hand over a TCP stream: what is sent is what the caller wrote, what is handed back is what came.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{PATIENCE, allowed};

/// A daemon's HTTP door on loopback.
#[derive(Clone, Copy, Debug)]
pub struct Http {
    address: SocketAddr,
}

/// One connection, kept open between requests.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// How a raw exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The server closed properly.
    Closed,
    /// The server reset the connection.
    Reset,
    /// It was still open at the deadline.
    Open,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpReply {
    /// The status line without its line end; bytes that are no UTF-8 are replaced.
    pub line: String,
    /// The status.
    pub status: u16,
    /// The reason phrase.
    pub reason: String,
    /// The headers in their order and case.
    pub headers: Vec<(String, String)>,
    /// The body, chunks put together.
    pub body: Vec<u8>,
}

impl Http {
    /// The door at this port.
    pub fn new(port: u16) -> Self {
        Self { address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)) }
    }

    /// `GET path`.
    ///
    /// # Panics
    /// As [`request`](Self::request).
    pub fn get(&self, path: &str) -> HttpReply {
        self.request("GET", path, &[], b"")
    }

    /// `POST path` with a JSON body, or without any for null.
    ///
    /// # Panics
    /// As [`request`](Self::request).
    pub fn post(&self, path: &str, body: &Value) -> HttpReply {
        if body.is_null() {
            return self.request("POST", path, &[], b"");
        }
        self.request("POST", path, &[("Content-Type", "application/json")], body.to_string().as_bytes())
    }

    /// One request on a connection of its own, with `Host`, `Connection: close` and, when there is a body or a POST, its
    /// length. A header given replaces the automatic one of its name.
    ///
    /// # Panics
    /// When there is no connection, or no proper answer within [`PATIENCE`].
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> HttpReply {
        let given = |name: &str| headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        if !given("host") {
            head.push_str(&format!("Host: {}\r\n", self.address));
        }
        if !given("connection") {
            head.push_str("Connection: close\r\n");
        }
        if !given("content-length") && !given("transfer-encoding") && (!body.is_empty() || method == "POST") {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut connection = self.connect();
        connection.send(&[head.as_bytes(), b"\r\n", body].concat());
        let reply = connection.read_reply(method == "HEAD", PATIENCE);
        reply.unwrap_or_else(|e| panic!("{method} {path} at {}: {e}", self.address))
    }

    /// Writes these bytes and reads until the server closes, resets or the time is over.
    pub fn raw(&self, bytes: &[u8], within: Duration) -> (Vec<u8>, End) {
        let mut connection = self.connect();
        // A server that refuses early may close before everything is written.
        let _ = connection.stream.write_all(bytes);
        connection.read_to_end(within)
    }

    /// A connection to be kept open.
    ///
    /// # Panics
    /// When it is refused.
    pub fn connect(&self) -> Connection {
        let stream = TcpStream::connect_timeout(&self.address, PATIENCE);
        let stream = stream.unwrap_or_else(|e| panic!("cannot connect to {}: {e}", self.address));
        stream.set_nodelay(true).expect("a TCP stream takes this option");
        Connection { stream, unread: Vec::new() }
    }
}

impl Connection {
    /// Writes bytes.
    ///
    /// # Panics
    /// When the server does not take them.
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap_or_else(|e| panic!("cannot write {} bytes: {e}", bytes.len()));
    }

    /// Reads one answer. `headless`: it answers a HEAD, and has no body whatever its headers say.
    ///
    /// # Errors
    /// When it does not come in time or is malformed; the message holds what came.
    pub fn read_reply(&mut self, headless: bool, within: Duration) -> io::Result<HttpReply> {
        let deadline = Instant::now() + within;
        let head = self.read_until(b"\r\n\r\n", deadline)?;
        let mut reply = parse_head(&String::from_utf8_lossy(&head))?;
        let length = reply.header("content-length").and_then(|length| length.parse().ok());
        let bodiless = headless || reply.status == 204 || reply.status == 304 || reply.status < 200;
        reply.body = match length {
            _ if bodiless => Vec::new(),
            Some(length) => self.read_exact(length, deadline)?,
            None if reply.header("transfer-encoding").is_some() => self.read_chunks(deadline)?,
            None => self.read_to_end(deadline.saturating_duration_since(Instant::now())).0,
        };
        Ok(reply)
    }

    /// Reads until the server closes, resets or the time is over.
    pub fn read_to_end(&mut self, within: Duration) -> (Vec<u8>, End) {
        let deadline = Instant::now() + within;
        loop {
            match self.read_more(deadline) {
                Ok(0) => return (std::mem::take(&mut self.unread), End::Closed),
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::TimedOut => return (std::mem::take(&mut self.unread), End::Open),
                Err(_) => return (std::mem::take(&mut self.unread), End::Reset),
            }
        }
    }

    /// The stream, for those who want to go on by hand, and what was read of it too much.
    pub fn into_stream(self) -> (TcpStream, Vec<u8>) {
        (self.stream, self.unread)
    }

    fn read_more(&mut self, deadline: Instant) -> io::Result<usize> {
        self.stream.set_read_timeout(allowed(deadline.saturating_duration_since(Instant::now())))?;
        let mut piece = [0; 16 * 1024];
        match self.stream.read(&mut piece) {
            Ok(count) => {
                self.unread.extend_from_slice(&piece[..count]);
                Ok(count)
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Err(io::ErrorKind::TimedOut.into()),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => self.read_more(deadline),
            Err(e) => Err(e),
        }
    }

    fn must_read_more(&mut self, deadline: Instant) -> io::Result<()> {
        match self.read_more(deadline) {
            Ok(1..) => Ok(()),
            Ok(0) => Err(self.complaint("closed")),
            Err(e) => Err(self.complaint(&e.to_string())),
        }
    }

    fn complaint(&self, what: &str) -> io::Error {
        io::Error::other(format!("{what} after {:?}", String::from_utf8_lossy(&self.unread)))
    }

    fn read_until(&mut self, end: &[u8], deadline: Instant) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = self.unread.windows(end.len()).position(|window| window == end) {
                let rest = self.unread.split_off(at + end.len());
                return Ok(std::mem::replace(&mut self.unread, rest));
            }
            self.must_read_more(deadline)?;
        }
    }

    fn read_exact(&mut self, length: usize, deadline: Instant) -> io::Result<Vec<u8>> {
        while self.unread.len() < length {
            self.must_read_more(deadline)?;
        }
        let rest = self.unread.split_off(length);
        Ok(std::mem::replace(&mut self.unread, rest))
    }

    fn read_chunks(&mut self, deadline: Instant) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.read_until(b"\r\n", deadline)?;
            let size = String::from_utf8_lossy(&line);
            let size = size.split([';', '\r']).next().unwrap_or_default();
            let size = usize::from_str_radix(size.trim(), 16).map_err(|_| self.complaint("bad chunk"))?;
            let chunk = self.read_exact(size + 2, deadline)?;
            body.extend_from_slice(&chunk[..size]);
            if size == 0 {
                return Ok(body);
            }
        }
    }
}

impl HttpReply {
    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

fn parse_head(head: &str) -> io::Result<HttpReply> {
    let malformed = || io::Error::other(format!("malformed head {head:?}"));
    let mut lines = head.trim_end_matches("\r\n").split("\r\n");
    let line = lines.next().unwrap_or_default().to_owned();
    let mut words = line.splitn(3, ' ');
    let status = words.nth(1).and_then(|status| status.parse().ok()).ok_or_else(malformed)?;
    let reason = words.next().unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    for header in lines {
        let (name, value) = header.split_once(':').ok_or_else(malformed)?;
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    Ok(HttpReply { line, status, reason, headers, body: Vec::new() })
}
