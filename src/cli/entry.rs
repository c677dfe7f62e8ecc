//! One entry of the status as a person reads it: a word for its state, its versions, what is wrong with it.
//!
//! Reads the API's own JSON, as any client does. Refuses to: look anywhere else.

use serde_json::Value;

/// The state of one piece of software, the most pressing first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// The repository is damaged.
    Damaged,
    /// HEAD holds a commit instead of a branch.
    Detached,
    /// Files were modified.
    Modified,
    /// Something else forbids an update.
    Unfit,
    /// A built-in updater whose software is not on this machine.
    NotFound,
    /// It was not looked at yet.
    Unseen,
    /// An update is there.
    Update,
    /// Nothing to do.
    Current,
}

/// One entry.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    name: &'a str,
    fields: &'a Value,
}

impl<'a> Entry<'a> {
    /// All entries of a status, in its order.
    #[must_use]
    pub fn all(status: &'a Value) -> Vec<Self> {
        let entries = status.get("version_info").and_then(Value::as_object);
        entries.into_iter().flatten().map(|(name, fields)| Self { name, fields }).collect()
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// What the API says of it.
    #[must_use]
    pub fn fields(&self) -> &'a Value {
        self.fields
    }

    /// Its state.
    #[must_use]
    pub fn state(&self) -> State {
        if self.text("configured_type") == "none" {
            State::NotFound
        } else if self.is_unseen() {
            State::Unseen
        } else if self.is("corrupt") || !self.list("/refit/damage").is_empty() || self.is_interrupted() {
            State::Damaged
        } else if self.fields.get("is_valid") == Some(&Value::Bool(false)) {
            if self.is("detached") && !self.is("debug_enabled") {
                State::Detached
            } else if self.is("is_dirty") {
                State::Modified
            } else {
                State::Unfit
            }
        } else if self.behind() > 0 || self.number("package_count") > 0 || self.offers_release() {
            State::Update
        } else {
            State::Current
        }
    }

    /// Nobody has looked at it yet: what the status says of it means nothing.
    fn is_unseen(&self) -> bool {
        self.fields.pointer("/refit/last_refresh") == Some(&Value::from(0))
    }

    /// An installation of system packages was cut off.
    fn is_interrupted(&self) -> bool {
        self.fields.pointer("/refit/interrupted").and_then(Value::as_array).is_some_and(|all| !all.is_empty())
    }

    fn offers_release(&self) -> bool {
        self.fields.pointer("/refit/update_available") == Some(&Value::Bool(true))
    }

    /// How many commits behind.
    #[must_use]
    pub fn behind(&self) -> u64 {
        self.number("commits_behind_count")
    }

    /// Its state in words.
    #[must_use]
    pub fn words(&self) -> String {
        match (self.state(), self.behind()) {
            (State::Damaged, _) => "damaged".to_owned(),
            (State::Detached, _) => "detached".to_owned(),
            (State::Modified, _) => "modified".to_owned(),
            (State::Unfit, _) => "cannot be updated".to_owned(),
            (State::NotFound, _) => "not found".to_owned(),
            (State::Unseen, _) => "not looked at yet".to_owned(),
            (State::Update, 1) => "update, 1 commit".to_owned(),
            (State::Update, 2..) => format!("update, {} commits", self.behind()),
            (State::Update, 0) => match self.number("package_count") {
                0 => "update".to_owned(),
                1 => "update, 1 package".to_owned(),
                packages => format!("update, {packages} packages"),
            },
            (State::Current, _) if self.text("remote_version") == "?" => {
                "installed, what is newest is not known".to_owned()
            }
            (State::Current, _) => "up to date".to_owned(),
        }
    }

    /// Its version, and the one to be had when that is another.
    #[must_use]
    pub fn versions(&self) -> [String; 2] {
        let (version, remote) = (self.text("version"), self.text("remote_version"));
        // `?`: nobody could tell what is newest.
        let offered = if remote == version || remote == "?" { "" } else { remote };
        [version.to_owned(), offered.to_owned()]
    }

    /// Is it passed by when everything is updated? In words.
    #[must_use]
    pub fn passed_by(&self) -> Option<String> {
        let text = |pointer: &str| self.fields.pointer(pointer).and_then(Value::as_str);
        match (text("/refit/held"), text("/refit/skipped")) {
            (Some("configuration"), _) => Some("held back by the configuration".to_owned()),
            (Some(_), _) => Some("held back".to_owned()),
            (None, Some(version)) => Some(format!("skips version {version}")),
            (None, None) => None,
        }
    }

    /// What its owner should read: warnings, anomalies, the network's last error, what was kept aside.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks: Vec<String> = self.passed_by().into_iter().collect();
        if self.is_unseen() {
            return remarks;
        }
        for list in ["/refit/damage", "/warnings", "/anomalies", "/refit/warnings"] {
            remarks.extend(self.list(list).into_iter().map(str::to_owned));
        }
        let released = Some(self.text("last_error")).filter(|error| !error.is_empty());
        let remote = self.fields.pointer("/refit/remote_error").and_then(Value::as_str);
        let untold = |error: &&str| !remarks.iter().any(|remark| remark.contains(*error));
        if let Some(error) = remote.or(released).filter(untold) {
            remarks.push(format!("the last look at the remote failed: {error}"));
        }
        for kept in self.fields.pointer("/refit/kept").and_then(Value::as_array).into_iter().flatten() {
            let places: Vec<&str> =
                ["folder", "reference", "ref"].iter().filter_map(|field| kept.get(field)?.as_str()).collect();
            remarks.push(format!("kept aside: {}", places.join(", ")));
        }
        remarks
    }

    /// What is wrong with it, first of all.
    #[must_use]
    pub fn trouble(&self) -> Option<&'a str> {
        ["/refit/damage", "/warnings", "/refit/warnings"].iter().find_map(|list| self.list(list).first().copied())
    }

    /// Must a person look?
    #[must_use]
    pub fn is_troubled(&self) -> bool {
        match self.state() {
            State::Damaged | State::Detached | State::Modified | State::Unfit => true,
            State::NotFound | State::Unseen | State::Update | State::Current => false,
        }
    }

    fn text(&self, field: &str) -> &'a str {
        self.fields.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    fn is(&self, field: &str) -> bool {
        self.fields.get(field) == Some(&Value::Bool(true))
    }

    fn number(&self, field: &str) -> u64 {
        self.fields.get(field).and_then(Value::as_u64).unwrap_or_default()
    }

    fn list(&self, pointer: &str) -> Vec<&'a str> {
        self.fields.pointer(pointer).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn state(fields: Value) -> State {
        let status = json!({ "version_info": { "x": fields } });
        Entry::all(&status)[0].state()
    }

    #[test]
    fn the_most_pressing_state_is_told() {
        let hash = "a".repeat(40);
        assert_eq!(state(json!({"is_valid": true, "commits_behind_count": 0})), State::Current);
        assert_eq!(state(json!({"is_valid": true, "commits_behind_count": 2})), State::Update);
        assert_eq!(state(json!({"is_valid": false, "current_hash": hash, "is_dirty": true})), State::Modified);
        assert_eq!(
            state(json!({"is_valid": false, "current_hash": hash, "detached": true, "is_dirty": true})),
            State::Detached
        );
        assert_eq!(state(json!({"is_valid": false, "current_hash": hash})), State::Unfit);
        let unknown = json!({"is_valid": true, "version": "v1", "remote_version": "?"});
        let entry = Entry { name: "x", fields: &unknown };
        assert_eq!(
            (entry.words().as_str(), entry.versions()),
            ("installed, what is newest is not known", ["v1".to_owned(), String::new()])
        );
        let unseen = json!({"is_valid": false, "warnings": ["No git repo"], "refit": {"last_refresh": 0}});
        assert_eq!(state(unseen.clone()), State::Unseen);
        assert_eq!(Entry { name: "x", fields: &unseen }.remarks(), Vec::<String>::new());
        assert_eq!(state(json!({"is_valid": false, "corrupt": true, "is_dirty": true})), State::Damaged);
        assert_eq!(state(json!({"configured_type": "none", "is_valid": false})), State::NotFound);
        assert_eq!(state(json!({"configured_type": "system", "package_count": 3})), State::Update);
        let cut = json!({"configured_type": "system", "package_count": 0, "refit": {"interrupted": [{"name": "lib"}]}});
        assert_eq!(state(cut), State::Damaged);
        let released = json!({"configured_type": "web", "is_valid": true, "refit": {"update_available": true}});
        assert_eq!(state(released), State::Update);
    }

    #[test]
    fn what_is_passed_by_says_so() {
        let words = |refit: Value| {
            let status = json!({ "version_info": { "x": { "refit": refit } } });
            Entry::all(&status)[0].remarks()
        };
        assert_eq!(words(json!({"held": "configuration", "skipped": "v2"})), ["held back by the configuration"]);
        assert_eq!(words(json!({"held": "request", "skipped": null})), ["held back"]);
        assert_eq!(words(json!({"held": null, "skipped": "v2"})), ["skips version v2"]);
        assert_eq!(words(json!({"held": null, "skipped": null})), Vec::<String>::new());
    }

    #[test]
    fn remarks_come_from_everywhere() {
        let status = json!({"version_info": {"x": {
            "warnings": ["Repo is corrupt"], "anomalies": ["Unofficial remote url: y"],
            "refit": {"warnings": ["restart the machine"], "damage": ["the folder .git is missing"], "remote_error": "no route",
                      "kept": [{"folder": "/k", "reference": "refs/refit/kept/1"}]}}}});
        assert_eq!(
            Entry::all(&status)[0].remarks(),
            [
                "the folder .git is missing",
                "Repo is corrupt",
                "Unofficial remote url: y",
                "restart the machine",
                "the last look at the remote failed: no route",
                "kept aside: /k, refs/refit/kept/1"
            ]
        );
    }
}
