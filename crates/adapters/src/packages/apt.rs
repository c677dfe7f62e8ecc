//! apt-get and dpkg as programs: asked without rights, and had to act with them (`unit`).
//! Refuses to: know what is installed and why; and to pass on an option that a file of the software could set.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use refit_engine::ports::{Clock as _, StepError, Tell};
use refit_model::name::RunId;
use refit_model::packages::{Ailing, Database, PackageName, Simulation, Trouble, ailing, policies, sizes, trouble};
use tokio::time::{Instant, sleep};

use super::PackageRules;
use super::failure::Failure;
use super::kit::{Extent, Removals};
use super::rights::Means;
use crate::clock::WallClock;
use crate::command::{Command, CommandError, Limits, Outcome};
use crate::root_helper::Wanted;

/// For questions: apt reads all its lists for each, which takes seconds on a small board.
const ASKING: Limits = Limits { total: Some(Duration::from_secs(180)), ..Limits::QUICK };
/// For downloads: a stall is cut off, a slow line is not.
pub(super) const FETCHING: Limits = Limits {
    total: Some(Duration::from_secs(6 * 3600)),
    stall: Some(Duration::from_secs(180)),
    stdout: 16 * 1024 * 1024,
    ..Limits::MOVING
};
/// For installations: never cut short while there is hope that they end, since that is what breaks them.
pub(super) const INSTALLING: Limits = Limits {
    total: Some(Duration::from_secs(3 * 3600)),
    grace: Duration::from_secs(60),
    stdout: 16 * 1024 * 1024,
    ..Limits::QUICK
};
/// Keeps the owner's configuration files, and asks nothing. A name that no list knows is no pattern.
pub(super) const INSTALL_OPTIONS: [&str; 6] = [
    "-o",
    "Dpkg::Options::=--force-confdef",
    "-o",
    "Dpkg::Options::=--force-confold",
    "-o",
    "APT::Cmd::Pattern-Only=true",
];
/// Lists older than this are fetched again before anything is downloaded by them.
const OLD_LISTS: f64 = 24.0 * 3600.0;
/// How often a lock is tried again, and the end of another process looked for.
pub(super) const AGAIN: Duration = Duration::from_secs(1);

/// How packages are brought to exact versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exactly {
    /// Newer ones of what is installed; nothing goes.
    Upgrade,
    /// The same, and what the owner agreed to goes.
    UpgradeAndRemove,
    /// The versions from before.
    PutBack,
}

impl Exactly {
    fn options(self) -> &'static [&'static str] {
        match self {
            Self::Upgrade => &["--only-upgrade", "--no-remove"],
            Self::UpgradeAndRemove => &["--only-upgrade"],
            Self::PutBack => &["--allow-downgrades", "--no-remove", "-o", "Dpkg::Options::=--force-downgrade"],
        }
    }

    fn removals(self) -> Removals {
        match self {
            Self::Upgrade | Self::PutBack => Removals::Refused,
            Self::UpgradeAndRemove => Removals::Agreed,
        }
    }
}

/// One conversation with apt.
pub(super) struct Apt<'a> {
    pub(super) rules: &'a PackageRules,
    pub(super) count: &'a Arc<AtomicU32>,
    pub(super) title: &'a str,
    pub(super) tell: Tell,
    pub(super) run: Option<RunId>,
}

/// How apt is set up here.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    /// The machine's architecture.
    pub(super) architecture: String,
    /// Where its lists are.
    lists: PathBuf,
    /// dpkg's list of what is installed.
    status: PathBuf,
}

impl Apt<'_> {
    /// An error under the title that all messages have.
    pub(super) fn failed(&self, text: &str) -> StepError {
        StepError { message: format!("{}: {text}", self.title), command_failed: false, printer_busy: false }
    }

    /// A sentence of the update's own, as listeners know them (CONTRACT §2.9).
    pub(super) fn announce(&self, text: &str) {
        (self.tell)(&format!("{}: {text}", self.title));
    }

    pub(super) fn say(&self, text: &str) {
        (self.tell)(text);
    }

    /// How apt is set up; none where there is no apt.
    pub(super) async fn setup(&self) -> Option<Setup> {
        let asked =
            ["shell", "ARCH", "APT::Architecture", "LISTS", "Dir::State::lists/d", "STATUS", "Dir::State::status/f"];
        let outcome = self.asking("apt-config", asked).run().await.ok()?;
        let text = String::from_utf8_lossy(&outcome.stdout).into_owned();
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
            Some(line.trim_matches('\'').to_owned())
        };
        Some(Setup { architecture: value("ARCH")?, lists: value("LISTS")?.into(), status: value("STATUS")?.into() })
    }

    /// apt's own version.
    pub(super) async fn version(&self) -> Option<String> {
        let outcome = self.asking("apt-get", ["--version"]).run().await.ok()?;
        let text = String::from_utf8_lossy(&outcome.stdout).into_owned();
        text.strip_prefix("apt ")?.split_whitespace().next().map(str::to_owned)
    }

    /// What is installed.
    pub(super) async fn database(&self, setup: &Setup) -> Result<Database, Failure> {
        let format = format!("-f={}", Database::FORMAT);
        let outcome = self.asking("dpkg-query", ["-W", &format]).run().await.map_err(|error| unrunnable(&error))?;
        // Without any package it fails, and says so on the other stream.
        if !outcome.success() && outcome.stdout.is_empty() && !outcome.stderr_text().contains("no packages found") {
            return Err(Failure::said(outcome.reason()));
        }
        Ok(Database::parse(&outcome.stdout, &setup.architecture))
    }

    /// What apt would do. Takes no lock, needs no rights and no network.
    pub(super) async fn simulate(&self, verb: &str, names: &[PackageName]) -> Result<Simulation, Failure> {
        let names: Vec<&str> = names.iter().map(PackageName::as_str).collect();
        self.simulated(&[&[verb], &*names].concat()).await
    }

    /// What apt would do for all packages, `whole` even where others would have to go.
    pub(super) async fn simulate_upgrade(&self, whole: bool) -> Result<Simulation, Failure> {
        self.simulated(if whole { &["dist-upgrade"] } else { &["--with-new-pkgs", "upgrade"] }).await
    }

    /// What apt would do to bring packages to these versions (`name=version`).
    pub(super) async fn simulate_exactly(&self, manner: Exactly, wanted: &[String]) -> Result<Simulation, Failure> {
        let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
        self.simulated(&[manner.options(), &["install"], &*wanted].concat()).await
    }

    /// What apt would do for such words: options, a verb, names.
    pub(super) async fn simulated(&self, words: &[&str]) -> Result<Simulation, Failure> {
        let options = ["-s", "-y", "-q", "-o", "APT::Cmd::Pattern-Only=true", "-o", "Debug::NoLocking=1"];
        let command = self.asking("apt-get", options).args(words);
        let outcome = command.run().await.map_err(|error| unrunnable(&error))?;
        let mut seen = Simulation::parse(&outcome.stdout, &outcome.stderr);
        if !outcome.success() && seen.errors.is_empty() && seen.not_found.is_empty() {
            seen.errors.push(outcome.ended.to_string());
        }
        Ok(seen)
    }

    /// Bytes to download, by name and version, as far as the lists tell.
    pub(super) async fn sizes(&self, plan: &Simulation) -> std::collections::BTreeMap<(String, String), u64> {
        if plan.install.is_empty() {
            return std::collections::BTreeMap::new();
        }
        let wanted = plan.install.iter().map(|one| format!("{}={}", one.name, one.version));
        let asked = self.asking("apt-cache", ["show", "--no-all-versions"]).args(wanted).run().await;
        asked.map(|outcome| sizes(&outcome.stdout)).unwrap_or_default()
    }

    /// The packages that came only because others need them.
    pub(super) async fn marked_auto(&self) -> Result<Vec<String>, Failure> {
        let outcome = self.asking("apt-mark", ["showauto"]).run().await.map_err(|error| unrunnable(&error))?;
        Ok(String::from_utf8_lossy(&outcome.stdout).lines().map(|line| line.trim().to_owned()).collect())
    }

    /// Marks them so again: who asks apt-get for a version of a package has it taken for wanted by itself.
    pub(super) async fn mark_auto(&self, means: Means, names: &[&str]) -> Result<(), Failure> {
        self.have(means, "mark", INSTALLING, "apt-mark", &[&["auto", "-q"], names].concat(), &[]).await
    }

    /// The installed versions and those that could be had.
    pub(super) async fn candidates(&self, names: &[String]) -> BTreeMap<String, (Option<String>, String)> {
        let asked = self.asking("apt-cache", ["policy", "--"]).args(names).run().await;
        asked.map(|outcome| policies(&outcome.stdout)).unwrap_or_default()
    }

    /// The lists are missing, or so old that what they name may not be there any more.
    pub(super) fn lists_are_old(setup: &Setup) -> bool {
        let changed = |path: PathBuf| {
            let at = std::fs::metadata(path).ok()?.modified().ok()?;
            Some(at.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs_f64())
        };
        let has_lists = std::fs::read_dir(&setup.lists).is_ok_and(|mut entries| {
            entries.any(|entry| entry.is_ok_and(|entry| entry.file_name().to_string_lossy().contains("Packages")))
        });
        // Each list bears the time of its server; only the folders tell when they were asked for.
        let at =
            changed(setup.lists.clone()).into_iter().chain(changed(setup.lists.join("partial"))).fold(0.0, f64::max);
        let age = WallClock.now() - at;
        !has_lists || !(0.0..OLD_LISTS).contains(&age)
    }

    /// dpkg has written down what it had begun, and did not come to its end.
    pub(super) fn has_open_journal(setup: &Setup) -> bool {
        let Some(folder) = setup.status.parent() else { return false };
        let number =
            |name: &std::ffi::OsStr| name.to_str().is_some_and(|name| name.bytes().all(|b| b.is_ascii_digit()));
        std::fs::read_dir(folder.join("updates"))
            .is_ok_and(|mut entries| entries.any(|entry| entry.is_ok_and(|entry| number(&entry.file_name()))))
    }

    /// Fetches the lists.
    pub(super) async fn update(&self, means: Means) -> Result<(), Failure> {
        if let Some(kit) = self.kit(means) {
            let ailing = self.kit_lists(kit).await?;
            let first = ailing.into_iter().next();
            return first.map_or(Ok(()), |source| Err(Failure::said(source.words)));
        }
        self.have(means, "update", FETCHING, "apt-get", &["update", "-q"], &[]).await
    }

    /// Fetches the lists, and says of which sources that was not possible.
    pub(super) async fn fetch_lists(&self, means: Means) -> Result<Vec<Ailing>, Failure> {
        if means == Means::Helper {
            return self.helper_lists().await;
        }
        if let Some(kit) = self.kit(means) {
            return self.kit_lists(kit).await;
        }
        let outcome = self.until_free(means, "update", FETCHING, "apt-get", &["update", "-q"], &[]).await?;
        let ailing = ailing(&outcome.stdout, &outcome.stderr);
        if outcome.success() || !ailing.is_empty() { Ok(ailing) } else { Err(failure_of(&outcome)) }
    }

    /// Downloads these versions (`name=version`).
    pub(super) async fn download_exactly(
        &self,
        means: Means,
        manner: Exactly,
        wanted: &[String],
    ) -> Result<(), Failure> {
        if means == Means::Helper {
            return self.ask_helper_exactly("download", manner, wanted).await;
        }
        if let Some(kit) = self.kit(means).filter(|_| manner != Exactly::PutBack) {
            return self.kit_update(kit, wanted, Extent::Download, manner.removals()).await;
        }
        let options = ["-y", "-q", "--download-only", "-o", "APT::Keep-Downloaded-Packages=true"];
        let options = install_options(&[&options, manner.options()].concat());
        let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
        self.have(means, "download", FETCHING, "apt-get", &[options, wanted].concat(), &[]).await
    }

    /// Installs these versions (`name=version`). What came of it is for the database to say.
    pub(super) async fn install_exactly(
        &self,
        means: Means,
        manner: Exactly,
        wanted: &[String],
    ) -> Result<(), Failure> {
        if means == Means::Helper {
            return self.ask_helper_exactly("install", manner, wanted).await;
        }
        if let Some(kit) = self.kit(means).filter(|_| manner != Exactly::PutBack) {
            return self.kit_update(kit, wanted, Extent::Install, manner.removals()).await;
        }
        let options = install_options(&[&["-y", "-q"], manner.options()].concat());
        let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
        self.have(means, "install", INSTALLING, "apt-get", &[options, wanted].concat(), &[]).await
    }

    /// Downloads what an installation will need.
    pub(super) async fn download(&self, means: Means, names: &[PackageName]) -> Result<(), Failure> {
        if let Some(kit) = self.kit(means) {
            return self.kit_install(kit, names, Extent::Download).await;
        }
        let options = ["-y", "-q", "--no-remove", "--download-only", "-o", "APT::Keep-Downloaded-Packages=true"];
        self.have(means, "download", FETCHING, "apt-get", &install_options(&options), names).await
    }

    /// Installs. What came of it is for the database to say.
    pub(super) async fn install(&self, means: Means, names: &[PackageName]) -> Result<(), Failure> {
        if let Some(kit) = self.kit(means) {
            return self.kit_install(kit, names, Extent::Install).await;
        }
        let options = install_options(&["-y", "-q", "--no-remove"]);
        self.have(means, "install", INSTALLING, "apt-get", &options, names).await
    }

    /// Unpacks again what was cut off half-way.
    pub(super) async fn reinstall(&self, means: Means, names: &[PackageName]) -> Result<(), Failure> {
        let options = install_options(&["-y", "-q", "--no-remove", "--reinstall"]);
        self.have(means, "reinstall", INSTALLING, "apt-get", &options, names).await
    }

    /// Completes what lacks a dependency.
    pub(super) async fn fix(&self, means: Means) -> Result<(), Failure> {
        let options = install_options(&["-y", "-q", "--no-remove", "-f"]);
        self.have(means, "fix", INSTALLING, "apt-get", &options, &[]).await
    }

    /// Finishes what is unpacked.
    pub(super) async fn configure(&self, means: Means) -> Result<(), Failure> {
        let options = ["--force-confdef", "--force-confold", "--configure", "-a"];
        self.have(means, "configure", INSTALLING, "dpkg", &options, &[]).await
    }

    /// Removes these, and nothing else.
    pub(super) async fn remove(&self, means: Means, names: &[PackageName]) -> Result<(), Failure> {
        self.have(means, "remove", INSTALLING, "apt-get", &["-y", "-q", "remove"], names).await
    }

    /// Removes what cannot be unpacked again.
    pub(super) async fn force_off(&self, means: Means, names: &[PackageName]) -> Result<(), Failure> {
        let options = ["--force-remove-reinstreq", "--remove"];
        self.have(means, "force-off", INSTALLING, "dpkg", &options, names).await
    }

    /// Removes the configuration of what is removed.
    pub(super) async fn purge(&self, means: Means, names: &[PackageName]) -> Result<(), Failure> {
        self.have(means, "purge", INSTALLING, "dpkg", &["--purge"], names).await
    }

    /// Has something done with the rights for it, and waits for a lock that another has.
    pub(super) async fn have(
        &self,
        means: Means,
        deed: &str,
        limits: Limits,
        program: &str,
        options: &[&str],
        names: &[PackageName],
    ) -> Result<(), Failure> {
        if self.is_for_helper(means, deed) {
            let packages = names.iter().cloned().map(Wanted::from).collect();
            return self.ask_helper(deed, packages).await;
        }
        let outcome = self.until_free(means, deed, limits, program, options, names).await?;
        if outcome.success() { Ok(()) } else { Err(failure_of(&outcome)) }
    }

    /// The same, however it ends, unless another has the lock for too long.
    async fn until_free(
        &self,
        means: Means,
        deed: &str,
        limits: Limits,
        program: &str,
        options: &[&str],
        names: &[PackageName],
    ) -> Result<Outcome, Failure> {
        let rights = self.rights(means).await?;
        let begun = Instant::now();
        let mut told = false;
        loop {
            let place = self.place(deed);
            let command = self.with_rights(rights, &place, program).args(options);
            let command = command.args(names.iter().map(PackageName::as_str));
            let outcome = self.followed(command, &place, limits).await.map_err(|error| unrunnable(&error))?;
            if outcome.success() {
                return Ok(outcome);
            }
            match trouble(&outcome.stdout, &outcome.stderr) {
                Some(Trouble::Locked { process, program }) if begun.elapsed() < self.rules.patience => {
                    if !told {
                        self.say(&format!(
                            "Waiting for {}, which is working on the system's packages",
                            holder(process, program)
                        ));
                        told = true;
                    }
                    sleep(AGAIN.min(self.rules.patience)).await;
                }
                Some(Trouble::Locked { process, program }) => {
                    let why = format!(
                        "{} has been working on the system's packages for more than {} s; try again when it is done",
                        holder(process, program),
                        self.rules.patience.as_secs()
                    );
                    return Err(Failure { locked: true, ..Failure::said(why) });
                }
                Some(Trouble::Said(_)) | None => return Ok(outcome),
            }
        }
    }

    pub(super) fn asking<A: AsRef<std::ffi::OsStr>>(
        &self,
        program: &str,
        args: impl IntoIterator<Item = A>,
    ) -> Command {
        Command::new(program, &self.rules.surroundings).args(args).dir("/").limits(ASKING)
    }
}

/// An installation with these options.
fn install_options<'a>(options: &[&'a str]) -> Vec<&'a str> {
    options.iter().copied().chain(INSTALL_OPTIONS).chain(["install"]).collect()
}

fn failure_of(outcome: &Outcome) -> Failure {
    match trouble(&outcome.stdout, &outcome.stderr) {
        Some(Trouble::Said(why)) => Failure::said(why),
        Some(Trouble::Locked { .. }) | None => Failure::said(outcome.reason()),
    }
}

/// `apt-get (process 1234)`, `another program`. dpkg does not tell the name.
fn holder(process: Option<u32>, program: Option<String>) -> String {
    let named = |process| std::fs::read_to_string(format!("/proc/{process}/comm")).ok();
    let program = program.or_else(|| process.and_then(named).map(|name| name.trim().to_owned()));
    let program = program.unwrap_or_else(|| "another package manager".to_owned());
    process.map_or_else(|| program.clone(), |process| format!("{program} (process {process})"))
}

fn unrunnable(error: &CommandError) -> Failure {
    let cause = std::error::Error::source(error).map(|cause| format!(" ({cause})")).unwrap_or_default();
    Failure::said(format!("{error}{cause}"))
}
