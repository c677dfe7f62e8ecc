use std::io::{BufRead as _, BufReader, Write as _};
use std::time::Duration;

use super::*;
use crate::wait::wait_for;

const SOON: Duration = Duration::from_secs(5);

struct Peer(BufReader<UnixStream>);

impl Peer {
    fn connect(klippy: &Klippy) -> Self {
        let stream = UnixStream::connect(klippy.socket()).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        Self(BufReader::new(stream))
    }

    fn send(&mut self, message: &Value) {
        let mut bytes = message.to_string().into_bytes();
        bytes.push(END);
        self.0.get_mut().write_all(&bytes).unwrap();
    }

    fn raw(&mut self) -> Vec<u8> {
        let mut message = Vec::new();
        self.0.read_until(END, &mut message).unwrap();
        message
    }

    fn read(&mut self) -> Value {
        let mut message = self.raw();
        message.pop();
        serde_json::from_slice(&message).unwrap()
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.send(&json!({"id": 7, "method": method, "params": params}));
        self.read()
    }
}

fn printer() -> (tempfile::TempDir, Klippy) {
    let dir = crate::scratch::scratch();
    let klippy = Klippy::start(dir.path().join("klippy.sock"));
    (dir, klippy)
}

#[test]
fn it_tells_who_it_is() {
    let (_dir, klippy) = printer();
    klippy.set_info("klipper_path", json!("/opt/klipper"));
    klippy.set_info("process_id", Value::Null);
    let mut peer = Peer::connect(&klippy);
    let info = peer.ask("info", json!({"client_info": {"program": "Test", "version": "1"}}));
    assert_eq!(info["result"]["state"], "ready");
    assert_eq!(info["result"]["klipper_path"], "/opt/klipper");
    assert_eq!(info["result"].get("process_id"), None);
    assert_eq!(klippy.asked_for("info")[0]["client_info"]["program"], "Test");
    let unknown = peer.ask("nothing", json!({}));
    assert_eq!(unknown["error"]["error"], "WebRequestError");
}

#[test]
fn subscribers_are_told_what_changed() {
    let (_dir, klippy) = printer();
    klippy.set_state(KlippyState::Startup);
    let mut peer = Peer::connect(&klippy);
    let template = json!({"method": "process_status_update"});
    let wanted = json!({"webhooks": ["state"], "print_stats": ["state"]});
    let first = peer.ask("objects/subscribe", json!({"objects": wanted, "response_template": template}));
    assert_eq!(first["result"]["status"], json!({"webhooks": {"state": "startup"}, "print_stats": {"state": null}}));
    klippy.set_state(KlippyState::Ready);
    let ready = peer.read();
    assert_eq!(ready["method"], "process_status_update");
    assert_eq!(ready["params"]["status"], json!({"webhooks": {"state": "ready"}, "print_stats": {"state": "standby"}}));
    klippy.set("print_stats", "filename", json!("not subscribed"));
    klippy.set_print("printing");
    assert_eq!(peer.read()["params"]["status"], json!({"print_stats": {"state": "printing"}}));
    peer.send(&json!({"method": "emergency_stop"}));
    assert_eq!(peer.read()["params"]["status"], json!({"webhooks": {"state": "shutdown"}}));
}

#[test]
fn messages_are_split_and_merged() {
    let (_dir, klippy) = printer();
    let mut peer = Peer::connect(&klippy);
    klippy.set_framing(Framing::Split(7));
    assert_eq!(peer.ask("objects/list", json!({}))["result"]["objects"][0], "webhooks");
    klippy.set_framing(Framing::Held);
    peer.send(&json!({"id": 1, "method": "info"}));
    peer.send(&json!({"id": 2, "method": "list_endpoints"}));
    wait_for(SOON, "both requests", || klippy.asked().len() == 3);
    klippy.set_framing(Framing::Whole);
    assert_eq!((peer.read()["id"].clone(), peer.read()["id"].clone()), (json!(1), json!(2)));
}

#[test]
fn it_can_garble_fail_and_be_silent() {
    let (_dir, klippy) = printer();
    let mut peer = Peer::connect(&klippy);
    klippy.spoil_next(b"{\"id\": 7, oh\x03");
    peer.send(&json!({"id": 7, "method": "info"}));
    assert_eq!(peer.raw(), b"{\"id\": 7, oh\x03");
    klippy.fail("info", "no");
    assert_eq!(peer.ask("info", json!({}))["error"]["message"], "no");
    klippy.heal("info");
    klippy.set_silent(true);
    peer.send(&json!({"id": 8, "method": "info"}));
    wait_for(SOON, "the request", || klippy.asked().len() == 3);
    klippy.set_silent(false);
    peer.0.get_mut().write_all(b"not json\x03").unwrap();
    assert_eq!(peer.ask("info", json!({}))["id"], 7);
}

#[test]
fn it_vanishes_and_comes_back() {
    let (_dir, klippy) = printer();
    let mut peer = Peer::connect(&klippy);
    peer.ask("info", json!({}));
    klippy.disconnect();
    assert_eq!(peer.raw(), b"");
    klippy.vanish();
    assert!(!klippy.socket().exists());
    assert!(UnixStream::connect(klippy.socket()).is_err());
    klippy.come_back();
    let mut peer = Peer::connect(&klippy);
    peer.ask(
        "register_remote_method",
        json!({"remote_method": "shutdown_machine", "response_template": {"method": "m"}}),
    );
    assert_eq!(klippy.call_remote("shutdown_machine", &json!({"now": true})), 1);
    assert_eq!(peer.read(), json!({"method": "m", "params": {"now": true}}));
    peer.ask("gcode/subscribe_output", json!({"response_template": {"method": "out"}}));
    klippy.respond("// hello");
    assert_eq!(peer.read()["params"]["response"], "// hello");
    drop(peer);
    wait_for(SOON, "the client's end", || klippy.clients() == 0);
}
