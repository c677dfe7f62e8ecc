//! What the world is told while work goes on. Lifecycle events (the first and the last message of a run, refreshed,
//! printer changes) are always delivered to a listener that keeps up; progress lines may be lost by a slow one.
//! Refuses to: know the shape on the wire; `server::wire` has it.

use crate::name::ConnectionId;

/// Who gets an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Every authenticated connection.
    Everybody,
    /// One connection only: the no-op and refusal notices of CONTRACT §8 row 4.
    Only(ConnectionId),
}

/// One message of a request, as `notify_update_response` carries it (CONTRACT §2.9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunMessage {
    /// `{name}`, `full`, `recover_{name}` or `rollback_{name}`.
    pub application: String,
    /// The same number in all messages of one request: above 2^32, below 2^53.
    pub proc_id: u64,
    /// One line, already safe for clients that render HTML: see [`display_line`].
    pub message: String,
    /// True on the last message of the request.
    pub complete: bool,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A message of a request.
    Run {
        /// The message.
        message: RunMessage,
        /// Who gets it.
        audience: Audience,
    },
    /// A request of this connection is answered now: what was announced before goes out before the answer, what comes
    /// after it goes out after it (CONTRACT §2.9, ordering).
    Answered(ConnectionId),
    /// The status changed by a refresh; listeners take the engine's snapshot.
    Refreshed,
    /// The printer's connection or state changed; listeners take the engine's snapshot.
    Printer,
}

/// Longest message that is sent on, in bytes; a longer line is cut with an ellipsis.
pub const LONGEST_LINE: usize = 4096;

/// Makes one line of a process's output fit to be shown: the text after the last carriage return of a progress line,
/// without terminal escapes and control characters, `<` and `&` as HTML entities (CONTRACT §8 row 8), stripped of
/// surrounding blanks, at most [`LONGEST_LINE`] bytes.
#[must_use]
pub fn display_line(line: &str) -> String {
    fit(line, Markup::Escaped)
}

/// The same for the history, whose readers show text: `<` and `&` stay.
#[must_use]
pub fn plain_line(line: &str) -> String {
    fit(line, Markup::Kept)
}

/// What becomes of `<` and `&`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Markup {
    Escaped,
    Kept,
}

fn fit(line: &str, markup: Markup) -> String {
    let line = line.trim_end_matches(['\r', '\n']);
    let line = line.rsplit('\r').find(|part| !part.trim().is_empty()).unwrap_or("");
    let mut shown = String::with_capacity(line.len());
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        if shown.len() > LONGEST_LINE - 16 {
            shown.push('…');
            break;
        }
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            // Two lines in one: their words stay apart.
            '\t' | '\n' => shown.push(' '),
            '<' if markup == Markup::Escaped => shown.push_str("&lt;"),
            '&' if markup == Markup::Escaped => shown.push_str("&amp;"),
            c if c.is_control() || is_bidi_control(c) => {}
            c => shown.push(c),
        }
    }
    shown.trim().to_owned()
}

/// Skips an ECMA-48 sequence whose ESC was taken: CSI up to its final byte, OSC up to BEL or ST, else one character.
fn skip_escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match chars.next() {
        Some('[') => {
            for c in chars.by_ref() {
                if ('\u{40}'..='\u{7e}').contains(&c) {
                    break;
                }
            }
        }
        Some(']') => {
            while let Some(c) = chars.next() {
                if c == '\u{7}' {
                    break;
                }
                if c == '\u{1b}' {
                    chars.next();
                    break;
                }
            }
        }
        Some(_) | None => {}
    }
}

fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_cannot_carry_markup_or_escapes() {
        assert_eq!(display_line("<img onerror=x> a & b"), "&lt;img onerror=x> a &amp; b");
        assert_eq!(display_line("\u{1b}[31mred\u{1b}[0m \u{1b}]0;title\u{7}end\n"), "red end");
        assert_eq!(display_line("Receiving  10%\rReceiving 100%\r"), "Receiving 100%");
        assert_eq!(display_line("  f10 | 1 +"), "f10 | 1 +");
        assert_eq!(display_line("error: no\nfatal: never\n"), "error: no fatal: never");
    }

    #[test]
    fn a_long_line_is_cut() {
        assert!(display_line(&"x".repeat(100_000)).len() <= LONGEST_LINE);
    }
}
