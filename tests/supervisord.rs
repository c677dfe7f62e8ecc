//! A real supervisord, from its package index, that restarts what Refit asks it to, and Refit itself: as printer containers have it.
#![allow(clippy::disallowed_methods, reason = "tests start processes and read the environment")]

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use refit_adapters::command::Surroundings;
use refit_adapters::services::{ServiceRules, Services};
use refit_engine::ports::{Circumstance, StepError};
use refit_model::journal::Witness;
use refit_model::name::{RunId, UpdaterName};
use refit_model::settings::Provider;
use refit_model::step::{ServiceStep, Sick};
use refit_testkit::git::{Commit, GitWorld, Remote};
use refit_testkit::git_http::GitServer;
use refit_testkit::rpc::{JsonRpc as _, Unix};
use refit_testkit::scratch::scratch;
use refit_testkit::wait::{free_port, wait_for, wait_some};
use serde_json::{Value, json};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

/// supervisord's programs, installed once.
fn programs() -> &'static Path {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        // Where it stays for the next test run.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("supervisor-4.3.0");
        if !folder.join("finished").exists() {
            let _none = std::fs::remove_dir_all(&folder);
            must(Command::new("python3").args(["-m", "venv"]).arg(&folder));
            let pip = ["install", "--quiet", "--disable-pip-version-check", "supervisor==4.3.0", "setuptools<81"];
            must(Command::new(folder.join("bin/pip")).args(pip));
            std::fs::write(folder.join("finished"), "").expect("a file");
        }
        folder.join("bin")
    })
}

fn must(command: &mut Command) {
    let ended = command.stdin(Stdio::null()).output().expect("it can be started");
    assert!(ended.status.success(), "{command:?}: {}", String::from_utf8_lossy(&ended.stderr));
}

/// What it runs: programs that start, crash at once, hang in their stop, crash later, and work and end.
const PROGRAMS: &str = r#"
[program:klipper]
command=sh -c "echo run >> %(here)s/klipper; exec sleep 1000"
[program:crash]
command=sh -c "exit 3"
startretries=1
autostart=false
[program:stubborn]
command=sh -c "trap '' TERM; while :; do sleep 1; done"
stopwaitsecs=1
[program:ends]
command=sh -c "sleep 2"
autorestart=false
startsecs=0
"#;

struct World {
    folder: TempDir,
    daemon: Child,
}

impl World {
    fn start(server: &str) -> Self {
        Self::start_in(scratch(), server)
    }

    fn start_in(folder: TempDir, server: &str) -> Self {
        let config = format!(
            "[supervisord]\nnodaemon=true\nlogfile=%(here)s/log\npidfile=%(here)s/pid\nchildlogdir=%(here)s\nuser=root\n\
             [rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n\
             [supervisorctl]\nserverurl=unix://%(here)s/s.sock\n[unix_http_server]\nfile=%(here)s/s.sock ; where it listens\n{server}{PROGRAMS}"
        );
        let file = folder.path().join("supervisord.conf");
        std::fs::write(&file, config).expect("a file");
        let mut command = Command::new(programs().join("supervisord"));
        command.arg("-c").arg(&file).current_dir(folder.path()).stdin(Stdio::null());
        let daemon = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it can be started");
        let world = Self { folder, daemon };
        wait_for(PATIENCE, "supervisord's first program", || world.starts() == 1);
        world
    }

    fn hand(&self) -> Services {
        hand_in(self.folder.path())
    }

    fn restart(&self, unit: &str) -> Result<Option<String>, String> {
        restart_in(self.folder.path(), unit)
    }

    /// What an observation notes, and tells.
    fn observe(&self, units: &[&str]) -> (Value, String) {
        let units = units.iter().map(|unit| (*unit).to_owned()).collect();
        let step = ServiceStep::Observe { updater: UpdaterName::new("app").expect("a name"), units };
        runtime().block_on(async {
            let hand = self.hand();
            let noted = hand.witness(&step).await.unwrap_or_default();
            let told = hand.act(&step, &circumstance(None)).await.expect("it can be asked");
            (noted, told.unwrap_or_default())
        })
    }

    /// How often klipper was started.
    fn starts(&self) -> usize {
        std::fs::read_to_string(self.folder.path().join("klipper")).unwrap_or_default().lines().count()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // It ends its programs.
        let pid = self.daemon.id().to_string();
        let _told = Command::new("kill").args(["-TERM", &pid]).status();
        let _ended = self.daemon.wait();
    }
}

fn hand_in(folder: &Path) -> Services {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let surroundings = Surroundings { home: folder.to_owned(), path, passed_on: Vec::new() };
    let supervisord = Some(folder.join("supervisord.conf"));
    let provider = Some(Provider::SupervisordCli);
    let patience = Duration::from_secs(10);
    Services::new(ServiceRules { provider, supervisord, patience, ..ServiceRules::usual(surroundings) })
}

fn restart_in(folder: &Path, unit: &str) -> Result<Option<String>, String> {
    let (updater, title) = (UpdaterName::new("app").expect("a name"), "Git Repo app".to_owned());
    let step = ServiceStep::Restart { updater, title, unit: unit.to_owned(), own: false, sick: Sick::TakeBack };
    runtime().block_on(hand_in(folder).act(&step, &circumstance(None))).map_err(|error: StepError| error.message)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn circumstance(witness: Option<Witness>) -> Circumstance {
    Circumstance { run: RunId(1), again: false, rebooted: false, witness, tell: Arc::new(|_| {}) }
}

#[test]
fn programs_are_restarted_observed_and_restarted_once_more() {
    let world = World::start("");
    assert_eq!(world.hand().manager().as_deref(), Some("supervisord"));
    wait_for(PATIENCE, "klipper to run", || world.observe(&["klipper"]).1 == "klipper is active, running");
    let (noted, told) = world.observe(&["klipper", "gone", "crash"]);
    assert!(told.contains("there is no service gone here"), "{told}");
    assert!(told.contains("crash is inactive, dead"), "{told}");
    assert_eq!(world.restart("klipper"), Ok(None));
    assert_eq!(world.starts(), 2);
    assert_ne!(world.observe(&["klipper"]).0["klipper"]["invocation"], noted["klipper"]["invocation"]);
    assert!(world.restart("gone").unwrap().unwrap().contains("passed by"));

    // Since the observation it was started anew: taken back, it is restarted; what was not, is not.
    let units = ["klipper", "gone"].map(str::to_owned);
    runtime().block_on(world.hand().restart_again(&units, &circumstance(Some(noted)))).unwrap();
    assert_eq!(world.starts(), 3);
    let (noted, _) = world.observe(&["klipper"]);
    runtime().block_on(world.hand().restart_again(&units, &circumstance(Some(noted)))).unwrap();
    assert_eq!(world.starts(), 3);
}

#[test]
fn programs_that_crash_or_never_stop_are_told_apart() {
    let world = World::start("");
    let error = world.restart("crash").unwrap_err();
    // supervisord notices at once or a moment later, and may be trying once more by itself or have given up by then.
    let seen =
        ["failed, exit-code", "activating, exit-code"].map(|seen| format!("does not run after its restart ({seen})"));
    let said = ["ABNORMAL_TERMINATION", "SPAWN_ERROR"].map(|said| format!("could not be restarted ({said}: crash)"));
    let told = |what: &String| {
        error == format!("Git Repo app: the service crash {what}. To see why, type: supervisorctl tail crash")
    };
    assert!(seen.iter().chain(&said).any(told), "{error}");
    wait_for(PATIENCE, "stubborn to run", || world.observe(&["stubborn"]).1 == "stubborn is active, running");
    assert_eq!(world.restart("stubborn"), Ok(None));
    for bad in ["-x", "a b", "group:klipper x", "../klipper", ""] {
        assert!(world.restart(bad).unwrap_err().contains("is not the name of a service"), "{bad}");
    }
}

#[test]
fn a_password_is_read_where_supervisord_reads_it() {
    let world = World::start("username=owner\npassword=a b%%c\n");
    assert_eq!(world.restart("klipper"), Ok(None));
    assert_eq!(world.starts(), 2);
    // Another one than supervisord has: as if we knew none.
    let file = world.folder.path().join("supervisord.conf");
    let text = std::fs::read_to_string(&file).expect("text").replace("password=a", "password=b");
    std::fs::write(&file, text).expect("a file");
    let error = world.restart("klipper").unwrap_err();
    assert!(error.contains("no right to ask about klipper"), "{error}");
    assert_eq!(world.starts(), 2);
}

/// A Refit that supervisord runs, with its own repository to look after. Nothing of it is started by itself once it was stopped, and it
/// is stopped with all of its group.
struct Supervised {
    world: World,
    remote: Remote,
    _server: GitServer,
}

impl Supervised {
    fn start(stop: &str) -> Self {
        let folder = scratch();
        let root = folder.path();
        for below in ["data/config", "data/comms", "home", "software"] {
            std::fs::create_dir_all(root.join(below)).expect("a folder");
        }
        let git = GitWorld::new(root.join("world"));
        let remote = git.remote("lab/refit");
        remote.push("master", &Commit::new("One").file("version.txt", "1\n"));
        remote.annotate("v1.0.0", "The first release");
        let server = GitServer::start(git.remotes());
        let url = server.url(&remote.route());
        remote.clone_with(&url, root.join("software/refit"), &[]);
        let config = format!(
            "[server]\nhost: 127.0.0.1\n\n[machine]\nprovider: supervisord_cli\nsupervisord_config_path: {root}/supervisord.conf\n\n\
             [update_manager]\nenable_system_updates: False\n\n[refit]\nport: {port}\nallow_protocols: http\n\n\
             [update_manager refit]\ntype: git_repo\npath: {root}/software/refit\norigin: {url}\nmanaged_services: refit\n",
            root = root.display(),
            port = free_port(),
        );
        std::fs::write(root.join("data/config/moonraker.conf"), config).expect("a configuration");
        std::fs::write(root.join("data/moonraker.asvc"), "refit\n").expect("a list of services");
        let program = format!(
            "[program:refit]\ncommand={} --data-path %(here)s/data -v serve\nenvironment=HOME=\"%(here)s/home\",PATH=\"{}\"\n\
             autorestart=false\nstopasgroup=true\nkillasgroup=true\nredirect_stderr=true\nstdout_logfile=%(here)s/refit.log\n{stop}\n",
            env!("CARGO_BIN_EXE_refit"),
            std::env::var("PATH").expect("a path")
        );
        let made = Self { world: World::start_in(folder, &program), remote, _server: server };
        made.wait_until_at_rest();
        made
    }

    fn path(&self, below: &str) -> PathBuf {
        self.world.folder.path().join(below)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("refit.log")).unwrap_or_default()
    }

    fn ask(&self, method: &str, params: Value) -> Option<Value> {
        let socket = self.path("data/comms/refit.sock");
        UnixStream::connect(&socket).ok()?;
        Some(Unix::connect(&socket).call(method, params))
    }

    fn wait_until_at_rest(&self) {
        wait_for(PATIENCE, "Refit to come to rest", || {
            let status = self.ask("machine.update.status", json!({"refresh": false}));
            status.is_some_and(|status| status["result"]["refit"]["initialized"] == true)
        });
    }

    /// Which start of it runs.
    fn invocation(&self) -> Value {
        self.world.observe(&["refit"]).0["refit"]["invocation"].clone()
    }

    fn refit(&self, words: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_refit"));
        let output = command.arg("--data-path").arg(self.path("data")).args(words).output().expect("it can be started");
        let said = [&output.stdout[..], &output.stderr].concat();
        assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&said), self.log());
        String::from_utf8_lossy(&said).into_owned()
    }

    /// The run once it has ended.
    fn newest_run(&self) -> Value {
        wait_some(PATIENCE, "the run to end", || {
            let mut history = self.ask("refit.history", json!({"limit": 1}))?;
            let run = history["result"]["runs"].get_mut(0)?.take();
            (run["outcome"] != "running").then_some(run)
        })
    }

    fn installed(&self) -> String {
        std::fs::read_to_string(self.path("software/refit/version.txt")).unwrap_or_default()
    }
}

#[test]
fn refit_has_itself_restarted_and_the_next_start_finishes_the_run() {
    let printer = Supervised::start("");
    let before = printer.invocation();
    printer.remote.push("master", &Commit::new("Two").file("version.txt", "2\n"));
    printer.refit(&["refresh", "refit"]);
    let plan = printer.refit(&["plan", "refit"]);
    assert!(plan.contains("restart Refit itself, the service refit"), "{plan}");
    let said = printer.refit(&["upgrade", "refit"]);
    assert!(said.contains("Restarting service refit..."), "{said}");
    assert!(said.contains("Refit restarts itself; waiting until it is there again."), "{said}");
    let run = printer.newest_run();
    assert_eq!(run["outcome"], "finished", "{run}\n{}", printer.log());
    assert!(run.to_string().contains("Refit was started anew"), "{run}");
    assert_eq!(printer.installed(), "2\n");
    let next = printer.invocation();
    assert_ne!(next, before);
    assert_eq!(printer.log().matches("serving http").count(), 2, "{}", printer.log());
    // Nothing more to do: nothing more is restarted.
    printer.refit(&["upgrade", "refit"]);
    assert_eq!(printer.invocation(), next);
}

/// supervisord kills Refit and all of its group: who asks for the start is not among them.
#[test]
fn who_has_refit_restarted_survives_it() {
    let printer = Supervised::start("stopsignal=KILL");
    let before = printer.invocation();
    printer.remote.push("master", &Commit::new("Two").file("version.txt", "2\n"));
    printer.refit(&["refresh", "refit"]);
    let mut unix = Unix::connect(printer.path("data/comms/refit.sock"));
    let request = json!({"jsonrpc": "2.0", "method": "machine.update.client", "params": {"name": "refit"}, "id": 1});
    assert!(unix.send_raw(format!("{request}\u{3}").as_bytes()), "Refit takes a request");
    wait_for(PATIENCE, "another Refit", || {
        let (noted, told) = printer.world.observe(&["refit"]);
        told == "refit is active, running" && noted["refit"]["invocation"] != before
    });
    printer.wait_until_at_rest();
    let run = printer.newest_run();
    assert_eq!(run["outcome"], "finished", "{run}\n{}", printer.log());
    assert_eq!(printer.installed(), "2\n");
}

/// Whom supervisord runs, and who does not know it, is not stopped: here it runs (through shells) this very test, once more.
#[test]
fn who_asks_is_not_stopped() {
    let world = World::start("");
    let file = world.folder.path().join("supervisord.conf");
    let (test, answer) = (std::env::current_exe().expect("a program"), world.folder.path().join("answer"));
    let more = format!(
        "[program:me]\ncommand=sh -c \"sh -c '{} --ignored --exact a_process_that_asks_for_its_own_restart --nocapture; sleep 1000'; true\"\n\
         environment={ASKS}=\"{}\",PATH=\"{}\"\nautorestart=false\nstopasgroup=true\n",
        test.display(),
        world.folder.path().display(),
        std::env::var("PATH").expect("a path")
    );
    let text = std::fs::read_to_string(&file).expect("text");
    std::fs::write(&file, text + &more).expect("a file");
    must(Command::new(programs().join("supervisorctl")).arg("-c").arg(&file).arg("update"));
    wait_for(PATIENCE, "its answer", || answer.exists());
    let answer = std::fs::read_to_string(answer).expect("text");
    assert!(answer.contains("cannot restart itself") && answer.contains("sudo supervisorctl restart me"), "{answer}");
    wait_for(PATIENCE, "it to run on", || world.observe(&["me"]).1 == "me is active, running");
}

/// Set for the process that asks: the folder of its supervisord.
const ASKS: &str = "REFIT_TEST_SUPERVISED";

/// Run by [`who_asks_is_not_stopped`] alone.
#[test]
#[ignore = "only under a supervisord of its own"]
fn a_process_that_asks_for_its_own_restart() {
    let folder = PathBuf::from(std::env::var_os(ASKS).expect("a folder"));
    let told = restart_in(&folder, "me").expect("no failure").expect("a note");
    std::fs::write(folder.join("answer.new"), told).expect("a file");
    std::fs::rename(folder.join("answer.new"), folder.join("answer")).expect("a file");
}

#[test]
fn where_nobody_answers_it_is_said_what_is_missing() {
    let world = World::start("");
    let socket = world.folder.path().join("s.sock");
    std::fs::remove_file(&socket).expect("a socket");
    let error = world.restart("klipper").unwrap_err();
    let told = format!("Service Actions Not Available (supervisord cannot be asked through {}: ", socket.display());
    assert!(error.contains(&told), "{error}");
    std::fs::remove_file(world.folder.path().join("supervisord.conf")).expect("a file");
    assert!(world.hand().manager().is_none());
    let error = world.restart("klipper").unwrap_err();
    assert!(error.contains("cannot be read"), "{error}");
}
