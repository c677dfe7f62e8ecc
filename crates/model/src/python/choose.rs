//! Which of the files that an index offers pip would install, and why it is not the newest.
//! Refuses to: know hashes that requirements ask for; where there are some, pip chooses.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::file_name::{WheelName, source_version};
use super::name::ProjectName;
use super::specifier::Specifiers;
use super::version::{Version, parse};

/// A file as the simple API lists it (PEP 503, 691).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexFile {
    /// `name-1.0-py3-none-any.whl`.
    pub filename: String,
    /// Where it is, absolute.
    pub url: String,
    /// Digests by algorithm, in hexadecimal.
    pub hashes: BTreeMap<String, String>,
    /// The interpreters that it is for, as written.
    pub requires_python: Option<String>,
    /// Taken back by its authors, with their reason, which may be empty (PEP 592).
    pub yanked: Option<String>,
    /// Its bytes.
    pub size: Option<u64>,
    /// Its metadata can be had without it (PEP 658).
    pub core_metadata: bool,
    /// When it was published, as the index writes it.
    pub upload_time: Option<String>,
}

/// What a file must fit.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// The project that the files belong to.
    pub project: &'a ProjectName,
    /// The versions that are accepted.
    pub specifiers: &'a Specifiers,
    /// Pre-releases are wished for.
    pub pre: bool,
    /// The interpreter, `3.11.2`.
    pub python_full_version: &'a str,
    /// What it can load, the best first, as `cp311-cp311-manylinux_2_36_aarch64`.
    pub tags: &'a [String],
    /// Wheels may be taken.
    pub binaries: bool,
    /// Sources may be taken.
    pub sources: bool,
    /// An older wheel rather than newer sources.
    pub prefer_binary: bool,
}

/// The file to install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen<'a> {
    /// Which.
    pub file: &'a IndexFile,
    /// Its version.
    pub version: Version,
    /// It is built on this machine first.
    pub builds: bool,
}

/// Why a version is not the one that is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// All its files are for other interpreters.
    NeedsPython(String),
    /// It has no file for this machine and interpreter.
    NoFile,
    /// Its authors took it back, with their reason.
    Yanked(String),
    /// The requirement does not accept it.
    NotAccepted(Specifiers),
    /// An older one has a wheel, and that was wished for.
    OlderWheel,
}

/// A version that is not taken, and why: reads as `1.5 needs Python >=3.12`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedOver {
    /// Which.
    pub version: Version,
    /// Why.
    pub obstacle: Obstacle,
}

/// What came of choosing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice<'a> {
    /// The file to install, if any fits.
    pub chosen: Option<Chosen<'a>>,
    /// The newest version of all, when that is not the chosen one. A pre-release only when those are wished for or all are.
    pub newest_any: Option<PassedOver>,
}

/// A file whose name was understood.
struct Candidate<'a> {
    file: &'a IndexFile,
    version: Version,
    /// The best place of its tags; none when this interpreter cannot load it. Sources come after all tags.
    rank: Option<usize>,
    build: Option<(u64, String)>,
    is_source: bool,
    fits_python: bool,
}

/// Chooses as pip does: what is for another interpreter or machine is passed over, then pre-releases are, then the order
/// is: not yanked, the newest version, the best tag, the highest build number. A yanked file is taken only when nothing else
/// fits and the requirement names its version exactly.
#[must_use]
pub fn choose<'a>(wish: &Wish<'_>, files: &'a [IndexFile]) -> Choice<'a> {
    let ranks: BTreeMap<&str, usize> = wish.tags.iter().enumerate().map(|(rank, tag)| (tag.as_str(), rank)).collect();
    let python = python_release(wish.python_full_version);
    let candidates: Vec<_> = files.iter().filter_map(|file| candidate(wish, file, &ranks, python.as_ref())).collect();
    let usable: Vec<_> = candidates.iter().filter(|candidate| candidate.is_usable()).collect();
    let accepted = wish.specifiers.select(usable.iter().map(|candidate| &candidate.version), wish.pre);
    let best = usable
        .iter()
        .filter(|candidate| accepted.contains(&&candidate.version))
        .max_by(|one, other| order(wish, one).cmp(&order(wish, other)))
        .filter(|best| best.file.yanked.is_none() || wish.specifiers.is_pinned());
    let chosen = best.map(|best| Chosen { file: best.file, version: best.version.clone(), builds: best.is_source });
    let newest_any = newest(wish, &candidates, chosen.as_ref());
    Choice { chosen, newest_any }
}

impl Candidate<'_> {
    fn is_usable(&self) -> bool {
        self.fits_python && self.rank.is_some()
    }
}

/// Greater is better.
fn order<'c>(wish: &Wish<'_>, candidate: &'c Candidate<'_>) -> impl Ord + use<'c> {
    let rank = std::cmp::Reverse(candidate.rank);
    let is_preferred = wish.prefer_binary && !candidate.is_source;
    (candidate.file.yanked.is_none(), is_preferred, &candidate.version, rank, &candidate.build)
}

fn candidate<'a>(
    wish: &Wish<'_>,
    file: &'a IndexFile,
    ranks: &BTreeMap<&str, usize>,
    python: Option<&Version>,
) -> Option<Candidate<'a>> {
    let fits_python = match (file.requires_python.as_deref().map(str::parse::<Specifiers>), python) {
        (Some(Ok(wanted)), Some(python)) => wanted.contains(python),
        // What nobody can read holds nobody back.
        (Some(Err(_)) | None, _) | (Some(Ok(_)), None) => true,
    };
    if let Some(wheel) = WheelName::parse(&file.filename) {
        let rank = wheel.tags.iter().filter_map(|tag| ranks.get(tag.as_str()).copied()).min();
        let rank = rank.filter(|_| wish.binaries);
        let WheelName { name, version, build, .. } = wheel;
        let candidate = Candidate { file, version, rank, build, is_source: false, fits_python };
        return (name == *wish.project).then_some(candidate);
    }
    let version = source_version(&file.filename, wish.project)?;
    let rank = wish.sources.then_some(wish.tags.len());
    Some(Candidate { file, version, rank, build: None, is_source: true, fits_python })
}

/// The numbers alone, as pip compares `Requires-Python`: a candidate of 3.13 counts as 3.13.
fn python_release(text: &str) -> Option<Version> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    parse(text.get(..end)?.trim_end_matches('.'))
}

fn newest(wish: &Wish<'_>, candidates: &[Candidate<'_>], chosen: Option<&Chosen<'_>>) -> Option<PassedOver> {
    let pre = wish.pre || wish.specifiers.names_prerelease();
    let all = Specifiers::default().select(candidates.iter().map(|candidate| &candidate.version), pre);
    let version = all.into_iter().max()?;
    if chosen.is_some_and(|chosen| chosen.version >= *version) {
        return None;
    }
    let mut files = candidates.iter().filter(|candidate| candidate.version == *version);
    let needs = |candidate: &Candidate<'_>| candidate.file.requires_python.clone().filter(|_| !candidate.fits_python);
    let obstacle = match files.clone().find(|candidate| candidate.is_usable()) {
        Some(_) if !wish.specifiers.contains(version) => Obstacle::NotAccepted(wish.specifiers.clone()),
        Some(candidate) => match &candidate.file.yanked {
            Some(reason) => Obstacle::Yanked(reason.clone()),
            None => Obstacle::OlderWheel,
        },
        None => files.find_map(needs).map_or(Obstacle::NoFile, Obstacle::NeedsPython),
    };
    Some(PassedOver { version: version.clone(), obstacle })
}

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = &self.version;
        match &self.obstacle {
            Obstacle::NeedsPython(wanted) => write!(f, "{version} needs Python {wanted}"),
            Obstacle::NoFile => write!(f, "{version} has no file for this machine and its Python"),
            Obstacle::Yanked(reason) if reason.is_empty() => write!(f, "{version} was taken back by its authors"),
            Obstacle::Yanked(reason) => write!(f, "{version} was taken back by its authors: {reason}"),
            Obstacle::NotAccepted(specifiers) => write!(f, "{version} is not among {specifiers}"),
            Obstacle::OlderWheel => write!(f, "{version} has no wheel, and wheels are preferred"),
        }
    }
}

#[cfg(test)]
#[path = "choose_tests.rs"]
mod tests;
