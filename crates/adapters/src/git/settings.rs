//! The configuration that is in force in a repository, its own and the owner's: remotes, their URLs, what a branch
//! follows. Read from the files; git is asked only where an include depends on a condition.
//! Refuses to: change a setting.

use std::path::PathBuf;

use super::ask::Ask;
use super::config::{self, Entry};
use super::hazard::Scan;
use crate::command::Surroundings;

/// Every variable, in git's order: the last one of a name counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Settings(Vec<Entry>);

impl Settings {
    /// Reads them for a repository.
    pub(super) async fn read(ask: &mut Ask<'_>, surroundings: &Surroundings) -> Self {
        let mut owners = Scan::default();
        for file in files(surroundings) {
            owners.read(&file, &surroundings.home, 10);
        }
        if owners.conditional || ask.repo.scan.conditional {
            let listed = ask.answer(["config", "--list", "-z"]).await;
            return Self(listed.map(|bytes| config::parse_list(&bytes)).unwrap_or_default());
        }
        owners.entries.extend(ask.repo.scan.entries.iter().cloned());
        Self(owners.entries)
    }

    fn last(&self, section: &str, subsection: Option<&str>, name: &str) -> Option<String> {
        self.all(section, subsection, name).last().map(Entry::text)
    }

    fn all<'a>(
        &'a self,
        section: &'a str,
        subsection: Option<&'a str>,
        name: &'a str,
    ) -> impl Iterator<Item = &'a Entry> {
        self.0.iter().filter(move |e| e.section == section && e.subsection_text() == subsection && e.name == name)
    }

    /// `branch.<branch>.remote`.
    pub(super) fn remote_of(&self, branch: &str) -> Option<String> {
        self.last("branch", Some(branch), "remote").filter(|name| !name.is_empty())
    }

    /// Every remote that has a section.
    pub(super) fn remotes(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|e| e.section == "remote").filter_map(Entry::subsection_text)
    }

    /// What `git remote get-url` says: the first URL, rewritten by `insteadOf`; the name itself where there is no URL.
    pub(super) fn url_of(&self, remote: &str) -> Option<String> {
        self.remotes().find(|name| *name == remote)?;
        let url = self.all("remote", Some(remote), "url").next().map_or_else(|| remote.to_owned(), Entry::text);
        let rewritten = self
            .0
            .iter()
            .filter(|e| e.section == "url" && e.name == "insteadof")
            .filter_map(|e| Some((e.text(), e.subsection_text()?)))
            .filter(|(from, _)| url.starts_with(from.as_str()))
            .max_by_key(|(from, _)| from.len());
        Some(match rewritten {
            Some((from, to)) => format!("{to}{}", url.strip_prefix(&from).unwrap_or(&url)),
            None => url,
        })
    }

    /// `core.quotePath`: whether git escapes what is not ASCII.
    pub(super) fn quotes_unicode(&self) -> bool {
        let value = self.last("core", None, "quotepath").map(|text| text.to_ascii_lowercase());
        !matches!(value.as_deref(), Some("false" | "no" | "off" | "0"))
    }

    /// A clone that left objects at the remote: what is missing there is not lost.
    pub(super) fn is_partial(&self) -> bool {
        self.last("extensions", None, "partialclone").is_some()
            || self.0.iter().any(|e| e.section == "remote" && e.name == "promisor" && e.text() == "true")
    }
}

/// The machine's and the owner's files, in git's order.
fn files(surroundings: &Surroundings) -> [PathBuf; 3] {
    let home = &surroundings.home;
    let xdg = surroundings.passed_on.iter().find(|(name, _)| name == "XDG_CONFIG_HOME").map(|(_, value)| value);
    let folder = xdg.map_or_else(|| home.join(".config"), PathBuf::from);
    [PathBuf::from("/etc/gitconfig"), folder.join("git/config"), home.join(".gitconfig")]
}
