//! An update that makes something sick: the check gets what was recorded, the whole run is taken back, and one message says
//! what was seen; also where the power goes in between, or Refit ends.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use refit_adapters::store::{Store, StoreOptions};
use refit_engine::ports::Journal as _;
use refit_engine::recover::recover;
use refit_engine::{EngineSettings, rescue};
use refit_model::health::Aftermath;
use refit_model::journal::{Outcome, RunRecord};
use refit_model::plan::Action;
use refit_model::request::Request;
use refit_model::updater::Spec;

use crate::fuse::{Cuttable, Fuse};
use crate::lab::{engine, upgrade, wait};
use crate::scripted::{CLOCK, Scripted, caller, commit, facts_of, name, serving};

const CHECK: &str = "check that everything is as well";
const SEEN: &str = "after the restart Klipper reported 'mcu protocol error' (it was ready before)";

fn app() -> Spec {
    serving("app", &["app"])
}

fn sick(machine: &Scripted, with: &'static str) {
    machine.with(|disk| {
        disk.failing = Some(CHECK);
        disk.failing_with = Some(with);
        disk.failure = SEEN.to_owned();
    });
}

fn aftermath(machine: &Scripted, well: bool, words: &str) {
    machine.with(|disk| disk.aftermath = Some(Aftermath { well, words: words.to_owned() }));
}

async fn newest(store: &Store, of: &str) -> RunRecord {
    store.history(Some(&name(of)), 1).await.unwrap().swap_remove(0)
}

#[tokio::test]
async fn a_sick_update_is_taken_back_and_the_message_says_what_was_seen_and_what_is_there_again() {
    let mut engine = engine(Scripted::new(&["app"]), vec![app()], EngineSettings::default()).await;
    wait(&engine.handle, |snapshot| snapshot.initialized).await;
    sick(&engine.machine, "app");
    aftermath(&engine.machine, true, "Klipper is ready");
    let told = engine.submit(upgrade("app")).await.unwrap_err().to_string();
    let expected =
        format!("app's update was taken back: {SEEN}. Version v1.0.0-0 is in use again and Klipper is ready");
    assert_eq!(told, expected);
    assert_eq!(engine.texts("app").await.last(), Some(&format!("Error updating app: {expected}")));
    assert_eq!(engine.machine.head("app"), commit('a'));
    let run = newest(&engine.store, "app").await;
    assert_eq!(run.outcome(), Some(&Outcome::Undone { error: expected }));
    assert_eq!(engine.machine.with(|disk| disk.handed.clone()), [Some(1.into())]);

    // What is sick without the update as well is said to be.
    aftermath(&engine.machine, false, "the service app crashed (failed, exit-code)");
    let told = engine.submit(upgrade("app")).await.unwrap_err().to_string();
    assert!(told.contains("is in use again, but the service app crashed (failed, exit-code)."), "{told}");
    engine.texts("app").await;
    // A well one goes through, and says nothing of it.
    engine.machine.with(|disk| disk.failing = None);
    engine.submit(upgrade("app")).await.unwrap();
    assert_eq!(engine.machine.head("app"), commit('b'));
    assert_eq!(engine.texts("app").await.last().map(String::as_str), Some("Git Repo app: Update Finished..."));
}

fn open(folder: &Path) -> Store {
    Store::open(folder, &StoreOptions { keep_history: 100, now: 0.0 }).unwrap().store
}

/// Wherever the power goes, before the check, in it, or while the update is taken back: the next start performs the check
/// with what was recorded first, and the sick version does not stay.
#[tokio::test]
async fn after_a_crash_the_check_is_made_up_for_with_what_was_recorded_before_it() {
    for is_sick in [true, false] {
        for instant in 1.. {
            let what = format!("sick: {is_sick}, cut at {instant}");
            let folder = refit_testkit::scratch::scratch();
            let machine = Scripted::new(&["app"]);
            if is_sick {
                sick(&machine, "app");
            }
            open(folder.path()).keep_facts(&name("app"), &facts_of(&machine, &app())).await.unwrap();
            let fuse = Fuse::at(instant);
            let done = {
                let (machine, journal) = (machine.under(&fuse), Cuttable::new(open(folder.path()), fuse.clone()));
                let (caller, spec) = (caller(), app());
                let done = rescue::act((&machine, &journal, &CLOCK), &spec, Action::Upgrade, &caller, Arc::new(|_| {}));
                fuse.until_cut(done).await.is_some()
            };
            assert!(recover(&machine, &open(folder.path()), &CLOCK).await.stuck.is_none(), "{what}");
            let runs = open(folder.path()).history(None, 5).await.unwrap();
            let outcome = runs.first().and_then(RunRecord::outcome);
            let stands = machine.head("app") == commit('b');
            assert_eq!(stands, outcome == Some(&Outcome::Finished), "{what}: {outcome:?}");
            assert!(!(stands && is_sick), "{what}: a sick version stays");
            let handed = machine.with(|disk| disk.handed.clone());
            assert!(handed.iter().all(|handed| *handed == Some(1.into())), "{what}: {handed:?}");
            assert!(!stands || !handed.is_empty(), "{what}: nothing was checked");
            if done {
                assert!(instant > 20, "{what}: hardly anything was cut");
                break;
            }
        }
    }
}

/// A check takes its time; an end of Refit does not wait for it, and the next start makes up for it.
#[tokio::test]
async fn an_end_of_refit_leaves_the_check_to_the_next_start() {
    for is_sick in [true, false] {
        let engine = engine(Scripted::new(&["app"]), vec![app()], EngineSettings::default()).await;
        wait(&engine.handle, |snapshot| snapshot.initialized).await;
        engine.machine.with(|disk| disk.halting = Some(CHECK));
        let asking = tokio::spawn({
            let handle = engine.handle.clone();
            async move { handle.submit(upgrade("app"), caller()).await }
        });
        let looks = |run: &refit_engine::snapshot::Running| run.doing.starts_with(CHECK);
        wait(&engine.handle, |snapshot| snapshot.running.as_ref().is_some_and(looks)).await;
        engine.handle.shutdown().await;
        assert!(asking.await.unwrap().is_err());
        engine.task.await.unwrap();
        assert_eq!(newest(&engine.store, "app").await.outcome(), None);
        engine.machine.with(|disk| disk.halting = None);
        if is_sick {
            sick(&engine.machine, "app");
        }
        assert!(recover(&engine.machine, &engine.store, &CLOCK).await.stuck.is_none());
        assert_eq!(engine.machine.head("app") == commit('a'), is_sick);
        assert_eq!(engine.machine.with(|disk| disk.handed.clone()), [Some(1.into()), Some(1.into())]);
    }
}

/// In an update of everything the restart asks, and those who owe it are taken back.
#[tokio::test]
async fn a_shared_service_that_becomes_sick_takes_those_back_who_needed_its_restart() {
    let specs = || vec![serving("klipper", &["klipper"]), serving("one", &["one"]), serving("two", &["klipper"])];
    let settings = EngineSettings { klippy_wait: Duration::from_millis(50), ..EngineSettings::default() };
    let engine = engine(Scripted::new(&["one", "two"]), specs(), settings).await;
    wait(&engine.handle, |snapshot| snapshot.initialized).await;
    sick(&engine.machine, "two");
    let told = engine.submit(Request::Full).await.unwrap_err().to_string();
    assert!(told.contains(&format!("klipper could not be restarted with it: {SEEN}")), "{told}");
    assert_eq!((engine.machine.head("one"), engine.machine.head("two")), (commit('b'), commit('a')));
    let run = newest(&engine.store, "klipper").await;
    assert_eq!(
        (run.plan.action, run.outcome()),
        (Action::Restart, Some(&Outcome::Finished)),
        "once more, with the old"
    );
}
