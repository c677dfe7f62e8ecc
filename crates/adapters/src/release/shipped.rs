//! The list of what a release shipped, kept in the folder itself: it moves with the folder in an exchange, stays with a
//! kept version, and goes when another updater empties the folder.
//! Refuses to: be believed for a version that the folder does not tell.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use crate::archive::{Contents, EntryKind};
use crate::tree::{TreeError, sync_parent};

/// Its name in the folder.
pub const RECORD: &str = ".refit-release.json";

/// What a release shipped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipped {
    /// The version, as the folder's own files tell it.
    pub version: String,
    /// How its download was verified, in words.
    pub verified: String,
    /// Every file and link, by its path below the folder.
    pub leaves: BTreeMap<String, Leaf>,
    /// Files of the version before that this one does not have, left for pages that are still open; the next update
    /// leaves them behind, unless they became the owner's.
    #[serde(default)]
    pub lingering: BTreeMap<String, Leaf>,
}

/// One file or link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leaf {
    /// A file.
    File {
        /// 64 hexadecimal digits.
        sha256: String,
        /// Bytes.
        size: u64,
    },
    /// A symbolic link.
    Link {
        /// Where it leads.
        target: String,
    },
}

impl Shipped {
    /// From what was unpacked.
    #[must_use]
    pub fn of(contents: &Contents, version: &str, verified: &str) -> Self {
        let leaves = contents.entries.iter().filter_map(|entry| {
            let leaf = match &entry.kind {
                EntryKind::File { size, sha256 } => Leaf::File { sha256: sha256.clone(), size: *size },
                EntryKind::Symlink { target } => Leaf::Link { target: target.clone() },
                EntryKind::Folder => return None,
            };
            // The list's own name is never a release's.
            if entry.path == RECORD {
                return None;
            }
            Some((entry.path.clone(), leaf))
        });
        Self {
            version: version.to_owned(),
            verified: verified.to_owned(),
            leaves: leaves.collect(),
            lingering: BTreeMap::new(),
        }
    }

    /// Reads the list of a folder. None when there is none, or it cannot be read.
    #[must_use]
    pub fn read(folder: &Path) -> Option<Self> {
        Self::read_file(&folder.join(RECORD))
    }

    /// Reads a list from a file.
    #[must_use]
    pub fn read_file(file: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(file).ok()?).ok()
    }

    /// Writes the list of a folder.
    ///
    /// # Errors
    /// [`TreeError::Io`].
    pub fn write(&self, folder: &Path) -> Result<(), TreeError> {
        self.write_file(&folder.join(RECORD))
    }

    /// Writes a list to a file, by way of a name beside it.
    ///
    /// # Errors
    /// [`TreeError::Io`].
    pub fn write_file(&self, file: &Path) -> Result<(), TreeError> {
        write_json(file, self)
    }

    /// Whether anything was shipped below a folder.
    #[must_use]
    pub fn has_below(&self, folder: &Path) -> bool {
        let below = format!("{}/", folder.to_string_lossy());
        self.leaves.range(below.clone()..).next().is_some_and(|(next, _)| next.starts_with(&below))
    }

    /// The shipped files and links that are missing or not as they were shipped.
    ///
    /// # Errors
    /// [`TreeError::Io`] when one cannot be read.
    pub fn wrong(&self, folder: &Path) -> Result<Vec<String>, TreeError> {
        let mut wrong = Vec::new();
        for (path, leaf) in &self.leaves {
            if !leaf.is_at(&folder.join(path))? {
                wrong.push(path.clone());
            }
        }
        Ok(wrong)
    }

    /// Those that are missing or of another size: looks at no content.
    #[must_use]
    pub fn missing(&self, folder: &Path) -> Vec<String> {
        let is_there = |path: &str, leaf: &Leaf| {
            fs::symlink_metadata(folder.join(path)).is_ok_and(|seen| match leaf {
                Leaf::File { size, .. } => seen.is_file() && seen.size() == *size,
                Leaf::Link { .. } => seen.is_symlink(),
            })
        };
        self.leaves.iter().filter(|(path, leaf)| !is_there(path, leaf)).map(|(path, _)| path.clone()).collect()
    }
}

impl Leaf {
    /// Whether it is at a path, as it was shipped.
    ///
    /// # Errors
    /// [`TreeError::Io`] when it cannot be read.
    pub fn is_at(&self, path: &Path) -> Result<bool, TreeError> {
        let Ok(seen) = fs::symlink_metadata(path) else { return Ok(false) };
        match self {
            Self::File { sha256, size } => Ok(seen.is_file() && seen.size() == *size && digest(path)? == *sha256),
            Self::Link { target } => {
                Ok(seen.is_symlink() && fs::read_link(path).is_ok_and(|found| found == Path::new(target)))
            }
        }
    }
}

/// The SHA-256 of a file, 64 hexadecimal digits.
///
/// # Errors
/// [`TreeError::Io`].
pub fn digest(path: &Path) -> Result<String, TreeError> {
    let failed = || TreeError::io("read", path);
    let mut file = fs::File::open(path).map_err(failed())?;
    let mut hash = Context::new(&SHA256);
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let read = file.read(&mut chunk).map_err(failed())?;
        let Some(bytes) = chunk.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        hash.update(bytes);
    }
    Ok(data_encoding::HEXLOWER.encode(hash.finish().as_ref()))
}

/// Writes a value as JSON, by way of a name beside it: what is there is whole, and on disk when this returns.
///
/// # Errors
/// [`TreeError::Io`].
pub fn write_json<T: Serialize>(file: &Path, value: &T) -> Result<(), TreeError> {
    let failed = || TreeError::io("written", file);
    let text = serde_json::to_vec(value).map_err(|error| failed()(error.into()))?;
    let beside = beside(file);
    let written = fs::File::create(&beside).and_then(|mut written| {
        written.write_all(&text)?;
        written.sync_all()?;
        fs::rename(&beside, file)
    });
    // On a full disk no half of it stays.
    written.inspect_err(|_| drop(fs::remove_file(&beside))).map_err(failed())?;
    sync_parent(file)
}

/// The name under which a file is written.
pub(super) fn beside(file: &Path) -> PathBuf {
    let mut beside = file.as_os_str().to_owned();
    beside.push(".refit-part");
    PathBuf::from(beside)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(folder: &Path) -> Shipped {
        fs::write(folder.join("index.html"), "hello").unwrap();
        std::os::unix::fs::symlink("index.html", folder.join("link")).unwrap();
        let sha256 = digest(&folder.join("index.html")).unwrap();
        let leaves = BTreeMap::from([
            ("index.html".to_owned(), Leaf::File { sha256, size: 5 }),
            ("link".to_owned(), Leaf::Link { target: "index.html".to_owned() }),
        ]);
        Shipped { version: "v1".to_owned(), verified: "size only".to_owned(), leaves, lingering: BTreeMap::new() }
    }

    #[test]
    fn a_list_is_read_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let list = list(dir.path());
        assert_eq!(Shipped::read(dir.path()), None);
        list.write(dir.path()).unwrap();
        assert_eq!(Shipped::read(dir.path()), Some(list));
    }

    #[test]
    fn what_differs_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let list = list(dir.path());
        assert_eq!(list.wrong(dir.path()).unwrap(), Vec::<String>::new());
        fs::write(dir.path().join("index.html"), "HELLO").unwrap();
        assert_eq!(list.wrong(dir.path()).unwrap(), ["index.html"]);
        assert_eq!(list.missing(dir.path()), Vec::<String>::new());
        fs::remove_file(dir.path().join("link")).unwrap();
        fs::write(dir.path().join("index.html"), "longer").unwrap();
        assert_eq!(list.missing(dir.path()), ["index.html", "link"]);
    }
}
