//! pip itself is asked what it would install, where its configuration leaves no other way.
//! Refuses to: let it install anything.

use std::time::Duration;

use refit_model::environment::EnvironmentSpec;
use refit_model::python::name::ProjectName;
use refit_model::updater::python::Offer;
use serde::Deserialize;
use thiserror::Error;

use super::page::unquoted;
use crate::command::{Command, CommandError, Limits, Outcome, Surroundings};
use crate::python::layout;
use crate::python::pip::without_logins;

/// pip may have to build the metadata of sources.
const LIMITS: Limits = Limits {
    total: Some(Duration::from_secs(1800)),
    stall: Some(Duration::from_secs(300)),
    work_moves: true,
    grace: Duration::from_secs(5),
    stdout: 16 * 1024 * 1024,
};

/// Why pip did not say.
#[derive(Debug, Error)]
pub(super) enum PipError {
    /// It could not be run.
    #[error(transparent)]
    Run(#[from] CommandError),
    /// It failed, in its own words.
    #[error("pip could not tell what is newest: {0}")]
    Failed(String),
    /// Its report is none.
    #[error("pip's report is not understood ({0}); a pip from before 22.2 makes none")]
    NotUnderstood(#[from] serde_json::Error),
}

#[derive(Deserialize)]
struct Report {
    #[serde(default)]
    install: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    metadata: Metadata,
    #[serde(default)]
    download_info: Option<DownloadInfo>,
}

#[derive(Deserialize)]
struct Metadata {
    version: String,
}

#[derive(Deserialize)]
struct DownloadInfo {
    url: String,
}

/// What pip would install in place of what is installed; none when it would install nothing.
///
/// # Errors
/// [`PipError`].
pub(super) async fn newest(
    environment: &EnvironmentSpec,
    surroundings: &Surroundings,
    project: &ProjectName,
    pre: bool,
) -> Result<Option<Offer>, PipError> {
    let pip = ["-m", "pip", "install", "--dry-run", "--no-deps", "--quiet", "--report", "-", "-U"];
    let mut command = Command::new(layout::python(&environment.folder), surroundings).args(pip).limits(LIMITS);
    if pre {
        command = command.arg("--pre");
    }
    for (name, value) in &environment.pip_environment {
        command = command.env(name, value);
    }
    let asked = command
        .env("PIP_NO_INPUT", "1")
        // It tells that it reaches nobody when it tries again, and only then.
        .env("PIP_RETRIES", "1")
        .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
        .arg(project.as_str())
        .gentle()
        .run()
        .await?;
    if !asked.success() {
        return Err(PipError::Failed(reason(&asked)));
    }
    let report: Report = serde_json::from_slice(&asked.stdout)?;
    let Some(item) = report.install.into_iter().next() else {
        // pip keeps what it has when it reaches nobody, and ends well.
        return match unreached(&asked) {
            Some(line) => Err(PipError::Failed(line)),
            None => Ok(None),
        };
    };
    let url = item.download_info.map(|info| info.url).unwrap_or_default();
    let file = url.split(['#', '?']).next().and_then(|url| url.rsplit('/').next()).map(unquoted);
    let file = file.filter(|file| !file.is_empty());
    let builds = file.as_ref().is_some_and(|file| !file.ends_with(".whl"));
    Ok(Some(Offer { version: item.metadata.version, file, builds, ..Offer::default() }))
}

/// The line in which pip says why.
fn reason(asked: &Outcome) -> String {
    let said = asked.stderr_text();
    let line = said.lines().rfind(|line| line.starts_with("ERROR:")).or_else(|| said.lines().next_back());
    line.map_or_else(|| asked.ended.to_string(), |line| without_logins(line.trim_start_matches("ERROR:").trim()))
}

fn unreached(asked: &Outcome) -> Option<String> {
    let said = asked.stderr_text();
    let line = said.lines().rfind(|line| line.contains("Could not fetch URL") || line.contains("Retrying ("))?;
    Some(without_logins(line.trim_start_matches("WARNING:").trim()))
}
