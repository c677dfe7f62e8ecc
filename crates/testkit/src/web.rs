//! A web server on loopback that shows a folder, so that a browser can look at a front end while it is updated.
//!
//! Every request opens the folder anew by its name, as a web server does that keeps nothing. Refuses everything but GET
//! and HEAD, and whatever is not a file in the folder: `..`, and links that lead out of it. Dropping the server ends it.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Component, Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// The running server.
#[derive(Debug)]
pub struct WebServer {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl WebServer {
    /// Shows a folder, which need not be there yet, on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// When loopback gives no port or no thread can be started.
    pub fn start(folder: impl Into<PathBuf>) -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        listener.set_nonblocking(true).expect("a listener can be made non-blocking");
        let address = listener.local_addr().expect("a bound listener has an address");
        let (stop, stopped) = oneshot::channel();
        let folder: Arc<Path> = folder.into().into();
        let thread = std::thread::Builder::new().name("web".to_owned());
        let thread = thread.spawn(move || run(listener, &folder, stopped)).expect("a thread can be started");
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Serves until the other end of `stopped` is gone.
fn run(listener: std::net::TcpListener, folder: &Arc<Path>, stopped: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be built");
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener).expect("the listener is non-blocking");
        tokio::spawn(accept(listener, Arc::clone(folder)));
        let _ = stopped.await;
    });
    runtime.shutdown_background();
}

async fn accept(listener: TcpListener, folder: Arc<Path>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let folder = Arc::clone(&folder);
        let service = service_fn(move |request| {
            let answer = answer(&folder, &request);
            async { Ok::<_, Infallible>(answer) }
        });
        tokio::spawn(async move {
            // A browser that hangs up is no matter.
            let _ =
                http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn answer<B>(folder: &Path, request: &Request<B>) -> Response<Whole> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return plain(StatusCode::METHOD_NOT_ALLOWED);
    }
    match read(folder, request.uri().path()) {
        Some((bytes, kind)) => {
            let mut response = Response::new(Whole(Some(bytes.into())));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            // What is shown may be another version at the next look.
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            response
        }
        None => plain(StatusCode::NOT_FOUND),
    }
}

fn plain(status: StatusCode) -> Response<Whole> {
    let mut response = Response::new(Whole(Some(Bytes::from_owner(status.as_str().to_owned()))));
    *response.status_mut() = status;
    response
}

/// A file of the folder, and its media type.
fn read(folder: &Path, asked: &str) -> Option<(Vec<u8>, &'static str)> {
    let decoded = decode(asked)?;
    let relative = decoded.trim_start_matches('/');
    let relative = Path::new(if relative.is_empty() { "index.html" } else { relative });
    if !relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return None;
    }
    let file = folder.join(relative).canonicalize().ok()?;
    if !file.starts_with(folder.canonicalize().ok()?) {
        return None;
    }
    let kind = match file.extension().and_then(|ending| ending.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript",
        Some("css") => "text/css",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        _ => "application/octet-stream",
    };
    Some((std::fs::read(file).ok()?, kind))
}

/// Percent-decoded; none when that leaves no text.
fn decode(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            bytes.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// A body in one piece.
struct Whole(Option<Bytes>);

impl Body for Whole {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::Http;
    use crate::scratch::scratch;

    #[test]
    fn a_folder_is_shown_and_nothing_beside_it() {
        let dir = scratch();
        let folder = dir.path().join("shown");
        std::fs::create_dir_all(folder.join("assets")).unwrap();
        std::fs::write(folder.join("index.html"), "page").unwrap();
        std::fs::write(folder.join("assets/a b.js"), "script").unwrap();
        std::fs::write(dir.path().join("secret"), "secret").unwrap();
        std::os::unix::fs::symlink("../secret", folder.join("out")).unwrap();
        let server = WebServer::start(&folder);
        let http = Http::new(server.address.port());
        let get = |path: &str| http.get(path);
        assert_eq!((get("/").status, get("/index.html?x=1").body), (200, b"page".to_vec()));
        let script = get("/assets/a%20b.js");
        assert_eq!((script.header("content-type"), &script.body[..]), (Some("text/javascript"), &b"script"[..]));
        for path in ["/../secret", "/%2e%2e/secret", "/assets/..%2f../secret", "/out", "/assets", "/none", "/%", "/%ff"]
        {
            assert_eq!(get(path).status, 404, "{path}");
        }
        assert_eq!(http.request("POST", "/", &[], b"").status, 405);
        assert!(http.request("HEAD", "/", &[], b"").body.is_empty());
    }

    #[test]
    fn an_exchanged_folder_is_shown_at_once() {
        let dir = scratch();
        let folder = dir.path().join("shown");
        let server = WebServer::start(&folder);
        let http = Http::new(server.address.port());
        assert_eq!(http.get("/").status, 404);
        for version in ["one", "two"] {
            let new = dir.path().join(version);
            std::fs::create_dir(&new).unwrap();
            std::fs::write(new.join("index.html"), version).unwrap();
            let _ = std::fs::rename(&folder, dir.path().join("old"));
            std::fs::rename(&new, &folder).unwrap();
            assert_eq!(http.get("/").body, version.as_bytes());
        }
    }
}
