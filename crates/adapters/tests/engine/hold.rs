//! What is held back and skipped: asked for at any time, heeded by an update of everything, kept over a restart.

use refit_engine::handle::RequestError;
use refit_engine::{EngineSettings, start};
use refit_model::hold::HeldBy;
use refit_model::plan::Verdict;
use refit_model::refusal::{Refusal, RefusalKind};
use refit_model::request::{HoldRequest, Request};

use crate::lab::{Engine, engine, upgrade, wait};
use crate::scripted::{CLOCK, Scripted, absent, caller, commit, git, name};

fn hold(name: &str) -> HoldRequest {
    HoldRequest::Hold { name: name.to_owned() }
}

fn unhold(name: &str) -> HoldRequest {
    HoldRequest::Unhold { name: name.to_owned() }
}

fn skip(name: &str, version: Option<&str>) -> HoldRequest {
    HoldRequest::Skip { name: name.to_owned(), version: version.map(str::to_owned) }
}

async fn ready(behind: &[&str], held: &[&str]) -> Engine {
    let held = held.iter().map(|held| (name(held), format!("[update_manager {held}], refit.conf:7"))).collect();
    let settings = EngineSettings { held, ..EngineSettings::default() };
    let specs = vec![git("moonraker"), absent("klipper"), git("one"), git("two")];
    let engine = engine(Scripted::new(behind), specs, settings).await;
    wait(&engine.handle, |snapshot| snapshot.initialized).await;
    engine
}

fn full(engine: &Engine) -> refit_engine::snapshot::Full {
    engine.handle.snapshot().full.clone().unwrap()
}

#[tokio::test]
async fn what_is_held_back_is_passed_by_and_had_by_name() {
    let mut engine = ready(&["one", "two"], &["two"]).await;
    engine.handle.hold(hold("one")).await.unwrap();
    engine.handle.hold(hold("one")).await.unwrap();
    engine.handle.hold(hold("klipper")).await.unwrap();
    let planned = engine.handle.plan(Request::Full).await.unwrap();
    let Ok(Verdict::Nothing(words)) = &planned[0].verdict else { panic!("{planned:?}") };
    assert_eq!(words, "one is held back; passed by");

    engine.submit(Request::Full).await.unwrap();
    let texts = engine.texts("full").await;
    assert_eq!(
        texts,
        [
            "Preparing full software update...",
            "one is held back; passed by",
            "two is held back; passed by",
            "klipper is held back; passed by",
            "Full Update Complete"
        ]
    );
    assert_eq!(full(&engine).passed_by, [name("one"), name("two"), name("klipper")]);
    assert_eq!(full(&engine).done, [name("moonraker")]);
    assert_eq!(engine.machine.head("one"), commit('a'));
    engine.submit(upgrade("one")).await.unwrap();
    assert_eq!(engine.machine.head("one"), commit('b'));

    engine.handle.hold(unhold("one")).await.unwrap();
    assert_eq!(engine.handle.snapshot().holds.held(&name("one")), None);
    let refused = engine.handle.hold(unhold("two")).await.unwrap_err();
    assert!(refused.to_string().contains("[update_manager two], refit.conf:7"), "{refused}");
    let unknown = engine.handle.hold(hold("nobody")).await.unwrap_err();
    assert!(matches!(unknown, RequestError::Refused(Refusal::NotAvailable(_))));
}

#[tokio::test]
async fn a_skipped_version_takes_consent() {
    let mut engine = ready(&["one", "two"], &[]).await;
    engine.handle.hold(skip("one", None)).await.unwrap();
    let refused = engine.submit(upgrade("one")).await.unwrap_err();
    let RequestError::Refused(refusal) = &refused else { panic!("{refused:?}") };
    assert_eq!(refusal.kind(), RefusalKind::BadRequest);
    assert!(refused.to_string().contains("refit upgrade one --consent"), "{refused}");
    assert!(engine.texts_of_caller("one").await.contains(&refused.to_string()));
    let planned = engine.handle.plan(upgrade("one")).await.unwrap();
    assert!(matches!(planned[0].verdict, Err(Refusal::Skipped { .. })));

    engine.submit(Request::Full).await.unwrap();
    let texts = engine.texts("full").await;
    assert!(texts.contains(&"one is to skip version v1.0.0-1; passed by".to_owned()), "{texts:?}");
    assert_eq!((engine.machine.head("one"), engine.machine.head("two")), (commit('a'), commit('b')));

    let consent = Request::Upgrade { name: "one".to_owned(), consent: true };
    assert!(engine.handle.plan(consent.clone()).await.unwrap()[0].plan().is_some());
    engine.submit(consent).await.unwrap();
    assert_eq!(engine.machine.head("one"), commit('b'));
}

#[tokio::test]
async fn holds_are_heeded_at_once_and_survive_a_restart() {
    let mut engine = ready(&["one", "two"], &[]).await;
    engine.handle.hold(skip("one", None)).await.unwrap();
    engine.machine.with(|disk| disk.halting = Some("verify"));
    engine.handle.hold(unhold("one")).await.unwrap();
    let asking = tokio::spawn({
        let handle = engine.handle.clone();
        async move { handle.submit(Request::Full, caller()).await }
    });
    wait(&engine.handle, |snapshot| snapshot.running.as_ref().is_some_and(|run| run.doing.starts_with("verify"))).await;
    assert_eq!((full(&engine).running, full(&engine).waiting.len()), (Some(name("one")), 3));
    // While the first is at it, the second is held back.
    engine.handle.hold(hold("two")).await.unwrap();
    engine.handle.hold(skip("moonraker", Some("v9"))).await.unwrap();
    engine.machine.released.add_permits(9);
    asking.await.unwrap().unwrap();
    assert!(engine.texts("full").await.contains(&"two is held back; passed by".to_owned()));
    assert_eq!((engine.machine.head("one"), engine.machine.head("two")), (commit('b'), commit('a')));

    let Engine { handle, store, machine, task, .. } = engine;
    handle.shutdown().await;
    task.await.unwrap();
    let (handle, _task) =
        start(machine, store, CLOCK, vec![git("moonraker"), git("one"), git("two")], EngineSettings::default()).await;
    let holds = handle.snapshot().holds.clone();
    assert_eq!((holds.held(&name("two")), holds.held(&name("one"))), (Some(HeldBy::Request), None));
    assert_eq!((holds.skipped(&name("moonraker")), holds.skipped(&name("one"))), (Some("v9"), None));
}

#[tokio::test]
async fn skipping_ends_when_another_version_is_offered() {
    let engine = ready(&["one"], &[]).await;
    engine.handle.hold(skip("two", Some("v7"))).await.unwrap();
    engine.handle.hold(skip("one", None)).await.unwrap();
    let refused = engine.handle.hold(skip("one", Some("v7"))).await.unwrap_err();
    assert!(refused.to_string().contains("one offers v1.0.0-1, not v7"), "{refused}");
    engine.machine.with(|disk| disk.behind.insert("two".to_owned()));
    engine.submit(Request::Refresh { name: None }).await.unwrap();
    let holds = engine.handle.snapshot().holds.clone();
    assert_eq!((holds.skipped(&name("one")), holds.skipped(&name("two"))), (Some("v1.0.0-1"), None));
}
