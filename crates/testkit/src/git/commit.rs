//! A commit as data, and the one way it is written: a `git fast-import` stream, which needs no work tree and one process
//! for any number of commits.

use std::io::Write as _;
use std::process::Stdio;

use super::{GitWorld, Remote};

/// One change of a commit.
#[derive(Clone, Debug)]
enum Change {
    File { path: String, mode: &'static str, content: Vec<u8> },
    Submodule { path: String, sha: String },
    Delete { path: String },
}

/// A commit to be made on a remote.
#[derive(Clone, Debug)]
pub struct Commit {
    message: String,
    author: String,
    date: Option<i64>,
    changes: Vec<Change>,
    merged: Vec<String>,
}

impl Commit {
    /// A commit with this subject, by Ada, at the world's next minute, that changes nothing yet.
    pub fn new(subject: &str) -> Self {
        let author = "Ada Author <ada@example.org>".to_owned();
        Self { message: format!("{subject}\n"), author, date: None, changes: Vec::new(), merged: Vec::new() }
    }

    /// Adds a body below the subject.
    #[must_use]
    pub fn body(mut self, body: &str) -> Self {
        self.message = format!("{}\n{body}\n", self.message);
        self
    }

    /// Replaces the author, `Name <mail>`.
    #[must_use]
    pub fn author(mut self, author: &str) -> Self {
        author.clone_into(&mut self.author);
        self
    }

    /// Sets the author's and committer's date, seconds since 1970. The world's clock is not touched.
    #[must_use]
    pub fn date(mut self, seconds: i64) -> Self {
        self.date = Some(seconds);
        self
    }

    /// Writes a plain file.
    #[must_use]
    pub fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.with(path, "100644", content.as_ref())
    }

    /// Writes an executable file.
    #[must_use]
    pub fn exec(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.with(path, "100755", content.as_ref())
    }

    /// Writes a symbolic link.
    #[must_use]
    pub fn link(self, path: &str, target: &str) -> Self {
        self.with(path, "120000", target.as_bytes())
    }

    /// Points a submodule at a commit.
    #[must_use]
    pub fn submodule(mut self, path: &str, sha: &str) -> Self {
        self.changes.push(Change::Submodule { path: path.to_owned(), sha: sha.to_owned() });
        self
    }

    /// Removes a file or a folder.
    #[must_use]
    pub fn delete(mut self, path: &str) -> Self {
        self.changes.push(Change::Delete { path: path.to_owned() });
        self
    }

    /// Makes it a merge that has `sha` as a further parent.
    #[must_use]
    pub fn merge(mut self, sha: &str) -> Self {
        self.merged.push(sha.to_owned());
        self
    }

    fn with(mut self, path: &str, mode: &'static str, content: &[u8]) -> Self {
        self.changes.push(Change::File { path: path.to_owned(), mode, content: content.to_owned() });
        self
    }

    fn stream(&self, out: &mut Vec<u8>, branch: &str, mark: usize, parent: Option<&str>, now: i64) {
        let date = self.date.unwrap_or(now);
        let mut line = |text: String| out.extend_from_slice(text.as_bytes());
        line(format!("commit refs/heads/{branch}\nmark :{mark}\nauthor {} {date} +0000\n", self.author));
        line(format!("committer Carl Committer <carl@example.org> {date} +0000\n"));
        line(format!("data {}\n{}\n", self.message.len(), self.message));
        if let Some(parent) = parent {
            line(format!("from {parent}\n"));
        }
        for sha in &self.merged {
            line(format!("merge {sha}\n"));
        }
        for change in &self.changes {
            change.stream(out);
        }
        out.extend_from_slice(format!("get-mark :{mark}\n").as_bytes());
    }
}

impl Change {
    fn stream(&self, out: &mut Vec<u8>) {
        match self {
            Self::File { path, mode, content } => {
                out.extend_from_slice(format!("M {mode} inline {}\ndata {}\n", quoted(path), content.len()).as_bytes());
                out.extend_from_slice(content);
                out.push(b'\n');
            }
            Self::Submodule { path, sha } => {
                out.extend_from_slice(format!("M 160000 {sha} {}\n", quoted(path)).as_bytes());
            }
            Self::Delete { path } => out.extend_from_slice(format!("D {}\n", quoted(path)).as_bytes()),
        }
    }
}

/// A path as fast-import reads it, in C quotes.
fn quoted(path: &str) -> String {
    let mut quoted = String::from("\"");
    for byte in path.bytes() {
        match byte {
            b'"' | b'\\' => quoted.extend(['\\', char::from(byte)]),
            0x20..=0x7e => quoted.push(char::from(byte)),
            _ => quoted.push_str(&format!("\\{byte:03o}")),
        }
    }
    quoted.push('"');
    quoted
}

/// Writes `commits` one after the other on top of `tip`, in one process, and moves `branch` there. The shas, in order.
pub(super) fn import(
    world: &GitWorld,
    remote: &Remote,
    branch: &str,
    tip: Option<&str>,
    commits: &[Commit],
) -> Vec<String> {
    let mut stream = Vec::new();
    for (index, commit) in commits.iter().enumerate() {
        let parent = if index == 0 { tip.map(str::to_owned) } else { Some(format!(":{index}")) };
        commit.stream(&mut stream, branch, index + 1, parent.as_deref(), world.tick());
    }
    let mut command = world.command(remote.path(), &["fast-import", "--quiet", "--force"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("git starts");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let writer = std::thread::spawn(move || stdin.write_all(&stream));
    let out = child.wait_with_output().expect("git fast-import can be waited for");
    let written = writer.join().expect("the writer does not panic");
    let shas: Vec<String> = String::from_utf8_lossy(&out.stdout).lines().map(str::to_owned).collect();
    assert!(
        out.status.success() && written.is_ok() && shas.len() == commits.len(),
        "git fast-import into {:?} failed: {}",
        remote.path(),
        String::from_utf8_lossy(&out.stderr)
    );
    shas
}
