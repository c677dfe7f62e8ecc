//! The power goes at every instant of every action, and again in the recovery: it settles in the old or the new state.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use refit_adapters::store::{Store, StoreOptions};
use refit_engine::handle::RequestError;
use refit_engine::ports::Journal;
use refit_engine::recover::recover;
use refit_engine::rescue;
use refit_model::journal::{MOST_ATTEMPTS, Outcome, RunRecord};
use refit_model::plan::Action;
use refit_model::updater::Facts;

use crate::fuse::{Cuttable, Fuse};
use crate::scripted::{CLOCK, Scripted, caller, facts_of, git, name};

const ACTIONS: [Action; 4] = [Action::Upgrade, Action::SoftRecovery, Action::HardRecovery, Action::Rollback];

fn open(folder: &Path) -> Store {
    let opened = Store::open(folder, &StoreOptions { keep_history: 100, now: 0.0 }).unwrap();
    assert_eq!(opened.set_aside, None);
    opened.store
}

/// Lets one action run until the power goes; none when it did.
async fn act(machine: &Scripted, folder: &Path, action: Action, fuse: &Fuse) -> Option<Result<(), RequestError>> {
    let spec = git("app");
    let journal = Cuttable::new(open(folder), fuse.clone());
    let machine = machine.under(fuse);
    let caller = caller();
    let done = rescue::act((&machine, &journal, &CLOCK), &spec, action, &caller, Arc::new(|_| {}));
    fuse.until_cut(done).await.map(|done| done.map(|_| ()))
}

async fn settle(machine: &Scripted, folder: &Path, fuse: &Fuse) -> bool {
    let journal = Cuttable::new(open(folder), fuse.clone());
    let report = fuse.until_cut(recover(&machine.under(fuse), &journal, &CLOCK)).await;
    report.is_some_and(|report| {
        assert!(report.stuck.is_none(), "{:?}", report.stuck);
        true
    })
}

/// Everything ended, legally, and the disk is what the journal says.
async fn check(machine: &Scripted, folder: &Path, what: &str) -> Vec<RunRecord> {
    let store = open(folder);
    assert!(store.unfinished().await.unwrap().is_empty(), "{what}: a run did not end");
    let runs = store.history(None, 100).await.unwrap();
    for run in &runs {
        assert!(run.attempts() <= MOST_ATTEMPTS, "{what}");
        run.state().unwrap_or_else(|illegal| panic!("{what}: {illegal}"));
        let there = |step: &refit_model::step::Step| {
            machine.with(|disk| disk.effects.get(&(run.id, step.describe())).copied().unwrap_or(false))
        };
        for planned in &run.plan.steps {
            let step = &planned.step;
            match run.outcome() {
                Some(Outcome::Finished) => assert!(there(step), "{what}: finished without: {}", step.describe()),
                Some(Outcome::Undone { .. }) => assert!(!there(step), "{what}: undone, but: {}", step.describe()),
                Some(Outcome::NeedsAttention { .. }) | None => panic!("{what}: {:?}", run.outcome()),
            }
        }
    }
    runs
}

async fn prepared(failing: Option<&'static str>, action: Action) -> (Scripted, tempfile::TempDir) {
    let folder = refit_testkit::scratch::scratch();
    let machine = Scripted::new(&["app"]);
    machine.with(|disk| disk.failing = failing);
    let mut facts = facts_of(&machine, &git("app"));
    if action == Action::Rollback {
        machine.with(|disk| disk.heads.insert("app".to_owned(), crate::scripted::commit('b')));
        facts = facts_of(&machine, &git("app"));
    }
    let store = open(folder.path());
    store.keep_facts(&name("app"), &facts).await.unwrap();
    (machine, folder)
}

#[tokio::test]
async fn the_power_may_go_at_every_instant() {
    for action in ACTIONS {
        for failing in [None, Some("verify"), Some("fetch"), Some("clone")] {
            let mut instant = 0;
            loop {
                instant += 1;
                let what = format!("{action:?}, failing {failing:?}, cut at {instant}");
                let (machine, folder) = prepared(failing, action).await;
                let fuse = Fuse::at(instant);
                let done = act(&machine, folder.path(), action, &fuse).await;
                if done.is_none() {
                    let booted = instant % 2 == 0;
                    machine.with(|disk| (disk.boot, disk.rebooted) = (disk.boot + u32::from(booted), Vec::new()));
                    assert!(settle(&machine, folder.path(), &Fuse::never()).await);
                    // Also a step that was not begun before works on what another boot left.
                    assert!(machine.with(|disk| disk.rebooted.iter().all(|told| *told == booted)), "{what}");
                }
                let runs = check(&machine, folder.path(), &what).await;
                if let Some(done) = done {
                    assert!(instant > 20, "{what}: hardly anything was cut");
                    assert_eq!(runs.len(), 1);
                    let well = runs[0].outcome() == Some(&Outcome::Finished);
                    assert_eq!(done.is_ok(), well, "{what}: {done:?}");
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn the_power_may_go_again_during_the_recovery() {
    for (action, failing) in [(Action::HardRecovery, None), (Action::SoftRecovery, Some("verify"))] {
        for first in (1..).step_by(2) {
            let mut finished = false;
            for second in 1.. {
                let what = format!("{action:?}, failing {failing:?}, cut at {first} and {second}");
                let (machine, folder) = prepared(failing, action).await;
                finished = act(&machine, folder.path(), action, &Fuse::at(first)).await.is_some();
                machine.with(|disk| disk.boot += 1);
                let settled = settle(&machine, folder.path(), &Fuse::at(second)).await;
                if !settled {
                    assert!(settle(&machine, folder.path(), &Fuse::never()).await);
                }
                check(&machine, folder.path(), &what).await;
                if settled {
                    break;
                }
            }
            if finished {
                break;
            }
        }
    }
}

#[tokio::test]
async fn three_attempts_are_made_and_then_a_person_is_asked() {
    let (machine, folder) = prepared(None, Action::SoftRecovery).await;
    // Within the switch, and then again and again in the recovery.
    let fuse = Fuse::at(30);
    assert!(act(&machine, folder.path(), Action::SoftRecovery, &fuse).await.is_none());
    for _ in 0..MOST_ATTEMPTS {
        assert!(!settle(&machine, folder.path(), &Fuse::at(5)).await);
    }
    assert!(settle(&machine, folder.path(), &Fuse::never()).await);
    let runs = open(folder.path()).history(None, 1).await.unwrap();
    assert_eq!(runs[0].attempts(), MOST_ATTEMPTS);
    let Some(Outcome::NeedsAttention { error }) = runs[0].outcome() else { panic!("{:?}", runs[0].outcome()) };
    assert!(error.contains("hard recovery"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_undo_that_fails_is_tried_again() {
    for (failing_undos, asked) in [(1, false), (3, false), (4, true)] {
        let (machine, folder) = prepared(Some("verify"), Action::SoftRecovery).await;
        machine.with(|disk| disk.failing_undos = failing_undos);
        let done = act(&machine, folder.path(), Action::SoftRecovery, &Fuse::never()).await.unwrap();
        let runs = open(folder.path()).history(None, 1).await.unwrap();
        match runs[0].outcome() {
            Some(Outcome::Undone { error }) if !asked => assert_eq!(error, "it broke"),
            Some(Outcome::NeedsAttention { .. }) if asked => {}
            other => panic!("{failing_undos}: {other:?}"),
        }
        assert!(done.is_err());
    }
}

#[tokio::test]
async fn the_disk_may_be_full_at_every_write() {
    for (action, failing) in
        [(Action::SoftRecovery, None), (Action::SoftRecovery, Some("verify")), (Action::HardRecovery, None)]
    {
        for reserve in [0, 64] {
            for room in 0.. {
                let what = format!("{action:?}, failing {failing:?}, full after {room} writes, reserve {reserve}");
                let (machine, folder) = prepared(failing, action).await;
                let journal = Cuttable::new(open(folder.path()), Fuse::never());
                journal.room.store(room, Ordering::SeqCst);
                journal.reserve.store(reserve, Ordering::SeqCst);
                let spec = git("app");
                let outside = (&machine, &journal, &CLOCK);
                let done = rescue::act(outside, &spec, action, &caller(), Arc::new(|_| {})).await;
                let unfinished = journal.unfinished().await.unwrap().len();
                assert!(reserve == 0 || unfinished == 0, "{what}: the reserve was not used");
                let was_full = journal.full.load(Ordering::SeqCst);
                assert!(done.is_err() || unfinished == 0, "{what}");
                drop(journal);
                assert!(settle(&machine, folder.path(), &Fuse::never()).await);
                check(&machine, folder.path(), &what).await;
                if !was_full {
                    assert_eq!(done.is_ok(), failing.is_none(), "{what}: {done:?}");
                    break;
                }
                if failing.is_none() && done.is_err() {
                    assert!(matches!(done, Err(RequestError::Journal(_))), "{what}: {done:?}");
                }
                assert!(room < 100, "{what}");
            }
        }
    }
}

#[tokio::test]
async fn what_a_finished_run_means_survives_a_crash_right_after_it() {
    for instant in 1.. {
        let (machine, folder) = prepared(None, Action::HardRecovery).await;
        let cut = act(&machine, folder.path(), Action::HardRecovery, &Fuse::at(instant)).await.is_none();
        settle(&machine, folder.path(), &Fuse::never()).await;
        let store = open(folder.path());
        let finished = store.history(None, 1).await.unwrap().first().and_then(|run| run.outcome().cloned());
        let settings = refit_engine::EngineSettings::default();
        let (handle, task) =
            refit_engine::start(machine.clone(), store.clone(), CLOCK, vec![git("app")], settings).await;
        crate::lab::wait(&handle, |snapshot| snapshot.initialized).await;
        handle.shutdown().await;
        task.await.unwrap();
        let Some(Facts::Git(facts)) = store.facts(&name("app")).await else { panic!("no facts") };
        // A recovery forgets what a rollback would go back to.
        assert_eq!(facts.rollback.is_none(), finished == Some(Outcome::Finished), "cut at {instant}");
        if !cut {
            break;
        }
    }
}
