//! The real Moonraker 0.11.0 and Refit on one machine, as the same user, with the same packages to update: what the two
//! answer and tell about the system's packages is compared field for field. What may differ is a row of
//! docs/compatibility.md.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use refit_testkit::apt::{AptWorld, Deb};
use refit_testkit::rpc::{JsonRpc as _, Ws};
use refit_testkit::vm::{User, Vm};
use refit_testkit::wait::free_port;
use serde_json::{Map, Value, json};

use crate::printer::{NAME, PATIENCE, Printer};

/// Where Moonraker is in the machine.
const ENVIRONMENT: &str = "/home/pi/moonraker-env";
const SITE: &str = "lib/python3.11";
/// How long the last message may be under way after the reply.
const TAIL: Duration = Duration::from_secs(10);

/// One of the two.
struct Side {
    name: &'static str,
    port: u16,
}

/// What came of one call.
#[derive(Debug)]
struct Heard {
    reply: Value,
    messages: Vec<Value>,
}

struct Both {
    printer: Printer,
    world: AptWorld,
    moonraker: Side,
    refit: Side,
}

#[test]
fn the_systems_packages_are_told_and_updated_alike() {
    let both = Both::start();
    let sides = [&both.moonraker, &both.refit];

    // Nothing to do: the same entry; of what is told afterwards, row 4.
    let entries = sides.map(|side| both.entry(side));
    assert_eq!(
        entries[0],
        json!({"name": "system", "configured_type": "system", "package_count": 0, "package_list": []})
    );
    assert_eq!(entries[0], entries[1]);
    let nothing = sides.map(|side| side.call("machine.update.system", &json!({}), &both.printer.vm));
    assert_eq!((&nothing[0].reply, &nothing[1].reply), (&json!({"result": "ok"}), &json!({"result": "ok"})));
    assert_eq!(nothing[0].messages, Vec::<Value>::new());
    assert_eq!(nothing[1].outline(), vec![("system".to_owned(), true)], "row 4: {:?}", nothing[1].messages);

    // Two packages, each side in its turn.
    let mut version = 1;
    let [theirs, ours] = sides.map(|side| {
        version += 1;
        both.publish(version);
        let entry = both.entry(side);
        let heard = side.call("machine.update.system", &json!({}), &both.printer.vm);
        assert_eq!(both.installed("lab-base"), format!("{version}.0"), "{}: {heard:#?}", side.name);
        (entry, heard, both.entry(side))
    });
    assert_eq!((&theirs.0, &theirs.2), (&ours.0, &ours.2));
    assert_eq!(theirs.0["package_list"], json!(["lab-base", "lab-more"]));
    assert_eq!(theirs.1.reply, ours.1.reply);
    assert_eq!(theirs.1.sentences(), ours.1.sentences(), "{theirs:#?}\n{ours:#?}");
    assert_eq!(theirs.1.labels(), ours.1.labels());

    // Everything: the packages, then the repository, in one conversation.
    let [theirs, ours] = sides.map(|side| {
        version += 1;
        both.publish(version);
        both.printer.publish(version);
        let _fresh = (both.entry(side), both.refresh(side, NAME));
        side.call("machine.update.full", &json!({}), &both.printer.vm)
    });
    assert_eq!(theirs.reply, ours.reply);
    assert_eq!(theirs.labels(), ours.labels());
    assert_eq!(theirs.sentences(), ours.sentences(), "{theirs:#?}\n{ours:#?}");
}

#[test]
fn packages_that_cannot_be_installed_fail_alike() {
    let both = Both::start();
    let sides = [&both.moonraker, &both.refit];
    both.world.publish(&Deb::new("lab-base", "7.0").postinst_fails("the disk of this package is full"));
    both.publish_files();
    let [theirs, ours] = sides.map(|side| {
        let entry = both.entry(side);
        assert_eq!(entry["package_list"], json!(["lab-base"]), "{}", side.name);
        let heard = side.call("machine.update.system", &json!({}), &both.printer.vm);
        // Whole again, and to be done once more.
        both.printer.vm.run(User::Root, &["dpkg", "--force-all", "--install", "/srv/packages/lab-base_1.0_all.deb"]);
        heard
    });
    assert_eq!(theirs.reply["error"]["code"], ours.reply["error"]["code"], "{theirs:#?}\n{ours:#?}");
    assert_eq!(theirs.labels(), ours.labels());
    let last = |heard: &Heard| heard.messages.last().cloned().unwrap_or_default();
    assert_eq!(last(&theirs)["complete"], true);
    assert_eq!(last(&ours)["complete"], true);
    // What Moonraker says is the same for every cause; the owner of a printer with Refit reads the cause.
    assert!(
        last(&theirs)["message"].as_str().is_some_and(|text| text.starts_with("Error updating system")),
        "{theirs:#?}"
    );
    assert!(last(&ours)["message"].as_str().is_some_and(|text| text.starts_with("Error updating system")), "{ours:#?}");
}

impl Both {
    fn start() -> Self {
        let both = Self {
            printer: Printer::new(),
            world: AptWorld::new().expect("this machine has apt"),
            moonraker: Side { name: "moonraker", port: free_port() },
            refit: Side { name: "refit", port: free_port() },
        };
        both.publish(1);
        let vm = &both.printer.vm;
        vm.must(User::Root, &["apt-get", "update", "-q"]);
        vm.must(User::Root, &["apt-get", "install", "-q", "-y", "lab-base", "lab-more"]);
        both.printer.configure_server(both.refit.port);
        both.printer.install();
        both.install_moonraker();
        for side in [&both.moonraker, &both.refit] {
            vm.wait_until(PATIENCE, "the first look at everything", || {
                let reply = side.try_connect()?.call("machine.update.refresh", json!({"name": "system"}));
                reply.get("result").map(drop)
            });
        }
        both
    }

    /// Two packages in a version, where the machine's apt looks.
    fn publish(&self, version: u32) {
        for name in ["lab-base", "lab-more"] {
            self.world.publish(&Deb::new(name, &format!("{version}.0")));
        }
        self.publish_files();
    }

    fn publish_files(&self) {
        let vm = &self.printer.vm;
        for entry in std::fs::read_dir(self.world.repository()).expect("the repository").flatten() {
            let to = format!("/srv/packages/{}", entry.file_name().to_string_lossy());
            vm.write(User::Root, &to, std::fs::read(entry.path()).expect("a file of the repository"));
        }
        vm.write(User::Root, "/etc/apt/sources.list", "deb [trusted=yes] file:/srv/packages ./\n");
    }

    fn install_moonraker(&self) {
        let vm = &self.printer.vm;
        copy_environment(vm);
        let url = self.printer.remote_url();
        vm.must(User::Pi, &["git", "clone", "--quiet", &url, "moonrakers-copy"]);
        let config = format!(
            "[server]\nhost: 127.0.0.1\nport: {}\n\n[machine]\nvalidate_service: False\n\n[authorization]\n\
             trusted_clients:\n  127.0.0.1\n\n[update_manager]\nenable_auto_refresh: False\n\n[update_manager {NAME}]\n\
             type: git_repo\npath: ~/moonrakers-copy\norigin: {url}\nmanaged_services: {NAME}\n",
            self.moonraker.port
        );
        vm.write(User::Pi, "/home/pi/moonraker_data/config/moonraker.conf", config);
        vm.service(
            "moonraker-beside",
            &format!(
                "[Service]\nUser=pi\nEnvironment=GIT_CONFIG_NOSYSTEM=1 PIP_NO_INDEX=1 PIP_DISABLE_PIP_VERSION_CHECK=1\n\
             ExecStart={ENVIRONMENT}/bin/python -m moonraker -d /home/pi/moonraker_data\n"
            ),
        );
        vm.must(User::Root, &["systemctl", "start", "moonraker-beside"]);
        vm.wait_until(PATIENCE, "Moonraker", || {
            let state = vm.property("moonraker-beside", "ActiveState");
            assert_ne!(state, "failed", "{}", vm.journal("moonraker-beside"));
            self.moonraker.try_connect().map(drop)
        });
    }

    /// The entry of the system after a new look, without what is Refit's own.
    fn entry(&self, side: &Side) -> Value {
        self.refresh(side, "system")
    }

    fn refresh(&self, side: &Side, name: &str) -> Value {
        let mut ws = side.connect();
        let mut status = ws.result("machine.update.refresh", json!({"name": name}));
        let mut entry = status["version_info"][name].take();
        if let Some(entry) = entry.as_object_mut() {
            entry.shift_remove("refit");
        }
        entry
    }

    fn installed(&self, name: &str) -> String {
        self.printer.vm.must(User::Root, &["dpkg-query", "-W", "-f", "${Version}", name])
    }
}

impl Side {
    fn connect(&self) -> Ws {
        Ws::connect(self.port)
    }

    fn try_connect(&self) -> Option<Ws> {
        std::net::TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        Some(Ws::connect(self.port))
    }

    /// Asks, and listens until the reply and the last message have come.
    fn call(&self, method: &str, params: &Value, vm: &Vm) -> Heard {
        let mut ws = self.connect();
        ws.send_text(&json!({"jsonrpc": "2.0", "method": method, "params": params, "id": "asked"}).to_string());
        let mut heard = Heard { reply: Value::Null, messages: Vec::new() };
        let mut deadline = Instant::now() + PATIENCE * 3;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Some(text) = ws.read_text(left) else { break };
            let mut message: Value = serde_json::from_str(&text).expect("JSON");
            if message["id"] == "asked" {
                let parts = ["result", "error"].into_iter();
                let parts = parts.filter_map(|key| Some((key.to_owned(), message.get_mut(key)?.take())));
                heard.reply = Value::Object(parts.collect::<Map<_, _>>());
                deadline = Instant::now() + TAIL;
            } else if message["method"] == "notify_update_response" {
                heard.messages.push(message["params"][0].take());
            }
            if !heard.reply.is_null() && heard.messages.last().is_some_and(|last| last["complete"] == true) {
                break;
            }
        }
        let journal = || vm.journal(if self.name == "refit" { "refit" } else { "moonraker-beside" });
        assert!(!heard.reply.is_null(), "{} gives no answer to {method}: {heard:?}\n{}", self.name, journal());
        heard
    }
}

impl Heard {
    /// The documented sentences in their order, with the last marked; what programs print is left out.
    fn sentences(&self) -> Vec<String> {
        const STARTS: [&str; 8] = [
            "Updating packages",
            "Package update finished",
            "Preparing full",
            "Full Update Complete",
            "Git Repo ",
            "Error ",
            "Waiting for Klippy",
            "Klippy ",
        ];
        let told = self.messages.iter().filter_map(|message| {
            let text = message["message"].as_str()?;
            let complete = message["complete"] == true;
            let ours = complete || STARTS.iter().any(|start| text.starts_with(start));
            ours.then(|| format!("{text}{}", if complete { " (complete)" } else { "" }))
        });
        told.collect()
    }

    /// Of each message, for whom it is and whether it is the last.
    fn outline(&self) -> Vec<(String, bool)> {
        let one = |message: &Value| {
            (message["application"].as_str().unwrap_or_default().to_owned(), message["complete"] == true)
        };
        self.messages.iter().map(one).collect()
    }

    /// The applications that messages are for, each once, whether one number tells the request apart, and the keys.
    fn labels(&self) -> (Vec<Value>, usize, Vec<String>) {
        let distinct = |key: &str| {
            let mut values: Vec<Value> = Vec::new();
            for message in &self.messages {
                if !values.contains(&message[key]) {
                    values.push(message[key].clone());
                }
            }
            values
        };
        let keys = self.messages.first().and_then(Value::as_object);
        let mut keys: Vec<String> = keys.map(|keys| keys.keys().cloned().collect()).unwrap_or_default();
        keys.sort();
        (distinct("application"), distinct("proc_id").len(), keys)
    }
}

/// Puts the installation that the other tests use into the machine, whose Python then runs it.
fn copy_environment(vm: &Vm) {
    let folder = std::env::var_os("REFIT_TEST_MOONRAKER").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/moonraker-0.11.0"));
    let site = folder.join(SITE);
    assert!(site.is_dir(), "there is no {site:?}: `cargo xtask test` installs Moonraker");
    vm.must(User::Pi, &["python3", "-m", "venv", ENVIRONMENT]);
    assert_eq!(
        vm.must(User::Pi, &["ls", &format!("{ENVIRONMENT}/lib")]).trim(),
        "python3.11",
        "another Python than the one here"
    );
    let to = vm.root().join(ENVIRONMENT.trim_start_matches('/')).join("lib");
    let copied = std::process::Command::new("cp").args(["-a", "--no-preserve=ownership"]).arg(&site).arg(&to).status();
    assert!(copied.is_ok_and(|status| status.success()), "the environment cannot be copied");
    vm.must(User::Root, &["chown", "-R", "pi:", ENVIRONMENT]);
    let library = format!("/usr/lib/{}-linux-gnu/libsodium.so.23", std::env::consts::ARCH);
    vm.copy(std::fs::canonicalize(&library).expect("libsodium is among what the tests need"), &library);
}
