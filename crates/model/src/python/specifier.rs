//! Which versions a requirement accepts: `>=1.0,!=1.3,<2` (PEP 440), with the rules of `packaging` for pre-releases.
//! Refuses to: accept what only `packaging` before 22 did (`>=2004d`, `==1.0rc1.*`); pip has dropped it too.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::version::{Version, parse, public};

/// A text that does not say which versions are accepted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' does not say which versions are accepted: expected clauses as in '>=1.0,<2'")]
pub struct SpecifierError(String);

/// How a clause compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Operator {
    Compatible,
    Equal,
    NotEqual,
    LessOrEqual,
    GreaterOrEqual,
    Less,
    Greater,
}

/// The signs, longer ones before those that they begin with. `===` is not among them: it takes any text.
const OPERATORS: [(&str, Operator); 7] = [
    ("~=", Operator::Compatible),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

/// One clause: an operator and what it compares with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Specifier(Clause);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Clause {
    /// `>=1.0`.
    Version(Operator, Version),
    /// `==1.*` and `!=1.*`.
    Prefix { is_equal: bool, version: Version },
    /// `===anything`.
    Arbitrary(String),
}

impl FromStr for Specifier {
    type Err = SpecifierError;

    fn from_str(text: &str) -> Result<Self, SpecifierError> {
        clause(text.trim()).map(Self).ok_or_else(|| SpecifierError(text.to_owned()))
    }
}

fn clause(text: &str) -> Option<Clause> {
    if let Some(rest) = text.strip_prefix("===") {
        let rest = rest.trim_start();
        let fine = !rest.contains(|c: char| c.is_whitespace() || matches!(c, ';' | ')'));
        return fine.then(|| Clause::Arbitrary(rest.to_owned()));
    }
    let (sign, operator) = OPERATORS.into_iter().find(|(sign, _)| text.starts_with(sign))?;
    let rest = text.strip_prefix(sign)?;
    if let Some(prefix) = rest.strip_suffix(".*") {
        let version = parse(prefix).filter(|_| !prefix.ends_with(char::is_whitespace))?;
        let is_plain = !version.any_prerelease() && !version.is_post() && !version.is_local();
        return match operator {
            Operator::Equal | Operator::NotEqual if is_plain => {
                Some(Clause::Prefix { is_equal: operator == Operator::Equal, version })
            }
            Operator::Equal
            | Operator::NotEqual
            | Operator::Compatible
            | Operator::LessOrEqual
            | Operator::GreaterOrEqual
            | Operator::Less
            | Operator::Greater => None,
        };
    }
    let version = parse(rest)?;
    let fits = match operator {
        Operator::Equal | Operator::NotEqual => true,
        Operator::Compatible => version.release().len() > 1 && !version.is_local(),
        Operator::LessOrEqual | Operator::GreaterOrEqual | Operator::Less | Operator::Greater => !version.is_local(),
    };
    fits.then_some(Clause::Version(operator, version))
}

impl Specifier {
    /// Whether the version is one of those; pre-releases are judged by their numbers alone.
    #[must_use]
    pub fn contains(&self, version: &Version) -> bool {
        match &self.0 {
            Clause::Version(operator, wanted) => matches(*operator, wanted, version),
            Clause::Prefix { is_equal, version: wanted } => {
                has_prefix(version, wanted.epoch(), wanted.release()) == *is_equal
            }
            Clause::Arbitrary(text) => text.eq_ignore_ascii_case(&version.to_string()),
        }
    }

    /// Names exactly one version, which includes a yanked one (PEP 592).
    fn is_pin(&self) -> bool {
        match &self.0 {
            Clause::Version(operator, _) => *operator == Operator::Equal,
            Clause::Prefix { .. } => false,
            Clause::Arbitrary(_) => true,
        }
    }

    fn names_prerelease(&self) -> bool {
        match &self.0 {
            Clause::Version(operator, version) => *operator != Operator::NotEqual && version.any_prerelease(),
            Clause::Prefix { .. } => false,
            Clause::Arbitrary(text) => parse(text).is_some_and(|version| version.any_prerelease()),
        }
    }
}

fn matches(operator: Operator, wanted: &Version, version: &Version) -> bool {
    match operator {
        Operator::Equal => equal(wanted, version),
        Operator::NotEqual => !equal(wanted, version),
        Operator::LessOrEqual => public(version) <= *wanted,
        Operator::GreaterOrEqual => public(version) >= *wanted,
        Operator::Compatible => {
            let kept = wanted.release().len().saturating_sub(1);
            let prefix = wanted.release().get(..kept).unwrap_or_default();
            public(version) >= *wanted && has_prefix(version, wanted.epoch(), prefix)
        }
        // `<3.1` does not mean what came before 3.1 under its own number.
        Operator::Less if wanted.any_prerelease() => version < wanted,
        Operator::Less => *version < wanted.clone().with_dev(Some(0)),
        Operator::Greater => {
            // Neither does `>3.1` mean what was published after 3.1 without a new number.
            let is_after_it = version.is_post() && !wanted.is_post() && !wanted.is_dev();
            let is_after_it = is_after_it && is_same_base(version, wanted) && version.pre() == wanted.pre();
            version > wanted && !is_after_it && public(version) != *wanted
        }
    }
}

fn equal(wanted: &Version, version: &Version) -> bool {
    if wanted.is_local() { version == wanted } else { public(version) == *wanted }
}

fn is_same_base(one: &Version, other: &Version) -> bool {
    one.only_release() == other.only_release()
}

/// `1.2.*`: the first numbers are these, where missing ones are zeros.
fn has_prefix(version: &Version, epoch: u64, prefix: &[u64]) -> bool {
    let numbers = version.release().iter().chain(std::iter::repeat(&0));
    version.epoch() == epoch && prefix.iter().zip(numbers).all(|(wanted, number)| wanted == number)
}

impl fmt::Display for Specifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Clause::Version(operator, version) => {
                let sign = OPERATORS.iter().find(|(_, other)| other == operator).map_or("", |(sign, _)| sign);
                write!(f, "{sign}{version}")
            }
            Clause::Prefix { is_equal, version } => write!(f, "{}{version}.*", if *is_equal { "==" } else { "!=" }),
            Clause::Arbitrary(text) => write!(f, "==={text}"),
        }
    }
}

/// All clauses of a requirement, each of which must hold; without any, every version is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Specifiers(Vec<Specifier>);

impl FromStr for Specifiers {
    type Err = SpecifierError;

    /// Parses clauses between commas. Empty ones are passed over, as `SpecifierSet` does.
    fn from_str(text: &str) -> Result<Self, SpecifierError> {
        let clauses = text.split(',').filter(|clause| !clause.trim().is_empty());
        let clauses = clauses.map(str::parse).collect::<Result<_, _>>();
        clauses.map(Self).map_err(|_| SpecifierError(text.to_owned()))
    }
}

impl Specifiers {
    /// Whether every clause holds. A pre-release counts like any other version: right for what is installed already.
    #[must_use]
    pub fn contains(&self, version: &Version) -> bool {
        self.0.iter().all(|specifier| specifier.contains(version))
    }

    /// Every version is accepted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One clause is `===` or a `==` without `*`: then a yanked release may be taken (PEP 592).
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        self.0.iter().any(Specifier::is_pin)
    }

    /// One clause names a pre-release: then all of them are accepted.
    #[must_use]
    pub fn names_prerelease(&self) -> bool {
        self.0.iter().any(Specifier::names_prerelease)
    }

    /// Those of the offered versions that pip would take one of: pre-releases only when they are wished for, when a
    /// clause names one, or when nothing else fits. (pip before 26 held the last case for requirements without clauses only.)
    pub fn select<'a>(&self, offered: impl IntoIterator<Item = &'a Version>, pre: bool) -> Vec<&'a Version> {
        let mut fitting: Vec<_> = offered.into_iter().filter(|version| self.contains(version)).collect();
        let has_final = fitting.iter().any(|version| !version.any_prerelease());
        if has_final && !pre && !self.names_prerelease() {
            fitting.retain(|version| !version.any_prerelease());
        }
        fitting
    }

    /// These clauses and those.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.0.extend(other.0.iter().filter(|specifier| !self.0.contains(specifier)).cloned());
        both
    }
}

impl fmt::Display for Specifiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, specifier) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{specifier}")?;
        }
        Ok(())
    }
}

impl TryFrom<String> for Specifiers {
    type Error = SpecifierError;
    fn try_from(text: String) -> Result<Self, SpecifierError> {
        text.parse()
    }
}

impl From<Specifiers> for String {
    fn from(specifiers: Specifiers) -> Self {
        specifiers.to_string()
    }
}

#[cfg(test)]
#[path = "specifier_tests.rs"]
mod tests;
