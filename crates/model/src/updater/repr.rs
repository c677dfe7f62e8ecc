//! Values as Python prints them: the documented texts hold lists of file names (CONTRACT §3.2.3) and whole JSON files
//! (observed, of a `direct_url.json`) in this form.
//! Refuses to: print floating-point numbers as Python does; none is in such a file.

use std::fmt::Write as _;

/// `['a.py', "it's.py"]`.
pub(super) fn list_repr<'a>(items: impl Iterator<Item = &'a str>) -> String {
    let items: Vec<String> = items.map(repr).collect();
    format!("[{}]", items.join(", "))
}

/// A JSON value as the dictionary, list or literal that Python makes of it.
pub(super) fn value_repr(value: &serde_json::Value) -> String {
    use serde_json::Value;
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => repr(text),
        Value::Array(items) => format!("[{}]", items.iter().map(value_repr).collect::<Vec<_>>().join(", ")),
        Value::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| format!("{}: {}", repr(key), value_repr(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}

/// A text in single quotes, in double ones when it holds single quotes only; what cannot be printed is escaped.
fn repr(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut shown = String::from(quote);
    for c in text.chars() {
        match c {
            '\\' => shown.push_str("\\\\"),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if c == quote => shown.extend(['\\', c]),
            c if is_printable(c) => shown.push(c),
            c => escape(&mut shown, u32::from(c)),
        }
    }
    shown.push(quote);
    shown
}

fn escape(shown: &mut String, code: u32) {
    // Writing to a text cannot fail.
    let _fine = match code {
        0..=0xff => write!(shown, "\\x{code:02x}"),
        0x100..=0xffff => write!(shown, "\\u{code:04x}"),
        _ => write!(shown, "\\U{code:08x}"),
    };
}

/// Python's `str.isprintable` for the characters that are met in file names: controls, formats, separators and
/// private use are not. Unassigned code points are taken for printable.
fn is_printable(c: char) -> bool {
    !matches!(c,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{a0}' | '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
        | '\u{1680}' | '\u{180e}' | '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}'
        | '\u{3000}' | '\u{e000}'..='\u{f8ff}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_printed_as_python_does() {
        let names =
            ["a.py", "it's.py", "q'\".py", "\"a\\\\b\"", "t\tn\nr\r", "\u{1b}\u{7f}", "\u{e9}\u{200b}\u{1f600}"];
        let want = r#"['a.py', "it's.py", 'q\'".py', '"a\\\\b"', 't\tn\nr\r', '\x1b\x7f', 'é\u200b😀']"#;
        assert_eq!(list_repr(names.into_iter()), want);
        assert_eq!(list_repr([].into_iter()), "[]");
    }
}
