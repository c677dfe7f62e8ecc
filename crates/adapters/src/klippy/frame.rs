//! The framing of the printer's socket: JSON objects, each ended by the byte 0x03 (CONTRACT §7.1).
//!
//! Pure and total: any bytes in any portions give frames or nothing, never a panic, and never more memory than
//! [`LONGEST_FRAME`]. Refuses to: know what a frame means.

use serde_json::{Map, Value};

/// The byte that ends a frame.
pub const END: u8 = 0x03;

/// The longest frame that is taken, in bytes. What Refit asks for is answered in a few hundred; a longer frame is
/// dropped up to its end.
pub const LONGEST_FRAME: usize = 1024 * 1024;

/// One frame as it came in.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    /// A JSON object.
    Object(Map<String, Value>),
    /// Bytes that are no JSON object, or too many of them.
    Garbage,
}

/// Takes bytes as they come and hands out whole frames.
#[derive(Debug, Default)]
pub struct Frames {
    partial: Vec<u8>,
    overlong: bool,
}

impl Frames {
    /// Takes the next bytes; returns the frames that they complete, in order.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<Frame> {
        let mut frames = Vec::new();
        let mut portions = bytes.split(|byte| *byte == END).peekable();
        while let Some(portion) = portions.next() {
            self.append(portion);
            if portions.peek().is_some() {
                frames.push(self.complete());
            }
        }
        frames
    }

    fn append(&mut self, portion: &[u8]) {
        if self.overlong || self.partial.len() + portion.len() > LONGEST_FRAME {
            self.overlong = true;
            self.partial = Vec::new();
        } else {
            self.partial.extend_from_slice(portion);
        }
    }

    fn complete(&mut self) -> Frame {
        let overlong = std::mem::take(&mut self.overlong);
        let text = std::mem::take(&mut self.partial);
        if overlong {
            return Frame::Garbage;
        }
        match serde_json::from_slice(&text) {
            Ok(Value::Object(object)) => Frame::Object(object),
            Ok(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) | Err(_) => {
                Frame::Garbage
            }
        }
    }
}

/// A request as klippy reads it.
#[must_use]
pub fn request(id: u64, method: &str, params: Value) -> Vec<u8> {
    let request = serde_json::json!({ "id": id, "method": method, "params": params });
    let mut bytes = request.to_string().into_bytes();
    bytes.push(END);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn object(text: &str) -> Frame {
        match serde_json::from_str(text) {
            Ok(Value::Object(object)) => Frame::Object(object),
            other => panic!("{text} is no object: {other:?}"),
        }
    }

    #[test]
    fn frames_come_out_whole_however_they_came_in() {
        let bytes = b"{\"id\":1}\x03 {\"a\":[1,2]}\n\x03nonsense\x03\x03[1]\x03{\"rest\":";
        let expected =
            vec![object("{\"id\":1}"), object("{\"a\":[1,2]}"), Frame::Garbage, Frame::Garbage, Frame::Garbage];
        assert_eq!(Frames::default().take(bytes), expected);
        let mut frames = Frames::default();
        let singly: Vec<Frame> = bytes.iter().flat_map(|byte| frames.take(&[*byte])).collect();
        assert_eq!(singly, expected);
        assert_eq!(frames.take(b"2}\x03"), vec![object("{\"rest\":2}")]);
    }

    #[test]
    fn an_overlong_frame_is_dropped_and_the_next_one_is_taken() {
        let mut frames = Frames::default();
        for _ in 0..=LONGEST_FRAME / 65536 {
            assert_eq!(frames.take(&[b' '; 65536]), vec![]);
            assert!(frames.partial.len() <= LONGEST_FRAME);
        }
        assert_eq!(frames.take(b"{}\x03{\"id\":2}\x03"), vec![Frame::Garbage, object("{\"id\":2}")]);
    }

    #[test]
    fn a_request_is_a_frame() {
        let bytes = request(7, "info", serde_json::json!({}));
        assert_eq!(Frames::default().take(&bytes), vec![object("{\"id\":7,\"method\":\"info\",\"params\":{}}")]);
    }

    proptest! {
        #[test]
        fn any_bytes_give_as_many_frames_as_ends(bytes in proptest::collection::vec(any::<u8>(), 0..512), cut in 0_usize..512) {
            let ends = bytes.iter().filter(|byte| **byte == END).count();
            let whole = Frames::default().take(&bytes);
            prop_assert_eq!(whole.len(), ends);
            let (first, second) = bytes.split_at(cut.min(bytes.len()));
            let mut frames = Frames::default();
            let mut parts = frames.take(first);
            parts.extend(frames.take(second));
            prop_assert_eq!(parts, whole);
        }
    }
}
