//! Which file of which release, its download, and what the installed version shipped.
//! Refuses to: hand on what was not verified; `download` sees to that.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use refit_engine::ports::{StepError, Tell};
use refit_model::settings::Channel;
use refit_model::step::{ReleaseRef, WantedRelease};
use refit_model::updater::release::{
    Asset, ReleaseKind, RemoteRelease, Source, Verify, Wish, checksum_assets, choose_asset,
};

use super::shipped::Shipped;
use super::slot::{Downloaded, Slot};
use super::{Releases, Words, blocking, stage};
use crate::disk;
use crate::download::Wanted;
use crate::git::hand::off_the_loop;

/// What a zip unpacks to at most, near enough for the question whether there is room.
const UNPACKED: u64 = 4;

impl Releases {
    /// Performs `ReleaseStep::Download`.
    ///
    /// # Errors
    /// When it cannot be had, or is not what it should be.
    pub async fn download(
        &self,
        release: &ReleaseRef,
        wanted: &WantedRelease,
        verify: &Verify,
        label: &str,
        tell: &Tell,
    ) -> Result<Option<String>, StepError> {
        let says = Words(release);
        let file = self.locate(release, &release.source, wanted, verify).await?;
        self.require_room(release, file.size).map_err(|error| says.failed(&error.to_string()))?;
        let wanted = Wanted {
            source: &release.source,
            asset: &file.asset,
            checksums: &file.checksums,
            signature: file.signature.as_ref(),
            verify,
        };
        let report = |progress: crate::download::Progress| {
            let (done, total) = (progress.done, progress.total.unwrap_or(progress.done));
            let percent = (done.saturating_mul(100) + total / 2).checked_div(total).unwrap_or(100);
            tell(&format!("Downloading {label}: {} KiB / {} KiB [{percent}%]", done / 1024, total / 1024));
        };
        let got = self.downloads.fetch(&self.forges, &wanted, &report).await;
        let got = got.map_err(|error| says.failed(&error.to_string()))?;
        self.faults.reach("release_download.fetched");
        let note = format!("{} of release {}, verified by {}", file.asset.name, file.tag, got.verified);
        let (slot, asset) = (self.slot(release), file.asset.name.clone());
        let downloaded = Downloaded { version: file.version, tag: file.tag, asset, got };
        off_the_loop(move || slot.put(&downloaded)).await.map_err(|error| says.on_disk(&error))?;
        Ok(Some(note))
    }

    /// Performs `ReleaseStep::Learn`: what cannot be learned is carried over, and the note says so.
    ///
    /// # Errors
    /// None but a disk that cannot be written.
    pub async fn learn(
        &self,
        release: &ReleaseRef,
        version: &str,
        machine: &str,
        verify: &Verify,
    ) -> Result<Option<String>, StepError> {
        let wanted = WantedRelease::Tagged { version: version.to_owned(), machine: machine.to_owned() };
        let learned = self.learned(release, &wanted, version, verify).await;
        let shipped = match learned {
            Ok(shipped) => shipped,
            Err(error) => {
                return Ok(Some(format!(
                    "which files version {version} shipped could not be learned ({}): what the new version does not \
                     have stays",
                    error.message
                )));
            }
        };
        let slot = self.slot(release);
        off_the_loop(move || slot.learn(&shipped)).await.map_err(|error| Words(release).on_disk(&error))?;
        Ok(None)
    }

    async fn learned(
        &self,
        release: &ReleaseRef,
        wanted: &WantedRelease,
        version: &str,
        verify: &Verify,
    ) -> Result<Shipped, StepError> {
        let says = Words(release);
        let file = self.locate(release, &release.source, wanted, verify).await?;
        self.require_room(release, file.size).map_err(|error| says.failed(&error.to_string()))?;
        let asked = Wanted {
            source: &release.source,
            asset: &file.asset,
            checksums: &file.checksums,
            signature: file.signature.as_ref(),
            verify,
        };
        let got = self.downloads.fetch(&self.forges, &asked, &|_| {}).await;
        let got = got.map_err(|error| says.failed(&error.to_string()))?;
        let downloaded = Downloaded { version: file.version, tag: file.tag, asset: file.asset.name, got };
        let aside = Slot::aside(&self.rules.downloads, &release.slot);
        let (bounds, version, faults) = (self.rules.bounds, version.to_owned(), self.faults.clone());
        let learned = blocking(move || stage::learn(&downloaded, &version, &aside, &bounds, &faults)).await;
        learned.map_err(|error| says.failed(&error))
    }

    /// Which file to download.
    async fn locate(
        &self,
        release: &ReleaseRef,
        source: &Source,
        wanted: &WantedRelease,
        verify: &Verify,
    ) -> Result<Located, StepError> {
        let says = Words(release);
        let (found, machine) = match wanted {
            WantedRelease::Offered { tag, version, asset, checksums, signature, why: _ } => {
                return Ok(Located {
                    tag: tag.clone(),
                    version: version.clone(),
                    size: asset.size,
                    asset: asset.clone(),
                    checksums: checksums.clone(),
                    signature: signature.as_deref().cloned(),
                });
            }
            WantedRelease::Tagged { version, machine } => {
                let found = self.forges.tagged(source, version).await;
                (found.map_err(|error| format!("Failed to retrieve release asset data: {error}")), machine)
            }
            WantedRelease::Newest { beta, machine } => {
                let channel = if *beta { Channel::Beta } else { Channel::Stable };
                let told = self.forges.newest(source, channel, None, &RemoteRelease::default(), 0).await;
                let why = || told.error.unwrap_or_else(|| "there is no release".to_owned());
                (told.release.ok_or_else(|| format!("Unable to locate update: {}", why())), machine)
            }
        };
        let found = found.map_err(|why| says.failed(&why))?;
        let wish = Wish { updater: &release.updater, kind: release.kind, named: release.file.as_deref(), machine };
        let choice = choose_asset(&wish, &found).map_err(|error| says.failed(&error.to_string()))?;
        let signature = match verify {
            Verify::Minisign { .. } => {
                let name = format!("{}.minisig", choice.asset.name);
                found.assets.iter().find(|asset| asset.name == name).cloned()
            }
            Verify::WhatThereIs | Verify::Digest | Verify::SizeOnly => None,
        };
        Ok(Located {
            version: found.name.clone().unwrap_or_else(|| found.tag.clone()),
            size: choice.asset.size,
            checksums: checksum_assets(&found, &choice.asset.name).into_iter().cloned().collect(),
            tag: found.tag,
            asset: choice.asset,
            signature,
        })
    }

    /// Room for the download and for what it unpacks to, together where both are on one disk; the previous version has
    /// its place already.
    fn require_room(&self, release: &ReleaseRef, size: Option<u64>) -> Result<(), disk::NoRoom> {
        let Some(size) = size else { return Ok(()) };
        let unpacked = match release.kind {
            ReleaseKind::Web | ReleaseKind::Zip => size.saturating_mul(UNPACKED),
            ReleaseKind::Executable => size,
        };
        let beside = release.path.parent().unwrap_or(&release.path);
        let device = |path: &Path| path.ancestors().find_map(|folder| Some(std::fs::metadata(folder).ok()?.dev()));
        if device(beside) == device(&self.rules.downloads) {
            return disk::require_room(beside, size.saturating_add(unpacked));
        }
        disk::require_room(&self.rules.downloads, size)?;
        disk::require_room(beside, unpacked)
    }
}

/// A file to download.
struct Located {
    tag: String,
    version: String,
    size: Option<u64>,
    asset: Asset,
    checksums: Vec<Asset>,
    signature: Option<Asset>,
}
