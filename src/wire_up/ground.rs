//! What stands before anything is wired: the log, the runtime, the settings.

use refit_adapters::config_files::ConfigFiles;
use refit_model::settings::{ConfigSource as _, LoadContext, Settings};
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::cli::exit::{Exit, Stop};
use crate::cli::places::Places;

/// Logs to standard error in plain lines; whoever collects them adds the time. `verbose` counts from `quiet` upwards.
pub fn log(verbose: u8, quiet: Level) {
    let louder = [Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];
    let from = louder.iter().position(|level| *level == quiet).unwrap_or(0);
    let level = louder.get(from + usize::from(verbose)).copied().unwrap_or(Level::TRACE);
    let lines = tracing_subscriber::fmt().with_max_level(Level::TRACE).with_writer(std::io::stderr);
    // All of Refit's crates begin with its name; of the libraries only the troubles are told.
    let heard = Targets::new().with_default(Level::WARN).with_target("refit", level);
    // Only the first one counts; a process has one log.
    let _already = lines.with_ansi(false).without_time().with_target(false).finish().with(heard).try_init();
}

/// A runtime for a small machine: two threads, so that a slow disk does not silence the doors.
///
/// # Errors
/// When the system gives no threads.
pub fn runtime() -> Result<tokio::runtime::Runtime, Stop> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(8)
        .thread_keep_alive(std::time::Duration::from_secs(2))
        .thread_name("refit")
        .enable_all()
        .build()
        .map_err(|error| Stop::new(Exit::Unexpected, format!("The system gives no threads: {error}.")))
}

/// Reads the configuration.
///
/// # Errors
/// When there are no usable settings; the message names the file and the line.
pub fn settings(places: &Places) -> Result<Settings, Stop> {
    let files = ConfigFiles::new(places.home.clone(), places.here.clone());
    let context =
        LoadContext { data_path: places.data.clone(), asvc: files.read(&places.data.join("moonraker.asvc")).ok() };
    Settings::load(&places.config, &files, &context).map_err(|error| {
        Stop::new(
            Exit::BadConfiguration,
            format!(
                "The configuration cannot be used: {error}.\n\
                 Make or correct it, or say with --config FILE or --data-path FOLDER which one is meant; `refit check` tests it."
            ),
        )
    })
}
