//! A smart HTTP git server on loopback: the real `git http-backend` behind a small HTTP server that counts what it is
//! asked, and that can be told to refuse, stall, drip, reset, redirect, ask for a password or lie.
//!
//! Runs in a thread of its own, so that plain blocking tests can use it. Refuses pushes: a test writes to the bare
//! repositories directly. Dropping the server ends every connection and every git process it started.

mod answer;
mod backend;
mod fault;
mod lie;

pub use fault::{Ask, Fault, Lie};

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use crate::wire::Wire;

/// One request as it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// `GET` or `POST`.
    pub method: String,
    /// The path, percent-encoded as sent.
    pub path: String,
    /// The query without `?`.
    pub query: String,
    /// Which repository: the path up to `.git`, without the leading slash.
    pub repo: String,
    /// What git wanted.
    pub ask: Ask,
    /// The `Git-Protocol` header.
    pub protocol: String,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// Bytes of the request's body.
    pub body_bytes: usize,
}

/// The running server. Dereferences to [`Control`].
#[derive(Debug)]
pub struct GitServer {
    control: Control,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// A handle on a server, for those who do not own it.
#[derive(Clone, Debug)]
pub struct Control {
    shared: Arc<Shared>,
}

/// By repository: the faults in the order they are tried, each for one kind of request or for all.
type Faults = HashMap<String, Vec<(Option<Ask>, Fault)>>;

#[derive(Debug)]
struct Shared {
    root: PathBuf,
    address: SocketAddr,
    faults: Mutex<Faults>,
    asked: Mutex<Vec<Asked>>,
    connections: Mutex<usize>,
    released: watch::Sender<u64>,
    stopped: watch::Sender<bool>,
}

impl GitServer {
    /// Serves the bare repositories below `root` (see [`crate::git::GitWorld::remotes`]) on a free port.
    ///
    /// # Panics
    /// When loopback gives no port or no thread can be started.
    pub fn start(root: impl AsRef<Path>) -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        listener.set_nonblocking(true).expect("a listener can be made non-blocking");
        let shared = Arc::new(Shared {
            root: root.as_ref().to_owned(),
            address: listener.local_addr().expect("a bound listener has an address"),
            faults: Mutex::default(),
            asked: Mutex::default(),
            connections: Mutex::default(),
            released: watch::channel(0).0,
            stopped: watch::channel(false).0,
        });
        let control = Control { shared: Arc::clone(&shared) };
        let thread = std::thread::Builder::new().name("git-http".to_owned()).spawn(move || run(listener, shared));
        Self { control, thread: Some(thread.expect("a thread can be started")) }
    }

    /// A handle that can be given away.
    pub fn control(&self) -> Control {
        self.control.clone()
    }
}

impl Deref for GitServer {
    type Target = Control;

    fn deref(&self) -> &Control {
        &self.control
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        self.control.shared.stopped.send_replace(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Control {
    /// `http://127.0.0.1:<port>`.
    pub fn base(&self) -> String {
        format!("http://{}", self.shared.address)
    }

    /// The URL of a repository by its [`route`](crate::git::Remote::route), `lab/klipper.git`.
    pub fn url(&self, route: &str) -> String {
        format!("{}/{route}", self.base())
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.shared.address.port()
    }

    /// From now on every request for this repository meets `fault`. Replaces the faults it had.
    pub fn set_fault(&self, route: &str, fault: Fault) {
        lock(&self.shared.faults).insert(route.to_owned(), vec![(None, fault)]);
    }

    /// From now on the requests of one kind for this repository meet `fault`, in addition to the faults it has. The
    /// first that fits a request counts.
    pub fn add_fault(&self, route: &str, ask: Ask, fault: Fault) {
        lock(&self.shared.faults).entry(route.to_owned()).or_default().push((Some(ask), fault));
    }

    /// Takes the faults of this repository away. What stalls goes on stalling until [`release`](Self::release).
    pub fn heal(&self, route: &str) {
        lock(&self.shared.faults).remove(route);
    }

    /// Lets everything that stalls go on.
    pub fn release(&self) {
        self.shared.released.send_modify(|n| *n += 1);
    }

    /// Every request since the start or the last [`forget`](Self::forget).
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.shared.asked).clone()
    }

    /// The requests for one repository.
    pub fn asked_of(&self, route: &str) -> Vec<Asked> {
        lock(&self.shared.asked).iter().filter(|asked| asked.repo == route).cloned().collect()
    }

    /// How many connections were accepted since the start or the last [`forget`](Self::forget).
    pub fn connections(&self) -> usize {
        *lock(&self.shared.connections)
    }

    /// Forgets the requests and connections counted so far.
    pub fn forget(&self) {
        lock(&self.shared.asked).clear();
        *lock(&self.shared.connections) = 0;
    }
}

impl Shared {
    fn fault(&self, route: &str, ask: Ask) -> Option<Fault> {
        let faults = lock(&self.faults);
        let fitting = faults.get(route)?.iter().find(|(only, _)| only.is_none_or(|only| only == ask));
        fitting.map(|(_, fault)| fault.clone())
    }

    /// Returns when the stalled are released next.
    async fn released(&self) {
        let mut released = self.released.subscribe();
        let _ = released.changed().await;
    }

    /// Returns when the server is to end.
    async fn stopped(&self) {
        let _ = self.stopped.subscribe().wait_for(|stopped| *stopped).await;
    }
}

/// A lock that outlives a panicking test thread.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn run(listener: std::net::TcpListener, shared: Arc<Shared>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be built");
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener).expect("the listener is non-blocking");
        let (alive, mut all_gone) = mpsc::channel(1);
        tokio::select! {
            () = shared.stopped() => {}
            () = accept(listener, &shared, alive) => {}
        }
        // Every git process holds a sender until it is reaped.
        let _ = tokio::time::timeout(Duration::from_secs(5), all_gone.recv()).await;
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
}

async fn accept(listener: TcpListener, shared: &Arc<Shared>, alive: mpsc::Sender<()>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        *lock(&shared.connections) += 1;
        tokio::spawn(serve(Wire::new(stream), Arc::clone(shared), alive.clone()));
    }
}

async fn serve(wire: Wire, shared: Arc<Shared>, alive: mpsc::Sender<()>) {
    let line = wire.line();
    let stopped = Arc::clone(&shared);
    let service = service_fn(move |request| answer::answer(request, Arc::clone(&shared), line.clone(), alive.clone()));
    let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(wire), service);
    // An error here is what the fault, or a client that hung up, was meant to cause.
    tokio::select! {
        _ = connection => {}
        () = stopped.stopped() => {}
    }
}

#[cfg(test)]
mod tests;
