//! The one method table, for every transport: names, paths, who may call, and what each does (CONTRACT §2, §1.5, §1.10).
//! Refuses to: decide what an update may do; arguments become a request, and the engine answers.

use hyper::Method as Verb;
use hyper::body::Bytes;
use refit_model::plan::guard;
use refit_model::printer::KlippyState;
use refit_model::request::{Door, HoldRequest, Request};
use std::sync::Arc;

use crate::arguments::{ArgumentError, Arguments};
use crate::auth::Standing;
use crate::fault::Fault;
use crate::session::Session;
use crate::status::ReadyStatus;
use crate::{Shared, json, wire};

/// What can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `machine.update.status`
    Status,
    /// `machine.update.refresh`
    Refresh,
    /// What changes software and answers `ok`.
    Update(Update),
    /// `server.info`
    ServerInfo,
    /// `server.connection.identify`
    Identify,
    /// `server.websocket.id`
    WebsocketId,
    /// `access.info`
    AccessInfo,
    /// `access.oneshot_token`
    OneshotToken,
    /// `access.get_api_key`
    GetApiKey,
    /// `access.post_api_key`
    PostApiKey,
    /// `access.get_user`
    GetUser,
    /// `printer.info`
    PrinterInfo,
    /// `refit.plan`
    Plan,
    /// `refit.history`
    History,
    /// `refit.services`
    Services,
    /// What an update of everything is to pass by.
    Hold(Hold),
}

/// What changes software.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// `machine.update.upgrade` and `client`: the named updater, or everything without a name.
    Asked,
    /// `machine.update.{klipper,moonraker,system}`
    Named(&'static str),
    /// `machine.update.full`
    Full,
    /// `machine.update.recover`
    Recover,
    /// `machine.update.rollback`
    Rollback,
}

/// What an update of everything is to pass by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// `refit.hold`
    Hold,
    /// `refit.unhold`
    Unhold,
    /// `refit.skip`
    Skip,
}

/// One line of the table.
pub struct Entry {
    /// The name in JSON-RPC.
    pub name: &'static str,
    /// What it is.
    pub method: Method,
    /// Verb and path over HTTP; none for what only a lasting connection can ask.
    pub http: Option<(Verb, &'static str)>,
    /// Needs no authorisation.
    pub open: bool,
}

const fn get(name: &'static str, method: Method, path: &'static str) -> Entry {
    Entry { name, method, http: Some((Verb::GET, path)), open: false }
}

const fn post(name: &'static str, method: Method, path: &'static str) -> Entry {
    Entry { name, method, http: Some((Verb::POST, path)), open: false }
}

/// The table.
pub static TABLE: [Entry; 25] = [
    get("machine.update.status", Method::Status, "/machine/update/status"),
    post("machine.update.refresh", Method::Refresh, "/machine/update/refresh"),
    post("machine.update.upgrade", Method::Update(Update::Asked), "/machine/update/upgrade"),
    post("machine.update.client", Method::Update(Update::Asked), "/machine/update/client"),
    post("machine.update.klipper", Method::Update(Update::Named("klipper")), "/machine/update/klipper"),
    post("machine.update.moonraker", Method::Update(Update::Named("moonraker")), "/machine/update/moonraker"),
    post("machine.update.system", Method::Update(Update::Named("system")), "/machine/update/system"),
    post("machine.update.full", Method::Update(Update::Full), "/machine/update/full"),
    post("machine.update.recover", Method::Update(Update::Recover), "/machine/update/recover"),
    post("machine.update.rollback", Method::Update(Update::Rollback), "/machine/update/rollback"),
    get("server.info", Method::ServerInfo, "/server/info"),
    Entry { name: "server.connection.identify", method: Method::Identify, http: None, open: true },
    Entry { name: "server.websocket.id", method: Method::WebsocketId, http: None, open: false },
    Entry { name: "access.info", method: Method::AccessInfo, http: Some((Verb::GET, "/access/info")), open: true },
    get("access.oneshot_token", Method::OneshotToken, "/access/oneshot_token"),
    get("access.get_api_key", Method::GetApiKey, "/access/api_key"),
    post("access.post_api_key", Method::PostApiKey, "/access/api_key"),
    get("access.get_user", Method::GetUser, "/access/user"),
    get("printer.info", Method::PrinterInfo, "/printer/info"),
    get("refit.plan", Method::Plan, "/refit/plan"),
    get("refit.history", Method::History, "/refit/history"),
    get("refit.services", Method::Services, "/refit/services"),
    post("refit.hold", Method::Hold(Hold::Hold), "/refit/hold"),
    post("refit.unhold", Method::Hold(Hold::Unhold), "/refit/unhold"),
    post("refit.skip", Method::Hold(Hold::Skip), "/refit/skip"),
];

/// The line of a method's name. What the printer offers does not exist before one was seen.
#[must_use]
pub fn by_name(shared: &Shared, name: &str) -> Option<&'static Entry> {
    TABLE.iter().find(|entry| entry.name == name).filter(|entry| exists(shared, entry.method))
}

/// Whether it exists now.
#[must_use]
pub fn exists(shared: &Shared, method: Method) -> bool {
    method != Method::PrinterInfo || shared.handle.snapshot().printer.identity.is_some()
}

/// A result, as the bytes of its JSON.
pub enum Answer {
    /// Made for this call.
    Fresh(Vec<u8>),
    /// The ready status.
    Status(Arc<ReadyStatus>),
}

impl Answer {
    fn of<T: serde::Serialize + ?Sized>(value: &T) -> Self {
        Self::Fresh(json::serialize(value))
    }

    /// The JSON text.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Fresh(bytes) => bytes.into(),
            Self::Status(ready) => ready.result(),
        }
    }
}

/// Calls a method. Whether the session may has been judged before.
///
/// # Errors
/// [`Fault`] with the documented text.
pub async fn call(shared: &Shared, session: &Session, method: Method, arguments: &Arguments) -> Result<Answer, Fault> {
    match method {
        Method::Status => {
            if arguments.flag("refresh")? {
                submit(shared, session, Request::StatusRefresh).await?;
            }
            Ok(Answer::Status(shared.status.current(&shared.handle)))
        }
        Method::Refresh => {
            submit(shared, session, Request::Refresh { name: arguments.text("name") }).await?;
            Ok(Answer::Status(shared.status.current(&shared.handle)))
        }
        Method::Update(update) => {
            submit(shared, session, update_request(shared, update, arguments)?).await?;
            Ok(Answer::Fresh(b"\"ok\"".to_vec()))
        }
        Method::ServerInfo => Ok(server_info(shared)),
        Method::Identify => crate::identify::identify(shared, session, arguments)
            .map(|id| Answer::of(&serde_json::json!({ "connection_id": id.0 }))),
        Method::WebsocketId => {
            Ok(Answer::of(&serde_json::json!({ "websocket_id": session.connection.map(|id| id.0) })))
        }
        Method::AccessInfo => Ok(access_info(shared, session).await),
        Method::OneshotToken => oneshot_token(shared, session),
        Method::GetApiKey => Ok(Answer::of(&shared.gate.key.text())),
        Method::PostApiKey => new_api_key(shared).await,
        Method::GetUser => Ok(user_info(shared, session)),
        Method::PrinterInfo => printer_info(shared),
        Method::Plan => plan(shared, session, arguments).await,
        Method::History => history(shared, session, arguments).await,
        Method::Services => {
            let _place = session.wait_for_engine()?;
            Ok(Answer::of(&wire::runs::services(&shared.handle.services().await?)))
        }
        Method::Hold(hold) => {
            let request = hold_request(hold, arguments)?;
            let _place = session.wait_for_engine()?;
            shared.handle.hold(request).await?;
            Ok(Answer::Fresh(b"\"ok\"".to_vec()))
        }
    }
}

async fn submit(shared: &Shared, session: &Session, request: Request) -> Result<(), Fault> {
    let _place = session.wait_for_engine()?;
    let result = shared.handle.submit(request, session.caller()).await;
    session.turn_of_answer().await;
    Ok(result?)
}

/// The request that an update method asks for. Recovery and rollback are refused to a busy printer before their
/// arguments are looked at (CONTRACT §2.7).
fn update_request(shared: &Shared, update: Update, arguments: &Arguments) -> Result<Request, Fault> {
    let refused = |request: &Request| {
        guard(request, &shared.handle.snapshot().printer)
            .map_err(|refusal| Fault::Request(refit_engine::handle::RequestError::Refused(refusal)))
    };
    Ok(match update {
        Update::Asked => match arguments.text("name") {
            Some(name) => Request::Upgrade { name, consent: arguments.flag("consent")? },
            None => Request::Full,
        },
        Update::Named(name) => Request::Upgrade { name: name.to_owned(), consent: arguments.flag("consent")? },
        Update::Full => Request::Full,
        Update::Recover => {
            refused(&Request::Recover { name: String::new(), hard: false, update_deps: false })?;
            Request::Recover {
                name: arguments.required_text("name")?,
                hard: arguments.flag("hard")?,
                update_deps: arguments.flag("update_deps")?,
            }
        }
        Update::Rollback => {
            refused(&Request::Rollback { name: String::new() })?;
            Request::Rollback { name: arguments.required_text("name")? }
        }
    })
}

/// `refit.hold {name}`, `refit.unhold {name}`, `refit.skip {name, version}`: without version the one that is offered.
fn hold_request(hold: Hold, arguments: &Arguments) -> Result<HoldRequest, Fault> {
    let name = arguments.required_text("name")?;
    Ok(match hold {
        Hold::Hold => HoldRequest::Hold { name },
        Hold::Unhold => HoldRequest::Unhold { name },
        Hold::Skip => HoldRequest::Skip { name, version: arguments.text("version") },
    })
}

/// The parts of the API that are here; clients look for `update_manager` in them.
const COMPONENTS: [&str; 7] =
    ["klippy_connection", "jsonrpc", "application", "websockets", "authorization", "proc_stats", "update_manager"];

fn server_info(shared: &Shared) -> Answer {
    let snapshot = shared.handle.snapshot();
    let printer = &snapshot.printer;
    Answer::of(&wire::ServerInfo {
        klippy_connected: printer.state != KlippyState::Disconnected,
        klippy_state: printer.state.as_str(),
        components: &COMPONENTS,
        failed_components: &shared.facts.failed_components,
        registered_directories: [],
        warnings: &shared.facts.warnings,
        websocket_count: shared.hub.count(),
        moonraker_version: "0.11.0",
        missing_klippy_requirements: [],
        api_version: [1, 5, 0],
        api_version_string: "1.5.0",
        refit: wire::InfoExtras { version: wire::VERSION },
    })
}

async fn access_info(shared: &Shared, session: &Session) -> Answer {
    let trusted = match session.address {
        Some(address) => Some(shared.gate.trusts(address).await),
        None => None,
    };
    Answer::of(&wire::AccessInfo {
        default_source: "moonraker",
        available_sources: ["moonraker"],
        login_required: false,
        trusted,
    })
}

fn oneshot_token(shared: &Shared, session: &Session) -> Result<Answer, Fault> {
    match (session.address, session.standing()) {
        (Some(address), Standing::Admitted { user, .. }) => Ok(Answer::of(&shared.gate.tokens.issue(address, user))),
        (None, _) | (Some(_), Standing::Local | Standing::Anonymous) => Err(Fault::NoAddress),
    }
}

async fn new_api_key(shared: &Shared) -> Result<Answer, Fault> {
    let key = shared.gate.key.clone();
    let file = key.file().display().to_string();
    // It is synced to disk.
    match tokio::task::spawn_blocking(move || key.replace()).await {
        Ok(Ok(text)) => Ok(Answer::of(&text)),
        Ok(Err(error)) => {
            tracing::error!(%error, cause = ?std::error::Error::source(&error), "the API key was not replaced");
            Err(Fault::KeyNotKept(file))
        }
        Err(_) => Err(Fault::KeyNotKept(file)),
    }
}

fn user_info(shared: &Shared, session: &Session) -> Answer {
    let user = session.standing().user();
    Answer::of(&wire::UserInfo {
        username: user.map(crate::auth::User::name),
        source: user.map(|_| "moonraker"),
        created_on: user.map(|_| shared.started),
    })
}

fn printer_info(shared: &Shared) -> Result<Answer, Fault> {
    let snapshot = shared.handle.snapshot();
    let printer = &snapshot.printer;
    let identity = printer.identity.as_ref().ok_or(Fault::NoPrinter)?;
    match printer.state {
        KlippyState::Disconnected => Err(Fault::PrinterGone),
        KlippyState::Startup | KlippyState::Ready | KlippyState::Error | KlippyState::Shutdown => {
            let mut info = identity.info.clone();
            // The identity is as old as the connection; the state is new.
            info.insert("state".to_owned(), printer.state.as_str().into());
            info.insert("state_message".to_owned(), printer.state_message.clone().into());
            Ok(Answer::of(&info))
        }
    }
}

/// `refit.plan {action, name, hard, update_deps, consent}`: action is `upgrade` when absent; without name it means everything.
async fn plan(shared: &Shared, session: &Session, arguments: &Arguments) -> Result<Answer, Fault> {
    let name = || arguments.required_text("name");
    let request = match arguments.text("action").as_deref() {
        None | Some("upgrade") => match arguments.text("name") {
            Some(name) => Request::Upgrade { name, consent: arguments.flag("consent")? },
            None => Request::Full,
        },
        Some("full") => Request::Full,
        Some("recover") => Request::Recover {
            name: name()?,
            hard: arguments.flag("hard")?,
            update_deps: arguments.flag("update_deps")?,
        },
        Some("rollback") => Request::Rollback { name: name()? },
        Some(other) => {
            let choices = "upgrade, full, recover, rollback";
            return Err(ArgumentError::NotAChoice { key: "action", choices, value: other.to_owned() }.into());
        }
    };
    let _place = session.wait_for_engine()?;
    let planned = shared.handle.plan(request).await?;
    Ok(Answer::of(&wire::runs::Plans::from(&planned[..])))
}

/// `refit.history {name, limit}`: 20 runs when no limit is given, 500 at most.
async fn history(shared: &Shared, session: &Session, arguments: &Arguments) -> Result<Answer, Fault> {
    let limit = arguments.count("limit", 20, 500)?;
    let _place = session.wait_for_engine()?;
    let runs = shared.handle.history(arguments.text("name"), limit).await?;
    Ok(Answer::of(&wire::runs::History::from(&runs[..])))
}

/// Whether a door offers a method.
#[must_use]
pub fn is_offered(entry: &Entry, door: Door) -> bool {
    match door {
        Door::WebSocket | Door::UnixSocket => true,
        Door::Http | Door::Rescue | Door::Schedule => entry.http.is_some(),
    }
}
