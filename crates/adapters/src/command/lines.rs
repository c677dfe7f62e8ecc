//! Cuts a stream of bytes into lines for those who listen.
//! Refuses to: keep a line that never ends; it is told in pieces.

use refit_engine::ports::Tell;

/// A line longer than this is told in pieces.
const LONGEST: usize = 4096;

/// The line that is not complete yet.
pub(super) struct Lines {
    tell: Option<Tell>,
    begun: Vec<u8>,
}

impl Lines {
    pub(super) fn new(tell: Option<Tell>) -> Self {
        Self { tell, begun: Vec::new() }
    }

    /// Takes bytes as they come and tells each line that they complete. Empty lines are not told.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        if self.tell.is_none() {
            return;
        }
        for &byte in bytes {
            if matches!(byte, b'\n' | b'\r') || self.begun.len() >= LONGEST {
                self.flush();
            }
            if !matches!(byte, b'\n' | b'\r') {
                self.begun.push(byte);
            }
        }
    }

    /// The stream ended: tells what has no line end.
    pub(super) fn finish(mut self) {
        self.flush();
    }

    fn flush(&mut self) {
        let line = std::mem::take(&mut self.begun);
        if let Some(tell) = &self.tell
            && !line.is_empty()
        {
            tell(&String::from_utf8_lossy(&line));
        }
    }
}
