//! Settings -> adapters -> recovery -> engine -> doors, to be read from top to bottom. The only place that names concrete
//! types from every crate.

use std::sync::Arc;
use std::time::Duration;

use refit_adapters::builtin;
use refit_adapters::clock::WallClock;
use refit_adapters::fault::FaultPlan;
use refit_adapters::klippy;
use refit_adapters::store::Store;
use refit_engine::conductor::KlipperSource;
use refit_engine::handle::Handle;
use refit_engine::{EngineSettings, recover};
use refit_model::printer::Printer;
use refit_model::settings::Settings;
use refit_server::{DoorSettings, InstanceFacts, Server};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::cli::exit::{Exit, Stop};
use crate::cli::places::Places;

pub mod ground;
pub mod hands;
pub mod outside;
pub mod remembered;
pub mod signals;
pub mod specs;

pub use ground::{log, runtime, settings};
pub use outside::Outside;
pub use signals::Signals;

use remembered::Remembered;

/// How long an end waits for a switch that is going on; what takes longer is settled at the next start.
const PATIENCE_AT_THE_END: Duration = Duration::from_secs(60);

/// How to run.
#[derive(Debug, Clone, Default)]
pub struct Manner {
    /// A repository with a detached HEAD may be updated.
    pub debug: bool,
    /// Where to die, in tests.
    pub faults: FaultPlan,
}

/// Runs the daemon until a signal ends it. `opened` is called once the doors are open.
///
/// # Errors
/// When the configuration or the state folder cannot be used, or a door cannot be opened.
pub async fn serve(
    outside: &Outside,
    places: &Places,
    manner: Manner,
    mut signals: Signals,
    opened: impl FnOnce(),
) -> Result<(), Stop> {
    let settings = settings(places)?;
    let (store, mut warnings) = hands::store(places, &settings)?;
    let store = store.with_faults(manner.faults.clone());
    let (publish, printer) = watch::channel(Printer::default());
    let machine = hands::machine(outside, places, &settings, manner.faults, printer.clone()).await?;

    // Before any door opens: what a crash left is finished or taken back.
    let recovery = recover::recover(&machine, &store, &WallClock).await;
    if let Some(stuck) = recovery.stuck {
        tracing::error!("what a crash left could not be settled yet and is tried again: {stuck}");
    }

    let mut remembered = Remembered::load(&store).await;
    let built = specs::build(&settings, &remembered.whereabouts(places, manner.debug, settings.refit.keep_previous));
    remembered.keep_repositories(&store, &built.specs).await;
    warnings.extend(built.warnings);
    let engine = engine_settings(&settings, places, remembered, manner.debug);
    let (handle, conductor) = refit_engine::start(machine, store.clone(), WallClock, built.specs, engine).await;

    let server = Server::bind(doors(&settings, places, warnings), handle.clone()).await.map_err(closed)?;
    let watching = watch_printer(&settings, publish, printer, &handle, store);
    outside.supervisor.ready();
    tracing::info!("serving {} and {}", address(&server), places.socket.display());
    opened();

    server
        .run(async {
            let signal = signals.next().await;
            tracing::info!("told to end by {signal}");
            outside.supervisor.stopping();
            handle.last_words().await;
        })
        .await;
    handle.shutdown().await;
    drop(handle);
    // It ends by itself; when it panicked there is nothing left to wait for.
    let _ended = conductor.await;
    watching.abort();
    Ok(())
}

fn engine_settings(settings: &Settings, places: &Places, remembered: Remembered, debug: bool) -> EngineSettings {
    let mut engine = EngineSettings {
        shutdown_wait: PATIENCE_AT_THE_END,
        klipper: Some(klipper_source(settings, places, remembered, debug)),
        held: specs::held(settings),
        ..EngineSettings::default()
    };
    if let Some(all) = &settings.update_manager {
        engine.auto_refresh = all.enable_auto_refresh;
        engine.refresh_window = all.refresh_window;
    }
    engine
}

/// Finds klipper again when the printer says that it runs from elsewhere.
fn klipper_source(settings: &Settings, places: &Places, remembered: Remembered, debug: bool) -> KlipperSource {
    let (options, places) = (settings.builtin.klipper.clone(), places.clone());
    let keep_previous = settings.refit.keep_previous;
    let managed = settings.update_manager.is_some();
    Arc::new(move |identity| {
        let told = managed && identity.klipper_path.is_some();
        let around = remembered.whereabouts(&places, debug, keep_previous);
        let around = builtin::Whereabouts { identity: Some(identity), ..around };
        told.then(|| builtin::klipper(&options, &around))
    })
}

fn doors(settings: &Settings, places: &Places, warnings: Vec<String>) -> DoorSettings {
    let mut facts =
        InstanceFacts { warnings: settings.warnings.clone(), failed_components: settings.failed_components.clone() };
    facts.warnings.extend(warnings);
    for warning in &facts.warnings {
        tracing::warn!("{warning}");
    }
    DoorSettings {
        host: settings.server.host.clone(),
        port: settings.server.port,
        route_prefix: settings.server.route_prefix.clone(),
        max_websocket_connections: settings.server.max_websocket_connections,
        unix_socket: places.socket.clone(),
        authorization: settings.authorization.clone(),
        trusted_proxies: settings.refit.trusted_proxies.clone(),
        api_key_file: places.state.join("api_key"),
        facts,
        clock: Arc::new(WallClock),
    }
}

fn closed(error: refit_server::BindError) -> Stop {
    let exit = Exit::Unexpected;
    match std::error::Error::source(&error) {
        Some(cause) => Stop::new(exit, format!("{error} ({cause})")),
        None => Stop::new(exit, error.to_string()),
    }
}

fn address(server: &Server) -> String {
    server.http_address().map_or_else(|_| "HTTP".to_owned(), |address| format!("http://{address}"))
}

/// Follows the printer, tells the engine, and remembers where klipper is.
fn watch_printer(
    settings: &Settings,
    publish: watch::Sender<Printer>,
    mut printer: watch::Receiver<Printer>,
    handle: &Handle,
    store: Store,
) -> JoinHandle<()> {
    let (socket, handle) = (settings.klippy_uds_address.clone(), handle.clone());
    tokio::spawn(async move {
        let tell = async {
            let mut told = None;
            while printer.changed().await.is_ok() {
                let now = printer.borrow_and_update().clone();
                let paths = now.identity.as_ref().map(|said| (said.klipper_path.clone(), said.python_path.clone()));
                if let (Some(identity), true) = (&now.identity, paths != told) {
                    remembered::keep_identity(&store, identity).await;
                    told = paths;
                }
                handle.printer(now).await;
            }
        };
        tokio::join!(klippy::follow(&socket, publish), tell);
    })
}
