//! The restart of Refit itself under supervisord. Who is stopped cannot ask to be started, so another process asks for both:
//! Refit's own program once more, outside Refit's group of processes, which supervisord may stop as a whole.
//! Refuses to: tell anybody how it went. The Refit that comes sees that it is another one; the one that stays waits in vain,
//! and says so.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::command::{Command, CommandError, Surroundings};
use crate::services::deed::Trouble;

use super::{Supervisord, find_door};

/// The helper's first argument; people never give it.
pub const WORD: &str = "__restart";

/// How often supervisord is asked for the start. Without one Refit stays stopped, and nobody is there to say so.
const ATTEMPTS: u32 = 5;
const BETWEEN: Duration = Duration::from_secs(2);

/// Starts the helper, and leaves it. It finds supervisord as Refit did: a password is not for a command line.
///
/// # Errors
/// When it cannot be started.
pub(in crate::services) fn begin(
    own_program: &Path,
    surroundings: &Surroundings,
    configured: Option<&Path>,
    unit: &str,
) -> Result<(), CommandError> {
    let helper = Command::new(own_program, surroundings).arg(WORD).arg(unit).arg(&surroundings.home);
    helper.args(configured).dir("/").leave()
}

/// What the helper does, with what follows its word.
///
/// # Errors
/// What went wrong, in words for people.
pub fn run(arguments: impl Iterator<Item = OsString>) -> Result<(), String> {
    let arguments: Vec<OsString> = arguments.collect();
    let (unit, home, configured) = match arguments.as_slice() {
        [unit, home] => (unit, home, None),
        [unit, home, configured] => (unit, home, Some(PathBuf::from(configured))),
        _other => return Err(format!("{WORD} is for Refit itself")),
    };
    let unit = unit.to_str().ok_or_else(|| format!("{WORD} is for Refit itself"))?;
    let door = find_door(configured.as_deref(), Path::new(home))?;
    let supervisord = Supervisord { door: door.ok_or("supervisord's socket was not found")? };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(restart(&supervisord, unit)).map_err(|trouble| format!("{unit} was not restarted: {trouble:?}"))
}

async fn restart(supervisord: &Supervisord, unit: &str) -> Result<(), Trouble> {
    match supervisord.stop(unit).await {
        // It may be stopped by now, though nobody said so.
        Ok(()) | Err(Trouble::Absent(_)) => {}
        Err(refused @ (Trouble::Denied | Trouble::Failed(_) | Trouble::Name(_))) => return Err(refused),
    }
    let mut started = supervisord.start(unit).await;
    for _attempt in 1..ATTEMPTS {
        if started.is_ok() {
            break;
        }
        tokio::time::sleep(BETWEEN).await;
        started = supervisord.start(unit).await;
    }
    started
}
