//! The allowed differences in python applications: rows of docs/compatibility.md, as in [`crate::rows`].

use serde_json::Value;

use crate::rows::{entry, everywhere, is, need};
use crate::verdict::{Case, Gap, Row};

/// Of these Moonraker knows nothing: something that it reads when it starts is not there, or is not what it takes it for.
const LEFT_OUT: [&str; 7] = [
    "absent",
    "metadata-gone",
    "metadata-empty",
    "info-list",
    "source-list",
    "env-python-gone",
    "env-no-lib",
];

/// Those of journeys.
pub fn of_journeys() -> Vec<Row> {
    let mut rows = of_entries();
    rows.retain(|row| row.number != 25);
    rows.extend(everywhere());
    rows
}

/// Those of entries.
pub fn of_entries() -> Vec<Row> {
    let mut rows = vec![
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
            number: 48,
            covers: |case, gap| gap.field == "entry.anomalies" || (gap.field == "keys" && is_one_key_more(case)),
            holds: |case| need(entry(case, "anomalies").is_array(), "a list"),
        },
        Row {
            number: 22,
            covers: |_, gap| gap.field.ends_with("entry.remote_hash"),
            holds: |case| {
                let offered = case.ours.extras["update_available"] == true;
                let wanted = if offered { &Value::from("update-available") } else { entry(case, "current_hash") };
                need(entry(case, "remote_hash") == wanted, "whether there is a newer one")
            },
        },
    ];
    rows.extend(everywhere().into_iter().filter(|row| row.number == 25));
    rows
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
