//! The machine as a whole: its clock, what its kernel allows, its packages, and whether a reboot is due.

use super::{Finding, Patient};
use crate::command::{Command, Outcome};
use crate::python::namespace;

/// 2026-01-01: before Refit was written.
const SANE: f64 = 1_767_225_600.0;
/// Twenty years later.
const TOO_LATE: f64 = SANE + 20.0 * 366.0 * 24.0 * 3600.0;

pub(super) async fn look(patient: &Patient<'_>) -> Vec<Finding> {
    let mut findings = vec![clock(patient).await];
    findings.push(namespaces(patient).await);
    findings.extend(dpkg(patient).await);
    findings.extend(reboot(patient).await);
    findings
}

async fn clock(patient: &Patient<'_>) -> Finding {
    let asked = ["show", "-p", "NTPSynchronized,NTP,CanNTP"];
    let told = patient
        .ground
        .runtime
        .is_dir()
        .then(|| Command::new("timedatectl", &patient.surroundings).args(asked).dir("/"));
    let told = match told {
        Some(command) => command.run().await.ok().filter(Outcome::success),
        None => None,
    };
    judge_clock(patient.now, told.map(|told| String::from_utf8_lossy(&told.stdout).into_owned()).as_deref())
}

fn judge_clock(now: f64, timedatectl: Option<&str>) -> Finding {
    const CHECK: &str = "clock";
    if !(SANE..TOO_LATE).contains(&now) {
        return Finding::trouble(
            CHECK,
            "The clock is wrong: no secure connection can be made with it",
            "To have it set over the network, type: sudo timedatectl set-ntp true, and look at the network",
        );
    }
    let says = |line: &str| timedatectl.is_some_and(|told| told.lines().any(|told| told == line));
    if says("NTPSynchronized=yes") {
        return Finding::fine(CHECK, "The clock is set over the network");
    }
    if says("NTP=yes") {
        return Finding::note(CHECK, "The clock is not set over the network yet");
    }
    if says("CanNTP=yes") {
        let what = "The clock is not set over the network; a small computer forgets the time without power";
        return Finding::warning(CHECK, what, "Type: sudo timedatectl set-ntp true");
    }
    Finding::note(CHECK, "Whether something sets the clock is not known; its year is plausible")
}

async fn namespaces(patient: &Patient<'_>) -> Finding {
    const CHECK: &str = "namespaces";
    match namespace::is_denied(&patient.own_program, &patient.surroundings).await {
        None => Finding::fine(CHECK, "Python packages are installed beside those in use, and exchanged with them"),
        Some(why) => Finding::warning(
            CHECK,
            format!(
                "Python packages are installed in place, since programs get no namespaces of their own here ({why})"
            ),
            "Updates work, and are taken back when they fail; what runs meanwhile may be disturbed. To allow them, type: \
             sudo sysctl -w kernel.unprivileged_userns_clone=1, or on Ubuntu: sudo sysctl -w \
             kernel.apparmor_restrict_unprivileged_userns=0",
        ),
    }
}

async fn dpkg(patient: &Patient<'_>) -> Option<Finding> {
    const CHECK: &str = "dpkg";
    let outcome = Command::new("dpkg", &patient.surroundings).arg("--audit").dir("/").run().await.ok()?;
    let told = String::from_utf8_lossy(&outcome.stdout).into_owned();
    // A package stands on a line that begins with a blank: ` name  its description`.
    let names: Vec<&str> =
        told.lines().filter(|line| line.starts_with(' ')).filter_map(|line| line.split_whitespace().next()).collect();
    if told.trim().is_empty() && outcome.success() {
        return Some(Finding::fine(CHECK, "All packages of the system are whole"));
    }
    let which = if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) };
    Some(Finding::trouble(
        CHECK,
        format!("An installation of system packages was cut off{which}"),
        "Type: refit recover system. Where that does not help: sudo dpkg --configure -a, and for each package that sudo dpkg --audit still names: sudo apt-get install \
         --reinstall NAME",
    ))
}

/// A package asked for it, or the kernel that runs has no modules any more.
async fn reboot(patient: &Patient<'_>) -> Option<Finding> {
    const CHECK: &str = "reboot";
    let remedy = "Reboot when nothing is printing: sudo reboot";
    if patient.ground.reboot_required.exists() {
        return Some(Finding::warning(CHECK, "An update of the system takes effect only after a reboot", remedy));
    }
    let kernel = rustix::system::uname();
    let kernel = kernel.release().to_string_lossy().into_owned();
    let modules = std::path::Path::new("/usr/lib/modules");
    let installed = std::fs::read_dir(modules).into_iter().flatten().flatten().count();
    if installed > 0 && !modules.join(&kernel).exists() {
        let what = format!(
            "The kernel that runs ({kernel}) was replaced by an update; devices that are plugged in may not work"
        );
        return Some(Finding::warning(CHECK, what, remedy));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn a_clock_is_judged_by_its_year_and_by_who_sets_it() {
        let now = SANE + 1e6;
        for (now, told, level) in [
            (0.0, Some("NTPSynchronized=yes\n"), Level::Trouble),
            (TOO_LATE, None, Level::Trouble),
            (now, Some("NTPSynchronized=yes\nNTP=yes\nCanNTP=yes\n"), Level::Fine),
            (now, Some("NTPSynchronized=no\nNTP=yes\nCanNTP=yes\n"), Level::Note),
            (now, Some("NTPSynchronized=no\nNTP=no\nCanNTP=yes\n"), Level::Warning),
            (now, Some("NTPSynchronized=no\nNTP=no\nCanNTP=no\n"), Level::Note),
            (now, None, Level::Note),
        ] {
            assert_eq!(judge_clock(now, told).level, level, "{now} {told:?}");
        }
    }
}
