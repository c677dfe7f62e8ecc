//! What only shows behind TLS: that HTTPS is not left. The certificates that are trusted come from the environment, so
//! every test runs itself again in a process of its own.
#![allow(clippy::disallowed_methods, reason = "tests spawn themselves with another environment")]

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::Duration;

use refit_adapters::download::{Downloads, Wanted};
use refit_adapters::forge::{ForgeOptions, Forges, Token};
use refit_model::settings::Channel;
use refit_model::updater::release::{ForgeKind, RemoteRelease, Source, Verify};
use refit_testkit::releases::{Fault, Limit, Release, ReleaseHost};

const API: &str = "REFIT_TEST_API";

fn host() -> ReleaseHost {
    let host = ReleaseHost::start_tls(&["localhost"], SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    host.publish("lab", "Web", Release::new("v1").file("web.zip", vec![7; 50_000]));
    host.token("tok_hidden", Limit { limit: 9, remaining: 9, reset_at: 1_800_000_000 });
    host
}

/// Runs the test of this name again where the host is trusted, or, in there, says where its API is.
fn inside(name: &str, host: impl FnOnce() -> (ReleaseHost, bool)) -> Option<Source> {
    if let Ok(api) = std::env::var(API) {
        let (name, owner, repo) = ("github.com".to_owned(), "lab".to_owned(), "Web".to_owned());
        return Some(Source { forge: ForgeKind::Github, host: name, api, owner, repo });
    }
    let (host, trusted) = host();
    let dir = tempfile::tempdir().unwrap();
    let roots = dir.path().join("roots.pem");
    // An authority that nobody was signed by, where the host is not to be trusted.
    let other = ReleaseHost::start_tls(&["localhost"], SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    std::fs::write(&roots, if trusted { host.ca_pem() } else { other.ca_pem() }).unwrap();
    let ran = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(API, host.github_api())
        .env("SSL_CERT_FILE", &roots)
        .env_remove("SSL_CERT_DIR")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success() && said.contains("1 passed"), "{said}");
    assert!(!said.contains("tok_hidden"), "{said}");
    // Nobody was shown the token but the API.
    let own = host.github_api().replace("https://", "").replace("/api", "");
    for asked in host.requests() {
        assert_eq!(asked.header("authorization").is_some(), asked.header("host") == Some(own.as_str()), "{asked:?}");
    }
    None
}

fn forges() -> Forges {
    Forges::new(ForgeOptions {
        tokens: vec![("github.com".to_owned(), Token::new("tok_hidden").unwrap())],
        proxy: None,
        environment_proxies: Vec::new(),
        agent: "refit/test".to_owned(),
        patience: Duration::from_secs(5),
    })
}

async fn newest(forges: &Forges, source: &Source) -> RemoteRelease {
    forges.newest(source, Channel::Stable, None, &RemoteRelease::default(), 1_790_000_000).await
}

#[tokio::test]
async fn a_file_is_had_over_https() {
    let Some(source) = inside("a_file_is_had_over_https", || (host(), true)) else { return };
    let (dir, forges) = (tempfile::tempdir().unwrap(), forges());
    let seen = newest(&forges, &source).await;
    assert_eq!(seen.error, None);
    let release = seen.release.unwrap();
    let asset = &release.assets[0];
    assert!(asset.url.starts_with("https://"));
    let wanted = Wanted { source: &source, asset, checksums: &[], signature: None, verify: &Verify::Digest };
    let got = Downloads::new(dir.path().to_owned()).fetch(&forges, &wanted, &|_| {}).await.unwrap();
    assert_eq!(got.size, 50_000);
}

#[tokio::test]
async fn a_redirect_from_https_to_http_is_not_followed() {
    // Were it followed, it would work: somebody is there.
    let plain = ReleaseHost::start();
    plain.publish("lab", "Web", Release::new("v666"));
    let leave = || {
        let host = host();
        host.fault(
            Fault::redirect(&format!("{}/repos/lab/Web/releases/latest", plain.github_api())).on("releases/latest"),
        );
        (host, true)
    };
    let Some(source) = inside("a_redirect_from_https_to_http_is_not_followed", leave) else {
        assert_eq!(plain.requests(), []);
        return;
    };
    let seen = newest(&forges(), &source).await;
    assert_eq!(seen.release, None);
    let error = seen.error.unwrap();
    assert_eq!(
        error,
        "localhost: a redirect to 127.0.0.1 is not followed, because its address is not encrypted (https)"
    );
}

#[tokio::test]
async fn a_certificate_of_nobody_known_is_not_accepted() {
    let Some(source) = inside("a_certificate_of_nobody_known_is_not_accepted", || (host(), false)) else { return };
    let error = newest(&forges(), &source).await.error.unwrap();
    assert!(error.contains("the host's certificate was not accepted: is the clock of this machine right?"), "{error}");
}
