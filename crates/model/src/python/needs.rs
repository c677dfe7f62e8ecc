//! What an environment lacks for requirements: the lines themselves, and what the installed distributions require in turn.
//! Refuses to: say what pip would install instead; only whether it has something to do.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::direct::{DirectKind, DirectReference, DirectUrl};
use super::file_name;
use super::installed::{Distribution, Installed};
use super::marker::MarkerEnvironment;
use super::name::ProjectName;
use super::requirement::{Requirement, Wanted};
use super::requirements_file::{Constraint, Entry, Line};
use super::version::parse;

/// Something that is not as the requirements want it. `by` says who does: `requirements.txt line 3`, `fastapi 0.1`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Need {
    /// Not installed.
    Missing {
        /// The project.
        name: ProjectName,
        /// Which version or source of it; empty for any.
        want: String,
        /// Who asks.
        by: String,
    },
    /// Installed in another version.
    Version {
        /// The project.
        name: ProjectName,
        /// The installed version.
        have: String,
        /// The accepted ones.
        want: String,
        /// Who asks.
        by: String,
    },
    /// Installed from somewhere else.
    NotThisSource {
        /// The project.
        name: ProjectName,
        /// Where it came from; its version when that was an index.
        have: String,
        /// The URL or path that is asked for.
        want: String,
        /// Who asks.
        by: String,
    },
    /// Only pip can tell.
    Unknown {
        /// What is asked for, as written.
        text: String,
        /// Who asks.
        by: String,
    },
}

/// Compares requirements with what is installed, and what is installed with its own requirements, as `pip check` does: an
/// installed pre-release is as good as any version. Constraints hold for what is reached. A folder that is not editable is
/// never known to be installed: its contents may have changed.
#[must_use]
pub fn needs(
    lines: &[Line],
    constraints: &[Constraint],
    installed: &Installed,
    environment: &MarkerEnvironment,
) -> Vec<Need> {
    let mut walk = Walk { installed, environment, reached: BTreeMap::new(), queue: VecDeque::new(), needs: Vec::new() };
    for line in lines {
        walk.line(line);
    }
    while let Some((name, extras)) = walk.queue.pop_front() {
        walk.requirements_of(&name, &extras);
    }
    for constraint in constraints {
        walk.constraint(constraint);
    }
    let mut told = BTreeSet::new();
    walk.needs.retain(|need| told.insert(need.clone()));
    walk.needs
}

struct Walk<'a> {
    installed: &'a Installed,
    environment: &'a MarkerEnvironment,
    /// What is asked for, with the extras whose requirements were looked at.
    reached: BTreeMap<ProjectName, BTreeSet<ProjectName>>,
    queue: VecDeque<(ProjectName, BTreeSet<ProjectName>)>,
    needs: Vec<Need>,
}

impl<'a> Walk<'a> {
    fn line(&mut self, line: &Line) {
        let by = line.at.to_string();
        let none = BTreeSet::new();
        match &line.entry {
            Entry::Named { requirement, .. } => self.requirement(requirement, &none, &by),
            Entry::Direct { marker, .. } | Entry::Local { marker, .. }
                if marker.as_ref().is_some_and(|marker| !marker.evaluate(self.environment, &none)) => {}
            Entry::Direct { source, .. } => self.direct(source, &by),
            Entry::Local { path, extras, .. } => self.local(path, extras, by),
            Entry::Editable { target, source, name, extras } => {
                let found = match (source, name) {
                    (Some(_), Some(name)) => match self.installed.get(name) {
                        Some(found) => Some(found),
                        None => return self.missing(name, target, by),
                    },
                    (Some(_), None) => None,
                    (None, _) => self.from(|url| is_editable(url) && is_at(url, target)),
                };
                match found {
                    // Where an editable checkout came from is not recorded.
                    Some(found) if found.direct_url.as_ref().is_some_and(is_editable) => {
                        self.reach(&found.name, extras)
                    }
                    Some(found) => self.not_this_source(found, target, by),
                    None => self.needs.push(Need::Unknown { text: format!("-e {target}"), by }),
                }
            }
            Entry::NotUnderstood { text } => self.needs.push(Need::Unknown { text: text.clone(), by }),
        }
    }

    fn requirement(&mut self, requirement: &Requirement, extras: &BTreeSet<ProjectName>, by: &str) {
        if !requirement.applies(self.environment, extras) {
            return;
        }
        match self.installed.get(&requirement.name) {
            Some(found) => {
                self.judge(found, requirement, by);
                self.reach(&requirement.name, &requirement.extras);
            }
            None => {
                let want = match &requirement.source {
                    Wanted::Versions(specifiers) => specifiers.to_string(),
                    Wanted::Url(url) => url.clone(),
                };
                self.missing(&requirement.name, &want, by.to_owned());
            }
        }
    }

    /// Whether what is installed is what is asked for.
    fn judge(&mut self, found: &Distribution, requirement: &Requirement, by: &str) {
        let (name, by) = (found.name.clone(), by.to_owned());
        match &requirement.source {
            Wanted::Versions(specifiers) => {
                let fits = parse(&found.version).is_some_and(|version| specifiers.contains(&version));
                if !fits && !specifiers.is_empty() {
                    let (have, want) = (found.version.clone(), specifiers.to_string());
                    self.needs.push(Need::Version { name, have, want, by });
                }
            }
            Wanted::Url(url) => match (DirectReference::parse(url), &found.direct_url) {
                (Some(source), Some(installed)) if source.is_source_of(installed) => {}
                (Some(_), _) => self.not_this_source(found, url, by),
                (None, _) => self.needs.push(Need::Unknown { text: requirement.to_string(), by }),
            },
        }
    }

    fn direct(&mut self, source: &DirectReference, by: &str) {
        let found = match &source.name {
            Some(name) => match self.installed.get(name) {
                Some(found) => Some(found),
                None => return self.missing(name, &source.url, by.to_owned()),
            },
            None => self.from(|url| source.is_source_of(url)),
        };
        let Some(found) = found else {
            return self.needs.push(Need::Unknown { text: source.url.clone(), by: by.to_owned() });
        };
        if found.direct_url.as_ref().is_some_and(|url| source.is_source_of(url)) {
            self.reach(&found.name, &source.extras);
        } else {
            self.not_this_source(found, &source.url, by.to_owned());
        }
    }

    /// A wheel or an archive is known by its name and its version.
    fn local(&mut self, path: &str, extras: &BTreeSet<ProjectName>, by: String) {
        let file = path.rsplit('/').next().unwrap_or(path);
        let Some(name) = file_name::project_of(file) else {
            return self.needs.push(Need::Unknown { text: path.to_owned(), by });
        };
        let Some(found) = self.installed.get(&name) else { return self.missing(&name, path, by) };
        let wheel = file_name::WheelName::parse(file).map(|wheel| wheel.version);
        let version = wheel.or_else(|| file_name::source_version(file, &name));
        let is_it = version == parse(&found.version) && found.direct_url.as_ref().is_some_and(|url| is_at(url, path));
        if is_it { self.reach(&name, extras) } else { self.not_this_source(found, path, by) }
    }

    fn missing(&mut self, name: &ProjectName, want: &str, by: String) {
        self.needs.push(Need::Missing { name: name.clone(), want: want.to_owned(), by });
    }

    fn not_this_source(&mut self, found: &Distribution, want: &str, by: String) {
        let have = found.direct_url.as_ref().map_or_else(|| found.version.clone(), |url| url.url.clone());
        self.needs.push(Need::NotThisSource { name: found.name.clone(), have, want: want.to_owned(), by });
    }

    fn from(&self, is_it: impl Fn(&DirectUrl) -> bool) -> Option<&'a Distribution> {
        self.installed.values().find(|found| found.direct_url.as_ref().is_some_and(&is_it))
    }

    /// Looks at the requirements of a distribution later, once for each extra.
    fn reach(&mut self, name: &ProjectName, extras: &BTreeSet<ProjectName>) {
        let is_new = !self.reached.contains_key(name);
        let seen = self.reached.entry(name.clone()).or_default();
        let fresh: BTreeSet<_> = extras.difference(seen).cloned().collect();
        if is_new || !fresh.is_empty() {
            seen.extend(fresh.iter().cloned());
            self.queue.push_back((name.clone(), fresh));
        }
    }

    fn requirements_of(&mut self, name: &ProjectName, extras: &BTreeSet<ProjectName>) {
        let Some(found) = self.installed.get(name) else { return };
        let by = format!("{} {}", found.title, found.version);
        for requirement in &found.requires {
            self.requirement(requirement, extras, &by);
        }
        for text in &found.not_understood {
            self.needs.push(Need::Unknown { text: text.clone(), by: by.clone() });
        }
    }

    fn constraint(&mut self, constraint: &Constraint) {
        let requirement = &constraint.requirement;
        let applies = requirement.applies(self.environment, &BTreeSet::new());
        if applies
            && self.reached.contains_key(&requirement.name)
            && let Some(found) = self.installed.get(&requirement.name)
        {
            self.judge(found, requirement, &constraint.at.to_string());
        }
    }
}

fn is_editable(url: &DirectUrl) -> bool {
    matches!(url.kind, DirectKind::Folder { is_editable: true })
}

/// Whether a path as written can be the one of a `file:` URL: whole when it is absolute, its last parts otherwise. Paths with
/// characters that URLs escape are not recognised.
fn is_at(url: &DirectUrl, path: &str) -> bool {
    let Some(place) = url.url.strip_prefix("file://") else { return false };
    let place = place.trim_end_matches('/');
    if path.starts_with('/') {
        return place == path.trim_end_matches('/');
    }
    let parts = path.split('/').filter(|part| !matches!(*part, "" | "." | ".."));
    let mut there = place.rsplit('/');
    parts.rev().all(|part| there.next() == Some(part))
}

#[cfg(test)]
#[path = "needs_tests.rs"]
mod tests;
