use std::ffi::OsString;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use refit_testkit::git::Commit;
use refit_testkit::git_http::{Ask, Fault, Lie};

use super::super::hand::Hand;
use super::super::write_tests::{Lab, branch};
use super::super::{Git, GitVersion};
use super::*;

async fn check(lab: &Lab, remotes: &Remotes) -> Result<Seen, StepError> {
    let url = lab.server.url(&lab.remote.route());
    remotes.check(&lab.hand(), "origin", &url, &branch("master")).await
}

fn remotes() -> Remotes {
    // Long enough for a busy machine that runs every test at once.
    Remotes::with_patience(GitVersion(2, 47), 2, Duration::from_secs(2))
}

#[tokio::test]
async fn a_branch_a_tag_or_a_deletion_is_fetched_and_nothing_else() {
    let lab = Lab::new().await;
    let remotes = remotes();
    assert_eq!(check(&lab, &remotes).await, Ok(Seen::Fetched));
    assert_eq!(lab.work.rev("refs/remotes/origin/master"), lab.b.as_str());
    lab.remote.tag_at("late", lab.a.as_str());
    assert_eq!(check(&lab, &remotes).await, Ok(Seen::Fetched));
    assert_eq!(lab.work.rev("late"), lab.a.as_str());
    lab.remote.git(&["branch", "other", "master"]);
    lab.remote.annotate("v2", "annotated");
    assert_eq!(check(&lab, &remotes).await, Ok(Seen::Fetched));
    lab.work.git(&["pack-refs", "--all"]);
    lab.server.forget();
    assert_eq!(check(&lab, &remotes).await, Ok(Seen::Same));
    assert_eq!(lab.server.asked().len(), 1, "packed references are known too");
    lab.remote.set_head("other");
    lab.remote.delete_branch("master");
    assert_eq!(check(&lab, &remotes).await, Ok(Seen::Fetched));
    assert!(!lab.work.try_git(&["rev-parse", "--verify", "--quiet", "refs/remotes/origin/master"]).ok());
}

#[tokio::test]
async fn tags_of_the_owner_stay_and_tags_come_as_the_owner_set_it() {
    let lab = Lab::new().await;
    let remotes = remotes();
    let tag = |name: &str| lab.work.try_git(&["rev-parse", "--verify", "--quiet", name]).stdout.trim().to_owned();
    check(&lab, &remotes).await.unwrap();
    // Moved there, or made here under a name that comes up there: not ours to move.
    lab.work.git(&["tag", "mine", lab.a.as_str()]);
    lab.remote.git(&["tag", "--force", "v1.0.0", lab.b.as_str()]);
    lab.remote.tag_at("mine", lab.b.as_str());
    assert_eq!(check(&lab, &remotes).await, Ok(Seen::Same));
    for (option, is_new) in [(None, true), (Some("--no-tags"), false), (Some("--tags"), true)] {
        if let Some(option) = option {
            lab.work.git(&["config", "remote.origin.tagOpt", option]);
        }
        let name = format!("new{}", option.unwrap_or_default());
        lab.remote.tag_at(&name, lab.a.as_str());
        let wanted = if is_new { Seen::Fetched } else { Seen::Same };
        assert_eq!(check(&lab, &remotes).await, Ok(wanted), "{option:?}");
        assert_eq!(!tag(&name).is_empty(), is_new, "{option:?}");
    }
    // Of a branch that is not followed: git leaves it there, and that is no reason to fetch at every look.
    lab.work.git(&["config", "--unset", "remote.origin.tagOpt"]);
    lab.work.git(&["fetch", "--quiet"]);
    lab.remote.push("side", &Commit::new("Side").file("side", "x\n"));
    lab.remote.git(&["tag", "of-side", "side"]);
    lab.remote.git(&["tag", "-a", "-m", "x", "also-of-side", "side"]);
    assert_eq!(check(&lab, &remotes).await, Ok(Seen::Same));
    assert_eq!((tag("v1.0.0").as_str(), tag("mine").as_str()), (lab.a.as_str(), lab.a.as_str()));
}

#[tokio::test]
async fn a_stall_is_cut_off_and_a_slow_answer_is_not() {
    let lab = Lab::new().await;
    let route = lab.remote.route();
    for after in [0, 20] {
        lab.server.set_fault(&route, Fault::Stall { after });
        let begun = Instant::now();
        let stalled = check(&lab, &remotes()).await.unwrap_err();
        assert!(stalled.message.contains("the remote stopped answering"), "{stalled}");
        assert!(begun.elapsed() < Duration::from_secs(30));
        lab.server.release();
    }
    check(&lab, &remotes()).await.unwrap_err();
    lab.server.heal(&route);
    lab.server.add_fault(&route, Ask::LsRefs, Fault::SlowDrip { bytes_per_second: 100 });
    assert_eq!(check(&lab, &remotes()).await, Ok(Seen::Fetched));
}

#[tokio::test]
async fn an_answer_without_end_is_not_listened_to_for_ever() {
    let lab = Lab::new().await;
    lab.server.add_fault(&lab.remote.route(), Ask::LsRefs, Fault::Lie(Lie::Endless));
    let endless = check(&lab, &remotes()).await.unwrap_err();
    assert!(endless.message.contains("the answer does not end"), "{endless}");
}

#[tokio::test]
async fn one_host_is_asked_by_a_few_at_a_time() {
    let remotes = Arc::new(remotes());
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut tasks = Vec::new();
    for host in ["one.example", "two.example"] {
        for n in 0..6 {
            let (remotes, now, most) = (Arc::clone(&remotes), Arc::clone(&now), Arc::clone(&most));
            tasks.push(tokio::spawn(async move {
                let _turn = remotes.turn(&format!("https://{host}/{n}.git")).await;
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                }
                now.fetch_sub(1, Ordering::SeqCst);
            }));
        }
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(most.load(Ordering::SeqCst), 4, "two of each host");
}

#[tokio::test]
async fn what_only_git_honours_is_left_to_git() {
    let lab = Lab::new().await;
    assert!(!needs_git(&lab.hand()));
    let home = lab.git.surroundings().home.clone();
    for (text, needs) in [
        ("[user]\n\tname = x\n", false),
        ("[http]\n\tproxy = http://p:1\n", true),
        ("[url \"https://mirror/\"]\n\tinsteadOf = https://x/\n", true),
        ("[include]\n\tpath = more\n", true),
        ("\0\0", true),
    ] {
        fs::write(home.join(".gitconfig"), text).unwrap();
        assert_eq!(needs_git(&lab.hand()), needs, "{text:?}");
    }
    fs::remove_file(home.join(".gitconfig")).unwrap();
    lab.work.git(&["config", "http.proxy", "http://p:1"]);
    assert!(needs_git(&lab.hand()));
    lab.work.git(&["config", "--unset", "http.proxy"]);
    for (name, needs) in [("no_proxy", false), ("https_proxy", true), ("ALL_PROXY", true)] {
        let mut surroundings = lab.git.surroundings().clone();
        surroundings.passed_on = vec![(OsString::from(name), OsString::from("x"))];
        let git = Git::find(surroundings).await.unwrap();
        let hand = Hand::open(&git, &lab.repo(), lab.tell(), lab.hand().faults);
        assert_eq!(needs_git(&hand), needs, "{name}");
    }
}

#[test]
fn urls_are_told_apart() {
    for (url, host) in [
        ("https://a.example/x.git", "a.example"),
        ("pi@b.example:x.git", "b.example"),
        ("ssh://pi@c.example/x.git", "c.example"),
        ("/srv/x.git", "/srv/x.git"),
    ] {
        assert_eq!(host_of(url), host);
    }
    for (url, plain) in [
        ("https://a/x.git", true),
        ("http://a/x", true),
        ("https://user@a/x", false),
        ("https://a/x?y", false),
        ("ssh://a/x", false),
        ("a:x", false),
    ] {
        assert_eq!(http_url(url).is_some(), plain, "{url}");
    }
    assert!(same_repository("https://A/x.git", "https://a/x/"));
    assert!(!same_repository("https://a/x", "https://a/y"));
}
