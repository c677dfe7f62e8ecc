//! Gzipped tar archives made byte by byte, the same each time they are built: every entry is of 1 January 2024 and
//! root's (POSIX.1-1988, "ustar").
//!
//! Refuses links, devices, and paths that ustar cannot hold.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

/// 1 January 2024, midnight.
const WHEN: u64 = 1_704_067_200;

/// Tar counts in blocks.
const BLOCK: usize = 512;

/// An archive that is put together.
#[derive(Clone, Debug, Default)]
pub(crate) struct TarGz {
    tar: Vec<u8>,
}

impl TarGz {
    /// One more file.
    ///
    /// # Panics
    /// When its path is too long.
    #[must_use]
    pub(crate) fn file(mut self, path: &str, mode: u32, bytes: &[u8]) -> Self {
        self.tar.extend(header(path, mode, bytes.len()));
        self.tar.extend(bytes);
        self.tar.resize(self.tar.len().next_multiple_of(BLOCK), 0);
        self
    }

    /// The archive.
    pub(crate) fn build(mut self) -> Vec<u8> {
        self.tar.extend([0; 2 * BLOCK]);
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&self.tar).and_then(|()| gzip.finish()).expect("memory takes all writes")
    }
}

fn header(path: &str, mode: u32, size: usize) -> [u8; BLOCK] {
    let (prefix, name) = split(path);
    let mut header = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name.as_bytes());
    put(100, format!("{mode:07o}\0").as_bytes());
    put(108, b"0000000\x000000000\0");
    put(124, format!("{size:011o}\0").as_bytes());
    put(136, format!("{WHEN:011o}\0").as_bytes());
    // The checksum counts its own field as spaces.
    put(148, b"        0");
    put(257, b"ustar\x0000root");
    put(297, b"root");
    put(345, prefix.as_bytes());
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

/// What goes into the fields `prefix` (155 bytes) and `name` (100).
fn split(path: &str) -> (&str, &str) {
    if path.len() <= 100 {
        return ("", path);
    }
    let at = path.match_indices('/').map(|(at, _)| at).find(|at| path.len() - at - 1 <= 100);
    let at = at.filter(|at| *at <= 155).unwrap_or_else(|| panic!("{path} is too long for a tar archive"));
    (&path[..at], &path[at + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tar_reads_what_was_written() {
        let dir = crate::scratch::scratch();
        let long = format!("{}/{}", "p".repeat(120), "n".repeat(90));
        let archive = TarGz::default().file("a/run", 0o755, b"one").file(&long, 0o644, &[7; 513]).build();
        std::fs::write(dir.path().join("x.tgz"), &archive).unwrap();
        let tar = std::process::Command::new("tar").args(["-tvzf", "x.tgz"]).current_dir(&dir).output().unwrap();
        assert!(tar.status.success(), "{}", String::from_utf8_lossy(&tar.stderr));
        let listed = String::from_utf8(tar.stdout).unwrap();
        assert!(listed.contains("-rwxr-xr-x root/root") && listed.contains(&long), "{listed}");
    }
}
