//! Two records of the same thing, the rows that allow a difference, and what is left: the complaint of a failing test.
//!
//! A row that never shows fails the test too: what docs/compatibility.md says must be true, and be seen.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;

use crate::record::Record;

/// The same call in the same state, by both.
pub struct Case {
    pub state: String,
    pub call: String,
    pub theirs: Record,
    pub ours: Record,
}

/// One field that differs.
pub struct Gap {
    /// `entry.version`, `told`, `reply.error.code`.
    pub field: String,
    pub theirs: Value,
    pub ours: Value,
}

/// A row of docs/compatibility.md, as far as it shows in one kind of case.
pub struct Row {
    /// Its number there.
    pub number: u8,
    /// Whether it accounts for this difference.
    pub covers: fn(&Case, &Gap) -> bool,
    /// Whether Refit does in this case what the row says; else what is missing.
    pub holds: fn(&Case) -> Result<(), String>,
}

/// The judgement over many cases.
pub struct Verdict {
    rows: Vec<Row>,
    seen: BTreeSet<usize>,
    complaints: Vec<String>,
    cases: usize,
}

impl Verdict {
    pub fn new(rows: Vec<Row>) -> Self {
        Self { rows, seen: BTreeSet::new(), complaints: Vec::new(), cases: 0 }
    }

    /// Compares the two records of a case. Whether the two repositories are alike afterwards, so that the next call of
    /// the journey can be compared.
    pub fn judge(&mut self, case: &Case) -> bool {
        self.cases += 1;
        let gaps = gaps(&case.theirs.seen, &case.ours.seen);
        let mut broken = BTreeMap::new();
        let mut unlisted = String::new();
        for gap in &gaps {
            let covering = self.rows.iter().position(|row| (row.covers)(case, gap));
            let Some(at) = covering else {
                let _ = write!(unlisted, "\n  {}\n    moonraker {}\n    refit     {}", gap.field, gap.theirs, gap.ours);
                continue;
            };
            self.seen.insert(at);
            if let Err(missing) = (self.rows[at].holds)(case) {
                broken.insert(self.rows[at].number, missing);
            }
        }
        if !unlisted.is_empty() {
            self.complaints.push(format!("{}, {}: no row allows{unlisted}", case.state, case.call));
        }
        for (number, missing) in broken {
            self.complaints.push(format!("{}, {}: row {number} does not hold: {missing}", case.state, case.call));
        }
        !gaps.iter().any(|gap| gap.field.starts_with("repository"))
    }

    /// Ends the test. A part of the cases does not show every row.
    ///
    /// # Panics
    /// When a difference was not allowed, a row did not hold, or a row was never seen.
    pub fn finish(mut self, whole: bool) {
        let never = self.rows.iter().enumerate().filter(|(at, _)| whole && !self.seen.contains(at));
        let never: Vec<String> = never.map(|(at, row)| format!("{} (entry {at})", row.number)).collect();
        if !never.is_empty() {
            self.complaints.push(format!("rows that never showed: {}", never.join(", ")));
        }
        let count = self.complaints.len();
        assert!(count == 0, "{count} complaints in {} cases:\n\n{}\n", self.cases, self.complaints.join("\n\n"));
    }
}

/// Every field that differs. Lists are compared as a whole, the order of keys counts for nothing here.
fn gaps(theirs: &Value, ours: &Value) -> Vec<Gap> {
    let mut found = Vec::new();
    gather("", theirs, ours, &mut found);
    found
}

fn gather(field: &str, theirs: &Value, ours: &Value, found: &mut Vec<Gap>) {
    if let (Value::Object(mine), Value::Object(yours)) = (theirs, ours) {
        let keys: BTreeSet<&String> = mine.keys().chain(yours.keys()).collect();
        for key in keys {
            let below = if field.is_empty() { key.clone() } else { format!("{field}.{key}") };
            let absent = Value::String("(absent)".to_owned());
            gather(&below, mine.get(key).unwrap_or(&absent), yours.get(key).unwrap_or(&absent), found);
        }
    } else if theirs != ours {
        found.push(Gap { field: field.to_owned(), theirs: theirs.clone(), ours: ours.clone() });
    }
}
