//! `refit upgrade`, `recover` and `rollback`: asks for the work, shows it while it goes on, tells how it ended.
//!
//! The work belongs to the daemon: a command that is interrupted leaves it running. Refuses to: retry.

use std::time::{Duration, Instant};

use refit_model::health::STILL_SICK;
use serde_json::{Value, json};

use super::advice;
use super::door::{Denial, Door, News};
use super::exit::{Exit, Stop};
use super::face::Face;
use super::progress::Progress;

/// The last line of a run may come after the answer (CONTRACT §2.9): how long it is waited for.
const LAST_LINE: Duration = Duration::from_millis(1500);

/// How long a Refit that restarts itself may be away, and how often it is looked for.
const COMES_AGAIN: Duration = Duration::from_secs(90);
const LOOK_AGAIN: Duration = Duration::from_millis(250);

const RECOVER: &str = "machine.update.recover";

/// One piece of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// The method.
    method: &'static str,
    /// Its parameters.
    params: Value,
    /// What the lines about it are marked with.
    application: String,
    /// Whose it is; none for everything.
    name: Option<String>,
    /// For people: `the update of klipper`.
    deed: String,
}

impl Work {
    /// Updates one; with `consent` even to a version that is to be skipped.
    #[must_use]
    pub fn upgrade(name: &str, consent: bool) -> Self {
        Self {
            method: "machine.update.upgrade",
            params: json!({ "name": name, "consent": consent }),
            application: name.to_owned(),
            name: Some(name.to_owned()),
            deed: format!("the update of {name}"),
        }
    }

    /// Updates everything.
    #[must_use]
    pub fn full() -> Self {
        Self {
            method: "machine.update.full",
            params: json!({}),
            application: "full".to_owned(),
            name: None,
            deed: "the update of everything".to_owned(),
        }
    }

    /// Recovers one.
    #[must_use]
    pub fn recover(name: &str, hard: bool, update_deps: bool) -> Self {
        Self {
            method: RECOVER,
            params: json!({ "name": name, "hard": hard, "update_deps": update_deps }),
            application: format!("recover_{name}"),
            name: Some(name.to_owned()),
            deed: format!("the recovery of {name}"),
        }
    }

    /// Rolls one back.
    #[must_use]
    pub fn rollback(name: &str) -> Self {
        Self {
            method: "machine.update.rollback",
            params: json!({ "name": name }),
            application: format!("rollback_{name}"),
            name: Some(name.to_owned()),
            deed: format!("the rollback of {name}"),
        }
    }
}

/// How one piece of work ended.
#[derive(Debug)]
struct Ended {
    exit: Exit,
    message: String,
    runs: Vec<Value>,
}

/// Does one after the other; a failure does not keep the next from being tried.
///
/// # Errors
/// When the daemon cannot be reached any more.
pub fn run(door: &mut Door, face: &Face, works: &[Work]) -> Result<Exit, Stop> {
    let mut exit = Exit::Fine;
    let mut results = Vec::new();
    for work in works {
        let ended = do_one(door, face, work)?;
        exit = exit.worst(ended.exit);
        if ended.exit != Exit::Fine && !face.json {
            face.error(&ended.message);
        }
        results.push(json!({
            "name": work.name,
            "outcome": outcome(&ended),
            "message": ended.message,
            "runs": ended.runs,
        }));
    }
    if face.json {
        face.value(&json!({ "exit": exit.word(), "results": results }));
    }
    Ok(exit)
}

fn outcome(ended: &Ended) -> &'static str {
    match ended.exit {
        Exit::Fine if ended.runs.is_empty() => "nothing_to_do",
        Exit::Fine => "finished",
        Exit::Unexpected
        | Exit::Usage
        | Exit::Unreachable
        | Exit::BadConfiguration
        | Exit::Refused
        | Exit::FailedAndUndone
        | Exit::NeedsAttention
        | Exit::UpdatesAvailable => ended.exit.word(),
    }
}

fn do_one(door: &mut Door, face: &Face, work: &Work) -> Result<Ended, Stop> {
    let before = newest_run(door)?;
    let mut heard = Heard {
        application: &work.application,
        progress: Progress::new(face, &work.deed),
        last: String::new(),
        complete: false,
    };
    let answer = door.ask_and_hear(work.method, work.params.clone(), &mut |news| heard.take(&news))?;
    if !heard.complete {
        door.hear(LAST_LINE, &mut |news| {
            heard.take(&news);
            heard.complete
        })?;
    }
    let Heard { progress, last, .. } = heard;
    progress.end();
    let runs = if answer.is_ok() { ended_runs(door, face, before)? } else { runs_since(door, before)? };
    let failed = |run: &Value| matches!(run["outcome"].as_str(), Some("undone" | "needs_attention"));
    let exit = match &answer {
        // Answered before its last step could be seen, see `ended_runs`.
        Ok(_) if !runs.iter().any(failed) => Exit::Fine,
        Ok(_) | Err(_) => judge(&runs),
    };
    let message = match answer {
        Ok(_) if runs.is_empty() && last.is_empty() => format!("{}: nothing to do.", work.deed),
        Ok(_) => last.clone(),
        Err(denial) => {
            let mut complaint = complaint(work, exit, &denial, &runs);
            if let (Some(name), Exit::Refused) = (&work.name, exit) {
                for line in advice::after(door, name, work.method == RECOVER) {
                    complaint += &format!("\n{line}");
                }
            }
            complaint
        }
    };
    if answer_is_silent(&runs, &last) && exit == Exit::Fine && !face.json {
        face.line(&message);
    }
    Ok(Ended { exit, message, runs })
}

/// What is heard while one piece of work goes on.
struct Heard<'a> {
    application: &'a str,
    progress: Progress,
    /// The newest line about it.
    last: String,
    /// Nothing follows.
    complete: bool,
}

impl Heard<'_> {
    /// Other requests may have to end first: their lines are shown with their names.
    fn take(&mut self, news: &News) {
        if news.application == self.application {
            self.complete |= news.complete;
            self.last.clone_from(&news.message);
            self.progress.line(&news.message);
        } else {
            self.progress.line(&format!("[{}] {}", news.application, news.message));
        }
    }
}

/// A no-op may say nothing at all (CONTRACT §2.5): then the command does.
fn answer_is_silent(runs: &[Value], last: &str) -> bool {
    runs.is_empty() && last.is_empty()
}

/// A request that ended in an error and began no run was refused; else the runs tell how they ended.
fn judge(runs: &[Value]) -> Exit {
    let ends = runs.iter().map(|run| match run["outcome"].as_str() {
        Some("needs_attention") => Exit::NeedsAttention,
        Some("finished") => Exit::Fine,
        Some(_) | None => Exit::FailedAndUndone,
    });
    match ends.fold(Exit::Fine, Exit::worst) {
        Exit::Fine => Exit::Refused,
        exit => exit,
    }
}

fn complaint(work: &Work, exit: Exit, denial: &Denial, runs: &[Value]) -> String {
    let some_finished = runs.iter().any(|run| run["outcome"] == "finished");
    let state = match exit {
        Exit::NeedsAttention => "It could not be taken back; `refit status` says what to do.",
        Exit::Refused | Exit::FailedAndUndone if some_finished => "The others were updated; `refit history` tells.",
        Exit::Refused => "Nothing was changed.",
        Exit::FailedAndUndone if denial.message.contains(STILL_SICK) => {
            "What was begun was taken back; what is not well by now is named above."
        }
        Exit::Fine
        | Exit::Unexpected
        | Exit::Usage
        | Exit::Unreachable
        | Exit::BadConfiguration
        | Exit::FailedAndUndone
        | Exit::UpdatesAvailable => "What was begun was taken back: everything is as it was before.",
    };
    let what = if exit == Exit::Refused && !some_finished { "was refused" } else { "failed" };
    // The files of another user, most of the time.
    let rights = if denial.message.contains("Permission denied") {
        "\nWhose files are in the way, and what to type, `refit doctor` says."
    } else {
        ""
    };
    format!("{} {what}: {}\n{state}{rights}", capitalized(&work.deed), denial.message)
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// A refusal of a question that is not work; with the names that are known when `name` is none of them.
#[must_use]
pub fn denied(door: &mut Door, name: Option<&str>, denial: &Denial) -> Stop {
    let known = name.and_then(|name| advice::unknown(door, name));
    let lines: Vec<String> = std::iter::once(denial.message.clone()).chain(known).collect();
    Stop::new(Exit::Refused, lines.join("\n"))
}

fn newest_run(door: &mut Door) -> Result<i64, Stop> {
    let history = history(door, 1)?;
    Ok(history.first().and_then(|run| run["run"].as_i64()).unwrap_or_default())
}

/// The runs that were begun since, oldest first.
fn runs_since(door: &mut Door, before: i64) -> Result<Vec<Value>, Stop> {
    let mut runs = history(door, 100)?;
    runs.retain(|run| run["run"].as_i64().is_some_and(|id| id > before));
    runs.reverse();
    Ok(runs)
}

/// The same once none restarts Refit any more: such a run is answered before that, and the connection ends. The Refit that
/// comes tells what became of it.
fn ended_runs(door: &mut Door, face: &Face, before: i64) -> Result<Vec<Value>, Stop> {
    let begun = Instant::now();
    let mut told = false;
    loop {
        let asked = runs_since(door, before);
        match asked {
            Ok(runs) if !runs.iter().any(restarts_refit) => return Ok(runs),
            Err(stop) if begun.elapsed() >= COMES_AGAIN => return Err(stop),
            Ok(runs) if begun.elapsed() >= COMES_AGAIN => return Ok(runs),
            Ok(_) | Err(_) => {}
        }
        if !told && !face.json {
            face.line("Refit restarts itself; waiting until it is there again.");
            told = true;
        }
        std::thread::sleep(LOOK_AGAIN);
        if let Ok(opened) = door.again() {
            *door = opened;
        }
    }
}

/// It stands at its last step, see `ServiceStep::describe`.
fn restarts_refit(run: &Value) -> bool {
    let is = |step: &Value| {
        let describe = step["describe"].as_str().unwrap_or_default();
        step["state"] == "begun" && describe.starts_with("restart Refit itself")
    };
    run["outcome"] == "running" && run["steps"].as_array().is_some_and(|steps| steps.iter().any(is))
}

fn history(door: &mut Door, limit: usize) -> Result<Vec<Value>, Stop> {
    let answer = door
        .ask("refit.history", json!({ "limit": limit }))?
        .map_err(|denial| Stop::new(Exit::Unexpected, denial.message))?;
    Ok(answer["runs"].as_array().cloned().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_still_sick_is_not_called_as_it_was() {
        let work = Work::upgrade("app", false);
        let told = |message: &str| {
            let denial = Denial { code: 400, message: message.to_owned() };
            complaint(&work, Exit::FailedAndUndone, &denial, &[json!({"outcome": "undone"})])
        };
        assert!(told("no route").ends_with("everything is as it was before."));
        let sick = told(&format!("Version 1 {STILL_SICK} the service app crashed"));
        assert!(!sick.contains("everything is as it was before"), "{sick}");
        assert!(told("unable to unlink old 'a': Permission denied").ends_with("`refit doctor` says."));
    }

    #[test]
    fn the_runs_tell_a_refusal_from_a_failure() {
        assert_eq!(judge(&[]), Exit::Refused);
        assert_eq!(judge(&[json!({"outcome": "undone"})]), Exit::FailedAndUndone);
        assert_eq!(judge(&[json!({"outcome": "finished"}), json!({"outcome": "undone"})]), Exit::FailedAndUndone);
        assert_eq!(judge(&[json!({"outcome": "undone"}), json!({"outcome": "needs_attention"})]), Exit::NeedsAttention);
    }
}
