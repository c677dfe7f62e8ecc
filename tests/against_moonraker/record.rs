//! What was seen of one call, as a value that two daemons can be compared by.
//!
//! Left out is only what differs by nature: the folder and the port of the daemon, the number that stands for a request.

use serde_json::{Map, Value, json};

use crate::asking::Heard;

/// One call and what came of it.
#[derive(Clone, Debug)]
pub struct Record {
    /// What is compared.
    pub seen: Value,
    /// What stands under `refit` in the entry, which Moonraker does not have.
    pub extras: Value,
}

/// What begins the sentences that the API documents; everything else that is told is a line of some program.
const SENTENCES: [&str; 11] = [
    "Git Repo ",
    "Python Package ",
    "Web Client ",
    "Zip Application ",
    "Executable ",
    "Downloading ",
    "Updating Application ",
    "Error ",
    "Preparing full ",
    "Full Update ",
    "Updating ",
];

impl Record {
    /// A record of what was heard and of the entry after it.
    pub fn new(heard: &Heard, entry: Value, repository: Value) -> Self {
        let mut seen = Map::new();
        if let Some(reply) = &heard.reply {
            seen.insert("reply".to_owned(), reply.clone());
        }
        let (told, lines) = sorted(heard);
        seen.insert("told".to_owned(), json!(told));
        seen.insert("lines".to_owned(), json!(lines));
        seen.insert("labels".to_owned(), json!(heard.labels()));
        let (entry, extras) = without_extras(entry);
        seen.insert("entry".to_owned(), entry);
        seen.insert("repository".to_owned(), repository);
        Self { seen: Value::Object(seen), extras }
    }

    /// The same with a text replaced wherever it stands.
    pub fn replaced(&self, from: &str, to: &str) -> Self {
        Self { seen: replaced(&self.seen, from, to), extras: replaced(&self.extras, from, to) }
    }
}

/// Splits what was told into the documented sentences, with the reply's place among them, and the lines of programs.
fn sorted(heard: &Heard) -> (Vec<String>, Vec<String>) {
    let (mut told, mut lines) = (Vec::new(), Vec::new());
    for (at, message) in heard.messages.iter().enumerate() {
        if heard.before == at {
            told.push("(reply)".to_owned());
        }
        let text = message["message"].as_str().unwrap_or_default();
        let complete = message["complete"] == true;
        if complete || is_sentence(text) {
            told.push(format!("{text}{}", if complete { " (complete)" } else { "" }));
        } else {
            lines.push(text.to_owned());
        }
    }
    if heard.before >= heard.messages.len() {
        told.push("(reply)".to_owned());
    }
    (told, lines)
}

fn is_sentence(text: &str) -> bool {
    // Git's own line for a fast-forward: `Updating 0a23815..8f92df3`.
    let of_pip = text.starts_with("Downloading ") && !text.contains(" KiB");
    let range = text.strip_prefix("Updating ").is_some_and(|rest| rest.contains("..") && !rest.contains(' '));
    !range && !of_pip && SENTENCES.iter().any(|start| text.starts_with(start))
}

/// An entry, and what stands under its key `refit`.
pub fn without_extras(mut entry: Value) -> (Value, Value) {
    let extras = entry.as_object_mut().and_then(|entry| entry.shift_remove("refit")).unwrap_or_default();
    (entry, extras)
}

/// A value with a text replaced in every string and key.
pub fn replaced(value: &Value, from: &str, to: &str) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace(from, to)),
        Value::Array(items) => items.iter().map(|item| replaced(item, from, to)).collect(),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(key, value)| (key.replace(from, to), replaced(value, from, to)));
            Value::Object(fields.collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}
