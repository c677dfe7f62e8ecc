//! How this process gets the right to install: through PackageKit, whose rule for polkit is narrow, from the root helper, else
//! as root or by sudo. What PackageKit may not repair the root helper does.
//! Refuses to: use sudo for what PackageKit may do; and to take a right to run apt-get alone for enough.

use super::apt::Apt;
use super::failure::Failure;
use super::kit::no_repair;

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

/// What is said where there is none.
pub(super) const NO_RIGHTS: &str = "Refit has no right to install packages. Type: sudo apt-get upgrade. To see how it \
                                    gets the right, type: refit doctor";

/// How an owner repairs what was cut off.
pub(super) const REPAIR: &str = "Type: sudo dpkg --configure -a, and for each package that sudo dpkg --audit still names: sudo \
                                 apt-get install --reinstall NAME";

/// What is said where there is none, and something was cut off.
pub(super) fn no_right_to_repair() -> String {
    format!(
        "An installation of system packages was cut off, and Refit has no right to finish it. {REPAIR}. To see how it gets \
         the right, type: refit doctor"
    )
}

impl Apt<'_> {
    /// How this process may install; none when it may not. Asked anew each time: an owner who gives or takes a right need not
    /// restart Refit for it.
    pub(super) async fn means(&self) -> Option<Means> {
        if let Some(kit) = &self.rules.packagekit
            && kit.is_usable().await
        {
            return Some(Means::PackageKit);
        }
        if self.has_helper() {
            return Some(Means::Helper);
        }
        self.own_rights().await.map(Means::Own)
    }

    /// What apt and dpkg are run with. Where PackageKit has the rights, this is for what it may not do.
    pub(super) async fn rights(&self, means: Means) -> Result<Rights, Failure> {
        match means {
            Means::Own(rights) => Ok(rights),
            // It is asked by its own words.
            Means::Helper => Err(Failure::said("the root helper runs no programs")),
            Means::PackageKit => self.own_rights().await.ok_or_else(no_repair),
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
