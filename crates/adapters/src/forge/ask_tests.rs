use std::time::Duration;

use refit_testkit::releases::{Release as Published, ReleaseHost};
use refit_testkit::wait::Unreachable;

use super::super::tests::options;
use super::*;

fn source(api: &str) -> Source {
    Source {
        forge: ForgeKind::Github,
        host: "github.com".to_owned(),
        api: api.to_owned(),
        owner: "lab".to_owned(),
        repo: "Web".to_owned(),
    }
}

fn may(api: &str, url: &str) -> Result<(), Refused> {
    may_be_asked(&source(api), &Url::parse(url).unwrap())
}

#[test]
fn plain_http_is_for_owners_who_configured_it() {
    let https = "https://api.github.com";
    assert_eq!(may(https, "https://elsewhere/x"), Ok(()));
    for plain in ["http://api.github.com/x", "http://127.0.0.1/x", "ftp://x/", "file:///etc/passwd", "data:,x"] {
        assert_eq!(may(https, plain), Err(Refused::Insecure), "{plain}");
    }
    assert_eq!(may("http://mirror.lan", "http://elsewhere/x"), Ok(()));
    assert_eq!(may("http://mirror.lan", "https://elsewhere/x"), Ok(()));
    assert_eq!(may("http://mirror.lan", "file:///etc/passwd"), Err(Refused::Insecure));
    assert_eq!(may("nonsense", "http://elsewhere/x"), Err(Refused::Insecure));
    for secret in ["https://user@x/", "https://user:word@x/", "https://:word@x/"] {
        assert_eq!(may(https, secret), Err(Refused::Credentials), "{secret}");
    }
}

#[test]
fn the_token_is_for_the_api_s_own_origin() {
    let tokens = vec![("github.com".to_owned(), super::super::Token::new("secret").unwrap())];
    let forges = Forges::new(ForgeOptions { tokens, ..options() });
    let shown = |url: &str| forges.credentials(&source("https://api.github.com"), &Url::parse(url).unwrap()).is_some();
    assert!(shown("https://api.github.com/repos"));
    assert!(shown("https://API.github.com:443/"));
    for other in
        ["http://api.github.com/", "https://api.github.com:444/", "https://github.com/", "https://api.github.com.x/"]
    {
        assert!(!shown(other), "{other}");
    }
    let (_, value) = forges.credentials(&source("https://h"), &Url::parse("https://h/").unwrap()).unwrap();
    assert!(value.is_sensitive() && !format!("{value:?}").contains("secret"));
}

/// An API that is reached through a proxy only: its name is nobody's, and the pretend host answers to any.
async fn asked_through(options: ForgeOptions, api: &str) -> Result<StatusCode, String> {
    let source = source(api);
    let url = super::super::address::list(&source).unwrap();
    let answer = Forges::new(options).ask(&source, &url, None).await;
    answer.map(|answer| answer.status).map_err(|error| error.to_string())
}

fn environment(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn proxies_are_those_that_were_handed_in() {
    let host = ReleaseHost::start();
    host.publish("lab", "Web", Published::new("v1.0.0"));
    let proxy = host.address().to_string();
    let with = |proxy: Option<&str>, pairs: &[(&str, &str)]| ForgeOptions {
        proxy: proxy.map(str::to_owned),
        environment_proxies: environment(pairs),
        patience: Duration::from_secs(2),
        ..options()
    };
    let api = "http://api.invalid/api";
    let url = format!("http://{proxy}");
    for reached in [
        with(Some(&url), &[]),
        with(Some(&proxy), &[]),
        with(Some(&proxy), &[("http_proxy", "http://127.0.0.1:1")]),
        with(None, &[("http_proxy", &url)]),
        with(None, &[("HTTP_PROXY", &proxy)]),
        with(None, &[("all_proxy", &url), ("https_proxy", "http://127.0.0.1:1")]),
        with(Some(""), &[("all_proxy", &url), ("no_proxy", "other.invalid,10.0.0.0/8")]),
    ] {
        host.forget();
        let answer = asked_through(reached, api).await;
        assert!(answer.is_ok() && host.requests().len() == 1, "{answer:?}");
    }
    host.forget();
    for straight in [
        with(None, &[]),
        with(None, &[("https_proxy", &url)]),
        with(None, &[("all_proxy", &url), ("no_proxy", ".invalid")]),
    ] {
        let answer = asked_through(straight, api).await.unwrap_err();
        assert!(answer.contains("the name of the host could not be found"), "{answer}");
    }
    assert_eq!(host.requests(), []);
}

#[tokio::test]
async fn a_proxy_that_is_none_is_said_and_its_password_is_not() {
    for wrong in ["http://user:hidden@", "socks5://user:hidden@h:1", "http://[user:hidden"] {
        let options = ForgeOptions { proxy: Some(wrong.to_owned()), ..options() };
        let shown = format!("{options:?}");
        let told = asked_through(options, "http://api.invalid").await.unwrap_err();
        assert!(told.contains("the address in the option proxy is none of a proxy; write http://HOST:PORT"), "{told}");
        assert!(!told.contains("hidden") && !shown.contains("hidden"), "{told} {shown}");
    }
    let nobody = Unreachable::new();
    let dead = ForgeOptions {
        environment_proxies: environment(&[("http_proxy", &format!("http://user:hidden@127.0.0.1:{}", nobody.port()))]),
        ..options()
    };
    let told = asked_through(dead, "http://api.invalid").await.unwrap_err();
    assert!(told.ends_with("; a proxy is configured: is it right?") && !told.contains("hidden"), "{told}");
}
