//! How services are restarted and packages installed here: over the bus as polkit allows, through the root helper, or
//! through sudo. One of the three is needed.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use zbus::{Connection, Proxy, Variant};

use super::owner::Owner;
use super::{Finding, Level, Patient, is_root};
use crate::command::Command;
use crate::packagekit::{Fault, PackageKit};
use crate::polkit;

/// Where polkit's rules lie; the first is for its own user alone.
const RULES: [&str; 2] = ["/etc/polkit-1/rules.d", "/usr/share/polkit-1/rules.d"];
const RULE: &str = "50-refit.rules";

pub(super) async fn look(patient: &Patient<'_>, owner: &Owner) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !patient.ground.runtime.is_dir() {
        findings.push(Finding::note(
            "systemd",
            "This machine is not run by systemd; services are not restarted through it",
        ));
    }
    let connection = patient.ground.bus.connection().await.ok();
    findings.extend(bus(patient, connection.as_ref()).await);
    let mut ways = Ways::default();
    if let Some(connection) = &connection {
        let (finding, allowed) = rule(connection, owner).await;
        findings.push(finding);
        let packagekit = packagekit(patient).await;
        ways.services.extend(allowed.then_some("polkit"));
        ways.packages.extend((allowed && packagekit.level != Level::Note).then_some("PackageKit"));
        findings.push(packagekit);
    }
    if patient.ground.helper.is_there() {
        findings.push(Finding::fine("root-helper", "The root helper listens"));
        ways.both("the root helper");
    }
    if sudo(patient).await {
        findings.push(Finding::note(
            "sudo",
            "sudo asks for no password here; Refit needs it only where polkit allows nothing",
        ));
        ways.both("sudo");
    }
    findings.push(conclusion(owner, &ways));
    findings
}

/// What is open to Refit, the first first.
#[derive(Debug, Default)]
struct Ways {
    services: Vec<&'static str>,
    packages: Vec<&'static str>,
}

impl Ways {
    fn both(&mut self, way: &'static str) {
        self.services.push(way);
        self.packages.push(way);
    }
}

fn conclusion(owner: &Owner, ways: &Ways) -> Finding {
    if owner.uid == 0 {
        return Finding::warning(
            "rights",
            "Refit runs as root, and with it all that updates bring along",
            "Let it run as the owner of the printer's software: sudo systemctl edit refit, write [Service] and below it User=pi",
        );
    }
    if let Some(services) = ways.services.first() {
        let services = format!("Services are restarted through {services}");
        return match ways.packages.first() {
            Some(packages) => Finding::fine("rights", format!("{services}, packages installed through {packages}")),
            None => Finding::warning(
                "rights",
                format!("{services}; {} may install no packages", owner.name()),
                "Type: sudo systemctl enable --now refit-root.socket, or: sudo apt-get install packagekit",
            ),
        };
    }
    if is_root() {
        return Finding::note(
            "rights",
            format!("Whether {} may restart services is seen when it looks itself", owner.name()),
        );
    }
    Finding::trouble(
        "rights",
        format!("{} may neither restart services nor install packages", owner.name()),
        format!(
            "Where there is polkit, do what its line says. Without it, type: sudo usermod --append --groups refit {0}, then: \
             sudo systemctl enable --now refit-root.socket, and: sudo systemctl restart refit",
            owner.name()
        ),
    )
}

async fn bus(patient: &Patient<'_>, connection: Option<&Connection>) -> Option<Finding> {
    const CHECK: &str = "bus";
    let has_systemd = patient.ground.runtime.is_dir();
    let Some(connection) = connection else {
        let what = "The system's message bus (D-Bus) cannot be reached";
        return Some(if has_systemd {
            Finding::warning(
                CHECK,
                what,
                "Type: sudo apt-get install dbus, then: sudo systemctl enable --now dbus.socket",
            )
        } else {
            Finding::note(CHECK, what)
        });
    };
    if !has_systemd {
        return Some(Finding::fine(CHECK, "The system's message bus answers"));
    }
    let version = property::<String>(
        connection,
        "org.freedesktop.systemd1",
        "/org/freedesktop/systemd1",
        "org.freedesktop.systemd1.Manager",
        "Version",
    )
    .await;
    Some(match version {
        Ok(version) => Finding::fine(CHECK, format!("systemd {version} answers over the bus")),
        Err(error) => Finding::warning(
            CHECK,
            format!("systemd does not answer over the bus ({error})"),
            "Reboot the machine; if it stays so, type: sudo apt-get install --reinstall dbus systemd",
        ),
    })
}

/// Asks polkit about the daemon; a root who looks may ask about others, everybody else about themselves.
async fn rule(connection: &Connection, owner: &Owner) -> (Finding, bool) {
    const CHECK: &str = "polkit";
    let Some(subject) = subject(connection, owner) else {
        return (
            Finding::note(CHECK, format!("Whether the rule is in effect is seen when {} looks itself", owner.name())),
            false,
        );
    };
    match polkit::allows(connection, subject, PackageKit::ACTION).await {
        Ok(true) => (Finding::fine(CHECK, format!("The rule is in effect for {}", owner.name())), true),
        Ok(false) => (not_allowed(owner), false),
        Err(error) if is_absent(&error) => (Finding::note(CHECK, "There is no polkit on this machine"), false),
        // Asked of an action that PackageKit brings.
        Err(error) if error.to_string().contains("is not registered") => {
            let there = RULES.iter().any(|folder| Path::new(folder).join(RULE).exists());
            (Finding::note(CHECK, "Without PackageKit polkit cannot be asked what it would allow"), there)
        }
        Err(error) => {
            let what = format!("polkit does not say what it allows ({error})");
            (Finding::warning(CHECK, what, "Type: sudo systemctl restart polkit"), false)
        }
    }
}

fn not_allowed(owner: &Owner) -> Finding {
    let name = owner.name();
    let found = RULES.iter().any(|folder| Path::new(folder).join(RULE).exists());
    // Nobody but polkit and root may look into the first one.
    let unseen = fs::read_dir(RULES[0]).is_err() && Path::new(RULES[0]).exists();
    let in_group = nix::unistd::Group::from_name("refit").ok().flatten().is_some_and(|group| {
        let user = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(owner.uid)).ok().flatten();
        group.mem.contains(&name) || user.is_some_and(|user| user.gid == group.gid)
    });
    if !in_group {
        return Finding::warning(
            "polkit",
            format!("{name} is not in the group refit, whose members polkit allows what Refit needs"),
            format!("Type: sudo usermod --append --groups refit {name}, then: sudo systemctl restart refit"),
        );
    }
    let why = if found || unseen { "is not in effect" } else { "is not installed" };
    Finding::warning(
        "polkit",
        format!("polkit's rule for Refit {why}: {name} may not do what Refit needs"),
        "Install the package of Refit once more (sudo dpkg -i refit_*.deb), then type: sudo systemctl restart polkit. On Debian \
         11 and older polkit knows no such rules; there the root helper does its work: sudo systemctl enable --now \
         refit-root.socket",
    )
}

fn subject(connection: &Connection, owner: &Owner) -> Option<polkit::Subject> {
    if owner.is_me() && !is_root() {
        return polkit::this_process(connection);
    }
    let process = owner.process.filter(|_| is_root())?;
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // Field 22 of proc(5); the second, in parentheses, may hold anything.
    let started: u64 = stat.rsplit_once(") ")?.1.split(' ').nth(19)?.parse().ok()?;
    let uid = i32::try_from(owner.uid).ok()?;
    let about = [("pid", Variant::from(process)), ("start-time", Variant::from(started)), ("uid", Variant::from(uid))];
    Some(("unix-process", HashMap::from(about)))
}

async fn packagekit(patient: &Patient<'_>) -> Finding {
    const CHECK: &str = "packagekit";
    match PackageKit::on(patient.ground.bus.clone()).version().await {
        Ok(version) => match version.warning(Path::new("/")) {
            None => Finding::fine(CHECK, format!("PackageKit {version}")),
            Some(warning) => {
                Finding::warning(CHECK, warning, "Type: sudo apt-get update && sudo apt-get install packagekit")
            }
        },
        Err(Fault::NotThere(_)) => {
            Finding::note(CHECK, "There is no PackageKit on this machine; packages are installed by apt-get")
        }
        Err(error) => Finding::warning(CHECK, error.to_string(), "Type: sudo systemctl restart packagekit"),
    }
}

async fn sudo(patient: &Patient<'_>) -> bool {
    let program = if patient.ground.runtime.is_dir() { "systemd-run" } else { "env" };
    let asked = Command::new("sudo", &patient.surroundings).args(["-n", program, "--version"]).dir("/").run().await;
    !is_root() && asked.is_ok_and(|outcome| outcome.success())
}

async fn property<T>(
    connection: &Connection,
    name: &str,
    path: &str,
    interface: &str,
    property: &str,
) -> Result<T, zbus::Error>
where
    T: serde::de::DeserializeOwned + zbus::Type,
{
    Proxy::new(connection, name.to_owned(), path.to_owned(), interface.to_owned()).await?.get_property(property).await
}

fn is_absent(error: &zbus::Error) -> bool {
    let said = error.to_string();
    ["ServiceUnknown", "NameHasNoOwner", "was not provided by any"].iter().any(|words| said.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_way_is_enough_and_none_is_trouble() {
        let owner = Owner { uid: 4_000_000, ..Owner::default() };
        let mut ways = Ways { services: vec!["polkit"], ..Ways::default() };
        assert_eq!(conclusion(&owner, &ways).level, Level::Warning, "a rule alone installs nothing");
        ways.both("sudo");
        let found = conclusion(&owner, &ways);
        assert_eq!(found.found, "Services are restarted through polkit, packages installed through sudo");
        assert_eq!(found.level, Level::Fine);
        let none = conclusion(&owner, &Ways::default());
        assert_eq!(none.level, if is_root() { Level::Note } else { Level::Trouble });
        assert_eq!(conclusion(&Owner::default(), &Ways::default()).level, Level::Warning);
    }
}
