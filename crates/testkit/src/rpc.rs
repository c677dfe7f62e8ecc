//! Small blocking clients of an update manager's doors: plain HTTP, WebSocket and Unix socket.
//!
//! They are made for asking the same of two daemons and comparing, so they hand out what came over the wire (status line,
//! header order and case, raw frames) and can send what no proper client would. Every read has a deadline.

mod http;
mod unix;
mod ws;

pub use http::{Connection, End, Http, HttpReply};
pub use unix::Unix;
pub use ws::{Frame, Incoming, Ws};

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long an answer is waited for when the caller says nothing else.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Messages that came while another was waited for, in order.
#[derive(Debug, Default)]
pub struct Inbox {
    waiting: VecDeque<Value>,
    last_id: u64,
}

/// JSON-RPC 2.0 over a connection that also brings notifications.
pub trait JsonRpc {
    /// Sends one message as it is.
    fn send_text(&mut self, text: &str);

    /// The next message, or none when none came in time or the connection ended.
    fn read_text(&mut self, within: Duration) -> Option<String>;

    /// Where messages for others wait.
    fn inbox(&mut self) -> &mut Inbox;

    /// Asks, and hands back the whole reply object. Null params are left out. What comes in between waits in the inbox.
    ///
    /// # Panics
    /// When there is no reply within [`PATIENCE`].
    fn call(&mut self, method: &str, params: Value) -> Value {
        self.inbox().last_id += 1;
        let id = json!(format!("call-{}", self.inbox().last_id));
        let mut request = json!({"jsonrpc": "2.0", "method": method, "id": id});
        if !params.is_null() {
            request["params"] = params;
        }
        self.send_text(&request.to_string());
        let reply = self.wait_for_message(PATIENCE, &|message| message["id"] == id);
        reply.unwrap_or_else(|| panic!("no reply to {method} within {PATIENCE:?}"))
    }

    /// The `result` of a call.
    ///
    /// # Panics
    /// When it failed.
    fn result(&mut self, method: &str, params: Value) -> Value {
        let mut reply = self.call(method, params);
        assert!(reply.get("result").is_some(), "{method} failed: {reply}");
        reply["result"].take()
    }

    /// Sends a text and hands back every message until it was quiet for so long, as parsed JSON; what is no JSON as a
    /// string.
    fn ask_text(&mut self, text: &str, quiet: Duration) -> Vec<Value> {
        self.send_text(text);
        self.drain(quiet)
    }

    /// The params of the next notification of this method, or none in time.
    fn notification(&mut self, method: &str, within: Duration) -> Option<Value> {
        self.wait_for_message(within, &|message| message["method"] == method)
            .map(|mut message| message["params"].take())
    }

    /// Every message that waits or comes until it was quiet for so long.
    fn drain(&mut self, quiet: Duration) -> Vec<Value> {
        let mut messages: Vec<Value> = self.inbox().waiting.drain(..).collect();
        while let Some(text) = self.read_text(quiet) {
            messages.push(parsed(text));
        }
        messages
    }

    /// The first message that fits, from the inbox or the wire. The others stay, in order.
    fn wait_for_message(&mut self, within: Duration, fits: &dyn Fn(&Value) -> bool) -> Option<Value> {
        if let Some(at) = self.inbox().waiting.iter().position(fits) {
            return self.inbox().waiting.remove(at);
        }
        let deadline = Instant::now() + within;
        loop {
            let message = parsed(self.read_text(deadline.saturating_duration_since(Instant::now()))?);
            if fits(&message) {
                return Some(message);
            }
            self.inbox().waiting.push_back(message);
        }
    }
}

fn parsed(text: String) -> Value {
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

/// Sets the time a read may take; a deadline that passed still allows a look at what is there.
fn allowed(within: Duration) -> Option<Duration> {
    Some(within.max(Duration::from_millis(1)))
}

#[cfg(test)]
mod tests;
