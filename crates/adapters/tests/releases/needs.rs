//! A zip application whose environment lies in its own folder, as several have it. Nothing can be shown elsewhere here, so
//! pip works in place: behind the exchange of the folder.

use refit_engine::ports::Look;
use refit_model::dependencies::Dependencies;
use refit_model::environment::{EnvironmentSpec, EnvironmentState};
use refit_model::plan::{Action, Occasion, Verdict, plan};
use refit_model::updater::release::{ReleaseFacts, ReleaseKind};
use refit_model::updater::{Facts, Spec};
use refit_testkit::index::PackageIndex;
use refit_testkit::releases::{Release, release_info};
use refit_testkit::venv::Venv;
use refit_testkit::wheels::Wheel;
use refit_testkit::zip::ZipBuilder;

use crate::lab::{Lab, zip};

struct Needs {
    lab: Lab,
    index: PackageIndex,
    venv: Venv,
}

impl Needs {
    /// With version 1 and its packages installed, and version 2 published, which asks for others.
    async fn new() -> Self {
        let mut lab = Lab::empty(ReleaseKind::Zip).await;
        let index = PackageIndex::start();
        for (name, version) in [("one", "1.0"), ("one", "2.0"), ("Two_Words", "1.0")] {
            index.publish(Wheel::new(name, version).build());
        }
        let one = zip("v1", &[("requirements.txt", "one==1.0\n")]);
        let two = zip("v2", &[("requirements.txt", "-r more.txt\n"), ("more.txt", "one==2.0\nTwo_Words\n")]);
        for (version, zip) in [("v1", one.clone()), ("v2", two)] {
            lab.forge.publish("own", "app", Release::new(version).named(version).file("app.zip", zip));
        }
        lab.install(&one);
        let venv = Venv::make(&lab.root.join("home"), &lab.live(".venv")).unwrap_or_else(|e| panic!("{e:?}"));
        venv.pip_install(&index, &["one==1.0"]).unwrap_or_else(|e| panic!("{e}"));
        let variables = venv.environment(Some(&index)).into_iter().filter(|(name, _)| name.starts_with("PIP_"));
        let pip_environment = variables.map(|(name, value)| (name, value.into_string().unwrap())).collect();
        let folder = lab.live(".venv");
        let environment = Some(EnvironmentSpec { folder, pip_environment, venv_args: None, keep_previous: 1 });
        lab.spec.common.dependencies =
            Dependencies { environment, requirements: Some("requirements.txt".into()), ..Dependencies::default() };
        lab.spec.persistent_files = vec![".venv".to_owned()];
        Self { lab, index, venv }
    }

    fn versions(&self) -> [Option<String>; 2] {
        let installed = self.venv.installed();
        ["one", "two-words"].map(|name| installed.get(name).cloned())
    }

    /// What a plan would say.
    async fn notes(&self, before: &ReleaseFacts, look: Look) -> Vec<String> {
        let facts = Facts::Release(Box::new(self.lab.look(before, look).await));
        let occasion = Occasion { now: 1, mark: "m".to_owned(), application: "app".to_owned(), ..Occasion::default() };
        match plan(Action::Upgrade, &Spec::Release(self.lab.spec.clone()), &facts, &occasion) {
            Ok(Verdict::Do(plan)) => plan.notes,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_the_new_version_asks_for_is_installed_and_taken_back_without_a_network() {
    let needs = Needs::new().await;
    let facts = needs.lab.done(&needs.lab.refreshed().await, Action::Upgrade).await;
    assert_eq!(needs.versions(), [Some("2.0".to_owned()), Some("1.0".to_owned())], "{:#?}", needs.lab.told());
    needs.venv.pip_check().unwrap();
    let told = needs.lab.told().join("\n");
    assert!(told.contains("Python packages: one 1.0 -> 2.0, two-words 1.0, new"), "{told}");
    let kept = facts.dependencies.environment.as_ref().unwrap();
    assert_eq!(kept.previous.len(), 1);
    let ours: Vec<_> = needs.lab.beside().into_iter().filter(|name| name.contains("app")).collect();
    assert_eq!(ours, [".app-.venv.refit-previous", ".app.refit-previous", "app"]);
    needs.index.down();
    let facts = needs.lab.done(&facts, Action::Rollback).await;
    assert_eq!(needs.versions(), [Some("1.0".to_owned()), None], "{:#?}", needs.lab.told());
    assert_eq!(facts.dependencies.environment.unwrap().state, EnvironmentState::Sound);
}

#[tokio::test]
async fn one_whose_python_is_gone_is_built_again() {
    let needs = Needs::new().await;
    let facts = needs.lab.done(&needs.lab.refreshed().await, Action::Upgrade).await;
    needs.venv.break_interpreter();
    let facts = needs.lab.look(&facts, Look::Local).await;
    let facts = needs.lab.done(&facts, Action::SoftRecovery).await;
    assert_eq!(facts.dependencies.environment.unwrap().state, EnvironmentState::Sound, "{:#?}", needs.lab.told());
    assert_eq!(needs.versions(), [Some("2.0".to_owned()), Some("1.0".to_owned())]);
}

#[tokio::test]
async fn a_plan_names_the_packages_of_a_release_that_is_not_here_yet() {
    let needs = Needs::new().await;
    let facts = needs.lab.refreshed().await;
    let named = "Python packages: one 1.0 -> 2.0, two-words 1.0, new".to_owned();
    let notes = needs.notes(&facts, Look::Preview(Action::Upgrade)).await;
    assert!(notes.contains(&named), "{notes:#?}");
    // Of a large one, only what is asked for is fetched.
    let noise: Vec<u8> = (0..3_u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let info = release_info("own", "app", "v3", "app.zip");
    let large = ZipBuilder::new()
        .file("release_info.json", info)
        .file("requirements.txt", "one==2.0\nTwo_Words\n")
        .file("noise", noise)
        .stored();
    needs.lab.forge.publish("own", "app", Release::new("v3").named("v3").file("app.zip", large.build()));
    let facts = needs.lab.look(&facts, Look::Remote).await;
    let notes = needs.notes(&facts, Look::Preview(Action::Upgrade)).await;
    assert!(notes.contains(&named), "{notes:#?}");
    let left: Vec<_> = std::fs::read_dir(needs.lab.root.join("state/downloads")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    // A run finds out on its way, and says so.
    let notes = needs.notes(&facts, Look::Survey(Action::Upgrade)).await;
    let begin = "Which Python packages change stands in the new version itself";
    assert!(notes.iter().any(|note| note.starts_with(begin)), "{notes:#?}");
}
