use proptest::prelude::*;

use super::*;

const INFO: &str = "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value><struct>\n<member>\n<name>name</name>\n\
<value><string>klipper</string></value>\n</member>\n<member>\n<name>state</name>\n<value><int>20</int></value>\n</member>\n\
<member>\n<name>spawnerr</name>\n<value><string></string></value>\n</member>\n</struct></value>\n</param>\n</params>\n\
</methodResponse>\n";

#[test]
fn an_answer_is_read() {
    let Answer::Result(info) = answer(INFO.as_bytes()).unwrap() else { panic!("a fault") };
    assert_eq!(info.member("name").and_then(Value::text), Some("klipper"));
    assert_eq!(info.member("state").and_then(Value::int), Some(20));
    assert_eq!(info.member("spawnerr").and_then(Value::text), Some(""));
    assert_eq!((info.member("pid"), info.int(), info.text()), (None, None, None));
    let bare = "<methodResponse><params><param><value> a &amp; &#x62;&#99; </value></param></params></methodResponse>";
    assert_eq!(answer(bare.as_bytes()), Ok(Answer::Result(Value::Text(" a & bc ".to_owned()))));
    let yes = bare.replace(" a &amp; &#x62;&#99; ", "<boolean>1</boolean>");
    assert_eq!(answer(yes.as_bytes()), Ok(Answer::Result(Value::Bool(true))));
}

#[test]
fn a_fault_is_no_result() {
    let fault = "<?xml version='1.0'?>\n<methodResponse>\n<fault>\n<value><struct>\n<member>\n<name>faultCode</name>\n\
        <value><int>10</int></value>\n</member>\n<member>\n<name>faultString</name>\n\
        <value><string>BAD_NAME: x</string></value>\n</member>\n</struct></value>\n</fault>\n</methodResponse>\n";
    assert_eq!(answer(fault.as_bytes()), Ok(Answer::Fault { code: 10, text: "BAD_NAME: x".to_owned() }));
    assert!(answer(fault.replace("faultCode", "code").as_bytes()).is_err());
}

#[test]
fn what_is_none_is_refused_with_its_place() {
    assert_eq!(answer(b"").unwrap_err().to_string(), "the answer is not XML-RPC: methodResponse expected at byte 0");
    let deep = format!(
        "<methodResponse><params><param>{}{}</param></params></methodResponse>",
        "<value><array><data>".repeat(100_000),
        "</data></array></value>".repeat(100_000)
    );
    assert!(answer(deep.as_bytes()).is_err());
    for nonsense in [
        INFO.replace("20", "twenty"),
        INFO.replace("<int>", "<int a='b'>"),
        INFO.replace("klipper", "&klipper;"),
        INFO.replace("klipper", "&#xd800;"),
        INFO.replace("<params>", "<!DOCTYPE x [<!ENTITY y 'z'>]><params>"),
        format!("{INFO}<more/>"),
        INFO.replace("</struct>", ""),
        "<html><body>401 Unauthorized</body></html>".to_owned(),
    ] {
        assert!(answer(nonsense.as_bytes()).is_err(), "{nonsense}");
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(Value::Int),
        any::<bool>().prop_map(Value::Bool),
        "\\PC{0,8}|[ &<>\"'\r\n\t;#]{0,8}".prop_map(Value::Text),
        (-1000_i32..1000).prop_map(|number| Value::Double(f64::from(number) / 8.0)),
        Just(Value::Nil),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let member = ("[a-z&<]{0,6}", inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::Array),
            prop::collection::vec(member, 0..4).prop_map(Value::Struct),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_what_is_read(value in value()) {
        let written = String::from_utf8(call("x", std::slice::from_ref(&value))).unwrap();
        let written = written.replace("<methodCall><methodName>x</methodName>", "<methodResponse>");
        let written = written.replace("</methodCall>", "</methodResponse>");
        prop_assert_eq!(answer(written.as_bytes()), Ok(Answer::Result(value)));
    }

    #[test]
    fn any_bytes_are_an_answer_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _judged = answer(&bytes);
    }

    #[test]
    fn a_damaged_answer_does_no_harm(at in 0..INFO.len(), byte in any::<u8>(), cut in 0..INFO.len()) {
        let mut bytes = INFO.as_bytes().to_vec();
        bytes[at] = byte;
        let _judged = answer(&bytes);
        prop_assert!(answer(&INFO.as_bytes()[..cut.min(INFO.len() - 2)]).is_err());
    }
}
