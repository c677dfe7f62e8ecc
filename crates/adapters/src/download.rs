//! Gets the files of releases: streamed to disk, resumed after a broken connection and after a restart, verified, and named
//! by their hash, so that a file that is there is never fetched again.
//!
//! A file in the making is `part-<key>` in the folder, with `part-<key>.json` beside it; a finished one is named by its
//! SHA-256 and nothing else. Only what was verified gets that name.
//! Refuses to: unpack or run anything; take more bytes than were announced, or than there is room for.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use refit_model::updater::release::{Asset, Source, Verify};
use reqwest::Url;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::sync::OwnedMutexGuard;

use crate::forge::{ForgeError, Forges, may_be_asked};

mod attempt;
mod checksums;
mod finish;
mod part;
mod progress;
mod proof;
mod prune;
mod transfer;

pub use checksums::{Contradiction, checksum_of};
pub use progress::Progress;

use part::Part;
use progress::Meter;
use proof::Proof;
use transfer::Order;

/// The folder of downloads, `<state>/downloads`.
#[derive(Debug)]
pub struct Downloads {
    folder: PathBuf,
    /// By key: a file is fetched once at a time, whoever wants it.
    busy: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

/// What is wanted, and what it must show.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Where the release is published: says whether plain HTTP is allowed, and to which host a token may go.
    pub source: &'a Source,
    /// The file.
    pub asset: &'a Asset,
    /// Published checksum files that may speak of it, the more specific first.
    pub checksums: &'a [Asset],
    /// Its minisign signature.
    pub signature: Option<&'a Asset>,
    /// What it must show.
    pub verify: &'a Verify,
}

/// A file that was downloaded and verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Got {
    /// Where it is.
    pub file: PathBuf,
    /// 64 hexadecimal digits in lower case.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// By what, in words: `sha256 as the release server gives it`, `sha256 as SHA256SUMS gives it`, `minisign signature`,
    /// `size only`.
    pub verified: String,
}

/// Why there is no file. The texts are for people.
#[derive(Debug, Error)]
pub enum DownloadError {
    /// The server said no, or what it serves beside the file cannot be had.
    #[error("{name} cannot be downloaded: {source}")]
    Forge {
        /// The file.
        name: String,
        /// What the server said.
        source: ForgeError,
    },
    /// The connection broke again and again.
    #[error(
        "the download of {name} broke off {times} times in a row without a byte between: {why}; what arrived is kept, try again"
    )]
    Broken {
        /// The file.
        name: String,
        /// Attempts without a new byte.
        times: u32,
        /// The last reason.
        why: String,
    },
    /// Not asked for, because it could not be used.
    #[error("{name} is not downloaded: {why}")]
    Unwanted {
        /// The file.
        name: String,
        /// Why, and what to do.
        why: String,
    },
    /// Not the file that was published.
    #[error(
        "{name} is not what was published: {why}. It was deleted; try again in a while, and tell the project when it stays so"
    )]
    Differs {
        /// The file.
        name: String,
        /// In what.
        why: String,
    },
    /// The disk.
    #[error("{path} cannot be written: {why}", path = .path.display())]
    Disk {
        /// Where.
        path: PathBuf,
        /// The system's words.
        why: String,
    },
}

impl Downloads {
    /// Downloads are kept in this folder; it is made when there is the first.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, busy: Mutex::default() }
    }

    /// Gets a file. A broken connection is made anew within the call, without end as long as bytes arrive; what a call
    /// leaves behind, ended or killed, the next goes on from.
    ///
    /// `progress` is called at most four times a second and once for each percent, and for the last byte.
    ///
    /// # Errors
    /// [`DownloadError`]; a file that is not what was published is deleted before.
    pub async fn fetch(
        &self,
        forges: &Forges,
        wanted: &Wanted<'_>,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Got, DownloadError> {
        let url = address(wanted.source, wanted.asset)?;
        let proof = Arc::new(Proof::gather(forges, wanted).await?);
        let key = part::key(wanted.asset, proof.digest.as_ref().map(|digest| digest.hex.as_str()));
        let order = Order { forges, source: wanted.source, asset: wanted.asset };
        loop {
            let alone = self.alone(&key).await;
            if let Some(got) = self.already(wanted, &proof).await? {
                return Ok(got);
            }
            let part = Part::open(self.folder.clone(), key.clone(), url.clone(), proof.is_strong(), alone).await?;
            let was_there = part.len();
            let part = transfer::transfer(&order, part, Meter::new(progress)).await?;
            let (asset, proof) = (wanted.asset.clone(), Arc::clone(&proof));
            match blocking(&self.folder, move || part.finish(&asset, &proof)).await {
                // What an earlier process left may be of the right length and not what was written (a power cut): that is
                // not the project's fault. It is deleted, and the next time none is there.
                Err(DownloadError::Differs { why, .. }) if was_there > 0 => {
                    tracing::warn!(name = wanted.asset.name, was_there, why, "a download is begun anew");
                }
                ended => return ended,
            }
        }
    }

    /// The file as an earlier call left it, when its digest is known and it still has it.
    async fn already(&self, wanted: &Wanted<'_>, proof: &Arc<Proof>) -> Result<Option<Got>, DownloadError> {
        let Some(digest) = &proof.digest else { return Ok(None) };
        let (file, asset, proof) = (self.folder.join(&digest.hex), wanted.asset.clone(), Arc::clone(proof));
        blocking(&self.folder, move || finish::already(file, &asset, &proof)).await
    }

    /// Waits until nobody else fetches the same.
    async fn alone(&self, key: &str) -> OwnedMutexGuard<()> {
        let lock = {
            let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
            busy.retain(|_, lock| Arc::strong_count(lock) > 1);
            Arc::clone(busy.entry(key.to_owned()).or_default())
        };
        lock.lock_owned().await
    }
}

/// Where an asset is asked for, when that is allowed.
fn address(source: &Source, asset: &Asset) -> Result<Url, DownloadError> {
    let unwanted = |why: String| DownloadError::Unwanted { name: asset.name.clone(), why };
    let url = Url::parse(&asset.url).map_err(|_| unwanted("its address is none".to_owned()))?;
    may_be_asked(source, &url).map_err(|why| unwanted(why.to_string()))?;
    Ok(url)
}

fn disk(path: &Path) -> impl Fn(std::io::Error) -> DownloadError {
    |error| DownloadError::Disk { path: path.to_owned(), why: error.to_string() }
}

/// Runs work that blocks on the disk where it cannot hold up anything else.
async fn blocking<T: Send + 'static>(
    folder: &Path,
    work: impl FnOnce() -> Result<T, DownloadError> + Send + 'static,
) -> Result<T, DownloadError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(lost) => Err(disk(folder)(std::io::Error::other(lost))),
    }
}

#[cfg(test)]
#[path = "download_tests.rs"]
mod tests;
