//! The order of credentials, as measured.

use std::time::Duration;

use super::*;

fn settings() -> AuthSettings {
    AuthSettings {
        configured: true,
        trusted_clients: vec![
            TrustedClient::Ip("127.0.0.1".parse().unwrap()),
            TrustedClient::Network { address: "10.1.0.0".parse().unwrap(), prefix: 16 },
            TrustedClient::Network { address: "fe80::".parse().unwrap(), prefix: 10 },
        ],
        cors_domains: Vec::new(),
        force_logins: true,
        enable_api_key: true,
        login_timeout_days: 90,
        max_login_attempts: None,
    }
}

fn gate(settings: AuthSettings) -> (Gate, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let key = ApiKey::load(folder.path().join("api_key")).unwrap();
    let proxies = vec![TrustedClient::Ip("127.0.0.1".parse().unwrap())];
    (Gate::new(settings, proxies, key), folder)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[tokio::test]
async fn credentials_count_in_the_measured_order() {
    let (gate, _folder) = gate(settings());
    let key = gate.key.text();
    let trusted = Standing::Admitted { user: User::Trusted, shown: false };
    let by_key = Standing::Admitted { user: User::ApiKey, shown: true };
    let judge = async |address: &str, login_token: Option<&str>, api_key: Option<&str>| {
        gate.judge(ip(address), &Credentials { login_token, oneshot: Some("bogus"), api_key }).await.ok()
    };
    assert_eq!(judge("127.0.0.1", None, None).await, Some(trusted));
    assert_eq!(judge("8.8.8.8", None, None).await, Some(Standing::Anonymous));
    assert_eq!(judge("8.8.8.8", None, Some(&key)).await, Some(by_key));
    // A wrong key or any login token is an end, for a trusted address too.
    assert_eq!(judge("127.0.0.1", None, Some("zz")).await, None);
    assert_eq!(judge("127.0.0.1", Some("zz"), None).await, None);
    assert_eq!(judge("8.8.8.8", Some("zz"), Some(&key)).await, None);
}

#[tokio::test]
async fn switched_off_keys_open_nothing() {
    let (gate, _folder) = gate(AuthSettings { enable_api_key: false, ..settings() });
    let key = gate.key.text();
    let shown = Credentials { api_key: Some(&key), ..Credentials::default() };
    assert!(gate.judge(ip("127.0.0.1"), &shown).await.is_err());
    assert!(matches!(gate.by_key(&key), Err(Fault::ApiKeyDisabled)));
}

#[tokio::test]
async fn networks_cover_their_addresses_and_no_others() {
    let (gate, _folder) = gate(settings());
    for (address, trusted) in [
        ("10.1.255.255", true),
        ("10.2.0.0", false),
        ("fe80::1", true),
        ("fec0::1", false),
        ("::ffff:127.0.0.1", false),
        ("::1", false),
    ] {
        assert_eq!(gate.trusts(ip(address)).await, trusted, "{address}");
    }
    let all = TrustedClient::Network { address: ip("0.0.0.0"), prefix: 0 };
    assert!(covers(&all, ip("8.8.8.8")));
}

#[tokio::test(start_paused = true)]
async fn a_oneshot_token_is_for_one_address_one_use_and_five_seconds() {
    let (gate, _folder) = gate(settings());
    let shown = |token: &str| Some(token.to_owned());
    let redeem = async |token: Option<String>, address: &str| {
        let shown = Credentials { oneshot: token.as_deref(), ..Credentials::default() };
        gate.judge(ip(address), &shown).await.ok()
    };
    let admitted = Some(Standing::Admitted { user: User::ApiKey, shown: true });
    let token = gate.tokens.issue(ip("8.8.8.8"), User::ApiKey);
    assert_eq!((token.len(), token.to_uppercase()), (32, token.clone()));
    assert_eq!(redeem(shown(&token), "8.8.8.8").await, admitted);
    assert_eq!(redeem(shown(&token), "8.8.8.8").await, Some(Standing::Anonymous));
    // The wrong address uses it up.
    let token = gate.tokens.issue(ip("8.8.8.8"), User::ApiKey);
    assert_eq!(redeem(shown(&token), "9.9.9.9").await, Some(Standing::Anonymous));
    assert_eq!(redeem(shown(&token), "8.8.8.8").await, Some(Standing::Anonymous));
    let token = gate.tokens.issue(ip("8.8.8.8"), User::ApiKey);
    tokio::time::advance(Duration::from_millis(4900)).await;
    assert_eq!(redeem(shown(&token), "8.8.8.8").await, admitted);
    let token = gate.tokens.issue(ip("8.8.8.8"), User::ApiKey);
    tokio::time::advance(Duration::from_millis(5100)).await;
    assert_eq!(redeem(shown(&token), "8.8.8.8").await, Some(Standing::Anonymous));
}

#[test]
fn addresses_are_believed_from_proxies_only() {
    let (gate, _folder) = gate(settings());
    let headers = |real: Option<&str>, forwarded: Option<&str>| {
        let mut headers = HeaderMap::new();
        for (name, value) in [("x-real-ip", real), ("x-forwarded-for", forwarded)] {
            if let Some(value) = value {
                headers.insert(name, value.parse().unwrap());
            }
        }
        headers
    };
    for (peer, real, forwarded, address) in [
        ("127.0.0.1", None, None, "127.0.0.1"),
        ("127.0.0.1", Some("8.8.8.8"), None, "8.8.8.8"),
        ("::ffff:127.0.0.1", Some("8.8.8.8"), None, "8.8.8.8"),
        ("127.0.0.1", Some("garbage"), None, "127.0.0.1"),
        ("127.0.0.1", None, Some("127.0.0.1, 8.8.8.8"), "8.8.8.8"),
        ("127.0.0.1", Some("127.0.0.1"), Some("8.8.8.8"), "127.0.0.1"),
        ("9.9.9.9", Some("127.0.0.1"), Some("127.0.0.1"), "9.9.9.9"),
    ] {
        assert_eq!(gate.address(ip(peer), &headers(real, forwarded)), ip(address), "{peer} {real:?} {forwarded:?}");
    }
}

#[test]
fn login_tokens_are_found_where_they_count() {
    let find = |name: &'static str, value: &str, query: Option<&str>| {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        login_token(&headers, query).map(str::to_owned)
    };
    assert_eq!(find("authorization", "Bearer zz", None).as_deref(), Some("zz"));
    assert_eq!(find("x-access-token", "zz", None).as_deref(), Some("zz"));
    assert_eq!(find("x-other", "zz", Some("qq")).as_deref(), Some("qq"));
    for ignored in ["bearer zz", "Basic zz", "Bearer", "Bearer "] {
        assert_eq!(find("authorization", ignored, None), None, "{ignored}");
    }
    assert_eq!(find("x-access-token", "", Some("")), None);
}
