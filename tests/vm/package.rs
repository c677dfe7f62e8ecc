//! The Debian package: installed, upgraded, removed, purged; what is the owner's stays.

use std::path::PathBuf;

use refit_testkit::vm::{User, Vm};

use crate::printer::{NAME, PATIENCE, Printer};

const LIST: &str = "/etc/refit/allowed-services";

#[test]
fn it_is_installed_upgraded_and_removed_and_the_owners_data_stay() {
    let printer = Printer::new();
    let vm = &printer.vm;
    vm.copy(package(), "/root/refit.deb");
    vm.must(User::Root, &["dpkg", "--install", "/root/refit.deb"]);
    assert_eq!(vm.property("refit", "ActiveState"), "active", "{}", vm.journal("refit"));
    assert_eq!(vm.must(User::Root, &["systemctl", "is-enabled", "refit"]), "enabled\n");
    let new = printer.publish(2);
    printer.refresh();
    vm.must(User::Pi, &["refit", "upgrade", NAME]);
    assert_eq!(printer.head(), new);
    assert_eq!(runs(vm), 1);

    vm.must(User::Root, &["sh", "-c", &format!("echo mine >> {LIST}")]);
    // On at first; who switched it off keeps it off.
    assert_eq!(vm.property("refit-root.socket", "ActiveState"), "active");
    vm.must(User::Root, &["systemctl", "disable", "--quiet", "--now", "refit-root.socket"]);
    vm.must(User::Root, &["gpasswd", "--delete", "pi", "refit"]);
    let before = printer.main_pid("refit");
    vm.must(User::Root, &["dpkg-deb", "--raw-extract", "/root/refit.deb", "/root/tree"]);
    vm.must(User::Root, &["sed", "-i", "s/^Version: .*/&+newer/", "/root/tree/DEBIAN/control"]);
    vm.must(User::Root, &["dpkg-deb", "-Zgzip", "-z1", "--build", "/root/tree", "/root/newer.deb"]);
    vm.must(User::Root, &["dpkg", "--install", "/root/newer.deb"]);
    wait_for_another(&printer, &before);
    assert_eq!(runs(vm), 1, "the history is another one");
    assert!(text(vm, LIST).ends_with("mine\n"));
    assert!(!vm.must(User::Root, &["id", "-nG", "pi"]).contains("refit"), "the administrator took the owner out");

    assert_eq!(vm.property("refit-root.socket", "ActiveState"), "inactive", "an upgrade switches nothing on");
    vm.must(User::Root, &["systemctl", "enable", "--quiet", "--now", "refit-root.socket"]);
    let owned = owned(vm);

    vm.must(User::Root, &["dpkg", "--remove", "refit"]);
    assert_eq!(vm.property("refit", "LoadState"), "not-found");
    assert_eq!(vm.property("refit-root.socket", "LoadState"), "not-found");
    assert_eq!(vm.read("/usr/bin/refit"), None);
    assert!(text(vm, LIST).ends_with("mine\n"), "a removal keeps the settings");
    vm.must(User::Root, &["dpkg", "--install", "/root/refit.deb"]);
    wait_for_another(&printer, &before);
    assert_eq!(runs(vm), 1, "the history went with the package");
    vm.wait_until(PATIENCE, "the root helper, which was on", || {
        (vm.property("refit-root.socket", "ActiveState") == "active").then_some(())
    });
    vm.must(User::Root, &["dpkg", "--purge", "refit"]);
    assert_eq!(vm.read(LIST), None);
    let left = self::owned(vm);
    let gone: Vec<&String> = owned.iter().filter(|path| !left.contains(path)).collect();
    assert_eq!(gone, Vec::<&String>::new(), "a purge takes what is the owner's");
    assert_eq!(vm.must(User::Root, &["systemctl", "is-system-running"]), "running\n");
    assert_eq!(vm.must(User::Root, &["dpkg", "--audit"]), "");
    let links = vm.must(User::Root, &["find", "/etc/systemd", "-name", "refit*"]);
    assert_eq!(links, "");
}

#[test]
fn in_an_image_it_is_switched_on_for_the_first_boot() {
    let printer = Printer::new();
    let vm = &printer.vm;
    vm.copy(package(), "/root/refit.deb");
    // As whoever makes an image sees it: no systemd runs in there.
    let install = "mount --bind / /mnt && mount -t tmpfs tmpfs /mnt/run && chroot /mnt dpkg --install /root/refit.deb; \
                   done=$?; umount /mnt/run /mnt; exit $done";
    vm.must(User::Root, &["sh", "-c", install]);
    assert_eq!(vm.property("refit", "ActiveState"), "inactive");
    vm.reboot();
    assert_eq!(vm.property("refit", "ActiveState"), "active", "{}", vm.journal("refit"));
    assert_eq!(vm.property("refit-root.socket", "ActiveState"), "active");
    assert!(vm.must(User::Root, &["id", "-nG", "pi"]).contains("refit"));
}

#[test]
fn the_owner_may_have_another_name() {
    let printer = Printer::new();
    let vm = &printer.vm;
    vm.must(User::Root, &["systemctl", "stop", NAME]);
    vm.must(User::Root, &["usermod", "--login", "anna", "pi"]);
    vm.copy(package(), "/root/refit.deb");
    vm.must(User::Root, &["dpkg", "--install", "/root/refit.deb"]);
    assert_eq!(vm.property("refit", "ActiveState"), "active", "{}", vm.journal("refit"));
    assert_eq!(vm.must(User::Root, &["ps", "-o", "user=", "-p", &printer.main_pid("refit")]).trim(), "anna");
    assert!(vm.must(User::Root, &["id", "-nG", "anna"]).contains("refit"));
}

/// Waits until a Refit other than this process is up.
fn wait_for_another(printer: &Printer, before: &str) {
    printer.vm.wait_until(PATIENCE, "another Refit", || {
        // In this order: one that is about to end is still active.
        let other = ![before, "0"].contains(&printer.main_pid("refit").as_str());
        (other && printer.vm.property("refit", "ActiveState") == "active").then_some(())
    });
}

fn runs(vm: &Vm) -> usize {
    let told = vm.must(User::Pi, &["refit", "--json", "history"]);
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    told["runs"].as_array().map_or(0, Vec::len)
}

/// Everything of the owner's, but for the files that come and go while Refit runs.
fn owned(vm: &Vm) -> Vec<String> {
    let find = "find /home/pi -type f ! -path '*/refit/refit.db-*' ! -path '*/.git/*' ! -path '*/refit/facts*'; ls -d /home/pi/*";
    vm.must(User::Root, &["sh", "-c", find]).lines().map(str::to_owned).collect()
}

fn text(vm: &Vm, path: &str) -> String {
    String::from_utf8_lossy(&vm.read(path).expect("a file")).into_owned()
}

/// The package of the program under test.
fn package() -> PathBuf {
    std::env::var_os("REFIT_TEST_DEB").map(PathBuf::from).expect("`cargo xtask vm test` packs it and says where it is")
}
