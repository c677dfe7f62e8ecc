//! Commands, files and services inside a machine.

use std::io::{Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::boot::Vm;
use crate::try_wait;

/// How long a command inside may take when nothing else is said.
const PATIENCE: Duration = Duration::from_secs(60);

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Who runs a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    /// root.
    Root,
    /// The unprivileged owner of the printer, uid 1000, without a session, as a service has none.
    Pi,
    /// The same with a session of logind's, as after a login.
    PiSession,
}

impl Vm {
    /// The command that runs `words` inside, from the user's home and in a clean environment; its streams are the
    /// caller's. It is not in any unit of the machine's, except for [`User::PiSession`].
    pub fn command(&self, user: User, words: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        let init = self.init().to_string();
        command.args(["--target", &init, "--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--"]);
        let home = if user == User::Pi { "/home/pi" } else { "/root" };
        command.args(["env", "-i", "--chdir", home, "LC_ALL=C.UTF-8"]).arg(format!("PATH={PATH}"));
        if let Some(term) = std::env::var_os("TERM") {
            command.arg(format!("TERM={}", term.to_string_lossy()));
        }
        match user {
            User::Root => command.args(["HOME=/root", "USER=root"]),
            User::Pi => {
                command.args(["HOME=/home/pi", "USER=pi"]);
                command.args(["setpriv", "--reuid=pi", "--regid=pi", "--init-groups", "--"])
            }
            User::PiSession => {
                command.args(["systemd-run", "--quiet", "--wait", "--collect", "--uid=pi"]);
                command.args(["--working-directory=/home/pi", "--property=PAMName=login", "--setenv=LC_ALL=C.UTF-8"]);
                command.arg("--pipe").arg(format!("--setenv=PATH={PATH}")).arg("--")
            }
        };
        command.args(words);
        command
    }

    /// Runs a command to its end.
    ///
    /// # Panics
    /// When it is not done within a minute, or cannot be started.
    pub fn run(&self, user: User, words: &[&str]) -> Output {
        self.run_for(PATIENCE, user, words)
    }

    /// The same with another deadline.
    ///
    /// # Panics
    /// When it is not done by then, or cannot be started.
    pub fn run_for(&self, deadline: Duration, user: User, words: &[&str]) -> Output {
        self.finish(deadline, user, words, &[])
    }

    /// Runs a command that must succeed. Answers its standard output.
    ///
    /// # Panics
    /// When it fails, with what it said.
    pub fn must(&self, user: User, words: &[&str]) -> String {
        said(words, &self.run(user, words))
    }

    /// Writes a file, which then belongs to `user`, and makes the folders above it.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, user: User, path: &str, bytes: impl AsRef<[u8]>) {
        if let Some(above) = Path::new(path).parent().and_then(Path::to_str) {
            self.must(user, &["mkdir", "-p", above]);
        }
        let words = ["dd", "status=none", &format!("of={path}")];
        said(&words, &self.finish(PATIENCE, user, &words, bytes.as_ref()));
    }

    /// What is in a file; none when there is none.
    pub fn read(&self, path: &str) -> Option<Vec<u8>> {
        let read = self.run(User::Root, &["cat", "--", path]);
        read.status.success().then_some(read.stdout)
    }

    /// Copies a file of this machine, its mode included; it belongs to root then.
    ///
    /// # Panics
    /// When it cannot be copied.
    pub fn copy(&self, from: impl AsRef<Path>, to: &str) {
        let (from, to) = (from.as_ref(), self.root().join(to.trim_start_matches('/')));
        // A program that runs cannot be written to, but can be replaced.
        let _ = std::fs::remove_file(&to);
        std::fs::copy(from, &to).unwrap_or_else(|e| panic!("cannot copy {from:?} to {to:?}: {e}"));
    }

    /// Copies a program of this machine to `/usr/bin/<its name>`.
    ///
    /// # Panics
    /// When it cannot be copied.
    pub fn install_binary(&self, program: impl AsRef<Path>) {
        let name = program.as_ref().file_name().expect("a program has a name").to_string_lossy().into_owned();
        self.copy(program, &format!("/usr/bin/{name}"));
    }

    /// Writes the unit `/etc/systemd/system/<name>.service` and has systemd read it. Does not start it.
    ///
    /// # Panics
    /// When systemd does not take it.
    pub fn service(&self, name: &str, unit: &str) {
        self.write(User::Root, &format!("/etc/systemd/system/{name}.service"), unit);
        self.must(User::Root, &["systemctl", "daemon-reload"]);
    }

    /// A property of a unit as `systemctl show` tells it, such as `ActiveState`.
    ///
    /// # Panics
    /// When systemd does not answer.
    pub fn property(&self, unit: &str, property: &str) -> String {
        self.must(User::Root, &["systemctl", "show", "--value", "-p", property, unit]).trim().to_owned()
    }

    /// What a unit wrote and what systemd wrote about it, of all boots.
    pub fn journal(&self, unit: &str) -> String {
        let read = self.run(User::Root, &["journalctl", "--no-pager", "-o", "short-precise", "-u", unit]);
        String::from_utf8_lossy(&read.stdout).into_owned()
    }

    /// Looks until there is something, and hands it out.
    ///
    /// # Panics
    /// When there still is nothing after `deadline`; `what` says what was waited for.
    pub fn wait_until<T>(&self, deadline: Duration, what: &str, look: impl FnMut() -> Option<T>) -> T {
        try_wait(deadline, look).unwrap_or_else(|| panic!("waited {deadline:?} in vain for {what}"))
    }

    fn finish(&self, deadline: Duration, user: User, words: &[&str], input: &[u8]) -> Output {
        let mut command = self.command(user, words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().unwrap_or_else(|e| panic!("cannot start nsenter: {e}"));
        let group = Pid::from_child(&child);
        let mut stdin = child.stdin.take().expect("a piped stdin");
        let (out, err) = (drain(child.stdout.take()), drain(child.stderr.take()));
        thread::scope(|scope| {
            // A command that does not read ends the pipe, which is no fault of ours.
            scope.spawn(move || drop(stdin.write_all(input)));
            let ended = try_wait(deadline, || child.try_wait().expect("a child of ours can be waited for"));
            let Some(status) = ended else {
                let _ = kill_process_group(group, Signal::KILL);
                let _ = child.wait();
                panic!("{words:?} as {user:?} still runs after {deadline:?}; the console:\n{}", self.console());
            };
            let read = |stream: thread::JoinHandle<Vec<u8>>| stream.join().unwrap_or_default();
            Output { status, stdout: read(out), stderr: read(err) }
        })
    }
}

fn drain(stream: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut all = Vec::new();
        if let Some(mut stream) = stream {
            let _ = stream.read_to_end(&mut all);
        }
        all
    })
}

fn said(words: &[&str], output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{words:?} ended with {}:\n{out}{err}", output.status);
    out
}
