//! An answer's body on its way out, at the pace of the fault, counted.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::body::{Body, Bytes, Frame};
use tokio::sync::mpsc;

use super::asked::Noted;
use super::fault::CHUNK;
use super::{Fault, Traffic};
use crate::wire::Line;

/// How long what was handed over may take to reach the kernel before a connection is ended nevertheless.
const PATIENCE: Duration = Duration::from_secs(10);

/// An answer's body as hyper takes it.
pub(crate) struct Reply {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    taken: Arc<Taken>,
}

/// How far the connection has taken a body.
struct Taken {
    line: Line,
    noted: Arc<Noted>,
    /// How often the connection was flushed when the last piece was taken.
    flushes: AtomicU64,
    /// Whether hyper is done with the body.
    gone: AtomicBool,
}

/// Where the body's bytes go out.
pub(crate) struct Tap {
    pieces: mpsc::Sender<io::Result<Bytes>>,
    taken: Arc<Taken>,
    pushed: u64,
}

/// A body and its source, for the connection `line`; its bytes are counted in `noted`.
pub(crate) fn body(line: Line, noted: Arc<Noted>) -> (Tap, Reply) {
    let (sender, receiver) = mpsc::channel(1);
    let taken = Arc::new(Taken { line, noted, flushes: AtomicU64::new(0), gone: AtomicBool::new(false) });
    (Tap { pieces: sender, taken: Arc::clone(&taken), pushed: 0 }, Reply { pieces: receiver, taken })
}

impl Body for Reply {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let polled = self.pieces.poll_recv(cx);
        if let Poll::Ready(Some(Ok(piece))) = &polled {
            self.taken.flushes.store(self.taken.line.flushed(), Ordering::Relaxed);
            self.taken.noted.count(piece.len());
        }
        polled.map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.taken.gone.store(true, Ordering::Relaxed);
    }
}

/// Hands the body out. An error says that nobody wants more of it.
pub(crate) async fn pour(mut tap: Tap, body: Bytes, fault: Option<Fault>, traffic: &Traffic) -> io::Result<()> {
    match fault {
        Some(Fault::CutAfter(after)) => {
            tap.chunks(head(&body, after), None).await?;
            tap.end(io::ErrorKind::UnexpectedEof).await
        }
        Some(Fault::ResetAfter(after)) => {
            tap.chunks(head(&body, after), None).await?;
            tap.flushed().await;
            tap.taken.line.cut();
            tap.end(io::ErrorKind::ConnectionReset).await
        }
        Some(Fault::StallAfter(after)) => {
            let first = head(&body, after);
            let rest = body.slice(first.len()..);
            tap.chunks(first, None).await?;
            tokio::select! {
                () = traffic.released() => {}
                () = tap.pieces.closed() => {}
            }
            tap.chunks(rest, None).await
        }
        Some(Fault::Endless) => {
            tap.chunks(body, None).await?;
            loop {
                tap.push(Bytes::from_static(&[b' '; CHUNK])).await?;
            }
        }
        Some(Fault::SlowPerChunk(pause)) => tap.chunks(body, Some(pause)).await,
        Some(Fault::BytesPerSecond(rate)) => tap.drip(body, rate).await,
        _ => tap.chunks(body, None).await,
    }
}

fn head(body: &Bytes, after: u64) -> Bytes {
    body.slice(..usize::try_from(after).unwrap_or(usize::MAX).min(body.len()))
}

impl Tap {
    async fn chunks(&mut self, mut body: Bytes, pause: Option<Duration>) -> io::Result<()> {
        while !body.is_empty() {
            if let Some(pause) = pause {
                tokio::time::sleep(pause).await;
            }
            self.push(body.split_to(CHUNK.min(body.len()))).await?;
        }
        Ok(())
    }

    /// So many bytes a second, ten times a second or as often as one byte is due.
    async fn drip(&mut self, mut body: Bytes, rate: u64) -> io::Result<()> {
        let step = (rate / 10).max(1);
        let pause = Duration::from_secs_f64(step as f64 / rate.max(1) as f64);
        while !body.is_empty() {
            tokio::time::sleep(pause).await;
            let piece = head(&body, step);
            body = body.slice(piece.len()..);
            self.push(piece).await?;
        }
        Ok(())
    }

    async fn push(&mut self, piece: Bytes) -> io::Result<()> {
        self.pushed += piece.len() as u64;
        self.pieces.send(Ok(piece)).await.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    /// Ends the connection once everything so far has reached the kernel.
    async fn end(&mut self, how: io::ErrorKind) -> io::Result<()> {
        self.flushed().await;
        let _ = self.pieces.send(Err(how.into())).await;
        Err(how.into())
    }

    /// Returns when everything so far has reached the kernel, or nobody will take it any more.
    async fn flushed(&self) {
        let start = Instant::now();
        while start.elapsed() < PATIENCE && !self.taken.gone.load(Ordering::Relaxed) {
            let all = self.taken.noted.sent() >= self.pushed;
            if all && self.taken.line.flushed() > self.taken.flushes.load(Ordering::Relaxed) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}
