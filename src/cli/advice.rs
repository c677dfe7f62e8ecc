//! What to know and what to type after a refusal, from what the status says of the software that was named.
//!
//! Refuses to: fail. Who cannot be asked any more has told why already.

use serde_json::Value;

use super::door::Door;
use super::entry::{Entry, State};
use super::status;

/// The lines after the refusal of work on `name`; none when there is nothing to add. Who was refused a recovery is not sent to
/// one.
#[must_use]
pub fn after(door: &mut Door, name: &str, is_recovery: bool) -> Vec<String> {
    status::ask(door).map(|status| of(&status, name, is_recovery)).unwrap_or_default()
}

/// The line about a name that nothing has; none when something has it.
#[must_use]
pub fn unknown(door: &mut Door, name: &str) -> Option<String> {
    let status = status::ask(door).ok()?;
    let entries = Entry::all(&status);
    (!entries.iter().any(|entry| entry.name() == name)).then(|| known(&entries))
}

fn known(entries: &[Entry<'_>]) -> String {
    let names: Vec<&str> = entries.iter().map(Entry::name).collect();
    format!(
        "Refit looks after: {}. Why a section of the configuration is not among them, `refit check` says.",
        names.join(", ")
    )
}

fn of(status: &Value, name: &str, is_recovery: bool) -> Vec<String> {
    let entries = Entry::all(status);
    let Some(entry) = entries.iter().find(|entry| entry.name() == name) else { return vec![known(&entries)] };
    let trouble = entry.trouble().map(|trouble| trouble.trim_end_matches('.').to_owned());
    match entry.state() {
        State::NotFound => {
            trouble.map(|looked| format!("{name} is not on this machine: {looked}.")).into_iter().collect()
        }
        State::Damaged | State::Detached | State::Modified | State::Unfit => {
            let wrong = trouble.map(|trouble| format!("What is wrong with it: {trouble}."));
            let next = format!("What a recovery would do, and keep of yours: refit plan recover {name}");
            wrong.into_iter().chain((!is_recovery).then_some(next)).collect()
        }
        State::Unseen | State::Update | State::Current => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_added_depends_on_what_is_wrong() {
        let status = json!({"version_info": {
            "klipper": {"configured_type": "none", "is_valid": false, "warnings": ["No folder at /home/pi/klipper"]},
            "dirty": {"is_valid": false, "is_dirty": true, "warnings": ["Repo is dirty."]},
            "fine": {"is_valid": true, "commits_behind_count": 0},
        }});
        assert_eq!(of(&status, "fine", false), Vec::<String>::new());
        assert_eq!(of(&status, "klipper", true), ["klipper is not on this machine: No folder at /home/pi/klipper."]);
        let dirty = of(&status, "dirty", false);
        assert_eq!(dirty[0], "What is wrong with it: Repo is dirty.");
        assert!(dirty[1].ends_with("refit plan recover dirty"));
        assert_eq!(of(&status, "dirty", true), dirty[..1]);
        assert!(of(&status, "drity", false)[0].contains("klipper, dirty, fine"));
    }
}
