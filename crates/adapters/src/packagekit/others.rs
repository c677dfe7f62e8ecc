//! Who else is at work on packages, through PackageKit or past it: named for the owner, or found again after a restart of
//! ours.
//! Refuses to: end what it did not begin.

use std::os::unix::fs::MetadataExt as _;

use rustix::process::getuid;
use zbus::Connection;
use zbus::fdo::DBusProxy;
use zbus::names::BusName;

use super::fault::Fault;
use super::proxy::{DaemonProxy, TransactionProxy};
use super::transaction::status;

/// What apt and dpkg lock while they work; dpkg's own last.
const LOCKS: [&str; 3] = ["/var/lib/dpkg/lock-frontend", "/var/lib/apt/lists/lock", "/var/lib/dpkg/lock"];

/// A transaction that is not over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Other {
    pub(super) path: String,
    /// What it was told to do (`PkRoleEnum`).
    role: u32,
    /// Who it works for.
    uid: u32,
    /// The command line of the program that began it; none when that has ended.
    program: Option<String>,
}

mod role {
    pub(super) const INSTALL_FILES: u32 = 10;
    pub(super) const INSTALL_PACKAGES: u32 = 11;
    pub(super) const REFRESH_CACHE: u32 = 13;
    pub(super) const REMOVE_PACKAGES: u32 = 14;
    pub(super) const UPDATE_PACKAGES: u32 = 22;
    pub(super) const DOWNLOAD_PACKAGES: u32 = 25;
    pub(super) const REPAIR_SYSTEM: u32 = 29;
    pub(super) const UPGRADE_SYSTEM: u32 = 33;
}

impl Other {
    /// It changes what is installed.
    pub(super) fn changes(&self) -> bool {
        matches!(
            self.role,
            role::INSTALL_FILES
                | role::INSTALL_PACKAGES
                | role::REMOVE_PACKAGES
                | role::UPDATE_PACKAGES
                | role::REPAIR_SYSTEM
                | role::UPGRADE_SYSTEM
        )
    }

    /// This user began it.
    pub(super) fn is_ours(&self) -> bool {
        self.uid == getuid().as_raw()
    }

    /// `pkcon update (PackageKit, which updates packages, for user 1000)`.
    pub(super) fn in_words(&self) -> String {
        let does = match self.role {
            role::INSTALL_FILES | role::INSTALL_PACKAGES => "installs packages",
            role::REFRESH_CACHE => "fetches the lists of packages",
            role::REMOVE_PACKAGES => "removes packages",
            role::UPDATE_PACKAGES => "updates packages",
            role::DOWNLOAD_PACKAGES => "downloads packages",
            role::REPAIR_SYSTEM => "repairs the system's packages",
            role::UPGRADE_SYSTEM => "upgrades the system",
            _ => "looks at packages",
        };
        let program = self.program.as_deref().unwrap_or("a program that has ended");
        format!("{program} (through PackageKit, which {does} for user {})", self.uid)
    }
}

/// All that are not over, but for the one at `own`.
pub(super) async fn look(connection: &Connection, own: &str) -> Result<Vec<Other>, Fault> {
    let daemon = DaemonProxy::new(connection).await.map_err(Fault::from_bus)?;
    let paths = daemon.get_transaction_list().await.map_err(Fault::from_bus)?;
    let mut others = Vec::new();
    for path in paths.iter().map(|path| path.as_str()).filter(|path| *path != own) {
        // One that ends meanwhile is nobody.
        if let Ok(Some(other)) = one(connection, path).await {
            others.push(other);
        }
    }
    Ok(others)
}

/// One that is there; none when it is over.
pub(super) async fn one(connection: &Connection, path: &str) -> zbus::Result<Option<Other>> {
    let transaction = TransactionProxy::builder(connection)
        .path(path.to_owned())
        .cache_properties(zbus::proxy::CacheProperties::No)
        .build()
        .await?;
    if transaction.status().await? == status::FINISHED {
        return Ok(None);
    }
    let (role, uid) = (transaction.role().await?, transaction.uid().await?);
    let program = match transaction.sender().await {
        Ok(sender) => program(connection, &sender).await,
        Err(_) => None,
    };
    Ok(Some(Other { path: path.to_owned(), role, uid, program }))
}

async fn program(connection: &Connection, sender: &str) -> Option<String> {
    let bus = DBusProxy::new(connection).await.ok()?;
    let process = bus.get_connection_unix_process_id(BusName::try_from(sender).ok()?).await.ok()?;
    let words = std::fs::read(format!("/proc/{process}/cmdline")).ok()?;
    let words = words.split(|byte| *byte == 0).map(String::from_utf8_lossy).filter(|word| !word.is_empty());
    let mut line: String = words.collect::<Vec<_>>().join(" ").chars().filter(|c| !c.is_control()).take(80).collect();
    if line.is_empty() {
        line = format!("process {process}");
    }
    Some(line)
}

/// What locks the system's packages, past PackageKit too: `apt-get (process 123)`.
pub(super) fn lock_holder() -> Option<String> {
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    let inodes: Vec<u64> = LOCKS.iter().filter_map(|path| Some(std::fs::metadata(path).ok()?.ino())).collect();
    let process = inodes.iter().find_map(|inode| holder_of(&locks, *inode))?;
    let name = std::fs::read_to_string(format!("/proc/{process}/comm")).ok()?;
    // PackageKit itself works for somebody: that one is named by its transaction.
    (name.trim() != "packagekitd").then(|| format!("{} (process {process})", name.trim()))
}

/// From lines like `1: POSIX  ADVISORY  WRITE 123 08:01:456789 0 EOF`.
fn holder_of(locks: &str, inode: u64) -> Option<u32> {
    let ending = format!(":{inode}");
    locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, _, _, _, process, file, ..] = words[..] else { return None };
        process.parse().ok().filter(|_| file.ends_with(&ending))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_of_a_lock_is_found_by_its_file() {
        let locks = "1: POSIX  ADVISORY  WRITE 77 08:01:45 0 EOF\n2: FLOCK  ADVISORY  WRITE 9 00:19:5 0 EOF\n\
                     2: -> POSIX  ADVISORY  WRITE 78 08:01:45 0 EOF\n3: POSIX  ADVISORY  READ  5 fd:00:245 4 4\n";
        assert_eq!((holder_of(locks, 45), holder_of(locks, 5), holder_of(locks, 245)), (Some(77), Some(9), Some(5)));
        assert_eq!(holder_of(locks, 4), None);
    }
}
