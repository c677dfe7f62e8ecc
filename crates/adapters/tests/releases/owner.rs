//! What is the owner's stays, or is kept aside first.

use std::fs;

use refit_model::plan::Action;
use refit_model::updater::release::ReleaseKind;
use refit_testkit::releases::Release;

use crate::lab::{Lab, zip};

#[tokio::test]
async fn files_that_no_release_shipped_stay_through_every_change() {
    let lab = Lab::with(ReleaseKind::Web).await;
    fs::create_dir_all(lab.live("deep/er")).unwrap();
    fs::create_dir_all(lab.live("empty")).unwrap();
    fs::write(lab.live("deep/er/mine.txt"), "mine").unwrap();
    fs::write(lab.live(".hidden"), "mine").unwrap();
    std::os::unix::fs::symlink("deep/er/mine.txt", lab.live("link")).unwrap();
    let mut facts = lab.refreshed().await;
    for action in [Action::Upgrade, Action::HardRecovery, Action::Rollback, Action::Upgrade] {
        facts = lab.done(&facts, action).await;
        for name in ["deep/er/mine.txt", ".hidden", "link"] {
            assert_eq!(lab.text(name).as_deref(), Some("mine"), "{name} after {action:?}");
        }
        assert!(lab.live("empty").is_dir(), "after {action:?}");
    }
    // What only the first version shipped is not taken for the owner's.
    assert_eq!(facts.previous.iter().map(|p| p.version.as_str()).collect::<Vec<_>>(), ["v1"]);
}

#[tokio::test]
async fn persistent_files_win_at_any_depth() {
    let mut lab = Lab::with(ReleaseKind::Web).await;
    lab.spec.persistent_files = vec!["config.json".to_owned(), "sub".to_owned()];
    fs::write(lab.live("config.json"), "mine").unwrap();
    fs::create_dir(lab.live("sub")).unwrap();
    fs::write(lab.live("sub/new.js"), "mine too").unwrap();
    let facts = lab.done(&lab.refreshed().await, Action::Upgrade).await;
    assert_eq!(
        (lab.text("config.json").as_deref(), lab.text("sub/new.js").as_deref()),
        (Some("mine"), Some("mine too"))
    );
    assert_eq!(facts.kept, []);
    lab.done(&facts, Action::Rollback).await;
    assert_eq!(
        (lab.text("config.json").as_deref(), lab.text("sub/new.js").as_deref()),
        (Some("mine"), Some("mine too"))
    );
}

#[tokio::test]
async fn what_must_give_way_is_kept_aside_and_told() {
    let lab = Lab::with(ReleaseKind::Zip).await;
    fs::write(lab.live("config.json"), "changed").unwrap();
    fs::create_dir(lab.live("sub")).unwrap();
    fs::write(lab.live("sub/new.js"), "in the way").unwrap();
    let facts = lab.done(&lab.refreshed().await, Action::Upgrade).await;
    assert_eq!(
        (lab.text("config.json").as_deref(), lab.text("sub/new.js").as_deref()),
        (Some("shipped 2"), Some("new"))
    );
    let kept = facts.kept.first().and_then(|kept| kept.folder.clone()).expect("a kept place");
    assert_eq!(fs::read_to_string(kept.join("config.json")).unwrap(), "changed");
    assert_eq!(fs::read_to_string(kept.join("sub/new.js")).unwrap(), "in the way");
    let told = lab.told().join("\n");
    assert!(told.contains(&format!("Zip Application app: Kept aside in {}", kept.display())), "{told}");
}

#[tokio::test]
async fn what_lingers_and_is_the_owners_now_is_not_lost() {
    let lab = Lab::with(ReleaseKind::Web).await;
    let facts = lab.done(&lab.refreshed().await, Action::Upgrade).await;
    assert_eq!(lab.text("old.js").as_deref(), Some("old"), "it lingers");
    fs::remove_file(lab.live("old.js")).unwrap();
    fs::write(lab.live("old.js"), "mine now").unwrap();
    let three = Release::new("v3").named("v3").file("app.zip", zip("v3", &[]));
    lab.forge.publish("own", "app", three);
    let facts = lab.look(&facts, refit_engine::ports::Look::Remote).await;
    let facts = lab.done(&facts, Action::Upgrade).await;
    assert_eq!(lab.text("old.js").as_deref(), Some("mine now"));
    // Where the release has a file of that name, it gives way.
    let one = Release::new("v4").named("v4").file("app.zip", zip("v4", &[("old.js", "back again")]));
    lab.forge.publish("own", "app", one);
    let facts = lab.look(&facts, refit_engine::ports::Look::Remote).await;
    let facts = lab.done(&facts, Action::Upgrade).await;
    let kept = facts.kept.first().and_then(|kept| kept.folder.clone()).expect("a kept place");
    assert_eq!(fs::read_to_string(kept.join("old.js")).unwrap(), "mine now");
}

#[tokio::test]
async fn persistent_files_do_not_keep_a_rollback_from_what_is_kept() {
    let mut lab = Lab::with(ReleaseKind::Web).await;
    lab.spec.persistent_files = vec!["config.json".to_owned()];
    fs::write(lab.live("config.json"), "mine").unwrap();
    let facts = lab.done(&lab.refreshed().await, Action::Upgrade).await;
    lab.forge.clear("own", "app");
    let facts = lab.done(&facts, Action::Rollback).await;
    assert_eq!(
        (lab.text("index.html").as_deref(), lab.text("config.json").as_deref()),
        (Some("page v1"), Some("mine"))
    );
    assert_eq!(facts.kept, []);
}

#[tokio::test]
async fn what_cannot_be_learned_stays() {
    let lab = Lab::with(ReleaseKind::Zip).await;
    lab.forge.remove("own", "app", "v1");
    fs::write(lab.live("mine.txt"), "mine").unwrap();
    lab.done(&lab.refreshed().await, Action::Upgrade).await;
    assert_eq!(lab.text("mine.txt").as_deref(), Some("mine"));
    assert_eq!(lab.text("old.js").as_deref(), Some("old"), "nobody knows whose it was");
    assert_eq!(lab.text("config.json").as_deref(), Some("shipped 2"));
}

#[tokio::test]
async fn so_many_previous_versions_are_kept_and_no_more() {
    let mut lab = Lab::with(ReleaseKind::Web).await;
    let mut facts = lab.refreshed().await;
    for version in ["v2", "v3", "v4", "v5"] {
        let release = Release::new(version).named(version).file("app.zip", zip(version, &[]));
        lab.forge.publish("own", "app", release);
        facts = lab.look(&facts, refit_engine::ports::Look::Remote).await;
        facts = lab.done(&facts, Action::Upgrade).await;
    }
    assert_eq!(facts.previous.iter().map(|p| p.version.as_str()).collect::<Vec<_>>(), ["v4", "v3"]);
    lab.spec.keep_previous = 0;
    let facts = lab.done(&facts, Action::Rollback).await;
    assert_eq!(facts.previous, []);
    assert_eq!(lab.beside(), ["app"]);
}
