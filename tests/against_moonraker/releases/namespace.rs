//! A network that belongs to one process: loopback alone, where GitHub's names lead to loopback.
//!
//! A test that needs it starts itself again in namespaces of its own, with the name of a part, and reads what that part
//! answers. Refuses to touch the machine's own network and files: what is mounted goes with the process.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use refit_testkit::scratch::scratch;
use serde_json::Value;

/// The names that lead to loopback: the API, the downloads, and where those redirect to.
pub const NAMES: [&str; 3] = ["api.github.com", "github.com", "objects.githubusercontent.com"];

/// What the process inside is to do.
const PART: &str = "REFIT_TEST_PART";

/// The file for its answer.
const ANSWER: &str = "REFIT_TEST_ANSWER";

/// The part that this process is to do, with the network made ready for it. None in the test that was started by hand.
pub fn part() -> Option<String> {
    let part = std::env::var(PART).ok()?;
    let hosts = answer_file().with_extension("hosts");
    let text = format!("127.0.0.1 localhost\n127.0.0.1 {}\n", NAMES.join(" "));
    std::fs::write(&hosts, text).expect("a file can be written");
    must(Command::new("ip").args(["link", "set", "lo", "up"]), "iproute2");
    must(Command::new("mount").arg("--bind").arg(&hosts).arg("/etc/hosts"), "mount");
    Some(part)
}

/// Leaves the answer of this part for the one who asked.
pub fn answer(value: &Value) {
    std::fs::write(answer_file(), value.to_string()).expect("a file can be written");
}

/// Runs one part of the test of this name in namespaces of its own, and returns its answer.
///
/// # Panics
/// When it fails, with what it said.
pub fn ask(test: &str, part: &str) -> Value {
    let folder = scratch();
    let answer = folder.path().join("answer.json");
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount"]);
    if !rustix::process::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    let program = std::env::current_exe().expect("a test knows its program");
    command.arg(program).args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command.env(PART, part).env(ANSWER, &answer).stdin(Stdio::null());
    let out = command.output().unwrap_or_else(|e| panic!("cannot start unshare (util-linux): {e}"));
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{test}, the part {part:?}, ended with {}:\n{said}", out.status);
    eprint!("{}", String::from_utf8_lossy(&out.stderr));
    let text = std::fs::read_to_string(&answer);
    let text = text.unwrap_or_else(|e| panic!("{test}, the part {part:?}, left no answer ({e}):\n{said}"));
    serde_json::from_str(&text).expect("what was written is JSON")
}

fn answer_file() -> PathBuf {
    let path = std::env::var_os(ANSWER).expect("who names a part names a file for the answer");
    Path::new(&path).to_owned()
}

fn must(command: &mut Command, package: &str) {
    let out = command.stdin(Stdio::null()).output().unwrap_or_else(|e| panic!("{command:?} ({package}): {e}"));
    assert!(out.status.success(), "{command:?}: {}", String::from_utf8_lossy(&out.stderr));
}
