//! `[authorization]`: who may ask, and which web pages.
//!
//! Refuses to judge a request; it only says what the owner configured.

use std::net::IpAddr;

/// Who is let in without a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustedClient {
    /// One address.
    Ip(IpAddr),
    /// A network: every address whose first `prefix` bits are those of `address`.
    Network {
        /// The network's address, host bits zero.
        address: IpAddr,
        /// 0 to 32, or 0 to 128.
        prefix: u8,
    },
    /// A host name, compared with the reverse lookup of the client; lower case.
    Domain(String),
}

/// Who may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthSettings {
    /// Is there an `[authorization]` section at all?
    pub configured: bool,
    /// Addresses, networks and host names that need no key.
    pub trusted_clients: Vec<TrustedClient>,
    /// Origins whose pages may ask, with `*` as a wildcard, trailing `/` removed.
    pub cors_domains: Vec<String>,
    /// Once a user exists, trusted clients must log in too.
    pub force_logins: bool,
    /// Does the API key open the door?
    pub enable_api_key: bool,
    /// Days until a login must be renewed.
    pub login_timeout_days: u32,
    /// Failed logins until a client is locked out; `None` for no limit.
    pub max_login_attempts: Option<u32>,
}
