//! What the programs of one step printed, as much of it as the history keeps: the beginning, where a program says what it
//! is about to do, and the end, where it says why it could not.
//! Refuses to: grow with what is printed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use refit_model::event::plain_line;

use crate::ports::Tell;

/// Bytes of the beginning and of the end that are kept.
const BEGINNING: usize = 4 * 1024;
const END: usize = 12 * 1024;

/// See the module.
#[derive(Debug, Clone, Default)]
pub(super) struct Output(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    beginning: Vec<String>,
    beginning_bytes: usize,
    end: VecDeque<String>,
    end_bytes: usize,
    left_out: usize,
}

impl Output {
    /// Hears each line, and hands it on.
    pub(super) fn before(&self, tell: Tell) -> Tell {
        let kept = self.0.clone();
        Arc::new(move |line: &str| {
            kept.lock().unwrap_or_else(PoisonError::into_inner).hear(line);
            tell(line);
        })
    }

    /// All that is kept; none when nothing was printed.
    pub(super) fn text(&self) -> Option<String> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let gap = (kept.left_out > 0).then(|| format!("… {} lines are left out …", kept.left_out));
        let lines: Vec<&str> =
            kept.beginning.iter().chain(gap.iter()).chain(kept.end.iter()).map(String::as_str).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}

impl Kept {
    fn hear(&mut self, line: &str) {
        let line = plain_line(line);
        if line.is_empty() {
            return;
        }
        if self.end.is_empty() && self.beginning_bytes + line.len() <= BEGINNING {
            self.beginning_bytes += line.len();
            self.beginning.push(line);
            return;
        }
        self.end_bytes += line.len();
        self.end.push_back(line);
        while self.end_bytes > END && self.end.len() > 1 {
            let Some(gone) = self.end.pop_front() else { return };
            self.end_bytes -= gone.len();
            self.left_out += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_and_the_end_are_kept() {
        let output = Output::default();
        assert_eq!(output.text(), None);
        let heard = Arc::new(Mutex::new(0));
        let count = heard.clone();
        let tell = output.before(Arc::new(move |_: &str| *count.lock().unwrap() += 1));
        for number in 0..10_000 {
            tell(&format!("line {number}\u{1b}[31m"));
        }
        tell("");
        let text = output.text().unwrap();
        assert_eq!(*heard.lock().unwrap(), 10_001);
        assert!(text.len() < BEGINNING + END + 4096, "{}", text.len());
        assert!(text.starts_with("line 0\nline 1\n") && text.ends_with("line 9998\nline 9999"), "{text}");
        assert!(text.contains("lines are left out"));
    }
}
