//! What listeners are told: the sequences of CONTRACT §2.9 with rows 4 and 5 of §8, and the refreshes.

use std::time::Duration;

use refit_adapters::store::{Store, StoreOptions};
use refit_engine::handle::RequestError;
use refit_engine::ports::Journal;
use refit_engine::{EngineSettings, start};
use refit_model::event::{Audience, Event};
use refit_model::name::ConnectionId;
use refit_model::plan::Verdict;
use refit_model::printer::{Printer, PrinterIdentity};
use refit_model::refusal::Refusal;
use refit_model::request::Request;
use refit_model::updater::Facts;

use crate::lab::{DEADLINE, Engine, engine, printing, recovery, rollback, upgrade, wait};
use crate::scripted::{Scripted, Standing, absent, caller, commit, git, name};

#[tokio::test]
async fn an_upgrade_is_told_from_its_first_word_to_its_last() {
    let mut engine = Engine::ready(&["one"]).await;
    engine.submit(upgrade("one")).await.unwrap();
    assert_eq!(
        engine.texts("one").await,
        ["Updating Application one...", "Git Repo one: Updating Repo...", "Git Repo one: Update Finished..."]
    );
    assert_eq!(engine.machine.head("one"), commit('b'));
    assert!(!engine.handle.snapshot().busy);
    let Some(Facts::Git(facts)) = engine.store.facts(&name("one")).await else { panic!() };
    assert_eq!(facts.rollback.map(|point| point.commit), Some(commit('a')));
}

#[tokio::test]
async fn the_answer_has_its_place_before_the_last_words() {
    let mut engine = Engine::ready(&["one"]).await;
    engine.submit(upgrade("one")).await.unwrap();
    let mut order = Vec::new();
    while order.last().is_none_or(|said| said != "Git Repo one: Update Finished...") {
        match engine.next(|event| matches!(event, Event::Run { .. } | Event::Answered(_))).await {
            Event::Run { message, .. } if message.message.starts_with("working:") => {}
            Event::Run { message, .. } => order.push(message.message),
            Event::Answered(ConnectionId(7)) => order.push("(answer)".to_owned()),
            other => panic!("{other:?}"),
        }
    }
    let expected = ["Updating Application one...", "Git Repo one: Updating Repo...", "(answer)"];
    assert_eq!(order[..3], expected);
    assert_eq!(order.len(), 4);
}

#[tokio::test]
async fn lines_of_processes_are_made_fit_to_be_shown() {
    let mut engine = Engine::ready(&["one"]).await;
    engine.submit(upgrade("one")).await.unwrap();
    let line = engine
        .next(|event| matches!(event, Event::Run { message, .. } if message.message.starts_with("working: fetch")))
        .await;
    let Event::Run { message, .. } = line else { panic!() };
    assert!(!message.complete);
}

#[tokio::test]
async fn nothing_to_do_is_told_to_the_caller_alone() {
    let mut engine = Engine::ready(&[]).await;
    for (request, application) in [(upgrade("one"), "one"), (upgrade("klipper"), "klipper")] {
        engine.submit(request).await.unwrap();
        let sequence = engine.sequence().await;
        let [(app, text, true, Audience::Only(connection))] = sequence.as_slice() else { panic!("{sequence:?}") };
        assert_eq!((app.as_str(), connection.0), (application, 7));
        assert!(!text.contains("Error") && !text.is_empty(), "{text}");
    }
}

#[tokio::test]
async fn an_early_refusal_is_told_to_the_caller_alone() {
    let mut engine = Engine::ready(&["one"]).await;
    let refused = engine.submit(upgrade("nobody")).await;
    assert!(matches!(refused, Err(RequestError::Refused(Refusal::NotAvailable(name))) if name == "nobody"));
    assert!(matches!(engine.sequence().await.as_slice(), [(_, _, true, Audience::Only(_))]));
    engine.handle.printer(printing()).await;
    for (request, text) in [
        (upgrade("one"), "Update Refused: Klippy is printing"),
        (Request::Full, "Update Refused: Klippy is printing"),
        (recovery("one"), "Recovery Attempt Refused: Klippy is printing"),
        (rollback("one"), "Rollback Attempt Refused: Klippy is printing"),
    ] {
        let application = request.application().unwrap();
        assert_eq!(engine.submit(request).await.unwrap_err().to_string(), text);
        let sequence = engine.sequence().await;
        assert!(
            matches!(sequence.as_slice(), [(app, said, true, Audience::Only(_))] if said == text && *app == application),
            "{sequence:?}"
        );
    }
    let refused = engine.submit(Request::Refresh { name: None }).await.unwrap_err();
    assert_eq!(refused.to_string(), "Server is busy, cannot perform refresh");
    engine.submit(Request::StatusRefresh).await.unwrap();
}

#[tokio::test]
async fn failures_are_told_in_the_documented_words() {
    let mut engine = Engine::ready(&["one"]).await;
    engine.machine.with(|disk| {
        disk.failing = Some("verify");
        disk.failure = "Git Command 'status' failed".to_owned();
    });
    let failed = engine.submit(upgrade("one")).await.unwrap_err();
    assert_eq!(failed.to_string(), "Git Command 'status' failed");
    let texts = engine.texts("one").await;
    assert_eq!(texts.last().map(String::as_str), Some("Error updating one: Git Command 'status' failed"));
    assert_eq!(engine.machine.head("one"), commit('a'), "it was undone");

    engine.submit(recovery("one")).await.unwrap_err();
    let texts = engine.texts("recover_one").await;
    assert_eq!(texts[texts.len() - 2..], ["Error Recovering one", "Git Command 'status' failed"]);
}

#[tokio::test]
async fn a_refused_rollback_is_told_in_the_documented_words() {
    let mut engine = Engine::ready(&["one"]).await;
    engine.submit(upgrade("one")).await.unwrap();
    engine.texts("one").await;
    engine.machine.with(|disk| disk.failing = Some("fetch"));
    engine.submit(rollback("one")).await.unwrap_err();
    let texts = engine.texts("rollback_one").await;
    assert_eq!(texts[texts.len() - 2..], ["Error Rolling Back one", "it broke"]);
}

#[tokio::test]
async fn a_full_update_goes_on_behind_a_failure_and_names_it() {
    let mut engine = Engine::ready(&["one", "two", "moonraker"]).await;
    engine.machine.with(|disk| disk.failing = Some("nothing fails"));
    engine.submit(Request::Full).await.unwrap();
    let texts = engine.texts("full").await;
    assert_eq!(texts.first().map(String::as_str), Some("Preparing full software update..."));
    assert_eq!(texts.last().map(String::as_str), Some("Full Update Complete"));
    let order: Vec<_> = texts.iter().filter(|text| text.starts_with("Updating Application")).collect();
    assert_eq!(
        order,
        ["Updating Application one...", "Updating Application two...", "Updating Application moonraker..."]
    );

    let mut engine = Engine::ready(&["one", "two", "moonraker"]).await;
    engine.machine.with(|disk| disk.heads.insert("two".to_owned(), commit('b')));
    engine.machine.with(|disk| disk.failing = Some("fetch"));
    let failed = engine.submit(Request::Full).await.unwrap_err();
    let texts = engine.texts("full").await;
    assert_eq!(texts.last(), Some(&failed.to_string()));
    assert_eq!(failed.to_string(), "Error updating one: it broke; moonraker: it broke");
    assert!(texts.contains(&"Error updating one: it broke".to_owned()));
    assert!(matches!(failed, RequestError::Failed { command_failed: false, .. }));
}

#[tokio::test]
async fn a_refresh_is_told_a_moment_after_its_answer() {
    let mut engine = Engine::ready(&[]).await;
    let before = tokio::time::Instant::now();
    engine.submit(Request::Refresh { name: Some("one".to_owned()) }).await.unwrap();
    engine.next(|event| matches!(event, Event::Refreshed)).await;
    assert!(before.elapsed() >= Duration::from_millis(190));
    let refused = engine.submit(Request::Refresh { name: Some("nobody".to_owned()) }).await.unwrap_err();
    assert_eq!(refused.to_string(), "No updater registered for 'nobody'");
}

#[tokio::test]
async fn a_repository_found_damaged_by_an_update_is_shown_a_moment_later() {
    let mut engine = Engine::ready(&["one"]).await;
    engine.machine.with(|disk| {
        disk.failing = Some("fetch");
        disk.corrupt.insert("one".to_owned());
    });
    engine.submit(recovery("one")).await.unwrap_err();
    engine.next(|event| matches!(event, Event::Refreshed)).await;
}

#[tokio::test]
async fn a_status_refresh_is_ignored_while_the_newest_is_fresh() {
    let engine = Engine::ready(&[]).await;
    let looks = |engine: &Engine| engine.machine.with(|disk| disk.looks.len());
    let before = looks(&engine);
    engine.submit(Request::StatusRefresh).await.unwrap();
    assert_eq!(looks(&engine), before + 3, "the facts are an hour old");
}

#[tokio::test]
async fn klipper_is_found_where_the_printer_says() {
    let source = |identity: &PrinterIdentity| {
        identity.klipper_path.as_ref().filter(|path| path.as_str() == "/srv/klipper").map(|_| git("klipper"))
    };
    let settings = EngineSettings { klipper: Some(std::sync::Arc::new(source)), ..EngineSettings::default() };
    let mut engine = engine(Scripted::new(&[]), vec![absent("klipper")], settings).await;
    wait(&engine.handle, |snapshot| snapshot.initialized).await;
    let (klipper_path, python_path) = (Some("/srv/klipper".to_owned()), Some("/srv/python".to_owned()));
    let identity = Some(PrinterIdentity { klipper_path, python_path, ..PrinterIdentity::default() });
    engine.handle.printer(Printer { identity, ..Printer::default() }).await;
    engine.next(|event| matches!(event, Event::Refreshed)).await;
    let snapshot = engine.handle.snapshot();
    assert!(matches!(&*snapshot.updaters[0].1, refit_model::updater::Assessment::Git(_)));
    assert!(engine.store.facts(&name("klipper")).await.is_some());
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_done_and_does_nothing() {
    let engine = Engine::ready(&["one"]).await;
    let planned = engine.handle.plan(Request::Full).await.unwrap();
    let names: Vec<_> = planned.iter().map(|planned| planned.updater.as_str()).collect();
    assert_eq!(names, ["one", "two", "klipper", "moonraker"]);
    assert!(planned[0].plan().is_some_and(|plan| plan.steps.len() > 3));
    assert!(matches!(planned[1].verdict, Ok(Verdict::Nothing(_))));
    assert_eq!(engine.machine.head("one"), commit('a'));
    assert!(engine.handle.history(None, 10).await.unwrap().is_empty());
    let unknown = engine.handle.plan(upgrade("nobody")).await.unwrap_err();
    assert!(matches!(unknown, RequestError::Refused(Refusal::NotAvailable(_))));
    engine.handle.printer(printing()).await;
    let planned = engine.handle.plan(upgrade("one")).await.unwrap();
    assert!(matches!(planned[0].verdict, Err(Refusal::UpdateWhilePrinting)));
}

#[tokio::test]
async fn a_dry_run_waits_for_the_first_look() {
    let engine = engine(Scripted::new(&["one"]), vec![git("one")], EngineSettings::default()).await;
    assert!(!engine.handle.snapshot().initialized, "the question comes before the first look has ended");
    let planned = engine.handle.plan(upgrade("one")).await.unwrap();
    assert!(planned[0].plan().is_some(), "{:?}", planned[0].verdict);
}

#[tokio::test]
async fn the_history_says_who_asked_and_what_came_of_it() {
    let engine = Engine::ready(&["one", "two"]).await;
    engine.submit(upgrade("one")).await.unwrap();
    engine.submit(upgrade("two")).await.unwrap();
    let runs = engine.handle.history(None, 10).await.unwrap();
    assert_eq!(runs.iter().map(|run| run.plan.updater.as_str()).collect::<Vec<_>>(), ["two", "one"]);
    assert_eq!(runs[0].caller, caller());
    let of_one = engine.handle.history(Some("one".to_owned()), 10).await.unwrap();
    assert_eq!(of_one.len(), 1);
    assert!(engine.handle.history(Some(String::new()), 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_rollback_of_what_is_not_there_is_told_like_one_that_failed() {
    let mut engine = Engine::ready(&[]).await;
    let refused = engine.submit(rollback("klipper")).await.unwrap_err();
    assert!(matches!(refused, RequestError::Refused(Refusal::RollbackNotAvailable(_))));
    assert_eq!(
        engine.texts("rollback_klipper").await,
        ["Error Rolling Back klipper", "Rollback not available for klipper"]
    );
    engine.submit(rollback("one")).await.unwrap();
    assert_eq!(engine.texts("rollback_one").await, ["Git Repo one: Rollback not performed"]);
}

#[tokio::test]
async fn a_print_that_begins_during_a_full_update_keeps_the_next_from_beginning() {
    let mut engine = Engine::ready(&["one", "two"]).await;
    engine.machine.with(|disk| disk.halting = Some("verify"));
    let handle = engine.handle.clone();
    let asking = tokio::spawn(async move { handle.submit(Request::Full, caller()).await });
    wait(&engine.handle, |snapshot| snapshot.running.as_ref().is_some_and(|run| run.doing.starts_with("verify"))).await;
    engine.handle.printer(printing()).await;
    wait(&engine.handle, |snapshot| snapshot.printer.is_busy()).await;
    engine.machine.released.add_permits(1);
    let failed = asking.await.unwrap().unwrap_err();
    assert_eq!(failed.to_string(), "Error updating two: Update Refused: Klippy is printing");
    assert!(!engine.texts("full").await.contains(&"Updating Application two...".to_owned()));
    assert_eq!((engine.machine.head("one"), engine.machine.head("two")), (commit('b'), commit('a')));
}

#[tokio::test]
async fn a_print_that_begins_stops_the_update_before_its_switch() {
    let mut engine = Engine::ready(&["one", "two"]).await;
    engine.machine.with(|disk| {
        disk.failing = Some("printer is not busy");
        disk.printer_busy = true;
    });
    let refused = engine.submit(upgrade("one")).await.unwrap_err();
    assert!(matches!(refused, RequestError::Refused(Refusal::UpdateWhilePrinting)), "{refused:?}");
    let texts = engine.texts("one").await;
    assert_eq!(texts.last().map(String::as_str), Some("Error updating one: Update Refused: Klippy is printing"));
    assert_eq!(engine.machine.head("one"), commit('a'));
}

#[tokio::test]
async fn several_are_asked_for_at_once_and_nothing_gets_between() {
    let engine = Engine::ready(&["one", "two"]).await;
    let requests = vec![upgrade("one"), upgrade("nobody"), upgrade("two")];
    let results = tokio::time::timeout(DEADLINE, engine.handle.submit_each(requests, caller())).await.unwrap();
    assert!(results[0].is_ok() && results[2].is_ok());
    assert!(matches!(&results[1], Err(RequestError::Refused(Refusal::NotAvailable(_)))));
    assert_eq!(engine.machine.head("two"), commit('b'));
}

/// The looks at the remote within some hours after the first pass, which a moved clock lets go by.
async fn looks_in_hours(settings: EngineSettings, printer: Printer) -> usize {
    let folder = refit_testkit::scratch::scratch();
    let store = Store::open(folder.path(), &StoreOptions { keep_history: 100, now: 0.0 }).unwrap().store;
    let machine = Scripted::new(&[]);
    // What was seen is always a week old.
    let clock = Standing(1_000_000.0 + 169.0 * 3600.0);
    let (handle, _task) = start(machine.clone(), store, clock, vec![git("one")], settings).await;
    // Without a deadline: the moved clock would have it pass while the disk writes.
    handle.watch().wait_for(|snapshot| snapshot.initialized).await.unwrap();
    handle.printer(printer).await;
    let looks = |machine: &Scripted| machine.with(|disk| disk.looks.len());
    let before = looks(&machine);
    assert_eq!(before, 1, "the first pass does not ask whether it may");
    // While a blocking task waits, the paused clock moves only when it is told to: the disk gets its time.
    let (done, held) = std::sync::mpsc::channel::<()>();
    let hold = tokio::task::spawn_blocking(move || held.recv());
    for _quarter in 0..24 {
        tokio::time::advance(Duration::from_secs(15 * 60)).await;
        // Answered by the thread that keeps facts, after what it had to keep.
        for _turn in 0..3 {
            handle.history(None, 1).await.unwrap();
        }
    }
    drop(done);
    hold.await.unwrap().unwrap_err();
    looks(&machine) - before
}

#[tokio::test(start_paused = true)]
async fn what_is_stale_is_looked_up_hourly_within_the_window() {
    let settings =
        |auto_refresh, refresh_window| EngineSettings { auto_refresh, refresh_window, ..EngineSettings::default() };
    let within = looks_in_hours(settings(true, (22, 4)), Printer::default()).await;
    assert!((3..=6).contains(&within), "{within}");
    assert_eq!(looks_in_hours(settings(true, (4, 22)), Printer::default()).await, 0, "outside the window");
    assert_eq!(looks_in_hours(settings(false, (0, 5)), Printer::default()).await, 0, "not wanted");
    assert_eq!(looks_in_hours(settings(true, (0, 5)), printing()).await, 0, "while printing");
}
