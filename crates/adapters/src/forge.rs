//! Asks forges (GitHub, Forgejo and its kin, GitLab) which release is the newest, and what a release by its tag holds.
//! Conditional requests, whose cache is [`RemoteRelease::etags`] and survives with it; a forge's rate limit is kept to.
//! Refuses to: leave HTTPS, also by a redirect, where the API itself is not plain HTTP by the owner's choice; give a token
//! to anybody but the API's own host; write a token anywhere; read the environment.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use refit_model::settings::Channel;
use refit_model::updater::release::{Release, RemoteRelease, Source};
use reqwest::Client;
use thiserror::Error;

mod address;
mod answer;
mod ask;
mod commit;
pub(crate) mod limit;
mod newest;
mod token;

pub(crate) use answer::{lenient, sha256};
pub(crate) use ask::{denied, may_be_asked};
pub use commit::{CommitQuestion, CommitSeen, CommitTold};
pub use token::{BadToken, Token};

/// A request and its answer end within so many times the patience for one byte.
const WHOLE_ANSWER: u32 = 4;

/// What the owner configured and the environment says.
#[derive(Clone)]
pub struct ForgeOptions {
    /// By the host that [`Source::host`] names, in any case.
    pub tokens: Vec<(String, Token)>,
    /// A configured proxy, for every request; comes before those of the environment.
    pub proxy: Option<String>,
    /// `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` with their values, as main read them.
    pub environment_proxies: Vec<(String, String)>,
    /// The `User-Agent`; GitHub answers nobody without one.
    pub agent: String,
    /// How long the next byte is waited for.
    pub patience: Duration,
}

/// Without proxies: their addresses may hold a password.
impl fmt::Debug for ForgeOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForgeOptions")
            .field("tokens", &self.tokens)
            .field("agent", &self.agent)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

/// Why a forge did not tell what was asked. The texts are for people and hold no token.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ForgeError {
    /// The network, the host or its certificate; in words.
    #[error("{0}")]
    Unreachable(String),
    /// The forge asks for a pause; in words.
    #[error("{words}")]
    Limited {
        /// The documented text for GitHub.
        words: String,
        /// Seconds since 1970 before which it is not to be asked.
        until: i64,
    },
    /// The project, or a release of it, is not there.
    #[error("{0}")]
    Missing(String),
    /// A status that says no.
    #[error("{0}")]
    Denied(String),
    /// An answer that is none.
    #[error("{host}: the answer of the release server is not understood ({why}); is the address of its API right?")]
    NotUnderstood {
        /// The API's host.
        host: String,
        /// What is wrong with it.
        why: String,
    },
    /// An address, a proxy or a redirect that is not followed; in words.
    #[error("{0}")]
    Refused(String),
}

/// The hand that asks. Cheap to make: the client is made on first use, and shared, so that the connections to one forge
/// are kept alive between its projects.
#[derive(Debug)]
pub struct Forges {
    options: ForgeOptions,
    /// By the API's address: until when it is to be left alone, whichever of its projects is asked about.
    pauses: Mutex<BTreeMap<String, i64>>,
    client: OnceLock<Result<Client, String>>,
}

impl Forges {
    /// Asks nobody yet.
    #[must_use]
    pub fn new(options: ForgeOptions) -> Self {
        Self { options, pauses: Mutex::default(), client: OnceLock::new() }
    }

    /// The newest release of a channel. Never fails: what went wrong is in `error`, and the last good release stays, unless
    /// it was the answer to another question (another project, another channel).
    ///
    /// `installed` is the version that the folder tells: a stable release older than it is passed over for the newest of
    /// the list. `now` is seconds since 1970; nothing is asked before [`RemoteRelease::not_before`].
    pub async fn newest(
        &self,
        source: &Source,
        channel: Channel,
        installed: Option<&str>,
        before: &RemoteRelease,
        now: i64,
    ) -> RemoteRelease {
        newest::newest(self, newest::Question { source, channel, installed, now }, before).await
    }

    /// The release of a version, by its tag; where there is no such tag, by the same with or without a `v` before it.
    ///
    /// # Errors
    /// [`ForgeError`]; [`ForgeError::Missing`] when there is no such release (any more).
    pub async fn tagged(&self, source: &Source, version: &str) -> Result<Release, ForgeError> {
        newest::tagged(self, source, version).await
    }

    /// Until when a forge is to be left alone.
    fn paused(&self, source: &Source) -> Option<i64> {
        self.pauses.lock().unwrap_or_else(PoisonError::into_inner).get(&source.api).copied()
    }

    fn pause(&self, source: &Source, until: i64) {
        self.pauses.lock().unwrap_or_else(PoisonError::into_inner).insert(source.api.clone(), until);
    }

    /// How long the next byte is waited for.
    pub(crate) fn patience(&self) -> Duration {
        self.options.patience
    }

    fn token(&self, source: &Source) -> Option<&Token> {
        let mine = |(host, _): &&(String, Token)| host.eq_ignore_ascii_case(&source.host);
        self.options.tokens.iter().find(mine).map(|(_, token)| token)
    }
}

#[cfg(test)]
#[path = "forge_tests.rs"]
pub(crate) mod tests;
