//! `refit plan`: what an update, a recovery or a rollback would do, step by step, without doing it.

use refit_model::step::size_in_words;
use serde_json::{Value, json};

use super::advice;
use super::args::PlanWord;
use super::door::Door;
use super::exit::{Exit, Stop};
use super::face::Face;
use super::work::denied;

/// How it would be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// A recovery: by a fresh copy.
    pub hard: bool,
    /// A recovery: with all that it depends on.
    pub update_deps: bool,
    /// An upgrade: even to a version that is to be skipped, or where packages of the system would be removed.
    pub consent: bool,
}

/// Shows the plans.
///
/// # Errors
/// When the daemon cannot be asked, or refuses the question.
pub fn run(door: &mut Door, face: &Face, words: &[String], manner: Manner) -> Result<Exit, Stop> {
    let Some((action, name)) = PlanWord::read(words) else {
        return Err(Stop::new(Exit::Usage, "Say first what would be done: refit plan [upgrade|recover|rollback] NAME"));
    };
    let mut params = json!({ "action": action.as_str() });
    match (action, name) {
        (_, Some(name)) => params["name"] = json!(name),
        (PlanWord::Upgrade, None) => {}
        (PlanWord::Recover | PlanWord::Rollback, None) => {
            let word = action.as_str();
            return Err(Stop::new(Exit::Usage, format!("Say what the plan is about: refit plan {word} NAME")));
        }
    }
    for (asked, flag, param) in [(manner.hard, "--hard", "hard"), (manner.update_deps, "--update-deps", "update_deps")]
    {
        if asked && action != PlanWord::Recover {
            return Err(Stop::new(Exit::Usage, format!("{flag} is for `refit plan recover NAME` alone")));
        }
        params[param] = json!(asked);
    }
    if manner.consent && (action != PlanWord::Upgrade || name.is_none()) {
        return Err(Stop::new(Exit::Usage, "--consent is for `refit plan upgrade NAME` alone"));
    }
    params["consent"] = json!(manner.consent);
    let answer = door.ask("refit.plan", params)?.map_err(|denial| denied(door, name, &denial))?;
    if face.json {
        face.value(&answer);
    } else {
        show(face, &answer);
        // What keeps the one from being done that was asked for.
        if let (Some(name), Exit::Refused) = (name, judge(&answer)) {
            advice::after(door, name, action == PlanWord::Recover)
                .iter()
                .for_each(|line| face.line(&format!("  {line}")));
        }
    }
    Ok(judge(&answer))
}

fn plans(answer: &Value) -> impl Iterator<Item = &Value> {
    answer["plans"].as_array().into_iter().flatten()
}

fn show(face: &Face, answer: &Value) {
    let text = |value: &Value, field: &str| value[field].as_str().unwrap_or("?").to_owned();
    for entry in plans(answer) {
        let name = text(entry, "name");
        match entry["verdict"].as_str() {
            Some("do") => {
                let plan = &entry["plan"];
                let (from, to) = (text(plan, "from"), text(plan, "to"));
                face.line(&format!("{name}: {}, {from} -> {to}", action(&text(plan, "action"))));
                show_steps(face, plan);
            }
            Some("nothing") => face.line(&format!("{name}: nothing to do: {}", text(entry, "reason"))),
            Some(_) | None => face.line(&format!("{name}: refused: {}", text(entry, "reason"))),
        }
    }
    if plans(answer).next().is_none() {
        face.line("Nothing to do.");
    }
}

fn show_steps(face: &Face, plan: &Value) {
    let mut phase = "";
    for (index, step) in plan["steps"].as_array().into_iter().flatten().enumerate() {
        let this = step["phase"].as_str().unwrap_or("?");
        if this != phase {
            phase = this;
            face.line(match phase {
                "switch" if changes_packages(plan) => {
                    "  The switch, which is finished forward when it is cut off; system packages have no way back:"
                }
                "switch" => "  The switch, each step of which can be taken back:",
                _preparation => "  Preparation, which touches nothing that is in use:",
            });
        }
        face.line(&format!("  {:>3}. {}", index + 1, step["describe"].as_str().unwrap_or("?")));
        if is_installation(step) {
            packages(step).for_each(|line| face.line(&format!("       {line}")));
        }
    }
    for note in plan["notes"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        face.line(&format!("  Note: {note}"));
    }
}

/// It changes the packages of the operating system.
fn changes_packages(plan: &Value) -> bool {
    plan["steps"].as_array().into_iter().flatten().any(|step| step["detail"]["step"] == "system")
}

fn is_installation(step: &Value) -> bool {
    step["detail"]["step"] == "system" && step["detail"]["do"] == "install"
}

/// Each package with its versions, and what goes.
fn packages(step: &Value) -> impl Iterator<Item = String> {
    let list = |field: &str| step["detail"][field].as_array().cloned().unwrap_or_default().into_iter();
    let changed = list("packages").map(|package| {
        let text = |field: &str| package[field].as_str();
        let from = text("from").map_or_else(|| "new:".to_owned(), |from| format!("{from} ->"));
        let size = package["bytes"].as_u64().map(|bytes| format!(", {}", size_in_words(bytes))).unwrap_or_default();
        let security = if package["security"] == true { ", for security" } else { "" };
        format!("{} {from} {}{size}{security}", text("name").unwrap_or("?"), text("to").unwrap_or("?"))
    });
    changed.chain(list("remove").map(|name| format!("{} is removed", name.as_str().unwrap_or("?"))))
}

/// An action's word for people.
#[must_use]
pub fn action(word: &str) -> &str {
    match word {
        "soft_recovery" => "recovery",
        "hard_recovery" => "recovery by a fresh copy",
        other => other,
    }
}

/// Refused only when nothing else is to be told.
fn judge(answer: &Value) -> Exit {
    let verdicts: Vec<&str> = plans(answer).filter_map(|plan| plan["verdict"].as_str()).collect();
    let refused = !verdicts.is_empty() && verdicts.iter().all(|verdict| *verdict == "refused");
    if refused { Exit::Refused } else { Exit::Fine }
}
