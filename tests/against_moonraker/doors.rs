//! Questions of protocol, through the four doors: the table that Refit's server is tested with alone is asked of both here,
//! and with it what the table leaves out: headers, tracebacks, forwarded addresses, limits, what `server.info` says.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use refit_testkit::rpc::{End, Frame, HttpReply, JsonRpc as _, Unix, Ws};
use refit_testkit::scratch::scratch;
use refit_testkit::wait::wait_for;
use serde_json::{Value, json};

use crate::compatibility;
use crate::record::without_extras;
use crate::sides::{BOTH, Daemon, PATIENCE, Side, Wanted};
use crate::world::World;

#[path = "../../crates/server/tests/questions/mod.rs"]
mod questions;

/// Both daemons in the world of the questions: the updaters `moonraker`, `klipper` (absent) and `app` (up to date).
struct Pair {
    moonraker: Daemon,
    refit: Daemon,
    _world: World,
}

impl Pair {
    fn start() -> Self {
        let world = World::of(&["clean"]);
        let start = |side: Side| {
            let copy = world.copy(side.word());
            let wanted = Wanted {
                sections: copy.sections.replace("[update_manager clean]", "[update_manager app]"),
                authorization: Some(
                    "trusted_clients:\n  127.0.0.1\ncors_domains:\n  http://allowed.example".to_owned(),
                ),
                // The peer of these tests is a proxy, so that a header can make it a foreign client.
                refit: "trusted_proxies: 127.0.0.1".to_owned(),
                ..Wanted::default()
            };
            let daemon = Daemon::start(side, &copy.root, &wanted);
            daemon.wait_initialised();
            daemon
        };
        let [moonraker, refit] = BOTH.map(start);
        Self { moonraker, refit, _world: world }
    }

    fn both(&self) -> [&Daemon; 2] {
        [&self.moonraker, &self.refit]
    }

    fn stop(self) {
        self.moonraker.stop();
        self.refit.stop();
    }
}

/// The row of docs/compatibility.md that a question's reason names.
fn row_of(reason: &str) -> u8 {
    let number = reason.strip_prefix("row ").and_then(|number| number.parse().ok());
    let simple_post = || reason.contains("simple POST").then_some(compatibility::SIMPLE_POST);
    let close_reason = || reason.contains("close frame").then_some(compatibility::CLOSE_REASON);
    number.or_else(simple_post).or_else(close_reason).unwrap_or_else(|| panic!("the reason {reason:?} names no row"))
}

#[test]
fn every_question_is_answered_alike() {
    let pair = Pair::start();
    let mut wrong = Vec::new();
    let mut rows = BTreeSet::new();
    let mut count = 0;
    for question in questions::all() {
        let [theirs, ours] = [(&pair.moonraker, question.moonraker), (&pair.refit, question.expected_of_refit())]
            .map(|(daemon, expected)| questions::ask(&daemon.doors_of_questions(), &question, expected));
        count += theirs.len();
        rows.extend(question.refit.map(|(reason, _)| row_of(reason)));
        for ((door, theirs), (_, ours)) in theirs.into_iter().zip(ours) {
            if theirs != question.moonraker {
                let said = format!("the table says {}\n  moonraker says  {theirs}", question.moonraker);
                wrong.push(format!("{} ({door}): the table is wrong of Moonraker\n  {said}", question.name));
            }
            if ours != question.expected_of_refit() {
                wrong.push(format!("{} ({door})\n  moonraker {theirs}\n  refit     {ours}", question.name));
            }
        }
    }
    pair.stop();
    assert!(wrong.is_empty(), "{} of {count} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count >= 300, "only {count} answers were compared");
    assert_eq!(rows.into_iter().collect::<Vec<_>>(), [1, 21, compatibility::SIMPLE_POST, compatibility::CLOSE_REASON]);
}

/// Headers to be sent.
type Headers<'a> = &'a [(&'a str, &'a str)];

/// The headers, with the values that do not change from run to run.
fn headers(reply: &HttpReply) -> Vec<String> {
    let shown = |(name, value): &(String, String)| match name.as_str() {
        "Date" | "Etag" | "Content-Length" => name.clone(),
        _ => format!("{name}: {value}"),
    };
    let mut headers: Vec<String> = reply.headers.iter().map(shown).collect();
    // Their order means nothing (RFC 9110, section 5.3).
    headers.sort();
    headers
}

#[test]
fn headers_and_errors_are_alike() {
    let pair = Pair::start();
    let allowed = ("Origin", "http://allowed.example");
    let questions: [(&str, &str, Headers<'_>); 8] = [
        ("GET", "/access/info", &[]),
        ("GET", "/access/info", &[allowed]),
        ("GET", "/access/info", &[("If-None-Match", "*"), allowed]),
        ("GET", "/nope", &[allowed]),
        ("PUT", "/access/info", &[]),
        ("POST", "/machine/update/klipper", &[("Connection", "keep-alive")]),
        ("OPTIONS", "/access/info", &[allowed, ("Access-Control-Request-Private-Network", "true")]),
        ("GET", "/websocket", &[]),
    ];
    for (verb, path, sent) in questions {
        let [theirs, ours] = pair.both().map(|daemon| daemon.http().request(verb, path, sent, b""));
        assert_eq!(theirs.line, ours.line, "{verb} {path}");
        let [mut told, mut said] = [&theirs, &ours].map(headers);
        // Row 24: the header Server names the one who answers.
        told.retain(|header| !header.starts_with("Server: TornadoServer/"));
        said.retain(|header| !header.starts_with("Server: Refit/"));
        assert_eq!(told, said, "{verb} {path}");
        // Row 10: an error has no traceback.
        if theirs.status >= 400 && theirs.json().is_object() {
            assert!(theirs.json()["error"]["traceback"].is_string(), "{theirs:?}");
            assert_eq!(
                ours.json()["error"].as_object().map(|error| error.keys().cloned().collect()),
                Some(vec!["code".to_owned(), "message".to_owned()])
            );
        }
    }
    pair.stop();
}

#[test]
fn a_forwarded_address_is_believed_from_proxies_alone() {
    let folder = scratch();
    let answers = BOTH.map(|side| {
        let daemon = Daemon::start(side, &folder.path().join(side.word()), &Wanted::default());
        daemon.wait_initialised();
        let foreign = daemon.http().request("GET", "/server/info", &[("X-Real-IP", "8.8.8.8")], b"").status;
        let plain = daemon.http().get("/server/info").status;
        daemon.stop();
        (foreign, plain)
    });
    // Row 26.
    assert_eq!(answers, [(401, 200), (200, 200)]);
}

#[test]
fn the_limits_are_alike() {
    let pair = Pair::start();
    for daemon in pair.both() {
        let who = daemon.side.word();
        let mut ws = daemon.ws();
        let blanks = 10 * 1024 * 1024 - 100;
        let text = format!("{}{}", " ".repeat(blanks), r#"{"jsonrpc":"2.0","method":"nope","id":1}"#);
        ws.send(&Frame::text(&text));
        let answer = ws.wait_for_message(PATIENCE, &|message| message["id"] == 1).expect("just below the limit");
        assert_eq!(answer["error"]["code"], -32601, "{who}");
        ws.send_raw(&Frame::text(&" ".repeat(10 * 1024 * 1024 + 1)).bytes());
        let close = ws.read_close(PATIENCE);
        assert!(format!("{close:?}").contains("code: Some(1009), reason: \"message too big\""), "{who}: {close:?}");

        let mut unix = daemon.unix();
        unix.send_raw(&vec![b' '; 21 * 1024 * 1024]);
        wait_for(PATIENCE, "the end of a connection that sent too much", || {
            unix.read_text(Duration::from_millis(50)).is_none() && unix.ended()
        });

        let head = "POST /machine/update/klipper HTTP/1.1\r\nHost: x\r\nContent-Length: 52428801\r\n\r\n";
        let (bytes, end) = daemon.http().raw(head.as_bytes(), PATIENCE);
        assert!(bytes.starts_with(b"HTTP/1.1 400 Bad Request\r\n") && end == End::Closed, "{who}");

        drop(ws);
        // The place of the one before is free once both sides have said goodbye.
        let mut sockets: Vec<Ws> = Vec::new();
        wait_for(PATIENCE, "fifty places", || {
            sockets.extend(Ws::connect_with(daemon.port, "/websocket", &[]).ok());
            sockets.len() == 50
        });
        let refused = Ws::connect_with(daemon.port, "/websocket", &[]).expect_err("one too many");
        let page = "<html><title>500: Internal Server Error</title><body>500: Internal Server Error</body></html>";
        assert_eq!((refused.status, refused.text().as_str()), (500, page), "{who}");
    }
    pair.stop();
}

#[test]
fn a_token_and_a_key_open_the_door() {
    let pair = Pair::start();
    for daemon in pair.both() {
        let (who, http) = (daemon.side.word(), daemon.http());
        let foreign = ("X-Real-IP", "8.8.8.8");
        let ask = |path: &str, headers: &[(&str, &str)]| http.request("GET", path, headers, b"").status;
        let key = http.get("/access/api_key").json()["result"].as_str().expect("a key").to_owned();
        assert_eq!(ask("/server/info", &[foreign]), 401, "{who}");
        assert_eq!(ask("/server/info", &[foreign, ("X-Api-Key", &key)]), 200, "{who}");
        let token = || {
            let headers = [foreign, ("X-Api-Key", key.as_str())];
            let reply = http.request("GET", "/access/oneshot_token", &headers, b"");
            format!("/server/info?token={}", reply.json()["result"].as_str().expect("a token"))
        };
        let (once, elsewhere) = (token(), token());
        let twice = [ask(&once, &[foreign]), ask(&once, &[foreign])];
        assert_eq!(twice, [200, 401], "{who}: a token opens once");
        let others = [ask(&elsewhere, &[("X-Real-IP", "8.8.4.4")]), ask(&elsewhere, &[foreign])];
        assert_eq!(others, [401, 401], "{who}: a token is bound to its address, and a wrong one spends it");
        let new = http.post("/access/api_key", &Value::Null).json()["result"].as_str().expect("a key").to_owned();
        assert_eq!(ask("/server/info", &[foreign, ("X-Api-Key", &key)]), 401, "{who}");
        assert_eq!(ask("/server/info", &[foreign, ("X-Api-Key", &new)]), 200, "{who}");

        let mut ws = Ws::connect_with(daemon.port, "/websocket", &[foreign]).expect("a handshake is never refused");
        assert_eq!(ws.call("server.info", Value::Null)["error"]["message"], "Unauthorized", "{who}");
        let name = json!({"client_name": "t", "version": "1", "type": "web", "url": "u", "api_key": new});
        assert!(ws.result("server.connection.identify", name)["connection_id"].is_u64(), "{who}");
        assert!(ws.result("server.info", Value::Null).is_object(), "{who}");
    }
    pair.stop();
}

#[test]
fn a_refresh_is_told_to_everybody() {
    let pair = Pair::start();
    for daemon in pair.both() {
        let who = daemon.side.word();
        let (mut asking, mut listening): (Ws, Unix) = (daemon.ws(), daemon.unix());
        listening.result("server.info", Value::Null);
        let result = asking.result("machine.update.refresh", json!({"name": "app"}));
        // The one of the first pass over all updaters may still be under way.
        let is_it = |message: &Value| message["method"] == "notify_update_refreshed" && message["params"][0] == result;
        assert!(asking.wait_for_message(PATIENCE, &is_it).is_some(), "{who}: the caller is told");
        assert!(listening.wait_for_message(PATIENCE, &is_it).is_some(), "{who}: the others are told");
        let beat = asking.notification("notify_proc_stat_update", PATIENCE).expect("a beat each second");
        let keys: Vec<&String> = beat[0].as_object().expect("an object").keys().collect();
        let expected =
            ["moonraker_stats", "cpu_temp", "network", "system_cpu_usage", "system_memory", "websocket_connections"];
        assert_eq!(keys, expected, "{who}");
    }
    pair.stop();
}

/// The status without its entries, the entries, and the two answers that clients begin with.
#[test]
fn the_first_answers_of_a_client_are_alike() {
    let pair = Pair::start();
    let ask = |daemon: &Daemon| {
        let mut ws = daemon.ws();
        let (info, _) = without_extras(ws.result("server.info", Value::Null));
        let (status, _) = without_extras(ws.result("machine.update.status", Value::Null));
        (info, status)
    };
    let [(mut info, mut status), (our_info, our_status)] = pair.both().map(ask);
    assert_eq!(keys(&info), keys(&our_info));
    // Row 31: only the components that are there, nothing that needs the printer, no files.
    let components = our_info["components"].as_array().expect("a list").clone();
    assert!(components.contains(&json!("update_manager")), "{our_info}");
    assert!(components.iter().all(|ours| info["components"].as_array().expect("a list").contains(ours)), "{our_info}");
    for row_31 in ["components", "registered_directories", "missing_klippy_requirements"] {
        info[row_31] = our_info[row_31].clone();
    }
    assert_eq!(info, our_info);

    assert_eq!(keys(&status), keys(&our_status));
    assert_eq!(keys(&status["version_info"]), keys(&our_status["version_info"]));
    // Row 9: an updater that is not there says so.
    let klipper = &our_status["version_info"]["klipper"];
    assert_eq!(status["version_info"]["klipper"], json!({}));
    assert_eq!((&klipper["configured_type"], &klipper["is_valid"]), (&json!("none"), &json!(false)));
    assert!(klipper["warnings"][0].as_str().is_some_and(|text| text.contains("klipper")), "{klipper}");
    // Row 33: Moonraker is its own python package here; beside Refit there is none.
    assert_eq!(status["version_info"]["moonraker"]["configured_type"], "python");
    assert_eq!(our_status["version_info"]["moonraker"]["configured_type"], "none");
    for entry in ["klipper", "moonraker", "app"] {
        status["version_info"][entry] = our_status["version_info"][entry].clone();
    }
    assert_eq!(status, our_status);
    pair.stop();
}

fn keys(value: &Value) -> Vec<&String> {
    value.as_object().map(|object| object.keys().collect()).unwrap_or_default()
}

impl Daemon {
    fn doors_of_questions(&self) -> questions::Doors {
        questions::Doors { port: self.port, unix: Path::to_owned(self.socket()) }
    }
}
