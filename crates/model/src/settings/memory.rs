//! A file system in a map, for tests. Only what settings ask; links are not known here (the adapter's tests have them).

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::source::ConfigSource;

/// Absolute paths; `None` is a folder. Files below a `bin` folder are executable unless their text is `not executable`; one
/// whose text is [`DANGLING`] is a link that leads nowhere.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    files: BTreeMap<PathBuf, Option<String>>,
}

impl Memory {
    pub(crate) fn with(mut self, path: &str, text: &str) -> Self {
        self.folders(Path::new(path).parent());
        self.files.insert(PathBuf::from(path), Some(text.to_owned()));
        self
    }

    pub(crate) fn folder(mut self, path: &str) -> Self {
        self.folders(Some(Path::new(path)));
        self
    }

    fn folders(&mut self, path: Option<&Path>) {
        for folder in path.into_iter().flat_map(Path::ancestors) {
            self.files.entry(folder.to_owned()).or_insert(None);
        }
    }
}

/// See [`Memory`].
pub(crate) const DANGLING: &str = "-> nowhere";

impl ConfigSource for Memory {
    fn read(&self, path: &Path) -> Result<String, String> {
        match self.files.get(path) {
            Some(Some(text)) => Ok(text.clone()),
            Some(None) => Err("it is not a regular file".to_owned()),
            None => Err("No such file or directory (os error 2)".to_owned()),
        }
    }

    /// Knows one `*` in the last part of a pattern. The answer comes in the wrong order on purpose.
    fn glob(&self, pattern: &str) -> Result<Vec<PathBuf>, String> {
        let (folder, last) = pattern.rsplit_once('/').ok_or("no slash")?;
        let (before, after) = last.split_once('*').unwrap_or((last, ""));
        let star = last.contains('*');
        let fits = |path: &Path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let inside = self.resolve(Path::new(folder)) == path.parent().unwrap_or(path);
            let length = name.len() >= before.len() + after.len();
            inside && if star { length && name.starts_with(before) && name.ends_with(after) } else { name == last }
        };
        Ok(self.files.keys().rev().filter(|path| fits(path)).cloned().collect())
    }

    fn resolve(&self, path: &Path) -> PathBuf {
        let path = match path.strip_prefix("~") {
            Ok(inside) => Path::new("/home/pi").join(inside),
            Err(_) => Path::new("/cwd").join(path),
        };
        let mut resolved = PathBuf::from("/");
        for part in path.components() {
            match part {
                Component::Normal(name) => resolved.push(name),
                Component::ParentDir => drop(resolved.pop()),
                Component::Prefix(_) | Component::RootDir | Component::CurDir => {}
            }
        }
        resolved
    }

    fn exists(&self, path: &Path) -> bool {
        self.files.contains_key(&self.resolve(path)) && !self.is_dangling(path)
    }

    fn is_dangling(&self, path: &Path) -> bool {
        self.files.get(&self.resolve(path)).is_some_and(|text| text.as_deref() == Some(DANGLING))
    }

    fn is_dir(&self, path: &Path) -> bool {
        self.files.get(&self.resolve(path)).is_some_and(Option::is_none)
    }

    fn is_executable(&self, path: &Path) -> bool {
        let path = self.resolve(path);
        let text = self.files.get(&path).and_then(Option::as_deref);
        text.is_some_and(|text| text != "not executable" && text != DANGLING)
            && path.parent().is_some_and(|folder| folder.ends_with("bin"))
    }
}
