//! OS packages: which ones a piece of software lists, and what apt and dpkg say of them. Text in, values out.
//! Refuses to: run a script, an expression or a program; `adapters::packages` asks apt and dpkg.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

mod apt;
mod condition;
mod distribution;
mod dpkg;
mod list;
mod script;
mod sources;

pub use apt::{Planned, Removed, Simulation, Trouble, policies, sizes, trouble};
pub use distribution::Distribution;
pub use dpkg::{Database, Installed};
pub use list::{BadList, Listed, excluded, from_json, from_release_info};
pub use script::from_script;
pub use sources::{Ailing, Ailment, ailing, complaint, end_of_life};

/// Why a text is not a package's name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is not the name of a package")]
pub struct NotAPackage(pub String);

/// The name of a package, with its architecture where one is asked for: `libffi-dev`, `g++`, `libc6:armhf`. apt-get takes
/// it for nothing else: no option, no file, no version, and never for an order to remove (`name-`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PackageName(String);

impl PackageName {
    /// Checks the rules of Debian's policy (§5.6.1): `^[a-z0-9][a-z0-9+.-]+$`, and `:arch` behind it.
    ///
    /// # Errors
    /// [`NotAPackage`] with the text.
    pub fn new(text: &str) -> Result<Self, NotAPackage> {
        let (name, architecture) = match text.split_once(':') {
            Some((name, architecture)) => (name, Some(architecture)),
            None => (text, None),
        };
        let letter = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let first = name.as_bytes().first().is_some_and(letter);
        let rest = name.len() >= 2 && name.bytes().all(|b| letter(&b) || matches!(b, b'+' | b'.' | b'-'));
        let whole = name.len() <= 200 && !name.ends_with('-');
        let arch = architecture.is_none_or(|arch| {
            !arch.is_empty()
                && arch.len() <= 32
                && !arch.starts_with('-')
                && !arch.ends_with('-')
                && arch.bytes().all(|b| letter(&b) || b == b'-')
        });
        if first && rest && whole && arch { Ok(Self(text.to_owned())) } else { Err(NotAPackage(text.to_owned())) }
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Without the architecture.
    #[must_use]
    pub fn bare(&self) -> &str {
        self.0.split(':').next().unwrap_or(&self.0)
    }

    /// The architecture that is asked for.
    #[must_use]
    pub fn architecture(&self) -> Option<&str> {
        self.0.split_once(':').map(|(_, architecture)| architecture)
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for PackageName {
    type Error = NotAPackage;
    fn try_from(text: String) -> Result<Self, NotAPackage> {
        Self::new(&text)
    }
}

impl From<PackageName> for String {
    fn from(name: PackageName) -> Self {
        name.0
    }
}

/// A line of text that came from outside, short enough for a message.
fn shown(text: &str) -> String {
    shown_up_to(120, text)
}

/// The same of apt or dpkg: what is wrong stands at its end, behind the whole address of a file.
fn said(text: &str) -> String {
    shown_up_to(500, text)
}

fn shown_up_to(length: usize, text: &str) -> String {
    let mut shown: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(length).collect();
    if text.chars().nth(length).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
#[path = "packages_tests.rs"]
mod tests;
