//! Why an archive is not unpacked, in words for its owner.
//! Refuses to: print a name from an archive as it stands; it may hold anything.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Names longer than this are shown cut, in characters.
const SHOWN: usize = 120;

/// What went wrong with an archive.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// A deed on a path of this machine failed.
    #[error("{path} could not be {deed}: {source}", path = .path.display())]
    Io {
        /// `read`, `made`, `written` …
        deed: &'static str,
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The folder to unpack into holds something.
    #[error("{path} is not empty, so nothing was unpacked into it; empty it and try again", path = .0.display())]
    NotEmpty(PathBuf),
    /// Not a zip archive, or not all of one.
    #[error("{path} is not a whole zip archive ({what}); nothing was changed. Download it again; if it stays so, tell the \
        project that published it", path = .path.display())]
    Broken {
        /// The archive.
        path: PathBuf,
        /// What does not hold.
        what: String,
    },
    /// One part of a set.
    #[error("{path} is one part of an archive in several parts, which cannot be unpacked; nothing was changed. Tell the \
        project that published it", path = .0.display())]
    SeveralParts(PathBuf),
    /// More than is allowed in all.
    #[error("{path} holds {excess}; nothing was changed. Tell the project that published it, or raise the limit if the \
        release is meant to be that large", path = .path.display())]
    TooMuch {
        /// The archive.
        path: PathBuf,
        /// Of what.
        excess: Excess,
    },
    /// One entry that an honest archive does not hold.
    #[error("the entry \"{}\" of the archive {reason}; nothing was changed. Tell the project that published it", shown(.entry))]
    Refused {
        /// The entry's name, as far as it is text.
        entry: String,
        /// Why.
        reason: Reason,
    },
}

/// Of what an archive holds too much.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Excess {
    /// Files, links and folders together.
    #[error("more than {limit} files and folders (the entry \"{}\" is one too many)", shown(.entry))]
    Files {
        /// The first one too many.
        entry: String,
        /// How many are allowed.
        limit: u64,
    },
    /// Unpacked bytes.
    #[error("more than {limit} bytes when unpacked (the entry \"{}\" is past that)", shown(.entry))]
    Bytes {
        /// The first one too many.
        entry: String,
        /// How many are allowed.
        limit: u64,
    },
    /// Unpacked bytes for each packed one.
    #[error("{bytes} bytes when unpacked, more than {limit} times its own size")]
    Ratio {
        /// Unpacked.
        bytes: u64,
        /// How many times is allowed.
        limit: u64,
    },
}

/// Why an entry is refused: continues the sentence "the entry … of the archive".
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Reason {
    /// No name, or nothing between two slashes.
    #[error("has no name, or a part of its path is empty")]
    EmptyName,
    /// Not UTF-8.
    #[error("has a name that is not UTF-8")]
    NotUtf8,
    /// NUL, a line feed, an escape character …
    #[error("has a control character in its name")]
    ControlCharacter,
    /// A separator on Windows, a letter here.
    #[error("has a backslash in its name")]
    Backslash,
    /// `/etc/passwd`.
    #[error("has an absolute path")]
    Absolute,
    /// `C:`.
    #[error("has a path with a drive letter")]
    DriveLetter,
    /// `.` or `..`.
    #[error("has \".\" or \"..\" in its path")]
    Dots,
    /// A part longer than a file system takes.
    #[error("has a part of its path that is longer than 255 bytes")]
    LongPart,
    /// A path longer than any release needs.
    #[error("has a path that is longer than {0} bytes")]
    LongPath(usize),
    /// Folders in folders.
    #[error("is more than {0} folders deep")]
    Deep(usize),
    /// A device, a named pipe, a socket or a hard link.
    #[error("is {0}, which a release has no use for")]
    Special(&'static str),
    /// The name says folder and the rest says something else.
    #[error("says that it is a folder and also that it is not")]
    TwoKinds,
    /// Twice the same name.
    #[error("is there twice")]
    Duplicate,
    /// A name that differs in its case alone.
    #[error("differs from \"{}\" in upper and lower case alone", shown(.0))]
    CaseCollision(String),
    /// A file where another entry needs a folder.
    #[error("needs \"{}\" to be a folder and a file at once", shown(.0))]
    FileAndFolder(String),
    /// A path that leads through a symbolic link.
    #[error("lies below the symbolic link \"{}\"", shown(.0))]
    BelowLink(String),
    /// A symbolic link that leads out.
    #[error("is a symbolic link to \"{}\", which is or may be outside the archive", shown(.0))]
    LeadsOut(String),
    /// A symbolic link without a target that could be one.
    #[error("is a symbolic link whose target is empty, too long or no text")]
    NoTarget,
    /// Encrypted.
    #[error("is encrypted")]
    Encrypted,
    /// Neither stored nor deflated.
    #[error("is packed with the unknown method {0}")]
    Method(u16),
    /// A bomb.
    #[error("would unpack to more than {0} times its packed size")]
    Ratio(u64),
    /// Two entries share their packed bytes: a bomb.
    #[error("lies over the entry \"{}\" inside the archive", shown(.0))]
    Overlap(String),
    /// No header of an entry where the directory says that it begins.
    #[error("is not where the archive says that it is")]
    Misplaced,
    /// It ends after the archive does.
    #[error("is cut off")]
    CutOff,
    /// Two descriptions of one entry.
    #[error("is described in two ways by the archive (its {0} differs)")]
    TwoDescriptions(&'static str),
    /// A small file was expected.
    #[error("has more than {0} bytes, too many for what it is")]
    Large(u64),
    /// A file was expected.
    #[error("is no ordinary file")]
    NoFile,
    /// Longer or shorter than the directory says.
    #[error("does not have the size that the archive declares")]
    Size,
    /// Not what was packed.
    #[error("is damaged (its checksum or its packed data is wrong)")]
    Damaged,
}

impl ArchiveError {
    /// Made from a failed deed.
    pub(super) fn io(deed: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { deed, path, source }
    }

    /// Made from a reason, for one entry.
    pub(super) fn of(entry: &str) -> impl FnOnce(Reason) -> Self {
        move |reason| Self::Refused { entry: entry.to_owned(), reason }
    }
}

/// A name for the eye: no control characters, no line breaks, not endless.
fn shown(name: &str) -> String {
    let mut text: String = name.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if name.chars().nth(SHOWN).is_some() {
        text.push('…');
    }
    text
}
