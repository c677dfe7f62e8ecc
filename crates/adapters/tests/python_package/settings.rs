//! How pip is configured, and what is left to pip.

use std::fs;

use refit_model::settings::Channel;
use refit_testkit::index::PackageIndex;
use refit_testkit::wheels::{Sdist, Wheel};

use crate::lab::{Lab, NOW, offered};

#[tokio::test]
async fn the_environment_s_own_file_is_read() {
    let mut lab = Lab::new();
    let extra = PackageIndex::start();
    extra.require_login("lab", "secret");
    lab.variables.clear();
    fs::write(lab.venv.path().join("pip.conf"), lab.index.pip_conf(&[&extra])).unwrap();
    lab.install("tool", "1.0.0");
    extra.publish(Wheel::new("tool", "1.1.0").build());
    let facts = lab.refresh("tool", Channel::Stable).await;
    assert_eq!(offered(&facts), "1.1.0 tool-1.1.0-py3-none-any.whl", "{:?}", facts.remote);
    assert_eq!(lab.starts(), 1);
}

#[tokio::test]
async fn the_section_s_variables_count() {
    let lab = Lab::new();
    let other = PackageIndex::start();
    lab.install("tool", "1.0.0");
    other.publish(Wheel::new("tool", "1.1.0").build());
    let mut spec = lab.spec("tool", Channel::Stable);
    let environment = spec.common.dependencies.environment.as_mut().unwrap();
    environment.pip_environment.push(("PIP_INDEX_URL".to_owned(), other.url()));
    let facts = lab.refresh_by(&spec, &Default::default(), NOW).await;
    assert_eq!(offered(&facts), "1.1.0 tool-1.1.0-py3-none-any.whl", "{:?}", facts.remote);
    assert!(lab.index.requests().is_empty());
}

#[tokio::test]
async fn a_folder_of_files_is_pip_s_to_judge() {
    let mut lab = Lab::new();
    let links = lab.root.join("links");
    fs::create_dir(&links).unwrap();
    lab.set("PIP_NO_INDEX", "1");
    lab.set("PIP_FIND_LINKS", links.to_str().unwrap());
    lab.install("tool", "1.0.0");
    let current = lab.refresh("tool", Channel::Stable).await;
    assert_eq!((offered(&current).as_str(), current.remote.error.as_deref()), ("1.0.0 ?", None));
    assert_eq!(lab.assess("tool", Channel::Stable, &current).remote_version, "1.0.0");
    Wheel::new("tool", "1.1.0").build().write_to(&links);
    Sdist::new("tool", "1.2.0rc1").build().write_to(&links);
    let stable = lab.again("tool", Channel::Stable, &current).await;
    assert_eq!(offered(&stable), "1.1.0 tool-1.1.0-py3-none-any.whl", "{:?}", stable.remote);
    let beta = lab.again("tool", Channel::Beta, &stable).await;
    assert_eq!(offered(&beta), "1.2.0rc1 tool-1.2.0rc1.tar.gz", "{:?}", beta.remote);
    assert!(beta.remote.offer.unwrap().builds);
    // Its Python was asked what it is, and pip three times.
    assert_eq!((lab.starts() >= 4, lab.index.requests().len()), (true, 0));
}

#[tokio::test]
async fn pip_that_fails_or_reaches_nobody_is_quoted() {
    let mut lab = Lab::new();
    lab.install("tool", "1.0.0");
    lab.index.publish(Wheel::new("tool", "1.1.0").build());
    let good = lab.refresh("tool", Channel::Stable).await;
    // Only pip reads this, and it stops at it.
    lab.set("PIP_CONSTRAINT", "/nowhere/constraints.txt");
    let failed = lab.again("tool", Channel::Stable, &good).await;
    let told = failed.remote.error.clone().unwrap();
    assert!(
        told.starts_with("pip could not tell what is newest: ") && told.contains("/nowhere/constraints.txt"),
        "{told}"
    );
    assert_eq!(failed.remote.offer, good.remote.offer);
    let nothing = lab.root.join("constraints.txt");
    fs::write(&nothing, "").unwrap();
    lab.set("PIP_CONSTRAINT", nothing.to_str().unwrap());
    let fine = lab.again("tool", Channel::Stable, &failed).await;
    assert_eq!((offered(&fine).as_str(), fine.remote.error.as_deref()), ("1.1.0 tool-1.1.0-py3-none-any.whl", None));
    lab.set("PIP_INDEX_URL", &lab.index.url().replacen("://", "://token:secret@", 1));
    lab.index.down();
    let failed = lab.again("tool", Channel::Stable, &fine).await;
    let told = failed.remote.error.unwrap_or_default();
    assert!(told.starts_with("pip could not tell what is newest: "), "{told}");
    assert!(!told.contains("secret") && !told.contains("token"), "{told}");
    assert!(offered(&good).starts_with("1.1.0"));
}
