//! Refreshes of a real repository: what is asked, what is fetched, and what stays known when the remote fails.

use refit_engine::ports::{Clock as _, Look};
use refit_model::name::BranchName;
use refit_model::plan::Action;
use refit_model::settings::Channel;
use refit_model::step::RepoRef;
use refit_model::updater::git::{Damage, GitFacts};
use refit_testkit::git_http::{Ask, Fault, Lie};

use super::tests::Lab;
use crate::clock::WallClock;
use crate::git::facts;
use crate::git::remote::Seen;

#[tokio::test]
async fn a_refresh_asks_once_when_nothing_moved_and_fetches_when_something_did() {
    let lab = Lab::new().await;
    let first = lab.refreshed().await;
    assert_eq!(first.remote.error, None);
    lab.server.forget();
    let again = lab.look(&first, Look::Remote).await;
    let asked: Vec<Ask> = lab.server.asked().iter().map(|asked| asked.ask).collect();
    assert_eq!(asked, [Ask::LsRefs], "one request when nothing moved");
    assert_eq!(lab.server.connections(), 0, "over the connection that is kept alive");
    let new = lab.second();
    let moved = lab.look(&again, Look::Remote).await;
    assert_eq!(moved.remote.offered.map(String::from), Some(new));
    assert_eq!(moved.remote.behind_count, 1);
}

/// After a fetch only what it changed is looked at again, and the whole look would say the same.
#[tokio::test]
async fn what_is_seen_after_a_fetch_is_what_a_whole_look_sees() {
    let pin = |lab: &Lab| Some(lab.remote.rev("master"));
    for (what, channel, pinned) in [
        ("dev", Channel::Dev, false),
        ("beta", Channel::Beta, false),
        ("stable", Channel::Stable, false),
        ("pinned", Channel::Dev, true),
        ("diverged", Channel::Dev, false),
        ("modified", Channel::Dev, false),
    ] {
        let mut lab = Lab::new().await;
        lab.spec.common.channel = channel;
        lab.spec.pinned_commit = pin(&lab).filter(|_| pinned);
        if what == "diverged" {
            lab.work.commit(&[("own", "x\n")], "Mine");
        }
        if what == "modified" {
            lab.work.write("a.py", "mine\n");
        }
        let before = lab.refreshed().await;
        lab.second();
        lab.remote.history(40, "More");
        lab.remote.tag("v1.2.0b1");
        let after = lab.look(&before, Look::Remote).await;
        assert_ne!(after.remote.upstream, before.remote.upstream, "{what}");
        let again = facts::look_again(&lab.host.git, &lab.spec, &after, 0.0).await;
        let whole = lab.look(&after, Look::Local).await;
        let plain = |facts: GitFacts| GitFacts { fingerprint: None, ..facts };
        assert_eq!(plain(after), plain(whole.clone()), "{what}");
        assert_eq!(again.map(plain), Some(plain(whole)), "{what}: it can be told without a whole look");
    }
}

/// What a fetch changes and the rest are told apart, so that a fetch leaves a fingerprint that holds.
#[tokio::test]
async fn after_a_fetch_nothing_is_asked_until_something_changes() {
    let lab = Lab::new().await;
    let later = |seconds: f64| WallClock.now() + seconds;
    let digest = |facts: &GitFacts| facts.fingerprint.clone().map(|known| known["digest"].clone()).unwrap_or_default();
    let clone = lab.refreshed().await;
    assert!(digest(&clone).is_null(), "a clone of this moment is too young");
    let settled = facts::look(&lab.host.git, &lab.spec, &clone, later(10.0)).await;
    assert!(digest(&settled).is_object());
    lab.second();
    let url = lab.server.url(&lab.remote.route());
    let hand =
        lab.host.hand(&RepoRef { updater: lab.spec.common.name.clone(), path: lab.spec.path.clone() }, &lab.tell());
    let branch = BranchName::new("master").unwrap();
    assert_eq!(lab.host.remotes.check(&hand, "origin", &url, &branch).await, Ok(Seen::Fetched));
    // The files were made just now, what was fetched still later.
    let fetched = facts::look_again(&lab.host.git, &lab.spec, &settled, later(10.0)).await.unwrap();
    assert!(digest(&fetched).is_object() && digest(&fetched)["rest"] == digest(&settled)["rest"]);
    assert_ne!(digest(&fetched)["fetched"], digest(&settled)["fetched"]);
    let again = lab.look(&fetched, Look::Local).await;
    assert_eq!(again.fingerprint, fetched.fingerprint, "young as it is, nothing changed");
    lab.work.git(&["update-ref", "refs/remotes/origin/master", "HEAD"]);
    assert_eq!(lab.look(&fetched, Look::Local).await.remote.behind_count, 0, "a ref moved at once is seen");
    lab.work.write("a.py", "mine\n");
    assert!(lab.look(&fetched, Look::Local).await.local.dirty, "and so is a file");
    let meanwhile = facts::look_again(&lab.host.git, &lab.spec, &settled, later(10.0)).await;
    assert!(meanwhile.is_none(), "a file that was changed while the remote was asked takes a whole look");
}

#[tokio::test]
async fn where_something_is_wrong_a_whole_look_is_taken_after_a_fetch() {
    let lab = Lab::new().await;
    let good = lab.refreshed().await;
    let whole = async |facts: &GitFacts| facts::look_again(&lab.host.git, &lab.spec, facts, 0.0).await.is_none();
    assert!(!whole(&good).await);
    let mut wrong = good.clone();
    wrong.git_messages = vec!["error: something".to_owned()];
    assert!(whole(&wrong).await, "git complained");
    wrong = good.clone();
    wrong.local.damage = vec![Damage::BrokenIndex];
    assert!(whole(&wrong).await, "damage");
    wrong = good.clone();
    wrong.local.detached = true;
    assert!(whole(&wrong).await, "a detached HEAD is named after what was fetched");
    lab.work.commit(&[("a.py", "mine\n")], "Meanwhile");
    assert!(whole(&good).await, "HEAD moved");
}

#[tokio::test]
async fn a_remote_that_fails_leaves_what_was_known_and_says_why() {
    let refuse = |status| Fault::Refuse(status);
    let faults = [
        ("forbids", refuse(403), "the remote forbids it"),
        ("gone", refuse(404), "there is no repository at this URL"),
        ("broken", refuse(500), "a fault of its own"),
        (
            "password",
            Fault::RequireBasicAuth { user: "u".to_owned(), password: "p".to_owned() },
            "a user and a password",
        ),
        ("reset", Fault::Reset { after: 0 }, "the connection was cut"),
        ("reset later", Fault::Reset { after: 10 }, "the connection was cut"),
        ("garbage", Fault::Lie(Lie::Garbage), ""),
        ("bad packets", Fault::Lie(Lie::BadPktLines), ""),
        ("unknown ids", Fault::Lie(Lie::UnknownSha), ""),
    ];
    for (name, fault, words) in faults {
        let lab = Lab::new().await;
        let new = lab.second();
        let good = lab.refreshed().await;
        let before = lab.state();
        lab.server.set_fault(&lab.remote.route(), fault);
        let bad = lab.look(&good, Look::Remote).await;
        let error = bad.remote.error.clone().unwrap_or_default();
        assert!(!error.is_empty() && error.contains(words), "{name}: {error}");
        assert_eq!(bad.git_messages.first(), Some(&error), "{name}");
        assert_eq!(bad.remote.offered.clone().map(String::from), Some(new), "{name}: the last good facts stay");
        assert_eq!((bad.remote.last_good, bad.local.damage.len()), (good.remote.last_good, 0), "{name}");
        let plan = lab.planned(&bad, Action::Upgrade).await;
        assert!(lab.perform(&plan, 1).await.is_err(), "{name}: an upgrade fails with the network's error");
        lab.undo(&plan, &[]).await;
        assert_eq!(lab.state(), before, "{name}: and changes nothing");
        lab.server.heal(&lab.remote.route());
        lab.perform(&plan, 1).await.unwrap();
    }
}

#[tokio::test]
async fn a_host_that_is_not_there_is_told_in_words() {
    let lab = Lab::new().await;
    for (url, words) in [
        ("http://127.0.0.1:1/lab/app.git", "refused the connection"),
        ("http://no-such-host.invalid/lab/app.git", "could not be found"),
        ("file:///nowhere/app.git", ""),
    ] {
        lab.work.git(&["remote", "set-url", "origin", url]);
        let facts = lab.refreshed().await;
        let error = facts.remote.error.unwrap_or_default();
        assert!(!error.is_empty() && error.contains(words), "{url}: {error}");
        assert!(facts.local.damage.is_empty() && !facts.local.corrupt);
    }
}

#[tokio::test]
async fn what_the_shared_client_may_not_do_is_done_by_git() {
    let mut lab = Lab::new().await;
    let elsewhere = format!("http://127.0.0.1:{}/moved/app.git", lab.server.port());
    lab.server.set_fault("moved/app.git", Fault::Redirect(lab.spec.origin.clone()));
    lab.work.git(&["remote", "set-url", "origin", &elsewhere]);
    let new = lab.second();
    lab.spec.origin = "https://example.org/other.git".to_owned();
    let facts = lab.refreshed().await;
    assert_eq!(facts.remote.error, None, "a redirect is followed by git");
    assert_eq!(facts.remote.offered.map(String::from), Some(new));
    assert_eq!(lab.work.git(&["remote", "get-url", "origin"]), elsewhere, "and the remote stays what it was");
}

#[tokio::test]
async fn a_moved_remote_is_followed_when_it_leads_to_the_configured_origin() {
    let lab = Lab::new().await;
    let elsewhere = format!("http://127.0.0.1:{}/moved/app.git", lab.server.port());
    lab.server.set_fault("moved/app.git", Fault::Redirect(lab.spec.origin.clone()));
    lab.work.git(&["remote", "set-url", "origin", &elsewhere]);
    let facts = lab.refreshed().await;
    assert_eq!(lab.work.git(&["remote", "get-url", "origin"]), lab.spec.origin);
    assert_eq!(facts.local.remote_url.as_deref(), Some(lab.spec.origin.as_str()));
}
