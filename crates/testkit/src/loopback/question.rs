//! One request, taken apart, and the answer to it before it goes out. Pure.

use hyper::body::Bytes;
use hyper::header::HOST;
use hyper::{HeaderMap, Uri};
use serde_json::{Value, json};

use crate::releases::sha256_hex;

/// What is asked.
#[derive(Debug)]
pub(crate) struct Question {
    /// The decoded parts of the path.
    pub(crate) path: Vec<String>,
    /// Whether a slash ends the path.
    pub(crate) is_folder: bool,
    pub(crate) query: String,
    /// The name and the port that were asked for.
    pub(crate) host: String,
    pub(crate) headers: HeaderMap,
    /// Whether entity tags are others than they were.
    pub(crate) other_etags: bool,
}

/// What is answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    /// Where the file is counted, when the body is of one: `owner/repo/tag/file`.
    pub(crate) asset: Option<String>,
}

impl Question {
    pub(crate) fn new(uri: &Uri, headers: HeaderMap) -> Self {
        let path = uri.path().split('/').filter(|part| !part.is_empty()).map(decoded).collect();
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).or(uri.host()).unwrap_or_default().to_owned();
        let query = uri.query().unwrap_or_default().to_owned();
        Self { path, is_folder: uri.path().ends_with('/'), query, host, headers, other_etags: false }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The first value of this name in the query.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(known, _)| *known == name).map(|(_, value)| decoded(value))
    }

    /// The token of an `Authorization` header with one of these schemes. A header of another kind is nobody's token.
    pub(crate) fn token(&self, schemes: &[&str]) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ').unwrap_or_default();
        Some(if schemes.iter().any(|known| known.eq_ignore_ascii_case(scheme)) { token.trim() } else { "" })
    }

    /// Whether the client has what carries this entity tag, by `If-None-Match`.
    pub(crate) fn has(&self, etag: &str) -> bool {
        let plain = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        let known = self.header("if-none-match").unwrap_or_default();
        known.trim() == "*" || known.split(',').any(|tag| plain(tag) == plain(etag))
    }
}

impl Answer {
    pub(crate) fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), asset: None }
    }

    pub(crate) fn json(status: u16, value: &Value) -> Self {
        Self::new(status, value.to_string()).with("Content-Type", "application/json; charset=utf-8")
    }

    /// A JSON object with nothing but a message.
    pub(crate) fn message(status: u16, message: &str) -> Self {
        Self::json(status, &json!({ "message": message }))
    }

    pub(crate) fn redirect(status: u16, to: &str) -> Self {
        Self::new(status, "").with("Location", to)
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// With the weak entity tag of its body; 304 without a body when the client has it already.
    pub(crate) fn tagged(self, question: &Question) -> Self {
        if self.status != 200 {
            return self;
        }
        let salt: &[u8] = if question.other_etags { b"other" } else { b"" };
        let etag = format!("W/\"{}\"", sha256_hex(&[&self.body[..], salt].concat()));
        let mut answer = self.with("ETag", etag.clone());
        if question.has(&etag) {
            answer.status = 304;
            answer.body = Bytes::new();
        }
        answer
    }
}

/// Percent-decodes; what is no encoding stays as it is.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| bytes[at] == b'%') {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Percent-encodes everything that is not plain in a path's part.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~+".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_encoding_goes_there_and_back() {
        for text in ["plain-1.0_x~", "owner/repo", "späß %41", "100%"] {
            assert_eq!(decoded(&encoded(text)), text);
        }
        assert_eq!(encoded("a/b c"), "a%2Fb%20c");
        assert_eq!(decoded("%zz%4"), "%zz%4");
    }
}
