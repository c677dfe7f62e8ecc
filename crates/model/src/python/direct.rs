//! Where a project comes from when not from an index: the URLs of requirements (pip's VCS form) and what `direct_url.json`
//! records of them (PEP 610), and whether the two are the same.
//! Refuses to: compare credentials; pip does not record them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::file_name;
use super::name::ProjectName;
use super::requirement::Requirement;

/// The version control systems that pip knows, and the schemes that it knows each by.
const SYSTEMS: [(&str, &[&str]); 4] = [
    ("git", &["https", "ssh", "http", "file", "git"]),
    ("hg", &["https", "ssh", "http", "file", "static-http"]),
    ("bzr", &["https", "ssh", "http", "sftp", "ftp", "lp", "file"]),
    ("svn", &["https", "ssh", "http", "svn", "file"]),
];

/// A URL as a requirement gives it: `git+https://host/name.git@v1.0#egg=name&subdirectory=python`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectReference {
    /// `git`, `hg`, `bzr` or `svn`; none for an archive.
    pub vcs: Option<String>,
    /// The URL alone: without the system, the revision and what follows `#`.
    pub url: String,
    /// The branch, tag or commit after the `@`.
    pub revision: Option<String>,
    /// `subdirectory=` after the `#`.
    pub subdirectory: Option<String>,
    /// The project: `egg=` after the `#`, or the name of an archive.
    pub name: Option<ProjectName>,
    /// What stands in brackets after `egg=name`.
    pub extras: BTreeSet<ProjectName>,
}

impl DirectReference {
    /// Takes a URL apart. None when pip knows no such scheme: then it is a path or a requirement.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, _) = text.split_once(':')?;
        let (system, scheme) = match scheme.split_once('+') {
            Some((system, scheme)) => (Some(system.to_ascii_lowercase()), scheme.to_ascii_lowercase()),
            None => (None, scheme.to_ascii_lowercase()),
        };
        let known = match &system {
            None => matches!(scheme.as_str(), "http" | "https" | "file" | "ftp"),
            Some(system) => SYSTEMS.iter().any(|(name, schemes)| name == system && schemes.contains(&&*scheme)),
        };
        if !known {
            return None;
        }
        let (url, fragment) = text.split_once('#').unwrap_or((text, ""));
        let part = |key: &str| {
            let parts = fragment.split('&').filter_map(|part| part.split_once('='));
            parts.filter(|(name, value)| *name == key && !value.is_empty()).map(|(_, value)| value.to_owned()).next()
        };
        let egg = part("egg").and_then(|egg| egg.parse::<Requirement>().ok());
        let (url, revision) = match &system {
            Some(system) => revision_of(url.get(system.len() + 1..)?),
            None => (url.to_owned(), None),
        };
        let (name, extras) = egg.map(|egg| (egg.name, egg.extras)).unzip();
        let name = name.or_else(|| match &system {
            None => file_name::project_of(url.rsplit('/').next().unwrap_or_default()),
            Some(_) => None,
        });
        Some(Self {
            vcs: system,
            url,
            revision,
            subdirectory: part("subdirectory"),
            name,
            extras: extras.unwrap_or_default(),
        })
    }

    /// Whether what is recorded of an installation is this, as far as it can be told: the same URL but for credentials, the
    /// same part of it, and the revision that was asked for then, or the commit that it led to. A branch that has moved
    /// since is the same to pip as well.
    #[must_use]
    pub fn is_source_of(&self, installed: &DirectUrl) -> bool {
        let is_same_place = bare(&self.url) == bare(&installed.url) && self.subdirectory == installed.subdirectory;
        match (&self.vcs, &installed.kind) {
            (None, DirectKind::Archive { .. } | DirectKind::Folder { .. }) => is_same_place,
            (Some(vcs), DirectKind::Vcs { vcs: other, commit, requested }) => {
                is_same_place && vcs == other && self.revision_is(commit, requested.as_deref())
            }
            (None, DirectKind::Vcs { .. }) | (Some(_), DirectKind::Archive { .. } | DirectKind::Folder { .. }) => false,
        }
    }

    fn revision_is(&self, commit: &str, requested: Option<&str>) -> bool {
        let Some(revision) = self.revision.as_deref() else { return requested.is_none() };
        let is_abbreviated = revision.len() >= 7 && revision.bytes().all(|b| b.is_ascii_hexdigit());
        Some(revision) == requested || revision == commit || (is_abbreviated && commit.starts_with(revision))
    }
}

/// The revision comes after the last `@` of the path.
fn revision_of(url: &str) -> (String, Option<String>) {
    let host = url.find("://").map_or(0, |at| at + 3);
    let path = url.get(host..).and_then(|rest| rest.find('/')).map_or(url.len(), |at| host + at);
    match url.rfind('@').filter(|at| *at > path) {
        Some(at) => {
            let (url, revision) = url.split_at(at);
            (url.to_owned(), revision.get(1..).filter(|text| !text.is_empty()).map(str::to_owned))
        }
        None => (url.to_owned(), None),
    }
}

/// Without credentials and without the slash at the end.
fn bare(url: &str) -> String {
    let url = url.trim_end_matches('/');
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (host, path) = rest.split_at_checked(rest.find('/').unwrap_or(rest.len())).unwrap_or((rest, ""));
    let host = host.rsplit('@').next().unwrap_or(host);
    format!("{}://{}{path}", scheme.to_ascii_lowercase(), host.to_ascii_lowercase())
}

/// Where an installed project came from, as the installer recorded it in `direct_url.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectUrl {
    /// The URL, without credentials.
    pub url: String,
    /// The part of it that holds the project.
    pub subdirectory: Option<String>,
    /// What it leads to.
    pub kind: DirectKind,
}

/// What a [`DirectUrl`] leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DirectKind {
    /// A repository.
    Vcs {
        /// `git`.
        vcs: String,
        /// The commit that was installed.
        commit: String,
        /// The branch, tag or commit that was asked for.
        requested: Option<String>,
    },
    /// A folder of this machine.
    Folder {
        /// Installed with `-e`: the folder itself is what is imported.
        is_editable: bool,
    },
    /// A file.
    Archive {
        /// Its hashes, as `sha256=…`.
        hashes: Vec<String>,
    },
}

impl DirectUrl {
    /// Reads the bytes of a `direct_url.json`. None for what PEP 610 does not describe.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let file: File = serde_json::from_slice(bytes).ok()?;
        let kind = match (file.vcs_info, file.dir_info, file.archive_info) {
            (Some(vcs), None, None) => {
                DirectKind::Vcs { vcs: vcs.vcs, commit: vcs.commit_id, requested: vcs.requested_revision }
            }
            (None, Some(folder), None) => DirectKind::Folder { is_editable: folder.editable },
            (None, None, Some(archive)) => DirectKind::Archive { hashes: archive.all() },
            (None | Some(_), None | Some(_), None | Some(_)) => return None,
        };
        Some(Self { url: file.url, subdirectory: file.subdirectory, kind })
    }
}

#[derive(Deserialize)]
struct File {
    url: String,
    subdirectory: Option<String>,
    vcs_info: Option<VcsInfo>,
    dir_info: Option<DirInfo>,
    archive_info: Option<ArchiveInfo>,
}

#[derive(Deserialize)]
struct VcsInfo {
    vcs: String,
    commit_id: String,
    requested_revision: Option<String>,
}

#[derive(Deserialize)]
struct DirInfo {
    #[serde(default)]
    editable: bool,
}

#[derive(Deserialize)]
struct ArchiveInfo {
    hash: Option<String>,
    hashes: Option<BTreeMap<String, String>>,
}

impl ArchiveInfo {
    fn all(self) -> Vec<String> {
        let many = self.hashes.unwrap_or_default();
        if many.is_empty() {
            return self.hash.into_iter().collect();
        }
        many.into_iter().map(|(algorithm, digest)| format!("{algorithm}={digest}")).collect()
    }
}

#[cfg(test)]
#[path = "direct_tests.rs"]
mod tests;
