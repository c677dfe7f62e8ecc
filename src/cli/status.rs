//! `refit status`: what is installed and what could be updated. Never waits for work, as the status itself.

use serde_json::{Value, json};

use super::door::Door;
use super::entry::{Entry, State};
use super::exit::{Exit, Stop};
use super::face::Face;
use super::release::details;

/// Shows the status, with `at_length` also the releases that can be had; with `check` the exit code tells about updates.
///
/// # Errors
/// When the daemon cannot be asked, or a name is not known to it.
pub fn run(door: &mut Door, face: &Face, names: &[String], check: bool, at_length: bool) -> Result<Exit, Stop> {
    let mut status = ask(door)?;
    keep_only(&mut status, names)?;
    if face.json {
        face.value(&status);
    } else {
        show(face, &status);
        if at_length {
            // One of an older version knows no such question.
            let services = door.ask("refit.services", json!({}))?.unwrap_or_default();
            show_details(face, &status, &services);
        }
        if names.is_empty() {
            show_warnings(face, door)?;
        }
    }
    Ok(if check { judge(&status) } else { Exit::Fine })
}

/// Asks for the status.
///
/// # Errors
/// When the daemon cannot be asked.
pub fn ask(door: &mut Door) -> Result<Value, Stop> {
    door.ask("machine.update.status", json!({}))?.map_err(|denial| Stop::new(Exit::Unexpected, denial.message))
}

/// Reduces a status to some of its entries.
///
/// # Errors
/// When one of the names is not in it.
pub fn keep_only(status: &mut Value, names: &[String]) -> Result<(), Stop> {
    let Some(entries) = status.get_mut("version_info").and_then(Value::as_object_mut) else { return Ok(()) };
    if let Some(unknown) = names.iter().find(|name| !entries.contains_key(*name)) {
        let known: Vec<&str> = entries.keys().map(String::as_str).collect();
        return Err(Stop::new(
            Exit::Refused,
            format!("Refit does not look after '{unknown}'. It knows: {}.", known.join(", ")),
        ));
    }
    if !names.is_empty() {
        entries.retain(|name, _| names.contains(name));
    }
    Ok(())
}

/// Shows a status to a person.
pub fn show(face: &Face, status: &Value) {
    let entries = Entry::all(status);
    if entries.is_empty() {
        face.line("Nothing is configured. `refit check` says what was understood of the configuration.");
    }
    let rows: Vec<Vec<String>> = entries
        .iter()
        .map(|entry| {
            let [version, offered] = entry.versions();
            if face.terminal {
                vec![entry.name().to_owned(), entry.words(), version, offered]
            } else {
                let offered = if offered.is_empty() { offered } else { format!("-> {offered}") };
                vec![format!("{}:", entry.name()), entry.words(), version, offered]
            }
        })
        .collect();
    if !rows.is_empty() {
        face.rows(&["Name", "State", "Version", "Available"], &rows);
    }
    for entry in &entries {
        for remark in entry.remarks() {
            face.line(&format!("  {}: {remark}", entry.name()));
        }
    }
    show_work(face, status);
    if face.terminal {
        advise(face, &entries);
    }
}

/// What a client shows of Refit as a whole: a section that cannot be used is nowhere else to be seen.
fn show_warnings(face: &Face, door: &mut Door) -> Result<(), Stop> {
    const MOST: usize = 3;
    // Whoever may not ask that has been told the status all the same.
    let Ok(info) = door.ask("server.info", json!({}))? else { return Ok(()) };
    let warnings: Vec<&str> = info["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for warning in warnings.iter().take(MOST) {
        face.line(&format!("Warning: {warning}"));
    }
    if warnings.len() > MOST {
        face.line(&format!("Warnings: {} more", warnings.len() - MOST));
    }
    if !warnings.is_empty() {
        face.line("Where in the configuration something is wrong, `refit check` says.");
    }
    Ok(())
}

/// What there is to know of releases, their notes above all, and which services are restarted.
fn show_details(face: &Face, status: &Value, services: &Value) {
    for entry in Entry::all(status) {
        let mut lines = details(entry.fields());
        lines.extend(restarts(&services["services"][entry.name()]));
        if !lines.is_empty() {
            face.line(&format!("\n{}:", entry.name()));
        }
        for line in lines {
            face.line(format!("  {line}").trim_end());
        }
    }
}

/// What an update restarts: what really runs is named where it has another name than the configuration.
fn restarts(services: &Value) -> Option<String> {
    let named = services.as_object()?.iter().map(|(asked, units)| {
        let units: Vec<&str> = units.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if units == [asked] { asked.clone() } else { format!("{asked} (that is {})", units.join(", ")) }
    });
    Some(format!("an update restarts {}", named.collect::<Vec<_>>().join(", ")))
}

/// What a person can do next.
fn advise(face: &Face, entries: &[Entry<'_>]) {
    let names = |wanted: &[State]| {
        let fit = entries.iter().filter(|entry| wanted.contains(&entry.state()));
        fit.map(Entry::name).collect::<Vec<_>>().join(", ")
    };
    let behind = names(&[State::Update]);
    let troubled = names(&[State::Damaged, State::Detached, State::Modified, State::Unfit]);
    if !behind.is_empty() {
        face.line(&format!("Update with `refit upgrade NAME`: {behind}. Everything at once: `refit upgrade --all`."));
    }
    if !troubled.is_empty() {
        face.line(&format!(
            "Bring into a good state with `refit recover NAME`: {troubled}. What you changed is kept aside."
        ));
    }
}

/// What runs, what waits, and what a person must look at.
fn show_work(face: &Face, status: &Value) {
    let work = &status["refit"];
    if work["initialized"] == false {
        face.line("The first look at everything is still going on.");
    }
    if let Some(running) = work.get("running").filter(|running| running.is_object()) {
        let step = running["step"].as_u64().unwrap_or_default() + 1;
        let (name, doing) = (word(running, "name"), word(running, "doing"));
        face.line(&format!("Running: {name}, step {step} of {}: {doing}", running["steps"]));
    } else if status["busy"] == true {
        face.line("An update is running.");
    }
    for waiting in work["waiting"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        face.line(&format!("Waiting: {waiting}"));
    }
    show_full(face, &work["full"]);
    for attention in attentions(status) {
        face.line(&format!("Needs you: {}: {}", word(attention, "name"), word(attention, "message")));
    }
}

/// How far an update of everything is, while one runs.
fn show_full(face: &Face, full: &Value) {
    if full["running"].is_null() {
        return;
    }
    let names = |field: &str| {
        let list = full[field].as_array().into_iter().flatten();
        list.filter_map(|one| one.as_str().or_else(|| one["name"].as_str())).collect::<Vec<_>>().join(", ")
    };
    for (field, words) in
        [("done", "done"), ("failed", "failed"), ("passed_by", "passed by"), ("waiting", "still to come")]
    {
        let names = names(field);
        if !names.is_empty() {
            face.line(&format!("Update of everything, {words}: {names}"));
        }
    }
}

/// The runs that a person must look at.
pub fn attentions(status: &Value) -> impl Iterator<Item = &Value> {
    status.pointer("/refit/attention").and_then(Value::as_array).into_iter().flatten()
}

fn word<'a>(object: &'a Value, field: &str) -> &'a str {
    object.get(field).and_then(Value::as_str).unwrap_or("?")
}

/// The exit code of `--check`: an update that can be had comes first, then what keeps one from being had.
fn judge(status: &Value) -> Exit {
    let entries = Entry::all(status);
    if entries.iter().any(|entry| entry.state() == State::Update) {
        Exit::UpdatesAvailable
    } else if entries.iter().any(Entry::is_troubled) || attentions(status).next().is_some() {
        Exit::NeedsAttention
    } else {
        Exit::Fine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_tells_updates_before_trouble() {
        let current = json!({"is_valid": true, "commits_behind_count": 0});
        let behind = json!({"is_valid": true, "commits_behind_count": 1});
        let dirty = json!({"is_valid": false, "current_hash": "a", "is_dirty": true});
        assert_eq!(judge(&json!({"version_info": {"a": current}})), Exit::Fine);
        assert_eq!(judge(&json!({"version_info": {"a": current, "b": dirty}})), Exit::NeedsAttention);
        assert_eq!(judge(&json!({"version_info": {"a": behind, "b": dirty}})), Exit::UpdatesAvailable);
        let attention = json!({"version_info": {"a": current}, "refit": {"attention": [{"name": "a"}]}});
        assert_eq!(judge(&attention), Exit::NeedsAttention);
    }

    #[test]
    fn what_is_restarted_is_named_as_it_really_runs() {
        let services = json!({"crowsnest": ["crowsnest"], "klipper": ["klipper-1", "klipper_2"]});
        let told = restarts(&services).expect("it restarts some");
        assert_eq!(told, "an update restarts crowsnest, klipper (that is klipper-1, klipper_2)");
        assert_eq!(restarts(&Value::Null), None);
    }

    #[test]
    fn an_unknown_name_is_told_with_those_that_are_known() {
        let mut status = json!({"version_info": {"klipper": {}, "app": {}}});
        let stop = keep_only(&mut status, &["kliper".to_owned()]).expect_err("nobody is called so");
        assert!(stop.message.contains("klipper, app"), "{}", stop.message);
        assert_eq!(keep_only(&mut status, &["app".to_owned()]), Ok(()));
        assert_eq!(status["version_info"].as_object().map(serde_json::Map::len), Some(1));
    }
}
