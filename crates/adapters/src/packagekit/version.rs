//! Whether this PackageKit has the hole that was closed in April 2026: until then whoever may have nothing done could have a
//! second, other order slipped into a transaction that was allowed already, and be root (CVE-2026-41651).
//! Refuses to: say that a version is safe or unsafe when it cannot be known.

use std::fmt;
use std::io::Read as _;
use std::path::Path;

use flate2::read::MultiGzDecoder;

/// The first version without it.
const FIXED: (u32, u32, u32) = (1, 3, 5);
/// The words with which distributions note that they closed it in an older version: those of the fix itself, and its number.
const NOTES: [&str; 2] = ["Do not allow re-invoking methods on non-new transactions", "CVE-2026-41651"];
/// Where Debian and its kin keep what they changed in the package.
const CHANGELOG: &str = "usr/share/doc/packagekit/changelog.Debian.gz";
/// More than any such file has.
const LONGEST: u64 = 4 * 1024 * 1024;

/// A version of PackageKit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// 1 of 1.2.6.
    pub major: u32,
    /// 2 of 1.2.6.
    pub minor: u32,
    /// 6 of 1.2.6.
    pub micro: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.micro)
    }
}

impl Version {
    /// What the owner should know of it; none when the hole is closed. `root` is `/`.
    #[must_use]
    pub fn warning(&self, root: &Path) -> Option<String> {
        if (self.major, self.minor, self.micro) >= FIXED {
            return None;
        }
        let seen = changelog(&root.join(CHANGELOG));
        if seen.as_deref().is_some_and(|text| NOTES.iter().any(|note| text.contains(note))) {
            return None;
        }
        let known = if seen.is_some() {
            "and this distribution's package does not say that it brings the repair"
        } else {
            "and whether this distribution's package brings the repair cannot be seen here"
        };
        Some(format!(
            "PackageKit {self} is older than 1.3.5, which closed a hole in April 2026 through which any user of this \
             machine could become root (CVE-2026-41651), {known}. Update the package packagekit; where there is no \
             update, remove it: Refit then uses apt"
        ))
    }
}

/// What the distribution changed; none when it is not there.
fn changelog(path: &Path) -> Option<String> {
    let file = std::fs::File::open(path).ok()?;
    let mut bytes = Vec::new();
    MultiGzDecoder::new(file).take(LONGEST).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const OLD: Version = Version { major: 1, minor: 2, micro: 6 };

    fn root_with(changelog: &str) -> tempfile::TempDir {
        let root = refit_testkit::scratch::scratch();
        let path = root.path().join(CHANGELOG);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let file = std::fs::File::create(path).unwrap();
        let mut writer = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        writer.write_all(changelog.as_bytes()).unwrap();
        writer.finish().unwrap();
        root
    }

    #[test]
    fn an_old_one_is_warned_of_unless_its_package_was_mended() {
        let none = refit_testkit::scratch::scratch();
        let warning = OLD.warning(none.path()).unwrap();
        assert!(warning.starts_with("PackageKit 1.2.6 is older than 1.3.5") && warning.contains("cannot be seen"));
        let unmended = root_with("packagekit (1.2.6-5) unstable; urgency=medium\n\n  * Free transaction property\n");
        assert!(OLD.warning(unmended.path()).unwrap().contains("does not say that it brings the repair"));
        let mended =
            root_with("packagekit (1.2.6-5+deb12u1)\n\n  * Do not allow re-invoking methods on non-new transactions\n");
        assert_eq!(OLD.warning(mended.path()), None);
    }

    #[test]
    fn a_new_one_is_not_warned_of() {
        for (major, minor, micro) in [(1, 3, 5), (1, 3, 6), (1, 4, 0), (2, 0, 0)] {
            assert_eq!(Version { major, minor, micro }.warning(Path::new("/nowhere")), None);
        }
        assert!(Version { major: 1, minor: 3, micro: 4 }.warning(Path::new("/nowhere")).is_some());
    }
}
