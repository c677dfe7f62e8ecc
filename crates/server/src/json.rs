//! JSON as the clients' other server reads and writes it: exact integers, `NaN` and `Infinity`, 980 levels, ASCII
//! output. Ids come back byte for byte, which an ordinary reader (64-bit numbers, 128 levels) cannot do.
//! Refuses to: recurse while reading, panic on any input, or build more than [`MOST_VALUES`] values from one text.

use std::collections::HashMap;

use serde::Serialize;
use thiserror::Error;

/// Levels of nesting that are read; measured: 960 pass, 990 do not.
pub const DEEPEST: usize = 980;

/// Values in one text. No request needs a thousandth of it; without a bound, 10 MiB of `[[],[],…` are 300 MiB.
pub const MOST_VALUES: usize = 100_000;

/// Digits in one integer; more are a parse error there and here.
const LONGEST_INTEGER: usize = 4300;

/// One JSON value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// An integer of any size, as its digits: no leading zeros, no `-0`.
    Integer(String),
    /// A number with a fraction or an exponent, `NaN`, `Infinity`, `-Infinity`.
    Float(f64),
    /// Text. A lone surrogate becomes U+FFFD.
    Text(String),
    /// `[…]`
    List(Vec<Value>),
    /// `{…}`: of equal keys the last value at the first's place.
    Object(Vec<(String, Value)>),
}

/// Why a text is no JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum JsonError {
    /// The grammar was left.
    #[error("it is no JSON at byte {0}")]
    Syntax(usize),
    /// Not UTF-8.
    #[error("it is not UTF-8")]
    Encoding,
    /// More than [`DEEPEST`] levels.
    #[error("it is nested too deeply")]
    Depth,
    /// More than [`MOST_VALUES`] values.
    #[error("it holds too many values")]
    Size,
}

impl Value {
    /// The member of an object; `None` for other values.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Self::Object(members) => members.iter().find(|(k, _)| k == key).map(|(_, v)| v),
            Self::Null | Self::Bool(_) | Self::Integer(_) | Self::Float(_) | Self::Text(_) | Self::List(_) => None,
        }
    }
}

/// Reads UTF-8, with or without a byte order mark: the body of an HTTP request.
///
/// # Errors
/// [`JsonError`]
pub fn decode(bytes: &[u8]) -> Result<Value, JsonError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    parse(std::str::from_utf8(bytes).map_err(|_| JsonError::Encoding)?)
}

/// Reads one value with blanks around it and nothing else.
///
/// # Errors
/// [`JsonError`]
pub fn parse(text: &str) -> Result<Value, JsonError> {
    let mut reader = Reader { bytes: text.as_bytes(), text, at: 0, values: 0 };
    let value = reader.document()?;
    reader.blanks();
    if reader.at == reader.bytes.len() { Ok(value) } else { Err(JsonError::Syntax(reader.at)) }
}

/// Slices of `text` begin and end beside ASCII bytes that were just read, so they are on character boundaries.
struct Reader<'a> {
    bytes: &'a [u8],
    text: &'a str,
    at: usize,
    values: usize,
}

/// A container that is still open.
enum Open {
    List(Vec<Value>),
    Object { members: Vec<(String, Value)>, key: String },
}

impl Reader<'_> {
    fn document(&mut self) -> Result<Value, JsonError> {
        let mut open: Vec<Open> = Vec::new();
        loop {
            let mut value = match self.scalar_or_open()? {
                Ok(scalar) => scalar,
                Err(container) if open.len() < DEEPEST => {
                    open.push(container);
                    continue;
                }
                Err(_too_deep) => return Err(JsonError::Depth),
            };
            loop {
                match open.pop() {
                    None => return Ok(value),
                    Some(Open::List(mut list)) => {
                        list.push(value);
                        if self.another(b']')? {
                            open.push(Open::List(list));
                            break;
                        }
                        value = Value::List(list);
                    }
                    Some(Open::Object { mut members, key }) => {
                        members.push((key, value));
                        if self.another(b'}')? {
                            let key = self.key()?;
                            open.push(Open::Object { members, key });
                            break;
                        }
                        value = Value::Object(last_wins(members));
                    }
                }
            }
        }
    }

    /// A whole value (an empty container is one), or a container whose first element comes next.
    fn scalar_or_open(&mut self) -> Result<Result<Value, Open>, JsonError> {
        self.blanks();
        self.values += 1;
        if self.values > MOST_VALUES {
            return Err(JsonError::Size);
        }
        match self.peek() {
            Some(b'{') => {
                self.at += 1;
                self.blanks();
                if self.take(b"}") {
                    return Ok(Ok(Value::Object(Vec::new())));
                }
                Ok(Err(Open::Object { members: Vec::new(), key: self.key()? }))
            }
            Some(b'[') => {
                self.at += 1;
                self.blanks();
                if self.take(b"]") {
                    return Ok(Ok(Value::List(Vec::new())));
                }
                Ok(Err(Open::List(Vec::new())))
            }
            Some(b'"') => Ok(Ok(Value::Text(self.string()?))),
            Some(_) => self.word().map(Ok),
            None => Err(JsonError::Syntax(self.at)),
        }
    }

    fn word(&mut self) -> Result<Value, JsonError> {
        let words: [(&[u8], Value); 6] = [
            (b"null", Value::Null),
            (b"true", Value::Bool(true)),
            (b"false", Value::Bool(false)),
            (b"NaN", Value::Float(f64::NAN)),
            (b"Infinity", Value::Float(f64::INFINITY)),
            (b"-Infinity", Value::Float(f64::NEG_INFINITY)),
        ];
        for (word, value) in words {
            if self.take(word) {
                return Ok(value);
            }
        }
        self.number()
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let start = self.at;
        let negative = self.take(b"-");
        let digits = self.at;
        if !self.take(b"0") {
            self.digits()?;
        }
        let whole = &self.text[digits..self.at];
        let integer_end = self.at;
        // A dot or an exponent without digits is not part of the number, and so is what makes the text invalid.
        if self.take(b".") && self.digits().is_err() {
            return Err(JsonError::Syntax(self.at));
        }
        if self.take(b"e") || self.take(b"E") {
            let _signed = self.take(b"+") || self.take(b"-");
            self.digits()?;
        }
        if self.at == integer_end {
            if whole.len() > LONGEST_INTEGER {
                return Err(JsonError::Syntax(start));
            }
            let sign = if negative && whole != "0" { "-" } else { "" };
            return Ok(Value::Integer(format!("{sign}{whole}")));
        }
        self.text[start..self.at].parse().map(Value::Float).map_err(|_| JsonError::Syntax(start))
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(JsonError::Syntax(start)) }
    }

    fn string(&mut self) -> Result<String, JsonError> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let start = self.at;
            while self.peek().is_some_and(|b| b != b'"' && b != b'\\' && b >= 0x20) {
                self.at += 1;
            }
            // The run ends before an ASCII byte or at the end, so both are character boundaries.
            text.push_str(&self.text[start..self.at]);
            match self.next() {
                Some(b'"') => return Ok(text),
                Some(b'\\') => text.push(self.escape()?),
                Some(_) | None => return Err(JsonError::Syntax(self.at)),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        Ok(match self.next() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let unit = self.four_hex()?;
                let next = self.at;
                if (0xd800..0xdc00).contains(&unit) && self.take(b"\\u") {
                    let low = self.four_hex()?;
                    if (0xdc00..0xe000).contains(&low) {
                        let joined = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                        return Ok(char::from_u32(joined).unwrap_or(char::REPLACEMENT_CHARACTER));
                    }
                    self.at = next;
                }
                char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            Some(_) | None => return Err(JsonError::Syntax(self.at)),
        })
    }

    fn four_hex(&mut self) -> Result<u32, JsonError> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.next().and_then(|b| char::from(b).to_digit(16)).ok_or(JsonError::Syntax(self.at))?;
            unit = unit * 16 + digit;
        }
        Ok(unit)
    }

    /// A key with its colon.
    fn key(&mut self) -> Result<String, JsonError> {
        self.blanks();
        if self.peek() != Some(b'"') {
            return Err(JsonError::Syntax(self.at));
        }
        let key = self.string()?;
        self.blanks();
        if self.take(b":") { Ok(key) } else { Err(JsonError::Syntax(self.at)) }
    }

    /// After an element: true for a comma, false for the container's end.
    fn another(&mut self, end: u8) -> Result<bool, JsonError> {
        self.blanks();
        match self.next() {
            Some(b',') => Ok(true),
            Some(b) if b == end => Ok(false),
            Some(_) | None => Err(JsonError::Syntax(self.at)),
        }
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn take(&mut self, word: &[u8]) -> bool {
        let found = self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word));
        if found {
            self.at += word.len();
        }
        found
    }
}

fn last_wins(members: Vec<(String, Value)>) -> Vec<(String, Value)> {
    let mut places: HashMap<String, usize> = HashMap::with_capacity(members.len());
    let mut kept: Vec<(String, Value)> = Vec::with_capacity(members.len());
    for (key, value) in members {
        match places.get(&key).and_then(|place| kept.get_mut(*place)) {
            Some(earlier) => earlier.1 = value,
            None => {
                places.insert(key.clone(), kept.len());
                kept.push((key, value));
            }
        }
    }
    kept
}

/// Writes a value without blanks, in ASCII.
pub fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend(b"null"),
        Value::Bool(true) => out.extend(b"true"),
        Value::Bool(false) => out.extend(b"false"),
        Value::Integer(digits) => out.extend(digits.as_bytes()),
        Value::Float(number) if number.is_nan() => out.extend(b"NaN"),
        Value::Float(number) if number.is_infinite() => {
            out.extend(if *number > 0.0 { &b"Infinity"[..] } else { &b"-Infinity"[..] });
        }
        Value::Float(number) => out.extend(crate::python::float(*number).as_bytes()),
        Value::Text(text) => write_text(text, out),
        Value::List(list) => {
            out.push(b'[');
            for (i, element) in list.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write(element, out);
            }
            out.push(b']');
        }
        Value::Object(members) => {
            out.push(b'{');
            for (i, (key, member)) in members.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_text(key, out);
                out.push(b':');
                write(member, out);
            }
            out.push(b'}');
        }
    }
}

/// Writes a quoted text.
pub fn write_text(text: &str, out: &mut Vec<u8>) {
    out.extend(serialize(text));
}

/// The public shapes as bytes: no blanks, ASCII, floats as Python prints them.
#[must_use]
pub fn serialize<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut serializer = serde_json::Serializer::with_formatter(Vec::with_capacity(128), Ascii);
    match value.serialize(&mut serializer) {
        Ok(()) => serializer.into_inner(),
        Err(error) => {
            // Only a map whose keys are no text can fail, and none of the shapes has one.
            tracing::error!(%error, "an answer could not be written as JSON");
            b"null".to_vec()
        }
    }
}

struct Ascii;

impl serde_json::ser::Formatter for Ascii {
    fn write_f64<W: ?Sized + std::io::Write>(&mut self, writer: &mut W, value: f64) -> std::io::Result<()> {
        writer.write_all(crate::python::float(value).as_bytes())
    }

    fn write_string_fragment<W: ?Sized + std::io::Write>(&mut self, writer: &mut W, text: &str) -> std::io::Result<()> {
        let plain = |c: char| (' '..='~').contains(&c);
        if text.chars().all(plain) {
            return writer.write_all(text.as_bytes());
        }
        let mut units = [0_u16; 2];
        for c in text.chars() {
            if plain(c) {
                writer.write_all(c.encode_utf8(&mut [0; 4]).as_bytes())?;
            } else {
                for unit in c.encode_utf16(&mut units) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
