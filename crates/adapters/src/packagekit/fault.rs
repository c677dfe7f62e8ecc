//! Why PackageKit did not do what it was asked for, in words for the owner.
//! Refuses to: hide what PackageKit said itself.

use std::time::Duration;

use refit_model::packages::{Trouble, trouble};
use thiserror::Error;

use crate::bus::NoBus;

/// Why it was not done.
#[derive(Debug, Error)]
pub enum Fault {
    /// No bus.
    #[error(transparent)]
    NoBus(#[from] NoBus),
    /// There is a bus, and no PackageKit on it.
    #[error("PackageKit is not installed, or does not start ({0})")]
    NotThere(String),
    /// polkit said no.
    #[error(
        "the system does not let this user do that ({0}): the rule for polkit that Refit brings is missing, or the user is \
         not in the group refit"
    )]
    Refused(String),
    /// Another had the system's packages locked for longer than we wait.
    #[error("{who} has been working on the system's packages for more than {} s; try again when it is done", .waited.as_secs())]
    Locked {
        /// Who it is.
        who: String,
        /// How long it was waited for.
        waited: Duration,
    },
    /// It said why.
    #[error("{}", .said.in_words())]
    Said {
        /// What it said.
        said: Said,
    },
    /// It ended without a reason.
    #[error("PackageKit ended without having done it, and did not say why ({0})")]
    Ended(&'static str),
    /// The daemon went away in the middle.
    #[error("PackageKit's service stopped in the middle; what is installed now is what dpkg says")]
    Vanished,
    /// Nothing moved.
    #[error("nothing moved in PackageKit for {} s", .0.as_secs())]
    Stalled(Duration),
    /// What is not an answer.
    #[error("PackageKit could not be asked ({0})")]
    Bus(#[source] zbus::Error),
}

/// PackageKit's numbers for reasons, as far as there is more to say about them than what it says itself.
mod code {
    pub(super) const OUT_OF_MEMORY: u32 = 1;
    pub(super) const NOT_FOUND: u32 = 8;
    pub(super) const CANCELLED: u32 = 17;
    pub(super) const CANNOT_GET_LOCK: u32 = 26;
    pub(super) const CORRUPT: u32 = 40;
    pub(super) const NO_SPACE: u32 = 46;
    pub(super) const NOT_AUTHORIZED: u32 = 48;
    pub(super) const CANCELLED_FOR_ANOTHER: u32 = 65;
    pub(super) const UNFINISHED: u32 = 66;
    pub(super) const LOCK_REQUIRED: u32 = 67;
    /// No network, a package or a mirror that fails, sources that cannot be fetched.
    pub(super) const DOWNLOAD: [u32; 4] = [2, 10, 43, 64];
    /// No lists, a repository that is not there.
    pub(super) const LISTS: [u32; 2] = [18, 37];
    /// A signature that is missing or wrong, a repository without one.
    pub(super) const UNTRUSTED: [u32; 5] = [5, 30, 31, 50, 51];
    /// Dependencies, files and packages that are in each other's way.
    pub(super) const UNFIT: [u32; 3] = [13, 35, 36];
    /// A transaction that failed, a package that cannot be configured, installed or removed.
    pub(super) const INSTALLATION: [u32; 4] = [16, 56, 58, 59];
    /// Installed already, nothing to update.
    pub(super) const NOTHING: [u32; 3] = [9, 27, 41];
}

const MISSING_RIGHT: &str = "To see what is missing, type: refit doctor";

/// A reason as PackageKit gives it: one of its numbers (`PkErrorEnum`), and text of apt or dpkg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The number.
    pub code: u32,
    /// The text, as it came.
    pub details: String,
}

impl Said {
    /// The lock of the system's packages is another's.
    #[must_use]
    pub fn is_lock(&self) -> bool {
        let says_so = matches!(self.code, code::CANNOT_GET_LOCK | code::LOCK_REQUIRED) || self.holder().is_some();
        says_so && !self.is_unfinished()
    }

    /// dpkg was cut off in the middle and has to be mended before anything else. PackageKit calls that a lock as well, which
    /// no patience would open.
    #[must_use]
    pub fn is_unfinished(&self) -> bool {
        self.code == code::UNFINISHED || self.details.contains("dpkg was interrupted")
    }

    /// Whose lock it is, as far as the text tells.
    #[must_use]
    pub fn holder(&self) -> Option<String> {
        match trouble(self.details.as_bytes(), b"") {
            Some(Trouble::Locked { process, program }) => {
                let program = program.unwrap_or_else(|| "another package manager".to_owned());
                Some(process.map_or_else(|| program.clone(), |process| format!("{program} (process {process})")))
            }
            Some(Trouble::Said(_)) | None => None,
        }
    }

    /// Nobody vouches for a package.
    #[must_use]
    pub fn is_untrusted(&self) -> bool {
        code::UNTRUSTED.contains(&self.code)
    }

    /// A package failed while it was being installed: its own scripts have said why, and dpkg has written it down.
    #[must_use]
    pub fn is_of_a_package(&self) -> bool {
        code::INSTALLATION.contains(&self.code)
    }

    /// The system does not let this user.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        self.code == code::NOT_AUTHORIZED
    }

    /// There is nothing to do.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        code::NOTHING.contains(&self.code)
    }

    /// What happened, for people.
    #[must_use]
    pub fn in_words(&self) -> String {
        let details = one_line(&self.details);
        let details = if details.is_empty() { "PackageKit said no more".to_owned() } else { details };
        match self.what() {
            Some((what, _)) => format!("{what}: {details}"),
            None => format!("{details} (PackageKit's error {})", self.code),
        }
    }

    /// What to do about it, where that is known.
    #[must_use]
    pub fn next(&self) -> Option<&'static str> {
        self.what().map(|(_, next)| next).filter(|next| !next.is_empty())
    }

    /// What happened, and what to do next.
    fn what(&self) -> Option<(&'static str, &'static str)> {
        Some(match self.code {
            _ if self.is_unfinished() => {
                ("an earlier installation was cut off", "Type: sudo dpkg --configure -a, then try again")
            }
            code if code::UNTRUSTED.contains(&code) => (
                "a package comes from a source that nobody vouches for, and was refused",
                "Give the source its key (Signed-By in /etc/apt/sources.list.d), or install the package by hand",
            ),
            code if code::DOWNLOAD.contains(&code) => {
                ("a download failed", "Look at the network and at the sources in /etc/apt, then try again")
            }
            code if code::LISTS.contains(&code) => (
                "the lists of packages could not be fetched",
                "Look at the network and at the sources in /etc/apt, then try again",
            ),
            code if code::UNFIT.contains(&code) => {
                ("the packages do not fit together", "For the whole story, type: sudo apt-get -s dist-upgrade")
            }
            code if code::INSTALLATION.contains(&code) => {
                // What is left of it is seen and told by those who ask dpkg.
                ("a package could not be installed", "")
            }
            code::OUT_OF_MEMORY => ("PackageKit ran out of memory", "Try again when less is running"),
            code::NOT_FOUND => ("a package is not to be had", "Look at the sources in /etc/apt, then try again"),
            code::CANCELLED | code::CANCELLED_FOR_ANOTHER => ("the work on packages was cancelled", ""),
            code::CANNOT_GET_LOCK | code::LOCK_REQUIRED => {
                ("the system's packages are locked", "Try again when the other package manager is done")
            }
            code::CORRUPT => ("a downloaded package is damaged", "Type: sudo apt-get clean, then try again"),
            code::NO_SPACE => {
                ("the disk is full", "Free some space, with sudo apt-get clean to begin with, then try again")
            }
            code::NOT_AUTHORIZED => ("the system does not let this user do that", MISSING_RIGHT),
            _ => return None,
        })
    }
}

/// Many lines of apt as one; its own `E: ` and `W: ` say nothing to people.
fn one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let bare = lines.map(|line| line.trim_start_matches("E: ").trim_start_matches("W: ").trim_end_matches('.'));
    let mut line: String = bare.collect::<Vec<_>>().join("; ");
    line.retain(|c| !c.is_control());
    let cut = line.char_indices().nth(1000).map(|(at, _)| at);
    if let Some(at) = cut {
        line.truncate(at);
        line.push('…');
    }
    line
}

impl Fault {
    /// What to do about it, a sentence without its full stop; none where that is not known.
    #[must_use]
    pub fn next(&self) -> Option<&'static str> {
        match self {
            Self::Said { said } => said.next(),
            Self::Refused(_) => Some(MISSING_RIGHT),
            Self::NotThere(_) => Some("Try again: Refit goes another way then, where there is one"),
            Self::Vanished => Some("To see whether something is half installed, type: sudo dpkg --audit"),
            Self::Stalled(_) => Some("To see what it is doing, type: sudo journalctl -u packagekit -e"),
            // Who is waited for is named with it.
            Self::Locked { .. } | Self::NoBus(_) | Self::Ended(_) | Self::Bus(_) => None,
        }
    }

    /// From an error of the bus: who is not there, who is not allowed, and everything else.
    pub(super) fn from_bus(error: zbus::Error) -> Self {
        let (name, text) = match &error {
            zbus::Error::MethodError(name, text, _) => (name.to_string(), text.clone().unwrap_or_default()),
            zbus::Error::FDO(inner) => (inner.to_string(), String::new()),
            _ => return Self::Bus(error),
        };
        let one_of = |names: &[&str]| names.iter().any(|one| name.contains(one));
        if one_of(&["RefusedByPolicy", "AccessDenied", "NotAuthorized"]) {
            Self::Refused(if text.is_empty() { name } else { one_line(&text) })
        } else if one_of(&["ServiceUnknown", "NameHasNoOwner", "DBus.Error.Spawn", "freedesktop.systemd1"]) {
            Self::NotThere(if text.is_empty() { name } else { one_line(&text) })
        } else {
            Self::Bus(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(code: u32, details: &str) -> Said {
        Said { code, details: details.to_owned() }
    }

    #[test]
    fn what_it_said_is_always_in_the_words() {
        let words = said(46, "E: You don't have enough free space in /var/cache/apt/archives/.\n").in_words();
        assert_eq!(words, "the disk is full: You don't have enough free space in /var/cache/apt/archives/");
        assert!(said(46, "").next().is_some_and(|next| next.starts_with("Free some space, with sudo apt-get clean")));
        assert_eq!((said(17, "").next(), said(60, "").next()), (None, None));
        assert_eq!(said(60, "something new\nand more").in_words(), "something new; and more (PackageKit's error 60)");
        assert_eq!(said(17, "").in_words(), "the work on packages was cancelled: PackageKit said no more");
        assert!(said(16, &"x".repeat(5000)).in_words().len() < 1200);
    }

    #[test]
    fn a_lock_is_known_by_its_number_and_by_the_text() {
        let text = "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 12 (apt-get)\n";
        assert!(said(26, "").is_lock() && said(16, text).is_lock() && !said(16, "no lock at all").is_lock());
        assert_eq!(said(26, text).holder().as_deref(), Some("apt-get (process 12)"));
        assert_eq!(said(26, "").holder(), None);
        let cut =
            said(26, "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem. ");
        assert!(!cut.is_lock(), "no patience opens that");
        assert!(cut.in_words().starts_with("an earlier installation was cut off: dpkg was interrupted"));
    }
}
