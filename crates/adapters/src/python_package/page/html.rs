//! The links of a page in HTML, as browsers and pip find them in whatever servers write.
//! Refuses to: build a tree. Only `a` and `base` are looked at.

use std::borrow::Cow;
use std::collections::BTreeMap;

use refit_model::python::choose::IndexFile;
use reqwest::Url;

use super::{PageError, leads_to, short};

/// Attributes of one tag that are looked at; more are read over.
const MOST_ATTRIBUTES: usize = 32;

/// Reads a page in HTML. `at` is its own address, after all redirects.
///
/// # Errors
/// [`PageError::NoFiles`]: such a page cannot be told from any other page of the web.
pub fn html(bytes: &[u8], at: &Url) -> Result<Vec<IndexFile>, PageError> {
    let text = String::from_utf8_lossy(bytes);
    let mut base = None;
    let mut files = Vec::new();
    let mut tags = Tags { rest: &text };
    while let Some(tag) = tags.next_tag() {
        if tag.name.eq_ignore_ascii_case("base") && base.is_none() {
            base = tag.attribute("href").and_then(|href| at.join(&href).ok());
        } else if tag.name.eq_ignore_ascii_case("a") {
            files.extend(linked(&tag, base.as_ref().unwrap_or(at)));
        }
    }
    if files.is_empty() { Err(PageError::NoFiles) } else { Ok(files) }
}

fn linked(tag: &Tag<'_>, base: &Url) -> Option<IndexFile> {
    let (mut url, filename) = leads_to(&tag.attribute("href")?, base)?;
    let hash = url.fragment().and_then(|text| text.split('&').find_map(|part| part.split_once('=')));
    let is_hash = |digest: &str| digest.len() >= 32 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    let hash = hash.filter(|(_, digest)| is_hash(digest)).map(|(name, digest)| (name.to_owned(), digest.to_owned()));
    url.set_fragment(None);
    let metadata = tag.attribute("data-core-metadata").or_else(|| tag.attribute("data-dist-info-metadata"));
    Some(IndexFile {
        filename,
        url: url.into(),
        hashes: BTreeMap::from_iter(hash),
        requires_python: tag.attribute("data-requires-python").map(|text| short(&text)),
        yanked: tag.attribute("data-yanked").map(|text| short(&text)),
        size: None,
        core_metadata: metadata.is_some_and(|mark| mark != "false"),
        upload_time: None,
    })
}

struct Tag<'a> {
    name: &'a str,
    attributes: Vec<(&'a str, &'a str)>,
}

impl Tag<'_> {
    /// The first attribute of this name, its entities resolved; empty for one without a value.
    fn attribute(&self, name: &str) -> Option<String> {
        let found = self.attributes.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| resolved(value).into_owned())
    }
}

/// What is still to be read.
struct Tags<'a> {
    rest: &'a str,
}

impl<'a> Tags<'a> {
    /// The next tag that begins something.
    fn next_tag(&mut self) -> Option<Tag<'a>> {
        loop {
            self.skip_past("<")?;
            if self.rest.starts_with("!--") {
                self.skip_past("-->")?;
            } else if self.rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
                let tag = self.tag();
                for raw in ["script", "style"] {
                    if tag.name.eq_ignore_ascii_case(raw) {
                        self.skip_to_end_of(raw);
                    }
                }
                return Some(tag);
            }
        }
    }

    fn skip_past(&mut self, what: &str) -> Option<()> {
        let (_, rest) = self.rest.split_once(what)?;
        self.rest = rest;
        Some(())
    }

    /// Nothing within is a tag.
    fn skip_to_end_of(&mut self, name: &str) {
        while self.skip_past("</").is_some() {
            let begins = self.rest.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name));
            if begins {
                return;
            }
        }
        self.rest = "";
    }

    fn tag(&mut self) -> Tag<'a> {
        let name = self.take_until(|c| c.is_whitespace() || c == '/' || c == '>');
        let mut attributes = Vec::new();
        loop {
            self.rest = self.rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
            if self.rest.is_empty() || self.rest.starts_with('>') {
                return Tag { name, attributes };
            }
            let attribute = self.attribute();
            if attributes.len() < MOST_ATTRIBUTES {
                attributes.push(attribute);
            }
        }
    }

    fn attribute(&mut self) -> (&'a str, &'a str) {
        // A name may begin with what ends one.
        let first = self.rest.chars().next().map_or(0, char::len_utf8);
        let after = self.rest.get(first..).unwrap_or_default();
        let end = after.find(|c: char| c.is_whitespace() || matches!(c, '/' | '>' | '=')).unwrap_or(after.len());
        let (name, rest) = self.rest.split_at_checked(first + end).unwrap_or((self.rest, ""));
        self.rest = rest;
        let Some(value) = rest.trim_start().strip_prefix('=') else { return (name, "") };
        self.rest = value.trim_start();
        for quote in ['"', '\''] {
            if let Some(quoted) = self.rest.strip_prefix(quote) {
                let (value, rest) = quoted.split_once(quote).unwrap_or((quoted, ""));
                self.rest = rest;
                return (name, value);
            }
        }
        (name, self.take_until(|c| c.is_whitespace() || c == '>'))
    }

    fn take_until(&mut self, is_end: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(is_end).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }
}

/// Entities replaced: those by number, and the names that addresses and specifiers need.
fn resolved(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let end = after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '#')).unwrap_or(after.len());
        let (name, then) = after.split_at_checked(end).unwrap_or((after, ""));
        match entity(name) {
            Some(c) => {
                out.push(c);
                rest = then.strip_prefix(';').unwrap_or(then);
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let number = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(number);
    }
    Some(match name {
        "amp" | "AMP" => '&',
        "lt" | "LT" => '<',
        "gt" | "GT" => '>',
        "quot" | "QUOT" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        "num" => '#',
        "percnt" => '%',
        "plus" => '+',
        "equals" => '=',
        "excl" => '!',
        "period" => '.',
        "sol" => '/',
        "colon" => ':',
        "comma" => ',',
        "lowbar" => '_',
        _ => return None,
    })
}
