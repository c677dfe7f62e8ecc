//! What the other server's JSON does, measured; and that no bytes make the reader panic.

use proptest::prelude::*;

use super::*;

fn round(text: &str) -> String {
    let mut out = Vec::new();
    match parse(text) {
        Ok(value) => write(&value, &mut out),
        Err(error) => return format!("{error:?}"),
    }
    String::from_utf8(out).unwrap()
}

#[test]
fn values_come_back_as_python_writes_them() {
    for (read, written) in [
        ("1.50", "1.5"),
        ("1e3", "1000.0"),
        ("-0", "0"),
        ("-0.0", "-0.0"),
        ("1e22", "1e+22"),
        ("1e-7", "1e-07"),
        ("1e16", "1e+16"),
        ("1e15", "1000000000000000.0"),
        ("0.0001", "0.0001"),
        ("0.00001", "1e-05"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("NaN", "NaN"),
        ("1e999", "Infinity"),
        ("-Infinity", "-Infinity"),
        (r#""a€\u20ac\n""#, r#""a\u20ac\u20ac\n""#),
        (r#""\u007f\u0001\u001f/\b\f\t\r\"\\ 😀""#, r#""\u007f\u0001\u001f/\b\f\t\r\"\\ \ud83d\ude00""#),
        (r#" [1 , {"b":1,"a":null}]"#, r#"[1,{"b":1,"a":null}]"#),
        (r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#),
    ] {
        assert_eq!(round(read), written, "{read}");
    }
}

#[test]
fn what_is_no_json_is_an_error() {
    for text in [
        "",
        " ",
        "{bad",
        "{\"a\":1} x",
        "01",
        "1.",
        "1.e5",
        "1e",
        "-",
        "+1",
        "nul",
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
        "[1 2]",
        "\"a",
        "\"\n\"",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\u{feff}{}",
        "{\"a\" 1}",
        "]",
        "{,}",
        "[,1]",
    ] {
        assert!(matches!(parse(text), Err(JsonError::Syntax(_))), "{text:?}: {:?}", parse(text));
    }
    assert_eq!(decode(b"\xef\xbb\xbf5"), Ok(Value::Integer("5".to_owned())));
    assert_eq!(decode(b"\"\xff\""), Err(JsonError::Encoding));
}

#[test]
fn depth_size_and_digits_are_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(&nested(960)).is_ok());
    assert_eq!(parse(&nested(990)), Err(JsonError::Depth));
    assert_eq!(parse(&nested(1_000_000)), Err(JsonError::Depth));
    assert_eq!(parse(&format!("[{}1]", "1,".repeat(MOST_VALUES))), Err(JsonError::Size));
    assert!(parse(&"7".repeat(4300)).is_ok());
    assert!(parse(&"7".repeat(4301)).is_err());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes);
    }

    #[test]
    fn what_looks_like_json_does_not_either(text in r#"[\[\]{}",:0-9eE.\-\\u null]{0,60}"#) {
        if let Ok(value) = parse(&text) {
            let mut out = Vec::new();
            write(&value, &mut out);
            let again = parse(std::str::from_utf8(&out).unwrap()).unwrap();
            prop_assert_eq!(format!("{again:?}"), format!("{value:?}"));
        }
    }
}
