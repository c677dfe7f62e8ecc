//! Environments that are built anew, because their Python is gone or they are.

use std::fs;

use refit_model::environment::{EnvironmentFacts, EnvironmentState};
use refit_model::step::Beginning;
use refit_testkit::wheels::Sdist;

use crate::lab::{Lab, Way};

/// With what the requirements ask for, what they do not, and a version that the requirements do not forbid.
async fn populated() -> (Lab, EnvironmentFacts) {
    let lab = Lab::new().await;
    lab.installed(&[("one", "1.0"), ("two", "1.0"), ("mine", "1.0")]);
    lab.publish("one", "2.0");
    let facts = lab.look(&EnvironmentFacts::default()).await;
    assert_eq!(facts.state, EnvironmentState::Sound);
    (lab, facts)
}

async fn rebuilt(lab: &Lab, way: Way, facts: &EnvironmentFacts, times: usize) {
    let from = Beginning::Fresh { freeze: facts.freeze.clone() };
    let steps = lab.steps(way, from, &lab.wants("one>=1.0\ntwo\n"), &["one"]);
    lab.run(&steps, times).await.unwrap_or_else(|e| panic!("{e}\n{}", lab.told()));
    let now = lab.look(facts).await;
    assert_eq!(now.state, EnvironmentState::Sound);
    lab.venv.pip_check().unwrap();
    let shebang = fs::read_to_string(lab.venv.bin("one")).unwrap();
    assert!(shebang.starts_with(&format!("#!{}/bin/python", lab.venv.path().display())), "{shebang}");
    assert!(lab.venv.run_script("pip", &["--version"]).unwrap().contains(&lab.venv.path().display().to_string()));
    assert!(!lab.venv.path().join(".refit-work").exists());
}

fn versions(lab: &Lab) -> [Option<String>; 3] {
    ["one", "two", "mine"].map(|name| lab.version(name))
}

#[tokio::test]
async fn one_whose_python_is_gone_comes_back_with_the_same_packages() {
    let (lab, facts) = populated().await;
    lab.venv.break_interpreter();
    rebuilt(&lab, Way::Staged, &facts, 1).await;
    assert_eq!(versions(&lab), [Some("1.0".into()), Some("1.0".into()), Some("1.0".into())]);
    assert_eq!(lab.beside(), [".app-env.refit-previous", "app-env", "home"]);
}

#[tokio::test]
async fn one_of_another_version_comes_back_with_what_can_be_had() {
    let (lab, facts) = populated().await;
    lab.venv.age("3.9");
    lab.index.remove("one", "1.0");
    lab.index.remove_project("mine");
    rebuilt(&lab, Way::Staged, &facts, 1).await;
    assert_eq!(versions(&lab), [Some("2.0".into()), Some("1.0".into()), None]);
    assert!(lab.told().contains("not installed again, since they cannot be had: mine==1.0"), "{}", lab.told());
}

#[tokio::test]
async fn one_package_that_cannot_be_had_costs_no_other() {
    let (lab, mut facts) = populated().await;
    lab.publish("other", "1.0");
    // What Debian left in many an environment, and what does not build for a newer Python.
    facts.freeze.extend(["pkg_resources==0.0.0".to_owned(), "other==1.0".to_owned()]);
    lab.index.remove("one", "1.0");
    lab.index.publish(
        Sdist::new("one", "1.0").metadata_fails("AttributeError: module 'ast' has no attribute 'Str'").build(),
    );
    lab.venv.age("3.9");
    rebuilt(&lab, Way::Staged, &facts, 1).await;
    assert_eq!(versions(&lab), [Some("2.0".into()), Some("1.0".into()), Some("1.0".into())]);
    assert_eq!(lab.version("other").as_deref(), Some("1.0"));
    assert!(lab.told().contains("since they cannot be had: pkg_resources==0.0.0"), "{}", lab.told());
}

#[tokio::test]
async fn one_that_is_missing_comes_back() {
    let (lab, facts) = populated().await;
    fs::remove_dir_all(lab.venv.path()).unwrap();
    rebuilt(&lab, Way::Staged, &facts, 1).await;
    assert_eq!(versions(&lab), [Some("1.0".into()), Some("1.0".into()), Some("1.0".into())]);
    assert_eq!(lab.beside(), ["app-env", "home"]);
}

#[tokio::test]
async fn without_the_helper_it_is_built_in_place() {
    let (lab, facts) = populated().await;
    let lab = lab.without_helper();
    lab.venv.break_interpreter();
    rebuilt(&lab, Way::InPlace, &facts, 2).await;
    assert_eq!(versions(&lab), [Some("1.0".into()), Some("1.0".into()), Some("1.0".into())]);
    assert_eq!(lab.beside(), [".app-env.refit-previous", "app-env", "home"]);
}

#[tokio::test]
async fn without_the_helper_one_that_is_missing_comes_back_or_stays_missing() {
    let (lab, facts) = populated().await;
    let lab = lab.without_helper();
    fs::remove_dir_all(lab.venv.path()).unwrap();
    let from = Beginning::Fresh { freeze: facts.freeze.clone() };
    let steps = lab.steps(Way::InPlace, from, &lab.wants("one>=1.0\nnobody\n"), &["one"]);
    let error = lab.run(&steps, 1).await.unwrap_err().message;
    assert!(error.contains("nobody is not in the package index"), "{error}");
    assert_eq!(lab.beside(), ["home"]);
    rebuilt(&lab, Way::InPlace, &facts, 1).await;
    assert_eq!(versions(&lab), [Some("1.0".into()), Some("1.0".into()), Some("1.0".into())]);
    assert_eq!(lab.beside(), ["app-env", "home"]);
}

#[tokio::test]
async fn what_was_built_in_place_can_be_taken_back() {
    let (lab, facts) = populated().await;
    let lab = lab.without_helper();
    lab.venv.break_interpreter();
    let (before, from) = (lab.venv.digest(), Beginning::Fresh { freeze: facts.freeze.clone() });
    let steps = lab.steps(Way::InPlace, from, &lab.wants("one>=1.0\n"), &["one"]);
    // After the new one took the place of the old, and after the old one became the kept one.
    for count in [2, 4] {
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
