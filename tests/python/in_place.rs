//! Updates in the environment in use, where this machine shows no prepared one in its place.

use std::fs;

use refit_model::step::{Beginning, EnvironmentStep};
use refit_testkit::venv::Venv;
use refit_testkit::wheels::{Sdist, Wheel};

use crate::lab::{Lab, Way};

#[tokio::test]
async fn pip_works_in_place_and_a_copy_is_kept() {
    let lab = Lab::new().await.without_helper();
    assert!(lab.environments.in_place().await.is_some());
    lab.installed(&[("one", "1.0")]);
    lab.publish("one", "2.0");
    let before = lab.venv.digest();
    let steps = lab.steps(Way::InPlace, Beginning::Copy, &lab.wants("one==2.0\n"), &["one"]);
    lab.run(&steps, 2).await.unwrap_or_else(|e| panic!("{e}\n{}", lab.told()));
    assert_eq!(lab.version("one").as_deref(), Some("2.0"));
    lab.venv.pip_check().unwrap();
    let kept = Venv::at(lab.path(), lab.old().folder());
    assert_eq!(kept.digest(), before);
    assert_eq!(lab.beside(), [".app-env.refit-previous", "app-env", "home"]);
}

#[tokio::test]
async fn what_fails_is_put_back() {
    let lab = Lab::new().await.without_helper();
    lab.installed(&[("one", "1.0")]);
    // The first is installed, then the second does not build: pip itself leaves the first.
    lab.publish("one", "2.0");
    lab.index.publish(Sdist::new("broken", "1.0").without_compiler().build());
    let said = lab.refused(Way::InPlace, &lab.wants("one==2.0\nbroken\n")).await;
    assert!(said.ends_with("the Python packages are put back as they were."), "{said}");
    // And what pip had done already.
    lab.index.publish(Wheel::new("one", "3.0").module("one/__init__.py", "import nowhere\n").build());
    let before = lab.venv.digest();
    let steps = lab.steps(Way::InPlace, Beginning::Copy, &lab.wants("one==3.0\n"), &["one"]);
    lab.run(&steps, 1).await.unwrap_err();
    assert_eq!(lab.venv.digest(), before);
}

#[tokio::test]
async fn every_step_can_be_taken_back() {
    let lab = Lab::new().await.without_helper();
    lab.installed(&[("one", "1.0")]);
    lab.publish("one", "2.0");
    let before = lab.venv.digest();
    let steps = lab.steps(Way::InPlace, Beginning::Copy, &lab.wants("one==2.0\n"), &["one"]);
    for count in 0..=4 {
        let mut done = Vec::new();
        for step in &steps[..count] {
            let witness = lab.environments.witness(step);
            lab.perform(step, false, witness.clone()).await.unwrap_or_else(|e| panic!("{e}\n{}", lab.told()));
            done.push((step, witness));
        }
        done.extend(steps.get(count).map(|step| (step, lab.environments.witness(step))));
        lab.take_back(&done).await;
        assert_eq!(lab.venv.digest(), before, "after {count} steps");
        assert_eq!(lab.beside(), ["app-env", "home"], "after {count} steps");
    }
}

#[tokio::test]
async fn a_cut_installation_starts_over_from_the_copy() {
    let lab = Lab::new().await.without_helper();
    lab.installed(&[("one", "1.0")]);
    lab.publish("one", "2.0");
    let before = lab.venv.digest();
    let steps = lab.steps(Way::InPlace, Beginning::Copy, &lab.wants("one==2.0\n"), &[]);
    lab.perform(&steps[0], false, None).await.unwrap();
    let witness = lab.environments.witness(&steps[1]);
    // What pip leaves when it is killed in the middle.
    lab.venv.delete_module("one");
    fs::create_dir(lab.venv.site_packages().join("~ne-1.0.dist-info")).unwrap();
    lab.perform(&steps[1], true, witness.clone()).await.unwrap_or_else(|e| panic!("{e}\n{}", lab.told()));
    assert_eq!(lab.version("one").as_deref(), Some("2.0"));
    assert!(!lab.venv.site_packages().join("~ne-1.0.dist-info").exists());
    let done: Vec<(&EnvironmentStep, _)> = vec![(&steps[0], None), (&steps[1], witness)];
    lab.take_back(&done).await;
    assert_eq!(lab.venv.digest(), before);
}
