//! Versions of Python projects (PEP 440): parsed and ordered by `pep440_rs`, which agrees with `packaging` in both.
//! Refuses to: order what is no PEP 440 version; pip has stopped installing such releases.

use std::str::FromStr as _;

pub use pep440_rs::Version;

/// Parses a version in any spelling that PEP 440 allows (`v1.0-Alpha.1` is `1.0a1`); none for what is not one, and for
/// numbers beyond 64 bits.
#[must_use]
pub fn parse(text: &str) -> Option<Version> {
    Version::from_str(text.trim()).ok()
}

/// The version without what follows a `+`: what an index publishes.
#[must_use]
pub fn public(version: &Version) -> Version {
    version.clone().without_local()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_are_normalised() {
        for (text, want) in [
            ("1.0", "1.0"),
            (" v1.0-Alpha.1 ", "1.0a1"),
            ("1!2.0c3.post4.dev5+Ubuntu-1_x", "1!2.0rc3.post4.dev5+ubuntu.1.x"),
            ("1.0-1", "1.0.post1"),
            ("2024.01.05", "2024.1.5"),
        ] {
            assert_eq!(parse(text).map(|version| version.to_string()).as_deref(), Some(want), "{text}");
        }
    }

    #[test]
    fn what_pep_440_does_not_know_is_no_version() {
        for text in ["", "2004d", "dev", "1.0.*", "1..0", "1.0-", "99999999999999999999", "1.0+", "1 0", "1.0a1b2"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_version_is_read_back_as_it_was_written(text in "v?([0-9]!)?[0-9.]{1,6}([-_.]?(a|rc|post|dev)[0-9]?){0,3}(\\+[a-z0-9.]{1,4})?|\\PC*") {
            if let Some(version) = parse(&text) {
                proptest::prop_assert_eq!(parse(&version.to_string()), Some(version));
            }
        }
    }
}
