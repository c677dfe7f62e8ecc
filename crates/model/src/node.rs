//! Node packages as npm's lock files list them: what a version of some software needs, what is installed, what changes.
//! Refuses to: read a file or to resolve a range; a lock file says which versions, and that is all that counts.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use thiserror::Error;

#[cfg(test)]
#[path = "node_tests.rs"]
mod tests;

/// One package at its place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodePackage {
    /// Its version; for one from a repository or an archive, where it comes from.
    pub version: String,
    /// It may be missing where this machine does not suit it.
    pub optional: bool,
    /// Needed for developing only.
    pub dev: bool,
    /// It is a folder of the software itself.
    pub link: bool,
    /// The archive within the software's folder that it comes from.
    pub archive: Option<String>,
}

/// `package-lock.json`, or the one that npm leaves in `node_modules`. Keys are places: `node_modules/a/node_modules/b`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LockFile {
    /// By place, without the software itself.
    pub packages: BTreeMap<String, NodePackage>,
}

/// A lock file that says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadLock {
    /// No JSON.
    #[error("it is not JSON ({0})")]
    NotJson(String),
    /// JSON of another form.
    #[error("it does not list packages as npm does")]
    OtherForm,
}

impl LockFile {
    /// Of any version that npm wrote since its fifth (`lockfileVersion` 1, 2 and 3).
    ///
    /// # Errors
    /// [`BadLock`].
    pub fn parse(bytes: &[u8]) -> Result<Self, BadLock> {
        let value: Value = serde_json::from_slice(bytes).map_err(|error| BadLock::NotJson(error.to_string()))?;
        let Value::Object(root) = value else { return Err(BadLock::OtherForm) };
        let mut seen = Self::default();
        match (root.get("packages"), root.get("dependencies")) {
            (Some(Value::Object(packages)), _) => {
                for (place, package) in packages.iter().filter(|(place, _)| !place.is_empty()) {
                    seen.packages.insert(place.clone(), package_of(package));
                }
            }
            (None, Some(Value::Object(dependencies))) => seen.nested("", dependencies, 0),
            (None, None) => {}
            (Some(_), _) | (None, Some(_)) => return Err(BadLock::OtherForm),
        }
        Ok(seen)
    }

    /// The first form: packages within packages.
    fn nested(&mut self, above: &str, dependencies: &Map<String, Value>, depth: u32) {
        for (name, package) in dependencies {
            let place = format!("{above}node_modules/{name}");
            if let Some(Value::Object(below)) = package.get("dependencies").filter(|_| depth < 64) {
                self.nested(&format!("{place}/"), below, depth + 1);
            }
            self.packages.insert(place, package_of(package));
        }
    }

    /// What `npm ci --omit=dev` would have to change, where `installed` is there: `name 1.0 -> 1.1`, `name 1.0`,
    /// `name 1.0 removed`, in the order of places.
    #[must_use]
    pub fn changes_from(&self, installed: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        for (place, wanted) in self.packages.iter().filter(|(place, package)| counts(place, package)) {
            match installed.packages.get(place) {
                Some(is) if is.version == wanted.version => {}
                Some(is) => changes.push(format!("{} {} -> {}", name(place), is.version, wanted.version)),
                None if wanted.optional => {}
                None => changes.push(format!("{} {}", name(place), wanted.version)),
            }
        }
        for (place, is) in installed.packages.iter().filter(|(place, package)| counts(place, package)) {
            if self.packages.get(place).is_none_or(|wanted| !counts(place, wanted)) {
                changes.push(format!("{} {} removed", name(place), is.version));
            }
        }
        changes
    }

    /// Folders of the software itself that are used as packages; they cannot be installed beside it.
    #[must_use]
    pub fn folders(&self) -> Vec<&str> {
        let linked = self.packages.iter().filter(|(_, package)| package.link && !package.dev);
        linked.map(|(place, _)| name(place)).collect()
    }

    /// Archives in the software's folder that packages come from, each once.
    #[must_use]
    pub fn archives(&self) -> Vec<&str> {
        let mut archives: Vec<&str> = self.packages.values().filter_map(|package| package.archive.as_deref()).collect();
        archives.sort_unstable();
        archives.dedup();
        archives
    }
}

fn package_of(value: &Value) -> NodePackage {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let flag = |key: &str| value.get(key).and_then(Value::as_bool).unwrap_or(false);
    let resolved = text("resolved").unwrap_or_default();
    let version = text("version").unwrap_or_default();
    let is_archive = |text: &str| text.ends_with(".tgz") || text.ends_with(".tar.gz") || text.ends_with(".tar");
    let file = [resolved, version].into_iter().find_map(|text| text.strip_prefix("file:"));
    let link = flag("link") || (resolved.is_empty() && version.starts_with("file:") && !is_archive(version));
    NodePackage {
        // Of a repository the address names the commit, which the version need not follow.
        version: if resolved.starts_with("git") || version.is_empty() { resolved } else { version }.to_owned(),
        optional: flag("optional") || flag("devOptional") || flag("peer"),
        dev: flag("dev"),
        link,
        archive: file.filter(|file| is_archive(file)).map(str::to_owned),
    }
}

/// It is installed into `node_modules`, and by an installation without what is for developing.
fn counts(place: &str, package: &NodePackage) -> bool {
    place.starts_with("node_modules/") && !package.dev
}

/// `@scope/name` of `node_modules/a/node_modules/@scope/name`.
fn name(place: &str) -> &str {
    place.rsplit_once("node_modules/").map_or(place, |(_, name)| name)
}

/// The one line that matters in what npm said; none when none of its lines is an error.
#[must_use]
pub fn npm_trouble(stderr: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("npm error").or_else(|| line.strip_prefix("npm ERR!")))
        .map(str::trim)
        .collect();
    let value = |key: &str| lines.iter().find_map(|line| line.strip_prefix(key)).map(str::trim);
    let short = |text: &str| text.chars().take(300).collect::<String>();
    if let Some(out_of_step) = lines.iter().find(|line| line.starts_with("Missing: ") || line.starts_with("Invalid: "))
    {
        return Some(short(&format!("package.json and package-lock.json do not fit together ({out_of_step})")));
    }
    if let (Some(place), Some(_)) = (value("path "), value("command failed")) {
        let command = value("command sh -c ").unwrap_or("its script");
        return Some(short(&format!("{} could not be built: `{command}` failed", name(place))));
    }
    let is_heading = |line: &str| {
        ["code ", "errno ", "syscall ", "path ", "dest ", "command", "A complete log", "at "]
            .iter()
            .any(|start| line.starts_with(start))
    };
    let number = value("code ").and_then(|code| code.strip_prefix('E')).unwrap_or("-");
    if let Some(fatal) = lines.iter().find(|line| line.starts_with("fatal: ")) {
        // npm itself says no more than that git failed.
        return Some(short(fatal));
    }
    let telling = lines.iter().map(|line| line.strip_prefix(number).unwrap_or(line).trim());
    telling
        .filter(|line| !line.is_empty())
        .find(|line| !is_heading(line))
        .map(short)
        .or_else(|| value("code ").map(short))
}
