//! A file in the making, and the hash of what it holds.
//! Refuses to: go on from what an earlier call left when nothing but the size could prove the whole. What a power cut leaves
//! may have the right length and be empty.

use std::fs::File;
use std::io::{Read, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use refit_model::updater::release::Asset;
use reqwest::Url;
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use tokio::sync::OwnedMutexGuard;

use super::{DownloadError, blocking, disk};

/// Of which bytes a part is the beginning.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Origin {
    pub(super) url: String,
    pub(super) etag: Option<String>,
    pub(super) last_modified: Option<String>,
    /// Bytes of the whole, when they were announced.
    pub(super) total: Option<u64>,
}

impl Origin {
    /// What is sent as `If-Range`: a strong entity tag or a date (RFC 9110, 13.1.5).
    pub(super) fn validator(&self) -> Option<&str> {
        let strong = self.etag.as_deref().filter(|etag| etag.starts_with('"'));
        strong.or(self.last_modified.as_deref())
    }
}

/// The open file. Nobody else has it as long as this lives.
pub(super) struct Part {
    pub(super) folder: PathBuf,
    pub(super) path: PathBuf,
    pub(super) url: Url,
    pub(super) file: File,
    pub(super) origin: Origin,
    hash: Context,
    len: u64,
    _alone: OwnedMutexGuard<()>,
}

impl Part {
    /// Opens the part of this key, or begins it; hashes what is there.
    pub(super) async fn open(
        folder: PathBuf,
        key: String,
        url: Url,
        strong: bool,
        alone: OwnedMutexGuard<()>,
    ) -> Result<Self, DownloadError> {
        let at = folder.clone();
        blocking(&at, move || {
            std::fs::create_dir_all(&folder).map_err(disk(&folder))?;
            let path = folder.join(format!("part-{key}"));
            let options = File::options().read(true).write(true).create(true).truncate(false).open(&path);
            let file = options.map_err(disk(&path))?;
            let hash = Context::new(&SHA256);
            let mut part = Self { folder, path, url, file, origin: Origin::default(), hash, len: 0, _alone: alone };
            match part.read_origin() {
                Some(origin) if strong && origin.validator().is_some() => part.take_over(origin)?,
                Some(_) | None => part.begin(Origin::default())?,
            }
            Ok(part)
        })
        .await
    }

    /// Bytes so far.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Starts anew, from these bytes.
    pub(super) fn begin(&mut self, origin: Origin) -> Result<(), DownloadError> {
        self.file.set_len(0).map_err(disk(&self.path))?;
        self.file.seek(SeekFrom::Start(0)).map_err(disk(&self.path))?;
        self.hash = Context::new(&SHA256);
        self.len = 0;
        let beside = self.beside();
        let text = serde_json::to_vec(&origin).map_err(|error| disk(&beside)(error.into()))?;
        std::fs::write(&beside, text).map_err(disk(&beside))?;
        self.origin = origin;
        Ok(())
    }

    /// Appends.
    pub(super) fn write(&mut self, chunk: &[u8]) -> Result<(), DownloadError> {
        self.file.write_all(chunk).map_err(disk(&self.path))?;
        self.hash.update(chunk);
        self.len += chunk.len() as u64;
        Ok(())
    }

    /// The hash of all bytes so far.
    pub(super) fn sha256(&self) -> String {
        hex(self.hash.clone())
    }

    /// Deletes it. What cannot be deleted is pruned later.
    pub(super) fn discard(&self) {
        let _gone = std::fs::remove_file(&self.path);
        self.forget_origin();
    }

    pub(super) fn forget_origin(&self) {
        let _gone = std::fs::remove_file(self.beside());
    }

    fn take_over(&mut self, origin: Origin) -> Result<(), DownloadError> {
        let (hash, len) = hash_of(&mut self.file).map_err(disk(&self.path))?;
        self.hash = hash;
        self.len = len;
        self.origin = origin;
        Ok(())
    }

    fn read_origin(&self) -> Option<Origin> {
        let origin: Origin = serde_json::from_slice(&std::fs::read(self.beside()).ok()?).ok()?;
        (origin.url == self.url.as_str()).then_some(origin)
    }

    fn beside(&self) -> PathBuf {
        self.path.with_extension("json")
    }
}

/// The name of a part: another address, size or digest is another file.
pub(super) fn key(asset: &Asset, digest: Option<&str>) -> String {
    let mut hash = Context::new(&SHA256);
    let size = asset.size.map(|size| size.to_string()).unwrap_or_default();
    for word in [asset.url.as_str(), "\n", &size, "\n", digest.unwrap_or_default()] {
        hash.update(word.as_bytes());
    }
    hex(hash).chars().take(32).collect()
}

/// Hashes a file from where it stands to its end.
pub(super) fn hash_of(file: &mut File) -> std::io::Result<(Context, u64)> {
    let mut hash = Context::new(&SHA256);
    let len = in_pieces(file, |piece| hash.update(piece))?;
    Ok((hash, len))
}

/// The hash and the length of the file at a path.
pub(super) fn hash_at(path: &Path) -> std::io::Result<(String, u64)> {
    let (hash, len) = hash_of(&mut File::open(path)?)?;
    Ok((hex(hash), len))
}

/// Reads a file to its end, a little at a time.
pub(super) fn in_pieces(file: &mut File, mut take: impl FnMut(&[u8])) -> std::io::Result<u64> {
    let mut piece = vec![0; 64 * 1024];
    let mut len = 0;
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(len),
            read => {
                take(&piece[..read]);
                len += read as u64;
            }
        }
    }
}

fn hex(hash: Context) -> String {
    use std::fmt::Write as _;
    hash.finish().as_ref().iter().fold(String::with_capacity(64), |mut text, byte| {
        let _written = write!(text, "{byte:02x}");
        text
    })
}
