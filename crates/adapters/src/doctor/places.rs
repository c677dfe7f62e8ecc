//! Refit's own folder, the Refit that runs, and the folders that it writes to.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use refit_model::updater::Spec;
use rustix::fs::{Access, access};
use rustix::process::geteuid;

use super::owner::{Owner, name_of};
use super::{Finding, Patient};
use crate::store::holder;

/// So many files of a folder are looked at: all of them, in any usual one.
const LOOKED_AT: usize = 50_000;

pub(super) fn running(patient: &Patient<'_>, owner: &Owner) -> Vec<Finding> {
    const CHECK: &str = "refit";
    let socket = patient.socket.display();
    if let Some(process) = owner.process {
        return vec![Finding::fine(CHECK, format!("Refit runs as {} (process {process})", owner.name()))];
    }
    if UnixStream::connect(patient.socket).is_err_and(|why| why.kind() == std::io::ErrorKind::PermissionDenied) {
        let what = format!("The user {} may not use Refit's socket {socket}", name_of(geteuid().as_raw()));
        return vec![Finding::note(CHECK, what)];
    }
    let state = owner.unit.as_ref().map(|unit| unit.active.as_str());
    vec![match state {
        // Before it answers it finishes or takes back what was cut off, and that may take a download.
        Some("activating") if holder(patient.state).is_some() => {
            Finding::note(CHECK, "Refit is at work on what was cut off, and answers when that is done")
        }
        Some("failed" | "activating") => Finding::trouble(
            CHECK,
            "The service refit does not come up",
            "To see why, type: journalctl -u refit -e. Then: sudo systemctl restart refit",
        ),
        Some(_) => Finding::warning(
            CHECK,
            format!("Refit does not run: nobody answers at {socket}"),
            "To start it, type: sudo systemctl enable --now refit",
        ),
        None => Finding::warning(
            CHECK,
            format!("Refit does not run: nobody answers at {socket}"),
            "Start it with: refit serve. The Debian package brings a service that starts with the machine",
        ),
    }]
}

pub(super) fn state(patient: &Patient<'_>, owner: &Owner) -> Vec<Finding> {
    const CHECK: &str = "state";
    let folder = patient.state;
    let shown = folder.display();
    let seen = match fs::symlink_metadata(folder) {
        Ok(seen) => seen,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return above(patient, owner),
        Err(error) => {
            let what = format!("Refit's folder {shown} cannot be looked at ({error})");
            let user = if owner.is_me() { String::new() } else { format!("-u {} ", owner.name()) };
            return vec![Finding::trouble(CHECK, what, format!("Look once more with: sudo {user}refit doctor"))];
        }
    };
    if !seen.is_dir() {
        let what = format!("Refit's folder {shown} is not a folder of its own");
        return vec![Finding::trouble(CHECK, what, format!("Move it away: mv {shown} {shown}.old"))];
    }
    let mut findings = vec![];
    if let Some(stranger) = foreign(folder, owner.uid) {
        findings.push(not_ours(CHECK, "Refit's folder", folder, &stranger, owner));
    }
    if seen.mode() & 0o077 != 0 {
        findings.push(Finding::warning(
            CHECK,
            format!("Others may look into Refit's folder {shown}, where its key lies"),
            format!("Type: chmod 700 {shown}"),
        ));
    }
    if let Some(parent) = open_parent(folder) {
        findings.push(Finding::warning(
            CHECK,
            format!(
                "Anybody may put something else in the place of Refit's folder: {} is open to all",
                parent.display()
            ),
            format!("Type: sudo chmod o-w {}", parent.display()),
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::fine(CHECK, format!("{shown} belongs to {} alone", owner.name())));
    }
    findings
}

/// There is no state folder yet: it must be possible to make it.
fn above(patient: &Patient<'_>, owner: &Owner) -> Vec<Finding> {
    const CHECK: &str = "state";
    let shown = patient.state.display();
    let Some(data) = patient.state.ancestors().skip(1).find(|folder| folder.is_dir()) else { return Vec::new() };
    match writable(data, owner) {
        true => vec![Finding::note(CHECK, format!("{shown} is not there yet; Refit makes it when it first starts"))],
        false => {
            let (name, data) = (owner.name(), data.display());
            let what = format!("{name} cannot make its folder {shown} in {data}");
            // What is above the data folder is not the printer's: nobody is to be told to give that away.
            let remedy = match patient.data.is_dir() {
                true => format!("Type: sudo chown {name}: {data}"),
                false => {
                    format!("Look as {name}, without sudo, or say where the printer's data is: --data-path FOLDER")
                }
            };
            vec![Finding::trouble(CHECK, what, remedy)]
        }
    }
}

/// Each folder that updates change.
pub(super) fn folders(patient: &Patient<'_>, owner: &Owner) -> Vec<Finding> {
    const CHECK: &str = "folders";
    let mut findings = Vec::new();
    let mut seen = Vec::new();
    for (name, folder) in patient.specs.iter().flat_map(written) {
        if seen.contains(&folder) {
            continue;
        }
        seen.push(folder.clone());
        findings.extend(one(CHECK, &name, &folder, owner));
    }
    if findings.is_empty() && !seen.is_empty() {
        findings.push(Finding::fine(CHECK, format!("{} can change all {} folders", owner.name(), seen.len())));
    }
    findings
}

fn one(check: &'static str, name: &str, folder: &Path, owner: &Owner) -> Option<Finding> {
    let shown = folder.display();
    if !folder.is_dir() {
        // The configuration says so already.
        return None;
    }
    if owner.cannot_write(folder) {
        return Some(Finding::trouble(
            check,
            format!("The service refit may not write to {shown}, the folder of {name}"),
            format!(
                "Type: sudo systemctl edit refit, write [Service] and below it ReadWritePaths={shown}, then: sudo systemctl restart refit"
            ),
        ));
    }
    if let Some(stranger) = foreign(folder, owner.uid) {
        return Some(not_ours(check, &format!("The folder of {name}"), folder, &stranger, owner));
    }
    let parent = folder.parent().unwrap_or(folder);
    for (place, what) in
        [(folder, "cannot change anything in"), (parent, "cannot put a new version beside the old one in")]
    {
        if !writable(place, owner) {
            let at = place.display();
            let what = format!("{} {what} {at} ({name})", owner.name());
            let remedy = match place == parent && fs::metadata(place).is_ok_and(|seen| seen.uid() == 0) {
                // A folder of the system's has more in it than this.
                true => format!(
                    "Move {shown} into a folder of {}'s own, such as the home folder, and correct its path in the configuration",
                    owner.name()
                ),
                false => format!("Type: sudo chown {}: {at} && chmod u+rwx {at}", owner.name()),
            };
            return Some(Finding::trouble(check, what, remedy));
        }
    }
    None
}

/// What a piece of software has on the disk, with its name.
pub(super) fn written(spec: &Spec) -> Vec<(String, PathBuf)> {
    let name = spec.name().to_string();
    let own = match spec {
        Spec::Git(git) => Some(&git.path),
        Spec::Release(release) => Some(&release.path),
        Spec::Python(_) | Spec::System(_) | Spec::Absent(_) => None,
    };
    let environment = spec.common().and_then(|common| common.dependencies.environment.as_ref());
    let environment = environment.map(|environment| &environment.folder);
    own.into_iter().chain(environment).map(|folder| (name.clone(), folder.clone())).collect()
}

fn not_ours(check: &'static str, what: &str, folder: &Path, stranger: &(PathBuf, u32), owner: &Owner) -> Finding {
    let (path, uid) = stranger;
    let (ours, theirs, folder) = (owner.name(), name_of(*uid), folder.display());
    let found =
        format!("{what} has files of another user: {} belongs to {theirs}, and Refit runs as {ours}", path.display());
    Finding::trouble(check, found, format!("Type: sudo chown -R {ours}: {folder}"))
}

/// The first thing in it that belongs to somebody else.
fn foreign(folder: &Path, uid: u32) -> Option<(PathBuf, u32)> {
    let mut waiting = vec![folder.to_owned()];
    let mut left = LOOKED_AT;
    while let Some(path) = waiting.pop() {
        let Ok(seen) = fs::symlink_metadata(&path) else { continue };
        if seen.uid() != uid {
            return Some((path, seen.uid()));
        }
        if seen.is_dir() {
            let below = fs::read_dir(&path).into_iter().flatten().flatten();
            waiting.extend(below.take(left).map(|entry| entry.path()));
        }
        left = left.checked_sub(1)?;
    }
    None
}

/// Whether its user may make files in it.
fn writable(folder: &Path, owner: &Owner) -> bool {
    let by_mode = |seen: Metadata| seen.uid() == owner.uid && seen.mode() & 0o300 == 0o300;
    // To root everything is allowed; the mode is what its user will meet.
    if owner.is_me() && !super::is_root() {
        access(folder, Access::WRITE_OK | Access::EXEC_OK).is_ok()
    } else {
        owner.uid == 0 || fs::metadata(folder).is_ok_and(by_mode)
    }
}

/// A folder above in which anybody may exchange what is in it.
fn open_parent(folder: &Path) -> Option<PathBuf> {
    const STICKY: u32 = 0o1000;
    let open =
        |path: &&Path| fs::metadata(path).is_ok_and(|seen| seen.mode() & 0o002 != 0 && seen.mode() & STICKY == 0);
    folder.ancestors().skip(1).find(open).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Surroundings;
    use crate::doctor::owner::Unit;
    use crate::doctor::{Ground, Level};

    fn patient<'a>(data: &'a Path, state: &'a Path, socket: &'a Path) -> Patient<'a> {
        let surroundings = Surroundings { home: data.into(), path: "/bin".into(), passed_on: Vec::new() };
        Patient {
            surroundings,
            data,
            state,
            socket,
            own_program: "/proc/self/exe".into(),
            git: "git".into(),
            specs: &[],
            neighbours: &[],
            now: 0.0,
            ground: Ground::default(),
        }
    }

    #[test]
    fn who_settles_what_was_cut_off_is_no_trouble() {
        let state = tempfile::tempdir().unwrap();
        let socket = state.path().join("refit.sock");
        let patient = patient(state.path(), state.path(), &socket);
        let mut unit = Unit::default();
        unit.active = "activating".to_owned();
        let owner = Owner { unit: Some(unit), ..Owner::default() };
        let level = || running(&patient, &owner)[0].level;
        let lock = fs::File::create(state.path().join("lock")).unwrap();
        assert_eq!(level(), Level::Trouble);
        lock.lock().unwrap();
        assert_eq!(level(), Level::Note);
    }

    #[test]
    fn nobody_is_told_to_give_away_what_is_above_the_data_folder() {
        let home = tempfile::tempdir().unwrap();
        // As of root, who looks at home for what is the owner's.
        let owner = Owner { uid: 4_000_000, ..Owner::default() };
        let data = home.path().join("printer_data");
        let remedy = || {
            let (state, socket) = (data.join("refit"), data.join("comms/refit.sock"));
            let patient = patient(&data, &state, &socket);
            let finding = above(&patient, &owner).remove(0);
            assert_eq!(finding.level, Level::Trouble);
            finding.remedy.unwrap()
        };
        assert!(!remedy().contains("chown") && remedy().contains("--data-path"), "{}", remedy());
        fs::create_dir(&data).unwrap();
        assert_eq!(remedy(), format!("Type: sudo chown 4000000: {}", data.display()));
    }
}
