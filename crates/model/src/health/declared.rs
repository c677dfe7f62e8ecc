//! `health_check:` of an updater: what its owner wants to be asked besides.
//! Refuses to: ask it; and to take a line that a shell would have to read.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Seconds that a check may take until it passes, unless the owner says otherwise.
const PATIENCE: u32 = 30;
/// The longest that the owner may say.
pub(crate) const LONGEST_PATIENCE: u32 = 600;

/// What one updater asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HealthSpec {
    /// Nothing at all is asked: `health_check: none`.
    pub off: bool,
    /// In the order in which they are written.
    pub declared: Vec<Declared>,
}

impl HealthSpec {
    /// What is asked of itself, and nothing besides.
    pub const USUAL: Self = Self { off: false, declared: Vec::new() };
}

/// A check that the owner declared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// What is asked.
    pub check: DeclaredCheck,
    /// How many seconds it may take until it passes.
    pub patience: u32,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "check", rename_all = "snake_case")]
pub enum DeclaredCheck {
    /// An address answers.
    Url {
        /// Which.
        url: HealthUrl,
        /// With this status.
        status: u16,
        /// And with a page (`text/html`): it is a front end's.
        page: bool,
    },
    /// A service runs.
    Unit {
        /// Which.
        unit: UnitName,
    },
    /// A program ends with 0.
    Command {
        /// Which.
        program: ProgramPath,
        /// Its arguments, as they are.
        arguments: Vec<String>,
    },
}

/// Why a line is no check, in words for its writer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadCheck {
    /// The first word.
    #[error("'{0}' is no kind of check; the kinds are 'url', 'unit' and 'command', or 'none' alone")]
    Kind(String),
    /// `url`
    #[error(
        "'{0}' is not an address that can be asked; write it as http://HOST/PATH or https://HOST/PATH, without a password"
    )]
    Url(String),
    /// The word after the address.
    #[error("'{0}' is no status of an answer; write a number from 100 to 599, such as 200")]
    Status(String),
    /// `unit`
    #[error("'{0}' is not the name of a service; write it without .service")]
    Unit(String),
    /// `command`
    #[error(
        "'{0}' is not the full path of a program; write /usr/bin/… (no shell reads it: no '~', no pipes, no quotes)"
    )]
    Program(String),
    /// Too many words.
    #[error("'{0}' is one word too many")]
    Surplus(String),
}

/// An `http` or `https` address, without credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HealthUrl(String);

/// The name of a unit, without `.service`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UnitName(String);

/// The full path of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProgramPath(String);

impl HealthUrl {
    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl UnitName {
    /// Without `.service`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ProgramPath {
    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for HealthUrl {
    type Error = BadCheck;

    fn try_from(text: String) -> Result<Self, BadCheck> {
        let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
        let host = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default()).unwrap_or_default();
        let plain = text.chars().all(|c| c.is_ascii_graphic());
        if host.is_empty() || host.starts_with(':') || host.contains('@') || !plain {
            return Err(BadCheck::Url(text));
        }
        Ok(Self(text))
    }
}

impl TryFrom<String> for UnitName {
    type Error = BadCheck;

    fn try_from(text: String) -> Result<Self, BadCheck> {
        let name = text.strip_suffix(".service").unwrap_or(&text).to_owned();
        let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_' | '.' | '\\' | '@');
        if name.is_empty() || name.len() > 200 || name.starts_with(['-', '.']) || !name.chars().all(fine) {
            return Err(BadCheck::Unit(text));
        }
        Ok(Self(name))
    }
}

impl TryFrom<String> for ProgramPath {
    type Error = BadCheck;

    fn try_from(text: String) -> Result<Self, BadCheck> {
        if !text.starts_with('/') || text.ends_with('/') || text.chars().any(char::is_control) {
            return Err(BadCheck::Program(text));
        }
        Ok(Self(text))
    }
}

impl From<HealthUrl> for String {
    fn from(url: HealthUrl) -> Self {
        url.0
    }
}

impl From<UnitName> for String {
    fn from(unit: UnitName) -> Self {
        unit.0
    }
}

impl From<ProgramPath> for String {
    fn from(program: ProgramPath) -> Self {
        program.0
    }
}

impl DeclaredCheck {
    /// Reads one line. `page`: an address is that of a front end.
    ///
    /// # Errors
    /// [`BadCheck`].
    pub fn parse(line: &str, page: bool) -> Result<Self, BadCheck> {
        let mut words = line.split_whitespace().map(str::to_owned);
        let kind = words.next().unwrap_or_default();
        let check = match kind.as_str() {
            "url" => {
                let url = HealthUrl::try_from(words.next().unwrap_or_default())?;
                let status = match words.next() {
                    Some(word) => match word.parse() {
                        Ok(status @ 100..=599) => status,
                        Ok(_) | Err(_) => return Err(BadCheck::Status(word)),
                    },
                    None => 200,
                };
                Self::Url { url, status, page: page && status == 200 }
            }
            "unit" => Self::Unit { unit: UnitName::try_from(words.next().unwrap_or_default())? },
            "command" => {
                let program = ProgramPath::try_from(words.next().unwrap_or_default())?;
                return Ok(Self::Command { program, arguments: words.collect() });
            }
            other => return Err(BadCheck::Kind(other.to_owned())),
        };
        match words.next() {
            Some(surplus) => Err(BadCheck::Surplus(surplus)),
            None => Ok(check),
        }
    }
}

/// As it is written in the configuration.
impl fmt::Display for DeclaredCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url { url, status: 200, .. } => write!(f, "url {}", url.as_str()),
            Self::Url { url, status, .. } => write!(f, "url {} {status}", url.as_str()),
            Self::Unit { unit } => write!(f, "unit {}", unit.as_str()),
            Self::Command { program, arguments } => {
                write!(f, "command {}", program.as_str())?;
                arguments.iter().try_for_each(|argument| write!(f, " {argument}"))
            }
        }
    }
}

impl HealthSpec {
    /// From the lines of `health_check` and the seconds of `health_check_timeout`. `page`: an address is that of a front
    /// end.
    ///
    /// # Errors
    /// [`BadCheck`] for the first line that is none.
    pub fn parse(lines: &[String], patience: Option<u32>, page: bool) -> Result<Self, BadCheck> {
        if let [only] = lines
            && only == "none"
        {
            return Ok(Self { off: true, declared: Vec::new() });
        }
        let patience = patience.unwrap_or(PATIENCE);
        let declared = lines.iter().map(|line| Ok(Declared { check: DeclaredCheck::parse(line, page)?, patience }));
        Ok(Self { off: false, declared: declared.collect::<Result<_, _>>()? })
    }
}
