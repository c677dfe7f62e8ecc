//! Versions of distributions as the status shows them (CONTRACT §3.4): the tag's part, and the number of commits after it.
//! Refuses to: compare; `crate::python::version` does.

use crate::python::version;

/// A version, in the parts that are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// `2.1.0`, `1.2.3-5`: without epoch and local part, `.devN` as a count where it is not zero.
    pub text: String,
    /// The local part says that the repository was modified when this was built: `g1a2b3c4.dirty`, `g1a2b3c4.d20260101`.
    pub is_dirty: bool,
}

/// Takes a version apart. None for what PEP 440 does not call a version.
#[must_use]
pub fn shown(text: &str) -> Option<Shown> {
    let text = text.trim();
    let parsed = version::parse(text)?;
    let after_epoch = text.split_once('!').map_or(text, |(_, after)| after);
    let (public, local) = after_epoch.split_once('+').unwrap_or((after_epoch, ""));
    let tag = match public.to_ascii_lowercase().rfind("dev") {
        Some(at) => public.get(..at).unwrap_or(public).trim_end_matches(['.', '-', '_']),
        None => public,
    };
    let text = match parsed.dev() {
        Some(count @ 1..) => format!("{tag}-{count}"),
        Some(0) | None => tag.to_owned(),
    };
    Some(Shown { text, is_dirty: is_dirty(local) })
}

/// The version that is shown for a commit, made up from the installed one: after `1.2.0.dev1` comes `1.2.0.dev2`, and after
/// a release the first commit towards the next patch, `v1.0.1.dev1` (observed in Moonraker).
#[must_use]
pub fn version_of_commit(installed: Option<&str>, commit: &str) -> String {
    let short = commit.get(..8).unwrap_or(commit);
    let parsed = installed.and_then(version::parse);
    let release = parsed.as_ref().map(version::Version::release).map(<[u64]>::to_vec).unwrap_or_default();
    let numbers = |release: &[u64]| release.iter().map(u64::to_string).collect::<Vec<_>>().join(".");
    if let Some(count @ 1..) = parsed.as_ref().and_then(version::Version::dev) {
        return format!("{}.dev{}+g{short}", numbers(&release), count.saturating_add(1));
    }
    let part = |at: usize| release.get(at).copied().unwrap_or_default();
    format!("v{}.{}.{}.dev1+g{short}", part(0), part(1), part(2).saturating_add(1))
}

fn is_dirty(local: &str) -> bool {
    let Some((hash, mark)) = local.split_once('.') else { return false };
    let is_hash = hash.strip_prefix('g').is_some_and(|hex| !hex.is_empty() && is_hex(hex));
    let is_date = |mark: &str| mark.strip_prefix('d').is_some_and(|date| date.bytes().all(|b| b.is_ascii_digit()));
    is_hash && (mark == "dirty" || is_date(mark))
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_shown_as_moonraker_shows_them() {
        for (text, want) in [
            ("1.0.0", "1.0.0"),
            ("1.0.0.post1", "1.0.0.post1"),
            ("1!2.0", "2.0"),
            ("1.2.3.dev5+gabcdef0", "1.2.3-5"),
            ("1.2.3.dev0", "1.2.3"),
            ("1.0a1", "1.0a1"),
            ("1.0.0rc2", "1.0.0rc2"),
            ("1.0.0.post3.dev2", "1.0.0.post3-2"),
            ("1.0a1.dev4", "1.0a1-4"),
            ("1.0.0.post0.dev3+g1a2b3c4", "1.0.0.post0-3"),
            ("v1.0.0", "v1.0.0"),
            ("01.02.03", "01.02.03"),
            ("1.0.0-alpha.1", "1.0.0-alpha.1"),
            ("1.0.0-1", "1.0.0-1"),
            ("2026.01.3", "2026.01.3"),
        ] {
            assert_eq!(shown(text).map(|shown| shown.text).as_deref(), Some(want), "{text}");
        }
        for text in ["1.0-banana", "unknown", "1.0.0-0-g1a2b3c4d", ""] {
            assert_eq!(shown(text), None, "{text}");
        }
    }

    #[test]
    fn a_commit_gets_the_version_after_the_installed_one() {
        for (installed, want) in [
            (Some("1.0.0"), "v1.0.1.dev1+g0123abcd"),
            (Some("3.0.0"), "v3.0.1.dev1+g0123abcd"),
            (Some("0.9"), "v0.9.1.dev1+g0123abcd"),
            (Some("1.2.0.dev1+gfedcba98"), "1.2.0.dev2+g0123abcd"),
            (Some("1.2.0.dev0"), "v1.2.1.dev1+g0123abcd"),
            (None, "v0.0.1.dev1+g0123abcd"),
        ] {
            assert_eq!(version_of_commit(installed, "0123abcdef0123abcdef"), want, "{installed:?}");
        }
        assert_eq!(shown("v1.0.1.dev1+g0123abcd").map(|shown| shown.text).as_deref(), Some("v1.0.1-1"));
        assert_eq!(shown("1.2.0.dev2+g0123abcd").map(|shown| shown.text).as_deref(), Some("1.2.0-2"));
    }

    #[test]
    fn a_modified_repository_shows_in_the_local_part() {
        for (text, want) in [
            ("1.0.0+g1a2b3c4", false),
            ("1.0.0+g1a2b3c4.dirty", true),
            ("1.0.0+g1a2b3c4.d20260101", true),
            ("1.0.0+ubuntu1", false),
            ("1.0.0+d20260101", false),
        ] {
            assert_eq!(shown(text).map(|shown| shown.is_dirty), Some(want), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[0-9.!+a-z-]{0,12}(dev)?[0-9.!+a-z-]{0,8}|\\PC{0,20}") {
            let _ = shown(&text);
        }
    }
}
