use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::journal::{Entry, RunRecord, Stamped};
use crate::name::{RunId, UpdaterName};
use crate::plan::{Action, Plan};
use crate::request::{Caller, Door};
use crate::step::{HealthStep, Phase, PlannedStep, Sick, Step, Undo, Watched};

fn unit(state: UnitState) -> UnitSeen {
    UnitSeen { state, words: "as systemd says".to_owned(), invocation: "1".to_owned(), restarts: 0 }
}

fn klipper(state: UnitState) -> Seen {
    Seen { units: BTreeMap::from([("klipper".to_owned(), unit(state))]), ..Seen::default() }
}

fn printer(state: KlippyState, message: &str) -> Seen {
    Seen { printer: Some(PrinterSeen { state, message: message.to_owned() }), ..Seen::default() }
}

fn answers(failed: &[&str], warnings: &[&str], websocket: bool) -> Seen {
    let failed = failed.iter().map(|text| (*text).to_owned()).collect();
    let warnings = warnings.iter().map(|text| (*text).to_owned()).collect();
    Seen { moonraker: Some(MoonrakerSeen::Answers { failed, warnings, websocket }), ..Seen::default() }
}

fn page(missing: &[&str]) -> Seen {
    let missing = missing.iter().map(|text| (*text).to_owned()).collect();
    Seen { front_end: Some(FrontEndSeen::Index { missing }), ..Seen::default() }
}

fn declared(well: bool) -> Seen {
    let seen = DeclaredSeen { well, words: "it answered 500".to_owned(), patience: 30 };
    Seen { declared: BTreeMap::from([("url http://host/".to_owned(), seen)]), ..Seen::default() }
}

/// Long after everything had its time.
fn late(starts: &Starts) -> Moment<'_> {
    Moment { waited: Duration::from_secs(10_000), patience: PATIENCE, settling: false, rebooted: false, starts }
}

fn judged(before: &Seen, now: &Seen) -> Verdict {
    judge(before, now, late(&Starts::default()))
}

#[track_caller]
fn worse(before: &Seen, now: &Seen) -> String {
    match judged(before, now) {
        Verdict::Worse(words) => words,
        other => panic!("{other:?}"),
    }
}

fn well(words: &str) -> Verdict {
    Verdict::AsBefore { well: words.to_owned(), still: None }
}

#[test]
fn a_service_that_dies_is_believed_at_once_and_all_else_when_it_has_settled() {
    let before = klipper(UnitState::Up);
    let mut starts = Starts::default();
    let mut now = klipper(UnitState::Up);
    now.units.get_mut("klipper").unwrap().invocation = "2".to_owned();
    assert!(starts.note(&now.units) && !starts.note(&now.units), "only the first start is remembered");
    assert!(starts.any_new(&before) && !Starts::default().any_new(&before));
    let settling =
        Moment { waited: Duration::ZERO, patience: PATIENCE, settling: true, rebooted: false, starts: &starts };
    assert_eq!(judge(&before, &now, settling), Verdict::NotYet);
    assert_eq!(judge(&before, &now, late(&starts)), well("the service klipper runs"));
    for state in [UnitState::Down, UnitState::Idle] {
        assert!(matches!(judge(&before, &klipper(state), settling), Verdict::Worse(_)), "{state:?}");
    }
    // Started again by itself, however well it is at this moment.
    let mut again = now.clone();
    again.units.get_mut("klipper").unwrap().restarts = 1;
    let words = Verdict::Worse("the service klipper crashes and is started again".to_owned());
    assert_eq!(judge(&before, &again, settling), words);
    again = now.clone();
    again.units.get_mut("klipper").unwrap().invocation = "3".to_owned();
    assert_eq!(judge(&before, &again, settling), words);
    assert_eq!(judge(&before, &klipper(UnitState::Coming), settling), Verdict::NotYet);
    assert!(worse(&before, &klipper(UnitState::Coming)).contains("still being started"));
    assert_eq!(worse(&before, &Seen::default()), "there is no service klipper any more");
    // After a boot its turn may not have come yet.
    let nothing = Starts::default();
    let booted = Moment { waited: Duration::ZERO, rebooted: true, ..late(&nothing) };
    assert_eq!(judge(&before, &klipper(UnitState::Idle), booted), Verdict::NotYet);
}

#[test]
fn what_was_sick_before_is_told_and_not_held_against_the_update() {
    for state in [UnitState::Down, UnitState::Idle, UnitState::Coming] {
        let told = judged(&klipper(state), &klipper(UnitState::Down));
        assert!(matches!(told, Verdict::AsBefore { still: Some(_), .. }), "{told:?}");
    }
    assert_eq!(judged(&klipper(UnitState::Down), &klipper(UnitState::Up)), well("the service klipper runs"));
    let sick = printer(KlippyState::Error, "Unable to open serial port");
    let Verdict::AsBefore { still: Some(still), .. } = judged(&sick, &sick) else { panic!() };
    assert_eq!(still, "Klipper was not ready before either, and reports 'Unable to open serial port'");
    assert!(
        worse(&sick, &printer(KlippyState::Disconnected, "")).contains("it answered before"),
        "only liveness is asked"
    );
    assert_eq!(judged(&sick, &printer(KlippyState::Ready, "")), well("Klipper is ready"));
    let gone = Seen { moonraker: Some(MoonrakerSeen::Gone { why: "refused".to_owned() }), ..Seen::default() };
    assert!(matches!(judged(&gone, &gone), Verdict::AsBefore { still: Some(_), .. }));
    assert!(matches!(judged(&page(&["a.js"]), &page(&["b.js"])), Verdict::AsBefore { still: Some(_), .. }));
    assert!(matches!(judged(&declared(false), &declared(false)), Verdict::AsBefore { still: Some(_), .. }));
    // What was not recorded is not compared.
    assert_eq!(judged(&Seen::default(), &printer(KlippyState::Error, "x")), well(""));
}

#[test]
fn it_is_said_what_was_seen_and_how_it_was_before() {
    let ready = printer(KlippyState::Ready, "Printer is ready");
    assert_eq!(
        worse(&ready, &printer(KlippyState::Error, "mcu 'mcu': Protocol error")),
        "after the restart Klipper reported 'mcu 'mcu': Protocol error' (it was ready before)"
    );
    assert!(worse(&ready, &printer(KlippyState::Startup, "")).contains("still starting"));
    let nothing = Starts::default();
    let start = Moment { waited: Duration::from_secs(30), ..late(&nothing) };
    assert_eq!(judge(&ready, &printer(KlippyState::Startup, ""), start), Verdict::NotYet, "boards take their time");
    assert_eq!(judge(&ready, &printer(KlippyState::Disconnected, ""), start), Verdict::NotYet);
    assert_eq!(
        worse(&answers(&["a"], &[], true), &answers(&["a", "b", "c"], &[], true)),
        "Moonraker could not load b and c (it could before)"
    );
    assert_eq!(
        judged(&answers(&[], &["old"], true), &answers(&[], &["old", "new"], true)),
        well("Moonraker answers, and warns of more than before: 'new'")
    );
    assert!(worse(&answers(&[], &[], true), &answers(&[], &[], false)).contains("WebSocket"));
    assert_eq!(judged(&answers(&["a"], &["x"], false), &answers(&[], &[], false)), well("Moonraker answers"));
    assert_eq!(worse(&page(&[]), &page(&["js/app.js"])), "its page index.html needs js/app.js, which is not there");
    let none = Seen { front_end: Some(FrontEndSeen::NoIndex), ..Seen::default() };
    assert!(worse(&page(&["x"]), &none).contains("not there any more"));
    assert_eq!(judged(&none, &none), well(""));
    assert_eq!(
        worse(&declared(true), &declared(false)),
        "the check 'url http://host/' fails: it answered 500 (it passed before)"
    );
    let soon = Moment { waited: Duration::from_secs(29), ..late(&nothing) };
    assert_eq!(judge(&declared(true), &declared(false), soon), Verdict::NotYet);
}

fn record(failed: usize, after: Option<Aftermath>) -> RunRecord {
    let name = UpdaterName::new("klipper").unwrap();
    let check = HealthStep::Check {
        updater: name.clone(),
        title: "Git Repo klipper".to_owned(),
        watched: Watched::default(),
        sick: Sick::TakeBack,
    };
    let plain = |step| PlannedStep { step, undo: Undo::Nothing, phase: Phase::Switch, announce: Vec::new() };
    let plan = Plan {
        updater: name,
        action: Action::Upgrade,
        from: "v0.12.0-10".to_owned(),
        to: "v0.12.0-20".to_owned(),
        opening: Vec::new(),
        steps: vec![plain(Step::CheckPrinter), plain(Step::Health(check))],
        closing: String::new(),
        notes: Vec::new(),
    };
    let entries =
        [Entry::Failed { step: failed, error: "x".to_owned(), output: None }, Entry::Undone { step: 0, after }];
    let entries = entries.into_iter().map(|entry| Stamped { seq: 0, at: 0.0, entry }).collect();
    let caller = Caller { door: Door::Schedule, connection: None, who: "test".to_owned() };
    RunRecord { id: RunId(1), caller, plan, began: 0.0, boot_id: "b".to_owned(), entries }
}

#[test]
fn a_run_that_was_taken_back_says_what_was_seen_and_what_is_there_again() {
    let seen = |well, words: &str| Some(Aftermath { well, words: words.to_owned() });
    let why = "after the restart Klipper reported 'mcu protocol error' (it was ready before)";
    assert_eq!(
        taken_back(&record(1, seen(true, "Klipper is ready")), why),
        format!("klipper's update was taken back: {why}. Version v0.12.0-10 is in use again and Klipper is ready")
    );
    assert_eq!(
        taken_back(&record(1, None), why),
        format!("klipper's update was taken back: {why}. Version v0.12.0-10 is in use again")
    );
    let still = taken_back(&record(1, seen(false, "the service klipper crashed")), why);
    assert!(still.contains("Version v0.12.0-10 is in use again, but the service klipper crashed."), "{still}");
    // What failed otherwise says so itself, and more only when it is sick now.
    assert_eq!(taken_back(&record(0, seen(true, "Klipper is ready")), "no room."), "no room.");
    assert!(taken_back(&record(0, seen(false, "Klipper is gone")), "no room.").starts_with("no room. Version"));
}

#[test]
fn what_is_declared_is_read_and_nonsense_is_named() {
    let parse = |line: &str| DeclaredCheck::parse(line, false);
    for line in ["url http://[::1]:80/x?y=1", "url https://host 204", "unit nginx", "command /usr/bin/test -f /a b"] {
        assert_eq!(parse(line).map(|check| check.to_string()), Ok(line.to_owned()));
    }
    assert_eq!(parse("unit nginx.service").unwrap().to_string(), "unit nginx");
    assert!(matches!(
        DeclaredCheck::parse("url http://h/", true),
        Ok(DeclaredCheck::Url { status: 200, page: true, .. })
    ));
    assert!(matches!(DeclaredCheck::parse("url http://h/ 301", true), Ok(DeclaredCheck::Url { page: false, .. })));
    for (line, word) in [
        ("", "no kind of check"),
        ("ping host", "'ping'"),
        ("url", "''"),
        ("url ftp://host/", "ftp://host/"),
        ("url http://", "http://"),
        ("url http://me:secret@host/", "without a password"),
        ("url http://host/ ok", "'ok'"),
        ("url http://host/ 99", "'99'"),
        ("url http://host/ 200 more", "'more'"),
        ("unit -x", "'-x'"),
        ("unit a b", "'b'"),
        ("command test", "'test'"),
        ("command ~/x", "no shell"),
        ("command", "''"),
    ] {
        let why = parse(line).unwrap_err().to_string();
        assert!(why.contains(word), "{line}: {why}");
    }
    assert!(HealthSpec::parse(&["none".to_owned()], None, false).unwrap().off);
    assert!(HealthSpec::parse(&["none".to_owned(), "unit x".to_owned()], None, false).is_err());
    assert_eq!(HealthSpec::parse(&[], Some(5), false).unwrap(), HealthSpec::USUAL);
    let written =
        serde_json::to_string(&HealthSpec::parse(&["unit x".to_owned()], None, false).unwrap().declared).unwrap();
    assert_eq!(written, r#"[{"check":{"check":"unit","unit":"x"},"patience":30}]"#);
    assert!(serde_json::from_str::<Vec<Declared>>(&written.replace("\"x\"", "\"-x\"")).is_err());
}

#[test]
fn a_long_message_is_cut_and_put_on_one_line() {
    assert_eq!(one_line("  a\n\tb\n"), "a b");
    assert_eq!(one_line(&"ä".repeat(400)).chars().count(), 301);
}

/// Two changes wait for one restart; what the second found sick was well before the first.
#[test]
fn what_was_well_before_the_first_of_several_changes_counts() {
    let both = |now: &Seen, earlier: &Seen| now.clone().or_better(earlier);
    let (ready, error) = (printer(KlippyState::Ready, ""), printer(KlippyState::Error, "mcu"));
    assert_eq!((both(&error, &ready), both(&ready, &error)), (ready.clone(), ready.clone()));
    let (up, down) = (klipper(UnitState::Up), klipper(UnitState::Down));
    assert_eq!((both(&down, &up), both(&up, &down)), (up.clone(), up.clone()));
    assert_eq!(
        (both(&declared(false), &declared(true)), both(&declared(true), &declared(false))),
        (declared(true), declared(true))
    );
    let gone = Seen { moonraker: Some(MoonrakerSeen::Gone { why: "refused".to_owned() }), ..Seen::default() };
    let (fewer, more) = (answers(&["a"], &["w"], true), answers(&["a", "b"], &["w"], false));
    assert_eq!((both(&more, &fewer), both(&fewer, &more)), (fewer.clone(), fewer.clone()));
    assert_eq!((both(&gone, &fewer), both(&fewer, &gone)), (fewer.clone(), fewer));
    // What nobody asks now stays unasked.
    assert_eq!(both(&Seen::default(), &ready), Seen::default());
}

fn seen() -> impl Strategy<Value = Seen> {
    let state = prop_oneof![Just(UnitState::Up), Just(UnitState::Coming), Just(UnitState::Idle), Just(UnitState::Down)];
    let units = proptest::collection::btree_map("[ab]", (state, "[12]", 0_u32..3), 0..3);
    let klippy = prop_oneof![
        Just(KlippyState::Disconnected),
        Just(KlippyState::Startup),
        Just(KlippyState::Ready),
        Just(KlippyState::Error),
        Just(KlippyState::Shutdown)
    ];
    let names = || proptest::collection::btree_set("[a-d]", 0..3);
    let moonraker = prop_oneof![
        Just(MoonrakerSeen::Gone { why: "refused".to_owned() }),
        Just(MoonrakerSeen::Silent { status: 401 }),
        (names(), names(), any::<bool>()).prop_map(|(failed, warnings, websocket)| {
            MoonrakerSeen::Answers { failed, warnings: warnings.into_iter().collect(), websocket }
        }),
    ];
    let page = prop_oneof![Just(FrontEndSeen::NoIndex), names().prop_map(|missing| FrontEndSeen::Index { missing })];
    let checks = proptest::collection::btree_map("[xy]", any::<bool>(), 0..3);
    let printer = proptest::option::of((klippy, "[a-c]{0,3}"));
    let (moonraker, page) = (proptest::option::of(moonraker), proptest::option::of(page));
    (units, printer, moonraker, page, checks).prop_map(|(units, printer, moonraker, front_end, checks)| Seen {
        units: units
            .into_iter()
            .map(|(name, (state, invocation, restarts))| {
                (name, UnitSeen { state, words: "w".to_owned(), invocation, restarts })
            })
            .collect(),
        printer: printer.map(|(state, message)| PrinterSeen { state, message }),
        moonraker,
        front_end,
        declared: checks
            .into_iter()
            .map(|(name, well)| (name, DeclaredSeen { well, words: "w".to_owned(), patience: 30 }))
            .collect(),
    })
}

/// One thing more that is wrong.
fn worsen(seen: &mut Seen, which: usize) {
    match which {
        0 => seen.units.values_mut().for_each(|unit| unit.state = UnitState::Down),
        1 => seen.printer.iter_mut().for_each(|printer| printer.state = KlippyState::Disconnected),
        2 => {
            if let Some(printer) = seen.printer.as_mut().filter(|printer| printer.state == KlippyState::Ready) {
                printer.state = KlippyState::Error;
            }
        }
        3 => seen.moonraker.iter_mut().for_each(|moonraker| *moonraker = MoonrakerSeen::Gone { why: "x".to_owned() }),
        4 => {
            if let Some(MoonrakerSeen::Answers { failed, warnings, websocket }) = &mut seen.moonraker {
                failed.insert("z".to_owned());
                warnings.push("z".to_owned());
                *websocket = false;
            }
        }
        5 => {
            if let Some(FrontEndSeen::Index { missing }) = &mut seen.front_end {
                missing.insert("z".to_owned());
            }
        }
        6 => seen.front_end.iter_mut().for_each(|page| *page = FrontEndSeen::NoIndex),
        _ => seen.declared.values_mut().for_each(|check| check.well = false),
    }
}

proptest! {
    #[test]
    fn the_same_is_never_worse(seen in seen()) {
        let mut starts = Starts::default();
        starts.note(&seen.units);
        let verdict = judge(&seen, &seen, late(&starts));
        prop_assert!(matches!(verdict, Verdict::AsBefore { .. }), "{verdict:?}");
    }

    #[test]
    fn what_is_worse_stays_worse_with_one_thing_more_that_is_wrong(before in seen(), now in seen(), which in 0_usize..8) {
        let mut more = now.clone();
        worsen(&mut more, which);
        if matches!(judged(&before, &now), Verdict::Worse(_)) {
            prop_assert!(matches!(judged(&before, &more), Verdict::Worse(_)));
        }
        prop_assert!(judged(&before, &now) != Verdict::NotYet, "everything had its time");
    }

    #[test]
    fn what_is_recorded_can_be_read_again(seen in seen()) {
        let text = serde_json::to_string(&seen).unwrap();
        prop_assert_eq!(serde_json::from_str::<Seen>(&text).unwrap(), seen);
    }
}

#[test]
fn a_record_of_an_older_version_can_be_read() {
    assert_eq!(serde_json::from_str::<Seen>("{}").unwrap(), Seen::default());
    let entry: Entry = serde_json::from_str(r#"{"entry":"undone","step":3}"#).unwrap();
    assert_eq!(entry, Entry::Undone { step: 3, after: None });
}
