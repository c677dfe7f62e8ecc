//! supervisord, as it runs the programs of printer containers: asked through its XML-RPC on the Unix socket that its
//! configuration names (supervisord.org, "XML-RPC API Documentation").
//! Refuses to: go through a TCP port, and to give a password that its configuration does not hold.
//!
//! | file | what it is |
//! |---|---|
//! | `xml_rpc` | calls to bytes, bytes to answers |
//! | `config` | where the socket is |
//! | `again` | the restart of Refit itself |

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use data_encoding::BASE64;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::Standing;
use super::deed::{Deed, Found, LONGEST_DEED, Trouble, Wait};
use super::name::file_of;

pub mod again;
pub(crate) mod config;
pub mod xml_rpc;

use config::Door;
use xml_rpc::{Answer, Value, answer, call};

/// How long a question may take.
const QUICK: Duration = Duration::from_secs(20);
/// Longer than any answer to our questions: a hundred programs are 60 KiB.
const LONGEST_ANSWER: u64 = 1024 * 1024;

/// Of its `Faults`: no such program, and one that is to be stopped does not run.
const BAD_NAME: i64 = 10;
const NOT_RUNNING: i64 = 70;

/// See the module.
#[derive(Debug)]
pub(super) struct Supervisord {
    pub(super) door: Door,
}

impl Supervisord {
    /// How these programs stand, in systemd's words.
    pub(super) async fn look(&self, units: &[String]) -> Result<BTreeMap<String, Standing>, Trouble> {
        let mut seen = BTreeMap::new();
        for unit in units {
            file_of(unit)?;
            let standing = match self.ask("supervisor.getProcessInfo", &[text(unit)], QUICK).await? {
                Answer::Result(info) => standing(&info),
                Answer::Fault { code: BAD_NAME, .. } => Standing::not_found(),
                Answer::Fault { text, .. } => return Err(Trouble::Failed(text)),
            };
            seen.insert(unit.clone(), standing);
        }
        Ok(seen)
    }

    /// Has something done to a program. Its restart is a stop and a start.
    pub(super) async fn have(&self, deed: Deed, unit: &str, wait: Wait) -> Result<(), Trouble> {
        file_of(unit)?;
        if wait == Wait::Not {
            // Who is stopped cannot ask for its start; supervisord has no word for both. See `again`.
            return Err(Trouble::Failed("supervisord cannot restart the one who asks it".to_owned()));
        }
        self.stop(unit).await?;
        match deed {
            Deed::Stop => Ok(()),
            Deed::Restart => self.start(unit).await,
        }
    }

    /// Stops it, and waits until it has ended. One that does not run is stopped.
    async fn stop(&self, unit: &str) -> Result<(), Trouble> {
        match self.ask("supervisor.stopProcess", &[text(unit), Value::Bool(true)], LONGEST_DEED).await? {
            Answer::Result(_) | Answer::Fault { code: NOT_RUNNING, .. } => Ok(()),
            Answer::Fault { text, .. } => Err(Trouble::Failed(text)),
        }
    }

    async fn start(&self, unit: &str) -> Result<(), Trouble> {
        match self.ask("supervisor.startProcess", &[text(unit), Value::Bool(true)], LONGEST_DEED).await? {
            Answer::Result(_) => Ok(()),
            Answer::Fault { text, .. } => Err(Trouble::Failed(text)),
        }
    }

    /// The program runs this very process, itself or through others (a shell, `su`).
    pub(super) async fn runs_us(&self, unit: &str) -> Result<bool, Trouble> {
        let pid = match self.ask("supervisor.getProcessInfo", &[text(unit)], QUICK).await? {
            Answer::Result(info) => info.member("pid").and_then(Value::int).unwrap_or_default(),
            Answer::Fault { .. } => return Ok(false),
        };
        Ok(pid > 1 && descent().into_iter().any(|ours| i64::from(ours) == pid))
    }

    /// Its programs, and where the running ones run from.
    pub(super) async fn find(&self) -> Result<Vec<Found>, Trouble> {
        let programs = match self.ask("supervisor.getAllProcessInfo", &[], QUICK).await? {
            Answer::Result(Value::Array(programs)) => programs,
            Answer::Result(_) => return Err(Trouble::Failed("supervisord lists no programs".to_owned())),
            Answer::Fault { text, .. } => return Err(Trouble::Failed(text)),
        };
        let found = programs.iter().filter_map(|info| {
            let unit = info.member("name").and_then(Value::text).filter(|name| file_of(name).is_ok())?;
            let pid = info.member("pid").and_then(Value::int).and_then(|pid| u32::try_from(pid).ok());
            let in_use = standing(info).active != "inactive";
            Some(Found { unit: unit.to_owned(), in_use, paths: Vec::new(), pid: pid.filter(|pid| *pid > 0) })
        });
        Ok(found.collect())
    }

    async fn ask(&self, method: &str, params: &[Value], patience: Duration) -> Result<Answer, Trouble> {
        let asked = timeout(patience, post(&self.door, &call(method, params))).await;
        let response = match asked {
            Ok(Ok(response)) => response,
            Ok(Err(error)) if error.kind() == io::ErrorKind::PermissionDenied => return Err(Trouble::Denied),
            Ok(Err(error)) => return Err(Trouble::Absent(self.cannot(&error.to_string()))),
            Err(_) => return Err(Trouble::Absent(self.cannot("it does not answer"))),
        };
        let (status, body) = split(&response).ok_or_else(|| Trouble::Absent(self.cannot("that is no HTTP")))?;
        match status {
            200 => answer(body).map_err(|broken| Trouble::Absent(self.cannot(&broken.to_string()))),
            401 => Err(Trouble::Denied),
            other => Err(Trouble::Absent(self.cannot(&format!("it answers with HTTP {other}")))),
        }
    }

    fn cannot(&self, why: &str) -> String {
        format!("supervisord cannot be asked through {}: {why}", self.door.socket.display())
    }
}

/// Where supervisord is; none where it is not. `configured` is the file that the owner named, which is then the only one.
///
/// # Errors
/// When the named file does not tell.
pub(super) fn find_door(configured: Option<&Path>, home: &Path) -> Result<Option<Door>, String> {
    if let Some(file) = configured {
        return config::door(file, home).map(Some);
    }
    let doors = config::USUAL_FILES.iter().filter_map(|file| config::door(Path::new(file), home).ok());
    let usual = config::USUAL_SOCKETS.iter().map(|socket| Door { socket: PathBuf::from(socket), login: None });
    Ok(doors.chain(usual).find(|door| door.socket.exists()))
}

/// This process and those that it comes from.
fn descent() -> Vec<u32> {
    let parent = |pid: &u32| {
        let told = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let parent = told.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse().ok());
        parent.filter(|parent| *parent > 1)
    };
    std::iter::successors(Some(std::process::id()), parent).collect()
}

fn text(name: &str) -> Value {
    Value::Text(name.to_owned())
}

/// One question and its answer, in the simplest HTTP there is: no connection that is kept, no chunks.
async fn post(door: &Door, body: &[u8]) -> io::Result<Vec<u8>> {
    let login = door.login.as_ref().map(|(name, password)| {
        format!("Authorization: Basic {}\r\n", BASE64.encode(format!("{name}:{password}").as_bytes()))
    });
    let head = format!(
        "POST /RPC2 HTTP/1.0\r\nHost: localhost\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n{}\r\n",
        body.len(),
        login.unwrap_or_default()
    );
    let mut stream = UnixStream::connect(&door.socket).await?;
    stream.write_all(&[head.as_bytes(), body].concat()).await?;
    let mut response = Vec::new();
    stream.take(LONGEST_ANSWER).read_to_end(&mut response).await?;
    Ok(response)
}

/// The status and the body.
fn split(response: &[u8]) -> Option<(u16, &[u8])> {
    let end = response.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (head, body) = (response.get(..end)?, response.get(end + 4..)?);
    let line = head.split(|byte| *byte == b'\r').next()?;
    let status = std::str::from_utf8(line).ok()?.strip_prefix("HTTP/1.")?.split(' ').nth(1)?;
    Some((status.parse().ok()?, body))
}

/// A program's state in the words of a unit's.
fn standing(info: &Value) -> Standing {
    let number = |name: &str| info.member(name).and_then(Value::int).unwrap_or_default();
    let status = i32::try_from(number("exitstatus")).ok();
    let (active, sub, result) = match info.member("statename").and_then(Value::text).unwrap_or_default() {
        "RUNNING" => ("active", "running", "success"),
        "STARTING" => ("activating", "start", "success"),
        "BACKOFF" => ("activating", "auto-restart", "exit-code"),
        "STOPPING" => ("deactivating", "stop-sigterm", "success"),
        "EXITED" if status == Some(0) => ("inactive", "dead", "success"),
        "EXITED" | "FATAL" => ("failed", "failed", "exit-code"),
        // STOPPED, and UNKNOWN, which is an error of its own.
        _other => ("inactive", "dead", "success"),
    };
    Standing {
        load: "loaded".to_owned(),
        active: active.to_owned(),
        sub: sub.to_owned(),
        result: result.to_owned(),
        kind: "simple".to_owned(),
        // Each start has its own second and process.
        invocation: format!("{}-{}", number("start"), number("pid")),
        restarts: String::new(),
        status,
    }
}

// Against a real supervisord: tests/supervisord.rs of the workspace.
#[cfg(test)]
mod tests {
    use super::*;

    fn info(state: &str, exit: i64) -> Value {
        let member = |name: &str, value| (name.to_owned(), value);
        Value::Struct(vec![
            member("statename", Value::Text(state.to_owned())),
            member("exitstatus", Value::Int(exit)),
            member("start", Value::Int(1700)),
            member("pid", Value::Int(42)),
        ])
    }

    #[test]
    fn states_are_told_in_the_words_of_systemd() {
        for (state, exit, words, up) in [
            ("RUNNING", 0, "active, running", true),
            ("STARTING", 0, "activating, start", false),
            ("BACKOFF", 1, "activating, exit-code", false),
            ("STOPPING", 0, "deactivating, stop-sigterm", false),
            ("STOPPED", 0, "inactive, dead", false),
            ("EXITED", 0, "inactive, dead", false),
            ("EXITED", 3, "failed, exit-code", false),
            ("FATAL", 0, "failed, exit-code", false),
            ("UNKNOWN", 0, "inactive, dead", false),
        ] {
            let seen = standing(&info(state, exit));
            assert_eq!((seen.in_words().as_str(), seen.is_up(), seen.exists()), (words, up, true), "{state}");
        }
        assert_eq!(standing(&info("RUNNING", 0)).invocation, "1700-42");
        assert!(!Standing::not_found().exists());
    }

    #[test]
    fn an_answer_of_http_is_taken_apart() {
        let response = b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n<a>";
        assert_eq!(split(response), Some((200, &b"<a>"[..])));
        for nonsense in [&b"HTTP/1.1 200 OK\r\n"[..], b"HTTP/2 200\r\n\r\n", b"\r\n\r\n", b"", b"HTTP/1.1\r\n\r\n"] {
            assert_eq!(split(nonsense), None, "{nonsense:?}");
        }
    }
}
