//! `server.connection.identify`: who a connection is, and another chance to show a credential (CONTRACT §1.10, in the
//! order that was measured).
//! Refuses to: be asked twice.

use refit_model::name::ConnectionId;
use serde::Serialize;

use crate::arguments::Arguments;
use crate::auth::Standing;
use crate::fault::Fault;
use crate::session::{Identity, Session};
use crate::{Shared, wire};

const KINDS: [&str; 7] = ["web", "mobile", "desktop", "display", "bot", "agent", "other"];

/// Identifies a session and gives its number.
///
/// # Errors
/// [`Fault`]; after a wrong credential the session may ask nothing any more.
pub(crate) fn identify(shared: &Shared, session: &Session, arguments: &Arguments) -> Result<ConnectionId, Fault> {
    let identity = Identity {
        name: arguments.required_text("client_name")?,
        version: arguments.required_text("version")?,
        kind: arguments.required_text("type")?,
        url: arguments.required_text("url")?,
    };
    if let Some(earlier) = session.identity() {
        return Err(Fault::AlreadyIdentified(earlier.shown()));
    }
    show_credential(shared, session, arguments)?;
    let kind = identity.kind.to_lowercase();
    if !KINDS.contains(&kind.as_str()) {
        return Err(Fault::InvalidClientType(identity.kind));
    }
    let identity = Identity { kind, ..identity };
    // Only a lasting connection gets here: see the table's `http: None`.
    let id = session.connection.unwrap_or(ConnectionId(0));
    if identity.kind == "agent" {
        if !shared.hub.take_agent_name(id, &identity.name) {
            return Err(Fault::AgentTaken(identity.name));
        }
        announce_agent(shared, id, &identity);
    }
    session.identify(identity);
    Ok(id)
}

fn show_credential(shared: &Shared, session: &Session, arguments: &Arguments) -> Result<(), Fault> {
    let judged = if arguments.get("access_token").is_some() {
        Err(Fault::ForeignToken)
    } else if let Some(key) = arguments.text("api_key") {
        shared.gate.by_key(&key)
    } else if session.standing().may_ask() {
        return Ok(());
    } else {
        Err(Fault::Unauthorized)
    };
    session.set_standing(*judged.as_ref().unwrap_or(&Standing::Anonymous));
    judged.map(|_| ())
}

/// The others are told of a new agent; it is not told of itself.
fn announce_agent(shared: &Shared, id: ConnectionId, identity: &Identity) {
    #[derive(Serialize)]
    struct AgentEvent<'a> {
        agent: &'a str,
        event: &'static str,
        data: Data<'a>,
    }
    #[derive(Serialize)]
    struct Data<'a> {
        name: &'a str,
        version: &'a str,
        r#type: &'a str,
        url: &'a str,
    }
    let data = Data { name: &identity.name, version: &identity.version, r#type: &identity.kind, url: &identity.url };
    let event = AgentEvent { agent: &identity.name, event: "connected", data };
    let message = wire::notification("notify_agent_event", Some(&event)).into();
    shared.hub.tell_others(id, &message);
}
