//! What was understood of a configuration, for `refit check`: data that a program can print as lines or as JSON.
//!
//! Refuses to print; the command line does.

use std::path::PathBuf;

use serde::Serialize;

use super::forge;
use super::problem::{Place, Problem, Severity};
use super::updater::{PythonLocation, UpdaterKind, UpdaterSettings};
use super::{BuiltinOverride, Settings, TrustedClient};

/// What was understood, then what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The files that were read, the main one first.
    pub files: Vec<PathBuf>,
    /// What each section came to.
    pub understood: Vec<Understood>,
    /// What is wrong, the worst first, then by file and line.
    pub problems: Vec<Problem>,
    /// Something that was configured is not available.
    pub failed: bool,
}

/// What one section came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Understood {
    /// A line to head it with.
    pub title: String,
    /// Where it stands, when it stands in one place.
    pub place: Option<Place>,
    /// Names and values, in the order to show them.
    pub facts: Vec<(String, String)>,
}

impl Report {
    /// Describes settings.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        let mut understood = vec![server(settings), access(settings), refit(settings)];
        understood.extend(updates(settings));
        if settings.update_manager.is_some() {
            understood.extend(builtin(settings, "moonraker", &settings.builtin.moonraker));
            understood.extend(builtin(settings, "klipper", &settings.builtin.klipper));
        }
        understood.extend(settings.updaters.iter().map(updater));
        let mut problems = settings.problems.clone();
        problems.sort_by(|a, b| (b.severity, &a.file, a.line).cmp(&(a.severity, &b.file, b.line)));
        let failed = problems.iter().any(|problem| problem.severity == Severity::Error);
        Self { files: settings.files.clone(), understood, problems, failed }
    }
}

fn entry(title: impl Into<String>, facts: Vec<(&str, String)>) -> Understood {
    let facts = facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Understood { title: title.into(), place: None, facts }
}

fn server(settings: &Settings) -> Understood {
    let server = &settings.server;
    let mut facts = vec![("listens on", format!("{} port {}", server.host, server.port))];
    if !server.route_prefix.is_empty() {
        facts.push(("below", server.route_prefix.clone()));
    }
    facts.push(("websockets", format!("at most {}", server.max_websocket_connections)));
    facts.push(("printer", settings.klippy_uds_address.display().to_string()));
    entry("server", facts)
}

fn access(settings: &Settings) -> Understood {
    let auth = &settings.authorization;
    let clients = auth.trusted_clients.iter().map(client).collect();
    entry(
        "access",
        vec![
            ("trusted", list(clients, "nobody")),
            ("web pages from", list(auth.cors_domains.clone(), "nowhere else")),
            ("API key", if auth.enable_api_key { "accepted" } else { "not accepted" }.to_owned()),
            ("logins", if auth.force_logins { "required once a user exists" } else { "not required" }.to_owned()),
        ],
    )
}

fn refit(settings: &Settings) -> Understood {
    let refit = &settings.refit;
    let protocols = refit.allow_protocols.iter().map(|protocol| protocol.as_str().to_owned()).collect();
    entry(
        "refit",
        vec![
            ("git", refit.git_path.display().to_string()),
            ("protocols", list(protocols, "only files")),
            ("at the same time", format!("{} repositories of one host", refit.max_refresh_per_host)),
            ("history", format!("the last {} runs", refit.keep_history)),
            ("trusted proxies", list(refit.trusted_proxies.iter().map(client).collect(), "none")),
        ],
    )
}

fn updates(settings: &Settings) -> Option<Understood> {
    let global = settings.update_manager.as_ref()?;
    let (first, last) = global.refresh_window;
    let refresh = match global.enable_auto_refresh {
        true => format!("by itself from {first} to {last} o'clock"),
        false => "when asked".to_owned(),
    };
    let system = match (global.enable_system_updates, global.enable_packagekit) {
        (true, true) => "through PackageKit or apt",
        (true, false) => "through apt",
        (false, _) => "not looked after",
    };
    let facts = vec![
        ("refreshed", refresh),
        ("stale after", hours(global.refresh_interval_hours)),
        ("OS packages", system.to_owned()),
    ];
    Some(entry("updates", facts))
}

fn builtin(settings: &Settings, name: &str, options: &BuiltinOverride) -> Option<Understood> {
    if settings.failed_updater(name).is_some() {
        return None;
    }
    let channel = options.channel.map_or("the default of its type", super::Channel::as_str);
    let mut facts = vec![("channel", channel.to_owned()), ("stale after", hours(options.refresh_interval_hours))];
    if let Some(pin) = &options.pinned_commit {
        facts.push(("pinned to", pin.clone()));
    }
    facts.extend(held(options.hold.as_ref()));
    Some(entry(format!("{name} (built in)"), facts))
}

fn updater(updater: &UpdaterSettings) -> Understood {
    let common = &updater.common;
    let mut facts = vec![("channel", common.channel.as_str().to_owned())];
    match &updater.kind {
        UpdaterKind::Git(git) => {
            facts.push(("path", git.path.display().to_string()));
            facts.push(("origin", git.origin.clone()));
            facts.push(("branch", git.primary_branch.clone()));
            facts.extend(git.pinned_commit.clone().map(|pin| ("pinned to", pin)));
        }
        UpdaterKind::Web(release) | UpdaterKind::Zip(release) | UpdaterKind::Executable(release) => {
            facts.push(("path", release.path.display().to_string()));
            let source = &release.source;
            let host = if source.host == forge::GITHUB { String::new() } else { format!("{}: ", source.host) };
            facts.push(("releases of", format!("{host}{}/{}", source.owner, source.repo)));
        }
        UpdaterKind::Python(python) => {
            facts.push(("package", python.project_name.clone()));
            facts.push(("environment", python.python.location.folder().display().to_string()));
        }
    }
    if let Some(env) = &updater.kind.dependencies().python {
        let (PythonLocation::Virtualenv(path) | PythonLocation::Env(path)) = &env.location;
        facts.push(("python", path.display().to_string()));
    }
    facts.extend(held(common.hold.as_ref()));
    facts.push(("restarts", list(common.managed_services.clone(), "nothing")));
    facts.push(("stale after", hours(common.refresh_interval_hours)));
    let title = format!("{} ({})", updater.name.as_str(), updater.kind.as_str());
    Understood { place: Some(updater.place.clone()), ..entry(title, facts) }
}

fn held(place: Option<&Place>) -> Option<(&'static str, String)> {
    place.map(|_| ("held back", "passed by when everything is updated".to_owned()))
}

fn client(client: &TrustedClient) -> String {
    match client {
        TrustedClient::Ip(address) => address.to_string(),
        TrustedClient::Network { address, prefix } => format!("{address}/{prefix}"),
        TrustedClient::Domain(name) => name.clone(),
    }
}

fn hours(hours: u32) -> String {
    if hours >= 48 && hours.is_multiple_of(24) { format!("{} days", hours / 24) } else { format!("{hours} hours") }
}

fn list(parts: Vec<String>, nothing: &str) -> String {
    if parts.is_empty() { nothing.to_owned() } else { parts.join(", ") }
}
