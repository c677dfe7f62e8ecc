//! The switch of a release: the stage in place of the folder in use, and the old folder to where the plan says.
//! Refuses to: exchange anything but a synced stage; `tree` does it.

use std::path::Path;

use refit_model::step::{OldFolder, ReleaseRef};

use crate::fault::FaultPlan;
use crate::git::keep::{self, Listing};
use crate::tree::{self, Sides, Stage, TreeError};

/// Exchanges, from whichever state a cut left.
///
/// # Errors
/// [`TreeError`].
pub fn exchange(
    release: &ReleaseRef,
    stage: &Path,
    old: &OldFolder,
    before: Option<Sides>,
    faults: &FaultPlan,
) -> Result<String, TreeError> {
    let live = &release.path;
    let before = tree::noted(before, live, stage)?;
    if !tree::is_exchanged(live, before)? {
        tree::exchange(live, Stage::at(stage)?.sync()?, old.folder(), before)?;
    }
    tree::settle(live, stage, old.folder(), before, faults)?;
    match old {
        OldFolder::Previous { .. } => {}
        OldFolder::Kept(kept) => {
            let listing = Listing { from: live.clone(), whole_folder: true, ..Listing::default() };
            keep::write_listing(kept, &listing)?;
        }
    }
    Ok(format!("the old folder is kept as {}", old.folder().display()))
}

/// Exchanges back.
///
/// # Errors
/// [`TreeError`].
pub fn exchange_back(live: &Path, stage: &Path, old: &OldFolder, before: Option<Sides>) -> Result<(), TreeError> {
    // Without the note from before, the exchange was never begun.
    let Some(before) = before else { return Ok(()) };
    tree::exchange_back(live, stage, old.folder(), before)?;
    match old {
        OldFolder::Previous { .. } => Ok(()),
        OldFolder::Kept(kept) => keep::forget(kept),
    }
}
