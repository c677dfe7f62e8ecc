//! An update of everything whose parts share services: what is put off, where it is restarted, what is taken back when a
//! service does not come up, and what is owed after a crash.

use std::path::Path;
use std::time::Duration;

use refit_adapters::store::{Store, StoreOptions};
use refit_engine::ports::Journal as _;
use refit_engine::recover::recover;
use refit_engine::{EngineSettings, start};
use refit_model::health::HealthSpec;
use refit_model::journal::Outcome;
use refit_model::plan::Action;
use refit_model::printer::{KlippyState, Printer};
use refit_model::request::Request;
use refit_model::updater::Spec;

use crate::fuse::{Cuttable, Fuse};
use crate::lab::{Engine, engine, printing, wait};
use crate::scripted::{CLOCK, Scripted, commit, git, name, serving};

fn specs() -> Vec<Spec> {
    vec![
        serving("moonraker", &["moonraker"]),
        serving("klipper", &["klipper"]),
        serving("one", &["klipper", "one", "moonraker"]),
        serving("two", &["klipper"]),
    ]
}

async fn ready(behind: &[&str], specs: Vec<Spec>) -> Engine {
    let settings = EngineSettings { klippy_wait: Duration::from_millis(50), ..EngineSettings::default() };
    let engine = engine(Scripted::new(behind), specs, settings).await;
    wait(&engine.handle, |snapshot| snapshot.initialized).await;
    engine
}

fn restarts(engine: &Engine) -> Vec<(String, bool)> {
    engine.machine.with(|disk| std::mem::take(&mut disk.restarts))
}

fn worked(units: &[&str]) -> Vec<(String, bool)> {
    units.iter().map(|unit| ((*unit).to_owned(), true)).collect()
}

#[tokio::test]
async fn a_shared_service_is_restarted_once_in_its_own_place() {
    let mut engine = ready(&["one", "two"], specs()).await;
    engine.submit(Request::Full).await.unwrap();
    let texts = engine.texts("full").await;
    assert_eq!(
        texts,
        [
            "Preparing full software update...",
            "Updating Application one...",
            "Git Repo one: Updating Repo...",
            "Git Repo one: Service klipper restart postponed...",
            "Git Repo one: Service moonraker restart postponed...",
            "Git Repo one: Restarting service one...",
            "Git Repo one: Update Finished...",
            "Updating Application two...",
            "Git Repo two: Updating Repo...",
            "Git Repo two: Service klipper restart postponed...",
            "Git Repo two: Update Finished...",
            "Git Repo klipper: Restarting service klipper...",
            "Waiting for Klippy to reconnect (this may take up to 2 minutes)...",
            "Klippy reconnect timed out...",
            "Git Repo moonraker: Restarting service moonraker...",
            "Full Update Complete",
        ]
    );
    assert_eq!(restarts(&engine), worked(&["one", "klipper", "moonraker"]));
    let runs = engine.store.history(Some(&name("klipper")), 1).await.unwrap();
    assert_eq!((runs[0].plan.action, runs[0].outcome()), (Action::Restart, Some(&Outcome::Finished)));
    let steps: Vec<String> = runs[0].plan.steps.iter().map(|planned| planned.step.describe()).collect();
    assert_eq!(steps.len(), 5, "the printer is asked, health and service watched, restarted, checked: {steps:?}");
    let shown = engine.handle.snapshot().full.clone().unwrap();
    assert_eq!(shown.done, ["one", "two", "klipper", "moonraker"].map(name));
    assert!(shown.running.is_none() && shown.waiting.is_empty() && shown.failed.is_empty());
}

#[tokio::test]
async fn what_is_updated_itself_restarts_for_the_others_too() {
    let mut engine = ready(&["one", "two", "klipper", "moonraker"], specs()).await;
    let planned = engine.handle.plan(Request::Full).await.unwrap();
    assert_eq!(planned.len(), 4, "no restart of its own is needed: {planned:?}");
    engine.submit(Request::Full).await.unwrap();
    engine.texts("full").await;
    assert_eq!(restarts(&engine), worked(&["one", "klipper", "moonraker"]));
    let actions: Vec<_> = engine.store.history(None, 9).await.unwrap().iter().map(|run| run.plan.action).collect();
    assert_eq!(actions, [Action::Upgrade; 4]);
}

#[tokio::test]
async fn a_dry_run_shows_the_restart_in_its_place() {
    let engine = ready(&["two"], specs()).await;
    let planned = engine.handle.plan(Request::Full).await.unwrap();
    let names: Vec<_> = planned.iter().map(|planned| planned.updater.as_str()).collect();
    assert_eq!(names, ["one", "two", "klipper", "klipper", "moonraker"]);
    let restart = planned[3].plan().unwrap();
    assert_eq!((restart.action, restart.restarts().collect::<Vec<_>>()), (Action::Restart, vec!["klipper"]));
}

#[tokio::test]
async fn the_next_waits_until_the_printer_is_there_again() {
    let settings = EngineSettings { klippy_wait: Duration::from_secs(20), ..EngineSettings::default() };
    let mut engine = engine(Scripted::new(&["klipper"]), specs(), settings).await;
    wait(&engine.handle, |snapshot| snapshot.initialized).await;
    let state = |state| Printer { state, ..Printer::default() };
    engine.handle.printer(state(KlippyState::Ready)).await;
    wait(&engine.handle, |snapshot| snapshot.printer.state == KlippyState::Ready).await;
    engine.machine.with(|disk| disk.halting = Some("restart the service klipper"));
    let asking = tokio::spawn({
        let handle = engine.handle.clone();
        async move { handle.submit(Request::Full, crate::scripted::caller()).await }
    });
    wait(&engine.handle, |snapshot| snapshot.running.as_ref().is_some_and(|run| run.doing.contains("klipper"))).await;
    engine.machine.released.add_permits(1);
    let told = |event: &refit_model::event::Event, text: &str| matches!(event, refit_model::event::Event::Run { message, .. } if message.message.starts_with(text));
    engine.next(|event| told(event, "Waiting for Klippy to reconnect")).await;
    // That the old connection has ended may be noticed only now: it is not taken for the new one.
    engine.handle.printer(state(KlippyState::Disconnected)).await;
    wait(&engine.handle, |snapshot| snapshot.printer_gone == 1).await;
    while let Ok(event) = engine.events.try_recv() {
        assert!(!told(&event, "Klippy Reconnected"));
    }
    engine.handle.printer(state(KlippyState::Startup)).await;
    engine.next(|event| told(event, "Klippy Reconnected")).await;
    asking.await.unwrap().unwrap();
}

/// The service does not come up with the new version of one of two that share it: both are taken back, the last first, and
/// it is restarted with what was there before.
#[tokio::test]
async fn what_a_service_does_not_come_up_with_is_taken_back() {
    let mut engine = ready(&["one", "two"], specs()).await;
    engine.machine.with(|disk| {
        disk.failing = Some("restart the service klipper");
        disk.failing_with = Some("one");
        disk.failure = "klipper does not run".to_owned();
    });
    let failed = engine.submit(Request::Full).await.unwrap_err().to_string();
    let texts = engine.texts("full").await;
    assert_eq!(texts.last(), Some(&failed));
    assert!(texts.contains(&"Error restarting klipper: klipper does not run".to_owned()), "{texts:?}");
    for name in ["one", "two"] {
        let why =
            format!("{name}: it was taken back, because klipper could not be restarted with it: klipper does not run");
        assert!(failed.contains(&why), "{failed}");
        assert_ne!(engine.machine.head(name), commit('b'));
    }
    let expected = [("one", true), ("klipper", false), ("one", true), ("klipper", true), ("moonraker", true)];
    assert_eq!(restarts(&engine), expected.map(|(unit, worked)| (unit.to_owned(), worked)));
    let shown = engine.handle.snapshot().full.clone().unwrap();
    assert_eq!(shown.failed.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["two", "one"]);
    assert_eq!(shown.done, ["klipper", "moonraker"].map(name));
    assert!(engine.handle.snapshot().attention.is_empty());
}

#[tokio::test]
async fn a_service_that_comes_up_with_nothing_is_told_and_does_not_end_the_round() {
    let mut engine = ready(&["two", "moonraker"], specs()).await;
    engine.machine.with(|disk| disk.failing = Some("restart the service klipper"));
    let failed = engine.submit(Request::Full).await.unwrap_err().to_string();
    engine.texts("full").await;
    assert!(failed.contains("klipper: klipper could not be restarted: it broke"), "{failed}");
    assert!(failed.contains("two: it was taken back"), "{failed}");
    let expected = [("klipper", false), ("klipper", false), ("moonraker", true)];
    assert_eq!(restarts(&engine), expected.map(|(unit, worked)| (unit.to_owned(), worked)));
    assert_eq!(engine.machine.head("moonraker"), commit('b'));
}

/// One's new version makes Klipper sick, and Klipper has an update of its own, which is restarted with it and blamed first. What
/// was well before both counts for the restart that is owed then, so that the one to blame does not stay.
#[tokio::test]
async fn what_makes_the_printer_sick_does_not_stay_because_another_update_was_blamed_first() {
    let specs = vec![serving("klipper", &["klipper"]), serving("one", &["klipper"])];
    let mut engine = ready(&["one", "klipper"], specs).await;
    engine.machine.with(|disk| {
        disk.failing = Some("check that everything is as well");
        disk.failing_with = Some("one");
        disk.failure = "Klipper reported an error".to_owned();
    });
    let failed = engine.submit(Request::Full).await.unwrap_err().to_string();
    engine.texts("full").await;
    for name in ["one", "klipper"] {
        assert_ne!(engine.machine.head(name), commit('b'), "{failed}");
    }
    assert!(failed.contains("one: it was taken back, because klipper could not be restarted with it"), "{failed}");
    // Klipper's own check, that of the restart, and that of the restart after one was taken back.
    assert_eq!(engine.machine.with(|disk| disk.handed.clone()), vec![Some(1.into()); 3]);
}

#[tokio::test]
async fn what_was_declared_is_asked_where_the_service_is_restarted() {
    for behind in [&["one"][..], &["one", "klipper"]] {
        let Spec::Git(mut one) = serving("one", &["klipper"]) else { unreachable!() };
        let lines = ["url http://one/".to_owned()];
        one.common.dependencies.health = HealthSpec::parse(&lines, None, false).unwrap();
        let mut engine = ready(behind, vec![serving("klipper", &["klipper"]), Spec::Git(one)]).await;
        engine.submit(Request::Full).await.unwrap();
        engine.texts("full").await;
        let mut asked = Vec::new();
        for run in engine.store.history(None, 9).await.unwrap().iter().rev() {
            let checks = run.plan.steps.iter().map(|planned| planned.step.describe());
            asked.extend(
                checks.filter(|step| step.contains("http://one/")).map(|step| (run.plan.updater.clone(), step)),
            );
        }
        let expected = [
            (name("one"), "note how well everything is: url http://one/"),
            (name("klipper"), "note how well everything is: service klipper, Klipper, url http://one/"),
            (name("klipper"), "check that everything is as well as before: service klipper, Klipper, url http://one/"),
        ];
        assert_eq!(asked, expected.map(|(name, step)| (name, step.to_owned())), "{behind:?}");
        assert_eq!(engine.machine.with(|disk| disk.handed.clone()), [Some(1.into())], "{behind:?}");
    }
}

/// A print begins before the restart's turn: it is not disturbed, nothing is taken back, and the restart stays owed, over
/// an end of Refit too, until the next update of everything.
#[tokio::test]
async fn a_restart_that_a_print_puts_off_is_made_up_for() {
    let mut engine = ready(&["two"], specs()).await;
    engine.machine.with(|disk| disk.halting = Some("verify"));
    let asking = tokio::spawn({
        let handle = engine.handle.clone();
        async move { handle.submit(Request::Full, crate::scripted::caller()).await }
    });
    wait(&engine.handle, |snapshot| snapshot.running.as_ref().is_some_and(|run| run.doing.starts_with("verify"))).await;
    engine.handle.printer(printing()).await;
    wait(&engine.handle, |snapshot| snapshot.printer.is_busy()).await;
    engine.machine.released.add_permits(1);
    let failed = asking.await.unwrap().unwrap_err().to_string();
    assert_eq!(failed, "Error updating klipper: klipper could not be restarted: Update Refused: Klippy is printing");
    engine.texts("full").await;
    assert_eq!((engine.machine.head("two"), restarts(&engine)), (commit('b'), Vec::new()));
    engine.machine.with(|disk| disk.halting = None);

    let Engine { handle, store, machine, task, .. } = engine;
    handle.shutdown().await;
    task.await.unwrap();
    let settings = EngineSettings { klippy_wait: Duration::from_millis(50), ..EngineSettings::default() };
    let (handle, _task) = start(machine.clone(), store, CLOCK, specs(), settings).await;
    wait(&handle, |snapshot| snapshot.initialized).await;
    for _twice in 0..2 {
        handle.submit(Request::Full, crate::scripted::caller()).await.unwrap();
        assert_eq!(machine.with(|disk| disk.restarts.clone()), worked(&["klipper"]), "once is enough");
    }
}

#[tokio::test]
async fn whose_place_nobody_has_is_restarted_at_the_end() {
    let mut engine = ready(&["one"], vec![git("moonraker"), serving("one", &["klipper", "one"])]).await;
    engine.submit(Request::Full).await.unwrap();
    let texts = engine.texts("full").await;
    assert_eq!(restarts(&engine), worked(&["one", "klipper"]));
    assert!(texts.contains(&"Git Repo one: Restarting service klipper...".to_owned()), "{texts:?}");
}

#[tokio::test]
async fn an_update_by_name_restarts_at_once() {
    let engine = ready(&["two"], specs()).await;
    engine.submit(crate::lab::upgrade("two")).await.unwrap();
    assert_eq!(restarts(&engine), worked(&["klipper"]));
}

/// A process that asks for an update of everything, and is cut where the fuse says. True when it came to its end.
fn process(machine: &Scripted, folder: &Path, fuse: &Fuse) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime
        .block_on(fuse.until_cut(async {
            let store = Store::open(folder, &StoreOptions { keep_history: 100, now: 0.0 }).unwrap().store;
            let (machine, journal) = (machine.under(fuse), Cuttable::new(store, fuse.clone()));
            assert!(recover(&machine, &journal, &CLOCK).await.stuck.is_none());
            let settings = EngineSettings { klippy_wait: Duration::ZERO, ..EngineSettings::default() };
            let specs = vec![serving("klipper", &["klipper"]), serving("one", &["klipper", "one"])];
            let (handle, _task) = start(machine, journal, CLOCK, specs, settings).await;
            handle.submit(Request::Full, crate::scripted::caller()).await.unwrap();
        }))
        .is_some()
}

/// Wherever Refit is killed in an update of everything: when it has been asked for once more, every service runs what is
/// installed. (The printer host did not boot in between: that restarts everything.)
#[test]
fn after_a_kill_the_next_update_of_everything_makes_up_for_the_restarts() {
    for instant in 1.. {
        let folder = refit_testkit::scratch::scratch();
        let machine = Scripted::new(&["one"]);
        let done = process(&machine, folder.path(), &Fuse::at(instant));
        if !done {
            assert!(process(&machine, folder.path(), &Fuse::never()), "cut at {instant}");
        }
        for unit in ["one", "klipper"] {
            let runs = machine.with(|disk| disk.serving.get(unit).cloned().unwrap_or_default());
            assert_eq!(runs.get("one"), Some(&commit('b')), "{unit}, cut at {instant}");
        }
        if done {
            assert!(instant > 20, "hardly anything was cut");
            return;
        }
    }
}
