//! The switch of an environment, and the way back.
//! Refuses to: exchange anything but a synced stage; `tree` does it.

use std::fs;
use std::path::Path;

use refit_model::step::{Beginning, OldFolder};

use super::stage::{beginning, take_out_own};
use crate::fault::FaultPlan;
use crate::git::keep::{self, Listing};
use crate::tree::{self, Sides, Stage, TreeError, identity};

/// Exchanges, from whichever state a cut left. None where there is nothing to exchange with.
///
/// # Errors
/// [`TreeError`].
pub fn exchange(
    live: &Path,
    stage: &Path,
    old: &OldFolder,
    before: Option<Sides>,
    faults: &FaultPlan,
) -> Result<Option<String>, TreeError> {
    let before = tree::noted(before, live, stage)?;
    if before.stage.is_none() {
        return Ok(None);
    }
    if !tree::is_exchanged(live, before)? {
        take_out_own(stage)?;
        tree::exchange(live, Stage::at(stage)?.sync()?, old.folder(), before)?;
    }
    tree::settle(live, stage, old.folder(), before, faults)?;
    if before.live.is_none() {
        return Ok(None);
    }
    list(live, old)?;
    Ok(Some(format!("the old environment is kept as {}", old.folder().display())))
}

/// After an installation in place: the copy from before becomes the kept one. None where there is none.
///
/// # Errors
/// [`TreeError`].
pub fn keep_snapshot(live: &Path, snapshot: &Path, old: &OldFolder) -> Result<Option<String>, TreeError> {
    let kept = old.folder();
    if identity(snapshot)?.is_some() {
        take_out_own(snapshot)?;
        tree::make_parent(kept)?;
        fs::rename(snapshot, kept).map_err(TreeError::io("renamed", snapshot))?;
        tree::sync_parent(kept)?;
        tree::sync_parent(snapshot)?;
    } else if identity(kept)?.is_none() {
        return Ok(None);
    }
    list(live, old)?;
    Ok(Some(format!("the environment from before is kept as {}", kept.display())))
}

/// Puts the environment from before back, after an installation in place that was done, cut or never begun. What pip made
/// is where the copy was.
///
/// # Errors
/// [`TreeError`].
pub fn put_back(live: &Path, snapshot: &Path, old: &OldFolder, before: Option<Sides>) -> Result<(), TreeError> {
    // Without the note from before, nothing was begun; without a copy, there was nothing to do.
    let Some(before) = before.filter(|before| before.stage.is_some()) else { return Ok(()) };
    let kept = old.folder();
    let now = identity(live)?;
    let was_swapped = before.live.is_none() || is_fresh(live) || identity(kept)? == before.live;
    if now == before.stage && was_swapped {
        // A new environment took the place of the old one, before pip worked in it.
        tree::exchange_back(live, snapshot, kept, before)?;
        take_out_own(live)?;
    } else if now == before.live && is_fresh(snapshot) {
        // A new environment was made, and did not take the place yet.
    } else if now != before.stage {
        let sides = Sides { live: before.stage, stage: now };
        tree::exchange_back(live, snapshot, kept, sides)?;
        take_out_own(live)?;
    } else {
        take_out_own(live)?;
    }
    match old {
        OldFolder::Previous { .. } => Ok(()),
        OldFolder::Kept(kept) => keep::forget(kept),
    }
}

fn is_fresh(folder: &Path) -> bool {
    beginning(folder).is_some_and(|beginning| match beginning {
        Beginning::Fresh { .. } => true,
        Beginning::Copy => false,
    })
}

/// Where the owner may look for what was replaced.
fn list(live: &Path, old: &OldFolder) -> Result<(), TreeError> {
    match old {
        OldFolder::Previous { .. } => Ok(()),
        OldFolder::Kept(kept) => {
            let listing = Listing { from: live.to_owned(), whole_folder: true, ..Listing::default() };
            keep::write_listing(kept, &listing)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn putting_back_may_fail_in_the_middle_and_run_again() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let (live, snapshot) = (at("env"), at(".env.refit-new-x"));
        for (folder, text) in [(&live, "what pip made"), (&snapshot, "from before")] {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join("is"), text).unwrap();
        }
        let old = OldFolder::Previous { version: "1".to_owned(), folder: at(".env.refit-previous").join("1") };
        let before = tree::sides(&live, &snapshot).unwrap();
        keep_snapshot(&live, &snapshot, &old).unwrap();
        fs::create_dir_all(snapshot.join("in the way")).unwrap();
        put_back(&live, &snapshot, &old, Some(before)).unwrap_err();
        fs::remove_dir_all(&snapshot).unwrap();
        for _ in 0..2 {
            put_back(&live, &snapshot, &old, Some(before)).unwrap();
            assert_eq!(fs::read_to_string(live.join("is")).unwrap(), "from before");
            assert_eq!(fs::read_to_string(snapshot.join("is")).unwrap(), "what pip made");
        }
    }
}
