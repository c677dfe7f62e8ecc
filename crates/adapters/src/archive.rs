//! Zip archives from strangers: judged as a whole, then unpacked into a stage and nowhere else.
//!
//! An archive is refused for its first entry that an honest release does not hold, before anything is written where
//! that can be seen from its directory and its headers; what only shows while unpacking (a wrong checksum, a lying
//! size) ends the unpacking, and the stage is the caller's to delete. Nothing here is asynchronous.
//!
//! | file | what it is |
//! |---|---|
//! | `directory` | the central directory, record by record |
//! | `name`, `names` | one name by itself; all names together |
//! | `layout` | local headers, and that no two entries share a byte |
//! | `body` | unpacked bytes, checked while they flow |
//! | `beneath` | names made below one folder, through no link |
//! | `refusal` | why not |
//!
//! Refuses to: repair, skip or rename an entry; and to set an owner, a time, or any permission that an ordinary file of
//! its owner does not have (RELIABILITY.md §5, rows 1 to 3).

mod beneath;
mod body;
mod directory;
mod layout;
mod name;
mod names;
mod refusal;

use std::io::Write as _;
use std::ops::Range;
use std::path::Path;

use data_encoding::HEXLOWER;
use ring::digest::{Context, SHA256};

use beneath::{Beneath, Door};
use body::Pourer;
use directory::{Directory, Kind, Member, Opened};
use layout::Placed;
pub use refusal::{ArchiveError, Excess, Reason};

/// Bytes of an entry's own header without its name, with room for what writers put behind it (APPNOTE §4.3.7).
const HEADER: u64 = 30 + 1024;

/// What an archive may hold at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Files, links and folders together, those folders included that are only there because something is in them.
    pub files: u64,
    /// Unpacked bytes.
    pub bytes: u64,
    /// Unpacked bytes for each packed one, of an entry and of the whole, where that is more than 1 MiB.
    pub ratio: u64,
}

impl Default for Bounds {
    /// 20,000 entries, 2 GiB, 200 times.
    fn default() -> Self {
        Self { files: 20_000, bytes: 2 << 30, ratio: 200 }
    }
}

/// What an archive says that it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// Files and links.
    pub files: u64,
    /// Unpacked bytes.
    pub bytes: u64,
    /// Files and links, in the order of the archive's directory.
    pub leaves: Vec<Listed>,
}

/// A file or a link, as the archive's directory lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Relative, with `/`.
    pub path: String,
    /// Unpacked bytes.
    pub size: u64,
    /// CRC-32 of them.
    pub crc: u32,
    /// A symbolic link; its bytes are where it leads.
    pub is_link: bool,
}

/// One thing that was unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Relative to the stage, with `/` between its parts.
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
    /// Its permissions, as set: `0o644`, `0o755`, for a link `0o777`.
    pub mode: u32,
}

/// What was unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// A file.
    File {
        /// Bytes.
        size: u64,
        /// SHA-256 of what was written, in small hexadecimal letters.
        sha256: String,
    },
    /// A symbolic link; its target is inside.
    Symlink {
        /// Relative to the link.
        target: String,
    },
    /// A folder, whether the archive lists it or not.
    Folder,
}

/// All that was unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// By path.
    pub entries: Vec<Entry>,
    /// Files and links.
    pub files: u64,
    /// Bytes of all files.
    pub bytes: u64,
}

/// Reads the central directory only, and judges every name, size, ratio and type. Nothing is written.
///
/// # Errors
/// [`ArchiveError`], naming the entry that is refused.
pub fn survey(archive: &Path, bounds: &Bounds) -> Result<Survey, ArchiveError> {
    let directory = Directory::read(&Opened::at(archive)?, bounds)?;
    let bytes = directory.bytes;
    let leaves = directory.members.into_iter().filter(|member| member.kind != Kind::Folder);
    let leaves: Vec<Listed> = leaves
        .map(|member| Listed {
            is_link: member.kind == Kind::Link,
            path: member.path,
            size: member.size,
            crc: member.crc,
        })
        .collect();
    Ok(Survey { files: leaves.len() as u64, bytes, leaves })
}

/// Reads one small file (`release_info.json`) without unpacking; none when the archive has no entry of that name.
///
/// # Errors
/// [`ArchiveError::Refused`] when the entry is no file, is there twice, does not hold together, or has more than `limit`
/// bytes; [`ArchiveError`] when the archive cannot be read. The other entries are not judged.
pub fn read_member(archive: &Path, name: &str, limit: u64) -> Result<Option<Vec<u8>>, ArchiveError> {
    let opened = Opened::at(archive)?;
    let refused = || ArchiveError::of(name);
    let mut found: Option<Member> = None;
    opened.each_record(|record| {
        if record.file_path().as_bytes() != name.as_bytes() {
            return Ok(());
        }
        let member = directory::judge(record, &Bounds::default()).map_err(refused())?;
        if member.kind != Kind::File || member.size > limit {
            return Err(refused()(if member.kind == Kind::File { Reason::Large(limit) } else { Reason::NoFile }));
        }
        found.replace(member).map_or(Ok(()), |_first| Err(refused()(Reason::Duplicate)))
    })?;
    let Some(member) = found else { return Ok(None) };
    let body = layout::find(&opened, &member)?;
    Ok(Some(whole(&mut Pourer::of(&opened), &Placed { member, body })?))
}

/// Where one entry lies in an archive, from its own header to its last byte, and a little more maybe: what [`read_member`]
/// reads of it beside the directory. None when there is no entry of that name.
///
/// # Errors
/// [`ArchiveError`] when the directory cannot be read.
pub fn extent(archive: &Path, name: &str) -> Result<Option<Range<u64>>, ArchiveError> {
    let opened = Opened::at(archive)?;
    let mut found = None;
    opened.each_record(|record| {
        if record.file_path().as_bytes() == name.as_bytes() {
            let begins = record.local_header_offset();
            let header = HEADER.saturating_add(name.len() as u64);
            let ends = begins.saturating_add(header).saturating_add(record.compressed_size_hint());
            found = Some(begins..ends.min(opened.zip.directory_offset()));
        }
        Ok(())
    })?;
    Ok(found)
}

/// Unpacks into an existing empty folder. `progress` is told the bytes written and those to write, at least once for
/// each file and each 64 KiB.
///
/// # Errors
/// [`ArchiveError`], naming the entry that is refused. What was written until then stays in the stage, and nothing was
/// written outside it.
pub fn unpack(
    archive: &Path,
    stage: &Path,
    bounds: &Bounds,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Contents, ArchiveError> {
    unpack_through(Door::here(stage), archive, stage, bounds, progress)
}

fn unpack_through(
    door: Door,
    archive: &Path,
    stage: &Path,
    bounds: &Bounds,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Contents, ArchiveError> {
    let opened = Opened::at(archive)?;
    let mut directory = Directory::read(&opened, bounds)?;
    let (folders, total) = (std::mem::take(&mut directory.folders), directory.bytes);
    let placed = layout::place(&opened, directory)?;
    let mut pourer = Pourer::of(&opened);
    let links = read_links(&mut pourer, &placed)?;

    let mut stage = Beneath::empty(stage, door)?;
    let mut contents = Contents { entries: Vec::new(), files: 0, bytes: 0 };
    for path in folders {
        stage.make_folder(&path)?;
        contents.entries.push(Entry { path, kind: EntryKind::Folder, mode: 0o755 });
    }
    for file in placed.into_iter().filter(|placed| placed.member.kind == Kind::File) {
        let done = contents.bytes;
        let kind = write_file(&mut pourer, &mut stage, &file, &mut |bytes| progress(done + bytes, total))?;
        let Member { path, mode, size, .. } = file.member;
        contents.bytes += size;
        contents.files += 1;
        contents.entries.push(Entry { path, kind, mode });
    }
    // Links come last, so that there is none yet while files are written.
    for link in links {
        if let EntryKind::Symlink { target } = &link.kind {
            stage.make_link(&link.path, target)?;
        }
        contents.files += 1;
        contents.entries.push(link);
    }
    contents.entries.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    Ok(contents)
}

/// The symbolic links, with targets that stay inside.
fn read_links(pourer: &mut Pourer<'_>, placed: &[Placed]) -> Result<Vec<Entry>, ArchiveError> {
    let mut links = Vec::new();
    for link in placed.iter().filter(|placed| placed.member.kind == Kind::Link) {
        let Member { path, mode, size, .. } = &link.member;
        if *size > name::PATH as u64 {
            return Err(ArchiveError::of(path)(Reason::NoTarget));
        }
        let target = whole(pourer, link)?;
        let target = name::judge_target(path, &target).map_err(ArchiveError::of(path))?;
        links.push(Entry { path: path.clone(), kind: EntryKind::Symlink { target }, mode: *mode });
    }
    Ok(links)
}

/// Writes one file; `written` is told its bytes so far.
fn write_file(
    pourer: &mut Pourer<'_>,
    stage: &mut Beneath,
    placed: &Placed,
    written: &mut dyn FnMut(u64),
) -> Result<EntryKind, ArchiveError> {
    let Member { path, mode, size, .. } = &placed.member;
    let mut file = stage.make_file(path)?;
    let mut digest = Context::new(&SHA256);
    let mut bytes = 0;
    pourer.pour(placed, &mut |piece| {
        digest.update(piece);
        file.write_all(piece).map_err(|error| stage.failed("written", path)(error))?;
        bytes += piece.len() as u64;
        written(bytes);
        Ok(())
    })?;
    stage.finish(path, &file, *mode)?;
    written(bytes);
    Ok(EntryKind::File { size: *size, sha256: HEXLOWER.encode(digest.finish().as_ref()) })
}

/// All of a small entry at once.
fn whole(pourer: &mut Pourer<'_>, placed: &Placed) -> Result<Vec<u8>, ArchiveError> {
    let mut content = Vec::new();
    pourer.pour(placed, &mut |piece| {
        content.extend_from_slice(piece);
        Ok(())
    })?;
    Ok(content)
}

#[cfg(test)]
#[path = "archive/unpack_tests.rs"]
mod tests;
