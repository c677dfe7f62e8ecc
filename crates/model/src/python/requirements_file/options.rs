//! The options of a line, split as pip splits them: words as a shell would, each option with its value.
//! Refuses to: complete abbreviated options, which pip's parser does.

use super::Options;

/// An option that pip takes in a requirements file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flag {
    IndexUrl,
    ExtraIndexUrl,
    NoIndex,
    Constraint,
    Requirement,
    Editable,
    FindLinks,
    NoBinary,
    OnlyBinary,
    PreferBinary,
    RequireHashes,
    Pre,
    TrustedHost,
    UseFeature,
    Hash,
    /// For how one requirement is built; nothing depends on it here.
    Build,
}

/// The names of the options. Those with one dash take their value in the same word too.
const FLAGS: [(&str, Flag); 24] = [
    ("-i", Flag::IndexUrl),
    ("--index-url", Flag::IndexUrl),
    ("--pypi-url", Flag::IndexUrl),
    ("--extra-index-url", Flag::ExtraIndexUrl),
    ("--no-index", Flag::NoIndex),
    ("-c", Flag::Constraint),
    ("--constraint", Flag::Constraint),
    ("-r", Flag::Requirement),
    ("--requirement", Flag::Requirement),
    ("-e", Flag::Editable),
    ("--editable", Flag::Editable),
    ("-f", Flag::FindLinks),
    ("--find-links", Flag::FindLinks),
    ("--no-binary", Flag::NoBinary),
    ("--only-binary", Flag::OnlyBinary),
    ("--prefer-binary", Flag::PreferBinary),
    ("--require-hashes", Flag::RequireHashes),
    ("--pre", Flag::Pre),
    ("--trusted-host", Flag::TrustedHost),
    ("--use-feature", Flag::UseFeature),
    ("--hash", Flag::Hash),
    ("-C", Flag::Build),
    ("--config-settings", Flag::Build),
    ("--global-option", Flag::Build),
];

impl Flag {
    fn takes_value(self) -> bool {
        match self {
            Self::NoIndex | Self::PreferBinary | Self::RequireHashes | Self::Pre => false,
            Self::IndexUrl
            | Self::ExtraIndexUrl
            | Self::Constraint
            | Self::Requirement
            | Self::Editable
            | Self::FindLinks
            | Self::NoBinary
            | Self::OnlyBinary
            | Self::TrustedHost
            | Self::UseFeature
            | Self::Hash
            | Self::Build => true,
        }
    }
}

/// A line, split.
pub(super) struct Parts<'a> {
    /// What comes before the first option.
    pub(super) requirement: &'a str,
    options: Vec<(Flag, String)>,
}

/// Splits a line. None when pip would not take its options, or when they are not known here.
pub(super) fn split(line: &str) -> Option<Parts<'_>> {
    let at = if line.starts_with('-') { Some(0) } else { line.find(" -").map(|at| at + 1) };
    let (requirement, rest) = line.split_at_checked(at.unwrap_or(line.len()))?;
    let mut words = words(rest)?.into_iter();
    let mut options = Vec::new();
    while let Some(word) = words.next() {
        // A word that is no option is dropped by pip as well.
        if word.starts_with('-') && word != "-" {
            options.push(option(&word, &mut words)?);
        }
    }
    Some(Parts { requirement: requirement.trim(), options })
}

/// An option, with the next word as its value when it needs one.
fn option(word: &str, words: &mut impl Iterator<Item = String>) -> Option<(Flag, String)> {
    let named = |name: &str| FLAGS.into_iter().find(|(other, _)| *other == name).map(|(_, flag)| flag);
    let (flag, attached) = if word.starts_with("--") {
        match word.split_once('=') {
            Some((name, value)) => (named(name)?, Some(value)),
            None => (named(word)?, None),
        }
    } else {
        let (name, value) = word.split_at_checked(2)?;
        (named(name)?, (!value.is_empty()).then_some(value))
    };
    match (flag.takes_value(), attached) {
        (true, Some(value)) => Some((flag, value.to_owned())),
        (true, None) => Some((flag, words.next()?)),
        (false, None) => Some((flag, String::new())),
        (false, Some(_)) => None,
    }
}

impl Parts<'_> {
    /// The values of an option, in order.
    pub(super) fn values(&self, flag: Flag) -> impl Iterator<Item = &str> {
        self.options.iter().filter(move |(other, _)| *other == flag).map(|(_, value)| value.as_str())
    }

    /// Adds what holds for all requirements.
    pub(super) fn apply(&self, to: &mut Options) {
        for (flag, value) in &self.options {
            let value = value.clone();
            match flag {
                Flag::IndexUrl => to.index_url = Some(value),
                Flag::ExtraIndexUrl => to.extra_index_urls.push(value),
                Flag::NoIndex => to.no_index = true,
                Flag::FindLinks => to.find_links.push(value),
                Flag::NoBinary => to.no_binary.push(value),
                Flag::OnlyBinary => to.only_binary.push(value),
                Flag::PreferBinary => to.prefer_binary = true,
                Flag::RequireHashes => to.require_hashes = true,
                Flag::Pre => to.pre = true,
                Flag::TrustedHost => to.trusted_hosts.push(value),
                Flag::UseFeature => to.features.push(value),
                Flag::Constraint | Flag::Requirement | Flag::Editable | Flag::Hash | Flag::Build => {}
            }
        }
    }
}

/// Words as Python's `shlex.split` makes them. None when a quote is not closed or a backslash is the last character.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '\'' => quoted(&mut chars, word.get_or_insert_default())?,
            '"' => double_quoted(&mut chars, word.get_or_insert_default())?,
            '\\' => word.get_or_insert_default().push(chars.next()?),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Some(words)
}

fn quoted(chars: &mut std::str::Chars<'_>, word: &mut String) -> Option<()> {
    loop {
        match chars.next()? {
            '\'' => return Some(()),
            c => word.push(c),
        }
    }
}

/// A backslash escapes the quote and itself only.
fn double_quoted(chars: &mut std::str::Chars<'_>, word: &mut String) -> Option<()> {
    loop {
        match chars.next()? {
            '"' => return Some(()),
            '\\' => match chars.next()? {
                c @ ('"' | '\\') => word.push(c),
                c => word.extend(['\\', c]),
            },
            c => word.push(c),
        }
    }
}
