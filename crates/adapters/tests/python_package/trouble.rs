//! Indexes that cannot be asked, want a login, or lie.

use std::fs;
use std::time::Duration;

use refit_model::settings::Channel;
use refit_testkit::index::{Fault, PackageIndex};
use refit_testkit::wheels::Wheel;

use crate::lab::{Lab, NOW, offered};

const STABLE: Channel = Channel::Stable;

#[tokio::test]
async fn what_was_offered_stays_when_nobody_can_be_asked() {
    let lab = Lab::new().impatient(Duration::from_secs(1));
    lab.install("tool", "1.0.0");
    lab.index.publish(Wheel::new("tool", "1.1.0").build());
    let good = lab.refresh("tool", STABLE).await;
    let faults = [
        (Fault::status(500), "127.0.0.1: the package index has a fault of its own (status 500); try again in a while"),
        (Fault::unavailable(30), "127.0.0.1: the package index has a fault of its own (status 503)"),
        (Fault::StallAfter(0), "127.0.0.1: the remote stopped answering"),
        (Fault::StallAfter(30), "127.0.0.1: the remote stopped answering"),
        (
            Fault::NotJson,
            "127.0.0.1: the answer of the package index is not understood: it lists no packages; is there",
        ),
        (Fault::Truncated(40), "127.0.0.1: the answer of the package index is not understood: it is not the JSON that"),
        (Fault::CutAfter(40), "127.0.0.1: the connection was cut"),
        (Fault::Reset, "127.0.0.1: the connection was cut"),
        (Fault::status(404), "127.0.0.1: no project is called tool there; is the option project_name right?"),
        (Fault::status(401), "127.0.0.1: the package index asks for a user and a password; write them into ~/.netrc"),
        (Fault::status(403), "127.0.0.1: the package index forbids it"),
        (Fault::status(418), "127.0.0.1: an answer of the package index that is not understood (status 418)"),
        (Fault::redirect("/simple/tool/"), "127.0.0.1: more than 5 redirects in a row; the server is set up wrong"),
        (
            Fault::redirect("ftp://x/"),
            "127.0.0.1: a redirect to x is not followed, because it is not encrypted (https)",
        ),
    ];
    for (fault, words) in faults {
        let is_known = fault != Fault::status(404);
        // Unconditionally, so that every fault has an answer to spoil.
        let mut before = good.clone();
        before.remote.judged_for.clear();
        lab.index.fault(fault.clone());
        let failed = lab.again("tool", STABLE, &before).await;
        lab.index.heal();
        lab.index.release();
        let told = failed.remote.error.clone().unwrap_or_default();
        assert!(told.starts_with(words), "{fault:?}: {told}");
        assert_eq!((offered(&failed), failed.last_refresh), (offered(&good), NOW + 86_400), "{fault:?}");
        assert_eq!(failed.remote.last_good, Some(if is_known { NOW } else { NOW + 86_400 }), "{fault:?}");
        let judged = lab.assess("tool", STABLE, &failed);
        assert_eq!((judged.is_valid, judged.update_available), (true, true));
        assert_eq!(judged.anomalies, [format!("Updates could not be looked for: {told}")]);
        let healed = lab.again("tool", STABLE, &failed).await;
        assert_eq!((healed.remote.error, healed.remote.last_good), (None, Some(NOW + 86_400)), "{fault:?}");
    }
    lab.index.down();
    let failed = lab.again("tool", STABLE, &good).await;
    let told = failed.remote.error.unwrap();
    assert!(told.starts_with("127.0.0.1: the host refused the connection"), "{told}");
    assert_eq!(failed.remote.offer, good.remote.offer);
}

#[tokio::test]
async fn a_pause_is_kept_to() {
    let lab = Lab::new();
    lab.install("tool", "1.0.0");
    lab.index.publish(Wheel::new("tool", "1.1.0").build());
    let busy = Fault::Status(429, vec![("Retry-After".to_owned(), "100000".to_owned())], String::new());
    lab.index.fault(busy.on("/simple/").once());
    let paused = lab.refresh("tool", STABLE).await;
    assert_eq!(paused.remote.not_before, Some(NOW + 100_000));
    let spec = lab.spec("tool", STABLE);
    let early = lab.refresh_by(&spec, &paused, NOW + 50_000).await;
    assert_eq!((early.remote.error, lab.index.pages_of("tool").len()), (paused.remote.error.clone(), 1));
    let late = lab.refresh_by(&spec, &paused, NOW + 100_001).await;
    assert_eq!(offered(&late), "1.1.0 tool-1.1.0-py3-none-any.whl");
}

#[tokio::test]
async fn an_index_that_is_down_hides_nothing_newer_of_the_others() {
    let mut lab = Lab::new();
    let extra = PackageIndex::start();
    lab.set("PIP_EXTRA_INDEX_URL", &extra.url());
    lab.install("tool", "1.0.0");
    lab.index.publish(Wheel::new("tool", "1.1.0").build());
    extra.publish(Wheel::new("tool", "1.2.0").build());
    let good = lab.refresh("tool", STABLE).await;
    assert!(offered(&good).starts_with("1.2.0 "));
    extra.down();
    let failed = lab.again("tool", STABLE, &good).await;
    // What the other has is older than what is known.
    assert!(offered(&failed).starts_with("1.2.0 ") && failed.remote.error.is_some());
    lab.index.publish(Wheel::new("tool", "1.3.0").build());
    let failed = lab.again("tool", STABLE, &failed).await;
    assert!(offered(&failed).starts_with("1.3.0 "), "{:?}", failed.remote);
    assert!(failed.remote.error.unwrap().contains("refused the connection"));
}

#[tokio::test]
async fn logins_are_used_and_never_told() {
    let mut lab = Lab::new();
    lab.install("tool", "1.0.0");
    lab.index.publish(Wheel::new("tool", "1.1.0").build());
    lab.index.require_login("lab", "pass-word");
    let plain = lab.index.url();
    let netrc = lab.root.join("home/.netrc");
    let with = |login: &str| plain.replacen("://", &format!("://{login}@"), 1);
    for (url, file, is_fine) in [
        (with("lab:pass-word"), "", true),
        (plain.clone(), "machine 127.0.0.1 login lab password pass-word\n", true),
        (with("lab"), "machine 127.0.0.1 login lab password pass-word\n", true),
        (with("lab:wr0ng-word"), "", false),
        (plain.clone(), "machine 127.0.0.1 login lab password wr0ng-word\n", false),
        (plain.clone(), "", false),
    ] {
        fs::write(&netrc, file).unwrap();
        lab.set("PIP_INDEX_URL", &url);
        let facts = lab.refresh("tool", STABLE).await;
        let all = format!("{facts:?} {}", serde_json::to_string(&facts).unwrap());
        assert!(!all.contains("-word"), "{all}");
        let error = facts.remote.error.as_deref().unwrap_or_default();
        assert_eq!(offered(&facts).starts_with("1.1.0 "), is_fine, "{url} {file}: {error}");
        let asks = url == plain && file.is_empty();
        let words = if asks { "asks for a user and a password" } else { "the user or the password was not accepted" };
        assert!(is_fine || error.contains(words), "{error}");
    }
}

#[tokio::test]
async fn a_login_does_not_follow_to_another_host() {
    let mut lab = Lab::new();
    let other = PackageIndex::start();
    lab.install("tool", "1.0.0");
    other.publish(Wheel::new("tool", "1.1.0").build());
    lab.set("PIP_INDEX_URL", &lab.index.url().replacen("://", "://lab:secret@", 1));
    lab.index.fault(Fault::redirect(&other.page_url("tool")));
    let facts = lab.refresh("tool", STABLE).await;
    assert!(offered(&facts).starts_with("1.1.0 "), "{:?}", facts.remote);
    assert_eq!(lab.index.pages_of("tool")[0].header("authorization"), Some("Basic bGFiOnNlY3JldA=="));
    assert_eq!(other.pages_of("tool")[0].header("authorization"), None);
}

#[tokio::test]
async fn nobody_is_asked_without_encryption_whom_pip_would_not_ask() {
    let mut lab = Lab::new();
    lab.install("tool", "1.0.0");
    lab.set("PIP_INDEX_URL", "http://index.example/simple");
    let facts = lab.refresh("tool", STABLE).await;
    let told = facts.remote.error.unwrap();
    assert!(told.starts_with("index.example: is not asked, because its address is not encrypted (https)"), "{told}");
}

#[tokio::test]
async fn an_environment_without_a_python_that_starts_tells_so() {
    let lab = Lab::new();
    lab.install("tool", "1.0.0");
    fs::remove_file(lab.venv.bin("python")).unwrap();
    let facts = lab.refresh("tool", STABLE).await;
    let told = facts.remote.error.clone().unwrap();
    assert!(told.starts_with("its Python does not start: ") && told.ends_with("bin/python does not exist"), "{told}");
    let judged = lab.assess("tool", STABLE, &facts);
    assert_eq!((judged.version.as_str(), judged.remote_version.as_str(), judged.is_valid), ("1.0.0", "?", true));
}
