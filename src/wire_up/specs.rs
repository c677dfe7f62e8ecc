//! Settings to specs: what Refit looks after, in the order of the status (CONTRACT §2.1).
//!
//! Refuses to: look at the software; whether a folder is there was asked by the settings and by `adapters::builtin`.

use std::path::{Path, PathBuf};

use refit_adapters::builtin::{self, Whereabouts};
use refit_model::dependencies::Dependencies;
use refit_model::environment::EnvironmentSpec;
use refit_model::name::{BranchName, UpdaterName};
use refit_model::python::name::ProjectName;
use refit_model::settings::{
    CommonSettings, Dependencies as Configured, GitSettings, Place, PythonEnv, PythonSettings, ReleaseSettings,
    Settings, UpdateManagerSettings, UpdaterKind, UpdaterSettings,
};
use refit_model::updater::Common;
use refit_model::updater::Spec;
use refit_model::updater::git::GitSpec;
use refit_model::updater::python::PythonSpec;
use refit_model::updater::release::{ReleaseKind, ReleaseSpec};
use refit_model::updater::system::SystemSpec;

/// What is looked after, and what is not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Specs {
    /// The system, moonraker and klipper first, then the configured ones.
    pub specs: Vec<Spec>,
    /// What is configured and not looked after, in the words of `server.info`.
    pub warnings: Vec<String>,
}

/// Builds them. Without `[update_manager]` nothing is looked after.
#[must_use]
pub fn build(settings: &Settings, around: &Whereabouts<'_>) -> Specs {
    let Some(all) = &settings.update_manager else { return Specs::default() };
    let mut built = Specs { specs: system(all).into_iter().collect(), warnings: Vec::new() };
    built.specs.extend(builtin::find(settings, around));
    for updater in &settings.updaters {
        if built.specs.iter().any(|other| *other.name() == updater.name) {
            built.warnings.push(format!(
                "[update_manager]: Failed to load extension {0}: the packages of the operating system are called {0}; call this \
                 section otherwise",
                updater.name
            ));
            continue;
        }
        match spec(updater, settings, around.debug) {
            Ok(mut spec) => {
                reserve(&mut spec, &built.specs);
                built.specs.push(spec);
            }
            Err(why) => {
                built.warnings.push(format!("[update_manager]: Failed to load extension {}: {why}", updater.name))
            }
        }
    }
    built
}

/// The packages of the operating system, unless the owner looks after them in another way.
fn system(all: &UpdateManagerSettings) -> Option<Spec> {
    let name = UpdaterName::new("system").ok().filter(|_| all.enable_system_updates)?;
    Some(Spec::System(SystemSpec {
        name,
        packagekit: all.enable_packagekit,
        refresh_interval_hours: all.refresh_interval_hours,
        config_hash: format!("{}|{}", all.enable_packagekit, all.refresh_interval_hours),
    }))
}

fn spec(updater: &UpdaterSettings, settings: &Settings, debug: bool) -> Result<Spec, String> {
    match &updater.kind {
        UpdaterKind::Git(git) => git_spec(updater, git, settings, debug).map(Spec::Git),
        UpdaterKind::Web(release) => {
            Ok(Spec::Release(release_spec(updater, release, ReleaseKind::Web, settings, debug)))
        }
        UpdaterKind::Zip(release) => {
            Ok(Spec::Release(release_spec(updater, release, ReleaseKind::Zip, settings, debug)))
        }
        UpdaterKind::Executable(release) => {
            Ok(Spec::Release(release_spec(updater, release, ReleaseKind::Executable, settings, debug)))
        }
        UpdaterKind::Python(python) => python_spec(updater, python, settings, debug).map(Spec::Python),
    }
}

/// What the configuration holds back, and where it says so.
#[must_use]
pub fn held(settings: &Settings) -> Vec<(UpdaterName, String)> {
    let words = |section: &str, place: &Place| format!("[{section}], {place}");
    let builtin = [("klipper", &settings.builtin.klipper), ("moonraker", &settings.builtin.moonraker)];
    let builtin = builtin.into_iter().filter_map(|(name, options)| {
        let section = format!("update_manager {name}");
        Some((UpdaterName::new(name).ok()?, words(&section, options.hold.as_ref()?)))
    });
    let others = settings
        .updaters
        .iter()
        .filter_map(|updater| Some((updater.name.clone(), words(&updater.section, updater.common.hold.as_ref()?))));
    builtin.chain(others).collect()
}

/// A folder that belongs to an updater before it is nobody else's to write to.
fn reserve(spec: &mut Spec, before: &[Spec]) {
    let Spec::Release(release) = spec else { return };
    let holds = |other: &Spec| match other {
        Spec::Git(git) => release.path.starts_with(&git.path),
        Spec::Release(other) => release.path.starts_with(&other.path),
        Spec::Python(_) | Spec::System(_) | Spec::Absent(_) => false,
    };
    release.reserved = before.iter().any(holds);
}

fn git_spec(updater: &UpdaterSettings, git: &GitSettings, settings: &Settings, debug: bool) -> Result<GitSpec, String> {
    let primary_branch = BranchName::new(&git.primary_branch).map_err(|error| error.to_string())?;
    let dependencies = dependencies(&git.dependencies, &updater.common, &git.path, settings.refit.keep_previous);
    Ok(GitSpec {
        common: common(updater, dependencies, debug),
        path: git.path.clone(),
        origin: git.origin.clone(),
        moved_origin: git.moved_origin.clone(),
        primary_branch,
        pinned_commit: git.pinned_commit.clone(),
    })
}

fn common(updater: &UpdaterSettings, dependencies: Dependencies, debug: bool) -> Common {
    let common = &updater.common;
    Common {
        name: updater.name.clone(),
        channel: common.channel,
        channel_invalid: common.channel_invalid,
        report_anomalies: common.report_anomalies,
        info_tags: common.info_tags.clone(),
        refresh_interval_hours: common.refresh_interval_hours,
        debug,
        dependencies,
        config_hash: updater.config_hash.clone(),
    }
}

fn release_spec(
    updater: &UpdaterSettings,
    release: &ReleaseSettings,
    kind: ReleaseKind,
    settings: &Settings,
    debug: bool,
) -> ReleaseSpec {
    let dependencies =
        dependencies(&release.dependencies, &updater.common, &release.path, settings.refit.keep_previous);
    ReleaseSpec {
        common: common(updater, dependencies, debug),
        kind,
        path: release.path.clone(),
        reserved: false,
        source: release.source.clone(),
        persistent_files: release.persistent_files.clone(),
        verify: release.verify.clone(),
        probe: release.probe.clone(),
        machine: std::env::consts::ARCH.to_owned(),
        keep_previous: settings.refit.keep_previous,
    }
}

fn python_spec(
    updater: &UpdaterSettings,
    python: &PythonSettings,
    settings: &Settings,
    debug: bool,
) -> Result<PythonSpec, String> {
    let primary_branch = python.primary_branch.as_deref().map(BranchName::new).transpose();
    let dependencies = Dependencies {
        environment: Some(environment(&python.python, settings.refit.keep_previous)),
        services: updater.common.managed_services.clone(),
        health: updater.common.health.clone(),
        ..Dependencies::default()
    };
    Ok(PythonSpec {
        common: common(updater, dependencies, debug),
        project: ProjectName::new(&python.project_name).map_err(|error| error.to_string())?,
        extras: python.extras.clone(),
        primary_branch: primary_branch.map_err(|error| error.to_string())?,
    })
}

fn dependencies(configured: &Configured, common: &CommonSettings, home: &Path, keep_previous: u32) -> Dependencies {
    let python = configured.python.as_ref();
    let relative = |file: &PathBuf| below(home, file);
    Dependencies {
        environment: python.map(|python| environment(python, keep_previous)),
        requirements: python.and_then(|python| python.requirements.as_ref()).and_then(relative),
        system_dependencies: configured.system_dependencies.as_ref().and_then(relative),
        install_script: configured.install_script.as_ref().and_then(relative),
        node: configured.enable_node_updates,
        services: common.managed_services.clone(),
        keep_previous,
        health: common.health.clone(),
    }
}

fn environment(python: &PythonEnv, keep_previous: u32) -> EnvironmentSpec {
    EnvironmentSpec {
        folder: python.location.folder(),
        pip_environment: python.pip_environment.clone(),
        venv_args: python.venv_args.clone(),
        keep_previous,
    }
}

/// A file's path below the repository; none when it lies elsewhere, where no update of the repository changes it.
fn below(repository: &Path, file: &Path) -> Option<PathBuf> {
    file.strip_prefix(repository).ok().map(Path::to_owned)
}
