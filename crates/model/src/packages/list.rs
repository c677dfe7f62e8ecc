//! The file of `system_dependencies`: an object keyed by distribution, each value a list of packages that may carry a
//! condition (CONTRACT §4.4).
//! Refuses to: read the file, or to drop an entry without a word.

use std::collections::BTreeSet;

use serde_json::Value;
use thiserror::Error;

use super::{Distribution, PackageName, condition, shown};

/// The packages that a piece of software lists for this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    /// In the order listed, each once.
    pub packages: Vec<PackageName>,
    /// What was passed by and why, in words for people.
    pub complaints: Vec<String>,
}

/// A list that says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadList {
    /// No JSON.
    #[error("it is not JSON ({0})")]
    NotJson(String),
    /// JSON of another form.
    #[error("it is not an object of lists of packages, keyed by distribution")]
    OtherForm,
}

impl Listed {
    /// Adds a name, once, or the reason why not.
    pub(super) fn take(&mut self, word: &str) {
        match PackageName::new(word) {
            Ok(name) if self.packages.contains(&name) => {}
            Ok(name) => self.packages.push(name),
            Err(_) => self.complaints.push(format!("'{}' is not the name of a package; it is passed by", shown(word))),
        }
    }

    /// Without those that the owner does not want.
    #[must_use]
    pub fn without(mut self, excluded: &BTreeSet<String>) -> Self {
        self.packages.retain(|name| !excluded.contains(name.as_str()) && !excluded.contains(name.bare()));
        self
    }
}

/// What `MOONRAKER_EXCLUDED_PKGS` holds: names between commas or blanks.
#[must_use]
pub fn excluded(text: &str) -> BTreeSet<String> {
    text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '\''))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// What the file lists for this distribution: under its id, else under the first that it is like.
///
/// # Errors
/// [`BadList`] when the whole file says nothing; single entries are complained of.
pub fn from_json(text: &[u8], here: &Distribution) -> Result<Listed, BadList> {
    let value: Value = serde_json::from_slice(text).map_err(|error| BadList::NotJson(error.to_string()))?;
    from_value(&value, here)
}

/// What the file `release_info` of a Python distribution lists, under `system_dependencies`; nothing where it says nothing
/// (observed: a file that is no object of lists is passed over).
#[must_use]
pub fn from_release_info(text: &[u8], here: &Distribution) -> Listed {
    let told: Option<Value> = serde_json::from_slice(text).ok();
    let lists = told.as_ref().and_then(|told| told.get("system_dependencies"));
    lists.and_then(|lists| from_value(lists, here).ok()).unwrap_or_default()
}

fn from_value(value: &Value, here: &Distribution) -> Result<Listed, BadList> {
    let Value::Object(lists) = value else { return Err(BadList::OtherForm) };
    let mut listed = Listed::default();
    let Some((name, list)) = here.names().find_map(|name| Some((name, lists.get(name)?))) else {
        if !lists.is_empty() {
            let known = lists.keys().map(|name| shown(name)).collect::<Vec<_>>().join(", ");
            listed.complaints.push(format!("there is no list for {} (but for {known})", shown(&here.id)));
        }
        return Ok(listed);
    };
    let Value::Array(entries) = list else { return Err(BadList::OtherForm) };
    for entry in entries {
        let Value::String(entry) = entry else {
            let entry = shown(&entry.to_string());
            listed.complaints.push(format!("{entry} in the list for {name} is not text; it is passed by"));
            continue;
        };
        let (package, condition) = match entry.split_once(';') {
            Some((package, condition)) => (package.trim(), Some(condition)),
            None => (entry.trim(), None),
        };
        match condition.map(|condition| condition::holds(condition, here)) {
            None | Some(Ok(true)) => listed.take(package),
            Some(Ok(false)) => {}
            Some(Err(why)) => {
                listed
                    .complaints
                    .push(format!("the condition of {} is not understood ({why}); it is passed by", shown(package)));
            }
        }
    }
    Ok(listed)
}
