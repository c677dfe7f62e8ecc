//! What an index holds: projects by their normalized names, with their files in the order they were uploaded.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::releases::sha256_hex;
use crate::wheels::{Distribution, normalized};

/// 1 January 2024, midnight, in seconds since 1970.
const FIRST: i64 = 1_704_067_200;
const DAY: i64 = 24 * 60 * 60;

#[derive(Debug, Default)]
pub(super) struct Shelf {
    projects: BTreeMap<String, Project>,
    changes: i64,
}

#[derive(Debug, Default)]
pub(super) struct Project {
    pub(super) files: Vec<File>,
    changed: i64,
}

/// A published file.
#[derive(Debug)]
pub(super) struct File {
    pub(super) distribution: Distribution,
    pub(super) content: Arc<[u8]>,
    pub(super) sha256: String,
    /// The reason, which may be empty.
    pub(super) yanked: Option<String>,
    uploaded: i64,
}

impl Shelf {
    pub(super) fn publish(&mut self, distribution: Distribution) {
        let now = self.now();
        let project = self.projects.entry(normalized(&distribution.name)).or_default();
        project.changed = now;
        project.files.retain(|file| file.distribution.file_name != distribution.file_name);
        let content = Arc::from(&distribution.bytes[..]);
        let sha256 = sha256_hex(&distribution.bytes);
        project.files.push(File { distribution, content, sha256, yanked: None, uploaded: now });
    }

    pub(super) fn yank(&mut self, name: &str, version: &str, reason: Option<&str>) {
        let now = self.now();
        let project = self.projects.get_mut(&normalized(name)).unwrap_or_else(|| panic!("there is no {name}"));
        let mut found = false;
        for file in project.files.iter_mut().filter(|file| file.distribution.version == version) {
            file.yanked = reason.map(str::to_owned);
            found = true;
        }
        assert!(found, "there is no {name} {version}");
        project.changed = now;
    }

    pub(super) fn remove(&mut self, name: &str, version: &str) -> bool {
        let now = self.now();
        let Some(project) = self.projects.get_mut(&normalized(name)) else { return false };
        let before = project.files.len();
        project.files.retain(|file| file.distribution.version != version);
        project.changed = now;
        project.files.len() < before
    }

    pub(super) fn remove_project(&mut self, name: &str) -> bool {
        self.projects.remove(&normalized(name)).is_some()
    }

    pub(super) fn project(&self, name: &str) -> Option<&Project> {
        self.projects.get(name)
    }

    /// The names of all projects.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.projects.keys().map(String::as_str)
    }

    /// A file by what stands in its link.
    pub(super) fn file(&self, folder: &str, name: &str) -> Option<&File> {
        let mut files = self.projects.values().flat_map(|project| &project.files);
        files.find(|file| file.folder() == folder && file.distribution.file_name == name)
    }

    fn now(&mut self) -> i64 {
        self.changes += 1;
        FIRST + (self.changes - 1) * DAY
    }
}

impl Project {
    /// The versions in the order they came, each once.
    pub(super) fn versions(&self) -> Vec<&str> {
        let mut versions: Vec<&str> = Vec::new();
        for file in &self.files {
            let version = file.distribution.version.as_str();
            if !versions.contains(&version) {
                versions.push(version);
            }
        }
        versions
    }

    pub(super) fn http_date(&self) -> String {
        time(self.changed).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }
}

impl File {
    /// The part of its link that tells it from an older file of the same name.
    pub(super) fn folder(&self) -> &str {
        &self.sha256[..16]
    }

    pub(super) fn upload_time(&self) -> String {
        time(self.uploaded).strftime("%Y-%m-%dT%H:%M:%S.000000Z").to_string()
    }
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or_default()
}
