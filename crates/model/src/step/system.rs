//! Steps on the packages of the operating system. Each judges by what dpkg says afterwards, so that running one twice is
//! the same as once.

use serde::{Deserialize, Serialize};

use super::size_in_words;
use crate::updater::system::PackageUpgrade;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum SystemStep {
    /// Finishes what an installation left that was cut off.
    Mend,
    /// Simulates, refuses what the plan does not name, and downloads. Preparation.
    Download {
        /// What changes, and to which version exactly.
        packages: Vec<PackageUpgrade>,
        /// What goes, by consent.
        remove: Vec<String>,
    },
    /// Installs exactly these versions, and verifies them.
    Install {
        /// What changes, and to which version exactly.
        packages: Vec<PackageUpgrade>,
        /// What goes, by consent.
        remove: Vec<String>,
    },
}

impl SystemStep {
    /// Changes something that runs by it.
    #[must_use]
    pub(super) fn touches_what_is_in_use(&self) -> bool {
        match self {
            Self::Download { .. } => false,
            Self::Mend | Self::Install { .. } => true,
        }
    }

    /// One sentence for people.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Mend => "finish the installation of system packages that was cut off".to_owned(),
            Self::Download { packages, .. } => {
                let known: u64 = packages.iter().filter_map(|package| package.bytes).sum();
                let size = if known == 0 { String::new() } else { format!(", {}", size_in_words(known)) };
                format!("download {}{size}", count(packages.len()))
            }
            Self::Install { packages, remove } => {
                let gone = if remove.is_empty() { String::new() } else { format!(", remove {},", remove.join(", ")) };
                format!("install {}{gone} and check with dpkg that they are there", count(packages.len()))
            }
        }
    }
}

fn count(packages: usize) -> String {
    if packages == 1 { "1 system package".to_owned() } else { format!("{packages} system packages") }
}
