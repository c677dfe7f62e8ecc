use proptest::prelude::*;

use super::*;
use crate::health::HealthSpec;
use crate::journal::Stamped;
use crate::name::{BranchName, RunId};
use crate::request::{Caller, Door};
use crate::settings::Channel;
use crate::updater::Common;
use crate::updater::git::GitSpec;

fn name(text: &str) -> UpdaterName {
    UpdaterName::new(text).unwrap()
}

fn units(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// A run of one updater that puts off and restarts.
fn run(of: &str, postpones: &[&str], restarts: &[&str]) -> Plan {
    let updater = name(of);
    let postpone = |unit: &&str| {
        plain(Step::Service(ServiceStep::Postpone { updater: updater.clone(), unit: (*unit).to_owned() }))
    };
    let restart = |unit: &&str| step(&updater, of, (*unit).to_owned(), false, Sick::TakeBack);
    let steps = postpones.iter().map(postpone).chain(restarts.iter().map(restart));
    Plan {
        steps: steps.collect(),
        updater: updater.clone(),
        action: Action::Upgrade,
        from: "1".to_owned(),
        to: "2".to_owned(),
        opening: Vec::new(),
        closing: String::new(),
        notes: Vec::new(),
    }
}

fn record(plan: Plan, boot: &str, ends: &[Entry]) -> RunRecord {
    let entries =
        ends.iter().enumerate().map(|(seq, entry)| Stamped { seq: seq as u32, at: 0.0, entry: entry.clone() });
    RunRecord {
        id: RunId(1),
        caller: Caller { door: Door::Schedule, connection: None, who: String::new() },
        plan,
        began: 0.0,
        boot_id: boot.to_owned(),
        entries: entries.collect(),
    }
}

#[test]
fn a_unit_belongs_to_its_namesake_and_instances_to_the_built_in_ones() {
    for (updater, unit, own) in [
        ("app", "app", true),
        ("app", "app-2", false),
        ("klipper", "klipper", true),
        ("klipper", "klipper-2", true),
        ("klipper", "klipper_2", true),
        ("klipper", "klipperscreen", false),
        ("klipper", "moonraker", false),
        ("moonraker", "moonraker_2", true),
    ] {
        assert_eq!(is_own(&name(updater), unit), own, "{updater} {unit}");
    }
}

#[test]
fn who_put_a_restart_off_owes_it_until_somebody_restarts() {
    let mut owed = Owed::default();
    owed.finished(&run("one", &["moonraker", "klipper"], &["one"]));
    owed.finished(&run("two", &["klipper", "klipper-2"], &[]));
    assert_eq!(owed.of(&name("klipper")), units(&["klipper", "klipper-2"]));
    assert_eq!(owed.of(&name("one")), Vec::<String>::new());
    assert_eq!(owed.needed_by(&units(&["klipper"])), [name("one"), name("two")]);
    owed.finished(&run("klipper", &[], &["klipper", "klipper-2"]));
    assert_eq!(owed.units().collect::<Vec<_>>(), ["moonraker"]);
}

#[test]
fn the_journal_tells_what_is_owed_still() {
    let finished = Entry::Ended { outcome: Outcome::Finished };
    let undone = Entry::Ended { outcome: Outcome::Undone { error: "why".to_owned() } };
    let again = Entry::Attempt { number: 1, boot_id: "now".to_owned() };
    let put_off = || run("one", &["klipper"], &[]);
    let owed = |newest_first: &[RunRecord]| Owed::from_history(newest_first, "now").units().count();
    assert_eq!(owed(&[record(put_off(), "now", std::slice::from_ref(&finished))]), 1);
    assert_eq!(owed(&[record(put_off(), "now", &[undone])]), 0, "it was taken back");
    assert_eq!(owed(&[record(put_off(), "before", std::slice::from_ref(&finished))]), 0, "a boot restarts everything");
    assert_eq!(owed(&[record(put_off(), "before", &[again, finished.clone()])]), 1, "finished after the boot");
    let restarted = record(run("klipper", &[], &["klipper"]), "now", std::slice::from_ref(&finished));
    assert_eq!(owed(&[restarted.clone(), record(put_off(), "now", std::slice::from_ref(&finished))]), 0);
    assert_eq!(owed(&[record(put_off(), "now", std::slice::from_ref(&finished)), restarted]), 1, "newest first");
}

#[test]
fn who_wants_nothing_to_be_asked_of_itself_leaves_the_others_theirs() {
    let lines = |text: &str| HealthSpec::parse(&[text.to_owned()], None, false).unwrap();
    let asked = |own: &str| {
        let mut common = Common::usual(name("klipper"), Channel::Dev);
        common.dependencies.health = lines(own);
        let spec = Spec::Git(GitSpec {
            common,
            path: "/home/pi/klipper".into(),
            origin: "https://host/klipper.git".to_owned(),
            moved_origin: None,
            primary_branch: BranchName::new("master").unwrap(),
            pinned_commit: None,
        });
        let occasion =
            Occasion { owed: units(&["klipper"]), declared: lines("url http://one/").declared, ..Occasion::default() };
        let Verdict::Do(plan) = plan(&spec, &Facts::unseen(&spec), &occasion) else { panic!() };
        let steps: Vec<String> = plan.steps.iter().map(|planned| planned.step.describe()).collect();
        steps.last().cloned().unwrap()
    };
    assert_eq!(asked("none"), "check that everything is as well as before: url http://one/");
    let all = "check that everything is as well as before: service klipper, Klipper, url http://one/";
    assert_eq!(asked("unit klipper"), all);
}

proptest! {
    /// Whatever comes in whatever order: a unit is owed exactly when it was put off after it was last restarted.
    #[test]
    fn a_unit_is_owed_since_it_was_last_restarted(deeds in prop::collection::vec((0..3_usize, any::<bool>()), 0..20)) {
        let all = ["klipper", "moonraker", "x"];
        let (mut owed, mut expected) = (Owed::default(), [false; 3]);
        for (unit, restart) in deeds {
            let only = [all[unit]];
            let (postpones, restarts): (&[&str], &[&str]) = if restart { (&[], &only) } else { (&only, &[]) };
            owed.finished(&run("app", postpones, restarts));
            expected[unit] = !restart;
        }
        for (unit, expected) in all.iter().zip(expected) {
            prop_assert_eq!(owed.units().any(|owed| owed == *unit), expected);
        }
        prop_assert_eq!(owed.needed_by(&units(&all)).len(), usize::from(expected.contains(&true)));
    }
}
