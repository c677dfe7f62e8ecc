//! Releases that are refused before anything in use is touched.

use refit_model::plan::Action;
use refit_model::updater::release::{ReleaseKind, Verify};
use refit_testkit::releases::{Asset, Digest, Release, Signer, release_info};
use refit_testkit::tree::Tree;
use refit_testkit::zip::ZipBuilder;

use crate::lab::{Lab, zip};

/// Why an upgrade to a release fails; the folder is as it was.
async fn refused(lab: &Lab, release: Release) -> String {
    lab.forge.publish("own", "app", release);
    let before = Tree::of(&lab.spec.path);
    let facts = lab.refreshed().await;
    let error = match lab.planned(&facts, Action::Upgrade).await {
        Err(refusal) => refusal,
        Ok(_) => {
            let plan = lab.plan(&facts, Action::Upgrade).await;
            lab.perform(&plan, plan.steps.len()).await.expect_err("it is installed").message
        }
    };
    assert_eq!(before.diff(&Tree::of(&lab.spec.path)), Vec::<String>::new());
    assert!(error.starts_with("Web Client app: "), "{error}");
    error
}

fn named(version: &str) -> Release {
    Release::new(version).named(version)
}

#[tokio::test]
async fn a_release_of_something_else_or_of_nothing() {
    let lab = Lab::with(ReleaseKind::Web).await;
    let page = |zip: ZipBuilder| zip.file("index.html", "page").build();
    let none = page(ZipBuilder::new());
    assert!(refused(&lab, named("v3").file("app.zip", none)).await.contains("no usable release_info.json"));
    let other = page(ZipBuilder::new().file("release_info.json", release_info("own", "other", "v4", "app.zip")));
    let error = refused(&lab, named("v4").file("app.zip", other)).await;
    assert!(error.contains("it says that it is own/other, not own/app"), "{error}");
    let blank = ZipBuilder::new().file("release_info.json", release_info("own", "app", "v5", "app.zip")).build();
    assert!(refused(&lab, named("v5").file("app.zip", blank)).await.contains("it has no index.html"));
    let error = refused(&lab, named("v6").file("app.zip", b"no zip".to_vec())).await;
    assert!(error.contains("app.zip is not a whole zip archive"), "{error}");
    let slip = ZipBuilder::new()
        .file("release_info.json", release_info("own", "app", "v7", "app.zip"))
        .file("../slip.txt", "out")
        .build();
    let error = refused(&lab, named("v7").file("app.zip", slip)).await;
    assert!(error.contains("../slip.txt"), "{error}");
    assert!(!lab.root.join("home/slip.txt").exists());
    assert!(refused(&lab, named("v8")).await.contains("Invalid download url"));
}

#[tokio::test]
async fn a_download_that_is_not_what_was_published() {
    let lab = Lab::with(ReleaseKind::Web).await;
    let lie = Asset::new("app.zip", zip("v3", &[])).digest(Digest::Lie);
    let error = refused(&lab, named("v3").asset(lie)).await;
    assert!(error.contains("is not what was published"), "{error}");
}

#[tokio::test]
async fn what_is_asked_of_a_download_must_be_there() {
    let mut lab = Lab::with(ReleaseKind::Web).await;
    lab.spec.verify = Verify::Digest;
    let bare = |version: &str| Asset::new("app.zip", zip(version, &[])).digest(Digest::Absent);
    assert!(refused(&lab, named("v3").asset(bare("v3"))).await.contains("digest"));
    let signer = Signer::named("project");
    let key = signer.public_key();
    lab.spec.verify = Verify::Minisign { key };
    assert!(refused(&lab, named("v4").asset(bare("v4"))).await.contains("no signature app.zip.minisig"));
    let wrong = Signer::named("somebody else");
    let error = refused(&lab, named("v5").asset(bare("v5")).signed(&wrong)).await;
    assert!(error.contains("was not made with the configured key"), "{error}");
    lab.forge.publish("own", "app", named("v6").asset(bare("v6")).signed(&signer));
    lab.done(&lab.refreshed().await, Action::Upgrade).await;
    assert_eq!(lab.text("index.html").as_deref(), Some("page v6"));
}
