//! Status requests as fast as they are answered, over kept connections.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// What came of it.
pub(crate) struct Load {
    /// Answers a second, all connections together.
    pub(crate) rate: f64,
    /// 99 of 100 answers came within this.
    pub(crate) p99: Duration,
}

/// Asks for the status over `connections` for as long as `span`.
pub(crate) fn status(port: u16, connections: usize, span: Duration) -> Load {
    let workers: Vec<_> = (0..connections).map(|_| std::thread::spawn(move || ask(port, span))).collect();
    let mut times: Vec<Duration> = workers.into_iter().flat_map(|worker| worker.join().expect("a worker")).collect();
    times.sort_unstable();
    let rate = times.len() as f64 / span.as_secs_f64();
    Load { rate, p99: times[times.len() * 99 / 100] }
}

fn ask(port: u16, span: Duration) -> Vec<Duration> {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    stream.set_nodelay(true).expect("a socket option");
    let mut writer = stream.try_clone().expect("a second handle");
    let mut reader = BufReader::with_capacity(1 << 16, stream);
    let mut body = Vec::new();
    let mut times = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < span {
        let asked = Instant::now();
        writer.write_all(b"GET /machine/update/status HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("a request");
        body.resize(length(&mut reader), 0);
        reader.read_exact(&mut body).expect("a body");
        times.push(asked.elapsed());
    }
    times
}

/// Reads the head of an answer; answers the length of its body.
fn length(reader: &mut impl BufRead) -> usize {
    let mut length = None;
    let mut line = String::new();
    loop {
        line.clear();
        reader.read_line(&mut line).expect("a head");
        let text = line.trim_end().to_ascii_lowercase();
        if text.is_empty() {
            return length.expect("an answer with a length");
        }
        if let Some(value) = text.strip_prefix("content-length:") {
            length = value.trim().parse().ok();
        }
    }
}
