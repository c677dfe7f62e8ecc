//! What listeners are told: the sequences of CONTRACT §2.9 with rows 4 and 5 of §8, the refreshes, and the end.

use std::time::Duration;

use refit_adapters::store::{Store, StoreOptions};
use refit_engine::handle::{Handle, RequestError};
use refit_engine::ports::Journal;
use refit_engine::snapshot::Snapshot;
use refit_engine::{EngineSettings, start};
use refit_model::event::{Audience, Event};
use refit_model::name::ConnectionId;
use refit_model::plan::Verdict;
use refit_model::printer::{Activity, KlippyState, Printer, PrinterIdentity};
use refit_model::refusal::Refusal;
use refit_model::request::Request;
use refit_model::updater::{Facts, Spec};
use tokio::sync::broadcast::Receiver;
use tokio::task::JoinHandle;

use crate::scripted::{CLOCK, Scripted, Standing, absent, caller, commit, git, name, serving};

/// Longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) async fn wait(handle: &Handle, met: impl FnMut(&Snapshot) -> bool) {
    let mut met = met;
    let mut watch = handle.watch();
    let waited = tokio::time::timeout(DEADLINE, watch.wait_for(|snapshot| met(snapshot))).await;
    assert!(waited.is_ok(), "never came to it: {:#?}", handle.snapshot());
}

pub(crate) struct Engine {
    pub(crate) handle: Handle,
    pub(crate) events: Receiver<Event>,
    pub(crate) machine: Scripted,
    pub(crate) store: Store,
    pub(crate) task: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

pub(crate) async fn engine(machine: Scripted, specs: Vec<Spec>, settings: EngineSettings) -> Engine {
    let folder = refit_testkit::scratch::scratch();
    let options = StoreOptions { keep_history: 100, now: 0.0 };
    let store = Store::open(folder.path(), &options).unwrap().store;
    let (handle, task) = start(machine.clone(), store.clone(), CLOCK, specs, settings).await;
    let events = handle.subscribe();
    Engine { handle, events, machine, store, task, _folder: folder }
}

impl Engine {
    async fn ready(behind: &[&str]) -> Self {
        let specs = vec![git("moonraker"), absent("klipper"), git("one"), git("two")];
        let mut engine = engine(Scripted::new(behind), specs, EngineSettings::default()).await;
        wait(&engine.handle, |snapshot| snapshot.initialized).await;
        engine.next(|event| matches!(event, Event::Refreshed)).await;
        engine
    }

    pub(crate) async fn submit(&self, request: Request) -> Result<(), RequestError> {
        tokio::time::timeout(DEADLINE, self.handle.submit(request, caller())).await.unwrap()
    }

    /// The next event of a kind; others before it are skipped.
    pub(crate) async fn next(&mut self, wanted: impl Fn(&Event) -> bool) -> Event {
        loop {
            let event = tokio::time::timeout(DEADLINE, self.events.recv()).await.expect("no such event").unwrap();
            if wanted(&event) {
                return event;
            }
        }
    }

    /// The messages up to the one that completes, without the lines of processes.
    async fn sequence(&mut self) -> Vec<(String, String, bool, Audience)> {
        let mut sequence = Vec::new();
        let mut ids = Vec::new();
        loop {
            let event = self.next(|event| matches!(event, Event::Run { .. })).await;
            let Event::Run { message, audience } = event else { unreachable!() };
            ids.push(message.proc_id);
            assert!(ids.iter().all(|id| *id == message.proc_id && *id > 1 << 32 && *id < 1 << 53));
            if !message.message.starts_with("working:") {
                sequence.push((message.application, message.message, message.complete, audience));
            }
            if message.complete {
                return sequence;
            }
        }
    }

    /// The messages to the caller alone, up to the last.
    pub(crate) async fn texts_of_caller(&mut self, application: &str) -> Vec<String> {
        let sequence = self.sequence().await;
        assert!(sequence.iter().all(|(app, _, _, to)| app == application && matches!(to, Audience::Only(_))));
        sequence.into_iter().map(|(_, text, _, _)| text).collect()
    }

    pub(crate) async fn texts(&mut self, application: &str) -> Vec<String> {
        let sequence = self.sequence().await;
        assert!(sequence.iter().all(|(app, _, _, audience)| app == application && *audience == Audience::Everybody));
        assert!(sequence.iter().rev().skip(1).all(|(_, _, complete, _)| !complete));
        sequence.into_iter().map(|(_, text, _, _)| text).collect()
    }
}

pub(crate) fn printing() -> Printer {
    Printer { state: KlippyState::Ready, activity: Activity::Paused, ..Printer::default() }
}

pub(crate) fn upgrade(name: &str) -> Request {
    Request::Upgrade { name: name.to_owned(), consent: false }
}

fn recovery(name: &str) -> Request {
    Request::Recover { name: name.to_owned(), hard: false, update_deps: false }
}

fn rollback(name: &str) -> Request {
    Request::Rollback { name: name.to_owned() }
}

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
async fn several_are_asked_for_at_once_and_nothing_gets_between() {
    let engine = Engine::ready(&["one", "two"]).await;
    let requests = vec![upgrade("one"), upgrade("nobody"), upgrade("two")];
    let results = tokio::time::timeout(DEADLINE, engine.handle.submit_each(requests, caller())).await.unwrap();
    assert!(results[0].is_ok() && results[2].is_ok());
    assert!(matches!(&results[1], Err(RequestError::Refused(Refusal::NotAvailable(_)))));
    assert_eq!(engine.machine.head("two"), commit('b'));
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
