//! The last look at a file that is whole, and its name.
//! Refuses to: give that name to what was not verified and is not on the disk.

use std::fs::File;
use std::io::{Seek as _, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;

use refit_model::updater::release::Asset;
use rustix::fs::{Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, futimens};

use super::part::{Part, hash_at, in_pieces};
use super::proof::Proof;
use super::{DownloadError, Got, disk};

impl Part {
    /// Verifies, and renames to the hash. A file that is not what was published is deleted.
    pub(super) fn finish(mut self, asset: &Asset, proof: &Arc<Proof>) -> Result<Got, DownloadError> {
        self.file.sync_data().map_err(disk(&self.path))?;
        let (sha256, size) = (self.sha256(), self.len());
        if let Err(error) = fits(&mut self.file, asset, proof, &sha256, size) {
            self.discard();
            return Err(error);
        }
        let file = self.folder.join(&sha256);
        std::fs::rename(&self.path, &file).map_err(disk(&file))?;
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(disk(&self.folder))?;
        self.forget_origin();
        Ok(Got { file, sha256, size, verified: proof.words() })
    }
}

/// A finished file that is there already; one that is broken is deleted.
pub(super) fn already(path: PathBuf, asset: &Asset, proof: &Arc<Proof>) -> Result<Option<Got>, DownloadError> {
    if !std::fs::symlink_metadata(&path).is_ok_and(|seen| seen.is_file()) {
        return Ok(None);
    }
    let digest = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let intact = hash_at(&path).ok().filter(|(sha256, _)| *sha256 == digest);
    let Some((sha256, size)) = intact else {
        tracing::warn!(path = %path.display(), "a download is no longer what it was, and is fetched again");
        std::fs::remove_file(&path).map_err(disk(&path))?;
        return Ok(None);
    };
    let mut file = File::open(&path).map_err(disk(&path))?;
    if let Err(error) = fits(&mut file, asset, proof, &sha256, size) {
        let _gone = std::fs::remove_file(&path);
        return Err(error);
    }
    // Used again: the last to be pruned. That is no reason to fail.
    let (now, omit) = (Timespec { tv_sec: 0, tv_nsec: UTIME_NOW }, Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT });
    let _touched = futimens(&file, &Timestamps { last_access: omit, last_modification: now });
    Ok(Some(Got { file: path, sha256, size, verified: proof.words() }))
}

fn fits(file: &mut File, asset: &Asset, proof: &Proof, sha256: &str, size: u64) -> Result<(), DownloadError> {
    let differs = |why: String| Err(DownloadError::Differs { name: asset.name.clone(), why });
    if let Some(wanted) = asset.size.filter(|wanted| *wanted != size) {
        return differs(format!("it has {size} bytes instead of {wanted}"));
    }
    if let Some(digest) = proof.digest.as_ref().filter(|digest| digest.hex != sha256) {
        return differs(format!("its sha256 is {sha256}, and {} says {}", digest.from, digest.hex));
    }
    let Some(signed) = &proof.signed else { return Ok(()) };
    let Ok(mut verifier) = signed.key.verify_stream(&signed.signature) else {
        return differs(format!("{}.minisig was not made with the configured key", asset.name));
    };
    let read = file.seek(SeekFrom::Start(0)).and_then(|_| in_pieces(file, |piece| verifier.update(piece)));
    if let Err(error) = read {
        return Err(DownloadError::Disk { path: PathBuf::from(&asset.name), why: error.to_string() });
    }
    match verifier.finalize() {
        Ok(()) => Ok(()),
        Err(error) => differs(format!("its minisign signature does not fit ({error})")),
    }
}
