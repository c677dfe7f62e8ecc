//! All names of an archive together: what is a folder, and which names get in each other's way.
//! Refuses to: let the order of entries decide. A collision is one whichever entry comes first.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use super::name::{folded, folders_above};
use super::refusal::Reason;

/// What stands at a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// A file.
    File,
    /// A symbolic link.
    Link,
    /// A folder.
    Folder {
        /// It has an entry of its own; else it is there because something is in it.
        listed: bool,
    },
}

/// The names seen so far, by what is left of them without upper and lower case.
#[derive(Debug, Default)]
pub(super) struct Names {
    seen: HashMap<String, (String, Standing)>,
}

impl Names {
    /// Takes one more entry, with the folders that it needs.
    pub(super) fn add(&mut self, path: &str, standing: Standing) -> Result<(), Reason> {
        for above in folders_above(path) {
            self.need(above)?;
        }
        let (other, held) = match self.seen.entry(folded(path)) {
            Slot::Vacant(free) => {
                free.insert((path.to_owned(), standing));
                return Ok(());
            }
            Slot::Occupied(slot) => slot.into_mut(),
        };
        if other != path {
            return Err(Reason::CaseCollision(other.clone()));
        }
        match (*held, standing) {
            (Standing::Folder { listed: false }, Standing::Folder { .. }) => *held = standing,
            (Standing::Folder { listed: false }, Standing::Link) => return Err(Reason::BelowLink(path.to_owned())),
            (Standing::Folder { .. }, Standing::File | Standing::Link)
            | (Standing::File | Standing::Link, Standing::Folder { .. }) => {
                return Err(Reason::FileAndFolder(path.to_owned()));
            }
            (Standing::Folder { listed: true }, Standing::Folder { .. })
            | (Standing::File | Standing::Link, Standing::File | Standing::Link) => return Err(Reason::Duplicate),
        }
        Ok(())
    }

    /// How many files, links and folders there are, those without an entry of their own included.
    pub(super) fn count(&self) -> u64 {
        self.seen.len() as u64
    }

    /// The folders, each after the one that holds it.
    pub(super) fn folders(self) -> Vec<String> {
        let is_folder = |standing| matches!(standing, Standing::Folder { .. });
        let mut folders: Vec<String> =
            self.seen.into_values().filter(|(_, standing)| is_folder(*standing)).map(|(path, _)| path).collect();
        folders.sort_unstable();
        folders
    }

    fn need(&mut self, folder: &str) -> Result<(), Reason> {
        match self.seen.entry(folded(folder)) {
            Slot::Vacant(free) => {
                free.insert((folder.to_owned(), Standing::Folder { listed: false }));
                Ok(())
            }
            Slot::Occupied(slot) => match slot.get() {
                (other, _) if other != folder => Err(Reason::CaseCollision(other.clone())),
                (_, Standing::Folder { .. }) => Ok(()),
                (_, Standing::Link) => Err(Reason::BelowLink(folder.to_owned())),
                (_, Standing::File) => Err(Reason::FileAndFolder(folder.to_owned())),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOLDER: Standing = Standing::Folder { listed: true };

    fn last(entries: &[(&str, Standing)]) -> Result<(), Reason> {
        let mut names = Names::default();
        let mut result = Ok(());
        for (path, standing) in entries {
            assert_eq!(result, Ok(()), "only the last one collides");
            result = names.add(path, *standing);
        }
        result
    }

    #[test]
    fn names_collide_whichever_comes_first() {
        use Standing::{File, Link};
        let of = |reason: fn(String) -> Reason, path: &str| Err(reason(path.to_owned()));
        assert_eq!(last(&[("a/b", File), ("a", FOLDER), ("a/c", File)]), Ok(()));
        assert_eq!(last(&[("a", File), ("a", File)]), Err(Reason::Duplicate));
        assert_eq!(last(&[("a", Link), ("a", File)]), Err(Reason::Duplicate));
        assert_eq!(last(&[("a", FOLDER), ("a", FOLDER)]), Err(Reason::Duplicate));
        assert_eq!(last(&[("a", File), ("A", File)]), of(Reason::CaseCollision, "a"));
        assert_eq!(last(&[("D/x", File), ("d/y", File)]), of(Reason::CaseCollision, "D"));
        assert_eq!(last(&[("a", File), ("a/b", File)]), of(Reason::FileAndFolder, "a"));
        assert_eq!(last(&[("a/b", File), ("a", File)]), of(Reason::FileAndFolder, "a"));
        assert_eq!(last(&[("a", FOLDER), ("a", File)]), of(Reason::FileAndFolder, "a"));
        assert_eq!(last(&[("a", File), ("a", FOLDER)]), of(Reason::FileAndFolder, "a"));
        assert_eq!(last(&[("a", Link), ("a/b", File)]), of(Reason::BelowLink, "a"));
        assert_eq!(last(&[("a/b", File), ("a", Link)]), of(Reason::BelowLink, "a"));
        assert_eq!(last(&[("a", Link), ("a/b/c", File)]), of(Reason::BelowLink, "a"));
    }

    #[test]
    fn folders_come_after_what_holds_them() {
        let mut names = Names::default();
        for path in ["a-b/c", "a/b/c", "a/x"] {
            names.add(path, Standing::File).unwrap();
        }
        assert_eq!(names.count(), 6);
        assert_eq!(names.folders(), ["a", "a-b", "a/b"]);
    }
}
