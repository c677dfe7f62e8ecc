//! Real npm against a pretend registry.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use refit_engine::ports::Tell;
use refit_model::name::{RunId, UpdaterName};
use refit_testkit::npm::{self, Package, Project, Registry};
use refit_testkit::scratch::scratch;

use super::*;
use crate::git::Git;
use crate::release;

struct World {
    root: PathBuf,
    registry: Registry,
    surroundings: Surroundings,
    git: Git,
    told: Arc<Mutex<Vec<String>>>,
    _root: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let place = scratch();
        let root = fs::canonicalize(place.path()).unwrap();
        for folder in ["home", "app", "next"] {
            fs::create_dir(root.join(folder)).unwrap();
        }
        let npm = npm::Npm::find(&root.join("home")).unwrap();
        let registry = Registry::start();
        for (name, version) in [("mesh", "1.0.0"), ("mesh", "1.1.0"), ("tools", "3.0.0")] {
            registry.publish(&Package::new(name, version));
        }
        registry.publish(&Package::new("native", "1.0.0").install_fails("no compiler here"));
        let environment = npm.environment(&registry).into_iter().map(|(name, value)| (name.into(), value));
        let (path, passed_on): (Vec<_>, Vec<_>) =
            environment.partition(|(name, _): &(std::ffi::OsString, _)| name == "PATH");
        let passed_on = passed_on.into_iter().filter(|(name, _)| name != "HOME" && name != "LC_ALL").collect();
        let surroundings =
            Surroundings { home: root.join("home"), path: path.into_iter().next().unwrap().1, passed_on };
        let git = Git::find(surroundings.clone()).await.unwrap();
        Self { root, registry, surroundings, git, told: Arc::default(), _root: place }
    }

    /// Makes a folder's files those of a version that needs `mesh`.
    fn version(&self, folder: &str, mesh: &str) -> PathBuf {
        let folder = self.root.join(folder);
        let project = Project::new("panel", "1.0.0").depends("mesh", mesh).dev_depends("tools", "3.0.0");
        self.registry.write(&project, &folder);
        folder
    }

    fn hand(&self) -> Npm {
        Npm::new(self.surroundings.clone())
    }

    fn contents(&self) -> Contents<'_> {
        Contents::new(&self.git, Arc::new(|_| {}), FaultPlan::none())
    }

    fn circumstance(&self, witness: Option<Witness>) -> Circumstance {
        let told = Arc::clone(&self.told);
        let tell: Tell = Arc::new(move |line| told.lock().unwrap().push(line.to_owned()));
        Circumstance { run: RunId(7), again: false, rebooted: false, witness, tell }
    }

    fn next(&self) -> Content {
        Content::Live { path: self.root.join("next") }
    }

    async fn stage(&self, content: Content, stage: &Path) -> Result<Option<String>, String> {
        let step = NodeStep::Stage {
            updater: UpdaterName::new("panel").unwrap(),
            title: "Git Repo panel".to_owned(),
            content,
            stage: stage.to_owned(),
        };
        let done = self.hand().act(&step, &self.contents(), &self.circumstance(None)).await;
        done.map_err(|error| {
            assert!(!error.command_failed);
            error.message
        })
    }

    async fn survey(&self, previous: Option<&Path>) -> NodeSurvey {
        self.hand().survey(&self.contents(), Some(&self.next()), &self.root.join("app"), previous).await
    }

    fn exchange(&self, old: &Path) -> NodeStep {
        NodeStep::Exchange {
            updater: UpdaterName::new("panel").unwrap(),
            live: self.root.join("app/node_modules"),
            stage: self.root.join("stage/node_modules"),
            old: OldFolder::Previous { version: "1".to_owned(), folder: old.to_owned() },
        }
    }

    fn mesh(&self, folder: &str) -> String {
        fs::read_to_string(self.root.join(folder).join("node_modules/mesh/index.js")).unwrap_or_default()
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn packages_are_installed_beside_exchanged_and_put_back() {
    let world = World::new().await;
    world.version("next", "1.0.0");
    let fresh = world.survey(None).await;
    assert_eq!((fresh.known, fresh.needed, fresh.changes), (true, true, vec!["mesh 1.0.0".to_owned()]));
    let (stage, old) = (world.root.join("stage"), world.root.join("kept/old"));
    for _ in 0..2 {
        assert_eq!(world.stage(world.next(), &stage).await, Ok(None));
        assert_eq!(names(&stage), ["node_modules"]);
    }
    assert!(!stage.join("node_modules/tools").exists(), "what is for developing stays out");
    assert!(world.told.lock().unwrap().join("\n").contains("added 1 package"));
    let (hand, step) = (world.hand(), world.exchange(&old));
    let witness = hand.witness(&step).await;
    for _ in 0..2 {
        hand.act(&step, &world.contents(), &world.circumstance(witness.clone())).await.unwrap();
        assert!(world.mesh("app").contains("1.0.0") && !stage.exists());
    }
    assert!(!world.survey(None).await.needed);

    world.version("next", "1.1.0");
    let newer = world.survey(None).await;
    assert_eq!((newer.needed, newer.changes), (true, vec!["mesh 1.0.0 -> 1.1.0".to_owned()]));
    world.stage(world.next(), &stage).await.unwrap();
    let witness = hand.witness(&step).await;
    let note = hand.act(&step, &world.contents(), &world.circumstance(witness.clone())).await.unwrap().unwrap();
    assert_eq!(note, format!("the old Node packages are kept as {}", old.display()));
    assert!(world.mesh("app").contains("1.1.0"));
    world.version("next", "1.0.0");
    assert_eq!(world.survey(Some(&old)).await.sound_previous, Some(old.clone()));
    assert_eq!(world.survey(Some(&world.root.join("app/node_modules"))).await.sound_previous, None);
    let NodeStep::Exchange { live, stage: prepared, old: place, .. } = &step else { panic!("an exchange") };
    let before = witness.map(|witness| serde_json::from_value(witness).unwrap());
    for _ in 0..2 {
        release::exchange::exchange_back(live, prepared, place, before).unwrap();
        assert!(world.mesh("app").contains("1.0.0") && world.mesh("stage").contains("1.1.0"));
    }
}

#[tokio::test]
async fn what_npm_says_is_told_and_nothing_else_changes() {
    let world = World::new().await;
    let stage = world.root.join("stage");
    let project = Project::new("panel", "1.0.0").depends("native", "1.0.0");
    world.registry.write(&project, &world.root.join("next"));
    let error = world.stage(world.next(), &stage).await.unwrap_err();
    assert!(
        error.starts_with(
            "Git Repo panel: its Node packages could not be installed: native could not be built: `node install.js` failed."
        ),
        "{error}"
    );
    world.version("next", "1.1.0");
    world.registry.remove("mesh", "1.1.0");
    let error = world.stage(world.next(), &stage).await.unwrap_err();
    assert!(error.contains("Not Found - GET ") && error.contains("mesh"), "{error}");
    world.registry.publish(&Package::new("late", "1.0.0"));
    fs::write(world.root.join("next/package.json"), r#"{"dependencies": {"late": "1.0.0"}}"#).unwrap();
    let error = world.stage(world.next(), &stage).await.unwrap_err();
    assert!(error.contains("package.json and package-lock.json do not fit together (Missing: late@1.0.0"), "{error}");
    world.version("next", "1.0.0");
    world.registry.down();
    let error = world.stage(world.next(), &stage).await.unwrap_err();
    assert!(error.contains("reason: "), "{error}");
    let nowhere = Surroundings { path: world.root.join("home").into(), ..world.surroundings.clone() };
    let step = NodeStep::Stage {
        updater: UpdaterName::new("panel").unwrap(),
        title: "Git Repo panel".to_owned(),
        content: world.next(),
        stage,
    };
    let error = Npm::new(nowhere).act(&step, &world.contents(), &world.circumstance(None)).await.unwrap_err().message;
    assert!(error.ends_with("type: sudo apt-get install npm"), "{error}");
    assert!(names(&world.root.join("app")).is_empty());
}

#[tokio::test]
async fn files_that_a_version_lacks_or_refers_to() {
    let world = World::new().await;
    let (next, stage) = (world.root.join("next"), world.root.join("stage"));
    let note = world.stage(world.next(), &stage).await.unwrap().unwrap();
    assert_eq!(note, "this version has no package-lock.json, so it names no Node packages");
    let survey = world.survey(None).await;
    assert_eq!((survey.known, survey.needed), (true, false));
    let step = world.exchange(&world.root.join("old"));
    let witness = world.hand().witness(&step).await;
    assert_eq!(witness, None, "what was not prepared is not put back either");
    let done = world.hand().act(&step, &world.contents(), &world.circumstance(witness)).await.unwrap();
    assert_eq!(done.as_deref(), Some("there are no Node packages"));

    fs::write(next.join("package-lock.json"), "{").unwrap();
    assert!(!world.survey(None).await.known);
    assert!(
        world
            .stage(world.next(), &stage)
            .await
            .unwrap_err()
            .contains("package-lock.json of this version cannot be used")
    );
    fs::write(
        next.join("package-lock.json"),
        r#"{"packages": {"parts/one": {}, "node_modules/one": {"resolved": "parts/one", "link": true}}}"#,
    )
    .unwrap();
    fs::write(next.join("package.json"), "{}").unwrap();
    let error = world.stage(world.next(), &stage).await.unwrap_err();
    assert!(error.contains("its Node packages one are folders of the software itself"), "{error}");
    assert!(!stage.exists());

    // Its own scripts would find none of its files; those of a whole folder do.
    world.version("next", "1.0.0");
    let manifest = fs::read_to_string(next.join("package.json")).unwrap();
    let manifest =
        manifest.replacen('{', r#"{"scripts": {"postinstall": "test -f here && touch ran", "start": "x"},"#, 1);
    fs::write(next.join("package.json"), manifest).unwrap();
    fs::write(next.join(".npmrc"), "fund=false\n").unwrap();
    fs::write(next.join("here"), "").unwrap();
    let note = world.stage(world.next(), &stage).await.unwrap();
    assert_eq!(note.as_deref(), Some("its own scripts are not run: postinstall"));
    let whole = Content::Stage { stage: next.clone(), live: world.root.join("app") };
    assert_eq!(world.stage(whole, &next).await, Ok(None));
    assert!(names(&next).contains(&"ran".to_owned()) && world.mesh("next").contains("1.0.0"));
}
