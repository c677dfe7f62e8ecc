//! What a folder says of the release that is installed in it: `release_info.json`, and for web front ends `.version` and
//! the manifest (CONTRACT §3.3).
//! Refuses to: judge; `model::updater::release` does.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use refit_model::updater::release::{Installed, Place, ReleaseInfo, ReleaseKind};
use rustix::fs::{Access, access};
use serde_json::Value;

/// What a release says of itself.
pub const INFO: &str = "release_info.json";
/// What older front ends say.
const DOT_VERSION: &str = ".version";
const MANIFESTS: [&str; 2] = ["manifest.json", "manifest.webmanifest"];

/// Longer files are not what they are taken for.
const LONGEST: u64 = 256 * 1024;

/// Looks at a folder. `home`: a repository there is not one that the folder belongs to.
#[must_use]
pub fn look(kind: ReleaseKind, path: &Path, home: &Path) -> Installed {
    let place = place(path, home);
    if place != Place::Folder {
        return Installed { place, ..Installed::default() };
    }
    let told = path.join(INFO);
    let info = read(&told).and_then(|bytes| parse_info(&bytes));
    let info_is_broken = info.is_none() && fs::symlink_metadata(&told).is_ok();
    let asset_is_there = info
        .as_ref()
        .and_then(|info| info.asset_name.as_deref())
        .is_some_and(|name| is_plain(name) && path.join(name).exists());
    let (dot_version, manifest) = match kind {
        ReleaseKind::Web => (dot_version(path), manifest(path)),
        ReleaseKind::Zip | ReleaseKind::Executable => (None, None),
    };
    Installed { place, info, info_is_broken, dot_version, manifest, asset_is_there }
}

/// `release_info.json` as it is in a release. None when it says too little.
#[must_use]
pub fn parse_info(bytes: &[u8]) -> Option<ReleaseInfo> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(ReleaseInfo {
        project_name: text("project_name")?,
        project_owner: text("project_owner")?,
        version: text("version")?,
        asset_name: text("asset_name"),
    })
}

/// A name of a file, not a way to one.
#[must_use]
pub fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.contains(['/', '\0']) && name != "." && name != ".."
}

fn place(path: &Path, home: &Path) -> Place {
    let Ok(seen) = fs::metadata(path) else { return Place::Missing };
    if access(path, Access::WRITE_OK).is_err() {
        return Place::NotWritable;
    }
    if !seen.is_dir() {
        return Place::NotAFolder;
    }
    match git_above(path).filter(|found| found.parent() != Some(home)) {
        Some(found) => Place::InsideGit { found },
        None => Place::Folder,
    }
}

fn git_above(path: &Path) -> Option<PathBuf> {
    path.ancestors().map(|folder| folder.join(".git")).find(|git| git.exists())
}

fn dot_version(path: &Path) -> Option<String> {
    let text = String::from_utf8(read(&path.join(DOT_VERSION))?).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn manifest(path: &Path) -> Option<String> {
    MANIFESTS.iter().find_map(|name| {
        let value: Value = serde_json::from_slice(&read(&path.join(name))?).ok()?;
        Some(value.get("name")?.as_str()?.to_lowercase())
    })
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).ok()?;
    file.take(LONGEST).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        dir
    }

    const GOOD: &str = r#"{"project_name": "p", "project_owner": "o", "version": "v1", "asset_name": "p.bin"}"#;

    #[test]
    fn a_release_tells_of_itself() {
        let dir = folder(&[("release_info.json", GOOD), ("p.bin", "")]);
        let seen = look(ReleaseKind::Executable, dir.path(), Path::new("/home/pi"));
        assert_eq!(seen.place, Place::Folder);
        assert_eq!(seen.info.unwrap().version, "v1");
        assert!(seen.asset_is_there);
    }

    #[test]
    fn what_says_too_little_says_nothing() {
        for text in ["", "{}", "[1]", r#"{"project_name": "p", "project_owner": "o", "version": 1}"#] {
            assert_eq!(parse_info(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn old_front_ends_are_known_by_other_files() {
        let dir = folder(&[(".version", " v2.0.0 \n"), ("manifest.webmanifest", r#"{"name": "Fluidd"}"#)]);
        let home = Path::new("/home/pi");
        let seen = look(ReleaseKind::Web, dir.path(), home);
        assert_eq!((seen.dot_version.as_deref(), seen.manifest.as_deref()), (Some("v2.0.0"), Some("fluidd")));
        let seen = look(ReleaseKind::Zip, dir.path(), home);
        assert_eq!((seen.dot_version, seen.manifest), (None, None));
    }

    #[test]
    fn a_repository_above_is_found_but_not_that_of_a_home() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("web");
        fs::create_dir_all(home.path().join(".git")).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(look(ReleaseKind::Web, &path, home.path()).place, Place::Folder);
        let found = home.path().join(".git");
        assert_eq!(look(ReleaseKind::Web, &path, Path::new("/")).place, Place::InsideGit { found });
        assert_eq!(look(ReleaseKind::Web, &home.path().join("none"), home.path()).place, Place::Missing);
    }
}
