//! Carries the owner's files over into a stage: the persistent ones whatever the release brings, and those that no release
//! shipped. What must give way is copied to the kept place first: shipped files that were modified, and the owner's where
//! the new version has a file of that name. Of a web front end, what only the version before shipped lingers until the next
//! update, because a page that is open somewhere still asks for its parts by their names.
//! Refuses to: delete or move anything.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use refit_model::step::KeptPlace;

use super::shipped::{Leaf, Shipped};
use super::slot::Slot;
use super::stage::is_own;
use crate::fault::FaultPlan;
use crate::git::keep::{self, Listing};
use crate::tree::{self, TreeError, copy_leaf, make_parent};

/// What is carried, and where to.
#[derive(Debug, Clone)]
pub struct Carry {
    /// The folder in use.
    pub live: PathBuf,
    /// The folder beside.
    pub stage: PathBuf,
    /// Paths below the folder that survive whatever the release brings.
    pub persistent: Vec<String>,
    /// What the installed version shipped; none when nobody knows.
    pub shipped: Option<Shipped>,
    /// What the new version ships.
    pub coming: Shipped,
    /// Where copies go of what must give way; none where the whole old folder is kept.
    pub kept: Option<KeptPlace>,
    /// What only the version before shipped stays for pages that are open.
    pub linger: bool,
    /// Where tests have this process killed.
    pub faults: FaultPlan,
}

/// What was found in the folder in use: every shipped file of it was read for that.
#[derive(Debug, Default)]
pub struct Found {
    /// Persistent: replaces what the release brought.
    persistent: Vec<PathBuf>,
    /// The owner's own.
    own: Vec<PathBuf>,
    /// The owner's folders.
    folders: Vec<PathBuf>,
    /// Gives way.
    gives_way: Vec<PathBuf>,
    /// The version before shipped it, and the new one has nothing of that name.
    lingering: BTreeMap<String, Leaf>,
    bytes: u64,
}

impl Found {
    /// How many bytes will be copied, for the question whether there is room.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Carry {
    /// Copies what was found. Returns what must give way, as paths below the folder.
    ///
    /// # Errors
    /// [`TreeError::Io`].
    pub fn carry(&self, found: &Found) -> Result<Vec<String>, TreeError> {
        for path in &found.persistent {
            let target = self.stage.join(path);
            // A whole copy of an attempt that was cut is the same again.
            if fs::symlink_metadata(&target).is_ok() {
                self.clear(&target)?;
            }
            copy_leaf(&self.live.join(path), &target)?;
        }
        for path in &found.own {
            copy_leaf(&self.live.join(path), &self.stage.join(path))?;
        }
        for path in found.folders.iter().rev() {
            self.copy_folder(path)?;
        }
        self.faults.reach("release_carry_over.copied");
        let names: Vec<String> = found.gives_way.iter().map(|path| path.to_string_lossy().into_owned()).collect();
        if let Some(kept) = self.kept.as_ref().filter(|_| !names.is_empty()) {
            for path in &found.gives_way {
                copy_leaf(&self.live.join(path), &kept.folder.join(path))?;
            }
            let listing = Listing { from: self.live.clone(), files: names.clone(), ..Listing::default() };
            keep::write_listing(kept, &listing)?;
        }
        self.faults.reach("release_carry_over.kept");
        self.link_lingering(found)?;
        self.list(found)?;
        Ok(names)
    }

    /// What was learned of the installed version is for the list of its kept folder, in which the persistent files are the
    /// owner's.
    ///
    /// # Errors
    /// [`TreeError::Io`].
    pub fn account(&self, slot: &Slot) -> Result<(), TreeError> {
        let Some(mut learned) = slot.learned() else { return Ok(()) };
        learned.leaves.retain(|path, _| !self.is_persistent(Path::new(path)));
        slot.learn(&learned)
    }

    fn link_lingering(&self, found: &Found) -> Result<(), TreeError> {
        for path in found.lingering.keys() {
            let (from, to) = (self.live.join(path), self.stage.join(path));
            make_parent(&to)?;
            // A link that is there is one of an attempt that was cut.
            if fs::hard_link(&from, &to).is_err() {
                copy_leaf(&from, &to)?;
            }
        }
        Ok(())
    }

    /// What the owner's file replaced is no longer the release's.
    fn list(&self, found: &Found) -> Result<(), TreeError> {
        let mut coming = self.coming.clone();
        coming.leaves.retain(|path, _| !found.persistent.iter().any(|own| own == Path::new(path)));
        coming.lingering.clone_from(&found.lingering);
        if coming == self.coming { Ok(()) } else { coming.write(&self.stage) }
    }

    fn clear(&self, target: &Path) -> Result<(), TreeError> {
        let seen = fs::symlink_metadata(target).map_err(TreeError::io("looked at", target))?;
        if seen.is_dir() {
            // Where the owner has a file, the release's folder goes.
            return fs::remove_dir_all(target).map_err(TreeError::io("cleared", target));
        }
        fs::remove_file(target).map_err(TreeError::io("cleared", target))
    }

    /// Looks through the folder in use.
    ///
    /// # Errors
    /// [`TreeError::Io`].
    pub fn find(&self) -> Result<Found, TreeError> {
        let mut found = Found::default();
        self.walk(Path::new(""), &mut found)?;
        Ok(found)
    }

    fn walk(&self, dir: &Path, found: &mut Found) -> Result<(), TreeError> {
        let full = self.live.join(dir);
        for entry in fs::read_dir(&full).map_err(TreeError::io("read", &full))? {
            let entry = entry.map_err(TreeError::io("read", &full))?;
            let path = dir.join(entry.file_name());
            if is_own(&path) {
                continue;
            }
            let seen = entry.metadata().map_err(TreeError::io("looked at", &entry.path()))?;
            if seen.is_dir() {
                if self.is_persistent(&path) || !self.was_shipped_below(&path) {
                    found.folders.push(path.clone());
                }
                self.walk(&path, found)?;
                continue;
            }
            if self.leaf(path, found)? {
                found.bytes = found.bytes.saturating_add(seen.len());
            }
        }
        Ok(())
    }

    /// Sorts one file or link. True when it will be copied.
    fn leaf(&self, path: PathBuf, found: &mut Found) -> Result<bool, TreeError> {
        if self.is_persistent(&path) {
            found.persistent.push(path);
            return Ok(true);
        }
        let text = path.to_string_lossy();
        let lingers = self.shipped.as_ref().and_then(|shipped| shipped.lingering.get(text.as_ref()));
        if let Some(leaf) = lingers
            && leaf.is_at(&self.live.join(&path))?
        {
            return Ok(false);
        }
        let shipped = self.shipped.as_ref().and_then(|shipped| shipped.leaves.get(text.as_ref()));
        if let Some(leaf) = shipped {
            if leaf.is_at(&self.live.join(&path))? {
                if self.linger && !self.is_taken(&path) {
                    found.lingering.insert(text.into_owned(), leaf.clone());
                }
                return Ok(false);
            }
            found.gives_way.push(path);
            return Ok(true);
        }
        let is_taken = self.is_taken(&path);
        match (is_taken, &self.shipped) {
            (false, _) => found.own.push(path),
            (true, Some(_)) => found.gives_way.push(path),
            // Nobody knows what the installed version shipped: a file that the new one has too was its.
            (true, None) => return Ok(false),
        }
        Ok(true)
    }

    /// The new version has something of that name, or a file where a folder above it must be. Asked of its list, not of
    /// the stage, in which an attempt that was cut may have left copies.
    fn is_taken(&self, path: &Path) -> bool {
        let ships = |path: &Path| self.coming.leaves.contains_key(path.to_string_lossy().as_ref());
        path.ancestors().any(ships) || self.coming.has_below(path)
    }

    fn is_persistent(&self, path: &Path) -> bool {
        self.persistent.iter().any(|kept| path.starts_with(kept))
    }

    /// The installed version shipped something in this folder: it is not the owner's.
    fn was_shipped_below(&self, path: &Path) -> bool {
        self.shipped.as_ref().is_some_and(|shipped| shipped.has_below(path))
    }

    fn copy_folder(&self, path: &Path) -> Result<(), TreeError> {
        let (from, to) = (self.live.join(path), self.stage.join(path));
        match fs::symlink_metadata(&to) {
            // The release's folder, or its file, has its own rights.
            Ok(seen) if !seen.is_dir() => return Ok(()),
            Ok(_) => {}
            Err(_) => {
                make_parent(&to)?;
                fs::create_dir(&to).map_err(TreeError::io("made", &to))?;
            }
        }
        let mode = fs::metadata(&from).map_err(TreeError::io("looked at", &from))?.permissions().mode() & 0o7777;
        fs::set_permissions(&to, fs::Permissions::from_mode(mode)).map_err(TreeError::io("given its rights", &to))
    }
}

/// Deletes copies that turned out not to be needed.
///
/// # Errors
/// [`TreeError::Io`].
pub fn drop_copies(kept: &KeptPlace) -> Result<(), TreeError> {
    tree::delete_stage(&kept.folder)?;
    keep::forget(kept)
}
