//! Who may ask (CONTRACT §1.5): the order in which credentials count, and what each makes of a caller.
//! There are no users here, so nobody can log in: every login token is refused, and `force_logins` has no effect, as
//! it has none anywhere without users.
//! Refuses to: believe an address that a client wrote about itself; only configured proxies may (see [`Gate::address`]).

use std::net::IpAddr;
use std::sync::Arc;

use hyper::HeaderMap;
use refit_model::settings::{AuthSettings, TrustedClient};

use crate::api_key::ApiKey;
use crate::fault::Fault;
use crate::names::NameCache;
use crate::oneshot::Tokens;

/// As whom a caller is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// By address.
    Trusted,
    /// By key.
    ApiKey,
}

impl User {
    /// The name that `access.get_user` shows.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Trusted => "_TRUSTED_USER_",
            Self::ApiKey => "_API_KEY_USER_",
        }
    }
}

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Everything, by credential or address.
    Admitted {
        /// As whom.
        user: User,
        /// A key or token was shown with this very request: no page can have made a browser do that.
        shown: bool,
    },
    /// Everything: the file permissions of the Unix socket let it in.
    Local,
    /// Only what needs no authorisation.
    Anonymous,
}

impl Standing {
    /// Whether methods that need authorisation are open.
    #[must_use]
    pub fn may_ask(self) -> bool {
        match self {
            Self::Admitted { .. } | Self::Local => true,
            Self::Anonymous => false,
        }
    }

    /// As whom.
    #[must_use]
    pub fn user(self) -> Option<User> {
        match self {
            Self::Admitted { user, .. } => Some(user),
            Self::Local | Self::Anonymous => None,
        }
    }
}

/// What a request shows to be let in.
#[derive(Debug, Default)]
pub struct Credentials<'a> {
    /// `Authorization: Bearer`, `X-Access-Token` or query `access_token`, when one is not empty.
    pub login_token: Option<&'a str>,
    /// Argument `token`.
    pub oneshot: Option<&'a str>,
    /// `X-Api-Key`, when not empty.
    pub api_key: Option<&'a str>,
}

/// A login token of a request; the scheme's name is case-sensitive, other schemes do not count.
#[must_use]
pub fn login_token<'a>(headers: &'a HeaderMap, query: Option<&'a str>) -> Option<&'a str> {
    let filled = |text: &'a str| Some(text.trim()).filter(|text| !text.is_empty());
    let bearer = header(headers, "authorization").and_then(|value| value.strip_prefix("Bearer ")).and_then(filled);
    if header(headers, "authorization").is_some_and(|value| value.starts_with("Bearer ")) {
        return bearer;
    }
    header(headers, "x-access-token").and_then(filled).or_else(|| query.and_then(filled))
}

/// A header as text.
#[must_use]
pub fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The one place that lets callers in.
pub struct Gate {
    settings: AuthSettings,
    trusted_proxies: Vec<TrustedClient>,
    names: NameCache,
    /// The API key.
    pub key: Arc<ApiKey>,
    /// The one-shot tokens given out.
    pub tokens: Tokens,
}

impl Gate {
    /// A gate for these settings.
    #[must_use]
    pub fn new(settings: AuthSettings, trusted_proxies: Vec<TrustedClient>, key: ApiKey) -> Self {
        Self { settings, trusted_proxies, names: NameCache::default(), key: Arc::new(key), tokens: Tokens::default() }
    }

    /// The client's address: the peer's own, or what a configured proxy says (`X-Real-Ip`, else the last of
    /// `X-Forwarded-For`).
    #[must_use]
    pub fn address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trusted_proxies.iter().any(|proxy| covers(proxy, peer)) {
            return peer;
        }
        let real = header(headers, "x-real-ip").and_then(|text| text.trim().parse().ok());
        let forwarded = || header(headers, "x-forwarded-for")?.rsplit(',').next()?.trim().parse().ok();
        real.or_else(forwarded).unwrap_or(peer)
    }

    /// Whether an address needs no credential.
    pub async fn trusts(&self, address: IpAddr) -> bool {
        if self.settings.trusted_clients.iter().any(|client| covers(client, address)) {
            return true;
        }
        for client in &self.settings.trusted_clients {
            match client {
                TrustedClient::Domain(name) => {
                    if self.names.has(name, address).await {
                        return true;
                    }
                }
                TrustedClient::Ip(_) | TrustedClient::Network { .. } => {}
            }
        }
        false
    }

    /// Whether an address needs no credential, names not asked.
    #[must_use]
    pub fn trusts_literally(&self, address: IpAddr) -> bool {
        self.settings.trusted_clients.iter().any(|client| covers(client, address))
    }

    /// The origins whose pages may ask.
    #[must_use]
    pub fn cors_domains(&self) -> &[String] {
        &self.settings.cors_domains
    }

    /// Lets a caller in. [`Standing::Anonymous`] when it showed nothing and its address is not trusted.
    ///
    /// # Errors
    /// [`Fault::Unauthorized`] when it showed something wrong: a wrong credential never falls back on the address,
    /// except a one-shot token (KlipperScreen always sends one).
    pub async fn judge(&self, address: IpAddr, shown: &Credentials<'_>) -> Result<Standing, Fault> {
        if shown.login_token.is_some() {
            return Err(Fault::Unauthorized);
        }
        if let Some(user) = shown.oneshot.and_then(|token| self.tokens.redeem(token, address)) {
            return Ok(Standing::Admitted { user, shown: true });
        }
        if let Some(key) = shown.api_key {
            return self.by_key(key).map_err(|_| Fault::Unauthorized);
        }
        if self.trusts(address).await {
            return Ok(Standing::Admitted { user: User::Trusted, shown: false });
        }
        Ok(Standing::Anonymous)
    }

    /// Lets a caller in by key.
    ///
    /// # Errors
    /// [`Fault::ApiKeyDisabled`], [`Fault::InvalidApiKey`]
    pub fn by_key(&self, key: &str) -> Result<Standing, Fault> {
        if !self.settings.enable_api_key {
            return Err(Fault::ApiKeyDisabled);
        }
        if self.key.is(key) {
            Ok(Standing::Admitted { user: User::ApiKey, shown: true })
        } else {
            Err(Fault::InvalidApiKey)
        }
    }
}

/// Whether an entry names this address. Host names are asked elsewhere.
fn covers(client: &TrustedClient, address: IpAddr) -> bool {
    match (client, address) {
        (TrustedClient::Ip(ip), address) => *ip == address,
        (TrustedClient::Network { address: IpAddr::V4(network), prefix }, IpAddr::V4(address)) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(u32::from(*prefix))).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        (TrustedClient::Network { address: IpAddr::V6(network), prefix }, IpAddr::V6(address)) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(u32::from(*prefix))).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        (TrustedClient::Network { address: IpAddr::V4(_), .. }, IpAddr::V6(_))
        | (TrustedClient::Network { address: IpAddr::V6(_), .. }, IpAddr::V4(_))
        | (TrustedClient::Domain(_), _) => false,
    }
}

#[cfg(test)]
#[path = "auth_tests.rs"]
mod tests;
