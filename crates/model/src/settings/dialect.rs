//! The INI dialect: text -> pieces, which are sections with their options, and includes in between.
//!
//! It is Python's configparser without interpolation behind Moonraker's comment rules, as a running Moonraker 0.11.0
//! reads it (`dialect_tests.rs` holds what was asked and answered). Every option remembers its line. Refuses to follow
//! an include (that is `merge`) and to know what any section means. Linear in the length of the text.

use std::collections::HashSet;

/// One option of a section, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawOption {
    /// Lower case.
    pub name: String,
    /// Comments removed, stripped; continuation lines are joined with a newline.
    pub value: String,
    /// The line its name stands in, from 1.
    pub line: u32,
}

/// One section of one file, between two headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// The text between the brackets, as it is.
    pub name: String,
    /// The line of the header, from 1.
    pub line: u32,
    /// In the order of the file, each name once.
    pub options: Vec<RawOption>,
}

/// What a file consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A section.
    Section(Fragment),
    /// `[include PATTERN]`
    Include {
        /// The pattern, stripped.
        pattern: String,
        /// The line, from 1.
        line: u32,
    },
}

/// A line that is not in the dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// The line, from 1.
    pub line: u32,
    /// What is wrong, without file and line.
    pub message: String,
}

/// Takes a text apart. `file` is only quoted in messages.
///
/// # Errors
/// For a line that is neither header, option nor continuation, an option outside a section, and for a section or option
/// that is there twice.
pub fn parse(text: &str, file: &str) -> Result<Vec<Piece>, SyntaxError> {
    let mut parser = Parser { file, pieces: Vec::new(), open: None, sections: HashSet::new() };
    for (line, raw) in Lines::new(text) {
        if let Some(clean) = clean(raw) {
            parser.line(line, &clean)?;
        }
    }
    parser.close();
    Ok(parser.pieces)
}

/// The section that is being read.
struct Open {
    fragment: Fragment,
    names: HashSet<String>,
    /// The column of the last option's name; deeper lines continue it.
    indent: usize,
}

struct Parser<'a> {
    file: &'a str,
    pieces: Vec<Piece>,
    open: Option<Open>,
    sections: HashSet<String>,
}

impl Parser<'_> {
    fn line(&mut self, line: u32, text: &str) -> Result<(), SyntaxError> {
        let stripped = text.trim_matches(is_space);
        let indent = text.chars().take_while(|c| is_space(*c)).count();
        if let Some(open) = &mut self.open
            && indent > open.indent
            && let Some(option) = open.fragment.options.last_mut()
        {
            option.value.push('\n');
            option.value.push_str(stripped);
            return Ok(());
        }
        match header(stripped) {
            Some(Header::Include(pattern)) => {
                self.close();
                self.pieces.push(Piece::Include { pattern: pattern.to_owned(), line });
                Ok(())
            }
            Some(Header::Section(name)) => self.section(line, indent, name),
            None => self.option(line, indent, stripped),
        }
    }

    fn section(&mut self, line: u32, indent: usize, name: &str) -> Result<(), SyntaxError> {
        self.close();
        if !self.sections.insert(name.to_owned()) {
            return Err(SyntaxError { line, message: format!("Duplicate section [{name}] in file {}", self.file) });
        }
        let fragment = Fragment { name: name.to_owned(), line, options: Vec::new() };
        self.open = Some(Open { fragment, names: HashSet::new(), indent });
        Ok(())
    }

    fn option(&mut self, line: u32, indent: usize, text: &str) -> Result<(), SyntaxError> {
        let Some((name, value)) = text.split_once([':', '=']) else {
            let message = format!("'{}' is neither a section, an option with a value, nor a continuation", quote(text));
            return Err(SyntaxError { line, message });
        };
        let name = name.trim_end_matches(is_space).to_lowercase();
        if name.is_empty() {
            return Err(SyntaxError { line, message: format!("'{}' has no option name", quote(text)) });
        }
        let Some(open) = &mut self.open else {
            let message = format!("Option '{}' stands outside of any section", quote(&name));
            return Err(SyntaxError { line, message });
        };
        if !open.names.insert(name.clone()) {
            let (section, file) = (&open.fragment.name, self.file);
            let message = format!("Duplicate option '{name}' in section [{section}], file {file} ");
            return Err(SyntaxError { line, message });
        }
        open.indent = indent;
        let value = value.trim_matches(is_space).to_owned();
        open.fragment.options.push(RawOption { name, value, line });
        Ok(())
    }

    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            self.pieces.push(Piece::Section(open.fragment));
        }
    }
}

enum Header<'a> {
    Include(&'a str),
    Section(&'a str),
}

/// A section reaches to the last `]` of its line, an include only to the first.
fn header(text: &str) -> Option<Header<'_>> {
    let inside = text.strip_prefix('[')?;
    if let Some(rest) = inside.strip_prefix("include")
        && let Some(end) = rest.find(']')
        && let Some(pattern) = rest.get(..end)
        && pattern.starts_with(is_space)
        && !pattern.trim_matches(is_space).is_empty()
    {
        return Some(Header::Include(pattern.trim_matches(is_space)));
    }
    let end = inside.rfind(']').filter(|end| *end > 0)?;
    inside.get(..end).map(Header::Section)
}

/// A line without its comment, tabs at columns of four; `None` when nothing is left.
fn clean(raw: &str) -> Option<String> {
    let first = raw.chars().find(|c| !is_space(*c))?;
    if matches!(first, '#' | ';') {
        return None;
    }
    let expanded = expand_tabs(raw);
    let bare = unescape(before_comment(&expanded));
    // An escape at the start of a line bares a comment, which configparser then drops.
    let first = bare.chars().find(|c| !is_space(*c))?;
    (!matches!(first, '#' | ';')).then_some(bare)
}

fn before_comment(line: &str) -> &str {
    let mut after_space = false;
    for (at, c) in line.char_indices() {
        if after_space && matches!(c, '#' | ';') {
            return line.get(..at).unwrap_or(line);
        }
        after_space = c == ' ';
    }
    line
}

/// ` \#` and ` \;` lose their backslash.
fn unescape(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line.chars().peekable();
    let mut last = None;
    while let Some(c) = rest.next() {
        let escape = c == '\\' && last == Some(' ') && matches!(rest.peek(), Some('#' | ';'));
        if !escape {
            out.push(c);
        }
        last = Some(c);
    }
    out
}

fn expand_tabs(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut column = 0;
    for c in line.chars() {
        if c == '\t' {
            let width = 4 - column % 4;
            out.extend(std::iter::repeat_n(' ', width));
            column += width;
        } else {
            out.push(c);
            column += 1;
        }
    }
    out
}

/// Python's `str.isspace`: Unicode's white space and the four separators U+001C to U+001F.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}')
}

/// Enough of a line to recognise it by.
fn quote(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// Lines as Python's `str.splitlines` breaks them, numbered as an editor does: only line feed and carriage return count.
pub(crate) struct Lines<'a> {
    rest: &'a str,
    line: u32,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { rest: text, line: 1 }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = (u32, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let number = self.line;
        let Some((at, ended_by)) = self.rest.char_indices().find(|(_, c)| breaks(*c)) else {
            return Some((number, std::mem::take(&mut self.rest)));
        };
        let (text, tail) = self.rest.split_at(at);
        let mut tail = tail.get(ended_by.len_utf8()..).unwrap_or_default();
        if ended_by == '\r' {
            tail = tail.strip_prefix('\n').unwrap_or(tail);
        }
        if matches!(ended_by, '\n' | '\r') {
            self.line = self.line.saturating_add(1);
        }
        self.rest = tail;
        Some((number, text))
    }
}

fn breaks(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
#[path = "dialect_tests.rs"]
mod tests;
