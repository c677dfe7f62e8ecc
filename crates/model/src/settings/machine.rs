//! `[machine]`: of Moonraker's section, what says who restarts services.
//!
//! Refuses to know the rest, which stays Moonraker's own: nothing is said about options that are not read here.

use std::path::PathBuf;

use super::problem::Severity;
use super::section::{Findings, Reader};

/// Who restarts services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// systemd over D-Bus; through `systemctl` where that cannot be.
    SystemdDbus,
    /// systemd through `systemctl`.
    SystemdCli,
    /// supervisord.
    SupervisordCli,
    /// Nobody.
    None,
}

const PROVIDERS: [(&str, Provider); 4] = [
    ("systemd_dbus", Provider::SystemdDbus),
    ("systemd_cli", Provider::SystemdCli),
    ("supervisord_cli", Provider::SupervisordCli),
    ("none", Provider::None),
];

impl Provider {
    /// The word in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SystemdDbus => "systemd_dbus",
            Self::SystemdCli => "systemd_cli",
            Self::SupervisordCli => "supervisord_cli",
            Self::None => "none",
        }
    }
}

/// `[machine]`, with its defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MachineSettings {
    /// Who restarts services; none to find out.
    pub provider: Option<Provider>,
    /// supervisord's configuration.
    pub supervisord_config_path: Option<PathBuf>,
}

/// Reads it. A provider that there is not is told, and found out instead.
pub(super) fn read(reader: &mut Reader<'_>, findings: &mut Findings) -> MachineSettings {
    let mut provider = None;
    if let Some(word) = reader.text("provider").filter(|word| !word.is_empty()) {
        let wanted = word.to_ascii_lowercase();
        provider = PROVIDERS.iter().find(|(known, _)| *known == wanted).map(|(_, provider)| *provider);
        if provider.is_none() {
            let choices = PROVIDERS.map(|(known, _)| known).join(", ");
            let text =
                format!("[machine]: Invalid value '{word}' for option 'provider'.  Falling back to what is found");
            let problem = reader.problem(Some("provider"), Severity::Warning, &text);
            findings.warn(&text, problem.with_remedy(Some(format!("write one of {choices}, or remove the line"))));
        }
    }
    let path = reader.text("supervisord_config_path").filter(|path| !path.is_empty());
    MachineSettings { provider, supervisord_config_path: path.map(PathBuf::from) }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::memory::Memory;
    use super::super::{LoadContext, Settings};
    use super::*;

    fn load(section: &str) -> Settings {
        let memory = Memory::default().with("/c/refit.conf", section);
        let context = LoadContext { data_path: PathBuf::from("/d"), asvc: None };
        Settings::load(Path::new("/c/refit.conf"), &memory, &context).expect("it loads")
    }

    #[test]
    fn the_provider_is_read_and_the_rest_left_alone() {
        for (word, provider) in PROVIDERS {
            assert_eq!(provider.as_str(), word);
            let settings = load(&format!("[machine]\nprovider: {word}\nvalidate_service: False\nsudo_password: x\n"));
            assert_eq!((settings.machine.provider, settings.warnings), (Some(provider), vec![]), "{word}");
        }
        let settings = load("[machine]\nprovider: Supervisord_CLI\nsupervisord_config_path: ~/s.conf\n");
        assert_eq!(settings.machine.provider, Some(Provider::SupervisordCli));
        assert_eq!(settings.machine.supervisord_config_path.as_deref(), Some(Path::new("~/s.conf")));
        for nothing in ["", "[machine]\n", "[machine]\nprovider:\nsupervisord_config_path:\n"] {
            assert_eq!(load(nothing).machine, MachineSettings::default());
        }
    }

    #[test]
    fn a_provider_that_there_is_not_is_told() {
        let settings = load("[machine]\nprovider: launchd\n");
        assert_eq!(settings.machine.provider, None);
        assert_eq!(
            settings.warnings,
            ["[machine]: Invalid value 'launchd' for option 'provider'.  Falling back to what is found"]
        );
        let problem = &settings.problems[0];
        assert_eq!((problem.line, problem.severity), (2, Severity::Warning));
        let remedy = problem.remedy.as_deref().unwrap_or_default();
        assert!(remedy.contains("systemd_dbus, systemd_cli, supervisord_cli, none"), "{remedy}");
    }
}
