//! How it is told.

use super::Aftermath;
use crate::journal::{Entry, RunRecord};
use crate::plan::Action;
use crate::step::{HealthStep, Step};

/// The longest piece of somebody else's words, in characters.
const LONGEST: usize = 300;

/// What the message of an update says that was taken back and left something sick.
pub const STILL_SICK: &str = "is in use again, but";

/// On one line, and not endless.
#[must_use]
pub fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
        None => line,
    }
}

/// `a, b and c`; the first ten.
pub(super) fn list(items: &[String]) -> String {
    const MOST: usize = 10;
    if items.len() > MOST {
        let shown: Vec<&str> = items.iter().take(MOST).map(String::as_str).collect();
        return format!("{} and {} more", shown.join(", "), items.len() - MOST);
    }
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// What is said of a run that was taken back for this reason: also what was seen then.
#[must_use]
pub fn taken_back(record: &RunRecord, reason: &str) -> String {
    let after = record.entries.iter().rev().find_map(|stamped| match &stamped.entry {
        Entry::Undone { after, .. } => after.as_ref(),
        _other => None,
    });
    let plan = &record.plan;
    let is_sick = was_sick(record) && plan.action != Action::Restart;
    let told = match after {
        Some(Aftermath { well: false, words }) => format!(
            ". Version {} {STILL_SICK} {words}. What makes it sick is not this update: look at it before the next \
             one",
            plan.from
        ),
        Some(Aftermath { well: true, words }) if is_sick && !words.is_empty() => {
            format!(". Version {} is in use again and {words}", plan.from)
        }
        Some(Aftermath { well: true, .. }) | None if is_sick => format!(". Version {} is in use again", plan.from),
        Some(Aftermath { well: true, .. }) | None => return reason.to_owned(),
    };
    let reason = reason.trim_end().trim_end_matches('.');
    let whose = if is_sick { format!("{}'s update was taken back: ", plan.updater) } else { String::new() };
    format!("{whose}{reason}{told}")
}

/// The newest failure is that of a check.
fn was_sick(record: &RunRecord) -> bool {
    let failed = record.entries.iter().rev().find_map(|stamped| match &stamped.entry {
        Entry::Failed { step, .. } => Some(*step),
        _other => None,
    });
    let step = failed.and_then(|step| record.plan.step(step));
    matches!(step, Some(Step::Health(HealthStep::Check { .. })))
}
