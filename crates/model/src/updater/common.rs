//! What the section of every software has, whatever its type (api.txt, "Update Manager" configuration).

use crate::dependencies::Dependencies;
use crate::name::UpdaterName;
use crate::settings::{Channel, INTERVAL_HOURS};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Common {
    /// The section's name.
    pub name: UpdaterName,
    /// The channel in force.
    pub channel: Channel,
    /// The configured channel was not supported and fell back.
    pub channel_invalid: bool,
    /// Whether anomalies are shown.
    pub report_anomalies: bool,
    /// Lines for front ends, verbatim.
    pub info_tags: Vec<String>,
    /// Hours between automatic refreshes.
    pub refresh_interval_hours: u32,
    /// Debug mode, shown in the status; for a repository also: a detached HEAD is valid.
    pub debug: bool,
    /// What it depends on.
    pub dependencies: Dependencies,
    /// See [`crate::updater::Spec::config_hash`].
    pub config_hash: String,
}

impl Common {
    /// Of a section that says nothing of them.
    #[must_use]
    pub fn usual(name: UpdaterName, channel: Channel) -> Self {
        Self {
            name,
            channel,
            channel_invalid: false,
            report_anomalies: true,
            info_tags: Vec::new(),
            refresh_interval_hours: INTERVAL_HOURS,
            debug: false,
            dependencies: Dependencies::default(),
            config_hash: String::new(),
        }
    }
}
