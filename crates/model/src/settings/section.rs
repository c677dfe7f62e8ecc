//! Reading one section: typed options in Moonraker's words of complaint, and a memory of what was read.
//!
//! Refuses to warn about what was not read; `leftovers` does that when everything has been.

use std::collections::HashSet;

use super::merge::{MergedOption, Section};
use super::problem::{Place, Problem, Severity};
use super::value;

/// Why a section cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The option to blame, if it is one.
    pub option: Option<String>,
    /// Moonraker's words, where it has some.
    pub message: String,
    /// The value itself could not be parsed. Moonraker then says nothing about the section's unread options.
    pub parsing: bool,
    /// What to do about it.
    pub remedy: Option<String>,
}

impl Fault {
    /// A value that can be parsed but not used.
    #[must_use]
    pub fn new(option: &str, message: String) -> Self {
        Self { option: Some(option.to_owned()), message, parsing: false, remedy: None }
    }

    /// The same with advice.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

/// What was found about the configuration so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// The literal warnings of `server.info`.
    pub warnings: Vec<String>,
    /// Everything, with places.
    pub problems: Vec<Problem>,
}

impl Findings {
    /// Warns clients and the owner. Moonraker's warnings are HTML: a newline becomes `<br/>`.
    pub fn warn(&mut self, text: &str, problem: Problem) {
        self.warnings.push(text.replace('\n', "<br/>"));
        self.problems.push(problem);
    }

    /// Tells the owner only.
    pub fn note(&mut self, problem: Problem) {
        self.problems.push(problem);
    }
}

/// What is remembered of a section that was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The options that were looked at.
    pub used: HashSet<String>,
    /// A value could not be parsed.
    pub broken: bool,
}

/// Reads the options of one section.
pub struct Reader<'a> {
    section: &'a Section,
    label: String,
    used: HashSet<String>,
}

impl<'a> Reader<'a> {
    /// Reads a section, which messages call by its own name.
    #[must_use]
    pub fn new(section: &'a Section) -> Self {
        Self::labelled(section, &section.name)
    }

    /// Reads a section, which messages call by another name.
    #[must_use]
    pub fn labelled(section: &'a Section, label: &str) -> Self {
        Self { section, label: label.to_owned(), used: HashSet::new() }
    }

    /// The section's name in messages.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The section itself.
    #[must_use]
    pub fn section(&self) -> &'a Section {
        self.section
    }

    /// Ends the reading.
    #[must_use]
    pub fn outcome(self, broken: bool) -> Outcome {
        Outcome { used: self.used, broken }
    }

    /// The raw value.
    pub fn text(&mut self, name: &str) -> Option<&'a str> {
        self.used.insert(name.to_owned());
        self.section.option(name).map(|option| option.value.as_str())
    }

    /// The raw value of an option that must be there.
    ///
    /// # Errors
    /// When it is not.
    pub fn required(&mut self, name: &str) -> Result<&'a str, Fault> {
        let section = &self.section.name;
        self.text(name).ok_or_else(|| Fault {
            option: Some(name.to_owned()),
            message: format!("No option '{name}' in section: '{section}'"),
            parsing: true,
            remedy: Some(format!("add a line '{name}: …' to [{section}]")),
        })
    }

    /// A boolean with its default.
    ///
    /// # Errors
    /// When it is none.
    pub fn boolean(&mut self, name: &str, default: bool) -> Result<bool, Fault> {
        self.parsed(name, value::boolean).map(|value| value.unwrap_or(default))
    }

    /// An integer.
    ///
    /// # Errors
    /// When it is none.
    pub fn integer(&mut self, name: &str) -> Result<Option<i64>, Fault> {
        self.parsed(name, value::integer)
    }

    /// Lines, stripped, empty ones dropped.
    pub fn lines(&mut self, name: &str) -> Vec<String> {
        self.text(name).map(value::lines).unwrap_or_default()
    }

    /// A value through a parser.
    ///
    /// # Errors
    /// Moonraker's frame around the parser's complaint.
    pub fn parsed<T>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>, Fault> {
        let label = self.label.clone();
        let Some(text) = self.text(name) else { return Ok(None) };
        parse(text).map(Some).map_err(|why| Fault {
            option: Some(name.to_owned()),
            message: format!("[{label}]: Option '{name}' encountered the following error while parsing: {why}"),
            parsing: true,
            remedy: None,
        })
    }

    /// The complaint about a value that is not one of a closed set; the typing errors are Moonraker's.
    #[must_use]
    pub fn bad_choice(&self, name: &str, value: &str, choices: &[&str]) -> Fault {
        let (label, choices) = (&self.label, value::repr_list(choices));
        Fault::new(
            name,
            format!(
                "Section [{label}], Option '{name}: Value {value} is not a vailid choice.  \
                 Must be one of the following {choices}"
            ),
        )
    }

    /// A problem with one option, or with the section when it has no such option.
    #[must_use]
    pub fn problem(&self, option: Option<&str>, severity: Severity, message: impl Into<String>) -> Problem {
        problem(self.section, option, severity, message)
    }
}

/// A problem in a section, at the line of its option if there is one.
#[must_use]
pub fn problem(section: &Section, option: Option<&str>, severity: Severity, message: impl Into<String>) -> Problem {
    let found = option.and_then(|name| section.option(name));
    let Place { file, line } = found.map_or_else(|| section.place.clone(), MergedOption::place);
    Problem {
        file,
        line,
        section: section.name.clone(),
        option: option.map(str::to_owned),
        message: message.into(),
        remedy: None,
        severity,
    }
}

impl Problem {
    /// The same problem with advice.
    #[must_use]
    pub fn with_remedy(mut self, remedy: Option<String>) -> Self {
        self.remedy = remedy;
        self
    }
}
