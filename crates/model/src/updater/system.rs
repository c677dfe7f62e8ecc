//! The packages of the operating system (`system`): what the owner configured, what was seen, the judgement in the
//! documented words (CONTRACT §3.5), and the plans for an upgrade and for the repair of what was cut off.
//! Refuses to: ask a package manager; `adapters::system` fills the facts. Refuses to promise a way back as well: packages
//! change the machine by programs of their own, and their old versions are seldom to be had. What is cut off is finished
//! forward.

use serde::{Deserialize, Serialize};

use crate::name::UpdaterName;

mod after;
mod assess;
mod plan;

pub use after::after_run;
pub use assess::assess;
pub use plan::plan;

/// What every failure begins with (CONTRACT §2.12); the cause follows.
pub const FAILED: &str = "Error updating system packages";

/// What the owner configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemSpec {
    /// `system`.
    pub name: UpdaterName,
    /// Prefer PackageKit to apt.
    pub packagekit: bool,
    /// Hours between automatic refreshes.
    pub refresh_interval_hours: u32,
    /// See [`crate::updater::Spec::config_hash`].
    pub config_hash: String,
}

/// What was seen of the system's packages.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SystemFacts {
    /// Seconds since 1970 of the last refresh, successful or not; 0 for never.
    pub last_refresh: i64,
    /// The `config_hash` of the spec it was looked at with.
    pub config_hash: String,
    /// Who looks after packages here; none before the first look, and where nobody does.
    pub provider: Option<Provider>,
    /// Why the packages could not be looked at, in words for people. What was seen before stays.
    pub unseen: Option<String>,
    /// What an upgrade would bring that removes nothing: the upgraded, and the new ones that these need.
    pub offered: Vec<PackageUpgrade>,
    /// The same with everything that needs the removal of a package; none where nothing does.
    pub with_removals: Option<WithRemovals>,
    /// Held by the owner (`apt-mark hold`).
    pub held: Vec<PackageUpgrade>,
    /// Kept back for another reason.
    pub kept_back: Vec<PackageUpgrade>,
    /// The lists of what can be had.
    pub lists: Lists,
    /// The release is past its end of life, and what tells so; in words for people.
    pub end_of_life: Option<String>,
    /// Packages whose installation was cut off, each with dpkg's word for it.
    pub interrupted: Vec<Interrupted>,
    /// The machine asks to be restarted.
    pub reboot: Option<Reboot>,
    /// The boot that it was looked at in.
    pub boot: String,
    /// What the last upgrades changed that only a restart of the machine brings into use.
    pub awaits_reboot: Option<AwaitsReboot>,
    /// Looked up for the action about to be planned, else none.
    pub survey: Option<SystemSurvey>,
}

/// Who looks after packages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    /// `apt`, `packagekit`.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// What the owner should know of it.
    #[serde(default)]
    pub warning: Option<String>,
}

/// One package that would change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageUpgrade {
    /// Its name, with `:arch` where it is not the machine's own.
    pub name: String,
    /// The version that is installed; none for a package that is new.
    pub from: Option<String>,
    /// The version that would come.
    pub to: String,
    /// Bytes to download, where known.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// It mends a hole in the system's security, where that is known.
    #[serde(default)]
    pub security: bool,
}

/// An upgrade that removes packages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithRemovals {
    /// What would be upgraded or come.
    pub packages: Vec<PackageUpgrade>,
    /// What would go.
    pub remove: Vec<String>,
}

/// What is known of the lists of packages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lists {
    /// Seconds since 1970 of the last time when all of them could be had.
    pub last_good: Option<i64>,
    /// Why the last attempt failed, in words for people.
    pub error: Option<String>,
    /// Seconds since 1970 of that attempt.
    #[serde(default)]
    pub failed_at: Option<i64>,
}

/// A package whose installation was cut off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interrupted {
    /// Its name.
    pub name: String,
    /// dpkg's abbreviation of its status: `iHR`.
    pub status: String,
}

/// The machine asks to be restarted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reboot {
    /// The packages that ask for it, where they are known.
    pub packages: Vec<String>,
}

/// See [`SystemFacts::awaits_reboot`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwaitsReboot {
    /// The packages.
    pub packages: Vec<String>,
    /// The boot in which they were upgraded: another one has them in use.
    pub boot: String,
}

/// Looked up right before planning an action.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemSurvey {
    /// Why Refit cannot do it here, with what to do instead: it has no right to, say.
    pub refused: Option<String>,
}

/// The judgement: the documented fields of CONTRACT §3.5, and what Refit adds.
#[derive(Debug, Clone, PartialEq)]
pub struct SystemAssessment {
    /// `name`.
    pub name: UpdaterName,
    /// `package_list`: the installed packages that an upgrade would bring a new version of.
    pub package_list: Vec<String>,
    /// Somebody looked.
    pub seen: bool,
    /// Seconds since 1970; 0 for never.
    pub last_refresh: i64,
    /// See [`SystemFacts::provider`].
    pub provider: Option<Provider>,
    /// What an upgrade would bring, new packages included.
    pub packages: Vec<PackageUpgrade>,
    /// See [`SystemFacts::held`].
    pub held: Vec<PackageUpgrade>,
    /// See [`SystemFacts::kept_back`].
    pub kept_back: Vec<PackageUpgrade>,
    /// What an upgrade of those that are kept back would remove.
    pub would_remove: Vec<String>,
    /// See [`SystemFacts::lists`].
    pub lists: Lists,
    /// See [`SystemFacts::end_of_life`].
    pub end_of_life: Option<String>,
    /// See [`SystemFacts::interrupted`].
    pub interrupted: Vec<Interrupted>,
    /// The machine is to be restarted, and for which packages.
    pub reboot: Option<Reboot>,
    /// What the owner should read, a sentence each.
    pub warnings: Vec<String>,
}

impl PackageUpgrade {
    /// `libssl3 3.0.1 -> 3.0.2`, `newdep 1.0 (new)`.
    #[must_use]
    pub fn words(&self) -> String {
        match &self.from {
            Some(from) => format!("{} {from} -> {}", self.name, self.to),
            None => format!("{} {} (new)", self.name, self.to),
        }
    }

    /// What it changes is in use only after the machine was restarted: kernels, firmware, and what everything runs by.
    #[must_use]
    pub fn wants_reboot(&self) -> bool {
        let bare = self.name.split(':').next().unwrap_or(&self.name);
        let starts = ["linux-image-", "raspberrypi-kernel", "raspberrypi-bootloader", "raspi-firmware", "rpi-eeprom"];
        starts.iter().any(|start| bare.starts_with(start))
            || ["libc6", "systemd", "dbus", "dbus-daemon", "dbus-broker", "u-boot-rpi"].contains(&bare)
    }
}

/// Names for a sentence.
pub(crate) fn named<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(str::to_owned).collect();
    crate::plan::some_of(names.iter())
}
