//! The machine is rebooted, or its plug pulled, in the middle of an update of software that ships as releases and of a
//! Python application (`cut.rs` does it to repositories): after the next start the software is the old version or the new
//! one, all of it, and works.

use std::time::Instant;

use refit_testkit::index::PackageIndex;
use refit_testkit::releases::{Asset, Release, ReleaseHost, executable, release_info};
use refit_testkit::vm::User;
use refit_testkit::wheels::Wheel;
use refit_testkit::zip::ZipBuilder;

use crate::cut::{Cut, come_down};
use crate::printer::Printer;

const OWNER: &str = "lab";
/// A front end, an application, and a program; named as their projects are.
const RELEASES: [&str; 3] = ["web", "zip", "tool"];
/// The Python application.
const PYTHON: &str = "wheelwright";
/// Files of a front end and of an application beside their list.
const PARTS: u32 = 30;

/// Of what, at which point, and what happens there. Each kind: while it is prepared, around the exchange, and after it.
const CUTS: &[(&str, &str, Cut)] = &[
    ("web", "release_download.fetched", Cut::Reboot),
    ("web", "release_unpack.unpacked", Cut::Plug),
    ("web", "folder_exchange.exchanged", Cut::Plug),
    ("web", "release_verify.before", Cut::Reboot),
    ("zip", "release_unpack.shared", Cut::Reboot),
    ("zip", "release_carry_over.copied", Cut::Plug),
    ("zip", "folder_exchange.exchanged", Cut::Reboot),
    ("zip", "release_exchange.after", Cut::Plug),
    ("tool", "release_download.before", Cut::Plug),
    ("tool", "release_exchange.before", Cut::Reboot),
    ("tool", "folder_exchange.exchanged", Cut::Plug),
    (PYTHON, "environment_stage.copied", Cut::Reboot),
    (PYTHON, "environment_install.installed", Cut::Plug),
    (PYTHON, "environment_exchange.before", Cut::Reboot),
    (PYTHON, "folder_exchange.exchanged", Cut::Plug),
    (PYTHON, "environment_exchange.after", Cut::Reboot),
];

struct Shop {
    printer: Printer,
    forge: ReleaseHost,
    index: PackageIndex,
}

#[test]
fn a_reboot_in_the_middle_of_any_kind_of_update_is_settled_at_the_next_start() {
    let shop = Shop::open();
    let printer = &shop.printer;
    let mut version = 1;
    for (name, point, cut) in CUTS {
        let start = Instant::now();
        let old = shop.installed(name);
        version += 1;
        shop.publish(version);
        let last = printer.newest_run_of(name)["run"].as_i64().unwrap_or_default();
        printer.order(&format!("stop={point}"));
        printer.refresh_of(name);
        let _asked = printer.begin_update_of(name);
        come_down(printer, *cut);
        let told = || format!("{cut:?} of {name} at {point}:\n{}", printer.vm.journal("refit"));
        let entry = printer.entry_of(name);
        let run = printer.newest_run_of(name);
        let ours = run["run"].as_i64().is_some_and(|number| number > last);
        let side = match run["outcome"].as_str().filter(|_| ours) {
            Some("finished") => version,
            Some("undone") | None => old,
            Some(_) => panic!("the update is not settled: {run}; {}", told()),
        };
        assert_eq!(shop.installed(name), side, "the journal says {run}; {}", told());
        assert_eq!(entry["version"], told_version(name, side), "{entry}; {}", told());
        if name != &PYTHON {
            assert_eq!(entry["is_valid"], true, "{entry}; {}", told());
        }
        println!("{cut:?} of {name} at {point}: {side} of {old} and {version}, {:.1} s", start.elapsed().as_secs_f64());
    }
    // Nothing stands in the way of the next update, and nothing of the stages is left.
    shop.publish(version + 1);
    for name in RELEASES.iter().chain([&PYTHON]) {
        printer.refresh_of(name);
        printer.vm.must(User::Pi, &["refit", "upgrade", name]);
        assert_eq!(shop.installed(name), version + 1, "{name}");
    }
}

impl Shop {
    fn open() -> Self {
        let printer = Printer::new();
        let (forge, index) = (ReleaseHost::start(), PackageIndex::start());
        let shop = Self { printer, forge, index };
        shop.publish(1);
        let vm = &shop.printer.vm;
        for name in ["web", "zip"] {
            for (path, text) in files(name, 1) {
                vm.write(User::Pi, &format!("/home/pi/{name}/{path}"), text);
            }
        }
        vm.write(User::Pi, "/home/pi/tool/release_info.json", release_info(OWNER, "tool", &tag(1), "tool"));
        vm.write(User::Pi, "/home/pi/tool/tool", executable(&tag(1)));
        vm.must(User::Pi, &["chmod", "755", "/home/pi/tool/tool"]);
        vm.write(User::Pi, "/home/pi/.config/pip/pip.conf", shop.index.pip_conf(&[]));
        vm.must(User::Pi, &["python3", "-m", "venv", "/home/pi/env"]);
        vm.must(User::Pi, &["/home/pi/env/bin/pip", "install", "--quiet", &format!("{PYTHON}==1.0")]);
        let release = |name: &str, kind: &str| {
            format!(
                "\n[update_manager {name}]\ntype: {kind}\nrepo: {OWNER}/{name}\npath: ~/{name}\nis_system_service: False\n"
            )
        };
        let python = format!(
            "\n[update_manager {PYTHON}]\ntype: python\nproject_name: {PYTHON}\nvirtualenv: ~/env\nis_system_service: False\n"
        );
        let web = release("web", "web").replace("is_system_service: False\n", "");
        let sections = [web, release("zip", "zip"), release("tool", "executable"), python].concat();
        shop.printer.configure(&format!("github_api_url: {}\n", shop.forge.github_api()), &sections);
        shop.printer.install();
        shop
    }

    /// Publishes a version of everything.
    fn publish(&self, version: u32) {
        let tag = tag(version);
        for name in ["web", "zip"] {
            let zip =
                files(name, version).into_iter().fold(ZipBuilder::new(), |zip, (path, text)| zip.file(&path, text));
            self.forge.publish(OWNER, name, Release::new(&tag).file(&format!("{name}.zip"), zip.build()));
        }
        self.forge.publish(OWNER, "tool", Release::new(&tag).asset(Asset::new("tool", executable(&tag))));
        let wheel = Wheel::new(PYTHON, &format!("{version}.0")).console_script(PYTHON, &format!("{PYTHON}:main"));
        self.index.publish(wheel.build());
    }

    /// The version that is there, which must be all of it, and work.
    fn installed(&self, name: &str) -> u32 {
        let vm = &self.printer.vm;
        if name == PYTHON {
            vm.must(User::Pi, &["/home/pi/env/bin/pip", "check"]);
            let said = vm.must(User::Pi, &[&format!("/home/pi/env/bin/{PYTHON}")]);
            return number(said.split_whitespace().next_back().unwrap_or_default());
        }
        if name == "tool" {
            return number(&vm.must(User::Pi, &["/home/pi/tool/tool", "--version"]));
        }
        let read = |path: &str| vm.read(&format!("/home/pi/{name}/{path}"));
        let page = read("index.html").unwrap_or_default();
        let version = number(&String::from_utf8_lossy(&page));
        for (path, text) in files(name, version) {
            let there = read(&path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            assert_eq!(there.as_deref(), Some(text.as_str()), "{name}/{path} is not of version {version}");
        }
        version
    }
}

/// What a front end or an application ships.
fn files(name: &str, version: u32) -> Vec<(String, String)> {
    let info = String::from_utf8(release_info(OWNER, name, &tag(version), &format!("{name}.zip"))).expect("text");
    let parts = (0..PARTS).map(|part| (format!("parts/{part}.js"), format!("part {part} of {version}\n").repeat(50)));
    let page = ("index.html".to_owned(), tag(version));
    parts.chain([("release_info.json".to_owned(), info), page]).collect()
}

fn tag(version: u32) -> String {
    format!("v{version}.0")
}

fn told_version(name: &str, version: u32) -> String {
    if name == PYTHON { format!("{version}.0") } else { tag(version) }
}

/// `v3.0` and `3.0` are 3.
fn number(text: &str) -> u32 {
    let text = text.trim().trim_start_matches('v');
    let first = text.split('.').next().unwrap_or_default();
    first.parse().unwrap_or_else(|_| panic!("{text:?} is no version"))
}
