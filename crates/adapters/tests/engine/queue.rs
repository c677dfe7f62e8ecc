//! The queue against a simple oracle of the check matrix (CONTRACT §2.0, §8 rows 2, 6, 19): random inputs, and after each
//! the state and every answer must be what the oracle says.

use std::collections::VecDeque;
use std::sync::Arc;

use proptest::prelude::*;
use refit_engine::EngineSettings;
use refit_engine::handle::RequestError;
use refit_model::printer::{Activity, KlippyState, Printer};
use refit_model::request::Request;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::lab::{engine, wait};
use crate::scripted::{Scripted, absent, caller, git};

#[derive(Debug, Clone)]
enum Deed {
    Ask(Request),
    Printer(Activity),
    /// What is at work comes to its end.
    Finish,
}

/// One in the oracle's queue: its number, and what it asks for; the first pass has no request.
type Waiting = (usize, Option<Request>);

#[derive(Default)]
struct Oracle {
    running: Vec<Waiting>,
    queue: VecDeque<Waiting>,
    busy: bool,
    initialized: bool,
    /// The expected answers, by number: the text of a refusal, or that all is well.
    answers: Vec<Option<Result<(), String>>>,
}

const NAMES: [&str; 4] = ["moonraker", "klipper", "one", "nobody"];

impl Oracle {
    fn known(name: &str) -> bool {
        name != "nobody"
    }

    fn update_runs(&self) -> Option<&Request> {
        self.running.first().and_then(|(_, request)| request.as_ref()).filter(|request| request.application().is_some())
    }

    fn ask(&mut self, request: &Request) {
        let number = self.answers.len();
        let printing = |who: &str| Err(format!("{who} Refused: Klippy is printing"));
        let not_now = self.update_runs().is_some() || self.busy || !self.initialized;
        let at_once = match request {
            Request::Refresh { name: Some(name) } if !Self::known(name) => {
                Some(Err(format!("No updater registered for '{name}'")))
            }
            Request::Refresh { .. } if not_now => Some(Err("Server is busy, cannot perform refresh".to_owned())),
            Request::StatusRefresh if not_now => Some(Ok(())),
            Request::Refresh { .. } | Request::StatusRefresh => None,
            Request::Upgrade { .. } | Request::Full if self.busy => Some(printing("Update")),
            Request::Recover { .. } if self.busy => Some(printing("Recovery Attempt")),
            Request::Rollback { .. } if self.busy => Some(printing("Rollback Attempt")),
            Request::Full => None,
            Request::Upgrade { name, .. }
                if self.update_runs() == Some(&Request::Full) || self.update_runs() == Some(request) =>
            {
                Some(Err(format!("Item {name} is currently updating")))
            }
            Request::Upgrade { name, .. } | Request::Recover { name, .. } | Request::Rollback { name }
                if !Self::known(name) =>
            {
                Some(Err(format!("Updater {name} not available")))
            }
            Request::Recover { name, .. } if name == "klipper" => {
                Some(Err("Updater klipper is not a Git Repo Type".to_owned()))
            }
            Request::Upgrade { .. } | Request::Recover { .. } | Request::Rollback { .. } => None,
        };
        if at_once.is_none() {
            self.queue.push_back((number, Some(request.clone())));
        }
        self.answers.push(at_once);
        self.next();
    }

    /// The next in turn; refreshes that wait one behind the other go together.
    fn next(&mut self) {
        while self.running.is_empty() {
            let Some((number, request)) = self.queue.pop_front() else { return };
            let refused = match &request {
                None => None,
                Some(Request::StatusRefresh) if self.busy => Some(Ok(())),
                Some(Request::StatusRefresh) => None,
                Some(Request::Refresh { .. }) if self.busy => {
                    Some(Err("Server is busy, cannot perform refresh".to_owned()))
                }
                Some(Request::Upgrade { .. } | Request::Full) if self.busy => {
                    Some(Err("Update Refused: Klippy is printing".to_owned()))
                }
                Some(Request::Recover { .. }) if self.busy => {
                    Some(Err("Recovery Attempt Refused: Klippy is printing".to_owned()))
                }
                Some(Request::Rollback { .. }) if self.busy => {
                    Some(Err("Rollback Attempt Refused: Klippy is printing".to_owned()))
                }
                Some(_) => None,
            };
            if refused.is_some() {
                self.answers[number] = refused;
                continue;
            }
            let is_refresh = matches!(request, Some(Request::Refresh { .. } | Request::StatusRefresh));
            self.running.push((number, request));
            while is_refresh && matches!(self.queue.front(), Some((_, Some(Request::Refresh { .. })))) {
                self.running.extend(self.queue.pop_front());
            }
        }
    }

    fn finish(&mut self) {
        for (number, request) in std::mem::take(&mut self.running) {
            match request {
                None => self.initialized = true,
                Some(Request::Rollback { name }) if name == "klipper" => {
                    self.answers[number] = Some(Err("Rollback not available for klipper".to_owned()));
                }
                Some(_) => self.answers[number] = Some(Ok(())),
            }
        }
        self.next();
    }

    /// How many looks the work takes: nothing is ever to be done, so an action takes one.
    fn looks(&self) -> usize {
        let Some((_, first)) = self.running.first() else { return 0 };
        let all = 3;
        match first {
            // What is not there is not stale.
            None => all - 1,
            Some(Request::Full) => all,
            Some(Request::Upgrade { .. } | Request::Recover { .. } | Request::Rollback { .. }) => 1,
            Some(Request::Refresh { .. } | Request::StatusRefresh) => {
                let mut names = Vec::new();
                for (_, request) in &self.running {
                    match request {
                        Some(Request::Refresh { name: Some(name) }) => names.push(name.as_str()),
                        _ => names.extend(["moonraker", "klipper", "one"]),
                    }
                }
                names.sort_unstable();
                names.dedup();
                names.len()
            }
        }
    }
}

fn request() -> impl Strategy<Value = Request> {
    let name = || prop::sample::select(&NAMES[..]).prop_map(str::to_owned);
    prop_oneof![
        4 => name().prop_map(|name| Request::Upgrade { name, consent: false }),
        2 => Just(Request::Full),
        1 => prop::sample::select(&["klipper", "nobody"][..])
            .prop_map(|name| Request::Recover { name: name.to_owned(), hard: false, update_deps: false }),
        2 => name().prop_map(|name| Request::Rollback { name }),
        3 => prop::option::of(name()).prop_map(|name| Request::Refresh { name }),
        1 => Just(Request::StatusRefresh),
    ]
}

fn deed() -> impl Strategy<Value = Deed> {
    let activity = [Activity::Idle, Activity::Idle, Activity::Printing, Activity::Paused, Activity::Transition];
    prop_oneof![
        5 => request().prop_map(Deed::Ask),
        2 => prop::sample::select(activity.to_vec()).prop_map(Deed::Printer),
        3 => Just(Deed::Finish),
    ]
}

async fn play(deeds: Vec<Deed>) {
    let gate = Arc::new(Semaphore::new(0));
    let machine = Scripted { gate: Some(gate.clone()), ..Scripted::new(&[]) };
    let specs = vec![git("moonraker"), absent("klipper"), git("one")];
    let engine = engine(machine, specs, EngineSettings::default()).await;
    let mut oracle = Oracle { queue: VecDeque::from([(0, None)]), ..Oracle::default() };
    oracle.next();
    let mut asked: Vec<JoinHandle<Result<(), RequestError>>> = Vec::new();
    for deed in deeds {
        match &deed {
            Deed::Ask(request) => {
                oracle.ask(request);
                let (handle, request) = (engine.handle.clone(), request.clone());
                asked.push(tokio::spawn(async move { handle.submit(request, caller()).await }));
                tokio::task::yield_now().await;
            }
            Deed::Printer(activity) => {
                oracle.busy = *activity != Activity::Idle;
                let (state, activity) = (KlippyState::Ready, *activity);
                engine.handle.printer(Printer { state, activity, ..Printer::default() }).await;
            }
            Deed::Finish => {
                gate.add_permits(oracle.looks());
                oracle.finish();
            }
        }
        settled(&engine.handle, &oracle).await;
    }
    for _ in 0..oracle.queue.len() + 1 {
        gate.add_permits(oracle.looks());
        oracle.finish();
        settled(&engine.handle, &oracle).await;
    }
    for (number, answer) in asked.into_iter().enumerate() {
        let answer = tokio::time::timeout(std::time::Duration::from_secs(20), answer).await.unwrap().unwrap();
        let answer = answer.map_err(|error| error.to_string());
        assert_eq!(Some(answer), oracle.answers[number], "answer {number}");
    }
}

/// The engine has come to the oracle's state.
async fn settled(handle: &refit_engine::handle::Handle, oracle: &Oracle) {
    // Answered behind everything that was put in before.
    handle.plan(Request::StatusRefresh).await.unwrap();
    let application = oracle.update_runs().and_then(Request::application);
    let label = |(_, request): &Waiting| {
        request.as_ref().map(|request| request.application().unwrap_or_else(|| "refresh".to_owned()))
    };
    let waiting: Vec<_> = oracle.queue.iter().filter_map(label).collect();
    wait(handle, |snapshot| {
        snapshot.application == application
            && snapshot.waiting == waiting
            && snapshot.initialized == oracle.initialized
            && snapshot.busy == application.is_some()
            && snapshot.printer.is_busy() == oracle.busy
    })
    .await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_queue_does_what_the_matrix_says(deeds in prop::collection::vec(deed(), 1..25)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(play(deeds));
    }
}
