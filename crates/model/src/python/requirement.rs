//! A dependency specifier (PEP 508): `name[extra]>=1.0; marker`, or `name @ url`.
//! Refuses to: take what only the parsers of old did (`name>=2004d`); pip has dropped it too.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::marker::{Marker, MarkerEnvironment};
use super::name::ProjectName;
use super::specifier::Specifiers;

/// A text that is no dependency specifier.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is not a requirement: expected a name, as in 'name>=1.0; python_version >= \"3.9\"'")]
pub struct RequirementError(String);

/// What is asked of the project.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Wanted {
    /// One of these versions.
    Versions(Specifiers),
    /// What this URL leads to, as written: an archive, or a repository with `git+` before it.
    Url(String),
}

/// A project that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Requirement {
    /// Which.
    pub name: ProjectName,
    /// Its optional parts.
    pub extras: BTreeSet<ProjectName>,
    /// Which version, or from where.
    pub source: Wanted,
    /// When it counts.
    pub marker: Option<Marker>,
}

impl Requirement {
    /// Whether it counts in this environment, asked for by something with these extras (none for the owner's own lines).
    #[must_use]
    pub fn applies(&self, environment: &MarkerEnvironment, extras: &BTreeSet<ProjectName>) -> bool {
        self.marker.as_ref().is_none_or(|marker| marker.evaluate(environment, extras))
    }
}

impl FromStr for Requirement {
    type Err = RequirementError;

    fn from_str(text: &str) -> Result<Self, RequirementError> {
        parse(text).ok_or_else(|| RequirementError(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Requirement> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.')).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end)?;
    let name = ProjectName::new(name).ok()?;
    let rest = rest.trim_start();
    let (extras, rest) = match rest.strip_prefix('[') {
        Some(rest) => {
            let (inside, rest) = rest.split_once(']')?;
            (read_extras(inside)?, rest.trim_start())
        }
        None => (BTreeSet::new(), rest),
    };
    if let Some(rest) = rest.strip_prefix('@') {
        let rest = rest.trim_start();
        let (url, rest) = rest.split_at_checked(rest.find(char::is_whitespace).unwrap_or(rest.len()))?;
        let is_url = !url.is_empty() && !url.starts_with(';');
        let source = is_url.then(|| Wanted::Url(url.to_owned()))?;
        return Some(Requirement { name, extras, source, marker: read_marker(rest)? });
    }
    let (versions, marker) = rest.split_at_checked(rest.find(';').unwrap_or(rest.len()))?;
    let source = Wanted::Versions(read_versions(versions)?);
    Some(Requirement { name, extras, source, marker: read_marker(marker)? })
}

fn read_extras(inside: &str) -> Option<BTreeSet<ProjectName>> {
    if inside.trim().is_empty() {
        return Some(BTreeSet::new());
    }
    inside.split(',').map(|extra| ProjectName::new(extra.trim()).ok()).collect()
}

/// Clauses, in parentheses or not. One comma may come after the last, none before the first.
fn read_versions(text: &str) -> Option<Specifiers> {
    let text = text.trim();
    let text = match text.strip_prefix('(') {
        Some(inside) => inside.strip_suffix(')')?.trim(),
        None => text,
    };
    let mut clauses: Vec<&str> = text.split(',').collect();
    if clauses.len() > 1 || text.is_empty() {
        clauses.pop_if(|clause| clause.trim().is_empty());
    }
    if clauses.iter().any(|clause| clause.trim().is_empty()) {
        return None;
    }
    text.parse().ok()
}

/// Nothing, or a marker after its `;`.
fn read_marker(text: &str) -> Option<Option<Marker>> {
    let text = text.trim_start();
    if text.is_empty() {
        return Some(None);
    }
    Marker::parse(text.strip_prefix(';')?).map(Some)
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)?;
        if !self.extras.is_empty() {
            let extras: Vec<_> = self.extras.iter().map(ProjectName::as_str).collect();
            write!(f, "[{}]", extras.join(","))?;
        }
        match &self.source {
            Wanted::Versions(specifiers) => specifiers.fmt(f)?,
            Wanted::Url(url) => write!(f, " @ {url}")?,
        }
        match (&self.marker, &self.source) {
            (Some(marker), Wanted::Url(_)) => write!(f, " ; {marker}"),
            (Some(marker), Wanted::Versions(_)) => write!(f, "; {marker}"),
            (None, _) => Ok(()),
        }
    }
}

impl TryFrom<String> for Requirement {
    type Error = RequirementError;
    fn try_from(text: String) -> Result<Self, RequirementError> {
        text.parse()
    }
}

impl From<Requirement> for String {
    fn from(requirement: Requirement) -> Self {
        requirement.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_are_read() {
        for (text, want) in [
            ("Tornado", "tornado"),
            (" pillow>=9.0 ,<11,!=10.1 ", "pillow>=9.0,<11,!=10.1"),
            (
                "importlib_metadata (>=3.6) ; python_version < \"3.10\"",
                "importlib-metadata>=3.6; python_version < \"3.10\"",
            ),
            ("uvicorn [ standard,Watch_Files ]~=0.30.0", "uvicorn[standard,watch-files]~=0.30.0"),
            ("a[]", "a"),
            ("a()", "a"),
            ("a>=1,", "a>=1"),
            ("a===2004d", "a===2004d"),
            (
                "a @ https://host/a.zip#sha256=0 ; os_name=='posix'",
                "a @ https://host/a.zip#sha256=0 ; os_name == \"posix\"",
            ),
            ("a[b]@git+https://host/a.git@v1", "a[b] @ git+https://host/a.git@v1"),
            ("a@ https://host/a;b", "a @ https://host/a;b"),
        ] {
            assert_eq!(text.parse::<Requirement>().unwrap().to_string(), want);
        }
    }

    #[test]
    fn what_is_no_requirement_is_refused() {
        for text in [
            "",
            "-a",
            "a-",
            "a b",
            "a>=",
            "a>=1 b",
            "a[b",
            "a[b c]",
            "a[,b]",
            "a[b,]",
            "a >=1 <2",
            "a,>=1",
            "a>=1,,<2",
            "a>=1;",
            "a; ",
            "a; os_name",
            "a (>=1",
            "a >=1)",
            "a@",
            "a@ ;os_name=='x'",
            "a @ https://h ; x",
            "a @ https://h os_name=='x'",
            "a>=2004d",
            "./a",
            "https://host/a.zip",
            "a = 1",
            "a(,)",
            "a==1.0rc1.*",
        ] {
            assert!(text.parse::<Requirement>().is_err(), "{text:?} was taken for a requirement");
        }
    }

    proptest::proptest! {
        #[test]
        fn requirements_are_read_back_as_they_were_written(
            text in "[a-c]{1,2}( ?\\[[a-c, ]{0,4}\\])?( ?(>=|~=|===|@) ?[0-9./:a-c]{1,6},?){0,2}( ?; ?(os_name|extra) ?==?'[a-c]')?|\\PC*"
        ) {
            if let Ok(requirement) = text.parse::<Requirement>() {
                proptest::prop_assert_eq!(requirement.to_string().parse::<Requirement>().unwrap(), requirement);
            }
        }
    }
}
