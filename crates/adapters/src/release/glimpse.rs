//! What a release depends on, before it is downloaded: the few files that say so, read out of its archive by a question or
//! two to the network, or out of the archive itself where it is here already.
//! Refuses to: guess. When one of the files cannot be had, nothing is said.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use refit_model::dependencies::Dependencies;
use refit_model::python::requirements_file::{RelativePath, RequirementsFile};
use refit_model::updater::release::{Asset, ReleaseFacts, ReleaseKind, ReleaseSpec, Source, assess, effective_source};
use reqwest::Url;

use super::slot::Slot;
use super::{Releases, blocking, preview};
use crate::tree::{self, TreeError};
use crate::{archive, content};

/// Bytes of the longest file that is read.
const LONGEST: u64 = 4 * 1024 * 1024;
/// What says which Node packages there will be.
const NODE: &str = "package-lock.json";

/// Files of a release, laid out as they lie in it. They go with this value.
#[derive(Debug)]
pub struct Glimpse {
    room: PathBuf,
}

impl Glimpse {
    /// The folder that stands for the release's own.
    #[must_use]
    pub fn files(&self) -> PathBuf {
        self.room.join("files")
    }
}

impl Drop for Glimpse {
    fn drop(&mut self) {
        // The last step of the next run forgets it as well.
        let _stays = tree::delete_stage(&self.room);
    }
}

/// An archive, or as much of it as is here.
struct AtHand<'a> {
    file: PathBuf,
    /// What comes before this byte is not known.
    known_from: u64,
    source: &'a Source,
    url: Url,
}

impl Releases {
    /// The files that say what the offered release depends on. None when it asks for nothing, or they cannot be had.
    pub async fn glimpse(&self, spec: &ReleaseSpec, facts: &ReleaseFacts) -> Option<Glimpse> {
        let wanted = files(&spec.common.dependencies)?;
        if spec.kind != ReleaseKind::Zip {
            return None;
        }
        let asset = assess(spec, facts).choice?.ok()?.asset;
        let source = effective_source(spec, &facts.installed);
        let count = self.previews.fetch_add(1, Ordering::Relaxed);
        let glimpse = Glimpse { room: Slot::aside(&self.rules.downloads, &format!("preview-{count}")) };
        tree::delete_stage(&glimpse.room).ok()?;
        let archive = self.at_hand(&source, &asset, &glimpse).await?;
        let mut there = BTreeMap::new();
        for name in wanted {
            there.insert(name.clone(), self.member(&archive, &name).await?);
        }
        if let Some(file) = &spec.common.dependencies.requirements {
            self.included(&archive, &relative(file)?, &mut there).await?;
        }
        let folder = glimpse.files();
        let laid_out = blocking(move || lay_out(&folder, &there)).await;
        laid_out.inspect_err(|error| tracing::debug!(%error, "no glimpse of a release")).ok()?;
        Some(glimpse)
    }

    async fn at_hand<'a>(&self, source: &'a Source, asset: &Asset, glimpse: &Glimpse) -> Option<AtHand<'a>> {
        let url = Url::parse(&asset.url).ok()?;
        if let Some(file) = self.held(asset) {
            return Some(AtHand { file, known_from: 0, source, url });
        }
        let size = asset.size.filter(|size| *size > 0)?;
        let tail = self.forges.tail(source, &url, usize::try_from(preview::TAIL.min(size)).ok()?).await;
        let tail = tail.inspect_err(|error| tracing::debug!(%error, "no glimpse of a release")).ok()?;
        let file = glimpse.room.join("archive");
        let known_from = size.checked_sub(u64::try_from(tail.len()).ok()?)?;
        let laid = file.clone();
        blocking(move || preview::lay_out(&laid, size, &tail)).await.ok()?;
        Some(AtHand { file, known_from, source, url })
    }

    /// A file of the archive; none within when there is no such file, and none at all when it cannot be had.
    async fn member(&self, archive: &AtHand<'_>, name: &RelativePath) -> Option<Option<Vec<u8>>> {
        let (file, name) = (archive.file.clone(), name.as_str().to_owned());
        let (looked, asked) = (file.clone(), name.clone());
        let Some(extent) = blocking(move || archive::extent(&looked, &asked)).await.ok()? else { return Some(None) };
        if extent.start < archive.known_from {
            let missing = extent.start..extent.end.min(archive.known_from);
            let at = missing.start;
            if missing.end.saturating_sub(at) > LONGEST {
                return None;
            }
            let part = self.forges.part(archive.source, &archive.url, missing).await;
            let part = part.inspect_err(|error| tracing::debug!(%error, "no glimpse of a release")).ok()?;
            let to = file.clone();
            blocking(move || OpenOptions::new().write(true).open(to)?.write_all_at(&part, at)).await.ok()?;
        }
        let read = blocking(move || archive::read_member(&file, &name, LONGEST)).await;
        read.inspect_err(|error| tracing::debug!(%error, "no glimpse of a release")).ok()
    }

    /// What is included is known only when what includes it is read.
    async fn included(
        &self,
        archive: &AtHand<'_>,
        file: &RelativePath,
        there: &mut BTreeMap<RelativePath, Option<Vec<u8>>>,
    ) -> Option<()> {
        loop {
            let mut wanted = None;
            // What is wrong with a file is told by whoever reads it for the plan.
            let _read = RequirementsFile::load(file, &mut |file| match there.get(file) {
                Some(bytes) => bytes.clone().ok_or_else(|| "there is no such file".to_owned()),
                None => {
                    wanted.get_or_insert_with(|| file.clone());
                    Err("it was not read yet".to_owned())
                }
            });
            let Some(wanted) = wanted else { return Some(()) };
            let bytes = self.member(archive, &wanted).await?;
            there.insert(wanted, bytes);
        }
    }
}

/// Those that the owner configured; none when there are none.
fn files(wanted: &Dependencies) -> Option<Vec<RelativePath>> {
    let node = wanted.node.then(|| Path::new(NODE));
    let requirements = wanted.requirements.as_deref().filter(|_| wanted.environment.is_some());
    let lists = [wanted.system_dependencies.as_deref(), wanted.install_script.as_deref()];
    let files: Vec<&Path> = [requirements, node].into_iter().chain(lists).flatten().collect();
    if files.is_empty() { None } else { files.into_iter().map(relative).collect() }
}

fn relative(file: &Path) -> Option<RelativePath> {
    RelativePath::new(&content::inside(file).ok()?.to_string_lossy()).ok()
}

fn lay_out(folder: &Path, files: &BTreeMap<RelativePath, Option<Vec<u8>>>) -> Result<(), TreeError> {
    std::fs::create_dir_all(folder).map_err(TreeError::io("made", folder))?;
    for (name, bytes) in files {
        let Some(bytes) = bytes else { continue };
        let file = folder.join(name.as_str());
        tree::make_parent(&file)?;
        std::fs::write(&file, bytes).map_err(TreeError::io("written", &file))?;
    }
    Ok(())
}
