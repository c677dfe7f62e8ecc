//! `[authorization]`: who may ask, and which web pages.
//!
//! Refuses to judge a request; it only says what the owner configured.

use std::net::{IpAddr, Ipv4Addr};

use super::problem::Severity;
use super::section::{Findings, Reader};
use super::server::{ask, number};

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

impl Default for AuthSettings {
    fn default() -> Self {
        Self {
            configured: false,
            trusted_clients: Vec::new(),
            cors_domains: Vec::new(),
            force_logins: false,
            enable_api_key: true,
            login_timeout_days: 90,
            max_login_attempts: None,
        }
    }
}

impl TrustedClient {
    /// Is this address meant? Never for a host name, which only a reverse lookup can tell.
    #[must_use]
    pub fn covers(&self, client: IpAddr) -> bool {
        match self {
            Self::Ip(address) => *address == client,
            Self::Network { address, prefix } => match (address, client) {
                (IpAddr::V4(net), IpAddr::V4(ip)) => same_bits(bits4(*net), bits4(ip), 32, *prefix),
                (IpAddr::V6(net), IpAddr::V6(ip)) => same_bits(u128::from(*net), u128::from(ip), 128, *prefix),
                (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
            },
            Self::Domain(_) => false,
        }
    }

    /// An address or a network, with the host bits of a network zero.
    ///
    /// # Errors
    /// Says whether it is a network with host bits set, or neither.
    pub fn address(text: &str) -> Result<Self, NotTrusted> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Ip(address));
        }
        let (address, mask) = text.split_once('/').ok_or(NotTrusted::Other)?;
        let address: IpAddr = address.parse().map_err(|_| NotTrusted::Other)?;
        let (value, width, prefix) = match address {
            IpAddr::V4(ip) => (bits4(ip), 32, prefix(mask, 32).or_else(|| mask4(mask)).ok_or(NotTrusted::Other)?),
            IpAddr::V6(ip) => (u128::from(ip), 128, prefix(mask, 128).ok_or(NotTrusted::Other)?),
        };
        if value & host_bits(width, prefix) != 0 {
            return Err(NotTrusted::HostBits);
        }
        Ok(Self::Network { address, prefix })
    }
}

/// Why a text is no address and no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotTrusted {
    /// `10.0.0.1/8`: the address is not the network's.
    HostBits,
    /// Something else, perhaps a host name.
    Other,
}

/// Reads `[authorization]`. Where a value cannot be read, the stricter one holds.
pub(super) fn read(reader: &mut Reader<'_>, findings: &mut Findings) -> AuthSettings {
    let default = AuthSettings::default();
    let force = reader.boolean("force_logins", default.force_logins);
    let key = reader.boolean("enable_api_key", default.enable_api_key);
    reader.text("default_source");
    AuthSettings {
        configured: true,
        trusted_clients: trusted_clients(reader, findings),
        cors_domains: cors_domains(reader, findings),
        force_logins: ask(reader, findings, force, true),
        enable_api_key: ask(reader, findings, key, false),
        login_timeout_days: number(reader, findings, "login_timeout", default.login_timeout_days),
        max_login_attempts: max_login_attempts(reader, findings),
    }
}

fn max_login_attempts(reader: &mut Reader<'_>, findings: &mut Findings) -> Option<u32> {
    reader.text("max_login_attempts")?;
    let attempts = number(reader, findings, "max_login_attempts", 1_u32);
    if attempts == 0 {
        let label = reader.label();
        let text = format!("Config Error: Section [{label}], Option 'max_login_attempts: 0': value is not above 0");
        skip(reader, findings, "max_login_attempts", &text);
    }
    Some(attempts.max(1))
}

fn trusted_clients(reader: &mut Reader<'_>, findings: &mut Findings) -> Vec<TrustedClient> {
    let mut clients = Vec::new();
    for text in reader.lines("trusted_clients") {
        match TrustedClient::address(&text) {
            Ok(client) => clients.push(client),
            Err(NotTrusted::Other) if is_domain(&text) => clients.push(TrustedClient::Domain(text)),
            Err(why) => {
                let what = match why {
                    NotTrusted::HostBits => "CIDR expression",
                    NotTrusted::Other => "domain name",
                };
                let text = format!("[authorization]: Invalid {what} '{text}' in option 'trusted_clients'");
                skip(reader, findings, "trusted_clients", &text);
            }
        }
    }
    clients
}

fn cors_domains(reader: &mut Reader<'_>, findings: &mut Findings) -> Vec<String> {
    let mut domains = Vec::new();
    for text in reader.lines("cors_domains") {
        let why = if text.ends_with('/') {
            format!("Invalid domain '{text}' in option 'cors_domains'.  Domain's cannot contain a trailing slash.")
        } else if is_unsafe_origin(&text) {
            format!(
                "Unsafe domain '{text}' in option 'cors_domains'. Wildcards are not permitted in the top level domain."
            )
        } else {
            domains.push(text);
            continue;
        };
        skip(reader, findings, "cors_domains", &format!("[authorization]: {why}"));
    }
    domains
}

fn skip(reader: &Reader<'_>, findings: &mut Findings, option: &str, text: &str) {
    let problem = reader.problem(Some(option), Severity::Warning, text);
    findings.warn(text, problem.with_remedy(Some("correct or remove the value; it is not used".to_owned())));
}

/// Moonraker's rule for host names: lower-case labels of letters, digits and single inner `-`, at least three characters
/// of which the last two are letters.
fn is_domain(text: &str) -> bool {
    let proper = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let labels = text.split('.').all(|label| label.split('-').all(proper));
    let mut end = text.bytes().rev();
    let letters = end.by_ref().take(2).filter(u8::is_ascii_lowercase).count() == 2;
    labels && letters && end.next().is_some_and(|before| before != b'-')
}

/// A `*` after a dot that is not the first character, unless a `:` comes between: `*.l*`, but not `http://a.b:*`.
fn is_unsafe_origin(text: &str) -> bool {
    let mut after_dot = false;
    for (at, c) in text.char_indices() {
        match c {
            '.' if at > 0 => after_dot = true,
            ':' => after_dot = false,
            '*' if after_dot => return true,
            _ => {}
        }
    }
    false
}

fn prefix(text: &str, width: u8) -> Option<u8> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().filter(|prefix| *prefix <= width)
}

/// A netmask (`255.0.0.0`) or its inverse (`0.255.255.255`) as a prefix.
fn mask4(text: &str) -> Option<u8> {
    let mask = u32::from(text.parse::<Ipv4Addr>().ok()?);
    let ones = if mask.leading_ones() + mask.trailing_zeros() >= 32 {
        mask.leading_ones()
    } else if mask.leading_zeros() + mask.trailing_ones() >= 32 {
        mask.leading_zeros()
    } else {
        return None;
    };
    u8::try_from(ones).ok()
}

fn bits4(address: Ipv4Addr) -> u128 {
    u128::from(u32::from(address))
}

fn host_bits(width: u8, prefix: u8) -> u128 {
    let bits = u32::from(width.saturating_sub(prefix));
    1_u128.checked_shl(bits).map_or(u128::MAX, |bit| bit - 1)
}

fn same_bits(a: u128, b: u128, width: u8, prefix: u8) -> bool {
    (a ^ b) & !host_bits(width, prefix) & host_bits(width, 0) == 0
}

#[cfg(test)]
#[path = "authorization_tests.rs"]
mod tests;
