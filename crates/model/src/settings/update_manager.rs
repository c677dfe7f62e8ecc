//! `[update_manager]`, and the few options that the built-in klipper and moonraker updaters take.
//!
//! Refuses to know any other updater: those are in `updater`.

/// Which versions an updater offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Releases, or the newest release tag.
    Stable,
    /// Releases and pre-releases.
    Beta,
    /// The tip of the branch.
    Dev,
}

impl Channel {
    /// The word in the configuration and in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Beta => "beta",
            Self::Dev => "dev",
        }
    }
}

/// `[update_manager]`: what holds for every updater.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateManagerSettings {
    /// Refresh by itself?
    pub enable_auto_refresh: bool,
    /// First and last local hour in which that may happen; the first may be the greater one (over midnight).
    pub refresh_window: (u8, u8),
    /// Hours after which what is known about an updater is stale.
    pub refresh_interval_hours: u32,
    /// Look after the packages of the operating system too?
    pub enable_system_updates: bool,
    /// Prefer PackageKit to apt?
    pub enable_packagekit: bool,
    /// The channel of klipper and moonraker when they do not say otherwise.
    pub channel: Option<Channel>,
}

/// What the owner changed about one of the two built-in updaters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltinOverride {
    /// The channel, from its own section or from `[update_manager]`.
    pub channel: Option<Channel>,
    /// The commit it stays at, lower case, at least 8 characters.
    pub pinned_commit: Option<String>,
    /// Hours after which what is known is stale.
    pub refresh_interval_hours: u32,
    /// Tell anomalies?
    pub report_anomalies: bool,
}

/// The overrides of both built-in updaters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltinOverrides {
    /// `[update_manager klipper]`.
    pub klipper: BuiltinOverride,
    /// `[update_manager moonraker]`.
    pub moonraker: BuiltinOverride,
}
