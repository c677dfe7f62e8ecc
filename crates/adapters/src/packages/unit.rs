//! Where apt-get and dpkg work: with the rights for it, and where systemd runs the machine in a unit of their own, outside this
//! daemon's group of processes. What they print goes into a file that this daemon reads along, so that neither its end nor a
//! pipe that nobody reads any more cuts an installation short.
//! Refuses to: know what they are asked for.

use std::convert::Infallible;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use refit_engine::ports::Tell;
use tokio::time::{Instant, sleep};

use super::apt::{AGAIN, Apt, INSTALLING};
use super::rights::Rights;
use crate::command::{Command, CommandError, Limits, Outcome};

/// Nothing asks, nothing restarts services behind our back, and the owner's configuration files stay.
const SETTINGS: [(&str, &str); 5] = [
    ("DEBIAN_FRONTEND", "noninteractive"),
    ("APT_LISTCHANGES_FRONTEND", "none"),
    ("NEEDRESTART_SUSPEND", "1"),
    ("UCF_FORCE_CONFFOLD", "1"),
    ("LC_ALL", "C"),
];
/// Where the root helper works for this daemon, or for one that died.
const HELPERS: &str = "refit-root@*";
/// How often the file is looked at.
const READ: Duration = Duration::from_millis(200);
/// What is kept of it.
const MOST: u64 = 16 * 1024 * 1024;

/// Where one program works.
pub(super) struct Place {
    /// None where there is no systemd: below this daemon then.
    unit: Option<Unit>,
}

struct Unit {
    name: String,
    /// What it prints, both streams.
    log: PathBuf,
}

/// Reads along what a unit prints.
struct Reader {
    log: PathBuf,
    /// Before this, another unit wrote.
    from: u64,
    read: Vec<u8>,
    told: usize,
    tell: Tell,
}

impl Apt<'_> {
    /// Where the next program works.
    pub(super) fn place(&self, deed: &str) -> Place {
        if !self.rules.runtime.exists() {
            return Place { unit: None };
        }
        let mut name = "refit-apt-".to_owned();
        // Outside a run, another daemon than the one that died must not meet its units.
        let _never = match self.run {
            Some(run) => write!(name, "{}", run.0),
            None => write!(name, "of-{}", std::process::id()),
        };
        let _never = write!(name, "-{deed}-{}", self.count.fetch_add(1, Ordering::Relaxed));
        let log = self.rules.unit_logs.join(format!("{name}.log"));
        Place { unit: Some(Unit { name, log }) }
    }

    /// A program without its arguments, where it has the rights and outlives this daemon.
    pub(super) fn with_rights(&self, rights: Rights, place: &Place, program: &str) -> Command {
        let mut words: Vec<OsString> = match rights {
            Rights::Root => Vec::new(),
            Rights::Sudo => vec!["sudo".into(), "-n".into()],
        };
        if let Some(Unit { name, log }) = &place.unit {
            words.extend(["systemd-run".into(), format!("--unit={name}").into()]);
            words.extend(["--collect", "--wait", "--quiet", "-p", "Type=oneshot"].map(OsString::from));
            for stream in ["StandardOutput", "StandardError"] {
                words.extend(["-p".into(), format!("{stream}=append:{}", log.display()).into()]);
            }
            words.extend(SETTINGS.map(|(name, value)| format!("--setenv={name}={value}").into()));
            words.push("--".into());
        } else if rights == Rights::Sudo {
            words.push("env".into());
            words.extend(SETTINGS.map(|(name, value)| format!("{name}={value}").into()));
        }
        words.push(program.into());
        let mut words = words.into_iter();
        let first = words.next().unwrap_or_else(|| program.into());
        let mut command = Command::new(first, &self.rules.surroundings).args(words).dir("/");
        for (name, value) in SETTINGS {
            command = command.env(name, value);
        }
        // dpkg insists on programs that a user's path does not lead to.
        let mut path = self.rules.surroundings.path.clone();
        path.push(":/usr/local/sbin:/usr/sbin:/sbin");
        command.env("PATH", path)
    }

    /// Runs it to its end, and passes on what it prints.
    pub(super) async fn followed(
        &self,
        command: Command,
        place: &Place,
        limits: Limits,
    ) -> Result<Outcome, CommandError> {
        let Some(unit) = &place.unit else { return command.limits(limits).tell(self.lines()).run().await };
        // It prints into the file, and whoever waits for it prints nothing.
        let command = command.limits(Limits { stall: None, ..limits });
        let mut reader = Reader::at(&unit.log, self.lines());
        let ran = tokio::select! {
            ran = command.run() => ran,
            never = reader.follow() => match never {},
        };
        let mut outcome = ran?;
        if !outcome.success() {
            // It may be gone alone, who waited for the unit: a service manager ends a whole group at once.
            self.wait_for_units().await;
        }
        reader.look();
        outcome.stdout = reader.read;
        Ok(outcome)
    }

    /// Waits until no unit of this run is at work any more: a daemon that died did not take them with it.
    pub(super) async fn wait_for_units(&self) {
        let Some(run) = self.run.filter(|_| self.rules.runtime.exists()) else { return };
        let pattern = format!("refit-apt-{}-*", run.0);
        let begun = Instant::now();
        let mut told = false;
        while begun.elapsed() < INSTALLING.total.unwrap_or_default() {
            let asked = [
                "list-units",
                "--plain",
                "--no-legend",
                "--state=activating,active,deactivating,reloading",
                &pattern,
                HELPERS,
            ];
            let listed = self.asking("systemctl", asked).run().await;
            if !listed.is_ok_and(|outcome| outcome.success() && !outcome.stdout.trim_ascii().is_empty()) {
                return;
            }
            if !told {
                self.say("An installation that was begun before is still going on; waiting for its end");
                told = true;
            }
            sleep(AGAIN).await;
        }
    }

    /// Passes lines on, without progress that a terminal would overwrite and without the lock that is being waited for.
    pub(super) fn lines(&self) -> Tell {
        let tell = self.tell.clone();
        Arc::new(move |line: &str| {
            let progress = line.starts_with("(Reading database ...") && line.trim_end().ends_with('%');
            let lock = ["Could not get lock", "Unable to acquire the dpkg frontend lock", "Unable to lock directory"];
            if !progress && !lock.iter().any(|words| line.contains(words)) {
                tell(line);
            }
        })
    }
}

impl Reader {
    fn at(log: &Path, tell: Tell) -> Self {
        let from = std::fs::metadata(log).map_or(0, |seen| seen.len());
        Self { log: log.to_owned(), from, read: Vec::new(), told: 0, tell }
    }

    async fn follow(&mut self) -> Infallible {
        loop {
            sleep(READ).await;
            self.look();
        }
    }

    /// Passes on the lines that are whole.
    fn look(&mut self) {
        let Ok(mut file) = std::fs::File::open(&self.log) else { return };
        let at = self.from + self.read.len() as u64;
        let room = MOST.saturating_sub(self.read.len() as u64);
        // What cannot be read now is read the next time.
        let _later = file.seek(SeekFrom::Start(at)).and_then(|_| file.take(room).read_to_end(&mut self.read));
        while let Some(end) = self.read.iter().skip(self.told).position(|byte| *byte == b'\n') {
            let line = self.read.get(self.told..self.told + end).unwrap_or_default();
            (self.tell)(&String::from_utf8_lossy(line));
            self.told += end + 1;
        }
    }
}
