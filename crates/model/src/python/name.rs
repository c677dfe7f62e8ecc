//! The name of a Python project or of one of its extras, normalised as PEP 503 has it: `Jinja_2` and `jinja-2` are one.
//! Refuses to: keep the spelling; whoever shows a name as its author writes it takes it from the metadata.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A text that no Python project can be called.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "'{0}' is not the name of a Python project: letters, digits, '-', '_' and '.', with a letter or digit at both ends"
)]
pub struct ProjectNameError(String);

/// A normalised name: lower case, and every run of `-`, `_` and `.` is one `-`. Holds for extras as well (PEP 685).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProjectName(String);

impl ProjectName {
    /// Takes a name in any spelling.
    ///
    /// # Errors
    /// [`ProjectNameError`] naming the text when it is not `[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?`.
    pub fn new(text: &str) -> Result<Self, ProjectNameError> {
        let is_end = |end: Option<char>| end.is_some_and(|c| c.is_ascii_alphanumeric());
        let fine = is_end(text.chars().next())
            && is_end(text.chars().next_back())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || is_separator(c));
        if fine { Ok(Self(normalised(text))) } else { Err(ProjectNameError(text.to_owned())) }
    }

    /// The normalised text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_separator(c: char) -> bool {
    matches!(c, '-' | '_' | '.')
}

/// PEP 503's replacement, of texts that are no valid names as well: what a marker compares `extra` with.
pub(super) fn normalised(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    for c in text.chars() {
        if !is_separator(c) {
            name.extend(c.to_lowercase());
        } else if !name.ends_with('-') {
            name.push('-');
        }
    }
    name
}

impl fmt::Display for ProjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ProjectName {
    type Error = ProjectNameError;
    fn try_from(text: String) -> Result<Self, ProjectNameError> {
        Self::new(&text)
    }
}

impl From<ProjectName> for String {
    fn from(name: ProjectName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_are_one() {
        for (text, want) in [
            ("Jinja2", "jinja2"),
            ("zope.interface", "zope-interface"),
            ("Foo-._-Bar", "foo-bar"),
            ("x", "x"),
            ("9", "9"),
        ] {
            assert_eq!(ProjectName::new(text).unwrap().as_str(), want);
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in ["", "-", "-x", "x-", "a b", "a/b", "ä", "--index-url", "a\n", ".", "x[y]"] {
            assert!(ProjectName::new(text).is_err(), "{text:?} was taken for a name");
        }
    }

    #[test]
    fn stored_as_a_text_and_checked_when_read() {
        let name: ProjectName = serde_json::from_str("\"A_b\"").unwrap();
        assert_eq!(serde_json::to_string(&name).unwrap(), "\"a-b\"");
        assert!(serde_json::from_str::<ProjectName>("\"-r\"").is_err());
    }

    proptest::proptest! {
        #[test]
        fn normalising_twice_is_normalising_once(text in "[A-Za-z0-9._-]{1,12}|\\PC*") {
            if let Ok(name) = ProjectName::new(&text) {
                proptest::prop_assert_eq!(ProjectName::new(name.as_str()).unwrap(), name);
            }
        }
    }
}
