//! What was asked and what was sent, as the tests want to know it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};

use hyper::http::request::Parts;

/// One request and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// `GET` or `HEAD`.
    pub method: String,
    /// The path and the query, percent-encoded as sent.
    pub path: String,
    /// The headers in their order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The status of the answer; 0 when there is none yet or the connection was reset instead.
    pub status: u16,
    /// Bytes of the answer's body that the connection has taken. A client that dies may not have read all of them.
    pub sent: u64,
}

impl Asked {
    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// The same while it is going on.
#[derive(Debug)]
pub(crate) struct Noted {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    status: AtomicU16,
    asset: OnceLock<String>,
    sent: AtomicU64,
}

impl Noted {
    pub(crate) fn new(parts: &Parts, target: &str) -> Self {
        let text = |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        Self {
            method: parts.method.to_string(),
            target: target.to_owned(),
            headers: parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
            status: AtomicU16::new(0),
            asset: OnceLock::new(),
            sent: AtomicU64::new(0),
        }
    }

    /// Notes the status of the answer and the file that it is of.
    pub(crate) fn answered(&self, status: u16, asset: Option<&String>) {
        self.status.store(status, Ordering::Relaxed);
        if let Some(asset) = asset {
            self.asset.get_or_init(|| asset.clone());
        }
    }

    /// Counts bytes that went out.
    pub(crate) fn count(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub(crate) fn asked(&self) -> Asked {
        Asked {
            method: self.method.clone(),
            path: self.target.clone(),
            headers: self.headers.clone(),
            status: self.status.load(Ordering::Relaxed),
            sent: self.sent(),
        }
    }

    /// Whether the answer was of this file: its name, or more of `owner/repo/tag/file` from the right.
    pub(crate) fn is_of(&self, file: &str) -> bool {
        let place = self.asset.get();
        place.and_then(|place| place.strip_suffix(file)).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
    }
}
