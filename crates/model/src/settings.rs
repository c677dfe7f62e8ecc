//! The configuration: text -> fragments -> merged sections -> typed settings, each finding with its file and line.
//!
//! The dialect and its messages are Moonraker's (CONTRACT section 4), so that one file can serve both. A broken
//! `[update_manager NAME]` costs that updater and nothing else. Refuses to do IO: files come through [`ConfigSource`].

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

pub mod authorization;
pub mod dialect;
pub mod forge;
mod leftovers;
pub mod machine;
#[cfg(test)]
mod memory;
pub mod merge;
pub mod problem;
pub mod refit;
pub mod report;
pub mod section;
pub mod server;
pub mod services;
pub mod source;
mod template;
pub mod update_manager;
pub mod updater;
pub mod value;

use merge::{Config, Section};
use section::{Fault, Findings, Outcome, Reader};
use updater::read::{self, Around};

pub use authorization::{AuthSettings, TrustedClient};
pub use forge::{ForgeSettings, Secret, TokenSource};
pub use machine::{MachineSettings, Provider};
pub use problem::{Place, Problem, SettingsError, Severity};
pub use refit::{ArchiveBounds, Protocol, RefitSettings};
pub use server::{MoonrakerAddress, ServerSettings};
pub use services::AllowedServices;
pub use source::ConfigSource;
pub(crate) use update_manager::INTERVAL_HOURS;
pub use update_manager::{BuiltinOverride, BuiltinOverrides, Channel, UpdateManagerSettings};
pub use updater::{
    CommonSettings, Dependencies, GitSettings, PythonEnv, PythonLocation, PythonSettings, ReleaseSettings, UpdaterKind,
    UpdaterSettings,
};

/// Everything the owner configured, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The files that were read, the main one first.
    pub files: Vec<PathBuf>,
    /// Where to listen; `[refit]` has had its say.
    pub server: ServerSettings,
    /// Who may ask.
    pub authorization: AuthSettings,
    /// What holds for every updater; `None` without a section, or with one that is broken (see `failed_components`).
    pub update_manager: Option<UpdateManagerSettings>,
    /// Refit's own options.
    pub refit: RefitSettings,
    /// What of `[machine]` concerns Refit.
    pub machine: MachineSettings,
    /// The configured updaters beside the built-in ones, in the order of the configuration.
    pub updaters: Vec<UpdaterSettings>,
    /// The sections whose updater could not be built, in the order of the configuration.
    pub failed_updaters: Vec<FailedUpdater>,
    /// What was changed about klipper and moonraker.
    pub builtin: BuiltinOverrides,
    /// The printer's socket, `~` and `{data_path}` expanded, resolved.
    pub klippy_uds_address: PathBuf,
    /// Where Moonraker is asked how it is; none where Refit stands in its place.
    pub moonraker: Option<MoonrakerAddress>,
    /// The warnings of `server.info`, literally, in the order Moonraker would give them.
    pub warnings: Vec<String>,
    /// The failed components of `server.info`.
    pub failed_components: Vec<String>,
    /// Every finding, those behind `warnings` included, with place and remedy.
    pub problems: Vec<Problem>,
}

/// An updater that the configuration asks for and that could not be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedUpdater {
    /// The name it would have had.
    pub name: String,
    /// The section's full name.
    pub section: String,
    /// Why, without the `[update_manager]: Failed to load extension …` around it.
    pub message: String,
}

/// What the settings need to know of the outside, handed down by the binary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadContext {
    /// The data path, for `{data_path}` in templates and for the place of `moonraker.asvc`.
    pub data_path: PathBuf,
    /// The text of `moonraker.asvc`, `None` when there is none: Moonraker's default list holds then.
    pub asvc: Option<String>,
}

const BUILTIN: [&str; 2] = ["klipper", "moonraker"];
/// Refit's port beside a Moonraker that reads the same file.
const PORT_BESIDE_MOONRAKER: u16 = 7127;

impl Settings {
    /// Reads the main file and all that it includes.
    ///
    /// # Errors
    /// When a file cannot be read or is not in the dialect, and when `klippy_uds_address` cannot be evaluated, since the
    /// printer could not be watched then. Everything else costs an option, a section or an updater, and is told.
    pub fn load(main: &Path, source: &dyn ConfigSource, context: &LoadContext) -> Result<Self, SettingsError> {
        let config = Config::read(main, source)?;
        let mut load =
            Load { config: &config, source, context, findings: Findings::default(), outcomes: HashMap::new() };
        let (mut server, klippy_uds_address) = load.server()?;
        let authorization = load.section("authorization", authorization::read);
        let mut refit = load.section("refit", refit::read);
        let machine = load.machine();
        let (forges, read) = forge::read(load.config, &mut load.findings);
        refit.forges = forges;
        load.outcomes.extend(read);
        let moonraker = load.port(&mut server, &refit, main);
        let (update_manager, builtin, updaters, failed_updaters) = load.update_manager(&refit);
        let mut failed_components = Vec::new();
        if update_manager.is_none() && load.manages_updates() {
            failed_components.push("update_manager".to_owned());
        }
        let Load { mut findings, outcomes, .. } = load;
        failed_components.extend(leftovers::warn(&config, &outcomes, &mut findings));
        Ok(Self {
            files: config.files,
            server,
            authorization,
            update_manager,
            refit,
            machine,
            updaters,
            failed_updaters,
            builtin,
            klippy_uds_address,
            moonraker,
            warnings: findings.warnings,
            failed_components,
            problems: findings.problems,
        })
    }

    /// Why an updater that the configuration asks for is missing; `klipper` and `moonraker` too.
    #[must_use]
    pub fn failed_updater(&self, name: &str) -> Option<&FailedUpdater> {
        self.failed_updaters.iter().find(|failed| failed.name == name)
    }
}

/// A load under way.
struct Load<'a> {
    config: &'a Config,
    source: &'a dyn ConfigSource,
    context: &'a LoadContext,
    findings: Findings,
    outcomes: HashMap<String, Outcome>,
}

/// `[update_manager]`, the two built-in updaters, the others, and what could not be built.
type Updates = (Option<UpdateManagerSettings>, BuiltinOverrides, Vec<UpdaterSettings>, Vec<FailedUpdater>);

impl Load<'_> {
    /// A section that always yields something: defaults when it is absent.
    fn section<T: Default>(&mut self, name: &str, read: fn(&mut Reader<'_>, &mut Findings) -> T) -> T {
        let Some(section) = self.config.section(name) else { return T::default() };
        let mut reader = Reader::new(section);
        let settings = read(&mut reader, &mut self.findings);
        self.outcomes.insert(name.to_owned(), reader.outcome(false));
        settings
    }

    /// Two options of a section that is Moonraker's: what else stands there is not our business, so that it counts as
    /// unread.
    fn machine(&mut self) -> MachineSettings {
        let section = self.config.section("machine");
        section.map(|section| machine::read(&mut Reader::new(section), &mut self.findings)).unwrap_or_default()
    }

    fn server(&mut self) -> Result<(ServerSettings, PathBuf), SettingsError> {
        let empty = Section::empty("server", self.config.main());
        let section = self.config.section("server").unwrap_or(&empty);
        let mut reader = Reader::new(section);
        let server = server::read(&mut reader, &mut self.findings);
        let address = server::klippy_uds_address(&mut reader, &self.context.data_path).map_err(|fault| {
            let problem = reader.problem(fault.option.as_deref(), Severity::Error, fault.message);
            SettingsError::Invalid { file: problem.file, line: problem.line, message: problem.message }
        })?;
        self.outcomes.insert("server".to_owned(), reader.outcome(false));
        if self.config.section("server").is_none() && is_moonrakers(self.config.main()) {
            let remedy = Some("Moonraker does not start without it; add a section [server]".to_owned());
            let message = "No section [server] in config";
            self.findings.note(section::problem(&empty, None, Severity::Warning, message).with_remedy(remedy));
        }
        Ok((server, self.source.resolve(&address)))
    }

    /// `[refit]` decides; else `[server]`, unless that is Moonraker's own door.
    ///
    /// Returns where Moonraker is to be asked: at its own door, where the file is its own too, else at the usual one. None
    /// where Refit stands there itself.
    fn port(&mut self, server: &mut ServerSettings, refit: &RefitSettings, main: &Path) -> Option<MoonrakerAddress> {
        let host = server.host.clone();
        if let Some(host) = &refit.host {
            server.host.clone_from(host);
        }
        let section = self.config.section("server");
        let own = section.and_then(|section| section.option("port")).is_some_and(|port| !is_moonrakers(&port.file));
        let shared = is_moonrakers(main) || self.config.files.iter().any(|file| is_moonrakers(file));
        let moonrakers = (shared && !own).then_some(server.port);
        server.port = refit.port.unwrap_or(if moonrakers.is_some() { PORT_BESIDE_MOONRAKER } else { server.port });
        let address = MoonrakerAddress::new(moonrakers.map(|port| (host.as_str(), port)), &server.route_prefix);
        let address = Some(address).filter(|address| address.port != server.port && address.port != 0);
        let Some(section) = section.filter(|_| moonrakers == Some(server.port)) else { return address };
        let message = format!("Refit and Moonraker are both told to listen on port {}", server.port);
        let remedy = Some("give Refit another one: 'port: …' in a section [refit]".to_owned());
        self.findings.note(section::problem(section, Some("port"), Severity::Warning, message).with_remedy(remedy));
        None
    }

    /// Is there any section that asks for update management?
    fn manages_updates(&self) -> bool {
        self.config.sections.iter().any(|section| is_update_manager(&section.name))
    }

    fn update_manager(&mut self, refit: &RefitSettings) -> Updates {
        let none = (None, BuiltinOverrides::default(), Vec::new(), Vec::new());
        if !self.manages_updates() {
            return none;
        }
        let Some(global) = self.global() else {
            for name in BUILTIN {
                self.outcomes.insert(format!("update_manager {name}"), Outcome { broken: true, ..Outcome::default() });
            }
            return none;
        };
        let mut failed = Vec::new();
        let builtin = BuiltinOverrides {
            klipper: self.builtin("klipper", &global, &mut failed),
            moonraker: self.builtin("moonraker", &global, &mut failed),
        };
        let updaters = self.updaters(&global, refit, &mut failed);
        (Some(global), builtin, updaters, failed)
    }

    fn global(&mut self) -> Option<UpdateManagerSettings> {
        let Some(section) = self.config.section("update_manager") else {
            return Some(UpdateManagerSettings::default());
        };
        let mut reader = Reader::new(section);
        let read = update_manager::read(&mut reader, &mut self.findings);
        let parsing = read.as_ref().is_err_and(|fault| fault.parsing);
        let settings = match read {
            Ok(settings) => Some(settings),
            Err(fault) => {
                let problem = reader.problem(fault.option.as_deref(), Severity::Error, fault.message);
                let remedy = fault.remedy.or(Some("correct the value; nothing is updated until then".to_owned()));
                self.findings.note(problem.with_remedy(remedy));
                None
            }
        };
        self.outcomes.insert(section.name.clone(), reader.outcome(parsing));
        settings
    }

    /// Moonraker gives up all updates when this section is broken; Refit only the updater it is about.
    fn builtin(
        &mut self,
        name: &str,
        global: &UpdateManagerSettings,
        failed: &mut Vec<FailedUpdater>,
    ) -> BuiltinOverride {
        let untouched = BuiltinOverride {
            channel: global.channel,
            pinned_commit: None,
            refresh_interval_hours: global.refresh_interval_hours,
            report_anomalies: true,
            hold: None,
            health: crate::health::HealthSpec::USUAL,
        };
        let Some(section) = self.config.section(&format!("update_manager {name}")) else { return untouched };
        let mut reader = Reader::labelled(section, name);
        let read = update_manager::read_builtin(&mut reader, global);
        let parsing = read.as_ref().is_err_and(|fault| fault.parsing);
        let settings = read.unwrap_or_else(|fault| {
            failed.push(self.fail(&reader, name, fault));
            untouched
        });
        self.outcomes.insert(section.name.clone(), reader.outcome(parsing));
        settings
    }

    fn updaters(
        &mut self,
        global: &UpdateManagerSettings,
        refit: &RefitSettings,
        failed: &mut Vec<FailedUpdater>,
    ) -> Vec<UpdaterSettings> {
        let services = AllowedServices::new(self.context.asvc.as_deref());
        let asvc = self.context.data_path.join("moonraker.asvc").display().to_string();
        let around = Around { source: self.source, services: &services, asvc: &asvc, global, refit };
        let mut updaters: Vec<UpdaterSettings> = Vec::new();
        let mut names: HashSet<&str> = HashSet::new();
        if global.enable_system_updates {
            names.insert("system");
        }
        for section in &self.config.sections {
            let builtin = section.name.strip_prefix("update_manager ").is_some_and(|name| BUILTIN.contains(&name));
            if section.name == "update_manager" || builtin || !is_update_manager(&section.name) {
                continue;
            }
            let mut reader = Reader::new(section);
            let name = read::name_of(&section.name);
            let taken = BUILTIN.contains(&name);
            let mut parsing = false;
            if taken || names.contains(name) {
                self.already_added(&reader, name, taken);
            } else {
                match read::read(&mut reader, &mut self.findings, &around) {
                    Ok(updater) => {
                        names.extend(updater.is_some().then_some(name));
                        updaters.extend(updater);
                    }
                    Err(fault) => {
                        parsing = fault.parsing;
                        failed.push(self.fail(&reader, name, fault));
                    }
                }
            }
            self.outcomes.insert(section.name.clone(), reader.outcome(parsing));
        }
        updaters
    }

    fn fail(&mut self, reader: &Reader<'_>, name: &str, fault: Fault) -> FailedUpdater {
        let text = format!("[update_manager]: Failed to load extension {name}: {}", fault.message);
        let problem = reader.problem(fault.option.as_deref(), Severity::Error, &fault.message);
        let remedy = fault.remedy.or(Some(format!("correct it; '{name}' is not updated until then")));
        self.findings.warn(&text, problem.with_remedy(remedy));
        FailedUpdater { name: name.to_owned(), section: reader.section().name.clone(), message: fault.message }
    }

    /// Moonraker says nothing about `client klipper` but that its options are not read.
    fn already_added(&mut self, reader: &Reader<'_>, name: &str, builtin: bool) {
        let message = format!("there is already an updater '{name}'");
        let problem = reader
            .problem(None, Severity::Error, message)
            .with_remedy(Some("remove one of the two sections, or rename it".to_owned()));
        if builtin {
            self.findings.note(problem);
        } else {
            self.findings.warn(&format!("[update_manager]: Extension {name} already added"), problem);
        }
    }
}

fn is_update_manager(section: &str) -> bool {
    section == "update_manager" || section.starts_with("update_manager ")
}

/// A file that Moonraker reads too.
fn is_moonrakers(main: &Path) -> bool {
    main.file_name().is_some_and(|name| name == "moonraker.conf")
}

#[cfg(test)]
#[path = "settings/settings_tests.rs"]
mod tests;
