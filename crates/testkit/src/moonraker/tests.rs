use serde_json::{Value, json};

use super::*;
use crate::git_http::GitServer;
use crate::klippy::Klippy;
use crate::rpc::JsonRpc as _;
use crate::states;
use crate::wait::free_port;

#[test]
fn the_configuration_has_every_section() {
    let setup = Setup::new("/r", 17).section("[update_manager app]\ntype: git_repo").server("max_upload_size: 1");
    let config = setup.config();
    assert!(
        config.starts_with(
            "[server]\nhost: 127.0.0.1\nport: 17\nklippy_uds_address: /r/klippy.sock\nmax_upload_size: 1\n"
        )
    );
    assert!(config.contains("\n[authorization]\ntrusted_clients:\n  127.0.0.1\n"));
    assert!(config.ends_with("\n[update_manager app]\ntype: git_repo\n"));
    assert!(!setup.authorization(None).config().contains("authorization"));
}

#[test]
fn what_cannot_be_installed_is_told() {
    let dir = crate::scratch::scratch();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let told = Installation::in_cache(&file.join("cache")).unwrap_err();
    assert!(told.0.contains("cannot use the folder"), "{told}");
}

/// The whole of it: installed, started, asked through every door, stopped.
#[test]
#[ignore = "needs a package index and a quarter of a minute"]
fn the_real_one_answers_on_every_door() {
    let cache = std::env::temp_dir().join("refit-moonraker");
    let installation = Installation::in_cache(&cache).unwrap();
    let dir = crate::scratch::scratch();
    let server = GitServer::start(states::remotes_of(dir.path()));
    let lab = states::named("behind-1").build(dir.path(), Some(server.control()));
    let klippy = Klippy::start(dir.path().join("klippy.sock"));
    let setup =
        Setup::new(dir.path().join("moonraker"), free_port()).klippy(klippy.socket()).section(&lab.section("app"));
    std::fs::create_dir_all(&setup.root).unwrap();
    let moonraker = Moonraker::start(&installation, &setup).unwrap();
    moonraker.wait_initialised(PATIENCE);

    let status = moonraker.http().get("/machine/update/status").json();
    let app = &status["result"]["version_info"]["app"];
    assert_eq!(app["commits_behind_count"], 1, "{app}");
    assert_eq!(app["remote_hash"], lab.remote.rev("master"));
    assert_eq!(moonraker.ws().result("machine.update.status", Value::Null)["version_info"]["app"], *app);
    assert_eq!(moonraker.unix().result("machine.update.status", json!({}))["version_info"]["app"], *app);

    wait_for(PATIENCE, "the subscription", || !klippy.asked_for("objects/subscribe").is_empty());
    klippy.set_print("printing");
    let mut ws = moonraker.ws();
    wait_for(PATIENCE, "the refusal while printing", || {
        let reply = ws.call("machine.update.klipper", Value::Null);
        reply["error"]["message"].as_str().is_some_and(|message| message.contains("printing"))
    });
    klippy.set_print("standby");
    assert_eq!(ws.result("machine.update.upgrade", json!({"name": "app"})), json!("ok"));
    let told = ws.notification("notify_update_response", PATIENCE).unwrap();
    assert_eq!(told[0]["application"], "app");
    assert_eq!(lab.work.rev("HEAD"), lab.remote.rev("master"));
    moonraker.stop();
}
