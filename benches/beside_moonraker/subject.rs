//! One of the two, running: asked over HTTP, its cost read from the kernel.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use refit_testkit::child::Child;
use refit_testkit::moonraker::{Installation, Setup};
use refit_testkit::rpc::Http;
use refit_testkit::wait::{free_port, wait_for};
use serde_json::Value;

use crate::host::Host;

/// Which of the two.
pub(crate) enum Kind {
    /// The reference, installed.
    Moonraker(Installation),
    /// The program that was built.
    Refit(PathBuf),
}

impl Kind {
    /// Its name, and its folder's.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Moonraker(_) => "moonraker",
            Self::Refit(_) => "refit",
        }
    }
}

/// Where it lives, and what it looks after.
pub(crate) struct Place<'a> {
    /// Its folder, made when it is not there.
    pub(crate) root: PathBuf,
    /// Of its configuration.
    pub(crate) sections: String,
    /// Besides what every one of them has.
    pub(crate) environment: Vec<(&'static str, OsString)>,
    /// An updater in the sections: when it can be refreshed, the first look at everything is over.
    pub(crate) first: &'a str,
}

/// CPU time so far, children that ended included.
pub(crate) struct Cost {
    /// User and system time.
    pub(crate) milliseconds: f64,
}

/// See the module.
pub(crate) struct Subject {
    child: Child,
    port: u16,
}

impl Subject {
    /// Starts it; answers it and the time until the first answer to a question came. It has looked at everything once
    /// when this returns.
    pub(crate) fn start(kind: &Kind, host: &Host) -> (Self, Duration) {
        let root = host.root().join(kind.name());
        let sections = host.clone_all(&root.join("software"));
        Self::start_in(kind, &Place { root, sections, environment: Vec::new(), first: "repo00" })
    }

    /// The same in any place.
    pub(crate) fn start_in(kind: &Kind, place: &Place<'_>) -> (Self, Duration) {
        let root = &place.root;
        let port = free_port();
        let setup = Setup::new(root, port).section(&place.sections);
        for folder in ["data/config", "home", "tmp"] {
            std::fs::create_dir_all(root.join(folder)).expect("a folder");
        }
        let file = match kind {
            Kind::Moonraker(_) => "moonraker.conf",
            Kind::Refit(_) => "refit.conf",
        };
        std::fs::write(setup.data().join("config").join(file), setup.config()).expect("a configuration");
        let mut command = command(kind, &setup, root);
        command.envs(place.environment.iter().map(|(name, value)| (name, value)));
        let begun = Instant::now();
        let child = Child::spawn(command, &root.join("log"));
        let subject = Self { child, port };
        let answers = || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() && subject.info() == 200;
        while !answers() {
            assert!(begun.elapsed() < Duration::from_secs(60), "no answer:\n{}", subject.child.log_tail());
            std::thread::sleep(Duration::from_micros(500));
        }
        let time = begun.elapsed();
        wait_for(Duration::from_secs(120), "the first pass", || {
            subject.post(&format!("refresh?name={}", place.first)) != 503
        });
        (subject, time)
    }

    /// Refreshes one or all and waits for the answer.
    pub(crate) fn refresh(&self, name: Option<&str>) {
        let question = name.map_or_else(|| "refresh".to_owned(), |name| format!("refresh?name={name}"));
        assert_eq!(self.post(&question), 200, "refresh:\n{}", self.child.log_tail());
    }

    /// Upgrades one and waits for the answer.
    pub(crate) fn upgrade(&self, name: &str) {
        assert_eq!(self.post(&format!("upgrade?name={name}")), 200, "upgrade:\n{}", self.child.log_tail());
    }

    /// The port that it listens on.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Resident memory of the process.
    pub(crate) fn resident_mib(&self) -> f64 {
        self.memory_mib("VmRSS:")
    }

    /// The most that it was since the last [`forget_peak`](Self::forget_peak).
    pub(crate) fn peak_mib(&self) -> f64 {
        self.memory_mib("VmHWM:")
    }

    /// The peak is what is resident now. Source: proc(5), `clear_refs`.
    pub(crate) fn forget_peak(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.child.pid()), "5").expect("the kernel forgets a peak");
    }

    fn memory_mib(&self, field: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.pid())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("the kernel tells it");
        line.trim().trim_end_matches("kB").trim().parse::<f64>().expect("a number") / 1024.0
    }

    /// See [`Cost`]. Source: proc(5), fields utime, stime, cutime, cstime, in ticks of 10 ms.
    pub(crate) fn cost(&self) -> Cost {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.pid())).expect("it runs");
        let after_name = stat.rsplit_once(')').expect("a name in brackets").1;
        let ticks: f64 = after_name.split_whitespace().skip(11).take(4).map(|t| t.parse::<f64>().expect("ticks")).sum();
        Cost { milliseconds: ticks * 10.0 }
    }

    fn info(&self) -> u16 {
        Http::new(self.port).get("/server/info").status
    }

    fn post(&self, question: &str) -> u16 {
        Http::new(self.port).post(&format!("/machine/update/{question}"), &Value::Null).status
    }
}

fn command(kind: &Kind, setup: &Setup, root: &std::path::Path) -> Command {
    let mut command = match kind {
        Kind::Moonraker(installation) => Command::new(installation.venv().join("bin/moonraker")),
        Kind::Refit(program) => {
            let mut command = Command::new(program);
            command.arg("serve");
            command
        }
    };
    command.arg("-d").arg(setup.data()).arg("-u").arg(setup.data().join("comms.sock"));
    if let Kind::Moonraker(_) = kind {
        command.arg("-n");
    }
    command
        .current_dir(root)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into()))
        .env("HOME", root.join("home"))
        .env("TMPDIR", root.join("tmp"))
        .env("LC_ALL", "C.UTF-8")
        .env("PIP_NO_INDEX", "1")
        .env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
    command
}
