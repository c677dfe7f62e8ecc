//! Values as Python's `str()` and `repr()` print them: error texts of the API quote arguments that way.
//! Refuses to: know where the text goes.

use std::fmt::Write as _;

use crate::json::Value;

/// `repr(float)`: the shortest digits that read back the same, an exponent from 1e16 and below 1e-4.
#[must_use]
pub fn float(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{number:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = format!("{number}");
        if plain.contains('.') { plain } else { format!("{plain}.0") }
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
    }
}

/// `str(value)`: a text as it is, everything else as [`repr`].
#[must_use]
pub fn text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::List(_) | Value::Object(_) => {
            repr(value)
        }
    }
}

/// `repr(value)`.
#[must_use]
pub fn repr(value: &Value) -> String {
    let mut out = String::new();
    write_repr(value, &mut out);
    out
}

fn write_repr(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Integer(digits) => out.push_str(digits),
        Value::Float(number) => out.push_str(&float(*number)),
        Value::Text(text) => write_quoted(text, out),
        Value::List(list) => {
            out.push('[');
            for (i, element) in list.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                write_repr(element, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (i, (key, member)) in members.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                write_quoted(key, out);
                out.push_str(": ");
                write_repr(member, out);
            }
            out.push('}');
        }
    }
}

fn write_quoted(text: &str, out: &mut String) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            // Writing to a String cannot fail.
            c if c.is_control() || c == '\u{a0}' || c == '\u{ad}' => drop(write!(out, "\\x{:02x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push(quote);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_quoted_as_python_does() {
        for (json, shown) in [
            ("null", "None"),
            ("true", "True"),
            ("5.0", "5.0"),
            ("1E2", "100.0"),
            ("-0.0", "-0.0"),
            ("1e400", "inf"),
            ("NaN", "nan"),
            ("-Infinity", "-inf"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
            (r#"["a",{"b":1.5}]"#, "['a', {'b': 1.5}]"),
            (r#"{"a":null}"#, "{'a': None}"),
            (r#"["it's","\"","'\"","\n\u0001"]"#, r#"["it's", '"', '\'"', '\n\x01']"#),
            (r#"" plain '""#, " plain '"),
        ] {
            assert_eq!(text(&crate::json::parse(json).unwrap()), shown, "{json}");
        }
    }
}
