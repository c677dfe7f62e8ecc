//! `refit hold`, `unhold` and `skip`: what `refit upgrade --all` is to pass by.
//!
//! Refuses to: wait for work; what runs already heeds it where it has not come to it.

use serde_json::json;

use super::door::Door;
use super::exit::{Exit, Stop};
use super::face::Face;
use super::work::denied;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish<'a> {
    /// Hold it back until further notice.
    Hold,
    /// Neither hold it back nor skip any version.
    Unhold,
    /// Skip a version; the one that is offered when none is named.
    Skip(Option<&'a str>),
}

/// Asks for it.
///
/// # Errors
/// When the daemon cannot be asked, or refuses: nobody has that name, nothing is there to skip, the configuration holds
/// it back.
pub fn run(door: &mut Door, face: &Face, name: &str, wish: Wish<'_>) -> Result<Exit, Stop> {
    let mut params = json!({ "name": name });
    let method = match wish {
        Wish::Hold => "refit.hold",
        Wish::Unhold => "refit.unhold",
        Wish::Skip(version) => {
            if let Some(version) = version {
                params["version"] = json!(version);
            }
            "refit.skip"
        }
    };
    door.ask(method, params)?.map_err(|denial| denied(door, Some(name), &denial))?;
    let status = super::status::ask(door)?;
    let entry = status.pointer("/version_info").and_then(|entries| entries.get(name));
    let state = |field: &str| entry.and_then(|entry| entry["refit"][field].as_str());
    if face.json {
        face.value(
            &json!({ "exit": Exit::Fine.word(), "name": name, "held": state("held"), "skipped": state("skipped") }),
        );
        return Ok(Exit::Fine);
    }
    face.line(&match wish {
        Wish::Hold => {
            format!("{name} is held back: `refit upgrade --all` passes it by, `refit upgrade {name}` does not.")
        }
        Wish::Unhold => format!("{name} is not held back."),
        Wish::Skip(_) => format!(
            "{name} skips version {}: `refit upgrade --all` passes it by until another version is offered.",
            state("skipped").unwrap_or("?")
        ),
    });
    Ok(Exit::Fine)
}
