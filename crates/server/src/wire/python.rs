//! The public JSON shape of a `python` entry (CONTRACT §3.4), keys in the order clients know.
//! Refuses to: decide anything; a shape says what the model says.

use refit_model::updater::python::{Offer, PythonAssessment};
use serde::Serialize;

use super::dependencies::{EnvironmentExtras, environment};
use super::hold::Holding;

/// The entry. `anomalies` is as the documentation has it; Moonraker leaves it out (CONTRACT §3.6 row 9).
#[derive(Serialize)]
pub(super) struct PythonEntry<'a> {
    channel: &'static str,
    debug_enabled: bool,
    channel_invalid: bool,
    is_valid: bool,
    configured_type: &'static str,
    info_tags: &'a [String],
    detected_type: &'static str,
    name: &'a str,
    branch: Option<&'a str>,
    owner: &'a str,
    repo_name: &'a str,
    version: &'a str,
    remote_version: &'a str,
    rollback_version: &'a str,
    current_hash: &'a str,
    remote_hash: &'a str,
    is_dirty: bool,
    changelog_url: &'a str,
    full_version_string: &'a str,
    pristine: bool,
    warnings: &'a [String],
    anomalies: &'a [String],
    refit: PythonExtras<'a>,
}

/// What Refit adds. Times are seconds since 1970.
#[derive(Serialize)]
struct PythonExtras<'a> {
    last_refresh: i64,
    last_good_answer: Option<i64>,
    remote_error: Option<&'a str>,
    /// Not asked again before: the forge's rate limit.
    not_before: Option<i64>,
    update_available: bool,
    offer: Option<&'a Offer>,
    /// Why nothing newer fits.
    passed_by: Option<&'a str>,
    environment: Option<EnvironmentExtras<'a>>,
    #[serde(flatten)]
    holding: Holding<'a>,
}

impl<'a> From<(&'a PythonAssessment, Holding<'a>)> for PythonEntry<'a> {
    fn from((python, holding): (&'a PythonAssessment, Holding<'a>)) -> Self {
        Self {
            channel: python.channel.as_str(),
            debug_enabled: python.debug_enabled,
            channel_invalid: python.channel_invalid,
            is_valid: python.is_valid,
            configured_type: "python",
            info_tags: &python.info_tags,
            detected_type: "python_package",
            name: python.name.as_str(),
            branch: python.branch.as_deref(),
            owner: &python.owner,
            repo_name: &python.repo_name,
            version: &python.version,
            remote_version: &python.remote_version,
            rollback_version: &python.rollback_version,
            current_hash: &python.current_hash,
            remote_hash: &python.remote_hash,
            is_dirty: python.is_dirty,
            changelog_url: &python.changelog_url,
            full_version_string: &python.full_version_string,
            pristine: !python.is_dirty,
            warnings: &python.warnings,
            anomalies: &python.anomalies,
            refit: PythonExtras {
                last_refresh: python.last_refresh,
                last_good_answer: python.last_good_answer,
                remote_error: python.remote_error.as_deref(),
                not_before: python.not_before,
                update_available: python.update_available,
                offer: python.offer.as_ref(),
                passed_by: python.passed_by.as_deref(),
                environment: environment(&python.dependencies),
                holding,
            },
        }
    }
}
