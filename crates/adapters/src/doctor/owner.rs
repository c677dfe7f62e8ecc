//! Whose Refit it is: the user that the daemon runs as, by the one who answers at its socket, by its unit, or by the owner
//! of its folders.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};
use rustix::process::geteuid;

use super::Patient;
use crate::command::Command;

/// See the module.
#[derive(Debug, Clone, Default)]
pub(super) struct Owner {
    /// Its user's number.
    pub(super) uid: u32,
    /// The process that answers at the socket.
    pub(super) process: Option<u32>,
    /// The unit `refit.service`, where systemd knows one.
    pub(super) unit: Option<Unit>,
}

/// What systemd says of `refit.service`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Unit {
    /// `active`, `failed` …
    pub(super) active: String,
    /// The user, by name or number; empty for root.
    user: String,
    /// Where it may write; none when it may write everywhere.
    pub(super) writes: Option<Vec<PathBuf>>,
}

impl Owner {
    pub(super) async fn find(patient: &Patient<'_>) -> Self {
        let unit = unit(patient).await;
        let peer = UnixStream::connect(patient.socket).ok();
        let peer = peer.and_then(|stream| rustix::net::sockopt::socket_peercred(&stream).ok());
        let of_folder = |path: &Path| fs::metadata(path).ok().map(|seen| seen.uid());
        let uid = peer
            .map(|peer| peer.uid.as_raw())
            .or_else(|| unit.as_ref().and_then(|unit| uid_of(&unit.user)))
            .or_else(|| of_folder(patient.state))
            .or_else(|| of_folder(patient.data))
            .unwrap_or_else(|| geteuid().as_raw());
        let process = peer.and_then(|peer| u32::try_from(peer.pid.as_raw_nonzero().get()).ok());
        Self { uid, process, unit }
    }

    /// The daemon's user looks.
    pub(super) fn is_me(&self) -> bool {
        geteuid().as_raw() == self.uid
    }

    /// Its user's name.
    pub(super) fn name(&self) -> String {
        name_of(self.uid)
    }

    /// A service that is confined sees this as read-only.
    pub(super) fn cannot_write(&self, path: &Path) -> bool {
        let writes = self.unit.as_ref().and_then(|unit| unit.writes.as_ref());
        writes.is_some_and(|writes| !writes.iter().any(|allowed| path.starts_with(allowed)))
    }
}

/// The name of a user; the number where it has none.
pub(super) fn name_of(uid: u32) -> String {
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => user.name,
        Ok(None) | Err(_) => uid.to_string(),
    }
}

fn uid_of(user: &str) -> Option<u32> {
    if user.is_empty() {
        return Some(0);
    }
    user.parse().ok().or_else(|| Some(User::from_name(user).ok()??.uid.as_raw()))
}

async fn unit(patient: &Patient<'_>) -> Option<Unit> {
    if !patient.ground.runtime.is_dir() {
        return None;
    }
    let asked = ["show", "-p", "LoadState,ActiveState,User,ProtectSystem,ReadWritePaths", "--", "refit.service"];
    let outcome = Command::new("systemctl", &patient.surroundings).args(asked).dir("/").run().await.ok()?;
    parse(&String::from_utf8_lossy(&outcome.stdout))
}

fn parse(told: &str) -> Option<Unit> {
    let values: BTreeMap<&str, &str> = told.lines().filter_map(|line| line.split_once('=')).collect();
    let value = |name: &str| values.get(name).copied().unwrap_or_default();
    if value("LoadState") != "loaded" {
        return None;
    }
    // A minus before a path: it need not be there. A plus: below the unit's own root.
    let path = |word: &str| PathBuf::from(word.trim_start_matches(['-', '+']));
    let paths = || value("ReadWritePaths").split_whitespace().map(path).collect();
    Some(Unit {
        active: value("ActiveState").to_owned(),
        user: value("User").to_owned(),
        writes: (value("ProtectSystem") == "strict").then(paths),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confined_unit_writes_where_it_says_and_a_missing_one_is_none() {
        let told =
            "LoadState=loaded\nActiveState=active\nUser=pi\nProtectSystem=strict\nReadWritePaths=/home -/opt/a\n";
        let unit = parse(told).expect("a unit");
        assert_eq!((unit.active.as_str(), unit.user.as_str()), ("active", "pi"));
        let owner = Owner { unit: Some(unit), ..Owner::default() };
        assert!(!owner.cannot_write(Path::new("/home/pi/klipper")) && !owner.cannot_write(Path::new("/opt/a/b")));
        assert!(owner.cannot_write(Path::new("/opt/ab")));
        let free = parse("LoadState=loaded\nActiveState=inactive\nUser=\nProtectSystem=no\n").expect("a unit");
        assert!(!Owner { unit: Some(free), ..Owner::default() }.cannot_write(Path::new("/opt")));
        assert_eq!(parse("LoadState=not-found\nActiveState=inactive\n"), None);
    }

    #[test]
    fn no_user_is_root_and_a_number_is_itself() {
        assert_eq!(uid_of(""), Some(0));
        assert_eq!(uid_of("1234"), Some(1234));
        assert_eq!(uid_of("root"), Some(0));
        assert_eq!(uid_of("nobody of this name"), None);
    }
}
