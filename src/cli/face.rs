//! How a command shows its answer: tables on a terminal, plain lines elsewhere, JSON for programs.
//!
//! Answers go to standard output, everything else to standard error. A reader that closes the pipe early ends the
//! showing, not the command. Refuses to: decide what is shown.

use std::io::{self, IsTerminal as _, Write as _};

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;

/// The reader of a command's answer.
#[derive(Debug, Clone, Copy)]
pub struct Face {
    /// Programs get JSON.
    pub json: bool,
    /// Standard output is a terminal, and not for programs.
    pub terminal: bool,
    /// Standard error is a terminal.
    pub error_terminal: bool,
    /// Colours are welcome.
    pub color: bool,
}

impl Face {
    /// Looks at the two outputs. `no_color` is the variable `NO_COLOR`: any value but the empty one forbids colours.
    #[must_use]
    pub fn new(json: bool, no_color: bool) -> Self {
        let terminal = io::stdout().is_terminal() && !json;
        let error_terminal = io::stderr().is_terminal();
        Self { json, terminal, error_terminal, color: error_terminal && !no_color }
    }

    /// One line of the answer.
    pub fn line(&self, line: &str) {
        // Nobody reads any more: what the command does goes on all the same.
        let _closed = writeln!(io::stdout().lock(), "{}", printable(line));
    }

    /// The answer as JSON, indented.
    pub fn value(&self, value: &Value) {
        let _closed = writeln!(io::stdout().lock(), "{value:#}");
    }

    /// The answer as a table on a terminal, each row as a line elsewhere: the cells with two blanks between.
    pub fn rows(&self, head: &[&str], rows: &[Vec<String>]) {
        if self.terminal {
            let mut table = Table::new();
            table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
            table.set_width(terminal_width()).set_header(head.iter().copied());
            for row in rows {
                table.add_row(row.iter().map(|cell| printable(cell)));
            }
            self.line(&table.to_string());
        } else {
            for row in rows {
                let cells: Vec<&str> = row.iter().map(String::as_str).filter(|cell| !cell.is_empty()).collect();
                self.line(&cells.join("  "));
            }
        }
    }

    /// A remark beside the answer.
    pub fn remark(&self, remark: &str) {
        let _closed = writeln!(io::stderr().lock(), "{}", printable(remark));
    }

    /// Why the command failed.
    pub fn error(&self, message: &str) {
        let (on, off) = if self.color { ("\u{1b}[1;31m", "\u{1b}[0m") } else { ("", "") };
        let _closed = writeln!(io::stderr().lock(), "{on}refit:{off} {}", printable(message));
    }
}

/// Names, versions and messages come from repositories that anybody may have written: what would steer the terminal
/// is taken out.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().filter(|c| *c == '\n' || !c.is_control()).collect()
}

fn terminal_width() -> u16 {
    match rustix::termios::tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col >= 20 => size.ws_col,
        Ok(_) | Err(_) => 80,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(printable("v1\u{1b}[2J\u{7}\r\n\u{9b}x"), "v1[2J\nx");
    }
}
