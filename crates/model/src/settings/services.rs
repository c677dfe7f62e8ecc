//! Which services may be restarted: `moonraker.asvc`, and the names of klipper and moonraker instances.
//!
//! Refuses to ask the service manager; a name that is allowed here need not exist.

use std::collections::HashSet;

/// What Moonraker writes into a new `moonraker.asvc`.
const DEFAULT: &[&str] = &[
    "klipper_mcu",
    "webcamd",
    "MoonCord",
    "KlipperScreen",
    "moonraker-telegram-bot",
    "moonraker-obico",
    "sonar",
    "crowsnest",
    "octoeverywhere",
    "ratos-configurator",
];

/// The services that may be restarted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedServices {
    names: HashSet<String>,
}

impl AllowedServices {
    /// From the text of `moonraker.asvc`: one name per line, a trailing `.service` does not matter. Without the file,
    /// Moonraker's default list.
    #[must_use]
    pub fn new(asvc: Option<&str>) -> Self {
        let names = match asvc {
            None => DEFAULT.iter().map(|name| (*name).to_owned()).collect(),
            Some(text) => text
                .lines()
                .map(|line| line.trim())
                .map(|line| line.strip_suffix(".service").unwrap_or(line))
                .filter(|line| !line.is_empty())
                .map(str::to_owned)
                .collect(),
        };
        Self { names }
    }

    /// May it be restarted? The whole name counts, in its own case.
    #[must_use]
    pub fn allow(&self, service: &str) -> bool {
        self.names.contains(service) || is_instance(service)
    }
}

/// `klipper` and `moonraker`, alone or with `-N`, `_N` or `-word`. (Moonraker takes whatever begins with the two names.)
#[must_use]
pub fn is_instance(service: &str) -> bool {
    let rest = service.strip_prefix("klipper").or_else(|| service.strip_prefix("moonraker"));
    let Some(rest) = rest else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric());
    rest.is_empty() || rest.strip_prefix('-').is_some_and(word) || rest.strip_prefix('_').is_some_and(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_names_only() {
        let allowed = AllowedServices::new(None);
        for yes in ["klipper", "moonraker", "klipper-1", "klipper_2", "moonraker-obico", "klipper-voron", "webcamd"] {
            assert!(allowed.allow(yes), "{yes} is refused");
        }
        for no in
            ["klipperfoo", "aklipper", "klipper-", "klipper_x", "klipper-a b", "Klipper", "webcam", "", "moonraker;x"]
        {
            assert!(!allowed.allow(no), "{no} is allowed");
        }
    }

    #[test]
    fn the_file_replaces_the_default_list() {
        let allowed = AllowedServices::new(Some("foo.service\n  bar  \n\n# c\nFoo2\r\n"));
        assert!(allowed.allow("foo") && allowed.allow("bar") && allowed.allow("Foo2") && allowed.allow("klipper"));
        assert!(!allowed.allow("webcamd") && !allowed.allow("foo.service") && !allowed.allow("foo2"));
    }
}
