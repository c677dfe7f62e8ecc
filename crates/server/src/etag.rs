//! Entity tags: the quoted SHA-1 of the body in hexadecimal digits, as clients have seen them (CONTRACT §1.2).
//! Refuses to: take a tag for more than a name of these bytes; nothing here is a signature.

use sha1::{Digest, Sha1};

/// The tag of a body.
#[must_use]
pub fn of(body: &[u8]) -> String {
    format!("\"{}\"", data_encoding::HEXLOWER.encode(&Sha1::digest(body)))
}

/// Whether an `If-None-Match` header names the tag: `*`, or a list with or without the weak mark.
#[must_use]
pub fn is_named(tag: &str, if_none_match: &str) -> bool {
    if_none_match.trim() == "*"
        || if_none_match.split(',').map(str::trim).any(|named| named.strip_prefix("W/").unwrap_or(named) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_is_the_digest() {
        // The tag a running server of the other kind gave for this body.
        let body = br#"{"result":{"default_source":"moonraker","available_sources":["moonraker"],"login_required":false,"trusted":true}}"#;
        assert_eq!(of(body), "\"23027bf810958f032fa552fbb274a3b86ff32b34\"");
    }

    #[test]
    fn lists_weak_marks_and_stars_match() {
        for named in ["\"a\"", "*", "\"x\", W/\"a\"", " \"a\" "] {
            assert!(is_named("\"a\"", named), "{named}");
        }
        assert!(!is_named("\"a\"", "\"b\", a"));
    }
}
