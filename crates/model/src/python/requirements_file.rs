//! pip's `requirements.txt`, with the files that it includes: what is asked for, line by line.
//! Refuses to: fail on a line; what is not understood is said to be so, and left to pip.

mod entry;
mod line;
mod options;

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use self::line::{Logical, logical_lines};
use self::options::{Flag, split};
use super::direct::DirectReference;
use super::marker::Marker;
use super::name::ProjectName;
use super::requirement::Requirement;

/// How many files may be read in all, and with it how deep they may include each other.
const FILES: usize = 100;

/// A path below the folder that holds the requirements: no `..`, no `/` at its start, parts joined by one `/`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RelativePath(String);

/// A path that leads out of its folder, or nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is not a path below the folder of the application")]
pub struct RelativePathError(String);

impl RelativePath {
    /// Takes a path apart and puts it together without `.`, `..` and doubled slashes.
    ///
    /// # Errors
    /// [`RelativePathError`] when it is absolute, empty, or leads out.
    pub fn new(text: &str) -> Result<Self, RelativePathError> {
        Self(String::new()).join(text).ok_or_else(|| RelativePathError(text.to_owned()))
    }

    /// The path with `/` between its parts.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A path as a file in this folder names it.
    fn join(&self, text: &str) -> Option<Self> {
        if text.starts_with('/') || text.contains(['\0', '\\']) {
            return None;
        }
        let mut parts: Vec<&str> = self.0.split('/').filter(|part| !part.is_empty()).collect();
        for part in text.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop()?;
                }
                part => parts.push(part),
            }
        }
        (!parts.is_empty()).then(|| Self(parts.join("/")))
    }

    fn folder(&self) -> Self {
        Self(self.0.rsplit_once('/').map_or_else(String::new, |(folder, _)| folder.to_owned()))
    }
}

impl fmt::Display for RelativePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for RelativePath {
    type Error = RelativePathError;
    fn try_from(text: String) -> Result<Self, RelativePathError> {
        Self::new(&text)
    }
}

impl From<RelativePath> for String {
    fn from(path: RelativePath) -> Self {
        path.0
    }
}

/// A file of requirements that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RequirementsFileError {
    /// The file itself, or one that it includes.
    #[error("could not read the requirements file {file}{}: {why}", asked_by(by.as_ref()))]
    Unreadable {
        /// Which.
        file: RelativePath,
        /// The line that includes it.
        by: Option<Place>,
        /// What `read` said.
        why: String,
    },
    /// Bytes that are not UTF-8.
    #[error("the requirements file {0} is not UTF-8 text; save it as UTF-8")]
    Encoding(RelativePath),
}

fn asked_by(place: Option<&Place>) -> String {
    place.map_or_else(String::new, |place| format!(" that {place} includes"))
}

/// Where something is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The file.
    pub file: RelativePath,
    /// Its line, from 1; the first of those that backslashes join.
    pub line: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} line {}", self.file, self.line)
    }
}

/// One line that asks for something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Where it stands.
    pub at: Place,
    /// What it asks for.
    pub entry: Entry,
}

/// What a line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// `name>=1.0`, `name @ url`.
    Named {
        /// What is asked for.
        requirement: Requirement,
        /// The values of `--hash`, as `sha256:…`.
        hashes: Vec<String>,
    },
    /// `-e ./path`, `-e git+https://…`.
    Editable {
        /// As written.
        target: String,
        /// Where it is when it is no local path.
        source: Option<DirectReference>,
        /// The project, when the line tells.
        name: Option<ProjectName>,
        /// Its optional parts.
        extras: BTreeSet<ProjectName>,
    },
    /// A URL alone.
    Direct {
        /// The URL, taken apart.
        source: DirectReference,
        /// When it counts.
        marker: Option<Marker>,
        /// The values of `--hash`.
        hashes: Vec<String>,
    },
    /// A path: a folder, a wheel, an archive of sources.
    Local {
        /// As written, without extras; relative to the folder that pip is started in.
        path: String,
        /// Its optional parts.
        extras: BTreeSet<ProjectName>,
        /// When it counts.
        marker: Option<Marker>,
    },
    /// Only pip can tell.
    NotUnderstood {
        /// The line, joined, without comments.
        text: String,
    },
}

/// A bound on a project that is not asked for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constraint {
    /// Where it stands.
    pub at: Place,
    /// The bound.
    pub requirement: Requirement,
}

/// What stands on lines of its own, for all requirements.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// Something in the files is not understood here: references to the environment, unknown options, constraints that
    /// are no requirements. What is needed can be told by pip alone.
    pub needs_pip: bool,
    /// `-i`, `--index-url`: instead of the configured index.
    pub index_url: Option<String>,
    /// `--extra-index-url`.
    pub extra_index_urls: Vec<String>,
    /// `--no-index`.
    pub no_index: bool,
    /// `-f`, `--find-links`.
    pub find_links: Vec<String>,
    /// `--pre`: pre-releases are wished for.
    pub pre: bool,
    /// `--prefer-binary`: an older wheel rather than newer sources.
    pub prefer_binary: bool,
    /// `--only-binary`: `:all:`, `:none:`, or names.
    pub only_binary: Vec<String>,
    /// `--no-binary`: the same for sources.
    pub no_binary: Vec<String>,
    /// `--require-hashes`.
    pub require_hashes: bool,
    /// `--trusted-host`.
    pub trusted_hosts: Vec<String>,
    /// `--use-feature`.
    pub features: Vec<String>,
}

/// What a requirements file says, with those that it includes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequirementsFile {
    /// What is asked for, in order.
    pub lines: Vec<Line>,
    /// The bounds of `-c` files.
    pub constraints: Vec<Constraint>,
    /// What holds for all.
    pub options: Options,
    /// Every file that was read, the first one first.
    pub files: Vec<RelativePath>,
}

/// Reads bytes of a file; the text of an error is shown to the owner.
pub type Read<'a> = dyn FnMut(&RelativePath) -> Result<Vec<u8>, String> + 'a;

impl RequirementsFile {
    /// Reads a file and what it includes (`-r`, `-c`: relative to the file that includes). Includes that go in a circle, too
    /// many, out of the folder or to a URL are lines that are not understood.
    ///
    /// # Errors
    /// [`RequirementsFileError`] when one of the files cannot be read or is not UTF-8.
    pub fn load(file: &RelativePath, read: &mut Read<'_>) -> Result<Self, RequirementsFileError> {
        let mut loading = Loading { read, stack: Vec::new(), loads: 0, found: Self::default() };
        loading.file(file, None, false)?;
        Ok(loading.found)
    }
}

struct Loading<'r, 'c> {
    read: &'r mut Read<'c>,
    stack: Vec<RelativePath>,
    loads: usize,
    found: RequirementsFile,
}

impl Loading<'_, '_> {
    fn file(
        &mut self,
        file: &RelativePath,
        by: Option<Place>,
        is_constraint: bool,
    ) -> Result<(), RequirementsFileError> {
        let unreadable = |why| RequirementsFileError::Unreadable { file: file.clone(), by, why };
        self.loads += 1;
        let bytes = (self.read)(file).map_err(unreadable)?;
        let text = String::from_utf8(bytes).map_err(|_| RequirementsFileError::Encoding(file.clone()))?;
        if !self.found.files.contains(file) {
            self.found.files.push(file.clone());
        }
        self.stack.push(file.clone());
        for line in logical_lines(text.strip_prefix('\u{feff}').unwrap_or(&text)) {
            self.line(Place { file: file.clone(), line: line.number }, &line, is_constraint)?;
        }
        self.stack.pop();
        Ok(())
    }

    fn line(&mut self, at: Place, line: &Logical, is_constraint: bool) -> Result<(), RequirementsFileError> {
        self.found.options.needs_pip |= line.has_environment_reference();
        let Some(parts) = split(&line.text) else {
            self.add(at, Entry::NotUnderstood { text: line.text.clone() }, is_constraint);
            return Ok(());
        };
        let hashes = || parts.values(Flag::Hash).map(str::to_owned).collect();
        if !parts.requirement.is_empty() {
            self.add(at, entry::of_requirement(parts.requirement, hashes()), is_constraint);
        } else if let Some(target) = parts.values(Flag::Editable).next() {
            self.add(at, entry::of_editable(target), is_constraint);
        } else if let Some(path) = parts.values(Flag::Requirement).next() {
            self.include(at, line, path, false)?;
        } else if let Some(path) = parts.values(Flag::Constraint).next() {
            self.include(at, line, path, true)?;
        } else {
            parts.apply(&mut self.found.options);
        }
        Ok(())
    }

    fn include(
        &mut self,
        at: Place,
        line: &Logical,
        path: &str,
        is_constraint: bool,
    ) -> Result<(), RequirementsFileError> {
        let is_url = DirectReference::parse(path).is_some();
        let nested = if is_url || path.contains("${") { None } else { at.file.folder().join(path) };
        let has_room = self.loads < FILES;
        match nested.filter(|nested| has_room && !self.stack.contains(nested)) {
            Some(nested) => self.file(&nested, Some(at), is_constraint),
            None => {
                self.add(at, Entry::NotUnderstood { text: line.text.clone() }, is_constraint);
                Ok(())
            }
        }
    }

    fn add(&mut self, at: Place, entry: Entry, is_constraint: bool) {
        match entry {
            Entry::Named { requirement, .. } if is_constraint => {
                self.found.constraints.push(Constraint { at, requirement });
            }
            entry => {
                self.found.options.needs_pip |= is_constraint || matches!(entry, Entry::NotUnderstood { .. });
                if !is_constraint {
                    self.found.lines.push(Line { at, entry });
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "requirements_file_tests.rs"]
mod tests;
