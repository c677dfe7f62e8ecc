//! `refit refresh`: looks for new versions now, then shows what there is.

use serde_json::{Value, json};

use super::door::Door;
use super::exit::{Exit, Stop};
use super::face::Face;
use super::progress::Progress;
use super::status;
use super::work::denied;

/// Not now, in the numbers of HTTP.
const BUSY: i64 = 503;

/// Refreshes some, or all without a name.
///
/// # Errors
/// When the daemon cannot be asked, or refuses.
pub fn run(door: &mut Door, face: &Face, names: &[String]) -> Result<Exit, Stop> {
    let questions: Vec<Option<&str>> =
        if names.is_empty() { vec![None] } else { names.iter().map(|name| Some(name.as_str())).collect() };
    let mut status = Value::Null;
    for name in questions {
        let (params, deed) = match name {
            Some(name) => (json!({ "name": name }), format!("looking for a new version of {name}")),
            None => (json!({}), "looking for new versions".to_owned()),
        };
        let progress = Progress::new(face, &deed);
        let answer = door.ask("machine.update.refresh", params)?;
        progress.end();
        status = answer.map_err(|denial| {
            let mut stop = denied(door, name, &denial);
            if denial.code == BUSY {
                stop.message +=
                    "\nThe printer is busy, or Refit is. Ask again in a moment; what goes on, `refit status` shows.";
            }
            stop
        })?;
    }
    status::keep_only(&mut status, names)?;
    if face.json {
        face.value(&status);
    } else {
        status::show(face, &status);
    }
    Ok(Exit::Fine)
}
