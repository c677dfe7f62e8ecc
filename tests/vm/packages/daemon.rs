//! System packages through Refit itself: its service as the owner of the printer, with PackageKit as its hands.

use std::path::PathBuf;

use refit_testkit::apt::Deb;
use refit_testkit::git::{Commit, GitWorld};
use refit_testkit::git_http::GitServer;
use refit_testkit::rpc::{JsonRpc as _, Unix};
use refit_testkit::scratch::scratch;
use refit_testkit::vm::User;
use refit_testkit::web::WebServer;
use serde_json::{Value, json};

use super::lab::{LONG, Lab};
use super::tells_of_a_script;
use crate::permissions::install_rule;
use crate::printer::dist;
use crate::root_helper::switch_on;

const SOCKET: &str = "home/pi/printer_data/comms/refit.sock";
const CONFIG: &str = "[server]\nhost: 127.0.0.1\nport: 0\n\n[update_manager]\nenable_auto_refresh: False\n";

/// Is there when a script stands.
const STANDS: &str = "/var/lib/lab-stands";
/// Stands until it is released.
const WAITS: &str = "while [ ! -e /released ]; do sleep 0.1; done";
/// Stands when it is run for the first time, and never again.
const STANDS_ONCE: &str = "[ -e /var/lib/lab-again ] || { touch /var/lib/lab-again; sleep 3600; }";

/// What ends the machine in the middle.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// Nothing is told anything.
    Plug,
    /// Every service is told to end.
    Reboot,
}

/// A machine with packages, and Refit in it.
struct Refit(Lab);

impl Refit {
    fn new() -> Self {
        let lab = Lab::new();
        lab.vm.write(User::Pi, "/home/pi/printer_data/config/refit.conf", CONFIG);
        lab.vm.install_binary(env!("CARGO_BIN_EXE_refit"));
        lab.vm.service("refit", &dist("refit.service"));
        lab.vm.must(User::Root, &["systemctl", "enable", "--quiet", "--now", "refit"]);
        Self(lab)
    }

    fn socket(&self) -> Unix {
        let socket: PathBuf = self.0.vm.root().join(SOCKET);
        self.0.vm.wait_until(LONG, "Refit's socket", || {
            std::os::unix::net::UnixStream::connect(&socket).is_ok().then(|| Unix::connect(&socket))
        })
    }

    /// The entry of the system's packages, once Refit has nothing to do.
    fn entry(&self) -> Value {
        self.0.vm.wait_until(LONG, "Refit to come to rest", || {
            let mut status = self.socket().result("machine.update.status", json!({"refresh": false}));
            let rests = status["busy"] == false && status["refit"]["initialized"] == true;
            rests.then(|| status["version_info"]["system"].take())
        })
    }

    fn refresh(&self) -> Value {
        self.entry();
        self.0.vm.must(User::Pi, &["refit", "refresh", "system"]);
        self.entry()
    }

    /// The same, where the lists cannot all be had.
    fn look(&self) -> Value {
        self.entry();
        self.0.vm.run(User::Pi, &["refit", "refresh", "system"]);
        self.entry()
    }

    /// Asks for the update and waits for no answer. The connection has to be kept.
    fn begin_update(&self) -> Unix {
        let mut unix = self.socket();
        let request = json!({"jsonrpc": "2.0", "method": "machine.update.system", "id": 1});
        assert!(unix.send_raw(format!("{request}\u{3}").as_bytes()), "Refit takes a request");
        unix
    }

    fn newest_run(&self) -> Value {
        let mut history = self.socket().result("refit.history", json!({"name": "system", "limit": 1}));
        history["runs"].get_mut(0).map(Value::take).unwrap_or_default()
    }

    /// An update that is in the middle: it stands in one of the new version's scripts.
    fn in_the_middle(&self, script: &str, lines: &str) -> Unix {
        let lab = &self.0;
        lab.publish(&[Deb::new("lab-slow", "1.0")]);
        lab.install(&["lab-slow"]);
        lab.publish(&[Deb::new("lab-slow", "1.1").script(script, &format!("touch {STANDS}\n{lines}"))]);
        self.refresh();
        let asked = self.begin_update();
        lab.vm.wait_until(LONG, "the script", || lab.vm.read(STANDS).map(drop));
        asked
    }

    fn told(&self) -> String {
        format!("{}\n{}", self.newest_run(), self.0.vm.journal("refit"))
    }
}

#[test]
fn refit_updates_the_system_through_packagekit() {
    let refit = Refit::new();
    let lab = &refit.0;
    lab.publish(&[Deb::new("lab-a", "1.0").conffile("etc/lab-a.conf", "a=1\n"), Deb::new("lab-b", "1.0")]);
    lab.install(&["lab-a", "lab-b"]);
    lab.vm.write(User::Root, "/etc/lab-a.conf", "a=mine\n");
    lab.world.publish(&Deb::new("lab-a", "1.1").depends("lab-new").conffile("etc/lab-a.conf", "a=2\n"));
    lab.world.publish(&Deb::new("lab-new", "1.0"));
    let entry = refit.refresh();
    assert_eq!(entry["package_list"], json!(["lab-a"]), "{entry}\n{}", refit.told());
    let told = lab.vm.must(User::Pi, &["refit", "upgrade", "system"]);
    assert_eq!((lab.state("lab-a"), lab.state("lab-new")), ("ii 1.1".to_owned(), "ii 1.0".to_owned()), "{told}");
    assert_eq!(lab.vm.read("/etc/lab-a.conf").as_deref(), Some(&b"a=mine\n"[..]));
    let entry = refit.entry();
    assert_eq!(entry["package_count"], 0, "{entry}");
    assert_eq!(refit.newest_run()["outcome"], "finished", "{}", refit.told());

    lab.publish(&[Deb::new("lab-b", "1.1").postinst_fails("the disk is haunted")]);
    refit.refresh();
    let failed = lab.vm.run(User::Pi, &["refit", "upgrade", "system"]);
    let words = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert!(!failed.status.success() && words.contains("lab-b"), "{failed:?}");
    assert!(tells_of_a_script(&words, "lab-b"), "{words}");
}

#[test]
fn a_removal_needs_consent_and_a_source_that_is_gone_is_named() {
    let refit = Refit::new();
    let lab = &refit.0;
    lab.publish(&[Deb::new("lab-a", "1.0"), Deb::new("lab-old", "1.0")]);
    lab.install(&["lab-a", "lab-old"]);
    lab.world.publish(&Deb::new("lab-a", "1.1").conflicts("lab-old"));
    let entry = refit.refresh();
    assert_eq!((&entry["package_count"], &entry["refit"]["would_remove"]), (&json!(0), &json!(["lab-old"])), "{entry}");
    lab.vm.run(User::Pi, &["refit", "upgrade", "system"]);
    assert_eq!((lab.state("lab-a"), lab.state("lab-old")), ("ii 1.0".to_owned(), "ii 1.0".to_owned()));
    let told = lab.vm.run(User::Pi, &["refit", "upgrade", "system", "--consent"]);
    assert!(told.status.success(), "{told:?}\n{}", refit.told());
    assert_eq!(lab.state("lab-a"), "ii 1.1", "{told:?}");
    assert!(!lab.state("lab-old").starts_with("ii"), "{told:?}");

    for file in ["Release", "InRelease"] {
        std::fs::remove_file(lab.world.repository().join(file)).expect("a file of the repository");
    }
    refit.entry();
    let failed = lab.vm.run(User::Pi, &["refit", "refresh", "system"]);
    let entry = refit.entry();
    let error = entry["refit"]["lists"]["error"].as_str().unwrap_or_default();
    assert!(error.contains("Release"), "{failed:?} {entry}");

    let config = format!("{CONFIG}enable_packagekit: False\n");
    lab.vm.write(User::Pi, "/home/pi/printer_data/config/refit.conf", config);
    lab.vm.must(User::Root, &["systemctl", "restart", "refit"]);
    assert_eq!(refit.entry()["refit"]["provider"]["name"], "apt");
    let without = lab.vm.run(User::Pi, &["refit", "refresh", "system"]);
    let entry = refit.entry();
    let error = entry["refit"]["lists"]["error"].as_str().unwrap_or_default();
    assert!(error.contains("no right"), "{without:?} {entry}");
}

#[test]
fn what_the_sources_do_not_give_is_told_with_what_to_do() {
    let refit = Refit::new();
    let lab = &refit.0;
    lab.publish(&[Deb::new("lab-a", "1.0")]);
    lab.install(&["lab-a"]);
    lab.publish(&[Deb::new("lab-a", "1.1")]);
    refit.refresh();
    // A list that promises a file which is not there.
    lab.world.lose("lab-a");
    let failed = lab.vm.run(User::Pi, &["refit", "upgrade", "system"]);
    let words = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert!(words.contains("404") && words.contains("Nothing was changed. Look at the network"), "{words}");
    assert_eq!((words.matches("could not be downloaded").count(), lab.state("lab-a")), (1, "ii 1.0".to_owned()));

    // The distribution's own source, which nobody renews any more.
    let own = scratch();
    let suite = own.path().join("debian/dists").join(lab.codename());
    std::fs::create_dir_all(&suite).expect("a folder");
    let release = format!(
        "Origin: Debian\nSuite: stable\nCodename: {}\nDate: Mon, 01 Jan 2024 00:00:00 UTC\nValid-Until: Mon, 08 Jan 2024 \
         00:00:00 UTC\nComponents: main\nSHA256:\n",
        lab.codename()
    );
    std::fs::write(suite.join("Release"), release).expect("a file");
    let server = WebServer::start(own.path());
    let port = server.url().rsplit(':').next().unwrap_or_default().to_owned();
    lab.vm.write(User::Root, "/etc/hosts", "127.0.0.1 localhost printer deb.debian.org\n");
    let source = |options: &str| {
        let line = format!("deb {options} http://deb.debian.org:{port}/debian {} main\n", lab.codename());
        lab.vm.write(User::Root, "/etc/apt/sources.list.d/own.list", line);
    };
    source("[trusted=yes]");
    let entry = refit.look();
    let ended = entry["refit"]["end_of_life"].as_str().unwrap_or_default();
    assert!(ended.contains("has reached its end of life") && ended.contains("not renewed any more"), "{entry}");
    assert_eq!(entry["refit"]["lists"]["error"], Value::Null, "it is no failure of ours: {entry}");
    std::fs::remove_dir_all(&suite).expect("the release");
    source("");
    let entry = refit.look();
    let ended = entry["refit"]["end_of_life"].as_str().unwrap_or_default();
    assert!(ended.contains("has reached its end of life") && ended.contains("gone"), "{entry}");
    assert_eq!(entry["refit"]["lists"]["error"], Value::Null, "{entry}");
    drop(server);
    let entry = refit.look();
    let error = entry["refit"]["lists"]["error"].as_str().unwrap_or_default();
    assert!(error.contains("Could not connect") && error.contains("Look at the network"), "{entry}");
    lab.vm.must(User::Root, &["rm", "/etc/apt/sources.list.d/own.list"]);
    // What others offer comes all the same.
    lab.world.publish(&Deb::new("lab-a", "1.2"));
    let entry = refit.look();
    assert_eq!(entry["package_list"], json!(["lab-a"]), "{entry}");
    lab.vm.must(User::Pi, &["refit", "upgrade", "system"]);
    assert_eq!(lab.state("lab-a"), "ii 1.2");
}

#[test]
fn a_right_that_goes_or_comes_counts_without_a_restart_of_refit() {
    let refit = Refit::new();
    let lab = &refit.0;
    lab.publish(&[Deb::new("lab-a", "1.0")]);
    lab.install(&["lab-a"]);
    lab.publish(&[Deb::new("lab-a", "1.1")]);
    let provider = |entry: Value| entry["refit"]["provider"]["name"].as_str().unwrap_or_default().to_owned();
    assert_eq!(provider(refit.refresh()), "packagekit");
    let process = lab.vm.property("refit", "MainPID");
    // PackageKit is there, and polkit lets nobody use it.
    lab.vm.must(User::Root, &["rm", "/usr/share/polkit-1/rules.d/50-refit.rules"]);
    lab.vm.must(User::Root, &["systemctl", "restart", "polkit"]);
    let entry = refit.look();
    let error = entry["refit"]["lists"]["error"].as_str().unwrap_or_default();
    assert!(error.contains("no right") && error.contains("refit doctor"), "{entry}");
    let refused = lab.vm.run(User::Pi, &["refit", "upgrade", "system"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("Type: sudo apt-get upgrade"), "{refused:?}");
    switch_on(&lab.vm);
    let entry = refit.look();
    assert_eq!((&entry["refit"]["lists"]["error"], provider(entry.clone())), (&Value::Null, "apt".to_owned()));
    lab.vm.must(User::Pi, &["refit", "upgrade", "system"]);
    assert_eq!(lab.state("lab-a"), "ii 1.1", "{}", lab.vm.journal("refit-root@*"));
    install_rule(&lab.vm);
    lab.vm.must(User::Root, &["systemctl", "disable", "--quiet", "--now", "refit-root.socket"]);
    lab.vm.must(User::Root, &["systemctl", "restart", "polkit"]);
    lab.publish(&[Deb::new("lab-a", "1.2")]);
    assert_eq!(provider(refit.refresh()), "packagekit");
    lab.vm.must(User::Pi, &["refit", "upgrade", "system"]);
    assert_eq!(lab.state("lab-a"), "ii 1.2");
    assert_eq!(lab.vm.property("refit", "MainPID"), process, "the same Refit all the time");
}

#[test]
fn what_software_needs_of_the_system_comes_through_packagekit_too() {
    let folder = scratch();
    let world = GitWorld::new(folder.path().join("world"));
    let remote = world.remote("lab/app");
    remote.push("master", &Commit::new("Version 1").file("program", "1\n").file("needs.json", r#"{"debian": []}"#));
    remote.annotate("v1.0.0", "The first release");
    let server = GitServer::start(world.remotes());
    let url = server.url(&remote.route());
    let refit = Refit::new();
    let lab = &refit.0;
    lab.publish(&[Deb::new("lab-dep", "1.0").depends("lab-lib"), Deb::new("lab-lib", "1.0")]);
    lab.vm.must(User::Pi, &["git", "clone", "--quiet", &url, "app"]);
    let section = format!(
        "[refit]\nallow_protocols: http\n\n[update_manager app]\ntype: git_repo\npath: ~/app\norigin: {url}\n\
         system_dependencies: needs.json\n"
    );
    lab.vm.write(User::Pi, "/home/pi/printer_data/config/refit.conf", format!("{CONFIG}\n{section}"));
    lab.vm.must(User::Root, &["systemctl", "restart", "refit"]);
    refit.entry();
    let needs = json!({"debian": ["lab-dep"]}).to_string();
    remote.push("master", &Commit::new("Version 2").file("program", "2\n").file("needs.json", needs));
    lab.vm.must(User::Pi, &["refit", "refresh", "app"]);
    let told = lab.vm.must(User::Pi, &["refit", "upgrade", "app"]);
    assert_eq!((lab.state("lab-dep"), lab.state("lab-lib")), ("ii 1.0".to_owned(), "ii 1.0".to_owned()), "{told}");
    assert!(told.contains("Installing lab-dep 1.0"), "{told}\n{}", refit.told());
}

#[test]
fn a_restart_of_refit_in_the_middle_of_a_system_update_is_no_end_of_it() {
    let refit = Refit::new();
    let lab = &refit.0;
    let _asked = refit.in_the_middle("postinst", WAITS);
    let before = lab.vm.property("refit", "MainPID");
    // Its doors open when the update is settled.
    lab.vm.must(User::Root, &["systemctl", "restart", "--no-block", "refit"]);
    lab.vm.wait_until(LONG, "the next Refit", || {
        let process = lab.vm.property("refit", "MainPID");
        (process != before && process != "0").then_some(())
    });
    assert!(lab.state("lab-slow").starts_with("iF"), "it goes on: {}", lab.state("lab-slow"));
    assert_eq!(lab.vm.property("refit", "ActiveState"), "activating");
    lab.release();
    let entry = refit.entry();
    let run = refit.newest_run();
    assert_eq!(lab.state("lab-slow"), "ii 1.1");
    assert_eq!((&run["outcome"], &entry["package_count"]), (&json!("finished"), &json!(0)), "{run}\n{entry}");
}

#[test]
fn a_cut_in_the_middle_of_a_system_update_is_mended_by_the_root_helper() {
    for (script, cut) in [("postinst", Cut::Plug), ("preinst", Cut::Plug), ("postinst", Cut::Reboot)] {
        let refit = Refit::new();
        let lab = &refit.0;
        switch_on(&lab.vm);
        let _asked = refit.in_the_middle(script, STANDS_ONCE);
        match cut {
            Cut::Plug => lab.vm.pull_plug(),
            Cut::Reboot => lab.vm.reboot(),
        }
        let entry = refit.entry();
        assert_eq!(entry["refit"]["interrupted"], json!([]), "{entry}\n{}", refit.told());
        assert_eq!(lab.vm.must(User::Root, &["dpkg", "--audit"]), "");
        assert!(lab.state("lab-slow").starts_with("ii "), "{}", lab.state("lab-slow"));
        let outcome = refit.newest_run()["outcome"].clone();
        assert!(outcome == "finished" || outcome == "undone", "{}", refit.told());
    }
}

#[test]
fn a_cut_in_the_middle_of_a_system_update_is_settled_and_told() {
    for (script, cut) in [("postinst", Cut::Plug), ("preinst", Cut::Plug), ("postinst", Cut::Reboot)] {
        let refit = Refit::new();
        let lab = &refit.0;
        let _asked = refit.in_the_middle(script, STANDS_ONCE);
        match cut {
            Cut::Plug => lab.vm.pull_plug(),
            Cut::Reboot => lab.vm.reboot(),
        }
        let entry = refit.entry();
        let told = lab.vm.must(User::Pi, &["refit", "status"]);
        assert!(told.contains("system:  damaged") && told.contains("Needs you: system"), "{told}");
        let run = refit.newest_run();
        assert_eq!(run["outcome"], "needs_attention", "{}", refit.told());
        assert!(run["error"].as_str().is_some_and(|error| error.contains("dpkg --configure -a")), "{run}");
        assert_eq!(entry["refit"]["interrupted"][0]["name"], "lab-slow", "{entry}");
        // What Refit asks for is enough.
        lab.vm.must(User::Root, &["dpkg", "--configure", "-a"]);
        lab.vm.must(User::Root, &["apt-get", "install", "--reinstall", "-y", "lab-slow"]);
        let entry = refit.refresh();
        assert_eq!(entry["refit"]["interrupted"], json!([]), "{entry}");
    }
}
