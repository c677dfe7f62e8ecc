//! PackageKit, the system's service for packages, over the bus: it has the rights (through polkit), and it is a process of
//! its own, so that an installation goes on when this daemon is restarted.
//! Refuses to: install what nobody vouches for; to remove; to repair; and to say what is installed (dpkg knows).

use std::sync::Arc;
use std::time::Duration;

use refit_engine::ports::Tell;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use crate::bus::Bus;
use crate::polkit;

mod event;
mod fault;
mod others;
mod package;
mod proxy;
mod term;
mod told;
mod transaction;
mod version;

pub use fault::{Fault, Said};
pub use package::{Change, ChangeKind, NotAnId, PackageId, Resolved, Update, UpdateKind};
pub use version::Version;

use proxy::DaemonProxy;
use told::Told;
use transaction::{Deadlines, Order, Report};

/// Its name on the bus, and that of its interfaces.
const NAME: &str = "org.freedesktop.PackageKit";

/// `PkTransactionFlagEnum`, as bits.
mod flag {
    /// Nothing that nobody vouches for.
    pub(super) const ONLY_TRUSTED: u64 = 1 << 1;
    /// Only say what would be done.
    pub(super) const SIMULATE: u64 = 1 << 2;
    /// Download, and no more.
    pub(super) const ONLY_DOWNLOAD: u64 = 1 << 3;
}

/// `PkFilterEnum`, as bits: the newest version for this machine's architecture.
const NEWEST_HERE: u64 = (1 << 16) | (1 << 18);

/// Questions are answered from lists on the disk; a small board takes its time.
const ASKING: Duration = Duration::from_secs(180);
/// A maintainer script may say nothing for long.
const CHANGING: Duration = Duration::from_secs(1800);
/// How often a lock is looked at again.
const AGAIN: Duration = Duration::from_secs(1);

/// What is to be done with packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Packages that are installed get another version.
    Update,
    /// Packages that are not come.
    Install,
}

/// What a change of the system told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Done {
    /// The machine has to be restarted for all of it to count.
    pub reboot: bool,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct PackageKit {
    bus: Bus,
    patience: Duration,
    asking: Duration,
    changing: Duration,
    /// Known until it is put to work the next time: each question wakes its service for minutes.
    version: Arc<Mutex<Option<Version>>>,
}

impl PackageKit {
    /// What polkit must let this user do. Nobody without a session may, unless a rule says so.
    pub const ACTION: &str = "org.freedesktop.packagekit.system-update";

    /// On this bus. Nothing is asked yet.
    #[must_use]
    pub fn on(bus: Bus) -> Self {
        let patience = Duration::from_secs(300);
        Self { bus, patience, asking: ASKING, changing: CHANGING, version: Arc::default() }
    }

    /// The same, with another patience for those who have the system's packages locked.
    #[must_use]
    pub fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The same, that gives up when nothing moves for this long.
    #[must_use]
    pub fn stalled_after(self, stall: Duration) -> Self {
        Self { asking: stall, changing: stall, ..self }
    }

    /// Which version it is. Starts its service where it sleeps; so this is also how to find out whether it is there.
    ///
    /// # Errors
    /// [`Fault::NotThere`] and [`Fault::NoBus`].
    pub async fn version(&self) -> Result<Version, Fault> {
        let mut known = self.version.lock().await;
        if let Some(version) = *known {
            return Ok(version);
        }
        let version = Box::pin(self.ask_version()).await?;
        *known = Some(version);
        Ok(version)
    }

    /// It is there, and polkit lets this user have packages installed by it.
    pub async fn is_usable(&self) -> bool {
        let Ok(connection) = self.bus.connection().await else { return false };
        let Some(me) = polkit::this_process(&connection) else { return false };
        // Where there is no polkit, PackageKit lets nobody. That question wakes none of the two for long.
        polkit::allows(&connection, me, Self::ACTION).await.unwrap_or(false) && self.version().await.is_ok()
    }

    async fn ask_version(&self) -> Result<Version, Fault> {
        let connection = self.bus.connection().await?;
        let daemon = DaemonProxy::builder(&connection).cache_properties(zbus::proxy::CacheProperties::No);
        let daemon = daemon.build().await.map_err(Fault::from_bus)?;
        Ok(Version {
            major: daemon.version_major().await.map_err(Fault::from_bus)?,
            minor: daemon.version_minor().await.map_err(Fault::from_bus)?,
            micro: daemon.version_micro().await.map_err(Fault::from_bus)?,
        })
    }

    /// Fetches the lists of packages; with `force` even when they are young.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn refresh(&self, force: bool, tell: &Tell) -> Result<(), Fault> {
        self.run(&Order::Refresh(force), self.asking, tell, &|_| {}).await.map(drop)
    }

    /// What can be updated, by the lists that are there.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn updates(&self) -> Result<Vec<Update>, Fault> {
        let report = self.run(&Order::Updates, self.asking, &silence(), &|_| {}).await?;
        let update = |(info, id): (package::Info, PackageId)| Update {
            name: id.name().to_owned(),
            version: id.version().to_owned(),
            architecture: id.architecture().to_owned(),
            kind: info.update(),
            id,
        };
        Ok(report.packages.into_iter().map(update).collect())
    }

    /// Which packages have these names, in the newest version for this machine.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn resolve(&self, names: &[&str]) -> Result<Vec<Resolved>, Fault> {
        let report = self.run(&Order::Resolve(NEWEST_HERE, names), self.asking, &silence(), &|_| {}).await?;
        let resolved = |(info, id): (package::Info, PackageId)| Resolved {
            installed: info.is_installed() || id.is_installed(),
            id,
        };
        Ok(report.packages.into_iter().map(resolved).collect())
    }

    /// What would be done. Needs no rights.
    ///
    /// # Errors
    /// [`Fault`]; what does not fit together is [`Fault::Said`].
    pub async fn simulate(&self, deed: Deed, ids: &[PackageId]) -> Result<Vec<Change>, Fault> {
        let order = order(deed, flag::SIMULATE | flag::ONLY_TRUSTED, ids);
        let report = self.run(&order, self.asking, &silence(), &|_| {}).await?;
        Ok(report.packages.into_iter().map(|(info, id)| Change { kind: info.change(), id }).collect())
    }

    /// Downloads what that would need.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn download(&self, deed: Deed, ids: &[PackageId], tell: &Tell) -> Result<(), Fault> {
        let order = order(deed, flag::ONLY_DOWNLOAD | flag::ONLY_TRUSTED, ids);
        self.run(&order, self.changing, tell, &|_| {}).await.map(drop)
    }

    /// Does it. `note` hears the path of each transaction before it begins, for [`Self::attach`].
    ///
    /// # Errors
    /// [`Fault`]. Whatever it says, what is installed is for dpkg to tell.
    pub async fn change(
        &self,
        deed: Deed,
        ids: &[PackageId],
        note: &(dyn Fn(&str) + Send + Sync),
        tell: &Tell,
    ) -> Result<Done, Fault> {
        match self.run(&order(deed, flag::ONLY_TRUSTED, ids), self.changing, tell, note).await {
            Ok(report) => Ok(Done { reboot: report.reboot }),
            Err(Fault::Said { mut said }) if said.is_of_a_package() => {
                if let Some(words) = term::last_words(term::LOG.as_ref()) {
                    said.details = format!("{} (it said: {words})", said.details.trim_end());
                }
                Err(Fault::Said { said })
            }
            Err(Fault::Vanished) => {
                self.wait_for_orphans(tell).await;
                Err(Fault::Vanished)
            }
            Err(fault) => Err(fault),
        }
    }

    /// Waits for the end of a transaction that was noted; at once when it is over already. How it ended is no proof of
    /// anything and is not told.
    ///
    /// # Errors
    /// [`Fault::Stalled`], [`Fault::Vanished`], and what the bus says.
    pub async fn attach(&self, path: &str, tell: &Tell) -> Result<(), Fault> {
        let connection = self.bus.connection().await?;
        let deadlines = Deadlines { patience: self.changing, stall: self.changing };
        let mut told = Told::new(tell.clone());
        match Box::pin(transaction::attach(&connection, path, deadlines, &mut told)).await {
            Ok(_) | Err(Fault::Said { .. } | Fault::Ended(_)) => Ok(()),
            Err(fault) => Err(fault),
        }
    }

    /// Waits until no transaction is at work any more that changes packages and that this user began: what a predecessor
    /// of this process left behind. Says so once. How many there were.
    ///
    /// # Errors
    /// As [`Self::attach`].
    pub async fn settle(&self, tell: &Tell) -> Result<usize, Fault> {
        let connection = self.bus.connection().await?;
        let begun = Instant::now();
        let mut count = 0;
        while begun.elapsed() < self.changing.saturating_mul(6) {
            let others = Box::pin(others::look(&connection, "")).await?;
            let Some(ours) = others.into_iter().find(|other| other.is_ours() && other.changes()) else { break };
            if count == 0 {
                tell("An installation that was begun before is still going on; waiting for its end");
            }
            count += 1;
            self.attach(&ours.path, tell).await?;
        }
        Ok(count)
    }

    /// dpkg may outlive the daemon that started it, as when PackageKit itself is updated.
    async fn wait_for_orphans(&self, tell: &Tell) {
        let begun = Instant::now();
        let mut told = Told::new(tell.clone());
        while let Some(who) = others::lock_holder().filter(|_| begun.elapsed() < self.changing) {
            told.waiting(Some(who));
            sleep(AGAIN).await;
        }
    }

    async fn run(
        &self,
        order: &Order<'_>,
        stall: Duration,
        tell: &Tell,
        note: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<Report, Fault> {
        let connection = self.bus.connection().await?;
        let deadlines = Deadlines { patience: self.patience, stall };
        // Boxed: the compiler's patience with futures in futures has an end.
        let done = Box::pin(transaction::run(&connection, order, deadlines, tell, note)).await;
        // It may be another one by now, or gone; and as long as it is awake the question costs nothing.
        *self.version.lock().await = None;
        done
    }
}

fn order<'a>(deed: Deed, flags: u64, ids: &'a [PackageId]) -> Order<'a> {
    let ids = ids.iter().map(PackageId::as_str).collect();
    match deed {
        Deed::Update => Order::Update(flags, ids),
        Deed::Install => Order::Install(flags, ids),
    }
}

fn silence() -> Tell {
    Arc::new(|_| {})
}
