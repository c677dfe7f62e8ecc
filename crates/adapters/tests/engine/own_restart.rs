//! Refit's own restart: the last step, asked for once, answered before it comes, and observed by the next start.

use std::time::Duration;

use refit_engine::EngineSettings;
use refit_engine::ports::Journal as _;
use refit_engine::recover::recover;
use refit_engine::snapshot::Running;
use refit_model::event::Event;
use refit_model::journal::Outcome;
use refit_model::request::Request;
use refit_model::step::Step;

use crate::lab::{Engine, engine, upgrade, wait};
use crate::scripted::{CLOCK, Scripted, caller, commit, git, name, serving};

/// A machine where Refit is the service `refit`.
fn machine(behind: &[&str]) -> Scripted {
    let machine = Scripted::new(behind);
    machine.with(|disk| disk.own = Some("refit".to_owned()));
    machine
}

fn restarts(machine: &Scripted) -> Vec<(String, bool)> {
    machine.with(|disk| disk.restarts.clone())
}

/// An engine with Refit among the others.
async fn ready(machine: &Scripted) -> Engine {
    let specs = vec![serving("refit", &["klipper", "refit"]), serving("app", &["app"]), git("klipper")];
    let settings = EngineSettings { klippy_wait: Duration::from_millis(10), ..EngineSettings::default() };
    let mut engine = engine(machine.clone(), specs, settings).await;
    engine.next(|event| matches!(event, Event::Refreshed)).await;
    engine
}

/// The run as the next start settles it.
async fn next_start(engine: &Engine, machine: &Scripted) -> Vec<Outcome> {
    machine.with(|disk| disk.start += 1);
    let report = recover(machine, &engine.store, &CLOCK).await;
    assert!(report.stuck.is_none());
    report.settled.into_iter().map(|settled| settled.outcome).collect()
}

#[tokio::test]
async fn the_caller_is_answered_and_the_next_start_finishes_the_run() {
    let machine = machine(&["refit"]);
    let mut engine = ready(&machine).await;
    engine.submit(upgrade("refit")).await.expect("answered while Refit still lives");
    let texts = engine.texts("refit").await;
    assert_eq!(texts.last().map(String::as_str), Some("Git Repo refit: Update Finished..."), "{texts:?}");
    let open = engine.store.unfinished().await.unwrap();
    assert_eq!(open.len(), 1, "it is not finished before it was seen");
    let last = &open[0].plan.steps.last().unwrap().step;
    assert!(matches!(last, Step::Service(_)) && open[0].plan.ends_refit(open[0].plan.steps.len() - 1), "{last:?}");

    engine.handle.last_words().await;
    engine.handle.shutdown().await;
    (&mut engine.task).await.expect("it ended by itself");
    assert_eq!(engine.store.unfinished().await.unwrap().len(), 1);
    let before = restarts(&machine);
    assert_eq!(before, [("klipper".to_owned(), true), ("refit".to_owned(), true)]);
    assert_eq!(next_start(&engine, &machine).await, [Outcome::Finished]);
    assert_eq!(restarts(&machine), before, "asked for once, and what was restarted before it was restarted");
    assert_eq!(next_start(&engine, &machine).await, []);
    assert_eq!(machine.head("refit"), commit('b'));
}

/// Cut before the restart was asked for: recovery asks, and does not wait for an end that is not told to it.
#[tokio::test]
async fn a_recovery_asks_for_it_and_leaves_the_run_to_the_next_start() {
    let machine = machine(&["refit"]);
    let engine = ready(&machine).await;
    machine.with(|disk| disk.halting = Some("restart the service klipper"));
    let asking = tokio::spawn({
        let handle = engine.handle.clone();
        async move { handle.submit(upgrade("refit"), caller()).await }
    });
    let halts = |run: &Running| run.doing.starts_with("restart the service klipper");
    wait(&engine.handle, |snapshot| snapshot.running.as_ref().is_some_and(halts)).await;
    asking.abort();
    engine.task.abort();
    let before = restarts(&machine);
    machine.with(|disk| disk.halting = None);
    assert_eq!(next_start(&engine, &machine).await, []);
    let asked: Vec<_> = restarts(&machine).split_off(before.len()).into_iter().map(|(unit, _)| unit).collect();
    assert_eq!(asked, ["klipper", "refit"]);
    assert_eq!(next_start(&engine, &machine).await, [Outcome::Finished]);
    assert_eq!(restarts(&machine).len(), before.len() + 2);
    assert_eq!(machine.head("refit"), commit('b'));
}

#[tokio::test]
async fn a_refusal_is_told_and_taken_back() {
    let machine = machine(&["refit"]);
    machine.with(|disk| {
        disk.failing = Some("restart Refit itself");
        disk.failure = "Refit has no right".to_owned();
    });
    let engine = ready(&machine).await;
    let error = engine.submit(upgrade("refit")).await.unwrap_err();
    assert!(error.to_string().contains("Refit has no right"), "{error}");
    assert_eq!(machine.head("refit"), commit('a'));
    assert_eq!(engine.store.unfinished().await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_restart_that_never_comes_is_given_up() {
    let machine = machine(&["refit"]);
    let mut engine = ready(&machine).await;
    engine.submit(upgrade("refit")).await.expect("granted");
    engine.texts("refit").await;
    // Said once more, since the last words were wrong.
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(61)).await;
    // The disk takes real time.
    tokio::time::resume();
    let texts = engine.texts("refit").await;
    assert!(texts.last().unwrap().contains("was granted and never came"), "{texts:?}");
    assert!(texts.last().unwrap().contains("sudo systemctl restart refit"), "{texts:?}");
    assert_eq!(machine.head("refit"), commit('a'));
    assert_eq!(restarts(&machine).iter().filter(|(unit, _)| unit == "refit").count(), 1);
    assert_eq!(engine.store.unfinished().await.unwrap().len(), 0);
}

#[tokio::test]
async fn in_an_update_of_everything_it_comes_last() {
    let machine = machine(&["refit", "app", "klipper"]);
    let mut engine = ready(&machine).await;
    engine.submit(Request::Full).await.expect("answered while Refit still lives");
    let texts = engine.texts("full").await;
    assert!(texts.contains(&"Git Repo refit: Service refit restart postponed...".to_owned()), "{texts:?}");
    assert_eq!(texts.last().map(String::as_str), Some("Full Update Complete"));
    let order: Vec<_> = restarts(&machine).into_iter().map(|(unit, _)| unit).collect();
    assert_eq!(order, ["app", "klipper", "refit"]);
    let open = engine.store.unfinished().await.unwrap();
    assert_eq!((open.len(), open[0].plan.updater.clone()), (1, name("refit")));
    assert_eq!(next_start(&engine, &machine).await, [Outcome::Finished]);
    assert_eq!(restarts(&machine).len(), 3);
}
