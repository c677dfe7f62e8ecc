//! A server on free doors whose engine answers from a script.

#![allow(dead_code, unreachable_pub, reason = "a module of several tests, each of which uses its own part")]

use std::path::PathBuf;
use std::sync::mpsc as std_mpsc;
use std::sync::{Arc, Mutex};

use refit_engine::handle::{Handle, Input, RequestError, Restarted};
use refit_engine::ports::Clock;
use refit_engine::snapshot::Snapshot;
use refit_model::event::{Audience, Event, RunMessage};
use refit_model::name::UpdaterName;
use refit_model::refusal::Refusal;
use refit_model::request::{Caller, HoldRequest, Request};
use refit_model::settings::{AuthSettings, TrustedClient};
use refit_model::updater::Assessment;
use refit_model::updater::absent::AbsentAssessment;
use refit_server::{DoorSettings, InstanceFacts, Server};
use tokio::sync::{Notify, broadcast, mpsc, oneshot, watch};

use crate::questions::Doors;

struct SteadyClock;

impl Clock for SteadyClock {
    fn now(&self) -> f64 {
        1_700_000_000.25
    }
    fn local_hour(&self) -> u8 {
        12
    }
}

/// A running server, on threads of its own.
pub struct Running {
    pub doors: Doors,
    pub api_key_file: PathBuf,
    pub events: broadcast::Sender<Event>,
    pub snapshots: watch::Sender<Arc<Snapshot>>,
    /// Lets one upgrade of the updater `slow` finish.
    pub release: Arc<Notify>,
    /// What the engine was asked, in order.
    pub asked: Arc<Mutex<Vec<(Request, Caller)>>>,
    /// What it was asked to pass by.
    pub held: Arc<Mutex<Vec<HoldRequest>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

pub fn start() -> Running {
    start_with(|_| {})
}

/// Starts a server whose settings were changed by `change`.
pub fn start_with(change: impl FnOnce(&mut DoorSettings)) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = DoorSettings {
        host: "127.0.0.1".to_owned(),
        port: 0,
        route_prefix: String::new(),
        max_websocket_connections: 50,
        unix_socket: folder.path().join("refit.sock"),
        authorization: authorization(),
        // The peer of these tests is a proxy, so that a header can make it a foreign client.
        trusted_proxies: vec![TrustedClient::Ip("127.0.0.1".parse().unwrap())],
        api_key_file: folder.path().join("api_key"),
        facts: InstanceFacts { warnings: vec!["a warning".to_owned()], failed_components: Vec::new() },
        clock: Arc::new(SteadyClock),
    };
    change(&mut settings);
    let (unix, api_key_file) = (settings.unix_socket.clone(), settings.api_key_file.clone());
    let (inputs, taken) = mpsc::channel(64);
    let (snapshots, seen) = watch::channel(Arc::new(snapshot()));
    let (events, _) = broadcast::channel(256);
    let release = Arc::new(Notify::new());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let held = Arc::new(Mutex::new(Vec::new()));
    let conductor = conduct(taken, events.clone(), release.clone(), asked.clone(), held.clone());
    let handle = Handle::from_parts(inputs, seen, events.clone());
    let (stop, stopped) = oneshot::channel::<()>();
    let (tell, told) = std_mpsc::channel();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.spawn(conductor);
        runtime.block_on(async {
            let server = Server::bind(settings, handle).await.unwrap();
            tell.send(server.http_address().unwrap().port()).unwrap();
            server.run(async { drop(stopped.await) }).await;
        });
    });
    let port = told.recv().expect("the doors open");
    let doors = Doors { port, unix };
    let (stop, thread) = (Some(stop), Some(thread));
    Running { doors, api_key_file, events, snapshots, release, asked, held, stop, thread, _folder: folder }
}

pub fn authorization() -> AuthSettings {
    AuthSettings {
        configured: true,
        trusted_clients: vec![TrustedClient::Ip("127.0.0.1".parse().unwrap())],
        cors_domains: vec!["http://allowed.example".to_owned()],
        force_logins: false,
        enable_api_key: true,
        login_timeout_days: 90,
        max_login_attempts: None,
    }
}

impl Running {
    /// Asks the server to stop.
    pub fn begin_stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until it has.
    pub fn stopped(mut self) {
        self.begin_stop();
        self.thread.take().unwrap().join().unwrap();
    }

    /// Announces a message of a request.
    pub fn announce(&self, audience: Audience, message: &str, complete: bool) {
        let message = RunMessage {
            application: "app".to_owned(),
            proc_id: 140_000_000_000_000,
            message: message.to_owned(),
            complete,
        };
        self.events.send(Event::Run { message, audience }).unwrap();
    }

    /// The updates that the engine was asked for.
    pub fn requests(&self) -> Vec<Request> {
        self.asked.lock().unwrap().iter().map(|(request, _)| request.clone()).collect()
    }
}

/// All absent: what updaters look like is the business of other tests.
pub fn snapshot() -> Snapshot {
    let absent = |name: &str| {
        let name = UpdaterName::new(name).unwrap();
        let warnings = vec![format!("{name} was not found")];
        (name.clone(), Arc::new(Assessment::Absent(AbsentAssessment { name, warnings })))
    };
    let updaters = ["moonraker", "klipper", "app"].map(absent).to_vec();
    Snapshot { revision: 1, initialized: true, updaters, ..Snapshot::default() }
}

/// Answers as the engine would: known are moonraker, klipper and app, and slow, which waits.
async fn conduct(
    mut inputs: mpsc::Receiver<Input>,
    events: broadcast::Sender<Event>,
    release: Arc<Notify>,
    asked: Arc<Mutex<Vec<(Request, Caller)>>>,
    held: Arc<Mutex<Vec<HoldRequest>>>,
) {
    while let Some(input) = inputs.recv().await {
        match input {
            Input::Submit(request, caller, answer) => {
                let connection = caller.connection;
                asked.lock().unwrap().push((request.clone(), caller));
                let (announced, marks) = (events.clone(), connection.map(Event::Answered));
                let mark = move || drop(marks.map(|mark| announced.send(mark)));
                if request == (Request::Upgrade { name: "slow".to_owned(), consent: false }) {
                    let release = release.clone();
                    tokio::spawn(async move {
                        release.notified().await;
                        mark();
                        let _gone = answer.send(Ok(()));
                    });
                    continue;
                }
                if matches!(request, Request::Refresh { .. }) && verdict(&request).is_ok() {
                    let _nobody = events.send(Event::Refreshed);
                }
                mark();
                let _gone = answer.send(verdict(&request));
            }
            Input::Plan(request, answer) => drop(answer.send(verdict(&request).map(|()| Vec::new()))),
            Input::Hold(request, answer) => {
                let known = verdict(&Request::Upgrade { name: request.name().to_owned(), consent: false });
                held.lock().unwrap().push(request);
                drop(answer.send(known));
            }
            Input::History(_, _, answer) => drop(answer.send(Ok(Vec::new()))),
            Input::Services(answer) => {
                let services = vec![("klipper".to_owned(), vec!["klipper-1".to_owned(), "klipper_2".to_owned()])];
                drop(answer.send(vec![Restarted { updater: "klipper".to_owned(), services }]));
            }
            // The doors send nothing else.
            _ => {}
        }
    }
}

fn verdict(request: &Request) -> Result<(), RequestError> {
    let known = |name: &str| ["moonraker", "klipper", "app"].contains(&name);
    let refusal = match request {
        Request::Refresh { name: Some(name) } if !known(name) => Refusal::NotRegistered(name.clone()),
        Request::Upgrade { name, .. } | Request::Recover { name, .. } | Request::Rollback { name } if !known(name) => {
            Refusal::NotAvailable(name.clone())
        }
        Request::Recover { name, .. } if name != "app" => Refusal::NotGit(UpdaterName::new(name).unwrap()),
        Request::Rollback { name } if name == "klipper" => {
            Refusal::RollbackNotAvailable(UpdaterName::new(name).unwrap())
        }
        Request::Refresh { .. }
        | Request::StatusRefresh
        | Request::Upgrade { .. }
        | Request::Full
        | Request::Recover { .. }
        | Request::Rollback { .. } => return Ok(()),
    };
    Err(RequestError::Refused(refusal))
}
