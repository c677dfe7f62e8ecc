//! An HTTP server on loopback that notes what it is asked and fails on request: what the pretend hosts of files have in
//! common. What a proper answer is, each of them says itself.
//!
//! Runs in a thread of its own, so that plain blocking tests can use it. Refuses everything but GET and HEAD. Dropping
//! the server ends every connection.

mod answer;
mod asked;
mod fault;
mod pour;
mod question;

pub use asked::Asked;
pub use fault::{CHUNK, Fault, Rule};

pub(crate) use answer::answer;
pub(crate) use question::{Answer, Question, encoded};

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{oneshot, watch};

use crate::wire::Wire;
use asked::Noted;

/// How much of an answer may wait in memory for a slow client: what was sent is counted when it gets there.
pub(crate) const WAITING: usize = 32 * 1024;

/// What a host was asked, and what is to go wrong.
#[derive(Debug)]
pub struct Traffic {
    rules: Mutex<Vec<Rule>>,
    asked: Mutex<Vec<Arc<Noted>>>,
    released: watch::Sender<u64>,
}

/// A server that can go down and come back at the same address. Dereferences to [`Traffic`].
pub struct Loopback {
    traffic: Arc<Traffic>,
    address: SocketAddr,
    proper: Arc<Proper>,
    running: Mutex<Option<Running>>,
}

/// Answers a question as though nothing were wrong.
pub(crate) type Proper = dyn Fn(&Question) -> Answer + Send + Sync;

struct Running {
    stop: oneshot::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl Traffic {
    pub(crate) fn new() -> Self {
        Self { rules: Mutex::default(), asked: Mutex::default(), released: watch::channel(0).0 }
    }

    /// Every request since the start or the last [`forget`](Self::forget), in the order they came.
    pub fn requests(&self) -> Vec<Asked> {
        lock(&self.asked).iter().map(|noted| noted.asked()).collect()
    }

    /// The requests whose path and query contain this.
    pub fn requests_of(&self, part: &str) -> Vec<Asked> {
        self.requests().into_iter().filter(|asked| asked.path.contains(part)).collect()
    }

    /// Forgets the requests counted so far.
    pub fn forget(&self) {
        lock(&self.asked).clear();
    }

    /// How many bytes of a file went out since the last [`forget`](Self::forget). `file` is its name, or more of its
    /// place from the right.
    pub fn sent_of(&self, file: &str) -> u64 {
        lock(&self.asked).iter().filter(|noted| noted.is_of(file)).map(|noted| noted.sent()).sum()
    }

    /// From now on the requests that fit meet this fault; without a [`Rule`] all of them. The first that was set and
    /// fits counts.
    pub fn fault(&self, rule: impl Into<Rule>) {
        lock(&self.rules).push(rule.into());
    }

    /// Takes all faults away. What stalls goes on stalling until [`release`](Self::release).
    pub fn heal(&self) {
        lock(&self.rules).clear();
    }

    /// Lets everything that stalls go on.
    pub fn release(&self) {
        self.released.send_modify(|n| *n += 1);
    }

    /// Counts the request in every rule, and says what it meets.
    fn meet(&self, target: &str) -> Option<Fault> {
        lock(&self.rules).iter_mut().fold(None, |met, rule| {
            let now = rule.meet(target);
            met.or(now)
        })
    }

    /// Returns when the stalled are released next.
    async fn released(&self) {
        let mut released = self.released.subscribe();
        let _ = released.changed().await;
    }
}

impl Loopback {
    /// Serves on a free port of 127.0.0.1.
    pub(crate) fn start(proper: impl Fn(&Question) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let server =
            Self { traffic: Arc::new(Traffic::new()), address, proper: Arc::new(proper), running: Mutex::default() };
        *lock(&server.running) = Some(server.serve(listener));
        server
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The port, which stays the same.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Goes down: every connection ends, and new ones are refused until [`up`](Self::up).
    pub fn down(&self) {
        if let Some(running) = lock(&self.running).take() {
            drop(running.stop);
            let _ = running.thread.join();
        }
    }

    /// Comes back at the same port.
    ///
    /// # Panics
    /// When somebody else took the port meanwhile.
    pub fn up(&self) {
        let mut running = lock(&self.running);
        if running.is_none() {
            let listener = TcpListener::bind(self.address).unwrap_or_else(|e| panic!("{} is taken: {e}", self.address));
            *running = Some(self.serve(listener));
        }
    }

    fn serve(&self, listener: TcpListener) -> Running {
        listener.set_nonblocking(true).expect("a listener can be made non-blocking");
        let (stop, stopped) = oneshot::channel();
        let (traffic, proper) = (Arc::clone(&self.traffic), Arc::clone(&self.proper));
        let thread = std::thread::Builder::new().name("loopback".to_owned());
        let thread = thread.spawn(move || run(listener, &traffic, &proper, stopped));
        Running { stop, thread: thread.expect("a thread can be started") }
    }
}

impl Deref for Loopback {
    type Target = Traffic;

    fn deref(&self) -> &Traffic {
        &self.traffic
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.down();
    }
}

impl fmt::Debug for Loopback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Loopback({})", self.address)
    }
}

/// Serves until the other end of `stopped` is gone.
fn run(listener: TcpListener, traffic: &Arc<Traffic>, proper: &Arc<Proper>, stopped: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be built");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).expect("the listener is non-blocking");
        tokio::spawn(accept(listener, Arc::clone(traffic), Arc::clone(proper)));
        let _ = stopped.await;
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
}

async fn accept(listener: tokio::net::TcpListener, traffic: Arc<Traffic>, proper: Arc<Proper>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let wire = Wire::new(stream);
        let line = wire.line();
        let (traffic, proper) = (Arc::clone(&traffic), Arc::clone(&proper));
        let service = service_fn(move |request| {
            let proper = Arc::clone(&proper);
            answer(request, Arc::clone(&traffic), line.clone(), move |question: &Question| proper(question))
        });
        tokio::spawn(async move {
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).max_buf_size(WAITING);
            // An error here is what the fault, or a client that hung up, was meant to cause.
            let _ = builder.serve_connection(TokioIo::new(wire), service).await;
        });
    }
}

/// A lock that outlives a panicking test thread.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::Http;
    use std::net::TcpStream;
    use std::time::Instant;

    #[test]
    fn it_goes_down_and_comes_back_at_the_same_port() {
        let server = Loopback::start(|_| Answer::new(200, "here"));
        let http = Http::new(server.port());
        let mut open = http.connect();
        assert_eq!(http.get("/").body, b"here");
        server.down();
        let refused = TcpStream::connect(server.address).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
        assert_ne!(open.read_to_end(Duration::from_secs(5)).1, crate::rpc::End::Open);
        server.up();
        server.up();
        assert_eq!(http.get("/").body, b"here");
        assert_eq!(server.requests().len(), 2);
    }

    #[test]
    fn a_slow_line_has_the_pace_it_was_told() {
        let server = Loopback::start(|_| Answer::new(200, vec![7; 3000]));
        server.fault(Fault::BytesPerSecond(10_000));
        let start = Instant::now();
        assert_eq!(Http::new(server.port()).get("/").body.len(), 3000);
        assert!((280..3000).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    }
}
