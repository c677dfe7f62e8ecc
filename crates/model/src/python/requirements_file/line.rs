//! The lines of a requirements file as pip sees them: joined by backslashes, without comments.
//! Refuses to: replace `${NAME}`; the environment is not read here.

use crate::settings::dialect::Lines;

/// One line for pip, maybe several in the file.
pub(super) struct Logical {
    /// The number of the first, from 1.
    pub(super) number: u32,
    /// Without what surrounds it; never empty.
    pub(super) text: String,
}

impl Logical {
    /// Holds `${NAME}`, where the name is upper case letters, digits and `_`.
    pub(super) fn has_environment_reference(&self) -> bool {
        let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        self.text.split("${").skip(1).any(|rest| {
            let tail = rest.trim_start_matches(is_name);
            tail.len() < rest.len() && tail.starts_with('}')
        })
    }
}

/// Joins, cuts comments off, and leaves empty lines out.
pub(super) fn logical_lines(text: &str) -> Vec<Logical> {
    let mut lines = Vec::new();
    let mut joined: Option<Logical> = None;
    for (number, line) in Lines::new(text) {
        let is_comment = line.trim_start().starts_with('#');
        let current = joined.get_or_insert_with(|| Logical { number, text: String::new() });
        if line.ends_with('\\') && !is_comment {
            current.text.push_str(line.trim_matches('\\'));
            continue;
        }
        // A comment after a backslash is one still.
        current.text.push_str(if is_comment { " " } else { "" });
        current.text.push_str(line);
        lines.extend(joined.take());
    }
    lines.extend(joined);
    for line in &mut lines {
        line.text = without_comment(&line.text).trim().to_owned();
    }
    lines.retain(|line| !line.text.is_empty());
    lines
}

/// A `#` begins a comment at the start and after white space; not in `https://host/a.zip#egg=a`.
fn without_comment(line: &str) -> &str {
    let begins =
        |at: &usize| line.get(..*at).is_some_and(|before| before.is_empty() || before.ends_with(char::is_whitespace));
    let at = line.match_indices('#').map(|(at, _)| at).find(begins);
    at.and_then(|at| line.get(..at)).unwrap_or(line)
}
