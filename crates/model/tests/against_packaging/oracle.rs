//! The Python side, in a process of its own for each test.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub(crate) struct Oracle {
    process: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Oracle {
    #[expect(clippy::disallowed_methods, reason = "the reference is a Python library")]
    pub(crate) fn start() -> Self {
        let mut process = Command::new("python3")
            .args(["-c", include_str!("oracle.py")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is there");
        let questions = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().unwrap());
        Self { process, questions, answers }
    }

    /// Asks one of the kinds of `oracle.py`.
    pub(crate) fn ask<A: DeserializeOwned>(&mut self, kind: &str, question: Value) -> A {
        let line = json!([kind, question]).to_string() + "\n";
        self.questions.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{kind}: {error}: {answer}"))
    }

    /// The first part of packaging's version.
    pub(crate) fn generation(&mut self) -> u64 {
        self.ask("about", json!(null))
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        // The end of its input ends it.
        self.questions = None;
        let _ended = self.process.wait();
    }
}
