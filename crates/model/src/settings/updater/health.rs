//! `health_check` and `health_check_timeout` of one updater, Refit's own options.

use crate::health::HealthSpec;
use crate::health::LONGEST_PATIENCE;
use crate::settings::section::{Fault, Reader};

/// Reads both. `page`: the updater is a web front end.
///
/// # Errors
/// When a line is no check, or the time is none.
pub(in crate::settings) fn read(reader: &mut Reader<'_>, page: bool) -> Result<HealthSpec, Fault> {
    const CHECK: &str = "health_check";
    const TIMEOUT: &str = "health_check_timeout";
    let lines = reader.lines(CHECK);
    let label = reader.label().to_owned();
    let seconds = reader.integer(TIMEOUT)?;
    let seconds = seconds.map(|seconds| {
        let fits = u32::try_from(seconds).ok().filter(|seconds| (1..=LONGEST_PATIENCE).contains(seconds));
        fits.ok_or_else(|| {
            let message =
                format!("[{label}]: Option '{TIMEOUT}: {seconds}' is not from 1 to {LONGEST_PATIENCE} seconds");
            Fault::new(TIMEOUT, message).with_remedy(format!("write a number of seconds, such as '{TIMEOUT}: 30'"))
        })
    });
    HealthSpec::parse(&lines, seconds.transpose()?, page).map_err(|why| {
        Fault::new(CHECK, format!("[{label}]: Option '{CHECK}': {why}")).with_remedy(
            "write a check on each line: 'url http://HOST/PATH', 'unit NAME' or 'command /PATH/OF/PROGRAM …'",
        )
    })
}
