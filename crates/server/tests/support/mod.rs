//! A server on free doors with a conductor that answers from a script, and clients that send raw bytes.

#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use refit_engine::handle::{Handle, Input, RequestError};
use refit_engine::ports::Clock;
use refit_engine::snapshot::Snapshot;
use refit_model::event::{Audience, Event, RunMessage};
use refit_model::name::UpdaterName;
use refit_model::refusal::Refusal;
use refit_model::request::{Caller, Request};
use refit_model::settings::{AuthSettings, TrustedClient};
use refit_model::updater::Assessment;
use refit_model::updater::absent::AbsentAssessment;
use refit_server::{DoorSettings, InstanceFacts, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{Notify, broadcast, mpsc, oneshot, watch};

/// Every wait of these tests ends here.
pub const DEADLINE: Duration = Duration::from_secs(20);

struct SteadyClock;

impl Clock for SteadyClock {
    fn now(&self) -> f64 {
        1_700_000_000.25
    }
    fn local_hour(&self) -> u8 {
        12
    }
}

/// A running server.
pub struct Running {
    pub http: SocketAddr,
    pub unix: PathBuf,
    pub api_key_file: PathBuf,
    pub events: broadcast::Sender<Event>,
    pub snapshots: watch::Sender<Arc<Snapshot>>,
    /// Lets the updater `slow` finish.
    pub release: Arc<Notify>,
    /// What the conductor was asked, in order.
    pub asked: Arc<std::sync::Mutex<Vec<(Request, Caller)>>>,
    stop: Option<oneshot::Sender<()>>,
    served: tokio::task::JoinHandle<()>,
    _folder: tempfile::TempDir,
}

pub fn authorization() -> AuthSettings {
    AuthSettings {
        configured: true,
        trusted_clients: vec![TrustedClient::Ip("127.0.0.1".parse().unwrap())],
        cors_domains: vec!["http://allowed.example".to_owned()],
        force_logins: false,
        enable_api_key: true,
        login_timeout_days: 90,
        max_login_attempts: None,
    }
}

pub async fn start() -> Running {
    start_with(|_| {}).await
}

/// Starts a server whose settings were changed by `change`.
pub async fn start_with(change: impl FnOnce(&mut DoorSettings)) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let (inputs, taken) = mpsc::channel(64);
    let (snapshots, seen) = watch::channel(Arc::new(snapshot()));
    let (events, _) = broadcast::channel(256);
    let release = Arc::new(Notify::new());
    let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
    tokio::spawn(conduct(taken, events.clone(), release.clone(), asked.clone()));
    let mut settings = DoorSettings {
        host: "127.0.0.1".to_owned(),
        port: 0,
        route_prefix: String::new(),
        max_websocket_connections: 50,
        unix_socket: folder.path().join("refit.sock"),
        authorization: authorization(),
        // The peer of these tests is a proxy, so that a header can make it a foreign client.
        trusted_proxies: vec![TrustedClient::Ip("127.0.0.1".parse().unwrap())],
        api_key_file: folder.path().join("api_key"),
        facts: InstanceFacts { warnings: vec!["a warning".to_owned()], failed_components: Vec::new() },
        clock: Arc::new(SteadyClock),
    };
    change(&mut settings);
    let (unix, api_key_file) = (settings.unix_socket.clone(), settings.api_key_file.clone());
    let handle = Handle::from_parts(inputs, seen, events.clone());
    let server = Server::bind(settings, handle).await.unwrap();
    let http = server.http_address().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn(server.run(async { drop(stopped.await) }));
    Running { http, unix, api_key_file, events, snapshots, release, asked, stop: Some(stop), served, _folder: folder }
}

impl Running {
    /// Stops the server and waits for its end.
    pub async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        within(self.served).await.unwrap();
    }

    /// Sends bytes to the HTTP port and reads until the server closes or falls silent.
    pub async fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.http).await.unwrap();
        // The server may answer and close before it has taken everything.
        let _closed = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let _silent = within(stream.read_to_end(&mut answer)).await;
        answer
    }

    /// One request on a connection of its own.
    pub async fn http(&self, verb: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> HttpAnswer {
        let mut request = format!("{verb} {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.http);
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            request.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        HttpAnswer::read(&self.raw(&[request.as_bytes(), body].concat()).await)
    }

    pub async fn socket(&self) -> Ws {
        self.socket_with(&[]).await.unwrap()
    }

    /// Opens a WebSocket; the refusal as HTTP when it is refused.
    pub async fn socket_with(&self, headers: &[(&str, &str)]) -> Result<Ws, HttpAnswer> {
        Ws::open(self.http, "/websocket", headers).await
    }

    pub async fn pipe(&self) -> Pipe {
        Pipe { stream: UnixStream::connect(&self.unix).await.unwrap(), bytes: Vec::new() }
    }

    pub fn announce(&self, audience: Audience, message: &str, complete: bool) {
        let message = RunMessage {
            application: "app".to_owned(),
            proc_id: 140_000_000_000_000,
            message: message.to_owned(),
            complete,
        };
        self.events.send(Event::Run { message, audience }).unwrap();
    }
}

/// Moonraker, klipper and app, all absent: what they look like is the business of other tests.
fn snapshot() -> Snapshot {
    let absent = |name: &str| {
        let name = UpdaterName::new(name).unwrap();
        let warnings = vec![format!("{name} was not found")];
        (name.clone(), Arc::new(Assessment::Absent(AbsentAssessment { name, warnings })))
    };
    Snapshot {
        revision: 1,
        initialized: true,
        updaters: ["moonraker", "klipper", "app"].map(absent).to_vec(),
        ..Snapshot::default()
    }
}

/// Answers as the engine would: known are moonraker, klipper, app, and slow, which waits.
async fn conduct(
    mut inputs: mpsc::Receiver<Input>,
    events: broadcast::Sender<Event>,
    release: Arc<Notify>,
    asked: Arc<std::sync::Mutex<Vec<(Request, Caller)>>>,
) {
    while let Some(input) = inputs.recv().await {
        match input {
            Input::Submit(request, caller, answer) => {
                asked.lock().unwrap().push((request.clone(), caller));
                if request == (Request::Upgrade { name: "slow".to_owned() }) {
                    let release = release.clone();
                    tokio::spawn(async move {
                        release.notified().await;
                        let _gone = answer.send(Ok(()));
                    });
                    continue;
                }
                if matches!(request, Request::Refresh { .. }) && verdict(&request).is_ok() {
                    let _nobody = events.send(Event::Refreshed);
                }
                let _gone = answer.send(verdict(&request));
            }
            Input::Plan(request, answer) => {
                let _gone = answer.send(verdict(&request).map(|()| Vec::new()));
            }
            Input::History(_, _, answer) => {
                let _gone = answer.send(Ok(Vec::new()));
            }
            // The doors send nothing else.
            _ => {}
        }
    }
}

fn verdict(request: &Request) -> Result<(), RequestError> {
    let known = |name: &str| ["moonraker", "klipper", "app"].contains(&name);
    let refusal = match request {
        Request::Refresh { name: Some(name) } if !known(name) => Refusal::NotRegistered(name.clone()),
        Request::Upgrade { name } | Request::Recover { name, .. } | Request::Rollback { name } if !known(name) => {
            Refusal::NotAvailable(name.clone())
        }
        Request::Recover { name, .. } if name != "app" => Refusal::NotGit(UpdaterName::new(name).unwrap()),
        Request::Rollback { name } if name == "klipper" => {
            Refusal::RollbackNotAvailable(UpdaterName::new(name).unwrap())
        }
        Request::Refresh { .. }
        | Request::StatusRefresh
        | Request::Upgrade { .. }
        | Request::Full
        | Request::Recover { .. }
        | Request::Rollback { .. } => return Ok(()),
    };
    Err(RequestError::Refused(refusal))
}

/// Ends a wait that takes too long with a panic that a test shows.
pub async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(DEADLINE, future).await.expect("it happens in time")
}

/// An HTTP answer in pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    /// `HTTP/1.1 200 OK`; bytes that are no UTF-8 are replaced.
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl HttpAnswer {
    pub fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let mut lines = head.split("\r\n");
        let line = lines.next().unwrap_or_default().to_owned();
        let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { line, headers: lines.filter_map(header).collect(), body: body.to_owned() }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// A WebSocket on raw frames.
pub struct Ws {
    stream: TcpStream,
    bytes: Vec<u8>,
    pub head: HttpAnswer,
}

/// What comes out of a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    Text(String),
    Ping,
    Pong(Vec<u8>),
    Close(Option<u16>, String),
    End,
}

impl Ws {
    pub async fn open(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Result<Self, HttpAnswer> {
        let mut request = format!("GET {path} HTTP/1.1\r\n");
        for (name, value) in [
            ("Host", address.to_string().as_str()),
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("Sec-WebSocket-Version", "13"),
        ] {
            if !headers.iter().any(|(named, _)| *named == name) {
                request.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        // An empty value leaves a header out.
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("{request}\r\n").as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(within(stream.read_buf(&mut bytes)).await.unwrap() > 0, "the head is complete");
        };
        let mut head = HttpAnswer::read(&bytes);
        if head.line.contains(" 101 ") {
            let bytes = bytes.split_off(end);
            return Ok(Self { stream, bytes, head });
        }
        let length: usize = head.header("Content-Length").map_or(0, |length| length.parse().unwrap());
        while bytes.len() < end + length {
            assert!(within(stream.read_buf(&mut bytes)).await.unwrap() > 0, "the body is complete");
        }
        head.body = String::from_utf8_lossy(&bytes[end..]).into_owned();
        Err(head)
    }

    pub async fn send(&mut self, text: &str) {
        self.frame(0x81, text.as_bytes()).await;
    }

    /// One frame, masked with zeros.
    pub async fn frame(&mut self, first: u8, payload: &[u8]) {
        let mut frame = vec![first];
        match payload.len() {
            length @ 0..126 => frame.push(0x80 | u8::try_from(length).unwrap()),
            length @ 126..65536 => {
                frame.push(0x80 | 126);
                frame.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
            length => {
                frame.push(0x80 | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(payload);
        // A server that refuses a frame may close before it has taken it.
        let _closed = self.stream.write_all(&frame).await;
    }

    pub async fn see(&mut self) -> Seen {
        let Some(head) = self.take(2).await else { return Seen::End };
        let length = match head[1] & 0x7f {
            126 => u16::from_be_bytes(self.take(2).await.unwrap().try_into().unwrap()).into(),
            127 => u64::from_be_bytes(self.take(8).await.unwrap().try_into().unwrap()).try_into().unwrap(),
            length => usize::from(length),
        };
        let Some(payload) = self.take(length).await else { return Seen::End };
        match head[0] & 0xf {
            1 => Seen::Text(String::from_utf8(payload).unwrap()),
            8 => {
                let code = payload.get(..2).map(|code| u16::from_be_bytes(code.try_into().unwrap()));
                Seen::Close(code, String::from_utf8_lossy(payload.get(2..).unwrap_or_default()).into_owned())
            }
            9 => Seen::Ping,
            10 => Seen::Pong(payload),
            other => panic!("opcode {other}"),
        }
    }

    /// The next thing that is neither a ping nor the beat of each second.
    pub async fn next(&mut self) -> Seen {
        loop {
            match self.see().await {
                Seen::Text(text) if text.contains("notify_proc_stat_update") => {}
                Seen::Ping => self.frame(0x8a, b"").await,
                seen => return seen,
            }
        }
    }

    pub async fn text(&mut self) -> String {
        match self.next().await {
            Seen::Text(text) => text,
            other => panic!("{other:?} instead of a text"),
        }
    }

    pub async fn ask(&mut self, text: &str) -> String {
        self.send(text).await;
        self.text().await
    }

    /// The answers to a text: all that come before the answer to a question asked after it.
    pub async fn answers(&mut self, text: &str) -> Vec<String> {
        self.send(text).await;
        self.send(BARRIER).await;
        let mut answers = Vec::new();
        loop {
            match self.next().await {
                Seen::Text(text) if text.ends_with(BARRIER_END) => return answers,
                Seen::Text(text) => answers.push(text),
                other => {
                    answers.push(format!("{other:?}"));
                    return answers;
                }
            }
        }
    }

    async fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.bytes.len() < count {
            match within(self.stream.read_buf(&mut self.bytes)).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
        let rest = self.bytes.split_off(count);
        Some(std::mem::replace(&mut self.bytes, rest))
    }
}

const BARRIER: &str = r#"{"jsonrpc":"2.0","method":"access.info","id":"barrier"}"#;
const BARRIER_END: &str = r#""id":"barrier"}"#;

/// A connection to the Unix socket.
pub struct Pipe {
    pub stream: UnixStream,
    bytes: Vec<u8>,
}

impl Pipe {
    pub async fn send(&mut self, frame: &[u8]) {
        // A server that refuses a frame may close before it has taken it.
        let _closed = self.stream.write_all(&[frame, b"\x03"].concat()).await;
    }

    /// The next frame that is not the beat of each second; none at the end.
    pub async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(at) = self.bytes.iter().position(|b| *b == 3) {
                let rest = self.bytes.split_off(at + 1);
                let frame = std::mem::replace(&mut self.bytes, rest);
                let text = String::from_utf8(frame[..at].to_vec()).unwrap();
                if !text.contains("notify_proc_stat_update") {
                    return Some(text);
                }
                continue;
            }
            match within(self.stream.read_buf(&mut self.bytes)).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    pub async fn ask(&mut self, text: &str) -> String {
        self.send(text.as_bytes()).await;
        self.next().await.unwrap()
    }

    /// See [`Ws::answers`].
    pub async fn answers(&mut self, frame: &[u8]) -> Vec<String> {
        self.send(frame).await;
        self.send(BARRIER.as_bytes()).await;
        let mut answers = Vec::new();
        loop {
            match self.next().await {
                Some(text) if text.ends_with(BARRIER_END) => return answers,
                Some(text) => answers.push(text),
                None => {
                    answers.push("End".to_owned());
                    return answers;
                }
            }
        }
    }
}
