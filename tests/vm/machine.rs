//! The machine itself: booted, rebooted, unplugged, stopped, and nothing left of it.

use std::path::Path;
use std::time::Duration;

use refit_testkit::vm::{User, Vm};

const BOOT_ID: &[&str] = &["cat", "/proc/sys/kernel/random/boot_id"];

#[test]
fn a_machine_boots_reboots_and_is_gone() {
    let vm = Vm::boot().expect("a machine can be had here");
    assert_eq!(vm.must(User::Pi, &["id", "-un"]), "pi\n");
    assert_eq!(vm.must(User::Pi, &["pwd"]), "/home/pi\n");
    assert!(vm.must(User::PiSession, &["loginctl", "show-session", "self"]).contains("Name=pi\n"));
    assert_eq!(vm.must(User::Root, &["systemctl", "is-system-running"]), "running\n");
    vm.write(User::Pi, "/home/pi/deep/file", b"of the owner");
    vm.service("sleeper", "[Service]\nUser=pi\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n");
    vm.must(User::Root, &["systemctl", "enable", "--now", "sleeper"]);
    let first = vm.must(User::Root, BOOT_ID);

    vm.reboot();
    let second = vm.must(User::Root, BOOT_ID);
    assert_ne!(first, second);
    assert_eq!(vm.property("sleeper", "ActiveState"), "active");
    assert!(vm.journal("sleeper").contains("Stopped"), "{}", vm.journal("sleeper"));

    vm.pull_plug();
    assert_ne!(second, vm.must(User::Root, BOOT_ID));
    assert_eq!(vm.read("/home/pi/deep/file").as_deref(), Some(&b"of the owner"[..]));
    assert_eq!(vm.must(User::Root, &["stat", "-c", "%U", "/home/pi/deep/file"]), "pi\n");
    assert_eq!(vm.read("/home/pi/other"), None);

    let init = format!("/proc/{}", vm.init());
    assert!(vm.stop().success());
    assert!(!Path::new(&init).exists());
}

#[test]
fn two_machines_do_not_meet_and_a_dropped_one_leaves_nothing() {
    let one = Vm::boot().expect("a machine can be had here");
    let other = Vm::boot().expect("a machine can be had here");
    one.write(User::Root, "/etc/only-here", "");
    assert_eq!(other.read("/etc/only-here"), None);
    other.service("sleeper", "[Service]\nExecStart=/bin/sleep infinity\n");
    other.must(User::Root, &["systemctl", "start", "sleeper"]);
    let (gone, folder) = (format!("/proc/{}", one.init()), one.folder().to_owned());
    let groups = format!("/sys/fs/cgroup/unified/{}", folder.file_name().unwrap().to_string_lossy());
    drop(one);
    assert!(!Path::new(&gone).exists() && !folder.exists() && !Path::new(&groups).exists());
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(!mounts.contains("refit-vm"), "{mounts}");
    other.wait_until(Duration::from_secs(5), "the other one's service", || {
        (other.property("sleeper", "ActiveState") == "active").then_some(())
    });
}
