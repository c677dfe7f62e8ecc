//! The ready status as bytes: written once per snapshot, shared by every door, so that a status request costs a copy.
//! Refuses to: wait for anything.

use std::sync::{Arc, Mutex, PoisonError};

use hyper::body::Bytes;
use refit_engine::handle::Handle;
use refit_engine::snapshot::Snapshot;

use crate::{etag, json, wire};

const HEAD: &[u8] = b"{\"result\":";

/// One snapshot's answer.
pub struct ReadyStatus {
    snapshot: Arc<Snapshot>,
    body: Bytes,
    etag: String,
}

impl ReadyStatus {
    fn of(snapshot: Arc<Snapshot>) -> Self {
        let mut body = HEAD.to_vec();
        body.extend(json::serialize(&wire::Status::from(&*snapshot)));
        body.push(b'}');
        let etag = etag::of(&body);
        Self { snapshot, body: body.into(), etag }
    }

    /// The whole body of the HTTP answer.
    #[must_use]
    pub fn http_body(&self) -> Bytes {
        self.body.clone()
    }

    /// Its entity tag.
    #[must_use]
    pub fn etag(&self) -> &str {
        &self.etag
    }

    /// The status object alone.
    #[must_use]
    pub fn result(&self) -> Bytes {
        // The body is HEAD, the object and one brace: see `of`.
        self.body.slice(HEAD.len()..self.body.len() - 1)
    }
}

/// Keeps the newest [`ReadyStatus`].
#[derive(Default)]
pub struct StatusCache(Mutex<Option<Arc<ReadyStatus>>>);

impl StatusCache {
    /// The answer for the engine's newest snapshot.
    #[must_use]
    pub fn current(&self, handle: &Handle) -> Arc<ReadyStatus> {
        let snapshot = handle.snapshot();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some(ready) if Arc::ptr_eq(&ready.snapshot, &snapshot) => ready.clone(),
            Some(_) | None => {
                let ready = Arc::new(ReadyStatus::of(snapshot));
                *kept = Some(ready.clone());
                ready
            }
        }
    }
}
