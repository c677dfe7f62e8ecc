use std::time::Duration;

use refit_model::updater::release::ForgeKind;
use refit_testkit::releases::{Fault, Limit, Release as Published, ReleaseHost};
use refit_testkit::wait::Unreachable;

use super::*;

const SECRET: &str = "tok_do_not_tell";
/// Half a year after what the host publishes; before the reset that it tells.
const NOW: i64 = 1_790_000_000;

pub(crate) fn options() -> ForgeOptions {
    ForgeOptions {
        tokens: Vec::new(),
        proxy: None,
        environment_proxies: Vec::new(),
        agent: "refit/test".to_owned(),
        patience: Duration::from_secs(5),
    }
}

pub(crate) fn source(host: &ReleaseHost, forge: ForgeKind) -> Source {
    let (name, api) = match forge {
        ForgeKind::Github => ("github.com", host.github_api()),
        ForgeKind::Forgejo => ("codeberg.org", format!("{}/api/v1", host.forgejo())),
        ForgeKind::Gitlab => ("gitlab.com", format!("{}/api/v4", host.gitlab())),
    };
    Source { forge, host: name.to_owned(), api, owner: "lab".to_owned(), repo: "Web".to_owned() }
}

fn host() -> ReleaseHost {
    let host = ReleaseHost::start();
    for version in ["v1.0.0", "v1.1.0", "v1.2.0"] {
        let release = Published::new(version).named(&version[1..]).notes("what is new");
        host.publish("lab", "Web", release.file("web.zip", vec![b'w'; 1000]));
    }
    host.publish("lab", "Web", Published::new("v1.3.0-beta.1").prerelease().file("web.zip", "beta"));
    host.publish("lab", "Web", Published::new("v2.0.0").draft().file("web.zip", "draft"));
    host
}

const KINDS: [ForgeKind; 3] = [ForgeKind::Github, ForgeKind::Forgejo, ForgeKind::Gitlab];

async fn look(forges: &Forges, source: &Source, channel: Channel, before: &RemoteRelease) -> RemoteRelease {
    forges.newest(source, channel, Some("v1.0.0"), before, NOW).await
}

fn tag(seen: &RemoteRelease) -> Option<&str> {
    seen.release.as_ref().map(|release| release.tag.as_str())
}

fn statuses(host: &ReleaseHost) -> Vec<u16> {
    host.requests().iter().map(|asked| asked.status).collect()
}

#[tokio::test]
async fn every_forge_tells_its_newest_by_channel() {
    let (host, forges) = (host(), Forges::new(options()));
    for kind in KINDS {
        let source = source(&host, kind);
        let stable = look(&forges, &source, Channel::Stable, &RemoteRelease::default()).await;
        assert_eq!((tag(&stable), &stable.error, stable.last_good), (Some("v1.2.0"), &None, Some(NOW)), "{kind:?}");
        let release = stable.release.unwrap();
        assert_eq!((release.name.as_deref(), release.prerelease), (Some("1.2.0"), false), "{kind:?}");
        assert_eq!(release.notes, "what is new");
        assert!(release.published_at.unwrap().starts_with("2026-"), "{kind:?}");
        assert!(release.page.unwrap().starts_with("http://"), "{kind:?}");
        let asset = &release.assets[0];
        assert_eq!(asset.name, "web.zip");
        let told = (asset.size, asset.sha256.is_some());
        match kind {
            ForgeKind::Github => assert_eq!(told, (Some(1000), true)),
            ForgeKind::Forgejo => assert_eq!(told, (Some(1000), false)),
            ForgeKind::Gitlab => assert_eq!(told, (None, false)),
        }
        let beta = look(&forges, &source, Channel::Beta, &RemoteRelease::default()).await;
        assert_eq!((tag(&beta), &beta.error), (Some("v1.3.0-beta.1"), &None), "{kind:?}");
        assert!(beta.release.unwrap().prerelease, "{kind:?}");
    }
}

#[tokio::test]
async fn what_did_not_change_costs_a_304_also_after_a_restart() {
    let host = host();
    let source = source(&host, ForgeKind::Github);
    for channel in [Channel::Stable, Channel::Beta] {
        let first = look(&Forges::new(options()), &source, channel, &RemoteRelease::default()).await;
        let kept: RemoteRelease = serde_json::from_str(&serde_json::to_string(&first).unwrap()).unwrap();
        assert_eq!(kept.rate, None);
        host.forget();
        let again = Forges::new(options()).newest(&source, channel, Some("v1.0.0"), &kept, NOW + 9).await;
        assert_eq!(statuses(&host), [304]);
        assert_eq!((&again.release, &again.etags), (&first.release, &first.etags));
        assert_eq!((again.last_good, again.error), (Some(NOW + 9), None));
        assert_eq!(again.rate.map(|rate| (rate.limit, rate.at)), Some((5000, (NOW + 9) as f64)));
        // A tag that was sent for nothing else: a release that is not known is asked for without one.
        host.forget();
        let lost = RemoteRelease { release: None, ..kept };
        assert!(look(&Forges::new(options()), &source, channel, &lost).await.release.is_some());
        assert_eq!(statuses(&host), [200]);
    }
    host.publish("lab", "Web", Published::new("v1.2.1"));
    let first = RemoteRelease {
        etags: [(format!("{}/repos/lab/Web/releases/latest", source.api), "\"x\"".to_owned())].into(),
        ..RemoteRelease::default()
    };
    let first = RemoteRelease { release: Some(release("v1.2.0")), ..first };
    let seen = look(&Forges::new(options()), &source, Channel::Stable, &first).await;
    assert_eq!(tag(&seen), Some("v1.2.1"));
}

fn release(tag: &str) -> Release {
    Release {
        tag: tag.to_owned(),
        name: None,
        prerelease: false,
        published_at: None,
        notes: String::new(),
        page: None,
        assets: Vec::new(),
    }
}

#[tokio::test]
async fn a_latest_that_is_older_than_the_installed_is_passed_over() {
    let host = host();
    // By date the latest, by version not.
    host.publish("lab", "Web", Published::new("v1.1.1"));
    let (forges, source) = (Forges::new(options()), source(&host, ForgeKind::Github));
    let ask = async |installed: &str, before: &RemoteRelease| {
        host.forget();
        forges.newest(&source, Channel::Stable, Some(installed), before, NOW).await
    };
    let low = ask("v1.1.0", &RemoteRelease::default()).await;
    assert_eq!((tag(&low), statuses(&host)), (Some("v1.1.1"), vec![200]));
    // The entity tag of the latest is still good, the list was never asked.
    let high = ask("v1.2.0", &low).await;
    assert_eq!((tag(&high), statuses(&host)), (Some("v1.2.0"), vec![304, 200]));
    let again = ask("v1.2.0", &high).await;
    assert_eq!((tag(&again), statuses(&host)), (Some("v1.2.0"), vec![304, 304]));
    assert_eq!(again.etags, high.etags);
    // Back again: what the latest is has been forgotten since, and is asked for.
    let low = ask("v1.1.0", &again).await;
    assert_eq!((tag(&low), statuses(&host)), (Some("v1.1.1"), vec![200]));
    // What is no version is not compared.
    let unknown = forges.newest(&source, Channel::Stable, Some("master"), &low, NOW).await;
    assert_eq!(tag(&unknown), Some("v1.1.1"));
    let unknown = forges.newest(&source, Channel::Stable, None, &low, NOW).await;
    assert_eq!(tag(&unknown), Some("v1.1.1"));
}

#[tokio::test]
async fn a_pre_release_that_gitlab_calls_the_latest_is_none_for_stable() {
    let (host, forges) = (host(), Forges::new(options()));
    let source = source(&host, ForgeKind::Gitlab);
    let first = look(&forges, &source, Channel::Stable, &RemoteRelease::default()).await;
    assert_eq!(tag(&first), Some("v1.2.0"));
    let asked: Vec<String> = host.requests().into_iter().map(|asked| asked.path).collect();
    assert!(asked.iter().any(|path| path.contains("per_page=30")), "{asked:?}");
}

#[tokio::test]
async fn another_channel_or_project_is_another_question() {
    let (host, forges) = (host(), Forges::new(options()));
    let source = source(&host, ForgeKind::Github);
    let beta = look(&forges, &source, Channel::Beta, &RemoteRelease::default()).await;
    let stable = look(&forges, &source, Channel::Stable, &beta).await;
    assert_eq!(tag(&stable), Some("v1.2.0"));
    // Also when the other cannot be asked.
    host.fault(Fault::status(500));
    let failed = look(&forges, &source, Channel::Stable, &beta).await;
    assert_eq!((tag(&failed), failed.last_good), (None, None));
    let other = Source { repo: "Other".to_owned(), ..source.clone() };
    assert_eq!(tag(&look(&forges, &other, Channel::Beta, &beta).await), None);
    // The same question keeps what was known.
    let failed = look(&forges, &source, Channel::Beta, &beta).await;
    assert_eq!((tag(&failed), failed.last_good, &failed.etags), (Some("v1.3.0-beta.1"), Some(NOW), &beta.etags));
    assert!(failed.error.unwrap().contains("the release server has a fault of its own (status 500)"));
}

#[tokio::test]
async fn github_s_limit_is_shown_and_kept_to() {
    let (host, forges) = (host(), Forges::new(options()));
    let source = source(&host, ForgeKind::Github);
    host.rate_limit(60, 1, NOW as u64 + 600);
    let good = look(&forges, &source, Channel::Stable, &RemoteRelease::default()).await;
    let rate = good.rate.unwrap();
    assert_eq!((rate.limit, rate.remaining, rate.reset, rate.at), (60, 0, NOW as f64 + 600.0, NOW as f64));
    let limited = look(&forges, &source, Channel::Beta, &RemoteRelease::default()).await;
    assert_eq!((limited.not_before, tag(&limited)), (Some(NOW + 600), None));
    let limited = look(&forges, &source, Channel::Stable, &RemoteRelease { etags: [].into(), ..good.clone() }).await;
    let error = limited.error.clone().unwrap();
    let url = format!("{}/repos/lab/Web/releases/latest", source.api);
    assert!(error.starts_with(&format!("GitHub Rate Limit Reached\nRequest: {url}\nLimit Reset Time: ")), "{error}");
    assert_eq!(error.lines().last().unwrap().len(), "Limit Reset Time: Fri Nov 27 11:08:09 2026".len(), "{error}");
    assert_eq!((limited.not_before, tag(&limited)), (Some(NOW + 600), Some("v1.2.0")));
    assert_eq!(limited.last_good, good.last_good);
    // Nothing is asked while it lasts, and the error stays.
    host.rate_limit(60, 60, NOW as u64 + 4000);
    host.forget();
    let waiting = forges.newest(&source, Channel::Stable, None, &limited, NOW + 599).await;
    assert_eq!(waiting, limited);
    let silent = RemoteRelease { error: None, ..limited.clone() };
    let waiting = forges.newest(&source, Channel::Stable, None, &silent, NOW + 1).await;
    assert_eq!(waiting.error, limited.error);
    // Nor is anything else of the same forge.
    let other = Source { repo: "another".to_owned(), ..source.clone() };
    let unknown = look(&forges, &other, Channel::Stable, &RemoteRelease::default()).await;
    assert!(unknown.error.is_some_and(|error| error.contains("/repos/lab/another/releases/latest")));
    assert_eq!(unknown.not_before, Some(NOW + 600));
    assert_eq!(host.requests(), []);
    let after = forges.newest(&source, Channel::Stable, None, &limited, NOW + 600).await;
    assert_eq!((after.error, after.not_before, after.last_good), (None, None, Some(NOW + 600)));
    // The other limit: too much at once.
    host.fault(Fault::secondary_limit(Some(30)));
    let slower = forges.newest(&source, Channel::Stable, None, &good, NOW + 600).await;
    assert_eq!(slower.not_before, Some(NOW + 630));
    let tagged = forges.tagged(&source, "v1.2.0").await.unwrap_err();
    assert!(
        matches!(&tagged, ForgeError::Limited { words, .. } if words.contains("/releases/tags/v1.2.0")),
        "{tagged}"
    );
}

#[tokio::test]
async fn each_forge_is_shown_the_token_of_its_host_and_nobody_else() {
    let host = host();
    let limit = Limit { limit: 5000, remaining: 5000, reset_at: NOW as u64 + 60 };
    host.token(SECRET, limit);
    for (kind, header, text) in [
        (ForgeKind::Github, "authorization", format!("Bearer {SECRET}")),
        (ForgeKind::Forgejo, "authorization", format!("token {SECRET}")),
        (ForgeKind::Gitlab, "private-token", SECRET.to_owned()),
    ] {
        let source = source(&host, kind);
        let mine = (source.host.to_uppercase(), Token::new(SECRET).unwrap());
        let forges = Forges::new(ForgeOptions { tokens: vec![mine], ..options() });
        host.forget();
        let seen = look(&forges, &source, Channel::Stable, &RemoteRelease::default()).await;
        assert_eq!(seen.error, None);
        let asked = &host.requests()[0];
        assert_eq!(asked.header(header), Some(text.as_str()), "{kind:?}");
        assert_eq!(asked.header("user-agent"), Some("refit/test"));
        if kind == ForgeKind::Github {
            assert_eq!(asked.header("accept"), Some("application/vnd.github+json"));
            assert_eq!(asked.header("x-github-api-version"), Some("2022-11-28"));
        }
        // A redirect to another host, here another port, goes without; back at home it is there again.
        let elsewhere = format!("{}/elsewhere", host.asset_host());
        host.fault(Fault::redirect(&elsewhere).on("releases"));
        host.forget();
        let seen = look(&forges, &source, Channel::Beta, &RemoteRelease::default()).await;
        host.heal();
        let asked = host.requests();
        assert_eq!((asked.len(), asked[1].path.as_str()), (2, "/elsewhere"));
        assert!(asked[0].header(header).is_some() && asked[1].header(header).is_none(), "{asked:?}");
        assert!(!asked[1].headers.iter().any(|(_, value)| value.contains(SECRET)), "{asked:?}");
        // Another's token is not shown at all.
        let other = Forges::new(ForgeOptions {
            tokens: vec![("other.host".to_owned(), Token::new(SECRET).unwrap())],
            ..options()
        });
        host.forget();
        assert_eq!(look(&other, &source, Channel::Stable, &RemoteRelease::default()).await.error, None);
        assert!(!host.requests().iter().any(|asked| format!("{asked:?}").contains(SECRET)));
        let told = format!("{seen:?} {forges:?} {} ", seen.error.clone().unwrap());
        assert!(!told.contains(SECRET), "{told}");
    }
}

#[tokio::test]
async fn a_refused_token_is_said_and_not_shown() {
    let host = host();
    for kind in KINDS {
        let source = source(&host, kind);
        let mine = (source.host.clone(), Token::new(SECRET).unwrap());
        let forges = Forges::new(ForgeOptions { tokens: vec![mine], ..options() });
        host.fault(Fault::status(401));
        let seen = look(&forges, &source, Channel::Stable, &RemoteRelease::default()).await;
        let error = seen.error.unwrap();
        assert!(error.contains(&format!("the token for {} was not accepted; renew it", source.host)), "{error}");
        let tagged = forges.tagged(&source, "v1").await.unwrap_err();
        assert!(!format!("{error}{tagged:?}{tagged}{forges:?}").contains(SECRET));
    }
    assert!(
        look(&Forges::new(options()), &source(&host, ForgeKind::Github), Channel::Beta, &RemoteRelease::default())
            .await
            .error
            .unwrap()
            .contains("a token is asked for; give one for github.com")
    );
}

#[tokio::test]
async fn what_goes_wrong_is_said_in_words() {
    let (host, forges) = (host(), Forges::new(ForgeOptions { patience: Duration::from_millis(300), ..options() }));
    let source = source(&host, ForgeKind::Github);
    let error = async |fault: Fault| {
        host.heal();
        host.fault(fault);
        let seen = look(&forges, &source, Channel::Stable, &RemoteRelease::default()).await;
        host.release();
        assert_eq!((tag(&seen), seen.last_good), (None, None));
        seen.error.unwrap()
    };
    for (fault, words) in [
        (Fault::status(404), "lab/Web has no release, or there is no such project; is the option repo right?"),
        (Fault::status(403), "this is forbidden; a private project needs a token"),
        (Fault::status(503), "has a fault of its own (status 503); try again"),
        (Fault::status(418), "status 418"),
        (Fault::status(304), "status 304"),
        (Fault::NotJson, "the answer of the release server is not understood"),
        (Fault::Status(200, Vec::new(), "{\"draft\":true,\"tag_name\":\"v1\"}".to_owned()), "has no release"),
        (Fault::Status(200, Vec::new(), "7".to_owned()), "is not understood"),
        (Fault::Endless, "it is longer than 8388608 bytes"),
        (Fault::CutAfter(20), "127.0.0.1: the connection was cut"),
        (Fault::ResetAfter(20), "127.0.0.1: the connection was cut"),
        (Fault::Reset, "127.0.0.1: the connection was cut"),
        (Fault::StallAfter(0), "127.0.0.1: the remote stopped answering"),
        (Fault::StallAfter(20), "127.0.0.1: the remote stopped answering"),
        (Fault::Status(302, Vec::new(), String::new()), "status 302"),
        (Fault::redirect("https://[bad"), "redirects to an address that is none"),
        (
            Fault::redirect("file:///etc/passwd"),
            "127.0.0.1: a redirect is not followed, because its address is not encrypted",
        ),
        (
            Fault::redirect("http://user:tok_do_not_tell@h/"),
            "a redirect to h is not followed, because its address holds a user",
        ),
    ] {
        let label = format!("{fault:?}");
        let told = error(fault).await;
        assert!(told.contains(words), "{label}: {told}");
        assert!(!told.contains(SECRET) && !told.contains("?per_page"), "{label}: {told}");
    }
    let looping = error(Fault::redirect(&format!("{}/releases/again", source.api))).await;
    assert!(looping.contains("more than 5 redirects in a row"), "{looping}");
    host.forget();
    error(Fault::redirect(&format!("{}/releases/again", source.api))).await;
    assert_eq!(host.requests().len(), 6);
    let nobody = Unreachable::new();
    let gone = Source { api: nobody.url("api"), ..source.clone() };
    let seen = look(&forges, &gone, Channel::Stable, &RemoteRelease::default()).await;
    assert!(seen.error.unwrap().starts_with("127.0.0.1: the host refused the connection"));
}

#[tokio::test]
async fn a_drip_that_never_ends_is_not_waited_for() {
    let host = host();
    host.publish("lab", "Web", Published::new("v1.4.0").notes(&"long ".repeat(100_000)));
    host.fault(Fault::SlowPerChunk(Duration::from_millis(100)));
    let forges = Forges::new(ForgeOptions { patience: Duration::from_millis(200), ..options() });
    let seen = look(&forges, &source(&host, ForgeKind::Github), Channel::Stable, &RemoteRelease::default()).await;
    let error = seen.error.unwrap();
    assert!(error.contains("the answer took too long"), "{error}");
}

#[tokio::test]
async fn a_project_that_moved_is_found() {
    let (host, forges) = (host(), Forges::new(options()));
    host.rename(("lab", "Web"), ("house", "Site"));
    let seen = look(&forges, &source(&host, ForgeKind::Github), Channel::Stable, &RemoteRelease::default()).await;
    assert_eq!((tag(&seen), seen.error.as_deref()), (Some("v1.2.0"), None));
}

#[tokio::test]
async fn a_release_is_had_by_its_tag() {
    let (host, forges) = (host(), Forges::new(options()));
    for kind in KINDS {
        let source = source(&host, kind);
        assert_eq!(forges.tagged(&source, "v1.1.0").await.unwrap().tag, "v1.1.0", "{kind:?}");
        // An installed release_info.json may leave the v out.
        assert_eq!(forges.tagged(&source, "1.1.0").await.unwrap().tag, "v1.1.0", "{kind:?}");
        let gone = forges.tagged(&source, "v9").await.unwrap_err();
        assert!(matches!(&gone, ForgeError::Missing(words) if words.contains("lab/Web has no release v9")), "{gone:?}");
        assert!(matches!(forges.tagged(&source, "..").await, Err(ForgeError::Refused(_))));
    }
    let source = source(&host, ForgeKind::Github);
    host.forget();
    assert!(forges.tagged(&source, "a/../b").await.is_err());
    assert!(host.requests()[0].path.ends_with("/releases/tags/a%2F..%2Fb"), "{:?}", host.requests());
    host.fault(Fault::Status(200, Vec::new(), "{\"tag_name\":\"v3\"}".to_owned()));
    assert!(matches!(forges.tagged(&source, "v1").await, Err(ForgeError::NotUnderstood { .. })));
}

#[tokio::test]
async fn the_client_is_shared_between_projects() {
    let (host, forges) = (host(), Forges::new(options()));
    let source = source(&host, ForgeKind::Github);
    for _ in 0..3 {
        assert_eq!(look(&forges, &source, Channel::Stable, &RemoteRelease::default()).await.error, None);
    }
    let first: *const Client = forges.client.get().unwrap().as_ref().unwrap();
    assert_eq!(look(&forges, &source, Channel::Stable, &RemoteRelease::default()).await.error, None);
    assert_eq!(first, std::ptr::from_ref(forges.client.get().unwrap().as_ref().unwrap()));
}
