//! The allowed differences in what becomes of releases: rows of docs/compatibility.md, as in [`crate::rows`].

use serde_json::Value;

use crate::rows::{entry, error, everywhere, is, is_ok, need, theirs_error, told};
use crate::verdict::{Case, Gap, Row};

/// Releases that Refit refuses after it has looked into them, or cannot get whole.
const REFUSED: [&str; 13] = [
    "another-project",
    "in-a-folder",
    "without-info",
    "traversing",
    "not-a-zip",
    "half-a-zip",
    "wrong-bytes",
    "download-short",
    "download-gone",
    "download-broken",
    "tool-gone",
    "tool-other-asset",
    "rollback-without-asset",
];

/// What Refit tells of steps that Moonraker does not have.
const KEPT_ASIDE: &str = ": Kept aside in ";

/// What begins the sentences about a download, or ends in them.
const OF_DOWNLOADS: [&str; 3] =
    ["Downloading ", ": Downloading Release...", ": Download Complete, extracting release to "];

/// The entries, in the order in which they are asked whether they account for a difference.
pub fn of_releases() -> Vec<Row> {
    let mut rows = of_calls();
    rows.extend(of_versions());
    rows.extend(of_refusals());
    rows.extend(of_folders());
    rows.extend(everywhere().into_iter().filter(|row| matches!(row.number, 4 | 25)));
    rows.extend(of_telling());
    rows
}

fn of_calls() -> Vec<Row> {
    vec![
        Row {
            number: 3,
            covers: |case, gap| {
                let code = gap.field == "reply.error.code" && gap.theirs == false;
                code && matches!(&case.call[..], "RollbackAtFirst" | "Rollback" | "RollbackAgain")
            },
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
        // Services are not restarted yet: the page's row 7 says when.
        Row {
            number: 46,
            covers: |case, gap| {
                let shows = ["told", "lines", "labels", "reply.error", "reply.result"];
                let changes = matches!(&case.call[..], "Upgrade" | "Rollback" | "Return");
                is(case, &["zip-service"]) && changes && shows.contains(&&gap.field[..])
            },
            holds: |case| {
                need(
                    is_ok(case) && case.ours.seen["lines"].to_string().contains("Restart by hand"),
                    "what to do by hand",
                )
            },
        },
    ]
}

fn of_versions() -> Vec<Row> {
    vec![
        Row {
            number: 42,
            covers: |case, _| is(case, &["newer", "without-v"]) && is_change(case),
            holds: |case| {
                need(is_ok(case), "an ok")?;
                need(lines_of(&case.ours.seen).contains("is not newer"), "what happened: nothing")
            },
        },
        // Moonraker compares the title with the version, and installs what is installed.
        Row {
            number: 43,
            covers: |case, gap| {
                is(case, &["named", "named-empty", "nameless"])
                    && is_change(case)
                    && !is_last_error(gap)
                    && !is_title(gap)
            },
            holds: |case| need(is_ok(case) || case.call == "Look", "an ok"),
        },
        Row {
            number: 44,
            covers: |case, gap| {
                is(case, &["several-assets", "several-assets-named"]) && gap.field.starts_with("repository")
            },
            holds: |case| {
                let installed = &case.ours.seen["repository"]["/.version"];
                need(installed == entry(case, "version"), "the file of the section's name, or the one that is named")
            },
        },
    ]
}

fn of_refusals() -> Vec<Row> {
    vec![
        Row {
            number: 41,
            covers: |case, _| is(case, &REFUSED) && case.call != "Status" && is_refused(case),
            holds: |case| {
                need(*entry(case, "is_valid") == true, "what was valid stays so")?;
                need(case.ours.seen["reply"]["error"]["code"] == 400, "the code of a refusal")?;
                let name = case.state.as_str();
                need(error(case).contains(&format!("{name}: ")), "who is concerned")?;
                let whole = case.ours.seen["repository"]["/release_info.json"].is_string();
                need(whole, "the folder as it was")
            },
        },
        // `last_error`, and reasons after what Moonraker says.
        Row {
            number: 40,
            covers: |_, gap| is_last_error(gap) && gap.ours != "",
            holds: |case| {
                let text = entry(case, "last_error").as_str().unwrap_or_default();
                need(text.starts_with("api.github.com: "), "whom it concerns")
            },
        },
        Row {
            number: 40,
            covers: |case, gap| {
                let told = gap.field == "told" && case.theirs.seen["labels"] == case.ours.seen["labels"];
                (gap.field == "reply.error.message" || gap.field == "reply.error.code" || told) && is_refused(case)
            },
            holds: |case| {
                let theirs = theirs_error(case);
                let more = error(case).contains(theirs) && error(case).len() > theirs.len();
                need(more || theirs.starts_with("Expecting value"), "Moonraker's words, and the reason")
            },
        },
        // A rollback that fails is the rollback's business: what is known of the remote stays.
        Row {
            number: 40,
            covers: |case, gap| is(case, &["rollback-gone"]) && is_last_error(gap),
            holds: |case| need(*entry(case, "last_error") == "", "no error of the newest release's"),
        },
    ]
}

fn of_folders() -> Vec<Row> {
    vec![
        Row {
            number: 17,
            covers: |_, gap| is_place(gap) && gap.theirs == "(absent)",
            holds: |case| need(*entry(case, "is_valid") == true || case.call == "Status", "a valid folder"),
        },
        // Links are links, and what a program may do is what its archive says.
        Row {
            number: 45,
            covers: |case, gap| is(case, &["linking"]) && matches!(&gap.field[..], "repository./l" | "modes./l"),
            holds: |case| need(case.ours.seen["repository"]["/l"] == "-> index.html", "a link"),
        },
        Row {
            number: 45,
            covers: |_, gap| gap.field == "modes./tool" && gap.theirs == "0754",
            holds: |case| need(case.ours.seen["modes"]["/tool"] == "0755", "a program for everybody"),
        },
    ]
}

fn of_telling() -> Vec<Row> {
    vec![
        // What is there is not downloaded again, and a kept version not at all.
        Row {
            number: 47,
            covers: |case, gap| gap.field == "told" && without_downloads(&case.theirs) == without_downloads(&case.ours),
            holds: |case| need(told(&case.ours.seen).len() >= 2, "what was done"),
        },
    ]
}

fn is_change(case: &Case) -> bool {
    !matches!(&case.call[..], "Status" | "Refresh" | "RollbackAtFirst")
}

fn is_refused(case: &Case) -> bool {
    case.ours.seen["reply"]["error"].is_object()
}

fn is_last_error(gap: &Gap) -> bool {
    gap.field.ends_with(".last_error")
}

fn is_title(gap: &Gap) -> bool {
    gap.field.ends_with(".remote_version")
}

fn is_place(gap: &Gap) -> bool {
    gap.field.starts_with("repository") || gap.field.starts_with("modes")
}

fn lines_of(seen: &Value) -> String {
    told(seen).join("\n")
}

/// What was told but for downloads, and but for what was kept aside.
fn without_downloads(record: &crate::record::Record) -> Vec<String> {
    let mut texts = told(&record.seen);
    texts.retain(|text| !text.contains(KEPT_ASIDE) && !OF_DOWNLOADS.iter().any(|part| text.contains(part)));
    texts
}
