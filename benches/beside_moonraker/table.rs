//! The numbers as a Markdown table of ratios, as docs/performance.md keeps it.

use std::fmt::Write;

/// What a number counts, and which way is better.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Less is better.
    Milliseconds,
    /// Less is better.
    Mebibytes,
    /// More is better.
    PerSecond,
}

/// One measured number.
pub(crate) struct Row {
    what: String,
    unit: Unit,
    value: f64,
}

impl Row {
    /// A number and what it is.
    pub(crate) fn new(what: &str, unit: Unit, value: f64) -> Self {
        Self { what: what.to_owned(), unit, value }
    }
}

/// Both side by side. The last column says how many times better Refit is.
pub(crate) fn table(moonraker: &[Row], refit: &[Row]) -> String {
    let mut text = String::from("| what | Moonraker 0.11.0 | Refit | times better |\n|---|---|---|---|\n");
    for (theirs, ours) in moonraker.iter().zip(refit) {
        let (unit, ratio) = match theirs.unit {
            Unit::Milliseconds => ("ms", theirs.value / ours.value),
            Unit::Mebibytes => ("MiB", theirs.value / ours.value),
            Unit::PerSecond => ("/s", ours.value / theirs.value),
        };
        let ratio = if ratio.is_finite() { format!("{ratio:.1}") } else { "more than can be measured".to_owned() };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| {} | {:.1} {unit} | {:.1} {unit} | {ratio} |", theirs.what, theirs.value, ours.value);
    }
    text
}
