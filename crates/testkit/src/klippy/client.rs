//! One connected client: what it subscribed to, what it was told last, and how bytes get to it.

use std::collections::HashMap;
use std::io::Write as _;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{END, Framing};

/// A client that does not read for so long is thrown out.
const PATIENCE: Duration = Duration::from_secs(5);

/// The pause between two pieces of a split message.
const PIECE: Duration = Duration::from_millis(1);

type Object = Map<String, Value>;

#[derive(Debug)]
pub(super) struct Client {
    id: u64,
    stream: UnixStream,
    held: Vec<u8>,
    subscription: Option<Subscription>,
    output: Option<Object>,
    methods: HashMap<String, Object>,
}

#[derive(Debug)]
struct Subscription {
    wanted: Object,
    template: Object,
    told: Object,
}

impl Client {
    pub(super) fn new(id: u64, stream: UnixStream) -> Self {
        let _ = stream.set_write_timeout(Some(PATIENCE));
        Self { id, stream, held: Vec::new(), subscription: None, output: None, methods: HashMap::new() }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Replaces the subscription. The whole of what is wanted.
    pub(super) fn subscribe(&mut self, wanted: Object, template: Object, objects: &Object) -> Object {
        let told = view(&wanted, objects);
        self.subscription = Some(Subscription { wanted, template, told: told.clone() });
        told
    }

    pub(super) fn subscribe_output(&mut self, template: Object) {
        self.output = Some(template);
    }

    pub(super) fn register(&mut self, method: &str, template: Object) {
        self.methods.insert(method.to_owned(), template);
    }

    /// Sends the fields that changed since the last time, if any did.
    pub(super) fn tell_changes(&mut self, objects: &Object, eventtime: f64, framing: Framing) {
        let Some(subscription) = &mut self.subscription else { return };
        let now = view(&subscription.wanted, objects);
        let changed = difference(&subscription.told, &now);
        if changed.is_empty() {
            return;
        }
        subscription.told = now;
        let params = json!({"eventtime": eventtime, "status": changed});
        let message = filled(&subscription.template, params);
        self.send(&message, framing);
    }

    pub(super) fn output(&mut self, line: &str, framing: Framing) {
        if let Some(template) = &self.output {
            let message = filled(template, json!({"response": line}));
            self.send(&message, framing);
        }
    }

    pub(super) fn call(&mut self, method: &str, params: &Value, framing: Framing) -> Option<()> {
        let message = filled(self.methods.get(method)?, params.clone());
        self.send(&message, framing);
        Some(())
    }

    pub(super) fn send(&mut self, message: &Value, framing: Framing) {
        let mut bytes = message.to_string().into_bytes();
        bytes.push(END);
        match framing {
            Framing::Whole => self.write_raw(&bytes),
            Framing::Held => self.held.extend(bytes),
            Framing::Split(size) => {
                for piece in bytes.chunks(size.max(1)) {
                    self.write_raw(piece);
                    std::thread::sleep(PIECE);
                }
            }
        }
    }

    pub(super) fn release(&mut self) {
        let held = std::mem::take(&mut self.held);
        self.write_raw(&held);
    }

    pub(super) fn write_raw(&mut self, bytes: &[u8]) {
        if self.stream.write_all(bytes).is_err() {
            // Its reading thread sees the end and takes it off the list.
            let _ = self.stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// What is wanted, with its present values: every field for null, unknown fields as null, unknown objects empty.
pub(super) fn view(wanted: &Object, objects: &Object) -> Object {
    let nothing = Object::new();
    let mut view = Object::new();
    for (name, fields) in wanted {
        let present =
            objects.get(name).filter(|_| visible(name, objects)).and_then(Value::as_object).unwrap_or(&nothing);
        let shown: Object = match fields.as_array() {
            None => present.clone(),
            Some(fields) => {
                let names = fields.iter().filter_map(Value::as_str);
                names.map(|field| (field.to_owned(), present.get(field).cloned().unwrap_or_default())).collect()
            }
        };
        view.insert(name.clone(), Value::Object(shown));
    }
    view
}

/// Before the configuration is read there is nothing but `webhooks`.
pub(super) fn visible(name: &str, objects: &Object) -> bool {
    let state = objects.get("webhooks").and_then(|webhooks| webhooks["state"].as_str());
    name == "webhooks" || matches!(state, Some("ready" | "shutdown"))
}

fn difference(before: &Object, now: &Object) -> Object {
    let mut changed = Object::new();
    for (name, fields) in now {
        let old = before.get(name);
        let fields = fields.as_object().into_iter().flatten();
        let new: Object = fields
            .filter(|(field, value)| old.and_then(|old| old.get(*field)) != Some(value))
            .map(|(field, value)| (field.clone(), value.clone()))
            .collect();
        if !new.is_empty() {
            changed.insert(name.clone(), Value::Object(new));
        }
    }
    changed
}

fn filled(template: &Object, params: Value) -> Value {
    let mut message = template.clone();
    message.insert("params".to_owned(), params);
    Value::Object(message)
}
