//! What the service may do, and what not: its own unit file, with a program in Refit's place that tries.

use refit_testkit::vm::{User, Vm};

use crate::printer::dist;

/// One line per attempt: whether it went well.
const PROBE: &str = r#"#!/bin/sh
try() { name=$1; shift; if "$@" >/dev/null 2>&1; then echo "$name: yes"; else echo "$name: no"; fi; }
try home touch /home/pi/file
try temporary touch /tmp/file
try settings touch /etc/file
try programs touch /usr/bin/file
try setuid chmod u+s /home/pi/file
try inner unshare --user --map-root-user --mount sh -c 'mkdir -p /home/pi/a /home/pi/b && mount --bind /home/pi/a /home/pi/b'
try network unshare --user --map-root-user --net true
try processes unshare --user --map-root-user --pid --fork true
try packet python3 -c 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)'
try internet python3 -c 'import socket; socket.socket(socket.AF_INET)'
try trace python3 -c 'import ctypes; raise SystemExit(ctypes.CDLL(None).personality(0x0040000) == -1)'
try clock date -s 2001-01-01
try compile python3 -c 'import mmap; mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)'
try capabilities sh -c 'grep -q "CapBnd:.*[1-9a-f]" /proc/self/status'
"#;

const WANTED: &str = "home: yes\ntemporary: yes\nsettings: no\nprograms: no\nsetuid: no\ninner: yes\nnetwork: no\n\
                      processes: no\npacket: no\ninternet: yes\ntrace: no\nclock: no\ncompile: yes\ncapabilities: no\n";

#[test]
fn the_service_may_do_what_updates_need_and_no_more() {
    let vm = Vm::boot().expect("a machine can be had here");
    vm.write(User::Root, "/usr/local/bin/probe", PROBE);
    vm.must(User::Root, &["chmod", "755", "/usr/local/bin/probe"]);
    let unit = dist("refit.service");
    let probing = unit.replace("/usr/bin/refit serve", "/usr/local/bin/probe").replace("Type=notify", "Type=oneshot");
    vm.service("probe", &probing.replace("Restart=always\n", "StandardOutput=file:/run/probe\n"));
    vm.must(User::Root, &["systemctl", "start", "probe"]);
    let told = vm.read("/run/probe").expect("what the probe said");
    assert_eq!(String::from_utf8_lossy(&told), WANTED, "{}", vm.journal("probe"));

    // systemd's own judgement, 0 to 10: unhardened services have 9.6.
    vm.service("refit", &unit);
    let judged = vm.must(User::Root, &["systemd-analyze", "security", "--threshold=45", "--no-pager", "refit"]);
    println!("{}", judged.lines().last().unwrap_or_default());
    // The helper is root for the scripts of packages; what none of them needs is closed all the same.
    for unit in ["refit-root.socket", "refit-root@.service"] {
        vm.write(User::Root, &format!("/etc/systemd/system/{unit}"), dist(unit));
    }
    vm.must(User::Root, &["systemctl", "daemon-reload"]);
    let judged =
        vm.must(User::Root, &["systemd-analyze", "security", "--threshold=77", "--no-pager", "refit-root@.service"]);
    println!("{}", judged.lines().last().unwrap_or_default());
    vm.install_binary(env!("CARGO_BIN_EXE_refit"));
    vm.write(User::Root, "/usr/lib/sysusers.d/refit.conf", dist("sysusers.d/refit.conf"));
    vm.must(User::Root, &["systemd-sysusers", "refit.conf"]);
    let unread = vm.must(User::Root, &["systemd-analyze", "verify", "/etc/systemd/system/refit-root.socket"]);
    assert_eq!(unread, "");
    let unread = vm.must(User::Root, &["systemd-analyze", "verify", "/etc/systemd/system/probe.service"]);
    assert_eq!(unread, "");
}
