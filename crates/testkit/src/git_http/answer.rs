//! One request: note it, find its fault, let the backend answer, and hand the answer out the way the fault wants it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use data_encoding::BASE64;
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::header::{AUTHORIZATION, HeaderValue, LOCATION, WWW_AUTHENTICATE};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode};
use tokio::sync::mpsc;

use super::backend::Backend;
use super::{Ask, Asked, Fault, Lie, Shared, lie, lock};
use crate::wire::Line;

/// An answer's body, as it comes.
pub(super) struct Reply {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
}

impl Body for Reply {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.pieces.poll_recv(cx).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

/// Answers one request. An error ends the connection.
pub(super) async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
    line: Line,
    alive: mpsc::Sender<()>,
) -> io::Result<Response<Reply>> {
    let (parts, body) = request.into_parts();
    let body = read(body).await?;
    let asked = noted(&parts, &body);
    let fault = shared.fault(&asked.repo, asked.ask);
    lock(&shared.asked).push(asked.clone());
    match fault {
        Some(Fault::Refuse(status)) => {
            return Ok(empty(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)));
        }
        Some(Fault::RequireBasicAuth { user, password }) if !authorised(&parts, &user, &password) => {
            return Ok(with(empty(StatusCode::UNAUTHORIZED), WWW_AUTHENTICATE, "Basic realm=\"git\""));
        }
        Some(Fault::Redirect(url)) => {
            let rest = parts.uri.path_and_query().map_or("", |whole| whole.as_str());
            let rest = rest.get(asked.repo.len() + 1..).unwrap_or_default();
            let url = if asked.path.contains(".git") { &url[..] } else { url.trim_end_matches(".git") };
            return Ok(with(empty(StatusCode::MOVED_PERMANENTLY), LOCATION, &format!("{url}{rest}")));
        }
        Some(Fault::Reset { after: 0 }) => {
            line.cut();
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Some(Fault::Stall { after: 0 }) => shared.released().await,
        _ => {}
    }
    // A forge has a page at a repository's URL, with and without `.git`, and update managers look there for where it moved.
    if asked.ask == Ask::Other
        && asked.path.trim_matches('/').trim_end_matches(".git") == asked.repo.trim_end_matches(".git")
    {
        let there = shared.root.join(&asked.repo).is_dir();
        return Ok(empty(if there { StatusCode::OK } else { StatusCode::NOT_FOUND }));
    }
    let backend = Backend::start(&shared.root, &parts, body).await?;
    Ok(deliver(backend, asked.ask, fault_of_body(&shared, &asked), shared, line, alive))
}

/// The fault that shapes the body; looked up again, since a stall may have been healed meanwhile.
fn fault_of_body(shared: &Shared, asked: &Asked) -> Option<Fault> {
    shared.fault(&asked.repo, asked.ask).filter(|fault| match fault {
        Fault::Reset { after } | Fault::Stall { after } => *after > 0,
        Fault::SlowDrip { .. } | Fault::Lie(_) => true,
        Fault::Refuse(_) | Fault::RequireBasicAuth { .. } | Fault::Redirect(_) => false,
    })
}

fn deliver(
    mut backend: Backend,
    ask: Ask,
    fault: Option<Fault>,
    shared: Arc<Shared>,
    line: Line,
    alive: mpsc::Sender<()>,
) -> Response<Reply> {
    let (pieces, receiver) = mpsc::channel(1);
    let mut response = Response::new(Reply { pieces: receiver });
    *response.status_mut() = backend.status;
    *response.headers_mut() = std::mem::take(&mut backend.headers);
    if fault.is_some() {
        response.headers_mut().remove(hyper::header::CONTENT_LENGTH);
    }
    let mut tap = Tap { pieces, fault: fault.clone(), sent: 0, line, shared: Arc::clone(&shared) };
    tokio::spawn(async move {
        tokio::select! {
            () = shared.stopped() => {}
            _ = pour(&mut backend, &mut tap, ask, fault) => {}
        }
        drop(tap);
        backend.end().await;
        drop(alive);
    });
    response
}

async fn pour(backend: &mut Backend, tap: &mut Tap, ask: Ask, fault: Option<Fault>) -> io::Result<()> {
    match fault {
        Some(Fault::Lie(Lie::Endless)) => {
            for n in 0.. {
                tap.send(lie::endless(ask, n)).await?;
            }
        }
        Some(Fault::Lie(lie)) => {
            let truth = backend.whole().await?;
            tap.send(Bytes::from(lie::told(lie, truth))).await?;
        }
        _ => loop {
            let piece = backend.piece().await?;
            if piece.is_empty() {
                break;
            }
            tap.send(piece).await?;
        },
    }
    Ok(())
}

/// Where the body's bytes go out, at the pace of the fault.
struct Tap {
    pieces: mpsc::Sender<io::Result<Bytes>>,
    fault: Option<Fault>,
    sent: usize,
    line: Line,
    shared: Arc<Shared>,
}

impl Tap {
    /// Sends a piece. An error says that nobody wants more.
    async fn send(&mut self, piece: Bytes) -> io::Result<()> {
        match self.fault {
            Some(Fault::SlowDrip { bytes_per_second }) => self.drip(piece, bytes_per_second.max(1)).await,
            Some(Fault::Stall { after }) if self.sent + piece.len() > after => {
                let rest = self.send_up_to(after, piece).await?;
                tokio::select! {
                    () = self.shared.released() => {}
                    () = self.pieces.closed() => {}
                }
                self.fault = None;
                self.push(rest).await
            }
            Some(Fault::Reset { after }) if self.sent + piece.len() > after => {
                let before = self.line.written();
                self.send_up_to(after, piece).await?;
                self.flushed(before).await;
                self.line.cut();
                let _ = self.pieces.send(Err(io::ErrorKind::ConnectionReset.into())).await;
                Err(io::ErrorKind::ConnectionReset.into())
            }
            _ => self.push(piece).await,
        }
    }

    async fn send_up_to(&mut self, after: usize, mut piece: Bytes) -> io::Result<Bytes> {
        let first = piece.split_to(after.saturating_sub(self.sent));
        if !first.is_empty() {
            self.push(first).await?;
        }
        Ok(piece)
    }

    /// Returns when what was pushed last has reached the kernel, or a moment passed.
    async fn flushed(&self, before: u64) {
        for _ in 0..100 {
            if self.line.written() > before && self.pieces.capacity() == self.pieces.max_capacity() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn drip(&mut self, mut piece: Bytes, bytes_per_second: usize) -> io::Result<()> {
        // Twenty drops a second, or a byte at a time when that is still too fast.
        let size = bytes_per_second.div_ceil(20);
        let pause = Duration::from_secs_f64(size as f64 / bytes_per_second as f64);
        while !piece.is_empty() {
            self.push(piece.split_to(size.min(piece.len()))).await?;
            tokio::time::sleep(pause).await;
        }
        Ok(())
    }

    async fn push(&mut self, piece: Bytes) -> io::Result<()> {
        self.sent += piece.len();
        self.pieces.send(Ok(piece)).await.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

fn noted(parts: &Parts, body: &[u8]) -> Asked {
    let header = |name: &str| parts.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let path = parts.uri.path();
    let repo = path.find(".git").map_or_else(|| format!("{path}.git"), |at| path[..at + 4].to_owned());
    Asked {
        method: parts.method.to_string(),
        path: path.to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        repo: repo.trim_start_matches('/').to_owned(),
        ask: kind(path, body),
        protocol: header("git-protocol"),
        user_agent: header("user-agent"),
        body_bytes: body.len(),
    }
}

/// A compressed body is a fetch: nothing else that git sends is long enough to be worth it.
fn kind(path: &str, body: &[u8]) -> Ask {
    if path.ends_with("/info/refs") {
        Ask::Discovery
    } else if !path.ends_with("/git-upload-pack") {
        Ask::Other
    } else if body.windows(15).any(|window| window == b"command=ls-refs") {
        Ask::LsRefs
    } else {
        Ask::Fetch
    }
}

async fn read(mut body: Incoming) -> io::Result<Bytes> {
    let mut whole = Vec::new();
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        if let Ok(piece) = frame.map_err(io::Error::other)?.into_data() {
            whole.extend_from_slice(&piece);
        }
    }
    Ok(Bytes::from(whole))
}

fn authorised(parts: &Parts, user: &str, password: &str) -> bool {
    let expected = format!("Basic {}", BASE64.encode(format!("{user}:{password}").as_bytes()));
    parts.headers.get(AUTHORIZATION).is_some_and(|value| value == expected.as_str())
}

fn empty(status: StatusCode) -> Response<Reply> {
    let (_, pieces) = mpsc::channel(1);
    let mut response = Response::new(Reply { pieces });
    *response.status_mut() = status;
    response
}

fn with(mut response: Response<Reply>, name: hyper::header::HeaderName, value: &str) -> Response<Reply> {
    let value = HeaderValue::from_str(value).expect("the value is made of visible characters");
    response.headers_mut().insert(name, value);
    response
}
