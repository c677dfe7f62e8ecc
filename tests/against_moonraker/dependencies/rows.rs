//! The allowed differences in dependencies: rows of docs/compatibility.md, as in [`crate::rows`].

use crate::rows::{entry, error, everywhere, is, is_ok, need, told};
use crate::verdict::{Case, Row};

/// What begins the sentences about downloads and about pip, or ends in them.
const OF_GETTING: [&str; 6] = [
    "Downloading ",
    ": Downloading Release...",
    ": Download Complete, extracting release to ",
    ": Checking pip version...",
    ": Pip version up to date",
    ": Updating python packages...",
];

/// The entries, in the order in which they are asked whether they account for a difference.
pub fn of_dependencies() -> Vec<Row> {
    let mut rows = vec![
        Row {
            number: 16,
            covers: |case, _| is(case, &["py-fails", "node-fails", "sys-unknown"]),
            holds: |case| {
                need(case.theirs.seen["reply"]["result"] == "ok", "an ok for what failed")?;
                let named = ["nowhere", "mesh-3.0.0", "no-such-package"].iter().any(|name| error(case).contains(name));
                need(case.ours.seen["reply"]["error"]["code"] == 400 && named, "what could not be had")?;
                need(case.ours.seen["repository"]["app"] == "print(1)\n", "the version that was there")?;
                need(*entry(case, "version") == "v1.0.0-0" && *entry(case, "is_valid") == true, "and its entry")
            },
        },
        Row {
            number: 50,
            covers: |case, gap| {
                is(case, &["py-missing"]) && matches!(&gap.field[..], "told" | "lines" | "repository.packages.two")
            },
            holds: |case| need(case.ours.seen["repository"]["packages"]["two"] == "1.0", "what was missing"),
        },
        Row {
            number: 51,
            covers: |case, gap| is(case, &["py-all"]) && gap.field == "repository.packages.one",
            holds: |case| need(case.ours.seen["repository"]["packages"]["one"] == "1.0", "what fits stays"),
        },
        Row {
            number: 52,
            covers: |case, gap| {
                is(case, &["py-new"]) && case.call == "Rollback" && gap.field == "repository.packages.two"
            },
            holds: |case| need(gone(case, "two"), "what the update brought is gone"),
        },
        // What is kept is neither downloaded nor installed again.
        Row {
            number: 47,
            covers: |case, gap| {
                case.call == "Rollback" && gap.field == "told" && without_getting(case) == told(&case.ours.seen)
            },
            holds: |case| need(is_ok(case), "an ok"),
        },
    ];
    rows.extend(everywhere().into_iter().filter(|row| matches!(row.number, 4 | 29)));
    rows
}

fn gone(case: &Case, package: &str) -> bool {
    case.ours.seen["repository"]["packages"].get(package).is_none()
}

fn without_getting(case: &Case) -> Vec<String> {
    let mut texts = told(&case.theirs.seen);
    texts.retain(|text| !OF_GETTING.iter().any(|part| text.contains(part)));
    texts
}
