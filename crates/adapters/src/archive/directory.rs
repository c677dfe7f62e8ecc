//! The central directory of a zip archive, read as it stands and judged record by record.
//!
//! The shapes are those of PKWARE's APPNOTE.TXT 6.3.10: §4.3.12 the record of an entry, §4.3.14 to §4.3.16 the end.
//! Refuses to: look at what an entry holds (`layout` and `body` do), and to read an archive of several parts.

use std::fs::File;
use std::path::{Path, PathBuf};

use rawzip::extra_fields::ExtraFieldId;
use rawzip::{CompressionMethod, CreatorSystem, ErrorKind, FileReader, ReaderAt as _};
use rawzip::{MAX_CENTRAL_DIRECTORY_RECORD_SIZE, ZipArchive, ZipArchiveEntryWayfinder, ZipFileHeaderRecord};

use super::Bounds;
use super::name::{self, Name};
use super::names::{Names, Standing};
use super::refusal::{ArchiveError, Excess, Reason};

/// Below so many unpacked bytes nothing is a bomb: a small file may well be all zeros.
const RATIO_FLOOR: u64 = 1 << 20;

/// Info-ZIP's and PKWARE's field for Unix: 12 bytes, and after them the target of a hard link.
const PKWARE_UNIX: ExtraFieldId = ExtraFieldId::new(0x000d);

/// An archive that can be read.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) path: PathBuf,
    pub(super) zip: ZipArchive<FileReader>,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Link,
    Folder,
}

/// How an entry is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Stored,
    Deflated,
}

/// One entry whose record was found in order.
#[derive(Debug, Clone)]
pub(super) struct Member {
    /// Relative, inside.
    pub(super) path: String,
    pub(super) kind: Kind,
    /// Its permissions as they are set.
    pub(super) mode: u32,
    pub(super) packing: Packing,
    pub(super) crc: u32,
    /// Unpacked bytes, as declared.
    pub(super) size: u64,
    /// Where its local header begins.
    pub(super) begins: u64,
    /// Where it lies, for the reader.
    pub(super) at: ZipArchiveEntryWayfinder,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) members: Vec<Member>,
    /// Every folder, those without an entry included, each after the one that holds it.
    pub(super) folders: Vec<String>,
    /// Unpacked bytes, as declared.
    pub(super) bytes: u64,
}

impl Opened {
    /// Finds the end of the archive, and with it the directory.
    pub(super) fn at(path: &Path) -> Result<Self, ArchiveError> {
        let file = File::open(path).map_err(ArchiveError::io("opened", path))?;
        let mut buffer = vec![0; rawzip::RECOMMENDED_BUFFER_SIZE];
        let zip = ZipArchive::from_file(file, &mut buffer).map_err(|error| broken(path, error))?;
        let opened = Self { path: path.to_owned(), zip };
        if opened.is_in_several_parts()? {
            return Err(ArchiveError::SeveralParts(path.to_owned()));
        }
        Ok(opened)
    }

    /// Shows each record to `see` until that is satisfied or refuses.
    pub(super) fn each_record(
        &self,
        mut see: impl FnMut(&ZipFileHeaderRecord<'_>) -> Result<(), ArchiveError>,
    ) -> Result<(), ArchiveError> {
        let mut buffer = vec![0; MAX_CENTRAL_DIRECTORY_RECORD_SIZE];
        let mut records = self.zip.entries(&mut buffer);
        let mut count = 0;
        while let Some(record) = records.next_entry().map_err(|error| broken(&self.path, error))? {
            see(&record)?;
            count += 1;
        }
        let declared = self.zip.entries_hint();
        if count == declared {
            return Ok(());
        }
        let what = format!("it declares {declared} entries and has {count}");
        Err(ArchiveError::Broken { path: self.path.clone(), what })
    }

    /// Asks the end record, and the zip64 locator before it, for the number of parts.
    fn is_in_several_parts(&self) -> Result<bool, ArchiveError> {
        let end = self.zip.eocd_offset();
        let read = |at: u64, buffer: &mut [u8]| {
            self.zip.get_ref().read_exact_at(buffer, at).map_err(ArchiveError::io("read", &self.path))
        };
        let (mut disks, mut locator) = ([0; 4], [0; 20]);
        read(end + 4, &mut disks)?;
        if let Some(at) = end.checked_sub(20) {
            read(at, &mut locator)?;
        }
        let [signature, disk, _offset_low, _offset_high, total] = words(&locator);
        let is_zip64 = signature == 0x0706_4b50;
        // All ones: the number stands in the zip64 record.
        let is_fine = |number: [u8; 2]| number == [0, 0] || (is_zip64 && number == [0xff, 0xff]);
        let [this_low, this_high, first_low, first_high] = disks;
        let is_one = is_fine([this_low, this_high]) && is_fine([first_low, first_high]);
        Ok(!is_one || (is_zip64 && (disk != 0 || total > 1)))
    }
}

impl Directory {
    /// Reads and judges every record.
    pub(super) fn read(archive: &Opened, bounds: &Bounds) -> Result<Self, ArchiveError> {
        let path = &archive.path;
        let too_much = |excess| ArchiveError::TooMuch { path: path.clone(), excess };
        let (mut members, mut names, mut bytes, mut packed) = (Vec::new(), Names::default(), 0_u64, 0_u64);
        archive.each_record(|record| {
            let raw = String::from_utf8_lossy(record.file_path().as_bytes());
            let member = judge(record, bounds).map_err(ArchiveError::of(&raw))?;
            names.add(&member.path, member.standing()).map_err(ArchiveError::of(&raw))?;
            if names.count() > bounds.files {
                return Err(too_much(Excess::Files { entry: member.path, limit: bounds.files }));
            }
            bytes = bytes.saturating_add(member.size);
            if bytes > bounds.bytes {
                return Err(too_much(Excess::Bytes { entry: member.path, limit: bounds.bytes }));
            }
            packed = packed.saturating_add(record.compressed_size_hint());
            members.push(member);
            Ok(())
        })?;
        if is_bomb(bytes, packed, bounds) {
            return Err(too_much(Excess::Ratio { bytes, limit: bounds.ratio }));
        }
        Ok(Self { members, folders: names.folders(), bytes })
    }
}

impl Member {
    fn standing(&self) -> Standing {
        match self.kind {
            Kind::File => Standing::File,
            Kind::Link => Standing::Link,
            Kind::Folder => Standing::Folder { listed: true },
        }
    }
}

/// Judges one record by itself.
pub(super) fn judge(record: &ZipFileHeaderRecord<'_>, bounds: &Bounds) -> Result<Member, Reason> {
    let name = name::judge(record.file_path().as_bytes())?;
    let kind = kind(record, &name)?;
    let flags = record.flags();
    if flags.is_encrypted() || flags.has_strong_encryption() || flags.is_masked() {
        return Err(Reason::Encrypted);
    }
    let packing = match record.compression_method() {
        CompressionMethod::STORE => Packing::Stored,
        CompressionMethod::DEFLATE => Packing::Deflated,
        other => return Err(Reason::Method(other.as_u16())),
    };
    let (size, packed) = (record.uncompressed_size_hint(), record.compressed_size_hint());
    if packing == Packing::Stored && size != packed {
        return Err(Reason::Size);
    }
    if is_bomb(size, packed, bounds) {
        return Err(Reason::Ratio(bounds.ratio));
    }
    let (mode, crc) = (mode(record, kind), record.crc32());
    let (begins, at) = (record.local_header_offset(), record.wayfinder());
    Ok(Member { path: name.path, kind, mode, packing, crc, size, begins, at })
}

fn is_bomb(size: u64, packed: u64, bounds: &Bounds) -> bool {
    size > RATIO_FLOOR && size > packed.saturating_mul(bounds.ratio)
}

/// The type in the upper half of the attributes, where Unix keeps it, must agree with the name and the lower half.
fn kind(record: &ZipFileHeaderRecord<'_>, name: &Name) -> Result<Kind, Reason> {
    let attributes = record.external_attributes();
    let is_dos_folder = attributes & 0x10 != 0;
    let kind = match ((attributes >> 16) & 0o170_000, name.is_folder) {
        (0 | 0o100_000, false) if !is_dos_folder => Kind::File,
        (0o120_000, false) if !is_dos_folder => Kind::Link,
        // Some writers give a folder the mode of a file; the name is what every reader goes by.
        (0 | 0o100_000 | 0o040_000, true) => Kind::Folder,
        (0 | 0o100_000 | 0o120_000 | 0o040_000, _) => return Err(Reason::TwoKinds),
        (0o010_000, _) => return Err(Reason::Special("a named pipe")),
        (0o020_000 | 0o060_000, _) => return Err(Reason::Special("a device")),
        (0o140_000, _) => return Err(Reason::Special("a socket")),
        (_unknown, _) => return Err(Reason::Special("of a kind that Unix does not know")),
    };
    if kind == Kind::Folder && record.uncompressed_size_hint() != 0 {
        return Err(Reason::TwoKinds);
    }
    let names_another = |(id, data): (ExtraFieldId, &[u8])| id == PKWARE_UNIX && data.len() > 12;
    if kind == Kind::File && record.extra_fields().any(names_another) {
        return Err(Reason::Special("a hard link"));
    }
    Ok(kind)
}

/// Who may do what, as it is given, but writable for the owner alone and readable for him at least, and nothing else. What
/// comes without such modes gets the usual ones.
fn mode(record: &ZipFileHeaderRecord<'_>, kind: Kind) -> u32 {
    let creator = record.version_made_by().creator_system();
    let has_modes = creator == CreatorSystem::UNIX || creator == CreatorSystem::MACOS;
    let given = (record.external_attributes() >> 16) & 0o777;
    match kind {
        Kind::File if has_modes && given != 0 => given & 0o755 | 0o400,
        Kind::File => 0o644,
        Kind::Folder => 0o755,
        Kind::Link => 0o777,
    }
}

/// What the reader says, in words.
pub(super) fn broken(path: &Path, error: rawzip::Error) -> ArchiveError {
    let what = match error.into_kind() {
        ErrorKind::IO(error) if !is_past_the_end(&error) => {
            return ArchiveError::io("read", path)(error);
        }
        ErrorKind::MissingEndOfCentralDirectory => "its end is missing",
        ErrorKind::InvalidEndOfCentralDirectory => "its end contradicts itself",
        _other => "its directory is cut off or damaged",
    };
    ArchiveError::Broken { path: path.to_owned(), what: what.to_owned() }
}

/// The archive points behind its own end; so far that the kernel calls the offset invalid, maybe.
pub(super) fn is_past_the_end(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::InvalidInput)
}

/// Little-endian words.
fn words(bytes: &[u8; 20]) -> [u32; 5] {
    let mut words = [0; 5];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<4>().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    words
}
