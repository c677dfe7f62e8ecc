//! Refit's faces: HTTP, WebSocket and Unix socket, in the words of Moonraker's API. They translate and decide nothing:
//! whatever changes something goes through [`refit_engine::handle::Handle`].
//!
//! | file | what |
//! |---|---|
//! | [`methods`] | the one method table and what each method does; `identify` is the longest |
//! | [`rpc`] | JSON-RPC for every transport |
//! | `http`, `reply` | requests and answers of HTTP; [`arguments`], [`multipart`], [`etag`] |
//! | `connection` | a lasting connection; `ws` and `unix` carry it, [`frames`] are those of the Unix socket |
//! | `hub`, `notify`, `proc_stat` | who is connected, and what they are told |
//! | [`auth`] | who may ask; `api_key`, `oneshot`, `names`, [`origin`] |
//! | [`wire`] | the public JSON shapes; [`status`] keeps the ready one |
//! | [`fault`] | errors as statuses and codes |
//! | [`json`], [`python`] | JSON and printed values as the clients' other server has them |

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use refit_engine::handle::Handle;
use refit_engine::ports::Clock;
use refit_model::settings::{AuthSettings, TrustedClient};
use thiserror::Error;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;

pub mod api_key;
pub mod arguments;
pub mod auth;
mod connection;
pub mod etag;
pub mod fault;
pub mod frames;
mod http;
pub mod hub;
mod identify;
pub mod json;
mod listen;
pub mod methods;
pub mod multipart;
pub mod names;
mod notify;
pub mod oneshot;
pub mod origin;
mod proc_stat;
pub mod python;
mod reply;
pub mod rpc;
pub mod session;
pub mod status;
mod tasks;
pub mod unix;
pub mod wire;
pub mod ws;

use hub::Hub;
use status::StatusCache;
use tasks::Tasks;

/// How long what was announced before an end may take to be passed on.
const LAST_EVENTS: Duration = Duration::from_secs(1);

/// What the binary hands down.
pub struct DoorSettings {
    /// The address to bind; `all` for every interface.
    pub host: String,
    /// The HTTP port; 0 takes a free one (see [`Server::http_address`]).
    pub port: u16,
    /// What every path begins with: empty, or `/` and the segments without a trailing `/`.
    pub route_prefix: String,
    /// How many WebSockets may be open at once.
    pub max_websocket_connections: usize,
    /// The Unix socket's file.
    pub unix_socket: PathBuf,
    /// Who may ask.
    pub authorization: AuthSettings,
    /// Whose `X-Real-Ip` and `X-Forwarded-For` are believed.
    pub trusted_proxies: Vec<TrustedClient>,
    /// The API key's file; its folder is there.
    pub api_key_file: PathBuf,
    /// What `server.info` tells of the configuration.
    pub facts: InstanceFacts,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

/// What `server.info` tells of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstanceFacts {
    /// Shown to people by KlipperScreen and others.
    pub warnings: Vec<String>,
    /// Parts that could not be set up.
    pub failed_components: Vec<String>,
}

/// Why the doors stay shut.
#[derive(Debug, Error)]
pub enum BindError {
    /// The HTTP port.
    #[error("the HTTP port {host}:{port} could not be opened: is another server running there?")]
    Http {
        /// As configured.
        host: String,
        /// As configured.
        port: u16,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The Unix socket.
    #[error(transparent)]
    Unix(#[from] unix::UnixError),
    /// The API key.
    #[error(transparent)]
    Key(#[from] api_key::KeyError),
}

/// What every door holds.
pub struct Shared {
    pub(crate) handle: Handle,
    pub(crate) gate: auth::Gate,
    pub(crate) hub: Arc<Hub>,
    pub(crate) status: StatusCache,
    pub(crate) facts: InstanceFacts,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) started: f64,
    pub(crate) route_prefix: String,
    pub(crate) max_websocket_connections: usize,
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) tasks: Tasks,
}

/// Open doors that nobody is served through yet.
pub struct Server {
    shared: Arc<Shared>,
    http: TcpListener,
    unix: UnixListener,
    unix_file: PathBuf,
    stop: watch::Sender<bool>,
}

impl Server {
    /// Opens the doors. Recovery must be over: see `engine::recover`.
    ///
    /// # Errors
    /// [`BindError`], naming what is in the way.
    pub async fn bind(settings: DoorSettings, handle: Handle) -> Result<Self, BindError> {
        let DoorSettings { host, port, authorization, trusted_proxies, api_key_file, unix_socket, .. } = settings;
        let key = api_key::ApiKey::load(api_key_file)?;
        let http = listen::bind(&host, port).await.map_err(|cause| BindError::Http { host, port, cause })?;
        let unix = unix::bind(&unix_socket)?;
        let (stop, stopping) = watch::channel(false);
        // As large as clients know them: above 32 bits, below 2^53, different after a restart.
        let random = u64::from(u32::from_le_bytes(api_key::random::<4>()));
        let shared = Arc::new(Shared {
            handle,
            gate: auth::Gate::new(authorization, trusted_proxies, key),
            hub: Arc::new(Hub::new((1 << 47) + random * 16)),
            status: StatusCache::default(),
            facts: settings.facts,
            started: settings.clock.now(),
            clock: settings.clock,
            route_prefix: settings.route_prefix,
            max_websocket_connections: settings.max_websocket_connections,
            stop: stopping,
            tasks: Tasks::default(),
        });
        Ok(Self { shared, http, unix, unix_file: unix_socket, stop })
    }

    /// Where HTTP is served.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn http_address(&self) -> io::Result<SocketAddr> {
        self.http.local_addr()
    }

    /// Serves until `shutdown` resolves, then closes what is open: WebSockets with 1001, Unix sockets with their end.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self { shared, http, unix, unix_file, stop } = self;
        // From here on nothing is missed.
        let events = shared.handle.subscribe();
        // Told by being dropped.
        let (close, closing) = tokio::sync::oneshot::channel::<()>();
        let closing = async move { drop(closing.await) };
        let passing_on = tokio::spawn(notify::pass_on(shared.clone(), events, closing));
        let background = [
            tokio::spawn(proc_stat::every_second(shared.clone())),
            tokio::spawn(listen::http(shared.clone(), http)),
            tokio::spawn(listen::unix(shared.clone(), unix)),
        ];
        shutdown.await;
        for task in background {
            task.abort();
        }
        // What was announced before is on its way to everybody then.
        drop(close);
        let _late = tokio::time::timeout(LAST_EVENTS, passing_on).await;
        // A file that is gone already is gone.
        let _gone = std::fs::remove_file(unix_file);
        stop.send_replace(true);
        shared.tasks.finished(Duration::from_secs(4)).await;
    }
}

/// Waits until the server stops.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A sender that is gone has stopped too.
    let _gone = stop.wait_for(|stop| *stop).await.map(drop);
}

/// The client's address, and never a mapped one.
pub(crate) fn peer_of(address: SocketAddr) -> IpAddr {
    address.ip().to_canonical()
}
