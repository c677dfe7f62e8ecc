//! Whole configurations, and every updater type, as a running Moonraker 0.11.0 took the same sections.

use std::path::Path;

use proptest::prelude::*;

use super::memory::{DANGLING, Memory};
use super::report::Report;
use super::*;
use crate::updater::release::Verify;

#[path = "updater_tests.rs"]
mod updater_types;

const OPT: &str = "This may be an option no longer available or could be the result of a module that failed to load.  \
                   In the future this will result in a startup error.";
const SEC: &str = "This may be the result of a component that failed to load.  In the future this will result in a \
                   startup error.";
const PARSING: &str = "encountered the following error while parsing:";
const VERIFY: &str = "Verify that the 'virtualenv' option is set to a valid virtualenv path.";
const GIT: &str = "type: git_repo\npath: /x/app\norigin: https://e.x/o/r.git\n";
const WEB: &str = "type: web\npath: /x/web\nrepo: o/r\n";
const ZIP: &str = "type: zip\npath: /x/rel\nrepo: o/r\n";
const EXE: &str = "type: executable\npath: /x/rel\nrepo: o/r\n";
const PYTHON: &str = "type: python\nvirtualenv: /x/venv\nproject_name: distro\n";

fn machine() -> Memory {
    Memory::default()
        .with("/x/app/req.txt", "")
        .with("/x/app/sub/req.txt", "")
        .with("/x/app/sys.json", "{}")
        .with("/x/app/inst.sh", "")
        .with("/x/app/venv/bin/activate", "")
        .with("/x/app/venv/bin/python", "")
        .with("/x/venv/bin/activate", "")
        .with("/x/venv/bin/python", "")
        .with("/x/noact/bin/python", "")
        .with("/x/nopy/bin/activate", "")
        .with("/x/gone/bin/activate", "")
        .with("/x/gone/bin/python", DANGLING)
        .with("/x/noexec/bin/activate", "")
        .with("/x/noexec/bin/python", "not executable")
        .with("/x/file", "")
        .with("/x/rel/release_info.json", "{}")
        .with("/home/pi/app/x", "")
        .folder("/x/web")
}

fn load_with(text: &str, asvc: Option<&str>) -> Settings {
    let memory = machine().with("/c/moonraker.conf", text);
    let context = LoadContext { data_path: PathBuf::from("/d"), asvc: asvc.map(str::to_owned) };
    Settings::load(Path::new("/c/moonraker.conf"), &memory, &context).expect("it loads")
}

fn load(text: &str) -> Settings {
    load_with(&format!("[server]\n{text}"), Some("foo\n"))
}

fn foo(options: &str) -> Settings {
    load(&format!("[update_manager foo]\n{options}\n"))
}

/// The one updater that the options make.
fn good(options: &str) -> UpdaterSettings {
    let settings = foo(options);
    assert_eq!(settings.failed_updaters, [], "of {options:?}");
    settings.updaters.first().cloned().expect("an updater")
}

/// Why the options make none.
fn bad(options: &str) -> String {
    let settings = foo(options);
    let failed = settings.failed_updater("foo").unwrap_or_else(|| panic!("{options:?} is fine"));
    let warning = format!("[update_manager]: Failed to load extension foo: {}", failed.message);
    assert!(settings.warnings.contains(&warning.replace('\n', "<br/>")));
    assert!(settings.updaters.is_empty() && settings.update_manager.is_some());
    failed.message.clone()
}

fn path_error(option: &str, path: &str, why: &str) -> String {
    format!("Invalid path for option `{option}` in section [update_manager foo]: Path `{path}` {why}")
}

fn unparsed(option: &str) -> String {
    format!("Unparsed config option '{option}' detected in section [update_manager foo].  {OPT}")
}

#[test]
fn names_of_updaters() {
    for (section, name) in [
        ("update_manager client foo", "foo"),
        ("update_manager client  foo", " foo"),
        ("update_manager  foo", "foo"),
        ("update_manager foo bar", "foo bar"),
        ("update_manager foo ", "foo "),
        ("update_manager Foo", "Foo"),
        ("update_manager client", "client"),
        ("update_manager\tfoo", "foo"),
        ("update_manager client client foo", "client foo"),
        ("update_manager clientfoo", "clientfoo"),
        ("update_manager ", "update_manager"),
    ] {
        let settings = load(&format!("[{section}]\n{WEB}"));
        let names: Vec<&str> = settings.updaters.iter().map(|updater| updater.name.as_str()).collect();
        assert_eq!((names, settings.warnings), (vec![name], vec![]), "of [{section}]");
    }
    let settings = load(&format!("[update_manager client klipper]\n{WEB}"));
    assert_eq!((settings.updaters.len(), settings.warnings.len()), (0, 3));
    let off = load(&format!("[update_manager]\nenable_system_updates: no\n[update_manager system]\n{WEB}"));
    assert_eq!(off.updaters.len(), 1);
    let on = load(&format!("[update_manager system]\n{WEB}"));
    assert_eq!(on.warnings.first().map(String::as_str), Some("[update_manager]: Extension system already added"));
}

#[test]
fn the_first_of_two_updaters_with_a_name_wins() {
    let settings = load(&format!("[update_manager foo]\n{WEB}[update_manager client foo]\ntype: web\nbar: 1\n"));
    let unparsed = |option: &str| {
        format!("Unparsed config option '{option}' detected in section [update_manager client foo].  {OPT}")
    };
    let added = "[update_manager]: Extension foo already added".to_owned();
    assert_eq!(settings.warnings, [added, unparsed("type: web"), unparsed("bar: 1")]);
    assert_eq!(settings.updaters.len(), 1);
    let settings = load(&format!("[update_manager foo]\ntype: web\n[update_manager client foo]\n{WEB}"));
    assert_eq!((settings.updaters.len(), settings.failed_updaters.len()), (1, 1));
}

#[test]
fn a_broken_updater_never_stops_the_others_and_the_order_stays() {
    let text = format!(
        "[update_manager b]\n{WEB}[update_manager a]\n{WEB}x: 1\n[update_manager z]\ntype: web\n[zzz]\nq: 1\n\
         [update_manager c]\n{WEB}y: 1\n[foo bar]\n"
    );
    let settings = load(&text);
    let names: Vec<&str> = settings.updaters.iter().map(|updater| updater.name.as_str()).collect();
    assert_eq!(names, ["b", "a", "c"]);
    let option = |option: &str, name: &str| {
        format!("Unparsed config option '{option}' detected in section [update_manager {name}].  {OPT}")
    };
    let section = |name: &str| format!("Unparsed config section [{name}] detected.  {SEC}");
    assert_eq!(
        settings.warnings,
        [
            "[update_manager]: Failed to load extension z: No option 'path' in section: 'update_manager z'".to_owned(),
            option("x: 1", "a"),
            section("zzz"),
            option("y: 1", "c"),
            section("foo bar"),
        ]
    );
    assert_eq!(settings.failed_components, ["zzz", "foo"]);
}

#[test]
fn sections_of_moonraker_are_left_alone() {
    let settings = load(
        "temperature_store_size: 600\n[machine]\nprovider: none\n[file_manager]\nx: 1\n[octoprint_compat]\n[power a b]\n\
         type: gpio\n[timelapse]\n[webcam x]\n[mqtt]\naddress: x\n[history]\n[zeroconf]\n",
    );
    assert_eq!((settings.warnings, settings.problems, settings.failed_components), (vec![], vec![], vec![]));
}

#[test]
fn the_server() {
    let settings = load("host: 127.0.0.1\nmax_websocket_connections: 7\nroute_prefix: //a//b/\nfoo: 1\n");
    let server = &settings.server;
    assert_eq!((server.host.as_str(), server.max_websocket_connections), ("127.0.0.1", 7));
    assert_eq!(server.route_prefix, "/a/b");
    assert_eq!(settings.warnings, [format!("Unparsed config option 'foo: 1' detected in section [server].  {OPT}")]);
    let settings = load("max_websocket_connections: x\nroute_prefix: /\nssl_port: 70000\n");
    let default = ServerSettings::default();
    assert_eq!(settings.server.max_websocket_connections, default.max_websocket_connections);
    assert_eq!((settings.server.route_prefix.as_str(), settings.server.ssl_port), ("", 7130));
    let number =
        format!("[server]: Option 'max_websocket_connections' {PARSING} invalid literal for int() with base 10: 'x'");
    assert!(settings.warnings.contains(&number));
    assert!(settings.warnings.contains(&"Invalid value for option 'route_prefix': /".to_owned()));
    let none = load_with("[update_manager]\n", None);
    let missing = none.problems.first().map(|p| (p.message.as_str(), p.line));
    assert_eq!(missing, Some(("No section [server] in config", 0)));
}

#[test]
fn the_printers_socket() {
    let address = |text: &str| load(text).klippy_uds_address;
    assert_eq!(address(""), Path::new("/tmp/klippy_uds"));
    assert_eq!(address("klippy_uds_address: ~/k.sock\n"), Path::new("/home/pi/k.sock"));
    assert_eq!(address("klippy_uds_address: {data_path}/comms/k.sock\n"), Path::new("/d/comms/k.sock"));
    for text in ["{foo}", "{% if 1 %}/x{% endif %}", "{secrets.a.b}", ""] {
        let memory = Memory::default().with("/c/x.conf", &format!("[server]\n\nklippy_uds_address: {text}\n"));
        let context = LoadContext { data_path: PathBuf::from("/d"), asvc: None };
        let error = Settings::load(Path::new("/c/x.conf"), &memory, &context).expect_err("a guess");
        assert!(error.to_string().starts_with("/c/x.conf:3: [server]: Option 'klippy_uds_address': "), "{error}");
    }
}

#[test]
fn every_problem_has_a_place_and_the_report_puts_the_worst_first() {
    let settings = load("foo: 1\n[update_manager foo]\ntype: web\npath: /nope\nbar: 1\n[refit]\nprt: 1\n");
    let report = Report::of(&settings);
    let places: Vec<(Severity, u32, &str)> =
        report.problems.iter().map(|p| (p.severity, p.line, p.section.as_str())).collect();
    assert_eq!(
        places,
        [
            (Severity::Error, 5, "update_manager foo"),
            (Severity::Error, 8, "refit"),
            (Severity::Warning, 2, "server"),
            (Severity::Warning, 6, "update_manager foo"),
        ]
    );
    assert!(report.problems.iter().all(|problem| problem.remedy.is_some()) && report.failed);
    let titles = |settings: &Settings| {
        Report::of(settings).understood.iter().map(|entry| entry.title.clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        titles(&settings),
        ["server", "access", "refit", "updates", "moonraker (built in)", "klipper (built in)"]
    );
    assert_eq!(titles(&foo(GIT)).last().map(String::as_str), Some("foo (git_repo)"));
    assert!(!Report::of(&foo(GIT)).failed);
}

#[test]
fn the_hash_follows_the_options_and_nothing_else() {
    let hash = |options: &str| good(options).config_hash;
    let reference = hash(GIT);
    assert_eq!(reference, "7873d021f5b7ab27");
    assert_eq!(reference, hash("origin: https://e.x/o/r.git # x\n\nPATH = /x/app\ntype: git_repo\n"));
    assert_ne!(reference, hash(&format!("{GIT}channel: dev\n")));
    assert_ne!(hash(&format!("{GIT}info_tags: a\n")), hash(&format!("{GIT}info_tags: b\n")));
}

proptest! {
    #[test]
    fn nothing_in_a_configuration_panics(
        section in "(server|authorization|refit|update_manager|update_manager (klipper|foo|client foo|\\PC{0,6}))",
        lines in proptest::collection::vec(
            "(type|path|origin|channel|repo|virtualenv|env|requirements|refresh_window|refresh_interval|port|host|\
             managed_services|persistent_files|trusted_clients|cors_domains|klippy_uds_address|route_prefix|\
             allow_protocols|project_name|pinned_commit|info_tags)[:=] ?\
             (git_repo|web|zip|executable|python|/x/app|/x/venv|o/r|[0-9./:*-]{0,12}|\\PC{0,20})\n",
            0..12,
        ),
    ) {
        let mut seen = HashSet::new();
        let lines: String = lines.into_iter().filter(|l| seen.insert(l.split([':', '=']).next().unwrap_or_default().to_owned())).collect();
        let memory = machine().with("/c/refit.conf", &format!("[{section}]\n{lines}"));
        let context = LoadContext { data_path: PathBuf::from("/d"), asvc: None };
        if let Ok(settings) = Settings::load(Path::new("/c/refit.conf"), &memory, &context) {
            let report = Report::of(&settings);
            prop_assert!(settings.warnings.len() <= settings.problems.len());
            prop_assert_eq!(report.problems.len(), settings.problems.len());
        }
    }
}
