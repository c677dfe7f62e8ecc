//! What is seen of an environment.

use std::fs;
use std::path::Path;

use refit_model::environment::{EnvironmentFacts, EnvironmentPoint, EnvironmentState};
use refit_model::plan::Action;
use refit_testkit::wheels::{Sdist, Wheel};

use crate::lab::{Lab, Way};

#[tokio::test]
async fn a_sound_environment_is_known_by_what_pip_would_say() {
    let lab = Lab::new().await;
    lab.installed(&[("Two_Words", "1.0"), ("one", "1.0")]);
    let facts = lab.look(&EnvironmentFacts::default()).await;
    assert_eq!(facts.state, EnvironmentState::Sound);
    let python = lab.venv.pip(None, &["--version"]);
    let python = String::from_utf8(python.stdout).unwrap();
    let minor = python.rsplit("(python ").next().unwrap().trim().trim_end_matches(')').to_owned();
    assert!(facts.python.as_deref().is_some_and(|python| python.starts_with(&minor)), "{facts:?}");
    let freeze = String::from_utf8(lab.venv.pip(None, &["freeze", "--all"]).stdout).unwrap();
    let mut theirs: Vec<_> = freeze.lines().map(str::to_owned).collect();
    theirs.sort_by_key(|line| line.to_lowercase().replace('_', "-"));
    assert_eq!(facts.freeze, theirs);

    let said = lab.environments.interpreter(lab.venv.path()).await.unwrap();
    assert!(said.default_index.as_deref().is_some_and(|url| url.ends_with("/simple")), "{:?}", said.default_index);
    assert!(said.tags.iter().any(|tag| tag == "py3-none-any"));
    assert_eq!(said.markers.python_version, minor);
}

#[tokio::test]
async fn an_unchanged_environment_starts_no_python() {
    let lab = Lab::new().await;
    lab.installed(&[("one", "1.0")]);
    let facts = lab.look(&EnvironmentFacts::default()).await;
    // An interpreter that answers nothing any more is not asked: what is known of it is kept in the state folder.
    let stored: EnvironmentFacts = serde_json::from_value(serde_json::to_value(&facts).unwrap()).unwrap();
    fs::remove_dir_all(lab.path().join("state")).unwrap();
    assert_eq!(lab.look(&stored).await, facts);
    assert!(!lab.path().join("state/interpreters").exists(), "an interpreter was asked");
    lab.publish("two", "2.0");
    lab.venv.pip_install(&lab.index, &["two"]).unwrap();
    let later = lab.look(&facts).await;
    assert!(later.freeze.contains(&"two==2.0".to_owned()), "{later:?}");
}

#[tokio::test]
async fn what_is_wrong_is_named_and_what_was_known_stays() {
    let lab = Lab::new().await;
    lab.installed(&[("one", "1.0")]);
    let sound = lab.look(&EnvironmentFacts::default()).await;
    lab.venv.age("3.9");
    let aged = lab.look(&sound).await;
    let is = sound.python.as_deref().and_then(|python| python.rsplit_once('.')).map(|(minor, _)| minor.to_owned());
    assert_eq!(aged.state, EnvironmentState::VersionChanged { was: "3.9".to_owned(), is: is.unwrap() });
    lab.venv.break_interpreter();
    let gone = lab.look(&sound).await;
    assert_eq!(gone.state, EnvironmentState::InterpreterGone { python: "/usr/bin/python3.1".into() });
    fs::remove_dir_all(lab.venv.path()).unwrap();
    let missing = lab.look(&sound).await;
    assert_eq!(missing.state, EnvironmentState::Missing);
    for facts in [aged, gone, missing] {
        assert_eq!((&facts.freeze, &facts.python), (&sound.freeze, &sound.python));
    }
}

#[tokio::test]
async fn an_environment_without_pip_is_broken() {
    let lab = Lab::new().await;
    lab.venv.delete_module("pip");
    let facts = lab.look(&EnvironmentFacts::default()).await;
    assert_eq!(facts.state, EnvironmentState::Broken { why: "there is no pip in it that starts".to_owned() });
}

#[tokio::test]
async fn a_survey_names_what_changes_and_why() {
    let lab = Lab::new().await;
    lab.installed(&[("one", "1.0")]);
    lab.publish("one", "2.0");
    lab.index.publish(Wheel::new("two", "1.0").requires("three").build());
    lab.index.publish(Sdist::new("three", "3.0").build());
    let requirements = "one==2.0\ntwo # new\nother; python_version < '3'\n";
    let survey = lab.survey(requirements, false).await;
    let shown = |survey: &refit_model::environment::EnvironmentSurvey| {
        let show = |change: &refit_model::environment::Change| {
            format!("{} {:?} {:?} {} {}", change.name, change.from, change.to, change.builds, change.why)
        };
        survey.changes.iter().map(show).collect::<Vec<_>>()
    };
    assert!(survey.known && survey.in_place.is_none() && survey.real_folder.is_none());
    assert_eq!(
        shown(&survey),
        [
            "one Some(\"1.0\") Some(\"2.0\") false scripts/requirements.txt line 1 asks for ==2.0",
            "two None None false scripts/requirements.txt line 2 asks for it"
        ]
    );
    let before = lab.venv.digest();
    let survey = lab.survey(requirements, true).await;
    let mut changes = shown(&survey);
    changes.sort();
    assert_eq!(
        changes,
        [
            "one Some(\"1.0\") Some(\"2.0\") false scripts/requirements.txt line 1 asks for ==2.0",
            "three None Some(\"3.0\") true another package asks for it",
            "two None Some(\"1.0\") false scripts/requirements.txt line 2 asks for it"
        ]
    );
    assert_eq!(lab.venv.digest(), before, "a preview changed the environment");
    assert!(!lab.path().join("state/preview").exists());
}

#[tokio::test]
async fn the_way_back_is_known_until_somebody_changes_the_environment() {
    let lab = Lab::new().await;
    lab.installed(&[("one", "1.0")]);
    lab.publish("one", "2.0");
    let before = lab.look(&EnvironmentFacts::default()).await;
    lab.update(Way::Staged, &lab.wants("one==2.0\n")).await.unwrap();
    let mut facts = lab.look(&before).await;
    assert_eq!(facts.previous.len(), 1);
    assert!(facts.previous[0].bytes < 1024 * 1024, "the kept environment shares nothing: {:?}", facts.previous);
    let kept = lab.old().folder().to_owned();
    facts.rollback = Some(EnvironmentPoint { kept: kept.clone(), before: before.freeze, after: facts.freeze.clone() });
    let sound = async |facts: &EnvironmentFacts| {
        lab.environments.survey(&lab.spec(), facts, None, None, (Action::Rollback, false)).await.sound_previous
    };
    assert_eq!(sound(&facts).await.as_deref(), Some(kept.as_path()));
    lab.publish("two", "1.0");
    lab.venv.pip_install(&lab.index, &["two"]).unwrap();
    assert_eq!(sound(&facts).await, None, "somebody installed two since");
    lab.venv.pip(None, &["uninstall", "-y", "two"]);
    assert_eq!(sound(&facts).await.as_deref(), Some(kept.as_path()));
    let site = fs::read_dir(kept.join("lib")).unwrap().next().unwrap().unwrap().path().join("site-packages");
    fs::remove_file(site.join("one/__init__.py")).unwrap();
    assert_eq!(sound(&facts).await, None, "the kept environment lacks a file");
}

#[tokio::test]
async fn a_link_is_followed() {
    let lab = Lab::new().await;
    let link = lab.path().join("link");
    std::os::unix::fs::symlink(lab.venv.path(), &link).unwrap();
    let spec = refit_model::environment::EnvironmentSpec { folder: link, ..lab.spec() };
    let facts = lab.environments.look(&spec, None, &EnvironmentFacts::default()).await;
    assert_eq!(facts.state, EnvironmentState::Sound);
    let survey = lab.environments.survey(&spec, &facts, None, None, (Action::Upgrade, false)).await;
    assert_eq!(survey.real_folder.as_deref(), Some(Path::new(lab.venv.path())));
}
