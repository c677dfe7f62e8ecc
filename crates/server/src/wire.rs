//! The public JSON shapes, each made from model types by one function, keys in the order clients know (CONTRACT §3).
//! What Refit adds stands under one key `refit`. Frozen by tests with the expected texts.
//! Refuses to: decide anything; a shape says what the model says.

use refit_engine::snapshot::Snapshot;
use refit_model::event::RunMessage;
use refit_model::updater::Assessment;
use refit_model::updater::absent::AbsentAssessment;
use refit_model::updater::git::{CommitBehind, GitAssessment};
use refit_model::updater::release::RateLimit;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

mod dependencies;
mod hold;
mod python;
mod release;
pub mod runs;
mod system;

use dependencies::{EnvironmentExtras, environment};
use hold::{FullShape, Holding};
use python::PythonEntry;
use release::ReleaseEntry;
use system::SystemEntry;

/// Refit's own version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The status object of `machine.update.status` and `notify_update_refreshed`.
#[derive(Serialize)]
pub struct Status<'a> {
    github_rate_limit: Option<u64>,
    github_requests_remaining: Option<u64>,
    github_limit_reset_time: Option<f64>,
    version_info: VersionInfo<'a>,
    busy: bool,
    refit: StatusExtras<'a>,
}

struct VersionInfo<'a>(&'a Snapshot);

impl Serialize for VersionInfo<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.updaters.len()))?;
        for (name, assessment) in &self.0.updaters {
            let holding = Holding::of(self.0, name);
            match &**assessment {
                Assessment::Git(git) => map.serialize_entry(name.as_str(), &GitEntry::from((&**git, holding)))?,
                Assessment::Release(release) => {
                    map.serialize_entry(name.as_str(), &ReleaseEntry::from((&**release, holding)))?;
                }
                Assessment::Python(python) => {
                    map.serialize_entry(name.as_str(), &PythonEntry::from((&**python, holding)))?
                }
                Assessment::System(system) => {
                    map.serialize_entry(name.as_str(), &SystemEntry::from((&**system, holding)))?;
                }
                Assessment::Absent(absent) => {
                    map.serialize_entry(name.as_str(), &AbsentEntry::from((absent, holding)))?
                }
            }
        }
        map.end()
    }
}

/// What Refit adds at the root.
#[derive(Serialize)]
struct StatusExtras<'a> {
    version: &'static str,
    initialized: bool,
    /// `klipper`, `full`, `recover_klipper` … while a request runs.
    application: Option<&'a str>,
    running: Option<Running<'a>>,
    waiting: &'a [String],
    attention: Vec<Attention<'a>>,
    full: Option<FullShape<'a>>,
}

#[derive(Serialize)]
struct Running<'a> {
    run: i64,
    name: &'a str,
    action: refit_model::plan::Action,
    /// Counted from 0.
    step: usize,
    steps: usize,
    doing: &'a str,
}

#[derive(Serialize)]
struct Attention<'a> {
    run: i64,
    name: &'a str,
    message: &'a str,
}

impl<'a> From<&'a Snapshot> for Status<'a> {
    fn from(snapshot: &'a Snapshot) -> Self {
        let running = snapshot.running.as_ref().map(|running| Running {
            run: running.run.0,
            name: running.updater.as_str(),
            action: running.action,
            step: running.step,
            steps: running.steps,
            doing: &running.doing,
        });
        let attention = |attention: &'a refit_engine::snapshot::Attention| Attention {
            run: attention.run.0,
            name: attention.updater.as_str(),
            message: &attention.message,
        };
        let rate = github_rate(snapshot);
        Self {
            github_rate_limit: rate.map(|rate| rate.limit),
            github_requests_remaining: rate.map(|rate| rate.remaining),
            github_limit_reset_time: rate.map(|rate| rate.reset),
            version_info: VersionInfo(snapshot),
            busy: snapshot.busy,
            refit: StatusExtras {
                version: VERSION,
                initialized: snapshot.initialized,
                application: snapshot.application.as_deref(),
                running,
                waiting: &snapshot.waiting,
                attention: snapshot.attention.iter().map(attention).collect(),
                full: snapshot.full.as_ref().map(FullShape::from),
            },
        }
    }
}

/// What GitHub said last of its rate limit, to whichever updater.
fn github_rate(snapshot: &Snapshot) -> Option<RateLimit> {
    let rates = snapshot.updaters.iter().filter_map(|(_, assessment)| match &**assessment {
        Assessment::Release(release) => release.rate,
        Assessment::Python(python) => python.rate,
        Assessment::Git(_) | Assessment::System(_) | Assessment::Absent(_) => None,
    });
    // Of answers in one second, the one with fewer left is the later.
    rates.max_by(|a, b| a.at.total_cmp(&b.at).then(b.remaining.cmp(&a.remaining)))
}

/// A `git_repo` entry (CONTRACT §3.2).
#[derive(Serialize)]
struct GitEntry<'a> {
    channel: &'static str,
    debug_enabled: bool,
    channel_invalid: bool,
    is_valid: bool,
    configured_type: &'static str,
    info_tags: &'a [String],
    detected_type: &'static str,
    repo_detected: bool,
    remote_alias: &'a str,
    branch: &'a str,
    owner: &'a str,
    repo_name: &'a str,
    remote_url: &'a str,
    recovery_url: &'a str,
    version: &'a str,
    remote_version: &'a str,
    rollback_version: &'a str,
    current_hash: &'a str,
    remote_hash: &'a str,
    is_dirty: bool,
    detached: bool,
    commits_behind: Vec<Commit<'a>>,
    commits_behind_count: u64,
    git_messages: &'a [String],
    full_version_string: &'a str,
    pristine: bool,
    corrupt: bool,
    warnings: &'a [String],
    anomalies: &'a [String],
    name: &'a str,
    refit: GitExtras<'a>,
}

/// What Refit adds to an entry. Times are seconds since 1970.
#[derive(Serialize)]
struct GitExtras<'a> {
    last_refresh: i64,
    last_good_fetch: Option<i64>,
    remote_error: Option<&'a str>,
    diverged: bool,
    damage: &'a [String],
    hazards: &'a [refit_model::updater::git::Hazard],
    kept: &'a [refit_model::updater::git::Kept],
    environment: Option<EnvironmentExtras<'a>>,
    #[serde(flatten)]
    holding: Holding<'a>,
}

#[derive(Serialize)]
struct Commit<'a> {
    sha: &'a str,
    author: &'a str,
    /// Seconds since 1970, as text.
    date: String,
    subject: &'a str,
    message: &'a str,
    tag: Option<&'a str>,
}

impl<'a> From<&'a CommitBehind> for Commit<'a> {
    fn from(commit: &'a CommitBehind) -> Self {
        Self {
            sha: &commit.sha,
            author: &commit.author,
            date: commit.date.to_string(),
            subject: &commit.subject,
            message: &commit.message,
            tag: commit.tag.as_deref(),
        }
    }
}

impl<'a> From<(&'a GitAssessment, Holding<'a>)> for GitEntry<'a> {
    fn from((git, holding): (&'a GitAssessment, Holding<'a>)) -> Self {
        Self {
            channel: git.channel.as_str(),
            debug_enabled: git.debug_enabled,
            channel_invalid: git.channel_invalid,
            is_valid: git.is_valid,
            configured_type: "git_repo",
            info_tags: &git.info_tags,
            detected_type: "git_repo",
            repo_detected: git.repo_detected,
            remote_alias: &git.remote_alias,
            branch: &git.branch,
            owner: &git.owner,
            repo_name: &git.repo_name,
            remote_url: &git.remote_url,
            recovery_url: &git.recovery_url,
            version: &git.version,
            remote_version: &git.remote_version,
            rollback_version: &git.rollback_version,
            current_hash: &git.current_hash,
            remote_hash: &git.remote_hash,
            is_dirty: git.is_dirty,
            detached: git.detached,
            commits_behind: git.commits_behind.iter().map(Commit::from).collect(),
            commits_behind_count: git.commits_behind_count,
            git_messages: &git.git_messages,
            full_version_string: &git.full_version_string,
            pristine: git.pristine,
            corrupt: git.corrupt,
            warnings: &git.warnings,
            anomalies: &git.anomalies,
            name: git.name.as_str(),
            refit: GitExtras {
                last_refresh: git.last_refresh,
                last_good_fetch: git.last_good_fetch,
                remote_error: git.remote_error.as_deref(),
                diverged: git.diverged,
                damage: &git.damage,
                hazards: &git.hazards,
                kept: &git.kept,
                environment: environment(&git.dependencies),
                holding,
            },
        }
    }
}

/// An entry that no client trips over (CONTRACT §8 row 9).
#[derive(Serialize)]
struct AbsentEntry<'a> {
    name: &'a str,
    configured_type: &'static str,
    version: &'static str,
    remote_version: &'static str,
    is_valid: bool,
    warnings: &'a [String],
    refit: Holding<'a>,
}

impl<'a> From<(&'a AbsentAssessment, Holding<'a>)> for AbsentEntry<'a> {
    fn from((absent, refit): (&'a AbsentAssessment, Holding<'a>)) -> Self {
        Self {
            name: absent.name.as_str(),
            configured_type: "none",
            version: "?",
            remote_version: "?",
            is_valid: false,
            warnings: &absent.warnings,
            refit,
        }
    }
}

/// The one parameter of `notify_update_response` (CONTRACT §2.9).
#[derive(Serialize)]
pub struct UpdateResponse<'a> {
    message: &'a str,
    application: &'a str,
    proc_id: u64,
    complete: bool,
}

impl<'a> From<&'a RunMessage> for UpdateResponse<'a> {
    fn from(message: &'a RunMessage) -> Self {
        Self {
            message: &message.message,
            application: &message.application,
            proc_id: message.proc_id,
            complete: message.complete,
        }
    }
}

/// `server.info`. Clients index every field without looking.
#[derive(Serialize)]
pub struct ServerInfo<'a> {
    /// A connection to the printer's socket stands.
    pub klippy_connected: bool,
    /// See [`refit_model::printer::KlippyState::as_str`].
    pub klippy_state: &'static str,
    /// What this server can do; clients look for `update_manager`.
    pub components: &'a [&'static str],
    /// As the configuration's reader says.
    pub failed_components: &'a [String],
    /// File roots: none are served here.
    pub registered_directories: [&'static str; 0],
    /// As the configuration's reader says.
    pub warnings: &'a [String],
    /// Open connections, Unix ones included.
    pub websocket_count: usize,
    /// The version whose API this is.
    pub moonraker_version: &'static str,
    /// None: nothing here needs a part of the printer's configuration.
    pub missing_klippy_requirements: [&'static str; 0],
    /// The API's version.
    pub api_version: [u8; 3],
    /// The same as text; from 1.2.0 on clients use `refresh`.
    pub api_version_string: &'static str,
    /// What Refit adds.
    pub refit: InfoExtras,
}

/// What Refit adds to `server.info`.
#[derive(Serialize)]
pub struct InfoExtras {
    /// Refit's own version.
    pub version: &'static str,
}

/// `access.info`.
#[derive(Serialize)]
pub struct AccessInfo {
    /// Where users come from.
    pub default_source: &'static str,
    /// All such places.
    pub available_sources: [&'static str; 1],
    /// Never: there are no users to log in.
    pub login_required: bool,
    /// Is the caller's address trusted? None without an address.
    pub trusted: Option<bool>,
}

/// `access.get_user`; all null for a caller without user.
#[derive(Serialize)]
pub struct UserInfo {
    /// `_TRUSTED_USER_` or `_API_KEY_USER_`.
    pub username: Option<&'static str>,
    /// `moonraker`.
    pub source: Option<&'static str>,
    /// Seconds since 1970.
    pub created_on: Option<f64>,
}

/// A notification: no `id`, one parameter or none.
#[must_use]
pub fn notification<T: Serialize>(method: &str, parameter: Option<&T>) -> Vec<u8> {
    #[derive(Serialize)]
    struct Notification<'a, T> {
        jsonrpc: &'static str,
        method: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        params: Option<[&'a T; 1]>,
    }
    crate::json::serialize(&Notification { jsonrpc: "2.0", method, params: parameter.map(|parameter| [parameter]) })
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
