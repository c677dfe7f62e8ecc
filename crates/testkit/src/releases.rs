//! A host of releases on loopback that speaks as GitHub, Forgejo and GitLab do, counts what it is asked, and can be
//! told to cut, stall, reset, limit or lie.
//!
//! Every forge has a port of its own, as they have hosts of their own, and so has the storage that GitHub's downloads
//! lead to: whether a token leaks across a redirect shows. A repository that is published is on all of them. Runs in a
//! thread of its own, so that plain blocking tests can use it. Refuses writing and private repositories. Dropping the
//! host ends every connection.

mod answer;
mod bytes;
mod content;
mod forgejo;
mod github;
mod gitlab;
mod limit;
mod minisign;
mod page;
mod release;
mod serve;
mod shelf;
#[cfg(feature = "tls")]
mod tls;

pub use crate::loopback::{Asked, CHUNK, Fault, Rule};
pub use content::{Content, executable, release_info, web_front_end, zip_app};
pub use limit::Limit;
pub use minisign::Signer;
pub use release::{Asset, Digest, Release};

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use tokio::sync::watch;

use crate::loopback::{Traffic, lock};
use limit::Limits;
use serve::Security;
use shelf::Shelf;

/// The running host.
#[derive(Debug)]
pub struct ReleaseHost {
    shared: Arc<Shared>,
    address: SocketAddr,
    ca_pem: String,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// What answers behind a port or a host's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    /// GitHub's API, its pages and, where it has no name of its own, its storage.
    GitHub,
    /// GitHub's storage.
    Assets,
    Forgejo,
    GitLab,
}

/// Where everything is, without a slash at the end.
#[derive(Clone, Debug)]
struct Origins {
    api: String,
    web: String,
    assets: String,
    forgejo: String,
    gitlab: String,
}

#[derive(Debug)]
struct Shared {
    origins: Origins,
    state: Mutex<State>,
    traffic: Arc<Traffic>,
    stopped: watch::Sender<bool>,
}

#[derive(Debug)]
struct State {
    shelf: Shelf,
    limits: Limits,
    /// How often the signed links were renewed.
    links: u64,
}

impl Door {
    /// Whose name this `Host` header is, if it is anybody's.
    fn of(host: &str) -> Option<Self> {
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        match name {
            "api.github.com" | "github.com" => Some(Self::GitHub),
            "codeberg.org" => Some(Self::Forgejo),
            "gitlab.com" => Some(Self::GitLab),
            name if name.ends_with(".githubusercontent.com") => Some(Self::Assets),
            _ => None,
        }
    }
}

impl ReleaseHost {
    /// Serves nothing yet, over plain HTTP on free ports of 127.0.0.1.
    ///
    /// # Panics
    /// When loopback gives no ports or no thread can be started.
    pub fn start() -> Self {
        let listeners = listeners(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let at = |door: usize| format!("http://{}", address_of(&listeners[door].1));
        let origins =
            Origins { api: format!("{}/api", at(0)), web: at(0), assets: at(1), forgejo: at(2), gitlab: at(3) };
        Self::run(listeners, origins, Security::Plain, String::new())
    }

    /// The same behind TLS, with a certificate for these names or addresses from an authority of its own, on `address`
    /// and on three free ports beside it.
    ///
    /// A name that belongs to a forge or to GitHub's storage (`api.github.com`, `github.com`,
    /// `release-assets.githubusercontent.com`, `codeberg.org`, `gitlab.com`) is served as what it is, on every port,
    /// and stands in the URLs; what has no name among them is the first name with a port of its own. The client must
    /// resolve the names.
    ///
    /// # Panics
    /// When the address is taken, a name can stand in no certificate, or no thread can be started.
    #[cfg(feature = "tls")]
    pub fn start_tls(names: &[&str], address: SocketAddr) -> Self {
        let listeners = listeners(address);
        let identity = tls::identity(names);
        let port = |door: usize| match address_of(&listeners[door].1).port() {
            443 => String::new(),
            port => format!(":{port}"),
        };
        let first = names.first().copied().unwrap_or("localhost");
        let named = |fits: &dyn Fn(&str) -> bool, door: usize| match names.iter().find(|name| fits(name)) {
            Some(name) => format!("https://{name}{}", port(0)),
            None => format!("https://{first}{}", port(door)),
        };
        let api = named(&|name| name == "api.github.com", 0);
        let origins = Origins {
            api: if names.contains(&"api.github.com") { api } else { format!("{api}/api") },
            web: named(&|name| name == "github.com", 0),
            assets: named(&|name| Door::of(name) == Some(Door::Assets), 1),
            forgejo: named(&|name| Door::of(name) == Some(Door::Forgejo), 2),
            gitlab: named(&|name| Door::of(name) == Some(Door::GitLab), 3),
        };
        Self::run(listeners, origins, Security::Tls(identity.acceptor), identity.ca_pem)
    }

    fn run(listeners: Vec<(Door, TcpListener)>, origins: Origins, security: Security, ca_pem: String) -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let shared = Arc::new(Shared {
            origins,
            state: Mutex::new(State { shelf: Shelf::default(), limits: Limits::new(now + 3600), links: 0 }),
            traffic: Arc::new(Traffic::new()),
            stopped: watch::channel(false).0,
        });
        let address = address_of(&listeners[0].1);
        let served = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("releases".to_owned());
        let thread = thread.spawn(move || serve::run(listeners, &security, &served));
        Self { shared, address, ca_pem, thread: Some(thread.expect("a thread can be started")) }
    }

    /// Publishes a release. The newest by date is the newest; one without a date comes a day after the last. One of the
    /// same tag is replaced.
    ///
    /// # Panics
    /// When its date is none.
    pub fn publish(&self, owner: &str, repo: &str, release: Release) {
        lock(&self.shared.state).shelf.publish(owner, repo, release);
    }

    /// Puts a commit on top of a branch; GitHub alone tells of it. The first branch of a repository is its own.
    pub fn push(&self, owner: &str, repo: &str, branch: &str, sha: &str) {
        lock(&self.shared.state).shelf.push(owner, repo, branch, sha);
    }

    /// Takes the release of this tag away. False when there is none.
    pub fn remove(&self, owner: &str, repo: &str, tag: &str) -> bool {
        lock(&self.shared.state).shelf.remove(owner, repo, tag)
    }

    /// Takes all releases of a repository away; the repository stays.
    pub fn clear(&self, owner: &str, repo: &str) {
        lock(&self.shared.state).shelf.clear(owner, repo);
    }

    /// Gives a repository another name. GitHub redirects from the old one; the others do not know it any more.
    pub fn rename(&self, old: (&str, &str), new: (&str, &str)) {
        lock(&self.shared.state).shelf.rename(old, new);
    }

    /// The base of GitHub's API, `http://127.0.0.1:PORT/api`. `/api/v3` and the root answer as well.
    pub fn github_api(&self) -> String {
        self.shared.origins.api.clone()
    }

    /// Where GitHub's pages are: `{github_web}/owner/repo` is a repository's URL.
    pub fn github_web(&self) -> String {
        self.shared.origins.web.clone()
    }

    /// Where GitHub's downloads lead to, an origin of its own.
    pub fn asset_host(&self) -> String {
        self.shared.origins.assets.clone()
    }

    /// A Forgejo: `{forgejo}/owner/repo` is a repository's URL, `{forgejo}/api/v1` its API.
    pub fn forgejo(&self) -> String {
        self.shared.origins.forgejo.clone()
    }

    /// A GitLab: `{gitlab}/owner/repo` is a project's URL, `{gitlab}/api/v4` its API.
    pub fn gitlab(&self) -> String {
        self.shared.origins.gitlab.clone()
    }

    /// Where GitHub's door listens, and behind TLS every name.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate that a client must trust, in PEM; empty without TLS.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Every request since the start or the last [`forget`](Self::forget), in the order they came, at every door.
    pub fn requests(&self) -> Vec<Asked> {
        self.shared.traffic.requests()
    }

    /// The requests whose path and query contain this.
    pub fn requests_of(&self, part: &str) -> Vec<Asked> {
        self.shared.traffic.requests_of(part)
    }

    /// Forgets the requests counted so far.
    pub fn forget(&self) {
        self.shared.traffic.forget();
    }

    /// How many bytes of a file went out since the last [`forget`](Self::forget). `file` is its name, or more of
    /// `owner/repo/tag/name` from the right: `v1.2.0/mainsail.zip`.
    pub fn sent_of(&self, file: &str) -> u64 {
        self.shared.traffic.sent_of(file)
    }

    /// From now on the requests that fit meet this fault; without a [`Rule`] all of them. The first that was set and
    /// fits counts.
    pub fn fault(&self, rule: impl Into<Rule>) {
        self.shared.traffic.fault(rule);
    }

    /// Takes all faults away. What stalls goes on stalling until [`release`](Self::release).
    pub fn heal(&self) {
        self.shared.traffic.heal();
    }

    /// Lets everything that stalls go on.
    pub fn release(&self) {
        self.shared.traffic.release();
    }

    /// Sets GitHub's limit for those without a token. It counts down with every answer of the API, 304 included, and
    /// nothing renews it but this. Before the first call it is 5000, until an hour after the start.
    ///
    /// `reset_at` is in seconds since 1970.
    pub fn rate_limit(&self, limit: u64, remaining: u64, reset_at: u64) {
        lock(&self.shared.state).limits.anonymous = Limit { limit, remaining, reset_at };
    }

    /// Makes a token known to all forges, with a limit of its own at GitHub, where 304 does not count. Other tokens are
    /// refused.
    pub fn token(&self, token: &str, limit: Limit) {
        lock(&self.shared.state).limits.tokens.insert(token.to_owned(), limit);
    }

    /// The signed links that GitHub's downloads have led to are no longer good: they answer 403.
    pub fn expire_links(&self) {
        lock(&self.shared.state).links += 1;
    }
}

impl Drop for ReleaseHost {
    fn drop(&mut self) {
        self.shared.stopped.send_replace(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// Returns when the host is to end.
    async fn stopped(&self) {
        let _ = self.stopped.subscribe().wait_for(|stopped| *stopped).await;
    }
}

/// One listener for each door; GitHub's is at `first`.
fn listeners(first: SocketAddr) -> Vec<(Door, TcpListener)> {
    let beside = SocketAddr::new(first.ip(), 0);
    let doors = [(Door::GitHub, first), (Door::Assets, beside), (Door::Forgejo, beside), (Door::GitLab, beside)];
    let listen = |(door, at)| {
        let listener = TcpListener::bind(at).unwrap_or_else(|e| panic!("cannot listen on {at}: {e}"));
        listener.set_nonblocking(true).expect("a listener can be made non-blocking");
        (door, listener)
    };
    doors.map(listen).into_iter().collect()
}

fn address_of(listener: &TcpListener) -> SocketAddr {
    listener.local_addr().expect("a bound listener has an address")
}

/// The SHA-256 of these bytes in small hex digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref())
}

#[cfg(test)]
mod tests;
