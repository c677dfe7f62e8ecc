//! The thread behind the doors: connections taken, in the plain or behind TLS, until the host ends.

use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

use super::{Door, Shared, answer};
use crate::loopback::{self, Question, WAITING};
use crate::wire::{Line, Wire};

/// What is around a connection.
#[derive(Clone)]
pub(super) enum Security {
    /// Nothing.
    Plain,
    /// TLS.
    #[cfg(feature = "tls")]
    Tls(tokio_rustls::TlsAcceptor),
}

/// Serves until the host stops.
pub(super) fn run(listeners: Vec<(Door, std::net::TcpListener)>, security: &Security, shared: &Arc<Shared>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be built");
    runtime.block_on(async {
        for (door, listener) in listeners {
            let listener = TcpListener::from_std(listener).expect("the listener is non-blocking");
            tokio::spawn(accept(listener, door, security.clone(), Arc::clone(shared)));
        }
        shared.stopped().await;
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
}

async fn accept(listener: TcpListener, door: Door, security: Security, shared: Arc<Shared>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let wire = Wire::new(stream);
        let line = wire.line();
        let shared = Arc::clone(&shared);
        match security.clone() {
            Security::Plain => tokio::spawn(serve(wire, line, door, shared)),
            #[cfg(feature = "tls")]
            Security::Tls(acceptor) => tokio::spawn(async move {
                // A handshake fails where the client does not trust the authority: its business.
                if let Ok(stream) = acceptor.accept(wire).await {
                    serve(stream, line, door, shared).await;
                }
            }),
        };
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, line: Line, door: Door, shared: Arc<Shared>) {
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        let traffic = Arc::clone(&shared.traffic);
        loopback::answer(request, traffic, line.clone(), move |question: &Question| {
            answer::proper(question, door, &shared)
        })
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).max_buf_size(WAITING);
    // An error here is what the fault, or a client that hung up, was meant to cause.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}
