//! Git's configuration syntax (git-config(1), CONFIGURATION FILE), read without git: a repository is looked at before
//! the first command is run in it.
//! Refuses to: follow includes (see `hazard`), know what a key means, or panic on any input.

use std::fmt;

/// One variable, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The section, in lower case.
    pub section: String,
    /// The subsection, as written; the bytes need not be text.
    pub subsection: Option<Vec<u8>>,
    /// The variable's name, in lower case.
    pub name: String,
    /// The value; none for a variable without `=`, which means true.
    pub value: Option<Vec<u8>>,
}

/// The text is not one that git would read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable {
    /// The line, counted from 1.
    pub line: usize,
}

impl Entry {
    /// `section.subsection.name`, the form that `git -c` takes; odd bytes are replaced.
    #[must_use]
    pub fn key(&self) -> String {
        match &self.subsection {
            Some(sub) => format!("{}.{}.{}", self.section, String::from_utf8_lossy(sub), self.name),
            None => format!("{}.{}", self.section, self.name),
        }
    }

    /// The subsection as text, when it is text.
    #[must_use]
    pub fn subsection_text(&self) -> Option<&str> {
        self.subsection.as_deref().and_then(|sub| std::str::from_utf8(sub).ok())
    }

    /// The value as text, odd bytes replaced; empty for none.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.value.as_deref().unwrap_or_default()).into_owned()
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} is not git configuration", self.line)
    }
}

/// Reads a configuration file.
///
/// # Errors
/// [`Unreadable`] where git would say `bad config line`.
pub fn parse(bytes: &[u8]) -> Result<Vec<Entry>, Unreadable> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = Reader { bytes, at: 0, line: 1 };
    let mut section: Option<(String, Option<Vec<u8>>)> = None;
    let mut entries = Vec::new();
    while let Some(byte) = reader.next() {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b'#' | b';' => reader.skip_line(),
            b'[' => section = Some(reader.section()?),
            b'a'..=b'z' | b'A'..=b'Z' => {
                let (section, subsection) = section.clone().ok_or_else(|| reader.bad())?;
                let (name, value) = reader.variable(byte)?;
                entries.push(Entry { section, subsection, name, value });
            }
            _ => return Err(reader.bad()),
        }
    }
    Ok(entries)
}

/// Splits the output of `git config --list -z`: `key LF value NUL`, or `key NUL` without a value.
#[must_use]
pub fn parse_list(bytes: &[u8]) -> Vec<Entry> {
    bytes.split(|b| *b == 0).filter_map(list_item).collect()
}

fn list_item(item: &[u8]) -> Option<Entry> {
    let end = item.iter().position(|b| *b == b'\n');
    let key = item.get(..end.unwrap_or(item.len()))?;
    let value = end.and_then(|end| item.get(end + 1..)).map(<[u8]>::to_vec);
    let first = key.iter().position(|b| *b == b'.')?;
    let last = key.iter().rposition(|b| *b == b'.')?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).to_ascii_lowercase();
    Some(Entry {
        section: text(key.get(..first)?),
        subsection: key.get(first + 1..last).map(<[u8]>::to_vec),
        name: text(key.get(last + 1..)?),
        value,
    })
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    line: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        self.line += usize::from(byte == b'\n');
        Some(byte)
    }

    fn bad(&self) -> Unreadable {
        // The line feed that ended a bad line was read already.
        let ended = self.at.checked_sub(1).and_then(|at| self.bytes.get(at)) == Some(&b'\n');
        Unreadable { line: self.line - usize::from(ended) }
    }

    fn skip_line(&mut self) {
        while self.peek().is_some_and(|byte| byte != b'\n') {
            self.at += 1;
        }
    }

    /// `name]`, `name "sub"]` or the old `name.sub]`, after the bracket.
    fn section(&mut self) -> Result<(String, Option<Vec<u8>>), Unreadable> {
        let mut name = String::new();
        loop {
            match self.next() {
                Some(b']') => {
                    let (section, sub) = name.split_once('.').map_or((name.as_str(), None), |(s, sub)| (s, Some(sub)));
                    return Ok((section.to_owned(), sub.map(|sub| sub.as_bytes().to_vec())));
                }
                Some(byte @ (b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.')) => {
                    name.push(char::from(byte.to_ascii_lowercase()));
                }
                Some(b' ' | b'\t') => return Ok((name, Some(self.subsection()?))),
                Some(_) | None => return Err(self.bad()),
            }
        }
    }

    fn subsection(&mut self) -> Result<Vec<u8>, Unreadable> {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
        if self.next() != Some(b'"') {
            return Err(self.bad());
        }
        let mut sub = Vec::new();
        loop {
            match self.next() {
                Some(b'"') if self.next() == Some(b']') => return Ok(sub),
                Some(b'\\') => match self.next() {
                    Some(b'\n') | None => return Err(self.bad()),
                    Some(byte) => sub.push(byte),
                },
                Some(b'"' | b'\n') | None => return Err(self.bad()),
                Some(byte) => sub.push(byte),
            }
        }
    }

    fn variable(&mut self, first: u8) -> Result<(String, Option<Vec<u8>>), Unreadable> {
        let mut name = String::from(char::from(first.to_ascii_lowercase()));
        while let Some(byte @ (b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-')) = self.peek() {
            name.push(char::from(byte.to_ascii_lowercase()));
            self.at += 1;
        }
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r')) {
            self.at += 1;
        }
        match self.next() {
            None | Some(b'\n') => Ok((name, None)),
            Some(b'=') => Ok((name, Some(self.value()?))),
            Some(_) => Err(self.bad()),
        }
    }

    /// After the equals sign: blanks around it do not count, quotes keep them, a backslash at the end continues.
    fn value(&mut self) -> Result<Vec<u8>, Unreadable> {
        let mut value = Vec::new();
        let mut kept = 0;
        let mut quoted = false;
        loop {
            match self.next() {
                None | Some(b'\n') if quoted => return Err(self.bad()),
                None | Some(b'\n') => break,
                Some(b'"') => {
                    quoted = !quoted;
                    kept = value.len();
                }
                Some(b'#' | b';') if !quoted => {
                    self.skip_line();
                }
                Some(b'\\') => {
                    if self.peek() == Some(b'\r') && self.bytes.get(self.at + 1) == Some(&b'\n') {
                        self.at += 1;
                    }
                    match self.next() {
                        Some(b'\n') => {}
                        Some(byte) => {
                            value.push(escaped(byte).ok_or_else(|| self.bad())?);
                            kept = value.len();
                        }
                        None => return Err(self.bad()),
                    }
                }
                Some(byte @ (b' ' | b'\t' | b'\r')) if !quoted => {
                    if !value.is_empty() {
                        value.push(byte);
                    }
                }
                Some(byte) => {
                    value.push(byte);
                    kept = value.len();
                }
            }
        }
        value.truncate(kept);
        Ok(value)
    }
}

fn escaped(byte: u8) -> Option<u8> {
    match byte {
        b'n' => Some(b'\n'),
        b't' => Some(b'\t'),
        b'b' => Some(8),
        b'"' | b'\\' => Some(byte),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, Option<String>)> {
        let value = |e: &Entry| e.value.as_ref().map(|_| e.text());
        parse(text.as_bytes()).unwrap().iter().map(|e| (e.key(), value(e))).collect()
    }

    #[test]
    fn the_syntax_is_gits() {
        let text = "\u{feff}# c\n[Core]\n\tBare = false ; no\n flag\n[remote \"Or\\\"i g\"] url = \" a b \" # x\n\
                    [branch.MASTER]\nmerge=refs/heads/a\\\nb  \r\n[a]x=\"q\\t;\"r s \n\ny=";
        let want = [
            ("core.bare", Some("false")),
            ("core.flag", None),
            ("remote.Or\"i g.url", Some(" a b ")),
            ("branch.master.merge", Some("refs/heads/ab")),
            ("a.x", Some("q\t;r s")),
            ("a.y", Some("")),
        ];
        let want: Vec<_> = want.map(|(k, v)| (k.to_owned(), v.map(str::to_owned))).into();
        assert_eq!(read(text), want);
    }

    #[test]
    fn what_git_would_not_read_is_told_with_its_line() {
        for (text, line) in [
            ("\0\0\0", 1),
            ("[core]\n\0\0", 2),
            ("key = outside\n", 1),
            ("[core\n", 1),
            ("[a \"b]\n", 1),
            ("[a]\nx = \"open\n", 2),
            ("[a]\nx = \\q\n", 2),
            ("[a]\nx y\n", 2),
        ] {
            assert_eq!(parse(text.as_bytes()), Err(Unreadable { line }), "{text:?}");
        }
    }

    #[test]
    fn a_list_is_split_at_its_zeros() {
        let entries = parse_list(b"core.bare\nfalse\0remote.a.b.url\nx\ny\0a.flag\0\0nodot\0");
        let keys: Vec<_> = entries.iter().map(|e| (e.key(), e.value.as_ref().map(|_| e.text()))).collect();
        let want = [("core.bare", Some("false")), ("remote.a.b.url", Some("x\ny")), ("a.flag", None)];
        assert_eq!(keys, want.map(|(k, v)| (k.to_owned(), v.map(str::to_owned))));
    }

    proptest::proptest! {
        #[test]
        fn no_input_panics(bytes: Vec<u8>, text in "[\\[\\]a.\"= \\\\\n#]*") {
            let _ = (parse(&bytes), parse_list(&bytes), parse(text.as_bytes()));
        }
    }
}
