//! A pretend Klippy: the printer's Unix socket, as Klipper's webhooks serve it.
//!
//! Answers what an update manager asks (identity, objects and their changes, remote methods, stops), remembers what it was
//! asked, and can be told to be unready, printing, gone, slow in pieces, or incomprehensible. Changes reach subscribers at
//! once; the real one gathers them for up to 250 ms. Refuses to print.

mod answer;
mod client;

use std::collections::HashMap;
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use serde_json::{Map, Value, json};

use client::Client;

/// The byte that ends a message.
pub const END: u8 = 0x03;

/// What Klippy says of itself in `info` and `webhooks`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KlippyState {
    /// Reading its configuration, connecting to the printer's boards.
    Startup,
    /// Ready for work.
    Ready,
    /// Stopped in an emergency, waiting for a restart.
    Shutdown,
    /// Could not start.
    Error,
}

impl KlippyState {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Startup => "startup",
            Self::Ready => "ready",
            Self::Shutdown => "shutdown",
            Self::Error => "error",
        }
    }

    fn message(self) -> &'static str {
        match self {
            Self::Startup => "Printer is not ready\nThe klippy host software is attempting to connect.",
            Self::Ready => "Printer is ready",
            Self::Shutdown => "Printer is shutdown",
            Self::Error => "Printer is halted",
        }
    }
}

/// How messages are cut into writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// One message, one write.
    Whole,
    /// So many bytes a write, with a moment between two.
    Split(usize),
    /// Nothing is written until the framing is changed; then everything in one write.
    Held,
}

/// A request as it came in.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The method.
    pub method: String,
    /// Its parameters, an object or null.
    pub params: Value,
    /// Its id; null when there was none.
    pub id: Value,
}

/// The pretend printer. Gone when dropped.
#[derive(Debug)]
pub struct Klippy {
    socket: PathBuf,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    inner: Mutex<Inner>,
    start: Instant,
}

#[derive(Debug)]
struct Inner {
    listener: Option<UnixListener>,
    info: Map<String, Value>,
    objects: Map<String, Value>,
    clients: Vec<Client>,
    next_client: u64,
    asked: Vec<Asked>,
    failing: HashMap<String, String>,
    spoiled: Option<Vec<u8>>,
    silent: bool,
    framing: Framing,
}

impl Klippy {
    /// A ready printer in standby that listens on `socket`.
    ///
    /// # Panics
    /// When the socket cannot be made.
    pub fn start(socket: impl AsRef<Path>) -> Self {
        let inner = Inner {
            listener: None,
            info: identity(),
            objects: objects(),
            clients: Vec::new(),
            next_client: 0,
            asked: Vec::new(),
            failing: HashMap::new(),
            spoiled: None,
            silent: false,
            framing: Framing::Whole,
        };
        let shared = Arc::new(Shared { inner: Mutex::new(inner), start: Instant::now() });
        let klippy = Self { socket: socket.as_ref().to_owned(), shared };
        klippy.set_state(KlippyState::Ready);
        klippy.come_back();
        klippy
    }

    /// The socket's path.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Changes its state, and the message that goes with it. Outside ready and shutdown only `webhooks` can be asked for.
    pub fn set_state(&self, state: KlippyState) {
        self.change(|inner| inner.set_state(state));
    }

    /// Changes `print_stats.state`: `standby`, `printing`, `paused`, `complete`, `cancelled`, `error`.
    pub fn set_print(&self, state: &str) {
        self.set("print_stats", "state", json!(state));
    }

    /// Changes one field of an object, which is made when it is not there.
    pub fn set(&self, object: &str, field: &str, value: Value) {
        self.change(|inner| {
            let fields = inner.objects.entry(object).or_insert_with(|| json!({}));
            fields[field] = value;
        });
    }

    /// Takes an object away, such as `print_stats` of a printer without `[virtual_sdcard]`.
    pub fn remove(&self, object: &str) {
        self.change(|inner| {
            inner.objects.shift_remove(object);
        });
    }

    /// Changes a field of what `info` answers, such as `klipper_path` or `python_path`. Null takes it away.
    pub fn set_info(&self, field: &str, value: Value) {
        let mut inner = self.shared.lock();
        if value.is_null() {
            inner.info.shift_remove(field);
        } else {
            inner.info.insert(field.to_owned(), value);
        }
    }

    /// From now on this method is answered with an error that has this message.
    pub fn fail(&self, method: &str, message: &str) {
        self.shared.lock().failing.insert(method.to_owned(), message.to_owned());
    }

    /// Answers this method properly again.
    pub fn heal(&self, method: &str) {
        self.shared.lock().failing.remove(method);
    }

    /// With true it goes on reading and says nothing any more, as a hanging process does.
    pub fn set_silent(&self, silent: bool) {
        self.shared.lock().silent = silent;
    }

    /// In place of the next answer these bytes are written as they are, without an end byte.
    pub fn spoil_next(&self, bytes: &[u8]) {
        self.shared.lock().spoiled = Some(bytes.to_owned());
    }

    /// Writes bytes to everyone who is connected.
    pub fn send_raw(&self, bytes: &[u8]) {
        self.shared.lock().clients.iter_mut().for_each(|client| client.write_raw(bytes));
    }

    /// Changes how messages are cut into writes, and writes what was held.
    pub fn set_framing(&self, framing: Framing) {
        let mut inner = self.shared.lock();
        inner.framing = framing;
        inner.clients.iter_mut().for_each(Client::release);
    }

    /// Says a line to those who subscribed to the G-code output.
    pub fn respond(&self, line: &str) {
        let mut inner = self.shared.lock();
        let framing = inner.framing;
        inner.clients.iter_mut().for_each(|client| client.output(line, framing));
    }

    /// Calls a remote method that a client registered. How many clients had it.
    pub fn call_remote(&self, method: &str, params: &Value) -> usize {
        let mut inner = self.shared.lock();
        let framing = inner.framing;
        inner.clients.iter_mut().filter_map(|client| client.call(method, params, framing)).count()
    }

    /// Closes every connection and goes on listening, as after a `RESTART`.
    pub fn disconnect(&self) {
        self.shared.lock().clients.clear();
    }

    /// Stops listening, removes the socket and closes every connection, as when the service is stopped.
    pub fn vanish(&self) {
        let mut inner = self.shared.lock();
        if let Some(listener) = inner.listener.take() {
            // Wakes the accepting thread; closing alone would not.
            let _ = rustix::net::shutdown(&listener, rustix::net::Shutdown::Both);
        }
        let _ = std::fs::remove_file(&self.socket);
        inner.clients.clear();
    }

    /// Listens again after [`vanish`](Self::vanish). A socket file that lies there is replaced.
    ///
    /// # Panics
    /// When the socket cannot be made.
    pub fn come_back(&self) {
        self.vanish();
        let listener =
            UnixListener::bind(&self.socket).unwrap_or_else(|e| panic!("cannot listen on {:?}: {e}", self.socket));
        let accepting = listener.try_clone().expect("a socket can be cloned");
        self.shared.lock().listener = Some(listener);
        let shared = Arc::clone(&self.shared);
        std::thread::spawn(move || accept(&accepting, &shared));
    }

    /// Every request since the start or the last [`forget`](Self::forget).
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.lock().asked.clone()
    }

    /// The parameters of every request for this method.
    pub fn asked_for(&self, method: &str) -> Vec<Value> {
        let inner = self.shared.lock();
        inner.asked.iter().filter(|asked| asked.method == method).map(|asked| asked.params.clone()).collect()
    }

    /// Forgets the requests so far.
    pub fn forget(&self) {
        self.shared.lock().asked.clear();
    }

    /// How many clients are connected.
    pub fn clients(&self) -> usize {
        self.shared.lock().clients.len()
    }

    fn change(&self, change: impl FnOnce(&mut Inner)) {
        let mut inner = self.shared.lock();
        change(&mut inner);
        inner.tell(self.shared.eventtime());
    }
}

impl Drop for Klippy {
    fn drop(&mut self) {
        self.vanish();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Seconds on the printer's clock.
    fn eventtime(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }
}

impl Inner {
    fn set_state(&mut self, state: KlippyState) {
        for (field, text) in [("state", state.word()), ("state_message", state.message())] {
            self.info.insert(field.to_owned(), json!(text));
            self.objects["webhooks"][field] = json!(text);
        }
    }

    /// Tells every subscriber what changed for it.
    fn tell(&mut self, eventtime: f64) {
        let Self { objects, clients, framing, .. } = self;
        for client in clients {
            client.tell_changes(objects, eventtime, *framing);
        }
    }
}

fn accept(listener: &UnixListener, shared: &Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept() {
        let reading = stream.try_clone().expect("a socket can be cloned");
        let mut inner = shared.lock();
        if inner.listener.is_none() {
            break;
        }
        let id = inner.next_client;
        inner.next_client += 1;
        inner.clients.push(Client::new(id, stream));
        let shared = Arc::clone(shared);
        std::thread::spawn(move || listen(reading, id, &shared));
    }
}

/// Reads a client's messages until it goes, or is thrown out.
fn listen(stream: UnixStream, id: u64, shared: &Arc<Shared>) {
    use std::io::{BufRead as _, BufReader};
    let mut reader = BufReader::new(stream);
    loop {
        let mut message = Vec::new();
        match reader.read_until(END, &mut message) {
            Ok(1..) if message.ends_with(&[END]) => {
                message.pop();
                answer::answer(&mut shared.lock(), id, &message, shared.eventtime());
            }
            _ => break,
        }
    }
    let _ = reader.get_ref().shutdown(Shutdown::Both);
    shared.lock().clients.retain(|client| client.id() != id);
}

fn identity() -> Map<String, Value> {
    let identity = json!({
        "state_message": "", "hostname": "pretend", "klipper_path": "/home/pi/klipper",
        "python_path": "/home/pi/klippy-env/bin/python", "process_id": std::process::id(), "user_id": 1000, "group_id": 1000,
        "log_file": "/home/pi/printer_data/logs/klippy.log", "config_file": "/home/pi/printer_data/config/printer.cfg",
        "software_version": "v0.12.0-1-g0123abcd", "cpu_info": "4 core pretend", "state": ""
    });
    object(identity)
}

fn objects() -> Map<String, Value> {
    let objects = json!({
        "webhooks": {"state": "", "state_message": ""},
        "print_stats": {
            "filename": "", "total_duration": 0.0, "print_duration": 0.0, "filament_used": 0.0, "state": "standby",
            "message": "", "info": {"total_layer": null, "current_layer": null}
        },
        "virtual_sdcard": {"file_path": null, "progress": 0.0, "is_active": false, "file_position": 0, "file_size": 0},
        "idle_timeout": {"state": "Idle", "printing_time": 0.0},
        "pause_resume": {"is_paused": false},
        "extruder": {"temperature": 21.0, "target": 0.0},
        "heater_bed": {"temperature": 21.0, "target": 0.0}
    });
    object(objects)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

#[cfg(test)]
mod tests;
