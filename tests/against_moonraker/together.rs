//! What depends on more than one repository: full updates, the printer, and what a request waits for.

use refit_testkit::git_http::Fault;
use refit_testkit::klippy::Klippy;
use refit_testkit::rpc::{JsonRpc as _, Ws};
use refit_testkit::wait::{wait_for, wait_some};
use serde_json::{Value, json};

use crate::asking::{Heard, Listener};
use crate::record::Record;
use crate::sides::{BOTH, Daemon, PATIENCE, Side, Wanted};
use crate::world::World;

fn start(side: Side, world: &World, klippy: Option<&Klippy>) -> Daemon {
    let copy = world.copy(side.word());
    let klippy = klippy.map(|klippy| klippy.socket().to_owned());
    let daemon = Daemon::start(side, &copy.root, &Wanted { sections: copy.sections, klippy, ..Wanted::default() });
    daemon.wait_initialised();
    daemon
}

/// What a full update answers and tells.
fn full(daemon: &Daemon) -> (Value, Vec<String>, Value) {
    let heard: Heard = Listener::new(daemon).call("machine.update.full", &json!({}), false);
    let record = Record::new(&heard, Value::Null, Value::Null).seen;
    let told = record["told"].as_array().into_iter().flatten();
    let told = told.filter_map(|text| text.as_str().map(str::to_owned)).collect();
    (record["reply"].clone(), told, record["labels"].clone())
}

#[test]
fn a_full_update_that_goes_well_is_told_alike() {
    let world = World::of(&["behind-1", "clean"]);
    let [theirs, ours] = BOTH.map(|side| {
        let daemon = start(side, &world, None);
        let heard = [full(&daemon), full(&daemon)];
        daemon.stop();
        heard
    });
    assert_eq!(theirs.map(without_reply), ours.map(without_reply));
}

/// Where the reply stands among the messages of a full update is chance in Moonraker: before those that follow the last
/// process.
fn without_reply((reply, mut told, labels): (Value, Vec<String>, Value)) -> (Value, Vec<String>, Value) {
    told.retain(|text| text != "(reply)");
    (reply, told, labels)
}

#[test]
fn a_full_update_goes_on_after_a_failure() {
    let world = World::of(&["behind-1", "dirty-behind", "reset-back"]);
    let [theirs, ours] = BOTH.map(|side| {
        let daemon = start(side, &world, None);
        let heard = full(&daemon);
        let status = daemon.ws().result("machine.update.status", Value::Null);
        daemon.stop();
        (heard, status["version_info"]["reset-back"]["commits_behind_count"].clone())
    });
    // Row 5.
    let ((their_reply, their_words, their_labels), their_last) = theirs;
    let ((our_reply, our_words, our_labels), our_last) = ours;
    assert_eq!((their_labels, our_labels), (json!(["full"]), json!(["full"])));
    assert_eq!((their_last, our_last), (json!(2), json!(0)), "only Refit comes to the last one");
    let dirty = "dirty-behind: Update aborted, repo not valid";
    assert_eq!(their_reply["error"], json!({"code": 400, "message": "Update aborted, repo not valid"}));
    assert_eq!(our_reply["error"], json!({"code": 400, "message": format!("Error updating {dirty}")}));
    let failure = format!("Error updating {dirty}");
    let before: Vec<&String> = their_words.iter().filter(|text| !text.contains(dirty) && *text != "(reply)").collect();
    assert!(before.iter().all(|text| our_words.contains(text)), "{our_words:?}");
    assert!(our_words.contains(&failure), "{our_words:?}");
    assert!(our_words.contains(&"Git Repo reset-back: Update Finished...".to_owned()), "{our_words:?}");
    let last = format!("{failure} (complete)");
    assert_eq!(our_words[our_words.len() - 2..], ["(reply)".to_owned(), last.clone()]);
    assert_eq!(their_words.last(), Some(&last));
}

/// The reply, without its id.
fn reply(ws: &mut Ws, method: &str, params: &Value) -> Value {
    let mut reply = ws.call(method, params.clone());
    if let Some(reply) = reply.as_object_mut() {
        reply.retain(|key, _| key == "result" || key == "error");
    }
    if reply["result"].is_object() {
        reply["result"] = json!("(an object)");
    }
    reply
}

/// Waits until the daemon knows that it prints, or that it does not any more.
fn wait_for_printing(ws: &mut Ws, printing: bool) {
    wait_for(PATIENCE, "the printer's news", || {
        let refused = reply(ws, "machine.update.recover", &json!({}));
        (refused["error"]["message"] == "Recovery Attempt Refused: Klippy is printing") == printing
    });
}

const WHILE_PRINTING: [(&str, &str); 12] = [
    ("machine.update.upgrade", r#"{"name":"clean"}"#),
    ("machine.update.upgrade", r#"{"name":"zz"}"#),
    ("machine.update.upgrade", "{}"),
    ("machine.update.client", r#"{"name":"clean"}"#),
    ("machine.update.klipper", "{}"),
    ("machine.update.moonraker", "{}"),
    ("machine.update.system", "{}"),
    ("machine.update.recover", "{}"),
    ("machine.update.rollback", r#"{"name":"zz"}"#),
    ("machine.update.refresh", r#"{"name":"clean"}"#),
    ("machine.update.refresh", r#"{"name":"zz"}"#),
    ("machine.update.status", r#"{"refresh":true}"#),
];

#[test]
fn a_busy_printer_is_left_alone() {
    let world = World::of(&["clean"]);
    let answers = BOTH.map(|side| {
        let klippy = Klippy::start(world.root().join(format!("{}.sock", side.word())));
        let daemon = start(side, &world, Some(&klippy));
        let mut ws = daemon.ws();
        wait_for(PATIENCE, "the printer", || ws.result("server.info", Value::Null)["klippy_state"] == "ready");
        klippy.set_print("printing");
        wait_for_printing(&mut ws, true);
        let refused = WHILE_PRINTING.map(|(method, params)| {
            reply(&mut ws, method, &serde_json::from_str(params).expect("the parameters are JSON"))
        });
        let full = reply(&mut ws, "machine.update.full", &json!({}));
        klippy.set_print("paused");
        if side == Side::Moonraker {
            wait_for_printing(&mut ws, false);
        }
        let paused = reply(&mut ws, "machine.update.upgrade", &json!({"name": "clean"}));
        let info = ws.result("printer.info", Value::Null);
        klippy.set_print("standby");
        wait_for_printing(&mut ws, false);
        let after = reply(&mut ws, "machine.update.upgrade", &json!({"name": "clean"}));
        daemon.stop();
        (refused, info, after, full, paused)
    });
    let [(refused, info, after, full, paused), (our_refused, our_info, our_after, our_full, our_paused)] = answers;
    assert_eq!(refused, our_refused);
    assert_eq!((info, after), (our_info, our_after));
    let refusal = json!({"error": {"code": 503, "message": "Update Refused: Klippy is printing"}});
    // Row 2.
    assert_eq!((full, our_full), (json!({"result": "ok"}), refusal.clone()));
    // Row 19.
    assert_eq!((paused, our_paused), (json!({"result": "ok"}), refusal));
}

#[test]
fn a_print_that_begins_while_a_request_waits_counts() {
    let world = World::of(&["behind-1", "reset-back"]);
    let answers = BOTH.map(|side| {
        let klippy = Klippy::start(world.root().join(format!("{}.sock", side.word())));
        let daemon = start(side, &world, Some(&klippy));
        let (mut first, mut second, mut third) = (daemon.ws(), daemon.ws(), daemon.ws());
        wait_for(PATIENCE, "the printer", || third.result("server.info", Value::Null)["klippy_state"] == "ready");
        world.server().forget();
        world.server().set_fault("lab/behind-1.git", Fault::Stall { after: 0 });
        first.send_text(r#"{"jsonrpc":"2.0","method":"machine.update.refresh","params":{"name":"behind-1"},"id":1}"#);
        wait_for(PATIENCE, "the stall", || !world.server().asked_of("lab/behind-1.git").is_empty());
        second
            .send_text(r#"{"jsonrpc":"2.0","method":"machine.update.upgrade","params":{"name":"reset-back"},"id":1}"#);
        // A question on the same connection is answered when the request before it has been taken.
        second.result("server.info", Value::Null);
        klippy.set_print("printing");
        wait_for_printing(&mut third, true);
        world.server().heal("lab/behind-1.git");
        let done = wait_some(PATIENCE, "the waiting request", || {
            world.server().release();
            second.wait_for_message(std::time::Duration::from_millis(50), &|message| message["id"] == 1)
        });
        daemon.stop();
        done["error"]["message"].as_str().or(done["result"].as_str()).map(str::to_owned)
    });
    // Row 6.
    assert_eq!(answers, [Some("ok".to_owned()), Some("Update Refused: Klippy is printing".to_owned())]);
}

#[test]
fn what_was_refused_early_is_told_to_the_caller_and_fit_to_be_shown() {
    let world = World::of(&["clean"]);
    let answers = BOTH.map(|side| {
        let daemon = start(side, &world, None);
        let (mut other, mut listener) = (daemon.ws(), Listener::new(&daemon));
        let heard = listener.call("machine.update.upgrade", &json!({"name": "<b>&\u{1b}[31m"}), false);
        let others = other.drain(std::time::Duration::from_millis(50));
        assert!(others.iter().all(|message| message["method"] != "notify_update_response"), "{others:?}");
        daemon.stop();
        (heard.reply, heard.messages)
    });
    let [(their_reply, their_messages), (our_reply, our_messages)] = answers;
    assert_eq!(their_reply, our_reply);
    // Rows 4 and 8.
    assert!(their_messages.is_empty());
    assert_eq!(our_messages.len(), 1);
    assert_eq!(our_messages[0]["message"], "Updater &lt;b>&amp; not available");
}
