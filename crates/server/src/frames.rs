//! Frames of the Unix socket: UTF-8 text up to a byte 0x03 (CONTRACT §1.9). Pure: bytes in, frames out.
//! Refuses to: hold more than one frame's limit.

/// The byte that ends a frame.
pub const END: u8 = 0x03;

/// The longest frame, without its end.
pub const LONGEST: usize = 20 << 20;

/// Garbage in a row until the connection is closed.
const MOST_GARBAGE: u32 = 10;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A text.
    Text(String),
    /// A frame that is not UTF-8; it is skipped.
    Garbage,
    /// Too long, or too much garbage: the connection must be closed.
    Hopeless,
}

/// Room that is kept between frames.
const KEPT_ROOM: usize = 16 << 10;

/// Collects bytes and gives frames.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
    /// Where the next frame begins.
    start: usize,
    /// Up to here there is no end.
    searched: usize,
    garbage: u32,
}

impl Frames {
    /// Where received bytes go: append to it.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// The next whole frame, if there is one.
    pub fn take(&mut self) -> Option<Frame> {
        let fresh = self.bytes.get(self.searched..).unwrap_or_default();
        let Some(end) = fresh.iter().position(|b| *b == END).map(|at| at + self.searched) else {
            // Only here are bytes moved: once per read, however many frames it brought.
            self.bytes.drain(..self.start);
            self.bytes.shrink_to(KEPT_ROOM);
            self.start = 0;
            self.searched = self.bytes.len();
            return (self.bytes.len() > LONGEST).then_some(Frame::Hopeless);
        };
        let frame = self.bytes.get(self.start..end).unwrap_or_default();
        if frame.len() > LONGEST {
            return Some(Frame::Hopeless);
        }
        let text = std::str::from_utf8(frame).map(str::to_owned);
        self.start = end + 1;
        self.searched = self.start;
        match text {
            Ok(text) => {
                self.garbage = 0;
                Some(Frame::Text(text))
            }
            Err(_) => {
                self.garbage += 1;
                Some(if self.garbage < MOST_GARBAGE { Frame::Garbage } else { Frame::Hopeless })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(bytes: &[u8], chunk: usize) -> Vec<Frame> {
        let mut frames = Frames::default();
        let mut found = Vec::new();
        for chunk in bytes.chunks(chunk.max(1)) {
            frames.buffer().extend(chunk);
            while let Some(frame) = frames.take() {
                found.push(frame);
                if found.last() == Some(&Frame::Hopeless) {
                    return found;
                }
            }
        }
        found
    }

    #[test]
    fn frames_end_in_the_byte_and_a_rest_waits() {
        let text = |text: &str| Frame::Text(text.to_owned());
        assert_eq!(all(b"a\x03\x03bc\x03rest", 2), [text("a"), text(""), text("bc")]);
    }

    #[test]
    fn ten_garbage_frames_in_a_row_are_the_end() {
        let bad = |count: usize| b"\xff\x03".repeat(count);
        assert!(all(&[bad(9), b"x\x03".to_vec(), bad(9)].concat(), 7).iter().all(|f| *f != Frame::Hopeless));
        assert_eq!(all(&bad(10), 7).last(), Some(&Frame::Hopeless));
    }

    #[test]
    fn an_endless_frame_is_the_end() {
        assert_eq!(all(&vec![b'x'; LONGEST + 1], 1 << 20), [Frame::Hopeless]);
        let mut fits = vec![b'x'; LONGEST];
        fits.push(END);
        assert!(matches!(all(&fits, 1 << 20)[..], [Frame::Text(_)]));
    }

    proptest! {
        #[test]
        fn how_bytes_arrive_does_not_matter(
            bytes in prop::collection::vec(prop::sample::select(vec![b'a', b'{', END, 0xff]), 0..80),
            chunk in 1_usize..9,
        ) {
            prop_assert_eq!(all(&bytes, chunk), all(&bytes, 1000));
        }
    }
}
