//! What `apt-get update` says of the sources of packages that it could not use. Its exit code tells less: a source that is
//! out of reach costs a warning alone, and the old list stays.
//! Refuses to: run it; and to take a source that is not the distribution's own for the end of a release.

use super::Distribution;

/// What is wrong with a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ailment {
    /// Its server answered, and has no such release (any more).
    Gone,
    /// What it says was to be renewed by now.
    Expired,
    /// What it says is from a time to come: this machine's clock is behind.
    Early,
    /// Nobody vouches for it, or not any more: no signature, an unknown key, one that has expired.
    Unsigned,
    /// It names itself otherwise than before (`stable` has become `oldstable`): apt wants the owner to agree.
    Renamed,
    /// It could not be asked, or said what cannot be used.
    Unusable,
}

/// A source that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ailing {
    /// What is wrong.
    pub ailment: Ailment,
    /// apt's own words.
    pub words: String,
    /// The release it was asked for, as far as they tell: `bookworm-security`.
    suite: Option<String>,
}

/// All that could not be used, from both outputs of `apt-get update`.
#[must_use]
pub fn ailing(stdout: &[u8], stderr: &[u8]) -> Vec<Ailing> {
    let mut seen: Vec<Ailing> = Vec::new();
    let text = [stdout, stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    for line in text.iter().flat_map(|text| text.lines()) {
        let Some(words) = line.strip_prefix("E: ").or_else(|| line.strip_prefix("W: ")) else { continue };
        let Some(ailment) = ailment(words) else { continue };
        let one = Ailing { ailment, words: super::said(words.trim()), suite: suite(words) };
        if !seen.contains(&one) {
            seen.push(one);
        }
    }
    seen
}

/// What apt says of a source that nobody vouches for.
const UNSIGNED: [&str; 4] =
    ["is not signed", "GPG error", "signatures were invalid", "signatures couldn't be verified"];

fn ailment(words: &str) -> Option<Ailment> {
    let gone = words.contains("does not have a Release file")
        || words.contains("no longer has a Release file")
        || words.contains("  404  ")
        || words.contains("  410  ")
        || words.contains(" is not (yet) available (404  ");
    if words.contains(" changed its '") {
        Some(Ailment::Renamed)
    } else if gone {
        Some(Ailment::Gone)
    } else if words.contains(" is expired (") {
        Some(Ailment::Expired)
    } else if words.contains(" is not valid yet (") {
        Some(Ailment::Early)
    } else if UNSIGNED.iter().any(|sign| words.contains(sign)) {
        Some(Ailment::Unsigned)
    } else if words.starts_with("Failed to fetch ") || words.contains(UNAVAILABLE) {
        Some(Ailment::Unusable)
    } else {
        None
    }
}

/// What PackageKit says of a file of a source.
const UNAVAILABLE: &str = " is not (yet) available (";

/// `http://host/debian/dists/buster/main/…`, `'http://host/debian buster Release'`, and as PackageKit has it
/// `http://host/debian buster/main amd64 Packages is not (yet) available (…)`.
fn suite(words: &str) -> Option<String> {
    let suite = if let Some((_, rest)) = words.split_once("/dists/") {
        rest.split(['/', ' ']).next()?
    } else if let Some((file, _)) = words.split_once(UNAVAILABLE) {
        file.split(' ').nth(1)?.split('/').next()?
    } else {
        words.split('\'').nth(1)?.split(' ').nth(1)?
    };
    Some(suite.to_owned()).filter(|suite| !suite.is_empty())
}

/// Hosts of the distributions themselves: others name their releases after them too, and come and go as they like.
const HOSTS: [&str; 6] =
    ["debian.org", "raspbian.org", "raspberrypi.org", "raspberrypi.com", "ubuntu.com", "armbian.com"];

impl Ailing {
    /// It is a source of this distribution's own release, which is gone from where it was or not renewed any more.
    fn tells_of_the_end(&self, here: &Distribution) -> bool {
        let ended = match self.ailment {
            Ailment::Gone | Ailment::Expired => true,
            Ailment::Early | Ailment::Unsigned | Ailment::Renamed | Ailment::Unusable => false,
        };
        let rest = here.codename.as_deref().and_then(|codename| self.suite.as_deref()?.strip_prefix(codename));
        ended && self.is_of_the_distribution() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }

    fn is_of_the_distribution(&self) -> bool {
        let Some((_, rest)) = self.words.split_once("://") else { return false };
        let host = rest.split(['/', ':', ' ']).next().unwrap_or_default();
        HOSTS.iter().any(|own| host.strip_suffix(own).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
    }
}

/// The release of this machine is past its end of life, as far as its own sources tell; in words for people.
#[must_use]
pub fn end_of_life(ailing: &[Ailing], here: &Distribution) -> Option<String> {
    let found = ailing.iter().find(|one| one.tells_of_the_end(here))?;
    let how = match found.ailment {
        Ailment::Expired => "its package source is not renewed any more (if the clock of this machine is right)",
        Ailment::Gone | Ailment::Early | Ailment::Unsigned | Ailment::Renamed | Ailment::Unusable => {
            "its package source is gone from where it was"
        }
    };
    Some(format!(
        "{} has reached its end of life: {how} ({}). It gets no more updates, also none for its security. Move this \
         machine to a newer release; everything else can be updated as before",
        here.title(),
        found.words.trim_end_matches('.')
    ))
}

/// Why the lists are not up to date, with what to do; none where only the release has ended.
#[must_use]
pub fn complaint(ailing: &[Ailing], here: &Distribution) -> Option<String> {
    let first = ailing.iter().find(|one| !one.tells_of_the_end(here))?;
    let next = match first.ailment {
        Ailment::Gone => "Look at this source in /etc/apt, and take it out when nothing needs it any more",
        Ailment::Expired => {
            "Look at the clock of this machine; when it is right, whoever runs this source must renew it"
        }
        Ailment::Early => {
            "The clock of this machine is behind, it seems. To have it set over the network, type: sudo timedatectl set-ntp \
             true. Then: refit refresh system"
        }
        Ailment::Unsigned => {
            "Give this source its new key, as whoever runs it tells, or take it out of /etc/apt when nothing needs it any more"
        }
        Ailment::Renamed => "If you agree, type: sudo apt-get update --allow-releaseinfo-change",
        Ailment::Unusable => "Look at the network, and at the sources in /etc/apt",
    };
    Some(format!("{}. {next}", first.words.trim_end_matches('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> Distribution {
        Distribution::parse(b"ID=debian\nVERSION_CODENAME=buster\nPRETTY_NAME=\"Debian GNU/Linux 10 (buster)\"\n", "")
    }

    fn seen(line: &str) -> (Option<String>, Option<String>) {
        let ailing = ailing(b"Hit:1 http://x stable InRelease\n", line.as_bytes());
        (end_of_life(&ailing, &here()), complaint(&ailing, &here()))
    }

    #[test]
    fn the_end_of_a_release_is_told_from_a_source_in_trouble() {
        for ended in [
            "E: The repository 'http://deb.debian.org/debian buster Release' no longer has a Release file.\n",
            "E: The repository 'http://raspbian.raspberrypi.org/raspbian buster Release' does not have a Release file.\n",
            "E: Failed to fetch http://security.debian.org/dists/buster-security/main/Packages  404  Not Found [IP: ::1 80]\n",
            "E: Release file for http://deb.debian.org/debian/dists/buster/InRelease is expired (invalid since 3d 2h 1min \
             4s). Updates for this repository will not be applied.\n",
            "E: http://deb.debian.org/debian buster/main amd64 Packages is not (yet) available (404  Not Found [IP: ::1 80])\n",
        ] {
            let (end, complaint) = seen(ended);
            assert!(end.is_some_and(|end| end.starts_with("Debian GNU/Linux 10 (buster) has reached its end of life")));
            assert_eq!(complaint, None, "{ended}");
        }
        for (line, next) in [
            (
                "E: The repository 'http://deb.debian.org/debian bookworm Release' does not have a Release file.",
                "take it out",
            ),
            (
                "E: The repository 'https://deb.nodesource.com/node buster Release' does not have a Release file.",
                "take it out",
            ),
            (
                "E: The repository 'http://notdebian.org/debian buster Release' does not have a Release file.",
                "take it out",
            ),
            (
                "W: Failed to fetch http://deb.debian.org/debian/dists/buster/InRelease  Could not connect",
                "Look at the network",
            ),
            (
                "E: http://deb.debian.org/debian buster InRelease is not (yet) available (Could not connect to ::1)",
                "Look at the network",
            ),
            ("E: Release file for http://mine/dists/x/InRelease is expired (invalid since 3d).", "Look at the clock"),
            (
                "E: Release file for http://deb.debian.org/debian/dists/buster/InRelease is not valid yet (invalid for \
                 another 2h 59min 50s). Updates for this repository will not be applied.",
                "sudo timedatectl set-ntp true",
            ),
            (
                "W: An error occurred during the signature verification. The repository is not updated and the previous \
                 index files will be used. GPG error: http://deb.debian.org/debian buster InRelease: The following \
                 signatures were invalid: EXPKEYSIG 0123456789ABCDEF Lab",
                "its new key",
            ),
            ("E: The repository 'http://deb.debian.org/debian buster InRelease' is not signed.", "its new key"),
            (
                "E: Repository 'http://deb.debian.org/debian buster InRelease' changed its 'Suite' value from 'stable' to 'oldstable'",
                "--allow-releaseinfo-change",
            ),
        ] {
            let (end, complaint) = seen(&format!("{line}\n"));
            assert_eq!(end, None, "{line}");
            assert!(complaint.as_ref().is_some_and(|words| words.contains(next)), "{line}: {complaint:?}");
        }
        assert_eq!(seen("W: Some index files failed to download. They have been ignored.\n"), (None, None));
    }
}
