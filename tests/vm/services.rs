//! Services as they are met: that start, crash, hang, never stop, run once, are instances; asked for by the owner over the
//! bus, where the rule lets them, and refused where it does not; and Refit's own.

use std::time::Duration;

use refit_testkit::rpc::JsonRpc as _;
use refit_testkit::vm::{User, Vm};
use serde_json::{Value, json};

use crate::printer::{NAME, PATIENCE, Printer};

const RULE: &str = "/usr/share/polkit-1/rules.d/50-refit.rules";
const CONFIG: &str = "/home/pi/printer_data/config/refit.conf";

/// What `refit upgrade` came to: whether it went well, and what it said.
fn upgrade(printer: &Printer, name: &str) -> (bool, String) {
    printer.refresh();
    upgrade_as_known(printer, name)
}

fn upgrade_as_known(printer: &Printer, name: &str) -> (bool, String) {
    let ended = printer.vm.run_for(2 * PATIENCE, User::Pi, &["refit", "upgrade", name]);
    let said = format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    (ended.status.success(), said)
}

/// A unit for the printer's repository, with these lines more.
fn unit(lines: &str) -> String {
    format!("[Service]\nUser=pi\nExecStart=/home/pi/{NAME}/run.sh\n{lines}\n")
}

fn program(number: u32, does: &str) -> String {
    format!("#!/bin/sh\necho this is version {number}\n{does}\n")
}

#[test]
fn the_bus_alone_is_enough_and_a_refusal_tells_the_command() {
    let printer = Printer::with_refit();
    let vm = &printer.vm;
    // The owner has no systemctl: what is done, is done over the bus.
    vm.must(User::Root, &["chmod", "750", "/usr/bin/systemctl"]);
    let (new, before) = (printer.publish(2), printer.main_pid(NAME));
    let (well, said) = upgrade(&printer, NAME);
    assert!(well, "{said}{}", vm.journal("refit"));
    assert_eq!(printer.head(), new);
    assert_ne!(printer.main_pid(NAME), before, "{said}");

    // Without the rule, and without sudo.
    vm.must(User::Root, &["mv", RULE, "/root/rule"]);
    wait_for_refusal(vm);
    let before = printer.main_pid(NAME);
    for mode in ["750", "755"] {
        vm.must(User::Root, &["chmod", mode, "/usr/bin/systemctl"]);
        printer.publish(3);
        let (well, said) = upgrade(&printer, NAME);
        assert!(!well, "{said}");
        let told = format!(
            "Refit has no right to restart the service {NAME}. To do it by hand, type: sudo systemctl restart {NAME}"
        );
        assert!(said.contains(&told), "{said}");
        assert_eq!(printer.head(), new, "{said}");
    }
    assert_eq!(printer.main_pid(NAME), before, "nothing was restarted, and nothing needs to be");

    // By systemctl, where the owner wants it so.
    vm.must(User::Root, &["mv", "/root/rule", RULE]);
    configure(vm, "[machine]\nprovider: systemd_cli\n");
    let (well, said) = upgrade(&printer, NAME);
    assert!(well, "{said}{}", vm.journal("refit"));
    assert_ne!(printer.main_pid(NAME), before, "{said}");

    // Without a bus the owner's systemctl has nobody to ask either.
    vm.must(User::Root, &["sh", "-c", "systemctl stop dbus.socket dbus.service; rm -f /run/dbus/system_bus_socket"]);
    let (kept, _new) = (printer.head(), printer.publish(4));
    let (well, said) = upgrade(&printer, NAME);
    assert!(!well && said.contains("systemd could not be asked about"), "{said}");
    assert_eq!(printer.head(), kept);
}

#[test]
fn services_that_crash_hang_or_never_stop() {
    let printer = Printer::with_refit();
    let vm = &printer.vm;
    let ready = "systemd-notify --ready\nexec sleep infinity";
    let notify = "Type=notify\nNotifyAccess=all\nTimeoutStartSec=3";
    // Whether the update holds, and what is told.
    let restart = |why: &str| {
        Err(format!("the service {NAME} does not run after its restart {why}. To see why, type: journalctl"))
    };
    let crash = Err(format!("the service {NAME} crashed (failed, exit-code)"));
    let cases: [(&str, &str, &str, Result<(), String>); 6] = [
        ("starts", notify, ready, Ok(())),
        ("crashes at once", notify, "exit 3", restart("(failed, exit-code)")),
        ("hangs in its start", notify, "exec sleep infinity", restart("(failed, timeout)")),
        ("never stops", "TimeoutStopSec=2", "trap '' TERM\nwhile :; do sleep 1; done", Ok(())),
        ("crashes after 5 s", "", "sleep 5\nexit 1", crash),
        ("works and ends", "Type=oneshot", "exit 0", Ok(())),
    ];
    for (number, (what, lines, does, expected)) in (10..).zip(cases) {
        vm.service(NAME, &unit(lines));
        let old = printer.head();
        let new = printer.publish_program(number, &program(number, does));
        let before = vm.property(NAME, "InvocationID");
        let (well, said) = upgrade(&printer, NAME);
        let told = format!("{what}: {said}{}", vm.journal(NAME));
        assert_eq!(well, expected.is_ok(), "{told}");
        assert_eq!(printer.head(), if well { new } else { old }, "{told}");
        assert_ne!(vm.property(NAME, "InvocationID"), before, "{told}");
        if let Err(words) = expected {
            assert!(said.contains(&words), "{told}");
            // It runs the version from before again.
            assert_eq!(vm.property(NAME, "ActiveState"), "active", "{told}");
        }
    }
    // The one that never stops was stopped all the same, by its unit's deadline.
    assert!(vm.journal(NAME).contains("this is version 14"), "{}", vm.journal(NAME));
}

#[test]
fn an_instance_of_a_template_is_a_service_like_others() {
    let printer = Printer::with_refit();
    let vm = &printer.vm;
    let name = "cam@1";
    vm.write(User::Root, "/etc/refit/allowed-services", format!("{name}\n"));
    vm.write(User::Pi, "/home/pi/printer_data/moonraker.asvc", format!("{name}\n"));
    vm.service("cam@", &format!("[Service]\nUser=pi\nExecStart=/home/pi/{NAME}/run.sh %i\n"));
    vm.must(User::Root, &["systemctl", "start", name]);
    rename_section(vm, name);
    let (new, before) = (printer.publish(2), printer.main_pid(name));
    vm.wait_until(PATIENCE, "the section under its new name", || {
        vm.run(User::Pi, &["refit", "refresh", name]).status.success().then_some(())
    });
    let (well, said) = upgrade_as_known(&printer, name);
    assert!(well, "{said}{}", vm.journal("refit"));
    assert_eq!(printer.head(), new);
    assert_ne!(printer.main_pid(name), before, "{said}");
}

/// A klippy that says where it runs from, and nothing else.
const KLIPPY: &str = r#"
import json, os, socket
path = '/tmp/klippy_uds'
if os.path.exists(path):
    os.unlink(path)
server = socket.socket(socket.AF_UNIX)
server.bind(path)
os.chmod(path, 0o777)
server.listen()
while True:
    client, _ = server.accept()
    buffer = b''
    while True:
        got = client.recv(4096)
        if not got:
            break
        buffer += got
        while b'\x03' in buffer:
            frame, buffer = buffer.split(b'\x03', 1)
            asked = json.loads(frame)
            info = {'state': 'ready', 'state_message': 'Printer is ready', 'klipper_path': '/home/pi/klipper',
                    'python_path': '/home/pi/klippy-env/bin/python'}
            result = info if asked['method'] == 'info' else {'status': {'webhooks': {'state': 'ready'}}, 'eventtime': 1.0}
            client.sendall(json.dumps({'id': asked['id'], 'result': result}).encode() + b'\x03')
"#;

#[test]
fn instances_that_share_a_checkout_are_restarted_together() {
    let printer = Printer::with_refit();
    let vm = &printer.vm;
    for folder in ["klipper", "klipper-old"] {
        vm.write(User::Pi, &format!("/home/pi/{folder}/klippy/klippy.py"), "import time\ntime.sleep(1e9)\n");
    }
    vm.write(User::Root, "/usr/local/lib/voron.py", KLIPPY);
    let runs = |script: &str| format!("[Service]\nUser=pi\nExecStart=/usr/bin/python3 {script}\n");
    let shared = runs("/home/pi/klipper/klippy/klippy.py");
    vm.service("klipper-1", &shared);
    vm.service(
        "klipper_2",
        &shared
            .replace("ExecStart=", "Environment=A=/home/pi/klipper/klippy/klippy.py\nExecStart=")
            .replace("/usr/bin/python3 /home/pi/klipper/klippy/klippy.py", "/usr/bin/python3 $A"),
    );
    vm.service("klipper-old", &runs("/home/pi/klipper-old/klippy/klippy.py"));
    vm.service("klipper-asleep", &shared);
    vm.service("klipperfoo", &shared);
    // Its command line tells nothing; what tells is who answers on the printer's socket.
    vm.service("klipper-voron", &runs("/usr/local/lib/voron.py"));
    let all = ["klipper-1", "klipper_2", "klipper-voron", "klipper-old", "klipperfoo"];
    vm.must(User::Root, &[&["systemctl", "start"], &all[..]].concat());
    manage(vm, "klipper");
    vm.wait_until(PATIENCE, "Refit to know the printer", || {
        printer.ask().call("printer.info", json!({})).get("result").map(drop)
    });
    let pids = || all.map(|unit| printer.main_pid(unit));
    let (new, before) = (printer.publish(2), pids());
    printer.refresh();
    let idle = memory(&printer);
    let plan = vm.must(User::Pi, &["refit", "plan", NAME]);
    println!("before the bus was opened: {idle}; after: {}", memory(&printer));
    for unit in &all[..3] {
        assert!(plan.contains(&format!("restart the service {unit}")), "{plan}");
    }
    let shown = vm.must(User::Pi, &["refit", "status", "-v"]);
    assert!(shown.contains("an update restarts klipper (that is klipper-1, klipper-voron, klipper_2)"), "{shown}");
    let (well, said) = upgrade_as_known(&printer, NAME);
    assert!(well, "{said}{}", vm.journal("refit"));
    assert_eq!(printer.head(), new);
    let changed: Vec<bool> = before.iter().zip(pids()).map(|(before, now)| *before != now).collect();
    assert_eq!(changed, [true, true, true, false, false], "{said}");
    assert_eq!(vm.property("klipper-asleep", "ActiveState"), "inactive");
}

#[test]
fn refit_restarts_itself_once_and_the_next_start_sees_it() {
    let printer = Printer::with_refit();
    let vm = &printer.vm;
    vm.write(User::Pi, "/home/pi/printer_data/moonraker.asvc", "refit\n");
    rename_section(vm, "refit");
    wait_for_section(&printer, "refit");
    let (new, before) = (printer.publish(2), printer.main_pid("refit"));
    vm.must(User::Pi, &["refit", "refresh", "refit"]);
    let plan = vm.must(User::Pi, &["refit", "plan", "refit"]);
    assert!(plan.contains("restart Refit itself, the service refit"), "{plan}");
    let mut listener = printer.ask();
    listener.result("server.info", json!({}));
    let (well, said) = upgrade_as_known(&printer, "refit");
    assert!(well, "the caller is answered before the restart: {said}{}", vm.journal("refit"));
    assert!(said.contains("Restarting service refit..."), "{said}");
    assert!(said.contains("Refit restarts itself; waiting until it is there again."), "{said}");
    vm.wait_until(PATIENCE, "another Refit", || (printer.main_pid("refit") != before).then_some(()));
    let next = printer.main_pid("refit");
    let run = run_of(&printer, "refit");
    assert_eq!(run["outcome"], "finished", "{run}\n{}", vm.journal("refit"));
    assert_eq!(printer.head(), new);
    let entry = printer.entry_of("refit");
    assert_eq!((&entry["is_valid"], &entry["commits_behind_count"]), (&json!(true), &json!(0)), "{entry}");
    // Once: it is the same process still, and systemd never had to bring it back.
    assert_eq!((printer.main_pid("refit"), vm.property("refit", "NRestarts")), (next.clone(), "0".to_owned()));
    let told = listener.drain(Duration::from_millis(200));
    let last = told.iter().rfind(|one| one["method"] == "notify_update_response");
    let last = last.map(|one| one["params"][0].clone()).unwrap_or_default();
    assert_eq!(last["complete"], true, "the last words came before the end: {told:#?}");

    // Where systemd refuses, the caller hears it, and nothing has changed.
    vm.must(User::Root, &["mv", RULE, "/root/rule"]);
    wait_for_refusal(vm);
    printer.publish(3);
    vm.must(User::Pi, &["refit", "refresh", "refit"]);
    let (well, said) = upgrade_as_known(&printer, "refit");
    assert!(!well && said.contains("sudo systemctl restart refit"), "{said}");
    assert_eq!((printer.head(), printer.main_pid("refit")), (new.clone(), next));
    assert_eq!(run_of(&printer, "refit")["outcome"], "undone");

    // In an update of everything its turn is the last.
    vm.must(User::Root, &["mv", "/root/rule", RULE]);
    let before = printer.main_pid("refit");
    let ended = vm.run_for(2 * PATIENCE, User::Pi, &["refit", "upgrade", "--all"]);
    let said = format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(said.contains("Service refit restart postponed..."), "{said}");
    vm.wait_until(PATIENCE, "another Refit", || (printer.main_pid("refit") != before).then_some(()));
    assert_ne!(printer.head(), new, "{said}");
    let run = run_of(&printer, "refit");
    assert_eq!(
        (&run["action"], &run["outcome"]),
        (&json!("restart"), &json!("finished")),
        "{run}\n{}",
        vm.journal("refit")
    );
    assert_eq!(vm.property("refit", "NRestarts"), "0");
}

/// What Refit occupies: all of it, and what is its own.
fn memory(printer: &Printer) -> String {
    let file = format!("/proc/{}/smaps_rollup", printer.main_pid("refit"));
    let seen = printer.vm.must(User::Root, &["grep", "-E", "^(Rss|Anonymous):", &file]);
    seen.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The newest run of an updater, once Refit rests.
fn run_of(printer: &Printer, name: &str) -> Value {
    printer.entry_of(name);
    let mut history = printer.ask().result("refit.history", json!({"name": name, "limit": 1}));
    history["runs"].get_mut(0).map(Value::take).unwrap_or_default()
}

pub fn wait_for_section(printer: &Printer, name: &str) {
    printer.vm.wait_until(PATIENCE, "the section under its new name", || {
        (printer.entry_of(name) != Value::Null).then_some(())
    });
}

/// The rules of polkit are read anew a moment after they changed.
fn wait_for_refusal(vm: &Vm) {
    let may = || {
        vm.run(
            User::Pi,
            &[
                "busctl",
                "--quiet",
                "call",
                "org.freedesktop.systemd1",
                "/org/freedesktop/systemd1",
                "org.freedesktop.systemd1.Manager",
                "RestartUnit",
                "ss",
                "klipper-nothing.service",
                "replace",
            ],
        )
    };
    vm.wait_until(PATIENCE, "polkit to refuse", || {
        let said = String::from_utf8_lossy(&may().stderr).into_owned();
        (said.contains("authentication") || said.contains("denied")).then_some(())
    });
}

fn configure(vm: &Vm, more: &str) {
    let old = vm.read(CONFIG).expect("a configuration");
    vm.write(User::Pi, CONFIG, format!("{}\n{more}", String::from_utf8_lossy(&old)));
    vm.must(User::Root, &["systemctl", "restart", "refit"]);
}

/// Refit's only updater under another name, whose service is one of that name.
pub fn rename_section(vm: &Vm, name: &str) {
    let old = String::from_utf8(vm.read(CONFIG).expect("a configuration")).expect("text");
    let new = old.replace(&format!("[update_manager {NAME}]"), &format!("[update_manager {name}]"));
    vm.write(User::Pi, CONFIG, new.replace(&format!("managed_services: {NAME}"), &format!("managed_services: {name}")));
    vm.must(User::Root, &["systemctl", "restart", "refit"]);
}

fn manage(vm: &Vm, service: &str) {
    let old = String::from_utf8(vm.read(CONFIG).expect("a configuration")).expect("text");
    vm.write(
        User::Pi,
        CONFIG,
        old.replace(&format!("managed_services: {NAME}"), &format!("managed_services: {service}")),
    );
    vm.must(User::Root, &["systemctl", "restart", "refit"]);
}
