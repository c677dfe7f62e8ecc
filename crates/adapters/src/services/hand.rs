//! Who is asked about services on this machine: as the owner says, or found out.
//! Refuses to: ask.

use refit_model::settings::machine::Provider;

use super::Services;
use super::supervisord::{self, Supervisord};
use super::systemctl::Systemctl;

/// Who is asked.
pub(super) enum Hand {
    /// systemd over the bus, and through systemctl where that does not go.
    Systemd,
    /// systemctl alone.
    Systemctl,
    Supervisord(Supervisord),
    /// Nobody, and why.
    Nobody(String),
}

impl Services {
    /// Found out each time: whoever it is may have been started since, and this opens nothing.
    pub(super) fn hand(&self) -> Hand {
        let is_systemds = self.rules.runtime.is_dir();
        match self.rules.provider {
            Some(Provider::None) => Hand::Nobody("the configuration says: provider: none".to_owned()),
            Some(Provider::SupervisordCli) => self.supervisord(true),
            Some(Provider::SystemdCli) => self.systemctl_alone(is_systemds),
            Some(Provider::SystemdDbus) => self.systemd(is_systemds),
            None if is_systemds => self.systemd(true),
            None => self.supervisord(self.rules.supervisord.is_some()),
        }
    }

    fn systemd(&self, is_there: bool) -> Hand {
        if is_there && self.rules.bus.is_there() { Hand::Systemd } else { self.systemctl_alone(is_there) }
    }

    fn systemctl_alone(&self, is_there: bool) -> Hand {
        match (is_there, self.systemctl().is_there()) {
            (true, true) => Hand::Systemctl,
            (false, _) => Hand::Nobody("systemd does not run this machine".to_owned()),
            (true, false) => Hand::Nobody("there is neither a message bus nor the program systemctl".to_owned()),
        }
    }

    fn supervisord(&self, is_wanted: bool) -> Hand {
        match supervisord::find_door(self.rules.supervisord.as_deref(), &self.rules.surroundings.home) {
            Ok(Some(door)) => Hand::Supervisord(Supervisord { door }),
            Ok(None) if is_wanted => Hand::Nobody("supervisord's socket was not found".to_owned()),
            Ok(None) => Hand::Nobody("neither systemd nor supervisord runs here".to_owned()),
            Err(why) => Hand::Nobody(why),
        }
    }

    pub(super) fn systemctl(&self) -> Systemctl<'_> {
        Systemctl { surroundings: &self.rules.surroundings }
    }

    pub(super) fn over_the_bus_not(&self, why: &str) -> Systemctl<'_> {
        tracing::debug!("systemd is asked through systemctl: {why}");
        self.systemctl()
    }

    pub(super) fn asked(&self) -> &'static str {
        match self.hand() {
            Hand::Supervisord(_) => "supervisord",
            Hand::Systemd | Hand::Systemctl | Hand::Nobody(_) => "systemd",
        }
    }
}

impl Hand {
    /// The command that does it by hand.
    pub(super) fn by_hand(&self, verb: &str, unit: &str) -> String {
        match self {
            Self::Supervisord(_) => format!("sudo supervisorctl {verb} {unit}"),
            Self::Systemd | Self::Systemctl | Self::Nobody(_) => format!("sudo systemctl {verb} {unit}"),
        }
    }
}
