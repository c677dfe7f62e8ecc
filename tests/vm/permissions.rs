//! What the owner of the printer may do through systemd, polkit and PackageKit with the rule that Refit brings, and that
//! nothing else is opened by it.

use refit_testkit::apt::{AptWorld, Deb};
use refit_testkit::vm::{User, Vm};

use crate::printer::dist;

/// Exists as a service, and runs as root.
const SERVICES: [&str; 9] = [
    "klipper",
    "klipper-1",
    "klipper_2",
    "moonraker",
    "moonraker-voron",
    "crowsnest",
    "refit",
    "klipperfoo",
    "foreign",
];

const LIST: &str = "/etc/refit/allowed-services";

#[test]
fn only_the_allowed_units_and_only_to_start_stop_and_restart() {
    let vm = machine();
    for service in SERVICES {
        vm.service(service, "[Service]\nExecStart=/bin/sleep infinity\n");
    }
    let may = |words: &[&str]| vm.run(User::Pi, &[&["systemctl", "--no-ask-password"], words].concat());
    let ok = |words: &[&str]| may(words).status.success();
    for service in &SERVICES[..7] {
        for verb in ["start", "restart", "stop"] {
            assert!(ok(&[verb, service]), "{verb} {service}: {:?}", may(&[verb, service]));
        }
    }
    for service in ["klipperfoo", "foreign", "ssh", "systemd-logind", "dbus"] {
        for verb in ["start", "restart", "stop"] {
            assert!(!ok(&[verb, service]), "{verb} {service}");
        }
    }
    for refused in [
        &["reload-or-restart", "klipper"][..],
        &["kill", "klipper"],
        &["enable", "klipper"],
        &["mask", "klipper"],
        &["edit", "--runtime", "klipper"],
        &["set-property", "klipper", "CPUWeight=1"],
        &["restart", "klipper.timer"],
        &["restart", "klipper.socket"],
        &["isolate", "rescue.target"],
        &["daemon-reload"],
        &["reboot"],
        &["set-environment", "A=b"],
    ] {
        assert!(!ok(refused), "{refused:?}");
    }
    // A unit of one's own making, under a name that is allowed, would run as root.
    let made = vm.run(User::Pi, &["systemd-run", "--no-ask-password", "--unit=klipper-own", "--wait", "id"]);
    assert!(!made.status.success(), "{made:?}");

    // The list counts as it is at the moment, and whole names only.
    vm.write(User::Root, LIST, "# foreign\nfore\n  foreign.service \n");
    assert!(ok(&["restart", "foreign"]));
    assert!(!ok(&["restart", "crowsnest"]), "is no longer on the list");
    vm.must(User::Root, &["rm", LIST]);
    assert!(!ok(&["restart", "foreign"]));
    assert!(ok(&["restart", "klipper"]), "needs no list");
    vm.must(User::Root, &["gpasswd", "--delete", "pi", "refit"]);
    assert!(!ok(&["restart", "klipper"]), "no longer in the group");
}

#[test]
fn packages_are_installed_and_nothing_is_removed_or_trusted_blindly() {
    let vm = machine();
    let world = AptWorld::new().expect("this machine has apt");
    world.publish(&Deb::new("fine", "1.0"));
    world.publish(&Deb::new("other", "1.0"));
    for entry in std::fs::read_dir(world.repository()).expect("the repository").flatten() {
        let to = format!("/srv/packages/{}", entry.file_name().to_string_lossy());
        vm.write(User::Root, &to, std::fs::read(entry.path()).expect("a file of the repository"));
    }
    vm.write(User::Root, "/etc/apt/sources.list", "deb [trusted=yes] file:/srv/packages ./\n");
    let pkcon = |words: &[&str]| vm.run(User::Pi, &[&["pkcon", "--plain", "--noninteractive"], words].concat());
    let installed = |name: &str| vm.run(User::Root, &["dpkg", "-s", name]).status.success();
    let refreshed = pkcon(&["refresh", "force"]);
    assert!(refreshed.status.success(), "{refreshed:?}");
    let asked = pkcon(&["install", "fine"]);
    assert!(asked.status.success() && installed("fine"), "{asked:?}");
    let removed = pkcon(&["remove", "fine"]);
    assert!(!removed.status.success() && installed("fine"), "{removed:?}");
    // With the second, PackageKit asks polkit for the very right that signed packages need.
    for words in [&["install-local", "--allow-untrusted"][..], &["install-local"]] {
        let local = pkcon(&[words, &["/srv/packages/other_1.0_all.deb"]].concat());
        assert!(!local.status.success() && !installed("other"), "{words:?}: {local:?}");
    }

    let may = |action: &str| {
        let check = format!("pkcheck --action-id org.freedesktop.{action} --process $$");
        vm.run(User::Pi, &["sh", "-c", &check]).status.success()
    };
    for action in ["system-sources-refresh", "system-update", "package-install"] {
        assert!(may(&format!("packagekit.{action}")), "{action}");
    }
    for action in [
        "packagekit.package-install-untrusted",
        "packagekit.package-reinstall",
        "packagekit.package-downgrade",
        "packagekit.package-remove",
        "packagekit.repair-system",
        "packagekit.system-sources-configure",
        "packagekit.system-trust-signing-key",
        "packagekit.upgrade-system",
        "packagekit.trigger-offline-update",
        "packagekit.package-eula-accept",
        "systemd1.manage-units",
        "systemd1.manage-unit-files",
        "systemd1.reload-daemon",
        "login1.reboot",
        "login1.power-off",
        "hostname1.set-hostname",
    ] {
        assert!(!may(action), "{action}");
    }
}

/// With the rule, as it is installed.
fn machine() -> Vm {
    let vm = Vm::boot().expect("a machine can be had here");
    install_rule(&vm);
    vm
}

/// What `dist/` has beside the unit, and the owner in the group.
pub fn install_rule(vm: &Vm) {
    vm.write(User::Root, LIST, dist("allowed-services"));
    vm.write(User::Root, "/usr/share/polkit-1/rules.d/50-refit.rules", dist("polkit/50-refit.rules"));
    vm.write(User::Root, "/usr/lib/sysusers.d/refit.conf", dist("sysusers.d/refit.conf"));
    vm.must(User::Root, &["systemd-sysusers", "refit.conf"]);
    vm.must(User::Root, &["usermod", "--append", "--groups", "refit", "pi"]);
}
