//! Finds klipper and moonraker on this machine: they are managed without a section of their own (CONTRACT §4.5).
//!
//! Klipper is where the printer's socket says it runs from, else where it was last time, else `~/klipper`. Moonraker
//! cannot be asked, so it is looked for where every installer puts it: the repository `~/moonraker`, else the package in
//! `~/moonraker-env`. What is not there becomes an entry that says what was looked for (CONTRACT §8 row 9).
//! Refuses to: look inside a repository.

use std::path::{Path, PathBuf};

use refit_model::dependencies::Dependencies;
use refit_model::environment::EnvironmentSpec;
use refit_model::name::{BranchName, UpdaterName};
use refit_model::printer::PrinterIdentity;
use refit_model::python::name::ProjectName;
use refit_model::settings::{BuiltinOverride, Channel, Settings};
use refit_model::updater::Common;
use refit_model::updater::Spec;
use refit_model::updater::absent::AbsentSpec;
use refit_model::updater::git::GitSpec;
use refit_model::updater::python::PythonSpec;

use crate::python_package::installed;

/// Where to look.
#[derive(Debug, Clone)]
pub struct Whereabouts<'a> {
    /// The owner's home folder.
    pub home: &'a Path,
    /// What klippy said of itself, now or the last time it was there.
    pub identity: Option<&'a PrinterIdentity>,
    /// Debug mode: a detached HEAD is valid.
    pub debug: bool,
    /// How many environments from before stay for a rollback.
    pub keep_previous: u32,
    /// Folders that are known to have been repositories: one of these without `.git` is damaged, not absent.
    pub known_repositories: &'a [PathBuf],
}

/// One of the two, as published by its project.
struct Builtin {
    name: &'static str,
    origin: &'static str,
    moved_origin: Option<&'static str>,
    requirements: &'static str,
    system_dependencies: Option<&'static str>,
    install_script: Option<&'static str>,
}

const KLIPPER: Builtin = Builtin {
    name: "klipper",
    origin: "https://github.com/Klipper3d/klipper.git",
    moved_origin: Some("https://github.com/kevinoconnor/klipper.git"),
    requirements: "scripts/klippy-requirements.txt",
    system_dependencies: None,
    install_script: Some("scripts/install-octopi.sh"),
};

const MOONRAKER: Builtin = Builtin {
    name: "moonraker",
    origin: "https://github.com/arksine/moonraker.git",
    moved_origin: None,
    requirements: "scripts/moonraker-requirements.txt",
    system_dependencies: Some("scripts/system-dependencies.json"),
    install_script: None,
};

/// Moonraker and klipper, in the order of the status (CONTRACT §2.1).
#[must_use]
pub fn find(settings: &Settings, around: &Whereabouts<'_>) -> [Spec; 2] {
    [moonraker(&settings.builtin.moonraker, around), klipper(&settings.builtin.klipper, around)]
}

/// Klipper, from where the printer's socket says it runs, else from `~/klipper`.
#[must_use]
pub fn klipper(options: &BuiltinOverride, around: &Whereabouts<'_>) -> Spec {
    let told = |path: Option<&String>| path.map(PathBuf::from).filter(|path| path.is_absolute());
    let path = told(around.identity.and_then(|identity| identity.klipper_path.as_ref()));
    let python = told(around.identity.and_then(|identity| identity.python_path.as_ref()));
    let source = if path.is_some() { "told by the printer's socket" } else { "the usual place" };
    let path = path.unwrap_or_else(|| around.home.join("klipper"));
    let python = python.unwrap_or_else(|| around.home.join("klippy-env/bin/python"));
    let mut missing = missing_repository(&path, source, around);
    // A link that leads nowhere is an environment whose Python is gone: that can be mended.
    if python.symlink_metadata().is_err() {
        missing.push(format!("Klipper's Python was not found at {}", python.display()));
    }
    let environment = python.parent().and_then(Path::parent).map(Path::to_owned);
    build(&KLIPPER, path, environment, missing, options, around)
}

/// Moonraker, from `~/moonraker`, else from `~/moonraker-env`.
#[must_use]
pub fn moonraker(options: &BuiltinOverride, around: &Whereabouts<'_>) -> Spec {
    let path = around.home.join("moonraker");
    let missing = missing_repository(&path, "the usual place", around);
    let environment = Some(around.home.join("moonraker-env")).filter(|folder| folder.is_dir());
    if let (false, Some(folder)) = (missing.is_empty(), &environment)
        && let Some(package) = package(&MOONRAKER, folder, options, around)
    {
        return package;
    }
    build(&MOONRAKER, path, environment, missing, options, around)
}

/// What is wrong with a folder that should be a repository, a sentence each.
fn missing_repository(path: &Path, source: &str, around: &Whereabouts<'_>) -> Vec<String> {
    let path = resolved(path);
    if !path.is_dir() {
        vec![format!("No folder at {} ({source})", path.display())]
    } else if !path.join(".git").exists() && !around.known_repositories.contains(&path) {
        vec![format!("The folder {} ({source}) is not a git repository", path.display())]
    } else {
        Vec::new()
    }
}

fn resolved(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Installed as a package, when it is.
fn package(builtin: &Builtin, folder: &Path, options: &BuiltinOverride, around: &Whereabouts<'_>) -> Option<Spec> {
    let name = UpdaterName::new(builtin.name).ok()?;
    let project = ProjectName::new(builtin.name).ok()?;
    installed::look(folder, &project, None)?;
    let channel = options.channel.unwrap_or(Channel::Stable);
    Some(Spec::Python(PythonSpec {
        common: Common {
            dependencies: Dependencies {
                environment: Some(environment_spec(folder.to_owned(), around)),
                services: vec![builtin.name.to_owned()],
                health: options.health.clone(),
                ..Dependencies::default()
            },
            report_anomalies: options.report_anomalies,
            refresh_interval_hours: options.refresh_interval_hours,
            debug: around.debug,
            config_hash: format!("{}|{}|{}", folder.display(), channel.as_str(), options.refresh_interval_hours),
            ..Common::usual(name, channel)
        },
        project,
        extras: Vec::new(),
        primary_branch: None,
    }))
}

fn environment_spec(folder: PathBuf, around: &Whereabouts<'_>) -> EnvironmentSpec {
    EnvironmentSpec { folder, pip_environment: Vec::new(), venv_args: None, keep_previous: around.keep_previous }
}

fn build(
    builtin: &Builtin,
    path: PathBuf,
    environment: Option<PathBuf>,
    missing: Vec<String>,
    options: &BuiltinOverride,
    around: &Whereabouts<'_>,
) -> Spec {
    // Both names are fixed texts that satisfy their rules; a test asserts it.
    let (Ok(name), Ok(primary_branch)) = (UpdaterName::new(builtin.name), BranchName::new("master")) else {
        unreachable!("the built-in names are valid")
    };
    if !missing.is_empty() {
        let refresh_interval_hours = options.refresh_interval_hours;
        return Spec::Absent(AbsentSpec { name, looked_for: missing, refresh_interval_hours });
    }
    let path = resolved(&path);
    let channel = options.channel.unwrap_or(Channel::Dev);
    Spec::Git(GitSpec {
        common: Common {
            config_hash: format!(
                "{}|{}|{}|{}",
                path.display(),
                channel.as_str(),
                options.pinned_commit.as_deref().unwrap_or("-"),
                options.refresh_interval_hours
            ),
            report_anomalies: options.report_anomalies,
            refresh_interval_hours: options.refresh_interval_hours,
            debug: around.debug,
            dependencies: Dependencies {
                environment: environment.map(|folder| environment_spec(folder, around)),
                requirements: Some(PathBuf::from(builtin.requirements)),
                system_dependencies: builtin.system_dependencies.map(PathBuf::from),
                install_script: builtin.install_script.map(PathBuf::from),
                node: false,
                services: vec![builtin.name.to_owned()],
                keep_previous: around.keep_previous,
                health: options.health.clone(),
            },
            ..Common::usual(name, channel)
        },
        path,
        origin: builtin.origin.to_owned(),
        moved_origin: builtin.moved_origin.map(str::to_owned),
        primary_branch,
        pinned_commit: options.pinned_commit.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: BuiltinOverride = BuiltinOverride {
        channel: None,
        pinned_commit: None,
        refresh_interval_hours: 168,
        report_anomalies: true,
        hold: None,
        health: refit_model::health::HealthSpec::USUAL,
    };

    fn home() -> tempfile::TempDir {
        tempfile::tempdir().expect("a temporary folder")
    }

    fn make(home: &Path, folders: &[&str]) {
        for folder in folders {
            std::fs::create_dir_all(home.join(folder)).expect("a folder");
        }
    }

    fn around(home: &Path) -> Whereabouts<'_> {
        Whereabouts { home, identity: None, debug: false, keep_previous: 1, known_repositories: &[] }
    }

    fn warnings(spec: &Spec) -> String {
        match spec {
            Spec::Absent(spec) => spec.looked_for.join("; "),
            Spec::Git(spec) => panic!("found a repository at {}", spec.path.display()),
            Spec::Release(spec) => panic!("found a release at {}", spec.path.display()),
            Spec::Python(spec) => panic!("found a package called {}", spec.project),
            Spec::System(spec) => panic!("found the {}", spec.name),
        }
    }

    fn path(spec: &Spec) -> PathBuf {
        match spec {
            Spec::Git(spec) => spec.path.clone(),
            Spec::Release(spec) => panic!("found a release at {}", spec.path.display()),
            Spec::Python(spec) => panic!("found a package called {}", spec.project),
            Spec::System(spec) => panic!("found the {}", spec.name),
            Spec::Absent(spec) => panic!("not found: {:?}", spec.looked_for),
        }
    }

    #[test]
    fn what_is_not_there_says_what_was_looked_for() {
        let home = home();
        let at = home.path().display();
        assert_eq!(
            warnings(&klipper(&OPTIONS, &around(home.path()))),
            format!(
                "No folder at {at}/klipper (the usual place); Klipper's Python was not found at {at}/klippy-env/bin/python"
            )
        );
        make(home.path(), &["moonraker"]);
        assert_eq!(
            warnings(&moonraker(&OPTIONS, &around(home.path()))),
            format!("The folder {at}/moonraker (the usual place) is not a git repository")
        );
    }

    #[test]
    fn the_usual_places_are_found() {
        let home = home();
        make(home.path(), &["klipper/.git", "klippy-env/bin/python", "moonraker/.git"]);
        let around = around(home.path());
        assert_eq!(path(&klipper(&OPTIONS, &around)), resolved(&home.path().join("klipper")));
        assert_eq!(path(&moonraker(&OPTIONS, &around)), resolved(&home.path().join("moonraker")));
    }

    #[test]
    fn the_printers_word_wins() {
        let home = home();
        make(home.path(), &["klipper/.git", "klippy-env/bin/python", "elsewhere/kalico/.git", "elsewhere/python"]);
        let text = |below: &str| Some(home.path().join(below).display().to_string());
        let identity = PrinterIdentity {
            klipper_path: text("elsewhere/kalico"),
            python_path: text("elsewhere/python"),
            ..PrinterIdentity::default()
        };
        let around = Whereabouts { identity: Some(&identity), ..around(home.path()) };
        assert_eq!(path(&klipper(&OPTIONS, &around)), resolved(&home.path().join("elsewhere/kalico")));
    }

    #[test]
    fn moonraker_is_a_package_where_it_was_installed_as_one() {
        let home = home();
        let info = "moonraker-env/lib/python3.11/site-packages/moonraker-0.11.0.dist-info";
        make(home.path(), &[info, "moonraker-env/lib/python3.11/site-packages/moonraker_other-1.dist-info"]);
        assert!(matches!(moonraker(&OPTIONS, &around(home.path())), Spec::Absent(_)));
        std::fs::write(home.path().join(info).join("METADATA"), "Name: moonraker\nVersion: 0.11.0\n").expect("a file");
        let Spec::Python(spec) = moonraker(&OPTIONS, &around(home.path())) else { panic!("no package") };
        assert_eq!(
            (spec.common.name.as_str(), spec.project.as_str(), spec.common.channel),
            ("moonraker", "moonraker", Channel::Stable)
        );
        assert_eq!(spec.common.dependencies.services, ["moonraker"]);
        let folder = spec.common.dependencies.environment.map(|environment| environment.folder);
        assert_eq!(folder, Some(home.path().join("moonraker-env")));
        let beta = BuiltinOverride { channel: Some(Channel::Beta), ..OPTIONS };
        let Spec::Python(other) = moonraker(&beta, &around(home.path())) else { panic!("no package") };
        assert!(other.common.channel == Channel::Beta && other.common.config_hash != spec.common.config_hash);
        // A repository comes first.
        make(home.path(), &["moonraker/.git"]);
        assert_eq!(path(&moonraker(&OPTIONS, &around(home.path()))), resolved(&home.path().join("moonraker")));
    }

    #[test]
    fn a_repository_that_lost_its_git_folder_is_not_absent() {
        let home = home();
        make(home.path(), &["moonraker"]);
        let known = [resolved(&home.path().join("moonraker"))];
        let around = Whereabouts { known_repositories: &known, ..around(home.path()) };
        assert_eq!(path(&moonraker(&OPTIONS, &around)), known[0]);
    }
}
