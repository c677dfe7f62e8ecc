//! The allowed differences in python applications: rows of docs/compatibility.md, as in [`crate::rows`].

use serde_json::Value;

use crate::rows::{entry, error, everywhere, is, is_ok, need, theirs_error, told};
use crate::verdict::{Case, Gap, Row};

/// Of these Moonraker knows nothing: something that it reads when it starts is not there, or is not what it takes it for.
const LEFT_OUT: [&str; 7] =
    ["absent", "metadata-gone", "metadata-empty", "info-list", "source-list", "env-python-gone", "env-no-lib"];

/// What begins the sentences about pip, after the application's name.
const OF_PIP: [&str; 3] = [": Checking pip version...", ": Pip version up to date", ": Updating Python Package "];

/// Those of journeys.
pub fn of_journeys() -> Vec<Row> {
    let mut rows = of_recoveries();
    rows.extend(of_updates());
    rows.extend(of_rollbacks());
    rows.extend(of_entries().into_iter().filter(|row| !matches!(row.number, 7 | 49)));
    rows.extend(everywhere().into_iter().filter(|row| matches!(row.number, 4 | 25 | 29)));
    rows
}

fn of_recoveries() -> Vec<Row> {
    vec![
        Row {
            number: 49,
            covers: |case, _| is(case, &["app-absent", "app-python-gone"]),
            holds: |case| {
                need(theirs_error(case).ends_with(" not available"), "a refusal")?;
                need(is_ok(case) && *entry(case, "is_valid") == true, "an application that works")?;
                need(*entry(case, "anomalies") == Value::Array(Vec::new()), "nothing to complain of")
            },
        },
        Row {
            number: 20,
            covers: |case, gap| matches!(&case.call[..], "Soft" | "Hard") && gap.field != "entry.anomalies",
            holds: |case| {
                need(theirs_error(case).ends_with(" is not a Git Repo Type"), "a refusal")?;
                need(is_ok(case) && *entry(case, "is_valid") == true, "an application that works")
            },
        },
        Row {
            number: 54,
            covers: |case, _| is(case, &["app-old-pip"]),
            holds: |case| need(case.ours.seen["repository"]["pip"] != "25.2", "the pip that was there"),
        },
    ]
}

fn of_updates() -> Vec<Row> {
    vec![
        Row {
            number: 46,
            covers: |case, gap| is(case, &["app-rich"]) && (gap.field.starts_with("reply") || is_told(gap)),
            holds: |case| {
                let lines = case.ours.seen["lines"].to_string();
                need(is_ok(case) && lines.contains("sudo systemctl restart klipper"), "what to do by hand")
            },
        },
        Row {
            number: 13,
            covers: |case, gap| {
                let shows = gap.field.ends_with(".remote_version") || gap.field.starts_with("reply.") || is_told(gap);
                let own = gap.field.ends_with(".anomalies") || gap.field.ends_with(".remote_hash");
                is(case, &["app-down"]) && case.call != "Look" && shows && !own
            },
            holds: |case| {
                need(*entry(case, "remote_version") == "1.1.0", "what was known of the index")?;
                need(case.ours.extras["remote_error"].is_string(), "the error under refit")?;
                let refused = error(case).contains("the package index could not be reached (the connection broke)");
                need(case.call == "Refresh" || refused, "its reason")
            },
        },
        Row {
            number: 23,
            covers: |case, gap| is(case, &["app-fails", "app-conflict"]) && gap.field != "lines",
            holds: |case| {
                let code = &case.ours.seen["reply"]["error"]["code"];
                need(*code == 400 && error(case).contains(" failed: "), "pip's own reason")?;
                let known = *entry(case, "version") == "1.0.0" && *entry(case, "remote_version") == "1.1.0";
                need(known && *entry(case, "rollback_version") == "?", "nothing changed")
            },
        },
        Row {
            number: 28,
            covers: |case, gap| is(case, &["app-fails"]) && gap.field == "lines" && tries(&case.theirs.seen) == 3,
            holds: |case| need(tries(&case.ours.seen) == 1, "one try"),
        },
        Row {
            number: 51,
            covers: |case, gap| is(case, &["app-rich"]) && gap.field == "repository.rich-lib",
            holds: |case| need(case.ours.seen["repository"]["rich-lib"] == "1.0.0", "what fits stays"),
        },
    ]
}

fn of_rollbacks() -> Vec<Row> {
    vec![
        Row {
            number: 53,
            covers: |case, gap| {
                is(case, &["hub-stable"]) && case.call == "Rollback" && !gap.field.ends_with("anomalies")
            },
            holds: |case| {
                need(theirs_error(case).contains("hub-stable@1.0.0"), "a tag that is not there")?;
                need(is_ok(case) && *entry(case, "version") == "1.0.0", "the version from before")
            },
        },
        // The environment from before was kept.
        Row {
            number: 47,
            covers: |case, gap| {
                case.call == "Rollback" && gap.field == "told" && without_pip(case) == told(&case.ours.seen)
            },
            holds: |case| need(is_ok(case), "an ok"),
        },
        // After an update it is the version that was installed, until the next refresh.
        Row {
            number: 22,
            covers: |case, gap| is(case, &["hub-stable"]) && gap.field == "entry.remote_version",
            holds: |case| need(*entry(case, "remote_version") == "v1.1.0", "the tag"),
        },
    ]
}

fn is_told(gap: &Gap) -> bool {
    matches!(&gap.field[..], "told" | "lines" | "labels")
}

fn without_pip(case: &Case) -> Vec<String> {
    let mut texts = told(&case.theirs.seen);
    texts.retain(|text| !OF_PIP.iter().any(|part| text.contains(part)));
    texts
}

/// How often pip was run: each time it says what it builds.
fn tries(seen: &Value) -> usize {
    let lines = seen["lines"].as_array().into_iter().flatten().filter_map(Value::as_str);
    lines.filter(|line| line.starts_with("Building wheels for ")).count()
}

/// Those of entries.
pub fn of_entries() -> Vec<Row> {
    vec![
        Row {
            number: 49,
            covers: |case, gap| is(case, &LEFT_OUT) && is_of_entry(gap),
            holds: |case| {
                let told = case.theirs.seen["warnings"].to_string();
                need(case.theirs.seen["entry"].is_null() && told.contains("Failed to load extension"), "a refusal")?;
                let is_told = |field: &str| entry(case, field).as_array().is_some_and(|list| !list.is_empty());
                need(is_told("warnings") || is_told("anomalies") || is(case, &["info-list"]), "what is wrong")?;
                need(case.ours.seen["warnings"] == Value::Array(Vec::new()), "no word of the configuration")
            },
        },
        Row {
            number: 7,
            covers: |case, gap| is(case, &["klipperish"]) && gap.field == "warnings",
            holds: |case| {
                let told = case.ours.seen["warnings"].to_string();
                need(told.contains("klipperish") && told.contains("moonraker.asvc"), "what is not restarted, and why")
            },
        },
        Row {
            number: 48,
            covers: |case, gap| gap.field.ends_with(".anomalies") || (gap.field == "keys" && is_one_key_more(case)),
            holds: |case| need(entry(case, "anomalies").is_array(), "a list"),
        },
        Row {
            number: 22,
            covers: |_, gap| gap.field.ends_with(".remote_hash"),
            holds: |case| {
                let offered = case.ours.extras["update_available"] == true;
                let (hash, now) = (entry(case, "remote_hash"), entry(case, "current_hash"));
                need(if offered { hash == "update-available" } else { hash == now }, "whether there is a newer one")
            },
        },
    ]
}

fn is_of_entry(gap: &Gap) -> bool {
    gap.field.starts_with("entry") || gap.field == "keys" || gap.field == "warnings"
}

/// Refit's keys are Moonraker's in its order, and `anomalies` last.
fn is_one_key_more(case: &Case) -> bool {
    let theirs = case.theirs.seen["keys"].as_array().into_iter().flatten();
    let ours = case.ours.seen["keys"].as_array().into_iter().flatten();
    theirs.cloned().chain([Value::from("anomalies")]).eq(ours.cloned())
}
