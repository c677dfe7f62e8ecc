//! Versions as `git describe` writes them: parsing, the short form, the ordering, and the guesses for what has no tag
//! (CONTRACT §3.2.1; details observed on a running Moonraker 0.11.0).
//! Refuses to: run git, or to take a bare hash for a version (CONTRACT §8 row 11).

use std::cmp::Ordering;
use std::fmt::Write as _;

/// Before the final release, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PreRelease {
    /// `a`, `alpha`.
    Alpha,
    /// `b`, `beta`.
    Beta,
    /// `c`, `rc`, `pre`, `preview`.
    Candidate,
}

/// A version: a tag, and how many commits after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The tag as written, `v1.2.0-beta.1`.
    pub tag: String,
    /// Its numbers, at least one.
    pub release: Vec<u64>,
    /// What it is before the final release, with its number.
    pub pre: Option<(PreRelease, Option<u64>)>,
    /// Commits after the tag.
    pub count: u64,
    /// The hash that follows `-g`.
    pub hash: Option<String>,
    /// The text says that the work tree was modified.
    pub dirty: bool,
    /// The text says that the tag is a guess.
    pub inferred: bool,
}

/// The words for a pre-release, longer ones before those that they begin with.
const WORDS: [(&str, PreRelease); 8] = [
    ("alpha", PreRelease::Alpha),
    ("beta", PreRelease::Beta),
    ("preview", PreRelease::Candidate),
    ("pre", PreRelease::Candidate),
    ("rc", PreRelease::Candidate),
    ("a", PreRelease::Alpha),
    ("b", PreRelease::Beta),
    ("c", PreRelease::Candidate),
];

impl Version {
    /// Parses what `git describe --long` says of a commit that has a tag before it: `v0.12.0-5-g18f4616c`, also with
    /// `-dirty`, `-inferred` or `-shallow` at its end. None for a bare hash and for tags that are no versions.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let inferred = text.ends_with("-inferred");
        let text = text.strip_suffix("-inferred").or(text.strip_suffix("-shallow")).unwrap_or(text);
        let dirty = text.ends_with("-dirty");
        let text = text.strip_suffix("-dirty").unwrap_or(text);
        let (text, hash) = match text.rsplit_once("-g") {
            Some((before, hash)) if is_hex(hash) => (before, Some(hash.to_owned())),
            Some(_) | None => (text, None),
        };
        let counted = text.rsplit_once('-').and_then(|(tag, count)| Some((Self::of_tag(tag)?, number(count)?)));
        // A hash always follows a count; without one the text could be a bare hash.
        match (counted, hash) {
            (Some((version, count)), hash) => Some(Self { count, hash, dirty, inferred, ..version }),
            (None, _) => None,
        }
    }

    /// Parses the name of a tag: nothing after it.
    #[must_use]
    pub fn of_tag(tag: &str) -> Option<Self> {
        let bare = tag.strip_prefix(['v', 'V']).unwrap_or(tag);
        let end = bare.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(bare.len());
        let (numbers, rest) = bare.split_at(end);
        // The dot may belong to what follows: `1.0.0.rc1`.
        let (numbers, rest) = match numbers.strip_suffix('.') {
            Some(shorter) if !rest.is_empty() => (shorter, rest),
            Some(_) | None => (numbers, rest),
        };
        let release = numbers.split('.').map(number).collect::<Option<Vec<_>>>()?;
        let pre = if rest.is_empty() { None } else { Some(pre_release(rest)?) };
        Some(Self { tag: tag.to_owned(), release, pre, count: 0, hash: None, dirty: false, inferred: false })
    }

    /// The short form, `v0.12.0-5`: always with the count.
    #[must_use]
    pub fn short(&self) -> String {
        format!("{}-{}", self.tag, self.count)
    }

    /// Neither alpha, beta nor candidate.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.pre.is_none()
    }

    /// An alpha release, which the beta channel does not offer.
    #[must_use]
    pub fn is_alpha(&self) -> bool {
        matches!(self.pre, Some((PreRelease::Alpha, _)))
    }

    /// The tag before this one as far as numbers tell: the last number that is not zero, less one.
    #[must_use]
    pub fn previous_tag(&self) -> String {
        let dotted = |release: &[u64]| release.iter().map(u64::to_string).collect::<Vec<_>>().join(".");
        if let Some((pre, Some(n @ 1..))) = self.pre {
            let word = match pre {
                PreRelease::Alpha => "a",
                PreRelease::Beta => "b",
                PreRelease::Candidate => "rc",
            };
            return format!("{}.{word}{}", dotted(&self.release), n - 1);
        }
        let mut release = self.release.clone();
        if let Some(last) = release.iter_mut().rev().find(|n| **n > 0) {
            *last -= 1;
        }
        format!("v{}", dotted(&release))
    }
}

/// What is said of a commit that no version describes: `v0.0.0-42-g18f4616c-inferred`.
#[must_use]
pub fn inferred(tag: &str, count: u64, hash: Option<&str>) -> String {
    let mut text = format!("{tag}-{count}");
    if let Some(hash) = hash {
        // Writing to a text cannot fail.
        let _fine = write!(text, "-g{hash}");
    }
    text + "-inferred"
}

impl PartialOrd for Version {
    /// Numbers first (`v1.0` < `v1.0.0`), then alpha < beta < candidate < final, then the count.
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let rank = |version: &Self| match version.pre {
            Some((pre, n)) => (0, Some(pre), n.unwrap_or(0)),
            None => (1, None, 0),
        };
        let ordering = self
            .release
            .cmp(&other.release)
            .then_with(|| rank(self).cmp(&rank(other)))
            .then_with(|| self.count.cmp(&other.count));
        Some(ordering)
    }
}

fn pre_release(text: &str) -> Option<(PreRelease, Option<u64>)> {
    let text = text.strip_prefix(['-', '_', '.']).unwrap_or(text).to_ascii_lowercase();
    let (word, pre) = WORDS.into_iter().find(|(word, _)| text.starts_with(word))?;
    let rest = text.strip_prefix(word)?;
    if rest.is_empty() {
        return Some((pre, None));
    }
    Some((pre, Some(number(rest.strip_prefix(['-', '_', '.']).unwrap_or(rest))?)))
}

fn number(digits: &str) -> Option<u64> {
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short(text: &str) -> Option<String> {
        Version::parse(text).map(|version| version.short())
    }

    #[test]
    fn the_short_form_is_the_tag_as_written_and_the_count() {
        for (text, want) in [
            ("v0.12.0-5-g18f4616c", "v0.12.0-5"),
            ("v1.0.0-0-g7723215c-dirty", "v1.0.0-0"),
            ("v1.2.0b1-0-g007a7fb4", "v1.2.0b1-0"),
            ("v1.2.0-beta-7-0-g007a7fb4", "v1.2.0-beta-7-0"),
            ("v1.2.0_alpha_2-0-g007a7fb4", "v1.2.0_alpha_2-0"),
            ("V1.2-3-g007a7fb4", "V1.2-3"),
            ("v01.002-0-g007a7fb4", "v01.002-0"),
            ("1-0-g007a7fb4", "1-0"),
            ("1.0.0.rc1-4-g007a7fb4-inferred", "1.0.0.rc1-4"),
            ("v0.0.0-6-inferred", "v0.0.0-6"),
        ] {
            assert_eq!(short(text).as_deref(), Some(want), "{text}");
        }
    }

    #[test]
    fn what_is_no_version_is_not_taken_for_one() {
        for text in [
            "7723215c",
            "77232151",
            "release-1.0-3-g18f4616c",
            "v1.2.0-3-0-g007a7fb4",
            "v1.2.0.post1-0-g007a7fb4",
            "v1.2-dirty-0-g007a7fb4",
            "build-7-0-g007a7fb4",
            "",
            "-",
            "v",
            "v-0-gab",
            ".-0-gab",
            "v1..2-0-gab",
            "v1.-0-gab",
            "v99999999999999999999-0-gab",
            "v1.0-ga-0-gab",
        ] {
            assert_eq!(short(text), None, "{text}");
        }
    }

    #[test]
    fn marks_are_read() {
        let version = Version::parse("v1.2.0rc3-7-gabcdef01-dirty-inferred").unwrap();
        assert_eq!(version.pre, Some((PreRelease::Candidate, Some(3))));
        assert_eq!((version.count, version.hash.as_deref()), (7, Some("abcdef01")));
        assert!(version.dirty && version.inferred && !version.is_final() && !version.is_alpha());
        assert!(Version::of_tag("v1.0.0-alpha").unwrap().is_alpha());
    }

    #[test]
    fn versions_are_ordered() {
        let order = [
            "v0.9-0-ga",
            "v1.0-0-ga",
            "v1.0.0a-0-ga",
            "v1.0.0alpha2-0-ga",
            "v1.0.0-beta.1-0-ga",
            "v1.0.0rc1-0-ga",
            "v1.0.0-0-ga",
            "v1.0.0-3-ga",
            "v1.0.1-0-ga",
            "v1.0.10-0-ga",
        ];
        let parsed: Vec<_> = order.iter().map(|text| Version::parse(text).unwrap()).collect();
        for pair in parsed.windows(2) {
            assert!(pair[0] < pair[1], "{} < {}", pair[0].tag, pair[1].tag);
        }
    }

    #[test]
    fn the_tag_before_is_guessed() {
        for (tag, want) in [
            ("v1.1.0", "v1.0.0"),
            ("v2.0.0", "v1.0.0"),
            ("v1.2.3", "v1.2.2"),
            ("v1.0.10", "v1.0.9"),
            ("1.4", "v1.3"),
            ("v3", "v2"),
            ("v0.0.0", "v0.0.0"),
            ("v1.0.0rc2", "1.0.0.rc1"),
            ("v1.0.0rc1", "1.0.0.rc0"),
            ("v1.2.0-beta.3", "1.2.0.b2"),
            ("v1.0.0-alpha", "v0.0.0"),
            ("v1.0.0a0", "v0.0.0"),
        ] {
            assert_eq!(Version::of_tag(tag).unwrap().previous_tag(), want, "{tag}");
        }
        assert_eq!(inferred("v0.0.0", 4, Some("007a7fb4")), "v0.0.0-4-g007a7fb4-inferred");
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[v0-9.a-g_-]*|\\PC*") {
            if let Some(version) = Version::parse(&text) {
                let _ = (version.short(), version.previous_tag());
            }
        }
    }
}
