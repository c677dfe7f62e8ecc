//! The printer's socket: who klippy is and what the printer is doing, kept up to date for as long as Refit runs.
//!
//! Follows CONTRACT §7: the path is looked at four times a second, `info` is asked until klippy has started, then one
//! subscription tells every change; an end of the connection is a fact like any other. Refuses to: send anything that
//! changes the printer.
//!
//! | file | what it is |
//! |---|---|
//! | [`frame`] | bytes to JSON objects, bounded |
//! | [`objects`] | status objects to the printer's activity |

use std::io;
use std::path::Path;
use std::time::Duration;

use refit_model::printer::{Activity, KlippyState, Printer, PrinterIdentity};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::watch;

pub mod frame;
pub mod objects;

use frame::{Frame, Frames};
use objects::Objects;

/// How often the socket's path is looked at while there is no connection, and `info` is asked while klippy starts.
const PACE: Duration = Duration::from_millis(250);

/// How long a request of ours may take to be written before the connection counts as dead.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);

/// Follows the printer at `socket` for ever, and publishes every change of what is known about it. Ends only when
/// nobody is left who wants to know.
pub async fn follow(socket: &Path, publish: watch::Sender<Printer>) {
    while !publish.is_closed() {
        // A stat is cheaper than a failing connect, and this is asked four times a second for as long as klippy is away.
        if std::fs::metadata(socket).is_ok() {
            match UnixStream::connect(socket).await {
                Ok(stream) => {
                    tracing::info!("connected to klippy at {}", socket.display());
                    let end = Link::new(stream, &publish).run().await;
                    tracing::info!("klippy at {} is gone: {end}", socket.display());
                    publish.send_if_modified(disconnect);
                }
                Err(error) => tracing::debug!("klippy at {} does not answer: {error}", socket.display()),
            }
        }
        tokio::time::sleep(PACE).await;
    }
}

/// What remains of a printer whose connection ended: its identity.
fn disconnect(printer: &mut Printer) -> bool {
    let gone = Printer { identity: printer.identity.take(), ..Printer::default() };
    let changed = gone != *printer;
    *printer = gone;
    changed
}

/// What a request of ours was about, so that its answer is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    Info,
    Subscribe,
}

/// One connection.
struct Link<'a> {
    stream: UnixStream,
    publish: &'a watch::Sender<Printer>,
    frames: Frames,
    objects: Objects,
    identity: Option<PrinterIdentity>,
    pid: Option<u32>,
    told: KlippyState,
    message: String,
    /// The first subscription was answered. Before that nobody knows whether a print is going on, so that klippy is
    /// still told to be starting.
    subscribed: bool,
    asked: Vec<(u64, Question)>,
    last_id: u64,
    /// When `info` is asked again: klippy is starting.
    ask_again: Option<tokio::time::Instant>,
}

impl<'a> Link<'a> {
    fn new(stream: UnixStream, publish: &'a watch::Sender<Printer>) -> Self {
        // Who listened, not who has forked or was forked since.
        let pid = stream.peer_cred().ok().and_then(|peer| peer.pid()).and_then(|pid| u32::try_from(pid).ok());
        Self {
            stream,
            pid,
            publish,
            frames: Frames::default(),
            objects: Objects::default(),
            identity: None,
            told: KlippyState::Startup,
            message: String::new(),
            subscribed: false,
            asked: Vec::new(),
            last_id: 0,
            ask_again: None,
        }
    }

    /// Runs until the connection ends; returns why.
    async fn run(mut self) -> io::Error {
        match self.converse().await {
            Ok(()) => io::Error::from(io::ErrorKind::UnexpectedEof),
            Err(error) => error,
        }
    }

    async fn converse(&mut self) -> io::Result<()> {
        self.ask(Question::Info).await?;
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let again = self.ask_again;
            let read = tokio::select! {
                read = self.stream.read(&mut buffer) => read?,
                () = at(again) => {
                    self.ask_again = None;
                    self.ask(Question::Info).await?;
                    continue;
                }
                () = self.publish.closed() => return Ok(()),
            };
            if read == 0 {
                return Ok(());
            }
            for frame in self.frames.take(buffer.get(..read).unwrap_or_default()) {
                match frame {
                    Frame::Object(object) => self.hear(&object).await?,
                    Frame::Garbage => tracing::warn!("klippy sent something that is no JSON object; ignored"),
                }
            }
        }
    }

    async fn ask(&mut self, question: Question) -> io::Result<()> {
        self.last_id += 1;
        let (method, params) = match question {
            Question::Info if self.identity.is_some() => ("info", json!({})),
            Question::Info => {
                let client = json!({ "program": "Refit", "version": env!("CARGO_PKG_VERSION") });
                ("info", json!({ "client_info": client }))
            }
            Question::Subscribe => ("objects/subscribe", objects::subscription()),
        };
        self.asked.push((self.last_id, question));
        let bytes = frame::request(self.last_id, method, params);
        tokio::time::timeout(WRITE_PATIENCE, self.stream.write_all(&bytes)).await?
    }

    async fn hear(&mut self, object: &Map<String, Value>) -> io::Result<()> {
        if let Some(status) = object.get("params").and_then(|params| params.get("status")).and_then(Value::as_object) {
            return self.hear_status(status).await;
        }
        let Some(question) = object.get("id").and_then(Value::as_u64).and_then(|id| self.answered(id)) else {
            return Ok(());
        };
        let result = object.get("result").and_then(Value::as_object);
        match (question, result) {
            (Question::Info, Some(info)) => self.hear_info(info).await,
            (Question::Subscribe, Some(result)) => {
                // A subscription begins with everything, not with what changed.
                self.objects = Objects::default();
                self.subscribed = true;
                match result.get("status").and_then(Value::as_object) {
                    Some(status) => self.hear_status(status).await,
                    None => Ok(()),
                }
            }
            (Question::Info | Question::Subscribe, None) => {
                let error = object.get("error").unwrap_or(&Value::Null).to_string();
                tracing::warn!("klippy refused a request: {error}");
                self.ask_again = Some(tokio::time::Instant::now() + PACE);
                Ok(())
            }
        }
    }

    fn answered(&mut self, id: u64) -> Option<Question> {
        let index = self.asked.iter().position(|(asked, _)| *asked == id)?;
        Some(self.asked.swap_remove(index).1)
    }

    async fn hear_info(&mut self, info: &Map<String, Value>) -> io::Result<()> {
        let text = |field: &str| info.get(field).and_then(Value::as_str).map(str::to_owned);
        let Some(state) = text("state").as_deref().and_then(objects::klippy_state) else {
            self.ask_again = Some(tokio::time::Instant::now() + PACE);
            return Ok(());
        };
        self.identity = Some(PrinterIdentity {
            klipper_path: text("klipper_path"),
            python_path: text("python_path"),
            info: info.clone(),
        });
        self.told = state;
        self.message = text("state_message").unwrap_or_default();
        if state == KlippyState::Startup {
            self.ask_again = Some(tokio::time::Instant::now() + PACE);
        } else {
            self.ask(Question::Subscribe).await?;
        }
        self.tell();
        Ok(())
    }

    async fn hear_status(&mut self, status: &Map<String, Value>) -> io::Result<()> {
        let before = self.objects.state();
        self.objects.merge(status);
        let now = self.objects.state();
        if before.is_some() && now != before {
            // The identity's state is old now, and objects may have appeared: ask for both again.
            self.ask(Question::Info).await?;
        }
        self.tell();
        Ok(())
    }

    fn tell(&self) {
        let state = if self.subscribed { self.objects.state().unwrap_or(self.told) } else { KlippyState::Startup };
        let activity = if state == KlippyState::Ready { self.objects.activity() } else { Activity::Idle };
        let message = self.objects.state_message().unwrap_or(&self.message);
        self.publish.send_if_modified(|printer| {
            let now = Printer {
                state,
                activity,
                state_message: message.to_owned(),
                identity: self.identity.clone().or_else(|| printer.identity.clone()),
                pid: self.pid,
            };
            let changed = now != *printer;
            *printer = now;
            changed
        });
    }
}

/// Sleeps until then, or for ever.
async fn at(then: Option<tokio::time::Instant>) {
    match then {
        Some(then) => tokio::time::sleep_until(then).await,
        None => std::future::pending().await,
    }
}
