//! The `PKGLIST` lines of an install script. The script is read and never run.
//! Refuses to: follow branches, functions or other variables; every list that is assigned anywhere counts.

use super::Listed;

/// All packages that any `PKGLIST="…"` of the script names: `PKGLIST="${PKGLIST} more"`, `PKGLIST+=" more"`, over several
/// lines too. Other variables in a list are passed by with a word.
#[must_use]
pub fn from_script(text: &[u8]) -> Listed {
    let text = String::from_utf8_lossy(text);
    let mut listed = Listed::default();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(value) = assigned(line) else { continue };
        for word in value_of(value, &mut lines).split_whitespace() {
            match word {
                "$PKGLIST" | "${PKGLIST}" => {}
                word if word.contains(['$', '`']) => listed
                    .complaints
                    .push(format!("'{}' in the install script is not followed; it is passed by", super::shown(word))),
                word => listed.take(word),
            }
        }
    }
    listed
}

/// What stands behind `PKGLIST=` at the beginning of a line.
fn assigned(line: &str) -> Option<&str> {
    let mut line = line.trim_start();
    for word in ["export", "local", "readonly", "declare"] {
        if let Some(rest) = line.strip_prefix(word)
            && rest.starts_with([' ', '\t'])
        {
            line = rest.trim_start();
        }
    }
    let rest = line.strip_prefix("PKGLIST")?;
    rest.strip_prefix("+=").or_else(|| rest.strip_prefix('='))
}

/// The value from its first character on to where it ends, which may be some lines further.
fn value_of<'a>(first: &'a str, more: &mut impl Iterator<Item = &'a str>) -> String {
    let mut value = String::new();
    let mut quote = None;
    let mut line = first;
    loop {
        let mut goes_on = false;
        let mut chars = line.chars().peekable();
        while let Some(c) = chars.next() {
            match (quote, c) {
                (Some(open), c) if c == open => quote = None,
                (Some('\''), c) => value.push(c),
                (_, '\\') => match chars.next() {
                    Some(escaped) => value.push(escaped),
                    None => goes_on = true,
                },
                (None, '"' | '\'') => quote = Some(c),
                // Without quotes a blank ends the value, and so does the end of the command.
                (None, ' ' | '\t' | ';' | '&' | '|' | '#') => return value,
                (Some(_) | None, c) => value.push(c),
            }
        }
        if quote.is_none() && !goes_on {
            return value;
        }
        if quote.is_some() {
            value.push(' ');
        }
        match more.next() {
            Some(next) => line = next,
            None => return value,
        }
    }
}
