//! The allowed differences in what becomes of repositories: rows of docs/compatibility.md, by number, each with where it
//! shows and what Refit does instead. A row may show in several ways, each with an entry of its own.

use serde_json::Value;

use crate::verdict::{Case, Row};

/// Sentences of Refit's own: where things went that had to give way, and what was mended.
const OF_REFIT: [&str; 4] = ["Kept aside: ", "of your own file(s)", "Mending the damaged", "damaged file(s) of .git"];

/// What stands in the refusal of a hard recovery for which Moonraker has not read a URL.
const NO_URL: &str = "Recovery url has not been detected, clone aborted";

/// The entries, in the order in which they are asked whether they account for a difference.
pub fn of_repositories() -> Vec<Row> {
    let mut rows = everywhere();
    rows.extend(of_versions_and_remotes());
    rows.extend(of_recoveries());
    rows.extend(of_what_is_kept());
    rows
}

/// Those of every call.
pub fn everywhere() -> Vec<Row> {
    vec![
        Row {
            number: 4,
            covers: |case, gap| told(&case.theirs.seen) == ["(reply)"] && matches!(&gap.field[..], "told" | "labels"),
            holds: |case| match &told(&case.ours.seen)[..] {
                [first, last] if first == "(reply)" && last.ends_with(" (complete)") => Ok(()),
                other => Err(format!("one last message after the reply, not {other:?}")),
            },
        },
        Row {
            number: 25,
            covers: |_, gap| gap.field.ends_with(".refit"),
            holds: |case| need(case.ours.extras["last_refresh"].is_i64(), "the time of the last refresh"),
        },
        Row {
            number: 28,
            covers: |case, gap| gap.field == "lines" && repeated(&case.theirs.seen["lines"]) >= 5,
            holds: |case| need(repeated(&case.ours.seen["lines"]) < 5, "one try is told once"),
        },
        Row {
            number: 29,
            covers: |_, gap| gap.field == "lines" || (gap.field.ends_with(".git_messages") && gap.theirs != gap.ours),
            holds: |case| {
                let lines = case.ours.seen["lines"].to_string();
                need(
                    !lines.contains("\\u001b") && !lines.contains("\\r") && !lines.contains('<'),
                    "lines fit to be shown",
                )
            },
        },
    ]
}

fn of_versions_and_remotes() -> Vec<Row> {
    vec![
        Row {
            number: 11,
            covers: |case, gap| {
                let version = gap.field.ends_with("version") || gap.field.ends_with("full_version_string");
                is(case, &["hash-like-version", "tag-hex-letter"]) && version
            },
            holds: |case| {
                let full = entry(case, "full_version_string");
                let short = entry(case, "version").as_str().is_some_and(|version| version.starts_with("v0.0.0-"));
                need(short && full.as_str().is_some_and(|full| full.ends_with("-inferred")), "the inferred form")
            },
        },
        Row {
            number: 12,
            covers: |case, _| is(case, &["pin-abbreviated"]),
            holds: |case| {
                need(is_sha(entry(case, "remote_hash")), "the full sha")?;
                let there = case.ours.seen["repository"]["head"] == *entry(case, "remote_hash");
                need(case.call != "Upgrade" || (is_ok(case) && there), "the update goes to the pin")
            },
        },
        Row {
            number: 13,
            covers: |case, gap| {
                let same = gap.field.starts_with("repository") || gap.field == "reply.error.code";
                is(case, &["remote-unreachable", "remote-404"]) && !same
            },
            holds: |case| {
                need(*entry(case, "is_valid") == true && is_sha(entry(case, "current_hash")), "local facts that stay")?;
                need(case.ours.extras["remote_error"].is_string(), "the error under refit")?;
                match &case.call[..] {
                    "Upgrade" | "UpgradeAgain" => {
                        need(error(case).contains("the remote could not be asked"), "its reason")
                    }
                    "Soft" => need(error(case).contains("fetch from origin failed: "), "its reason"),
                    "Hard" => need(error(case).starts_with("Git Clone Error: "), "its reason"),
                    _ => need(is_ok(case) || case.ours.seen["reply"].is_null() || case.call == "Refresh", "an ok"),
                }
            },
        },
        Row {
            number: 15,
            covers: |case, _| is(case, &["path-with-space"]),
            holds: |case| {
                let answered = is_ok(case) || matches!(&case.call[..], "Status" | "Refresh");
                need(*entry(case, "is_valid") == true && answered, "a path with a space works")
            },
        },
        Row {
            number: 34,
            covers: |case, gap| is(case, &["detached-at-remote-branch"]) && gap.field == "told",
            holds: |case| need(told(&case.ours.seen)[1].contains("Rollback not performed"), "what happened: nothing"),
        },
    ]
}

fn of_what_is_kept() -> Vec<Row> {
    vec![
        // Told, and nothing else differs.
        Row {
            number: 18,
            covers: |case, gap| gap.field == "told" && told(&case.theirs.seen) == moonrakers(&told(&case.ours.seen)),
            holds: |_| Ok(()),
        },
        // Untracked files survive a hard recovery.
        Row {
            number: 18,
            covers: |case, gap| {
                let shows = ["repository.files", "repository.status", "entry.anomalies", "entry.pristine"];
                case.call == "Hard"
                    && shows.contains(&&gap.field[..])
                    && lines_of(&case.ours.seen).contains("copied over")
            },
            holds: |case| {
                let (theirs, ours) = (&case.theirs.seen["repository"]["files"], &case.ours.seen["repository"]["files"]);
                let ours = ours.as_array().cloned().unwrap_or_default();
                let theirs = theirs.as_array().cloned().unwrap_or_default();
                need(
                    theirs.iter().all(|file| ours.contains(file)) && ours.len() > theirs.len(),
                    "the files of one's own",
                )
            },
        },
        // What is in the way of an update is kept aside, and the update goes on.
        Row {
            number: 18,
            covers: |case, _| is(case, &["untracked-in-the-way"]) && case.call == "Upgrade",
            holds: |case| need(is_ok(case) && has_kept(case), "an update, and the file kept aside"),
        },
        // Local commits are kept aside. Moonraker fails after it has replaced the repository.
        Row {
            number: 18,
            covers: |case, _| {
                case.call == "Hard" && !is(case, &["pin-unknown"]) && theirs_error(case).contains("reset --hard")
            },
            holds: |case| {
                need(is_ok(case) && is_sound(case) && has_kept(case), "a fresh copy, and the commits kept aside")
            },
        },
    ]
}

fn of_recoveries() -> Vec<Row> {
    vec![
        Row {
            number: 38,
            covers: |case, gap| {
                let named = is(case, &["hostile-fsmonitor", "hostile-hooks"]) && gap.field.ends_with(".anomalies");
                named || is(case, &["hostile-filter"])
            },
            holds: |case| {
                let refused = is(case, &["hostile-filter"]) && !matches!(&case.call[..], "Status" | "Refresh" | "Hard");
                need(!refused || error(case).contains("would run code"), "a refusal that names the setting")?;
                let anomalies = entry(case, "anomalies").to_string();
                need(case.call == "Hard" || anomalies.contains("would run code"), "an anomaly that names the setting")
            },
        },
        Row {
            number: 14,
            covers: |case, _| case.call == "Hard" && theirs_error(case) == NO_URL,
            holds: |case| need(is_ok(case) && is_sound(case), "a fresh copy from the configured origin"),
        },
        Row {
            number: 39,
            covers: |case, _| is(case, &["damage-commit-missing", "damage-index-truncated"]),
            holds: |case| match &case.call[..] {
                "Soft" | "Hard" => need(is_ok(case) && is_sound(case), "a repository that works again"),
                _ => {
                    let named = case.ours.extras["damage"].as_array().is_some_and(|damage| !damage.is_empty());
                    need(
                        *entry(case, "corrupt") == true && *entry(case, "is_valid") == false && named,
                        "corrupt, and why",
                    )
                }
            },
        },
        Row {
            number: 30,
            covers: |case, _| is(case, &["damage-blob-empty-behind"]) && case.call == "Rollback",
            holds: |case| need(error(case).ends_with("the repository is damaged, recover it first"), "a refusal"),
        },
        Row {
            number: 37,
            covers: |case, _| is(case, &["leftover-head-lock"]) && matches!(&case.call[..], "Upgrade" | "Soft"),
            holds: |case| need(is_ok(case) && is_sound(case), "the work is done, the stale lock is gone"),
        },
        Row {
            number: 32,
            covers: |case, _| {
                let healed =
                    ["merge-in-progress", "rebase-in-progress", "unborn", "damage-index-empty", "damage-head-empty"];
                let damaged =
                    ["damage-config-empty", "damage-ref-empty", "damage-commit-empty", "damage-pack-truncated"];
                case.call == "Soft" && (is(case, &healed) || is(case, &damaged)) && !theirs_error(case).is_empty()
            },
            holds: |case| need(is_ok(case) && is_sound(case), "a repository that works again"),
        },
        Row {
            number: 35,
            covers: |case, gap| {
                let where_asked = is(case, &["pin-unknown", "remote-empty", "remote-none"]);
                let shows = ["reply.error.code", "reply.error.message", "told", "repository.head", "repository.files"];
                where_asked && matches!(&case.call[..], "Soft" | "Hard") && shows.contains(&&gap.field[..])
            },
            holds: |case| {
                need(!error(case).is_empty() && !error(case).contains("shell command"), "a reason in words")?;
                need(told(&case.ours.seen).last().is_some_and(|last| last.ends_with(" (complete)")), "a last message")
            },
        },
    ]
}

pub fn is(case: &Case, states: &[&str]) -> bool {
    states.contains(&&case.state[..])
}

pub fn need(met: bool, what: &str) -> Result<(), String> {
    if met { Ok(()) } else { Err(what.to_owned()) }
}

/// The sentences told, with the place of the reply.
pub fn told(seen: &Value) -> Vec<String> {
    let told = seen["told"].as_array().into_iter().flatten();
    told.filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

/// What is left of what Refit told without the sentences that Moonraker has no use for.
fn moonrakers(told: &[String]) -> Vec<String> {
    told.iter().filter(|text| !OF_REFIT.iter().any(|own| text.contains(own))).cloned().collect()
}

/// Everything told, as one text.
fn lines_of(seen: &Value) -> String {
    told(seen).join("\n")
}

/// How often the most frequent line comes.
fn repeated(lines: &Value) -> usize {
    let lines: Vec<&Value> = lines.as_array().into_iter().flatten().collect();
    lines.iter().map(|line| lines.iter().filter(|other| other == &line).count()).max().unwrap_or(0)
}

pub fn entry<'a>(case: &'a Case, field: &str) -> &'a Value {
    &case.ours.seen["entry"][field]
}

fn is_sha(value: &Value) -> bool {
    value.as_str().is_some_and(|sha| sha.len() == 40 && sha.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

pub fn is_ok(case: &Case) -> bool {
    case.ours.seen["reply"]["result"] == "ok"
}

pub fn error(case: &Case) -> &str {
    case.ours.seen["reply"]["error"]["message"].as_str().unwrap_or_default()
}

pub fn theirs_error(case: &Case) -> &str {
    case.theirs.seen["reply"]["error"]["message"].as_str().unwrap_or_default()
}

/// Valid, on a branch, its HEAD known, nothing modified.
fn is_sound(case: &Case) -> bool {
    let repository = &case.ours.seen["repository"];
    let clean = repository["status"].as_str().is_some_and(|status| status.lines().all(|line| line.starts_with("??")));
    *entry(case, "is_valid") == true && is_sha(&repository["head"]) && repository["branch"].is_string() && clean
}

/// Whether the entry lists what was kept aside, and where.
fn has_kept(case: &Case) -> bool {
    case.ours.extras["kept"].as_array().is_some_and(|kept| !kept.is_empty())
}
