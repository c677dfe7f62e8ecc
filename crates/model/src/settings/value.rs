//! Values as Python reads them: booleans, integers, lists; the words of its complaints.
//!
//! Refuses to know where a value stands; `section` puts name and place around the complaint.

use super::dialect::is_space;

/// 1/yes/true/on and 0/no/false/off in any case.
///
/// # Errors
/// configparser's text.
pub fn boolean(text: &str) -> Result<bool, String> {
    match text.to_lowercase().as_str() {
        "1" | "yes" | "true" | "on" => Ok(true),
        "0" | "no" | "false" | "off" => Ok(false),
        _ => Err(format!("Not a boolean: {text}")),
    }
}

/// Python's `int()` for decimal ASCII digits: a sign, leading zeros and single `_` between digits are fine. What is
/// beyond 64 bits stops at the limit.
///
/// # Errors
/// Python's text.
pub fn integer(text: &str) -> Result<i64, String> {
    let stripped = text.trim_matches(is_space);
    let (negative, digits) = match stripped.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, stripped.strip_prefix('+').unwrap_or(stripped)),
    };
    let proper = digits.split('_').all(|run| !run.is_empty() && run.bytes().all(|b| b.is_ascii_digit()));
    if !proper {
        return Err(format!("invalid literal for int() with base 10: {}", repr(text)));
    }
    let magnitude = digits
        .bytes()
        .filter(u8::is_ascii_digit)
        .fold(0_i64, |sum, digit| sum.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    Ok(if negative { -magnitude } else { magnitude })
}

/// Lines, stripped, empty ones dropped.
#[must_use]
pub fn lines(text: &str) -> Vec<String> {
    split(text, '\n').map(str::to_owned).collect()
}

/// Parts between separators, stripped, empty ones dropped.
pub fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    text.split(separator).map(|part| part.trim_matches(is_space)).filter(|part| !part.is_empty())
}

/// Python's `repr()` of a text.
#[must_use]
pub fn repr(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            c if c == quote => out.extend(['\\', c]),
            '\0'..='\x1f' | '\x7f'..='\u{a0}' | '\u{ad}' => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

/// Python's `repr()` of a list of texts.
#[must_use]
pub fn repr_list<T: AsRef<str>>(texts: &[T]) -> String {
    let parts: Vec<String> = texts.iter().map(|text| repr(text.as_ref())).collect();
    format!("[{}]", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans_as_configparser() {
        for yes in ["1", "yes", "True", "ON"] {
            assert_eq!(boolean(yes), Ok(true));
        }
        for no in ["0", "No", "false", "oFF"] {
            assert_eq!(boolean(no), Ok(false));
        }
        assert_eq!(boolean("2"), Err("Not a boolean: 2".to_owned()));
        assert_eq!(boolean(""), Err("Not a boolean: ".to_owned()));
    }

    #[test]
    fn integers_as_python() {
        for (text, number) in [("5", 5), ("-5", -5), ("+7", 7), (" 12 ", 12), ("1_000", 1000), ("00012", 12)] {
            assert_eq!(integer(text), Ok(number));
        }
        assert_eq!(integer("99999999999999999999"), Ok(i64::MAX));
        for bad in ["0x10", "1.5", "", "1e3", "- 5", "1__0", "_1", "1_", "+", "-"] {
            assert_eq!(integer(bad), Err(format!("invalid literal for int() with base 10: '{bad}'")));
        }
    }

    #[test]
    fn quoting_as_python() {
        for (text, quoted) in [
            ("a'b", r#""a'b""#),
            ("a\"b'c", r#"'a"b\'c'"#),
            ("x\ny", r"'x\ny'"),
            ("é", "'é'"),
            ("\\x", r"'\\x'"),
            ("\0\x7f", r"'\x00\x7f'"),
        ] {
            assert_eq!(repr(text), quoted);
        }
        assert_eq!(repr_list(&["a", "b"]), "['a', 'b']");
    }
}
