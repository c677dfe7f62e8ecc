//! The state folder: what a damaged file, a second Refit, a full history and a restart do to it.

use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use refit_adapters::store::{Opened, Store, StoreError, StoreOptions};
use refit_engine::ports::{Journal, Look};
use refit_engine::rescue;
use refit_model::journal::{Entry, Outcome};
use refit_model::name::RunId;
use refit_model::plan::Action;

use crate::scripted::{CLOCK, Scripted, caller, facts_of, git, name};

fn open(folder: &Path) -> Opened {
    Store::open(folder, &StoreOptions { keep_history: 3, now: 1_000.0 }).unwrap()
}

async fn with_runs(folder: &Path, count: usize) {
    let machine = Scripted::new(&[]);
    let store = open(folder).store;
    store.keep_facts(&name("app"), &facts_of(&machine, &git("app"))).await.unwrap();
    for _ in 0..count {
        let outside = (&machine, &store, &CLOCK);
        rescue::act(outside, &git("app"), Action::HardRecovery, &caller(), Arc::new(|_| {})).await.unwrap();
    }
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let folder = refit_testkit::scratch::scratch();
    with_runs(folder.path(), 2).await;
    let Opened { store, set_aside } = open(folder.path());
    assert_eq!(set_aside, None);
    let runs = store.history(Some(&name("app")), 10).await.unwrap();
    assert_eq!(runs.iter().map(|run| run.id).collect::<Vec<_>>(), [RunId(2), RunId(1)]);
    assert!(runs.iter().all(|run| run.outcome() == Some(&Outcome::Finished) && run.caller == caller()));
    let machine = Scripted::new(&[]);
    use refit_engine::ports::Machine;
    let facts = store.facts(&name("app")).await.unwrap();
    let again = machine.inspect(&git("app"), &facts, Look::Local, Arc::new(|_| {})).await;
    assert_eq!(facts, again, "what was read back is what was kept");
    store.prune_facts(&[name("other")]).await.unwrap();
    assert!(store.facts(&name("app")).await.is_none());
}

#[tokio::test]
async fn only_so_many_runs_are_kept_and_never_one_without_an_end() {
    let folder = refit_testkit::scratch::scratch();
    with_runs(folder.path(), 2).await;
    let store = open(folder.path()).store;
    let plan = store.history(None, 1).await.unwrap().remove(0).plan;
    let open_run = store.begin(&plan, &caller(), "boot", 0.0).await.unwrap();
    drop(store);
    let store = open(folder.path()).store;
    for _ in 0..5 {
        let run = store.begin(&plan, &caller(), "boot", 0.0).await.unwrap();
        let outcome = Outcome::NeedsAttention { error: String::new() };
        store.append(run, 0.0, &Entry::Ended { outcome }).await.unwrap();
    }
    let kept = store.history(None, 100).await.unwrap();
    assert_eq!(kept.iter().map(|run| run.id.0).collect::<Vec<_>>(), [8, 7, 6, open_run.0]);
    assert_eq!(store.unfinished().await.unwrap().len(), 1);
}

#[test]
fn a_second_refit_is_told_who_was_first() {
    let folder = refit_testkit::scratch::scratch();
    let _first = open(folder.path());
    let second = Store::open(folder.path(), &StoreOptions { keep_history: 3, now: 0.0 }).unwrap_err();
    let StoreError::InUse { process, .. } = &second else { panic!("{second:?}") };
    assert_eq!(process.as_deref(), Some(std::process::id().to_string().as_str()));
    assert!(second.to_string().contains("stop it first"), "{second}");
}

#[test]
fn the_lock_of_a_dead_refit_is_waited_for() {
    let folder = refit_testkit::scratch::scratch();
    // A killed daemon's child has inherited the lock, and lets go of it as soon as it runs.
    let child = std::fs::File::create(folder.path().join("lock")).unwrap();
    child.try_lock().unwrap();
    std::fs::write(folder.path().join("lock"), "4194305\n").unwrap();
    let runs = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(200));
        drop(child);
    });
    drop(open(folder.path()));
    runs.join().unwrap();
}

#[test]
fn the_file_of_a_newer_refit_is_left_alone() {
    let folder = refit_testkit::scratch::scratch();
    drop(open(folder.path()));
    let file = folder.path().join("refit.db");
    rusqlite::Connection::open(&file).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let refused = Store::open(folder.path(), &StoreOptions { keep_history: 3, now: 0.0 }).unwrap_err();
    assert!(matches!(refused, StoreError::TooNew { found: 99, .. }), "{refused}");
    assert!(file.exists());
}

#[tokio::test]
async fn a_damaged_file_is_set_aside_and_that_is_said() {
    type Harm = fn(&Path);
    let harms: [(&str, Harm); 5] = [
        ("empty", |file| fs::write(file, b"").unwrap()),
        ("zeros", |file| fs::write(file, vec![0; 40_960]).unwrap()),
        ("text", |file| fs::write(file, b"this is no database").unwrap()),
        ("cut", |file| {
            let length = fs::metadata(file).unwrap().len();
            OpenOptions::new().write(true).open(file).unwrap().set_len(length / 2).unwrap();
        }),
        ("garbage", |file| {
            let mut open = OpenOptions::new().write(true).open(file).unwrap();
            open.seek(SeekFrom::Start(4096)).unwrap();
            open.write_all(&[0xa5; 8192]).unwrap();
        }),
    ];
    for (what, harm) in harms {
        let folder = refit_testkit::scratch::scratch();
        with_runs(folder.path(), 3).await;
        harm(&folder.path().join("refit.db"));
        let Opened { store, set_aside } = open(folder.path());
        let set_aside = set_aside.unwrap_or_else(|| panic!("{what}: not noticed"));
        assert!(set_aside.path.exists() && !set_aside.reason.is_empty(), "{what}");
        assert!(store.history(None, 10).await.unwrap().is_empty());
        drop(store);
        with_runs(folder.path(), 1).await;
        assert_eq!(open(folder.path()).set_aside, None, "{what}: the new file is whole");
    }
}

#[tokio::test]
async fn a_log_without_its_file_is_not_played_into_a_new_one() {
    let folder = refit_testkit::scratch::scratch();
    let store = open(folder.path()).store;
    store.remember("key", "value").await.unwrap();
    let copy = refit_testkit::scratch::scratch();
    fs::copy(folder.path().join("refit.db-wal"), copy.path().join("refit.db-wal")).unwrap();
    let Opened { store, set_aside } = open(copy.path());
    assert!(set_aside.is_some());
    assert_eq!(store.recall("key").await, None);
}

#[tokio::test]
async fn a_torn_log_costs_at_most_what_was_not_finished() {
    for cut in [0, 1, 31, 32, 100, 5_000, 9_000] {
        let folder = refit_testkit::scratch::scratch();
        with_runs(folder.path(), 1).await;
        let store = open(folder.path()).store;
        let plan = store.history(None, 1).await.unwrap().remove(0).plan;
        let run = store.begin(&plan, &caller(), "boot", 0.0).await.unwrap();
        store.append(run, 0.0, &Entry::Intent { step: 0, witness: None }).await.unwrap();
        let copy = refit_testkit::scratch::scratch();
        for file in ["refit.db", "refit.db-wal"] {
            fs::copy(folder.path().join(file), copy.path().join(file)).unwrap();
        }
        let log = OpenOptions::new().write(true).open(copy.path().join("refit.db-wal")).unwrap();
        let length = log.metadata().unwrap().len();
        log.set_len(length.saturating_sub(cut)).unwrap();
        let Opened { store, set_aside } = open(copy.path());
        assert_eq!(set_aside, None, "cut by {cut}");
        let runs = store.history(None, 10).await.unwrap();
        assert!(runs.iter().any(|run| run.outcome() == Some(&Outcome::Finished)), "cut by {cut}");
        assert!(runs.iter().all(|run| run.state().is_ok()), "cut by {cut}");
        if cut == 0 {
            assert_eq!(store.unfinished().await.unwrap().len(), 1);
        }
    }
}

#[tokio::test]
async fn the_reserve_is_freed_and_made_again_after_a_run() {
    let folder = refit_testkit::scratch::scratch();
    let reserve = folder.path().join("reserve");
    let store = open(folder.path()).store;
    assert!(fs::metadata(&reserve).unwrap().len() >= 512 * 1024);
    store.release_reserve().await;
    assert!(!reserve.exists());
    drop(store);
    with_runs(folder.path(), 1).await;
    assert!(reserve.exists());
}

#[tokio::test]
async fn a_run_that_cannot_be_read_is_not_forgotten_and_what_helps_is_said() {
    let folder = refit_testkit::scratch::scratch();
    with_runs(folder.path(), 1).await;
    let store = open(folder.path()).store;
    let plan = store.history(None, 1).await.unwrap().remove(0).plan;
    store.begin(&plan, &caller(), "boot", 0.0).await.unwrap();
    drop(store);
    let connection = rusqlite::Connection::open(folder.path().join("refit.db")).unwrap();
    connection
        .execute("UPDATE runs SET plan = replace(plan, 'check_printer', 'of_tomorrow') WHERE ended = 0", [])
        .unwrap();
    drop(connection);
    let store = open(folder.path()).store;
    let told = store.unfinished().await.unwrap_err().to_string();
    assert!(told.contains("of_tomorrow") && told.contains("install the version that wrote it again"), "{told}");
}
