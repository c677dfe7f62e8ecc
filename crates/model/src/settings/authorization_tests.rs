//! Who is let in, as a running Moonraker 0.11.0 took the same values.

use super::*;
use crate::settings::memory::Memory;
use crate::settings::{LoadContext, Settings};
use std::path::{Path, PathBuf};

/// The settings, and the warnings without `[authorization]: ` and the option.
fn read(section: &str) -> (AuthSettings, Vec<String>) {
    let memory = Memory::default().with("/c/refit.conf", &format!("[authorization]\n{section}"));
    let context = LoadContext { data_path: PathBuf::from("/d"), asvc: None };
    let settings = Settings::load(Path::new("/c/refit.conf"), &memory, &context).expect("it loads");
    let bare = |text: &String| text.replace("[authorization]: ", "").replace(" in option 'trusted_clients'", "");
    (settings.authorization, settings.warnings.iter().map(bare).collect())
}

fn values(option: &str, lines: &[&str]) -> (AuthSettings, Vec<String>) {
    let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
    read(&format!("{option}:\n{lines}"))
}

#[test]
fn addresses_and_networks() {
    let lines = ["10.0.0.0/8", "::1", "fe80::/10", "10.0.0.0/255.0.0.0", "10.0.0.0/0.255.255.255", "127.0.0.1/32"];
    let (auth, warnings) = values("trusted_clients", &lines);
    let net = |text: &str, prefix| TrustedClient::Network { address: text.parse().expect("an address"), prefix };
    let ten = net("10.0.0.0", 8);
    let one = TrustedClient::Ip("::1".parse().expect("an address"));
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(auth.trusted_clients, [ten.clone(), one, net("fe80::", 10), ten.clone(), ten, net("127.0.0.1", 32)]);
    let (auth, _) = values("trusted_clients", &["0.0.0.0/0", "::/0", "10.0.0.0/08", "10.0.0.0/255.255.255.255"]);
    let all = [net("0.0.0.0", 0), net("::", 0), net("10.0.0.0", 8), net("10.0.0.0", 32)];
    assert_eq!(auth.trusted_clients, all);
}

#[test]
fn host_bits_are_refused() {
    for text in ["10.0.0.1/8", "fe80::1/10", "10.0.0.0/0.0.0.0", "10.0.0.1/0.0.0.0"] {
        let (auth, warnings) = values("trusted_clients", &[text]);
        assert_eq!(warnings, [format!("Invalid CIDR expression '{text}'")]);
        assert_eq!(auth.trusted_clients, []);
    }
}

#[test]
fn host_names() {
    let good = "foo.local localhost lan 1.lan 2a.lan a.la a-b.c.lan 1.2.3.lan local-host localhost.localdomain a1.lan";
    for name in good.split(' ').chain(["192.168.1.lan"]) {
        let (auth, warnings) = values("trusted_clients", &[name]);
        assert_eq!((auth.trusted_clients, warnings), (vec![TrustedClient::Domain(name.to_owned())], vec![]));
    }
    let bad = "-a.lan a-.lan a..lan a.lan. ä.lan a_b.lan a.l a.1a a.l1 a.l-a A.lan a.lAn ab a a--b.lan xn--a.lan \
               a.xn--p1ai -lan lan- 12.34 http://a.lan 10.0.0.0/+8 10.0.0.0/8/8 ::/ffff:: 10.0.0.0/255.0.255.0 \
               10.0.0.0/33 300.1.1.1 foo_bar 192.168.1 * *.local a.b.c/d / 1.2.3.4/ 01.2.3.4 1.2.3.4:80 [::1] ::/129";
    for name in bad.split_whitespace().chain(["a lan", "127.0.0.1, 10.0.0.1", "10.0.0.1/ 8"]) {
        let (auth, warnings) = values("trusted_clients", &[name]);
        assert_eq!((auth.trusted_clients, warnings), (vec![], vec![format!("Invalid domain name '{name}'")]));
    }
}

#[test]
fn origins() {
    let good = "* *.lan http://*.lan https://* http://*:80 a* http://a.b:* *.com . .* a. *. *://x.y x*.y:8* \
                http://[::1]:8* my-host *host //*.local http://*.local:80* http://A.B a$b(c [x";
    let good: Vec<&str> = good.split_whitespace().collect();
    let (auth, warnings) = values("cors_domains", &good);
    assert_eq!((auth.cors_domains, warnings), (good.iter().map(|s| (*s).to_owned()).collect(), vec![]));
    for origin in ["*.*", "*.l*", "a.b*", "a.*.b", "http://127.0.0.*", "http://*.*.*", "*.lan,*.local"] {
        let (auth, warnings) = values("cors_domains", &[origin]);
        let why = "Wildcards are not permitted in the top level domain.";
        assert_eq!(warnings, [format!("Unsafe domain '{origin}' in option 'cors_domains'. {why}")]);
        assert!(auth.cors_domains.is_empty());
    }
    for origin in ["http://a/", "a//", "/", "*/", "http://x.y:80/p/"] {
        let (auth, warnings) = values("cors_domains", &[origin]);
        let why = "Domain's cannot contain a trailing slash.";
        assert_eq!(warnings, [format!("Invalid domain '{origin}' in option 'cors_domains'.  {why}")]);
        assert!(auth.cors_domains.is_empty());
    }
}

#[test]
fn a_broken_value_leaves_the_door_shut() {
    let (auth, warnings) = read("force_logins: x\nenable_api_key: flase\nlogin_timeout: z\nmax_login_attempts: 0\n");
    assert!(auth.force_logins && !auth.enable_api_key);
    assert_eq!((auth.login_timeout_days, auth.max_login_attempts), (90, Some(1)));
    let parsing = "encountered the following error while parsing:";
    for expected in [
        "Config Error: Section [authorization], Option 'max_login_attempts: 0': value is not above 0".to_owned(),
        format!("Option 'force_logins' {parsing} Not a boolean: x"),
        format!("Option 'enable_api_key' {parsing} Not a boolean: flase"),
        format!("Option 'login_timeout' {parsing} invalid literal for int() with base 10: 'z'"),
    ] {
        assert!(warnings.contains(&expected), "{expected} is not in {warnings:?}");
    }
    assert_eq!(warnings.len(), 4);
}

#[test]
fn who_is_covered() {
    let covers = |client: &str, ip: &str| {
        TrustedClient::address(client).is_ok_and(|client| client.covers(ip.parse().expect("an address")))
    };
    assert!(covers("10.0.0.0/8", "10.255.255.255") && !covers("10.0.0.0/8", "11.0.0.0"));
    assert!(covers("192.168.1.0/24", "192.168.1.7") && !covers("192.168.1.0/24", "192.168.2.7"));
    assert!(covers("0.0.0.0/0", "8.8.8.8") && !covers("0.0.0.0/0", "::1"));
    assert!(covers("::/0", "fe80::1") && !covers("::/0", "8.8.8.8"));
    assert!(covers("fe80::/10", "febf::1") && !covers("fe80::/10", "fec0::1"));
    assert!(covers("127.0.0.1", "127.0.0.1") && !covers("127.0.0.1", "127.0.0.2"));
    assert!(!TrustedClient::Domain("localhost".to_owned()).covers("127.0.0.1".parse().expect("an address")));
}
