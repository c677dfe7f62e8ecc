//! What nobody read: options and sections that warn, and sections that belong to Moonraker and are left alone.
//!
//! Refuses to warn about options in sections that Refit does not read, since one file may serve both programs.

use std::collections::HashMap;

use super::merge::{Config, Section};
use super::problem::Severity;
use super::section::{Findings, Outcome, problem};

/// The first words of the sections that Moonraker 0.11.0 reads and Refit does not (asked one by one), and those of
/// well-known additions to it.
const NOT_OURS: &[&str] = &[
    "analysis",
    "announcements",
    "button",
    "data_store",
    "database",
    "dbus_manager",
    "extensions",
    "file_manager",
    "gpio",
    "history",
    "http_client",
    "job_queue",
    "job_state",
    "klippy_apis",
    "ldap",
    "machine",
    "mqtt",
    "notifier",
    "octoprint_compat",
    "paneldue",
    "power",
    "proc_stats",
    "secrets",
    "sensor",
    "shell_command",
    "simplyprint",
    "spoolman",
    "template",
    "timelapse",
    "webcam",
    "wled",
    "zeroconf",
];

/// Options that Moonraker moved from `[server]` to sections that are not ours.
const MOVED: &[&str] = &[
    "config_path",
    "database_path",
    "enable_database_debug",
    "gcode_store_size",
    "log_path",
    "queue_gcode_uploads",
    "temperature_store_size",
];

/// Warns about what was not read, in the order of the configuration. Returns the components that such sections stand for
/// and that therefore "failed".
pub(super) fn warn(config: &Config, outcomes: &HashMap<String, Outcome>, findings: &mut Findings) -> Vec<String> {
    let mut failed = Vec::new();
    for section in &config.sections {
        match outcomes.get(&section.name) {
            Some(outcome) if outcome.broken => {}
            Some(outcome) => options(section, outcome, findings),
            None => unread(section, findings, &mut failed),
        }
    }
    failed
}

fn options(section: &Section, outcome: &Outcome, findings: &mut Findings) {
    for option in &section.options {
        let moved = section.name == "server" && MOVED.contains(&option.name.as_str());
        if moved || outcome.used.contains(&option.name) {
            continue;
        }
        let (name, value) = (&option.name, &option.value);
        let text = format!(
            "Unparsed config option '{name}: {value}' detected in section [{}].  This may be an option no longer \
             available or could be the result of a module that failed to load.  In the future this will result in a \
             startup error.",
            section.name
        );
        let told = problem(section, Some(name), Severity::Warning, format!("nothing reads the option '{name}' here"))
            .with_remedy(Some("remove it, or correct its name".to_owned()));
        findings.warn(&text, told);
    }
}

fn unread(section: &Section, findings: &mut Findings, failed: &mut Vec<String>) {
    let word = section.name.split_whitespace().next().unwrap_or_default();
    if NOT_OURS.contains(&word) {
        return;
    }
    let text = format!(
        "Unparsed config section [{}] detected.  This may be the result of a component that failed to load.  In the \
         future this will result in a startup error.",
        section.name
    );
    let message = format!("nothing reads the section [{}]", section.name);
    let told = problem(section, None, Severity::Warning, message)
        .with_remedy(Some("remove it, or correct its name".to_owned()));
    findings.warn(&text, told);
    if word != "update_manager" && !failed.iter().any(|known| known == word) {
        failed.push(word.to_owned());
    }
}
