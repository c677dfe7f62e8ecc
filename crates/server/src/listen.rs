//! The accepting ends of the doors.
//! Refuses to: take more connections than there is room for; the rest wait in the kernel's queue.

use std::convert::Infallible;
use std::io;
use std::net::Ipv6Addr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream, UnixListener};

use crate::Shared;
use crate::tasks::Room;

/// Connections per door: far more than the clients of one printer, far fewer than a process may have files.
const MOST_CONNECTIONS: usize = 300;

/// The longest head of a request; a URL of 60 kB is taken elsewhere, so it is taken here.
const LONGEST_HEAD: usize = 80 << 10;

/// How long a head may take to arrive, an idle connection's next one included.
const HEAD_PATIENCE: Duration = Duration::from_secs(75);

/// Opens the HTTP port.
pub(crate) async fn bind(host: &str, port: u16) -> io::Result<TcpListener> {
    if host != "all" {
        return TcpListener::bind((host, port)).await;
    }
    // Both families on one socket; only IPv4 on a kernel without the other.
    match TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind(("0.0.0.0", port)).await,
    }
}

/// Takes HTTP connections for ever.
pub(crate) async fn http(shared: Arc<Shared>, listener: TcpListener) {
    let room = Room::new(MOST_CONNECTIONS);
    loop {
        let place = room.take().await;
        match listener.accept().await {
            Ok((stream, address)) => {
                let served = serve_http(shared.clone(), stream, crate::peer_of(address));
                shared.tasks.spawn(async move {
                    served.await;
                    drop(place);
                });
            }
            Err(error) => pause_after(&error).await,
        }
    }
}

/// Takes connections of the Unix socket for ever.
pub(crate) async fn unix(shared: Arc<Shared>, listener: UnixListener) {
    let room = Room::new(MOST_CONNECTIONS);
    loop {
        let place = room.take().await;
        match listener.accept().await {
            Ok((stream, _)) => {
                let served = crate::unix::serve(shared.clone(), stream);
                shared.tasks.spawn(async move {
                    served.await;
                    drop(place);
                });
            }
            Err(error) => pause_after(&error).await,
        }
    }
}

/// Out of files, most likely: trying again at once would only burn time.
async fn pause_after(error: &io::Error) {
    tracing::warn!(%error, "a connection could not be taken");
    tokio::time::sleep(Duration::from_millis(100)).await;
}

async fn serve_http(shared: Arc<Shared>, stream: TcpStream, peer: std::net::IpAddr) {
    // Without it an answer may wait 40 ms for the client's acknowledgement.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps Nagle's algorithm");
    }
    let mut stop = shared.stop.clone();
    let service = service_fn(move |request| {
        let shared = shared.clone();
        async move { Ok::<_, Infallible>(crate::http::answer(shared, peer, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_buf_size(LONGEST_HEAD)
        .title_case_headers(true)
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = crate::stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            // An update outlives its caller; who still waits for one then is cut off.
            tokio::time::timeout(Duration::from_secs(2), connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "an HTTP connection broke");
    }
}
