//! The name of an entry and the target of a link: bytes that a stranger chose, judged before anything is made of them.
//! Refuses to: repair a name. What one tool repairs another reads differently, and that is how archives escape.

use super::refusal::Reason;

/// The longest part of a path that Linux file systems take, in bytes.
const PART: usize = 255;

/// The longest path, in bytes: well below the kernel's limit, with room for where the stage is.
pub(super) const PATH: usize = 1024;

/// Folders above an entry, at most.
const DEPTH: usize = 32;

/// A name that stays inside, whatever it is joined to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    /// Relative, with `/` between its parts and none at the end.
    pub(super) path: String,
    /// It ended in `/`.
    pub(super) is_folder: bool,
}

/// The folders above `path`, the outermost first, each with its whole path.
pub(super) fn folders_above(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| path.get(..at).unwrap_or(path))
}

/// The folder that holds `path`, empty for the top, and the last part.
pub(super) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// Judges the bytes of a name.
pub(super) fn judge(raw: &[u8]) -> Result<Name, Reason> {
    let text = std::str::from_utf8(raw).map_err(|_not_text| Reason::NotUtf8)?;
    if text.is_empty() {
        return Err(Reason::EmptyName);
    }
    if text.chars().any(char::is_control) {
        return Err(Reason::ControlCharacter);
    }
    if text.contains('\\') {
        return Err(Reason::Backslash);
    }
    if text.starts_with('/') {
        return Err(Reason::Absolute);
    }
    if matches!(text.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic()) {
        return Err(Reason::DriveLetter);
    }
    if text.len() > PATH {
        return Err(Reason::LongPath(PATH));
    }
    let (path, is_folder) = text.strip_suffix('/').map_or((text, false), |path| (path, true));
    for part in path.split('/') {
        match part {
            "" => return Err(Reason::EmptyName),
            "." | ".." => return Err(Reason::Dots),
            long if long.len() > PART => return Err(Reason::LongPart),
            _fine => {}
        }
    }
    if folders_above(path).count() > DEPTH {
        return Err(Reason::Deep(DEPTH));
    }
    Ok(Name { path: path.to_owned(), is_folder })
}

/// Judges where the symbolic link at `path` leads, given that every folder above it is a real one. The target may begin
/// with `..` as often as there are folders above the link, and has none after that: what follows another link and then
/// climbs cannot be told to stay inside by looking at it, while what only descends stays inside with the link it passes.
pub(super) fn judge_target(path: &str, raw: &[u8]) -> Result<String, Reason> {
    let target = std::str::from_utf8(raw).map_err(|_not_text| Reason::NoTarget)?;
    if target.is_empty() || target.len() > PATH || target.chars().any(char::is_control) {
        return Err(Reason::NoTarget);
    }
    let leads_out = || Reason::LeadsOut(target.to_owned());
    if target.starts_with('/') || target.contains('\\') {
        return Err(leads_out());
    }
    let mut above = folders_above(path).count();
    let mut descends = false;
    for part in target.split('/') {
        match part {
            ".." if descends || above == 0 => return Err(leads_out()),
            ".." => above -= 1,
            "" | "." => {}
            long if long.len() > PART => return Err(Reason::NoTarget),
            _name => descends = true,
        }
    }
    Ok(target.to_owned())
}

/// What two names have in common that a file system without upper and lower case would take for one.
pub(super) fn folded(path: &str) -> String {
    if path.is_ascii() {
        return path.to_ascii_lowercase();
    }
    // Up and then down: `ß` meets `SS`, and both small sigmas meet the large one.
    path.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_that_stay_inside_are_taken_as_they_are() {
        for name in ["index.html", "a/b", "…/ü", "..a", "a..", "a/...", "ab:c", ".fluidd", " ", "-rf"] {
            assert_eq!(judge(name.as_bytes()), Ok(Name { path: name.to_owned(), is_folder: false }), "{name}");
        }
        assert_eq!(judge(b"assets/"), Ok(Name { path: "assets".to_owned(), is_folder: true }));
        let deepest = format!("{}file", "d/".repeat(DEPTH));
        assert!(judge(deepest.as_bytes()).is_ok());
        assert_eq!(judge(format!("d/{deepest}").as_bytes()), Err(Reason::Deep(DEPTH)));
        assert!(judge(&[b'a'; PART]).is_ok());
        assert_eq!(judge(&[b'a'; PART + 1]), Err(Reason::LongPart));
    }

    #[test]
    fn targets_may_climb_first_and_only_to_the_top() {
        for (path, target) in
            [("a", "b"), ("a/b", "../c"), ("a/b/c", "../../d/e"), ("a", "."), ("a", "b/c/"), ("a/b", "..")]
        {
            assert_eq!(judge_target(path, target.as_bytes()), Ok(target.to_owned()), "{path} -> {target}");
        }
        for (path, target) in [
            ("a", ".."),
            ("a", "../a"),
            ("a/b", "../.."),
            ("a/b", "c/../d"),
            ("a", "/etc"),
            ("a", "..\\x"),
            ("a", "./.."),
        ] {
            let refused = Err(Reason::LeadsOut(target.to_owned()));
            assert_eq!(judge_target(path, target.as_bytes()), refused, "{path} -> {target}");
        }
        for target in [&b""[..], b"a\0b", b"\xff", &[b'a'; 300], &[b'a'; 5000]] {
            assert_eq!(judge_target("a", target), Err(Reason::NoTarget));
        }
    }

    #[test]
    fn folding_meets_what_differs_in_case_alone() {
        for (one, other) in
            [("A/b", "a/B"), ("ÄRGER", "ärger"), ("ΣΑΣ", "σας"), ("straße", "STRASSE"), ("\u{212a}", "k")]
        {
            assert_eq!(folded(one), folded(other));
        }
        assert_ne!(folded("a"), folded("ä"));
    }

    proptest! {
        /// Whatever is accepted is a path of ordinary parts.
        #[test]
        fn accepted_names_are_paths_of_ordinary_parts(name in "[a.:/\\\\ ü\\x00-\\x1f]{0,12}") {
            if let Ok(judged) = judge(name.as_bytes()) {
                let parts: Vec<_> = std::path::Path::new(&judged.path).components().collect();
                let ordinary = |part: &std::path::Component<'_>| matches!(part, std::path::Component::Normal(_));
                prop_assert!(!parts.is_empty() && parts.iter().all(ordinary));
                prop_assert_eq!(parts.len(), judged.path.split('/').count());
            }
        }
    }
}
