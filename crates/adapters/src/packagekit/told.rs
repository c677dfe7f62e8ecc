//! Lines for those who watch: which package is at work, and how far all of it is; not one for each signal, of which there
//! are hundreds.
//! Refuses to: repeat a line.

use std::collections::HashSet;
use std::time::Duration;

use refit_engine::ports::Tell;
use tokio::time::Instant;

use super::package::{Info, PackageId};

/// Between two lines that only tell how far it is.
const BETWEEN: Duration = Duration::from_secs(2);
/// A step of the hundred that is worth a line.
const STEP: u32 = 10;

/// What was told already.
pub(super) struct Told {
    tell: Tell,
    lines: HashSet<String>,
    waited: bool,
    percentage: u32,
    at: Option<Instant>,
}

impl Told {
    pub(super) fn new(tell: Tell) -> Self {
        Self { tell, lines: HashSet::new(), waited: false, percentage: 0, at: None }
    }

    /// A sentence, once.
    pub(super) fn once(&mut self, line: String) {
        if !self.lines.contains(&line) {
            (self.tell)(&line);
            self.lines.insert(line);
        }
    }

    /// Somebody is in the way. Nobody in particular is worth one line in all.
    pub(super) fn waiting(&mut self, who: Option<String>) {
        if who.is_some() || !self.waited {
            let who = who.as_deref().unwrap_or("another package manager");
            self.once(format!("Waiting for {who}, which is working on the system's packages"));
        }
        self.waited = true;
    }

    /// Something happens to a package.
    pub(super) fn package(&mut self, info: Info, id: &PackageId) {
        if let Some(what) = info.in_words() {
            self.once(format!("{what} {id}"));
        }
    }

    /// Something else is at work from now on, and counts from nothing.
    pub(super) fn begin_again(&mut self) {
        self.percentage = 0;
    }

    /// So many of a hundred.
    pub(super) fn percentage(&mut self, percentage: u32) {
        let moved = percentage <= 100 && percentage >= self.percentage + STEP;
        if moved && self.at.is_none_or(|at| at.elapsed() >= BETWEEN) {
            (self.tell)(&format!("Progress: {percentage} %"));
            self.percentage = percentage;
            self.at = Some(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn hundreds_of_signals_are_a_few_lines() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        let mut told = Told::new(Arc::new(move |line: &str| kept.lock().unwrap().push(line.to_owned())));
        let id = PackageId::new("libfoo;1.0;all;lab").unwrap();
        for percentage in 0..=100 {
            told.package(Info(10), &id);
            told.percentage(percentage);
            tokio::time::advance(Duration::from_millis(100)).await;
        }
        told.percentage(101);
        told.package(Info(2), &id);
        told.package(Info(12), &id);
        let lines = lines.lock().unwrap().clone();
        let progress: Vec<&str> =
            lines.iter().map(String::as_str).filter(|line| line.starts_with("Progress")).collect();
        assert_eq!(
            progress,
            ["Progress: 10 %", "Progress: 30 %", "Progress: 50 %", "Progress: 70 %", "Progress: 90 %"]
        );
        let others: Vec<&String> = lines.iter().filter(|line| !line.starts_with("Progress")).collect();
        assert_eq!(others, ["Downloading libfoo 1.0", "Installing libfoo 1.0"]);
    }
}
