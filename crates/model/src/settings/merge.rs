//! Pieces of many files -> one configuration: includes followed where they stand, the last value of an option wins.
//!
//! Refuses a file that is included twice (Moonraker does, recursive or not), and hostile sizes: at most 256 files, 32
//! deep. Knows no section by name except configparser's `[DEFAULT]`.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::dialect::{self, Fragment, Piece};
use super::problem::{Place, SettingsError};
use super::source::ConfigSource;

const MAX_FILES: usize = 256;
const MAX_DEPTH: usize = 32;
/// `[DEFAULT]` is copied into every section.
const MAX_DEFAULTS: usize = 64;

/// An option after the merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedOption {
    /// Lower case.
    pub name: String,
    /// The last value given.
    pub value: String,
    /// The file of that value.
    pub file: Arc<PathBuf>,
    /// The line of that value.
    pub line: u32,
}

impl MergedOption {
    /// Where the value stands.
    #[must_use]
    pub fn place(&self) -> Place {
        Place { file: self.file.as_ref().clone(), line: self.line }
    }
}

/// A section after the merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The text between the brackets.
    pub name: String,
    /// Where it was first opened.
    pub place: Place,
    /// In the order in which the names first came.
    pub options: Vec<MergedOption>,
    index: HashMap<String, usize>,
}

impl Section {
    /// The option of that (lower case) name.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<&MergedOption> {
        self.index.get(name).and_then(|at| self.options.get(*at))
    }

    /// A section that nobody wrote.
    #[must_use]
    pub fn empty(name: &str, file: &Path) -> Self {
        let place = Place { file: file.to_owned(), line: 0 };
        Self { name: name.to_owned(), place, options: Vec::new(), index: HashMap::new() }
    }

    fn set(&mut self, option: MergedOption) {
        match self.index.get(&option.name).and_then(|at| self.options.get_mut(*at)) {
            Some(known) => *known = option,
            None => {
                self.index.insert(option.name.clone(), self.options.len());
                self.options.push(option);
            }
        }
    }
}

/// All files as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// In the order in which they were first opened.
    pub sections: Vec<Section>,
    /// Every file that was read, the main one first.
    pub files: Vec<PathBuf>,
    index: HashMap<String, usize>,
}

impl Config {
    /// Reads the main file and what it includes.
    ///
    /// # Errors
    /// When a file cannot be read or is not in the dialect, an include matches nothing or a file that was read already,
    /// and when there are too many files.
    pub fn read(main: &Path, source: &dyn ConfigSource) -> Result<Self, SettingsError> {
        let config = Self { sections: Vec::new(), files: Vec::new(), index: HashMap::new() };
        let mut merger = Merger { source, config, seen: HashSet::new() };
        let main = source.resolve(main);
        merger.seen.insert(main.clone());
        merger.file(&main, 0)?;
        merger.spread_defaults()?;
        Ok(merger.config)
    }

    /// The main file.
    #[must_use]
    pub fn main(&self) -> &Path {
        self.files.first().map_or(Path::new(""), PathBuf::as_path)
    }

    /// The section of that name.
    #[must_use]
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.index.get(name).and_then(|at| self.sections.get(*at))
    }
}

struct Merger<'a> {
    source: &'a dyn ConfigSource,
    config: Config,
    seen: HashSet<PathBuf>,
}

impl Merger<'_> {
    fn file(&mut self, path: &Path, depth: usize) -> Result<(), SettingsError> {
        let unreadable = |reason| SettingsError::Unreadable { file: path.to_owned(), reason };
        let text = self.source.read(path).map_err(unreadable)?;
        self.config.files.push(path.to_owned());
        let pieces = dialect::parse(&text, &path.display().to_string()).map_err(|e| SettingsError::Unparsable {
            file: path.to_owned(),
            line: e.line,
            message: e.message,
        })?;
        let file = Arc::new(path.to_owned());
        for piece in pieces {
            match piece {
                Piece::Section(fragment) => self.section(fragment, &file),
                Piece::Include { pattern, line } => self.include(&file, line, &pattern, depth)?,
            }
        }
        Ok(())
    }

    fn section(&mut self, fragment: Fragment, file: &Arc<PathBuf>) {
        let config = &mut self.config;
        let at = *config.index.entry(fragment.name.clone()).or_insert(config.sections.len());
        if at == config.sections.len() {
            let place = Place { file: file.as_ref().clone(), line: fragment.line };
            config.sections.push(Section { name: fragment.name, place, options: Vec::new(), index: HashMap::new() });
        }
        if let Some(section) = config.sections.get_mut(at) {
            for raw in fragment.options {
                section.set(MergedOption { name: raw.name, value: raw.value, file: file.clone(), line: raw.line });
            }
        }
    }

    fn include(&mut self, from: &Path, line: u32, pattern: &str, depth: usize) -> Result<(), SettingsError> {
        let refuse = |message: String| SettingsError::Unparsable { file: from.to_owned(), line, message };
        let matches = self.source.glob(&absolute(from, pattern)).map_err(&refuse)?;
        if matches.is_empty() {
            return Err(refuse(format!("No files matching include directive [include {pattern}]")));
        }
        let mut matches: Vec<PathBuf> = matches.iter().map(|path| self.source.resolve(path)).collect();
        matches.sort();
        for path in matches {
            if !self.seen.insert(path.clone()) {
                return Err(refuse(format!("Recursive include directive detected, {}", path.display())));
            }
            if self.seen.len() > MAX_FILES || depth >= MAX_DEPTH {
                return Err(refuse(format!("More than {MAX_FILES} files, or includes more than {MAX_DEPTH} deep")));
            }
            self.file(&path, depth + 1)?;
        }
        Ok(())
    }

    /// configparser gives every section the options of `[DEFAULT]` that it does not have itself.
    fn spread_defaults(&mut self) -> Result<(), SettingsError> {
        let config = &mut self.config;
        let Some(at) = config.sections.iter().position(|section| section.name == "DEFAULT") else {
            return Ok(());
        };
        let defaults = config.sections.remove(at);
        if defaults.options.len() > MAX_DEFAULTS {
            let Place { file, line } = defaults.place;
            let message = format!("[DEFAULT] holds more than {MAX_DEFAULTS} options");
            return Err(SettingsError::Unparsable { file, line, message });
        }
        config.index = config.sections.iter().enumerate().map(|(at, s)| (s.name.clone(), at)).collect();
        for section in &mut config.sections {
            for option in &defaults.options {
                if section.option(&option.name).is_none() {
                    section.set(option.clone());
                }
            }
        }
        Ok(())
    }
}

/// A pattern beside the including file; what its folder's name holds is meant literally.
fn absolute(from: &Path, pattern: &str) -> String {
    if Path::new(pattern).is_absolute() {
        return pattern.to_owned();
    }
    let folder = from.parent().unwrap_or(Path::new("/")).display().to_string();
    let mut escaped = String::with_capacity(folder.len() + pattern.len() + 1);
    for c in folder.chars() {
        if matches!(c, '*' | '?' | '[' | ']') {
            escaped.extend(['[', c, ']']);
        } else {
            escaped.push(c);
        }
    }
    format!("{}/{pattern}", escaped.trim_end_matches('/'))
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
