//! Stages: the next version as a folder beside the one in use, from an archive, from one file, or from a version that was
//! kept. Files that are the same in both are shared by hard links, so that a kept version costs little.
//! Refuses to: touch the folder in use.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use refit_model::step::ReleaseRef;
use refit_model::updater::release::{ReleaseInfo, ReleaseKind};
use thiserror::Error;

use super::installed::{self, INFO};
use super::shipped::{self, Leaf, RECORD, Shipped};
use super::slot::Downloaded;
use crate::archive::{self, ArchiveError, Bounds};
use crate::fault::FaultPlan;
use crate::git::keep;
use crate::tree::{self, TreeError, copy_leaf, same_bytes};

/// The page that a web server shows first.
const INDEX: &str = "index.html";

/// Why a stage could not be made.
#[derive(Debug, Error)]
pub enum StageError {
    /// The archive was refused or could not be read. In its words, with the name that the project gave it.
    #[error("{0}")]
    Archive(String),
    /// A deed on the disk failed.
    #[error(transparent)]
    Disk(#[from] TreeError),
    /// The release is not what it should be.
    #[error(
        "release {tag} was not installed: {why}. Nothing was changed; tell the project, or install another version"
    )]
    NotThis {
        /// Its tag.
        tag: String,
        /// What is wrong with it.
        why: String,
    },
    /// A kept version has no usable list.
    #[error(
        "the kept version in {0} has no list of its files; ask for a hard recovery instead: refit recover NAME --hard"
    )]
    NoList(String),
}

/// Makes the stage from what was downloaded; files that are the same in the folder `share` are shared with it. Runs again
/// from the start when it was cut.
///
/// # Errors
/// [`StageError`].
pub fn unpack(
    release: &ReleaseRef,
    downloaded: &Downloaded,
    stage: &Path,
    share: Option<&Path>,
    bounds: &Bounds,
    faults: &FaultPlan,
) -> Result<Shipped, StageError> {
    keep::take_in_stages(&release.path, stage)?;
    tree::delete_stage(stage)?;
    let shipped = match release.kind {
        ReleaseKind::Web | ReleaseKind::Zip => from_archive(release, downloaded, stage, bounds)?,
        ReleaseKind::Executable => from_file(release, downloaded, stage)?,
    };
    faults.reach("release_unpack.unpacked");
    if let Some(live) = share {
        share_with(live, stage, &shipped)?;
    }
    faults.reach("release_unpack.shared");
    finish(release, stage, &shipped)?;
    Ok(shipped)
}

/// Makes the stage from a kept version: what it shipped, without what was carried over into it.
///
/// # Errors
/// [`StageError`].
pub fn from_kept(release: &ReleaseRef, from: &Path, stage: &Path) -> Result<Shipped, StageError> {
    keep::take_in_stages(&release.path, stage)?;
    tree::delete_stage(stage)?;
    let shipped = Shipped::read(from).ok_or_else(|| StageError::NoList(from.display().to_string()))?;
    make(stage)?;
    let shipped = Shipped { lingering: BTreeMap::new(), ..shipped };
    for path in shipped.leaves.keys() {
        let (source, target) = (from.join(path), stage.join(path));
        tree::make_parent(&target)?;
        let linked = fs::symlink_metadata(&source).is_ok_and(|seen| seen.is_file());
        if !linked || fs::hard_link(&source, &target).is_err() {
            copy_leaf(&source, &target)?;
        }
    }
    finish(release, stage, &shipped)?;
    Ok(shipped)
}

/// What an archive's release ships, without keeping its files: unpacked into a folder that is deleted again.
///
/// # Errors
/// [`StageError`].
pub fn learn(
    downloaded: &Downloaded,
    version: &str,
    aside: &Path,
    bounds: &Bounds,
    faults: &FaultPlan,
) -> Result<Shipped, StageError> {
    tree::delete_stage(aside)?;
    make(aside)?;
    let unpacked = archive::unpack(&downloaded.got.file, aside, bounds, &mut |_, _| {});
    faults.reach("release_learn.unpacked");
    tree::delete_stage(aside)?;
    Ok(Shipped::of(&unpacked.map_err(refused(downloaded))?, version, &downloaded.got.verified))
}

/// The file's name in the state folder says nothing to anybody.
fn refused(downloaded: &Downloaded) -> impl Fn(ArchiveError) -> StageError {
    let (file, asset) = (downloaded.got.file.display().to_string(), downloaded.asset.clone());
    move |error| StageError::Archive(error.to_string().replace(&file, &asset))
}

fn from_archive(
    release: &ReleaseRef,
    downloaded: &Downloaded,
    stage: &Path,
    bounds: &Bounds,
) -> Result<Shipped, StageError> {
    let refuse = |why: &str| StageError::NotThis { tag: downloaded.tag.clone(), why: why.to_owned() };
    let told = archive::read_member(&downloaded.got.file, INFO, 256 * 1024).map_err(refused(downloaded))?;
    let info = told.as_deref().and_then(installed::parse_info);
    let info = info.ok_or_else(|| refuse("it has no usable release_info.json"))?;
    check_project(release, &info).map_err(|why| refuse(&why))?;
    make(stage)?;
    let contents = archive::unpack(&downloaded.got.file, stage, bounds, &mut |_, _| {}).map_err(refused(downloaded))?;
    if release.kind == ReleaseKind::Web && !stage.join(INDEX).is_file() {
        return Err(refuse("it has no index.html"));
    }
    Ok(Shipped::of(&contents, &info.version, &downloaded.got.verified))
}

/// A release of something else is not put in the place of this.
fn check_project(release: &ReleaseRef, info: &ReleaseInfo) -> Result<(), String> {
    let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    let source = &release.source;
    if same(&info.project_owner, &source.owner) && same(&info.project_name, &source.repo) {
        return Ok(());
    }
    let (owner, name) = (&info.project_owner, &info.project_name);
    Err(format!("it says that it is {owner}/{name}, not {}/{}", source.owner, source.repo))
}

/// One executable, with the `release_info.json` that belongs to it.
fn from_file(release: &ReleaseRef, downloaded: &Downloaded, stage: &Path) -> Result<Shipped, StageError> {
    let name = release.file.clone().unwrap_or_else(|| downloaded.asset.clone());
    if !installed::is_plain(&name) {
        let why = format!("'{name}' is no name for a file");
        return Err(StageError::NotThis { tag: downloaded.tag.clone(), why });
    }
    make(stage)?;
    let program = stage.join(&name);
    let info = stage.join(INFO);
    fs::copy(&downloaded.got.file, &program).map_err(TreeError::io("copied", &program))?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))
        .map_err(TreeError::io("made executable", &program))?;
    shipped::write_json(&info, &told_of(release, &name, &downloaded.version))?;
    let mut leaves = BTreeMap::new();
    for file in [&program, &info] {
        let size = fs::metadata(file).map_err(TreeError::io("looked at", file))?.len();
        let leaf = Leaf::File { sha256: shipped::digest(file)?, size };
        leaves.insert(file.file_name().unwrap_or_default().to_string_lossy().into_owned(), leaf);
    }
    let (version, verified) = (downloaded.version.clone(), downloaded.got.verified.clone());
    Ok(Shipped { version, verified, leaves, ..Shipped::default() })
}

/// The installed `release_info.json` with another version; what else stands in it stays.
fn told_of(release: &ReleaseRef, name: &str, version: &str) -> serde_json::Map<String, serde_json::Value> {
    let told = fs::read(release.path.join(INFO)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let mut told: serde_json::Map<String, serde_json::Value> = told.unwrap_or_default();
    let source = &release.source;
    for (key, value) in [("project_name", source.repo.as_str()), ("project_owner", &source.owner), ("version", "")] {
        told.entry(key).or_insert_with(|| value.into());
    }
    told.insert("version".to_owned(), version.into());
    told.insert("asset_name".to_owned(), name.into());
    told
}

fn make(stage: &Path) -> Result<(), TreeError> {
    fs::create_dir(stage).map_err(TreeError::io("made", stage))
}

/// The list, and the rights of the folder in use, last: until then the stage is nobody else's.
fn finish(release: &ReleaseRef, stage: &Path, shipped: &Shipped) -> Result<(), TreeError> {
    shipped.write(stage)?;
    let mode = fs::metadata(&release.path).map_or(0o755, |seen| seen.permissions().mode() & 0o7777);
    fs::set_permissions(stage, fs::Permissions::from_mode(mode | 0o700))
        .map_err(TreeError::io("given its rights", stage))
}

/// Replaces staged files by links to those in use that are the same, byte by byte. What cannot be shared stays a copy.
fn share_with(live: &Path, stage: &Path, shipped: &Shipped) -> Result<(), TreeError> {
    for (path, leaf) in &shipped.leaves {
        let Leaf::File { size, .. } = leaf else { continue };
        let (ours, theirs) = (stage.join(path), live.join(path));
        let (Ok(new), Ok(old)) = (fs::symlink_metadata(&ours), fs::symlink_metadata(&theirs)) else { continue };
        let alike = old.is_file() && old.size() == *size && old.mode() == new.mode() && old.uid() == new.uid();
        if !alike || !leads_inside(live, path) || !same_bytes(&ours, &theirs) {
            continue;
        }
        let mut beside = ours.as_os_str().to_owned();
        beside.push(".refit-part");
        if fs::hard_link(&theirs, &beside).is_ok() {
            fs::rename(&beside, &ours).map_err(TreeError::io("renamed", Path::new(&beside)))?;
        }
    }
    Ok(())
}

/// No folder on the way is a link to elsewhere.
fn leads_inside(live: &Path, path: &str) -> bool {
    Path::new(path)
        .ancestors()
        .skip(1)
        .all(|folder| fs::symlink_metadata(live.join(folder)).is_ok_and(|seen| seen.is_dir()))
}

/// Whether a name in the folder is Refit's own.
#[must_use]
pub fn is_own(path: &Path) -> bool {
    path == Path::new(RECORD)
}
