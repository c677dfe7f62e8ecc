//! What is installed in an environment, from the files of its `.dist-info` folders: `METADATA`, `direct_url.json`,
//! `RECORD` and `WHEEL`.
//! Refuses to: fail on a field that it does not need; only a name and a version make a distribution.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::direct::DirectUrl;
use super::name::ProjectName;
use super::requirement::Requirement;

/// Everything installed in one environment.
pub type Installed = BTreeMap<ProjectName, Distribution>;

/// One installed project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distribution {
    /// Its normalised name.
    pub name: ProjectName,
    /// Its name as its author writes it.
    pub title: String,
    /// Its version as written; it may be none that PEP 440 knows.
    pub version: String,
    /// `Requires-Dist`.
    pub requires: Vec<Requirement>,
    /// Values of `Requires-Dist` that are no requirements today.
    pub not_understood: Vec<String>,
    /// `Provides-Extra`.
    pub extras: BTreeSet<ProjectName>,
    /// `Requires-Python`, as written.
    pub requires_python: Option<String>,
    /// `Project-URL`: label and URL.
    pub project_urls: Vec<(String, String)>,
    /// `Home-page`.
    pub home_page: Option<String>,
    /// Where it came from when not from an index.
    pub direct_url: Option<DirectUrl>,
}

impl Distribution {
    /// Reads a `METADATA` (or the `PKG-INFO` of old), and the `direct_url.json` beside it. None without a name and a version.
    #[must_use]
    pub fn parse(metadata: &[u8], direct_url: Option<&[u8]>) -> Option<Self> {
        let headers = Headers::parse(metadata);
        let title = headers.first("Name")?.to_owned();
        let version = headers.first("Version").filter(|version| !version.is_empty())?.to_owned();
        let (mut requires, mut not_understood) = (Vec::new(), Vec::new());
        for text in headers.all("Requires-Dist") {
            match text.parse() {
                Ok(requirement) => requires.push(requirement),
                Err(_) => not_understood.push(text.to_owned()),
            }
        }
        let url =
            |value: &str| value.split_once(',').map(|(label, url)| (label.trim().to_owned(), url.trim().to_owned()));
        let known = |value: &&str| !value.is_empty() && *value != "UNKNOWN";
        Some(Self {
            name: ProjectName::new(&title).ok()?,
            title,
            version,
            requires,
            not_understood,
            extras: headers.all("Provides-Extra").filter_map(|extra| ProjectName::new(extra).ok()).collect(),
            requires_python: headers.first("Requires-Python").map(str::to_owned),
            project_urls: headers.all("Project-URL").filter_map(url).collect(),
            home_page: headers.first("Home-page").filter(known).map(str::to_owned),
            direct_url: direct_url.and_then(DirectUrl::parse),
        })
    }
}

/// The fields of a metadata file, which end before its first empty line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// Reads them.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let mut fields: Vec<(String, String)> = Vec::new();
        for line in text.trim_start_matches('\u{feff}').lines() {
            if line.starts_with([' ', '\t'])
                && let Some((_, value)) = fields.last_mut()
            {
                value.push('\n');
                value.push_str(line.trim());
            } else if let Some((name, value)) =
                line.split_once(':').filter(|(name, _)| !name.contains(char::is_whitespace))
            {
                fields.push((name.to_owned(), value.trim().to_owned()));
            } else {
                break;
            }
        }
        Self(fields)
    }

    /// The values of all fields of this name, in any case.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The value of the first.
    #[must_use]
    pub fn first<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).next()
    }
}

/// One line of a `RECORD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordEntry {
    /// The file, relative to the folder of packages or absolute.
    pub path: String,
    /// How it is hashed, and the digest in URL-safe base64 without padding; none for `RECORD` itself and what is made later.
    pub hash: Option<(String, String)>,
    /// Its bytes.
    pub size: Option<u64>,
}

/// Reads a `RECORD`: comma-separated values, quoted where needed. Lines without a path are passed over.
#[must_use]
pub fn record(bytes: &[u8]) -> Vec<RecordEntry> {
    let text = String::from_utf8_lossy(bytes);
    let mut rows = rows(&text);
    rows.retain(|row| row.first().is_some_and(|path| !path.is_empty()));
    let entries = rows.into_iter().map(|row| {
        let mut cells = row.into_iter();
        let path = cells.next().unwrap_or_default();
        let hash = cells.next().unwrap_or_default();
        let hash = hash.split_once('=').map(|(algorithm, digest)| (algorithm.to_owned(), digest.to_owned()));
        RecordEntry { path, hash, size: cells.next().and_then(|size| size.parse().ok()) }
    });
    entries.collect()
}

/// The cells of every row, as Python's `csv` reads them.
fn rows(text: &str) -> Vec<Vec<String>> {
    let mut rows = vec![vec![String::new()]];
    let mut is_quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let Some(cell) = rows.last_mut().and_then(|row| row.last_mut()) else { break };
        match c {
            '"' if is_quoted && chars.next_if_eq(&'"').is_some() => cell.push('"'),
            '"' if is_quoted => is_quoted = false,
            '"' if cell.is_empty() => is_quoted = true,
            c if is_quoted => cell.push(c),
            ',' => rows.last_mut().into_iter().for_each(|row| row.push(String::new())),
            '\n' | '\r' => rows.push(vec![String::new()]),
            c => cell.push(c),
        }
    }
    rows
}

/// The project that a line of a freeze is about.
#[must_use]
pub fn project_of(line: &str) -> Option<ProjectName> {
    if let Some(editable) = line.strip_prefix("-e ") {
        return ProjectName::new(editable.split_once("#egg=")?.1).ok();
    }
    let end = line.find([' ', '=', '@', '[', '<', '>', '~', '!']).unwrap_or(line.len());
    ProjectName::new(line.get(..end)?).ok()
}

/// The tags of a `WHEEL` file, as `py3-none-any`: one line each, compressed ones not expanded.
#[must_use]
pub fn wheel_tags(bytes: &[u8]) -> Vec<String> {
    Headers::parse(bytes).all("Tag").map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = "Metadata-Version: 2.1\r\nName: Zeroconf.Py\r\nVersion: 0.131.0\r\nSummary: a\r\n  b\r\n\
        Home-page: UNKNOWN\r\nproject-url: Changelog, https://host/changes\r\nProject-URL: broken\r\n\
        Requires-Python: >=3.8,<4.0\r\nProvides-Extra: Fast_Json\r\nRequires-Dist: ifaddr (>=0.1.7)\r\n\
        Requires-Dist: orjson;\r\n  extra == 'fast-json'\r\nRequires-Dist: pytz (>dev)\r\n\r\nRequires-Dist: not-a-field\r\n";

    #[test]
    fn metadata_is_read() {
        let found = Distribution::parse(METADATA.as_bytes(), Some(br#"{"url":"file:///a","dir_info":{}}"#)).unwrap();
        assert_eq!((found.name.as_str(), &*found.title, &*found.version), ("zeroconf-py", "Zeroconf.Py", "0.131.0"));
        let requires: Vec<_> = found.requires.iter().map(ToString::to_string).collect();
        assert_eq!(requires, ["ifaddr>=0.1.7", "orjson; extra == \"fast-json\""]);
        assert_eq!(found.not_understood, ["pytz (>dev)"]);
        assert_eq!(found.extras.iter().map(ProjectName::as_str).collect::<Vec<_>>(), ["fast-json"]);
        assert_eq!(found.requires_python.as_deref(), Some(">=3.8,<4.0"));
        assert_eq!(found.project_urls, [("Changelog".to_owned(), "https://host/changes".to_owned())]);
        assert_eq!(found.home_page, None);
        assert!(found.direct_url.is_some());
        let stored = serde_json::to_string(&found).unwrap();
        assert_eq!(serde_json::from_str::<Distribution>(&stored).unwrap(), found);
    }

    #[test]
    fn without_a_name_and_a_version_there_is_no_distribution() {
        for text in ["", "Name: a", "Version: 1", "Name: -\nVersion: 1", "Name: a\nVersion:\n", "\nName: a\nVersion: 1"]
        {
            assert_eq!(Distribution::parse(text.as_bytes(), None), None, "{text:?}");
        }
    }

    #[test]
    fn records_are_read() {
        let text =
            "a/__init__.py,sha256=AbC-_,12\r\n\"a, \"\"b\"\".py\",,\n../../../bin/a,md5=x\n,,\n\na.dist-info/RECORD,,";
        let shown =
            |entry: RecordEntry| format!("{} {:?} {:?}", entry.path, entry.hash.map(|(a, d)| a + ":" + &d), entry.size);
        let entries: Vec<_> = record(text.as_bytes()).into_iter().map(shown).collect();
        let want = [
            "a/__init__.py Some(\"sha256:AbC-_\") Some(12)",
            "a, \"b\".py None None",
            "../../../bin/a Some(\"md5:x\") None",
            "a.dist-info/RECORD None None",
        ];
        assert_eq!(entries, want);
    }

    #[test]
    fn tags_are_read() {
        let text = "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp311-cp311-linux_armv7l\nTag: py3-none-any\n";
        assert_eq!(wheel_tags(text.as_bytes()), ["cp311-cp311-linux_armv7l", "py3-none-any"]);
    }
}
