//! One section -> one updater: its name, the options of every type, and which type it is.
//!
//! Refuses to stop at a broken section: the caller tells it and goes on with the next.

use super::{CommonSettings, UpdaterKind, UpdaterSettings};
use super::{health, kinds};
use crate::health::HealthSpec;
use crate::name::UpdaterName;
use crate::settings::problem::Severity;
use crate::settings::refit::RefitSettings;
use crate::settings::section::{Fault, Findings, Reader};
use crate::settings::services::AllowedServices;
use crate::settings::source::ConfigSource;
use crate::settings::update_manager::{self, Channel, UpdateManagerSettings};
use crate::settings::value;

/// The types, in the order in which Moonraker lists them.
const TYPES: &[&str] = &["web", "git_repo", "zip", "python", "executable"];

/// What a section is judged against.
pub(crate) struct Around<'a> {
    pub(crate) source: &'a dyn ConfigSource,
    pub(crate) services: &'a AllowedServices,
    /// The path of the services file, for advice.
    pub(crate) asvc: &'a str,
    pub(crate) global: &'a UpdateManagerSettings,
    pub(crate) refit: &'a RefitSettings,
}

/// A type of updater, before its options are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Git,
    Web,
    Zip,
    Executable,
    Python,
}

impl Type {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "git_repo" => Some(Self::Git),
            "web" => Some(Self::Web),
            "zip" => Some(Self::Zip),
            "executable" => Some(Self::Executable),
            "python" => Some(Self::Python),
            _ => None,
        }
    }

    fn channels(self) -> &'static [&'static str] {
        match self {
            Self::Git | Self::Python => update_manager::CHANNELS,
            Self::Web | Self::Zip | Self::Executable => &["stable", "beta"],
        }
    }

    fn default_channel(self) -> Channel {
        match self {
            Self::Git => Channel::Dev,
            Self::Web | Self::Zip | Self::Executable | Self::Python => Channel::Stable,
        }
    }
}

/// The name an updater has by its section: what follows `update_manager`, without a legacy `client `.
pub(crate) fn name_of(section: &str) -> &str {
    let rest = section.split_once(char::is_whitespace).map_or("", |(_, rest)| rest.trim_start());
    let name = if rest.is_empty() { section.trim_end() } else { rest };
    name.strip_prefix("client ").unwrap_or(name)
}

/// Reads one section. `Ok(None)` is `type: none`, which has been warned about.
///
/// # Errors
/// The first thing that is wrong, as Moonraker finds it.
pub(crate) fn read(
    reader: &mut Reader<'_>,
    findings: &mut Findings,
    around: &Around<'_>,
) -> Result<Option<UpdaterSettings>, Fault> {
    let section = reader.section();
    // First: Moonraker has no such option, so that no failure of another may leave it unread.
    let hold = update_manager::hold(reader)?;
    let is_web = reader.text("type").is_some_and(|kind| Type::parse(kind) == Some(Type::Web));
    let health = health::read(reader, is_web)?;
    let kind = reader.required("type")?;
    if kind.eq_ignore_ascii_case("none") {
        let text = format!("Invalid type '{kind}' for section [{}]", section.name);
        let problem = reader.problem(Some("type"), Severity::Error, &text);
        findings.warn(&text, problem.with_remedy(Some(types_remedy())));
        return Ok(None);
    }
    let kind = Type::parse(kind).ok_or_else(|| unknown_type(reader, kind))?;
    let name = UpdaterName::new(name_of(&section.name)).map_err(|why| Fault {
        option: None,
        message: why.to_string(),
        parsing: false,
        remedy: Some("name the section [update_manager NAME]".to_owned()),
    })?;
    let mut common = CommonSettings { hold, health, ..common(reader, findings, around, kind)? };
    let place = section.place.clone();
    let kind = kinds::read(reader, findings, around, kind, &mut common)?;
    let section_name = section.name.clone();
    Ok(Some(UpdaterSettings { name, section: section_name, place, common, kind, config_hash: hash(reader) }))
}

fn unknown_type(reader: &Reader<'_>, text: &str) -> Fault {
    // Moonraker looks lower-case words up in its own way.
    let known = TYPES.iter().any(|known| known.eq_ignore_ascii_case(text));
    let fault = if known {
        reader.bad_choice("type", text, TYPES)
    } else {
        Fault::new("type", format!("No enum member named {text}"))
    };
    fault.with_remedy(types_remedy())
}

fn types_remedy() -> String {
    format!("the types are {}", value::repr_list(TYPES))
}

fn common(
    reader: &mut Reader<'_>,
    findings: &mut Findings,
    around: &Around<'_>,
    kind: Type,
) -> Result<CommonSettings, Fault> {
    let refresh_interval_hours = update_manager::hours(reader)?.unwrap_or(around.global.refresh_interval_hours);
    let configured = update_manager::channel(reader)?;
    let default = kind.default_channel();
    let unsupported = configured.filter(|channel| !kind.channels().contains(&channel.as_str()));
    if let Some(channel) = unsupported {
        warn_channel(reader, findings, kind, channel);
    }
    Ok(CommonSettings {
        channel: configured.filter(|_| unsupported.is_none()).unwrap_or(default),
        channel_invalid: unsupported.is_some(),
        refresh_interval_hours,
        report_anomalies: reader.boolean("report_anomalies", true)?,
        info_tags: reader.lines("info_tags"),
        managed_services: Vec::new(),
        hold: None,
        is_system_service: false,
        health: HealthSpec::USUAL,
    })
}

fn warn_channel(reader: &Reader<'_>, findings: &mut Findings, kind: Type, channel: Channel) {
    let (label, word) = (reader.label(), channel.as_str());
    let kind_word = match kind {
        Type::Git => "git_repo",
        Type::Web => "web",
        Type::Zip => "zip",
        Type::Executable => "executable",
        Type::Python => "python",
    };
    let (channels, default) = (value::repr_list(kind.channels()), kind.default_channel().as_str());
    let text = format!(
        "[{label}]: Invalid value '{word}' for option 'channel'. Type '{kind_word}' supports the following channels: \
         {channels}.  Falling back to channel '{default}'"
    );
    findings.warn(&text, reader.problem(Some("channel"), Severity::Warning, &text));
}

/// `is_system_service` and `managed_services`.
///
/// # Errors
/// When the first is no boolean.
pub(super) fn services(
    reader: &mut Reader<'_>,
    findings: &mut Findings,
    around: &Around<'_>,
    common: &mut CommonSettings,
) -> Result<(), Fault> {
    let name = name_of(&reader.section().name);
    common.is_system_service = reader.boolean("is_system_service", true)?;
    let asked: Vec<&str> = match reader.text("managed_services") {
        Some(text) => text.split_whitespace().collect(),
        None if common.is_system_service => vec![name],
        None => Vec::new(),
    };
    let choices = [name, "klipper", "moonraker"];
    if let Some(wrong) = asked.iter().find(|service| !choices.contains(service)) {
        let (label, all, choices) = (reader.label(), asked.join(" "), value::repr_list(&choices));
        let text = format!(
            "[{label}]: Option 'managed_services: {all}' contains an invalid value '{wrong}'.  All values must be one \
             of the following choices: {choices}"
        );
        let problem = reader.problem(Some("managed_services"), Severity::Warning, &text);
        findings.warn(&text, problem.with_remedy(Some(format!("remove '{wrong}'; it is not restarted"))));
    }
    let mut services: Vec<String> = Vec::new();
    for service in asked.into_iter().filter(|service| choices.contains(service)) {
        if !services.iter().any(|known| known == service) {
            services.push(service.to_owned());
        }
    }
    if services.iter().any(|service| service == name) && !around.services.allow(name) {
        not_permitted(reader, findings, around, name);
        services.clear();
    }
    common.managed_services = services;
    Ok(())
}

fn not_permitted(reader: &Reader<'_>, findings: &mut Findings, around: &Around<'_>, name: &str) {
    let (label, asvc) = (reader.label(), around.asvc);
    let text = format!(
        "[{label}]: Moonraker is not permitted to restart service '{name}'.  To enable management of this service add \
         {name} to the bottom of the file {asvc}.  To disable management for this service set 'is_system_service: \
         False' in the configuration for this section."
    );
    let option = reader.section().option("managed_services").map(|_| "managed_services");
    let message = format!("the service '{name}' may not be restarted; no service is restarted after its updates");
    let remedy = format!("add a line '{name}' to {asvc}, or 'is_system_service: False' to the section");
    findings.warn(&text, reader.problem(option, Severity::Warning, message).with_remedy(Some(remedy)));
}

/// FNV-1a over names and values in the order of the names: the same options give the same hash, on every machine.
fn hash(reader: &Reader<'_>) -> String {
    let mut options: Vec<(&str, &str)> =
        reader.section().options.iter().map(|option| (option.name.as_str(), option.value.as_str())).collect();
    options.sort_unstable();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in options.iter().flat_map(|(name, value)| [name.as_bytes(), b"\0", value.as_bytes(), b"\0"]).flatten() {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("{hash:016x}")
}

impl UpdaterKind {
    /// What the software depends on, whatever its type.
    #[must_use]
    pub fn dependencies(&self) -> &super::Dependencies {
        match self {
            Self::Git(git) => &git.dependencies,
            Self::Web(release) | Self::Zip(release) | Self::Executable(release) => &release.dependencies,
            Self::Python(python) => &python.dependencies,
        }
    }
}
