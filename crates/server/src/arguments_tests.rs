//! The argument rules, as measured by what the other server makes of each request.

use proptest::prelude::*;

use super::*;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

fn name(query: &str, content_type: &str, body: &str) -> String {
    match brought(query.as_bytes(), content_type, body.as_bytes()).arguments() {
        Ok(arguments) => arguments.text("name").unwrap_or_else(|| "<none>".to_owned()),
        Err(error) => format!("! {error}").chars().take(30).collect(),
    }
}

#[test]
fn queries_forms_and_bodies_are_merged_as_measured() {
    for (query, content_type, body, expected) in [
        ("name=zz%20z", "", "", "zz z"),
        ("name=%20zz%20", "", "", "zz"),
        ("name=a%01b", "", "", "a b"),
        ("name=%1cx%1c", "", "", "x"),
        ("name=%e2%80%83x", "", "", "x"),
        ("name=a1&name=a2", "", "", "a2"),
        ("name=", "", "", ""),
        ("name", "", "", ""),
        ("", "", "", "<none>"),
        ("name=a+b", "", "", "a b"),
        ("name=%zz", "", "", "%zz"),
        ("name=%4", "", "", "%4"),
        ("name=a;b", "", "", "a;b"),
        ("name=a1", FORM, "name=a2", "a2"),
        ("name=q", JSON, r#"{"name":"a2"}"#, "a2"),
        ("name=q", JSON, "", "q"),
        ("name=q", "", "", "q"),
        ("", JSON, r#"{"name":null}"#, "None"),
        ("", JSON, r#"{"name":["a",{"b":1.5}]}"#, "['a', {'b': 1.5}]"),
        ("", JSON, r#"{"name":"  zz  "}"#, "  zz  "),
        ("", JSON, "\u{feff}{\"name\":\"zc\"}", "zc"),
        ("", "application/jsonfoo", r#"{"name":"zc"}"#, "zc"),
        ("name:int=007", "", "", "7"),
        ("name:int=1_0", "", "", "10"),
        ("name:int=%2B5", "", "", "5"),
        ("name:int=-0", "", "", "0"),
        ("name:int=x7", "", "", "x7"),
        ("name:int=1__0", "", "", "1__0"),
        ("name:float=1e3", "", "", "1000.0"),
        ("name:float=nan", "", "", "nan"),
        ("name:float=inf", "", "", "inf"),
        ("name:bool=TRUE", "", "", "True"),
        ("name:bool=1", "", "", "False"),
        ("name:json={%22a%22:[1,null]}", "", "", "{'a': [1, None]}"),
        ("name:json={zz", "", "", "{zz"),
        ("name:foo=zz", "", "", "zz"),
        ("name:INT=07", "", "", "07"),
        ("name:=zz", "", "", "zz"),
        ("x:name:int=1", "", "", "<none>"),
        ("name:int=7&name=zz", "", "", "zz"),
        ("name=zz&name:int=7", "", "", "7"),
        ("name=a&name:int=7&name=b", "", "", "7"),
    ] {
        assert_eq!(name(query, content_type, body), expected, "{query} {content_type} {body}");
    }
}

#[test]
fn a_body_that_cannot_be_understood_is_refused_with_the_remedy() {
    for (content_type, body) in [
        (JSON, "{bad"),
        (JSON, " "),
        (JSON, "[]"),
        (JSON, "\"\""),
        (JSON, "5"),
        (JSON, "null"),
        (JSON, "{\"name\":\"a\"} x"),
        (FORM, "{\"name\":\"klipper\"}"),
        (FORM, " [1]"),
        (FORM, "klipper"),
        ("text/json", "{\"name\":\"klipper\"}"),
        ("Application/JSON", "{\"name\":\"klipper\"}"),
        ("", "{\"name\":\"klipper\"}"),
        ("multipart/form-data; boundary=x", "name=a"),
    ] {
        let error = brought(b"", content_type, body.as_bytes()).arguments().unwrap_err();
        let text = error.to_string();
        assert!(text.contains("JSON object") || text.contains("application/json"), "{content_type} {body}: {text}");
        // The text is a reason phrase too.
        assert!(text.is_ascii() && !text.contains(['<', '\n']), "{text}");
    }
    assert!(brought(b"", JSON, b"{\"name\":\"\xff\"}").arguments().is_err());
    assert_eq!(brought(b"name=%ff", "", b"").arguments(), Err(ArgumentError::QueryEncoding));
}

#[test]
fn transport_keys_stay_outside_unless_the_body_has_them() {
    let query = brought(b"_=1&token=t&token=T%20&access_token=a&connection_id=4&name=n", "", b"");
    assert_eq!(query.credential("token").as_deref(), Some("T"));
    let arguments = query.arguments().unwrap();
    assert!(TRANSPORT_KEYS.iter().all(|key| arguments.get(key).is_none()));
    let body = brought(b"", JSON, b"{\"token\":1}");
    assert_eq!(body.credential("token"), None);
    assert_eq!(body.arguments().unwrap().text("token").as_deref(), Some("1"));
}

#[test]
fn booleans_are_booleans_or_the_two_words() {
    let flag = |json: &str| {
        let arguments = brought(b"", JSON, format!("{{\"hard\":{json}}}").as_bytes()).arguments().unwrap();
        arguments.flag("hard").map_err(|error| error.to_string())
    };
    assert_eq!(flag("true"), Ok(true));
    assert_eq!(flag("\"FALSE\""), Ok(false));
    for (json, shown) in [("1", "1"), ("null", "None"), ("\" true\"", " true"), ("1.0", "1.0"), ("{}", "{}")] {
        assert_eq!(
            flag(json),
            Err(format!("Unable to convert argument [hard] to <class 'bool'>: value received: {shown}"))
        );
    }
    assert_eq!(Arguments::default().flag("hard"), Ok(false));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        query in prop::collection::vec(any::<u8>(), 0..60),
        kind in prop::sample::select(vec![JSON, FORM, "multipart/form-data; boundary=x", "", "text/plain"]),
        body in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        let _ = brought(&query, kind, &body).arguments();
    }
}
