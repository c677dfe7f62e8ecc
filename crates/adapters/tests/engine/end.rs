//! What an end of Refit leaves, and what the next start makes of it.

use std::sync::Arc;
use std::time::Duration;

use refit_engine::handle::RequestError;
use refit_engine::ports::Journal;
use refit_engine::{EngineSettings, start};
use refit_model::refusal::Refusal;
use tokio::sync::Semaphore;

use crate::lab::{DEADLINE, Engine, engine, recovery, rollback, upgrade, wait};
use crate::scripted::{CLOCK, Scripted, caller, commit, git, name, serving};

#[tokio::test]
async fn facts_survive_a_restart_and_removed_updaters_are_forgotten() {
    let Engine { handle, store, machine, task, _folder, .. } = Engine::ready(&["one"]).await;
    handle.shutdown().await;
    tokio::time::timeout(DEADLINE, task).await.unwrap().unwrap();
    let looks = machine.with(|disk| disk.looks.len());
    let gone = handle.submit(upgrade("one"), caller()).await;
    assert!(matches!(gone, Err(RequestError::Refused(Refusal::ShuttingDown))));
    let (handle, _task) =
        start(machine.clone(), store.clone(), CLOCK, vec![git("one")], EngineSettings::default()).await;
    let refit_model::updater::Assessment::Git(known) = &*handle.snapshot().updaters[0].1 else { panic!() };
    assert_eq!(known.last_refresh, 1_000_000);
    wait(&handle, |snapshot| snapshot.initialized).await;
    assert_eq!(machine.with(|disk| disk.looks.len()), looks, "nothing was stale");
    assert!(store.facts(&name("two")).await.is_none());
}

/// What is at work is told to stop: a preparation is left where it is, a switch comes to its end.
#[tokio::test]
async fn an_end_leaves_a_preparation_and_finishes_a_switch() {
    for (halts_at, finished) in [("fetch", false), ("switch", true)] {
        let machine = Scripted::new(&["one"]);
        let Engine { handle, store, task, machine, .. } =
            engine(machine, vec![git("one")], EngineSettings::default()).await;
        wait(&handle, |snapshot| snapshot.initialized).await;
        machine.with(|disk| disk.halting = Some(halts_at));
        let asking = tokio::spawn({
            let handle = handle.clone();
            async move { handle.submit(upgrade("one"), caller()).await }
        });
        wait(&handle, |snapshot| snapshot.running.as_ref().is_some_and(|run| run.doing.starts_with(halts_at))).await;
        let waiting = tokio::spawn({
            let handle = handle.clone();
            async move { handle.submit(rollback("one"), caller()).await }
        });
        wait(&handle, |snapshot| !snapshot.waiting.is_empty()).await;
        handle.shutdown().await;
        let waited = tokio::time::timeout(DEADLINE, waiting).await.unwrap().unwrap();
        assert!(matches!(waited, Err(RequestError::Refused(Refusal::ShuttingDown))));
        if finished {
            machine.released.add_permits(1);
        }
        tokio::time::timeout(DEADLINE, task).await.unwrap().unwrap();
        assert_eq!(asking.await.unwrap().is_ok(), finished, "{halts_at}");
        let unfinished = store.unfinished().await.unwrap();
        assert_eq!(unfinished.is_empty(), finished, "{halts_at}");
        machine.with(|disk| disk.halting = None);
        let report = refit_engine::recover::recover(&machine, &store, &CLOCK).await;
        assert_eq!(report.settled.len(), unfinished.len());
        assert_eq!(machine.head("one"), commit(if finished { 'b' } else { 'a' }));
    }
}

/// A machine that goes down starts no service any more. That is not the update's fault: it is neither taken back nor given
/// up, and the next start, on another boot, brings it to its end.
#[tokio::test]
async fn a_service_that_cannot_start_while_refit_ends_is_left_to_the_next_start() {
    for undoing_fails in [0, 5] {
        let spec = serving("one", &["printer"]);
        let Engine { handle, store, task, machine, .. } =
            engine(Scripted::new(&["one"]), vec![spec], EngineSettings::default()).await;
        wait(&handle, |snapshot| snapshot.initialized).await;
        machine.with(|disk| {
            disk.halting = Some("restart the service");
            disk.failing = Some("restart the service");
            disk.failing_undos = undoing_fails;
        });
        let asking = tokio::spawn({
            let handle = handle.clone();
            async move { handle.submit(upgrade("one"), caller()).await }
        });
        wait(&handle, |snapshot| snapshot.running.as_ref().is_some_and(|run| run.doing.starts_with("restart"))).await;
        if undoing_fails > 0 {
            // It is about to be taken back when the end comes.
            machine.released.add_permits(1);
            while machine.with(|disk| disk.failing_undos == undoing_fails) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        handle.shutdown().await;
        machine.released.add_permits(1);
        tokio::time::timeout(DEADLINE, task).await.unwrap().unwrap();
        let answer = asking.await.unwrap();
        assert!(matches!(answer, Err(RequestError::Refused(Refusal::ShuttingDown))), "{answer:?}");
        let unfinished = store.unfinished().await.unwrap();
        assert_eq!(unfinished.len(), 1, "{undoing_fails}");

        machine.with(|disk| {
            disk.boot += 1;
            (disk.halting, disk.failing, disk.failing_undos) = (None, None, 0);
        });
        let report = refit_engine::recover::recover(&machine, &store, &CLOCK).await;
        assert_eq!(report.settled.len(), 1, "{undoing_fails}");
        let side = if undoing_fails > 0 { 'a' } else { 'b' };
        assert_eq!(machine.head("one"), commit(side), "{undoing_fails}");
    }
}

#[tokio::test]
async fn a_run_that_needs_a_person_is_shown_until_one_ends_well() {
    let engine = Engine::ready(&["one"]).await;
    engine.machine.with(|disk| {
        disk.failing = Some("verify");
        disk.failing_undos = 99;
    });
    engine.submit(recovery("one")).await.unwrap_err();
    let attention = engine.handle.snapshot().attention.clone();
    assert_eq!(attention.iter().map(|one| one.updater.as_str()).collect::<Vec<_>>(), ["one"]);
    engine.machine.with(|disk| disk.failing = None);
    engine.submit(recovery("one")).await.unwrap();
    assert!(engine.handle.snapshot().attention.is_empty());
}

#[tokio::test]
async fn a_person_is_needed_also_after_an_attempt_that_was_taken_back_and_a_restart() {
    let Engine { handle, store, machine, task, _folder, .. } = Engine::ready(&["one"]).await;
    // More of them than are looked at at first.
    for failing_undos in [99, 0, 0, 0, 0, 0, 0, 0, 0, 0] {
        machine.with(|disk| (disk.failing, disk.failing_undos) = (Some("verify"), failing_undos));
        handle.submit(recovery("one"), caller()).await.unwrap_err();
        assert_eq!(handle.snapshot().attention.len(), 1, "{failing_undos}");
    }
    let attention = handle.snapshot().attention.clone();
    handle.shutdown().await;
    tokio::time::timeout(DEADLINE, task).await.unwrap().unwrap();
    let (handle, _task) = start(machine, store, CLOCK, vec![git("one")], EngineSettings::default()).await;
    assert_eq!(handle.snapshot().attention, attention);
}

#[tokio::test]
async fn nothing_is_begun_once_refit_is_told_to_end() {
    let gate = Arc::new(Semaphore::new(1));
    let machine = Scripted { gate: Some(gate.clone()), ..Scripted::new(&["one"]) };
    let Engine { handle, store, task, .. } = engine(machine, vec![git("one")], EngineSettings::default()).await;
    wait(&handle, |snapshot| snapshot.initialized).await;
    let asking = tokio::spawn({
        let handle = handle.clone();
        async move { handle.submit(upgrade("one"), caller()).await }
    });
    // It looks at what is there before it plans.
    wait(&handle, |snapshot| snapshot.busy).await;
    handle.shutdown().await;
    handle.submit(upgrade("one"), caller()).await.unwrap_err();
    gate.add_permits(9);
    tokio::time::timeout(DEADLINE, task).await.unwrap().unwrap();
    let answer = asking.await.unwrap();
    assert!(matches!(answer, Err(RequestError::Refused(Refusal::ShuttingDown))), "{answer:?}");
    assert!(store.history(None, 1).await.unwrap().is_empty());
}
