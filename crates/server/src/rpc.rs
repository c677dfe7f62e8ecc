//! JSON-RPC 2.0 for every transport: one dispatcher, in the order of checks that was measured (CONTRACT §1.7). A batch
//! with non-objects, an empty one and a bare value get the specification's -32600 (CONTRACT §8 row 21).
//! Refuses to: frame. [`read`] is pure and takes any text.

use refit_model::request::Door;

use crate::Shared;
use crate::arguments::Arguments;
use crate::fault::Fault;
use crate::json::{self, Value};
use crate::methods;
use crate::session::Session;

/// From here on the rest of a batch is refused: a short question can have a long answer.
const LARGEST_BATCH_ANSWER: usize = 8 << 20;

/// One text from a client.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// Not JSON.
    Unreadable,
    /// A single item.
    One(Item),
    /// A list of items, not empty.
    Batch(Vec<Item>),
}

/// One item of a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A call.
    Call(Call),
    /// No valid request; the id to echo.
    Invalid(Value),
    /// An answer to a call from here. None are made, so nothing waits for it.
    Response,
}

/// A call.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The method's name.
    pub method: String,
    /// None when `params` is there and no object.
    pub arguments: Option<Arguments>,
    /// Null and absent are the same.
    pub id: Value,
}

/// Reads one text.
#[must_use]
pub fn read(text: &str) -> Message {
    let Ok(value) = json::parse(text) else { return Message::Unreadable };
    from_value(value)
}

/// Sorts a decoded text.
#[must_use]
pub fn from_value(value: Value) -> Message {
    match value {
        Value::List(items) if items.is_empty() => Message::One(Item::Invalid(Value::Null)),
        Value::List(items) => Message::Batch(items.into_iter().map(item).collect()),
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::Text(_) | Value::Object(_) => {
            Message::One(item(value))
        }
    }
}

fn item(value: Value) -> Item {
    let Value::Object(members) = value else { return Item::Invalid(Value::Null) };
    let (mut version, mut method, mut params, mut id) = (None, None, None, Value::Null);
    for (key, value) in members {
        match key.as_str() {
            "jsonrpc" => version = Some(value),
            "method" => method = Some(value),
            "params" => params = Some(value),
            "id" => id = value,
            _unknown => {}
        }
    }
    if version != Some(Value::Text("2.0".to_owned())) {
        return Item::Invalid(id);
    }
    let arguments = match params {
        None => Some(Arguments::default()),
        Some(Value::Object(members)) => Some(Arguments::from_object(members)),
        Some(_) => None,
    };
    match method {
        None => Item::Response,
        Some(Value::Text(method)) => Item::Call(Call { method, arguments, id }),
        Some(_) => Item::Invalid(id),
    }
}

/// Answers one text; none when no answer is due.
pub async fn answer(shared: &Shared, session: &Session, message: Message) -> Option<Vec<u8>> {
    match message {
        Message::Unreadable => Some(error(-32700, "Parse error", &Value::Null)),
        Message::One(item) => answer_item(shared, session, item).await,
        Message::Batch(items) => {
            let mut answers = Vec::new();
            for (i, item) in items.into_iter().enumerate() {
                // Thousands of items must not keep this thread from the others.
                if i % 32 == 31 {
                    tokio::task::yield_now().await;
                }
                let answer = match item {
                    Item::Call(call) if answers.len() > LARGEST_BATCH_ANSWER => {
                        Some(fault(&Fault::BatchTooLarge, &call.id))
                    }
                    item @ (Item::Call(_) | Item::Invalid(_) | Item::Response) => {
                        answer_item(shared, session, item).await
                    }
                };
                if let Some(answer) = answer {
                    answers.push(if answers.is_empty() { b'[' } else { b',' });
                    answers.extend(answer);
                }
            }
            if answers.is_empty() {
                return None;
            }
            answers.push(b']');
            Some(answers)
        }
    }
}

async fn answer_item(shared: &Shared, session: &Session, item: Item) -> Option<Vec<u8>> {
    let call = match item {
        Item::Call(call) => call,
        Item::Invalid(id) => return Some(error(-32600, "Invalid Request", &id)),
        Item::Response => return None,
    };
    let Some(entry) = methods::by_name(shared, &call.method) else {
        return Some(error(-32601, "Method not found", &call.id));
    };
    if !methods::is_offered(entry, session.door) {
        return Some(error(-32601, &format!("Method not found for transport {}", transport(session.door)), &call.id));
    }
    let Some(arguments) = call.arguments else {
        return Some(error(-32602, "Invalid params:", &call.id));
    };
    let result = if entry.open || session.standing().may_ask() {
        methods::call(shared, session, entry.method, &arguments).await
    } else {
        Err(Fault::Unauthorized)
    };
    match result {
        Ok(_) if call.id == Value::Null => None,
        Ok(answer) => Some(success(&answer.into_bytes(), &call.id)),
        Err(error) => Some(fault(&error, &call.id)),
    }
}

fn transport(door: Door) -> &'static str {
    match door {
        Door::Http => "HTTP",
        Door::WebSocket => "WEBSOCKET",
        Door::UnixSocket | Door::Rescue | Door::Schedule => "INTERNAL",
    }
}

fn success(result: &[u8], id: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(result.len() + 64);
    out.extend(b"{\"jsonrpc\":\"2.0\",\"result\":");
    out.extend(result);
    out.extend(b",\"id\":");
    json::write(id, &mut out);
    out.push(b'}');
    out
}

fn fault(fault: &Fault, id: &Value) -> Vec<u8> {
    error(fault.code(), &fault.to_string(), id)
}

fn error(code: i64, message: &str, id: &Value) -> Vec<u8> {
    let mut out = format!("{{\"jsonrpc\":\"2.0\",\"error\":{{\"code\":{code},\"message\":").into_bytes();
    json::write_text(message, &mut out);
    out.extend(b"},\"id\":");
    json::write(id, &mut out);
    out.push(b'}');
    out
}
