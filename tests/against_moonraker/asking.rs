//! One call over a WebSocket, and everything that came of it: the reply, and what was told before and after it.

use std::time::{Duration, Instant};

use refit_testkit::rpc::{JsonRpc as _, Ws};
use serde_json::{Value, json};

use crate::sides::{Daemon, Side};

/// Longer than any call takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long the last message may be under way after the reply.
const TAIL: Duration = Duration::from_secs(10);

/// What was heard of one call.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// `{"result": …}` or `{"error": …}`.
    pub reply: Option<Value>,
    /// The parameters of every `notify_update_response`.
    pub messages: Vec<Value>,
    /// How many of them came before the reply.
    pub before: usize,
}

/// A WebSocket that remembers what is told.
pub struct Listener {
    ws: Ws,
    serial: u64,
    always_told: bool,
}

impl Listener {
    /// Listens to one daemon. Moonraker says nothing where nothing was done, and what it says is queued with the reply;
    /// Refit ends every update, recovery and rollback with a last message (row 4), whenever that comes.
    pub fn new(daemon: &Daemon) -> Self {
        Self { ws: daemon.ws(), serial: 0, always_told: daemon.side == Side::Refit }
    }

    /// Asks, and listens until everything that belongs to the call has come: at least the reply and what is under way
    /// behind it, and the last message when there was a first. `silent`: the call is one of which nothing is told.
    pub fn call(&mut self, method: &str, params: &Value, silent: bool) -> Heard {
        let mut heard = Heard::default();
        let mut reply = self.ask(method, params, &mut heard.messages);
        heard.before = heard.messages.len();
        if let Some(reply) = reply.as_object_mut() {
            reply.retain(|key, _| key == "result" || key == "error");
        }
        heard.reply = Some(reply);
        self.flush(&mut heard.messages);
        let deadline = Instant::now() + TAIL;
        let told = self.always_told && !silent;
        while (told || !heard.messages.is_empty()) && !heard.is_complete() && Instant::now() < deadline {
            if let Some(message) = self.next(Duration::from_millis(50)) {
                heard.take(&message);
            }
        }
        heard
    }

    /// The result of a call of which nothing is told.
    pub fn result(&mut self, method: &str, params: &Value) -> Value {
        let mut reply = self.ask(method, params, &mut Vec::new());
        assert!(reply.get("result").is_some(), "{method} failed: {reply}");
        reply["result"].take()
    }

    fn ask(&mut self, method: &str, params: &Value, messages: &mut Vec<Value>) -> Value {
        self.serial += 1;
        let id = json!(format!("ask-{}", self.serial));
        self.ws.send_text(&json!({"jsonrpc": "2.0", "method": method, "params": params, "id": id}).to_string());
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let message = self.next(left).unwrap_or_else(|| panic!("no reply to {method} {params}"));
            if message["id"] == id {
                return message;
            }
            note(&message, messages);
        }
    }

    /// Two questions more: what was queued behind the reply comes before their answers.
    fn flush(&mut self, messages: &mut Vec<Value>) {
        for _ in 0..2 {
            self.ask("server.websocket.id", &json!({}), messages);
        }
    }

    fn next(&mut self, within: Duration) -> Option<Value> {
        let text = self.ws.read_text(within)?;
        Some(serde_json::from_str(&text).unwrap_or_else(|e| panic!("{text:?} is no JSON: {e}")))
    }
}

impl Heard {
    fn take(&mut self, message: &Value) {
        note(message, &mut self.messages);
    }

    fn is_complete(&self) -> bool {
        self.messages.iter().any(|message| message["complete"] == true)
    }

    /// The labels that the messages carry, each once, and whether they carry one number that tells this request apart.
    pub fn labels(&self) -> Vec<Value> {
        let mut labels: Vec<Value> = Vec::new();
        let mut numbers: Vec<&Value> = Vec::new();
        for message in &self.messages {
            if !labels.contains(&message["application"]) {
                labels.push(message["application"].clone());
            }
            if !numbers.contains(&&message["proc_id"]) {
                numbers.push(&message["proc_id"]);
            }
        }
        let large = |number: &&Value| number.as_u64().is_some_and(|number| (1 << 32..1 << 53).contains(&number));
        if numbers.len() > 1 || !numbers.iter().all(large) {
            labels.push(json!(numbers));
        }
        labels
    }
}

fn note(message: &Value, messages: &mut Vec<Value>) {
    if message["method"] == "notify_update_response" {
        messages.push(message["params"][0].clone());
    }
}
