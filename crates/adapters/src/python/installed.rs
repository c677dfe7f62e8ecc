//! What is installed in an environment, read from its folders of packages; and whether it is all there.
//! Refuses to: start Python.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use refit_model::python::direct::{DirectKind, DirectUrl};
pub use refit_model::python::installed::project_of;
use refit_model::python::installed::{Distribution, Installed, record, wheel_tags};
use refit_model::python::name::ProjectName;

use super::layout;

/// One distribution, and where it says what it is.
#[derive(Debug, Clone)]
struct Found {
    distribution: Distribution,
    /// Its `.dist-info` folder; none for what is older than those.
    info: Option<PathBuf>,
}

/// Everything installed in the environment itself, and what it sees of the system's.
#[must_use]
pub fn read(folder: &Path, system_sites: &[PathBuf]) -> Installed {
    // The environment's own come before the system's, as on Python's path.
    let places = system_sites.iter().rev().cloned().chain(layout::sites(folder).into_iter().rev());
    let found = places.flat_map(|site| all(&site)).map(|found| (found.distribution.name.clone(), found.distribution));
    found.collect()
}

/// As `pip freeze --all --local` writes it, sorted by name.
#[must_use]
pub fn freeze(folder: &Path) -> Vec<String> {
    read(folder, &[]).values().map(frozen).collect()
}

/// The line of a freeze that installs exactly this.
#[must_use]
pub fn frozen(distribution: &Distribution) -> String {
    let (title, version) = (&distribution.title, &distribution.version);
    match &distribution.direct_url {
        None => format!("{title}=={version}"),
        Some(DirectUrl { url, kind: DirectKind::Folder { is_editable: true }, .. }) => {
            format!("-e {url}#egg={title}")
        }
        Some(url) => format!("{title} @ {}", reference(url)),
    }
}

/// The URL that leads there again, as `pip freeze` writes it.
fn reference(direct: &DirectUrl) -> String {
    let DirectUrl { url, subdirectory, kind } = direct;
    let (url, hash) = match kind {
        DirectKind::Vcs { vcs, commit, .. } => (format!("{vcs}+{url}@{commit}"), None),
        DirectKind::Folder { .. } => (url.clone(), None),
        DirectKind::Archive { hashes } => (url.clone(), hashes.first().cloned()),
    };
    let fragments: Vec<_> =
        hash.into_iter().chain(subdirectory.iter().map(|part| format!("subdirectory={part}"))).collect();
    if fragments.is_empty() { url } else { format!("{url}#{}", fragments.join("&")) }
}

/// What differs between two environments, in words for people: `one 1.0 -> 2.0`.
#[must_use]
pub fn changes(before: &Path, after: &Path) -> Vec<String> {
    let (before, after) = (read(before, &[]), read(after, &[]));
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let change = |name| match (before.get(name), after.get(name)) {
        (Some(old), Some(new)) if frozen(old) == frozen(new) => None,
        (Some(old), Some(new)) => Some(format!("{name} {} -> {}", old.version, new.version)),
        (None, Some(new)) => Some(format!("{name} {}, new", new.version)),
        (Some(old), None) => Some(format!("{name} {}, removed", old.version)),
        (None, None) => None,
    };
    names.into_iter().filter_map(change).collect()
}

/// Lines of the freeze of what is installed and lacks files, or cannot be read. What the system shares is not looked at.
#[must_use]
pub fn damaged(folder: &Path) -> Vec<String> {
    let mut damaged = Vec::new();
    for site in layout::sites(folder) {
        for name in layout::names(&site) {
            let Some(stem) = name.strip_suffix(".dist-info") else { continue };
            let info = site.join(&name);
            match of_info(&info) {
                Some(distribution) if !is_whole(&site, &info) => damaged.push(frozen(&distribution)),
                Some(_) => {}
                // What it is stands in its name still (PEP 376), unless it is what pip leaves of a cut uninstallation.
                None => damaged.extend(
                    stem.split_once('-')
                        .filter(|_| !stem.starts_with('~'))
                        .map(|(name, version)| format!("{name}=={version}")),
                ),
            }
        }
    }
    damaged
}

/// The folder of a project's own description.
#[must_use]
pub fn info_of(folder: &Path, project: &ProjectName) -> Option<PathBuf> {
    let found = layout::sites(folder).into_iter().flat_map(|site| all(&site));
    found.filter(|found| found.distribution.name == *project).find_map(|found| found.info)
}

/// Whether every wheel that is installed is for this interpreter, whose tags are given. What came otherwise says nothing.
#[must_use]
pub fn run_here(folder: &Path, system_sites: &[PathBuf], tags: &[String]) -> bool {
    let sites = layout::sites(folder).into_iter().chain(system_sites.iter().cloned());
    let infos = sites.flat_map(|site| all(&site)).filter_map(|found| found.info);
    let mut said = infos.map(|info| wheel_tags(&fs::read(info.join("WHEEL")).unwrap_or_default()));
    said.all(|said| said.is_empty() || said.iter().any(|tag| tags.contains(tag)))
}

fn all(site: &Path) -> Vec<Found> {
    let names = layout::names(site);
    names.iter().filter_map(|name| one(site, name)).collect()
}

fn one(site: &Path, name: &str) -> Option<Found> {
    let path = site.join(name);
    // `~` begins what pip is about to delete.
    if name.starts_with('~') {
        return None;
    }
    if name.ends_with(".dist-info") {
        return of_info(&path).map(|distribution| Found { distribution, info: Some(path) });
    }
    let old = |metadata: PathBuf| {
        let distribution = Distribution::parse(&fs::read(metadata).ok()?, None)?;
        Some(Found { distribution, info: None })
    };
    if name.ends_with(".egg-info") {
        return old(if path.is_dir() { path.join("PKG-INFO") } else { path });
    }
    if name.ends_with(".egg") {
        return old(path.join("EGG-INFO/PKG-INFO"));
    }
    if name.ends_with(".egg-link") {
        let text = fs::read_to_string(&path).ok()?;
        let source = PathBuf::from(text.lines().next()?.trim());
        let info = layout::names(&source).into_iter().find(|name| name.ends_with(".egg-info"))?;
        let mut found = old(source.join(info).join("PKG-INFO"))?;
        let url = format!("file://{}", source.display());
        found.distribution.direct_url =
            Some(DirectUrl { url, subdirectory: None, kind: DirectKind::Folder { is_editable: true } });
        return Some(found);
    }
    None
}

fn of_info(info: &Path) -> Option<Distribution> {
    let metadata = fs::read(info.join("METADATA")).ok()?;
    let direct_url = fs::read(info.join("direct_url.json")).ok();
    Distribution::parse(&metadata, direct_url.as_deref())
}

/// Every file that was installed is there, and none is empty that was not: what a power cut leaves. What Python compiles
/// it compiles again. A distribution without a record was not installed by pip, and is not judged.
fn is_whole(site: &Path, info: &Path) -> bool {
    let Ok(bytes) = fs::read(info.join("RECORD")) else { return true };
    let entries = record(&bytes);
    !entries.is_empty()
        && entries.iter().filter(|entry| !entry.path.ends_with(".pyc")).all(|entry| {
            let seen = fs::metadata(site.join(&entry.path));
            seen.is_ok_and(|seen| seen.len() > 0 || entry.size.unwrap_or(0) == 0)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dist(site: &Path, name: &str, version: &str) {
        let info = site.join(format!("{name}-{version}.dist-info"));
        fs::create_dir_all(&info).unwrap();
        fs::write(info.join("METADATA"), format!("Name: {name}\nVersion: {version}\n")).unwrap();
        fs::write(site.join(format!("{name}.py")), "x = 1\n").unwrap();
        let record = format!("{name}.py,sha256=x,6\n{name}-{version}.dist-info/METADATA,,\n__pycache__/{name}.pyc,,\n");
        fs::write(info.join("RECORD"), record).unwrap();
    }

    #[test]
    fn the_old_ways_of_setuptools_are_known() {
        let dir = tempfile::tempdir().unwrap();
        let site = dir.path().join("lib/python3.11/site-packages");
        dist(&site, "Abc", "1.0");
        let old =
            [("b-2.egg-info", "Name: b\nVersion: 2\n"), ("c-3-py3.11.egg/EGG-INFO/PKG-INFO", "Name: c\nVersion: 3\n")];
        for (file, text) in old {
            let file = site.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let source = dir.path().join("d-source");
        fs::create_dir_all(source.join("d.egg-info")).unwrap();
        fs::write(source.join("d.egg-info/PKG-INFO"), "Name: d\nVersion: 4\n").unwrap();
        fs::write(site.join("d.egg-link"), format!("{}\n.", source.display())).unwrap();
        fs::create_dir(site.join("~bc-0.9.dist-info")).unwrap();
        let frozen = freeze(dir.path());
        assert_eq!(frozen, ["Abc==1.0", "b==2", "c==3", &format!("-e file://{}#egg=d", source.display())]);
        let names: Vec<_> = frozen.iter().map(|line| project_of(line).unwrap().as_str().to_owned()).collect();
        assert_eq!(names, ["abc", "b", "c", "d"]);
    }

    #[test]
    fn what_lacks_files_is_damaged() {
        let dir = tempfile::tempdir().unwrap();
        let site = dir.path().join("lib/python3.11/site-packages");
        for name in ["whole", "gone", "emptied", "headless"] {
            dist(&site, name, "1");
        }
        fs::remove_file(site.join("gone.py")).unwrap();
        fs::write(site.join("emptied.py"), "").unwrap();
        fs::write(site.join("headless-1.dist-info/METADATA"), "").unwrap();
        fs::create_dir(site.join("~x-0.9.dist-info")).unwrap();
        assert_eq!(damaged(dir.path()), ["emptied==1", "gone==1", "headless==1"]);
    }
}
