//! Environment markers (PEP 508): whether a requirement holds for this interpreter, and for the extras that are wished for.
//! Refuses to: evaluate what `packaging` raises on; such a marker is not parsed, and its requirement is left to pip.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::name::ProjectName;
use super::specifier::Specifier;
use super::version::parse;

mod parser;

/// How many parentheses may stand in each other.
const DEPTH: usize = 40;

/// What an interpreter says of itself, under the names of PEP 508.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MarkerEnvironment {
    /// `os.name`: `posix`.
    pub os_name: String,
    /// `sys.platform`: `linux`.
    pub sys_platform: String,
    /// `platform.machine()`: `aarch64`.
    pub platform_machine: String,
    /// `platform.python_implementation()`: `CPython`.
    pub platform_python_implementation: String,
    /// `platform.release()`: the kernel's, `6.1.21-v8+`.
    pub platform_release: String,
    /// `platform.system()`: `Linux`.
    pub platform_system: String,
    /// `platform.version()`: when the kernel was built.
    pub platform_version: String,
    /// Major and minor: `3.11`.
    pub python_version: String,
    /// `platform.python_version()`: `3.11.2`, `3.13.0rc1`.
    pub python_full_version: String,
    /// `sys.implementation.name`: `cpython`.
    pub implementation_name: String,
    /// `sys.implementation.version`, as a version.
    pub implementation_version: String,
}

/// What stands on one side of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Variable {
    OsName,
    SysPlatform,
    PlatformMachine,
    PlatformPythonImplementation,
    PlatformRelease,
    PlatformSystem,
    PlatformVersion,
    PythonVersion,
    PythonFullVersion,
    ImplementationName,
    ImplementationVersion,
    Extra,
}

/// Their names; the older spellings (PEP 345, setuptools) come after those that are written.
const VARIABLES: [(&str, Variable); 18] = [
    ("os_name", Variable::OsName),
    ("sys_platform", Variable::SysPlatform),
    ("platform_machine", Variable::PlatformMachine),
    ("platform_python_implementation", Variable::PlatformPythonImplementation),
    ("platform_release", Variable::PlatformRelease),
    ("platform_system", Variable::PlatformSystem),
    ("platform_version", Variable::PlatformVersion),
    ("python_version", Variable::PythonVersion),
    ("python_full_version", Variable::PythonFullVersion),
    ("implementation_name", Variable::ImplementationName),
    ("implementation_version", Variable::ImplementationVersion),
    ("extra", Variable::Extra),
    ("os.name", Variable::OsName),
    ("sys.platform", Variable::SysPlatform),
    ("platform.machine", Variable::PlatformMachine),
    ("platform.version", Variable::PlatformVersion),
    ("platform.python_implementation", Variable::PlatformPythonImplementation),
    ("python_implementation", Variable::PlatformPythonImplementation),
];

impl Variable {
    fn named(name: &str) -> Option<Self> {
        VARIABLES.into_iter().find(|(other, _)| *other == name).map(|(_, variable)| variable)
    }

    fn name(self) -> &'static str {
        VARIABLES.iter().find(|(_, other)| *other == self).map_or("", |(name, _)| name)
    }

    /// Compared as a version where the other side is one.
    fn is_version(self) -> bool {
        match self {
            Self::PlatformRelease | Self::PythonVersion | Self::PythonFullVersion | Self::ImplementationVersion => true,
            Self::OsName
            | Self::SysPlatform
            | Self::PlatformMachine
            | Self::PlatformPythonImplementation
            | Self::PlatformSystem
            | Self::PlatformVersion
            | Self::ImplementationName
            | Self::Extra => false,
        }
    }

    fn value(self, environment: &MarkerEnvironment, extra: &str) -> String {
        let value = match self {
            Self::OsName => &environment.os_name,
            Self::SysPlatform => &environment.sys_platform,
            Self::PlatformMachine => &environment.platform_machine,
            Self::PlatformPythonImplementation => &environment.platform_python_implementation,
            Self::PlatformRelease => &environment.platform_release,
            Self::PlatformSystem => &environment.platform_system,
            Self::PlatformVersion => &environment.platform_version,
            Self::PythonVersion => &environment.python_version,
            // What was built between two releases says `3.13.0+`.
            Self::PythonFullVersion if environment.python_full_version.ends_with('+') => {
                return format!("{}local", environment.python_full_version);
            }
            Self::PythonFullVersion => &environment.python_full_version,
            Self::ImplementationName => &environment.implementation_name,
            Self::ImplementationVersion => &environment.implementation_version,
            Self::Extra => extra,
        };
        value.to_owned()
    }
}

/// How two sides are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Operator {
    Arbitrary,
    Equal,
    Compatible,
    NotEqual,
    LessOrEqual,
    GreaterOrEqual,
    Less,
    Greater,
    In,
    NotIn,
}

/// The signs, longer ones before those that they begin with.
const SIGNS: [(&str, Operator); 8] = [
    ("===", Operator::Arbitrary),
    ("==", Operator::Equal),
    ("~=", Operator::Compatible),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

impl Operator {
    fn sign(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::NotIn => "not in",
            Self::Arbitrary
            | Self::Equal
            | Self::Compatible
            | Self::NotEqual
            | Self::LessOrEqual
            | Self::GreaterOrEqual
            | Self::Less
            | Self::Greater => SIGNS.iter().find(|(_, other)| *other == self).map_or("", |(sign, _)| sign),
        }
    }
}

/// A marker: comparisons, joined by `and` and `or`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Marker(Tree);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Tree {
    All(Vec<Tree>),
    Any(Vec<Tree>),
    Compare(Comparison),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Comparison {
    variable: Variable,
    operator: Operator,
    literal: String,
    /// The text stands first: `"3.8" <= python_version`.
    is_reversed: bool,
}

impl Marker {
    /// Parses what follows the `;` of a requirement. None for what `packaging` does not parse, or cannot evaluate.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        parser::whole(text).map(Self)
    }

    /// Whether the requirement counts. As pip does it: without extras once with `extra` empty, else true when it is so
    /// for one of them.
    #[must_use]
    pub fn evaluate(&self, environment: &MarkerEnvironment, extras: &BTreeSet<ProjectName>) -> bool {
        if extras.is_empty() {
            return self.0.holds(environment, "");
        }
        extras.iter().any(|extra| self.0.holds(environment, extra.as_str()))
    }
}

impl Tree {
    fn holds(&self, environment: &MarkerEnvironment, extra: &str) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(environment, extra)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(environment, extra)),
            Self::Compare(comparison) => comparison.holds(environment, extra),
        }
    }
}

impl Comparison {
    fn holds(&self, environment: &MarkerEnvironment, extra: &str) -> bool {
        let value = self.variable.value(environment, extra);
        let (left, right) = if self.is_reversed { (&self.literal, &value) } else { (&value, &self.literal) };
        if self.variable.is_version() {
            if self.operator == Operator::Arbitrary {
                return left.eq_ignore_ascii_case(right.trim());
            }
            if let Ok(specifier) = format!("{}{right}", self.operator.sign()).parse::<Specifier>() {
                return parse(left).is_some_and(|version| specifier.contains(&version));
            }
        }
        match self.operator {
            Operator::In => right.contains(left.as_str()),
            Operator::NotIn => !right.contains(left.as_str()),
            // Texts have no order, only equality (packaging before 26 ordered them).
            Operator::Equal | Operator::LessOrEqual | Operator::GreaterOrEqual => left == right,
            Operator::NotEqual => left != right,
            Operator::Less | Operator::Greater => false,
            // Only the interpreter's own value can bring it here: packaging raises.
            Operator::Compatible | Operator::Arbitrary => false,
        }
    }

    /// Whether `packaging` could evaluate it at all.
    fn is_defined(&self) -> bool {
        match self.operator {
            Operator::Compatible | Operator::Arbitrary => {
                let is_specifier = || format!("{}{}", self.operator.sign(), self.literal).parse::<Specifier>().is_ok();
                self.variable.is_version() && (self.is_reversed || is_specifier())
            }
            Operator::Equal
            | Operator::NotEqual
            | Operator::LessOrEqual
            | Operator::GreaterOrEqual
            | Operator::Less
            | Operator::Greater
            | Operator::In
            | Operator::NotIn => true,
        }
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (parts, word) = match self {
            Self::Compare(comparison) => return comparison.fmt(f),
            Self::All(parts) => (parts, " and "),
            Self::Any(parts) => (parts, " or "),
        };
        for (index, part) in parts.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { word })?;
            match (self, part) {
                (_, Self::Compare(_)) | (Self::Any(_), Self::All(_)) => write!(f, "{part}")?,
                (Self::All(_) | Self::Any(_) | Self::Compare(_), Self::All(_) | Self::Any(_)) => write!(f, "({part})")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quote = if self.literal.contains('"') { '\'' } else { '"' };
        let (name, sign, literal) = (self.variable.name(), self.operator.sign(), &self.literal);
        if self.is_reversed {
            write!(f, "{quote}{literal}{quote} {sign} {name}")
        } else {
            write!(f, "{name} {sign} {quote}{literal}{quote}")
        }
    }
}

#[cfg(test)]
#[path = "marker_tests.rs"]
mod tests;
