//! JSON-RPC: what is a request, what is answered, in which order things are checked (CONTRACT §1.7, §1.10, §2).

use super::{Asked, Door, EVERY, LASTING, Question};

const fn every(name: &'static str, text: &'static [&'static str], moonraker: &'static str) -> Question {
    Question { name, asked: Asked::Texts(EVERY, text), moonraker, refit: None }
}

const fn lasting(name: &'static str, texts: &'static [&'static str], moonraker: &'static str) -> Question {
    Question { name, asked: Asked::Texts(LASTING, texts), moonraker, refit: None }
}

const fn post(name: &'static str, texts: &'static [&'static str], moonraker: &'static str) -> Question {
    Question { name, asked: Asked::Texts(&[Door::Post], texts), moonraker, refit: None }
}

const PARSE: &str = r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"},"id":null}"#;
const INVALID: &str = r#"{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request"},"id":null}"#;
const INVALID_1: &str = r#"{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request"},"id":1}"#;
const PARAMS: &str = r#"{"jsonrpc":"2.0","error":{"code":-32602,"message":"Invalid params:"},"id":1}"#;
const UNKNOWN: &str = r#"{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"},"id":1}"#;
const OK: &str = r#"{"jsonrpc":"2.0","result":"ok","id":1}"#;
const ZZ: &str = r#"{"jsonrpc":"2.0","error":{"code":-32601,"message":"Updater zz not available"},"id":1}"#;
const NO_NAME: &str = r#"{"jsonrpc":"2.0","error":{"code":400,"message":"No data for argument: name"},"id":1}"#;
const NOT_GIT: &str =
    r#"{"jsonrpc":"2.0","error":{"code":400,"message":"Updater klipper is not a Git Repo Type"},"id":1}"#;

/// CONTRACT §8 row 21.
const ROW_21: &str = "row 21";

macro_rules! klipper_with_id {
    ($name:literal, $asked:literal, $echoed:literal) => {
        every(
            $name,
            &[concat!(r#"{"jsonrpc":"2.0","method":"machine.update.klipper","id":"#, $asked, "}")],
            concat!(r#"{"jsonrpc":"2.0","result":"ok","id":"#, $echoed, "}"),
        )
    };
}

macro_rules! recover_hard {
    ($name:literal, $value:literal, $shown:literal) => {
        every(
            $name,
            &[concat!(
                r#"{"jsonrpc":"2.0","method":"machine.update.recover","params":{"name":"klipper","hard":"#,
                $value,
                r#"},"id":1}"#
            )],
            concat!(
                r#"{"jsonrpc":"2.0","error":{"code":400,"message":"Unable to convert argument [hard] to <class 'bool'>: value received: "#,
                $shown,
                r#""},"id":1}"#
            ),
        )
    };
}

pub(super) static QUESTIONS: &[Question] = &[
    every("no JSON", &["{bad"], PARSE),
    every("nothing", &[""], PARSE),
    every("a blank", &[" "], PARSE),
    every("trailing text", &[r#"{"jsonrpc":"2.0","method":"machine.update.klipper","id":1} x"#], PARSE),
    every("two objects", &[r#"{"jsonrpc":"2.0","method":"a","id":1}{"jsonrpc":"2.0","method":"a","id":2}"#], PARSE),
    lasting("a byte order mark in text", &["\u{feff}{\"jsonrpc\":\"2.0\",\"method\":\"nope\",\"id\":1}"], PARSE),
    post("a byte order mark in a body", &["\u{feff}{\"jsonrpc\":\"2.0\",\"method\":\"nope\",\"id\":1}"], UNKNOWN),
    every("version 1", &[r#"{"jsonrpc":"1.0","method":"access.info","id":1}"#], INVALID_1),
    every("version 1, no id", &[r#"{"jsonrpc":"1.0","method":"access.info"}"#], INVALID),
    every("version as number", &[r#"{"jsonrpc":2.0,"method":"access.info","id":1}"#], INVALID_1),
    every("no version", &[r#"{"method":"access.info","id":1}"#], INVALID_1),
    every("an empty object", &["{}"], INVALID),
    every("only an id", &[r#"{"id":1}"#], INVALID_1),
    every("version 1 without method", &[r#"{"jsonrpc":"1.0","id":1}"#], INVALID_1),
    every("no method", &[r#"{"jsonrpc":"2.0","id":1}"#], ""),
    every("no method, no id", &[r#"{"jsonrpc":"2.0"}"#], ""),
    every("a response", &[r#"{"jsonrpc":"2.0","id":1,"result":5}"#], ""),
    every("method as number", &[r#"{"jsonrpc":"2.0","method":5,"id":1}"#], INVALID_1),
    every("method null", &[r#"{"jsonrpc":"2.0","method":null,"id":1}"#], INVALID_1),
    every("method as list", &[r#"{"jsonrpc":"2.0","method":["a"],"id":1}"#], INVALID_1),
    every("unknown method", &[r#"{"jsonrpc":"2.0","method":"nope.x","id":1}"#], UNKNOWN),
    every("unknown update method", &[r#"{"jsonrpc":"2.0","method":"machine.update.foo","id":1}"#], UNKNOWN),
    every("unknown beats params", &[r#"{"jsonrpc":"2.0","method":"nope","params":[1],"id":1}"#], UNKNOWN),
    every("method in capitals", &[r#"{"jsonrpc":"2.0","method":"Access.Info","id":1}"#], UNKNOWN),
    every("no access.api_key", &[r#"{"jsonrpc":"2.0","method":"access.api_key","id":1}"#], UNKNOWN),
    every("no printer yet", &[r#"{"jsonrpc":"2.0","method":"printer.info","id":1}"#], UNKNOWN),
    every("params null", &[r#"{"jsonrpc":"2.0","method":"access.info","params":null,"id":1}"#], PARAMS),
    every("params as list", &[r#"{"jsonrpc":"2.0","method":"access.info","params":[1],"id":1}"#], PARAMS),
    every("params as empty list", &[r#"{"jsonrpc":"2.0","method":"access.info","params":[],"id":1}"#], PARAMS),
    every("params as text", &[r#"{"jsonrpc":"2.0","method":"access.info","params":"x","id":1}"#], PARAMS),
    every("params as number", &[r#"{"jsonrpc":"2.0","method":"access.info","params":5,"id":1}"#], PARAMS),
    every("params false", &[r#"{"jsonrpc":"2.0","method":"access.info","params":false,"id":1}"#], PARAMS),
    every(
        "unknown arguments",
        &[r#"{"jsonrpc":"2.0","method":"machine.update.klipper","params":{"include_deps":true,"_":1},"id":1}"#],
        OK,
    ),
    every("id null", &[r#"{"jsonrpc":"2.0","method":"machine.update.klipper","id":null}"#], ""),
    every("no id", &[r#"{"jsonrpc":"2.0","method":"machine.update.klipper"}"#], ""),
    klipper_with_id!("id as text", r#""a€\u20ac\n""#, r#""a\u20ac\u20ac\n""#),
    klipper_with_id!("id as fraction", "1.50", "1.5"),
    klipper_with_id!("id with exponent", "1e3", "1000.0"),
    klipper_with_id!("id beyond 64 bits", "123456789012345678901234567890", "123456789012345678901234567890"),
    klipper_with_id!("id minus zero", "-0", "0"),
    klipper_with_id!("id true", "true", "true"),
    klipper_with_id!("id false", "false", "false"),
    klipper_with_id!("id zero", "0", "0"),
    klipper_with_id!("id empty text", r#""""#, r#""""#),
    klipper_with_id!("id as list", r#"[1,{"a":null}]"#, r#"[1,{"a":null}]"#),
    klipper_with_id!("id as object", r#"{"b":1,"a":2}"#, r#"{"b":1,"a":2}"#),
    klipper_with_id!("id as empty list", "[]", "[]"),
    klipper_with_id!("id NaN", "NaN", "NaN"),
    klipper_with_id!("id too large", "1e999", "Infinity"),
    every(
        "unknown without id",
        &[r#"{"jsonrpc":"2.0","method":"nope"}"#],
        r#"{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"},"id":null}"#,
    ),
    every(
        "failure without id",
        &[r#"{"jsonrpc":"2.0","method":"machine.update.upgrade","params":{"name":"zz"}}"#],
        r#"{"jsonrpc":"2.0","error":{"code":-32601,"message":"Updater zz not available"},"id":null}"#,
    ),
    every(
        "wrong params without id",
        &[r#"{"jsonrpc":"2.0","method":"access.info","params":[1]}"#],
        r#"{"jsonrpc":"2.0","error":{"code":-32602,"message":"Invalid params:"},"id":null}"#,
    ),
    every("further members", &[r#"{"foo":1,"jsonrpc":"2.0","method":"machine.update.klipper","id":1,"bar":[]}"#], OK),
    every("members twice", &[r#"{"jsonrpc":"2.0","method":"nope","method":"machine.update.klipper","id":5,"id":1}"#], OK),
    every("blanks around", &[" \n{\"jsonrpc\":\"2.0\",\"method\":\"machine.update.klipper\",\"id\":1}\t"], OK),
    every(
        "a batch of two",
        &[r#"[{"jsonrpc":"2.0","method":"machine.update.klipper","id":1},{"jsonrpc":"2.0","method":"nope","id":2}]"#],
        r#"[{"jsonrpc":"2.0","result":"ok","id":1},{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"},"id":2}]"#,
    ),
    every(
        "a batch of all kinds",
        &[r#"[{"jsonrpc":"2.0","method":"machine.update.klipper"},{"jsonrpc":"1.0","id":3},{"jsonrpc":"2.0","id":4,"result":1},{"jsonrpc":"2.0","method":"nope"},{}]"#],
        r#"[{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request"},"id":3},{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"},"id":null},{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request"},"id":null}]"#,
    ),
    every("a batch without answers", &[r#"[{"jsonrpc":"2.0","method":"machine.update.klipper"}]"#], ""),
    every("an empty batch", &["[]"], "").differs(ROW_21, INVALID),
    lasting("a batch of numbers", &["[1,2]"], "").differs(
        ROW_21,
        r#"[{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request"},"id":null},{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request"},"id":null}]"#,
    ),
    post("a batch of a number in a body", &["[1]"], "500 Internal Server Error").differs(
        ROW_21,
        r#"[{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request"},"id":null}]"#,
    ),
    lasting("a number in a batch", &[r#"[{"jsonrpc":"2.0","method":"machine.update.klipper","id":1},5]"#], "").differs(
        ROW_21,
        r#"[{"jsonrpc":"2.0","result":"ok","id":1},{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request"},"id":null}]"#,
    ),
    lasting("a batch in a batch", &[r#"[[{"jsonrpc":"2.0","method":"machine.update.klipper","id":1}]]"#], "").differs(
        ROW_21,
        r#"[{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request"},"id":null}]"#,
    ),
    lasting("a number", &["5"], "").differs(ROW_21, INVALID),
    lasting("null", &["null"], "").differs(ROW_21, INVALID),
    lasting("a text", &[r#""method""#], "").differs(ROW_21, INVALID),
    post("a number in a body", &["5"], "500 Internal Server Error").differs(ROW_21, INVALID),
    every("upgrade of an unknown name", &[r#"{"jsonrpc":"2.0","method":"machine.update.upgrade","params":{"name":"zz"},"id":1}"#], ZZ),
    every("client of an unknown name", &[r#"{"jsonrpc":"2.0","method":"machine.update.client","params":{"name":"zz"},"id":1}"#], ZZ),
    every(
        "a name of null",
        &[r#"{"jsonrpc":"2.0","method":"machine.update.upgrade","params":{"name":null},"id":1}"#],
        r#"{"jsonrpc":"2.0","error":{"code":-32601,"message":"Updater None not available"},"id":1}"#,
    ),
    every(
        "a name that is a list",
        &[r#"{"jsonrpc":"2.0","method":"machine.update.upgrade","params":{"name":["a",{"b":1.5}]},"id":1}"#],
        r#"{"jsonrpc":"2.0","error":{"code":-32601,"message":"Updater ['a', {'b': 1.5}] not available"},"id":1}"#,
    ),
    every(
        "an empty name",
        &[r#"{"jsonrpc":"2.0","method":"machine.update.upgrade","params":{"name":""},"id":1}"#],
        r#"{"jsonrpc":"2.0","error":{"code":-32601,"message":"Updater  not available"},"id":1}"#,
    ),
    every(
        "a name with markup",
        &[r#"{"jsonrpc":"2.0","method":"machine.update.upgrade","params":{"name":"<b>€\n"},"id":1}"#],
        r#"{"jsonrpc":"2.0","error":{"code":-32601,"message":"Updater <b>\u20ac\n not available"},"id":1}"#,
    ),
    every(
        "a name with every escape",
        &[r#"{"jsonrpc":"2.0","method":"machine.update.upgrade","params":{"name":"\u007f\u0001\u001f/\b\f\t\r\"\\ 😀"},"id":1}"#],
        r#"{"jsonrpc":"2.0","error":{"code":-32601,"message":"Updater \u007f\u0001\u001f/\b\f\t\r\"\\ \ud83d\ude00 not available"},"id":1}"#,
    ),
    every("tokens are arguments here", &[r#"{"jsonrpc":"2.0","method":"machine.update.upgrade","params":{"name":"zz","token":"x","access_token":"y"},"id":1}"#], ZZ),
    every("recovery without a name", &[r#"{"jsonrpc":"2.0","method":"machine.update.recover","id":1}"#], NO_NAME),
    every("no type hints here", &[r#"{"jsonrpc":"2.0","method":"machine.update.recover","params":{"name:str":"zz"},"id":1}"#], NO_NAME),
    every("recovery of an unknown name", &[r#"{"jsonrpc":"2.0","method":"machine.update.recover","params":{"name":"zz"},"id":1}"#], ZZ),
    every("recovery of what is no repository", &[r#"{"jsonrpc":"2.0","method":"machine.update.recover","params":{"name":"klipper"},"id":1}"#], NOT_GIT),
    every("a boolean as text", &[r#"{"jsonrpc":"2.0","method":"machine.update.recover","params":{"name":"klipper","hard":"TRUE","update_deps":"False"},"id":1}"#], NOT_GIT),
    recover_hard!("a boolean as number", "1", "1"),
    recover_hard!("a boolean as fraction", "1.0", "1.0"),
    recover_hard!("a boolean as null", "null", "None"),
    recover_hard!("a boolean as list", "[]", "[]"),
    recover_hard!("a boolean as another word", r#""<é€>""#, r"<\u00e9\u20ac>"),
    recover_hard!("a boolean with a blank", r#"" true""#, " true"),
    recover_hard!("a boolean as NaN", "NaN", "nan"),
    every("rollback without a name", &[r#"{"jsonrpc":"2.0","method":"machine.update.rollback","params":{},"id":1}"#], NO_NAME),
    every("rollback of an unknown name", &[r#"{"jsonrpc":"2.0","method":"machine.update.rollback","params":{"name":"zz"},"id":1}"#], ZZ),
    every(
        "rollback of what has none",
        &[r#"{"jsonrpc":"2.0","method":"machine.update.rollback","params":{"name":"klipper"},"id":1}"#],
        r#"{"jsonrpc":"2.0","error":{"code":400,"message":"Rollback not available for klipper"},"id":1}"#,
    ),
    every(
        "refresh of an unknown name",
        &[r#"{"jsonrpc":"2.0","method":"machine.update.refresh","params":{"name":"zz"},"id":1}"#],
        r#"{"jsonrpc":"2.0","error":{"code":400,"message":"No updater registered for 'zz'"},"id":1}"#,
    ),
    every(
        "refresh of null",
        &[r#"{"jsonrpc":"2.0","method":"machine.update.refresh","params":{"name":null},"id":1}"#],
        r#"{"jsonrpc":"2.0","error":{"code":400,"message":"No updater registered for 'None'"},"id":1}"#,
    ),
    every(
        "system updates switched off",
        &[r#"{"jsonrpc":"2.0","method":"machine.update.system","id":1}"#],
        r#"{"jsonrpc":"2.0","error":{"code":-32601,"message":"Updater system not available"},"id":1}"#,
    ),
    every(
        "status with a wrong flag",
        &[r#"{"jsonrpc":"2.0","method":"machine.update.status","params":{"refresh":null},"id":1}"#],
        r#"{"jsonrpc":"2.0","error":{"code":400,"message":"Unable to convert argument [refresh] to <class 'bool'>: value received: None"},"id":1}"#,
    ),
    every("a one-shot token", &[r#"{"jsonrpc":"2.0","method":"access.get_api_key","id":1}"#], r#"{"jsonrpc":"2.0","result":"T","id":1}"#),
    post(
        "identification needs a connection",
        &[r#"{"jsonrpc":"2.0","method":"server.connection.identify","params":{},"id":1}"#, r#"{"jsonrpc":"2.0","method":"server.websocket.id","id":1}"#],
        "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32601,\"message\":\"Method not found for transport HTTP\"},\"id\":1}\n{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32601,\"message\":\"Method not found for transport HTTP\"},\"id\":1}",
    ),
    lasting(
        "identification, step by step",
        &[
            r#"{"jsonrpc":"2.0","method":"server.connection.identify","id":1}"#,
            r#"{"jsonrpc":"2.0","method":"server.connection.identify","params":{"client_name":"t"},"id":1}"#,
            r#"{"jsonrpc":"2.0","method":"server.connection.identify","params":{"client_name":"t","version":"1"},"id":1}"#,
            r#"{"jsonrpc":"2.0","method":"server.connection.identify","params":{"client_name":"t","version":"1","type":"foo"},"id":1}"#,
            r#"{"jsonrpc":"2.0","method":"server.connection.identify","params":{"client_name":"t","version":"1","type":"foo","url":"u"},"id":1}"#,
            r#"{"jsonrpc":"2.0","method":"server.connection.identify","params":{"client_name":"t","version":1,"type":"WEB","url":"u"},"id":1}"#,
            r#"{"jsonrpc":"2.0","method":"server.connection.identify","params":{"client_name":"t","version":"1","type":"foo","url":"u","access_token":"zz"},"id":1}"#,
            r#"{"jsonrpc":"2.0","method":"server.websocket.id","id":1}"#,
        ],
        concat!(
            r#"{"jsonrpc":"2.0","error":{"code":400,"message":"No data for argument: client_name"},"id":1}"#,
            "\n",
            r#"{"jsonrpc":"2.0","error":{"code":400,"message":"No data for argument: version"},"id":1}"#,
            "\n",
            r#"{"jsonrpc":"2.0","error":{"code":400,"message":"No data for argument: type"},"id":1}"#,
            "\n",
            r#"{"jsonrpc":"2.0","error":{"code":400,"message":"No data for argument: url"},"id":1}"#,
            "\n",
            r#"{"jsonrpc":"2.0","error":{"code":400,"message":"Invalid Client Type: foo"},"id":1}"#,
            "\n",
            r#"{"jsonrpc":"2.0","result":{"connection_id":N},"id":1}"#,
            "\n",
            r#"{"jsonrpc":"2.0","error":{"code":400,"message":"Connection already identified: {'name': 't', 'version': '1', 'type': 'web', 'url': 'u'}"},"id":1}"#,
            "\n",
            r#"{"jsonrpc":"2.0","result":{"websocket_id":N},"id":1}"#,
        ),
    ),
    lasting(
        "a wrong key takes the connection's rights",
        &[
            r#"{"jsonrpc":"2.0","method":"server.connection.identify","params":{"client_name":"t","version":"1","type":"foo","url":"u","api_key":"zz"},"id":1}"#,
            r#"{"jsonrpc":"2.0","method":"server.websocket.id","id":1}"#,
            r#"{"jsonrpc":"2.0","method":"server.connection.identify","params":{"client_name":"t","version":"1","type":"foo","url":"u"},"id":1}"#,
            r#"{"jsonrpc":"2.0","method":"nope","id":1}"#,
            r#"{"jsonrpc":"2.0","method":"server.info","params":[1],"id":1}"#,
        ],
        concat!(
            r#"{"jsonrpc":"2.0","error":{"code":-32602,"message":"Invalid API Key"},"id":1}"#,
            "\n",
            r#"{"jsonrpc":"2.0","error":{"code":-32602,"message":"Unauthorized"},"id":1}"#,
            "\n",
            r#"{"jsonrpc":"2.0","error":{"code":-32602,"message":"Unauthorized"},"id":1}"#,
            "\n",
            r#"{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"},"id":1}"#,
            "\n",
            r#"{"jsonrpc":"2.0","error":{"code":-32602,"message":"Invalid params:"},"id":1}"#,
        ),
    ),
];
