//! The machine itself: booted, rebooted, unplugged, stopped, and nothing left of it.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use refit_testkit::vm::{User, Vm};
use refit_testkit::wait::{wait_for, wait_some};

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

    let init = vm.init();
    assert!(vm.stop().success());
    assert!(!lives(init));
}

#[test]
fn two_machines_do_not_meet_and_a_dropped_one_leaves_nothing() {
    let one = Vm::boot().expect("a machine can be had here");
    let other = Vm::boot().expect("a machine can be had here");
    one.write(User::Root, "/etc/only-here", "");
    assert_eq!(other.read("/etc/only-here"), None);
    other.service("sleeper", "[Service]\nExecStart=/bin/sleep infinity\n");
    other.must(User::Root, &["systemctl", "start", "sleeper"]);
    let (init, folder) = (one.init(), one.folder().to_owned());
    assert!(lives(init) && !groups(&folder).is_empty());
    drop(one);
    assert!(!lives(init), "its init runs on");
    assert!(!folder.exists(), "{folder:?} stays behind");
    assert!(groups(&folder).is_empty(), "{:?}", groups(&folder));
    other.wait_until(Duration::from_secs(5), "the other one's service", || {
        (other.property("sleeper", "ActiveState") == "active").then_some(())
    });
}

/// A machine in a process of its own that is killed: run by [`a_killed_test_leaves_nothing`] alone.
#[test]
#[ignore = "boots a machine and waits to be killed"]
fn a_test_that_waits_to_be_killed() {
    let vm = Vm::boot().expect("a machine can be had here");
    std::fs::write(std::env::var_os("REFIT_VM_TELL").expect("where to tell"), vm.folder().display().to_string())
        .unwrap();
    std::thread::sleep(Duration::from_secs(600));
}

#[test]
fn a_killed_test_leaves_nothing() {
    let scratch = refit_testkit::scratch::scratch();
    let tell = scratch.path().join("folder");
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "machine::a_test_that_waits_to_be_killed"]).env("REFIT_VM_TELL", &tell);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).spawn().unwrap();
    let folder = wait_some(Duration::from_secs(90), "the other test's machine", || {
        std::fs::read_to_string(&tell).ok().filter(|told| !told.is_empty()).map(PathBuf::from)
    });
    let inside = processes_in(&groups(&folder));
    assert!(inside.len() > 3, "{inside:?}");
    child.kill().unwrap();
    child.wait().unwrap();
    wait_for(Duration::from_secs(30), "its processes to end", || !inside.iter().any(|pid| lives(*pid)));
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(!mounts.contains("refit-vm"), "{mounts}");
    // What no kernel takes away, the next one to boot does.
    assert!(folder.exists());
    wait_for(Duration::from_secs(30), "the next one to sweep", || {
        drop(Vm::boot());
        !folder.exists() && groups(&folder).is_empty()
    });
}

/// Whether a process runs: not gone, nor dead and unburied.
fn lives(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

/// The control groups that belong to the machine of this folder.
fn groups(folder: &Path) -> Vec<PathBuf> {
    let name = folder.file_name().expect("a folder has a name");
    let hierarchies = ["/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"];
    hierarchies.iter().map(|hierarchy| Path::new(hierarchy).join(name)).filter(|group| group.exists()).collect()
}

/// Every process in these groups and below.
fn processes_in(groups: &[PathBuf]) -> Vec<u32> {
    let mut found = Vec::new();
    for group in groups {
        let listed = std::fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
        found.extend(listed.lines().filter_map(|pid| pid.parse::<u32>().ok()));
        let below = std::fs::read_dir(group).into_iter().flatten().flatten().map(|entry| entry.path());
        found.extend(processes_in(&below.filter(|path| path.is_dir()).collect::<Vec<_>>()));
    }
    found
}
