//! Updates that are prepared beside the environment in use.

use std::fs;

use refit_model::environment::EnvironmentFacts;
use refit_model::step::{Beginning, EnvironmentStep, Want};
use refit_testkit::wheels::Wheel;

use crate::lab::{Lab, Way};

#[tokio::test]
async fn a_pin_is_upgraded_and_a_new_requirement_comes() {
    let lab = Lab::new().await;
    lab.installed(&[("one", "1.0"), ("two", "1.0")]);
    for (name, version) in [("one", "1.1"), ("three", "3.0")] {
        lab.publish(name, version);
    }
    let before = lab.venv.digest();
    let want = lab.wants("one==1.1\ntwo\nthree>=2\n");
    let steps = lab.steps(Way::Staged, Beginning::Copy, &want, &["one", "three"]);
    lab.run(&steps[..3], 1).await.unwrap_or_else(|e| panic!("{e}\n{}", lab.told()));
    assert_eq!(lab.venv.digest(), before, "the environment in use was touched before the switch");
    lab.run(&steps[3..], 1).await.unwrap();

    assert_eq!(lab.version("one").as_deref(), Some("1.1"));
    assert_eq!(lab.version("three").as_deref(), Some("3.0"));
    lab.venv.pip_check().unwrap();
    assert!(lab.venv.run_script("one", &[]).unwrap().contains("1.1"));
    let shebang = fs::read_to_string(lab.venv.bin("three")).unwrap();
    assert!(shebang.starts_with(&format!("#!{}/bin/python", lab.venv.path().display())), "{shebang}");
    assert!(!lab.venv.path().join(".refit-work").exists());
    let kept = refit_testkit::venv::Venv::at(lab.path(), lab.old().folder());
    assert_eq!(kept.digest(), before, "the environment from before is not as it was");
    assert_eq!(lab.beside(), [".app-env.refit-previous", "app-env", "home"]);
}

#[tokio::test]
async fn nothing_is_done_where_nothing_is_needed() {
    let lab = Lab::new().await;
    lab.installed(&[("one", "1.0")]);
    let before = lab.venv.digest();
    lab.index.forget();
    let notes = lab.update(Way::Staged, &lab.wants("one>=1.0\n")).await.unwrap();
    assert_eq!(notes[0].as_deref(), Some("everything that scripts/requirements.txt asks for is installed"));
    assert!(notes[1..].iter().all(Option::is_none), "{notes:?}");
    assert_eq!((lab.venv.digest(), lab.index.requests().len()), (before, 0));
    assert_eq!(lab.beside(), ["app-env", "home"]);
}

#[tokio::test]
async fn a_module_that_was_deleted_by_hand_comes_back() {
    let lab = Lab::new().await;
    lab.installed(&[("one", "1.0"), ("two", "1.0")]);
    let before = lab.venv.digest();
    lab.venv.delete_module("two");
    let survey = lab.survey("one\n", false).await;
    assert_eq!((survey.known, survey.changes.len(), survey.damaged), (true, 0, vec!["two==1.0".to_owned()]));
    lab.update(Way::Staged, &lab.wants("one\n")).await.unwrap_or_else(|e| panic!("{e}\n{}", lab.told()));
    assert!(lab.venv.run_script("two", &[]).unwrap().contains("1.0"));
    assert_eq!(lab.venv.digest(), before);
}

#[tokio::test]
async fn every_step_can_be_performed_twice() {
    let lab = Lab::new().await;
    lab.installed(&[("one", "1.0")]);
    lab.publish("one", "2.0");
    let before = lab.venv.digest();
    let steps = lab.steps(Way::Staged, Beginning::Copy, &lab.wants("one==2.0\n"), &["one"]);
    lab.run(&steps, 2).await.unwrap_or_else(|e| panic!("{e}\n{}", lab.told()));
    assert_eq!(lab.version("one").as_deref(), Some("2.0"));
    let kept = refit_testkit::venv::Venv::at(lab.path(), lab.old().folder());
    assert_eq!(kept.digest(), before);
}

#[tokio::test]
async fn every_step_can_be_taken_back() {
    let lab = Lab::new().await;
    lab.installed(&[("one", "1.0")]);
    lab.publish("one", "2.0");
    let before = lab.venv.digest();
    let steps = lab.steps(Way::Staged, Beginning::Copy, &lab.wants("one==2.0\n"), &["one"]);
    for count in 0..=4 {
        let mut done = Vec::new();
        for step in &steps[..count] {
            let witness = lab.environments.witness(step);
            lab.perform(step, false, witness.clone()).await.unwrap_or_else(|e| panic!("{e}\n{}", lab.told()));
            done.push((step, witness));
        }
        // The next one was announced and never begun.
        done.extend(steps.get(count).map(|step| (step, lab.environments.witness(step))));
        lab.take_back(&done).await;
        assert_eq!(lab.venv.digest(), before, "after {count} steps");
        assert_eq!(lab.beside(), ["app-env", "home"], "after {count} steps");
    }
}

#[tokio::test]
async fn a_half_installed_stage_is_made_again() {
    let lab = Lab::new().await;
    lab.installed(&[("one", "1.0")]);
    lab.publish("one", "2.0");
    let steps = lab.steps(Way::Staged, Beginning::Copy, &lab.wants("one==2.0\n"), &[]);
    lab.perform(&steps[0], false, None).await.unwrap();
    fs::write(lab.stage().join("half"), "").unwrap();
    lab.perform(&steps[1], true, None).await.unwrap_or_else(|e| panic!("{e}\n{}", lab.told()));
    assert!(lab.stage().is_dir() && !lab.stage().join("half").exists());
}

#[tokio::test]
async fn exactly_what_was_there_before_comes_back_from_the_index() {
    let lab = Lab::new().await;
    lab.installed(&[("one", "1.0"), ("two", "2.0")]);
    let want =
        Want::Exactly { install: vec!["one==0.9".to_owned()], remove: vec!["two".to_owned(), "three".to_owned()] };
    lab.publish("one", "0.9");
    lab.update(Way::Staged, &want).await.unwrap_or_else(|e| panic!("{e}\n{}", lab.told()));
    assert_eq!((lab.version("one").as_deref(), lab.version("two")), (Some("0.9"), None));
    let notes = lab.update(Way::Staged, &want).await.unwrap();
    assert_eq!(notes[0].as_deref(), Some("the packages are those from before"));
}

#[tokio::test]
async fn what_did_not_fit_before_is_no_reason_to_refuse() {
    let lab = Lab::new().await;
    lab.index.publish(Wheel::new("picky", "1.0").requires("one<1").build());
    lab.installed(&[("one", "1.0")]);
    lab.venv.pip_install(&lab.index, &["--no-deps", "picky"]).unwrap();
    lab.publish("two", "1.0");
    lab.update(Way::Staged, &lab.wants("two\n")).await.unwrap_or_else(|e| panic!("{e}\n{}", lab.told()));
    assert_eq!(lab.version("two").as_deref(), Some("1.0"));
}

#[tokio::test]
async fn a_new_module_that_cannot_be_imported_is_refused() {
    let lab = Lab::new().await;
    lab.installed(&[("one", "1.0")]);
    lab.index.publish(Wheel::new("one", "2.0").module("one/__init__.py", "import nowhere\n").build());
    let before = lab.venv.digest();
    let steps = lab.steps(Way::Staged, Beginning::Copy, &lab.wants("one==2.0\n"), &["one"]);
    let error = lab.run(&steps, 1).await.unwrap_err().message;
    assert_eq!(
        error,
        "Git Repo app: the new version of the Python module one cannot be imported (ModuleNotFoundError: No module \
         named 'nowhere'). Nothing was changed; tell the project"
    );
    assert_eq!(lab.venv.digest(), before);
}

#[tokio::test]
async fn a_pip_that_cannot_be_renewed_does_what_it_can() {
    let lab = Lab::new().await;
    lab.publish("one", "1.0");
    // An old one, as far as its own words go; the index has no other.
    let info = fs::read_dir(lab.venv.site_packages()).unwrap().map(|entry| entry.unwrap().path());
    let info = info.into_iter().find(|path| path.file_name().unwrap().to_string_lossy().starts_with("pip-")).unwrap();
    let metadata = fs::read_to_string(info.join("METADATA")).unwrap();
    let version = metadata.lines().find(|line| line.starts_with("Version: ")).unwrap().to_owned();
    fs::write(info.join("METADATA"), metadata.replace(&version, "Version: 20.3.4")).unwrap();
    lab.update(Way::Staged, &lab.wants("one\n")).await.unwrap_or_else(|e| panic!("{e}\n{}", lab.told()));
    assert_eq!(lab.version("one").as_deref(), Some("1.0"));
    assert!(lab.told().contains("Git Repo app: pip stays as old as it is: "), "{}", lab.told());
}

#[tokio::test]
async fn kept_environments_beyond_the_newest_go() {
    let lab = Lab::new().await;
    let place = lab.kept_place();
    let names = ["20260101T000000Z-a", "20260301T000000Z-c", "20260201T000000Z-b", "20250101T000000Z-x.leaving"];
    for name in names {
        fs::create_dir_all(place.join(name)).unwrap();
        fs::write(place.join(name).join("pyvenv.cfg"), "").unwrap();
    }
    let step = EnvironmentStep::Prune { env: lab.env(), kept: place.clone(), keep: 1 };
    let note = lab.perform(&step, false, None).await.unwrap();
    assert_eq!(note.as_deref(), Some("deleted 2 environments from before"));
    let left: Vec<_> = fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["20260301T000000Z-c"]);
}

#[tokio::test]
async fn what_a_given_up_run_left_is_kept_shown_and_goes_in_its_turn() {
    let lab = Lab::new().await;
    lab.installed(&[("one", "1.0")]);
    lab.publish("one", "2.0");
    let left = lab.path().join(".app-env.refit-new-r0");
    std::process::Command::new("cp").arg("-a").arg(lab.venv.path()).arg(&left).status().unwrap();
    std::fs::create_dir(left.join(".refit-work")).unwrap();
    std::fs::create_dir(lab.path().join(".app-env.refit-new-r00")).unwrap();
    let steps = lab.steps(Way::Staged, Beginning::Copy, &lab.wants("one==2.0\n"), &[]);
    lab.run(&steps[..4], 1).await.unwrap();
    let facts = lab.look(&EnvironmentFacts::default()).await;
    assert_eq!(facts.previous.len(), 2, "{:?}", facts.previous);
    assert!(lab.told().contains("what an earlier run left is kept as"), "{}", lab.told());
    assert!(!facts.previous[1].folder.join(".refit-work").exists());
    lab.run(&steps[4..], 1).await.unwrap();
    let facts = lab.look(&EnvironmentFacts::default()).await;
    assert_eq!(facts.previous.len(), 1);
    assert_eq!(facts.previous[0].folder, lab.old().folder());
    assert_eq!(lab.beside(), [".app-env.refit-previous", "app-env", "app-env.refit-kept", "home"]);
}
