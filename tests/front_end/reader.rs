//! Browsers that load the page without a pause, each on a connection of its own, and check every byte against what the
//! page's own manifest says.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use refit_testkit::releases::sha256_hex;
use refit_testkit::rpc::{Connection, Http};
use serde_json::Value;

use crate::front_end::VERSIONS;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What was seen by all.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Whole page loads.
    pub loads: usize,
    /// Requests.
    pub requests: usize,
    /// Loads in which the installed version was another one at the end.
    pub spanning: usize,
    /// Versions of pages.
    pub versions: BTreeSet<String>,
    /// What was wrong.
    pub failures: Vec<String>,
}

/// The readers; they go on until they are ended or one fails.
pub struct Readers {
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    /// Starts `count` of them.
    pub fn start(count: usize, port: u16) -> Self {
        let (seen, stop) = (Arc::<Mutex<Seen>>::default(), Arc::<AtomicBool>::default());
        let start = |_| {
            let (seen, stop) = (Arc::clone(&seen), Arc::clone(&stop));
            std::thread::spawn(move || read(port, &seen, &stop))
        };
        let threads = (0..count).map(start).collect();
        Self { seen, stop, threads }
    }

    /// Whether one saw something wrong, and all have stopped.
    pub fn have_failed(&self) -> bool {
        !lock(&self.seen).failures.is_empty()
    }

    /// Lets each finish its page.
    ///
    /// # Panics
    /// When the web server did not take a request.
    pub fn end(self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("the web server takes every request");
        }
        lock(&self.seen).clone()
    }
}

fn read(port: u16, seen: &Mutex<Seen>, stop: &AtomicBool) {
    let mut browser = Browser { connection: Http::new(port).connect(), requests: 0 };
    while !stop.load(Ordering::Relaxed) {
        let loaded = browser.load();
        let mut seen = lock(seen);
        seen.requests += std::mem::take(&mut browser.requests);
        match loaded {
            Ok((version, later)) => {
                seen.loads += 1;
                seen.spanning += usize::from(version != later);
                seen.versions.insert(version);
            }
            Err(failure) => {
                seen.failures.push(failure);
                stop.store(true, Ordering::Relaxed);
            }
        }
    }
}

struct Browser {
    connection: Connection,
    requests: usize,
}

impl Browser {
    /// One page load. Answers the page's version, and the one that is installed when everything was loaded.
    fn load(&mut self) -> Result<(String, String), String> {
        let page = String::from_utf8_lossy(&self.get("/")?).into_owned();
        let version = between(&page, "<title>", "</title>").ok_or_else(|| format!("no page: {page:?}"))?;
        let manifest = between(&page, "href=\"", "\"").ok_or_else(|| format!("half a page: {page:?}"))?;
        let text = self.get(&manifest)?;
        let manifest: Value = serde_json::from_slice(&text)
            .map_err(|error| format!("{version}: {manifest} is none: {error}: {:?}", String::from_utf8_lossy(&text)))?;
        if manifest["version"] != version.as_str() {
            return Err(format!("the page is of {version}, its manifest of {}", manifest["version"]));
        }
        for asset in manifest["assets"].as_array().into_iter().flatten() {
            let path = asset["path"].as_str().unwrap_or_default();
            let bytes = self.get(&format!("/{path}"))?;
            if sha256_hex(&bytes) != asset["sha256"] {
                let begin = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
                return Err(format!("{version}: {path} is not what the manifest says, but begins {begin:?}"));
            }
        }
        let later = String::from_utf8_lossy(&self.get("/version.txt")?).into_owned();
        if VERSIONS.contains(&later.as_str()) { Ok((version, later)) } else { Err(format!("version.txt: {later:?}")) }
    }

    fn get(&mut self, path: &str) -> Result<Vec<u8>, String> {
        self.requests += 1;
        self.connection.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
        let reply = self.connection.read_reply(false, PATIENCE).map_err(|error| format!("{path}: {error}"))?;
        if reply.status == 200 { Ok(reply.body) } else { Err(format!("{path}: {}", reply.line)) }
    }
}

fn between(text: &str, begin: &str, end: &str) -> Option<String> {
    let rest = text.split_once(begin)?.1;
    Some(rest.split_once(end)?.0.to_owned())
}

fn lock(seen: &Mutex<Seen>) -> std::sync::MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
