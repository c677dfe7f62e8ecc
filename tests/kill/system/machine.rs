//! A machine with packages of its own, which can be put back in an instant, its daemon, and the verdict on it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use refit_testkit::apt::{AptWorld, Deb};
use refit_testkit::child::Child;
use refit_testkit::rpc::Unix;
use refit_testkit::scratch::scratch;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::daemon::{Asked, Daemon, Start};
use crate::deeds::is_ok;
use crate::host::copy;
use crate::oracle::Side;
use crate::syscalls::{CHANGES, write_program};

/// The request.
pub const UPDATE: &str = "machine.update.system";
/// The file that the owner changed.
const OWN: &str = "etc/app.conf";

/// What is interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Three packages get a new version, and a fourth comes with them.
    Upgrade,
    /// The same, where an earlier installation left a package half installed.
    Interrupted,
    /// One of them fails in its own program, and is put back.
    Failing,
}

pub struct Machine {
    deed: Deed,
    apt: AptWorld,
    folder: TempDir,
}

impl Machine {
    pub fn new(deed: Deed) -> Self {
        let machine =
            Self { deed, apt: AptWorld::new().unwrap_or_else(|missing| panic!("{missing}")), folder: scratch() };
        let app = |version: &str, on: &str| {
            let many = (0..12).fold(Deb::new("app", version), |deb, at| {
                deb.file(&format!("usr/lib/app/part{at}"), format!("{version}\n").repeat(200))
            });
            many.depends(on).conffile(OWN, format!("as shipped in {version}\n"))
        };
        let bad = Deb::new("bad", "2.0");
        let bad = if deed == Deed::Failing { bad.postinst_fails("not today") } else { bad };
        for deb in [app("1.0", "lib"), Deb::new("lib", "1.0"), Deb::new("bad", "1.0")] {
            machine.apt.publish(&deb);
        }
        machine.apt.update();
        machine.apt.install(&["app", "bad"]).unwrap_or_else(|why| panic!("{why}"));
        fs::write(machine.apt.root().join(OWN), "the owner's\n").expect("a file");
        for deb in [app("2.0", "lib (>= 2.0), newdep"), Deb::new("lib", "2.0"), Deb::new("newdep", "1.0"), bad] {
            machine.apt.publish(&deb);
        }
        machine.apt.update();
        if deed == Deed::Interrupted {
            machine.halve();
        }
        for below in ["config", "comms"] {
            fs::create_dir_all(machine.data().join(below)).expect("a folder");
        }
        let text = "[server]\nhost: 127.0.0.1\nport: 0\n\n[update_manager]\nenable_packagekit: False\n";
        fs::write(machine.data().join("config/refit.conf"), text).expect("a configuration");
        copy(&machine.apt.root(), &machine.beside("root-template"));
        copy(&machine.data(), &machine.beside("data-template"));
        machine
    }

    /// As most cuts were seen to leave a package: half of its files, and a status that demands it anew.
    fn halve(&self) {
        let file = self.apt.repository().join("lib_2.0_all.deb");
        let unpacked = self.apt.command("dpkg").arg("--unpack").arg(file).status().expect("dpkg starts");
        assert!(unpacked.success());
        let status = self.apt.root().join("var/lib/dpkg/status");
        let text = fs::read_to_string(&status).expect("a status");
        let halved = text.replacen("install ok unpacked", "install reinstreq half-installed", 1);
        fs::write(&status, halved).expect("a status");
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// As it was before the deed.
    pub fn reset(&self) {
        copy(&self.beside("root-template"), &self.apt.root());
        copy(&self.beside("data-template"), &self.data());
        let _none = fs::remove_dir(self.beside("wrapped-once"));
        let _none = fs::remove_file(self.beside("daemon.log"));
        let config = fs::read_to_string(self.apt.config()).expect("a configuration");
        let real: String =
            config.lines().filter(|line| !line.contains("/wrapped\"")).map(|line| format!("{line}\n")).collect();
        fs::write(self.apt.config(), real).expect("a configuration");
    }

    pub fn start(&self, orders: &str) -> Start {
        let mut command = Command::new(env!("CARGO_BIN_EXE_refit"));
        let own =
            self.apt.environment().into_iter().filter(|(name, _)| name.starts_with("APT") || name.starts_with("DPKG"));
        command.env_clear().envs(own).env("HOME", self.folder.path());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin:/bin")));
        command.arg("--data-path").arg(self.data()).args(["-v", "serve"]);
        if !orders.is_empty() {
            command.args(["--fault", orders]);
        }
        Daemon::of(Child::spawn(command, &self.beside("daemon.log")), &self.data()).started()
    }

    /// Up, and at rest.
    pub fn up(&self, orders: &str) -> Daemon {
        match self.start(orders) {
            Start::Up(mut daemon) => {
                daemon.wait_idle();
                daemon
            }
            Start::Died(status) => {
                let log = fs::read_to_string(self.beside("daemon.log")).unwrap_or_default();
                panic!("the daemon ended with {status}:\n{log}")
            }
        }
    }

    /// What a command of the command line says.
    pub fn refit(&self, args: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_refit"));
        command.env_clear().env("HOME", self.folder.path()).arg("--data-path").arg(self.data()).args(args);
        let told = command.output().expect("refit starts");
        format!("{}{}", String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr))
    }

    pub fn connect(&self) -> Unix {
        Unix::connect(self.data().join("comms/refit.sock"))
    }

    /// From the next start on, the owner looks after packages in another way.
    pub fn disable(&self) {
        let file = self.data().join("config/refit.conf");
        let text = fs::read_to_string(&file).expect("a configuration");
        fs::write(file, format!("{text}enable_system_updates: False\n")).expect("a configuration");
    }

    /// Asks and does not wait.
    pub fn ask(&self, method: &str) -> Asked {
        Asked::at(&self.data(), method, &json!({}))
    }

    /// Has apt run the first dpkg that unpacks or configures under strace, and kill the daemon too when that dies.
    pub fn wrap_dpkg(&self, options: &str, kills_daemon: bool) {
        let (once, program) = (self.beside("wrapped-once"), self.beside("wrapped"));
        let then =
            if kills_daemon { format!("kill -9 $(cat {})", self.beside("pid").display()) } else { ":".to_owned() };
        let text = format!(
            "#!/bin/sh\nfor word in \"$@\"; do\n  case $word in --unpack|--configure)\n    if mkdir {once} 2>/dev/null; then\n      \
             strace -f -qq -e trace={CHANGES} {options} /usr/bin/dpkg \"$@\"\n      code=$?\n      [ $code -ne 0 ] && {then}\n      \
             exit $code\n    fi\n  esac\ndone\nexec /usr/bin/dpkg \"$@\"\n",
            once = once.display(),
        );
        write_program(&program, &text);
        let config = fs::read_to_string(self.apt.config()).expect("a configuration");
        fs::write(self.apt.config(), format!("{config}Dir::Bin::dpkg \"{}\";\n", program.display())).expect("a line");
    }

    /// Whom a wrapped dpkg takes along.
    pub fn note_daemon(&self, daemon: &Daemon) {
        fs::write(self.beside("pid"), daemon.child.pid().to_string()).expect("a note");
    }

    /// Starts the daemon again and judges what is there as soon as it is at rest; what came out old is asked for again.
    pub fn restart_and_judge(&self, orders: &str, promised: Option<Side>) -> Result<Side, String> {
        let mut daemon = match self.start(orders) {
            Start::Up(daemon) => daemon,
            Start::Died(status) => return Err(format!("does not come up again: {status}")),
        };
        let verdict = self.judge(&mut daemon, promised).and_then(|side| {
            if side == Side::New || self.deed == Deed::Failing {
                return Ok(side);
            }
            daemon.wait_idle();
            let reply = daemon.ask(UPDATE, json!({}));
            match self.judge(&mut daemon, is_ok(&reply).then_some(Side::New))? {
                Side::New => Ok(side),
                Side::Old => Err(format!("asked once more, it fails: {reply:?}")),
            }
        });
        let verdict = verdict.map_err(|why| format!("{why}\n{}", daemon.child.log()));
        daemon.kill_all();
        verdict
    }

    /// The verdict: nothing half installed, every file of one version, the journal tells which, nothing of the owner lost.
    fn judge(&self, daemon: &mut Daemon, promised: Option<Side>) -> Result<Side, String> {
        let mut wrong = Vec::new();
        let run = daemon.newest_run("system");
        let mut side = match run["outcome"].as_str() {
            Some("finished") => Side::New,
            Some("undone") | None => Side::Old,
            Some(other) => {
                wrong.push(format!("the newest run is {other}: {run}"));
                Side::Old
            }
        };
        if promised.is_some_and(|promised| promised != side) {
            wrong.push(format!("{promised:?} was promised, the journal says {side:?}: {run}"));
        }
        let known = self.apt.status();
        let version = |name: &str| known.get(name).map(|known| known.version.as_str()).unwrap_or_default();
        let untouched = side == Side::Old && self.deed == Deed::Interrupted && version("app") == "1.0";
        for (name, known) in &known {
            let half = known.status != "ii" && !(untouched && name == "lib");
            wrong.extend(half.then(|| format!("{name} is {}", known.status)));
            let file = self.apt.root().join("usr/share").join(name).join("version");
            let told = fs::read_to_string(file).unwrap_or_default();
            wrong.extend(
                (!untouched && told.trim() != known.version)
                    .then(|| format!("{name} is {} and has {told}", known.version)),
            );
        }
        let wanted = match (self.deed, side) {
            // What failed is put back; the others stay as they are, old or new.
            (Deed::Failing, _) => {
                side = if version("app") == "2.0" { Side::New } else { Side::Old };
                [version("app"), version("lib"), "1.0"]
            }
            (_, Side::New) => ["2.0", "2.0", "2.0"],
            (Deed::Interrupted, Side::Old) => ["1.0", version("lib"), "1.0"],
            (Deed::Upgrade, Side::Old) => ["1.0", "1.0", "1.0"],
        };
        let found = ["app", "lib", "bad"].map(version);
        wrong.extend((found != wanted).then(|| format!("app, lib and bad are {found:?} on the {side:?} side")));
        let own = fs::read_to_string(self.apt.root().join(OWN)).unwrap_or_default();
        wrong.extend((own != "the owner's\n").then(|| format!("the owner's file says {own:?}")));
        wrong.extend(strays(&self.apt.root()));
        // The first look at the machine may be going on still.
        daemon.wait_idle();
        let told: Value = daemon.entry("system")["refit"]["interrupted"].take();
        let fine = told.as_array().is_none_or(Vec::is_empty) || untouched;
        wrong.extend((!fine).then(|| format!("the status says that {told} was cut off")));
        if wrong.is_empty() { Ok(side) } else { Err(format!("{side:?}, but\n  {}", wrong.join("\n  "))) }
    }
}

/// What a dpkg that died left lying, but for the new version of the owner's file.
fn strays(folder: &Path) -> Vec<String> {
    let mut strays = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.is_symlink() {
            strays.extend(strays_below(&path));
        }
    }
    strays
}

fn strays_below(folder: &Path) -> Vec<String> {
    if folder.ends_with("var/lib/dpkg") {
        return Vec::new();
    }
    let mut found = strays(folder);
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let stray = (name.ends_with(".dpkg-new") || name.ends_with(".dpkg-tmp")) && !entry.path().is_dir();
        found.extend(stray.then(|| format!("stray: {}", entry.path().display())));
    }
    found
}
