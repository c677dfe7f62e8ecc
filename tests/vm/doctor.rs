//! `refit doctor` on a whole machine: well at first, then each finding provoked once, and said with what to do.

use refit_testkit::vm::{User, Vm};
use serde_json::Value;

use crate::printer::{NAME, Printer};

/// Where orders for one service are written.
const DROP: &str = "/etc/systemd/system/refit.service.d/test.conf";

#[test]
fn each_finding_is_told_with_what_to_do() {
    let printer = Printer::with_refit();
    let vm = &printer.vm;
    printer.entry();
    let well = examine(vm);
    for check in
        ["configuration", "refit", "state", "folders", "bus", "polkit", "rights", "git", "disk", "dpkg", "namespaces"]
    {
        assert_eq!(level(&well, check), "fine", "{check}: {well:#}");
    }
    assert_eq!(well["exit"], "fine");

    // The state folder and the software.
    vm.must(User::Root, &["chmod", "755", "/home/pi/printer_data/refit"]);
    says(vm, "state", "warning", "chmod 700");
    vm.must(User::Root, &["chmod", "700", "/home/pi/printer_data/refit"]);
    vm.must(User::Root, &["touch", &format!("/home/pi/{NAME}/made-by-root")]);
    says(vm, "folders", "trouble", &format!("sudo chown -R pi: /home/pi/{NAME}"));
    vm.must(User::Root, &["rm", &format!("/home/pi/{NAME}/made-by-root")]);
    vm.write(User::Root, DROP, "[Service]\nReadWritePaths=\nReadWritePaths=/home/pi/printer_data /tmp\n");
    vm.must(User::Root, &["systemctl", "daemon-reload"]);
    says(vm, "folders", "trouble", &format!("ReadWritePaths=/home/pi/{NAME}"));
    vm.must(User::Root, &["rm", DROP]);
    vm.must(User::Root, &["systemctl", "daemon-reload"]);

    // Rights.
    let rule = "/usr/share/polkit-1/rules.d/50-refit.rules";
    vm.must(User::Root, &["gpasswd", "--delete", "pi", "refit"]);
    says(vm, "polkit", "warning", "usermod --append --groups refit pi");
    says(vm, "rights", "trouble", "refit-root.socket");
    vm.must(User::Root, &["usermod", "--append", "--groups", "refit", "pi"]);
    vm.must(User::Root, &["mv", rule, "/srv/rule"]);
    vm.must(User::Root, &["systemctl", "restart", "polkit"]);
    says(vm, "polkit", "warning", "sudo dpkg -i refit_");
    vm.must(User::Root, &["mv", "/srv/rule", rule]);
    vm.must(User::Root, &["systemctl", "restart", "polkit"]);
    assert_eq!(level(&examine(vm), "polkit"), "fine");

    // Packages, and a reboot.
    let half =
        "sed -i '/^Package: procps$/,/^$/s/^Status: .*/Status: install ok half-configured/' /var/lib/dpkg/status";
    vm.must(User::Root, &["cp", "/var/lib/dpkg/status", "/srv/status"]);
    vm.must(User::Root, &["sh", "-c", half]);
    says(vm, "dpkg", "trouble", "sudo dpkg --configure -a");
    vm.must(User::Root, &["cp", "/srv/status", "/var/lib/dpkg/status"]);
    vm.must(User::Root, &["touch", "/run/reboot-required"]);
    says(vm, "reboot", "warning", "sudo reboot");
    vm.must(User::Root, &["rm", "/run/reboot-required"]);

    // Room: the software on a small file system.
    vm.must(
        User::Root,
        &["mount", "-t", "tmpfs", "-o", "size=50m,uid=1000,gid=1000,mode=755", "tmpfs", "/home/pi/printer_data/refit"],
    );
    says(vm, "disk", "trouble", "Free some space");
    vm.must(User::Root, &["umount", "/home/pi/printer_data/refit"]);

    // No namespaces: as a service that may make none.
    let confined = [
        "systemd-run",
        "--quiet",
        "--pipe",
        "--wait",
        "--uid=pi",
        "-p",
        "RestrictNamespaces=yes",
        "refit",
        "--json",
        "doctor",
    ];
    let told = vm.run(User::Root, &confined);
    let told: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    assert_eq!(level(&told, "namespaces"), "warning", "{told:#}");

    // A dead Refit is looked at as well.
    vm.must(User::Root, &["systemctl", "stop", "refit"]);
    says(vm, "refit", "warning", "systemctl enable --now refit");
    vm.write(User::Pi, "/home/pi/printer_data/config/refit.conf", "[update_manager\n");
    says(vm, "configuration", "trouble", "refit check");
    let asked = vm.run(User::Pi, &["refit", "doctor"]);
    assert_eq!(asked.status.code(), Some(7), "{asked:?}");

    // The bus at last: systemd itself needs it for what comes after.
    vm.must(User::Root, &["mv", "/run/dbus/system_bus_socket", "/run/dbus/elsewhere"]);
    says(vm, "bus", "warning", "dbus.socket");
}

fn examine(vm: &Vm) -> Value {
    let asked = vm.run(User::Pi, &["refit", "--json", "doctor"]);
    serde_json::from_slice(&asked.stdout).unwrap_or_else(|e| panic!("no JSON ({e}): {asked:?}"))
}

/// The worst of a check.
fn level(told: &Value, check: &str) -> String {
    let all = told["findings"].as_array().expect("findings");
    let levels = all.iter().filter(|one| one["check"] == check).filter_map(|one| one["level"].as_str());
    let order = ["fine", "note", "warning", "trouble"];
    levels.max_by_key(|level| order.iter().position(|known| known == level)).unwrap_or_default().to_owned()
}

/// Asserts that a check says so, with this in what is to be done.
#[track_caller]
fn says(vm: &Vm, check: &str, level: &str, remedy: &str) {
    let told = examine(vm);
    let all = told["findings"].as_array().expect("findings");
    let is_it = |one: &Value| {
        one["check"] == check
            && one["level"] == level
            && one["remedy"].as_str().is_some_and(|text| text.contains(remedy))
    };
    assert!(all.iter().any(is_it), "{check}, {level}, {remedy:?} is not among {told:#}");
    assert_eq!(told["exit"] == "needs_attention", all.iter().any(|one| one["level"] == "trouble"));
}
