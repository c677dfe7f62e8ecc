//! Newtypes for what has a name: updaters, commits, branches, runs, connections. A value of such a type has been
//! checked once, at the door, and can be put into an argument vector or a file name without a second look.
//! Refuses to: know where a name came from.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a text is not the name it was taken for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NameError {
    /// An updater's name is empty or holds control characters.
    #[error("'{0}' is not a name for an updater: it must be one line of visible text")]
    Updater(String),
    /// Not a full object id.
    #[error("'{0}' is not a commit id: expected 40 or 64 hexadecimal digits")]
    Commit(String),
    /// Not a branch name that git would accept, or one that could be taken for an option.
    #[error("'{0}' is not a branch name that git accepts")]
    Branch(String),
}

/// The name of one updater: the text after `update_manager` in its section header.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UpdaterName(String);

impl UpdaterName {
    /// Takes a section's name: at least one character, no control characters, at most 256 bytes.
    ///
    /// # Errors
    /// [`NameError::Updater`] naming the text.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let fine = !text.trim().is_empty() && text.len() <= 256 && !text.chars().any(char::is_control);
        if fine { Ok(Self(text.to_owned())) } else { Err(NameError::Updater(text.to_owned())) }
    }

    /// The name as configured.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A full git object id: 40 (SHA-1) or 64 (SHA-256) lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommitId(String);

impl CommitId {
    /// Parses a full object id in either case.
    ///
    /// # Errors
    /// [`NameError::Commit`] naming the text.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let fine = matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit());
        if fine { Ok(Self(text.to_ascii_lowercase())) } else { Err(NameError::Commit(text.to_owned())) }
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first eight digits, as Moonraker abbreviates.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..8]
    }
}

/// A branch name (without `refs/heads/`) that `git check-ref-format --branch` accepts: in particular it does not
/// begin with `-`, so that it can never be taken for an option.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BranchName(String);

impl BranchName {
    /// Checks the rules of gitrevisions(7)/git-check-ref-format(1).
    ///
    /// # Errors
    /// [`NameError::Branch`] naming the text.
    pub fn new(text: &str) -> Result<Self, NameError> {
        if branch_is_well_formed(text) { Ok(Self(text.to_owned())) } else { Err(NameError::Branch(text.to_owned())) }
    }

    /// The name without a prefix.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn branch_is_well_formed(text: &str) -> bool {
    let forbidden = |c: char| c.is_control() || matches!(c, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\' | '\u{7f}');
    !text.is_empty()
        && text != "@"
        && text != "HEAD"
        && text.len() <= 1024
        && !text.starts_with('-')
        && !text.ends_with('.')
        && !text.contains("..")
        && !text.contains("@{")
        && !text.chars().any(forbidden)
        && text.split('/').all(|part| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock"))
}

/// Numbers one run in the journal, counted from 1 and never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub i64);

/// Names one open connection of a client; what `server.connection.identify` answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConnectionId(pub u64);

macro_rules! text_newtype {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(&text)
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}
text_newtype!(UpdaterName);
text_newtype!(CommitId);
text_newtype!(BranchName);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_can_never_be_an_option() {
        for bad in ["-x", "--upload-pack=touch", "", "a..b", "a b", "a.lock", "x/.y", "@", "HEAD", "a//b", "a\nb"] {
            assert!(BranchName::new(bad).is_err(), "{bad:?} was taken for a branch");
        }
        for good in ["master", "feature/x", "v0.12", "ünïcode"] {
            assert!(BranchName::new(good).is_ok(), "{good:?} was refused");
        }
    }

    #[test]
    fn a_commit_is_all_its_digits() {
        assert!(CommitId::new("abcdef12").is_err());
        assert!(CommitId::new("--exec=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx").is_err());
        let upper = CommitId::new(&"AB".repeat(20));
        assert_eq!(upper.map(|c| c.short().to_owned()), Ok("abababab".to_owned()));
    }
}
