//! HTTP: which door a request is for, whether it may pass, and the answer in the shape clients know (CONTRACT §1.1 to
//! §1.3, §1.8). The order of checks is the measured one: credentials, path, verb, arguments.
//! Refuses to: run a method from a page of a foreign origin that shows no key (see `origin`).

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HOST, IF_NONE_MATCH, ORIGIN};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method as Verb, Request, Response, Version};
use refit_model::request::Door;

use crate::Shared;
use crate::arguments::{Brought, brought};
use crate::auth::{Credentials, Standing, header, login_token};
use crate::fault::Fault;
use crate::json;
use crate::methods::{self, Answer, Entry};
use crate::reply::{Cors, Reply};
use crate::session::Session;
use crate::{etag, origin, rpc, ws};

/// The largest body that is taken.
const LARGEST_BODY: usize = 50 << 20;

/// The largest body of a caller who has shown nothing yet: room for a form with a one-shot token.
const LARGEST_UNKNOWN_BODY: usize = 64 << 10;

/// How long a body may take to arrive.
const BODY_PATIENCE: Duration = Duration::from_secs(120);

/// What a path is.
enum Route {
    Welcome,
    WebSocket,
    JsonRpc,
    Methods(Vec<&'static Entry>),
    Unknown,
}

/// Answers one request.
pub(crate) async fn answer(shared: Arc<Shared>, peer: IpAddr, mut request: Request<Incoming>) -> Response<Full<Bytes>> {
    let cors = cors(&shared, request.method(), request.headers());
    let hostless = request.version() == Version::HTTP_11 && !request.headers().contains_key(HOST);
    let oversized = request.body().size_hint().lower() > LARGEST_BODY as u64;
    if hostless || oversized {
        return Reply::bare(400).into_response(&cors);
    }
    let route = route(&shared, &request);
    let reply = match route {
        Route::WebSocket if request.method() == Verb::GET => socket(&shared, peer, &mut request).await,
        Route::WebSocket if request.method() != Verb::OPTIONS => Reply::html_error(405, "Method Not Allowed"),
        route @ (Route::Welcome | Route::WebSocket | Route::JsonRpc | Route::Methods(_) | Route::Unknown) => {
            let (parts, body) = request.into_parts();
            match judged(&shared, peer, &parts, body, route, &cors).await {
                Ok(reply) => reply,
                Err(fault) => Reply::fault(&fault),
            }
        }
    };
    reply.into_response(&cors)
}

fn cors(shared: &Shared, verb: &Verb, headers: &HeaderMap) -> Cors {
    let origin = header(headers, ORIGIN.as_str()).filter(|origin| origin::is_allowed(&shared.gate, origin));
    Cors {
        origin: origin.map(str::to_owned),
        preflight: verb == Verb::OPTIONS,
        private_network: header(headers, "access-control-request-private-network") == Some("true"),
    }
}

fn route(shared: &Shared, request: &Request<Incoming>) -> Route {
    // A whole URL in the request line is for a proxy.
    let path = match request.uri().authority() {
        None => request.uri().path().strip_prefix(shared.route_prefix.as_str()),
        Some(_) => None,
    };
    match path {
        None => Route::Unknown,
        Some("" | "/") => Route::Welcome,
        Some("/websocket") => Route::WebSocket,
        Some("/server/jsonrpc") => Route::JsonRpc,
        Some(path) => {
            let here = |entry: &&Entry| {
                entry.http.as_ref().is_some_and(|(_, known)| *known == path) && methods::exists(shared, entry.method)
            };
            let entries: Vec<&'static Entry> = methods::TABLE.iter().filter(here).collect();
            if entries.is_empty() { Route::Unknown } else { Route::Methods(entries) }
        }
    }
}

/// Everything but WebSockets.
async fn judged(
    shared: &Arc<Shared>,
    peer: IpAddr,
    parts: &Parts,
    body: Incoming,
    route: Route,
    cors: &Cors,
) -> Result<Reply, Fault> {
    if parts.method == Verb::OPTIONS {
        return Ok(preflight(&route, cors));
    }
    let address = shared.gate.address(peer, &parts.headers);
    let query = parts.uri.query().unwrap_or_default().as_bytes();
    let mut standing = standing(shared, address, &parts.headers, &brought(query, "", b"")).await?;
    let limit = if standing.may_ask() { LARGEST_BODY } else { LARGEST_UNKNOWN_BODY };
    let body = match read_body(body, limit).await {
        Ok(body) => body,
        Err(BadBody) if standing.may_ask() => return Ok(Reply::bare(400)),
        Err(BadBody) => return Err(Fault::Unauthorized),
    };
    let content_type = header(&parts.headers, CONTENT_TYPE.as_str()).unwrap_or_default();
    let brought = brought(query, content_type, &body);
    if standing == Standing::Anonymous
        && let Some(user) = brought.credential("token").and_then(|token| shared.gate.tokens.redeem(&token, address))
    {
        standing = Standing::Admitted { user, shown: true };
    }
    if !is_open(&route) && !standing.may_ask() {
        return Err(Fault::Unauthorized);
    }
    let session = Session::new(Door::Http, None, Some(address), standing, Arc::new(AtomicBool::new(false)));
    routed(shared, &session, parts, route, content_type, &body, &brought).await
}

fn preflight(route: &Route, cors: &Cors) -> Reply {
    match route {
        Route::Unknown => Reply::error(404, "Not Found"),
        Route::Welcome | Route::WebSocket | Route::JsonRpc | Route::Methods(_) if cors.origin.is_some() => {
            Reply::empty(204)
        }
        Route::Welcome | Route::WebSocket | Route::JsonRpc | Route::Methods(_) => {
            Reply::error(405, "Method Not Allowed")
        }
    }
}

/// Whether a path needs no authorisation. JSON-RPC asks for it method by method.
fn is_open(route: &Route) -> bool {
    match route {
        Route::Welcome | Route::JsonRpc => true,
        Route::Methods(entries) => entries.iter().any(|entry| entry.open),
        Route::Unknown | Route::WebSocket => false,
    }
}

/// A request that may pass, at its path: verb, page, arguments, in this order.
async fn routed(
    shared: &Shared,
    session: &Session,
    parts: &Parts,
    route: Route,
    content_type: &str,
    body: &[u8],
    brought: &Brought<'_>,
) -> Result<Reply, Fault> {
    let entry = match route {
        Route::Unknown | Route::WebSocket => return Ok(Reply::error(404, "Not Found")),
        Route::Welcome if parts.method == Verb::GET => {
            return Ok(conditional(&parts.headers, Reply::welcome(), None));
        }
        Route::JsonRpc if parts.method == Verb::POST => None,
        Route::Welcome | Route::JsonRpc => return Ok(Reply::error(405, "Method Not Allowed")),
        Route::Methods(entries) => {
            let fits = |entry: &&Entry| entry.http.as_ref().is_some_and(|(verb, _)| *verb == parts.method);
            match entries.into_iter().find(fits) {
                Some(entry) => Some(entry),
                None => return Ok(Reply::error(405, "Method Not Allowed")),
            }
        }
    };
    if parts.method == Verb::POST {
        refuse_foreign_page(shared, &parts.headers, session.standing())?;
    }
    match entry {
        None => Ok(json_rpc(shared, session, content_type, body).await),
        Some(entry) => {
            let answer = methods::call(shared, session, entry.method, &brought.arguments()?).await?;
            Ok(result(&parts.method, &parts.headers, answer))
        }
    }
}

async fn standing(
    shared: &Shared,
    address: IpAddr,
    headers: &HeaderMap,
    query: &Brought<'_>,
) -> Result<Standing, Fault> {
    let (token, access_token) = (query.credential("token"), query.credential("access_token"));
    let shown = Credentials {
        login_token: login_token(headers, access_token.as_deref()),
        oneshot: token.as_deref(),
        api_key: header(headers, "x-api-key").filter(|key| !key.is_empty()),
    };
    shared.gate.judge(address, &shown).await
}

/// Too long, cut off or too slow.
struct BadBody;

async fn read_body(body: Incoming, limit: usize) -> Result<Bytes, BadBody> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    match tokio::time::timeout(BODY_PATIENCE, Limited::new(body, limit).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) => {
            tracing::debug!(too_long = error.is::<LengthLimitError>(), %error, "a body was not read");
            Err(BadBody)
        }
        Err(_) => Err(BadBody),
    }
}

/// See `origin`.
fn refuse_foreign_page(shared: &Shared, headers: &HeaderMap, standing: Standing) -> Result<(), Fault> {
    let Some(origin) = headers.get(ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    let shown = match standing {
        Standing::Admitted { shown, .. } => shown,
        Standing::Local | Standing::Anonymous => false,
    };
    let same = header(headers, HOST.as_str()).is_some_and(|host| origin::is_same(origin, host));
    if shown || same || origin::is_allowed(&shared.gate, origin) { Ok(()) } else { Err(Fault::CrossOrigin) }
}

fn result(verb: &Verb, headers: &HeaderMap, answer: Answer) -> Reply {
    let (body, tag) = match answer {
        Answer::Status(ready) => (ready.http_body(), Some(ready.etag().to_owned())),
        Answer::Fresh(result) => {
            let mut body = Vec::with_capacity(result.len() + 12);
            body.extend(b"{\"result\":");
            body.extend(result);
            body.push(b'}');
            (Bytes::from(body), None)
        }
    };
    let reply = Reply::json(200, body);
    if verb == Verb::GET { conditional(headers, reply, tag) } else { reply }
}

/// The reply with its entity tag, or 304 when the client has it already.
fn conditional(headers: &HeaderMap, mut reply: Reply, tag: Option<String>) -> Reply {
    let tag = tag.unwrap_or_else(|| etag::of(&reply.body));
    if header(headers, IF_NONE_MATCH.as_str()).is_some_and(|named| etag::is_named(&tag, named)) {
        reply = Reply::empty(304);
    }
    reply.etag = Some(tag);
    reply
}

async fn json_rpc(shared: &Shared, session: &Session, content_type: &str, body: &[u8]) -> Reply {
    if !content_type.starts_with("application/json") {
        return Reply::error(400, "Bad Request");
    }
    let message = match json::decode(body) {
        Ok(value) => rpc::from_value(value),
        Err(json::JsonError::Encoding) => return Reply::error(500, "Internal Server Error"),
        Err(json::JsonError::Syntax(_) | json::JsonError::Depth | json::JsonError::Size) => rpc::Message::Unreadable,
    };
    match rpc::answer(shared, session, message).await {
        Some(answer) => Reply::json(200, answer.into()),
        None => Reply::html(200, ""),
    }
}

async fn socket(shared: &Arc<Shared>, peer: IpAddr, request: &mut Request<Incoming>) -> Reply {
    let accept = match ws::handshake(shared, request.headers()) {
        Ok(accept) => accept,
        Err(refused) => return Reply::handshake_refused(refused),
    };
    let Some((place, post)) = shared.hub.join(true, shared.max_websocket_connections) else {
        return Reply::handshake_refused(ws::Refused::Full);
    };
    let address = shared.gate.address(peer, request.headers());
    let query = request.uri().query().unwrap_or_default().as_bytes().to_vec();
    // A wrong credential leaves the socket open and unauthorised.
    let standing =
        standing(shared, address, request.headers(), &brought(&query, "", b"")).await.unwrap_or(Standing::Anonymous);
    // Before the client knows that it is connected, so that it misses nothing that happens from then on.
    place.listening.store(standing.may_ask(), Ordering::Relaxed);
    let upgrade = hyper::upgrade::on(request);
    shared.tasks.spawn(ws::serve(shared.clone(), upgrade, place, post, address, standing));
    Reply::switching(accept)
}
