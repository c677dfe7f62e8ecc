//! How this process gets the right to install: through PackageKit, whose rule for polkit is narrow, from the root helper, else
//! as root or by sudo. What PackageKit may not repair the root helper does.
//! Refuses to: use sudo for what PackageKit may do; and to take a right to run apt-get alone for enough.

use super::apt::{Apt, Failure};
use super::kit::NO_REPAIR;

/// How this process gets the right to install.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Means {
    /// PackageKit has it; what PackageKit may not do (repair, remove) needs the helper or rights of this process's own.
    PackageKit,
    /// The root helper. It repairs, and removes nothing.
    Helper,
    /// Its own.
    Own(Rights),
}

/// What this process may have run by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rights {
    /// It is root.
    Root,
    /// `sudo` lets it, without asking for a password.
    Sudo,
}

impl Apt<'_> {
    /// How this process may install; none when it may not. Asked once, unless it may not.
    pub(super) async fn means(&self) -> Option<Means> {
        let found = self.means.get_or_try_init(async || {
            if let Some(kit) = &self.rules.packagekit
                && kit.version().await.is_ok()
            {
                return Ok(Means::PackageKit);
            }
            if self.has_helper() {
                return Ok(Means::Helper);
            }
            self.own_rights().await.map(Means::Own).ok_or(())
        });
        found.await.ok().copied()
    }

    /// What apt and dpkg are run with. Where PackageKit has the rights, this is for what it may not do.
    pub(super) async fn rights(&self, means: Means) -> Result<Rights, Failure> {
        match means {
            Means::Own(rights) => Ok(rights),
            // It is asked by its own words.
            Means::Helper => Err(Failure { why: "the root helper runs no programs".to_owned(), locked: false }),
            Means::PackageKit => {
                self.own_rights().await.ok_or_else(|| Failure { why: NO_REPAIR.to_owned(), locked: false })
            }
        }
    }

    /// The root helper is asked for this: for all that it can do, or for what PackageKit may not repair.
    pub(super) fn is_for_helper(&self, means: Means, deed: &str) -> bool {
        match means {
            Means::Helper => true,
            Means::PackageKit => matches!(deed, "configure" | "reinstall" | "fix") && self.has_helper(),
            Means::Own(_) => false,
        }
    }

    fn has_helper(&self) -> bool {
        !self.rules.is_root && self.rules.helper.is_there()
    }

    async fn own_rights(&self) -> Option<Rights> {
        if self.rules.is_root {
            return Some(Rights::Root);
        }
        // A right to run apt-get alone is not enough, and more than enough for a root shell (RELIABILITY.md §5, row 18).
        let program = if self.rules.runtime.exists() { "systemd-run" } else { "env" };
        let asked = self.asking("sudo", ["-n", program, "--version"]).run().await;
        asked.is_ok_and(|outcome| outcome.success()).then_some(Rights::Sudo)
    }
}
