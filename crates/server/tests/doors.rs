//! The doors as clients live with them: what is pushed, what does not wait for what, who is dropped, how it ends.

mod access;
mod questions;
mod scripted;

use std::time::{Duration, Instant};

use refit_engine::snapshot::Snapshot;
use refit_model::event::{Audience, Event};
use refit_model::name::ConnectionId;
use refit_model::printer::{Activity, KlippyState, Printer, PrinterIdentity};
use refit_model::request::{Door, HoldRequest, Request};
use refit_testkit::rpc::{Frame, Http, Incoming, JsonRpc, Unix, Ws};
use refit_testkit::wait::wait_for;
use scripted::{Running, start, start_with};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(20);
const UPDATE: &str = "notify_update_response";

fn socket(server: &Running) -> Ws {
    Ws::connect(server.doors.port)
}

fn pipe(server: &Running) -> Unix {
    Unix::connect(&server.doors.unix)
}

fn http(server: &Running) -> Http {
    Http::new(server.doors.port)
}

/// Waits until the server counts so many connections.
fn wait_for_count(server: &Running, count: u64) {
    wait_for(SOON, "the connections are counted", || {
        http(server).get("/server/info").json()["result"]["websocket_count"] == json!(count)
    });
}

#[test]
fn everybody_hears_of_an_update_but_who_may_not_ask() {
    let server = start();
    let (mut one, mut two) = (socket(&server), pipe(&server));
    let mut foreign = Ws::connect_with(server.doors.port, "/websocket", &[("X-Real-IP", "8.8.8.8")]).unwrap();
    wait_for_count(&server, 3);
    server.announce(Audience::Everybody, "Updating Application app...", false);
    let expected = json!([{ "message": "Updating Application app...", "application": "app",
        "proc_id": 140_000_000_000_000_u64, "complete": false }]);
    assert_eq!(one.notification(UPDATE, SOON), Some(expected.clone()));
    assert_eq!(two.notification(UPDATE, SOON), Some(expected));
    // A key lifts the silence.
    let key = std::fs::read_to_string(&server.api_key_file).unwrap();
    let identify = json!({ "client_name": "c", "version": "1", "type": "mobile", "url": "u", "api_key": key });
    foreign.result("server.connection.identify", identify);
    server.announce(Audience::Everybody, "second", true);
    let heard = foreign.notification(UPDATE, SOON).unwrap();
    assert_eq!(heard[0]["message"], "second", "the first was not for it");
    assert_eq!(one.notification(UPDATE, SOON).unwrap()[0]["complete"], true);
}

#[test]
fn what_is_for_one_is_for_one() {
    let server = start();
    let (mut one, mut two) = (socket(&server), socket(&server));
    let id = one.result("server.websocket.id", Value::Null)["websocket_id"].as_u64().unwrap();
    server.announce(Audience::Only(ConnectionId(id)), "nothing to do", true);
    server.announce(Audience::Everybody, "for all", true);
    assert_eq!(one.notification(UPDATE, SOON).unwrap()[0]["message"], "nothing to do");
    assert_eq!(two.notification(UPDATE, SOON).unwrap()[0]["message"], "for all");
}

#[test]
fn a_socket_misses_nothing_from_its_handshake_on() {
    let server = start();
    for round in 0..100 {
        let mut client = socket(&server);
        server.announce(Audience::Everybody, &round.to_string(), false);
        assert_eq!(client.notification(UPDATE, SOON).unwrap()[0]["message"], round.to_string());
        drop(client);
        wait_for_count(&server, 0);
    }
}

#[test]
fn a_refresh_tells_the_status_and_the_printer_its_state() {
    let server = start();
    let mut listener = socket(&server);
    let result = pipe(&server).result("machine.update.refresh", json!({ "name": "klipper" }));
    assert_eq!(listener.notification("notify_update_refreshed", SOON), Some(json!([result])));
    let mut snapshot = scripted::snapshot();
    snapshot.printer.state = KlippyState::Ready;
    server.snapshots.send_replace(snapshot.into());
    server.events.send(Event::Printer).unwrap();
    assert_eq!(listener.notification("notify_klippy_ready", SOON), Some(Value::Null));
}

#[test]
fn the_engine_knows_who_asked() {
    let server = start();
    let mut client = socket(&server);
    let identify = json!({ "client_name": "main\nsail", "version": "2.12", "type": "web", "url": "u" });
    let id = client.result("server.connection.identify", identify)["connection_id"].as_u64();
    client.result("machine.update.klipper", json!({}));
    pipe(&server).result("machine.update.moonraker", json!({}));
    http(&server).post("/machine/update/full", &Value::Null);
    let asked = server.asked.lock().unwrap().clone();
    let callers: Vec<_> = asked.iter().map(|(_, caller)| (caller.door, caller.who.as_str())).collect();
    assert_eq!(
        callers,
        [
            (Door::WebSocket, "mainsail 2.12 at 127.0.0.1"),
            (Door::UnixSocket, "the Unix socket"),
            (Door::Http, "127.0.0.1")
        ]
    );
    assert_eq!(asked[0].1.connection.map(|id| id.0), id);
    assert_eq!(asked[2].0, Request::Full);
}

#[test]
fn a_long_update_delays_nothing_else_on_its_connection() {
    let server = start();
    let slow = r#"{"jsonrpc":"2.0","method":"machine.update.client","params":{"name":"slow"},"id":"slow"}"#;
    let mut clients: [Box<dyn JsonRpc>; 2] = [Box::new(socket(&server)), Box::new(pipe(&server))];
    for client in &mut clients {
        client.send_text(slow);
        // Inside a batch it holds up the batch alone.
        client.send_text(&format!("[{slow},{}]", slow.replace("slow", "zz")));
        for _ in 0..100 {
            assert_eq!(client.result("machine.update.status", json!({}))["busy"], false);
        }
        server.release.notify_one();
        server.release.notify_one();
        let answered = |message: &Value| message["id"] == "slow";
        assert_eq!(client.wait_for_message(SOON, &answered).unwrap()["result"], "ok");
        let batch = client.wait_for_message(SOON, &|message| message.is_array()).unwrap();
        assert_eq!((&batch[0]["result"], &batch[1]["error"]["code"]), (&json!("ok"), &json!(-32601)));
    }
}

#[test]
fn waiting_requests_of_one_connection_are_bounded() {
    let server = start();
    let mut client = socket(&server);
    for id in 0..70 {
        client.send_text(&format!(
            r#"{{"jsonrpc":"2.0","method":"machine.update.client","params":{{"name":"slow"}},"id":{id}}}"#
        ));
    }
    let refused = client.wait_for_message(SOON, &|message| message["error"]["code"] == 503).unwrap();
    assert_eq!(refused["id"], 64);
    assert!(client.call("machine.update.status", json!({})).get("result").is_some());
    // Another connection is not concerned.
    assert_eq!(socket(&server).result("machine.update.klipper", json!({})), "ok");
}

#[test]
fn half_a_pipe_still_gets_its_answer() {
    use std::io::{Read, Write};
    let server = start();
    let mut stream = std::os::unix::net::UnixStream::connect(&server.doors.unix).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
        .write_all(b"{\"jsonrpc\":\"2.0\",\"method\":\"machine.update.client\",\"params\":{\"name\":\"slow\"},\"id\":1}\x03rest")
        .unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    wait_for(SOON, "the engine was asked", || !server.requests().is_empty());
    server.release.notify_one();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let last = answer.split_terminator('\u{3}').find(|frame| !frame.contains("notify_")).unwrap();
    assert_eq!(last, r#"{"jsonrpc":"2.0","result":"ok","id":1}"#);
}

#[test]
fn the_beat_of_each_second_has_the_known_shape() {
    let server = start();
    let mut client = socket(&server);
    let beat = client.notification("notify_proc_stat_update", SOON).unwrap();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(keys(&beat[0]), "moonraker_stats cpu_temp network system_cpu_usage system_memory websocket_connections");
    assert_eq!(keys(&beat[0]["moonraker_stats"]), "time cpu_usage memory mem_units");
    assert!(beat[0]["moonraker_stats"]["memory"].as_u64().unwrap() > 0);
    assert!(beat[0]["network"]["lo"]["bandwidth"].is_f64());
    assert!(client.notification("notify_proc_stat_update", SOON).is_some());
}

#[test]
fn the_fields_that_clients_index_are_there() {
    let server = start();
    let info = http(&server).get("/server/info").json()["result"].take();
    for field in [
        "klippy_connected",
        "klippy_state",
        "components",
        "failed_components",
        "registered_directories",
        "warnings",
        "websocket_count",
        "moonraker_version",
        "missing_klippy_requirements",
        "api_version",
        "api_version_string",
    ] {
        assert!(info.get(field).is_some(), "{field}");
    }
    assert!(info["components"].as_array().unwrap().contains(&json!("update_manager")));
    assert_eq!((&info["warnings"], &info["api_version"]), (&json!(["a warning"]), &json!([1, 5, 0])));
}

#[test]
fn the_printer_is_told_of_once_it_was_seen() {
    let server = start();
    let ask = || http(&server).get("/printer/info");
    assert_eq!(ask().status, 404);
    let info = json!({ "state": "startup", "hostname": "vm", "state_message": "" }).as_object().unwrap().clone();
    let printer = |state, activity| Printer {
        state,
        activity,
        state_message: "Printer is ready".to_owned(),
        identity: Some(PrinterIdentity { info: info.clone(), ..PrinterIdentity::default() }),
        pid: None,
    };
    let seen = |printer| {
        server.snapshots.send_replace(Snapshot { printer, ..scripted::snapshot() }.into());
    };
    seen(printer(KlippyState::Ready, Activity::Idle));
    assert_eq!(ask().text(), r#"{"result":{"state":"ready","hostname":"vm","state_message":"Printer is ready"}}"#);
    seen(printer(KlippyState::Disconnected, Activity::Idle));
    assert_eq!((ask().status, ask().reason), (503, "Klippy Host not connected".to_owned()));
    // A busy printer is the first thing that a recovery hears of.
    seen(printer(KlippyState::Ready, Activity::Printing));
    let refused = http(&server).post("/machine/update/recover", &Value::Null);
    assert_eq!(refused.reason, "Recovery Attempt Refused: Klippy is printing");
    let refused = http(&server).post("/machine/update/rollback", &Value::Null);
    assert_eq!(refused.reason, "Rollback Attempt Refused: Klippy is printing");
}

#[test]
fn a_new_snapshot_is_a_new_answer_with_a_new_tag() {
    let server = start();
    let ask = || http(&server).get("/machine/update/status");
    let first = ask();
    assert_eq!(ask().header("etag"), first.header("etag"));
    server.snapshots.send_replace(Snapshot { busy: true, ..scripted::snapshot() }.into());
    let second = ask();
    assert_eq!(second.json()["result"]["busy"], true);
    assert_ne!(second.header("etag"), first.header("etag"));
    assert_eq!(pipe(&server).result("machine.update.status", json!({})), second.json()["result"]);
}

#[test]
fn sockets_beyond_the_limit_are_refused_and_places_come_back() {
    let server = start_with(|settings| settings.max_websocket_connections = 2);
    let (first, _second) = (socket(&server), socket(&server));
    let refused = Ws::connect_with(server.doors.port, "/websocket", &[]).unwrap_err();
    assert_eq!(refused.status, 500);
    assert_eq!(
        refused.text(),
        "<html><title>500: Internal Server Error</title><body>500: Internal Server Error</body></html>"
    );
    // The Unix socket has room of its own.
    assert!(pipe(&server).result("server.info", json!({}))["websocket_count"].as_u64() >= Some(3));
    drop(first);
    wait_for(SOON, "the place comes back", || Ws::connect_with(server.doors.port, "/websocket", &[]).is_ok());
}

#[test]
fn a_message_of_ten_mebibytes_is_taken_and_a_larger_one_ends_the_socket() {
    let server = start();
    let text = |size: usize| {
        let frame = r#"{"jsonrpc":"2.0","method":"nope","id":1,"p":""}"#;
        frame.replace(r#""p":"""#, &format!(r#""p":"{}""#, "x".repeat(size - frame.len())))
    };
    let mut client = socket(&server);
    client.send_text(&text(10 << 20));
    assert!(client.wait_for_message(SOON, &|message| message["error"]["code"] == -32601).is_some());
    client.send_raw(&Frame::text(&text((10 << 20) + 1)).bytes());
    let (close, ended) = client.read_close(SOON);
    assert_eq!(close, Some(Incoming::Close { code: Some(1009), reason: "message too big".to_owned() }));
    assert!(ended);
}

#[test]
fn a_frame_beyond_twenty_mebibytes_ends_the_pipe() {
    let server = start();
    let mut client = pipe(&server);
    client.send_raw(&vec![b'x'; (20 << 20) + 1]);
    client.send_raw(b"\x03");
    wait_for(SOON, "the pipe ends", || {
        let _beat = client.read(Duration::from_millis(10));
        client.ended()
    });
}

#[test]
fn a_client_that_does_not_answer_pings_is_closed() {
    let server = start();
    let mut client = socket(&server);
    client.answer_pings(false);
    let began = Instant::now();
    let (close, _) = client.read_close(Duration::from_secs(40));
    assert_eq!(close, Some(Incoming::Close { code: Some(1000), reason: "ping timed out".to_owned() }));
    assert!(began.elapsed() > Duration::from_secs(15), "after {:?}", began.elapsed());
}

#[test]
fn who_does_not_read_is_dropped_and_the_others_miss_nothing() {
    let server = start();
    let (unread, mut reader) = (socket(&server), socket(&server));
    wait_for_count(&server, 2);
    let line = "x".repeat(4096);
    let mut heard = 0;
    wait_for(SOON, "the slow reader is dropped", || {
        for _ in 0..100 {
            server.announce(Audience::Everybody, &line, false);
            assert!(reader.notification(UPDATE, SOON).is_some());
            heard += 1;
        }
        http(&server).get("/server/info").json()["result"]["websocket_count"] == json!(1)
    });
    assert!(heard > 1000, "dropped after {heard}");
    drop(unread);
}

#[test]
fn lost_events_drop_every_connection() {
    let server = start();
    let mut client = socket(&server);
    wait_for_count(&server, 1);
    // More than the buffer holds, before the server's task can take them; for somebody else, so that no queue is full.
    wait_for(SOON, "events are lost", || {
        for _ in 0..3000 {
            server.announce(Audience::Only(ConnectionId(1)), "x", false);
        }
        http(&server).get("/server/info").json()["result"]["websocket_count"] == json!(0)
    });
    let (close, ended) = client.read_close(SOON);
    assert_eq!((close, ended), (None, true), "no close frame, so that clients come back by themselves");
}

#[test]
fn a_shutdown_says_so_and_leaves_no_file() {
    let mut server = start();
    let (mut client, mut local) = (socket(&server), pipe(&server));
    wait_for_count(&server, 2);
    server.begin_stop();
    let (close, _) = client.read_close(SOON);
    assert_eq!(close, Some(Incoming::Close { code: Some(1001), reason: "Server Shutdown".to_owned() }));
    drop(client);
    wait_for(SOON, "the pipe ends", || {
        let _beat = local.read(Duration::from_millis(10));
        local.ended()
    });
    wait_for(SOON, "the file goes", || !server.doors.unix.exists());
    server.stopped();
}

#[test]
fn a_prefix_goes_before_every_path() {
    let server = start_with(|settings| settings.route_prefix = "/pre".to_owned());
    let status = |path: &str| http(&server).get(path).status;
    for (path, expected) in [
        ("/pre", 200),
        ("/pre/", 200),
        ("/pre/server/info", 200),
        ("/", 404),
        ("/server/info", 404),
        ("/prefix", 404),
        ("/pre/server/info/", 404),
    ] {
        assert_eq!(status(path), expected, "{path}");
    }
    assert!(Ws::connect_with(server.doors.port, "/pre/websocket", &[]).is_ok());
    assert!(Ws::connect_with(server.doors.port, "/websocket", &[]).is_err());
}

#[test]
fn own_methods_answer_over_http_too() {
    let server = start();
    let ask = |target: &str| http(&server).get(target);
    assert_eq!(ask("/refit/plan?action=recover&name=app&hard=true").text(), r#"{"result":{"plans":[]}}"#);
    assert_eq!(ask("/refit/history?name=app&limit=5").text(), r#"{"result":{"runs":[]}}"#);
    let services = r#"{"result":{"services":{"klipper":{"klipper":["klipper-1","klipper_2"]}}}}"#;
    assert_eq!(ask("/refit/services").text(), services);
    assert_eq!(ask("/refit/plan?action=recover").reason, "No data for argument: name");
    assert_eq!(
        ask("/refit/plan?action=destroy").reason,
        "argument 'action' must be one of upgrade, full, recover, rollback, not 'destroy'"
    );
    assert_eq!(ask("/refit/history?limit=0").reason, "argument 'limit' must be a number from 1 to 500, not '0'");
}

#[test]
fn agents_have_names_of_their_own_and_the_others_hear_of_them() {
    let server = start();
    let (mut agent, mut other) = (socket(&server), socket(&server));
    let identify = json!({ "client_name": "obico", "version": "1", "type": "agent", "url": "u" });
    agent.result("server.connection.identify", identify.clone());
    assert_eq!(
        other.notification("notify_agent_event", SOON),
        Some(json!([{ "agent": "obico", "event": "connected",
            "data": { "name": "obico", "version": "1", "type": "agent", "url": "u" } }]))
    );
    let taken = other.call("server.connection.identify", identify.clone());
    assert_eq!(taken["error"]["message"], "Agent 'obico' already registered and connected'");
    drop(agent);
    assert_eq!(
        other.notification("notify_agent_event", SOON),
        Some(json!([{ "agent": "obico", "event": "disconnected" }]))
    );
    other.result("server.connection.identify", identify);
}

#[test]
fn fifty_idle_sockets_and_a_flood_slow_nothing() {
    let server = start();
    let _idle: Vec<Ws> = (0..49).map(|_| socket(&server)).collect();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut connection = http(&server).connect();
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    connection.send(b"GET /machine/update/status HTTP/1.1\r\nHost: x\r\n\r\n");
                    connection.read_reply(false, SOON).unwrap();
                }
            });
        }
        let mut client = socket(&server);
        let mut times: Vec<Duration> = (0..200)
            .map(|_| {
                let began = Instant::now();
                client.result("machine.update.klipper", json!({}));
                began.elapsed()
            })
            .collect();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        times.sort();
        // A generous bound: a test machine may be busy; what is shown is that nobody queues behind the flood.
        assert!(times[100] < Duration::from_millis(100), "{:?}", times[100]);
    });
}

#[test]
fn holding_back_goes_through_every_door() {
    let server = start();
    let (mut one, mut two) = (socket(&server), pipe(&server));
    assert_eq!(one.result("refit.hold", json!({ "name": "app" })), "ok");
    assert_eq!(two.result("refit.unhold", json!({ "name": "app" })), "ok");
    assert_eq!(two.result("refit.skip", json!({ "name": "app", "version": "v2" })), "ok");
    let posted = http(&server).post("/refit/skip?name=app", &Value::Null);
    assert_eq!((posted.status, posted.json()["result"].clone()), (200, json!("ok")));
    let name = || "app".to_owned();
    assert_eq!(
        *server.held.lock().unwrap(),
        [
            HoldRequest::Hold { name: name() },
            HoldRequest::Unhold { name: name() },
            HoldRequest::Skip { name: name(), version: Some("v2".to_owned()) },
            HoldRequest::Skip { name: name(), version: None },
        ]
    );
    assert_eq!(http(&server).get("/refit/hold?name=app").status, 405);
    assert_eq!(http(&server).post("/refit/hold", &Value::Null).status, 400);
    assert_eq!(http(&server).post("/refit/hold?name=nobody", &Value::Null).status, 404);
    assert_eq!(server.held.lock().unwrap().len(), 5, "what lacks a name never gets there");
}

#[test]
fn consent_is_an_argument_of_an_update() {
    let server = start();
    let mut client = socket(&server);
    client.result("machine.update.upgrade", json!({ "name": "app", "consent": true }));
    client.result("machine.update.client", json!({ "name": "app" }));
    http(&server).post("/machine/update/klipper?consent=true", &Value::Null);
    let upgrade = |name: &str, consent| Request::Upgrade { name: name.to_owned(), consent };
    assert_eq!(server.requests(), [upgrade("app", true), upgrade("app", false), upgrade("klipper", true)]);
}
