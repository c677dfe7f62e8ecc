//! The plainest zip there is: files stored as they are, in order. Refuses anything else: archives with something wrong
//! about them are not made here.

/// An archive that is being written.
#[derive(Debug, Default)]
pub(super) struct StoredZip {
    out: Vec<u8>,
    directory: Vec<u8>,
    entries: u16,
    content: usize,
}

impl StoredZip {
    /// Adds a file with these permissions.
    ///
    /// # Panics
    /// When the archive outgrows what a zip without extensions can hold.
    pub(super) fn add(&mut self, name: &str, mode: u32, bytes: &[u8]) {
        let at = u32::try_from(self.out.len()).expect("the archive stays below 4 GiB");
        let size = u32::try_from(bytes.len()).expect("a file stays below 4 GiB");
        let length = u16::try_from(name.len()).expect("a name stays below 64 KiB");
        // Version 2.0, no flags, stored, 2026-01-01 00:00.
        let mut about = Vec::new();
        for field in [20_u16, 0, 0, 0, ((2026 - 1980) << 9) | (1 << 5) | 1] {
            about.extend(field.to_le_bytes());
        }
        for field in [crc32(bytes), size, size] {
            about.extend(field.to_le_bytes());
        }
        about.extend(length.to_le_bytes());
        about.extend(0_u16.to_le_bytes());
        self.out.extend(b"PK\x03\x04");
        self.out.extend(&about);
        self.out.extend(name.as_bytes());
        self.out.extend(bytes);
        self.directory.extend(b"PK\x01\x02");
        // Made on Unix.
        self.directory.extend(((3_u16 << 8) | 20).to_le_bytes());
        self.directory.extend(&about);
        self.directory.extend([0; 6]);
        self.directory.extend(((0o100_000 | mode) << 16).to_le_bytes());
        self.directory.extend(at.to_le_bytes());
        self.directory.extend(name.as_bytes());
        self.entries = self.entries.checked_add(1).expect("fewer than 65536 files");
        self.content += bytes.len();
    }

    /// How many bytes its files have together so far.
    pub(super) fn content(&self) -> usize {
        self.content
    }

    /// The archive.
    ///
    /// # Panics
    /// As [`add`](Self::add).
    pub(super) fn finish(mut self) -> Vec<u8> {
        let at = u32::try_from(self.out.len()).expect("the archive stays below 4 GiB");
        let size = u32::try_from(self.directory.len()).expect("the directory stays below 4 GiB");
        self.out.append(&mut self.directory);
        self.out.extend(b"PK\x05\x06\0\0\0\0");
        self.out.extend(self.entries.to_le_bytes());
        self.out.extend(self.entries.to_le_bytes());
        self.out.extend(size.to_le_bytes());
        self.out.extend(at.to_le_bytes());
        self.out.extend(0_u16.to_le_bytes());
        self.out
    }
}

/// CRC-32 as zip uses it (reflected, polynomial 0x04C11DB7).
fn crc32(bytes: &[u8]) -> u32 {
    let table: [u32; 256] = std::array::from_fn(|n| {
        (0..8).fold(n as u32, |rest, _| if rest & 1 == 1 { (rest >> 1) ^ 0xedb8_8320 } else { rest >> 1 })
    });
    !bytes.iter().fold(!0, |rest: u32, byte| (rest >> 8) ^ table[((rest ^ u32::from(*byte)) & 0xff) as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_crc32() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }
}
