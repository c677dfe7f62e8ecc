//! The store and the machine, built from the settings: what the daemon and a rescue have in common.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use refit_adapters::archive::Bounds;
use refit_adapters::bus::Bus;
use refit_adapters::clock::WallClock;
use refit_adapters::fault::FaultPlan;
use refit_adapters::forge::{ForgeOptions, Forges, Token};
use refit_adapters::git::{Git, GitRules};
use refit_adapters::health::{Health, HealthRules};
use refit_adapters::machine::{DependencyHands, Host};
use refit_adapters::packagekit::PackageKit;
use refit_adapters::packages::{PackageRules, Packages};
use refit_adapters::python_package::ApplicationRules;
use refit_adapters::release::{ReleaseRules, Releases};
use refit_adapters::services::{OwnStart, ServiceRules, Services};
use refit_adapters::store::{Store, StoreError, StoreOptions};
use refit_engine::ports::Clock as _;
use refit_model::printer::Printer;
use refit_model::settings::forge::GITHUB;
use refit_model::settings::{MoonrakerAddress, Problem, Settings, Severity, TokenSource, UpdaterKind};
use tokio::sync::watch;

use super::Outside;
use crate::cli::exit::{Exit, Stop};
use crate::cli::places::Places;

/// Opens the state folder; with what the owner should be told about it.
///
/// # Errors
/// When another Refit has it ([`Exit::Refused`]), or it cannot be used.
pub fn store(places: &Places, settings: &Settings) -> Result<(Store, Vec<String>), Stop> {
    let options = StoreOptions { keep_history: settings.refit.keep_history, now: WallClock.now() };
    let opened = Store::open(&places.state, &options).map_err(|error| {
        let exit = match error {
            StoreError::InUse { .. } => Exit::Refused,
            StoreError::Io { .. } | StoreError::TooNew { .. } | StoreError::Sqlite { .. } => Exit::Unexpected,
        };
        Stop::new(exit, error.to_string())
    })?;
    let warnings = opened.set_aside.map(|aside| {
        format!(
            "Refit's journal was damaged ({}) and a new one was begun; the old one is kept as {}. If an update was \
             going on, look at the software with `refit status`.",
            aside.reason,
            aside.path.display()
        )
    });
    Ok((opened.store, warnings.into_iter().collect()))
}

/// Finds git, and puts the machine together.
///
/// # Errors
/// When there is no git that works.
pub async fn machine(
    outside: &Outside,
    places: &Places,
    settings: &Settings,
    faults: FaultPlan,
    printer: watch::Receiver<Printer>,
) -> Result<Host, Stop> {
    let git = Git::find_by(outside.surroundings(&places.home), rules(settings)).await;
    let git = git.map_err(|error| Stop::new(Exit::Unexpected, error.to_string()))?;
    let per_host = usize::try_from(settings.refit.max_refresh_per_host).unwrap_or(usize::MAX);
    let forges = Arc::new(forges(outside, places, settings, &faults)?);
    let releases = Releases::new(release_rules(outside, places, settings), Arc::clone(&forges));
    // Whatever became of its file since it was started: a new version of the package may speak otherwise.
    let own_program = Some(PathBuf::from("/proc/self/exe"));
    let applications = ApplicationRules {
        surroundings: outside.surroundings(&places.home),
        state: places.state.clone(),
        github_api: settings.refit.github_api_url.clone(),
        machine: PathBuf::from("/etc"),
    };
    let packages = PackageRules {
        excluded: outside.excluded_packages.clone(),
        vendor: outside.vendor.clone(),
        ..PackageRules::usual(outside.surroundings(&places.home))
    };
    let bus = Bus::at(Bus::SYSTEM);
    let packages = match &settings.update_manager {
        Some(manager) if manager.enable_packagekit => packages.through(PackageKit::on(bus.clone())),
        Some(_) | None => packages,
    };
    let health = HealthRules {
        printer: Some(settings.klippy_uds_address.clone()),
        moonraker: settings.moonraker.as_ref().map(MoonrakerAddress::url),
        ..HealthRules::usual(outside.surroundings(&places.home))
    };
    let dependencies = DependencyHands {
        packages: Packages::new(packages),
        services: Services::new(service_rules(outside, places, settings, bus)),
        health: Health::new(health),
        ..DependencyHands::new(applications, forges, own_program)
    };
    Ok(Host::new(git, per_host, releases, dependencies, printer, faults))
}

fn service_rules(outside: &Outside, places: &Places, settings: &Settings, bus: Bus) -> ServiceRules {
    let machine = &settings.machine;
    ServiceRules {
        bus,
        provider: machine.provider,
        supervisord: machine.supervisord_config_path.as_ref().map(|path| below(&places.home, path)),
        own: OwnStart::of_this_process(outside.invocation.as_deref()),
        supervised: {
            let [name, group] = &outside.supervised;
            OwnStart::of_supervised(name.as_deref(), group.as_deref())
        },
        ..ServiceRules::usual(outside.surroundings(&places.home))
    }
}

fn release_rules(outside: &Outside, places: &Places, settings: &Settings) -> ReleaseRules {
    const MIB: u64 = 1024 * 1024;
    let bounds = settings.refit.archive;
    ReleaseRules {
        downloads: places.state.join("downloads"),
        bounds: Bounds {
            files: u64::from(bounds.files),
            bytes: u64::from(bounds.mib) * MIB,
            ratio: u64::from(bounds.ratio),
        },
        keep_days: settings.refit.keep_downloads_days,
        keep_bytes: u64::from(settings.refit.keep_downloads_mib) * MIB,
        surroundings: outside.surroundings(&places.home),
    }
}

/// The settings as [`machine`] would take them: a token that cannot be used is one of their problems.
///
/// # Errors
/// When there are no usable settings.
pub fn judged(places: &Places) -> Result<Settings, Stop> {
    let mut settings = super::settings(places)?;
    if let Err(stop) = tokens(places, &settings) {
        settings.problems.push(Problem {
            file: places.config.clone(),
            line: 0,
            section: "refit".to_owned(),
            option: None,
            message: stop.message,
            remedy: Some("Refit does not start until then".to_owned()),
            severity: Severity::Error,
        });
    }
    Ok(settings)
}

/// Tokens are read once; a file that others may read stops the start, since its token may be known to them.
fn tokens(places: &Places, settings: &Settings) -> Result<Vec<(String, Token)>, Stop> {
    let github = settings.refit.github_token.as_ref().map(|token| (GITHUB, token));
    let others = settings.refit.forges.iter().filter_map(|forge| Some((forge.host.as_str(), forge.token.as_ref()?)));
    let mut tokens = Vec::new();
    for (host, source) in others.chain(github) {
        let token = match source {
            TokenSource::Text(secret) => Token::new(secret.reveal()),
            TokenSource::File(path) => Token::from_file(&below(&places.home, path)),
        };
        let token = token.map_err(|error| Stop::new(Exit::BadConfiguration, error.to_string()))?;
        tokens.push((host.to_owned(), token));
    }
    Ok(tokens)
}

fn forges(outside: &Outside, places: &Places, settings: &Settings, faults: &FaultPlan) -> Result<Forges, Stop> {
    let tokens = tokens(places, settings)?;
    let text = |name: &std::ffi::OsString| name.to_str().map(str::to_owned);
    let environment_proxies = outside
        .passed_on
        .iter()
        .filter_map(|(name, value)| Some((text(name)?, text(value)?)))
        .filter(|(name, _)| name.to_ascii_lowercase().ends_with("_proxy"))
        .collect();
    Ok(Forges::new(ForgeOptions {
        tokens,
        proxy: settings.refit.proxy.clone(),
        environment_proxies,
        agent: format!("refit/{}", env!("CARGO_PKG_VERSION")),
        patience: faults.patience().unwrap_or(Duration::from_secs(60)),
    }))
}

/// `~/` is the home folder.
fn below(home: &Path, path: &Path) -> PathBuf {
    path.strip_prefix("~").map_or_else(|_| path.to_owned(), |rest| home.join(rest))
}

/// The owner's git, and how it may reach remotes. Git knows one list for all repositories: a file is allowed as soon as
/// one updater is configured to come from there.
fn rules(settings: &Settings) -> GitRules {
    let mut protocols = settings.refit.allow_protocols.clone();
    for updater in &settings.updaters {
        if let UpdaterKind::Git(git) = &updater.kind {
            let more = settings.refit.protocols_for(&git.origin);
            protocols.extend(more.into_iter().filter(|protocol| !settings.refit.allow_protocols.contains(protocol)));
        }
    }
    protocols.dedup();
    GitRules { program: settings.refit.git_path.clone(), protocols }
}
