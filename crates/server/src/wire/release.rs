//! The public JSON shape of a `web`, `zip` or `executable` entry (CONTRACT §3.3), keys in the order clients know.
//! Refuses to: decide anything; a shape says what the model says.

use refit_model::updater::git::Kept;
use refit_model::updater::release::{Previous, ReleaseAssessment};
use serde::Serialize;

use super::dependencies::{EnvironmentExtras, environment};
use super::hold::Holding;

/// The entry.
#[derive(Serialize)]
pub(super) struct ReleaseEntry<'a> {
    channel: &'static str,
    debug_enabled: bool,
    channel_invalid: bool,
    is_valid: bool,
    configured_type: &'static str,
    info_tags: &'a [String],
    name: &'a str,
    repo_name: &'a str,
    owner: &'a str,
    version: &'a str,
    remote_version: Option<&'a str>,
    rollback_version: &'a str,
    last_error: &'a str,
    warnings: &'a [String],
    anomalies: &'a [String],
    refit: ReleaseExtras<'a>,
}

/// What Refit adds. Times are seconds since 1970, sizes bytes.
#[derive(Serialize)]
struct ReleaseExtras<'a> {
    last_refresh: i64,
    last_good_answer: Option<i64>,
    /// Not asked again before: the forge's rate limit.
    not_before: Option<i64>,
    update_available: bool,
    release: Option<ReleaseNews<'a>>,
    /// How the installed version's download was verified; null when Refit did not install it.
    verified: Option<&'a str>,
    previous: &'a [Previous],
    kept: &'a [Kept],
    environment: Option<EnvironmentExtras<'a>>,
    #[serde(flatten)]
    holding: Holding<'a>,
}

/// The newest release of the channel.
#[derive(Serialize)]
struct ReleaseNews<'a> {
    tag: &'a str,
    name: Option<&'a str>,
    prerelease: bool,
    published_at: Option<&'a str>,
    page: Option<&'a str>,
    notes: &'a str,
    /// The file that would be installed, and why that one; or why none.
    asset: Option<&'a str>,
    size: Option<u64>,
    sha256: Option<&'a str>,
    why: String,
}

impl<'a> From<(&'a ReleaseAssessment, Holding<'a>)> for ReleaseEntry<'a> {
    fn from((release, holding): (&'a ReleaseAssessment, Holding<'a>)) -> Self {
        Self {
            channel: release.channel.as_str(),
            debug_enabled: release.debug_enabled,
            channel_invalid: release.channel_invalid,
            is_valid: release.is_valid,
            configured_type: release.kind.as_str(),
            info_tags: &release.info_tags,
            name: release.name.as_str(),
            repo_name: &release.repo_name,
            owner: &release.owner,
            version: &release.version,
            remote_version: release.remote_version.as_deref(),
            rollback_version: &release.rollback_version,
            last_error: &release.last_error,
            warnings: &release.warnings,
            anomalies: &release.anomalies,
            refit: ReleaseExtras {
                last_refresh: release.last_refresh,
                last_good_answer: release.last_good_answer,
                not_before: release.not_before,
                update_available: release.update_available,
                release: news(release),
                verified: release.verified.as_deref(),
                previous: &release.previous,
                kept: &release.kept,
                environment: environment(&release.dependencies),
                holding,
            },
        }
    }
}

fn news(assessment: &ReleaseAssessment) -> Option<ReleaseNews<'_>> {
    let release = assessment.release.as_ref()?;
    let (asset, why) = match assessment.choice.as_ref()? {
        Ok(choice) => (Some(&choice.asset), choice.why.clone()),
        Err(none) => (None, none.to_string()),
    };
    Some(ReleaseNews {
        tag: &release.tag,
        name: release.name.as_deref(),
        prerelease: release.prerelease,
        published_at: release.published_at.as_deref(),
        page: release.page.as_deref(),
        notes: &release.notes,
        asset: asset.map(|asset| asset.name.as_str()),
        size: asset.and_then(|asset| asset.size),
        sha256: asset.and_then(|asset| asset.sha256.as_deref()),
        why,
    })
}
