//! What an entry holds, poured out in pieces of 64 KiB: however large the archive, that is all the memory it takes.
//! Refuses to: believe a declared size. It is counted while pouring, and one byte more is one too many.

use std::ops::Range;

use flate2::{Crc, Decompress, FlushDecompress, Status};
use rawzip::ReaderAt as _;

use super::directory::{Opened, Packing};
use super::layout::Placed;
use super::refusal::{ArchiveError, Reason};

/// The size of a piece, in bytes.
const PIECE: usize = 64 << 10;

/// Pours entries out, one after the other.
#[derive(Debug)]
pub(super) struct Pourer<'a> {
    archive: &'a Opened,
    packed: Vec<u8>,
    plain: Vec<u8>,
    inflate: Decompress,
}

/// Counts and checks what comes out.
struct Gauge<'a> {
    size: u64,
    seen: u64,
    crc: Crc,
    sink: &'a mut dyn FnMut(&[u8]) -> Result<(), ArchiveError>,
}

/// Why pouring ended early.
enum Stopped {
    Refused(Reason),
    Failed(ArchiveError),
}

impl From<Reason> for Stopped {
    fn from(reason: Reason) -> Self {
        Self::Refused(reason)
    }
}

impl Gauge<'_> {
    fn take(&mut self, piece: &[u8]) -> Result<(), Stopped> {
        self.seen += piece.len() as u64;
        if self.seen > self.size {
            return Err(Reason::Size.into());
        }
        self.crc.update(piece);
        (self.sink)(piece).map_err(Stopped::Failed)
    }

    fn end(self, crc: u32) -> Result<(), Stopped> {
        if self.seen != self.size {
            return Err(Reason::Size.into());
        }
        if self.crc.sum() != crc {
            return Err(Reason::Damaged.into());
        }
        Ok(())
    }
}

impl<'a> Pourer<'a> {
    /// For the entries of one archive.
    pub(super) fn of(archive: &'a Opened) -> Self {
        Self { archive, packed: vec![0; PIECE], plain: vec![0; PIECE], inflate: Decompress::new(false) }
    }

    /// Hands the unpacked bytes of an entry to `sink`, and says at the end whether they were the declared ones.
    pub(super) fn pour(
        &mut self,
        placed: &Placed,
        sink: &mut dyn FnMut(&[u8]) -> Result<(), ArchiveError>,
    ) -> Result<(), ArchiveError> {
        let member = &placed.member;
        let mut gauge = Gauge { size: member.size, seen: 0, crc: Crc::new(), sink };
        let poured = match member.packing {
            Packing::Stored => self.copy(placed.body.clone(), &mut gauge),
            Packing::Deflated => self.inflate(placed.body.clone(), &mut gauge),
        };
        match poured.and_then(|()| gauge.end(member.crc)) {
            Ok(()) => Ok(()),
            Err(Stopped::Refused(reason)) => Err(ArchiveError::of(&member.path)(reason)),
            Err(Stopped::Failed(error)) => Err(error),
        }
    }

    fn copy(&mut self, mut body: Range<u64>, gauge: &mut Gauge<'_>) -> Result<(), Stopped> {
        while !body.is_empty() {
            let filled = self.fill(&mut body)?;
            gauge.take(self.packed.get(..filled).unwrap_or_default())?;
        }
        Ok(())
    }

    fn inflate(&mut self, mut body: Range<u64>, gauge: &mut Gauge<'_>) -> Result<(), Stopped> {
        self.inflate.reset(false);
        let mut packed = 0..0;
        loop {
            if packed.is_empty() && !body.is_empty() {
                packed = 0..self.fill(&mut body)?;
            }
            let given = self.packed.get(packed.clone()).unwrap_or_default();
            let (taken, made) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self.inflate.decompress(given, &mut self.plain, FlushDecompress::None);
            let status = status.map_err(|_invalid| Reason::Damaged)?;
            let (taken, made) = (self.inflate.total_in() - taken, self.inflate.total_out() - made);
            // Neither is more than a piece.
            packed.start += usize::try_from(taken).unwrap_or(PIECE);
            gauge.take(self.plain.get(..usize::try_from(made).unwrap_or(PIECE)).unwrap_or_default())?;
            match status {
                Status::StreamEnd => return Ok(()),
                Status::Ok | Status::BufError if taken == 0 && made == 0 => return Err(Reason::Damaged.into()),
                Status::Ok | Status::BufError => {}
            }
        }
    }

    /// Reads the next piece of what is left.
    fn fill(&mut self, left: &mut Range<u64>) -> Result<usize, Stopped> {
        let wanted = usize::try_from(left.end - left.start).map_or(PIECE, |rest| rest.min(PIECE));
        let piece = self.packed.get_mut(..wanted).unwrap_or_default();
        let read = self.archive.zip.get_ref().read_at(piece, left.start);
        let read = read.map_err(|error| Stopped::Failed(ArchiveError::io("read", &self.archive.path)(error)))?;
        if read == 0 {
            return Err(Reason::CutOff.into());
        }
        left.start += read as u64;
        Ok(read)
    }
}
