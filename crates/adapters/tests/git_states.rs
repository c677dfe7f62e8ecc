//! Every state of the catalogue, judged: field by field what a running Moonraker 0.11.0 said of the same state, kept in
//! `git_states.json` (asked once; the catalogue builds the same commits each time). The differences are listed here, each
//! with its row of CONTRACT §8.
#![allow(clippy::disallowed_methods, reason = "a test reads the environment and the clock itself")]

#[path = "git_states/damage.rs"]
mod damage;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use refit_adapters::command::Surroundings;
use refit_adapters::git::{Git, facts};
use refit_model::name::{BranchName, UpdaterName};
use refit_model::settings::Channel;
use refit_model::updater::Common;
use refit_model::updater::git::{GitAssessment, GitFacts, GitSpec, assess};
use refit_testkit::git_http::GitServer;
use refit_testkit::states::{self, State, StateLab};
use serde_json::{Map, Value, json};

/// States that Moonraker calls unknown because its fetch failed (row 13): what is local must be shown all the same.
const UNREACHABLE: [&str; 7] = [
    "remote-unreachable",
    "remote-gone",
    "remote-404",
    "remote-500",
    "remote-password",
    // Fetching trips over these; what is here is fine.
    "damage-remote-ref-empty",
    "leftover-remote-ref-lock",
];

/// Moonraker cannot read the path (row 15), or calls a repository valid whose index is half gone.
const ELSEWHERE: [&str; 2] = ["path-with-space", "damage-index-truncated"];

/// Fields that differ on purpose: state, field, row.
const DIFFERENT: [(&str, &str, &str); 13] = [
    ("hash-like-version", "version", "11"),
    ("hash-like-version", "remote_version", "11"),
    ("hash-like-version", "full_version_string", "11"),
    ("tag-hex-like", "version", "11"),
    ("tag-hex-like", "remote_version", "11"),
    ("tag-hex-like", "full_version_string", "11"),
    ("tag-hex-letter", "version", "11"),
    ("tag-hex-letter", "remote_version", "11"),
    ("tag-hex-letter", "full_version_string", "11"),
    ("pin-abbreviated", "remote_hash", "12"),
    // Other commands are asked, fewer times.
    ("damage-commit-missing", "git_messages", "-"),
    // Moonraker calls it invalid and does not say why.
    ("damage-commit-missing", "corrupt", "-"),
    ("damage-commit-missing", "warnings", "-"),
];

fn spec(lab: &StateLab) -> GitSpec {
    let options: BTreeMap<String, String> = lab.options().into_iter().collect();
    let option = |key: &str| options.get(key).cloned();
    let channel = match option("channel").as_deref() {
        Some("stable") => Channel::Stable,
        Some("beta") => Channel::Beta,
        Some(_) | None => Channel::Dev,
    };
    GitSpec {
        common: Common { config_hash: "x".to_owned(), ..Common::usual(UpdaterName::new("app").unwrap(), channel) },
        path: lab.path.clone(),
        origin: option("origin").map(|url| format!("{}.git", url.trim_end_matches(".git"))).unwrap(),
        moved_origin: option("moved_origin"),
        primary_branch: BranchName::new(&option("primary_branch").unwrap_or_else(|| "master".to_owned())).unwrap(),
        pinned_commit: option("pinned_commit").map(|pin| pin.to_lowercase()),
    }
}

async fn git(lab: &StateLab) -> Git {
    let passed_on = lab.world.environment().into_iter().filter(|(name, _)| name.starts_with("GIT_CONFIG"));
    let surroundings = Surroundings {
        home: lab.world.root().join("home"),
        path: std::env::var_os("PATH").unwrap_or_default(),
        passed_on: passed_on.map(|(name, value)| (name.into(), value.into())).collect(),
    };
    Git::find(surroundings).await.unwrap()
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// What the owner's own git would fetch; a failure is an answer.
fn fetch(lab: &StateLab, alias: &str) {
    if alias != "?" {
        lab.world.work(&lab.path).try_git(&["fetch", "--quiet", "--prune", alias]);
    }
}

fn shown(judged: &GitAssessment) -> Map<String, Value> {
    let commits = judged.commits_behind.iter();
    let commits: Vec<Value> =
        commits.map(|c| json!([c.sha, c.author, c.date.to_string(), c.subject, c.message, c.tag])).collect();
    let fields = json!({
        "channel": judged.channel.as_str(), "channel_invalid": judged.channel_invalid, "is_valid": judged.is_valid,
        "repo_detected": judged.repo_detected, "remote_alias": judged.remote_alias, "branch": judged.branch,
        "owner": judged.owner, "repo_name": judged.repo_name, "remote_url": judged.remote_url,
        "recovery_url": judged.recovery_url, "version": judged.version, "remote_version": judged.remote_version,
        "current_hash": judged.current_hash, "remote_hash": judged.remote_hash, "is_dirty": judged.is_dirty,
        "detached": judged.detached, "commits_behind": commits, "commits_behind_count": judged.commits_behind_count,
        "git_messages": judged.git_messages, "full_version_string": judged.full_version_string,
        "pristine": judged.pristine, "corrupt": judged.corrupt, "warnings": judged.warnings,
        "anomalies": judged.anomalies,
    });
    match fields {
        Value::Object(fields) => fields,
        _ => unreachable!("an object was written"),
    }
}

/// Ports and folders change from run to run.
fn settled(value: &Value, server: &str, root: &Path) -> Value {
    let text = value.to_string().replace(server, "SERVER").replace(&root.display().to_string(), "ROOT");
    let mut parts = text.split("127.0.0.1:");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str("REFUSING");
        text.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    serde_json::from_str(&text).unwrap()
}

async fn differences(state: State, root: &Path, server: &GitServer, want: &Map<String, Value>) -> Vec<String> {
    let lab = state.build(root, Some(server.control()));
    fetch(&lab, want["remote_alias"].as_str().unwrap());
    let spec = spec(&lab);
    let facts = facts::look(&git(&lab).await, &spec, &GitFacts::default(), now()).await;
    let judged = shown(&assess(&spec, &facts));
    let address = server.base().trim_start_matches("http://").to_owned();
    let mut found = Vec::new();
    if UNREACHABLE.contains(&state.name) && !shown_is_sound(&judged) {
        found.push(format!("{}: what is local is not shown: {judged:?}", state.name));
    }
    for (field, want) in want {
        let seen = settled(&judged[field], &address, root);
        let unreachable = want == "?" || matches!(field.as_str(), "is_valid" | "git_messages");
        let network = (UNREACHABLE.contains(&state.name) && unreachable) || ELSEWHERE.contains(&state.name);
        let on_purpose = DIFFERENT.iter().any(|(name, of, _)| *name == state.name && of == field);
        if seen != *want && !network && !on_purpose {
            found.push(format!("{} ({}): {field}\n  Moonraker: {want}\n  Refit:     {seen}", state.name, state.about));
        }
    }
    found
}

/// Nothing is unknown, and the repository is fine.
fn shown_is_sound(judged: &Map<String, Value>) -> bool {
    judged["is_valid"] == true && judged.values().all(|value| value != "?")
}

/// Half of the states, so that two processors are of use.
fn judge_half(half: usize) {
    let table: BTreeMap<String, Map<String, Value>> = serde_json::from_str(include_str!("git_states.json")).unwrap();
    let place = refit_testkit::scratch::scratch();
    let server = GitServer::start(states::remotes_of(place.path()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let wanted = std::env::var("REFIT_STATE").ok();
    let mut found = Vec::new();
    for state in states::all().into_iter().skip(half).step_by(2) {
        if wanted.as_ref().is_some_and(|name| name != state.name) {
            continue;
        }
        if let Some(want) = table.get(state.name) {
            found.extend(runtime.block_on(differences(state, place.path(), &server, want)));
        }
    }
    assert!(found.is_empty(), "{} differences\n{}", found.len(), found.join("\n"));
}

#[test]
fn every_state_is_judged_as_moonraker_does() {
    judge_half(0);
}

#[test]
fn every_other_state_is_too() {
    judge_half(1);
}

/// No code of the repository's own runs, and the owner is told.
#[test]
fn hostile_repositories_run_nothing() {
    let place = refit_testkit::scratch::scratch();
    let server = GitServer::start(states::remotes_of(place.path()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for state in states::all().into_iter().filter(|state| state.name.starts_with("hostile-")) {
        let lab = state.build(place.path(), Some(server.control()));
        // Building a state may trip its own wire.
        let _gone = std::fs::remove_file(lab.tripwire());
        let spec = spec(&lab);
        let facts = runtime.block_on(async { facts::look(&git(&lab).await, &spec, &GitFacts::default(), now()).await });
        assert!(!lab.tripwire().exists(), "{} ran code", state.name);
        let named = !facts.local.hazards.is_empty();
        let harmless = ["hostile-ext-url", "hostile-dash-branch"].contains(&state.name);
        assert!(named || harmless, "{} is not named: {:?}", state.name, facts.local);
    }
}
