//! The text of a `pip.conf`: Python's `configparser` without interpolation.
//! Refuses to: guess. What pip would refuse to start with is none.

use std::collections::BTreeSet;

/// Section, option and value of each, in the order of the file; continuation lines are joined with a newline. None for a
/// text that `configparser` raises on.
#[must_use]
pub(super) fn parse(text: &str) -> Option<Vec<(String, String, String)>> {
    let mut told: Vec<(String, String, String)> = Vec::new();
    let mut sections = BTreeSet::new();
    let mut section: Option<String> = None;
    // The indentation of the option that may go on.
    let mut open: Option<usize> = None;
    for line in text.trim_start_matches('\u{feff}').lines() {
        let stripped = line.trim();
        if stripped.is_empty() || stripped.starts_with(['#', ';']) {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        if let (Some(begun), Some((_, _, value))) = (open, told.last_mut())
            && indent > begun
        {
            value.push('\n');
            value.push_str(stripped);
            continue;
        }
        if let Some(name) = stripped.strip_prefix('[').and_then(|rest| rest.rsplit_once(']')).map(|(name, _)| name) {
            if !sections.insert(name.to_owned()) {
                return None;
            }
            (section, open) = (Some(name.to_owned()), None);
            continue;
        }
        let at = stripped.find(['=', ':'])?;
        let (name, value) = stripped.split_at_checked(at)?;
        let name = name.trim().to_lowercase();
        let section = section.clone()?;
        let is_there = told.iter().any(|(known, option, _)| *known == section && *option == name);
        if is_there || name.is_empty() {
            return None;
        }
        told.push((section, name, value.get(1..).unwrap_or_default().trim().to_owned()));
        open = Some(indent);
    }
    Some(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<Vec<String>> {
        Some(parse(text)?.into_iter().map(|(section, name, value)| format!("{section}.{name}={value}")).collect())
    }

    #[test]
    fn a_file_is_read_as_pip_reads_it() {
        let text = "# c\n[global]\nIndex-URL = https://a/simple ; not a comment\nextra-index-url:\n    https://b\n\n    # c\n    \
                    https://c\n[install]\n  pre = yes\n  find-links\t=\n[other]\nx=1";
        let want = [
            "global.index-url=https://a/simple ; not a comment",
            "global.extra-index-url=\nhttps://b\nhttps://c",
            "install.pre=yes",
            "install.find-links=",
            "other.x=1",
        ];
        assert_eq!(parsed(text).unwrap(), want);
        assert_eq!(parsed("").unwrap(), Vec::<String>::new());
    }

    #[test]
    fn what_stops_pip_is_not_understood() {
        for text in ["x=1", "[a]\nx", "[a]\nx=1\nX=2", "[a]\n[a]", "[a]\n=1"] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_to_its_end(text in "(\\[|\\]|=|:|\n| |a|#|é){0,30}|\\PC*") {
            let _ = parse(&text);
        }
    }
}
