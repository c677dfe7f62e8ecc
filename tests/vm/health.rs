//! An update that makes something sick, under systemd: each kind is undone, the version from before runs, and message and
//! history say why. `tests/health` does the same many times, with a service manager that is a script.

use std::time::{Duration, Instant};

use refit_testkit::releases::{Release, ReleaseHost};
use refit_testkit::rpc::JsonRpc as _;
use refit_testkit::vm::{User, Vm};
use refit_testkit::wait::free_port;
use serde_json::{Value, json};

use crate::printer::{NAME, Printer};
use crate::software::{page, version};

const PLACE: &str = "/home/pi/place";
/// Shorter than an owner's 10 s, and longer than anything here takes to crash but for what crashes late.
const QUICKLY: &str = "settling=3000";

/// What is sick about a version, and what the message says of it.
const KINDS: [(&str, &str); 9] = [
    ("exits 0", "the service crowsnest"),
    ("hangs 0", "the service crowsnest does not run after its restart"),
    ("crashes 1", "the service crowsnest crashed"),
    (
        "klipper-error 0",
        "after the restart Klipper reported 'mcu 'mcu': Protocol error Update the firmware.' (it was ready",
    ),
    (
        "klipper-shutdown 0",
        "after the restart Klipper reported 'Lost communication with MCU 'mcu'' (it was ready before)",
    ),
    ("moonraker-component 0", "Moonraker could not load spoolman (it could before)"),
    ("url 0", "fails: it answered 500, not 200 (it passed before)"),
    ("command 0", "fails: the camera does not answer (exit code 1) (it passed before)"),
    ("unit 0", "the check 'unit helper' fails: it does not run"),
];

/// The units: what is waited for, what goes along, and the printer's own two.
fn furnish(vm: &Vm, ports: [u16; 2]) {
    vm.must(User::Pi, &["mkdir", "-p", PLACE]);
    vm.write(User::Pi, &format!("{PLACE}/app-port"), ports[0].to_string());
    vm.write(User::Pi, &format!("{PLACE}/moonraker-port"), ports[1].to_string());
    vm.write(User::Pi, "/home/pi/printer_data/config/moonraker.conf", format!("[server]\nport: {}\n", ports[1]));
    let unit = |role: &str, more: &str, of_unit: &str| {
        format!("[Unit]\n{of_unit}[Service]\nUser=pi\n{more}ExecStart=/home/pi/{NAME}/ward.py {role} {PLACE}\n")
    };
    vm.service(NAME, &unit("app", "Type=notify\nNotifyAccess=all\nTimeoutStartSec=4\n", "Wants=helper.service\n"));
    vm.service("helper", &unit("helper", "", &format!("PartOf={NAME}.service\n")));
    for name in ["klipper", "moonraker"] {
        vm.service(name, &unit(name, "Restart=always\nRestartSec=1\n", ""));
    }
    vm.must(User::Root, &["systemctl", "start", NAME, "klipper", "moonraker"]);
}

fn printer(forge: &ReleaseHost) -> Printer {
    let ports = [free_port(), free_port()];
    let options = format!(
        "managed_services: {NAME} klipper moonraker\nhealth_check_timeout: 5\nhealth_check:\n    \
         url http://127.0.0.1:{}/health\n    unit helper\n    command /home/pi/{NAME}/ward.py check {PLACE}\n\n\
         [update_manager web]\ntype: web\nrepo: lab/web\npath: ~/web\n",
        ports[0]
    );
    let server = format!("klippy_uds_address: {PLACE}/klippy.sock\n\n[include moonraker.conf]\n");
    let refit = format!("port: {}\ngithub_api_url: {}\n", free_port(), forge.github_api());
    forge.publish("lab", "web", Release::new("v1").file("web.zip", page("v1", &[]).zip()));
    let furnish = |vm: &Vm| {
        furnish(vm, ports);
        page("v1", &[]).install(&vm.root().join("home/pi/web")).expect("a front end");
        vm.must(User::Root, &["chown", "-R", "pi:pi", "/home/pi/web"]);
    };
    Printer::furnished(&version(1, "none 0"), furnish, [&server, &refit, &options]).and_refit()
}

/// Asks for the update of this name; the message, or none when all is well.
fn update(printer: &Printer, name: &str) -> Option<String> {
    let mut unix = printer.ask();
    unix.result("machine.update.refresh", json!({"name": name}));
    let request = json!({"jsonrpc": "2.0", "method": "machine.update.client", "params": {"name": name}, "id": 1});
    assert!(unix.send_raw(format!("{request}\u{3}").as_bytes()), "Refit takes a request");
    let answered = |message: &Value| message["id"] == 1;
    let told = unix.wait_for_message(Duration::from_secs(200), &answered).expect("an answer");
    told["error"]["message"].as_str().map(str::to_owned)
}

fn running(printer: &Printer) -> Vec<String> {
    let said = ["app", "helper", "klipper", "moonraker"].map(|role| {
        let unit = if role == "app" { NAME } else { role };
        let version = printer.vm.read(&format!("{PLACE}/runs-{role}")).unwrap_or_default();
        format!("{role} {} {}", printer.vm.property(unit, "ActiveState"), String::from_utf8_lossy(&version))
    });
    said.to_vec()
}

/// Updates to a sick version, and looks at what is there then.
fn suffer(printer: &Printer, number: u32, sick: &str, words: &str) {
    let (begun, old) = (Instant::now(), printer.head());
    printer.push(&version(number, sick));
    let told = update(printer, NAME).unwrap_or_else(|| panic!("{sick} went through\n{}", printer.vm.journal("refit")));
    let what = format!("{sick}: {told}\n{}\n{}", printer.vm.journal("refit"), printer.vm.journal(NAME));
    assert!(told.contains(words), "{what}");
    assert_eq!(printer.head(), old, "{what}");
    let run = printer.newest_run();
    assert_eq!((run["outcome"].as_str(), run["error"].as_str()), (Some("undone"), Some(told.as_str())), "{what}");
    assert_eq!(
        running(printer),
        ["app", "helper", "klipper", "moonraker"].map(|role| format!("{role} active 1")),
        "{what}"
    );
    println!("{sick}: undone after {:.1} s", begun.elapsed().as_secs_f64());
}

#[test]
fn each_kind_of_sickness_is_undone_and_what_is_well_stays() {
    let forge = ReleaseHost::start();
    let printer = printer(&forge);
    printer.entry();
    // As an owner has it: what crashes after five seconds is seen.
    suffer(&printer, 2, "crashes 5", "the service crowsnest crashed");
    printer.order(QUICKLY);
    printer.entry();
    for (number, (sick, words)) in KINDS.iter().enumerate() {
        suffer(&printer, u32::try_from(number).expect("a few") + 3, sick, words);
    }
    forge.publish("lab", "web", Release::new("v2").file("web.zip", page("v2", &["index-"]).zip()));
    let told = update(&printer, "web").expect("a page that is not whole");
    assert!(told.contains("its page index.html needs assets/index-v2.js, which is not there"), "{told}");
    let index = String::from_utf8(printer.vm.read("/home/pi/web/index.html").expect("a page")).expect("text");
    assert!(index.contains("index-v1.js"), "{index}");

    // A well one stays, whatever was between.
    printer.push(&version(20, "klipper-error 0"));
    let well = printer.push(&version(21, "none 0"));
    assert_eq!(update(&printer, NAME), None, "{}", printer.vm.journal("refit"));
    assert_eq!(printer.head(), well);
    let complaints = printer.complaints();
    assert!(complaints.is_empty(), "{complaints:?}");
}
