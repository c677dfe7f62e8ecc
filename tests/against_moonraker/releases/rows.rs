//! The allowed differences in what becomes of releases: rows of docs/compatibility.md, as in [`crate::rows`].

use crate::rows::{everywhere, need, told};
use crate::verdict::Row;

/// The entries, in the order in which they are asked whether they account for a difference.
pub fn of_releases() -> Vec<Row> {
    let mut rows = of_calls();
    rows.extend(everywhere().into_iter().filter(|row| matches!(row.number, 4 | 25)));
    rows
}

fn of_calls() -> Vec<Row> {
    vec![
        Row {
            number: 3,
            covers: |case, gap| case.theirs.seen["reply"]["error"]["code"] == false && gap.field == "reply.error.code",
            holds: |case| need(case.ours.seen["reply"]["error"]["code"] == 400, "the code of a refusal"),
        },
        Row {
            number: 20,
            covers: |case, _| matches!(&case.call[..], "Soft" | "Hard"),
            holds: |case| {
                let last = told(&case.ours.seen).last().is_some_and(|last| last.ends_with(" (complete)"));
                need(last || told(&case.ours.seen) == ["(reply)"], "a last message")
            },
        },
    ]
}
