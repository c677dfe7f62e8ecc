//! Where the things of an environment lie: its configuration, its interpreter, its packages.
//! Refuses to: start anything.

use std::fs;
use std::path::{Path, PathBuf};

/// What makes a folder an environment (PEP 405).
pub const CONFIG: &str = "pyvenv.cfg";

/// Refit's own folder in an environment that is being prepared. It goes before the environment is used.
pub const OWN: &str = ".refit-work";

/// The interpreter.
#[must_use]
pub fn python(folder: &Path) -> PathBuf {
    folder.join("bin/python")
}

/// What a link leads to in the end, were it there: the last link of a chain is named when nothing is behind it.
#[must_use]
pub fn leads_to(link: &Path) -> PathBuf {
    let mut path = link.to_owned();
    // As many as the kernel follows.
    for _ in 0..40 {
        let Ok(target) = fs::read_link(&path) else { break };
        path = path.parent().unwrap_or(Path::new("/")).join(target);
    }
    path
}

/// A setting of `pyvenv.cfg`.
#[must_use]
pub fn setting(folder: &Path, name: &str) -> Option<String> {
    let text = fs::read_to_string(folder.join(CONFIG)).ok()?;
    let settings = text.lines().filter_map(|line| line.split_once('='));
    settings.map(|(key, value)| (key.trim(), value.trim())).find(|(key, _)| *key == name).map(|(_, value)| value.into())
}

/// `3.11` of every `lib/python3.11` that holds packages, the newest first.
#[must_use]
pub fn versions(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder.join("lib")).into_iter().flatten().flatten();
    let version = |name: &str| name.strip_prefix("python").filter(|rest| minor(rest).is_some()).map(str::to_owned);
    let mut versions: Vec<_> = entries
        .filter(|entry| entry.path().join("site-packages").is_dir())
        .filter_map(|entry| version(&entry.file_name().to_string_lossy()))
        .collect();
    versions.sort_by_key(|version| std::cmp::Reverse(minor(version)));
    versions
}

fn minor(version: &str) -> Option<u32> {
    version.strip_prefix("3.")?.parse().ok()
}

/// The minor version of an interpreter, as its file's name tells: `python3.11` is `3.11`.
#[must_use]
pub fn version_of(real: &Path) -> Option<String> {
    let name = real.file_name()?.to_str()?;
    let version = name.strip_prefix("python")?;
    minor(version).map(|_| version.to_owned())
}

/// The folder of packages of one minor version.
#[must_use]
pub fn packages(folder: &Path, version: &str) -> PathBuf {
    folder.join("lib").join(format!("python{version}")).join("site-packages")
}

/// The folders of packages that the interpreter of this environment sees; of all versions when it is gone.
#[must_use]
pub fn sites(folder: &Path) -> Vec<PathBuf> {
    let versions = versions(folder);
    let own = fs::canonicalize(python(folder)).ok().and_then(|real| version_of(&real));
    match own.filter(|own| versions.contains(own)) {
        Some(own) => vec![packages(folder, &own)],
        None => versions.iter().map(|version| packages(folder, version)).collect(),
    }
}

/// The names of everything that says of itself what it is, in those folders.
#[must_use]
pub fn infos(folder: &Path) -> Vec<String> {
    let names = sites(folder).into_iter().flat_map(|site| names(&site));
    names.filter(|name| is_info(name)).collect()
}

/// `name-1.0.dist-info` and what setuptools left before there was that.
#[must_use]
pub fn is_info(name: &str) -> bool {
    [".dist-info", ".egg-info", ".egg-link", ".egg"].iter().any(|end| name.ends_with(end))
}

/// The names in a folder, sorted; none when it cannot be read.
#[must_use]
pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_chain_of_links_leads_to_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let bin = dir.path().join("bin");
        fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink("python3", bin.join("python")).unwrap();
        std::os::unix::fs::symlink("/usr/bin/python3.1", bin.join("python3")).unwrap();
        assert_eq!(leads_to(&python(dir.path())), Path::new("/usr/bin/python3.1"));
    }

    #[test]
    fn versions_are_numbers() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["python3.9", "python3.11", "python3.x", "other"] {
            fs::create_dir_all(dir.path().join("lib").join(name).join("site-packages")).unwrap();
        }
        fs::create_dir_all(dir.path().join("lib/python3.12")).unwrap();
        assert_eq!(versions(dir.path()), ["3.11", "3.9"]);
        assert_eq!(version_of(Path::new("/usr/bin/python3.11")).as_deref(), Some("3.11"));
        assert_eq!(version_of(Path::new("/usr/bin/python3")), None);
    }

    #[test]
    fn settings_are_read() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(CONFIG), "home = /usr/bin\ninclude-system-site-packages=false\n").unwrap();
        assert_eq!(setting(dir.path(), "home").as_deref(), Some("/usr/bin"));
        assert_eq!(setting(dir.path(), "include-system-site-packages").as_deref(), Some("false"));
        assert_eq!(setting(dir.path(), "prompt"), None);
    }
}
