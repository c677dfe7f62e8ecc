//! The configuration: text -> fragments -> merged sections -> typed settings, each finding with its file and line.
//!
//! The dialect and its messages are Moonraker's (CONTRACT section 4), so that one file can serve both. A broken
//! `[update_manager NAME]` costs that updater and nothing else. Refuses to do IO: files come through [`ConfigSource`].

use std::path::{Path, PathBuf};

pub mod authorization;
pub mod problem;
pub mod refit;
pub mod server;
pub mod source;
pub mod update_manager;
pub mod updater;

pub use authorization::{AuthSettings, TrustedClient};
pub use problem::{Place, Problem, SettingsError, Severity};
pub use refit::{Protocol, RefitSettings};
pub use server::ServerSettings;
pub use source::ConfigSource;
pub use update_manager::{BuiltinOverride, BuiltinOverrides, Channel, UpdateManagerSettings};
pub use updater::{
    CommonSettings, Dependencies, GitSettings, PythonEnv, PythonLocation, PythonSettings,
    ReleaseSettings, UpdaterKind, UpdaterSettings,
};

/// Everything the owner configured, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where to listen; `[refit]` has had its say.
    pub server: ServerSettings,
    /// Who may ask.
    pub authorization: AuthSettings,
    /// What holds for every updater; `None` without a section, or with one that is broken (see `failed_components`).
    pub update_manager: Option<UpdateManagerSettings>,
    /// Refit's own options.
    pub refit: RefitSettings,
    /// The configured updaters beside the built-in ones, in the order of the configuration.
    pub updaters: Vec<UpdaterSettings>,
    /// The sections whose updater could not be built, in the order of the configuration.
    pub failed_updaters: Vec<FailedUpdater>,
    /// What was changed about klipper and moonraker.
    pub builtin: BuiltinOverrides,
    /// The printer's socket, `~` and `{data_path}` expanded, resolved.
    pub klippy_uds_address: PathBuf,
    /// The warnings of `server.info`, literally, in the order Moonraker would give them.
    pub warnings: Vec<String>,
    /// The failed components of `server.info`.
    pub failed_components: Vec<String>,
    /// Every finding, those behind `warnings` included, with place and remedy.
    pub problems: Vec<Problem>,
}

/// An updater that the configuration asks for and that could not be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedUpdater {
    /// The name it would have had.
    pub name: String,
    /// The section's full name.
    pub section: String,
    /// Why, without the `[update_manager]: Failed to load extension …` around it.
    pub message: String,
}

/// What the settings need to know of the outside, handed down by the binary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadContext {
    /// The data path, for `{data_path}` in templates.
    pub data_path: PathBuf,
    /// The text of `moonraker.asvc`, `None` when there is none: Moonraker's default list holds then.
    pub asvc: Option<String>,
}

impl Settings {
    /// Reads the main file and all that it includes.
    ///
    /// # Errors
    /// When a file cannot be read or is not in the dialect, or when `[server]`, `[authorization]` or `[refit]` is invalid:
    /// then there is no safe way to open a door.
    pub fn load(
        main: &Path,
        source: &dyn ConfigSource,
        context: &LoadContext,
    ) -> Result<Self, SettingsError> {
        let _ = context;
        let reason = source
            .read(main)
            .err()
            .unwrap_or_else(|| "not implemented".to_owned());
        Err(SettingsError::Unreadable {
            file: main.to_owned(),
            reason,
        })
    }
}
