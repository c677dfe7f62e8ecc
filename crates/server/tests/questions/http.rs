//! HTTP: paths, verbs, arguments, bodies, credentials, CORS (CONTRACT §1.1 to §1.5).

use super::{Asked, Question};

const BODY: (&str, &str) = ("Content-Type", "application/json");
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const FOREIGN: (&str, &str) = ("X-Real-IP", "8.8.8.8");

/// CONTRACT §8 row 1. The remedy is part of the message.
const ROW_1: &str = "row 1";
const NO_OBJECT: &str = "400 The body is not usable: it is no JSON object. Send one JSON object, as in {\"name\": \"klipper\"}, or no body at all | application/json; charset=UTF-8 | {\"error\":{\"code\":400,\"message\":\"The body is not usable: it is no JSON object. Send one JSON object, as in {\\\"name\\\": \\\"klipper\\\"}, or no body at all\"}}";
const NO_FORM: &str = "400 The body is not a form. To send JSON, set the header Content-Type: application/json; a form looks like name=klipper | application/json; charset=UTF-8 | {\"error\":{\"code\":400,\"message\":\"The body is not a form. To send JSON, set the header Content-Type: application/json; a form looks like name=klipper\"}}";
const NO_TYPE: &str = "400 The body's type is not supported. Send a JSON object with Content-Type: application/json | application/json; charset=UTF-8 | {\"error\":{\"code\":400,\"message\":\"The body's type is not supported. Send a JSON object with Content-Type: application/json\"}}";
const NO_UTF8: &str = "400 The body is not usable: it is not UTF-8. Send one JSON object, as in {\"name\": \"klipper\"}, or no body at all | application/json; charset=UTF-8 | {\"error\":{\"code\":400,\"message\":\"The body is not usable: it is not UTF-8. Send one JSON object, as in {\\\"name\\\": \\\"klipper\\\"}, or no body at all\"}}";

const ERROR_500: &str = r#"500 Internal Server Error | application/json; charset=UTF-8 | {"error":{"code":500,"message":"Internal Server Error"}}"#;
const NOT_FOUND: &str =
    r#"404 Not Found | application/json; charset=UTF-8 | {"error":{"code":404,"message":"Not Found"}}"#;
const NOT_ALLOWED: &str = r#"405 Method Not Allowed | application/json; charset=UTF-8 | {"error":{"code":405,"message":"Method Not Allowed"}}"#;
const UNAUTHORIZED: &str =
    r#"401 Unauthorized | application/json; charset=UTF-8 | {"error":{"code":401,"message":"Unauthorized"}}"#;
const UNKNOWN_400: &str =
    r#"400 Unknown | application/json; charset=UTF-8 | {"error":{"code":400,"message":"Unknown"}}"#;
const UNKNOWN_404: &str =
    r#"404 Unknown | application/json; charset=UTF-8 | {"error":{"code":404,"message":"Unknown"}}"#;
const OK: &str = r#"200 OK | application/json; charset=UTF-8 | {"result":"ok"}"#;
const INFO: &str = r#"200 OK | application/json; charset=UTF-8 | Etag | {"result":{"default_source":"moonraker","available_sources":["moonraker"],"login_required":false,"trusted":true}}"#;
const FOREIGN_INFO: &str = r#"200 OK | application/json; charset=UTF-8 | Etag | {"result":{"default_source":"moonraker","available_sources":["moonraker"],"login_required":false,"trusted":false}}"#;

macro_rules! unavailable {
    ($name:literal) => {
        unavailable!($name, $name)
    };
    ($reason:literal, $message:literal) => {
        concat!(
            "404 Updater ",
            $reason,
            " not available | application/json; charset=UTF-8 | {\"error\":{\"code\":404,\"message\":\"Updater ",
            $message,
            " not available\"}}"
        )
    };
}

type Headers = &'static [(&'static str, &'static str)];

const fn http(
    name: &'static str,
    verb: &'static str,
    target: &'static str,
    headers: Headers,
    body: &'static [u8],
    moonraker: &'static str,
) -> Question {
    Question { name, asked: Asked::Http { verb, target, headers, body }, moonraker, refit: None }
}

const fn get(name: &'static str, target: &'static str, headers: Headers, moonraker: &'static str) -> Question {
    http(name, "GET", target, headers, b"", moonraker)
}

/// What `upgrade` makes of a query: the name it does not know.
const fn query(name: &'static str, target: &'static str, moonraker: &'static str) -> Question {
    http(name, "POST", target, &[], b"", moonraker)
}

/// What `upgrade?name=q` makes of a body. The query's name keeps a misread body from updating everything.
const fn body(name: &'static str, headers: Headers, body: &'static [u8], moonraker: &'static str) -> Question {
    http(name, "POST", "/machine/update/upgrade?name=q", headers, body, moonraker)
}

const fn raw(name: &'static str, bytes: &'static [u8], moonraker: &'static str) -> Question {
    Question { name, asked: Asked::Raw(bytes), moonraker, refit: None }
}

const PREFLIGHT: &str = "204 No Content | - | Access-Control-Allow-Origin: http://allowed.example; Access-Control-Allow-Methods: GET, POST, PUT, DELETE, OPTIONS; Access-Control-Allow-Headers: Origin, Accept, Content-Type, X-Requested-With, X-CRSF-Token, Authorization, X-Access-Token, X-Api-Key | ";
const ALLOWED: (&str, &str) = ("Origin", "http://allowed.example");

pub(super) static QUESTIONS: &[Question] = &[
    get("access.info", "/access/info", &[], INFO),
    get("an unknown path", "/nope", &[], NOT_FOUND),
    get("a trailing slash", "/access/info/", &[], NOT_FOUND),
    get("a double slash", "//access/info", &[], NOT_FOUND),
    get("another case", "/Access/info", &[], NOT_FOUND),
    get("an encoded letter", "/%61ccess/info", &[], NOT_FOUND),
    get("identification is for connections", "/server/connection/identify", &[], NOT_FOUND),
    get("no printer yet", "/printer/info", &[], NOT_FOUND),
    http("PUT", "PUT", "/server/info", &[], b"", NOT_ALLOWED),
    http("PATCH", "PATCH", "/server/info", &[], b"", NOT_ALLOWED),
    http("DELETE", "DELETE", "/server/info", &[], b"", NOT_ALLOWED),
    http("an invented verb", "FOO", "/server/info", &[], b"", NOT_ALLOWED),
    http("HEAD", "HEAD", "/server/info", &[], b"", "405 Method Not Allowed | application/json; charset=UTF-8 | "),
    http("HEAD of an unknown path", "HEAD", "/nope", &[], b"", "404 Not Found | application/json; charset=UTF-8 | "),
    http("POST of a GET", "POST", "/server/info", &[], b"", NOT_ALLOWED),
    http("POST of status", "POST", "/machine/update/status", &[], b"", NOT_ALLOWED),
    get("GET of upgrade", "/machine/update/upgrade", &[], NOT_ALLOWED),
    get("GET of jsonrpc", "/server/jsonrpc", &[], NOT_ALLOWED),
    http("POST of a one-shot token", "POST", "/access/oneshot_token", &[], b"", NOT_ALLOWED),
    get("a one-shot token", "/access/oneshot_token", &[], r#"200 OK | application/json; charset=UTF-8 | Etag | {"result":"T"}"#),
    get("the key", "/access/api_key", &[], r#"200 OK | application/json; charset=UTF-8 | Etag | {"result":"T"}"#),
    http("a new key", "POST", "/access/api_key", &[], b"", r#"200 OK | application/json; charset=UTF-8 | {"result":"T"}"#),
    get("the user", "/access/user", &[], r#"200 OK | application/json; charset=UTF-8 | Etag | {"result":{"username":"_TRUSTED_USER_","source":"moonraker","created_on":N}}"#),
    get("an old tag", "/access/info", &[("If-None-Match", "\"x\"")], INFO),
    get("the same tag", "/access/info", &[("If-None-Match", "\"x\", W/\"23027bf810958f032fa552fbb274a3b86ff32b34\"")], "304 Not Modified | - | Etag | "),
    get("any tag", "/access/info", &[("If-None-Match", "*")], "304 Not Modified | - | Etag | "),
    query("a name", "/machine/update/upgrade?name=zz", unavailable!("zz")),
    query("a name for client", "/machine/update/client?name=zz", unavailable!("zz")),
    query("a name with blanks", "/machine/update/upgrade?name=%20zz%20z%20", unavailable!("zz z")),
    query("a name twice", "/machine/update/upgrade?name=a1&name=a2", unavailable!("a2")),
    query("an empty name", "/machine/update/upgrade?name=", unavailable!("")),
    query("a plus", "/machine/update/upgrade?name=a+b", unavailable!("a b")),
    query("a wrong escape", "/machine/update/upgrade?name=%zz", unavailable!("%zz")),
    query("a semicolon", "/machine/update/upgrade?name=a;name=b", unavailable!("a;name=b")),
    query("a control character", "/machine/update/upgrade?name=a%01b", unavailable!("a b")),
    query("a tab", "/machine/update/upgrade?name=a%09b", unavailable!("a\tb", "a\\tb")),
    query("an accent", "/machine/update/upgrade?name=%C3%A9", unavailable!("é", "\\u00e9")),
    query("a euro", "/machine/update/upgrade?name=%E2%82%AC", UNKNOWN_404),
    query("a less-than", "/machine/update/upgrade?name=%3Cb%3E", UNKNOWN_404),
    query("a newline", "/machine/update/upgrade?name=a%0Ab", UNKNOWN_404),
    query("a delete", "/machine/update/upgrade?name=a%7Fb", UNKNOWN_404),
    query("a greater-than and quotes", "/machine/update/upgrade?name=a%3E%26%22'b", unavailable!("a>&\"'b", "a>&\\\"'b")),
    query("no UTF-8", "/machine/update/upgrade?name=%ff", ERROR_500),
    query("hint int", "/machine/update/upgrade?name:int=007", unavailable!("7")),
    query("hint int with underscore", "/machine/update/upgrade?name:int=1_0", unavailable!("10")),
    query("hint int of a word", "/machine/update/upgrade?name:int=x7", unavailable!("x7")),
    query("hint float", "/machine/update/upgrade?name:float=1e3", unavailable!("1000.0")),
    query("hint float of nan", "/machine/update/upgrade?name:float=nan", unavailable!("nan")),
    query("hint bool", "/machine/update/upgrade?name:bool=TRUE", unavailable!("True")),
    query("hint bool of a number", "/machine/update/upgrade?name:bool=1", unavailable!("False")),
    query("hint json", "/machine/update/upgrade?name:json={%22a%22:[1,null]}", unavailable!("{'a': [1, None]}")),
    query("hint json of a word", "/machine/update/upgrade?name:json=%7Bzz", unavailable!("{zz")),
    query("an unknown hint", "/machine/update/upgrade?name:foo=zz", unavailable!("zz")),
    query("a hint, then none", "/machine/update/upgrade?name:int=7&name=zz", unavailable!("zz")),
    query("none, then a hint", "/machine/update/upgrade?name=zz&name:int=7", unavailable!("7")),
    query("transport arguments", "/machine/update/upgrade?_=1&connection_id=2&name=zz", unavailable!("zz")),
    query("recovery without a name", "/machine/update/recover", r#"400 No data for argument: name | application/json; charset=UTF-8 | {"error":{"code":400,"message":"No data for argument: name"}}"#),
    query("recovery with a wrong flag", "/machine/update/recover?name=zz&hard=maybe", UNKNOWN_400),
    query("recovery with flag and hint", "/machine/update/recover?name=zz&hard:bool=maybe", unavailable!("zz")),
    query("recovery of klipper", "/machine/update/recover?name=klipper&hard=%20TRUE", r#"400 Updater klipper is not a Git Repo Type | application/json; charset=UTF-8 | {"error":{"code":400,"message":"Updater klipper is not a Git Repo Type"}}"#),
    query("refresh of an unknown name", "/machine/update/refresh?name=zzz", r#"400 No updater registered for 'zzz' | application/json; charset=UTF-8 | {"error":{"code":400,"message":"No updater registered for 'zzz'"}}"#),
    query("system", "/machine/update/system", unavailable!("system")),
    query("klipper", "/machine/update/klipper", OK),
    get("status with a wrong flag", "/machine/update/status?refresh=5", &[], UNKNOWN_400),
    http("status with a body", "GET", "/machine/update/status", &[BODY], br#"{"refresh":5}"#, UNKNOWN_400),
    body("a form", &[FORM], b"name=f1&name=f2", unavailable!("f2")),
    body("a multipart form", &[("Content-Type", "multipart/form-data; boundary=XX")], b"--XX\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nmpz\r\n--XX--\r\n", unavailable!("mpz")),
    body("a JSON body", &[BODY], br#"{"name":"  zz  "}"#, unavailable!("  zz  ")),
    body("a JSON body with charset", &[("Content-Type", "application/json; charset=utf-8")], br#"{"name":"zz"}"#, unavailable!("zz")),
    body("a byte order mark", &[BODY], b"\xef\xbb\xbf{\"name\":\"zz\"}", unavailable!("zz")),
    body("a number as name", &[BODY], br#"{"name":1E2}"#, unavailable!("100.0")),
    body("an endless number", &[BODY], br#"{"name":1e400}"#, unavailable!("inf")),
    body("a surrogate alone", &[BODY], br#"{"name":"\ud800"}"#, UNKNOWN_404),
    body("an empty JSON body", &[BODY], b"", unavailable!("q")),
    body("JSON that is none", &[BODY], b"{bad", unavailable!("q")).differs(ROW_1, "400 The body is not usable: it is no JSON at byte 1. Send one JSON object, as in {\"name\": \"klipper\"}, or no body at all | application/json; charset=UTF-8 | {\"error\":{\"code\":400,\"message\":\"The body is not usable: it is no JSON at byte 1. Send one JSON object, as in {\\\"name\\\": \\\"klipper\\\"}, or no body at all\"}}"),
    body("JSON as a form", &[FORM], br#"{"name":"zz"}"#, unavailable!("q")).differs(ROW_1, NO_FORM),
    body("JSON as text", &[("Content-Type", "text/json")], br#"{"name":"zz"}"#, unavailable!("q")).differs(ROW_1, NO_TYPE),
    body("JSON in capitals", &[("Content-Type", "Application/JSON")], br#"{"name":"zz"}"#, unavailable!("q")).differs(ROW_1, NO_TYPE),
    body("JSON without a type", &[], br#"{"name":"zz"}"#, unavailable!("q")).differs(ROW_1, NO_TYPE),
    body("an empty list", &[BODY], b"[]", unavailable!("q")).differs(ROW_1, NO_OBJECT),
    body("a list of pairs", &[BODY], br#"[["name","zp"]]"#, unavailable!("zp")).differs(ROW_1, NO_OBJECT),
    body("a number for a body", &[BODY], b"5", ERROR_500).differs(ROW_1, NO_OBJECT),
    body("null for a body", &[BODY], b"null", ERROR_500).differs(ROW_1, NO_OBJECT),
    body("a body that is no UTF-8", &[BODY], b"{\"name\":\"\xff\"}", ERROR_500).differs(ROW_1, NO_UTF8),
    http("jsonrpc of another type", "POST", "/server/jsonrpc", &[FORM], b"{}", r#"400 Bad Request | application/json; charset=UTF-8 | {"error":{"code":400,"message":"Bad Request"}}"#),
    http("jsonrpc without an answer", "POST", "/server/jsonrpc", &[BODY], br#"{"jsonrpc":"2.0","id":1}"#, "200 OK | text/html; charset=UTF-8 | "),
    http("jsonrpc that is no UTF-8", "POST", "/server/jsonrpc", &[BODY], b"\"\xff\"", ERROR_500),
    http("jsonrpc of a foreign client", "POST", "/server/jsonrpc", &[BODY, FOREIGN], br#"{"jsonrpc":"2.0","method":"server.info","id":1}"#, r#"200 OK | application/json; charset=UTF-8 | {"jsonrpc":"2.0","error":{"code":-32602,"message":"Unauthorized"},"id":1}"#),
    get("a foreign client", "/server/info", &[FOREIGN], UNAUTHORIZED),
    get("a foreign client at an unknown path", "/nope", &[FOREIGN], UNAUTHORIZED),
    get("a foreign client where all may ask", "/access/info", &[FOREIGN], FOREIGN_INFO),
    get("a wrong key", "/access/info", &[("X-Api-Key", "zz")], UNAUTHORIZED),
    get("an empty key", "/access/info", &[("X-Api-Key", "")], INFO),
    get("a login token", "/access/info", &[("Authorization", "Bearer zz")], UNAUTHORIZED),
    get("another scheme", "/access/info", &[("Authorization", "Basic zz")], INFO),
    get("a one-shot token that is none", "/access/info?token=zz", &[], INFO),
    get("a page that may ask", "/nope", &[ALLOWED], r#"404 Not Found | application/json; charset=UTF-8 | Access-Control-Allow-Origin: http://allowed.example | {"error":{"code":404,"message":"Not Found"}}"#),
    http("a preflight", "OPTIONS", "/machine/update/upgrade", &[ALLOWED, FOREIGN], b"", PREFLIGHT),
    http("a preflight of nobody", "OPTIONS", "/machine/update/upgrade", &[], b"", NOT_ALLOWED),
    http("a simple POST of a foreign page", "POST", "/machine/update/klipper", &[("Origin", "http://evil.example")], b"", OK).differs(
        "a page of any site could start an update by a simple POST",
        r#"403 Cross origin request not allowed: add the page's origin to cors_domains, or send an API key | application/json; charset=UTF-8 | {"error":{"code":403,"message":"Cross origin request not allowed: add the page's origin to cors_domains, or send an API key"}}"#,
    ),
    raw("no Host", b"GET /access/info HTTP/1.1\r\nConnection: close\r\n\r\n", "HTTP/1.1 400 Bad Request | Closed"),
    raw("a body beyond the limit", b"POST /machine/update/klipper HTTP/1.1\r\nHost: x\r\nContent-Length: 60000000\r\n\r\n", "HTTP/1.1 400 Bad Request | Closed"),
];
