//! Requirements that are more than a name and a version: other files, extras, folders of the software, repositories.

use std::fs;
use std::path::Path;

use refit_model::name::{CommitId, UpdaterName};
use refit_model::step::{Beginning, Content, GitTarget, RepoRef, Want};
use refit_testkit::git::{Commit, GitWorld};
use refit_testkit::venv::Venv;
use refit_testkit::wheels::Wheel;

use crate::lab::{FILE, Lab, Way};

/// Builds a package of one module out of the folder that it lies in, and needs nothing from anywhere.
const BACKEND: &str = r#"
import os, zipfile
NAME, VERSION = open('version').read().split()
INFO = f'{NAME}-{VERSION}.dist-info'
FILE = f'{NAME}-{VERSION}-py3-none-any.whl'
def pack(folder, files):
    files = dict(files)
    files[f'{INFO}/METADATA'] = f'Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n'
    files[f'{INFO}/WHEEL'] = 'Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n'
    record = ''.join(f'{path},,\n' for path in files) + f'{INFO}/RECORD,,\n'
    with zipfile.ZipFile(os.path.join(folder, FILE), 'w') as wheel:
        for path, text in [*files.items(), (f'{INFO}/RECORD', record)]:
            wheel.writestr(path, text)
    return FILE
def build_wheel(folder, config_settings=None, metadata_directory=None):
    return pack(folder, [(f'{NAME}.py', open(f'{NAME}.py').read())])
def build_editable(folder, config_settings=None, metadata_directory=None):
    return pack(folder, [(f'__editable__{NAME}.pth', os.getcwd() + '\n')])
"#;
const PROJECT: &str = "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n";

/// The files of a package, below a folder of a repository.
fn package(commit: Commit, folder: &str, name: &str, version: &str, module: &str) -> Commit {
    commit
        .file(&format!("{folder}pyproject.toml"), PROJECT)
        .file(&format!("{folder}backend.py"), BACKEND)
        .file(&format!("{folder}version"), format!("{name} {version}"))
        .file(&format!("{folder}{name}.py"), module)
}

fn wants(app: &Path, commit: &str) -> Want {
    let repo = RepoRef { updater: UpdaterName::new("app").unwrap(), path: app.to_owned() };
    let content = Content::Commit { repo, to: GitTarget::Commit(CommitId::new(commit).unwrap()) };
    Want::Requirements { content, file: FILE.into(), damaged: Vec::new(), again: false }
}

fn python(venv: &Venv, code: &str) -> String {
    venv.run_script("python", &["-c", code]).unwrap().trim().to_owned()
}

#[tokio::test]
async fn what_lies_in_the_software_itself_is_taken_from_the_wished_commit() {
    let lab = Lab::new().await;
    lab.installed(&[("one", "1.0")]);
    lab.index.publish(Wheel::new("rich", "1.0").extra("fast", &["quick"]).build());
    lab.publish("quick", "1.0");
    let world = GitWorld::new(lab.path().join("git"));
    let remote = world.remote("app");
    let first = package(Commit::new("first").file(FILE, "one\n"), "", "app", "1.0", "x = 1\n");
    remote.push("master", &first);
    let app = remote.clone_to(lab.app());
    let next = package(Commit::new("next"), "libs/local/", "local", "2.0", "x = 'from the commit'\n")
        .file(FILE, "-r more/base.txt\n./libs/local\n-e .\n")
        .file("scripts/more/base.txt", "one\nrich[fast]>=1\nnot-here; python_version < '3'\n")
        .file("version", "app 2.0");
    let next = remote.push("master", &next);
    lab.git_in(&app, &["fetch", "-q", "origin"]);
    let (before, status) = (lab.venv.digest(), lab.git_in(&app, &["status", "--porcelain", "--branch"]));

    let steps = lab.steps(Way::Staged, Beginning::Copy, &wants(&lab.app(), &next), &["local"]);
    lab.run(&steps[..3], 1).await.unwrap_or_else(|e| panic!("{e}\n{}", lab.told()));
    assert_eq!(lab.venv.digest(), before);
    assert_eq!(lab.git_in(&app, &["status", "--porcelain", "--branch"]), status, "the repository was touched");
    assert!(!lab.app().join("libs").exists());
    lab.run(&steps[3..], 1).await.unwrap();

    let installed = lab.venv.installed();
    for (name, version) in [("local", "2.0"), ("app", "2.0"), ("rich", "1.0"), ("quick", "1.0")] {
        assert_eq!(installed.get(name).map(String::as_str), Some(version), "{name}");
    }
    assert_eq!(python(&lab.venv, "import local; print(local.x)"), "from the commit");
    // Editable: what is imported is the software's folder in use, which was not switched yet.
    assert_eq!(python(&lab.venv, "import app; print(app.__file__)"), lab.app().join("app.py").display().to_string());
    assert!(!lab.venv.path().join(".refit-work").exists());
}

#[tokio::test]
async fn an_environment_within_the_software_works_as_well() {
    let lab = Lab::new().await;
    let world = GitWorld::new(lab.path().join("git"));
    let remote = world.remote("app");
    remote.push("master", &Commit::new("first").file(FILE, "").file(".gitignore", "env\n.env.refit*\n"));
    let app = remote.clone_to(lab.app());
    let next = package(Commit::new("next").file(FILE, "./\n"), "", "app", "2.0", "x = 2\n");
    let next = remote.push("master", &next);
    lab.git_in(&app, &["fetch", "-q", "origin"]);
    let mut lab = lab;
    lab.venv = Venv::make(&lab.path().join("home"), &lab.app().join("env")).unwrap_or_else(|e| panic!("{e:?}"));
    let steps = lab.steps(Way::Staged, Beginning::Copy, &wants(&lab.app(), &next), &["app"]);
    lab.run(&steps, 1).await.unwrap_or_else(|e| panic!("{e}\n{}", lab.told()));
    assert_eq!(python(&lab.venv, "import app; print(app.x)"), "2");
    assert!(!lab.app().join("app.py").exists(), "the software itself was switched");
}

#[tokio::test]
async fn another_commit_of_a_repository_is_another_package() {
    let lab = Lab::new().await;
    let world = GitWorld::new(lab.path().join("git"));
    let remote = world.remote("lib");
    let first = remote.push("master", &package(Commit::new("first"), "", "lib", "1.0", "x = 1\n"));
    // The version stays the same, as on most branches.
    let second = remote.push("master", &package(Commit::new("second"), "", "lib", "1.0", "x = 2\n"));
    let url = format!("git+file://localhost{}", remote.path().display());
    lab.update(Way::Staged, &lab.wants(&format!("lib @ {url}@{first}\n")))
        .await
        .unwrap_or_else(|e| panic!("{e}\n{}", lab.told()));
    assert_eq!(python(&lab.venv, "import lib; print(lib.x)"), "1");
    fs::remove_dir_all(lab.kept_place()).unwrap();
    lab.update(Way::Staged, &lab.wants(&format!("lib @ {url}@{second}\n")))
        .await
        .unwrap_or_else(|e| panic!("{e}\n{}", lab.told()));
    assert_eq!(python(&lab.venv, "import lib; print(lib.x)"), "2");
    let notes = lab.update(Way::Staged, &lab.wants(&format!("lib @ {url}@{second}\n"))).await.unwrap();
    assert!(notes[1].is_none(), "{notes:?}");

    let requirement = format!("lib @ {url}@{first}");
    let want =
        Want::Package { requirement: requirement.clone(), name: "lib".to_owned(), damaged: Vec::new(), again: false };
    fs::remove_dir_all(lab.kept_place()).unwrap();
    lab.update(Way::Staged, &want).await.unwrap_or_else(|e| panic!("{e}\n{}", lab.told()));
    assert_eq!(python(&lab.venv, "import lib; print(lib.x)"), "1");
    let facts = lab.look(&refit_model::environment::EnvironmentFacts::default()).await;
    assert!(facts.freeze.contains(&requirement), "{:?}", facts.freeze);
}

#[tokio::test]
async fn hashes_are_held_to() {
    let lab = Lab::new().await;
    let one = Wheel::new("one", "1.0").build();
    lab.index.publish(one.clone());
    lab.update(Way::Staged, &lab.wants(&one.hashed_requirement()))
        .await
        .unwrap_or_else(|e| panic!("{e}\n{}", lab.told()));
    assert_eq!(lab.version("one").as_deref(), Some("1.0"));
}
