//! The interfaces of PackageKit 1.x as its daemon describes them to whoever introspects it, as far as they are used here.
//! Refuses to: know what an answer means.

use zbus::OwnedObjectPath;

/// The daemon.
#[zbus::proxy(
    interface = "org.freedesktop.PackageKit",
    default_service = "org.freedesktop.PackageKit",
    default_path = "/org/freedesktop/PackageKit"
)]
pub(super) trait Daemon {
    /// A new transaction, which does nothing until it is told to.
    fn create_transaction(&self) -> zbus::Result<OwnedObjectPath>;
    /// The transactions that are not over.
    fn get_transaction_list(&self) -> zbus::Result<Vec<OwnedObjectPath>>;
    /// 1 of 1.2.6.
    #[zbus(property)]
    fn version_major(&self) -> zbus::Result<u32>;
    /// 2 of 1.2.6.
    #[zbus(property)]
    fn version_minor(&self) -> zbus::Result<u32>;
    /// 6 of 1.2.6.
    #[zbus(property)]
    fn version_micro(&self) -> zbus::Result<u32>;
}

/// One transaction. It takes one order in its life; a second one is what versions before 1.3.5 could be tricked with.
#[zbus::proxy(interface = "org.freedesktop.PackageKit.Transaction", default_service = "org.freedesktop.PackageKit")]
pub(super) trait Transaction {
    /// How it is to behave: `locale=C`, `interactive=false` …
    fn set_hints(&self, hints: &[&str]) -> zbus::Result<()>;
    /// Ends it, where it can be ended.
    fn cancel(&self) -> zbus::Result<()>;
    /// Fetches the lists of packages.
    fn refresh_cache(&self, force: bool) -> zbus::Result<()>;
    /// What can be updated.
    fn get_updates(&self, filter: u64) -> zbus::Result<()>;
    /// Which packages have these names.
    fn resolve(&self, filter: u64, names: &[&str]) -> zbus::Result<()>;
    /// Updates.
    fn update_packages(&self, flags: u64, ids: &[&str]) -> zbus::Result<()>;
    /// Installs.
    fn install_packages(&self, flags: u64, ids: &[&str]) -> zbus::Result<()>;
    /// What it was told to do.
    #[zbus(property)]
    fn role(&self) -> zbus::Result<u32>;
    /// How far it is.
    #[zbus(property)]
    fn status(&self) -> zbus::Result<u32>;
    /// Who began it.
    #[zbus(property)]
    fn uid(&self) -> zbus::Result<u32>;
    /// The connection that began it.
    #[zbus(property)]
    fn sender(&self) -> zbus::Result<String>;
}
