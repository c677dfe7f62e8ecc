//! Refit's own options.

use std::path::Path;

use super::*;
use crate::settings::memory::Memory;
use crate::settings::{LoadContext, Settings};

fn load(file: &str, text: &str) -> Settings {
    let file = format!("/c/{file}");
    let memory = Memory::default().with(&file, text);
    let context = LoadContext { data_path: PathBuf::from("/d"), asvc: None };
    Settings::load(Path::new(&file), &memory, &context).expect("it loads")
}

#[test]
fn everything_has_a_default() {
    let settings = load("refit.conf", "");
    assert_eq!(settings.refit, RefitSettings::default());
    assert_eq!(settings.refit, load("refit.conf", "[refit]\n").refit);
    assert_eq!(settings.warnings, Vec::<String>::new());
    assert_eq!(settings.problems, []);
}

#[test]
fn every_option_is_read() {
    let text = "[refit]\nhost: ::1\nport: 7130\ntrusted_proxies:\n  127.0.0.1\n  10.0.0.0/8\nkeep_history: 5\n\
                max_refresh_per_host: 0\ngit_path: /opt/git\nallow_protocols: https, git\n  file\n";
    let refit = load("refit.conf", text).refit;
    assert_eq!((refit.host.as_deref(), refit.port, refit.keep_history), (Some("::1"), Some(7130), 5));
    assert_eq!((refit.trusted_proxies.len(), refit.max_refresh_per_host), (2, 1));
    assert_eq!(refit.git_path, Path::new("/opt/git"));
    assert_eq!(refit.allow_protocols, [Protocol::Https, Protocol::Git, Protocol::File]);
}

#[test]
fn options_of_releases_are_read_and_a_token_is_not_shown() {
    let text = "[refit]\ngithub_token: ghp_hidden\ngithub_api_url: http://mirror.lan/api/\nproxy: http://proxy.lan:3128\n\
                keep_previous: 0\nmax_archive_files: 5\nmax_archive_mib: 6\nmax_archive_ratio: 0\n\
                keep_downloads_days: 7\nkeep_downloads_mib: 8\n[refit forge Git.Lan]\nkind: gitea\ntoken_file: ~/token\n";
    let settings = load("refit.conf", text);
    assert_eq!(settings.problems, []);
    let refit = settings.refit;
    assert_eq!(refit.github_api_url, "http://mirror.lan/api");
    assert_eq!(refit.proxy.as_deref(), Some("http://proxy.lan:3128"));
    assert_eq!((refit.keep_previous, refit.keep_downloads_days, refit.keep_downloads_mib), (0, 7, 8));
    assert_eq!(refit.archive, ArchiveBounds { files: 5, mib: 6, ratio: 1 });
    assert_eq!(refit.forges.first().map(|forge| forge.host.as_str()), Some("git.lan"));
    assert_eq!(refit.forges.first().and_then(|forge| forge.token.clone()), Some(TokenSource::File("~/token".into())));
    assert!(!format!("{refit:?}").contains("hidden"));
}

#[test]
fn a_broken_forge_costs_its_section_alone() {
    let settings = load("refit.conf", "[refit forge git.lan]\nkind: cvs\n[refit forge b.lan]\napi_url: nowhere\n");
    assert_eq!(settings.refit.forges, []);
    let told: Vec<_> = settings.problems.iter().map(|problem| (problem.line, problem.remedy.is_some())).collect();
    assert_eq!(told, [(2, true), (4, true)]);
}

#[test]
fn one_file_for_both_programs_never_makes_them_fight_for_a_port() {
    let port = |file, text| load(file, text).server.port;
    assert_eq!(port("moonraker.conf", "[server]\nport: 7125\n"), 7127);
    assert_eq!(port("moonraker.conf", "[server]\n"), 7127);
    assert_eq!(port("moonraker.conf", "[server]\n[refit]\nport: 80\n"), 80);
    assert_eq!(port("refit.conf", "[server]\nport: 7125\n"), 7125);
    assert_eq!(port("refit.conf", "[server]\nport: 7126\n[refit]\nport: 80\n"), 80);
    assert_eq!(port("refit.conf", ""), 7125);
    // No port is told, once.
    for (text, told) in [("0", "is no port"), ("70000", "is out of range"), ("x", "port")] {
        let settings = load("moonraker.conf", &format!("[server]\n[refit]\nport: {text}\n"));
        assert_eq!((settings.server.port, settings.problems.len()), (7127, 1), "{:?}", settings.problems);
        let problem = &settings.problems[0];
        assert!(problem.line == 3 && problem.message.contains(told), "{problem:?}");
        assert_eq!(settings.warnings.len(), 1);
    }
    // Moonraker is asked at its own door.
    let asked = |file, text| load(file, text).moonraker.map(|address| address.url());
    assert_eq!(asked("moonraker.conf", "[server]\nhost: ::\nport: 80\n").as_deref(), Some("http://[::1]:80"));
    assert_eq!(
        asked("moonraker.conf", "[server]\nhost: all\nroute_prefix: a\n[refit]\nhost: x\n").as_deref(),
        Some("http://127.0.0.1:7125/a")
    );
    assert_eq!(asked("refit.conf", "[server]\nport: 80\n").as_deref(), Some("http://127.0.0.1:7125"));
    assert_eq!(asked("refit.conf", "[server]\nport: 7125\n"), None, "Refit stands in its place");
    let both = load("moonraker.conf", "[server]\nport: 7127\n");
    assert_eq!(both.problems.first().map(|p| p.line), Some(2), "{:?}", both.problems);
    let host = |file, text| load(file, text).server.host;
    assert_eq!(host("moonraker.conf", "[server]\nhost: 127.0.0.1\n"), "127.0.0.1");
    assert_eq!(host("moonraker.conf", "[server]\nhost: 127.0.0.1\n[refit]\nhost: ::1\n"), "::1");
}

#[test]
fn a_configuration_that_includes_moonrakers_takes_another_port_too() {
    let port = |refit: &str, moonraker: &str| {
        let memory = Memory::default().with("/c/refit.conf", refit).with("/c/moonraker.conf", moonraker);
        let context = LoadContext { data_path: PathBuf::from("/d"), asvc: None };
        Settings::load(Path::new("/c/refit.conf"), &memory, &context).expect("it loads").server.port
    };
    assert_eq!(port("[include moonraker.conf]\n", "[server]\nport: 7125\n"), 7127);
    assert_eq!(port("[include moonraker.conf]\n", "[server]\n"), 7127);
    assert_eq!(port("[include moonraker.conf]\n[refit]\nport: 80\n", "[server]\nport: 7125\n"), 80);
    assert_eq!(port("[include moonraker.conf]\n[server]\nport: 90\n", "[server]\nport: 7125\n"), 90);
}

#[test]
fn a_misspelt_option_names_the_nearest() {
    let settings = load("refit.conf", "[refit]\ntrusted_proxy: 1.2.3.4\nPrt: 1\n");
    assert_eq!(
        settings.warnings,
        [
            "[refit]: There is no option 'trusted_proxy'. Did you mean 'trusted_proxies'?",
            "[refit]: There is no option 'prt'. Did you mean 'port'?",
        ]
    );
    let first = settings.problems.first().expect("a problem");
    assert_eq!((first.line, first.severity, first.option.as_deref()), (2, Severity::Error, Some("trusted_proxy")));
    assert!(first.remedy.as_deref().is_some_and(|remedy| remedy.contains("'keep_history'")));
}

#[test]
fn a_value_that_cannot_be_used_is_replaced_and_told() {
    let text = "[refit]\nport: 70000\ntrusted_proxies: router.lan\nkeep_history: x\nallow_protocols: https ext\n";
    let settings = load("moonraker.conf", text);
    assert_eq!(settings.refit, RefitSettings::default());
    assert_eq!(settings.server.port, 7127);
    let told: Vec<(u32, &str)> = settings.problems.iter().map(|p| (p.line, p.message.as_str())).collect();
    let parsing = "encountered the following error while parsing:";
    for expected in [
        (2, "[refit]: Option 'port: 70000' is out of range".to_owned()),
        (3, "[refit]: 'router.lan' in option 'trusted_proxies' is not an address or a network".to_owned()),
        (4, format!("[refit]: Option 'keep_history' {parsing} invalid literal for int() with base 10: 'x'")),
        (5, format!("[refit]: Option 'allow_protocols' {parsing} 'ext' is not one of https, http, ssh, git, file")),
    ] {
        assert!(told.contains(&(expected.0, expected.1.as_str())), "{expected:?} is not in {told:?}");
    }
}

#[test]
fn protocols_of_addresses() {
    for (url, protocol) in [
        ("https://e.x/o/r.git", Some(Protocol::Https)),
        ("HTTP://e.x/o", Some(Protocol::Http)),
        ("ssh://git@h/o", Some(Protocol::Ssh)),
        ("git@h:o/r", Some(Protocol::Ssh)),
        ("h:", Some(Protocol::Ssh)),
        ("git://h/o", Some(Protocol::Git)),
        ("file:///srv/x", Some(Protocol::File)),
        ("/srv/x", Some(Protocol::File)),
        ("../x", Some(Protocol::File)),
        ("./a:b", Some(Protocol::File)),
        ("x", Some(Protocol::File)),
        ("ext::sh -c touch", None),
        ("ext::sh -c 'a://b'", None),
        ("http::https://e.x/o", None),
        ("ftp://e.x/o", None),
        ("fd::7", None),
    ] {
        assert_eq!(Protocol::of(url), protocol, "of {url}");
    }
}

#[test]
fn a_file_may_be_used_by_the_updater_that_names_it() {
    let refit = RefitSettings::default();
    assert_eq!(refit.protocols_for("https://e.x/o"), refit.allow_protocols);
    assert!(refit.protocols_for("/srv/x.git").contains(&Protocol::File));
}

#[test]
fn distances() {
    assert_eq!((distance("", "abc"), distance("kitten", "sitting"), distance("port", "port")), (3, 3, 0));
    assert!(distance(&"x".repeat(100_000), "port") <= 40);
}
