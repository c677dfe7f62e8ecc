//! Zip archives made byte by byte: ordinary ones for a release server, and ones that lie in any field.
//!
//! The shapes are those of PKWARE's APPNOTE.TXT 6.3.10, §4.3. An archive is the same each time it is built: every entry
//! is of 1 January 2024.
//!
//! ```
//! use refit_testkit::zip::ZipBuilder;
//! let archive = ZipBuilder::new().folder("assets").file("assets/run.sh", b"#!/bin/sh").mode(0o755).build();
//! assert!(archive.starts_with(b"PK\x03\x04"));
//! let liar = ZipBuilder::new().file("a", b"abc").lie(|record| record.central.size = 1).build();
//! assert!(liar.starts_with(b"PK\x03\x04"));
//! ```

use std::io::Write as _;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

/// 1 January 2024, midnight: time and date as DOS writes them.
const WHEN: [u16; 2] = [0, (44 << 9) | (1 << 5) | 1];

/// "Made on Unix", as version 3.0 of the format.
const UNIX: u16 = 0x031e;

/// What the local header or the directory says of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The name, with `/` at the end of a folder's.
    pub name: Vec<u8>,
    /// General purpose bits.
    pub flags: u16,
    /// 0: stored, 8: deflated.
    pub method: u16,
    /// CRC-32 of the unpacked bytes.
    pub crc: u32,
    /// Packed bytes.
    pub packed: u64,
    /// Unpacked bytes.
    pub size: u64,
    /// Extra fields, besides zip64's own.
    pub extra: Vec<u8>,
}

/// An entry, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What the local header before the data says.
    pub local: Header,
    /// What the directory says.
    pub central: Header,
    /// The system in the upper byte (3: Unix, 0: DOS), the version in the lower.
    pub made_by: u16,
    /// External attributes: the Unix mode in the upper half, DOS's in the lower.
    pub attributes: u32,
    /// What follows the local header.
    pub data: Vec<u8>,
    /// Where the directory says that the local header is, when that is somewhere else.
    pub offset: Option<u64>,
    /// Whether the local header and the data are written at all.
    pub is_written: bool,
    /// Sizes and checksum after the data, and zeros in the local header.
    pub has_descriptor: bool,
    /// Sizes of 64 bits in an extra field, however small they are.
    pub is_zip64: bool,
    plain: Vec<u8>,
}

/// The end of the archive, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// The number of this part.
    pub disk: u16,
    /// The part in which the directory begins.
    pub first_disk: u16,
    /// How many parts there are, in a zip64 archive.
    pub disks: u32,
    /// How many entries the directory has.
    pub entries: u64,
    /// The directory's size in bytes.
    pub size: u64,
    /// Where the directory begins.
    pub offset: u64,
}

/// An archive that is put together.
#[derive(Clone, Debug, Default)]
pub struct ZipBuilder {
    records: Vec<Record>,
    before: Vec<u8>,
    comment: Vec<u8>,
    after: Vec<u8>,
    is_zip64: bool,
    end_lies: Vec<fn(&mut End)>,
}

impl ZipBuilder {
    /// An empty archive.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A deflated file with mode 644.
    #[must_use]
    pub fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.record(name.as_bytes().to_vec(), content.as_ref(), 8, 0o100_644 << 16)
    }

    /// A folder with mode 755. The `/` at its end is added.
    #[must_use]
    pub fn folder(self, name: &str) -> Self {
        self.record(format!("{name}/").into_bytes(), b"", 0, (0o040_755 << 16) | 0x10)
    }

    /// A symbolic link.
    #[must_use]
    pub fn symlink(self, name: &str, target: &str) -> Self {
        self.record(name.as_bytes().to_vec(), target.as_bytes(), 0, 0o120_777 << 16)
    }

    /// Gives the last entry other permissions.
    #[must_use]
    pub fn mode(self, mode: u32) -> Self {
        self.lie(|record| record.attributes = (record.attributes & 0xf000_ffff) | (mode & 0o7777) << 16)
    }

    /// Stores the last entry instead of deflating it.
    #[must_use]
    pub fn stored(self) -> Self {
        self.lie(|record| {
            record.data.clone_from(&record.plain);
            let packed = record.data.len() as u64;
            for header in [&mut record.local, &mut record.central] {
                (header.method, header.packed) = (0, packed);
            }
        })
    }

    /// Has the last entry say something else in any field.
    ///
    /// # Panics
    /// When there is no entry yet.
    #[must_use]
    pub fn lie(mut self, lie: impl FnOnce(&mut Record)) -> Self {
        lie(self.records.last_mut().expect("an entry to lie about"));
        self
    }

    /// As [`lie`](Self::lie), of the local header and the directory alike.
    #[must_use]
    pub fn lie_twice(self, lie: impl Fn(&mut Header)) -> Self {
        self.lie(|record| {
            lie(&mut record.local);
            lie(&mut record.central);
        })
    }

    /// Has the end say something else.
    #[must_use]
    pub fn lie_at_the_end(mut self, lie: fn(&mut End)) -> Self {
        self.end_lies.push(lie);
        self
    }

    /// Bytes before the archive, which its offsets do not count.
    #[must_use]
    pub fn before(mut self, bytes: &[u8]) -> Self {
        self.before = bytes.to_vec();
        self
    }

    /// The archive's comment.
    #[must_use]
    pub fn comment(mut self, comment: &[u8]) -> Self {
        self.comment = comment.to_vec();
        self
    }

    /// Bytes after the archive.
    #[must_use]
    pub fn after(mut self, bytes: &[u8]) -> Self {
        self.after = bytes.to_vec();
        self
    }

    /// A zip64 end, however small the archive, and sizes of 64 bits in the entries so far.
    #[must_use]
    pub fn zip64(mut self) -> Self {
        self.is_zip64 = true;
        for record in &mut self.records {
            record.is_zip64 = true;
        }
        self
    }

    /// The archive.
    ///
    /// # Panics
    /// When a name, an extra field or the comment is longer than the format can say.
    #[must_use]
    pub fn build(self) -> Vec<u8> {
        let (mut out, mut directory) = (Vec::new(), Vec::new());
        for record in &self.records {
            let at = out.len() as u64;
            if record.is_written {
                record.write_local(&mut out);
            }
            record.write_central(record.offset.unwrap_or(at), &mut directory);
        }
        let (entries, size) = (self.records.len() as u64, directory.len() as u64);
        let mut end = End { disk: 0, first_disk: 0, disks: 1, entries, size, offset: out.len() as u64 };
        for lie in &self.end_lies {
            lie(&mut end);
        }
        out.extend(directory);
        if self.is_zip64 {
            end.write_zip64(&mut out);
        }
        end.write(self.is_zip64, &self.comment, &mut out);
        [self.before, out, self.after].concat()
    }

    fn record(mut self, name: Vec<u8>, plain: &[u8], method: u16, attributes: u32) -> Self {
        let data = if method == 8 { deflate(plain) } else { plain.to_vec() };
        let mut crc = Crc::new();
        crc.update(plain);
        let (packed, size) = (data.len() as u64, plain.len() as u64);
        // Bit 11: the name is UTF-8.
        let flags = if name.is_ascii() { 0 } else { 1 << 11 };
        let header = Header { name, flags, method, crc: crc.sum(), packed, size, extra: Vec::new() };
        self.records.push(Record {
            local: header.clone(),
            central: header,
            made_by: UNIX,
            attributes,
            data,
            offset: None,
            is_written: true,
            has_descriptor: false,
            is_zip64: false,
            plain: plain.to_vec(),
        });
        self
    }
}

impl Record {
    fn write_local(&self, out: &mut Vec<u8>) {
        let mut header = self.local.clone();
        if self.has_descriptor {
            (header.crc, header.packed, header.size) = (0, 0, 0);
        }
        out.extend(b"PK\x03\x04");
        self.write_shared(&header, &[header.size, header.packed], out);
        out.extend(&header.name);
        out.extend(self.extra(&header, &[header.size, header.packed]));
        out.extend(&self.data);
        if self.has_descriptor {
            out.extend(b"PK\x07\x08");
            put32(out, self.local.crc);
            for size in [self.local.packed, self.local.size] {
                if self.is_zip64 { put64(out, size) } else { put32(out, clamp32(size)) }
            }
        }
    }

    fn write_central(&self, offset: u64, out: &mut Vec<u8>) {
        let header = &self.central;
        let sizes = [header.size, header.packed, offset];
        out.extend(b"PK\x01\x02");
        put16(out, self.made_by);
        self.write_shared(header, &sizes, out);
        // No comment, the first part, no internal attributes.
        out.extend([0; 6]);
        put32(out, self.attributes);
        put32(out, if self.is_zip64 { u32::MAX } else { clamp32(offset) });
        out.extend(&header.name);
        out.extend(self.extra(header, &sizes));
    }

    /// What both headers hold in the same order.
    fn write_shared(&self, header: &Header, sizes: &[u64], out: &mut Vec<u8>) {
        put16(out, if self.is_zip64 { 45 } else { 20 });
        put16(out, header.flags | if self.has_descriptor { 1 << 3 } else { 0 });
        put16(out, header.method);
        put16(out, WHEN[0]);
        put16(out, WHEN[1]);
        put32(out, header.crc);
        for size in [header.packed, header.size] {
            put32(out, if self.is_zip64 { u32::MAX } else { clamp32(size) });
        }
        put_length(out, header.name.len());
        put_length(out, self.extra(header, sizes).len());
    }

    fn extra(&self, header: &Header, sizes: &[u64]) -> Vec<u8> {
        let mut extra = Vec::new();
        if self.is_zip64 {
            put16(&mut extra, 1);
            put_length(&mut extra, sizes.len() * 8);
            for size in sizes {
                put64(&mut extra, *size);
            }
        }
        extra.extend(&header.extra);
        extra
    }
}

impl End {
    fn write_zip64(&self, out: &mut Vec<u8>) {
        let at = out.len() as u64;
        out.extend(b"PK\x06\x06");
        put64(out, 44);
        put16(out, UNIX);
        put16(out, 45);
        put32(out, u32::from(self.disk));
        put32(out, u32::from(self.first_disk));
        for number in [self.entries, self.entries, self.size, self.offset] {
            put64(out, number);
        }
        out.extend(b"PK\x06\x07");
        put32(out, u32::from(self.first_disk));
        put64(out, at);
        put32(out, self.disks);
    }

    fn write(&self, is_zip64: bool, comment: &[u8], out: &mut Vec<u8>) {
        out.extend(b"PK\x05\x06");
        put16(out, if is_zip64 { u16::MAX } else { self.disk });
        put16(out, if is_zip64 { u16::MAX } else { self.first_disk });
        for _on_this_disk_and_in_all in 0..2 {
            put16(out, if is_zip64 { u16::MAX } else { u16::try_from(self.entries).unwrap_or(u16::MAX) });
        }
        put32(out, if is_zip64 { u32::MAX } else { clamp32(self.size) });
        put32(out, if is_zip64 { u32::MAX } else { clamp32(self.offset) });
        put_length(out, comment.len());
        out.extend(comment);
    }
}

/// Deflated, as entries are by default.
///
/// # Panics
/// Never: memory takes all writes.
#[must_use]
pub fn deflate(plain: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).and_then(|()| encoder.finish()).expect("memory takes all writes")
}

fn clamp32(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn put16(out: &mut Vec<u8>, number: u16) {
    out.extend(number.to_le_bytes());
}

fn put32(out: &mut Vec<u8>, number: u32) {
    out.extend(number.to_le_bytes());
}

fn put64(out: &mut Vec<u8>, number: u64) {
    out.extend(number.to_le_bytes());
}

fn put_length(out: &mut Vec<u8>, length: usize) {
    put16(out, u16::try_from(length).expect("lengths are 16 bits"));
}
