//! Where a request's arguments come from: query, form and JSON body, merged and converted (CONTRACT §1.1), and the
//! getters that methods read them with. A body that cannot be understood is refused (CONTRACT §8 row 1): a request
//! without `name` means "update everything", and a typing error must not mean that.
//! Refuses to: know methods or files; everything here is bytes in, values out, and never panics.

use thiserror::Error;

use crate::json::{self, Value};
use crate::python;

/// Never reach a method when they come from a query or a form.
const TRANSPORT_KEYS: [&str; 4] = ["_", "token", "access_token", "connection_id"];

/// Why arguments cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ArgumentError {
    /// A required argument is absent.
    #[error("No data for argument: {0}")]
    Missing(&'static str),
    /// Neither a boolean nor `true` or `false`.
    #[error("Unable to convert argument [{key}] to <class 'bool'>: value received: {value}")]
    NotBoolean {
        /// The argument.
        key: &'static str,
        /// Its value as Python prints it.
        value: String,
    },
    /// Not a number of the wanted range.
    #[error("argument '{key}' must be a number from 1 to {most}, not '{value}'")]
    NotCount {
        /// The argument.
        key: &'static str,
        /// The greatest that is taken.
        most: usize,
        /// Its value as Python prints it.
        value: String,
    },
    /// A value outside a closed set (own methods only).
    #[error("argument '{key}' must be one of {choices}, not '{value}'")]
    NotAChoice {
        /// The argument.
        key: &'static str,
        /// What is taken.
        choices: &'static str,
        /// Its value as Python prints it.
        value: String,
    },
    /// `application/json` that is none, or no object.
    #[error("The body is not usable: {0}. Send one JSON object, as in {{\"name\": \"klipper\"}}, or no body at all")]
    BodyNotAnObject(String),
    /// A form that is none: JSON sent as curl does by default, or bare text.
    #[error(
        "The body is not a form. To send JSON, set the header Content-Type: application/json; a form looks like \
         name=klipper"
    )]
    BodyNotAForm,
    /// A multipart body whose parts cannot be found.
    #[error("The multipart body cannot be read. Send a JSON object with Content-Type: application/json instead")]
    BodyNotMultipart,
    /// A type that nothing here reads.
    #[error("The body's type is not supported. Send a JSON object with Content-Type: application/json")]
    BodyType,
    /// A query that is not UTF-8.
    #[error("The query is not UTF-8")]
    QueryEncoding,
}

/// Arguments by key, each key once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Arguments {
    pairs: Vec<(String, Value)>,
}

impl Arguments {
    /// The members of a JSON object, unconverted: `params` of JSON-RPC.
    #[must_use]
    pub fn from_object(pairs: Vec<(String, Value)>) -> Self {
        Self { pairs }
    }

    /// The value of a key, as it came.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.pairs.iter().find(|(k, _)| k == key).map(|(_, v)| v)
    }

    /// A text argument; other JSON values become what Python's `str()` makes of them, null included.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<String> {
        self.get(key).map(python::text)
    }

    /// A text argument that must be there.
    ///
    /// # Errors
    /// [`ArgumentError::Missing`]
    pub fn required_text(&self, key: &'static str) -> Result<String, ArgumentError> {
        self.text(key).ok_or(ArgumentError::Missing(key))
    }

    /// A boolean argument, false when absent: a JSON boolean, or `true` or `false` in any case.
    ///
    /// # Errors
    /// [`ArgumentError::NotBoolean`]
    pub fn flag(&self, key: &'static str) -> Result<bool, ArgumentError> {
        match self.get(key) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(Value::Text(text)) if text.eq_ignore_ascii_case("true") => Ok(true),
            Some(Value::Text(text)) if text.eq_ignore_ascii_case("false") => Ok(false),
            Some(other) => Err(ArgumentError::NotBoolean { key, value: python::text(other) }),
        }
    }

    /// A number from 1 to `most`, or `absent` without one.
    ///
    /// # Errors
    /// [`ArgumentError::NotCount`]
    pub fn count(&self, key: &'static str, absent: usize, most: usize) -> Result<usize, ArgumentError> {
        let Some(value) = self.text(key) else { return Ok(absent) };
        match value.parse() {
            Ok(count) if (1..=most).contains(&count) => Ok(count),
            Ok(_) | Err(_) => Err(ArgumentError::NotCount { key, most, value }),
        }
    }

    fn set(&mut self, key: &str, value: Value) {
        match self.pairs.iter_mut().find(|(k, _)| k == key) {
            Some(earlier) => earlier.1 = value,
            None => self.pairs.push((key.to_owned(), value)),
        }
    }
}

/// What a request brought, split but not converted: credentials can be read from it before anything else is judged.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Brought<'a> {
    /// Query first, then form: keys in the order of their first appearance, each with its last value.
    pairs: Vec<(String, Vec<u8>)>,
    json: Option<&'a [u8]>,
    complaint: Option<ArgumentError>,
}

/// Splits query and body. `content_type` is the header's value, empty when absent.
#[must_use]
pub fn brought<'a>(query: &[u8], content_type: &str, body: &'a [u8]) -> Brought<'a> {
    let mut brought = Brought::default();
    for (key, value) in form_pairs(query) {
        brought.add(key, value);
    }
    if content_type.starts_with("application/json") {
        brought.json = (!body.is_empty()).then_some(body);
    } else if content_type.starts_with("application/x-www-form-urlencoded") {
        if looks_like_no_form(body) {
            brought.complaint = Some(ArgumentError::BodyNotAForm);
        } else {
            for (key, value) in form_pairs(body) {
                brought.add(key, value);
            }
        }
    } else if content_type.starts_with("multipart/form-data") {
        match crate::multipart::fields(content_type, body) {
            Some(fields) => fields.into_iter().for_each(|(key, value)| brought.add(key, value)),
            None => brought.complaint = (!body.is_empty()).then_some(ArgumentError::BodyNotMultipart),
        }
    } else if !body.is_empty() {
        brought.complaint = Some(ArgumentError::BodyType);
    }
    brought
}

impl Brought<'_> {
    fn add(&mut self, key: String, value: Vec<u8>) {
        // A request with thousands of keys is none of ours; without a bound the search is quadratic.
        let room = self.pairs.len() < 1000;
        match self.pairs.iter_mut().find(|(k, _)| *k == key) {
            Some(earlier) => earlier.1 = value,
            None if room => self.pairs.push((key, value)),
            None => {}
        }
    }

    /// A credential of query or form, as text.
    #[must_use]
    pub fn credential(&self, key: &str) -> Option<String> {
        let (_, value) = self.pairs.iter().find(|(k, _)| k == key)?;
        std::str::from_utf8(value).ok().map(clean)
    }

    /// Converts by the hints of the keys, and merges a JSON body on top.
    ///
    /// # Errors
    /// The first thing that cannot be understood; then the request must not be done.
    pub fn arguments(&self) -> Result<Arguments, ArgumentError> {
        if let Some(complaint) = &self.complaint {
            return Err(complaint.clone());
        }
        let mut arguments = Arguments::default();
        for (key, value) in &self.pairs {
            if TRANSPORT_KEYS.contains(&key.as_str()) {
                continue;
            }
            let text = clean(std::str::from_utf8(value).map_err(|_| ArgumentError::QueryEncoding)?);
            match key.rsplit_once(':') {
                Some((key, hint)) => arguments.set(key, hinted(hint, text)),
                None => arguments.set(key, Value::Text(text)),
            }
        }
        if let Some(body) = self.json {
            match json::decode(body) {
                Ok(Value::Object(members)) => {
                    for (key, value) in members {
                        arguments.set(&key, value);
                    }
                }
                Ok(_) => return Err(ArgumentError::BodyNotAnObject("it is no JSON object".to_owned())),
                Err(error) => return Err(ArgumentError::BodyNotAnObject(error.to_string())),
            }
        }
        Ok(arguments)
    }
}

/// Control characters become blanks, blanks around the value go.
fn clean(text: &str) -> String {
    let blank = |c: char| matches!(c, '\0'..='\u{8}' | '\u{e}'..='\u{1f}');
    text.replace(blank, " ").trim().to_owned()
}

/// JSON sent as a form (curl's default), or text without a single `=`.
fn looks_like_no_form(body: &[u8]) -> bool {
    let body = body.trim_ascii();
    !body.is_empty()
        && (body.starts_with(b"{") || body.starts_with(b"[") || body.starts_with(b"\"") || !body.contains(&b'='))
}

/// Pairs of `a=b&c=d`; a key without `=` has an empty value.
fn form_pairs(text: &[u8]) -> impl Iterator<Item = (String, Vec<u8>)> + '_ {
    text.split(|b| *b == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (key, value) = match pair.iter().position(|b| *b == b'=') {
            Some(at) => (pair.get(..at).unwrap_or_default(), pair.get(at + 1..).unwrap_or_default()),
            None => (pair, &b""[..]),
        };
        (String::from_utf8_lossy(&percent_decoded(key)).into_owned(), percent_decoded(value))
    })
}

/// `+` is a blank; a `%` that is not followed by two digits stays.
fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match (first, after) {
            (b'+', _) => out.push(b' '),
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    out.push(high * 16 + low);
                    rest = after;
                }
                (Some(_) | None, _) => out.push(b'%'),
            },
            (byte, _) => out.push(*byte),
        }
    }
    out
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Converts by a type hint; what cannot be converted stays text.
fn hinted(hint: &str, text: String) -> Value {
    match hint {
        "int" => integer(&text).map_or(Value::Text(text), Value::Integer),
        "float" => float(&text).map_or(Value::Text(text), Value::Float),
        "bool" => Value::Bool(text.eq_ignore_ascii_case("true")),
        "json" => json::parse(&text).unwrap_or(Value::Text(text)),
        _unknown => Value::Text(text),
    }
}

/// Python's `int()`: a sign, digits, single underscores between digits. Gives the digits as Python prints them.
fn integer(text: &str) -> Option<String> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = without_underscores(digits)?;
    if digits.is_empty() || digits.len() > 4300 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits = digits.trim_start_matches('0');
    Some(if digits.is_empty() { "0".to_owned() } else { format!("{sign}{digits}") })
}

/// Python's `float()`; the words are the same as Rust's.
fn float(text: &str) -> Option<f64> {
    without_underscores(text)?.parse().ok()
}

fn without_underscores(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let lawful = |at: usize| digit(at.checked_sub(1)) && digit(at.checked_add(1));
    bytes.iter().enumerate().all(|(at, b)| *b != b'_' || lawful(at)).then(|| text.replace('_', ""))
}

#[cfg(test)]
#[path = "arguments_tests.rs"]
mod tests;
