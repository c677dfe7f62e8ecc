//! `[update_manager]`, and the few options that the built-in klipper and moonraker updaters take.
//!
//! Refuses to know any other updater: those are in `updater`.

use super::problem::Place;
use super::section::{Fault, Findings, Reader};
use super::server::deprecated;
use super::value;
use crate::health::HealthSpec;

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

    /// The channel of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Stable, Self::Beta, Self::Dev].into_iter().find(|channel| channel.as_str() == text)
    }
}

/// The names of all channels.
pub(super) const CHANNELS: &[&str] = &["stable", "beta", "dev"];

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
    /// An update of everything passes it by; where that is written.
    pub hold: Option<Place>,
    /// How it is seen that it is well.
    pub health: HealthSpec,
}

/// The overrides of both built-in updaters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltinOverrides {
    /// `[update_manager klipper]`.
    pub klipper: BuiltinOverride,
    /// `[update_manager moonraker]`.
    pub moonraker: BuiltinOverride,
}

/// Hours between automatic refreshes, unless configured otherwise.
pub(crate) const INTERVAL_HOURS: u32 = 168;

impl Default for UpdateManagerSettings {
    fn default() -> Self {
        Self {
            enable_auto_refresh: false,
            refresh_window: (0, 5),
            refresh_interval_hours: INTERVAL_HOURS,
            enable_system_updates: true,
            enable_packagekit: true,
            channel: None,
        }
    }
}

impl Default for BuiltinOverrides {
    fn default() -> Self {
        let untouched = BuiltinOverride {
            channel: None,
            pinned_commit: None,
            refresh_interval_hours: INTERVAL_HOURS,
            report_anomalies: true,
            hold: None,
            health: HealthSpec::USUAL,
        };
        Self { klipper: untouched.clone(), moonraker: untouched }
    }
}

/// Reads `[update_manager]`, in Moonraker's order, since that decides which options a failure leaves unread.
///
/// # Errors
/// The first thing that is wrong; there is no update management then.
pub(super) fn read(reader: &mut Reader<'_>, findings: &mut Findings) -> Result<UpdateManagerSettings, Fault> {
    let default = UpdateManagerSettings::default();
    let channel = reader.text("channel");
    let enable_auto_refresh = reader.boolean("enable_auto_refresh", default.enable_auto_refresh)?;
    let refresh_window = refresh_window(reader)?.unwrap_or(default.refresh_window);
    if reader.boolean("enable_repo_debug", false).map(|_| reader.section().option("enable_repo_debug"))?.is_some() {
        deprecated(reader, findings, "enable_repo_debug");
    }
    let refresh_interval_hours = hours(reader)?.unwrap_or(default.refresh_interval_hours);
    let enable_system_updates = reader.boolean("enable_system_updates", default.enable_system_updates)?;
    let enable_packagekit =
        if enable_system_updates { reader.boolean("enable_packagekit", default.enable_packagekit)? } else { false };
    // Moonraker passes the word on to its own updater, and that one complains.
    let channel = channel.map(|text| {
        Channel::parse(text).ok_or_else(|| {
            let list = value::repr_list(CHANNELS);
            let message = format!(
                "Section [moonraker], Option 'channel: Value {text} is not a vailid choice.  \
                 Must be one of the following {list}"
            );
            Fault::new("channel", message)
        })
    });
    let channel = channel.transpose()?;
    for removed in ["client_repo", "client_path"] {
        if reader.text(removed).is_some() {
            let message = "The deprecated 'client_repo' and 'client_path' options have been removed".to_owned();
            let remedy = "remove them, and add a section [update_manager NAME] with 'type: web', 'repo' and 'path'";
            return Err(Fault::new(removed, message).with_remedy(remedy));
        }
    }
    Ok(UpdateManagerSettings {
        enable_auto_refresh,
        refresh_window,
        refresh_interval_hours,
        enable_system_updates,
        enable_packagekit,
        channel,
    })
}

/// `refresh_interval`, zero when it is negative.
///
/// # Errors
/// When it is no integer.
pub(super) fn hours(reader: &mut Reader<'_>) -> Result<Option<u32>, Fault> {
    let hours = reader.integer("refresh_interval")?;
    Ok(hours.map(|hours| u32::try_from(hours.max(0)).unwrap_or(u32::MAX)))
}

fn refresh_window(reader: &mut Reader<'_>) -> Result<Option<(u8, u8)>, Fault> {
    const OPTION: &str = "refresh_window";
    let parse = |text: &str| {
        let hours: Vec<i64> = value::split(text, '-').map(value::integer).collect::<Result<_, _>>()?;
        match hours.as_slice() {
            [first, last] => Ok((*first, *last)),
            other => Err(format!("List length mismatch, expected 2, parsed {}", other.len())),
        }
    };
    let Some((first, last)) = reader.parsed(OPTION, parse)? else { return Ok(None) };
    let refuse = |message: &str| {
        Fault::new(OPTION, message.to_owned()).with_remedy("write two different hours, as in 'refresh_window: 22-4'")
    };
    let hour = |hour: i64| {
        u8::try_from(hour)
            .ok()
            .filter(|hour| *hour <= 23)
            .ok_or_else(|| refuse("The hours specified in 'refresh_window' must be between 0 and 23."))
    };
    let window = (hour(first)?, hour(last)?);
    if window.0 == window.1 {
        return Err(refuse("The start and end hours specified in 'refresh_window' cannot be the same."));
    }
    Ok(Some(window))
}

/// Reads `[update_manager klipper]` or `[update_manager moonraker]`.
///
/// # Errors
/// The first thing that is wrong.
pub(super) fn read_builtin(reader: &mut Reader<'_>, global: &UpdateManagerSettings) -> Result<BuiltinOverride, Fault> {
    // First: Moonraker has no such option, so that no failure of another may leave it unread.
    let hold = hold(reader)?;
    let health = super::updater::health::read(reader, false)?;
    let refresh_interval_hours = hours(reader)?.unwrap_or(global.refresh_interval_hours);
    let channel = channel(reader)?.or(global.channel);
    let report_anomalies = reader.boolean("report_anomalies", true)?;
    let pinned_commit = pinned_commit(reader)?;
    Ok(BuiltinOverride { channel, pinned_commit, refresh_interval_hours, report_anomalies, hold, health })
}

/// `hold`, Refit's own: where it is written, when it is true.
///
/// # Errors
/// When it is no boolean.
pub(super) fn hold(reader: &mut Reader<'_>) -> Result<Option<Place>, Fault> {
    let held = reader.boolean("hold", false)?;
    Ok(reader.section().option("hold").filter(|_| held).map(super::merge::MergedOption::place))
}

/// `channel`, any of the three.
///
/// # Errors
/// When it is none.
pub(super) fn channel(reader: &mut Reader<'_>) -> Result<Option<Channel>, Fault> {
    let Some(text) = reader.text("channel") else { return Ok(None) };
    Channel::parse(text).map(Some).ok_or_else(|| reader.bad_choice("channel", text, CHANNELS))
}

/// `pinned_commit`, lower case.
///
/// # Errors
/// When it is too short to be told from others.
pub(super) fn pinned_commit(reader: &mut Reader<'_>) -> Result<Option<String>, Fault> {
    let Some(text) = reader.text("pinned_commit") else { return Ok(None) };
    if text.chars().count() < 8 {
        let label = reader.label();
        let message = format!("[{label}]: Value for option 'commit' must be a minimum of 8 characters.");
        return Err(Fault::new("pinned_commit", message).with_remedy("write at least 8 digits of the commit's id"));
    }
    Ok(Some(text.to_lowercase()))
}

#[cfg(test)]
#[path = "update_manager_tests.rs"]
mod tests;
