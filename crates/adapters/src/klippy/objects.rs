//! What klippy's status objects say about the printer: differences merged, one
//! [`Printer`](refit_model::printer::Printer) out of them.
//!
//! Pure. The objects are those of Klipper's published status reference (`webhooks`, `print_stats`, `virtual_sdcard`,
//! `idle_timeout`). Refuses to: read a socket.

use refit_model::printer::{Activity, KlippyState};
use serde_json::{Map, Value, json};

/// What is subscribed to. A new subscription on the same connection replaces the one before (CONTRACT §7.2).
#[must_use]
pub fn subscription() -> Value {
    json!({
        "objects": {
            "webhooks": ["state", "state_message"],
            "print_stats": ["state"],
            "virtual_sdcard": ["is_active"],
            "idle_timeout": ["state"],
        },
        "response_template": { "method": "process_status_update" },
    })
}

/// The objects as known so far on one connection.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Objects {
    known: Map<String, Value>,
    /// A print was cancelled and klippy has not come to rest since.
    cancelling: bool,
}

impl Objects {
    /// Takes a status: only what changed is in it. What is not an object, or was not asked for, is ignored.
    pub fn merge(&mut self, status: &Map<String, Value>) {
        let was = self.print_state().map(str::to_owned);
        for (name, fields) in status {
            let (Some(fields), true) = (fields.as_object(), is_wanted(name)) else { continue };
            let known = self.known.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
            if let Some(known) = known.as_object_mut() {
                known.extend(fields.iter().map(|(field, value)| (field.clone(), value.clone())));
            }
        }
        self.follow_a_cancel(was.as_deref());
    }

    /// A print that was going on and is now cancelled may still have the owner's macros to run (cooling, parking):
    /// the cancel lasts until nothing runs any more.
    fn follow_a_cancel(&mut self, was: Option<&str>) {
        let cancelled = self.print_state() == Some("cancelled");
        if cancelled && matches!(was, Some("printing" | "paused")) {
            self.cancelling = true;
        }
        self.cancelling &= cancelled && self.text("idle_timeout", "state") == Some("Printing");
    }

    /// `webhooks.state`; none before it was told, or when it is a word that is not known.
    #[must_use]
    pub fn state(&self) -> Option<KlippyState> {
        self.text("webhooks", "state").and_then(klippy_state)
    }

    /// `webhooks.state_message`.
    #[must_use]
    pub fn state_message(&self) -> Option<&str> {
        self.text("webhooks", "state_message")
    }

    /// What the printer is doing. Without `print_stats` nothing is known, which counts as idle (CONTRACT §7.3).
    #[must_use]
    pub fn activity(&self) -> Activity {
        let running = self.known.get("virtual_sdcard").and_then(|sd| sd.get("is_active")) == Some(&Value::Bool(true));
        match self.print_state() {
            Some("printing") => Activity::Printing,
            Some("paused") => Activity::Paused,
            // The file is being worked on though print_stats does not say so yet, or still: a print begins or ends.
            Some(_) | None if running || self.cancelling => Activity::Transition,
            Some(_) | None => Activity::Idle,
        }
    }

    fn print_state(&self) -> Option<&str> {
        self.text("print_stats", "state")
    }

    fn text(&self, object: &str, field: &str) -> Option<&str> {
        self.known.get(object)?.get(field)?.as_str()
    }
}

fn is_wanted(name: &str) -> bool {
    matches!(name, "webhooks" | "print_stats" | "virtual_sdcard" | "idle_timeout")
}

/// Klippy's word for its state (CONTRACT §7.2).
#[must_use]
pub fn klippy_state(word: &str) -> Option<KlippyState> {
    match word {
        "startup" => Some(KlippyState::Startup),
        "ready" => Some(KlippyState::Ready),
        "error" => Some(KlippyState::Error),
        "shutdown" => Some(KlippyState::Shutdown),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(statuses: &[Value]) -> Objects {
        let mut objects = Objects::default();
        for status in statuses {
            objects.merge(status.as_object().unwrap_or_else(|| panic!("{status} is no object")));
        }
        objects
    }

    #[test]
    fn differences_are_merged() {
        let objects = after(&[
            json!({"webhooks": {"state": "startup", "state_message": "Printer is not ready"}, "print_stats": {}}),
            json!({"webhooks": {"state": "ready"}}),
            json!({"print_stats": {"state": "printing"}}),
            json!({"print_stats": 5, "toolhead": {"x": 1}, "webhooks": {"state_message": "Printer is ready"}}),
        ]);
        assert_eq!(objects.state(), Some(KlippyState::Ready));
        assert_eq!(objects.state_message(), Some("Printer is ready"));
        assert_eq!(objects.activity(), Activity::Printing);
        assert!(!objects.known.contains_key("toolhead"), "what nobody asked for is kept");
    }

    #[test]
    fn an_unknown_printer_is_idle() {
        assert_eq!(after(&[]).activity(), Activity::Idle);
        assert_eq!(
            after(&[json!({"print_stats": {}, "idle_timeout": {"state": "Printing"}})]).activity(),
            Activity::Idle
        );
        assert_eq!(after(&[json!({"webhooks": {"state": "dancing"}})]).state(), None);
    }

    #[test]
    fn every_state_of_a_print_has_its_activity() {
        for (state, activity) in [
            ("standby", Activity::Idle),
            ("printing", Activity::Printing),
            ("paused", Activity::Paused),
            ("complete", Activity::Idle),
            ("cancelled", Activity::Idle),
            ("error", Activity::Idle),
        ] {
            assert_eq!(after(&[json!({"print_stats": {"state": state}})]).activity(), activity, "{state}");
        }
    }

    #[test]
    fn a_print_that_is_being_started_is_a_transition() {
        let starting = json!({"print_stats": {"state": "standby"}, "virtual_sdcard": {"is_active": true}});
        assert_eq!(after(&[starting]).activity(), Activity::Transition);
    }

    #[test]
    fn a_cancel_lasts_until_the_printer_rests() {
        let printing = json!({"print_stats": {"state": "printing"}, "idle_timeout": {"state": "Printing"}});
        let cancelled = json!({"print_stats": {"state": "cancelled"}});
        let at_rest = json!({"idle_timeout": {"state": "Ready"}});
        let jogged = json!({"idle_timeout": {"state": "Printing"}});
        let story = [printing, cancelled, at_rest, jogged];
        assert_eq!(after(&story[..2]).activity(), Activity::Transition);
        assert_eq!(after(&story[..3]).activity(), Activity::Idle);
        assert_eq!(after(&story).activity(), Activity::Idle, "moving by hand afterwards is no cancel");
    }
}
