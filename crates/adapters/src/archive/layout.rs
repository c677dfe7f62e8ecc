//! Where each entry lies in the archive: the local headers, held against the directory before anything is unpacked.
//! Refuses to: let two entries share a byte. Bombs that unpack one kernel many times (Fifield's, and those that unpack to
//! themselves) are made of that.

use std::ops::Range;

use rawzip::{ErrorKind, ZipLocalFileHeader};

use super::directory::{Directory, Kind, Member, Opened, Packing, is_past_the_end};
use super::refusal::{ArchiveError, Reason};

/// A local header's name and extra fields: two lengths of 16 bits.
const LARGEST_HEADER: usize = 2 * 0xffff;

/// One entry and where its packed bytes are.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) member: Member,
    pub(super) body: Range<u64>,
}

/// All entries in the order in which they lie, so that the archive is read from front to back.
pub(super) fn place(archive: &Opened, directory: Directory) -> Result<Vec<Placed>, ArchiveError> {
    let mut members = directory.members;
    members.sort_by_key(|member| member.begins);
    let end = archive.zip.directory_offset();
    let mut buffer = vec![0; LARGEST_HEADER];
    let mut placed: Vec<Placed> = Vec::with_capacity(members.len());
    for member in members {
        if let Some(before) = placed.last()
            && before.body.end > member.begins
        {
            return Err(ArchiveError::of(&member.path)(Reason::Overlap(before.member.path.clone())));
        }
        let body = find_with(archive, &member, &mut buffer)?;
        if body.end > end {
            return Err(ArchiveError::of(&member.path)(Reason::CutOff));
        }
        placed.push(Placed { member, body });
    }
    Ok(placed)
}

/// Where one entry's packed bytes are, when its local header tells the same story as the directory.
pub(super) fn find(archive: &Opened, member: &Member) -> Result<Range<u64>, ArchiveError> {
    find_with(archive, member, &mut vec![0; LARGEST_HEADER])
}

fn find_with(archive: &Opened, member: &Member, buffer: &mut [u8]) -> Result<Range<u64>, ArchiveError> {
    match body(archive, member, buffer) {
        Ok(body) => Ok(body),
        Err(Unplaced::Refused(reason)) => Err(ArchiveError::of(&member.path)(reason)),
        Err(Unplaced::Unread(error)) => Err(ArchiveError::io("read", &archive.path)(error)),
    }
}

/// Why an entry has no place.
enum Unplaced {
    Refused(Reason),
    Unread(std::io::Error),
}

impl From<rawzip::Error> for Unplaced {
    fn from(error: rawzip::Error) -> Self {
        match error.into_kind() {
            ErrorKind::IO(error) if !is_past_the_end(&error) => Self::Unread(error),
            ErrorKind::IO(_) | ErrorKind::Eof => Self::Refused(Reason::CutOff),
            _no_header => Self::Refused(Reason::Misplaced),
        }
    }
}

fn body(archive: &Opened, member: &Member, buffer: &mut [u8]) -> Result<Range<u64>, Unplaced> {
    let entry = archive.zip.get_entry(member.at)?;
    agree(&entry.local_header(buffer)?, member).map_err(Unplaced::Refused)?;
    let (from, to) = entry.compressed_data_range();
    Ok(from..to)
}

/// What a reader of local headers would unpack must be what a reader of the directory unpacks. Sizes and checksum may
/// stand after the data instead of in the header (APPNOTE §4.4.4, bit 3); they are held against the data itself.
fn agree(header: &ZipLocalFileHeader<'_>, member: &Member) -> Result<(), Reason> {
    let name = header.file_path();
    let name = name.as_bytes();
    let name = if member.kind == Kind::Folder { name.strip_suffix(b"/").unwrap_or_default() } else { name };
    if name != member.path.as_bytes() {
        return Err(Reason::TwoDescriptions("name"));
    }
    if header.flags().is_encrypted() {
        return Err(Reason::Encrypted);
    }
    let packing = match header.compression_method() {
        rawzip::CompressionMethod::STORE => Some(Packing::Stored),
        rawzip::CompressionMethod::DEFLATE => Some(Packing::Deflated),
        _other => None,
    };
    if packing != Some(member.packing) {
        return Err(Reason::TwoDescriptions("packing"));
    }
    if header.flags().has_data_descriptor() {
        return Ok(());
    }
    if header.uncompressed_size_hint() != member.size {
        return Err(Reason::TwoDescriptions("size"));
    }
    if header.crc32() != member.crc {
        return Err(Reason::TwoDescriptions("checksum"));
    }
    Ok(())
}
