//! The ways there and back: upgrade, rollback, both recoveries, and each of them taken back.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use refit_engine::ports::Look;
use refit_model::plan::{Action, Verdict};
use refit_model::updater::release::{ForgeKind, ReleaseFacts, ReleaseKind};
use refit_testkit::releases::{Asset, Release, executable};
use refit_testkit::tree::Tree;

use crate::lab::{Lab, zip};

fn version(lab: &Lab) -> String {
    let info: serde_json::Value = serde_json::from_str(&lab.text("release_info.json").unwrap()).unwrap();
    info["version"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_upgrade_and_back_without_a_network() {
    for kind in [ReleaseKind::Web, ReleaseKind::Zip] {
        let lab = Lab::with(kind).await;
        let facts = lab.refreshed().await;
        assert_eq!(facts.remote.release.as_ref().map(|release| release.tag.as_str()), Some("v2"));
        let facts = lab.done(&facts, Action::Upgrade).await;
        assert_eq!((version(&lab).as_str(), lab.text("index.html").as_deref()), ("v2", Some("page v2")));
        assert_eq!(lab.text("sub/new.js").as_deref(), Some("new"));
        assert_eq!(facts.rollback.as_deref(), Some("v1"));
        assert_eq!(facts.previous.iter().map(|p| p.version.as_str()).collect::<Vec<_>>(), ["v1"]);
        assert_eq!(facts.verified.as_deref(), Some("sha256 as the release server gives it"));
        // A page that is open still asks for the old part by its name.
        assert_eq!(lab.text("old.js").is_some(), kind == ReleaseKind::Web);

        lab.forge.clear("own", "app");
        lab.forge.forget();
        let facts = lab.done(&facts, Action::Rollback).await;
        assert_eq!(lab.forge.requests().len(), 0, "the kept version needs no network");
        assert_eq!((version(&lab).as_str(), lab.text("old.js").as_deref()), ("v1", Some("old")));
        assert_eq!(facts.rollback.as_deref(), Some("v1"), "a rollback records nothing");
        assert_eq!(lab.beside(), [".app.refit-previous", "app"]);
    }
}

#[tokio::test]
async fn files_that_did_not_change_are_shared() {
    let lab = Lab::with(ReleaseKind::Zip).await;
    let before = fs::metadata(lab.live("same.js")).unwrap().ino();
    let facts = lab.done(&lab.refreshed().await, Action::Upgrade).await;
    assert_eq!(fs::metadata(lab.live("same.js")).unwrap().ino(), before);
    let kept = &facts.previous.first().unwrap().folder;
    assert_eq!(fs::metadata(kept.join("same.js")).unwrap().ino(), before);
}

#[tokio::test]
async fn a_rollback_downloads_what_is_not_kept_or_was_changed() {
    let lab = Lab::with(ReleaseKind::Web).await;
    let facts = lab.done(&lab.refreshed().await, Action::Upgrade).await;
    let kept = facts.previous.first().unwrap().folder.clone();
    fs::write(kept.join("old.js"), "changed").unwrap();
    lab.done(&facts, Action::Rollback).await;
    assert_eq!((version(&lab).as_str(), lab.text("old.js").as_deref()), ("v1", Some("old")));
}

#[tokio::test]
async fn an_executable_is_replaced_and_put_back() {
    let lab = Lab::with(ReleaseKind::Executable).await;
    fs::write(lab.live("settings.ini"), "mine").unwrap();
    let told = r#"{"project_name": "app", "project_owner": "own", "version": "v1", "asset_name": "tool", "more": [1]}"#;
    fs::write(lab.live("release_info.json"), told).unwrap();
    let facts = lab.done(&lab.refreshed().await, Action::Upgrade).await;
    assert_eq!(fs::read(lab.live("tool")).unwrap(), executable("v2"));
    assert_eq!((version(&lab).as_str(), lab.text("settings.ini").as_deref()), ("v2", Some("mine")));
    let after = r#"{"project_name":"app","project_owner":"own","version":"v2","asset_name":"tool","more":[1]}"#;
    assert_eq!(lab.text("release_info.json").as_deref(), Some(after));
    assert_eq!(fs::metadata(lab.live("tool")).unwrap().permissions().mode() & 0o777, 0o755);
    lab.done(&facts, Action::Rollback).await;
    assert_eq!(fs::read(lab.live("tool")).unwrap(), executable("v1"));
    assert_eq!((version(&lab).as_str(), lab.text("settings.ini").as_deref()), ("v1", Some("mine")));
}

#[tokio::test]
async fn an_executable_that_does_not_run_is_not_installed() {
    for program in ["#!/bin/sh\nexit 3\n", "#!/no/such/interpreter\n", "not a program"] {
        let lab = Lab::with(ReleaseKind::Executable).await;
        let broken = Asset::new("tool", program.as_bytes().to_vec());
        lab.forge.publish("own", "app", Release::new("v3").named("v3").asset(broken));
        let before = Tree::of(&lab.spec.path);
        let plan = lab.plan(&lab.refreshed().await, Action::Upgrade).await;
        let error = lab.perform(&plan, plan.steps.len()).await.unwrap_err();
        assert!(error.message.contains("does not run on this machine, the old one stays"), "{error}");
        assert_eq!(before.diff(&Tree::of(&lab.spec.path)), Vec::<String>::new());
    }
}

#[tokio::test]
async fn every_cut_of_an_upgrade_is_taken_back_whole() {
    for kind in [ReleaseKind::Web, ReleaseKind::Zip, ReleaseKind::Executable] {
        let lab = Lab::with(kind).await;
        fs::write(lab.live("mine.txt"), "mine").unwrap();
        if kind != ReleaseKind::Executable {
            fs::write(lab.live("config.json"), "changed by its owner").unwrap();
        }
        let facts = lab.refreshed().await;
        let before = Tree::of(&lab.spec.path);
        let steps = lab.plan(&facts, Action::Upgrade).await.steps.len();
        for cut in 0..steps {
            let plan = lab.plan(&facts, Action::Upgrade).await;
            let witnesses = lab.perform(&plan, cut).await.unwrap();
            lab.undo(&plan, &witnesses).await;
            let after = before.diff(&Tree::of(&lab.spec.path));
            assert_eq!(after, Vec::<String>::new(), "{kind:?} cut at {cut}");
            assert_eq!(lab.beside(), ["app"], "{kind:?} cut at {cut}");
        }
    }
}

#[tokio::test]
async fn soft_recovery_puts_back_only_what_is_wrong() {
    let lab = Lab::with(ReleaseKind::Web).await;
    let facts = lab.done(&lab.refreshed().await, Action::Upgrade).await;
    let verdict = lab.planned(&facts, Action::SoftRecovery).await;
    assert!(matches!(&verdict, Ok(Verdict::Nothing(why)) if why.contains("nothing to recover")), "{verdict:?}");
    fs::write(lab.live("same.js"), "damaged").unwrap();
    fs::remove_file(lab.live("sub/new.js")).unwrap();
    fs::write(lab.live("mine.txt"), "mine").unwrap();
    let untouched = fs::metadata(lab.live("index.html")).unwrap().ino();
    let facts = lab.done(&facts, Action::SoftRecovery).await;
    assert_eq!((lab.text("same.js").as_deref(), lab.text("sub/new.js").as_deref()), (Some("same"), Some("new")));
    assert_eq!(lab.text("mine.txt").as_deref(), Some("mine"));
    assert_eq!(fs::metadata(lab.live("index.html")).unwrap().ino(), untouched);
    let kept = facts.kept.first().and_then(|kept| kept.folder.clone()).unwrap();
    assert_eq!(fs::read_to_string(kept.join("same.js")).unwrap(), "damaged");
}

#[tokio::test]
async fn hard_recovery_installs_the_same_version_or_the_newest() {
    let lab = Lab::with(ReleaseKind::Zip).await;
    let facts = lab.refreshed().await;
    fs::write(lab.live("mine.txt"), "mine").unwrap();
    fs::write(lab.live("old.js"), "damaged").unwrap();
    let facts = lab.done(&facts, Action::HardRecovery).await;
    assert_eq!((version(&lab).as_str(), lab.text("old.js").as_deref()), ("v1", Some("old")));
    assert_eq!(lab.text("mine.txt").as_deref(), Some("mine"));
    assert_eq!(facts.kept.len(), 1);

    // An empty folder, of which nobody knows anything.
    let lab = Lab::with(ReleaseKind::Zip).await;
    fs::remove_dir_all(&lab.spec.path).unwrap();
    fs::create_dir(&lab.spec.path).unwrap();
    let facts = lab.look(&ReleaseFacts::default(), Look::Local).await;
    lab.done(&facts, Action::HardRecovery).await;
    assert_eq!(version(&lab), "v2");
}

#[tokio::test]
async fn a_symbolic_link_stays_and_what_it_leads_to_is_exchanged() {
    let lab = Lab::with(ReleaseKind::Web).await;
    let real = lab.root.join("home/real");
    fs::rename(&lab.spec.path, &real).unwrap();
    std::os::unix::fs::symlink(&real, &lab.spec.path).unwrap();
    lab.done(&lab.refreshed().await, Action::Upgrade).await;
    assert!(fs::symlink_metadata(&lab.spec.path).unwrap().is_symlink());
    assert_eq!(version(&lab), "v2");
    assert_eq!(lab.beside(), [".real.refit-previous", "app", "real"]);
}

#[tokio::test]
async fn a_dry_run_says_which_files_would_change() {
    let lab = Lab::with(ReleaseKind::Web).await;
    let facts = lab.done(&lab.refreshed().await, Action::Upgrade).await;
    let three = zip("v3", &[("same.js", "same"), ("config.json", "shipped 3"), ("third.js", "3")]);
    lab.forge.publish("own", "app", Release::new("v3").named("v3").file("app.zip", three));
    let facts = lab.look(&facts, Look::Remote).await;
    lab.forge.forget();
    let seen = lab.look(&facts, Look::Preview(Action::Upgrade)).await;
    let difference = seen.survey.unwrap().difference.unwrap();
    assert_eq!(difference.added, ["third.js"]);
    assert_eq!(difference.changed, ["config.json", "index.html", "release_info.json"]);
    assert_eq!(difference.removed, ["sub/new.js"]);
}

#[tokio::test]
async fn a_dry_run_knows_what_another_updater_installed() {
    let lab = Lab::with(ReleaseKind::Web).await;
    let facts = lab.refreshed().await;
    let seen = lab.look(&facts, Look::Preview(Action::Upgrade)).await;
    let difference = seen.survey.unwrap().difference.unwrap();
    assert_eq!(difference.added, ["sub/new.js"]);
    assert_eq!(difference.changed, ["config.json", "index.html", "release_info.json"]);
    assert_eq!(difference.removed, ["old.js"]);
    let left: Vec<_> = fs::read_dir(lab.root.join("state/downloads")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn every_forge_publishes_alike() {
    for forge in [ForgeKind::Forgejo, ForgeKind::Gitlab] {
        let mut lab = Lab::with(ReleaseKind::Web).await;
        lab.spec.source.forge = forge;
        lab.spec.source.api = match forge {
            ForgeKind::Github => lab.forge.github_api(),
            ForgeKind::Forgejo => format!("{}/api/v1", lab.forge.forgejo()),
            ForgeKind::Gitlab => format!("{}/api/v4", lab.forge.gitlab()),
        };
        let facts = lab.done(&lab.refreshed().await, Action::Upgrade).await;
        assert_eq!((version(&lab).as_str(), lab.text("sub/new.js").as_deref()), ("v2", Some("new")), "{forge:?}");
        // Neither tells a digest, and no checksum file is published.
        assert_eq!(facts.verified.as_deref(), Some("size only"), "{forge:?}");
    }
}
