//! What the name of a file of an index says: wheels (PEP 427) and source distributions (PEP 625, and those before it).
//! Refuses to: guess where the name of a project ends; the name of an old source distribution needs the project.

use super::name::{ProjectName, normalised};
use super::version::{Version, parse};

/// What pip takes for an archive of sources, longer endings before those that they end with.
const SOURCES: [&str; 11] =
    [".tar.gz", ".tar.bz2", ".tar.xz", ".tar.lzma", ".tar.lz", ".zip", ".tgz", ".tbz", ".txz", ".tlz", ".tar"];

/// The name of a wheel, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WheelName {
    /// The project.
    pub name: ProjectName,
    /// Its version.
    pub version: Version,
    /// The build tag: its number and what follows. Decides between wheels that are the same otherwise.
    pub build: Option<(u64, String)>,
    /// Every tag of the compressed set, as `cp311-cp311-manylinux_2_17_aarch64`.
    pub tags: Vec<String>,
}

impl WheelName {
    /// Reads `name-version(-build)-python-abi-platform.whl`. None for what pip passes over.
    #[must_use]
    pub fn parse(file_name: &str) -> Option<Self> {
        let parts: Vec<&str> = file_name.strip_suffix(".whl")?.split('-').collect();
        let (name, version, build, tags) = match parts.as_slice() {
            [name, version, tags @ ..] if tags.len() == 3 => (name, version, None, tags),
            [name, version, build, tags @ ..] if tags.len() == 3 => (name, version, Some(build), tags),
            _ => return None,
        };
        if name.contains("__") {
            return None;
        }
        let build = match build {
            Some(build) => Some(build_tag(build)?),
            None => None,
        };
        Some(Self { name: ProjectName::new(name).ok()?, version: parse(version)?, build, tags: expanded(tags)? })
    }
}

/// Digits first.
fn build_tag(text: &str) -> Option<(u64, String)> {
    let (digits, rest) = text.split_at_checked(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))?;
    Some((digits.parse().ok()?, rest.to_owned()))
}

/// `py2.py3-none-any` is two tags.
fn expanded(parts: &[&str]) -> Option<Vec<String>> {
    let [pythons, abis, platforms] = parts else { return None };
    let mut tags = Vec::new();
    for python in pythons.split('.') {
        for abi in abis.split('.') {
            tags.extend(platforms.split('.').map(|platform| format!("{python}-{abi}-{platform}").to_ascii_lowercase()));
        }
    }
    let is_whole = tags.iter().all(|tag| tag.split('-').all(|part| !part.is_empty()));
    // Another number where the interpreter should be: a build tag with a tag missing.
    let is_named = pythons.split('.').all(|python| !python.starts_with(|c: char| c.is_ascii_digit()));
    (is_whole && is_named).then_some(tags)
}

/// The version of a source distribution of this project. None when it is another's, no archive, or has no version.
#[must_use]
pub fn source_version(file_name: &str, project: &ProjectName) -> Option<Version> {
    let stem = stem(file_name)?;
    let dashes = stem.match_indices('-').map(|(at, _)| at);
    // Every dash could be the one between the two.
    let mut splits = dashes.filter_map(|at| Some((stem.get(..at)?, stem.get(at + 1..)?)));
    let (_, version) = splits.find(|(name, _)| normalised(name) == project.as_str())?;
    parse(version)
}

/// The name without what makes it an archive of sources.
fn stem(file_name: &str) -> Option<&str> {
    SOURCES.iter().find_map(|ending| file_name.strip_suffix(ending))
}

/// Whether pip takes a path for a file to install, by its ending.
#[must_use]
pub fn is_archive(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    path.ends_with(".whl") || stem(&path).is_some()
}

/// The project that a file belongs to as far as the name alone can tell: wheels, and sources named after PEP 625.
#[must_use]
pub fn project_of(file_name: &str) -> Option<ProjectName> {
    if let Some(wheel) = WheelName::parse(file_name) {
        return Some(wheel.name);
    }
    let (name, version) = stem(file_name)?.rsplit_once('-')?;
    parse(version).and_then(|_| ProjectName::new(name).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wheels_are_read() {
        let wheel = WheelName::parse("Foo.Bar_x-1.0rc1-2b-cp39.py3-none-linux_armv7l.any.whl").unwrap();
        assert_eq!((wheel.name.as_str(), wheel.version.to_string()), ("foo-bar-x", "1.0rc1".to_owned()));
        assert_eq!(wheel.build, Some((2, "b".to_owned())));
        let tags = ["cp39-none-linux_armv7l", "cp39-none-any", "py3-none-linux_armv7l", "py3-none-any"];
        assert_eq!(wheel.tags, tags);
    }

    #[test]
    fn what_pip_passes_over_is_no_wheel() {
        for name in [
            "foo-1.0-py3-none-any.zip",
            "foo-1.0-none-any.whl",
            "foo-1.0-1-2-py3-none-any.whl",
            "foo-x-py3-none-any.whl",
            "foo-1.0-b1-py3-none-any.whl",
            "f__o-1.0-py3-none-any.whl",
            "-1.0-py3-none-any.whl",
            "foo-1.0-py3.-none-any.whl",
            "foo-1.0-1-py3-any.whl",
            "",
        ] {
            assert_eq!(WheelName::parse(name), None, "{name}");
        }
    }

    #[test]
    fn sources_are_read_with_their_project() {
        let project = ProjectName::new("python-dateutil").unwrap();
        for (name, want) in [
            ("python_dateutil-2.9.0.tar.gz", Some("2.9.0")),
            ("python-dateutil-2.9.0.post0.zip", Some("2.9.0.post0")),
            ("Python.DateUtil-1.0-1.tar.bz2", Some("1.0.post1")),
            ("python-dateutil-1.0.exe", None),
            ("python-dateutil-x.tar.gz", None),
            ("python-dateutil.tar.gz", None),
            ("dateutil-1.0.tar.gz", None),
            ("python-dateutil-extras-1.0.tar.gz", None),
        ] {
            let version = source_version(name, &project).map(|version| version.to_string());
            assert_eq!(version.as_deref(), want, "{name}");
        }
    }

    #[test]
    fn a_file_tells_its_project_when_it_can() {
        for (name, want) in [
            ("foo_bar-1.0.tar.gz", Some("foo-bar")),
            ("foo-1.0-py3-none-any.whl", Some("foo")),
            ("main.zip", None),
            ("foo-main.zip", None),
            ("foo", None),
        ] {
            assert_eq!(project_of(name).as_ref().map(ProjectName::as_str), want, "{name}");
        }
        assert!(is_archive("a/b.TGZ") && is_archive("./x.whl") && !is_archive("./x"));
    }
}
