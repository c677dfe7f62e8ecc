//! What the root helper can be asked, parsed from the bytes of somebody who is not root.
//! Refuses to: take a word that systemctl or apt-get could take for anything but the name of a service or a package.

use std::fmt;

use refit_model::packages::PackageName;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest request that is read, its line end included.
pub const LONGEST: usize = 64 * 1024;
/// More packages than this are named by nobody.
const MOST_PACKAGES: usize = 1000;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "lowercase", deny_unknown_fields)]
pub enum Request {
    /// Starts a service.
    Start {
        /// Which.
        unit: UnitName,
    },
    /// Stops one.
    Stop {
        /// Which.
        unit: UnitName,
    },
    /// Restarts one.
    Restart {
        /// Which.
        unit: UnitName,
    },
    /// Fetches the lists of packages.
    Lists {},
    /// Downloads what an installation of these would need; of none: what an upgrade of all that is installed would.
    Download {
        /// Which.
        packages: Vec<Wanted>,
    },
    /// Installs these or upgrades to them; of none: upgrades all that is installed. Removes nothing.
    Install {
        /// Which.
        packages: Vec<Wanted>,
    },
    /// Finishes what was cut off.
    Mend {},
}

/// What is done to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Starts it.
    Start,
    /// Stops it.
    Stop,
    /// Restarts it.
    Restart,
}

impl Verb {
    /// systemctl's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
        }
    }
}

/// Why bytes are no request.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadRequest {
    /// Longer than [`LONGEST`].
    #[error("the request is longer than {LONGEST} bytes")]
    TooLong,
    /// The line does not end.
    #[error("the request has no end")]
    Cut,
    /// Not the JSON that is wanted.
    #[error("the request cannot be understood: {0}")]
    Nonsense(String),
    /// More than `MOST_PACKAGES`.
    #[error("the request names more than {MOST_PACKAGES} packages")]
    TooMany,
}

/// A text that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{}' is not {what}", .text.escape_debug())]
pub struct BadWord {
    text: String,
    what: &'static str,
}

/// The name of a service, without `.service`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UnitName(String);

/// A package, and the version where a certain one is wanted: `klipper-tools`, `libc6:armhf=2.36-9`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Wanted {
    name: PackageName,
    version: Option<String>,
}

impl Request {
    /// Reads a whole request: one line with its end, and nothing behind it.
    ///
    /// # Errors
    /// [`BadRequest`].
    pub fn parse(bytes: &[u8]) -> Result<Self, BadRequest> {
        if bytes.len() > LONGEST {
            return Err(BadRequest::TooLong);
        }
        let line = bytes.strip_suffix(b"\n").ok_or(BadRequest::Cut)?;
        let request: Self = serde_json::from_slice(line).map_err(|error| BadRequest::Nonsense(plain(&error)))?;
        match &request {
            Self::Download { packages } | Self::Install { packages } if packages.len() > MOST_PACKAGES => {
                Err(BadRequest::TooMany)
            }
            Self::Start { .. }
            | Self::Stop { .. }
            | Self::Restart { .. }
            | Self::Lists {}
            | Self::Download { .. }
            | Self::Install { .. }
            | Self::Mend {} => Ok(request),
        }
    }

    /// As it is sent.
    #[must_use]
    pub fn to_line(&self) -> String {
        // Strings alone: it cannot fail.
        let mut line = serde_json::to_string(self).unwrap_or_default();
        line.push('\n');
        line
    }
}

impl UnitName {
    /// Checks it: letters, digits, and `: - _ . @ \`, and neither a minus nor a dot at its beginning.
    ///
    /// # Errors
    /// [`BadWord`].
    pub fn new(text: &str) -> Result<Self, BadWord> {
        let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_' | '.' | '\\' | '@');
        if text.is_empty() || text.len() > 200 || text.starts_with(['-', '.']) || !text.chars().all(fine) {
            return Err(BadWord { text: text.to_owned(), what: "the name of a service" });
        }
        Ok(Self(text.to_owned()))
    }

    /// Without `.service`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// With it.
    #[must_use]
    pub fn file(&self) -> String {
        format!("{}.service", self.0)
    }
}

impl Wanted {
    /// Checks it: a package's name, then `=` and a version by Debian's policy (§5.6.12) where there is one. A version that
    /// ends with a plus or a minus is none: apt-get would take it for an order to install or to remove.
    ///
    /// # Errors
    /// [`BadWord`].
    pub fn new(text: &str) -> Result<Self, BadWord> {
        let bad = || BadWord { text: text.to_owned(), what: "the name of a package, or of one with its version" };
        let (name, version) = match text.split_once('=') {
            Some((name, version)) => (name, Some(version)),
            None => (text, None),
        };
        let name = PackageName::new(name).map_err(|_| bad())?;
        let fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'+' | b'-' | b'~' | b':');
        let good = |version: &str| {
            version.len() <= 200
                && version.starts_with(|c: char| c.is_ascii_digit())
                && !version.ends_with(['+', '-'])
                && version.bytes().all(fine)
        };
        if version.is_some_and(|version| !good(version)) {
            return Err(bad());
        }
        Ok(Self { name, version: version.map(str::to_owned) })
    }

    /// Without the version.
    #[must_use]
    pub fn name(&self) -> &PackageName {
        &self.name
    }

    /// The version, where a certain one is wanted.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }
}

/// It repeats words of the request, and goes into root's journal: one short line.
fn plain(error: &serde_json::Error) -> String {
    error.to_string().chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}

impl From<PackageName> for Wanted {
    fn from(name: PackageName) -> Self {
        Self { name, version: None }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{}={version}", self.name),
            None => write!(f, "{}", self.name),
        }
    }
}

impl TryFrom<String> for Wanted {
    type Error = BadWord;

    fn try_from(text: String) -> Result<Self, BadWord> {
        Self::new(&text)
    }
}

impl From<Wanted> for String {
    fn from(wanted: Wanted) -> Self {
        wanted.to_string()
    }
}

impl TryFrom<String> for UnitName {
    type Error = BadWord;

    fn try_from(text: String) -> Result<Self, BadWord> {
        Self::new(&text)
    }
}

impl From<UnitName> for String {
    fn from(name: UnitName) -> Self {
        name.0
    }
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
