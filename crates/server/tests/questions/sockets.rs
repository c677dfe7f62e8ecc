//! What the carriers of JSON-RPC do: handshakes and frames of WebSockets, frames of the Unix socket (CONTRACT §1.6, §1.9).

use super::{Asked, Question};

type Headers = &'static [(&'static str, &'static str)];

const fn handshake(name: &'static str, target: &'static str, headers: Headers, moonraker: &'static str) -> Question {
    Question { name, asked: Asked::Handshake { target, headers }, moonraker, refit: None }
}

const fn frames(name: &'static str, frames: &'static [(u8, &'static [u8])], moonraker: &'static str) -> Question {
    Question { name, asked: Asked::Frames(frames), moonraker, refit: None }
}

const fn unix(name: &'static str, frames: &'static [&'static [u8]], moonraker: &'static str) -> Question {
    Question { name, asked: Asked::UnixFrames(frames), moonraker, refit: None }
}

const ID: &str = r#"101 | {"jsonrpc":"2.0","result":{"websocket_id":N},"id":1}"#;
const UNAUTHORIZED: &str = r#"101 | {"jsonrpc":"2.0","error":{"code":-32602,"message":"Unauthorized"},"id":1}"#;
const CROSS: &str = "403 Forbidden | text/html; charset=UTF-8 | Cross origin websockets not allowed";
const VERSION: &str = "426 Upgrade Required | text/html; charset=UTF-8 | Sec-Websocket-Version: 7, 8, 13 | ";
const NOPE: &[u8] = br#"{"jsonrpc":"2.0","method":"nope","id":1}"#;
const NOT_FOUND: &str = r#"{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"},"id":1}"#;
const PARSE: &str = r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"},"id":null}"#;
const BROKEN: &str = "closed without a frame";

pub(super) static QUESTIONS: &[Question] = &[
    handshake("a trusted client", "/websocket", &[], ID),
    handshake("an old version", "/websocket", &[("Sec-WebSocket-Version", "8")], ID),
    handshake("a version nobody speaks", "/websocket", &[("Sec-WebSocket-Version", "99")], VERSION),
    handshake(
        "no key",
        "/websocket",
        &[("Sec-WebSocket-Key", "")],
        "400 Bad Request | text/html; charset=UTF-8 | Missing/Invalid WebSocket headers",
    ),
    handshake(
        "no upgrade",
        "/websocket",
        &[("Upgrade", "")],
        "400 Bad Request | text/html; charset=UTF-8 | Can \"Upgrade\" only to \"WebSocket\".",
    ),
    handshake(
        "no connection header",
        "/websocket",
        &[("Connection", "close")],
        "400 Bad Request | text/html; charset=UTF-8 | \"Connection\" must be \"Upgrade\".",
    ),
    handshake("one of several connection tokens", "/websocket", &[("Connection", "keep-alive, Upgrade")], ID),
    handshake("a foreign page", "/websocket", &[("Origin", "http://evil.example")], CROSS),
    handshake("a page without origin", "/websocket", &[("Origin", "null")], CROSS),
    handshake("an allowed page", "/websocket", &[("Origin", "http://allowed.example")], ID),
    handshake("its own page", "/websocket", &[("Origin", "http://Here:1"), ("Host", "here:1")], ID),
    handshake("a foreign client", "/websocket", &[("X-Real-IP", "8.8.8.8")], UNAUTHORIZED),
    handshake("a foreign client with a wrong token", "/websocket?token=zz", &[("X-Real-IP", "8.8.8.8")], UNAUTHORIZED),
    handshake("KlipperScreen without a key", "/websocket?token=False", &[("X-Api-Key", "")], ID),
    handshake("a wrong key", "/websocket", &[("X-Api-Key", "zz")], UNAUTHORIZED),
    handshake("a wrong login token", "/websocket?access_token=zz", &[], UNAUTHORIZED),
    handshake(
        "a trailing slash",
        "/websocket/",
        &[],
        r#"404 Not Found | application/json; charset=UTF-8 | {"error":{"code":404,"message":"Not Found"}}"#,
    ),
    Question {
        name: "POST of a WebSocket",
        asked: Asked::Http { verb: "POST", target: "/websocket", headers: &[], body: b"" },
        moonraker: "405 Method Not Allowed | text/html; charset=UTF-8 | <html><title>405: Method Not Allowed</title><body>405: Method Not Allowed</body></html>",
        refit: None,
    },
    frames("a text", &[(0x81, NOPE)], NOT_FOUND),
    frames("bytes that are text", &[(0x82, NOPE)], NOT_FOUND),
    frames("bytes that are none", &[(0x82, b"\"\xff\"")], ""),
    frames(
        "fragments around a ping",
        &[(0x01, br#"{"jsonrpc":"2.0","#), (0x89, b"mid"), (0x80, br#""method":"nope","id":1}"#)],
        "pong mid\n{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32601,\"message\":\"Method not found\"},\"id\":1}",
    ),
    frames("a ping", &[(0x89, b"hello")], "pong hello"),
    frames("text that is no UTF-8", &[(0x81, b"\"\xff\"")], BROKEN),
    frames("a lone continuation", &[(0x80, b"x")], BROKEN),
    frames("a reserved opcode", &[(0x83, b"x")], BROKEN),
    frames("a reserved bit", &[(0xc1, b"{}")], BROKEN),
    frames("a close", &[(0x88, b"\x0f\xa1bye")], "closed Some(4001) ")
        .differs("the reason of a close frame is echoed with its code", "closed Some(4001) bye"),
    frames("a close without a code", &[(0x88, b"")], "closed None "),
    frames("an empty text", &[(0x81, b"")], PARSE),
    unix(
        "two frames",
        &[NOPE, b"{bad"],
        "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32601,\"message\":\"Method not found\"},\"id\":1}\n{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32700,\"message\":\"Parse error\"},\"id\":null}",
    ),
    unix("an empty frame", &[b""], PARSE),
    unix(
        "nine frames of garbage",
        &[b"\xff", b"\xff", b"\xff", b"\xff", b"\xff", b"\xff", b"\xff", b"\xff", b"\xff", NOPE],
        NOT_FOUND,
    ),
    unix(
        "ten frames of garbage",
        &[b"\xff", b"\xff", b"\xff", b"\xff", b"\xff", b"\xff", b"\xff", b"\xff", b"\xff", b"\xff"],
        "closed",
    ),
    unix(
        "no address for a token",
        &[br#"{"jsonrpc":"2.0","method":"access.oneshot_token","id":1}"#],
        r#"{"jsonrpc":"2.0","error":{"code":500,"message":""},"id":1}"#,
    ),
    unix(
        "nobody in particular",
        &[br#"{"jsonrpc":"2.0","method":"access.get_user","id":1}"#],
        r#"{"jsonrpc":"2.0","result":{"username":null,"source":null,"created_on":null},"id":1}"#,
    ),
];
