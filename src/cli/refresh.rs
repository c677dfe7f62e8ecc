//! `refit refresh`: looks for new versions now, then shows what there is.

use serde_json::{Value, json};

use super::door::Door;
use super::exit::{Exit, Stop};
use super::face::Face;
use super::progress::Progress;
use super::status;
use super::work::denied;

/// Refreshes some, or all without a name.
///
/// # Errors
/// When the daemon cannot be asked, or refuses.
pub fn run(door: &mut Door, face: &Face, names: &[String]) -> Result<Exit, Stop> {
    let questions: Vec<(Value, String)> = if names.is_empty() {
        vec![(json!({}), "looking for new versions".to_owned())]
    } else {
        names.iter().map(|name| (json!({ "name": name }), format!("looking for a new version of {name}"))).collect()
    };
    let mut status = Value::Null;
    for (params, deed) in questions {
        let progress = Progress::new(face, &deed);
        let answer = door.ask("machine.update.refresh", params)?;
        progress.end();
        status = answer.map_err(|denial| denied(&denial))?;
    }
    status::keep_only(&mut status, names)?;
    if face.json {
        face.value(&status);
    } else {
        status::show(face, &status);
    }
    Ok(Exit::Fine)
}
