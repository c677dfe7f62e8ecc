//! What is wrong with a configuration, and where: one `Problem` per finding, one error for what cannot be read at all.
//!
//! Refuses to decide what a problem costs: a broken section disables one updater, a broken file everything, and that is
//! told by `Settings`, not here.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// How much a [`Problem`] matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing is lost.
    Note,
    /// Something was ignored or replaced by its default.
    Warning,
    /// What the section configures is not available.
    Error,
}

/// A line of a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The file, as it was opened.
    pub file: PathBuf,
    /// The line, counted from 1.
    pub line: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// One finding about a configuration, with its place and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file it stands in.
    pub file: PathBuf,
    /// The line, counted from 1; 0 when it concerns the whole file or something that is absent.
    pub line: u32,
    /// The section's full name, without brackets; empty when it concerns none.
    pub section: String,
    /// The option's name, lower-cased, when one option is to blame.
    pub option: Option<String>,
    /// What is wrong, in the words Moonraker uses for it where it has some.
    pub message: String,
    /// What to do about it, when that is known.
    pub remedy: Option<String>,
    /// How much it matters.
    pub severity: Severity,
}

/// Why there are no settings at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The main file, or one that it includes, cannot be read.
    #[error("cannot read the configuration file {}: {reason}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// The main file, or one that it includes, is not in the dialect.
    #[error("{}:{line}: {message}", file.display())]
    Unparsable {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: u32,
        /// What is wrong with it.
        message: String,
    },
    /// A value that nothing safe can stand for.
    #[error("{}:{line}: {message}", file.display())]
    Invalid {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: u32,
        /// What is wrong with it.
        message: String,
    },
}

impl SettingsError {
    /// The file that is to blame.
    #[must_use]
    pub fn file(&self) -> &Path {
        match self {
            Self::Unreadable { file, .. } | Self::Unparsable { file, .. } | Self::Invalid { file, .. } => file,
        }
    }
}
