//! A script that is the first process of a process and mount namespace of its own. When this process dies, however it
//! dies, the kernel kills the script and with it everything that it started, and its mounts are gone.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::{Unavailable, try_wait};

/// Killed with all that it started when dropped.
#[derive(Debug)]
pub(crate) struct Enclosure {
    pid: u32,
    handle: OwnedFd,
    ended: Arc<OnceLock<ExitStatus>>,
}

impl Enclosure {
    /// Starts the script with these arguments. What it and its children say is appended to the file `log`.
    pub(crate) fn start(script: &'static str, arguments: Vec<String>, log: &Path) -> Result<Self, Unavailable> {
        let log = File::options().create(true).append(true).open(log);
        let log = log.map_err(|e| Unavailable(format!("cannot write the machine's log: {e}")))?;
        let (tell, told) = channel();
        let ended = Arc::new(OnceLock::new());
        let when_ended = Arc::clone(&ended);
        // The kernel means the thread when it speaks of the parent's death: this one waits for the script's end, whatever
        // becomes of the thread that asked for it.
        thread::spawn(move || {
            let mut child = match command(script, &arguments, &log).and_then(|mut command| command.spawn()) {
                Ok(child) => child,
                Err(error) => return drop(tell.send(Err(error))),
            };
            let pid = Pid::from_child(&child);
            let _ =
                tell.send(pidfd_open(pid, PidfdFlags::empty()).map(|handle| (child.id(), handle)).map_err(Into::into));
            if let Ok(status) = child.wait() {
                let _ = when_ended.set(status);
            }
        });
        match told.recv() {
            Ok(Ok((pid, handle))) => Ok(Self { pid, handle, ended }),
            Ok(Err(e)) => Err(Unavailable(format!("cannot start setpriv and unshare ({e}); install util-linux"))),
            Err(_) => Err(Unavailable("the thread that starts the machine died".to_owned())),
        }
    }

    /// The process outside that all of its processes descend from.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// How the script ended, or none while it runs.
    pub(crate) fn ended(&self) -> Option<ExitStatus> {
        self.ended.get().copied()
    }

    /// Waits for its end.
    pub(crate) fn wait(&self, deadline: Duration) -> Option<ExitStatus> {
        try_wait(deadline, || self.ended())
    }

    /// Ends all of it at once.
    pub(crate) fn kill(&self) {
        let _ = pidfd_send_signal(&self.handle, Signal::KILL);
        // Its namespace is gone a moment after it; nobody needs to wait for ever should the kernel not manage.
        let _ = self.wait(Duration::from_secs(10));
    }
}

impl Drop for Enclosure {
    fn drop(&mut self) {
        self.kill();
    }
}

fn command(script: &str, arguments: &[String], log: &File) -> io::Result<Command> {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"]);
    command.args(["sh", "-c", script, "sh"]).args(arguments);
    command.env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C");
    // The one hierarchy of today's systemd, also where this machine still has several.
    command.env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1").env("DEBIAN_FRONTEND", "noninteractive");
    let proxies = ["http_proxy", "https_proxy", "no_proxy"];
    command.envs(proxies.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log.try_clone()?).process_group(0);
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_script_started_ends_with_it() {
        if !rustix::process::geteuid().is_root() {
            return eprintln!("skipped: namespaces need root");
        }
        let log = std::env::temp_dir().join(format!("refit-enclosure-{}.log", std::process::id()));
        let script = "mount -t tmpfs tmpfs /mnt; setsid sleep 600 & echo started; wait";
        let enclosure = Enclosure::start(script, Vec::new(), &log).unwrap();
        let said = try_wait(Duration::from_secs(10), || {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            (said.contains("started") && sleepers() == 1).then_some(())
        });
        assert!(said.is_some(), "{:?}", std::fs::read_to_string(&log));
        drop(enclosure);
        let gone = try_wait(Duration::from_secs(10), || (sleepers() == 0).then_some(()));
        assert!(gone.is_some(), "the sleeper lives on");
        std::fs::remove_file(&log).unwrap();
    }

    fn sleepers() -> usize {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let lines = processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
        lines.filter(|line| line == b"sleep\x00600\x00").count()
    }
}
