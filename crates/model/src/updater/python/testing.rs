//! Values for the tests of this folder.

use serde_json::json;

use super::{InstalledPackage, Offer, PythonFacts, PythonSpec, RemotePackage};
use crate::dependencies::{Dependencies, DependencyFacts};
use crate::environment::{EnvironmentFacts, EnvironmentSpec, EnvironmentState};
use crate::name::UpdaterName;
use crate::python::name::ProjectName;
use crate::settings::Channel;
use crate::updater::Common;

pub(super) const COMMIT: &str = "985c1d0b00000000000000000000000000000000";

pub(super) fn spec() -> PythonSpec {
    let environment = EnvironmentSpec {
        folder: "/home/pi/env".into(),
        pip_environment: Vec::new(),
        venv_args: None,
        keep_previous: 1,
    };
    PythonSpec {
        common: Common {
            dependencies: Dependencies {
                environment: Some(environment),
                services: vec!["tool".to_owned()],
                ..Dependencies::default()
            },
            config_hash: "one".to_owned(),
            ..Common::usual(UpdaterName::new("tool").unwrap(), Channel::Stable)
        },
        project: ProjectName::new("My_Tool").unwrap(),
        extras: Vec::new(),
        primary_branch: None,
    }
}

/// Installed from an index, whose last answer is this.
pub(super) fn facts(version: &str, offered: Option<&str>) -> PythonFacts {
    let environment = EnvironmentFacts { state: EnvironmentState::Sound, ..EnvironmentFacts::default() };
    PythonFacts {
        installed: Some(InstalledPackage { version: Some(version.to_owned()), ..InstalledPackage::default() }),
        remote: RemotePackage {
            last_good: Some(1),
            offer: offered.map(|version| Offer { version: version.to_owned(), ..Offer::default() }),
            ..RemotePackage::default()
        },
        dependencies: DependencyFacts { environment: Some(environment), ..DependencyFacts::default() },
        ..PythonFacts::default()
    }
}

/// The same, installed from a repository on GitHub.
pub(super) fn from_github(version: &str) -> PythonFacts {
    let mut facts = facts(version, None);
    facts.remote.last_good = None;
    if let Some(installed) = &mut facts.installed {
        installed.direct_url = Some(json!({
            "url": "https://github.com/own/rep.git",
            "vcs_info": { "vcs": "git", "commit_id": COMMIT, "requested_revision": "main" },
        }));
    }
    facts
}

pub(super) fn tag(tag: &str) -> Offer {
    Offer { version: tag.to_owned(), tag: Some(tag.to_owned()), ..Offer::default() }
}
