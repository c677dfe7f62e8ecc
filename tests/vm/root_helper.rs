//! The root helper on a machine whose polkit allows nothing: what the owner of the printer may have done through it, and
//! that everything else is refused.

use std::time::{Duration, Instant};

use refit_testkit::apt::{AptWorld, Deb};
use refit_testkit::rpc::JsonRpc as _;
use refit_testkit::vm::{User, Vm};
use serde_json::{Value, json};

use crate::printer::{NAME, PATIENCE, Printer, dist};
use crate::services::{rename_section, wait_for_section};

const LIST: &str = "/etc/refit/allowed-services";
/// Asks as a client would, with the bytes of standard input.
const ASK: &str = "
import socket, sys
s = socket.socket(socket.AF_UNIX); s.connect('/run/refit-root.sock')
try: s.sendall(sys.stdin.buffer.read())
except OSError: pass
out = b''
while True:
    try: piece = s.recv(65536)
    except OSError: break
    if not piece: break
    out += piece
sys.stdout.buffer.write(out)
";

struct Helper {
    vm: Vm,
    world: AptWorld,
}

impl Helper {
    fn new() -> Self {
        let vm = Vm::boot().expect("a machine can be had here");
        install(&vm);
        let world = AptWorld::new().expect("this machine has apt");
        Self { vm, world }
    }

    /// Publishes packages, and has apt read them from a source with these options.
    fn publish(&self, debs: &[Deb], options: &str) {
        publish(&self.vm, &self.world, debs);
        self.vm.write(User::Root, "/etc/apt/sources.list", format!("deb {options} file:/srv/packages ./\n"));
    }

    /// What it says last, and all of it.
    fn ask(&self, request: &str) -> (Value, String) {
        ask(&self.vm, request)
    }

    fn done(&self, request: &str) -> String {
        let (last, all) = self.ask(request);
        assert_eq!(last["done"], true, "{request}: {all}\n{}", self.vm.journal("refit-root@*"));
        all
    }

    fn refused(&self, request: &str) -> String {
        let (last, all) = self.ask(request);
        last["refused"].as_str().unwrap_or_else(|| panic!("{request} is not refused: {all}")).to_owned()
    }

    fn installed(&self, name: &str) -> Option<String> {
        let asked = self.vm.run(User::Root, &["dpkg-query", "-W", "-f", "${Status} ${Version}", name]);
        let told = String::from_utf8_lossy(&asked.stdout).into_owned();
        told.strip_prefix("install ok installed ").map(str::to_owned)
    }
}

#[test]
fn services_on_the_list_and_no_others() {
    let helper = Helper::new();
    let vm = &helper.vm;
    for service in ["klipper-1", "crowsnest", "foreign", "klipperfoo"] {
        vm.service(service, "[Service]\nExecStart=/bin/sleep infinity\n");
    }
    let state = |unit: &str| vm.property(unit, "ActiveState");
    for unit in ["klipper-1", "crowsnest"] {
        helper.done(&format!("{{\"verb\":\"start\",\"unit\":\"{unit}\"}}\n"));
        assert_eq!(state(unit), "active");
        let before = vm.property(unit, "InvocationID");
        helper.done(&format!("{{\"verb\":\"restart\",\"unit\":\"{unit}\"}}\n"));
        assert_ne!(vm.property(unit, "InvocationID"), before);
        helper.done(&format!("{{\"verb\":\"stop\",\"unit\":\"{unit}\"}}\n"));
        assert_eq!(state(unit), "inactive");
    }
    for unit in ["foreign", "klipperfoo", "ssh", "systemd-logind", "refit-root@", "klipper.socket"] {
        helper.refused(&format!("{{\"verb\":\"start\",\"unit\":\"{unit}\"}}\n"));
    }
    assert_eq!((state("foreign"), state("klipperfoo")), ("inactive".to_owned(), "inactive".to_owned()));
    for request in [
        "{\"verb\":\"enable\",\"unit\":\"klipper-1\"}\n",
        "{\"verb\":\"start\",\"unit\":\"--now\"}\n",
        "{\"verb\":\"start\",\"unit\":\"klipper-1 foreign\"}\n",
        "{\"verb\":\"start\",\"unit\":\"klipper-1\",\"also\":\"foreign\"}\n",
        "reboot\n",
        "\n",
        "{\"verb\":\"mend\"}",
    ] {
        helper.refused(request);
    }
    assert!(helper.refused(&"x".repeat(200_000)).contains("longer than"));
    // A service that cannot start is a failure, and told as one.
    vm.service("klipper-2", "[Service]\nType=oneshot\nExecStart=/bin/false\n");
    let (last, all) = helper.ask("{\"verb\":\"start\",\"unit\":\"klipper-2\"}\n");
    assert!(last["failed"].as_str().is_some_and(|why| why.contains("klipper-2")), "{all}");
    assert_eq!(
        vm.must(User::Root, &["systemctl", "--failed", "--plain", "--no-legend", "list-units", "refit-root@*"]),
        ""
    );
}

#[test]
fn strangers_are_refused_by_the_socket_and_by_the_helper() {
    let helper = Helper::new();
    let vm = &helper.vm;
    vm.service("klipper", "[Service]\nExecStart=/bin/sleep infinity\n");
    let request = "{\"verb\":\"start\",\"unit\":\"klipper\"}\n";
    vm.write(User::Root, "/srv/request", request);
    vm.must(User::Root, &["useradd", "guest"]);
    let as_guest = format!("runuser -u guest -- python3 -c \"{ASK}\" < /srv/request");
    let stopped = vm.run(User::Root, &["sh", "-c", &as_guest]);
    assert!(!stopped.status.success(), "the socket is for the group: {stopped:?}");
    vm.must(User::Root, &["chmod", "666", "/run/refit-root.sock"]);
    let refused = vm.must(User::Root, &["sh", "-c", &as_guest]);
    assert!(refused.contains("\"refused\"") && refused.contains("not in the group"), "{refused}");
    assert_eq!(vm.property("klipper", "ActiveState"), "inactive");
    // One who was taken out of the group is a stranger at once.
    vm.must(User::Root, &["gpasswd", "--delete", "pi", "refit"]);
    assert!(helper.refused(request).contains("not in the group"));
    let as_root = format!("python3 -c \"{ASK}\" < /srv/request");
    assert!(vm.must(User::Root, &["sh", "-c", &as_root]).contains("\"done\""));
}

#[test]
fn signed_packages_of_the_lists_are_installed_and_nothing_is_removed() {
    let helper = Helper::new();
    helper.publish(
        &[
            Deb::new("fine", "1.0"),
            Deb::new("lab-base", "1.0"),
            Deb::new("enemy", "1.0").conflicts("lab-base"),
            Deb::new("conf", "1.0").conffile("etc/conf.conf", "shipped\n"),
        ],
        "[trusted=yes]",
    );
    helper.done("{\"verb\":\"lists\"}\n");
    let told = helper.done("{\"verb\":\"install\",\"packages\":[\"lab-base=1.0\",\"conf\"]}\n");
    assert!(told.contains("Setting up lab-base"), "its lines are told: {told}");
    assert_eq!(helper.installed("lab-base").as_deref(), Some("1.0"));
    helper.done("{\"verb\":\"download\",\"packages\":[\"fine\"]}\n");
    assert_eq!(helper.installed("fine"), None);

    let why = helper.refused("{\"verb\":\"install\",\"packages\":[\"enemy\"]}\n");
    assert!(why.contains("remove lab-base"), "{why}");
    helper.refused("{\"verb\":\"install\",\"packages\":[\"nowhere\"]}\n");
    helper.refused("{\"verb\":\"install\",\"packages\":[\"fine=9.9\"]}\n");
    helper.refused("{\"verb\":\"install\",\"packages\":[\"base-\"]}\n");
    helper.refused("{\"verb\":\"install\",\"packages\":[\"fine=1.0-\"]}\n");
    helper.refused("{\"verb\":\"install\",\"packages\":[\"-oDPkg::Pre-Invoke::=touch /pwned\"]}\n");
    helper.refused("{\"verb\":\"install\",\"packages\":[\"/srv/packages/fine_1.0_all.deb\"]}\n");
    helper.refused("{\"verb\":\"install\",\"packages\":[\"./fine_1.0_all.deb\"]}\n");
    helper.refused("{\"verb\":\"remove\",\"packages\":[\"lab-base\"]}\n");
    assert_eq!((helper.installed("enemy"), helper.installed("fine")), (None, None));
    assert_eq!(helper.vm.read("/pwned"), None);

    // An upgrade of all, in which the owner's file stays.
    helper.vm.write(User::Root, "/etc/conf.conf", "mine\n");
    helper.publish(
        &[Deb::new("lab-base", "2.0"), Deb::new("conf", "2.0").conffile("etc/conf.conf", "shipped anew\n")],
        "[trusted=yes]",
    );
    helper.done("{\"verb\":\"lists\"}\n");
    helper.done("{\"verb\":\"install\",\"packages\":[]}\n");
    assert_eq!(helper.installed("lab-base").as_deref(), Some("2.0"));
    assert_eq!(helper.vm.read("/etc/conf.conf").as_deref(), Some(&b"mine\n"[..]));
    // No way back to a version whose holes are known.
    let (last, all) = helper.ask("{\"verb\":\"install\",\"packages\":[\"lab-base=1.0\"]}\n");
    assert!(last["done"].is_null(), "{all}");
    assert_eq!(helper.installed("lab-base").as_deref(), Some("2.0"));
}

#[test]
fn what_nobody_signed_is_not_installed_even_where_the_machine_would() {
    let helper = Helper::new();
    // Root was careless once: the lists are there, and nobody vouches for them.
    let careless = |settings: &str| {
        helper.vm.write(
            User::Root,
            "/etc/apt/apt.conf.d/99careless",
            format!("Acquire::AllowInsecureRepositories \"true\";\n{settings}\n"),
        );
    };
    careless("");
    helper.publish(&[Deb::new("doubtful", "1.0"), Deb::new("older", "1.0"), Deb::new("older", "2.0")], "");
    helper.vm.must(User::Root, &["apt-get", "update"]);
    for settings in ["APT::Get::AllowUnauthenticated \"true\";", "APT::Get::Force-Yes \"true\";"] {
        careless(settings);
        let (last, all) = helper.ask("{\"verb\":\"install\",\"packages\":[\"doubtful\"]}\n");
        assert!(last["failed"].is_string() || last["refused"].is_string(), "{settings} {all}");
        assert!(all.contains("authenticated"), "{settings} {all}");
        assert_eq!(helper.installed("doubtful"), None);
    }
    // Nor an older version, in which holes are open that the newer one closed.
    careless("APT::Get::allow-downgrades \"true\";");
    helper.publish(&[], "[trusted=yes]");
    helper.vm.must(User::Root, &["apt-get", "update"]);
    helper.done("{\"verb\":\"install\",\"packages\":[\"older=2.0\"]}\n");
    let (last, all) = helper.ask("{\"verb\":\"install\",\"packages\":[\"older=1.0\"]}\n");
    assert!(last["failed"].is_string() || last["refused"].is_string(), "{all}");
    assert_eq!(helper.installed("older").as_deref(), Some("2.0"));
}

#[test]
fn a_cut_installation_is_mended() {
    let helper = Helper::new();
    helper.publish(&[Deb::new("halfway", "1.0").script("postinst", "[ -e /srv/well ]")], "[trusted=yes]");
    helper.done("{\"verb\":\"lists\"}\n");
    let (last, all) = helper.ask("{\"verb\":\"install\",\"packages\":[\"halfway\"]}\n");
    assert!(last["failed"].is_string(), "{all}");
    assert_eq!(helper.installed("halfway"), None);
    let (last, all) = helper.ask("{\"verb\":\"mend\"}\n");
    assert!(last["failed"].as_str().is_some_and(|why| why.contains("halfway")), "{all}");
    helper.vm.write(User::Root, "/srv/well", "");
    helper.done("{\"verb\":\"mend\"}\n");
    assert_eq!(helper.installed("halfway").as_deref(), Some("1.0"));
    assert_eq!(helper.vm.must(User::Root, &["dpkg", "--audit"]), "");
}

#[test]
fn refit_restarts_services_through_it_where_polkit_allows_nothing() {
    let printer = Printer::with_refit();
    let vm = &printer.vm;
    vm.must(User::Root, &["rm", "/usr/share/polkit-1/rules.d/50-refit.rules"]);
    vm.must(User::Root, &["systemctl", "restart", "polkit"]);
    let denied = vm.run(User::Pi, &["systemctl", "--no-ask-password", "restart", NAME]);
    assert!(!denied.status.success(), "{denied:?}");
    let new = printer.publish(2);
    printer.refresh();
    let failed = printer.ask().call("machine.update.client", json!({"name": NAME}));
    assert!(failed.get("error").is_some(), "{failed}");
    install(vm);
    let before = printer.main_pid(NAME);
    vm.must(User::Pi, &["refit", "upgrade", NAME]);
    assert_eq!(printer.head(), new);
    assert_ne!(printer.main_pid(NAME), before);
    assert!(vm.journal("refit-root@*").contains("asked: {\"verb\":\"restart\""), "{}", vm.journal("refit-root@*"));

    // Refit itself, too, which does not wait there for its own end.
    vm.write(User::Pi, "/home/pi/printer_data/moonraker.asvc", "refit\n");
    rename_section(vm, "refit");
    wait_for_section(&printer, "refit");
    printer.publish(3);
    vm.must(User::Pi, &["refit", "refresh", "refit"]);
    let (begun, before) = (Instant::now(), printer.main_pid("refit"));
    let said = vm.must(User::Pi, &["refit", "upgrade", "refit"]);
    assert!(begun.elapsed() < Duration::from_secs(40), "{said}{}", vm.journal("refit"));
    assert_ne!(printer.main_pid("refit"), before, "{said}");
}

#[test]
fn the_systems_packages_are_updated_through_it_where_polkit_allows_nothing() {
    let (printer, world) = printer_with_packages();
    let vm = &printer.vm;
    vm.must(User::Root, &["rm", "/usr/share/polkit-1/rules.d/50-refit.rules"]);
    vm.must(User::Root, &["apt-mark", "auto", "lab-auto"]);
    publish(vm, &world, &[Deb::new("lab-base", "2.0"), Deb::new("lab-auto", "2.0")]);
    printer.refresh_of("system");
    vm.must(User::Pi, &["refit", "upgrade", "system"]);
    let version = |name: &str| vm.must(User::Root, &["dpkg-query", "-W", "-f", "${Version}", name]);
    assert_eq!((version("lab-base"), version("lab-auto")), ("2.0".to_owned(), "2.0".to_owned()));
    assert_eq!(vm.must(User::Root, &["apt-mark", "showauto", "lab-auto"]), "lab-auto\n", "nobody asked for it by name");
    assert_eq!(vm.must(User::Root, &["apt-mark", "showmanual", "lab-base"]), "lab-base\n");
    let journal = vm.journal("refit-root@*");
    assert!(journal.contains("asked: {\"verb\":\"install\""), "{journal}");
}

#[test]
fn a_reboot_waits_for_an_installation_and_a_plug_that_is_pulled_in_its_middle_is_mended() {
    let (printer, world) = printer_with_packages();
    let vm = &printer.vm;
    let version = |name: &str| vm.must(User::Root, &["dpkg-query", "-W", "-f", "${db:Status-Abbrev}${Version}", name]);
    // What is going on when the machine is told to reboot, and when the lights go out.
    let slow = Deb::new("lab-base", "2.0").script("postinst", "echo begun >> /srv/begun; sleep 6");
    publish(vm, &world, &[slow]);
    in_the_middle(&printer, || vm.reboot());
    printer.entry_of("system");
    assert_eq!(version("lab-base"), "ii 2.0", "{}", vm.journal("refit-root@*"));
    let times = vm.read("/srv/begun").unwrap_or_default();
    assert_eq!(times, b"begun\n", "it was cut and done again: {}", vm.journal("refit-root@*"));
    assert_eq!(vm.must(User::Root, &["dpkg", "--audit"]), "");

    vm.must(User::Root, &["rm", "/srv/begun"]);
    let cut = Deb::new("lab-base", "3.0").script("postinst", "touch /srv/begun; [ -e /srv/well ] || sleep 600");
    publish(vm, &world, &[cut]);
    in_the_middle(&printer, || {
        vm.write(User::Root, "/srv/well", "");
        vm.pull_plug();
    });
    printer.entry_of("system");
    assert_eq!(version("lab-base"), "ii 3.0", "{}\n{}", vm.journal("refit"), vm.journal("refit-root@*"));
    assert_eq!(vm.must(User::Root, &["dpkg", "--audit"]), "");
    // Nothing stands in the way of the next one.
    publish(vm, &world, &[Deb::new("lab-base", "4.0")]);
    printer.refresh_of("system");
    vm.must(User::Pi, &["refit", "upgrade", "system"]);
    assert_eq!(version("lab-base"), "ii 4.0");
}

/// Begins an update of the system's packages, and does something while a script of a package runs.
fn in_the_middle(printer: &Printer, cut: impl FnOnce()) {
    printer.refresh_of("system");
    let _asked = printer.begin_update_of("system");
    printer.vm.wait_until(PATIENCE, "the script of the package", || printer.vm.read("/srv/begun"));
    cut();
}

/// A printer whose Refit looks after the system's packages, of which two are installed, and has the helper, and no PackageKit.
fn printer_with_packages() -> (Printer, AptWorld) {
    let printer = Printer::new();
    printer.configure_server(0);
    printer.install();
    let vm = &printer.vm;
    vm.must(User::Root, &["systemctl", "mask", "--now", "packagekit"]);
    install(vm);
    let world = AptWorld::new().expect("this machine has apt");
    publish(vm, &world, &[Deb::new("lab-base", "1.0"), Deb::new("lab-auto", "1.0")]);
    vm.must(User::Root, &["apt-get", "update", "-q"]);
    vm.must(User::Root, &["apt-get", "install", "-q", "-y", "lab-base", "lab-auto"]);
    // The group was made after Refit was started.
    vm.must(User::Root, &["systemctl", "restart", "refit"]);
    (printer, world)
}

/// The helper as it is installed and switched on, and no polkit rule but those of the system.
fn install(vm: &Vm) {
    vm.install_binary(env!("CARGO_BIN_EXE_refit"));
    switch_on(vm);
}

/// The helper beside a Refit that is installed.
pub fn switch_on(vm: &Vm) {
    vm.write(User::Root, LIST, dist("allowed-services"));
    vm.write(User::Root, "/usr/lib/sysusers.d/refit.conf", dist("sysusers.d/refit.conf"));
    vm.must(User::Root, &["systemd-sysusers", "refit.conf"]);
    vm.must(User::Root, &["usermod", "--append", "--groups", "refit", "pi"]);
    for unit in ["refit-root.socket", "refit-root@.service"] {
        vm.write(User::Root, &format!("/etc/systemd/system/{unit}"), dist(unit));
    }
    vm.must(User::Root, &["systemctl", "daemon-reload"]);
    vm.must(User::Root, &["systemctl", "enable", "--quiet", "--now", "refit-root.socket"]);
}

/// Publishes packages, where the machine's apt looks.
fn publish(vm: &Vm, world: &AptWorld, debs: &[Deb]) {
    for deb in debs {
        world.publish(deb);
    }
    for entry in std::fs::read_dir(world.repository()).expect("the repository").flatten() {
        let to = format!("/srv/packages/{}", entry.file_name().to_string_lossy());
        vm.write(User::Root, &to, std::fs::read(entry.path()).expect("a file of the repository"));
    }
    vm.write(User::Root, "/etc/apt/sources.list", "deb [trusted=yes] file:/srv/packages ./\n");
}

fn ask(vm: &Vm, request: &str) -> (Value, String) {
    vm.write(User::Pi, "/tmp/request", request);
    let told = vm.must(User::Pi, &["sh", "-c", &format!("python3 -c \"{ASK}\" < /tmp/request")]);
    let last = told.lines().next_back().unwrap_or_default();
    (serde_json::from_str(last).unwrap_or_default(), told)
}
