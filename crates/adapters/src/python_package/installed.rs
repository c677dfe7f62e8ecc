//! What an environment says of one project, read from its folder of packages: metadata, where it came from, and the file
//! `release_info`.
//! Refuses to: start Python; and to follow a `RECORD` out of the environment.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use refit_engine::ports::Clock as _;
use refit_model::python::installed::{Headers, record};
use refit_model::python::name::ProjectName;
use refit_model::updater::python::{InstalledPackage, ReleaseInfoFile};
use serde_json::Value;

use crate::clock::WallClock;

/// Bytes of the longest file that is read.
const LONGEST: u64 = 8 * 1024 * 1024;
/// Seconds after which the clock of the file system has surely ticked: a younger file may change once more unseen.
const TICK: f64 = 2.0;
/// The name of the file that tells more of a release (observed).
const RELEASE_INFO: &str = "release_info";

/// Reads what is installed of a project; what was known is handed back when nothing changed since. None when there is no
/// such distribution.
#[must_use]
pub fn look(environment: &Path, project: &ProjectName, known: Option<&InstalledPackage>) -> Option<InstalledPackage> {
    let info = find(environment, project)?;
    let stamp = stamp(&info, known.and_then(|known| known.release_info.as_ref()?.path.as_deref()));
    if let Some(known) = known.filter(|known| stamp.is_some() && known.stamp == stamp) {
        return Some(known.clone());
    }
    let headers = Headers::parse(&read(&info.join("METADATA"))?);
    let version = headers.first("Version").filter(|version| !version.is_empty()).map(str::to_owned);
    let url = |value: &str| value.split_once(',').map(|(label, url)| (label.trim().to_owned(), url.trim().to_owned()));
    let direct_url = read(&info.join("direct_url.json")).and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let release_info = release_info(environment, &info);
    let stamp = self::stamp(&info, release_info.as_ref().and_then(|info| info.path.as_deref()));
    Some(InstalledPackage {
        version,
        urls: headers.all("Project-URL").filter_map(url).collect(),
        direct_url,
        release_info,
        stamp,
    })
}

/// The project's folder with metadata, of whichever Python: an environment whose interpreter is gone still has it. The
/// newest of several, which an interrupted pip leaves behind.
fn find(environment: &Path, project: &ProjectName) -> Option<PathBuf> {
    let mut found: Vec<(SystemTime, PathBuf)> = Vec::new();
    for library in entries(&environment.join("lib")) {
        if !library.file_name().is_some_and(|name| name.to_string_lossy().starts_with("python")) {
            continue;
        }
        for info in entries(&library.join("site-packages")) {
            let is_it = info.file_name().is_some_and(|name| is_of(&name.to_string_lossy(), project));
            if is_it && let Ok(seen) = fs::metadata(info.join("METADATA")) {
                found.push((seen.modified().unwrap_or(SystemTime::UNIX_EPOCH), info));
            }
        }
    }
    found.sort();
    // An empty file is none: pip makes it nowhere, a full disk does.
    let has_text = |info: &PathBuf| fs::metadata(info.join("METADATA")).is_ok_and(|seen| seen.len() > 0);
    found.into_iter().map(|(_, info)| info).rfind(has_text)
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

/// `My_Tool-1.0.dist-info` is of my-tool.
fn is_of(name: &str, project: &ProjectName) -> bool {
    let Some(stem) = name.strip_suffix(".dist-info") else { return false };
    let title = stem.split_once('-').map_or(stem, |(title, _)| title);
    ProjectName::new(title).is_ok_and(|name| name == *project)
}

/// Changes when one of the files does that are read; none while that could go unseen.
fn stamp(info: &Path, release_info: Option<&str>) -> Option<String> {
    let mut hasher = DefaultHasher::new();
    info.hash(&mut hasher);
    let own = ["", "METADATA", "RECORD", "direct_url.json"].map(|name| info.join(name));
    let now = WallClock.now();
    for file in own.into_iter().chain(release_info.map(PathBuf::from)) {
        let seen = fs::metadata(&file).ok();
        let seen = seen
            .map(|seen| (seen.ino(), seen.size(), seen.mtime(), seen.mtime_nsec(), seen.ctime(), seen.ctime_nsec()));
        let is_young = |(.., ctime, _): (u64, u64, i64, i64, i64, i64)| ctime as f64 + TICK > now;
        if seen.is_some_and(is_young) {
            return None;
        }
        seen.hash(&mut hasher);
    }
    Some(format!("{:016x}", hasher.finish()))
}

fn release_info(environment: &Path, info: &Path) -> Option<ReleaseInfoFile> {
    let site = info.parent()?;
    let entries = record(&read(&info.join("RECORD"))?);
    let named = entries.iter().filter(|entry| entry.path.rsplit('/').next() == Some(RELEASE_INFO));
    let mut files = named.filter_map(|entry| inside(environment, site, &entry.path));
    files.find_map(|file| parse(&read(&file)?, &file))
}

/// The place of a file of a `RECORD`, when it is in the environment.
fn inside(environment: &Path, site: &Path, recorded: &str) -> Option<PathBuf> {
    let mut place = PathBuf::new();
    for part in site.join(recorded).components() {
        match part {
            Component::ParentDir => drop(place.pop()),
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => place.push(part),
        }
    }
    place.starts_with(environment).then_some(place)
}

/// None for what is no JSON object: Moonraker leaves it out as well, where it does not fail (observed).
fn parse(bytes: &[u8], file: &Path) -> Option<ReleaseInfoFile> {
    let Value::Object(told) = serde_json::from_slice(bytes).ok()? else { return None };
    let text = |name: &str| told.get(name).and_then(Value::as_str).map(str::to_owned);
    let urls = told.get("urls").and_then(Value::as_object);
    let pair = |(label, url): (&String, &Value)| Some((label.clone(), url.as_str()?.to_owned()));
    Some(ReleaseInfoFile {
        git_version: text("git_version"),
        commit_sha: text("commit_sha"),
        urls: urls.into_iter().flatten().filter_map(pair).collect(),
        has_system_dependencies: told
            .get("system_dependencies")
            .and_then(Value::as_object)
            .is_some_and(|lists| !lists.is_empty()),
        path: file.to_str().map(str::to_owned),
    })
}

/// A plain file, whole; none when it is not there, or far too long.
pub(super) fn read(file: &Path) -> Option<Vec<u8>> {
    // A pipe would be waited for.
    let is_fine = fs::metadata(file).is_ok_and(|seen| seen.is_file() && seen.len() <= LONGEST);
    let mut bytes = Vec::new();
    File::open(file).ok().filter(|_| is_fine)?.take(LONGEST).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
#[path = "installed_tests.rs"]
mod tests;
