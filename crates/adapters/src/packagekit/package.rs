//! PackageKit's words for packages: `name;version;architecture;where from`, and the number beside it that says what is the
//! matter with the package.
//! Refuses to: guess what an unknown number means.

use std::fmt;

use thiserror::Error;

/// What PackageKit knows a version of a package by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageId(String);

/// Not such a name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is not a package as PackageKit writes it (name;version;architecture;source)")]
pub struct NotAnId(String);

impl PackageId {
    /// Checks that it has its four parts, and a name.
    ///
    /// # Errors
    /// [`NotAnId`] with the text.
    pub fn new(text: &str) -> Result<Self, NotAnId> {
        let parts: Vec<&str> = text.split(';').collect();
        let whole = matches!(parts[..], [name, version, _, _] if !name.is_empty() && !version.is_empty());
        if whole && !text.contains(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAnId(text.to_owned()))
        }
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `libfoo`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.part(0)
    }

    /// `1.0-2`.
    #[must_use]
    pub fn version(&self) -> &str {
        self.part(1)
    }

    /// `arm64`, `all`.
    #[must_use]
    pub fn architecture(&self) -> &str {
        self.part(2)
    }

    /// It is what is installed, not what could be.
    #[must_use]
    pub fn is_installed(&self) -> bool {
        self.part(3).split(':').next() == Some("installed")
    }

    fn part(&self, index: usize) -> &str {
        self.0.split(';').nth(index).unwrap_or_default()
    }
}

impl fmt::Display for PackageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name(), self.version())
    }
}

/// An update that can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// To ask for it.
    pub id: PackageId,
    /// The package.
    pub name: String,
    /// The version that would come.
    pub version: String,
    /// Its architecture.
    pub architecture: String,
    /// What it is for.
    pub kind: UpdateKind,
}

/// What an update is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateKind {
    /// It closes a hole.
    Security,
    /// Anything else.
    Normal,
    /// It is there and will not be installed: something holds it back.
    Blocked,
}

/// What a simulated transaction would do with a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The package and the version that would come, or go.
    pub id: PackageId,
    /// What would happen to it.
    pub kind: ChangeKind,
}

/// What happens to a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It comes.
    Install,
    /// Another version comes.
    Update,
    /// An older version comes.
    Downgrade,
    /// It goes.
    Remove,
    /// The same version is installed anew.
    Reinstall,
    /// Nobody vouches for it.
    Untrusted,
    /// PackageKit said a number that this Refit does not know.
    Unknown(u32),
}

/// A package that bears a name that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// It.
    pub id: PackageId,
    /// It is installed; else it could be.
    pub installed: bool,
}

/// What PackageKit's number beside a package says (`PkInfoEnum`). From 1.2.7 on its upper half tells how urgent it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Info(pub(super) u32);

impl Info {
    fn what(self) -> u32 {
        self.0 & 0xffff
    }

    /// It is installed.
    pub(super) fn is_installed(self) -> bool {
        self.what() == 1
    }

    /// What an update is for.
    pub(super) fn update(self) -> UpdateKind {
        match (self.what(), self.0 >> 16) {
            (9, _) => UpdateKind::Blocked,
            (8, _) | (_, 8) => UpdateKind::Security,
            _ => UpdateKind::Normal,
        }
    }

    /// What would happen. 1.2 says it in the words of what is happening (`installing`), 1.3 has words of its own.
    pub(super) fn change(self) -> ChangeKind {
        match self.what() {
            12 | 27 => ChangeKind::Install,
            3..=8 | 11 | 26 => ChangeKind::Update,
            20 | 30 => ChangeKind::Downgrade,
            // What another package takes the place of goes as well.
            13 | 15 | 28 | 29 => ChangeKind::Remove,
            19 => ChangeKind::Reinstall,
            23 => ChangeKind::Untrusted,
            other => ChangeKind::Unknown(other),
        }
    }

    /// What is happening, for a line of progress; none for what is of no interest.
    pub(super) fn in_words(self) -> Option<&'static str> {
        match self.what() {
            10 => Some("Downloading"),
            11 => Some("Updating"),
            12 => Some("Installing"),
            13 => Some("Removing"),
            14 => Some("Cleaning up after"),
            19 => Some("Installing again"),
            20 => Some("Going back to"),
            21 => Some("Preparing"),
            22 => Some("Unpacking"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_four_parts() {
        let id = PackageId::new("libfoo;1:1.0-2;arm64;installed:debian-stable-main").unwrap();
        assert_eq!((id.name(), id.version(), id.architecture()), ("libfoo", "1:1.0-2", "arm64"));
        assert!(id.is_installed());
        assert_eq!(id.to_string(), "libfoo 1:1.0-2");
        assert!(!PackageId::new("libfoo;1.0;all;").unwrap().is_installed());
        for bad in ["", "libfoo", "libfoo;1.0;all", ";1.0;all;x", "libfoo;;all;x", "a;b;c;d;e", "a;1\n;c;d"] {
            assert_eq!(PackageId::new(bad), Err(NotAnId(bad.to_owned())));
        }
    }

    #[test]
    fn a_removal_is_one_in_the_words_of_every_version() {
        for removal in [13, 15, 28, 29, 28 | (5 << 16)] {
            assert_eq!(Info(removal).change(), ChangeKind::Remove);
        }
        assert_eq!((Info(11).change(), Info(5).change()), (ChangeKind::Update, ChangeKind::Update));
        assert_eq!((Info(12).change(), Info(27).change()), (ChangeKind::Install, ChangeKind::Install));
        assert_eq!((Info(23).change(), Info(99).change()), (ChangeKind::Untrusted, ChangeKind::Unknown(99)));
    }

    #[test]
    fn security_is_told_in_both_halves_of_the_number() {
        assert_eq!(Info(8).update(), UpdateKind::Security);
        assert_eq!(Info(5 | (8 << 16)).update(), UpdateKind::Security);
        assert_eq!((Info(5).update(), Info(9).update()), (UpdateKind::Normal, UpdateKind::Blocked));
    }
}
