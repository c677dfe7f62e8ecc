//! Which web pages may ask (CONTRACT §1.3, §1.6): CORS, and whether a page comes from this server.
//!
//! A page of any site can make a visitor's browser send a simple POST here, and the visitor's address is trusted. The
//! other server does what such a POST says; here it is refused unless the page's origin is allowed or the request shows
//! a key (docs/compatibility.md). Clients that are no pages send no `Origin` and notice nothing.
//!
//! There is no list of allowed `Host` names against DNS rebinding: it would lock out whoever reaches the printer by a
//! name of their own, and nothing here can know those names.
//! Refuses to: know routes.

use std::net::IpAddr;

use crate::auth::Gate;

/// Whether pages of this origin may read answers: a pattern matches the whole origin, or its host is a literal IPv4
/// address that is trusted. With no patterns configured nobody may.
#[must_use]
pub fn is_allowed(gate: &Gate, origin: &str) -> bool {
    let domains = gate.cors_domains();
    if domains.is_empty() {
        return false;
    }
    let literal = || host(origin)?.parse().ok().map(IpAddr::V4);
    domains.iter().any(|pattern| matches(pattern, origin))
        || literal().is_some_and(|address| gate.trusts_literally(address))
}

/// Whether a page comes from the address it asks: the origin's host and port are the `Host` header.
#[must_use]
pub fn is_same(origin: &str, host_header: &str) -> bool {
    origin.split_once("://").is_some_and(|(_, rest)| rest.split('/').next().unwrap_or("").to_lowercase() == host_header)
}

fn host(origin: &str) -> Option<&str> {
    let (_, rest) = origin.split_once("://")?;
    let authority = rest.split('/').next()?;
    Some(authority.rsplit_once(':').map_or(authority, |(host, _)| host))
}

/// `*` stands for anything, everything else for itself, from the first to the last character.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use refit_model::settings::{AuthSettings, TrustedClient};

    use super::*;
    use crate::api_key::ApiKey;

    #[test]
    fn patterns_match_the_whole_origin() {
        for (pattern, origin, fits) in [
            ("http://app.fluidd.xyz", "http://app.fluidd.xyz", true),
            ("http://app.fluidd.xyz", "http://app.fluidd.xyz.evil", false),
            ("http://app.fluidd.xyz", "http://appxfluidd.xyz", false),
            ("http://*.local", "http://a.local", true),
            ("http://*.local", "http://a.local:80", false),
            ("*.local", "http://a.local", true),
            ("*//*.lan*", "http://a.lan:80", true),
            ("*", "anything", true),
            ("http://A", "http://a", false),
        ] {
            assert_eq!(matches(pattern, origin), fits, "{pattern} {origin}");
        }
    }

    #[test]
    fn trusted_addresses_count_only_beside_a_list() {
        let gate = |domains: &[&str]| {
            let folder = tempfile::tempdir().unwrap();
            let settings = AuthSettings {
                configured: true,
                trusted_clients: vec![
                    TrustedClient::Ip("127.0.0.1".parse().unwrap()),
                    TrustedClient::Ip("::1".parse().unwrap()),
                ],
                cors_domains: domains.iter().map(|&d| d.to_owned()).collect(),
                force_logins: false,
                enable_api_key: true,
                login_timeout_days: 90,
                max_login_attempts: None,
            };
            Gate::new(settings, Vec::new(), ApiKey::load(folder.path().join("k")).unwrap())
        };
        assert!(!is_allowed(&gate(&[]), "http://127.0.0.1"));
        let gate = gate(&["http://x"]);
        assert!(is_allowed(&gate, "https://127.0.0.1:8080"));
        for foreign in ["http://[::1]", "http://localhost", "http://8.8.8.8", "null", ""] {
            assert!(!is_allowed(&gate, foreign), "{foreign}");
        }
    }

    #[test]
    fn a_page_of_this_server_is_known_by_host_and_port() {
        assert!(is_same("http://Printer.local:7125", "printer.local:7125"));
        for foreign in ["http://printer.local", "null", "", "http://evil"] {
            assert!(!is_same(foreign, "printer.local:7125"), "{foreign}");
        }
    }
}
