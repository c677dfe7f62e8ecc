//! `refit serve`: the daemon.

use tracing::Level;

use super::args::ServeOptions;
use super::exit::{Exit, Stop};
use super::places::Places;
use crate::wire_up::{self, Manner, Outside, Signals};

/// Runs until it is told to end.
///
/// # Errors
/// When the configuration cannot be used, another Refit runs, or a door cannot be opened.
pub fn run(outside: &Outside, places: &Places, options: &ServeOptions, verbose: u8) -> Result<Exit, Stop> {
    wire_up::log(verbose, if options.debug { Level::DEBUG } else { Level::INFO });
    let manner = Manner { debug: options.debug, faults: faults(options)? };
    let runtime = wire_up::runtime()?;
    runtime.block_on(async {
        let signals = Signals::listen()?;
        wire_up::serve(outside, places, manner, signals, || {}).await
    })?;
    Ok(Exit::Fine)
}

#[cfg(debug_assertions)]
fn faults(options: &ServeOptions) -> Result<refit_adapters::fault::FaultPlan, Stop> {
    use refit_adapters::fault::FaultPlan;
    match &options.fault {
        Some(orders) => FaultPlan::parse(orders).map_err(|error| Stop::new(Exit::Usage, error.to_string())),
        None => Ok(FaultPlan::none()),
    }
}

#[cfg(not(debug_assertions))]
fn faults(_options: &ServeOptions) -> Result<refit_adapters::fault::FaultPlan, Stop> {
    Ok(refit_adapters::fault::FaultPlan::none())
}
