//! The real `git http-backend`, run as a CGI program for one request.
//!
//! It stands in a process group of its own, with the upload-pack and pack-objects it starts; all of them are killed when
//! nobody wants the answer any more.

use std::io;
use std::path::Path;
use std::process::Stdio;

use hyper::body::Bytes;
use hyper::http::request::Parts;
use hyper::{HeaderMap, StatusCode};
use rustix::process::{Pid, Signal};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};

/// A running backend whose head was read.
pub(super) struct Backend {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// The status it told.
    pub(super) status: StatusCode,
    /// The headers it told.
    pub(super) headers: HeaderMap,
}

impl Backend {
    /// Starts it, gives it the request and reads the head of its answer.
    pub(super) async fn start(root: &Path, request: &Parts, body: Bytes) -> io::Result<Self> {
        let mut child = command(root, request, body.len()).spawn()?;
        let mut stdin = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        tokio::spawn(async move {
            // A backend that refuses does not read its input.
            let _ = stdin.write_all(&body).await;
        });
        let stdout = BufReader::new(child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?);
        let mut backend = Self { child, stdout, status: StatusCode::OK, headers: HeaderMap::new() };
        backend.read_head().await?;
        Ok(backend)
    }

    async fn read_head(&mut self) -> io::Result<()> {
        loop {
            let mut line = String::new();
            self.stdout.read_line(&mut line).await?;
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                return Ok(());
            };
            if name.eq_ignore_ascii_case("status") {
                let code = value.split(' ').next().and_then(|code| code.parse().ok());
                self.status = code.unwrap_or(StatusCode::BAD_GATEWAY);
            } else if let (Ok(name), Ok(value)) = (name.parse::<hyper::header::HeaderName>(), value.parse()) {
                self.headers.insert(name, value);
            }
        }
    }

    /// The next piece of the body; empty at its end.
    pub(super) async fn piece(&mut self) -> io::Result<Bytes> {
        let mut piece = vec![0; 16 * 1024];
        let count = self.stdout.read(&mut piece).await?;
        piece.truncate(count);
        Ok(Bytes::from(piece))
    }

    /// The whole body.
    pub(super) async fn whole(&mut self) -> io::Result<Vec<u8>> {
        let mut whole = Vec::new();
        self.stdout.read_to_end(&mut whole).await?;
        Ok(whole)
    }

    /// Ends the process and all it started, and reaps it.
    pub(super) async fn end(mut self) {
        let pid = self.child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process_group(pid, Signal::KILL);
        }
        let _ = self.child.wait().await;
    }
}

fn command(root: &Path, request: &Parts, length: usize) -> Command {
    let header = |name: &str| request.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let mut backend = Command::new("git");
    backend
        .arg("http-backend")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into()))
        .env("HOME", root)
        .env("LC_ALL", "C")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_PROTOCOL", header("git-protocol"))
        .env("PATH_INFO", unescaped(request.uri.path()))
        .env("QUERY_STRING", request.uri.query().unwrap_or_default())
        .env("REQUEST_METHOD", request.method.as_str())
        .env("REMOTE_ADDR", "127.0.0.1")
        .env("CONTENT_TYPE", header("content-type"))
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("CONTENT_LENGTH", length.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
    backend
}

/// A path without its percent-encoding.
fn unescaped(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let code = (first == b'%').then(|| tail.get(..2)).flatten().and_then(|hex| std::str::from_utf8(hex).ok());
        match code.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn percent_encoding_is_undone() {
        assert_eq!(super::unescaped("/a%20b/%zz%"), "/a b/%zz%");
    }
}
