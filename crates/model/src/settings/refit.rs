//! `[refit]`: the options that Moonraker does not have.
//!
//! Refuses unknown names: a misspelt option here is an error that names the nearest known one.

use std::path::PathBuf;

use super::authorization::TrustedClient;

/// A way to reach a remote repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// `https://`
    Https,
    /// `http://`
    Http,
    /// `ssh://` and `user@host:path`
    Ssh,
    /// `git://`
    Git,
    /// `file://` and plain paths
    File,
}

impl Protocol {
    /// The word in the configuration and in git's `GIT_ALLOW_PROTOCOL`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
            Self::Ssh => "ssh",
            Self::Git => "git",
            Self::File => "file",
        }
    }
}

/// `[refit]`, with its defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefitSettings {
    /// Host to bind, when it is not that of `[server]`.
    pub host: Option<String>,
    /// Port to bind, when it is not that of `[server]`.
    pub port: Option<u16>,
    /// Whose `X-Real-Ip` and `X-Forwarded-*` headers are believed: addresses and networks, never names.
    pub trusted_proxies: Vec<TrustedClient>,
    /// How many past runs are kept.
    pub keep_history: u32,
    /// How many repositories of one remote host are asked at the same time.
    pub max_refresh_per_host: u32,
    /// The git to run: a name to be found on the path, or an absolute path.
    pub git_path: PathBuf,
    /// The protocols that git may use. An updater whose configured `origin` is a file may use that one besides.
    pub allow_protocols: Vec<Protocol>,
}
