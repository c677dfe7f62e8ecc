//! `[update_manager]` and the built-in updaters, as a running Moonraker 0.11.0 took the same sections.

use std::path::{Path, PathBuf};

use super::*;
use crate::settings::memory::Memory;
use crate::settings::{LoadContext, Settings};

const OPT: &str = "This may be an option no longer available or could be the result of a module that failed to load.  \
                   In the future this will result in a startup error.";
const PARSING: &str = "encountered the following error while parsing:";

fn load(text: &str) -> Settings {
    let memory = Memory::default().with("/c/refit.conf", text);
    let context = LoadContext { data_path: PathBuf::from("/d"), asvc: None };
    Settings::load(Path::new("/c/refit.conf"), &memory, &context).expect("it loads")
}

fn section(options: &str) -> Settings {
    load(&format!("[update_manager]\n{options}\n"))
}

/// The message of the failure that takes the component down.
fn fatal(options: &str) -> String {
    let settings = section(options);
    assert_eq!(settings.failed_components, ["update_manager"], "of {options:?}");
    assert_eq!(settings.update_manager, None);
    settings.problems.first().map(|problem| problem.message.clone()).unwrap_or_default()
}

#[test]
fn without_a_section_nothing_is_managed() {
    let settings = load("[server]\n");
    assert_eq!((settings.update_manager, settings.failed_components), (None, vec![]));
}

#[test]
fn any_updater_asks_for_the_defaults() {
    let settings = load("[update_manager foo]\ntype: web\n");
    assert_eq!(settings.update_manager, Some(UpdateManagerSettings::default()));
    let default = UpdateManagerSettings::default();
    assert_eq!((default.refresh_interval_hours, default.refresh_window), (168, (0, 5)));
    assert!(default.enable_system_updates && default.enable_packagekit && !default.enable_auto_refresh);
}

#[test]
fn every_option_is_read() {
    let text = "enable_auto_refresh: yes\nREFRESH_INTERVAL = 24 # x\nrefresh_window: 22-4\nenable_system_updates: no\n\
                channel: beta\n";
    let global = section(text).update_manager.expect("it is valid");
    assert_eq!((global.enable_auto_refresh, global.refresh_interval_hours), (true, 24));
    assert_eq!((global.refresh_window, global.enable_system_updates), ((22, 4), false));
    assert_eq!((global.enable_packagekit, global.channel), (false, Some(Channel::Beta)));
}

#[test]
fn intervals_beyond_reason_are_bounded() {
    let hours = |text: &str| {
        section(&format!("refresh_interval: {text}")).update_manager.map(|global| global.refresh_interval_hours)
    };
    assert_eq!((hours("-5"), hours("0"), hours("99999999999999999999")), (Some(0), Some(0), Some(u32::MAX)));
}

#[test]
fn windows() {
    for (text, window) in [
        ("0-5", (0, 5)),
        ("0 - 5", (0, 5)),
        ("-1-5", (1, 5)),
        ("0--5", (0, 5)),
        ("+1-2", (1, 2)),
        ("--3--4--", (3, 4)),
        ("1\n  -5", (1, 5)),
        ("0-23", (0, 23)),
    ] {
        let read = section(&format!("refresh_window: {text}")).update_manager;
        assert_eq!(read.map(|global| global.refresh_window), Some(window), "of {text:?}");
    }
    for (text, why) in [
        ("5", "List length mismatch, expected 2, parsed 1"),
        ("0-", "List length mismatch, expected 2, parsed 1"),
        ("", "List length mismatch, expected 2, parsed 0"),
        ("0-5-7", "List length mismatch, expected 2, parsed 3"),
        ("a-b", "invalid literal for int() with base 10: 'a'"),
        ("1,5", "invalid literal for int() with base 10: '1,5'"),
    ] {
        let expected = format!("[update_manager]: Option 'refresh_window' {PARSING} {why}");
        assert_eq!(fatal(&format!("refresh_window: {text}")), expected);
    }
    let hours = "The hours specified in 'refresh_window' must be between 0 and 23.";
    for text in ["24-5", "0-24", "99999999999999999999-1"] {
        assert_eq!(fatal(&format!("refresh_window: {text}")), hours);
    }
    let same = "The start and end hours specified in 'refresh_window' cannot be the same.";
    assert_eq!(fatal("refresh_window: 5-5"), same);
}

#[test]
fn a_broken_value_takes_the_component_down() {
    for (option, value, why) in [
        ("enable_auto_refresh", "2", "Not a boolean: 2"),
        ("enable_repo_debug", "x", "Not a boolean: x"),
        ("enable_packagekit", "x", "Not a boolean: x"),
        ("refresh_interval", "0x10", "invalid literal for int() with base 10: '0x10'"),
    ] {
        let expected = format!("[update_manager]: Option '{option}' {PARSING} {why}");
        assert_eq!(fatal(&format!("{option}: {value}")), expected);
    }
    let choices = "is not a vailid choice.  Must be one of the following ['stable', 'beta', 'dev']";
    for value in ["Stable", "foo", ""] {
        let expected = format!("Section [moonraker], Option 'channel: Value {value} {choices}");
        assert_eq!(fatal(&format!("channel: {value}")), expected);
    }
    assert!(fatal("client_repo: x/y").starts_with("The deprecated 'client_repo' and 'client_path' options"));
    assert!(fatal("client_path:").starts_with("The deprecated 'client_repo' and 'client_path' options"));
}

#[test]
fn what_a_failure_leaves_unread() {
    let settings = load(
        "[update_manager]\nrefresh_interval: x\nfoo: 1\n[update_manager foo]\ntype: web\n[update_manager klipper]\n\
         channel: dev\n",
    );
    let section = "Unparsed config section [update_manager foo] detected.  This may be the result of a component that \
                   failed to load.  In the future this will result in a startup error.";
    assert_eq!(settings.warnings, [section]);
    assert!(settings.updaters.is_empty());
    let settings = load("[update_manager]\nrefresh_window: 24-5\nenable_system_updates: False\n");
    let option = "Unparsed config option 'enable_system_updates: False' detected in section [update_manager].";
    assert_eq!(settings.warnings, [format!("{option}  {OPT}")]);
}

#[test]
fn warnings() {
    let deprecated = "[update_manager]: Option 'enable_repo_debug' is deprecated, see the configuration documentation \
                      at https://moonraker.readthedocs.io/en/latest/configuration/";
    assert_eq!(section("enable_repo_debug: False").warnings, [deprecated]);
    let unparsed = "Unparsed config option 'enable_packagekit: x' detected in section [update_manager].";
    let settings = section("enable_packagekit: x\nenable_system_updates: no");
    assert_eq!(settings.warnings, [format!("{unparsed}  {OPT}")]);
    let html = "Unparsed config option 'foo: <br/>a<br/><b>' detected in section [update_manager].";
    assert_eq!(section("foo:\n  a\n  <b>").warnings, [format!("{html}  {OPT}")]);
}

#[test]
fn built_in_updaters_take_five_options() {
    let text = "[update_manager]\nchannel: beta\nrefresh_interval: 9\n[update_manager klipper]\nchannel: stable\n\
                pinned_commit: ABCDEF1234\nrefresh_interval: 5\nreport_anomalies: no\npath: /tmp\nfoo: x\nhold: true\n";
    let settings = load(text);
    let klipper = BuiltinOverride {
        health: crate::health::HealthSpec::USUAL,
        channel: Some(Channel::Stable),
        pinned_commit: Some("abcdef1234".to_owned()),
        refresh_interval_hours: 5,
        report_anomalies: false,
        hold: settings.builtin.klipper.hold.clone().filter(|place| place.line as usize >= text.lines().count()),
    };
    assert!(klipper.hold.is_some() && settings.builtin.moonraker.hold.is_none());
    assert_eq!(settings.builtin.klipper, klipper);
    let moonraker = &settings.builtin.moonraker;
    assert_eq!((moonraker.channel, moonraker.refresh_interval_hours), (Some(Channel::Beta), 9));
    let unparsed = |option: &str| {
        format!("Unparsed config option '{option}' detected in section [update_manager klipper].  {OPT}")
    };
    assert_eq!(settings.warnings, [unparsed("path: /tmp"), unparsed("foo: x")]);
    assert!(settings.updaters.is_empty() && settings.failed_updaters.is_empty());
}

#[test]
fn a_broken_built_in_section_costs_that_updater_only() {
    let short = "[klipper]: Value for option 'commit' must be a minimum of 8 characters.";
    let choice = "Section [klipper], Option 'channel: Value foo is not a vailid choice.  Must be one of the following \
                  ['stable', 'beta', 'dev']";
    for (option, why) in [
        ("pinned_commit: abc", short.to_owned()),
        ("pinned_commit:", short.to_owned()),
        ("channel: foo", choice.to_owned()),
        ("report_anomalies: x", format!("[klipper]: Option 'report_anomalies' {PARSING} Not a boolean: x")),
    ] {
        let settings = load(&format!("[update_manager klipper]\n{option}\n[update_manager moonraker]\nchannel: dev\n"));
        assert_eq!(settings.failed_updater("klipper").map(|failed| failed.message.clone()), Some(why.clone()));
        assert_eq!(settings.warnings, [format!("[update_manager]: Failed to load extension klipper: {why}")]);
        assert_eq!(settings.builtin.moonraker.channel, Some(Channel::Dev));
        assert!(settings.update_manager.is_some() && settings.failed_components.is_empty());
    }
}
